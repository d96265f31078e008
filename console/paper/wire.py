"""The JSON objects of the private routes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from console.paper.choices import VISIBLE_TRIGGER
from console.paper.decimals import ZERO, text
from console.paper.ledger import hold_currency
from console.paper.markets import BY_NAME
from console.paper.store import AWAITING, Fill, Order

MS: int = 1_000_000
"""Nanoseconds in a millisecond."""


def _settlement(fill: Fill, settled: bool) -> dict[str, Any]:
    """Fee and currency are there once a fill is settled."""
    return {"fee": text(fill.fee), "feeCurrency": fill.fee_currency, "settled": True} if settled else {"settled": False}


def fill_object(fill: Fill, *, settled: bool = True) -> dict[str, Any]:
    """An element of an order's `fills`."""
    return {
        "id": fill.fill_id,
        "timestamp": fill.at_ns // MS,
        "amount": text(fill.amount),
        "price": text(fill.price),
        "taker": fill.taker,
        **_settlement(fill, settled),
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


def order_object(order: Order, fills: list[Fill], unsettled: Collection[str] = ()) -> dict[str, Any]:
    """An order as answers show it: 24 keys for a limit order, and the optional ones only where they are set.

    `unsettled` names the fills whose fees are not known yet; feePaid leaves those out.
    """
    paid = order.fee_paid - sum((fill.fee for fill in fills if fill.fill_id in unsettled), ZERO)
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
        **_trigger(order),
        "onHold": text(order.on_hold),
        "onHoldCurrency": hold_currency(order),
        "filledAmount": text(order.filled_amount),
        "filledAmountQuote": text(order.filled_amount_quote),
        "feePaid": text(paid),
        "feeCurrency": BY_NAME[order.market].quote,
        "fills": [fill_object(fill, settled=fill.fill_id not in unsettled) for fill in fills],
        "selfTradePrevention": order.self_trade_prevention,
        "visible": order.priced and (order.status != AWAITING or VISIBLE_TRIGGER.value),
        "operatorId": order.operator_id,
        "createdNs": order.created_ns,
        "updatedNs": order.updated_ns,
    }
    if order.priced:
        shown |= {"timeInForce": order.time_in_force, "postOnly": order.post_only}
    else:
        shown["disableMarketProtection"] = False
    optional = {
        "clientOrderId": order.client_order_id,
        "codGroupId": order.cod_group_id,
        "restatementReason": order.restatement_reason,
    }
    return shown | {name: value for name, value in optional.items() if value is not None}


def _trigger(order: Order) -> dict[str, Any]:
    if order.trigger_amount is None:
        return {}
    at = text(order.trigger_amount)
    return {
        "triggerPrice": at, "triggerAmount": at, "triggerType": "price", "triggerReference": order.trigger_reference,
    }  # fmt: skip


def short_order(order: Order) -> dict[str, Any]:
    """The answer to `responseRequired: false`."""
    shown: dict[str, Any] = {"market": order.market, "orderId": order.order_id}
    if order.client_order_id is not None:
        shown["clientOrderId"] = order.client_order_id
    return shown | {"created": order.created_ns // MS, "updated": order.updated_ns // MS}


def trade_object(fill: Fill, order: Order, *, settled: bool = True) -> dict[str, Any]:
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
        **_settlement(fill, settled),
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
