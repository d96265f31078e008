"""What people, jobs and other processes do: each deed is the program's own, and says what it must not have done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
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
from console.execution.ideas import BadIdea, ExitWords, Idea, draw_exit, draw_idea, free_to_sell, revision_of
from console.execution.outcome import End, Outcome
from console.scheduler.jobs import HeldLease
from storage import checks
from storage.budget import CostlyCall, Spent, TokenPrice, reserve_usage, settle_usage
from storage.clock import MINUTE, SECOND
from storage.codes import RESTING, CheckCode, JobName, Origin, ProposalState, TradingState, TriggerType
from storage.errors import Conflict, InvalidPolicy, StaleFence
from storage.execution_rows import executions_in, recent_executions
from storage.gate import draw_ticket
from storage.leases import LEASE_TTL, acquire_lease, finish_lease, hurry_job, register_job, renew_lease
from storage.market_models import Quote
from storage.models import Proposal, Ticket
from storage.money import Eur
from storage.policies import presets, read_policy
from storage.policy_store import activate_policy, active_policy
from storage.proposals import (
    NewProposal,
    approve,
    create_proposal,
    decline,
    get_proposal,
    open_proposals,
    recent_proposals,
    revise,
    undo_decline,
)
from storage.trading_state import current_trading_state, halt, latch_halt_file
from tests.properties.process import Process
from tests.properties.world import LIVELY, World
from tests.storage.builders import policy_with

WAYS: Final = ("through", "bid", "under", "market", "oracle buys", "oracle sells", "exit", "exit rests", "stop loss")
"""How an idea wants to trade; those from the fifth on are an oracle's, or sell what is held."""

NARROW: Final = {"trades": {"per_day": 3, "per_hour": 2}, "exits": {"per_day": 3, "per_hour": 2}}
POLICIES: Final[Mapping[str, dict[str, Any]]] = MappingProxyType(
    {
        "lively": LIVELY,
        "few": {**LIVELY, **NARROW, "name": "few"},
        "small": {**LIVELY, "name": "small", "exposure_eur": 90, "order": {"max_eur": 60}},
        "one market": {**LIVELY, "name": "one-market", "allowlist": ("ETH-EUR",), "exit_only": ("BTC-EUR",)},
        "none": {**LIVELY, "name": "none", "trades": {"per_day": 0, "per_hour": 0}, "exposure_eur": 0},
        "no calls": {**LIVELY, "name": "no-calls", "oracle": {"calls_per_day": 0, "calls_per_hour": 0}},
        "slow": {**LIVELY, "name": "slow", "cooldown_min": 15, "anti_flip_min": 30},
    }
)
PRESETS: Final = ("semi-auto", "hunter", "observer")

UNDO_WITHIN: Final = 5 * SECOND

NO_LIMITS: Final = (None, "", "NaN", "nan", "Infinity", "-Infinity", -1, "-0.01", float("nan"), float("inf"), True)
"""What no limit may be."""

LIMITS: Final = (
    ("exposure_eur",), ("order", "max_eur"), ("trades", "per_day"), ("trades", "per_hour"), ("exits", "per_day"),
    ("oracle", "calls_per_day"), ("oracle", "eur_per_day"), ("drawdown_pct",), ("venue", "collar_pct"),
)  # fmt: skip


