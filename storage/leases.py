"""Leases: a job runs in one place at a time, and whoever lost its lease can no longer write.

A lease has a holder, an expiry and a fence that grows with every holder. An expiry or due time further ahead than one
TTL or interval (of a failing job: than its longest back-off) means that the clock went back, and counts as expired or
due; the fence makes that safe.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from storage.clock import SECOND, Micros
from storage.crash_points import reached
from storage.database import Tx
from storage.errors import StaleFence
from storage.instances import is_gone
from storage.models import Lease

LEASE_TTL: Final[Micros] = 120 * SECOND
PAUSE_AFTER: Final = 8
"""Failures in a row after which a job is paused and alerts."""

LONGEST_BACKOFF: Final[Micros] = 300 * SECOND
LONGEST_TEMPORARY_BACKOFF: Final[Micros] = 15 * SECOND
"""What waits for the exchange or the vault tries again this often: an order may be unsettled."""


def register_job(tx: Tx, job: str, interval: Micros) -> None:
    """Make sure a job is known, due at once when new, with this interval."""
    tx.sql.change("register_job", job=job, next_run_at=tx.now, interval_us=interval)


def acquire_lease(
    tx: Tx, job: str, holder: str, ttl: Micros = LEASE_TTL, *, lives: Micros | None = None
) -> Lease | None:
    """Take a due job that is free or whose lease has expired; None if it is neither due nor free.

    ``lives`` is a shorter life of this one lease, for a holder without a heartbeat.
    """
    row = tx.sql.one(
        "claim_job",
        job=job,
        holder=holder,
        now=tx.now,
        expires_at=tx.now + (ttl if lives is None else lives),
        ttl=ttl,
        longest_backoff=LONGEST_BACKOFF,
    )
    if row is None:
        return None
    reached("lease.taken-not-committed")
    return _lease(row)


def renew_lease(tx: Tx, lease: Lease, ttl: Micros = LEASE_TTL) -> Lease:
    """Move the expiry on. Raises StaleFence if somebody else holds the job."""
    row = tx.sql.one("renew_job", job=lease.job, holder=lease.holder, fence=lease.fence, expires_at=tx.now + ttl)
    if row is None:
        raise StaleFence(f"the lease of {lease.job} (fence {lease.fence}) was taken over; nothing was written")
    return _lease(row)


def require_lease(tx: Tx, lease: Lease) -> None:
    """First statement of every write a job makes. Raises StaleFence if the lease was taken over or given back."""
    held = tx.sql.one("job_is_held", job=lease.job, holder=lease.holder, fence=lease.fence)
    if held is None:
        raise StaleFence(f"the lease of {lease.job} (fence {lease.fence}) was taken over; nothing was written")


def finish_lease(
    tx: Tx,
    lease: Lease,
    *,
    next_run_at: Micros,
    started_at: Micros,
    summary: str,
    changed: bool,
    error: str | None,
    temporary: bool = False,
) -> bool:
    """Give a job back. A due time is completed once; a failed run is stored and backs off.

    Returns whether the job was paused by this failure; a ``temporary`` one never pauses it. Raises StaleFence.
    """
    require_lease(tx, lease)
    row = tx.sql.one("job_by_name", job=lease.job)
    failures = 0 if error is None or row is None else row["failures"] + 1
    if failures:
        longest = LONGEST_TEMPORARY_BACKOFF if temporary else LONGEST_BACKOFF
        next_run_at = tx.now + min(longest, SECOND * 2 ** min(failures, 20))
    completed = error is None and tx.sql.one("run_completed", job=lease.job, due_at=lease.due_at) is None
    if changed or error is not None:
        tx.sql.insert(
            "insert_job_run",
            job=lease.job,
            due_at=lease.due_at,
            fence=lease.fence,
            holder=lease.holder,
            started_at=started_at,
            now=tx.now,
            completed=int(completed),
            summary=summary if error is None else error,
        )
        reached("lease.run-stored")
    tx.sql.change(
        "finish_job",
        job=lease.job,
        holder=lease.holder,
        fence=lease.fence,
        now=tx.now,
        next_run_at=next_run_at,
        error=error,
        failures=failures,
    )
    if failures >= PAUSE_AFTER and not temporary:
        tx.sql.change("pause_job", job=lease.job)
        return True
    return False


def hurry_job(tx: Tx, job: str) -> bool:
    """Make a job due now, and wake it if it was paused; False if it was due already."""
    woken = tx.sql.change("unpause_job", job=job)
    return tx.sql.change("hurry_job", job=job, now=tx.now) + woken > 0


def wake_job(tx: Tx, job: str) -> bool:
    """Make a job due now; one that is paused stays so. False if nothing changed."""
    return tx.sql.change("hurry_job", job=job, now=tx.now) > 0


def lease_is_live(tx: Tx, job: str, ttl: Micros = LEASE_TTL) -> bool:
    """Whether somebody holds the job's lease now; not who was killed: that can be seen on this machine."""
    row = tx.sql.one("job_by_name", job=job)
    return row is not None and is_held(tx, row, ttl) and not holder_is_gone(tx, row)


def is_held(tx: Tx, row: sqlite3.Row, ttl: Micros = LEASE_TTL) -> bool:
    """Whether a job's lease is in force, whoever holds it and whether that process lives."""
    return row["expires_at"] is not None and tx.now < row["expires_at"] <= tx.now + ttl


def holder_is_gone(tx: Tx, row: sqlite3.Row) -> bool:
    """Whether a job's lease is held in the name of an instance of this machine that was killed."""
    return row["holder"] is not None and is_gone(tx.folder, row["holder"], tx.actor.instance)


def all_jobs(tx: Tx) -> list[sqlite3.Row]:
    """Every job with its lease, by name."""
    return tx.sql.all("all_jobs")


def _lease(row: sqlite3.Row) -> Lease:
    return Lease(row["job"], row["holder"], row["fence"], row["acquired_at"], row["expires_at"], row["due_at"])
