"""SQLite's and the operating system's errors as the vault's own, each with a sentence for people."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from storage.errors import IllegalTransition, VaultBroken, VaultBusy, VaultError, VaultFull

T = TypeVar("T")


def translated(work: Callable[[], T]) -> Callable[[], T]:
    """SQLite's and the operating system's errors become the vault's, with a sentence for people."""

    def run() -> T:
        try:
            return work()
        except sqlite3.Error as error:
            raise from_sqlite(error) from error
        except OSError as error:
            raise from_os(error, None) from error

    return run


def from_sqlite(error: sqlite3.Error) -> Exception:
    """The vault's error for one of SQLite's; an unknown one stays what it is."""
    code = (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
    text = str(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return VaultBusy("the vault is locked by another program; nothing was done, try again")
    if code == sqlite3.SQLITE_FULL:
        return VaultFull("the disk is full; nothing was stored, free some space")
    if isinstance(error, sqlite3.IntegrityError):
        return IllegalTransition(text) if "illegal transition" in text else error
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return VaultBroken(f"vault.db is damaged or no database ({text}); restore a backup (oracle restore)")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM):
        return VaultBroken(f"vault.db cannot be read or written ({text}); check the folder, its rights and the disk")
    return error


def from_os(error: OSError, folder: Path | None) -> VaultError:
    """The vault's error for one of the operating system's; ``folder`` where that names no file."""
    named = error.filename if error.filename is not None else folder
    path = Path(os.fsdecode(named)) if named is not None else Path()
    if error.errno == errno.ENOSPC:
        return VaultFull(f"the disk is full; nothing was stored, free some space for {path}")
    # What is wrong first: a line that is cut loses the folder, not the reason.
    return VaultBroken(f"{path.name} cannot be used: {error.strerror}; check the rights and the disk of {path}")
