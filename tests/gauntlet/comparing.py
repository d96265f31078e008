"""What must be true once a trial has come to rest: vault and exchange tell the same story, and promises were kept."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tests.cli.kit import broken_promises, exchange_rows, vault_rows

STATES: Final = {
    "new": {"SUBMITTED"},
    "awaitingTrigger": {"SUBMITTED"},
    "partiallyFilled": {"PARTIALLY_FILLED"},
    "filled": {"FILLED"},
    "rejected": {"REJECTED", "CANCELED"},
}
"""The execution states an order's status may stand for; any other status stands for CANCELED."""


def disagreements(home: Path) -> list[str]:
    """A sentence for everything in which the vault differs from ``exchange.db``, and for every broken promise."""
    return [*broken_promises(home), *_orders(home), *_fills(home), *_balances(home)]


def _orders(home: Path) -> list[str]:
    there = exchange_rows(home, "SELECT client_order_id, order_id, status FROM orders")
    here = {
        client: (order, state)
        for client, order, state in vault_rows(home, "SELECT client_order_id, order_id, state FROM trade_executions")
    }
    broken = []
    for client, order, status in there:
        known, state = here.get(client, (None, None))
        if known != order or state not in STATES.get(status, {"CANCELED"}):
            broken.append(f"order {order} is {status} there; here its execution is {state} with order {known}")
    accepted = {order for _, order, _ in there}
    broken += [f"order {order} is {state} here, unknown there" for order, state in here.values()
               if order is not None and order not in accepted]  # fmt: skip
    return broken


def _fills(home: Path) -> list[str]:
    accepted = exchange_rows(home, "SELECT fill_id, market, side, amount, price, fee FROM fills")
    stored = vault_rows(home, "SELECT fill_id, market, side, quantity, price, fee FROM fills")
    there, here = set(map(_figures, accepted)), set(map(_figures, stored))
    return [f"fill {fill} only there" for fill in there - here] + [f"fill {fill} only here" for fill in here - there]


def _figures(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*row[:3], *(None if text is None else Decimal(text) for text in row[3:]))


def _balances(home: Path) -> list[str]:
    """Baseline plus fills and flows, worked out here a second time, against what the exchange holds."""
    start = vault_rows(home, "SELECT balances FROM exchange_sweeps WHERE baseline = 1")
    expected = {symbol: Decimal(text) for symbol, text in json.loads(start[0][0]).items()} if start else {}
    if not start and vault_rows(home, "SELECT 1 FROM fills"):
        return ["there are fills, but no baseline"]
    for market, side, quantity, price, fee in vault_rows(home, "SELECT market, side, quantity, price, fee FROM fills"):
        base, quote = market.split("-")
        sign = 1 if side == "buy" else -1
        expected[base] = expected.get(base, Decimal(0)) + sign * Decimal(quantity)
        cost = sign * Decimal(quantity) * Decimal(price) + Decimal(fee or 0)
        expected[quote] = expected.get(quote, Decimal(0)) - cost
    for symbol, amount in vault_rows(home, "SELECT symbol, amount FROM account_flows"):
        expected[symbol] = expected.get(symbol, Decimal(0)) + Decimal(amount)
    held = {
        symbol: Decimal(available) + Decimal(in_order)
        for symbol, available, in_order in exchange_rows(home, "SELECT symbol, available, in_order FROM balances")
    }
    return [
        f"{symbol}: {held.get(symbol, 0)} there, {expected.get(symbol, 0)} here"
        for symbol in sorted(held.keys() | expected.keys())
        if start and held.get(symbol, Decimal(0)) != expected.get(symbol, Decimal(0))
    ]
