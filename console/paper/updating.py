"""PUT /order: what a change makes of an open order, or the documented refusal."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from console.paper.choices import MARKET_ORDER_UPDATE
from console.paper.decimals import ZERO
from console.paper.errors import refusal
from console.paper.markets import MarketSpec
from console.paper.order_fields import check_amount, check_price, check_quote
from console.paper.order_rules import TRIGGERED, OrderChange
from console.paper.store import Order

_PRICED_ONLY = (("price", "price"), ("time_in_force", "timeInForce"), ("post_only", "postOnly"))


def changed(order: Order, change: OrderChange, spec: MarketSpec) -> Order:
    """The order as it will be, hold and priority aside; the given one is left alone.

    ApiError: 234 a market order, 202 a parameter its type does not have, 239 amount for amountQuote or the reverse,
    232 nothing that differs, and the refusals of a placement's values.
    """
    if order.order_type == "market":
        raise refusal(MARKET_ORDER_UPDATE.value)
    _check_type(order, change)
    new = replace(order)
    if change.price is not None:
        new.price = change.price
    if change.trigger_amount is not None:
        new.trigger_amount = change.trigger_amount
    if change.time_in_force is not None:
        new.time_in_force = change.time_in_force
    if change.self_trade_prevention is not None:
        new.self_trade_prevention = change.self_trade_prevention
    if change.post_only is not None:
        new.post_only = change.post_only
    _resize(new, change)
    if new == order:
        raise refusal(232)
    _check_values(new, spec)
    return new


def _check_type(order: Order, change: OrderChange) -> None:
    if not order.priced:
        for name, sent in _PRICED_ONLY:
            if getattr(change, name) is not None:
                raise refusal(202, sent)
    if order.order_type not in TRIGGERED and change.trigger_amount is not None:
        raise refusal(202, "triggerAmount")
    by_quote = order.amount_quote is not None
    in_base = change.amount is not None or change.amount_remaining is not None
    if (by_quote and in_base) or (not by_quote and change.amount_quote is not None):
        raise refusal(239)


def _resize(new: Order, change: OrderChange) -> None:
    """A new total leaves what it exceeds the used part by; a new rest makes the total that and the used part."""
    if change.amount_quote is not None:
        new.amount_quote = change.amount_quote
    if new.amount is None or new.amount_remaining is None:
        return
    used = new.amount - new.amount_remaining
    if change.amount is not None:
        if change.amount <= used:
            raise refusal(205, "amount")
        new.amount, new.amount_remaining = change.amount, change.amount - used
    if change.amount_remaining is not None:
        new.amount, new.amount_remaining = change.amount_remaining + used, change.amount_remaining


def _check_values(new: Order, spec: MarketSpec) -> None:
    if new.amount_remaining is not None:
        check_amount(spec, new.amount_remaining)
    if new.amount_quote is not None:
        check_quote(spec, new.amount_quote)
    for price in (new.price, new.trigger_amount):
        if price is not None:
            check_price(spec, price)
    valued_at: Decimal | None = new.trigger_amount if new.price is None else new.price
    rest = ZERO if new.amount_remaining is None else new.amount_remaining
    if valued_at is not None and new.amount_quote is None and rest * valued_at < spec.min_quote:
        raise refusal(217)
