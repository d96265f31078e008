"""The lock between senders and a stop: senders share it from their last HALT check to the end of the POST."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from storage.clock import Clock
from storage.halt_file import SEND_LOCK
from storage.locking import SharedLock

POLL_S: Final = 0.02


@contextmanager
def sending(folder: Path) -> Iterator[bool]:
    """Share the lock while sending; yields False, and must not send, while somebody is halting."""
    lock = SharedLock(folder / SEND_LOCK)
    try:
        yield lock.share()
    finally:
        lock.close()


async def wait_for_senders(folder: Path, clock: Clock, seconds: float, sleep_s: float = POLL_S) -> str | None:
    """Wait until nobody is sending. None when that is so; else, after ``seconds``, who still is."""
    lock = SharedLock(folder / SEND_LOCK)
    until = clock.monotonic() + seconds
    try:
        while not lock.alone():
            if clock.monotonic() >= until:
                return _holders(folder / SEND_LOCK)
            await asyncio.sleep(sleep_s)
        return None
    finally:
        lock.close()


def _holders(path: Path) -> str:
    """Which processes hold a lock on a file, as Linux lists them; elsewhere only that somebody does."""
    try:
        inode = os.stat(path).st_ino
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return "another process"
    mine = os.getpid()
    # Columns: number, FLOCK, ADVISORY, WRITE|READ, pid, major:minor:inode, start, end.
    rows = [line.replace("->", "").split() for line in lines if " -> " not in line]
    pids = {row[4] for row in rows if len(row) >= 6 and row[1] == "FLOCK" and row[5].endswith(f":{inode}")}
    others = sorted(int(pid) for pid in pids if pid.isdigit() and int(pid) != mine)
    return ", ".join(f"process {pid}" for pid in others) or "this process"
