"""What each look saw, per market, and what followed; with the usage it recorded."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from storage.clock import Micros
from storage.database import Tx
from storage.errors import NotFound

RECENT_ROWS: Final = 5000
"""How far back a market's newest looks are searched for."""


@dataclass(frozen=True, slots=True)
class LookRow:
    """One market's part of a look. ``numbers`` hold each figure with its threshold; ``saw`` is the snapshot."""

    market: str
    outcome: str
    nearest: str
    numbers: Mapping[str, Any]
    saw: str | None


def record_look(tx: Tx, row: LookRow) -> int:
    """Store one market's look; the snapshot's id."""
    return tx.sql.insert(
        "insert_look",
        now=tx.now,
        market=row.market,
        outcome=row.outcome,
        nearest=row.nearest,
        numbers=json.dumps(row.numbers, sort_keys=True, default=str),
        saw=row.saw,
    )


def record_free_call(tx: Tx, oracle: str, markets: int, summary: str) -> int:
    """Record a call that costs nothing, settled at once."""
    return tx.sql.insert(
        "insert_usage",
        now=tx.now,
        oracle=oracle,
        state="settled",
        markets=markets,
        reserved_micros=0,
        cost_micros=0,
        summary=summary,
        settled_at=tx.now,
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a market beside its threshold, as exact text; None for a figure that is undefined."""

    value: str | None
    limit: str


@dataclass(frozen=True, slots=True)
class StoredLook:
    """One market's part of a look, as it was stored."""

    id: int
    at: Micros
    market: str
    outcome: str
    nearest: str
    reason: str
    """Why it was dropped or is a duplicate; else empty."""
    figures: Mapping[str, Figure]


def latest_looks(tx: Tx, count: int = 1) -> list[StoredLook]:
    """The newest ``count`` looks at each market that was looked at lately, newest first."""
    return [_stored(row) for row in tx.sql.all("latest_looks", count=count, within=RECENT_ROWS)]


def snapshot_of(tx: Tx, snapshot_id: int) -> tuple[Micros, str | None]:
    """When a look was stored, and the snapshot it kept; None where it kept none. Raises NotFound."""
    row = tx.sql.one("look_by_id", id=snapshot_id)
    if row is None:
        raise NotFound(f"there is no look {snapshot_id}")
    return row["at"], row["saw"]


def _stored(row: sqlite3.Row) -> StoredLook:
    numbers = json.loads(row["numbers"])
    figures = {name: Figure(entry["is"], entry["limit"]) for name, entry in numbers.items() if isinstance(entry, dict)}
    return StoredLook(
        row["id"], row["at"], row["market"], row["outcome"], row["nearest"], numbers.get("reason", ""), figures
    )


def newest_looks(tx: Tx) -> list[sqlite3.Row]:
    """The rows of the newest look, one per market."""
    return tx.sql.all("newest_looks")
