"""What is done to orders and to trading: each deed is the program's own, and says what it must not have done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final
from unittest.mock import patch

from console.exchange.errors import ExchangeError
from console.execution.duties import reconcile_and_sweep
from console.execution.halting import (
    record_halt,
    reduce_only,
    resume_trading,
    still_sending,
    stop_senders,
    take_back_entries,
)
from console.execution.outcome import End, Outcome
from storage import checks
from storage.codes import RESTING, CheckCode, TradingState
from storage.errors import Conflict
from storage.execution_rows import executions_in, recent_executions
from storage.gate import draw_ticket
from storage.market_models import Quote
from storage.models import Proposal, Ticket
from storage.proposals import (
    decline,
    get_proposal,
)
from storage.trading_state import current_trading_state, halt, latch_halt_file
from tests.properties.ideas import edit
from tests.properties.process import Process
from tests.properties.rules import change_policy
from tests.properties.world import World


async def ticket_of(process: Process, proposal: Proposal) -> tuple[Ticket, Quote]:
    """What a confirm dialog shows, after the comparison it asks for. Raises NotFound."""
    with suppress(ExchangeError):
        await reconcile_and_sweep(process.parts)
    quote = await process.clients.quotes.fetch(proposal.market)

    def fresh(tx: Any) -> Ticket:
        return draw_ticket(tx, get_proposal(tx, proposal.id))

    return await process.vault.read(fresh), quote


async def fire(world: World, process: Process, shown: tuple[Ticket, Quote], typed: bool = True) -> Outcome | None:
    """Send what a ticket shows."""
    world.watch.confirmed(*shown)
    outcome = await world.attempt(process, process.executor.execute(*shown, typed_amount=typed))
    world.ends["died" if outcome is None else outcome.end] += 1
    return outcome


async def fire_amid(world: World, process: Process, proposal: Proposal, turns: int, intruder: str) -> None:
    """Send it while somebody else does something, begun so many turns of the event loop later."""
    shown = await ticket_of(process, proposal)
    other = await world.other(process)
    sending = asyncio.ensure_future(fire(world, process, shown))
    for _ in range(turns):
        if not sending.done():
            await asyncio.sleep(0)
    await world.attempt(other, INTRUDERS[intruder](world, process, other, shown))
    await sending


async def fire_with_a_broken_check(world: World, process: Process, proposal: Proposal, code: CheckCode) -> None:
    """A check that breaks, or answers as another one, lets nothing through."""
    shown = await ticket_of(process, proposal)

    def breaks(_question: object) -> Any:
        raise ZeroDivisionError("a fault of the check")

    with patch.object(checks, "CHECKS", MappingProxyType({**checks.CHECKS, code: breaks})):
        outcome = await fire(world, process, shown)
    if outcome is not None and outcome.end is not End.REFUSED:
        world.watch.broken.append(f"{code} broke, and proposal {proposal.id} came to {outcome.end}")


async def cancel(process: Process, pick: int) -> None:
    """Ask a resting order's rest back, or that of any execution."""
    found = await process.vault.read(lambda tx: executions_in(tx, RESTING))
    found = found or await process.vault.read(lambda tx: recent_executions(tx, 3))
    if found:
        await process.executor.cancel(found[pick % len(found)].id)


# stops --------------------------------------------------------------------------------------------------------
async def stop(world: World, process: Process, how: str) -> None:
    """The one stop: by file and record, by file alone, by record alone, or of buys only."""
    folder = process.vault.folder
    if how == "reduce":
        await reduce_only(process.vault, "enough")
        return
    if how == "record":
        await process.vault.transact(lambda tx: halt(tx, f"limit at {tx.now}"))
        if await still_sending(folder, world.clock) is None:
            world.watch.halted("a recorded halt had seen the last sender out")
        return
    report = await stop_senders(folder, world.clock)
    if report.no_order_can_leave:
        world.watch.halted("a stop had said that none can leave")
    if how == "file":
        return
    await record_halt(process.vault, f"pressed at {world.clock.now()}")
    await take_back_entries(process.vault, process.executor, stops=how == "stops too")


async def resume(world: World, process: Process, stale: bool) -> None:
    """Lift the halt that stands, or try to lift one that was seen earlier."""
    await process.vault.transact(latch_halt_file)
    seen = await process.vault.read(current_trading_state)
    if stale:
        with suppress(Conflict):
            await resume_trading(process.vault, seen.id - 1, "seen earlier")
            world.watch.broken.append(f"halt {seen.id} was lifted by somebody who saw {seen.id - 1}")
        return
    if seen.state is not TradingState.ACTIVE:
        world.watch.may_send()
    await resume_trading(process.vault, seen.id, "looked at it")


Intruder = Callable[[World, Process, Process, tuple[Ticket, Quote]], Awaitable[Any]]

INTRUDERS: Final[Mapping[str, Intruder]] = MappingProxyType(
    {
        "a second process fires": lambda world, _, other, shown: fire(world, other, shown),
        "a halt": lambda world, _, other, shown: stop(world, other, "all"),
        "a halt by file": lambda world, _, other, shown: stop(world, other, "file"),
        "a recorded halt": lambda world, _, other, shown: stop(world, other, "record"),
        "only sells from now on": lambda world, _, other, shown: stop(world, other, "reduce"),
        "other rules": lambda world, _, other, shown: change_policy(other, "few"),
        "a decline": lambda world, _, other, shown: other.vault.transact(
            lambda tx: decline(tx, shown[0].order.proposal_id)
        ),
        "an edit": lambda world, _, other, shown: _edit_it(world, other, shown),
        "jobs": lambda world, _, other, shown: other.tick(),
        "a cancel": lambda world, _, other, shown: cancel(other, 0),
        "its death": lambda world, process, other, shown: world.kill(process),
    }
)
"""What may happen while an order is on its way."""


async def _edit_it(world: World, process: Process, shown: tuple[Ticket, Quote]) -> None:
    proposal = await process.vault.read(lambda tx: get_proposal(tx, shown[0].order.proposal_id))
    await edit(world, process, proposal, 40, False)
