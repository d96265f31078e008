"""The stop that needs no database: HALT files, and the lock that senders share.

``HALT`` in the data folder stops both modes and is removed only by hand. ``HALT`` in a mode's folder is made by
renaming the prepared ``HALT.off``, which works on a full disk and without free inodes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

NAME: Final = "HALT"
PREPARED: Final = "HALT.off"
SEND_LOCK: Final = "send.lock"


def halt_file_present(folder: Path) -> Path | None:
    """The HALT file that stops this mode's folder, or None.

    Any answer of the file system but "no such file" counts as present, and so does a folder that is gone.
    """
    if not _surely_exists(folder):
        return folder
    for path in (folder / NAME, folder.parent / NAME):
        if not _surely_absent(path):
            return path
    return None


def prepare_halt(folder: Path) -> None:
    """Put ``HALT.off`` and ``send.lock`` in place, so that a later halt makes no file. Raises OSError."""
    os.close(os.open(folder / SEND_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path = folder / PREPARED
    if _surely_absent(path) and _surely_absent(folder / NAME):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def raise_halt(folder: Path) -> Path:
    """Make the mode's HALT file, or mark the one that stands as made again. Raises OSError if there can be none."""
    path = folder / NAME
    if not _surely_absent(path):
        with suppress(OSError):  # it stops all the same
            os.utime(path)
        return path
    try:
        (folder / PREPARED).rename(path)
    except OSError:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return path


def made_at_ns(path: Path) -> int | None:
    """When a HALT file was last made, renamed or touched, nanoseconds; None for one that cannot be looked at."""
    try:
        return os.lstat(path).st_ctime_ns
    except OSError:
        return None


def written_at_ns(path: Path) -> int | None:
    """When a HALT file was last made or touched, which renaming it leaves as it is; None where there is none."""
    try:
        return os.lstat(path).st_mtime_ns
    except FileNotFoundError:
        return None


def lower_halt(folder: Path) -> int | None:
    """Take the mode's HALT file away by renaming it back; when it was last written, None where there was none.

    Raises OSError.
    """
    path, away = folder / NAME, folder / PREPARED
    if _surely_absent(path):
        return None
    path.rename(away)
    return written_at_ns(away)


def _surely_absent(path: Path) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _surely_exists(path: Path) -> bool:
    try:
        os.lstat(path)
    except OSError:
        return False
    return True
