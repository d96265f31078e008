"""Transactions: deadlines, clocks, errors, the reader's view, and the end."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from aiosqlite.core import _STOP_RUNNING_SENTINEL

from storage import commits
from storage.connections import raw
from storage.database import Tx, Vault
from storage.errors import (
    IllegalTransition,
    VaultBroken,
    VaultBusy,
    VaultFull,
    WrongMode,
    WrongSchema,
)
from storage.locking import SharedLock
from storage.proposals import open_proposals
from storage.sweeps import bind_exchange
from tests.storage.world import neighbour, note, one_sentence
from tests.support import SteppedClock, opened_vault

ROOT = Path(__file__).parents[2]


async def test_now_is_read_when_the_transaction_has_begun(tmp_path: Path, clock: SteppedClock) -> None:
    async with opened_vault(tmp_path, clock) as vault:
        other = sqlite3.connect(tmp_path / "vault.db", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(vault.transact(lambda tx: (tx.now, tx.monotonic)))
        before = clock.now()
        await until_waiting_for_begin(vault)
        clock.step(4)
        other.execute("COMMIT")
        assert await waiting == (before + 4_000_000, clock.monotonic())
        other.close()


async def until_waiting_for_begin(vault: Vault) -> None:
    """Until the vault's thread holds the lock file, and so is at BEGIN."""
    probe = SharedLock(vault.folder / "vault.lock")
    while probe.share():
        probe.release()
        await asyncio.sleep(0)
    probe.close()


async def until_waiting_for(vault: Vault, who: str) -> None:
    while True:
        waits_for = vault._waits_for
        if waits_for is not None and waits_for() == who:
            return
        await asyncio.sleep(0)


async def test_an_error_rolls_everything_back_and_the_next_transaction_works(vault: Vault) -> None:
    def fail(tx: Tx) -> None:
        note(tx)
        raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose"):
        await vault.transact(fail)
    assert await vault.read(open_proposals) == []
    assert await vault.transact(note) == 1


async def test_an_illegal_transition_has_its_own_error(vault: Vault) -> None:
    def move(state: str) -> Callable[[Tx], object]:
        return lambda tx: tx.db.execute("UPDATE trade_proposals SET state = ?", (state,))

    await vault.transact(note)
    await vault.transact(move("EXPIRED"))
    with pytest.raises(IllegalTransition):
        await vault.transact(move("PROPOSED"))


async def test_a_cancelled_waiter_undoes_nothing(vault: Vault) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(tx: Tx) -> int:
        began.set()
        go_on.wait(20)
        return note(tx)

    waiting = asyncio.create_task(vault.transact(slow))
    assert await asyncio.to_thread(began.wait, 20)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    assert len(await vault.transact(open_proposals)) == 1


async def test_what_waited_in_the_queue_past_its_deadline_never_runs(vault: Vault) -> None:
    began, go_on = threading.Event(), threading.Event()
    ran: list[Tx] = []

    def slow(tx: Tx) -> None:
        began.set()
        go_on.wait(20)

    first = asyncio.create_task(vault.transact(slow))
    assert await asyncio.to_thread(began.wait, 20)
    asked = time.monotonic()
    with pytest.raises(VaultBusy) as error:
        await vault.transact(ran.append, deadline=0.05)
    assert time.monotonic() - asked < 10, "it waited for the queue"
    assert one_sentence(error)
    go_on.set()
    await first
    await vault.transact(note)  # one thread, in turn: whatever was queued before has had its chance
    assert ran == []


async def test_what_begins_past_its_deadline_does_not_run(vault: Vault) -> None:
    # The lock came in time, BEGIN did not: the process was stopped in between.
    class SlowLock:
        def acquire(self, deadline: float) -> bool:
            assert real.acquire(deadline)
            while time.monotonic() <= deadline:
                threading.Event().wait(0.01)
            return True

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    real = vault._lock
    ran: list[Tx] = []
    vault._lock = cast(Any, SlowLock())
    with pytest.raises(VaultBusy):
        await vault.transact(ran.append, deadline=0.1)
    vault._lock = real
    assert ran == []
    assert await vault.transact(note) == 1


@pytest.mark.processes
async def test_another_process_with_the_lock_is_named_in_time(vault: Vault) -> None:
    with neighbour("lock", vault.folder) as holder:
        ran: list[Tx] = []
        began = time.monotonic()
        with pytest.raises(VaultBusy, match=rf"locked by process {holder.pid};") as error:
            await vault.transact(ran.append, deadline=0.3)
        assert time.monotonic() - began < 2
        assert one_sentence(error)
        assert ran == []
        holder.kill()
        assert await vault.transact(note) == 1


