"""Counting what went wrong, from the exchange's own database: a contender's word counts only for what it believes.

A run has one idea and an exchange of its own, so every order there is an order of that idea.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from console.gauntlet.contender import Belief


@dataclass(frozen=True, slots=True)
class Tally:
    """One run of one contender.

    orders: rows of ``orders`` in exchange.db, which has one for every order the exchange accepted.
    duplicates: orders beyond the first, as there was one idea.
    lost: orders there that the contender neither knows by order id nor says it is unsure of (by client order id), and
        orders it holds as ended of which exchange.db has more filled than it knows: money moved and nobody looks.
    unresolved: client order ids of which the contender says that it does not know whether there is an order, and
        goes on looking.
    """

    orders: int
    duplicates: int
    lost: int
    unresolved: int


def tally(database: Path, belief: Belief) -> Tally:
    """Compare what is at the exchange with what a contender holds."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        orders = db.execute("SELECT order_id, client_order_id FROM orders").fetchall()
        filled: defaultdict[str, Decimal] = defaultdict(Decimal)
        for order_id, amount in db.execute("SELECT order_id, amount FROM fills"):
            filled[order_id] += Decimal(amount)
    lost = 0
    for order_id, client_order_id in orders:
        held = belief.known.get(order_id)
        if held is None:
            lost += client_order_id not in belief.unsure
        elif held.ended:
            lost += held.filled < filled[order_id]
    return Tally(len(orders), max(len(orders) - 1, 0), lost, len(belief.unsure))
