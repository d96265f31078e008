"""A day of ordinary trading on a stepped clock: orders that fill, rest, fill in part and are taken back, under faults.

Every fault stays within what the design allows for: look-ups lag by less than a second, what is applied late is so
within window and margin. Then no comparison may find a difference, and trading may never stop.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

from console.exchange.errors import ExchangeError
from console.execution.duties import has_unsettled, reconcile_and_sweep
from console.execution.fills import orders_to_follow
from console.execution.outcome import End
from storage.clock import HOUR, SECOND
from storage.codes import RESTING, UNDECIDED, Side, TradingState
from storage.database import Tx
from storage.execution_rows import executions_in
from storage.facts import all_fills
from storage.positions import replay
from storage.trading_state import current_trading_state
from tests.agreement.account import MARKETS
from tests.agreement.pair import NoPrices, Pair, paired
from tests.agreement.runs import memory

STEP_S: Final = 10
IDLE_S: Final = 20
"""Seconds between two looks at what is due: while an order is about, and while none is."""

EVERY_S: Final = 240
"""Seconds between two ideas, on the average."""

FAULTS: Final = (
    "POST /order: apply-then-drop x1",
    "POST /order: disconnect x1",
    "POST /order: drop-before-apply x1",
    "POST /order: late-apply 7 x1",
    "POST /order: delay 4 x1",
    "POST /order: html x1",
    "POST /order: partial-then-cancel x1",
    "GET /order: lag 0.9 for 60",
    "*: fee-late 15 for 90",
    "*: fills-late 15 for 90",
    "*: fee-late 70 for 150",
    "*: fills-late 70 for 150",
    "GET /ordersOpen: status 503 x2",
    "GET /balance: html x1",
    "DELETE /order: apply-then-drop x1",
    "GET /order: error 105 x2",
)


@dataclass
class Day:
    """What a day saw."""

    hours: float
    sweeps: int = 0
    orders: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    partly: int = 0
    faults: int = 0
    broken: list[str] = field(default_factory=list)

    def told(self) -> str:
        """All of it in a few lines."""
        ends = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        refused = ", ".join(f"{count} {code}" for code, count in sorted(self.refused.items()))
        lines = [
            f"{self.hours:g} h: {self.orders} orders ({ends}; {self.partly} filled in several parts), "
            f"{self.faults} faults, refused {refused or 'nothing'}",
            f"{self.sweeps} comparisons, {len(self.broken)} things wrong",
        ]
        return "\n".join([*lines, *(f"BROKEN {each}" for each in self.broken)])


async def live(hours: float, seed: int) -> Day:
    """So many hours, by seed."""
    with tempfile.TemporaryDirectory(prefix="oracle-day-", dir=memory()) as folder:
        async with paired(Path(folder), seed) as pair:
            return await _live(pair, hours, Random(seed))


async def _live(pair: Pair, hours: float, chance: Random) -> Day:
    day, clock = Day(hours), pair.account.clock
    began = clock.now()
    next_idea, seen = began, 0
    while clock.now() < began + hours * HOUR:
        busy = await _turn(pair)
        seen = await _looked_at(pair, day, seen)
        if clock.now() >= next_idea:
            next_idea = clock.now() + round(chance.expovariate(1 / EVERY_S) * SECOND)
            await _act(pair, day, chance)
        await clock.sleep(STEP_S if busy else IDLE_S)
    await _settled(pair, day)
    return day


async def _turn(pair: Pair) -> bool:
    """The jobs at their turn, each for itself; whether an order is about."""
    parts = pair.parts
    for job in (lambda: reconcile_and_sweep(parts), pair.follow):
        with suppress(ExchangeError):
            await job()
    return await pair.vault.read(lambda tx: has_unsettled(tx) or bool(orders_to_follow(tx)))


async def _looked_at(pair: Pair, day: Day, seen: int) -> int:
    """Every comparison stored since is clean, and trading goes on."""
    for row in await pair.rows("SELECT id, clean, differences FROM exchange_sweeps WHERE id > ? ORDER BY id", seen):
        day.sweeps, seen = day.sweeps + 1, row["id"]
        if not row["clean"]:
            day.broken.append(f"after {_passed(pair)}: {row['differences']}")
    record = await pair.vault.read(current_trading_state)
    if record.state is not TradingState.ACTIVE:
        day.broken.append(f"after {_passed(pair)}: trading is {record.state}, {record.reason}")
        await pair.active()
    return seen


def _passed(pair: Pair) -> str:
    row = pair.account.store.setting("deposited_us")
    return f"{(pair.account.clock.now() - int(row or 0)) / SECOND:.1f} s"


async def _act(pair: Pair, day: Day, chance: Random) -> None:
    """An idea, or an order taken back; often with a fault on its way."""
    resting = await pair.vault.read(lambda tx: executions_in(tx, RESTING))
    if chance.random() < 0.6:
        day.faults += 1
        pair.account.spoil(chance.choice(FAULTS))
    if len(resting) > 3 or (resting and chance.random() < 0.2):
        await pair.parts.executor.cancel(chance.choice(resting).id)
        return
    market = chance.choice(MARKETS)
    held = await pair.vault.read(lambda tx: _free(tx, market))
    if held is not None and chance.random() < 0.5:
        held = (held * Decimal(chance.randint(30, 70)) / 100).quantize(Decimal("0.00000001"))
    side = Side.SELL if held is not None and chance.random() < 0.5 else Side.BUY
    away = Decimal(chance.randint(1, 40)) / 10_000
    try:
        outcome = await pair.fire(
            side=side, market=market, rests=chance.random() < 0.6, away=away, eur=Decimal(chance.randint(15, 3000)),
            quantity=held if side is Side.SELL else None,
        )  # fmt: skip
    except ExchangeError:
        return
    except NoPrices:
        day.refused["no prices"] += 1
        return
    if outcome.end is End.REFUSED:
        day.refused.update(str(check.code) for check in outcome.failed)
    else:
        day.orders += 1


def _free(tx: Tx, market: str) -> Decimal | None:
    """What may be sold of a coin, where nothing of ours is about in its market."""
    if any(each.market == market for each in executions_in(tx, RESTING | UNDECIDED)):
        return None
    position = replay(all_fills(tx)).positions.get(market)
    return None if position is None or not position.quantity.is_positive else position.quantity.value


async def _settled(pair: Pair, day: Day) -> None:
    """At the end of the day everything comes to rest, and both sides hold the same, to the last fill."""
    for execution in await pair.vault.read(lambda tx: executions_in(tx, RESTING)):
        await pair.parts.executor.cancel(execution.id)
    for _ in range(40):
        await pair.account.clock.sleep(5)
        if not await _turn(pair):
            break
    if not await pair.sweep():
        day.broken.append(f"at the end: {await pair.found()}")
    stored = await pair.rows("SELECT fill_id, quantity, price, fee FROM fills")
    here = {row["fill_id"]: [Decimal(row[name]) for name in ("quantity", "price", "fee")] for row in stored}
    there = {fill.fill_id: [fill.amount, fill.price, fill.fee] for fill in pair.account.store.fills("1 = 1", [])}
    if here != there:
        day.broken.append(f"{len(here)} fills here and {len(there)} there are not the same")
    for row in await pair.rows("SELECT state, count(*) AS n FROM trade_executions GROUP BY state"):
        day.states[row["state"]] = row["n"]
    rows = await pair.rows("SELECT execution_id FROM fills GROUP BY execution_id HAVING count(*) > 1")
    day.partly = len(rows)
    alerts = await pair.rows("SELECT * FROM alerts WHERE level = 'critical'")
    day.broken += [f"an alert: {row}" for row in alerts]
