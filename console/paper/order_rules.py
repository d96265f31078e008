"""What a POST /order and a PUT /order must look like, each fault with its documented refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from console.paper.choices import GROUP_ON_MARKET_ORDER, STOP_CODES
from console.paper.errors import refusal
from console.paper.markets import BY_NAME, MarketSpec
from console.paper.order_fields import (
    PREVENTIONS,
    REFERENCES,
    TIMES_IN_FORCE,
    check_amount,
    check_price,
    check_quote,
    client_id_of,
    decimal_of,
    flag_of,
    group_of,
    market_of,
    one_of,
    operator_of,
)

FIELDS: Final = frozenset(
    {
        "market", "side", "orderType", "operatorId", "clientOrderId", "amount", "amountQuote", "price",
        "triggerAmount", "triggerType", "triggerReference", "timeInForce", "postOnly", "selfTradePrevention",
        "disableMarketProtection", "responseRequired", "codGroupId",
    }
)  # fmt: skip
CHANGE_FIELDS: Final = frozenset(
    {
        "market", "orderId", "clientOrderId", "operatorId", "amount", "amountRemaining", "amountQuote", "price",
        "triggerAmount", "timeInForce", "selfTradePrevention", "postOnly", "responseRequired",
    }
)  # fmt: skip
CHANGEABLE: Final = CHANGE_FIELDS - {"market", "orderId", "clientOrderId", "operatorId", "responseRequired"}
SIZES: Final = ("amount", "amountRemaining", "amountQuote")
TYPES: Final = frozenset({"market", "limit", "stopLoss", "stopLossLimit", "takeProfit", "takeProfitLimit"})
PRICED: Final = frozenset({"limit", "stopLossLimit", "takeProfitLimit"})
TRIGGERED: Final = TYPES - {"market", "limit"}
TRIGGER_FIELDS: Final = ("triggerAmount", "triggerType", "triggerReference")
LIMIT_FIELDS: Final = ("price", "timeInForce", "postOnly")


@dataclass(frozen=True)
class NewOrder:
    """A well-formed order that has not met the book yet."""

    spec: MarketSpec
    side: str
    order_type: str
    operator_id: int
    client_order_id: str | None
    amount: Decimal | None
    amount_quote: Decimal | None
    price: Decimal | None
    time_in_force: str | None
    post_only: bool | None
    self_trade_prevention: str
    cod_group_id: int | None
    response_required: bool
    trigger_amount: Decimal | None = None
    trigger_reference: str | None = None


@dataclass(frozen=True)
class OrderChange:
    """A well-formed change of an order that was not looked up yet; None leaves a value as it is."""

    operator_id: int
    response_required: bool
    amount: Decimal | None
    amount_remaining: Decimal | None
    amount_quote: Decimal | None
    price: Decimal | None
    trigger_amount: Decimal | None
    time_in_force: str | None
    self_trade_prevention: str | None
    post_only: bool | None


def parse_order(body: Mapping[str, Any], specs: Mapping[str, MarketSpec] = BY_NAME) -> NewOrder:
    """Check a POST /order body against the markets' rules; raises ApiError with the first documented refusal."""
    for name in body:
        if name not in FIELDS:
            raise refusal(201, name)
    spec = specs[market_of(body.get("market")).market]
    side = one_of(body, "side", frozenset({"buy", "sell"}), None)
    order_type = one_of(body, "orderType", TYPES, None)
    operator_id = operator_of(body.get("operatorId"))
    client_order_id = client_id_of(body.get("clientOrderId"))
    prevention = one_of(body, "selfTradePrevention", PREVENTIONS, "decrementAndCancel")
    if flag_of(body, "disableMarketProtection", default=False):
        raise refusal(205, "disableMarketProtection")
    response = flag_of(body, "responseRequired", default=True)
    group = _group(body, order_type)
    amount, quote, price = (decimal_of(body, name) for name in ("amount", "amountQuote", "price"))
    trigger, reference = _trigger(body, order_type)
    time_in_force: str | None = None
    post_only: bool | None = None
    if order_type in PRICED:
        time_in_force, post_only = _check_priced(body, amount, price)
    else:
        _check_unpriced(body, amount, quote)
    _check_values(spec, amount, quote, price, trigger)
    return NewOrder(
        spec, side, order_type, operator_id, client_order_id, amount, quote, price, time_in_force, post_only,
        prevention, group, response, trigger, reference,
    )  # fmt: skip


def _group(body: Mapping[str, Any], order_type: str) -> int | None:
    if body.get("codGroupId") is None:
        return None
    if order_type == "market":
        raise refusal(GROUP_ON_MARKET_ORDER.value, "codGroupId")
    return group_of(body["codGroupId"])


def _trigger(body: Mapping[str, Any], order_type: str) -> tuple[Decimal | None, str | None]:
    """Trigger price and reference of a stop-loss or take-profit; nobody else may state them (202)."""
    if order_type not in TRIGGERED:
        for name in TRIGGER_FIELDS:
            if name in body:
                raise refusal(202, name)
        return None, None
    if any(body.get(name) is None for name in TRIGGER_FIELDS):
        raise refusal(STOP_CODES.value[order_type in PRICED])
    one_of(body, "triggerType", frozenset({"price"}), None)
    return decimal_of(body, "triggerAmount"), one_of(body, "triggerReference", REFERENCES, None)


def _check_priced(body: Mapping[str, Any], amount: Decimal | None, price: Decimal | None) -> tuple[str, bool]:
    if "amountQuote" in body:
        raise refusal(202, "amountQuote")
    if amount is None:
        raise refusal(203, "amount")
    if price is None:
        raise refusal(203, "price")
    return one_of(body, "timeInForce", TIMES_IN_FORCE, "GTC"), flag_of(body, "postOnly", default=False)


def _check_unpriced(body: Mapping[str, Any], amount: Decimal | None, quote: Decimal | None) -> None:
    for name in LIMIT_FIELDS:
        if name in body:
            raise refusal(202, name)
    if amount is not None and quote is not None:
        raise refusal(206, "amount", "amountQuote")
    if amount is None and quote is None:
        raise refusal(203, "amount")


def _check_values(
    spec: MarketSpec, amount: Decimal | None, quote: Decimal | None, price: Decimal | None, trigger: Decimal | None
) -> None:
    if amount is not None:
        check_amount(spec, amount)
    if quote is not None:
        check_quote(spec, quote)
    for each in (price, trigger):
        if each is not None:
            check_price(spec, each)
    valued_at = trigger if price is None else price
    if amount is not None and valued_at is not None and amount * valued_at < spec.min_quote:
        raise refusal(217)


def parse_change(body: Mapping[str, Any]) -> OrderChange:
    """Check a PUT /order body as far as that goes without the order; raises ApiError."""
    operator_id = operator_of(body.get("operatorId"))
    if sum(body.get(name) is not None for name in SIZES) > 1:
        raise refusal(236)
    if all(body.get(name) is None for name in CHANGEABLE):
        raise refusal(232)
    sizes = (decimal_of(body, name) for name in SIZES)
    amount, remaining, quote = sizes
    return OrderChange(
        operator_id,
        flag_of(body, "responseRequired", default=True),
        amount,
        remaining,
        quote,
        decimal_of(body, "price"),
        decimal_of(body, "triggerAmount"),
        None if body.get("timeInForce") is None else one_of(body, "timeInForce", TIMES_IN_FORCE, None),
        None if body.get("selfTradePrevention") is None else one_of(body, "selfTradePrevention", PREVENTIONS, None),
        None if body.get("postOnly") is None else flag_of(body, "postOnly", default=False),
    )
