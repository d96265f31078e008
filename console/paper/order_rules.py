"""What a POST /order must look like: names, types, decimals, ticks and minima, each with its documented refusal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from console.paper.decimals import places_of
from console.paper.errors import invalid_value, refusal
from console.paper.markets import BY_NAME, MarketSpec

FIELDS: Final = frozenset(
    {
        "market", "side", "orderType", "operatorId", "clientOrderId", "amount", "amountQuote", "price",
        "triggerAmount", "triggerType", "triggerReference", "timeInForce", "postOnly", "selfTradePrevention",
        "disableMarketProtection", "responseRequired", "codGroupId",
    }
)  # fmt: skip
TYPES: Final = frozenset({"market", "limit"})
TRIGGER_TYPES: Final = frozenset({"stopLoss", "stopLossLimit", "takeProfit", "takeProfitLimit"})
TRIGGER_FIELDS: Final = ("triggerAmount", "triggerType", "triggerReference")
LIMIT_FIELDS: Final = ("price", "timeInForce", "postOnly")
PREVENTIONS: Final = frozenset({"decrementAndCancel", "cancelOldest", "cancelNewest", "cancelBoth"})
INT64: Final = 2**63 - 1
UUID_SHAPE: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
MARKET_SHAPE: Final = re.compile(r"[A-Z0-9]{1,16}-[A-Z0-9]{1,16}")
_NUMBER: Final = re.compile(r"[0-9]{1,24}(\.[0-9]{1,24})?")
MAX_PRICE: Final = Decimal(100_000_000_000)


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


def market_of(name: object) -> MarketSpec:
    """The market of that name; 203 if it is missing, 205 if there is none."""
    if name is None:
        raise refusal(203, "market")
    if not isinstance(name, str) or not MARKET_SHAPE.fullmatch(name):
        raise refusal(205, "market")
    if name not in BY_NAME:
        raise invalid_value("market", name)
    return BY_NAME[name]


def client_id_of(value: object) -> str | None:
    """A client order id, which must be shaped like a UUID (205); None if there is none."""
    if value is None:
        return None
    if not isinstance(value, str) or not UUID_SHAPE.fullmatch(value):
        raise refusal(205, "clientOrderId")
    return value


def operator_of(value: object) -> int:
    """The operator id: a JSON number of 64 bits; 203 if missing, 205 otherwise.

    What the exchange says to zero, negatives and strings was never recorded; all are refused here.
    """
    if value is None:
        raise refusal(203, "operatorId")
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= INT64:
        raise refusal(205, "operatorId")
    return value


def _decimal(body: Mapping[str, Any], name: str) -> Decimal | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise refusal(205, name)
    return Decimal(value)


def _one_of(body: Mapping[str, Any], name: str, allowed: frozenset[str], default: str | None) -> str:
    value = body.get(name, default)
    if value is None:
        raise refusal(203, name)
    if not isinstance(value, str) or value not in allowed:
        raise refusal(205, name)
    return value


def _flag(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise refusal(205, name)
    return value


def parse_order(body: Mapping[str, Any], specs: Mapping[str, MarketSpec] = BY_NAME) -> NewOrder:
    """Check a POST /order body against the markets' rules; raises ApiError with the first documented refusal."""
    for name in body:
        if name not in FIELDS:
            raise refusal(201, name)
    spec = specs[market_of(body.get("market")).market]
    side = _one_of(body, "side", frozenset({"buy", "sell"}), None)
    order_type = _one_of(body, "orderType", TYPES | TRIGGER_TYPES, None)
    if order_type in TRIGGER_TYPES:
        # Trigger orders are not simulated and `GET /markets` does not offer them.
        raise refusal(204, "orderType")
    operator_id = operator_of(body.get("operatorId"))
    client_order_id = client_id_of(body.get("clientOrderId"))
    prevention = _one_of(body, "selfTradePrevention", PREVENTIONS, "decrementAndCancel")
    if _flag(body, "disableMarketProtection", default=False):
        raise refusal(205, "disableMarketProtection")
    response = _flag(body, "responseRequired", default=True)
    group = body.get("codGroupId")
    if group is not None:
        group = group_of(group)
    for name in TRIGGER_FIELDS:
        if name in body:
            raise refusal(202, name)
    amount, quote, price = (_decimal(body, name) for name in ("amount", "amountQuote", "price"))
    time_in_force: str | None = None
    post_only: bool | None = None
    if order_type == "limit":
        time_in_force, post_only = _check_limit(body, amount, price)
    else:
        _check_market(body, amount, quote)
    _check_values(spec, amount, quote, price)
    return NewOrder(
        spec, side, order_type, operator_id, client_order_id, amount, quote, price, time_in_force, post_only,
        prevention, group, response,
    )  # fmt: skip


def group_of(value: object) -> int:
    """A cancel-orders-after group, 1 to 1000 (205)."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise refusal(205, "codGroupId")
    return value


def _check_limit(body: Mapping[str, Any], amount: Decimal | None, price: Decimal | None) -> tuple[str, bool]:
    if "amountQuote" in body:
        raise refusal(202, "amountQuote")
    if amount is None:
        raise refusal(203, "amount")
    if price is None:
        raise refusal(203, "price")
    time_in_force = _one_of(body, "timeInForce", frozenset({"GTC", "IOC", "FOK"}), "GTC")
    return time_in_force, _flag(body, "postOnly", default=False)


def _check_market(body: Mapping[str, Any], amount: Decimal | None, quote: Decimal | None) -> None:
    for name in LIMIT_FIELDS:
        if name in body:
            raise refusal(202, name)
    if amount is not None and quote is not None:
        raise refusal(206, "amount", "amountQuote")
    if amount is None and quote is None:
        raise refusal(203, "amount")


def _check_values(spec: MarketSpec, amount: Decimal | None, quote: Decimal | None, price: Decimal | None) -> None:
    if amount is not None:
        if places_of(amount) > spec.quantity_decimals:
            raise refusal(429, "amount")
        if amount > spec.max_amount:
            raise refusal(210)
        if amount < spec.min_base:
            raise refusal(212)
    if quote is not None:
        if places_of(quote) > spec.notional_decimals:
            raise refusal(429, "amountQuote")
        if quote > spec.max_amount:
            raise refusal(210)
        if quote < spec.min_quote:
            raise refusal(217)
    if price is not None:
        if price == 0:
            raise refusal(213)
        if price > MAX_PRICE:
            raise refusal(211)
        if price % spec.tick != 0:
            raise refusal(422)
        if amount is not None and amount * price < spec.min_quote:
            raise refusal(217)
