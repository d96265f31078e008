"""The WebSocket's actions: each is a REST route under another name, with its parameters in one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from console.paper.calls import Call, Route
from console.paper.errors import refusal

ACTIONS: Final = {
    "getTime": "GET /time",
    "getMarkets": "GET /markets",
    "getAssets": "GET /assets",
    "getBook": "GET /{market}/book",
    "getTrades": "GET /{market}/trades",
    "getCandles": "GET /{market}/candles",
    "getTickerPrice": "GET /ticker/price",
    "getTickerBook": "GET /ticker/book",
    "getTicker24h": "GET /ticker/24h",
    "privateCreateOrder": "POST /order",
    "privateUpdateOrder": "PUT /order",
    "privateGetOrder": "GET /order",
    "privateCancelOrder": "DELETE /order",
    "privateGetOrders": "GET /orders",
    "privateCancelOrders": "DELETE /orders",
    "privateAtomicCancelOrders": "DELETE /atomic/orders",
    "privateCancelOrdersAfter": "POST /cancelOrdersAfter",
    "privateGetOrdersOpen": "GET /ordersOpen",
    "privateGetTrades": "GET /trades",
    "privateGetAccount": "GET /account",
    "privateGetFees": "GET /account/fees",
    "privateGetBalance": "GET /balance",
    "privateDepositAssets": "GET /deposit",
    "privateGetDepositHistory": "GET /depositHistory",
    "privateGetWithdrawalHistory": "GET /withdrawalHistory",
    "privateWithdrawAssets": "POST /withdrawal",
    "privateGetTransactionHistory": "GET /account/history",
}
"""Every action with the route it stands for."""

ENVELOPE: Final = ("action", "requestId")
OPERATOR: Final = "operatorId"


def route_of(action: object, routes: Mapping[str, Route]) -> Route:
    """The route an action stands for; 415 for one that is not known."""
    found = routes.get(ACTIONS.get(action, "")) if isinstance(action, str) else None
    if found is None:
        raise refusal(415)
    return found


def call_of(route: Route, message: Mapping[str, Any]) -> Call:
    """The call a message makes; 204 for a parameter the route does not know, 205 for a value of another shape."""
    params = {name: value for name, value in message.items() if name not in ENVELOPE and value is not None}
    market: str | None = None
    if "{market}" in route.path:
        sent = params.pop("market", None)
        if sent is not None and not isinstance(sent, str):
            raise refusal(205, "market")
        market = sent
    for name in params:
        if name not in route.params:
            raise refusal(204, name)
    if route.in_body:
        return Call(params, market)
    return Call({name: _as_query(name, value) for name, value in params.items()}, market)


def _as_query(name: str, value: object) -> str:
    """A value as the route's query string would have it; the operator's id is a number everywhere."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and name != OPERATOR:
        return value
    raise refusal(205, name)
