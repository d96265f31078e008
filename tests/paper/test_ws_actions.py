"""The WebSocket's actions: the REST routes under other names, with the wire's own shapes of answer and refusal."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest

from console.paper.actions import ACTIONS
from console.paper.app import ROUTES
from tests.paper.kit import Bench, limit, market_order
from tests.paper.sockets import MARKER, Socket, connected


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
async def test_both_spellings_of_the_path_are_served(bench: Bench, path: str) -> None:
    async with connected(bench, path) as socket:
        assert set((await socket.ask({"action": "getTime"}))["response"]) == {"time", "timeNs"}


async def test_another_path_is_not_found(bench: Bench) -> None:
    socket = Socket(bench, "/v3/")
    await socket.run()
    start = await socket.raw()
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 404)


PUBLIC: list[tuple[str, dict[str, Any], str]] = [
    ("getTime", {}, "/time"),
    ("getMarkets", {}, "/markets"),
    ("getMarkets", {"market": "ADA-EUR"}, "/markets?market=ADA-EUR"),
    ("getAssets", {"symbol": "EUR"}, "/assets?symbol=EUR"),
    ("getBook", {"market": "BTC-EUR", "depth": 3}, "/BTC-EUR/book?depth=3"),
    ("getTrades", {"market": "SOL-EUR", "limit": 4}, "/SOL-EUR/trades?limit=4"),
    ("getCandles", {"market": "SOL-EUR", "interval": "5m", "limit": 7}, "/SOL-EUR/candles?interval=5m&limit=7"),
    ("getTickerPrice", {"market": "XRP-EUR"}, "/ticker/price?market=XRP-EUR"),
    ("getTickerBook", {}, "/ticker/book"),
    ("getTicker24h", {"market": "ETH-EUR"}, "/ticker/24h?market=ETH-EUR"),
]
PRIVATE: list[tuple[str, dict[str, Any], str]] = [
    ("privateGetOrders", {"market": "BTC-EUR"}, "/orders?market=BTC-EUR"),
    ("privateGetOrdersOpen", {}, "/ordersOpen"),
    ("privateGetTrades", {"market": "XRP-EUR", "limit": 1}, "/trades?market=XRP-EUR&limit=1"),
    ("privateGetAccount", {}, "/account"),
    ("privateGetFees", {"market": None}, "/account/fees"),
    ("privateGetBalance", {"symbol": "EUR"}, "/balance?symbol=EUR"),
    ("privateGetDepositHistory", {"symbol": "EUR"}, "/depositHistory?symbol=EUR"),
    ("privateGetTransactionHistory", {"maxItems": 5}, "/account/history?maxItems=5"),
]


@pytest.mark.parametrize(("action", "params", "target"), PUBLIC + PRIVATE)
async def test_an_action_answers_what_its_route_answers(
    bench: Bench, action: str, params: dict[str, Any], target: str
) -> None:
    bench.clock.step(30)
    await bench.send("POST", "/order", limit())
    await bench.send("POST", "/order", market_order("XRP-EUR", amountQuote="25"))
    async with connected(bench) as socket:
        await socket.authenticate()
        expected = (await bench.send("GET", target)).json()
        assert expected
        answer = await socket.ask({"action": action, "requestId": 3, **params})
        assert answer == {"action": action, "requestId": 3, "response": expected}


async def test_an_order_lives_and_dies_by_actions_alone(bench: Bench) -> None:
    async with connected(bench) as socket:
        await socket.authenticate()
        placed = (await socket.ask({"action": "privateCreateOrder", **limit()}))["response"]
        ids = {"market": "BTC-EUR", "orderId": placed["orderId"]}
        assert (await socket.ask({"action": "privateGetOrder", **ids}))["response"] == placed
        canceled = await socket.ask({"action": "privateCancelOrder", **ids, "operatorId": 7})
        assert canceled["response"] == {"orderId": placed["orderId"], "operatorId": 7}
        assert bench.order().status == "canceled"
        armed = await socket.ask({"action": "privateCancelOrdersAfter", "codGroupId": 4, "expiryAfterSeconds": 30})
        assert set(armed["response"]) == {"codGroupId", "timeOfExpirySeconds"}


async def test_orders_are_edited_and_canceled_in_bulk_by_actions(bench: Bench) -> None:
    async with connected(bench) as socket:
        await socket.authenticate()
        placed = (await socket.ask({"action": "privateCreateOrder", **limit()}))["response"]
        ids = {"market": "BTC-EUR", "orderId": placed["orderId"], "operatorId": 7}
        changed = await socket.ask({"action": "privateUpdateOrder", **ids, "price": "29000"})
        assert changed["response"]["price"] == "29000"
        await socket.ask({"action": "privateCreateOrder", **limit()})
        atomic = {"action": "privateAtomicCancelOrders", "market": "BTC-EUR", "side": "buy", "operatorId": 7}
        answer = await socket.ask(atomic)
        assert "response" in answer, answer
        assert bench.store.open_orders("BTC-EUR") == []
        await socket.ask({"action": "privateCreateOrder", **limit()})
        gone = (await socket.ask({"action": "privateCancelOrders", "market": "BTC-EUR", "operatorId": 7}))["response"]
        assert [each["orderId"] for each in gone] == [bench.order().order_id]
        assert bench.store.open_orders("BTC-EUR") == []


def test_every_action_stands_for_a_route_and_no_route_is_left_out() -> None:
    # Timers, orders, listings: whatever REST can do or refuses, the WebSocket does or refuses.
    reports = {"GET /report/{market}/book", "GET /report/{market}/trades"}
    assert set(ROUTES) - set(ACTIONS.values()) == reports | {"POST /crypto/withdrawal", "GET /stakingBalance"}
    assert set(ACTIONS.values()) <= set(ROUTES)


FACTS = Path(__file__).parents[2].parent / "shared" / "bitvavo.md"


def test_every_documented_action_is_known() -> None:
    if not FACTS.exists() and not os.environ.get("CI"):
        pytest.skip("the exchange's facts are not here")
    found = re.search(r"^Actions: ([A-Za-z0-9 ]+)\.$", FACTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    assert set(found[1].split()) == set(ACTIONS)


async def test_a_request_id_beyond_a_double_comes_back_as_the_same_number(bench: Bench) -> None:
    async with connected(bench) as socket:
        socket.say(f'{{"action":"getTime","requestId":{MARKER}}}')
        assert f'"requestId":{MARKER},' in (await socket.raw())["text"]
        answer = await socket.ask({"action": "getBook", "market": "NOPE-EUR", "requestId": MARKER})
        assert (answer["requestId"], answer["errorCode"]) == (MARKER, 205)


REFUSED: list[tuple[Any, dict[str, Any]]] = [
    (
        {"action": "getBook", "requestId": 90, "market": "NOPE-EUR"},
        {
            "action": "getBook",
            "requestId": 90,
            "market": "NOPE-EUR",
            "errorCode": 205,
            "error": "market parameter NOPE-EUR is invalid.",
        },
    ),
    (
        {"action": "unknown"},
        {"action": "unknown", "errorCode": 415, "error": "Invalid action. Please check the request."},
    ),
    ({"action": "privateWithdrawAssets", "symbol": "EUR"}, {"action": "privateWithdrawAssets", "errorCode": 300}),
    ({"action": "privateDepositAssets", "symbol": "EUR"}, {"action": "privateDepositAssets", "errorCode": 300}),
    ({"action": ["getTime"]}, {"errorCode": 415}),
    ({"market": "BTC-EUR"}, {"market": "BTC-EUR", "errorCode": 203, "error": "action parameter is required."}),
    ("not json", {"errorCode": 102, "error": "Invalid JSON."}),
    ("[1]", {"errorCode": 102}),
    ("[" * 100_000, {"errorCode": 102}),
    ({"action": "getBook"}, {"action": "getBook", "errorCode": 203, "error": "market parameter is required."}),
    ({"action": "getBook", "market": 5}, {"action": "getBook", "errorCode": 205}),
    ({"action": "getBook", "market": "BTC-EUR", "depth": 0}, {"errorCode": 205}),
    ({"action": "getBook", "market": "BTC-EUR", "depth": True}, {"errorCode": 205}),
    (
        {"action": "getBook", "market": "BTC-EUR", "size": 1},
        {"errorCode": 204, "error": "size parameter is not supported."},
    ),
    ({"action": "getTime", "requestId": "9"}, {"errorCode": 205, "error": "requestId parameter is invalid."}),
    ({"action": "privateGetBalance"}, {"errorCode": 300, "error": "Authentication is required for this endpoint."}),
    (
        {"action": "subscribe", "channels": [{"name": "account", "markets": ["BTC-EUR"]}]},
        {"action": "subscribe", "errorCode": 300, "error": "Authentication is required for this endpoint."},
    ),
    (
        {"action": "subscribe", "channels": [{"name": "tickers", "markets": ["BTC-EUR"]}]},
        {"action": "subscribe", "errorCode": 205, "error": "channel.name parameter is invalid."},
    ),
    ({"action": "subscribe", "channels": [{"name": "ticker", "markets": ["NOPE-EUR"]}]}, {"errorCode": 205}),
    ({"action": "subscribe", "channels": [{"name": "ticker", "markets": ["*"]}]}, {"errorCode": 205}),
    ({"action": "subscribe", "channels": [{"name": "candles", "markets": ["BTC-EUR"]}]}, {"errorCode": 205}),
    (
        {"action": "subscribe", "channels": [{"name": "candles", "markets": ["BTC-EUR"], "interval": ["7m"]}]},
        {"errorCode": 205, "error": "channel.interval parameter is invalid."},
    ),
    ({"action": "subscribe", "channels": []}, {"errorCode": 205}),
    ({"action": "subscribe"}, {"errorCode": 203, "error": "channels parameter is required."}),
]


@pytest.mark.parametrize(("message", "expected"), REFUSED)
async def test_a_refusal_has_the_wires_shape_and_the_socket_stays_open(
    bench: Bench, message: Any, expected: dict[str, Any]
) -> None:
    async with connected(bench) as socket:
        answer = await socket.ask(message)
        assert {name: answer.get(name) for name in expected} == expected
        assert set(answer) - {"action", "requestId", "market"} == {"errorCode", "error"}
        assert "response" in await socket.ask({"action": "getTime"})


async def test_bytes_are_no_json(bench: Bench) -> None:
    async with connected(bench) as socket:
        socket.incoming.put_nowait({"type": "websocket.receive", "bytes": b"{}"})
        assert (await socket.next())["errorCode"] == 102


async def test_the_operators_id_is_a_number_here_too(bench: Bench) -> None:
    async with connected(bench) as socket:
        await socket.authenticate()
        placed = (await socket.ask({"action": "privateCreateOrder", **limit()}))["response"]
        cancel = {"action": "privateCancelOrder", "market": "BTC-EUR", "orderId": placed["orderId"]}
        assert (await socket.ask({**cancel, "operatorId": "1"}))["errorCode"] == 205
        assert (await socket.ask(cancel))["errorCode"] == 203
        assert bench.order().status == "new"


# authentication -----------------------------------------------------------------------------------------------
async def test_a_signed_authenticate_opens_what_its_key_may(bench: Bench) -> None:
    async with connected(bench) as socket:
        assert await socket.authenticate("readonly") == {"event": "authenticate", "authenticated": True}
        assert "response" in await socket.ask({"action": "privateGetBalance"})
        assert (await socket.ask({"action": "privateGetOrders", "market": "BTC-EUR"}))["errorCode"] == 310
        assert (await socket.subscribe("account", "*"))["errorCode"] == 310


@pytest.mark.parametrize("window", [..., "10000", 10000, 60000])
async def test_the_window_may_be_missing_or_a_number_or_a_text(bench: Bench, window: Any) -> None:
    async with connected(bench) as socket:
        assert await socket.authenticate(window=window) == {"event": "authenticate", "authenticated": True}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signature": "0" * 64}, 309),
        ({"signature": "0" * 63}, 308),
        ({"key": "x" * 64}, 305),
        ({"key": "x"}, 301),
        ({"key": ...}, 203),
        ({"timestamp": 1_795_500_000}, 302),
        ({"timestamp": 1_795_499_000_000}, 304),
        ({"window": "99"}, 303),
        ({"window": "None"}, 303),
    ],
)
async def test_a_wrong_authenticate_is_refused_and_opens_nothing(bench: Bench, changes: Any, code: int) -> None:
    async with connected(bench) as socket:
        await socket.authenticate()
        answer = await socket.authenticate(**changes)
        assert (answer["action"], answer["errorCode"]) == ("authenticate", code)
        assert (await socket.ask({"action": "privateGetBalance"}))["errorCode"] == 300


async def test_a_delayed_action_is_refused_once_the_connections_window_has_passed(bench: Bench) -> None:
    bench.spoil("POST /order: delay 2 x1")
    async with connected(bench) as socket:
        await socket.authenticate(window="1000")
        answer = await socket.ask({"action": "privateCreateOrder", **limit()})
        assert answer["errorCode"] == 108
        assert bench.store.orders("1", []) == []


# weights ------------------------------------------------------------------------------------------------------
async def _left(bench: Bench, key: str | None) -> int:
    headers = (await bench.send("GET", "/time", key=key)).headers
    return int(headers["bitvavo-ratelimit-remaining"])


async def test_a_subscribe_costs_a_point_and_an_action_its_routes_weight(bench: Bench) -> None:
    async with connected(bench) as socket:
        await socket.authenticate()
        before = await _left(bench, "trade")
        await socket.subscribe("ticker", "BTC-EUR", "ETH-EUR", "ADA-EUR")
        assert before - await _left(bench, "trade") == 1 + 1
        await socket.ask({"action": "getTicker24h"})
        assert before - await _left(bench, "trade") == 3 + 25
        await socket.ask({"action": "getTicker24h", "market": "BTC-EUR"})
        assert before - await _left(bench, "trade") == 29 + 1


async def test_a_refused_action_costs_what_a_refused_request_costs(bench: Bench) -> None:
    async with connected(bench) as socket:
        before = await _left(bench, None)
        assert (await socket.ask({"action": "privateGetOrdersOpen"}))["errorCode"] == 300
        assert before - await _left(bench, None) == 100 + 1
        await socket.authenticate("readonly")
        before = await _left(bench, "trade")
        assert (await socket.ask({"action": "privateGetOrders", "market": "BTC-EUR"}))["errorCode"] == 310
        assert before - await _left(bench, "trade") == 5 + 1
        assert (await socket.ask({"action": "getTicker24h", "market": None, "size": 1}))["errorCode"] == 204
        assert before - await _left(bench, "trade") == 6 + 25 + 1


async def test_before_authentication_the_address_pays_and_a_banned_one_is_not_let_in(bench: Bench) -> None:
    async with connected(bench) as socket:
        for _ in range(40):
            await socket.ask({"action": "getTicker24h"})
        answer = await socket.ask({"action": "getTicker24h"})
        until = answer["error"].split(" at ")[1].split(".")[0]
        assert (answer["errorCode"], answer["action"]) == (105, "getTicker24h")
        assert int(until) > bench.clock.now() // 1000
        again = Socket(bench)
        await again.run()
        assert (await again.raw())["status"] == 429
    async with connected(bench, host="127.0.0.2") as other:
        assert "response" in await other.ask({"action": "getTime"})


async def test_too_many_messages_in_a_second_are_refused(bench: Bench) -> None:
    async with connected(bench) as socket:
        for _ in range(5):
            for _ in range(1000):
                socket.say("x")
            assert {(await socket.next())["errorCode"] for _ in range(1000)} == {102}
        assert (await socket.ask("x"))["errorCode"] == 112
        bench.clock.step(1)
        assert "response" in await socket.ask({"action": "getTime"})


# a reader that does not read ----------------------------------------------------------------------------------
async def test_a_slow_reader_is_cut_off_and_nobody_waits_for_it(bench: Bench) -> None:
    async with connected(bench) as slow, connected(bench) as quick:
        await slow.subscribe("book", *bench.engine.markets)
        await quick.subscribe("ticker", "BTC-EUR")
        slow.reading.clear()
        for _ in range(250):
            assert await quick.after(1)
            if slow.cable.cut.is_set():
                break
        assert slow.cable.cut.is_set()
        assert not quick.cable.cut.is_set()
        assert await quick.after(1)


# faults of requests -------------------------------------------------------------------------------------------
async def test_request_faults_bite_actions_too(bench: Bench) -> None:
    bench.spoil("POST /order: status 503 x1; POST /order: html x1; POST /order: apply-then-drop x1")
    async with connected(bench) as socket:
        await socket.authenticate()
        action = {"action": "privateCreateOrder", **limit()}
        assert (await socket.ask(action))["errorCode"] == 109
        socket.say(action)
        assert (await socket.raw())["text"].startswith("<!DOCTYPE html>")
        assert bench.store.orders("1", []) == []
        socket.say(action)
        await asyncio.wait_for(socket.cable.cut.wait(), 10)
        assert bench.order().status == "new"
