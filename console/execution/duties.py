"""The jobs that see to orders: reconcile and sweep, fills, keeper. They work with the client that trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from console.exchange.quotes import Quotes
from console.exchange.readonly import ReadOnlyClient
from console.exchange.trade import TradeClient
from console.execution.executor import Executor
from console.execution.fills import follow_orders, orders_to_follow
from console.execution.keeper import keep
from console.execution.reconcile import Sleep, reconcile_once
from console.execution.sweep import needs_sweep, sweep_once
from console.scheduler.jobs import HeldLease, Job
from storage.clock import SECOND, Clock, Micros
from storage.codes import UNDECIDED, JobName
from storage.database import Tx, Vault
from storage.earlier_orders import imported_orders
from storage.execution_rows import executions_in
from storage.facts import newest_sweep
from storage.policies import Policy
from storage.policy_store import active_policy

SWEEP_EVERY: Final[Micros] = 60 * SECOND
KEEPER_EVERY: Final[Micros] = 10 * SECOND
TURNS_PER_DELAY: Final = 3
"""So often the dead-man switch is armed again before it would go off: one turn may fail, another be late."""
CALL_S: Final = 15.0
"""Seconds an outside call of a job may take; its lease must last that long."""


@dataclass(slots=True)
class Parts:
    """What seeing to orders takes."""

    vault: Vault
    readonly: ReadOnlyClient
    trade: TradeClient
    quotes: Quotes
    executor: Executor
    clock: Clock
    sleep: Sleep
    keeper_pace: Micros = KEEPER_EVERY
    """Until the keeper's next turn, by the policy's dead-man delay."""


def make_duties(parts: Parts) -> list[Job]:
    """The jobs that see to orders, ready to register."""
    return [
        Job(JobName.RECONCILE, lambda held: run_reconcile(parts, held), SWEEP_EVERY, urgent=has_unsettled),
        Job(JobName.FILLS, lambda held: run_fills(parts, held), 2 * SECOND, wanted=has_orders_to_follow),
        Job(
            JobName.KEEPER,
            lambda held: run_keeper(parts, held),
            KEEPER_EVERY,
            held=True,
            pace=lambda: parts.keeper_pace,
        ),
    ]


def has_unsettled(tx: Tx) -> bool:
    """Whether an order of any process waits for evidence, or a claim for its end."""
    return bool(executions_in(tx, UNDECIDED))


def has_orders_to_follow(tx: Tx) -> bool:
    """Whether an order rests, or a fee is still to come."""
    return bool(orders_to_follow(tx))


async def run_fills(parts: Parts, held: HeldLease) -> str:
    """Follow resting orders and fees that are still to come."""
    held.require_time(CALL_S)
    changed = await follow_orders(parts.vault, parts.trade)
    return f"{changed} orders moved on" if changed else ""


async def run_keeper(parts: Parts, held: HeldLease) -> str:
    """Keep the dead-man switch armed, end old entries."""
    held.require_time(CALL_S)
    parts.keeper_pace = await parts.vault.read(_keeper_pace)
    return await keep(parts.vault, parts.trade, parts.executor)


def _keeper_pace(tx: Tx) -> Micros:
    policy: Policy = active_policy(tx).policy
    return min(KEEPER_EVERY, policy.submit.dead_man_s * SECOND // TURNS_PER_DELAY)


async def run_reconcile(parts: Parts, held: HeldLease) -> str:
    """Settle what is unsettled; compare vault and exchange every minute."""
    held.require_time(CALL_S)
    return await reconcile_and_sweep(parts)


async def reconcile_and_sweep(parts: Parts, *, force: bool = False) -> str:
    """One reconcile and, if the newest is a minute old, one sweep; a sentence on what changed."""

    async def exchange_time() -> Micros:
        return (await parts.readonly.time()).exchange_at

    findings = await reconcile_once(parts.vault, parts.trade, exchange_time, parts.sleep)
    told = [
        f"{word} {', '.join(map(str, ids))}"
        for word, ids in (("found", findings.found), ("absent", findings.absent), ("abandoned", findings.abandoned))
        if ids
    ]
    sweep = await parts.vault.read(newest_sweep)
    finished_at = None if sweep is None else sweep.finished_at
    if force or needs_sweep(finished_at, parts.clock.now(), SWEEP_EVERY - 5 * SECOND) or told:
        before = await parts.vault.read(imported_orders)
        agrees = await sweep_once(parts.vault, parts.trade, parts.readonly, parts.sleep)
        if taken_over := sorted(await parts.vault.read(imported_orders) - before):
            told.append(f"taken over from before the restore {', '.join(map(str, taken_over))}")
        if not agrees:
            told.append("vault and exchange differ")
    return "; ".join(told)
