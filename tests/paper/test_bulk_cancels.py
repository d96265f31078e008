"""Canceling many orders: by market, by side, by group; and what a caller gets to see of deposits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.paper.kit import Bench, limit, market_order, place, refused, stop

CASE = "parameter is not supported. Please note that parameters are case-sensitive and use"
IN_QUERY = f"body {CASE} url parameters for GET and DELETE requests."
IN_BODY = f"url {CASE} body parameters for PUT and POST requests."
AFTER = "/cancelOrdersAfter"
GROUP = "codGroupId parameter is invalid."
ATOMIC = {"market": "BTC-EUR", "side": "buy", "operatorId": 1}


async def placed(bench: Bench, body: Any) -> str:
    """The id of an order that is taken."""
    return str((await place(bench, body))["orderId"])


async def three_kinds(bench: Bench) -> tuple[str, str, str]:
    """A buy and a sale of bitcoin that rest, and a stop-loss for XRP that waits."""
    await placed(bench, market_order(amountQuote="100"))
    buy = await placed(bench, limit())
    sale = await placed(bench, limit(side="sell", price="120000", amount="0.0003"))
    return buy, sale, await placed(bench, stop("XRP-EUR", amount="10", triggerAmount="9"))


async def open_ids(bench: Bench) -> list[str]:
    return [order["orderId"] for order in reversed((await bench.send("GET", "/ordersOpen")).json())]


@pytest.mark.parametrize(("query", "gone"), [("", [0, 1, 2]), ("market=BTC-EUR&", [0, 1]), ("market=ADA-EUR&", [])])
async def test_a_bulk_cancel_takes_all_orders_or_those_of_a_market(bench: Bench, query: str, gone: list[int]) -> None:
    ids = await three_kinds(bench)
    answer = await bench.send("DELETE", f"/orders?{query}operatorId=5")
    assert answer.json() == [{"orderId": ids[index], "operatorId": 5} for index in gone]
    assert await open_ids(bench) == [each for index, each in enumerate(ids) if index not in gone]


@pytest.mark.parametrize(
    ("market", "side", "gone"), [("BTC-EUR", "buy", 0), ("BTC-EUR", "sell", 1), ("XRP-EUR", "buy", 2)]
)
async def test_an_atomic_cancel_takes_one_side_of_one_market(bench: Bench, market: str, side: str, gone: int) -> None:
    ids = await three_kinds(bench)
    answer = await bench.send("DELETE", "/atomic/orders", {"market": market, "side": side, "operatorId": 5})
    assert answer.json() == [{"orderId": ids[gone], "operatorId": 5}]
    assert await open_ids(bench) == [each for each in ids if each != ids[gone]]


@pytest.mark.parametrize(
    ("method", "target", "body", "code", "text"),
    [
        ("DELETE", "/orders", None, 203, "operatorId parameter is required."),
        ("DELETE", "/orders?operatorId=0", None, 205, "operatorId parameter is invalid."),
        ("DELETE", "/orders?operatorId=1&market=NOPE-EUR", None, 205, "market parameter NOPE-EUR is invalid."),
        ("DELETE", "/orders", {"operatorId": 1}, 201, f"operatorId {IN_QUERY}"),
        ("DELETE", "/atomic/orders", {"side": "buy", "operatorId": 1}, 203, "market parameter is required."),
        ("DELETE", "/atomic/orders", {"market": "BTC-EUR", "operatorId": 1}, 203, "side parameter is required."),
        ("DELETE", "/atomic/orders", ATOMIC | {"side": "both"}, 205, "side parameter is invalid."),
        ("DELETE", "/atomic/orders", {"market": "BTC-EUR", "side": "buy"}, 203, "operatorId parameter is required."),
        ("DELETE", "/atomic/orders?market=BTC-EUR", None, 200, f"market {IN_BODY}"),
        ("POST", AFTER, {"codGroupId": 1}, 203, "expiryAfterSeconds parameter is required."),
        ("POST", AFTER, {"codGroupId": 0, "expiryAfterSeconds": 60}, 205, GROUP),
        ("POST", AFTER, {"codGroupId": 1001, "expiryAfterSeconds": 60}, 205, GROUP),
        ("POST", AFTER, {"codGroupId": "1", "expiryAfterSeconds": 60}, 205, GROUP),
        ("GET", "/depositHistory?symbol=NOPE", None, 205, "symbol parameter is invalid."),
        ("GET", "/withdrawalHistory?limit=0", None, 205, "limit parameter 0 is invalid."),
        ("GET", "/account/fees?market=NOPE-EUR", None, 205, "market parameter NOPE-EUR is invalid."),
        ("GET", "/account/history?maxItems=101", None, 205, "maxItems parameter 101 is invalid."),
    ],
)  # fmt: skip
async def test_what_cannot_be_meant_is_refused_and_cancels_nothing(
    bench: Bench, method: str, target: str, body: Any, code: int, text: str
) -> None:
    order = await placed(bench, limit())
    assert refused(await bench.send(method, target, body)) == (400, code, text)
    assert await open_ids(bench) == [order]


async def test_every_order_of_a_group_is_canceled_whatever_its_market_and_kind(bench: Bench) -> None:
    kept = await placed(bench, limit(codGroupId=2))
    await placed(bench, limit(codGroupId=1))
    await placed(bench, stop("XRP-EUR", amount="10", triggerAmount="9", codGroupId=1))
    for group, seconds in ((1, 10), (2, 300)):
        await bench.send("POST", AFTER, {"codGroupId": group, "expiryAfterSeconds": seconds})
    bench.clock.step(10)
    assert await open_ids(bench) == [kept]


async def test_an_order_of_a_group_that_is_not_armed_rests(tmp_path: Path) -> None:
    # Timers go by wall time; the markets need not live through all of it.
    bench = Bench.make(tmp_path, speed=0.001)
    order = await placed(bench, limit(codGroupId=1))
    await bench.send("POST", AFTER, {"codGroupId": 2, "expiryAfterSeconds": 10})
    bench.clock.step(301)
    assert await open_ids(bench) == [order]


async def test_a_timer_cancels_once(bench: Bench) -> None:
    await bench.send("POST", AFTER, {"codGroupId": 1, "expiryAfterSeconds": 10})
    bench.clock.step(10)
    assert await open_ids(bench) == []
    later = await placed(bench, limit(codGroupId=1))
    bench.clock.step(10)
    assert await open_ids(bench) == [later]


async def test_a_timer_runs_while_the_exchange_does_not(bench: Bench, tmp_path: Path) -> None:
    order = await placed(bench, limit(codGroupId=1))
    await bench.send("POST", AFTER, {"codGroupId": 1, "expiryAfterSeconds": 10})
    bench.store.close()
    bench.clock.step(10)
    again = Bench.make(tmp_path, clock=bench.clock)
    found = (await again.send("GET", f"/order?market=BTC-EUR&orderId={order}")).json()
    assert (found["status"], found["restatementReason"]) == ("canceled", "cancelOnDisconnect")


async def test_the_one_deposit_is_shown_and_nothing_was_ever_withdrawn(bench: Bench) -> None:
    rows = (await bench.send("GET", "/depositHistory", key="readonly")).json()
    assert [(row["symbol"], row["amount"], row["status"]) for row in rows] == [("EUR", "1000", "completed")]
    assert (await bench.send("GET", "/depositHistory?symbol=BTC", key="readonly")).json() == []
    assert (await bench.send("GET", f"/depositHistory?start={rows[0]['timestamp'] + 1}")).json() == []
    assert (await bench.send("GET", "/withdrawalHistory", key="readonly")).json() == []


async def test_nothing_can_be_withdrawn_with_any_key(bench: Bench) -> None:
    bench.add_key("everything", "view", "trade", "withdraw")
    for key in ("trade", "readonly", "everything"):
        assert refused(await bench.send("POST", "/withdrawal", {}, key=key))[:2] == (403, 312)
    assert bench.total("EUR") == 1000
