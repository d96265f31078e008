"""The vault's two connections and its transactions.

A transaction is one plain function. It runs on the writer connection's thread between ``BEGIN IMMEDIATE`` and
``COMMIT``, behind the writer lock that all processes share; nothing in it awaits. Readers have a connection of their
own that cannot write.
"""

from __future__ import annotations

import asyncio
import atexit
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import aiosqlite

from storage import audit
from storage.clock import SECOND, Clock, Entropy, Micros
from storage.codes import Mode
from storage.commits import CommitWatch
from storage.connections import (
    LONGEST_BUSY,
    close_behind,
    configure_reader,
    configure_writer,
    connect,
    hop,
    make_private_file,
    raw,
    roll_back,
    wait_at_most,
)
from storage.crash_points import committed, require_tests_only
from storage.errors import VaultBroken, VaultBusy, VaultDead, WrongSchema
from storage.instances import InstanceMark, tidy_marks
from storage.locking import SharedLock, WriterLock
from storage.models import Actor, VaultInfo
from storage.queries import Sql
from storage.schema import migrate, migrations, schema_version
from storage.setup import read_audit_key, set_up_vault, vault_info
from storage.sqlite_errors import from_os
from storage.sqlite_errors import translated as translated

T = TypeVar("T")

WRITE_DEADLINE: Final = 5.0
"""Seconds a write may wait for queue, lock file and BEGIN together."""

GATE_DEADLINE: Final = 2.0
"""The same for the gate: an order that had to wait longer is not worth sending."""

HEAD_LAG: Final[Micros] = 5 * SECOND


@dataclass(slots=True)
class Tx:
    """One transaction, as its function sees it.

    ``now`` and ``monotonic`` were read after the write lock was held; no earlier time decides anything.
    """

    db: sqlite3.Connection
    sql: Sql
    now: Micros
    monotonic: float
    actor: Actor
    info: VaultInfo
    folder: Path
    _key: bytes
    _newest: audit.AuditRow | None = None
    _urgent: bool = False

    def audit(self, kind: str, subject: str, *, urgent: bool = False, **payload: Any) -> None:
        """Append an event to the audit chain; urgent ones move the head file as soon as they are committed."""
        row = audit.AuditRow(
            seq=0,
            at=self.now,
            kind=kind,
            subject=subject,
            actor=self.actor.name,
            instance=self.actor.instance,
            pid=self.actor.pid,
            payload=audit.canonical_payload(payload),
            mac="",
        )
        self._newest = audit.append_event(self.db, self._key, row)
        self._urgent = self._urgent or urgent


