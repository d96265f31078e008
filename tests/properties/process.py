"""One process of the world: the program's own vault, clients, executor and jobs; it can be killed at any point."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import Connection
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from console.exchange.errors import ExchangeError
from console.execution import earlier, send_lock
from console.execution.duties import Parts, make_duties
from console.execution.executor import Executor
from console.execution.fills import follow_orders
from console.execution.keeper import keep
from console.gauntlet.private import Clients
from console.jobs import Looking, make_jobs
from console.scheduler.jobs import HeldLease, Job
from console.scheduler.worker import Scheduler, _due_jobs
from storage import connections, crash_points, database
from storage.clock import SECOND
from storage.codes import JobName, Mode
from storage.database import Tx, Vault
from storage.errors import StaleFence, VaultBusy, VaultFull
from storage.halt_file import prepare_halt
from storage.leases import acquire_lease, register_job, renew_lease
from storage.models import Actor
from tests.properties.watch import Watch
from tests.support import SeededEntropy

TEMPORARY: Final = (ExchangeError, VaultBusy, VaultFull)
"""What the runtime lets a job fail with for now."""

RUN_HERE: Final = frozenset({JobName.RECONCILE, JobName.FILLS, JobName.EXPIRE, JobName.INVARIANTS})
"""The keeper's lease is held from one turn to the next, so it is not run as the others are."""


class Died(BaseException):
    """A process was killed: nothing of it goes on, whatever it catches."""


def _die() -> None:
    raise Died


@contextmanager
def dying_at(point: str) -> Iterator[None]:
    """The first process to get to a crash point is gone there, what it had not committed with it; empty for none."""
    if not point:
        yield
        return
    assert point in crash_points.POINTS
    with patch.object(crash_points, "_armed", point), patch.object(crash_points, "_die", _die):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """The vault's work is done where it is asked for, and whoever waits for senders looks at every turn.

    With threads and real pauses the same seed would tell another story each time.
    """

    async def here(_connection: object, work: Any) -> Any:
        return work()

    async def at_once(work: Any, *given: Any) -> Any:
        return work(*given)

    async def turn(_seconds: float) -> None:
        await asyncio.sleep(0)

    with (
        patch.object(database, "hop", here),
        patch.object(connections, "hop", here),
        patch.object(earlier, "asyncio", SimpleNamespace(to_thread=at_once)),
        patch.object(send_lock, "asyncio", SimpleNamespace(sleep=turn)),
    ):
        yield


class WatchedVault(Vault):
    """The program's vault; somebody looks at what is in the file after each commit."""

    watch: Watch | None = None

    def _commit(self, db: Connection, tx: Tx) -> None:
        try:
            super()._commit(db, tx)
        finally:
            if self.watch is not None and not db.in_transaction:
                self.watch.committed(db, tx.now)


class Worker(Scheduler):
    """The program's scheduler, one turn at a time; a job that breaks in a way that is not temporary is remembered."""

    broke: list[str]

    def _note_failure(self, job: Job, failure: Exception) -> str:
        if not isinstance(failure, TEMPORARY):
            self.broke.append(f"job {job.name} broke: {type(failure).__name__}: {failure}")
        return super()._note_failure(job, failure)


class Process:
    """What one process of the program consists of, without its screen."""

    def __init__(self, vault: WatchedVault, clients: Clients, clock: Any) -> None:
        self.vault = vault
        self.clients = clients
        self.executor = Executor(vault, clients.trade, clock)
        self.parts = Parts(vault, clients.readonly, clients.trade, clients.quotes, self.executor, clock, clock.sleep)
        self.name: Final = vault.actor.instance
        self.broke: list[str] = []
        self._clock = clock
        self._keeper: HeldLease | None = None
        self._worker = Worker(vault, clock, self.name, temporary=TEMPORARY)
        self._worker.broke = self.broke
        looking = Looking(vault, clients.readonly, clients.quotes, clock)
        jobs = [*make_duties(self.parts), *make_jobs(looking, 60)]
        self._jobs = [job for job in jobs if job.name in RUN_HERE]

    @classmethod
    async def start(
        cls, folder: Path, number: int, clock: Any, entropy: SeededEntropy, clients: Clients, watch: Watch
    ) -> Process:
        """Open the vault under a new instance id, and make the jobs known."""
        vault = await WatchedVault.open(
            folder, Mode.PAPER, clock, entropy, Actor("operator", f"box-{number}", 100 + number)
        )
        assert isinstance(vault, WatchedVault)
        prepare_halt(folder)
        vault.watch = watch
        process = cls(vault, clients, clock)

        def known(tx: Tx) -> None:
            for job in process._jobs:
                register_job(tx, job.name, job.every)

        await vault.transact(known)
        return process

    async def tick(self) -> None:
        """One turn of a worker: every job that is due, under its lease; and the keeper's turn, if it is held here."""
        due, broken = await self.vault.read(lambda tx: _due_jobs(tx, self._jobs))
        self.broke += [f"{job.name} cannot be asked: {problem}" for job, problem in broken]
        for job in due:
            await self._worker._guarded(job)
        if self._keeper is not None:
            await self._keep(self._keeper)

    async def follow(self) -> None:
        """Look every resting order up."""
        with suppress(ExchangeError):
            await follow_orders(self.vault, self.clients.trade)

    async def keeper_comes(self) -> bool:
        """Take the keeper's lease if it is free."""

        def come(tx: Tx) -> Any:
            register_job(tx, JobName.KEEPER, 10 * SECOND)
            return acquire_lease(tx, JobName.KEEPER, tx.actor.instance)

        if (lease := await self.vault.transact(come)) is not None:
            self._keeper = HeldLease(self.vault, self._clock, lease)
        return lease is not None

    async def _keep(self, held: HeldLease) -> None:
        try:
            held.lease = await self.vault.transact(lambda tx: renew_lease(tx, held.lease))
            await keep(self.vault, self.clients.trade, self.executor)
        except StaleFence:
            self._keeper = None
        except ExchangeError:
            return

    async def close(self) -> None:
        """End as a process ends that is told to."""
        await self.executor.wait_until_idle()
        await self.clients.aclose()
        await self.vault.close()

    async def die(self) -> None:
        """End as a killed process does: tasks, connections and locks are gone, nothing is written any more."""
        tasks = set(self.executor._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        vault = self.vault
        atexit.unregister(vault._close_at_exit)
        vault._closed = True
        for connection in (vault._writer, vault._reader):
            connection.stop()
            connection._thread.join()
        vault._lock.close()
        vault._users.close()
        if vault._mark._lock is not None:
            vault._mark._lock.close()
        await self.clients.aclose()
