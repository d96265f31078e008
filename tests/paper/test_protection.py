"""Price protection: orders that are canceled for their price, with the reason they show."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from console.paper.decimals import ceil_cents
from console.paper.makers import Level
from tests.paper.kit import Bench, limit, market_order


def book(bench: Bench, bid: str, *asks: tuple[str, str]) -> None:
    """A bid for one bitcoin, asks as given, last trade at the bid."""
    market = bench.engine.markets["BTC-EUR"]
    market.ladder.bids[:] = [Level(Decimal(bid), Decimal(1))]
    market.ladder.asks[:] = [Level(Decimal(price), Decimal(amount)) for price, amount in asks]
    market.last_price = Decimal(bid)


async def placed(bench: Bench, body: Any) -> tuple[str, str, str | None]:
    answer = await bench.send("POST", "/order", body)
    order = answer.json()
    return order["status"], order["filledAmount"], order.get("restatementReason")


MARKET = market_order(amount="0.002")
EXECUTION, PLACEMENT = "cancelOnExecutionPriceProtection", "cancelOnPlacementPriceProtection"
SPREAD, REFERENCE = "cancelOnSpreadProtection", "cancelOnReferencePriceProtection"


@pytest.mark.parametrize(
    ("bid", "asks", "body", "found"),
    [
        ("80000", [("80010", "0.001"), ("88011", "1")], MARKET, ("filled", "0.002", None)),
        ("80000", [("80010", "0.001"), ("88012", "1")], MARKET, ("canceled", "0.001", EXECUTION)),
        ("80000", [("97777", "1")], MARKET, ("filled", "0.002", None)),
        ("80000", [("97779", "1")], MARKET, ("canceled", "0", SPREAD)),
        ("80000", [("80010", "1")], limit(amount="0.002", price="120015"), ("filled", "0.002", None)),
        ("80000", [("80010", "1")], limit(amount="0.002", price="120016"), ("canceled", "0", PLACEMENT)),
        ("80000", [], MARKET, ("expired", "0", None)),
    ],
)
async def test_each_protection_begins_where_it_says(
    bench: Bench, bid: str, asks: list[tuple[str, str]], body: Any, found: tuple[str, str, str | None]
) -> None:
    book(bench, bid, *asks)
    assert await placed(bench, body) == found
    assert bench.store.balance("EUR")[1] == 0


@pytest.mark.parametrize(("last", "reason"), [("64008", None), ("64007", REFERENCE), ("106681", REFERENCE)])
async def test_a_market_order_far_from_the_last_trade_is_canceled(bench: Bench, last: str, reason: str | None) -> None:
    book(bench, "80000", ("80010", "1"))
    bench.engine.markets["BTC-EUR"].last_price = Decimal(last)
    assert (await placed(bench, MARKET))[2] == reason


@pytest.mark.parametrize(
    ("rule", "own", "status", "reason", "resting"),
    [
        ("decrementAndCancel", "0.0005", "filled", "decrementOnSelfTradePrevention", ("canceled", "0.0005")),
        ("decrementAndCancel", "0.0015", "canceled", "cancelOnSelfTradePrevention", ("new", "0.0005")),
        ("cancelOldest", "0.0005", "filled", None, ("canceled", "0.0005")),
        ("cancelNewest", "0.0005", "canceled", "cancelOnSelfTradePrevention", ("new", "0.0005")),
        ("cancelBoth", "0.0005", "canceled", "cancelOnSelfTradePrevention", ("canceled", "0.0005")),
    ],
)
async def test_self_trade_prevention_shows_its_reason_on_both_sides(
    bench: Bench, rule: str, own: str, status: str, reason: str | None, resting: tuple[str, str]
) -> None:
    await bench.send("POST", "/order", market_order(amountQuote="200"))
    market = bench.engine.markets["BTC-EUR"]
    ask = market.ladder.asks[0].price
    market.ladder.bids[:] = [level for level in market.ladder.bids if level.price < ask - 1]
    sell = (await bench.send("POST", "/order", limit(side="sell", price=str(ask - 1), amount=own))).json()
    body = limit(price=str(ask), amount="0.001", selfTradePrevention=rule)
    order = (await bench.send("POST", "/order", body)).json()
    assert (order["status"], order.get("restatementReason")) == (status, reason)
    found = (await bench.send("GET", f"/order?market=BTC-EUR&orderId={sell['orderId']}")).json()
    assert (found["status"], found["amountRemaining"]) == resting
    reasons = {"canceled": "cancelOnSelfTradePrevention", "new": None}
    if rule == "decrementAndCancel" and own == "0.0015":
        reasons["new"] = "decrementOnSelfTradePrevention"
    assert found.get("restatementReason") == reasons[found["status"]]
    assert found["fills"] == []


async def test_what_prevention_takes_from_an_order_it_holds_no_longer(bench: Bench) -> None:
    await bench.send("POST", "/order", market_order(amountQuote="200"))
    market = bench.engine.markets["BTC-EUR"]
    ask = market.ladder.asks[0].price
    market.ladder.bids[:] = [level for level in market.ladder.bids if level.price < ask - 1]
    await bench.send("POST", "/order", limit(side="sell", price=str(ask - 1), amount="0.0005"))
    order = (await bench.send("POST", "/order", limit(price=str(ask - 1), amount="0.002"))).json()
    assert (order["status"], order["amountRemaining"], order["filledAmount"]) == ("new", "0.0015", "0")
    assert order["restatementReason"] == "decrementOnSelfTradePrevention"
    assert Decimal(order["onHold"]) == ceil_cents((ask - 1) * Decimal("0.0015") * Decimal("1.0025"))
    assert bench.store.balance("EUR")[1] == Decimal(order["onHold"])
