"""The private routes about single orders, and those that cancel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from console.paper.auth import TRADE
from console.paper.calls import Call, Route, by_market, points
from console.paper.choices import BULK_CANCEL_WEIGHT, VIEW_KEY_ON_BULK_CANCEL, VIEW_KEY_ON_ORDERS
from console.paper.engine import Engine
from console.paper.errors import refusal
from console.paper.order_fields import group_of, ids_of, market_of, one_of, operator_of, operator_of_query
from console.paper.order_rules import CHANGE_FIELDS, FIELDS, parse_change, parse_order
from console.paper.shown import shown
from console.paper.store import Order
from console.paper.wire import short_order


def _answer(engine: Engine, order: Order, call: Call, *, whole: bool) -> dict[str, Any]:
    return shown(engine, [order], call.spoiled)[0] if whole else short_order(order)


def _place(engine: Engine, call: Call) -> dict[str, Any]:
    new = parse_order(call.params, engine.specs)
    order = engine.place(new, cut=call.spoiled.cut)
    return _answer(engine, order, call, whole=new.response_required)


def _change(engine: Engine, call: Call) -> dict[str, Any]:
    ids = ids_of(call.params)
    change = parse_change(call.params)
    return _answer(engine, engine.change(*ids, change), call, whole=change.response_required)


def _get_order(engine: Engine, call: Call) -> dict[str, Any]:
    order = engine.find(*ids_of(call.params))
    if engine.clock.now() * 1000 < order.created_ns + int(call.spoiled.lag_s * 1e9):
        raise refusal(240)
    return _answer(engine, order, call, whole=True)


def _cancel(engine: Engine, call: Call) -> dict[str, Any]:
    ids = ids_of(call.params)
    operator_id = operator_of_query(call.params.get("operatorId"))
    order = engine.cancel(*ids)
    answer: dict[str, Any] = {"orderId": order.order_id}
    if order.client_order_id is not None:
        answer["clientOrderId"] = order.client_order_id
    return answer | {"operatorId": operator_id}


def _ids(orders: Iterable[Order], operator_id: int) -> list[dict[str, Any]]:
    return [{"orderId": order.order_id, "operatorId": operator_id} for order in orders]


def _cancel_orders(engine: Engine, call: Call) -> list[dict[str, Any]]:
    market = call.params.get("market")
    name = None if market is None else market_of(market).market
    operator_id = operator_of_query(call.params.get("operatorId"))
    return _ids(engine.cancel_all(name), operator_id)


def _cancel_atomically(engine: Engine, call: Call) -> list[dict[str, Any]]:
    """All open orders of one market and one side, in one transaction."""
    name = market_of(call.params.get("market")).market
    side = one_of(call.params, "side", frozenset({"buy", "sell"}), None)
    operator_id = operator_of(call.params.get("operatorId"))
    return _ids(engine.cancel_all(name, side), operator_id)


def _cancel_after(engine: Engine, call: Call) -> dict[str, int]:
    group, seconds = call.params.get("codGroupId"), call.params.get("expiryAfterSeconds")
    if group is None:
        raise refusal(203, "codGroupId")
    if seconds is None:
        raise refusal(203, "expiryAfterSeconds")
    number = group_of(group)
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 10 <= seconds <= 300:
        raise refusal(205, "expiryAfterSeconds")
    engine.advance()
    return {"codGroupId": number, "timeOfExpirySeconds": engine.arm(number, seconds)}


ONE: Final = frozenset({"market", "orderId", "clientOrderId"})

ROUTES: Final = (
    Route("POST", "/order", points(1), TRADE, _place, FIELDS),
    Route("PUT", "/order", points(1), TRADE, _change, CHANGE_FIELDS),
    Route("GET", "/order", points(1), TRADE, _get_order, ONE, missing_right=VIEW_KEY_ON_ORDERS),
    Route("DELETE", "/order", points(1), TRADE, _cancel, ONE | {"operatorId"}),
    Route(
        "DELETE", "/orders", by_market(*BULK_CANCEL_WEIGHT.value), TRADE, _cancel_orders,
        frozenset({"market", "operatorId"}), missing_right=VIEW_KEY_ON_BULK_CANCEL,
    ),
    Route(
        "DELETE", "/atomic/orders", points(100), TRADE, _cancel_atomically,
        frozenset({"market", "side", "operatorId"}), body=True,
    ),
    Route(
        "POST", "/cancelOrdersAfter", points(5), TRADE, _cancel_after, frozenset({"codGroupId", "expiryAfterSeconds"})
    ),
)  # fmt: skip