# ideas --------------------------------------------------------------------------------------------------------
async def draw(process: Process, market: str, eur: int, way: str) -> NewProposal | None:
    """An idea at the market's prices of this moment; None where there is no price, or nothing to sell."""
    quote = await process.clients.quotes.fetch(market)
    if quote.rules is None or quote.bid is None:
        return None
    under = str(quote.bid.scaled(Decimal("0.985")).to_tick(quote.rules.tick_size, up=False))
    over = str(quote.bid.scaled(Decimal("1.015")).to_tick(quote.rules.tick_size, up=True))
    with suppress(BadIdea):
        if way.startswith(("exit", "stop")):
            free = await process.vault.read(lambda tx: free_to_sell(tx, market))
            limit = {"exit": None, "exit rests": over, "stop loss": under}[way]
            trigger = TriggerType.STOP_LOSS if way == "stop loss" else None
            share = str(min(100, max(10, eur // 3)))
            return draw_exit(ExitWords(market, share, limit, trigger=trigger), free, quote.rules, quote, "operator")
        side = "sell" if way == "oracle sells" else "buy"
        limit = {"bid": "bid", "under": under, "market": "market"}.get(way)
        new = draw_idea(Idea(market, side, str(eur), limit, minutes=10), quote.rules, quote, "operator")
        if way.startswith("oracle"):
            return replace(new, origin=Origin.RULES, oracle="rules/trend-1", confidence=75)
        return new
    return None


async def propose(process: Process, market: str, eur: int, way: str) -> None:
    """An operator's or an oracle's idea is stored."""
    if (new := await draw(process, market, eur, way)) is not None:
        await process.vault.transact(lambda tx: create_proposal(tx, new))


async def an_open_one(process: Process, pick: int) -> Proposal | None:
    """One of the open proposals."""
    found = await process.vault.read(open_proposals)
    return found[pick % len(found)] if found else None


async def any_one(process: Process, pick: int) -> Proposal | None:
    """One of the newest proposals, whatever became of it."""
    found = await process.vault.read(lambda tx: recent_proposals(tx, 12))
    return found[pick % len(found)] if found else None


async def edit(world: World, process: Process, proposal: Proposal, eur: int, stale: bool) -> None:
    """Change size and price, from the revision shown or from an older one."""
    way = "exit" if proposal.kind == "exit" else "through"
    new = await draw(process, proposal.market, eur, way)
    if new is None:
        return
    shown = proposal.revision - stale
    after = await process.vault.transact(lambda tx: revise(tx, proposal.id, shown, revision_of(new)))
    if stale or after.revision != proposal.revision + 1:
        world.watch.broken.append(f"proposal {proposal.id} was changed from revision {shown}, it was at another")


async def decide(process: Process, proposal: Proposal, what: str) -> None:
    """Approve, with an override of what may be set aside, or decline."""
    if what == "decline":
        await process.vault.transact(lambda tx: decline(tx, proposal.id, "not now"))
        return
    why = {CheckCode.COOLDOWN: "it moves", CheckCode.ANTI_FLIP: "it moves"} if what == "override" else {}
    await process.vault.transact(lambda tx: approve(tx, proposal.id, why))


async def undo(world: World, process: Process, pick: int) -> None:
    """Take a decline back: within five seconds it is open again, later and of anything else it is not."""
    proposal = await any_one(process, pick)
    if proposal is None:
        return
    since = world.clock.now() - proposal.updated_at
    after = await process.vault.transact(lambda tx: undo_decline(tx, proposal.id))
    in_time = 0 <= since <= UNDO_WITHIN and proposal.expires_at > world.clock.now()
    if proposal.state is not ProposalState.DECLINED or not in_time or after.state is not ProposalState.PROPOSED:
        word = f"{proposal.state} for {since / SECOND} s, expires at {proposal.expires_at}"
        world.watch.broken.append(f"proposal {proposal.id} was {word}, and was opened again")


# orders -------------------------------------------------------------------------------------------------------
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


# rules --------------------------------------------------------------------------------------------------------
async def change_policy(process: Process, name: str) -> None:
    """Put other rules in force."""
    from storage.codes import Mode

    policy = presets(Mode.PAPER)[name] if name in PRESETS else policy_with(**POLICIES[name])
    await process.vault.transact(lambda tx: activate_policy(tx, policy, active_policy(tx).activation_id))


async def loosen_by_nonsense(world: World, process: Process, field: tuple[str, ...], value: Any) -> None:
    """A limit that is no number is refused; the rules in force stay."""
    before = await process.vault.read(active_policy)
    data: dict[str, Any] = before.policy.model_dump()
    part = data[field[0]] if len(field) == 2 else data
    part[field[-1]] = value
    with suppress(InvalidPolicy):
        policy = read_policy(data)
        await process.vault.transact(lambda tx: activate_policy(tx, policy, active_policy(tx).activation_id))
        world.watch.broken.append(f"{'.'.join(field)} may be {value!r}")
    if (await process.vault.read(active_policy)).hash != before.hash:
        world.watch.broken.append(f"{value!r} as {'.'.join(field)} changed the rules in force")


async def costly_call(process: Process, cents: int, settled: str) -> None:
    """Reserve a call, and settle it within its reservation, over it, or never."""
    call = CostlyCall("model/1", 1, Eur.of(cents).scaled(Decimal("0.01")), 0, TokenPrice(Decimal(1), Decimal(1)))
    caps = (await process.vault.read(active_policy)).policy.oracle
    reservation = await process.vault.transact(lambda tx: reserve_usage(tx, call, caps))
    if settled != "never":
        cost = call.reserve.scaled(Decimal("0.4" if settled == "within" else "1.5"))
        await process.vault.transact(lambda tx: settle_usage(tx, reservation.id, Spent(cost, 10), "asked"))


# jobs ---------------------------------------------------------------------------------------------------------
async def reconcile_twice(world: World, process: Process) -> None:
    """What one reconcile has settled, the next one leaves as it is."""
    await reconcile_and_sweep(process.parts)
    before = await process.vault.read(_settled)
    await reconcile_and_sweep(process.parts)
    after = await process.vault.read(_settled)
    for number, state in before.items():
        if after.get(number) != state:
            world.watch.broken.append(f"execution {number} was {state}, a second reconcile made it {after.get(number)}")


def _settled(tx: Any) -> dict[int, str]:
    ended = "('FILLED', 'CANCELED', 'REJECTED', 'ABSENT', 'ABANDONED', 'RESOLVED')"
    return dict(tx.db.execute(f"SELECT id, state FROM trade_executions WHERE state IN {ended}"))  # noqa: S608


async def outlive_a_lease(world: World, process: Process) -> None:
    """Whoever's lease was taken over writes nothing more: not as the job, not as its end."""
    other = await world.other(process)

    def take(tx: Any) -> Any:
        register_job(tx, JobName.SCAN, MINUTE)
        hurry_job(tx, JobName.SCAN)
        return acquire_lease(tx, JobName.SCAN, tx.actor.instance)

    old = await process.vault.transact(take)
    if old is None:
        return
    await world.clock.sleep(LEASE_TTL / SECOND + 1)
    new = await other.vault.transact(take)
    if new is None or new.fence <= old.fence:
        world.watch.broken.append(f"the lease after fence {old.fence} is {new}")
        return
    before = await other.vault.read(_everything)
    held = HeldLease(process.vault, world.clock, old)
    late: list[Callable[[], Awaitable[Any]]] = [
        lambda: held.transact(lambda tx: halt(tx, "by somebody who lost the lease")),
        lambda: process.vault.transact(lambda tx: renew_lease(tx, old)),
        lambda: process.vault.transact(
            lambda tx: finish_lease(
                tx, old, next_run_at=tx.now, started_at=tx.now, summary="s", changed=True, error=None
            )
        ),
    ]
    for write in late:
        with suppress(StaleFence):
            await write()
            world.watch.broken.append(f"fence {old.fence} wrote after fence {new.fence} was given out")
    if await other.vault.read(_everything) != before:
        world.watch.broken.append(f"fence {old.fence} changed something after fence {new.fence} was given out")
    await other.vault.transact(lambda tx: _finish(tx, new))


def _finish(tx: Any, lease: Any) -> None:
    finish_lease(tx, lease, next_run_at=tx.now, started_at=tx.now, summary="done", changed=True, error=None)


def _everything(tx: Any) -> list[Any]:
    tables = ("scan_jobs", "job_runs", "audit_log", "trading_state", "trade_proposals", "trade_executions")
    return [[tuple(row) for row in tx.db.execute(f"SELECT * FROM {table}")] for table in tables]  # noqa: S608


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
