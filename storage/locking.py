"""File locks between processes: the fair writer lock of the vault, and the shared locks that mark users and senders.

``flock`` is freed by the kernel however a process ends. Descriptors are never inheritable, and no process forks.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600


def open_lock_file(path: Path) -> int:
    """Open (making it if need be) a lock file; the descriptor is not inherited by child processes."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)


class WriterLock:
    """An exclusive lock that queues in the kernel, so that waiters are served in turn, with a deadline.

    ``flock`` cannot time out, so one helper thread waits in its place. A waiter whose deadline passes leaves; the
    helper gives the lock back as soon as it gets it, or hands it to whoever waits next in this process.
    Used by one thread at a time: the vault's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = open_lock_file(path)
        self._state = threading.Condition()
        self._held = False
        self._wanted = False
        self._waiting = False
        self._closed = False

    def acquire(self, deadline: float) -> bool:
        """Take the lock before ``deadline`` (a ``time.monotonic`` second); False if that passed first."""
        # All of it under the condition: a helper that is about to hand the lock back holds it on this very descriptor,
        # so that a try beside it would seem to succeed.
        with self._state:
            if self._waiting or not self._try():
                self._wanted = True
                if not self._waiting:
                    self._waiting = True
                    threading.Thread(target=self._wait_in_queue, name="writer-lock", daemon=True).start()
                self._state.wait_for(lambda: self._held, max(deadline - time.monotonic(), 0))
                self._wanted = False
            if not self._held:
                return False
        self._mark_holder()
        return True

    def acquire_within(self, seconds: float) -> bool:
        """The same, counted from now."""
        return self.acquire(time.monotonic() + seconds)

    def release(self) -> None:
        """Give the lock back."""
        with self._state:
            self._held = False
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def holder(self) -> str:
        """Who wrote itself into the lock file last: a pid, or ``an unknown process``."""
        try:
            text = os.pread(self._descriptor, 20, 0).split(b"\n", 1)[0].strip()
        except OSError:
            text = b""
        return f"process {text.decode()}" if text.isdigit() else "an unknown process"

    def close(self) -> None:
        """Close the file; the kernel frees the lock. A helper that still waits closes it when its turn comes."""
        with self._state:
            self._closed = True
            if not self._waiting:
                os.close(self._descriptor)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._held = True
        return True

    def _wait_in_queue(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        with self._state:
            self._waiting = False
            if self._closed:
                os.close(self._descriptor)
            elif self._wanted:
                self._held = True
                self._state.notify_all()
            else:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _mark_holder(self) -> None:
        try:
            os.pwrite(self._descriptor, f"{os.getpid()}\n".ljust(12).encode(), 0)
        except OSError:  # a full disk must not stop a stop; the name is only a courtesy
            return


class SharedLock:
    """A lock many processes may share, and one may take alone to wait until the others have let go."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = open_lock_file(path)

    def share(self) -> bool:
        """Join the holders without waiting; False while somebody holds it alone."""
        return self._take(fcntl.LOCK_SH)

    def alone(self) -> bool:
        """Take it alone without waiting; False while anybody shares it."""
        return self._take(fcntl.LOCK_EX)

    def sign(self) -> None:
        """Write this process's number into the file, for whoever finds it held."""
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def signed_by(self) -> str | None:
        """The number of the process that signed it last."""
        text = os.pread(self._descriptor, 20, 0).split(b"\n", 1)[0]
        return text.decode() if text.isdigit() else None

    def release(self) -> None:
        """Let go."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file and with it the lock."""
        os.close(self._descriptor)

    def _take(self, kind: int) -> bool:
        try:
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
