"""Who asks is told of every commit to the vault, by whichever process: one thread looks, the event loop sleeps."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Final

from storage.connections import configure_reader

LOOK_EVERY_S: Final = 0.05
TROUBLE_S: Final = 1.0
"""Seconds until the next look at a vault that cannot be read; whoever reads it meanwhile hears why."""


class CommitWatch:
    """Looks at the vault's data version on a read-only connection of its own while anybody listens.

    Twenty looks a second through the vault's reader would wake the event loop and that thread forty times for nothing.
    """

    def __init__(self, address: str) -> None:
        """``address`` is the database file's URI."""
        self._address = f"{address}?mode=ro"
        self._listeners: list[Callable[[], None]] = []
        self._open = threading.Lock()
        """Held until ``close``: to wait for it costs a third of what waiting for an event does."""
        self._open.acquire()
        self._thread: threading.Thread | None = None

    def listen(self, told: Callable[[], None]) -> Callable[[], None]:
        """Call back on this event loop soon after every commit; the returned function ends it.

        A call may come without a commit: at the beginning, and when the vault cannot be read.
        """
        self._listeners.append(told)
        if self._thread is None:
            loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._look, args=(loop,), name="vault commits", daemon=True)
            self._thread.start()
        return lambda: self._listeners.remove(told) if told in self._listeners else None

    @property
    def looks(self) -> bool:
        """Whether the thread lives, so that no call means no commit."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """End the thread and its connection."""
        self._listeners.clear()
        if self._open.locked():
            self._open.release()
        if self._thread is not None:
            self._thread.join()

    def _ends_within(self, seconds: float) -> bool:
        if not self._open.acquire(timeout=seconds):
            return False
        self._open.release()
        return True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            ended = False
            while not ended:
                try:
                    ended = self._look_until_trouble(loop)
                except sqlite3.Error:
                    loop.call_soon_threadsafe(self._tell)
                    ended = self._ends_within(TROUBLE_S)

    def _look_until_trouble(self, loop: asyncio.AbstractEventLoop) -> bool:
        """True when it was told to end."""
        seen = None
        with closing(sqlite3.connect(self._address, uri=True, isolation_level=None)) as db:
            configure_reader(db)
            while True:
                version = db.execute("PRAGMA data_version").fetchone()[0]
                if version != seen:
                    seen = version
                    loop.call_soon_threadsafe(self._tell)
                if self._ends_within(LOOK_EVERY_S):
                    return True

    def _tell(self) -> None:
        for told in list(self._listeners):
            told()
