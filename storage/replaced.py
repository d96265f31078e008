"""What the vault that a restore replaces still tells of itself: whose orders to look for, and how far its ids got."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from storage import audit
from storage.backup import DATABASE, HEAD
from storage.database import Tx
from storage.earlier_orders import highest_ids, possible_markets
from storage.errors import BadBackup, VaultBroken, VaultError
from storage.models import Actor, VaultInfo
from storage.queries import Sql
from storage.schema import APPLICATION_ID
from storage.setup import vault_info
from storage.verification import connect_read_only, vault_exists


@dataclass(frozen=True, slots=True)
class Replaced:
    """What the folder's own vault still tells of itself, if it is there and can be read."""

    info: VaultInfo | None
    incarnations: tuple[str, ...]
    """Its own and its earlier ones; of a vault that cannot be read, the one its audit head names."""
    markets: frozenset[str]
    highest: dict[str, int] | None
    """The highest ids it gave out; None where it does not know them for certain."""
    events: int


DAMAGED: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)
"""What SQLite says of a file that is no database, of a torn one, and of one that lacks a table."""

NOTHING: Final = Replaced(None, (), frozenset(), None, 0)


def read_replaced(folder: Path, key: bytes) -> Replaced:
    """What the vault in a folder tells; nothing is written.

    One that is damaged tells nothing; one that only cannot be read now is no damaged one. Raises BadBackup where the
    database is another program's, sqlite3.Error where it cannot be read now.
    """
    head: audit.Head | None = None
    with suppress(VaultError):
        head = audit.read_head(folder / HEAD, key)
    named = () if head is None else (head.incarnation,)
    if not vault_exists(folder):
        return replace(NOTHING, incarnations=named)
    try:
        with closing(connect_read_only(folder / DATABASE)) as db:
            return _replaced(db, folder, head)
    except VaultBroken:
        return replace(NOTHING, incarnations=named)
    except sqlite3.DatabaseError as error:
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in DAMAGED:
            raise
        return replace(NOTHING, incarnations=named)


def _replaced(db: sqlite3.Connection, folder: Path, head: audit.Head | None) -> Replaced:
    db.row_factory = sqlite3.Row
    db.execute("BEGIN")
    if not db.execute("SELECT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0]:
        return NOTHING if head is None else replace(NOTHING, incarnations=(head.incarnation,))
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise BadBackup(f"{folder / DATABASE} is a database of another program; move it away")
    info = vault_info(db)
    tx = Tx(db, Sql(db), 0, 0.0, Actor("", "", 0), info, folder, b"")
    events = int(db.execute("SELECT coalesce(max(seq), 0) FROM audit_log").fetchone()[0])
    earlier: tuple[str, ...] = ()
    with suppress(sqlite3.OperationalError):  # a vault of an older program has no such table
        earlier = tuple(row["incarnation"] for row in tx.sql.all("all_earlier_incarnations"))
    named = () if head is None else (head.incarnation,)
    # An audit head that is ahead says that the vault has lost its end: then it does not know what it gave out.
    whole = head is not None and (
        head.incarnation in earlier or (head.incarnation == info.incarnation and head.seq <= events)
    )
    return Replaced(
        info, (info.incarnation, *earlier, *named), possible_markets(tx), highest_ids(tx) if whole else None, events
    )
