"""The vault's connections: each with a thread of its own, opened with the pragmas it needs, closed behind the lock."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import aiosqlite

from storage.errors import VaultBroken
from storage.locking import WriterLock
from storage.sqlite_errors import from_sqlite

T = TypeVar("T")

LONGEST_BUSY: Final = 1.0
"""Seconds SQLite waits for another connection at most."""


def make_private_file(path: Path) -> Path:
    """Make the database file, for its owner alone, if there is none; its absolute path."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Only for a new file: opening an existing one here would drop the locks of this process's own connections.
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return path.absolute()


async def connect(address: str, connections: list[aiosqlite.Connection]) -> aiosqlite.Connection:
    """Open a connection and note it in ``connections``. Raises the vault's errors."""
    connection = aiosqlite.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    # A process that ends without closing must not wait for this thread for ever; ``_close_at_exit`` ends it.
    connection._thread.daemon = True
    try:
        await connection
    except BaseException as error:
        connection._thread.join()  # it only has to hear that it is over, and must not outlive the loop
        if isinstance(error, sqlite3.Error):
            raise from_sqlite(error) from error
        raise
    connections.append(connection)
    return connection


def configure_writer(db: sqlite3.Connection, left: float) -> None:
    """Rows by name, write-ahead log, every commit synced, foreign keys; it waits at most ``left`` seconds.

    Raises VaultBroken without such a log.
    """
    db.row_factory = sqlite3.Row
    wait_at_most(db, left)
    if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise VaultBroken("the vault's file system does not support write-ahead logging; choose another --home")
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "recursive_triggers = ON"):
        db.execute(f"PRAGMA {pragma}")


def wait_at_most(db: sqlite3.Connection, left: float) -> None:
    """How long SQLite waits for another connection: what is left of a deadline (seconds), within bounds."""
    db.execute(f"PRAGMA busy_timeout = {int(min(max(left, 0.0), LONGEST_BUSY) * 1000)}")


def configure_reader(db: sqlite3.Connection) -> None:
    """Rows by name, and no way to write."""
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA busy_timeout = 1000")
    db.execute("PRAGMA query_only = ON")
    db.execute("SELECT count(*) FROM vault_info").fetchone()


async def hop(connection: aiosqlite.Connection, work: Callable[[], T]) -> T:
    """Run a whole function on the connection's thread."""
    # The one use of the private _execute: a whole function in one thread hop instead of one hop per statement.
    result: T = await connection._execute(work)  # type: ignore[no-untyped-call]
    return result


def raw(connection: aiosqlite.Connection) -> sqlite3.Connection:
    """The connection itself, for functions on its thread."""
    return connection._conn


def roll_back(db: sqlite3.Connection) -> None:
    """End a transaction that may have ended by itself."""
    # A full disk or an input/output error has rolled back already; a second ROLLBACK would hide which it was.
    if db.in_transaction:
        db.execute("ROLLBACK")


async def close_behind(
    lock: WriterLock,
    connections: list[aiosqlite.Connection],
    deadline: float,
    last: Callable[[], None] = lambda: None,
) -> None:
    """Close the writer behind the lock, then the reader (so that no close ever checkpoints outside it)."""
    for connection in connections:
        if not connection._thread.is_alive():
            continue
        held = False
        if connection is connections[0]:
            # On the vault's own thread, after all that is queued there: the lock knows no second thread.
            held = await hop(connection, lambda: lock.acquire(deadline))
            if held:
                await hop(connection, last)
        await connection.close()
        if held:
            lock.release()
