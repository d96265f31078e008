"""Trade history: one row per execution, its figures always sums over its fills."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from decimal import Context

from storage.clock import Micros
from storage.codes import ExecutionState, HistoryStatus, OrderKind, Side
from storage.database import Tx
from storage.execution_models import Fill, Trade, Trigger
from storage.execution_rows import read_fill
from storage.money import Eur, Price, Quantity

NEWEST = (2**62, 2**62)


def history_page(tx: Tx, count: int, before: tuple[Micros, int] = NEWEST) -> list[Trade]:
    """The newest trades before (time, id), newest first; pass the last row's (at, id) for the next page."""
    rows = tx.sql.all("history_page", before_at=before[0], before_id=before[1], count=count)
    fills: dict[int, list[Fill]] = defaultdict(list)
    for row in tx.sql.all("fills_of_executions", ids=json.dumps([row["execution_id"] for row in rows])):
        fills[row["execution_id"]].append(read_fill(row))
    return [_trade(row, fills[row["execution_id"]]) for row in rows]


def average_price(fills: Sequence[Fill]) -> Price | None:
    """Value over quantity, rounded to twelve significant digits; None for no fills."""
    if not any(fill.quantity.is_positive for fill in fills):
        return None
    if len(fills) == 1 or len({fill.price for fill in fills}) == 1:
        return fills[0].price
    quantity = Quantity.total(fill.quantity for fill in fills)
    value = Eur.total(fill.quantity * fill.price for fill in fills)
    return Price(Context(prec=12).divide(value.value, quantity.value))


def _trade(row: sqlite3.Row, fills: list[Fill]) -> Trade:
    fees = [fill.fee for fill in fills if fill.fee is not None]
    return Trade(
        id=row["id"],
        execution_id=row["execution_id"],
        proposal_id=row["proposal_id"],
        market=row["market"],
        side=Side(row["side"]),
        kind=OrderKind(row["kind"]),
        status=HistoryStatus(row["status"]),
        execution_state=ExecutionState(row["execution_state"]),
        quantity=Quantity.total(fill.quantity for fill in fills),
        price=average_price(fills),
        value=Eur.total(fill.quantity * fill.price for fill in fills),
        fee=Eur.total(fees) if len(fees) == len(fills) else None,
        at=row["traded_at"],
        ordered=Quantity.of(row["ordered"]),
        limit=None if row["limit_price"] is None else Price.of(row["limit_price"]),
        ordered_eur=Eur.of(row["ordered_eur"]),
        trigger=Trigger.stored(row["trigger_type"], row["trigger_price"]),
    )
