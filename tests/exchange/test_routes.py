from __future__ import annotations

import pytest

from console.exchange.errors import WrongClient
from console.exchange.routes import READONLY, TRADE, Route
from console.exchange.transport import Transport
from tests.exchange.kit import Desk, ok


def concrete(route: Route) -> tuple[str, str]:
    return route.method, route.path.replace("{market}", "BTC-EUR")


async def refuse(transport: Transport, method: str, path: str) -> str:
    with pytest.raises(WrongClient) as caught:
        await transport.send(method, path, timeout_s=1)
    return str(caught.value)


@pytest.mark.parametrize("route", TRADE.routes)
async def test_the_readonly_client_sends_no_trade_route(route: Route) -> None:
    desk = Desk(lambda _request: ok({}))
    assert "use console.exchange.trade" in await refuse(desk.readonly.transport, *concrete(route))
    assert desk.sent == []


@pytest.mark.parametrize("route", READONLY.routes)
async def test_the_trade_client_sends_no_readonly_route(route: Route) -> None:
    desk = Desk(lambda _request: ok({}))
    assert "use console.exchange.readonly" in await refuse(desk.trade.transport, *concrete(route))
    assert desk.sent == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/withdrawal"),
        ("POST", "/crypto/withdrawal"),
        ("GET", "/deposit"),
        ("DELETE", "/orders"),
        ("PUT", "/order"),
        ("POST", "/balance"),
        ("GET", "/order/../withdrawal"),
        ("GET", "/x/book"),
        ("GET", "/BTC-EUR/book\n"),
        ("GET", "/BTC-EUR/ticker/24h"),
    ],
)
async def test_what_nobody_may_send_is_sent_by_neither(method: str, path: str) -> None:
    desk = Desk(lambda _request: ok({}))
    for transport in (desk.readonly.transport, desk.trade.transport):
        assert "no client of this program sends it" in await refuse(transport, method, path)
    assert desk.sent == []