class _Call:
    """A queued function that is either started by the thread or given up by its waiter, never both."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False

    def take(self) -> bool:
        """Win the call; False if the other side has."""
        with self._lock:
            won = not self._taken
            self._taken = True
            return won


@dataclass(slots=True)
class Vault:
    """An open vault. Made by ``open``; one per process and folder."""

    folder: Path
    mode: Mode
    clock: Clock
    actor: Actor
    info: VaultInfo
    _writer: aiosqlite.Connection
    _reader: aiosqlite.Connection
    _lock: WriterLock
    _users: SharedLock
    _mark: InstanceMark
    _key: bytes
    _commits: CommitWatch
    _pending_head: audit.Head | None = field(default=None)
    _head_written_at: Micros = field(default=0)
    _closed: bool = field(default=False)
    _waits_for: Callable[[], str] | None = field(default=None)
    """Who is in the way of the transaction at the head of the queue, or was of the last one; None: nobody."""

    @classmethod
    async def open(
        cls,
        folder: Path,
        mode: Mode,
        clock: Clock,
        entropy: Entropy,
        actor: Actor,
        *,
        wait: float = WRITE_DEADLINE,
    ) -> Vault:
        """Open, and if need be make and migrate, the vault in ``folder``.

        Raises:
            WrongMode, WrongSchema: it belongs to the other mode or to a newer program.
            VaultBusy, VaultFull, VaultBroken: it cannot be opened now, or at all.
        """
        require_tests_only(mode)
        connections: list[aiosqlite.Connection] = []
        try:
            address = make_private_file(folder / "vault.db").as_uri()
            lock = WriterLock(folder / "vault.lock")
            users = SharedLock(folder / "vault.users")
        except OSError as error:
            raise from_os(error, folder) from error
        deadline = time.monotonic() + wait
        try:
            if not users.share():
                raise VaultBusy("the vault is being restored by another process; try again when it is done")
            writer = await connect(address, connections)

            def prepare() -> tuple[VaultInfo, bytes, InstanceMark]:
                if not lock.acquire(deadline):
                    raise VaultBusy(f"{_locked_by(lock.holder())}; nothing was done, try again")
                try:
                    configure_writer(raw(writer), deadline - time.monotonic())
                    migrate(raw(writer))
                    key = read_audit_key(folder, raw(writer), entropy)
                    info = set_up_vault(raw(writer), folder, mode, clock, entropy, actor, key)
                    tidy_marks(folder, {row[0] for row in raw(writer).execute("SELECT holder FROM scan_jobs")})
                    return info, key, InstanceMark(folder, actor.instance)
                finally:
                    lock.release()

            info, key, mark = await hop(writer, translated(prepare))
            reader = await connect(f"{address}?mode=ro", connections)
            await hop(reader, translated(lambda: configure_reader(raw(reader))))
        except BaseException:
            await close_behind(lock, connections, deadline)
            lock.close()
            users.close()
            raise
        vault = cls(folder, mode, clock, actor, info, writer, reader, lock, users, mark, key, CommitWatch(address))
        atexit.register(vault._close_at_exit)
        return vault

    async def transact(self, change: Callable[[Tx], T], *, deadline: float = WRITE_DEADLINE) -> T:
        """Run ``change`` in one write transaction and commit it.

        Raises:
            VaultBusy: not begun within ``deadline`` seconds; nothing was done and nothing will be.
            VaultFull, VaultBroken: it could not be stored.
        """
        self._check_open(self._writer)
        call, until = _Call(), time.monotonic() + deadline

        def run() -> T:
            if not call.take() or time.monotonic() > until:
                raise self._not_begun()
            return self._run_locked(change, until)

        work = asyncio.ensure_future(hop(self._writer, translated(run)))
        work.add_done_callback(_look_at)  # its waiter may be gone; the work is not
        done, _ = await asyncio.wait({work}, timeout=deadline)
        if not done and call.take():
            raise self._not_begun()
        return await work

    async def read(self, query: Callable[[Tx], T]) -> T:
        """Run ``query`` on the read-only connection, on one consistent state of the vault."""
        self._check_open(self._reader)

        def run() -> T:
            db = raw(self._reader)
            db.execute("BEGIN")
            try:
                return query(self._tx(db, vault_info(db)))
            finally:
                roll_back(db)

        return await hop(self._reader, translated(run))

    @property
    def commits(self) -> CommitWatch:
        """Where to hear of every commit by anybody, this process included. Raises VaultBroken once it is closed."""
        self._check_open(self._reader)
        return self._commits

    async def flush_head(self) -> None:
        """Write the audit head if events are newer than it by more than its lag, or at close."""
        if self._pending_head is not None and abs(self.clock.now() - self._head_written_at) >= HEAD_LAG:
            await self._write_pending_head()

    async def close(self) -> None:
        """Write the head, close the writer behind the lock, then the reader (so that no close ever checkpoints)."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self._close_at_exit)
        connections = [self._writer, self._reader]
        await asyncio.to_thread(self._commits.close)
        await close_behind(self._lock, connections, time.monotonic() + WRITE_DEADLINE, self._move_head)
        self._mark.close()
        self._users.close()
        self._lock.close()

    def _close_at_exit(self) -> None:
        """The interpreter ends without ``close``, its loop is gone: still no checkpoint outside the lock.

        The lock is taken on a descriptor of its own, because the vault's thread may be using the other one.
        """
        # An interpreter that ends starts no thread that could wait; and a folder that is gone needs nothing any more.
        with suppress(RuntimeError, FileNotFoundError):
            lock = WriterLock(self.folder / "vault.lock")
            if lock.acquire(time.monotonic() + LONGEST_BUSY):
                self._move_head()
                for connection in (self._writer, self._reader):
                    connection.stop()
                    connection._thread.join(LONGEST_BUSY)

    def users_lock(self) -> SharedLock:
        """The lock every process with this vault open shares."""
        return self._users

    @property
    def audit_key(self) -> bytes:
        """The key of the audit chain, for verification."""
        return self._key

    def _check_open(self, connection: aiosqlite.Connection) -> None:
        if self._closed:
            raise VaultBroken("the vault is closed")
        if not connection._thread.is_alive():
            raise VaultDead("the vault's thread is dead; trading is stopped, restart the program")

    def _tx(self, db: sqlite3.Connection, info: VaultInfo) -> Tx:
        now, monotonic = self.clock.now(), self.clock.monotonic()
        return Tx(db, Sql(db), now, monotonic, self.actor, info, self.folder, self._key)

    def _not_begun(self) -> VaultBusy:
        """For a call whose deadline passed in the queue: what it says is what held up the queue."""
        waits_for = self._waits_for
        why = "the vault's queue was full past the deadline" if waits_for is None else _locked_by(waits_for())
        return VaultBusy(f"{why}; nothing was done, try again")

    def _run_locked(self, change: Callable[[Tx], T], until: float) -> T:
        self._waits_for = self._lock.holder
        if not self._lock.acquire(until):
            raise VaultBusy(f"{_locked_by(self._lock.holder())}; nothing was done, try again")
        self._waits_for = lambda: "another program"
        try:
            db = raw(self._writer)
            wait_at_most(db, until - time.monotonic())
            db.execute("BEGIN IMMEDIATE")
            self._waits_for = None
            try:
                if time.monotonic() > until:
                    raise VaultBusy("the vault was not free before the deadline; nothing was done, try again")
                if schema_version(db) != len(migrations()):
                    raise WrongSchema("the vault was migrated by a newer program meanwhile; restart this one")
                tx = self._tx(db, vault_info(db))
                result = change(tx)
            except BaseException:
                roll_back(db)
                raise
            self._commit(db, tx)
            self.info = tx.info
            return result
        finally:
            self._lock.release()

    def _commit(self, db: sqlite3.Connection, tx: Tx) -> None:
        try:
            db.execute("COMMIT")
        except sqlite3.Error as error:
            roll_back(db)
            if not _was_committed(db, tx):
                raise
            del error  # the commit is in the file after all
        if tx._newest is not None:
            committed(tx._newest.kind)
            self._pending_head = audit.Head(tx._newest.seq, tx._newest.mac, tx.now, tx.info.incarnation)
            if tx._urgent or abs(tx.now - self._head_written_at) >= HEAD_LAG:
                self._move_head()

    def _move_head(self) -> None:
        head = self._pending_head
        if head is None:
            return
        try:
            audit.write_head(self.folder / "audit.head", self._key, head)
        except OSError:
            return  # stays pending; the event itself is committed, and verification shows how far the head is behind
        self._pending_head = None
        self._head_written_at = head.at

    async def _write_pending_head(self) -> None:
        def run() -> None:
            if self._lock.acquire(time.monotonic() + WRITE_DEADLINE):
                try:
                    self._move_head()
                finally:
                    self._lock.release()

        await hop(self._writer, run)


def _locked_by(holder: str) -> str:
    return f"the vault is locked by {holder}"


def _look_at(work: asyncio.Future[Any]) -> None:
    if not work.cancelled():
        work.exception()


def _was_committed(db: sqlite3.Connection, tx: Tx) -> bool:
    """Read whether the transaction is in the file after all, by its audit event; an unaudited one counts as not."""
    if tx._newest is None:
        return False
    row = db.execute("SELECT mac FROM audit_log WHERE seq = ?", (tx._newest.seq,)).fetchone()
    return row is not None and row[0] == tx._newest.mac
