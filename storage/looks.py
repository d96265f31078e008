"""What each look saw, per market, and what followed; with the usage it recorded."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.database import Tx


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


def newest_looks(tx: Tx) -> list[sqlite3.Row]:
    """The rows of the newest look, one per market."""
    return tx.sql.all("newest_looks")
