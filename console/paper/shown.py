"""Orders and own trades as answers show them, with the lateness that faults ask for."""

from __future__ import annotations

from typing import Any

from console.paper.calls import Spoiled
from console.paper.engine import Engine
from console.paper.store import Fill, Order
from console.paper.wire import order_object, trade_object


def _seen(engine: Engine, fills: list[Fill], spoiled: Spoiled) -> tuple[list[Fill], set[str]]:
    """The fills that are old enough to be seen, and the ids of those not old enough to be settled."""
    now_ns = engine.clock.now() * 1000
    seen = [fill for fill in fills if fill.at_ns + int(spoiled.fills_late_s * 1e9) <= now_ns]
    return seen, {fill.fill_id for fill in seen if fill.at_ns + int(spoiled.fee_late_s * 1e9) > now_ns}


def shown(engine: Engine, orders: list[Order], spoiled: Spoiled) -> list[dict[str, Any]]:
    """Orders with their fills. Totals count every fill, also one that is not shown yet."""
    rows = []
    for order in orders:
        fills, unsettled = _seen(engine, engine.store.fills("order_id = ? ORDER BY seq", [order.order_id]), spoiled)
        rows.append(order_object(order, fills, unsettled))
    return rows


def shown_trades(engine: Engine, found: list[Fill], spoiled: Spoiled) -> list[dict[str, Any]]:
    """Own trades with the ids of their orders."""
    fills, unsettled = _seen(engine, found, spoiled)
    orders = {fill.order_id: engine.store.orders("order_id = ?", [fill.order_id])[0] for fill in fills}
    return [trade_object(fill, orders[fill.order_id], settled=fill.fill_id not in unsettled) for fill in fills]
