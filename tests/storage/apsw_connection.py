"""A connection of apsw in the shape that the vault's code expects of ``sqlite3``: so much as a claim needs.

apsw carries an SQLite of its own; see ``versions``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import apsw


class Row(tuple[Any, ...]):
    """Values by place and by name, like ``sqlite3.Row``."""

    names: tuple[str, ...]

    def __getitem__(self, place: Any) -> Any:
        return tuple.__getitem__(self, self.names.index(place) if isinstance(place, str) else place)

    def keys(self) -> tuple[str, ...]:
        return self.names


def named(cursor: apsw.Cursor, values: Sequence[Any]) -> Row:
    row = Row(values)
    row.names = tuple(column[0] for column in cursor.get_description())
    return row


class Answer:
    """All rows of a statement, read before anybody asks."""

    def __init__(self, rows: list[Row], changed: int, last: int) -> None:
        self._rows = rows
        self.rowcount = changed
        self.lastrowid = last

    def __iter__(self) -> Iterator[Row]:
        while self._rows:
            yield self._rows.pop(0)

    def fetchone(self) -> Row | None:
        return next(iter(self), None)

    def fetchall(self) -> list[Row]:
        return list(self)


class ApswConnection:
    """What the vault's functions call on a connection."""

    def __init__(self, path: Path, vfs: str) -> None:
        self._own = apsw.Connection(str(path), vfs=vfs)
        self._own.row_trace = named
        self.row_factory: Any = None
        self.close = self._own.close

    @property
    def in_transaction(self) -> bool:
        return self._own.in_transaction

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Answer:
        rows = cast(list[Row], list(self._own.execute(sql, parameters)))
        return Answer(rows, self._own.changes(), self._own.last_insert_rowid())

    def executescript(self, sql: str) -> None:
        self._own.execute(sql)


def connect(path: Path, vfs: str) -> sqlite3.Connection:
    """Such a connection, under the type that the vault's functions name."""
    return cast(sqlite3.Connection, ApswConnection(path, vfs))
