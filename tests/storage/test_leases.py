"""Leases: one holder at a time, whatever the clocks do, and no word from whoever lost its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from storage.clock import DAY, MINUTE, SECOND, Micros
from storage.database import Tx
from storage.errors import StaleFence
from storage.leases import (
    LEASE_TTL,
    LONGEST_BACKOFF,
    LONGEST_TEMPORARY_BACKOFF,
    PAUSE_AFTER,
    acquire_lease,
    all_jobs,
    finish_lease,
    hurry_job,
    lease_is_live,
    register_job,
    renew_lease,
    require_lease,
    wake_job,
)
from storage.models import Lease

JOB: Final = "look"
INTERVAL: Final = MINUTE


@pytest.fixture
def jobs(tx: Tx) -> Tx:
    register_job(tx, JOB, INTERVAL)
    return tx


def taken(tx: Tx, holder: str = "a") -> Lease:
    lease = acquire_lease(tx, JOB, holder)
    assert lease is not None
    return lease


def finish(tx: Tx, lease: Lease, next_run_at: Micros | None = None, **how: Any) -> bool:
    given: dict[str, Any] = {"started_at": tx.now, "summary": "done", "changed": True, "error": None, **how}
    return finish_lease(tx, lease, next_run_at=tx.now + INTERVAL if next_run_at is None else next_run_at, **given)


def runs(tx: Tx) -> list[tuple[int, int]]:
    return [tuple(row) for row in tx.db.execute("SELECT due_at, completed FROM job_runs ORDER BY id")]


def test_one_holds_the_job_and_others_get_nothing(jobs: Tx) -> None:
    lease = taken(jobs)
    assert (lease.holder, lease.fence, lease.expires_at) == ("a", 1, jobs.now + LEASE_TTL)
    assert acquire_lease(jobs, JOB, "b") is None
    assert acquire_lease(jobs, JOB, "a") is None
    assert lease_is_live(jobs, JOB)


def test_an_unknown_job_is_nobodys(tx: Tx) -> None:
    assert acquire_lease(tx, "no such job", "a") is None
    assert not lease_is_live(tx, "no such job")


def test_a_job_runs_when_it_is_due_and_not_before(jobs: Tx) -> None:
    finish(jobs, taken(jobs))
    assert not lease_is_live(jobs, JOB)
    jobs.now += INTERVAL - 1
    assert acquire_lease(jobs, JOB, "a") is None
    jobs.now += 1
    assert taken(jobs).fence == 2


def test_an_expired_lease_is_taken_over_with_a_higher_fence(jobs: Tx) -> None:
    old = taken(jobs, "a")
    jobs.now += LEASE_TTL - 1
    assert acquire_lease(jobs, JOB, "b") is None
    jobs.now += 1
    assert not lease_is_live(jobs, JOB)
    new = taken(jobs, "b")
    assert new.fence == old.fence + 1
    for write in (lambda: renew_lease(jobs, old), lambda: require_lease(jobs, old), lambda: finish(jobs, old)):
        with pytest.raises(StaleFence):
            write()
    require_lease(jobs, new)
    assert runs(jobs) == []


def test_the_same_holder_with_an_older_fence_is_stale(jobs: Tx) -> None:
    old = taken(jobs, "a")
    jobs.now += LEASE_TTL
    new = taken(jobs, "a")
    with pytest.raises(StaleFence):
        require_lease(jobs, old)
    require_lease(jobs, new)


def test_a_fence_or_holder_made_up_is_stale(jobs: Tx) -> None:
    lease = taken(jobs)
    for wrong in (replace(lease, fence=2), replace(lease, holder="b"), replace(lease, job="scan")):
        for write in (renew_lease, require_lease):
            with pytest.raises(StaleFence):
                write(jobs, wrong)
        with pytest.raises(StaleFence):
            finish(jobs, wrong)


def test_a_heartbeat_moves_the_expiry_on(jobs: Tx) -> None:
    lease = taken(jobs)
    jobs.now += LEASE_TTL // 3
    renewed = renew_lease(jobs, lease)
    assert renewed.expires_at == jobs.now + LEASE_TTL
    assert renewed.fence == lease.fence
    jobs.now = renewed.expires_at - 1
    assert acquire_lease(jobs, JOB, "b") is None


def test_a_finished_lease_writes_no_more(jobs: Tx) -> None:
    lease = taken(jobs)
    finish(jobs, lease)
    for write in (lambda: renew_lease(jobs, lease), lambda: require_lease(jobs, lease), lambda: finish(jobs, lease)):
        with pytest.raises(StaleFence):
            write()


def test_a_clock_that_went_back_frees_lease_and_due_time(jobs: Tx) -> None:
    old = taken(jobs, "a")
    jobs.now -= DAY  # the expiry now lies more than one TTL ahead
    assert not lease_is_live(jobs, JOB)
    new = taken(jobs, "b")
    assert new.due_at == jobs.now
    with pytest.raises(StaleFence):
        require_lease(jobs, old)
    finish(jobs, new)
    jobs.now -= DAY  # the due time now lies more than one interval ahead
    assert taken(jobs, "a").due_at == jobs.now


def test_a_due_time_is_completed_once_and_a_crashed_run_repeated(jobs: Tx) -> None:
    due = jobs.now
    taken(jobs, "crashed")
    jobs.now += LEASE_TTL
    again = taken(jobs, "b")
    assert again.due_at == due, "the run of the crashed holder is repeated, not skipped"
    finish(jobs, again, next_run_at=due)  # due again at the very same time
    jobs.now += 1
    third = taken(jobs, "c")
    assert third.due_at == due
    finish(jobs, third)
    assert runs(jobs) == [(due, 1), (due, 0)]


def test_a_run_that_changed_nothing_leaves_no_row(jobs: Tx) -> None:
    finish(jobs, taken(jobs), changed=False)
    assert runs(jobs) == []
    jobs.now += INTERVAL
    assert taken(jobs).fence == 2


@pytest.mark.parametrize("interval", [5 * SECOND, INTERVAL, DAY])
def test_failures_back_off_are_shown_and_pause_in_the_end(jobs: Tx, interval: Micros) -> None:
    register_job(jobs, JOB, interval)
    for failure in range(1, PAUSE_AFTER + 1):
        paused = finish(jobs, taken(jobs), error=f"broken {failure}", changed=False)
        assert paused is (failure == PAUSE_AFTER)
        [job] = all_jobs(jobs)
        assert (job["failures"], job["last_error"]) == (failure, f"broken {failure}")
        due = jobs.now + min(LONGEST_BACKOFF, SECOND * 2**failure)
        for moment in (jobs.now, due - 1):
            jobs.now = moment
            assert acquire_lease(jobs, JOB, "a") is None, f"it does not wait after failure {failure}"
        jobs.now = due
    assert acquire_lease(jobs, JOB, "a") is None, "it is paused"
    assert len(runs(jobs)) == PAUSE_AFTER
    assert {completed for _, completed in runs(jobs)} == {0}


def test_what_is_temporary_is_tried_often_and_never_paused(jobs: Tx) -> None:
    for failure in range(1, 3 * PAUSE_AFTER):
        assert not finish(jobs, taken(jobs), error="the exchange is away", temporary=True)
        due = jobs.now + min(LONGEST_TEMPORARY_BACKOFF, SECOND * 2**failure)
        for moment in (jobs.now, due - 1):
            jobs.now = moment
            assert acquire_lease(jobs, JOB, "a") is None
        jobs.now = due


def test_a_success_forgets_the_failures(jobs: Tx) -> None:
    finish(jobs, taken(jobs), error="broken")
    jobs.now += INTERVAL
    finish(jobs, taken(jobs))
    [job] = all_jobs(jobs)
    assert (job["failures"], job["last_error"]) == (0, None)


def test_a_hurried_job_is_due_and_awake(jobs: Tx) -> None:
    assert not hurry_job(jobs, JOB), "it is due already"
    for _ in range(PAUSE_AFTER):
        finish(jobs, taken(jobs), error="broken")
        jobs.now += LONGEST_BACKOFF
    assert acquire_lease(jobs, JOB, "a") is None
    assert hurry_job(jobs, JOB)
    finish(jobs, taken(jobs))
    assert hurry_job(jobs, JOB)
    assert taken(jobs).due_at == jobs.now


def test_a_job_that_is_woken_is_due_but_a_paused_one_stays_paused(jobs: Tx) -> None:
    assert not wake_job(jobs, JOB), "it is due already"
    finish(jobs, taken(jobs))
    assert wake_job(jobs, JOB)
    assert taken(jobs).due_at == jobs.now
    for _ in range(PAUSE_AFTER):
        jobs.now += LONGEST_BACKOFF
        finish(jobs, taken(jobs), error="broken")
    wake_job(jobs, JOB)
    assert acquire_lease(jobs, JOB, "a") is None


def test_registering_again_keeps_lease_and_due_time_and_takes_the_new_interval(jobs: Tx) -> None:
    lease = taken(jobs)
    before = dict(all_jobs(jobs)[0])
    register_job(jobs, JOB, 2 * INTERVAL)
    assert dict(all_jobs(jobs)[0]) == before | {"interval_us": 2 * INTERVAL}
    require_lease(jobs, lease)


def test_jobs_are_leased_apart(jobs: Tx) -> None:
    register_job(jobs, "scan", INTERVAL)
    look = taken(jobs, "a")
    scan = acquire_lease(jobs, "scan", "b")
    assert scan is not None
    assert (look.fence, scan.fence) == (1, 1)
    assert [job["job"] for job in all_jobs(jobs)] == ["look", "scan"]
