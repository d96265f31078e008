"""The locks between processes: deadlines, holders by name, and what a killed holder leaves behind."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.locking import SharedLock, WriterLock, open_lock_file
from tests.storage.world import neighbour


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[WriterLock]:
    made = WriterLock(tmp_path / "vault.lock")
    yield made
    made.close()


def soon(seconds: float = 20.0) -> float:
    return time.monotonic() + seconds


def is_free(path: Path) -> bool:
    """Whether another descriptor could take the lock now."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def test_the_lock_is_exclusive_until_released(lock: WriterLock) -> None:
    assert lock.acquire(soon())
    assert not is_free(lock.path)
    lock.release()
    assert is_free(lock.path)


@pytest.mark.processes
def test_a_waiter_gives_up_at_its_deadline_and_names_the_holder(lock: WriterLock) -> None:
    with neighbour("lock", lock.path.parent) as holder:
        began = time.monotonic()
        assert not lock.acquire(began + 0.2)
        assert 0.2 <= time.monotonic() - began < 2
        assert lock.holder() == f"process {holder.pid}"


@pytest.mark.processes
def test_a_killed_holder_frees_the_lock(lock: WriterLock) -> None:
    with neighbour("lock", lock.path.parent) as holder:
        assert not lock.acquire(soon(0.05))
        holder.kill()
        assert lock.acquire(soon())
    assert lock.holder() == f"process {os.getpid()}"
    lock.release()


def test_who_gave_up_does_not_keep_the_lock_when_it_comes(lock: WriterLock) -> None:
    other = WriterLock(lock.path)
    assert other.acquire(soon())
    assert not lock.acquire(soon(0.05))
    other.release()
    for thread in [each for each in threading.enumerate() if each.name == "writer-lock"]:
        thread.join(20)
    assert is_free(lock.path)
    other.close()


def test_who_asks_again_after_giving_up_is_served(lock: WriterLock) -> None:
    other = WriterLock(lock.path)
    assert other.acquire(soon())
    assert not lock.acquire(soon(0.05))
    threading.Timer(0.05, other.release).start()
    assert lock.acquire(soon())
    assert not is_free(lock.path)
    lock.release()
    other.close()


def test_two_locks_never_hold_at_once_however_often_waiters_give_up(tmp_path: Path) -> None:
    locks = [WriterLock(tmp_path / "vault.lock") for _ in range(4)]
    inside: list[int] = []
    overlaps: list[int] = []
    served = [0] * len(locks)

    def contend(number: int) -> None:
        mine = locks[number]
        for attempt in range(150):
            if mine.acquire(time.monotonic() + (0.0005 if attempt % 3 else 5)):
                inside.append(number)
                if len(inside) != 1:
                    overlaps.append(number)
                for _ in range(200):  # give the others every chance to come in
                    pass
                if len(inside) != 1:
                    overlaps.append(number)
                inside.remove(number)
                served[number] += 1
                mine.release()

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(len(locks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert overlaps == []
    assert min(served) >= 50
    for each in locks:
        each.close()


def test_the_lock_is_not_lost_when_it_comes_at_the_moment_of_asking_again(
    lock: WriterLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The helper of a waiter that gave up holds the lock for a moment before it hands it back; whoever asks in that
    # moment, on the same descriptor, must not think it has the lock.
    other = WriterLock(lock.path)
    assert other.acquire(soon())
    assert not lock.acquire(soon(0.02))
    real, reached, go_on = fcntl.flock, threading.Event(), threading.Event()

    def slow_unlock(descriptor: int, kind: int) -> None:
        if kind == fcntl.LOCK_UN and threading.current_thread().name == "writer-lock":
            reached.set()
            go_on.wait(5)
        real(descriptor, kind)

    monkeypatch.setattr("storage.locking.fcntl.flock", slow_unlock)
    other.release()
    assert reached.wait(20)
    threading.Timer(0.1, go_on.set).start()
    assert lock.acquire(soon())
    for thread in [each for each in threading.enumerate() if each.name == "writer-lock"]:
        thread.join(20)
    assert not is_free(lock.path)
    lock.release()
    other.close()


def test_closing_while_a_helper_still_waits_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / "vault.lock"
    holder, waiter = WriterLock(path), WriterLock(path)
    assert holder.acquire(soon())
    assert not waiter.acquire(soon(0.02))
    waiter.close()
    holder.release()
    for thread in [each for each in threading.enumerate() if each.name == "writer-lock"]:
        thread.join(20)
        assert not thread.is_alive()
    assert is_free(path)
    holder.close()


def test_an_unreadable_holder_is_an_unknown_process(lock: WriterLock) -> None:
    assert lock.holder() == "an unknown process"
    lock.path.write_bytes(b"\xffgarbage")
    assert lock.holder() == "an unknown process"


def test_lock_files_are_private_and_not_inherited(tmp_path: Path) -> None:
    descriptor = open_lock_file(tmp_path / "some.lock")
    assert stat.S_IMODE(os.stat(tmp_path / "some.lock").st_mode) == 0o600
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


def test_a_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path / "vault.lock")
    assert lock.acquire(soon())
    command = [sys.executable, "-c", "print('up', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        lock.close()
        assert is_free(lock.path)
        child.kill()


@pytest.mark.processes
def test_a_shared_lock_is_taken_alone_only_without_other_holders(tmp_path: Path) -> None:
    mine = SharedLock(tmp_path / "vault.users")
    with neighbour("users", tmp_path) as other:
        assert mine.share()
        assert not mine.alone()
        other.kill()
        other.wait(20)
    assert mine.alone()
    late = SharedLock(mine.path)
    assert not late.share()
    mine.release()
    assert late.share()
    mine.close()
    late.close()


def test_the_program_starts_processes_and_never_forks() -> None:
    """A fork without exec keeps every lock of its parent for as long as it lives."""
    forking = re.compile(r"os\.fork|multiprocessing|ProcessPoolExecutor|pty\.fork|close_fds=False|pass_fds")
    root = Path(__file__).parents[2]
    sources = (path for folder in ("storage", "console") for path in (root / folder).rglob("*.py"))
    assert [str(path) for path in sources if forking.search(path.read_text(encoding="utf-8"))] == []
