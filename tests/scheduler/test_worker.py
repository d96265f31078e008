"""Schedulers beside each other on one vault: each due time is served once, whoever dies, breaks or is late."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from console.scheduler import worker
from console.scheduler.jobs import HeldLease
from storage.alerts import alert
from storage.clock import DAY, MINUTE, SECOND
from storage.codes import JobName
from storage.database import Tx, Vault
from storage.errors import StaleFence
from storage.leases import LEASE_TTL, PAUSE_AFTER, acquire_lease, lease_is_live, register_job
from storage.models import Lease
from tests.execution.kit import until
from tests.scheduler.kit import Counted, ExchangeDown, job, job_row, rows, settled, working
from tests.support import SteppedClock, opened_vault


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "POLL_S", 0.002)
    monkeypatch.setattr(worker, "QUIET_S", 0.002)
    monkeypatch.setattr(worker, "HEARTBEAT_S", 0.01)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
async def vault(tmp_path: Path, clock: SteppedClock) -> AsyncIterator[Vault]:
    async with opened_vault(tmp_path, clock) as opened:
        yield opened


async def until_true(condition: Callable[[], bool]) -> None:
    async def look() -> bool:
        return condition()

    await until(look, 5)


async def ran(vault: Vault, counted: Counted, runs: int, name: JobName = JobName.EXPIRE) -> None:
    """Until so many runs are over and the lease is given back; no more have begun."""

    async def over() -> bool:
        row = await job_row(vault, name)
        return counted.runs == runs and row["holder"] is None and row["last_run_at"] is not None

    await until(over, 5)
    await settled(vault)
    assert counted.runs == runs


async def take(vault: Vault, holder: str) -> Lease:
    def claim(tx: Tx) -> Lease | None:
        register_job(tx, JobName.EXPIRE, MINUTE)
        return acquire_lease(tx, JobName.EXPIRE, holder)

    lease = await vault.transact(claim)
    assert lease is not None
    return lease


async def test_of_two_workers_one_runs_each_due_time(vault: Vault, clock: SteppedClock, tmp_path: Path) -> None:
    counted = Counted()
    async with (
        opened_vault(tmp_path, clock) as other,
        working(vault, clock, "one", job(counted)),
        working(other, clock, "two", job(counted)),
    ):
        for turn in range(1, 5):
            await ran(vault, counted, turn)
            clock.step(60)
    done = await rows(vault, "SELECT due_at, completed FROM job_runs ORDER BY id")
    assert [row["completed"] for row in done][:4] == [1] * 4
    assert len({row["due_at"] for row in done}) == len(done)


async def test_a_killed_holders_job_runs_again_after_its_lease_and_not_before(
    vault: Vault, clock: SteppedClock
) -> None:
    dead = await take(vault, "dead")
    counted = Counted()
    async with working(vault, clock, "living", job(counted)):
        clock.step(LEASE_TTL / SECOND - 0.001)
        await settled(vault)
        assert counted.runs == 0
        clock.step(0.001)
        await until_true(lambda: counted.runs == 1)
        held = HeldLease(vault, clock, dead)
        with pytest.raises(StaleFence, match="taken over"):
            await held.transact(lambda tx: alert(tx, "notice", "dead", "writes once more"))
    assert await rows(vault, "SELECT id FROM alerts") == []


async def test_whoever_lost_the_lease_while_it_ran_writes_nothing_and_gives_nothing_back(
    vault: Vault, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HEARTBEAT_S", 3600.0)  # a process that was stopped and goes on later
    gate = asyncio.Event()
    stale: list[str] = []

    async def slow(held: HeldLease) -> str:
        await gate.wait()
        try:
            await held.transact(lambda tx: alert(tx, "notice", "slow", "late write"))
        except StaleFence as error:
            stale.append(str(error))
            raise
        return "wrote"

    async with working(vault, clock, "slow", job(slow)):

        async def held_by_slow() -> bool:
            return bool((await job_row(vault))["holder"] == "slow")

        await until(held_by_slow)
        clock.step(LEASE_TTL / SECOND)
        taken = await take(vault, "quick")
        gate.set()
        await until_true(lambda: bool(stale))
        await settled(vault)
        row = await job_row(vault)
        assert (row["holder"], row["fence"], row["failures"]) == ("quick", taken.fence, 0)
    assert await rows(vault, "SELECT id FROM alerts") == []


async def test_a_failing_job_backs_off_and_pauses_with_an_alert(vault: Vault, clock: SteppedClock) -> None:
    counted = Counted(fails_with=ValueError("no such number"))
    waits = []
    async with working(vault, clock, "one", job(counted)) as scheduler:
        for turn in range(1, PAUSE_AFTER + 1):

            async def failed(turn: int = turn) -> bool:
                row = await job_row(vault)
                return bool(row["failures"] == turn and row["holder"] is None)

            await until(failed)
            row = await job_row(vault)
            await settled(vault)
            assert counted.runs == turn  # not again before its wait is over
            waits.append((row["next_run_at"] - clock.now()) // SECOND)
            assert row["last_error"] == "ValueError: no such number"
            assert scheduler.errors[JobName.EXPIRE] == "ValueError: no such number"
            clock.at = row["next_run_at"]
        clock.step(3600)
        await settled(vault)
        assert counted.runs == PAUSE_AFTER
        assert (await job_row(vault))["paused"] == 1
        alerts = await rows(vault, "SELECT level, subject, text FROM alerts")
        assert [(row["level"], row["subject"]) for row in alerts] == [("critical", "job expire")]
        assert "no such number" in alerts[0]["text"]
        counted.fails_with = None
        assert await scheduler.hurry(JobName.EXPIRE)  # the way back
        await until_true(lambda: counted.runs == PAUSE_AFTER + 1)
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256]
    row = await job_row(vault)
    assert (row["failures"], row["last_error"], row["paused"]) == (0, None, 0)


async def test_what_fails_for_now_only_never_pauses_and_tries_again_soon(vault: Vault, clock: SteppedClock) -> None:
    counted = Counted(fails_with=ExchangeDown("silent"))
    async with working(vault, clock, "one", job(counted)):
        for turn in range(1, PAUSE_AFTER + 4):

            async def failed(turn: int = turn) -> bool:
                row = await job_row(vault)
                return bool(row["failures"] == turn and row["holder"] is None)

            await until(failed)
            clock.step(15)
        row = await job_row(vault)
    assert row["paused"] == 0
    assert row["last_error"] == "temporary ExchangeDown: silent"
    assert await rows(vault, "SELECT id FROM alerts") == []


async def test_a_broken_job_ends_no_other_and_is_in_log_and_row(
    vault: Vault, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = Counted(), Counted(fails_with=ValueError("bare"))
    async with working(vault, clock, "one", job(bad, JobName.LOOK), job(good, JobName.EXPIRE)) as scheduler:
        for turn in (1, 2):
            await ran(vault, bad, turn, JobName.LOOK)
            await ran(vault, good, turn)
            clock.step(60)
        assert scheduler.errors == {JobName.LOOK: "ValueError: bare"}
    assert (await job_row(vault, JobName.LOOK))["last_error"] == "ValueError: bare"
    broken = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert broken
    assert broken[0].exc_info is not None
    runs = await rows(vault, "SELECT completed, summary FROM job_runs WHERE job = 'look'")
    assert {(row["completed"], row["summary"]) for row in runs} == {(0, "ValueError: bare")}


async def test_a_held_job_keeps_its_lease_live_and_gives_it_back_at_the_end(vault: Vault, clock: SteppedClock) -> None:
    counted = Counted()
    held = job(counted, JobName.KEEPER, every=5_000, held=True)
    async with working(vault, clock, "one", held), working(vault, clock, "two", held):
        await until_true(lambda: counted.runs >= 3)
        for _ in range(5):
            before = (await job_row(vault, JobName.KEEPER))["expires_at"]
            clock.step(100)

            async def renewed(before: int = before) -> bool:
                expires_at: int = (await job_row(vault, JobName.KEEPER))["expires_at"]
                return expires_at > before

            await until(renewed)
            assert await vault.read(lambda tx: lease_is_live(tx, JobName.KEEPER))
        assert len(set(counted.holders)) == 1
        assert (await job_row(vault, JobName.KEEPER))["fence"] == 1
    row = await job_row(vault, JobName.KEEPER)
    assert (row["holder"], row["expires_at"]) == (None, None)
    assert not await vault.read(lambda tx: lease_is_live(tx, JobName.KEEPER))


async def test_stop_lets_a_running_job_end(vault: Vault, clock: SteppedClock) -> None:
    counted = Counted(gate=asyncio.Event())
    async with working(vault, clock, "one", job(counted)) as scheduler:
        await until_true(lambda: counted.runs == 1)
        stopping = asyncio.create_task(scheduler.stop())
        await settled(vault)
        assert not stopping.done()
        assert counted.gate is not None
        counted.gate.set()
        await stopping
    row = await job_row(vault)
    assert (row["holder"], row["last_run_at"]) == (None, clock.now())


async def test_one_read_asks_for_all_jobs_and_a_commit_for_the_next_one(
    vault: Vault, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "QUIET_S", 3600.0)
    looks: list[int] = []

    def wanted(tx: Tx) -> bool:
        looks.append(tx.db.total_changes)
        return False

    reads, read = [0], Vault.read

    async def counted_read(self: Vault, query: Callable[[Tx], object]) -> object:
        reads[0] += 1
        return await read(self, query)

    monkeypatch.setattr(Vault, "read", counted_read)
    jobs = [job(Counted(), name, wanted=wanted) for name in (JobName.EXPIRE, JobName.FILLS, JobName.LOOK)]
    async with working(vault, clock, "one", *jobs):
        await until_true(lambda: len(looks) >= len(jobs) and len(looks) == reads[0] * len(jobs))
        # Two more looks may be due to the start: the watch's first look and the start's own commit count as news.
        for _ in range(3):
            before = reads[0]
            await vault.transact(lambda tx: alert(tx, "notice", "somebody", "commits"))
            await until_true(lambda before=before: reads[0] > before)  # type: ignore[misc]


async def test_a_job_of_which_it_cannot_be_said_whether_it_is_due_keeps_no_other_waiting(
    vault: Vault, clock: SteppedClock
) -> None:
    def broken(tx: Tx) -> bool:
        raise ValueError("no answer")

    counted = Counted()
    jobs = (job(Counted(), JobName.EXPIRE, wanted=broken), job(counted, JobName.LOOK))
    async with working(vault, clock, "one", *jobs) as scheduler:
        await ran(vault, counted, 1, JobName.LOOK)
        assert scheduler.errors == {JobName.EXPIRE: "ValueError: no answer"}


async def test_a_hurried_job_is_due_at_once(vault: Vault, clock: SteppedClock) -> None:
    counted = Counted()
    async with working(vault, clock, "one", job(counted)) as scheduler:
        await ran(vault, counted, 1)
        assert await scheduler.hurry(JobName.EXPIRE)
        await until_true(lambda: counted.runs == 2)


@pytest.mark.parametrize(("pace", "waits"), [(120 * MINUTE, 120 * 60), (3 * DAY, 24 * 60 * 60)])
async def test_a_job_slows_down_to_its_pace_but_not_past_its_longest_interval(
    vault: Vault, clock: SteppedClock, pace: int, waits: int
) -> None:
    """A due time further ahead than the registered interval counts as due, and would make it run again and again."""
    counted = Counted()
    async with working(vault, clock, "one", job(counted, JobName.SCAN, every=DAY, pace=lambda: pace)):
        await ran(vault, counted, 1, JobName.SCAN)
        clock.step(waits - 1)
        await settled(vault)
        assert counted.runs == 1
        clock.step(1)
        await until_true(lambda: counted.runs == 2)


async def test_after_the_clock_went_back_a_job_is_due_again(vault: Vault, clock: SteppedClock) -> None:
    counted = Counted()
    async with working(vault, clock, "one", job(counted)):
        await ran(vault, counted, 1)
        clock.jump(-3600)
        await until_true(lambda: counted.runs == 2)


async def test_no_outside_call_begins_on_a_lease_that_is_about_to_end(vault: Vault, clock: SteppedClock) -> None:
    held = HeldLease(vault, clock, await take(vault, "one"))
    held.require_time(120)
    clock.step(105.5)
    with pytest.raises(StaleFence, match="runs out"):
        held.require_time(15)


async def test_a_fault_beside_the_job_itself_does_not_end_its_loop(vault: Vault, clock: SteppedClock) -> None:
    """The pace is asked for when the lease is given back; the run is repeated once the lease has run out."""
    counted = Counted()
    paces: list[ValueError | int] = [ValueError("no pace"), MINUTE]

    def pace() -> int:
        found = paces.pop(0) if paces else MINUTE
        if isinstance(found, ValueError):
            raise found
        return found

    async with working(vault, clock, "one", job(counted, pace=pace)) as scheduler:
        await until_true(lambda: JobName.EXPIRE in scheduler.errors)
        assert scheduler.errors[JobName.EXPIRE] == "ValueError: no pace"
        clock.step(LEASE_TTL / SECOND)
        await ran(vault, counted, 2)
        assert scheduler.errors == {}


async def test_a_due_job_without_work_takes_no_lease(vault: Vault, clock: SteppedClock) -> None:
    counted, work = Counted(), []  # type: tuple[Counted, list[int]]
    async with working(vault, clock, "one", job(counted, wanted=lambda tx: bool(work))):
        clock.step(300)
        await settled(vault)
        assert counted.runs == 0
        assert (await job_row(vault))["fence"] == 0
        work.append(1)
        await ran(vault, counted, 1)


async def test_an_urgent_job_runs_every_five_seconds(vault: Vault, clock: SteppedClock) -> None:
    counted, urgent = Counted(), [1]
    async with working(vault, clock, "one", job(counted, urgent=lambda tx: bool(urgent))):
        await ran(vault, counted, 1)
        clock.step(4.9)
        await settled(vault)
        assert counted.runs == 1
        clock.step(0.2)
        await ran(vault, counted, 2)
        urgent.clear()
        clock.step(20)
        await settled(vault)
        assert counted.runs == 2


async def test_a_held_job_keeps_its_lease_over_an_exchange_that_is_away(vault: Vault, clock: SteppedClock) -> None:
    counted = Counted(fails_with=ExchangeDown("away"))
    keeper = job(counted, JobName.KEEPER, held=True, every=SECOND // 100)
    async with working(vault, clock, "one", keeper) as scheduler:
        await until_true(lambda: counted.runs >= 2)
        assert await vault.read(lambda tx: lease_is_live(tx, JobName.KEEPER))
        assert "away" in scheduler.errors[JobName.KEEPER]
        counted.fails_with = None
        await until_true(lambda: JobName.KEEPER not in scheduler.errors)
