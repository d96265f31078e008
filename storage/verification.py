"""Looking at a vault without opening it for writing: reads for the command line, and the whole verification.

Needs no lock and changes nothing, so it works beside running consoles and on a vault that others keep locked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from storage import audit
from storage.clock import Clock
from storage.codes import Mode
from storage.database import Tx, translated
from storage.errors import VaultBroken, WrongMode, WrongSchema
from storage.invariants import broken_invariants
from storage.models import Actor
from storage.queries import Sql
from storage.schema import APPLICATION_ID, migrations, schema_version
from storage.setup import head_is_missing_since_restore, vault_info

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification found: events of the chain, the first bad one, and every broken invariant in a sentence."""

    events: int
    first_bad: int | None
    problems: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def vault_exists(folder: Path) -> bool:
    """Whether a mode's folder holds a vault, or what is left of one."""
    path = folder / "vault.db"
    return path.is_file() and path.stat().st_size > 0


def vault_is_set_up(folder: Path) -> bool:
    """The same, but False for one whose making was cut short: whoever opens it for writing makes the rest.

    What cannot be read or is no vault counts as set up: opening it says what is wrong with it.
    """
    path = folder / "vault.db"
    if not vault_exists(folder):
        return False
    try:
        with closing(connect_read_only(path)) as db:
            if not db.execute("SELECT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0]:
                return False
            if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                return True
            return bool(db.execute("SELECT EXISTS (SELECT 1 FROM vault_info)").fetchone()[0])
    except sqlite3.Error:
        return True


def read_vault(folder: Path, mode: Mode, clock: Clock, actor: Actor, query: Callable[[Tx], T]) -> T:
    """Run ``query`` on one consistent state of the vault, read only. Raises VaultError."""

    def run() -> T:
        with closing(_open(folder)) as db:
            info = vault_info(db)
            if info.mode is not mode:
                raise WrongMode(f"this vault belongs to {info.mode.upper()}, not to {mode.upper()} ({folder})")
            db.execute("BEGIN")
            return query(Tx(db, Sql(db), clock.now(), clock.monotonic(), actor, info, folder, b""))

    return translated(run)()


def verify_vault(folder: Path, mode: Mode, clock: Clock, actor: Actor) -> VerifyReport:
    """Check the audit chain against key and head, and every invariant. Raises VaultError if it cannot be read."""
    try:
        key = (folder / "audit.key").read_bytes()
    except OSError as error:
        raise VaultBroken(f"audit.key cannot be read ({error.strerror}); without it nothing can be verified") from None

    def check(tx: Tx) -> VerifyReport:
        problems: list[str] = []
        head: audit.Head | None = None
        try:
            head = audit.read_head(folder / "audit.head", key)
        except VaultBroken as error:
            problems.append(str(error))  # the chain is walked all the same: it may be bad earlier
        if head is not None and head.incarnation != tx.info.incarnation:
            if head_is_missing_since_restore(tx.db, head):
                problems.append("a restore was cut short before it wrote audit.head; the next start writes it")
                head = audit.Head(0, audit.GENESIS, 0, tx.info.incarnation)
            else:
                problems.append("audit.head is of another incarnation of this vault")
        chain = audit.verify_chain(audit.read_chain(tx.db), key, head)
        if chain.problem is not None:
            problems.append(f"audit chain: {chain.problem}")
        return VerifyReport(chain.events, chain.first_bad, (*problems, *broken_invariants(tx)))

    try:
        return read_vault(folder, mode, clock, actor, check)
    except sqlite3.OperationalError as error:  # a table or column of the schema is not there
        raise VaultBroken(
            f"vault.db is not what this program made ({error}); restore a backup (oracle restore)"
        ) from None


def _open(folder: Path) -> sqlite3.Connection:
    path = folder / "vault.db"
    if not vault_exists(folder):
        raise VaultBroken(f"there is no vault in {folder} yet; start the console once, or choose another --home")
    db = connect_read_only(path)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA query_only = ON")
    version = schema_version(db)
    known = len(migrations())
    if version != known:
        db.close()
        raise WrongSchema(
            f"the vault was written by a newer version of this program (schema {version}, this one knows {known}); "
            "update the program"
            if version > known
            else f"the vault has schema {version}, this program knows {known}; start the console once to migrate it"
        )
    return db


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, and makes no file where there is none."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, timeout=1.0)
