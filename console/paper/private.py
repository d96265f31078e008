"""The private routes that only read: account, balance, listings of orders and own trades."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from console.paper.auth import TRADE, VIEW
from console.paper.calls import Call, Route, by_market, points
from console.paper.choices import OPEN_ORDERS_WEIGHT, VIEW_KEY_ON_ORDERS, ZERO_BALANCE_ROW, ZERO_BALANCES_LISTED
from console.paper.decimals import floor_cents, text
from console.paper.engine import Engine
from console.paper.errors import refusal
from console.paper.markets import SPECS
from console.paper.order_fields import market_of
from console.paper.shown import shown, shown_trades
from console.paper.store import Store

NS_PER_MS: Final = 1_000_000


def _fees(engine: Engine) -> dict[str, Any]:
    tier = engine.ledger.fees.tier()
    volume = format(floor_cents(tier.volume), "f")
    return {"tier": tier.number, "volume": volume, "maker": text(tier.maker), "taker": text(tier.taker)}


def _account(engine: Engine, _call: Call) -> dict[str, Any]:
    capabilities = ["buy", "sell", "depositCrypto", "depositFiat", "withdrawCrypto", "withdrawFiat"]
    return {"fees": _fees(engine), "capabilities": capabilities}


def _account_fees(engine: Engine, call: Call) -> dict[str, Any]:
    if "market" in call.params:
        market_of(call.params["market"])
    if call.params.get("quote", "EUR") not in {"EUR", "USDC"}:
        raise refusal(205, "quote")
    return _fees(engine)


def _balance(engine: Engine, call: Call) -> list[dict[str, str]]:
    engine.advance()
    symbol = call.params.get("symbol")
    if symbol is not None and symbol not in SYMBOLS:
        raise refusal(205, "symbol")
    every = ZERO_BALANCES_LISTED.value if symbol is None else ZERO_BALANCE_ROW.value
    return [
        {"symbol": name, "available": text(available), "inOrder": text(in_order)}
        for name, available, in_order in engine.store.balances()
        if symbol in {None, name} and (every or available + in_order > 0)
    ]


def _orders_open(engine: Engine, call: Call) -> list[dict[str, Any]]:
    engine.advance()
    market = call.params.get("market")
    name = None if market is None else market_of(market).market
    base = call.params.get("base")
    if base is not None and base not in {spec.base for spec in SPECS}:
        raise refusal(205, "base")
    found = engine.store.open_orders(name)
    if base is not None:
        found = [order for order in found if order.market.startswith(f"{base}-")]
    return shown(engine, list(reversed(found)), call.spoiled)


def _seq_of(store: Store, table: str, column: str, market: str, name: str, sent: str | None) -> int | None:
    """The sequence number of an id used as a listing bound; 205 if it is no id of that market."""
    if sent is None:
        return None
    found = store.rows(
        f"SELECT seq FROM {table} WHERE market = ? AND {column} = ?",  # noqa: S608 - constants
        [market, sent.lower()],
    )
    if not found:
        raise refusal(205, name)
    return int(found[0]["seq"])


def _page(call: Call, low: int | None, high: int | None, time_column: str) -> tuple[str, list[object]]:
    """The WHERE clause of a listing: newest first, both bounds of time and of id included."""
    limit = call.integer("limit", 1, 1000, 500)
    start, end = call.bounds()
    condition = f"market = ? AND {time_column} / {NS_PER_MS} BETWEEN ? AND ?"
    values: list[object] = [start, end]
    for bound, sign in ((low, ">="), (high, "<=")):
        if bound is not None:
            condition += f" AND seq {sign} ?"
            values.append(bound)
    return f"{condition} ORDER BY seq DESC LIMIT ?", [*values, limit]


def _orders(engine: Engine, call: Call) -> list[dict[str, Any]]:
    market = market_of(call.params.get("market")).market
    engine.advance()
    bounds = [
        _seq_of(engine.store, "orders", "order_id", market, name, call.params.get(name))
        for name in ("orderIdFrom", "orderIdTo")
    ]
    condition, values = _page(call, bounds[0], bounds[1], "created_ns")
    return shown(engine, engine.store.orders(condition, [market, *values]), call.spoiled)


def _trades(engine: Engine, call: Call) -> list[dict[str, Any]]:
    market = market_of(call.params.get("market")).market
    engine.advance()
    to = "tradeIdTo" if "tradeIdTo" in call.params else "tradeId"
    bounds = [
        _seq_of(engine.store, "fills", "fill_id", market, name, call.params.get(name)) for name in ("tradeIdFrom", to)
    ]
    condition, values = _page(call, bounds[0], bounds[1], "at_ns")
    return shown_trades(engine, engine.store.fills(condition, [market, *values]), call.spoiled)


def _deposits(engine: Engine, call: Call) -> list[dict[str, Any]]:
    """The account's first deposit; there is no other."""
    _moves(call)
    amount, at_us = engine.store.setting("deposit_eur"), engine.store.setting("deposited_us")
    if amount is None or at_us is None or Decimal(amount) == 0 or call.params.get("symbol", "EUR") != "EUR":
        return []
    at_ms, (start, end) = int(at_us) // 1000, call.bounds()
    row = {"timestamp": at_ms, "symbol": "EUR", "amount": amount, "fee": "0", "status": "completed", "address": ""}
    return [row] if start <= at_ms <= end else []


def _moves(call: Call) -> None:
    call.integer("limit", 1, 1000, 500)
    call.bounds()
    if "symbol" in call.params and call.params["symbol"] not in SYMBOLS:
        raise refusal(205, "symbol")


def _withdrawals(_engine: Engine, call: Call) -> list[dict[str, Any]]:
    _moves(call)
    return []


SYMBOLS: Final = {spec.base for spec in SPECS} | {spec.quote for spec in SPECS}
PAGE: Final = frozenset({"market", "limit", "start", "end"})
MOVES: Final = frozenset({"symbol", "limit", "start", "end"})
_ORDER_IDS: Final = frozenset({"orderIdFrom", "orderIdTo"})

ROUTES: Final = (
    Route("GET", "/account", points(1), VIEW, _account),
    Route("GET", "/account/fees", points(1), VIEW, _account_fees, frozenset({"market", "quote"})),
    Route("GET", "/balance", points(5), VIEW, _balance, frozenset({"symbol"})),
    Route("GET", "/depositHistory", points(5), VIEW, _deposits, MOVES),
    Route("GET", "/withdrawalHistory", points(5), VIEW, _withdrawals, MOVES),
    Route(
        "GET", "/ordersOpen", by_market(*OPEN_ORDERS_WEIGHT.value), TRADE, _orders_open, frozenset({"market", "base"}),
        missing_right=VIEW_KEY_ON_ORDERS,
    ),
    Route("GET", "/orders", points(5), TRADE, _orders, PAGE | _ORDER_IDS, missing_right=VIEW_KEY_ON_ORDERS),
    Route(
        "GET", "/trades", points(5), TRADE, _trades, PAGE | {"tradeIdFrom", "tradeIdTo", "tradeId"},
        missing_right=VIEW_KEY_ON_ORDERS,
    ),
)  # fmt: skip
