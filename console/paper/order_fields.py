"""The single fields of orders: names, ids, decimals, ticks and minima, each with its documented refusal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from console.paper.choices import OPERATOR_RANGE, OPERATOR_REFUSED, PLACES_CODE, TICK_CODE
from console.paper.decimals import places_of
from console.paper.errors import invalid_value, refusal
from console.paper.markets import BY_NAME, MarketSpec

PREVENTIONS: Final = frozenset({"decrementAndCancel", "cancelOldest", "cancelNewest", "cancelBoth"})
TIMES_IN_FORCE: Final = frozenset({"GTC", "IOC", "FOK"})
REFERENCES: Final = frozenset({"lastTrade", "bestBid", "bestAsk", "midPrice"})
UUID_SHAPE: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
MARKET_SHAPE: Final = re.compile(r"[A-Z0-9]{1,16}-[A-Z0-9]{1,16}")
_NUMBER: Final = re.compile(r"[0-9]{1,24}(\.[0-9]{1,24})?")
MAX_PRICE: Final = Decimal(100_000_000_000)
MIN_PRICE: Final = Decimal("0.000000000000001")
PRICE_PLACES: Final = 15


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


def ids_of(params: Mapping[str, Any]) -> tuple[str, str | None, str | None]:
    """Market, order id and client key of one order; the client id wins where both are given. 203 or 205."""
    market = market_of(params.get("market")).market
    client_id = client_id_of(params.get("clientOrderId"))
    order_id = params.get("orderId")
    if client_id is not None:
        return market, None, client_id.lower()
    if order_id is None:
        raise refusal(203, "orderId")
    if not isinstance(order_id, str) or not UUID_SHAPE.fullmatch(order_id):
        raise refusal(205, "orderId")
    return market, order_id.lower(), None


def operator_of(value: object) -> int:
    """The operator id: a JSON number of 64 bits; 203 if missing, OPERATOR_REFUSED otherwise."""
    least, most = OPERATOR_RANGE.value
    if value is None:
        raise refusal(203, "operatorId")
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise refusal(OPERATOR_REFUSED.value, "operatorId")
    return value


def operator_of_query(value: str | None) -> int:
    """The operator id as a query carries it."""
    if value is not None and not (value.isascii() and value.isdigit() and len(value) <= 19):
        raise refusal(OPERATOR_REFUSED.value, "operatorId")
    return operator_of(None if value is None else int(value))


def group_of(value: object) -> int:
    """A cancel-orders-after group, 1 to 1000 (205)."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise refusal(205, "codGroupId")
    return value


def decimal_of(body: Mapping[str, Any], name: str) -> Decimal | None:
    """A decimal as a JSON string without sign and exponent (205); None if it is not there."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise refusal(205, name)
    return Decimal(value)


def one_of(body: Mapping[str, Any], name: str, allowed: frozenset[str], default: str | None) -> str:
    """A word out of a few (205); 203 if it is neither there nor has a default."""
    value = body.get(name, default)
    if value is None:
        raise refusal(203, name)
    if not isinstance(value, str) or value not in allowed:
        raise refusal(205, name)
    return value


def flag_of(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """A JSON boolean (205)."""
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise refusal(205, name)
    return value


def check_amount(spec: MarketSpec, amount: Decimal, name: str = "amount") -> None:
    """An amount of base asset: decimals, most and least."""
    if places_of(amount) > spec.quantity_decimals:
        raise refusal(PLACES_CODE.value, name)
    if amount > spec.max_amount:
        raise refusal(210)
    if amount < spec.min_base:
        raise refusal(212)


def check_quote(spec: MarketSpec, quote: Decimal) -> None:
    """An amount of quote asset: decimals, most and least."""
    if places_of(quote) > spec.notional_decimals:
        raise refusal(PLACES_CODE.value, "amountQuote")
    if quote > spec.max_amount:
        raise refusal(210)
    if quote < spec.min_quote:
        raise refusal(217)


def check_price(spec: MarketSpec, price: Decimal) -> None:
    """A price or a trigger's price: bounds, digits and tick."""
    if places_of(price) > PRICE_PLACES:
        raise refusal(215)
    if price < MIN_PRICE:
        raise refusal(213)
    if price > MAX_PRICE:
        raise refusal(211)
    if price % spec.tick != 0:
        raise refusal(TICK_CODE.value)
