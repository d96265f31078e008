"""A vault and the clients of one process beside a real simulated exchange; what each side stored can be read."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

from console.clock import SystemClock, SystemEntropy
from console.exchange.address import paper_address
from console.exchange.exchange_time import Ticking
from console.exchange.quotes import Quotes
from console.exchange.readonly import ReadOnlyClient
from console.exchange.signing import KeyPair
from console.exchange.trade import TradeClient
from console.exchange.weights import WeightBudget
from console.execution.executor import Executor
from console.execution.outcome import Outcome
from console.execution.reconcile import Findings, reconcile_once
from console.execution.sweep import sweep_once
from console.paper.process import Address
from storage.clock import SECOND, Micros
from storage.codes import JobName, Mode, OrderKind, Side
from storage.database import Tx, Vault
from storage.execution_models import Execution
from storage.execution_rows import events_of, get_execution
from storage.gate import draw_ticket
from storage.leases import acquire_lease, register_job
from storage.market_models import Quote
from storage.models import Ticket
from storage.money import Price, Quantity
from storage.policy_store import activate_policy, active_policy
from storage.proposals import create_proposal
from tests.paper.exchanges import control
from tests.storage.builders import policy_with
from tests.storage.world import own_idea
from tests.support import OPERATOR

T = TypeVar("T")

MARKET: Final = "BTC-EUR"
BOTH: Final = ("BTC-EUR", "ETH-EUR")
QUICK: Final = {"window_ms": 300, "absence_margin_ms": 100, "lookup_lag_ms": 50}
"""A send whose absence can be proven after 0.4 s."""


class ShiftedClock(SystemClock):
    """The real clock, set ahead by what the test says."""

    def __init__(self) -> None:
        self.ahead: Micros = 0

    def now(self) -> Micros:
        return super().now() + self.ahead


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 20) -> None:
    """Look again and again until the condition holds."""
    clock = SystemClock()
    deadline = clock.monotonic() + timeout_s
    while not await condition():
        assert clock.monotonic() < deadline, "the condition did not come true in time"
        await clock.sleep(0.01)


@dataclass
class Rig:
    """One process's parts, and a look at the exchange's own database."""

    address: Address
    exchange_folder: Path
    vault: Vault
    readonly: ReadOnlyClient
    trade: TradeClient
    quotes: Quotes
    executor: Executor
    clock: ShiftedClock

    # preparing ------------------------------------------------------------------------------------------------
    async def do(self, change: Callable[[Tx], T]) -> T:
        return await self.vault.transact(change)

    async def policy(self, **changes: Any) -> None:
        """Activate rules without pauses between trades, for two markets, with fields changed."""
        rules: dict[str, Any] = {
            "name": "test", "allowlist": BOTH, "cooldown_min": 0, "anti_flip_min": 0,
            "trades": {"per_day": 100, "per_hour": 100}, **changes,
        }  # fmt: skip
        await self.do(lambda tx: activate_policy(tx, policy_with(**rules), active_policy(tx).activation_id))

    async def keeper_comes(self) -> None:
        """Somebody holds the keeper's lease, so that entries rest."""

        def come(tx: Tx) -> None:
            register_job(tx, JobName.KEEPER, 10 * SECOND)
            assert acquire_lease(tx, JobName.KEEPER, "the keeper") is not None

        await self.do(come)

    async def ticket(
        self, *, rests: bool = False, side: Side = Side.BUY, market: str = MARKET, quantity: str = "0.0005"
    ) -> tuple[Ticket, Quote]:
        """The ticket of a new idea that fills at once, or rests 1.5 % away, with a quote of this moment."""
        await self.sweep()
        quote = await self.quotes.fetch(market)
        assert quote.rules is not None
        assert quote.bid is not None
        assert quote.ask is not None
        buying = side is Side.BUY
        near = quote.ask if buying == (not rests) else quote.bid
        away = Decimal("0.005") if not rests else Decimal("-0.015")
        limit = Price(near.value * (1 + away if buying else 1 - away)).to_tick(quote.rules.tick_size, up=not buying)
        amount = Quantity.of(quantity)
        kind = OrderKind.ENTRY if buying else OrderKind.EXIT
        idea = own_idea(market=market, side=side, kind=kind, quantity=amount, limit=limit, eur=amount * limit)
        proposal = await self.do(lambda tx: create_proposal(tx, idea))
        return await self.vault.read(lambda tx: draw_ticket(tx, proposal)), quote

    async def fire(self, **idea: Any) -> Outcome:
        return await self.executor.execute(*await self.ticket(**idea))

    async def sweep(self) -> bool:
        return await sweep_once(self.vault, self.trade, self.readonly, self.clock.sleep)

    async def exchange_time(self) -> Micros:
        return (await self.readonly.time()).exchange_at

    async def reconcile(self, trade: TradeClient | None = None) -> Findings:
        client = self.trade if trade is None else trade
        return await reconcile_once(self.vault, client, self.exchange_time, self.clock.sleep)

    async def faults(self, spec: str) -> None:
        await asyncio.to_thread(control, self.address, faults=spec)

    async def fault_hits(self) -> list[int]:
        state = await asyncio.to_thread(control, self.address, faults="")
        return [rule["hits"] for rule in state["faults"]]

    # what was stored ------------------------------------------------------------------------------------------
    async def execution(self, execution_id: int | None) -> Execution:
        assert execution_id is not None
        return await self.vault.read(lambda tx: get_execution(tx, execution_id))

    async def events(self, execution_id: int | None) -> list[dict[str, Any]]:
        assert execution_id is not None
        return await self.vault.read(lambda tx: events_of(tx, execution_id))

    async def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the vault."""
        return await self.vault.read(lambda tx: [dict(row) for row in tx.db.execute(sql, values)])

    def there(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the exchange's own database."""
        with closing(sqlite3.connect(f"file:{self.exchange_folder / 'exchange.db'}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, values)]

    def orders_of(self, client_order_id: str | None) -> list[dict[str, Any]]:
        """Every order at the exchange that carries this id."""
        return self.there("SELECT * FROM orders WHERE client_order_id = ?", client_order_id)


def trade_with(rig: Rig, keys: KeyPair, identity: str) -> TradeClient:
    """Another client that trades at the same exchange, under other keys or another name."""
    ticking = Ticking.of(SystemClock(), Random(5))
    place = paper_address(rig.address.rest)
    return TradeClient(place, keys, WeightBudget(ticking.time), ticking, identity=identity)


@asynccontextmanager
async def rig_at(address: Address, exchange_folder: Path, folder: Path) -> AsyncIterator[Rig]:
    """A new vault beside a running exchange; its orders are taken back and faults lifted at the end."""
    clock = ShiftedClock()
    ticking = Ticking.of(SystemClock(), Random(3))
    budget, place = WeightBudget(ticking.time), paper_address(address.rest)
    readonly = ReadOnlyClient(place, KeyPair(address.readonly.key, address.readonly.secret), budget, ticking)
    identity = await readonly.identity()
    trade = TradeClient(place, KeyPair(address.trade.key, address.trade.secret), budget, ticking, identity=identity)
    vault = await Vault.open(folder, Mode.PAPER, clock, SystemEntropy(), OPERATOR)
    executor = Executor(vault, trade, clock)
    rig = Rig(address, exchange_folder, vault, readonly, trade, Quotes(readonly, clock), executor, clock)
    try:
        await rig.policy()
        yield rig
    finally:
        await executor.wait_until_idle()
        await trade.aclose()
        await readonly.aclose()
        await vault.close()
        await clear_up(rig)


async def clear_up(rig: Rig) -> None:
    """Lift the faults and cancel what rests, with a client of its own: the test's may be banned."""
    await asyncio.to_thread(control, rig.address, clear=True)
    cleaner = trade_with(rig, KeyPair(rig.address.trade.key, rig.address.trade.secret), "cleaner")
    try:
        for market in BOTH:
            for order in await cleaner.open_orders(market):
                await cleaner.cancel_order(market, order.order_id, "", 1)
    finally:
        await cleaner.aclose()
