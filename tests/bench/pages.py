"""How long a page of the trade history takes among a million trades, at every depth."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Final

from storage.database import Tx
from storage.history import NEWEST, history_page
from tests.storage.world import bare_tx
from tests.support import SteppedClock

PAGE: Final = 60
"""Rows of a page, as the console reads them."""

NUMBERS: Final = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
ROWS: Final = (
    """INSERT INTO trade_executions (id, proposal_id, revision, decision_id, client_order_id, state, kind, market, side,
        order_type, time_in_force, quantity, limit_price, eur, digest, request_body, policy_hash, actor, instance,
        claimed_at, submitting_at, signed_at_ms, window_ms, key_fingerprint, exchange_identity, order_id, updated_at)
    {numbers} SELECT i, i, 1, i, printf('%036d', i), 'FILLED', 'entry', 'BTC-EUR', 'buy', 'limit', 'GTC', '0.00041',
        '61200', '25.092', printf('%064d', i), '{{}}', printf('%064d', 0), 'bench', 'bench',
        i * 1000, i * 1000, i, 5000, 'bench', 'bench', printf('order %d', i), i * 1000 FROM n""",
    """INSERT INTO trade_history (id, execution_id, proposal_id, market, side, status, traded_at)
    {numbers} SELECT i, i, i, 'BTC-EUR', 'buy', 'confirmed', i * 1000 FROM n""",
    """INSERT INTO fills (id, execution_id, market, side, fill_id, at, quantity, price, fee, fee_currency, taker,
        settled, stored_at)
    {numbers} SELECT i, i, 'BTC-EUR', 'buy', printf('f%d', i), i * 1000, '0.00041', '61200', '0.06', 'EUR', 1, 1,
        i * 1000 FROM n""",
)


def filled_vault(folder: Path, trades: int) -> Tx:
    """A vault of the real schema with so many filled trades, put there by plain SQL; its triggers are gone."""
    tx = bare_tx(folder, SteppedClock())
    db = sqlite3.connect(folder / "million.db", isolation_level=None)
    tx.db.backup(db)
    db.row_factory = sqlite3.Row
    for pragma in ("foreign_keys = OFF", "journal_mode = OFF", "synchronous = OFF"):
        db.execute(f"PRAGMA {pragma}")
    for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    for statement in ROWS:
        db.execute(statement.format(numbers=NUMBERS), {"count": trades})
    tx.db.close()
    return Tx(db, type(tx.sql)(db), tx.now, tx.monotonic, tx.actor, tx.info, folder, b"")


def measure_pages(folder: Path, trades: int = 1_000_000) -> dict[str, float | int]:
    """Milliseconds of a page's statement and of the page as the program reads it, at eleven depths: the slowest."""
    tx = filled_vault(folder, trades)
    statement, whole = [], []
    for tenth in range(11):
        place = trades - tenth * (trades - PAGE) // 10
        before = NEWEST if tenth == 0 else (place * 1000, place)
        rounds = [_page(tx, before) for _ in range(15)]
        statement.append(min(query for query, _ in rounds))
        whole.append(min(page for _, page in rounds))
    tx.db.close()
    return {
        "trades": trades,
        "rows_per_page": PAGE,
        "slowest_statement_ms": round(max(statement) * 1000, 3),
        "slowest_page_ms": round(max(whole) * 1000, 3),
    }


def _page(tx: Tx, before: tuple[int, int]) -> tuple[float, float]:
    started = time.perf_counter()
    rows = tx.sql.all("history_page", before_at=before[0], before_id=before[1], count=PAGE)
    asked = time.perf_counter()
    trades = history_page(tx, PAGE, before)
    if not len(rows) == len(trades) >= PAGE - 1:
        raise AssertionError(f"{len(trades)} trades before {before}")
    return asked - started, time.perf_counter() - asked
