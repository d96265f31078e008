"""What jobs do, and what a job must not do once its lease is somebody else's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from console.execution.duties import reconcile_and_sweep
from console.scheduler.jobs import HeldLease
from storage.clock import MINUTE, SECOND
from storage.codes import JobName
from storage.errors import StaleFence
from storage.leases import LEASE_TTL, acquire_lease, finish_lease, hurry_job, register_job, renew_lease
from storage.trading_state import halt
from tests.properties.process import Process
from tests.properties.world import World


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
