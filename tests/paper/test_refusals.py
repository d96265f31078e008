"""Each refusal of the order routes: HTTP status, errorCode and text as documented."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from console.paper.markets import BY_NAME
from tests.paper.kit import Bench, limit, market_order, refused, stop

CLIENT = "b3c4a1d2-0000-4000-8000-00000000abcd"
BY_CLIENT = f"/order?market=BTC-EUR&clientOrderId={CLIENT}"
GONE = "No order found. Please be aware that simultaneously updating the same order may return this error."
BROKE = "You do not have sufficient balance to complete this operation."
NOT_THIS_TYPE = "Please note that certain parameters are only allowed for market or limit orders."
TICK = "Invalid price tick size. The entered price does not align with the allowed price increments."
BOTH = "Use either amount or amountQuote. The usage of both parameters at the same time is not supported."
STOP_PARAMETERS = "Required parameters for a stopLoss order are missing."
STOP_LIMIT_PARAMETERS = "Required parameters for a stopLossLimit order are missing."
DETAILED = "Price is too detailed. A maximum of 15 digits behind the decimal point are allowed."
CASE = "Please note that parameters are case-sensitive and use"
GET_WHERE = f"{CASE} url parameters for GET and DELETE requests."
POST_WHERE = f"{CASE} body parameters for PUT and POST requests."

REFUSED_ORDERS: list[tuple[Any, int, str]] = [
    ("not json", 102, "Invalid JSON."),
    ('["BTC-EUR"]', 102, "Invalid JSON."),
    ('{"market":NaN}', 102, "Invalid JSON."),
    ("[" * 100_000, 102, "Invalid JSON."),
    (limit(Market="BTC-EUR"), 201, f"Market body parameter is not supported. {GET_WHERE}"),
    (limit(...), 203, "market parameter is required."),
    (limit("NOPE-EUR"), 205, "market parameter NOPE-EUR is invalid."),
    (limit("btc-eur"), 205, "market parameter is invalid."),
    (limit(side=...), 203, "side parameter is required."),
    (limit(side="hold"), 205, "side parameter is invalid."),
    (limit(orderType=...), 203, "orderType parameter is required."),
    (limit(orderType="stop"), 205, "orderType parameter is invalid."),
    (limit(triggerAmount="1"), 202, f"triggerAmount order parameter is not supported. {NOT_THIS_TYPE}"),
    (market_order(amount="0.001", codGroupId=1), 202, f"codGroupId order parameter is not supported. {NOT_THIS_TYPE}"),
    (stop(triggerAmount=...), 237, STOP_PARAMETERS),
    (stop(triggerType=...), 237, STOP_PARAMETERS),
    (stop(orderType="takeProfit", triggerReference=...), 237, STOP_PARAMETERS),
    (stop(orderType="stopLossLimit", price="30000", triggerType=...), 238, STOP_LIMIT_PARAMETERS),
    (stop(orderType="takeProfitLimit", price="30000", triggerAmount=...), 238, STOP_LIMIT_PARAMETERS),
    (stop(orderType="stopLossLimit"), 203, "price parameter is required."),
    (stop(amount=...), 203, "amount parameter is required."),
    (stop(amountQuote="25"), 206, BOTH),
    (stop(price="30000"), 202, f"price order parameter is not supported. {NOT_THIS_TYPE}"),
    (stop(triggerType="time"), 205, "triggerType parameter is invalid."),
    (stop(triggerReference="markPrice"), 205, "triggerReference parameter is invalid."),
    (stop(triggerAmount="90000.5"), 422, TICK),
    (stop(triggerAmount="20000", amount="0.0002"), 217, "Minimum order size in quote currency is 5 EUR or 0.001 BTC."),
    (stop(amount="0.1"), 216, BROKE),
    (stop(amount=..., amountQuote="1000.01"), 216, BROKE),
    (stop(side="sell"), 216, BROKE),
    (limit(price="0"), 213, "Price is below the minimum allowed amount (0.000000000000001)."),
    (limit(price="0.0000000000000001"), 215, DETAILED),
    (limit(operatorId=...), 203, "operatorId parameter is required."),
    (limit(operatorId="1"), 205, "operatorId parameter is invalid."),
    (limit(operatorId=True), 205, "operatorId parameter is invalid."),
    (limit(operatorId=0), 205, "operatorId parameter is invalid."),
    (limit(operatorId=2**63), 205, "operatorId parameter is invalid."),
    (limit(clientOrderId="my-order"), 205, "clientOrderId parameter is invalid."),
    (limit(amount=...), 203, "amount parameter is required."),
    (limit(price=...), 203, "price parameter is required."),
    (limit(amount=0.0003), 205, "amount parameter is invalid."),
    (limit(amount="-1"), 205, "amount parameter is invalid."),
    (limit(amount="1e2"), 205, "amount parameter is invalid."),
    (limit(timeInForce="DAY"), 205, "timeInForce parameter is invalid."),
    (limit(postOnly="true"), 205, "postOnly parameter is invalid."),
    (limit(disableMarketProtection=True), 205, "disableMarketProtection parameter is invalid."),
    (limit(codGroupId=1001), 205, "codGroupId parameter is invalid."),
    (limit(amountQuote="25"), 202, f"amountQuote order parameter is not supported. {NOT_THIS_TYPE}"),
    (market_order(amount="0.001", price="1"), 202, f"price order parameter is not supported. {NOT_THIS_TYPE}"),
    (market_order(amount="0.001", amountQuote="25"), 206, BOTH),
    (market_order(), 203, "amount parameter is required."),
    (limit(amount="0.000300001"), 429, "Too many decimal places in the amount parameter value."),
    (market_order(amountQuote="25.001"), 429, "Too many decimal places in the amountQuote parameter value."),
    (limit(price="30000.5"), 422, TICK),
    (limit(amount="0.00006606"), 212, "Amount is below the minimum allowed amount for this asset."),
    (limit(amount="1000000001"), 210, "Amount exceeds the maximum allowed amount (1000000000)."),
    (limit(price="100000000001"), 211, "Price exceeds the maximum allowed amount (100000000000)."),
    (limit(amount="0.0001", price="49999"), 217, "Minimum order size in quote currency is 5 EUR or 0.001 BTC."),
    (market_order(amountQuote="4.99"), 217, "Minimum order size in quote currency is 5 EUR or 0.001 BTC."),
    (limit(amount="1"), 216, BROKE),
    (limit(side="sell"), 216, BROKE),
    (market_order(amount="1"), 216, BROKE),
    (market_order(amountQuote="1000.01"), 216, BROKE),
    (market_order(side="sell", amountQuote="25"), 216, BROKE),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code", "text"), REFUSED_ORDERS)
async def test_a_wrong_order_is_refused_with_its_pair_and_leaves_nothing(
    bench: Bench, body: Any, code: int, text: str
) -> None:
    answer = await bench.send("POST", "/order", body)
    assert refused(answer) == (400, code, text)
    assert bench.store.orders("1", []) == []
    assert bench.store.balances() == [("EUR", Decimal(1000), Decimal(0))]


async def test_exactly_the_whole_balance_can_be_ordered(bench: Bench) -> None:
    # 997.50 with the fee is 999.99375, which rounds up to the whole 1000.
    placed = (await bench.send("POST", "/order", limit(amount="0.0399", price="25000"))).json()
    assert placed["onHold"] == "1000"
    answer = await bench.send("POST", "/order", limit(amount="0.0002"))
    assert refused(answer)[1] == 216


@pytest.mark.parametrize(
    ("method", "target", "status", "code", "text"),
    [
        ("GET", "/order?market=BTC-EUR", 400, 203, "orderId parameter is required."),
        ("GET", "/order?orderId=00000000-0000-0000-0000-000000000001", 400, 203, "market parameter is required."),
        ("GET", "/order?market=BTC-EUR&orderId=7", 400, 205, "orderId parameter is invalid."),
        ("GET", "/order?market=BTC-EUR&clientOrderId=7", 400, 205, "clientOrderId parameter is invalid."),
        ("GET", f"/order?market=BTC-EUR&clientOrderId={CLIENT}", 404, 240, GONE),
        ("DELETE", f"{BY_CLIENT}&operatorId=1", 404, 240, GONE),
        ("DELETE", BY_CLIENT, 400, 203, "operatorId parameter is required."),
        ("DELETE", f"{BY_CLIENT}&operatorId=x", 400, 205, "operatorId parameter is invalid."),
        ("GET", "/orders", 400, 203, "market parameter is required."),
        ("GET", "/orders?market=BTC-EUR&limit=0", 400, 205, "limit parameter 0 is invalid."),
        ("GET", "/orders?market=BTC-EUR&limit=1001", 400, 205, "limit parameter 1001 is invalid."),
        ("GET", "/orders?market=BTC-EUR&start=x", 400, 205, "start parameter x is invalid."),
        ("GET", "/orders?market=BTC-EUR&start=5&end=4", 400, 205, "end parameter is invalid."),
        ("GET", "/trades?market=BTC-EUR&limit=1001", 400, 205, "limit parameter 1001 is invalid."),
        ("GET", "/trades?market=BTC-EUR&page=2", 400, 200, f"page url parameter is not supported. {POST_WHERE}"),
        ("POST", "/cancelOrdersAfter", 400, 203, "codGroupId parameter is required."),
        ("GET", "/NOPE-EUR/book", 400, 205, "market parameter NOPE-EUR is invalid."),
        ("GET", "/btc-eur/book", 400, 205, "market parameter is invalid."),
        ("GET", "/BTC-EUR/book?depth=0", 400, 205, "depth parameter 0 is invalid."),
        ("GET", "/BTC-EUR/book?depth=1001", 400, 205, "depth parameter 1001 is invalid."),
        ("GET", "/markets?market=NOPE-EUR", 400, 205, "market parameter is invalid."),
        ("GET", "/ticker/book?market=NOPE-EUR", 400, 205, "market parameter NOPE-EUR is invalid."),
        ("GET", "/BTC-EUR/candles", 400, 203, "interval parameter is required."),
        ("GET", "/BTC-EUR/candles?interval=3m", 400, 205, "interval parameter is invalid."),
        ("GET", "/BTC-EUR/candles?interval=1m&limit=1441", 400, 205, "limit parameter 1441 is invalid."),
    ],
)  # fmt: skip
async def test_look_ups_and_listings_refuse_with_their_pair(
    bench: Bench, method: str, target: str, status: int, code: int, text: str
) -> None:
    body: Any = {} if method == "POST" else None
    assert refused(await bench.send(method, target, body)) == (status, code, text)


async def test_parameters_in_the_wrong_place_are_refused(bench: Bench) -> None:
    assert refused(await bench.send("POST", "/order?market=BTC-EUR", limit()))[1] == 200
    assert refused(await bench.send("GET", "/balance", {"symbol": "EUR"}))[1] == 201


@pytest.mark.parametrize(("method", "target"), [("GET", "/nope"), ("PUT", "/time"), ("GET", "/"), ("POST", "/balance")])
async def test_an_unknown_path_is_an_html_page_without_rate_limit_headers(
    bench: Bench, method: str, target: str
) -> None:
    answer = await bench.send(method, target, key=None)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert not [name for name in answer.headers if name.startswith("bitvavo")]


async def test_every_json_answer_carries_rate_limit_headers(bench: Bench) -> None:
    now_ms = bench.clock.now() // 1000
    for answer in (await bench.send("GET", "/time"), await bench.send("GET", "/order?market=BTC-EUR")):
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.headers["bitvavo-ratelimit-limit"] == "1000"
        assert now_ms < int(answer.headers["bitvavo-ratelimit-resetat"]) <= now_ms + 60_000
    assert answer.headers["bitvavo-ratelimit-remaining"] == "998"


async def test_a_client_id_conflicts_only_with_an_open_order_of_its_market(bench: Bench) -> None:
    first = (await bench.send("POST", "/order", limit(clientOrderId=CLIENT))).json()
    again = await bench.send("POST", "/order", limit(clientOrderId=CLIENT.upper()))
    assert refused(again)[:2] == (400, 220)
    other = limit("XRP-EUR", amount="10", price="1", clientOrderId=CLIENT)
    assert (await bench.send("POST", "/order", other)).status_code == 200
    await bench.send("DELETE", f"/order?market=BTC-EUR&orderId={first['orderId']}&operatorId=1")
    reused = await bench.send("POST", "/order", limit(clientOrderId=CLIENT))
    assert reused.status_code == 200
    assert reused.json()["orderId"] != first["orderId"]
    found = await bench.send("GET", f"/order?market=BTC-EUR&clientOrderId={CLIENT.upper()}&orderId={first['orderId']}")
    assert found.json()["orderId"] == reused.json()["orderId"]


async def test_an_order_more_than_a_market_takes_is_refused_stops_counted(bench: Bench) -> None:
    bench.engine.markets["BTC-EUR"].spec = replace(BY_NAME["BTC-EUR"], max_open_orders=3)
    for body in (limit(), stop(), limit()):
        assert (await bench.send("POST", "/order", body)).status_code == 200
    text = "You can only have 100 open orders on each book."
    assert refused(await bench.send("POST", "/order", limit())) == (400, 235, text)
    assert (await bench.send("POST", "/order", limit("XRP-EUR", amount="10", price="1"))).status_code == 200


async def test_a_market_takes_as_many_open_orders_as_it_says(bench: Bench) -> None:
    assert (await bench.send("GET", "/markets?market=BTC-EUR")).json()["maxOpenOrders"] == 400
    assert bench.engine.markets["BTC-EUR"].spec.max_open_orders == 400
