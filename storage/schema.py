"""Numbered migrations, each in one transaction together with the record that it ran."""

from __future__ import annotations

import sqlite3
from functools import cache
from pathlib import Path
from typing import Final

from storage.crash_points import reached
from storage.errors import WrongSchema

MIGRATION_FOLDER: Final = Path(__file__).with_name("migrations")
APPLICATION_ID: Final = 0x4F524143
"""Marks the file as a vault of this program (``ORAC``)."""

OLDEST_SQLITE: Final = (3, 37, 0)
"""STRICT tables begin here."""


@cache
def migrations() -> tuple[str, ...]:
    """The migration scripts in order; the schema's version is their number."""
    return tuple(path.read_text(encoding="utf-8") for path in sorted(MIGRATION_FOLDER.glob("[0-9]*.sql")))


def schema_version(db: sqlite3.Connection) -> int:
    """How many migrations the file has seen."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection) -> int:
    """Bring the file up to this program's schema; the number of migrations that ran.

    Raises:
        WrongSchema: the file is of a newer program, of another program, or SQLite is too old.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise WrongSchema(f"SQLite {sqlite3.sqlite_version} is too old; 3.37 or newer is needed")
    version = schema_version(db)
    owner = int(db.execute("PRAGMA application_id").fetchone()[0])
    unmarked = owner == 0 and (version > 0 or db.execute("SELECT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0])
    if owner not in (0, APPLICATION_ID) or unmarked:
        raise WrongSchema("vault.db is a database of another program; move it away or choose another --home")
    if version > len(migrations()):
        raise WrongSchema(
            f"the vault was written by a newer version of this program (schema {version}, this one knows "
            f"{len(migrations())}); update the program"
        )
    for number, script in enumerate(migrations()[version:], start=version + 1):
        try:
            db.executescript(f"BEGIN IMMEDIATE;\n{script}")
            reached("migrate.in-transaction")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {number}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        reached("migrate.one-done")
    return len(migrations()) - version
