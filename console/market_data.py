"""What a running console keeps of the markets it shows: quotes of what is proposed, candles of what is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
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
    from storage.market_models import Candle, PublicTrade

QUOTES_AT: Final = 600_000
"""Microseconds into a second at which quotes are asked for: they are here when it ends."""

CANDLES_S: Final = 20.0
CANDLES: Final = 120

TRADES: Final = 30
TRADES_S: Final = 5.0
OTHERS_S: Final = 60.0
"""Seconds between two questions for the last trades of the market on the screen, and for the candles of each other one
beside it. Both are asked only while they are looked at."""

LOOKED_S: Final = 5.0
"""What was last looked at longer ago than this is looked at no more."""


@dataclass(frozen=True, slots=True)
class Tape:
    """A market's last trades, newest first, and the monotonic second before they were asked for."""

    trades: tuple[PublicTrade, ...]
    fetched: float


@dataclass(frozen=True, slots=True)
class MarketsView:
    """What is known of a market's last trades, and of other markets' candles; what is missing was not fetched yet."""

    tape: Tape | None = None
    candles: Mapping[str, tuple[Candle, ...]] = field(default_factory=dict)
    """Five-minute candles of other markets, oldest first."""
    fetched: Mapping[str, float] = field(default_factory=dict)
    """The monotonic second before the candles of each were asked for."""


class MarketData:
    """Asks for what is shown, as often as it is needed; ``changed`` is called when something came."""

    def __init__(self, engine: Engine, streaming: Streaming, changed: Callable[[], None]) -> None:
        self._engine = engine
        self._streaming = streaming
        self._changed = changed
        self._candles_at: dict[str, float] = {}
        self._fetched: dict[str, float] = {}
        self._tapes: dict[str, Tape] = {}
        """Of the market that was asked for last, alone."""
        self._tape_asked: tuple[str, float] | None = None
        self._looked: tuple[str, frozenset[str], float] | None = None
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
        shown, others = self._looked_at()
        for market in sorted(markets):
            if await self._ask_candles(market, CANDLES_S):
                self._changed()
        for market in sorted(others - markets):
            await self._ask_candles(market, OTHERS_S)
        if shown is not None:
            await self._ask_trades(shown)
        for gone in set(self._candles_at) - markets - others:
            for known in (self.candles, self._candles_at, self._fetched):
                known.pop(gone, None)

    def look_at(self, market: str, others: frozenset[str]) -> MarketsView:
        """What is known of the last trades of a market and of the others' candles; asking keeps them coming."""
        self._looked = (market, others, self._engine.clock.monotonic())
        known = {other: self.candles[other] for other in sorted(others) if other in self.candles}
        return MarketsView(self._tapes.get(market), known, {other: self._fetched[other] for other in known})

    def _looked_at(self) -> tuple[str | None, frozenset[str]]:
        if self._looked is None or self._engine.clock.monotonic() - self._looked[2] > LOOKED_S:
            return None, frozenset()
        return self._looked[:2]

    async def _ask_candles(self, market: str, every_s: float) -> bool:
        now = self._engine.clock.monotonic()
        if now - self._candles_at.get(market, -every_s) < every_s:
            return False
        self._candles_at[market] = now
        with suppress(ExchangeError):  # the chart shows how old its candles are
            self.candles[market] = await self._engine.parts.readonly.candles(market, "5m", CANDLES)
            self._fetched[market] = now
            return True
        return False

    async def _ask_trades(self, market: str) -> None:
        now = self._engine.clock.monotonic()
        if self._tape_asked is not None:
            asked, at = self._tape_asked
            if asked == market and now - at < TRADES_S:
                return
        self._tape_asked = market, now
        with suppress(ExchangeError):  # the list shows how old it is
            self._tapes = {market: Tape(await self._engine.parts.readonly.trades(market, TRADES), now)}


def _shown_markets(tx: Tx) -> frozenset[str]:
    proposed = [proposal.market for proposal in open_proposals(tx)]
    return frozenset({*proposed, *read_book(tx).positions})


def _markets_in(state: ConsoleState) -> frozenset[str]:
    held = [holding.market for holding in state.portfolio.holdings if holding.bought.is_positive]
    return frozenset({*(view.proposal.market for view in state.proposals), *held})
