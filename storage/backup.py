"""Online backups: a folder with the database, its audit head, a manifest and, if asked for, the audit key.

The copy is one step of SQLite's backup API from a read-only connection, so that it is one committed state of the vault
whoever writes meanwhile, and no writer waits for it. It is verified before it gets its name: a folder that carries one
is a whole backup.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import sqlite3
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from storage import audit
from storage.clock import SECOND, Clock, Micros
from storage.codes import Mode
from storage.connections import make_private_file
from storage.errors import BadBackup, VaultBroken, VaultBusy, WrongMode
from storage.locking import SharedLock
from storage.schema import APPLICATION_ID, migrations, schema_version
from storage.setup import vault_info
from storage.sqlite_errors import translated
from storage.verification import connect_read_only, vault_exists

MANIFEST: Final = "backup.json"
DATABASE, HEAD, KEY = "vault.db", "audit.head", "audit.key"
FORMAT: Final = 1
CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself, under the vault's own key."""

    format: int
    vault_id: str
    incarnation: str
    mode: str
    schema: int
    seq: int
    """The number of its newest audit event."""
    at: Micros
    """When the copy was begun: what is committed by then is in it."""
    size: int
    """Of the database file, bytes."""
    sha256: str
    """Of the database file."""

    def mac(self, key: bytes) -> str:
        """What only whoever has the vault's key can write."""
        text = json.dumps(["backup", asdict(self)], sort_keys=True, separators=(",", ":"))
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Backup:
    """A folder that is a whole backup."""

    path: Path
    manifest: Manifest
    with_key: bool


