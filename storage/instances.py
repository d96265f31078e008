"""Which processes of this machine have the vault open: each shares a lock on a file of its own, freed however it ends.

An instance is named ``MACHINE-TOKEN``. Of another machine nothing can be said: it counts as alive.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from storage.locking import SharedLock

FOLDER: Final = "instances"
PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""Names that can be a file's; an instance with another is never said to be gone."""


class InstanceMark:
    """Says that an instance lives, until it is closed or the process ends. Made and tidied under the writer lock."""

    def __init__(self, folder: Path, instance: str) -> None:
        self._lock: SharedLock | None = None
        if PLAIN.fullmatch(instance) is None:
            return
        with suppress(OSError):  # a full disk must not keep a vault closed; then nobody sees when this one ends
            (folder / FOLDER).mkdir(exist_ok=True, mode=0o700)
            self._lock = SharedLock(folder / FOLDER / instance)
            self._lock.share()
            self._lock.sign()

    def close(self) -> None:
        """Take the mark away."""
        if self._lock is not None:
            with suppress(OSError):
                self._lock.release()
                if self._lock.alone():  # another vault of this process may still share it
                    os.unlink(self._lock.path)
            self._lock.close()


def is_gone(folder: Path, instance: str, reader: str) -> bool:
    """Whether an instance of ``reader``'s machine has left its mark and no longer holds it: it was killed."""
    if instance == reader:
        return False
    if _machine(instance) != _machine(reader) or PLAIN.fullmatch(instance) is None:
        return False
    path = folder / FOLDER / instance
    return path.is_file() and _is_free(path)


def living(folder: Path) -> list[str]:
    """The instances that have the vault open, each with its process."""
    found = []
    with suppress(OSError):
        for path in sorted((folder / FOLDER).iterdir()):
            lock = SharedLock(path)
            try:
                if not lock.alone():
                    number = lock.signed_by()
                    found.append(path.name if number is None else f"process {number} ({path.name})")
            finally:
                lock.close()
    return found


def tidy_marks(folder: Path, holders: Collection[str]) -> None:
    """Take away the marks of killed instances, but those of lease holders: these are still to be seen gone."""
    with suppress(OSError):
        for path in (folder / FOLDER).iterdir():
            if path.name not in holders and _is_free(path):
                path.unlink()


def _machine(instance: str) -> str:
    return instance.rpartition("-")[0]


def _is_free(path: Path) -> bool:
    try:
        lock = SharedLock(path)
    except OSError:
        return False
    try:
        return lock.alone()
    finally:
        lock.close()