@pytest.mark.processes
@pytest.mark.parametrize(("how", "who"), [("lock", "process {pid}"), ("database", "another program")])
async def test_what_queues_behind_a_write_that_waits_says_for_whom(vault: Vault, how: str, who: str) -> None:
    with neighbour(how, vault.folder) as holder:
        first = asyncio.create_task(vault.transact(note, deadline=60))
        await until_waiting_for(vault, who.format(pid=holder.pid))
        with pytest.raises(VaultBusy, match=rf"locked by {who.format(pid=holder.pid)};") as error:
            await vault.transact(note, deadline=0.05)
        assert one_sentence(error)
        holder.kill()
        holder.wait(20)
        await asyncio.gather(first, return_exceptions=True)


@pytest.mark.processes
async def test_another_program_in_the_database_is_busy_in_time(vault: Vault) -> None:
    with neighbour("database", vault.folder) as stranger:
        ran: list[Tx] = []
        began = time.monotonic()
        with pytest.raises(VaultBusy) as error:
            await vault.transact(ran.append, deadline=0.3)
        assert time.monotonic() - began < 2
        assert one_sentence(error)
        assert ran == []
        stranger.kill()
        stranger.wait(20)
        assert await vault.transact(note) == 1


@pytest.mark.processes
async def test_opening_waits_no_longer_than_told(tmp_path: Path) -> None:
    async with opened_vault(tmp_path):
        pass
    with neighbour("lock", tmp_path) as holder:
        began = time.monotonic()
        with pytest.raises(VaultBusy, match=f"process {holder.pid}"):
            async with opened_vault(tmp_path, wait=0.2):
                pass
        assert time.monotonic() - began < 3


async def test_a_full_database_stores_nothing_and_says_so(vault: Vault) -> None:
    def limit(tx: Tx) -> None:
        tx.db.execute(f"PRAGMA max_page_count = {tx.db.execute('PRAGMA page_count').fetchone()[0]}")

    def much(tx: Tx) -> None:
        for _ in range(2000):
            note(tx)

    await vault.transact(limit)
    with pytest.raises(VaultFull) as error:
        await vault.transact(much)
    assert one_sentence(error)
    assert await vault.read(open_proposals) == []
    await vault.transact(lambda tx: tx.db.execute("PRAGMA max_page_count = 100000"))
    assert await vault.transact(note) > 0


