"""The private routes: account, balance, orders, own trades."""

from __future__ import annotations

from typing import Any, Final

from console.paper.auth import TRADE, VIEW
from console.paper.calls import Call, Route, by_market, points
from console.paper.decimals import text
from console.paper.engine import Engine
from console.paper.errors import refusal
from console.paper.markets import SPECS
from console.paper.order_rules import (
    FIELDS,
    UUID_SHAPE,
    client_id_of,
    group_of,
    market_of,
    operator_of,
    parse_order,
)
from console.paper.store import Fill, Order, Store
from console.paper.wire import order_object, short_order, trade_object

NS_PER_MS: Final = 1_000_000


def _fees(engine: Engine) -> dict[str, Any]:
    return {
        "tier": 0, "volume": "0.00", "maker": text(engine.ledger.maker), "taker": text(engine.ledger.taker),
    }  # fmt: skip


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
    known = {spec.base for spec in SPECS} | {spec.quote for spec in SPECS}
    if symbol is not None and symbol not in known:
        raise refusal(205, "symbol")
    return [
        {"symbol": name, "available": text(available), "inOrder": text(in_order)}
        for name, available, in_order in engine.store.balances()
        if name == symbol or (symbol is None and available + in_order > 0)
    ]


def _shown(store: Store, orders: list[Order]) -> list[dict[str, Any]]:
    return [order_object(order, store.fills("order_id = ? ORDER BY seq", [order.order_id])) for order in orders]


def _place(engine: Engine, call: Call) -> dict[str, Any]:
    new = parse_order(call.params, engine.specs)
    order = engine.place(new)
    return _shown(engine.store, [order])[0] if new.response_required else short_order(order)


def _ids(call: Call) -> tuple[str, str | None, str | None]:
    """Market, order id and client key of a look-up or cancel; the client id wins where both are given."""
    market = market_of(call.params.get("market")).market
    client_id = client_id_of(call.params.get("clientOrderId"))
    order_id = call.params.get("orderId")
    if client_id is not None:
        return market, None, client_id.lower()
    if order_id is None:
        raise refusal(203, "orderId")
    if not UUID_SHAPE.fullmatch(order_id):
        raise refusal(205, "orderId")
    return market, order_id.lower(), None


def _get_order(engine: Engine, call: Call) -> dict[str, Any]:
    order = engine.find(*_ids(call))
    if engine.clock.now() * 1000 < order.created_ns + int(call.lag_s * 1e9):
        raise refusal(240)
    return _shown(engine.store, [order])[0]


def _cancel(engine: Engine, call: Call) -> dict[str, Any]:
    ids = _ids(call)
    sent = call.params.get("operatorId")
    if sent is not None and not (sent.isascii() and sent.isdigit() and len(sent) <= 19):
        raise refusal(205, "operatorId")
    operator_id = operator_of(None if sent is None else int(sent))
    order = engine.cancel(*ids)
    shown: dict[str, Any] = {"orderId": order.order_id}
    if order.client_order_id is not None:
        shown["clientOrderId"] = order.client_order_id
    return shown | {"operatorId": operator_id}


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
    return _shown(engine.store, list(reversed(found)))


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
    return _shown(engine.store, engine.store.orders(condition, [market, *values]))


def _trades(engine: Engine, call: Call) -> list[dict[str, Any]]:
    market = market_of(call.params.get("market")).market
    engine.advance()
    to = "tradeIdTo" if "tradeIdTo" in call.params else "tradeId"
    bounds = [
        _seq_of(engine.store, "fills", "fill_id", market, name, call.params.get(name)) for name in ("tradeIdFrom", to)
    ]
    condition, values = _page(call, bounds[0], bounds[1], "at_ns")
    found = engine.store.fills(condition, [market, *values])
    return [trade_object(fill, _order_of(engine.store, fill)) for fill in found]


def _order_of(store: Store, fill: Fill) -> Order:
    return store.orders("order_id = ?", [fill.order_id])[0]


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
PAGE: Final = frozenset({"market", "limit", "start", "end"})

ROUTES: Final = (
    Route("GET", "/account", points(1), VIEW, _account),
    Route("GET", "/account/fees", points(1), VIEW, _account_fees, frozenset({"market", "quote"})),
    Route("GET", "/balance", points(5), VIEW, _balance, frozenset({"symbol"})),
    Route("POST", "/order", points(1), TRADE, _place, FIELDS),
    Route("GET", "/order", points(1), TRADE, _get_order, ONE),
    Route("DELETE", "/order", points(1), TRADE, _cancel, ONE | {"operatorId"}),
    Route("GET", "/ordersOpen", by_market(5, 100), TRADE, _orders_open, frozenset({"market", "base"})),
    Route("GET", "/orders", points(5), TRADE, _orders, PAGE | {"orderIdFrom", "orderIdTo"}),
    Route("GET", "/trades", points(5), TRADE, _trades, PAGE | {"tradeIdFrom", "tradeIdTo", "tradeId"}),
    Route(
        "POST", "/cancelOrdersAfter", points(5), TRADE, _cancel_after, frozenset({"codGroupId", "expiryAfterSeconds"})
    ),
)  # fmt: skip
