"""A simulated exchange of one's own: the program's own one, in this process, on a database in a temporary folder."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from console.clock import SECOND, SystemEntropy, seeded
from console.exchange.address import paper_address
from console.exchange.exchange_time import Ticking
from console.exchange.quotes import Quotes
from console.exchange.reader import ATTEMPT_S
from console.exchange.readonly import ReadOnlyClient
from console.exchange.signing import KeyPair
from console.exchange.trade import CANCEL_S, TradeClient
from console.exchange.weights import WeightBudget
from console.gauntlet.timeline import ClientSide, ExchangeSide, Timeline
from console.gauntlet.wire import Wire
from console.paper.app import ROUTES, Exchange
from console.paper.auth import load_keys
from console.paper.control import Control
from console.paper.engine import Engine
from console.paper.faults import Faults, parse_faults
from console.paper.process import DATABASE_FILE
from console.paper.server import prepare_identity
from console.paper.store import Store

START: Final = 1_795_500_000 * SECOND
"""When every run begins, 24 November 2026: the same seed shows the same prices."""

EUROS: Final = Decimal(1000)

NOWHERE: Final = paper_address("http://127.0.0.1:1/v2")
"""What the clients are told; their requests never leave the process."""


@dataclass(frozen=True, slots=True)
class Clients:
    """One process's way to the exchange."""

    readonly: ReadOnlyClient
    trade: TradeClient
    quotes: Quotes

    async def aclose(self) -> None:
        """Let go of both."""
        await self.trade.aclose()
        await self.readonly.aclose()


class PrivateExchange:
    """The exchange, its timeline, and its database as anybody may read it."""

    def __init__(self, folder: Path, seed: int) -> None:
        """A new exchange in an empty folder; ``seed`` decides prices and every chance."""
        self.timeline = Timeline(START)
        self.clock = ClientSide(self.timeline)
        self.database = folder / DATABASE_FILE
        self._seed = seed
        self._store = Store(self.database)
        # It lives as long as this process does: what the machine loses, nobody asks for.
        self._store.rows("PRAGMA synchronous = OFF")
        there = ExchangeSide(self.timeline)
        identity, _ = prepare_identity(self._store, SystemEntropy(), seed, EUROS, there.now())
        self._engine = engine = Engine(self._store, there, seed)
        self._faults = Faults(seeded(seed), (), there)
        control = Control("private", identity, engine, self._faults, tuple(ROUTES))
        self._keys = load_keys(self._store)
        self.app: ASGIApp = Exchange(engine, self._keys, identity, self._faults, control)
        """What every request of every client goes to."""

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    def spoil(self, spec: str) -> None:
        """Put fault rules in force; their times count from now."""
        self._faults.add(parse_faults(spec, tuple(ROUTES)))

    def mend(self) -> None:
        """Take every fault rule back."""
        self._faults.rules.clear()

    def cancel_all(self) -> None:
        """End every open order, as the exchange's own people may."""
        self._engine.cancel_all(None, reason="cancelOnAdminRequest")

    async def clients(self, request_timeout_s: float) -> Clients:
        """Clients as the program has them, but for the network; an order's answer may take that long."""
        patience = {"POST /order": request_timeout_s, "POST /cancelOrdersAfter": CANCEL_S, "DELETE /order": CANCEL_S}
        wire = Wire(self.app, self.timeline, patience, ATTEMPT_S)
        ticking = Ticking.of(self.clock, seeded(self._seed))
        budget = WeightBudget(ticking.time)
        readonly = ReadOnlyClient(NOWHERE, self._pair("readonly"), budget, ticking, http=wire)
        trade = TradeClient(
            NOWHERE, self._pair("trade"), budget, ticking, identity=await readonly.identity(), http=wire
        )
        return Clients(readonly, trade, Quotes(readonly, self.clock))

    def _pair(self, name: str) -> KeyPair:
        found = next(key for key in self._keys.values() if key.name == name)
        return KeyPair(found.key, found.secret)
