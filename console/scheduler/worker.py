"""Runs registered jobs when they are due, each under its lease, beside any number of other workers."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from console.scheduler.jobs import URGENT_EVERY, HeldLease, Job
from storage.alerts import alert
from storage.clock import SECOND, Clock, Micros
from storage.codes import JobName
from storage.crash_points import reached
from storage.database import Tx, Vault
from storage.errors import StaleFence, VaultError
from storage.leases import LEASE_TTL, LONGEST_BACKOFF, acquire_lease, finish_lease, hurry_job, register_job, renew_lease
from storage.models import Lease

POLL_S: Final = 0.25
"""Seconds after a look for due jobs before the next one, whatever happens meanwhile."""

QUIET_S: Final = 0.75
"""Seconds on top of that where nobody commits anything: only time can make a job due then."""

HEARTBEAT_S: Final = LEASE_TTL / SECOND / 3

log = logging.getLogger(__name__)


class Scheduler:
    """The jobs of one process. ``temporary`` errors back off but never pause a job."""

    def __init__(self, vault: Vault, clock: Clock, holder: str, *, temporary: tuple[type[Exception], ...] = ()) -> None:
        self._vault = vault
        self._clock = clock
        self._holder = holder
        self._temporary = temporary
        self._jobs: dict[JobName, Job] = {}
        self._stopping = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._running: dict[JobName, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self.errors: dict[JobName, str] = {}

    def register(self, job: Job) -> None:
        """Add a job; before ``start``."""
        self._jobs[job.name] = job

    async def start(self) -> None:
        """Make the jobs known to the vault and begin to run them. Raises VaultError."""

        def make_known(tx: Tx) -> None:
            for job in self._jobs.values():
                register_job(tx, job.name, job.every)

        await self._vault.transact(make_known)
        self._stop_listening = self._vault.commits.listen(self._news.set)
        self._looking = asyncio.create_task(self._look_for_due(), name="due jobs")

    async def stop(self) -> None:
        """Let running jobs end, give every lease back, and return."""
        self._stopping.set()
        self._news.set()
        if self._looking is not None:
            self._stop_listening()
            await asyncio.wait({self._looking})
            self._looking = None
        if self._running:
            await asyncio.wait(set(self._running.values()))

    async def hurry(self, name: JobName) -> bool:
        """Make a job due now, for whichever worker is free; False if it was due already. Raises VaultError."""
        return await self._vault.transact(lambda tx: hurry_job(tx, name))

    async def _look_for_due(self) -> None:
        """One look at the vault for all jobs; each that is due runs beside the others."""
        while not self._stopping.is_set():
            self._news.clear()
            idle = [job for job in self._jobs.values() if job.name not in self._running]
            try:
                due, broken = await self._vault.read(lambda tx, asked=idle: _due_jobs(tx, asked))  # type: ignore[misc]
            except VaultError as error:
                log.warning("due jobs wait for the vault: %s", error)
            except Exception as failure:  # the same seam: were this to end, no job would run again, unseen
                log.error("due jobs cannot be looked for", exc_info=failure)
            else:
                for job, problem in broken:
                    self._note_failure(job, problem)
                for job in due:
                    self._begin(job)
            await self._pause(POLL_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET_S):
                    await self._news.wait()

    def _begin(self, job: Job) -> None:
        task = asyncio.create_task(self._guarded(job), name=f"job {job.name}")
        self._running[job.name] = task
        task.add_done_callback(lambda _: self._ended(job.name))

    def _ended(self, name: JobName) -> None:
        del self._running[name]
        self._news.set()

    async def _guarded(self, job: Job) -> None:
        try:
            await self._try_once(job)
        except VaultError as error:
            self.errors[job.name] = str(error)
            log.warning("job %s waits for the vault: %s", job.name, error)
        except Exception as failure:  # the same seam: a job that broke would be due again, and nobody would know why
            self._note_failure(job, failure)

    async def _try_once(self, job: Job) -> None:
        lease = await self._vault.transact(lambda tx: _take(tx, job, self._holder))
        if lease is None:
            return
        reached("lease.taken")
        held = HeldLease(self._vault, self._clock, lease)
        heartbeat = asyncio.create_task(self._beat(held))
        started = self._clock.now()
        summary, error = "", None
        try:
            while True:
                summary = await self._run(job, held) or summary
                if not job.held or self._stopping.is_set():
                    break
                await self._pause(job.interval() / SECOND)
                if self._stopping.is_set():
                    break
        except StaleFence as stale:
            log.warning("job %s lost its lease: %s", job.name, stale)
            return
        except Exception as failure:  # the worker's seam: a job that breaks must not end the others
            error = self._note_failure(job, failure)
        finally:
            heartbeat.cancel()
            # Awaiting the task itself would take a cancel of this one for its end.
            await asyncio.wait([heartbeat])
        reached("lease.job-done")
        await self._finish(job, held.lease, started, summary, error)

    async def _run(self, job: Job, held: HeldLease) -> str:
        """One run. A held job keeps its lease over what passes: giving it back would change what tickets promise."""
        try:
            summary = await job.run(held)
        except self._temporary as failure:
            if not job.held:
                raise
            self._note_failure(job, failure)
            return ""
        self.errors.pop(job.name, None)
        return summary

    def _note_failure(self, job: Job, failure: Exception) -> str:
        text = f"{type(failure).__name__}: {failure}"
        self.errors[job.name] = text
        if isinstance(failure, self._temporary):
            log.warning("job %s failed for now: %s", job.name, text)
        else:
            log.error("job %s broke", job.name, exc_info=failure)
        return ("temporary " if isinstance(failure, self._temporary) else "") + text

    async def _finish(self, job: Job, lease: Lease, started: Micros, summary: str, error: str | None) -> None:
        def finish(tx: Tx) -> None:
            paused = finish_lease(
                tx,
                lease,
                next_run_at=max(lease.due_at + job.interval(), tx.now + SECOND // 4),
                started_at=started,
                summary=summary,
                changed=bool(summary),
                error=error,
                temporary=error is not None and error.startswith("temporary "),
            )
            if paused:
                alert(tx, "critical", f"job {job.name}", f"paused after failing again and again: {error}")

        try:
            await self._vault.transact(finish)
            reached("lease.given-back")
        except VaultError as failure:
            log.warning("job %s could not give its lease back: %s", job.name, failure)

    async def _beat(self, held: HeldLease) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                lease = held.lease
                held.lease = await self._vault.transact(lambda tx, mine=lease: renew_lease(tx, mine))  # type: ignore[misc]
            except StaleFence:
                return  # the job's next write says so
            except VaultError as error:
                log.warning("lease of %s not renewed: %s", held.lease.job, error)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _due_jobs(tx: Tx, jobs: Sequence[Job]) -> tuple[list[Job], list[tuple[Job, Exception]]]:
    """Those that are due, and those of which it cannot be said."""
    due: list[Job] = []
    broken: list[tuple[Job, Exception]] = []
    for job in jobs:
        try:
            if _is_due(tx, job):
                due.append(job)
        except sqlite3.Error:
            raise  # the vault itself
        except Exception as failure:  # the worker's seam: a job whose question breaks must not keep the others waiting
            broken.append((job, failure))
    return due, broken


def _is_due(tx: Tx, job: Job) -> bool:
    row = tx.sql.one("job_by_name", job=job.name)
    if row is None or row["paused"]:
        return False
    longest = row["interval_us"] if row["failures"] == 0 else max(row["interval_us"], LONGEST_BACKOFF)
    due = row["next_run_at"] <= tx.now or row["next_run_at"] > tx.now + longest
    free = row["holder"] is None or row["expires_at"] <= tx.now or row["expires_at"] > tx.now + LEASE_TTL
    if not free or not (due or _is_urgent(tx, job)):
        return False
    return job.wanted is None or job.wanted(tx)


def _is_urgent(tx: Tx, job: Job) -> bool:
    row = tx.sql.one("job_by_name", job=job.name)
    if job.urgent is None or row is None or row["failures"]:
        return False
    ran = row["last_run_at"]
    return (ran is None or not 0 <= tx.now - ran < URGENT_EVERY) and job.urgent(tx)


def _take(tx: Tx, job: Job, holder: str) -> Lease | None:
    if _is_urgent(tx, job):
        hurry_job(tx, job.name)
    return acquire_lease(tx, job.name, holder)
