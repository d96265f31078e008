"""What a running console keeps of the markets it shows: quotes of what is proposed, candles of what is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from console.clock import SECOND
from console.exchange.errors import ExchangeError
from storage.database import Tx
from storage.facts import read_book
from storage.proposals import open_proposals

if TYPE_CHECKING:
    from console.engine import Engine
    from console.state import ConsoleState
    from console.streaming import Streaming
    from storage.models import Candle

QUOTES_AT: Final = 600_000
"""Microseconds into a second at which quotes are asked for: they are here when it ends."""

CANDLES_S: Final = 20.0
CANDLES: Final = 120


class MarketData:
    """Asks for what is shown, as often as it is needed; ``changed`` is called when something came."""

    def __init__(self, engine: Engine, streaming: Streaming, changed: Callable[[], None]) -> None:
        self._engine = engine
        self._streaming = streaming
        self._changed = changed
        self._candles_at: dict[str, float] = {}
        self.candles: dict[str, tuple[Candle, ...]] = {}
        """Five-minute candles by market, oldest first."""

    async def keep_quotes(self) -> None:
        """One turn: quotes of markets with an open proposal, while somebody may be looking; else the link's pulse.

        They are asked for late in a second, so that the build at the next whole second has them and none of its own is
        needed. Raises VaultError.
        """
        engine, clock = self._engine, self._engine.clock
        quotes = engine.parts.quotes
        first = quotes.answered is None
        if not first:
            await asyncio.sleep((QUOTES_AT - clock.now()) % SECOND / SECOND)
        began = clock.now() // SECOND
        markets = {proposal.market for proposal in await engine.vault.read(open_proposals)}
        self._streaming.watch(markets)
        await quotes.fetch_all(markets)
        if first or quotes.problem is not None or clock.now() // SECOND != began:
            self._changed()
        if quotes.problem is not None:
            await engine.revive_exchange()

    async def keep_candles(self, state: ConsoleState | None) -> None:
        """One turn: candles of the markets somebody may look at, with an open proposal or held. Raises VaultError."""
        markets = await self._engine.vault.read(_shown_markets) if state is None else _markets_in(state)
        for market in sorted(markets):
            now = self._engine.clock.monotonic()
            if now - self._candles_at.get(market, -CANDLES_S) < CANDLES_S:
                continue
            self._candles_at[market] = now
            with suppress(ExchangeError):  # the chart shows how old its candles are
                self.candles[market] = await self._engine.parts.readonly.candles(market, "5m", CANDLES)
                self._changed()
        self.candles = {market: rows for market, rows in self.candles.items() if market in markets}


def _shown_markets(tx: Tx) -> frozenset[str]:
    proposed = [proposal.market for proposal in open_proposals(tx)]
    return frozenset({*proposed, *read_book(tx).positions})


def _markets_in(state: ConsoleState) -> frozenset[str]:
    held = [holding.market for holding in state.portfolio.holdings if holding.bought.is_positive]
    return frozenset({*(view.proposal.market for view in state.proposals), *held})
