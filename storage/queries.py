"""The vault's SQL, loaded once from the ``queries`` folder, and the checks that keep its use honest."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import aiosql

QUERY_FOLDER: Final = Path(__file__).with_name("queries")
PARAMETER: Final = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Statement:
    """One named statement and the parameters it needs."""

    sql: str
    parameters: frozenset[str]


@cache
def statements() -> Mapping[str, Statement]:
    """All statements by name."""
    loaded = aiosql.from_path(QUERY_FOLDER, "sqlite3")
    found = {}
    for name in loaded.available_queries:
        if not name.endswith("_cursor"):
            sql = getattr(loaded, name).sql
            found[name] = Statement(sql, frozenset(PARAMETER.findall(sql)))
    return found


class Sql:
    """Runs named statements on one connection, eagerly, with exactly the parameters they name."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def one(self, name: str, /, **parameters: Any) -> sqlite3.Row | None:
        """The first row, or None."""
        row: sqlite3.Row | None = self._run(name, parameters).fetchone()
        return row

    def all(self, name: str, /, **parameters: Any) -> list[sqlite3.Row]:
        """All rows, read before this returns."""
        return self._run(name, parameters).fetchall()

    def change(self, name: str, /, **parameters: Any) -> int:
        """The number of rows changed; zero means a compare-and-set lost."""
        return self._run(name, parameters).rowcount

    def insert(self, name: str, /, **parameters: Any) -> int:
        """The id of the inserted row."""
        row_id = self._run(name, parameters).lastrowid
        if row_id is None:
            raise LookupError(f"{name} inserted nothing")
        return row_id

    def _run(self, name: str, parameters: dict[str, Any]) -> sqlite3.Cursor:
        statement = statements()[name]
        if parameters.keys() != statement.parameters:
            raise TypeError(f"{name} takes {sorted(statement.parameters)}, was given {sorted(parameters)}")
        return self._db.execute(statement.sql, parameters)