class FailingCommit:
    """A connection whose next COMMIT fails, before or after it has done its work."""

    def __init__(self, db: sqlite3.Connection, *, done: bool, code: int) -> None:
        self.db, self.done, self.code, self.armed = db, done, code, True

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.armed:
            self.armed = False
            if self.done:
                self.db.execute("COMMIT")
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.code
            raise error
        return self.db.execute(sql, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


def fail_next_commit(vault: Vault, *, done: bool, code: int = sqlite3.SQLITE_IOERR) -> None:
    vault._writer._connection = cast(Any, FailingCommit(raw(vault._writer), done=done, code=code))


async def test_a_commit_that_failed_is_rolled_back_and_reported(vault: Vault) -> None:
    for code, kind in ((sqlite3.SQLITE_IOERR, VaultBroken), (sqlite3.SQLITE_FULL, VaultFull)):
        fail_next_commit(vault, done=False, code=code)
        with pytest.raises(kind) as error:
            await vault.transact(note)
        assert one_sentence(error)
        assert await vault.read(open_proposals) == []
    assert await vault.transact(note) == 1


async def test_a_commit_that_failed_and_is_in_the_file_counts(vault: Vault) -> None:
    fail_next_commit(vault, done=True)
    assert await vault.transact(note) == 1
    assert len(await vault.read(open_proposals)) == 1


async def test_a_failed_commit_without_an_event_is_never_taken_for_done(vault: Vault) -> None:
    fail_next_commit(vault, done=True)
    with pytest.raises(VaultBroken):
        await vault.transact(
            lambda tx: tx.db.execute("INSERT INTO scan_jobs (job, next_run_at, interval_us) VALUES ('x', 0, 1)")
        )


async def test_a_dead_writer_fails_every_call_at_once(tmp_path: Path) -> None:
    async with opened_vault(tmp_path) as vault:
        vault._writer._tx.put((None, lambda: _STOP_RUNNING_SENTINEL))
        vault._writer._thread.join(20)
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(VaultBroken, match="dead") as error:
                await vault.transact(note)
            assert time.monotonic() - began < 1
            assert one_sentence(error)
    async with opened_vault(tmp_path) as vault:  # it closed, and left no lock behind
        assert await vault.transact(note) == 1


async def test_a_dead_reader_fails_at_once(tmp_path: Path) -> None:
    async with opened_vault(tmp_path) as vault:
        vault._reader._tx.put((None, lambda: _STOP_RUNNING_SENTINEL))
        vault._reader._thread.join(20)
        with pytest.raises(VaultBroken, match="dead"):
            await vault.read(open_proposals)
        with pytest.raises(VaultBroken, match="dead"):
            _ = vault.commits


async def test_a_closed_vault_says_so_and_closes_twice(tmp_path: Path) -> None:
    async with opened_vault(tmp_path) as vault:
        await vault.close()
        for call in (vault.transact(note), vault.read(open_proposals)):
            with pytest.raises(VaultBroken, match="closed"):
                await call
        with pytest.raises(VaultBroken, match="closed"):
            _ = vault.commits


async def test_closing_waits_for_what_is_running_and_closes_behind_the_lock(tmp_path: Path) -> None:
    async with opened_vault(tmp_path) as vault:
        began, go_on = threading.Event(), threading.Event()

        def slow(tx: Tx) -> int:
            began.set()
            go_on.wait(20)
            return note(tx)

        probe = SharedLock(tmp_path / "vault.lock")
        held_at_close: list[bool] = []
        real_close = vault._writer.close

        async def close() -> None:
            held_at_close.append(not probe.share())
            await real_close()

        vault._writer.close = close  # type: ignore[method-assign]
        work = asyncio.create_task(vault.transact(slow))
        assert await asyncio.to_thread(began.wait, 20)
        closing = asyncio.create_task(vault.close())
        threading.Timer(0.1, go_on.set).start()
        await closing
        assert await work == 1
        assert held_at_close == [True]
        probe.close()


async def test_a_vault_migrated_meanwhile_is_not_written(vault: Vault) -> None:
    def newer(tx: Tx) -> None:
        tx.db.execute("PRAGMA user_version = 99")

    await vault.transact(newer)
    ran: list[Tx] = []
    with pytest.raises(WrongSchema) as error:
        await vault.transact(ran.append)
    assert one_sentence(error)
    assert ran == []


async def test_the_reader_cannot_write(vault: Vault) -> None:
    with pytest.raises(VaultBroken):
        await vault.read(note)
    assert await vault.read(open_proposals) == []


async def test_a_read_sees_one_state_throughout(vault: Vault, tmp_path: Path) -> None:
    began, go_on = threading.Event(), threading.Event()

    def twice(tx: Tx) -> tuple[int, int]:
        first = len(open_proposals(tx))
        began.set()
        go_on.wait(20)
        return first, len(open_proposals(tx))

    reading = asyncio.create_task(vault.read(twice))
    assert await asyncio.to_thread(began.wait, 20)
    await vault.transact(note)
    go_on.set()
    assert await reading == (0, 0)
    assert len(await vault.read(open_proposals)) == 1


async def test_every_commit_by_anybody_is_told_and_no_read_is(vault: Vault) -> None:
    told: asyncio.Queue[None] = asyncio.Queue()
    stop = vault.commits.listen(lambda: told.put_nowait(None))
    async with opened_vault(vault.folder) as other, asyncio.timeout(20):
        await told.get()  # the first look
        for writer in (vault, other, vault, other):
            while not told.empty():
                told.get_nowait()
            await writer.transact(note)
            await told.get()
        stop()
        await vault.read(open_proposals)
        await other.transact(note)
        listening = asyncio.Event()
        vault.commits.listen(listening.set)
        await other.transact(note)
        await listening.wait()
        assert told.empty()


async def test_a_vault_that_cannot_be_looked_at_is_news_and_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "TROUBLE_S", 0.001)
    calls: asyncio.Queue[None] = asyncio.Queue()
    watch = commits.CommitWatch((tmp_path / "vault.db").as_uri())
    watch.listen(lambda: calls.put_nowait(None))
    async with asyncio.timeout(20):
        for _ in range(2):
            await calls.get()
        async with opened_vault(tmp_path):
            pass
        assert watch.looks
    watch.close()
    assert not watch.looks


async def test_identity_that_another_process_stored_is_seen(vault: Vault) -> None:
    async with opened_vault(vault.folder) as other:
        await other.transact(lambda tx: bind_exchange(tx, "paper/1"))
        assert other.info.exchange_identity == "paper/1"
        assert (await vault.read(lambda tx: tx.info)).exchange_identity == "paper/1"
        with pytest.raises(WrongMode):
            await vault.transact(lambda tx: bind_exchange(tx, "paper/2"))
        assert vault.info.exchange_identity in (None, "paper/1")
