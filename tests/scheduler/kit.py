"""Workers on one vault with a stepped clock, whose waits are short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from console.scheduler.jobs import HeldLease, Job
from console.scheduler.worker import Scheduler
from storage.clock import SECOND
from storage.codes import JobName
from storage.database import Vault
from tests.support import SteppedClock


class ExchangeDown(Exception):
    """What a job meets while the exchange is away."""


@dataclass
class Counted:
    """A job that counts its runs, and does what the test says."""

    runs: int = 0
    holders: list[str] = field(default_factory=list)
    fails_with: Exception | None = None
    gate: asyncio.Event | None = None
    """If set, a run waits for it."""

    async def __call__(self, held: HeldLease) -> str:
        self.runs += 1
        self.holders.append(held.lease.holder)
        if self.gate is not None:
            await self.gate.wait()
        if self.fails_with is not None:
            raise self.fails_with
        return "did it"


def job(run: Callable[[HeldLease], Awaitable[str]], name: JobName = JobName.EXPIRE, **changes: Any) -> Job:
    return Job(name, run, **{"every": 60 * SECOND, **changes})


@asynccontextmanager
async def working(vault: Vault, clock: SteppedClock, holder: str, *jobs: Job) -> AsyncIterator[Scheduler]:
    """A scheduler that runs these jobs until the block ends."""
    scheduler = Scheduler(vault, clock, holder, temporary=(ExchangeDown,))
    for each in jobs:
        scheduler.register(each)
    await scheduler.start()
    try:
        yield scheduler
    finally:
        await scheduler.stop()


async def job_row(vault: Vault, name: JobName = JobName.EXPIRE) -> dict[str, Any]:
    row = await vault.read(lambda tx: tx.sql.one("job_by_name", job=name))
    assert row is not None
    return dict(row)


async def rows(vault: Vault, sql: str) -> list[dict[str, Any]]:
    return await vault.read(lambda tx: [dict(row) for row in tx.db.execute(sql)])


async def settled(vault: Vault, looks: int = 10) -> None:
    """Give every worker that many turns at the vault."""
    for _ in range(looks):
        await vault.read(lambda tx: tx.now)
        await asyncio.sleep(0.005)
