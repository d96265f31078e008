"""The open proposals as they are stored, for a screen's first frame: no rules are read, no check is asked.

Loads nothing but the database library. Whoever decides by what it says must read the vault properly.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from storage.clock import Micros
from storage.codes import Mode, Side
from storage.money import Eur, NotANumber, Price

OPEN: Final = """
SELECT id, side, market, eur, limit_price, confidence, expires_at, oracle FROM trade_proposals
WHERE state IN ('PROPOSED', 'APPROVED') AND (SELECT mode FROM vault_info) = :mode
ORDER BY expires_at, id LIMIT 100
"""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What of an open proposal needs no market and no rules."""

    id: int
    side: Side
    market: str
    eur: Eur
    limit: Price | None
    """The limit price; None for a market order."""
    confidence: int | None
    expires_at: Micros
    oracle: str


def glance(folder: Path, mode: Mode) -> tuple[Glimpse, ...]:
    """The open proposals of a mode's vault, soonest to expire first; none where they cannot be read at once.

    Nothing is waited for and nothing raised: opening the vault properly, a moment later, says what is wrong.
    """
    path = folder / "vault.db"
    if not path.is_file():
        return ()
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=0.0)) as db:
            return tuple(_glimpse(row) for row in db.execute(OPEN, {"mode": mode.value}))
    except (sqlite3.Error, NotANumber, ValueError):
        return ()


def _glimpse(row: tuple[int, str, str, str, str | None, int | None, int, str]) -> Glimpse:
    number, side, market, eur, limit, confidence, expires_at, oracle = row
    price = None if limit is None else Price.of(limit)
    return Glimpse(number, Side(side), market, Eur.of(eur), price, confidence, expires_at, oracle)
