"""The JSON objects of the private routes."""

from __future__ import annotations

from typing import Any

from console.paper.decimals import text
from console.paper.ledger import hold_currency
from console.paper.markets import BY_NAME
from console.paper.store import Fill, Order

MS: int = 1_000_000
"""Nanoseconds in a millisecond."""


def fill_object(fill: Fill) -> dict[str, Any]:
    """An element of an order's `fills`."""
    return {
        "id": fill.fill_id,
        "timestamp": fill.at_ns // MS,
        "amount": text(fill.amount),
        "price": text(fill.price),
        "taker": fill.taker,
        "fee": text(fill.fee),
        "feeCurrency": fill.fee_currency,
        "settled": True,
    }


def _quantities(order: Order) -> dict[str, Any]:
    """The amounts as they were stated: in base, or in quote for a market order by amountQuote."""
    if order.amount_quote is not None:
        return {
            "amountQuote": text(order.amount_quote),
            "amountQuoteRemaining": text(order.amount_quote - order.filled_amount_quote),
        }
    return {
        "amount": None if order.amount is None else text(order.amount),
        "amountRemaining": None if order.amount_remaining is None else text(order.amount_remaining),
    }


def order_object(order: Order, fills: list[Fill]) -> dict[str, Any]:
    """An order as answers show it: 24 keys for a limit order, and the optional ones only where they are set."""
    limit = order.order_type == "limit"
    shown: dict[str, Any] = {
        "orderId": order.order_id,
        "market": order.market,
        "created": order.created_ns // MS,
        "updated": order.updated_ns // MS,
        "status": order.status,
        "side": order.side,
        "orderType": order.order_type,
        **_quantities(order),
        **({"price": text(order.price)} if order.price is not None else {}),
        "onHold": text(order.on_hold),
        "onHoldCurrency": hold_currency(order),
        "filledAmount": text(order.filled_amount),
        "filledAmountQuote": text(order.filled_amount_quote),
        "feePaid": text(order.fee_paid),
        "feeCurrency": BY_NAME[order.market].quote,
        "fills": [fill_object(fill) for fill in fills],
        "selfTradePrevention": order.self_trade_prevention,
        "visible": limit,
        "operatorId": order.operator_id,
        "createdNs": order.created_ns,
        "updatedNs": order.updated_ns,
    }
    if limit:
        shown |= {"timeInForce": order.time_in_force, "postOnly": order.post_only}
    else:
        shown["disableMarketProtection"] = False
    optional = {
        "clientOrderId": order.client_order_id,
        "codGroupId": order.cod_group_id,
        "restatementReason": order.restatement_reason,
    }
    return shown | {name: value for name, value in optional.items() if value is not None}


def short_order(order: Order) -> dict[str, Any]:
    """The answer to `responseRequired: false`."""
    shown: dict[str, Any] = {"market": order.market, "orderId": order.order_id}
    if order.client_order_id is not None:
        shown["clientOrderId"] = order.client_order_id
    return shown | {"created": order.created_ns // MS, "updated": order.updated_ns // MS}


def trade_object(fill: Fill, order: Order) -> dict[str, Any]:
    """An own trade of GET /trades."""
    shown: dict[str, Any] = {"id": fill.fill_id, "orderId": fill.order_id}
    if order.client_order_id is not None:
        shown["clientOrderId"] = order.client_order_id
    return shown | {
        "timestamp": fill.at_ns // MS,
        "market": fill.market,
        "side": fill.side,
        "amount": text(fill.amount),
        "price": text(fill.price),
        "taker": fill.taker,
        "fee": text(fill.fee),
        "feeCurrency": fill.fee_currency,
        "settled": True,
        "operatorId": order.operator_id,
    }


def order_event(order: Order) -> dict[str, Any]:
    """The account channel's word about an order: the order without its fills."""
    shown = order_object(order, [])
    del shown["fills"]
    return {"event": "order"} | shown


def fill_event(fill: Fill, order: Order) -> dict[str, Any]:
    """The account channel's word about a fill of an order."""
    shown: dict[str, Any] = {
        "event": "fill",
        "timestamp": fill.at_ns // MS,
        "market": fill.market,
        "orderId": fill.order_id,
        "fillId": fill.fill_id,
        "side": fill.side,
        "amount": text(fill.amount),
        "price": text(fill.price),
        "taker": fill.taker,
        "fee": text(fill.fee),
        "feeCurrency": fill.fee_currency,
        "operatorId": order.operator_id,
        "timestampNs": fill.at_ns,
    }
    if order.client_order_id is not None:
        shown["clientOrderId"] = order.client_order_id
    return shown