def back_up(folder: Path, mode: Mode, clock: Clock, target: Path | None, *, with_key: bool) -> Backup:
    """Copy the vault of a mode's folder into the new folder ``target`` (None: one named by the time, in ``backups``).

    Opens nothing for writing, takes no lock that a writer waits for, and leaves nothing behind where it fails.

    Raises:
        VaultBusy: the vault is being restored, or another backup is being written.
        WrongMode, VaultFull, VaultBroken: among these what verification found wrong with the copy.
    """
    if not vault_exists(folder):
        raise VaultBroken(f"there is no vault in {folder} to back up")
    begun_at = clock.now()
    with ExitStack() as stack:
        users = _lock_file(stack, folder / "vault.users")
        if not users.share():
            raise VaultBusy("the vault is being restored by another process; try again when it is done")
        if not _lock_file(stack, folder / "backup.lock").alone():
            raise VaultBusy("another backup of this vault is being written; try again when it is done")
        path = _free_name(folder / "backups", begun_at) if target is None else target
        if path.is_dir() and any(path.iterdir()):
            raise BadBackup(f"{path} is not empty; name a new folder")
        partial = path.with_name(f".{path.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            return translated(lambda: _write(folder, mode, begun_at, path, partial, with_key))()
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _write(folder: Path, mode: Mode, begun_at: Micros, path: Path, partial: Path, with_key: bool) -> Backup:
    key = read_key(folder / KEY)
    if key is None:
        raise VaultBroken(f"{KEY} is missing in {folder}, so nothing can be vouched for; see oracle verify")
    head_before = audit.read_head(folder / HEAD, key)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial.mkdir(mode=0o700)
    database = make_private_file(partial / DATABASE)
    with closing(connect_read_only(folder / DATABASE)) as source, closing(connect_alone(database)) as copy:
        source.backup(copy, pages=-1, progress=refuse_busy)
        # A file on its own: what opens it needs no log beside it and leaves none.
        copy.execute("PRAGMA journal_mode = DELETE")
        info = vault_info(copy)
        if info.mode is not mode:
            raise WrongMode(f"this vault belongs to {info.mode.upper()}, not to {mode.upper()} ({folder})")
        require_sound(copy, key, head_before, "this vault")
        head, schema = newest_head(copy, info.incarnation), schema_version(copy)
    audit.write_durably(partial / HEAD, audit.head_text(key, head))
    size, digest = _digest(database)
    manifest = Manifest(
        FORMAT, info.vault_id, info.incarnation, info.mode.value, schema, head.seq, begun_at, size, digest
    )
    if with_key:
        audit.write_durably(partial / KEY, key)
    stated = {**asdict(manifest), "hmac": manifest.mac(key)}
    audit.write_durably(partial / MANIFEST, (json.dumps(stated, indent=2) + "\n").encode())
    sync(database)
    sync(partial)
    partial.rename(path)
    sync(path.parent)
    return Backup(path, manifest, with_key)


def read_manifest(path: Path) -> tuple[Manifest, str]:
    """A backup folder's manifest and its MAC. Raises BadBackup where there is none or it cannot be read."""
    try:
        raw: dict[str, Any] = json.loads((path / MANIFEST).read_text())
        own = str(raw.pop("hmac"))
        manifest = Manifest(**raw)
        if not all(isinstance(getattr(manifest, name), int) for name in ("format", "schema", "seq", "at", "size")):
            raise ValueError
    except FileNotFoundError:
        raise BadBackup(f"{path} is no backup: it has no {MANIFEST}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadBackup(f"{path / MANIFEST} cannot be read ({type(error).__name__}); take another backup") from None
    if manifest.format != FORMAT:
        raise BadBackup(f"{path} was written by another version of this program; update it")
    return manifest, own


def open_backup(path: Path, key: bytes | None) -> tuple[Manifest, list[str]]:
    """Check a backup folder as far as its key allows; the manifest and a sentence for everything wrong.

    Without the key nobody can tell what was changed together with the sums in the manifest.
    """
    manifest, own = read_manifest(path)
    problems = []
    try:
        size, digest = _digest(path / DATABASE)
        if (size, digest) != (manifest.size, manifest.sha256):
            problems.append(f"{DATABASE} is not the file that {MANIFEST} names")
        if key is not None and not hmac.compare_digest(own, manifest.mac(key)):
            problems.append(f"{MANIFEST} was not written with this {KEY}: it was changed, or is of another vault")
        if not problems:
            with closing(connect_alone(path / DATABASE, "mode=ro&immutable=1")) as db:
                head = None if key is None else audit.read_head(path / HEAD, key)
                _require_this_program(db)
                require_sound(db, key, head, "the backup")
    except OSError as error:
        problems.append(f"{error.filename or path}: {error.strerror}")
    except (sqlite3.Error, VaultBroken, BadBackup) as error:
        problems.append(str(error))
    return manifest, problems


def require_sound(db: sqlite3.Connection, key: bytes | None, head: audit.Head | None, what: str) -> None:
    """The file is whole, its rows refer to rows, its audit chain is genuine (without ``key``: without gaps).

    Raises VaultBroken with what is wrong.
    """
    damage = [str(row[0]) for row in db.execute("PRAGMA integrity_check(1)")]
    if damage != ["ok"]:
        raise VaultBroken(f"{what} is damaged ({damage[0]}); nothing was written")
    if db.execute("SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_check)").fetchone()[0]:
        raise VaultBroken(f"{what} has rows that refer to nothing; nothing was written")
    if key is None:
        count, first, last = db.execute("SELECT count(*), min(seq), max(seq) FROM audit_log").fetchone()
        if (first, last) != (1, count):
            raise VaultBroken(f"{what} lacks audit events; nothing was written")
        return
    report = audit.verify_chain(audit.read_chain(db), key, head)
    if report.problem is not None:
        raise VaultBroken(f"audit chain of {what}: {report.problem}; nothing was written, see oracle verify")


def newest_head(db: sqlite3.Connection, incarnation: str) -> audit.Head:
    """The audit head that names the newest event. Raises VaultBroken where there is no event."""
    row = db.execute("SELECT seq, mac, at FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
    if row is None:
        raise VaultBroken("the vault has no audited event, though its making was one; see oracle verify")
    return audit.Head(row[0], row[1], row[2], incarnation)


def read_key(path: Path) -> bytes | None:
    """An audit key; None where the file is missing. Raises BadBackup for one that is none."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadBackup(f"{path} cannot be read ({error.strerror})") from None
    if len(key) != audit.KEY_BYTES:
        raise BadBackup(f"{path} is no audit key; put the right one there, or move it away")
    return key


def sync(path: Path) -> None:
    """Have the disk keep a file, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_this_program(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise BadBackup("it holds a database of another program")
    if schema_version(db) > len(migrations()):
        raise BadBackup(
            f"it was written by a newer version of this program (schema {schema_version(db)}, this one knows "
            f"{len(migrations())}); update the program"
        )


def refuse_busy(status: int, _remaining: int, _total: int) -> None:
    """The library would try for ever."""
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise VaultBusy("the vault is locked by another program; nothing was done, try again")


def connect_alone(path: Path, options: str = "mode=rw") -> sqlite3.Connection:
    """A connection to a database that nobody else has open."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True, isolation_level=None, timeout=1.0)


def _lock_file(stack: ExitStack, path: Path) -> SharedLock:
    lock = SharedLock(path)
    stack.callback(lock.close)
    return lock


def _free_name(folder: Path, at: Micros) -> Path:
    name = datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y%m%dT%H%M%SZ")
    taken = 1
    while (path := folder / (name if taken == 1 else f"{name}-{taken}")).exists():
        taken += 1
    return path


def _digest(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file that no connection of this process has open."""
    total, digest = 0, hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            total += len(block)
            digest.update(block)
    return total, digest.hexdigest()
