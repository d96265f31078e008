"""What orders do to the book and to balances."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from console.paper.decimals import text
from console.paper.ledger import purchase_cost, sale_proceeds
from console.paper.makers import Level
from console.paper.matching import Incoming, Match, Resting, SelfTrade, plan
from tests.paper.kit import Bench, limit, market_order, refused

TAKER, ZERO = Decimal("0.0025"), Decimal(0)


@pytest.mark.parametrize(
    ("side", "amount", "price", "gross", "fee"),
    [
        ("sell", "0.00020002", "34469", "6.89448938", "0.02448938"),
        ("buy", "0.0002", "34488", "6.8976", "0.0224"),
        ("sell", "0.0002", "34464", "6.8928", "0.0228"),
        ("buy", "0.03322362", "3002.4", "99.750596688", "0.249403312"),
    ],
)
def test_fees_are_those_of_recorded_fills(side: str, amount: str, price: str, gross: str, fee: str) -> None:
    value = Decimal(amount) * Decimal(price)
    assert value == Decimal(gross)
    found = purchase_cost(value, TAKER) - value if side == "buy" else value - sale_proceeds(value, TAKER)
    assert found == Decimal(fee)


@pytest.mark.parametrize(("price", "hold"), [("30000", "9.03"), ("31000", "9.33")])
async def test_a_buy_holds_value_and_fee_in_whole_cents(bench: Bench, price: str, hold: str) -> None:
    order = (await bench.send("POST", "/order", limit(price=price))).json()
    assert (order["onHold"], order["onHoldCurrency"]) == (hold, "EUR")
    assert bench.store.balance("EUR") == (1000 - Decimal(hold), Decimal(hold))


def _incoming(**changes: Any) -> Incoming:
    fields: dict[str, Any] = {
        "side": "buy", "limit": None, "amount": None, "quote": None, "places": 8, "fee": TAKER,
    }  # fmt: skip
    return Incoming(**(fields | changes))


def _levels(*rows: tuple[str, str]) -> list[Level]:
    return [Level(Decimal(price), Decimal(amount)) for price, amount in rows]


def test_a_limit_takes_better_prices_first_and_nothing_beyond_it() -> None:
    makers = _levels(("100", "1"), ("101", "2"), ("103", "5"))
    result = plan(_incoming(limit=Decimal(102), amount=Decimal(4)), makers, [])
    assert result.steps == [Match(Decimal(100), Decimal(1)), Match(Decimal(101), Decimal(2))]
    assert not result.done


def test_a_recorded_buy_by_quote_gets_the_recorded_amount() -> None:
    result = plan(_incoming(quote=Decimal(100)), _levels(("3002.4", "5")), [])
    assert result.steps == [Match(Decimal("3002.4"), Decimal("0.03322362"))]
    assert result.done


def test_a_buy_by_quote_never_costs_more_than_it_states() -> None:
    makers = _levels(("100.1", "0.1"), ("100.3", "0.05"), ("100.7", "3"))
    result = plan(_incoming(quote=Decimal(50)), makers, [])
    cost = sum(purchase_cost(match.price * match.amount, TAKER) for match in result.matches)
    assert len(result.matches) == 3
    assert Decimal("49.99") <= cost <= 50


def test_a_market_order_stops_where_prices_are_a_tenth_worse() -> None:
    makers = _levels(("100", "1"), ("110", "1"), ("110.01", "1"))
    result = plan(_incoming(amount=Decimal(3)), makers, [])
    assert [match.price for match in result.matches] == [100, 110]
    assert (result.done, result.protected) == (False, True)


@pytest.mark.parametrize(
    ("rule", "resting", "steps", "done"),
    [
        ("decrementAndCancel", "1", [("1", None, "1")], True),
        ("decrementAndCancel", "3", [("1", "2", None)], False),
        ("decrementAndCancel", "2", [("1", None, None)], False),
        ("cancelOldest", "1", [("1", None, "0")], True),
        ("cancelNewest", "1", [("1", "0", None)], False),
        ("cancelBoth", "1", [("1", None, None)], False),
    ],
)
def test_own_orders_never_trade_with_each_other(
    rule: str, resting: str, steps: list[tuple[str, str | None, str | None]], done: bool
) -> None:
    own = [Resting("1", Decimal(100), Decimal(resting))]
    result = plan(_incoming(amount=Decimal(2), self_trade=rule), _levels(("100", "5")), own)
    expected = [SelfTrade(i, None if r is None else Decimal(r), None if n is None else Decimal(n)) for i, r, n in steps]
    assert [step for step in result.steps if isinstance(step, SelfTrade)] == expected
    assert result.done is done
    assert bool(result.matches) is done


async def _ask(bench: Bench, market: str = "BTC-EUR") -> Decimal:
    return Decimal((await bench.send("GET", f"/ticker/book?market={market}")).json()["ask"])


async def _bid(bench: Bench, market: str = "BTC-EUR") -> Decimal:
    return Decimal((await bench.send("GET", f"/ticker/book?market={market}")).json()["bid"])


async def test_a_crossing_limit_order_fills_at_the_makers_price(bench: Bench) -> None:
    ask = await _ask(bench)
    answer = await bench.send("POST", "/order", limit(price=str(ask + 500), amount="0.0004"))
    order = answer.json()
    assert (order["status"], order["amountRemaining"], order["onHold"]) == ("filled", "0", "0")
    assert [fill["price"] for fill in order["fills"]] == [str(ask)]
    cost = purchase_cost(ask * Decimal("0.0004"), TAKER)
    assert bench.store.balance("EUR") == (1000 - cost, ZERO)
    assert bench.store.balance("BTC") == (Decimal("0.0004"), ZERO)


async def _buy_all_but(bench: Bench, amount: str) -> Decimal:
    """A price one tick above the best ask, and a larger amount than is offered up to there."""
    market = bench.engine.markets["BTC-EUR"]
    market.ladder.asks[0].amount = Decimal(amount)
    market.ladder.asks[1].price = market.ladder.asks[0].price + 5
    return market.ladder.asks[0].price


async def test_the_rest_of_an_ioc_order_is_canceled(bench: Bench) -> None:
    best = await _buy_all_but(bench, "0.001")
    body = limit(price=str(best), amount="0.003", timeInForce="IOC")
    order = (await bench.send("POST", "/order", body)).json()
    assert (order["status"], order["filledAmount"], order["amountRemaining"]) == ("canceled", "0.001", "0.002")
    assert order["onHold"] == "0"
    assert bench.store.balance("EUR")[1] == 0
    assert (await bench.send("GET", "/ordersOpen?market=BTC-EUR")).json() == []


async def test_a_fok_order_fills_whole_or_not_at_all(bench: Bench) -> None:
    best = await _buy_all_but(bench, "0.001")
    body = limit(price=str(best), amount="0.003", timeInForce="FOK")
    order = (await bench.send("POST", "/order", body)).json()
    assert (order["status"], order["filledAmount"], order["fills"]) == ("canceled", "0", [])
    whole = (await bench.send("POST", "/order", body | {"amount": "0.001"})).json()
    assert whole["status"] == "filled"


async def test_a_post_only_order_that_would_trade_is_canceled(bench: Bench) -> None:
    ask = await _ask(bench)
    order = (await bench.send("POST", "/order", limit(price=str(ask), amount="0.0004", postOnly=True))).json()
    assert (order["status"], order["filledAmount"], order["postOnly"]) == ("canceled", "0", True)
    assert bench.store.balance("EUR") == (Decimal(1000), ZERO)


async def test_a_partly_filled_order_rests_with_its_rest(bench: Bench) -> None:
    best = await _buy_all_but(bench, "0.001")
    order = (await bench.send("POST", "/order", limit(price=str(best), amount="0.003"))).json()
    assert (order["status"], order["filledAmount"], order["amountRemaining"]) == ("partiallyFilled", "0.001", "0.002")
    assert Decimal(order["onHold"]) == purchase_cost(best * Decimal("0.002"), TAKER)
    book = (await bench.send("GET", "/BTC-EUR/book?depth=1")).json()
    assert book["bids"] == [[text(best), "0.002"]]
    assert bench.store.balance("EUR")[1] == Decimal(order["onHold"])


async def test_a_resting_order_fills_as_maker_when_the_market_comes_to_it(bench: Bench) -> None:
    bid = await _bid(bench)
    body = limit(price=str(bid), amount="0.0004")
    placed = (await bench.send("POST", "/order", body)).json()
    assert placed["status"] == "new"
    for _ in range(600):
        bench.clock.step(1)
        bench.engine.advance()
        if not bench.order().open:
            break
    order = (await bench.send("GET", f"/order?market=BTC-EUR&orderId={placed['orderId']}")).json()
    assert order["status"] == "filled"
    assert {(fill["taker"], fill["price"]) for fill in order["fills"]} == {(False, str(bid))}
    trades = (await bench.send("GET", "/trades?market=BTC-EUR")).json()
    assert {trade["id"] for trade in trades} == {fill["id"] for fill in order["fills"]}


async def test_an_own_resting_order_stops_an_own_crossing_one(bench: Bench) -> None:
    await bench.send("POST", "/order", market_order(amountQuote="100"))
    ask = await _ask(bench)
    inside = limit(side="sell", price=str(ask - 1), amount="0.0005")
    assert (await bench.send("POST", "/order", inside)).json()["status"] == "new"
    crossing = (await bench.send("POST", "/order", limit(price=str(ask), amount="0.0005"))).json()
    assert (crossing["status"], crossing["restatementReason"]) == ("canceled", "cancelOnSelfTradePrevention")
    assert crossing["fills"] == []
    assert bench.store.open_orders(None) == []
    assert [in_order for _, _, in_order in bench.store.balances()] == [0, 0]


async def test_a_market_order_beyond_the_book_keeps_what_it_got(bench: Bench) -> None:
    await _buy_all_but(bench, "0.001")
    del bench.engine.markets["BTC-EUR"].ladder.asks[1:]
    order = (await bench.send("POST", "/order", market_order(amount="0.005"))).json()
    assert (order["status"], order["filledAmount"]) == ("canceled", "0.001")
    assert set(order) >= {"disableMarketProtection"}
    assert not {"price", "timeInForce", "postOnly"} & set(order)


async def test_a_sale_pays_out_whole_cents_less_the_fee(bench: Bench) -> None:
    await bench.send("POST", "/order", market_order("ETH-EUR", amountQuote="100"))
    held, euros = bench.store.balance("ETH")[0], bench.store.balance("EUR")[0]
    order = (await bench.send("POST", "/order", market_order("ETH-EUR", "sell", amount=str(held)))).json()
    assert order["status"] == "filled"
    gross, fee = Decimal(order["filledAmountQuote"]), Decimal(order["feePaid"])
    assert bench.store.balance("EUR")[0] == euros + gross - fee
    assert (gross - fee) * 100 % 1 == 0
    assert bench.store.balance("ETH") == (ZERO, ZERO)


async def test_without_a_required_response_only_the_ids_come_back(bench: Bench) -> None:
    order = (await bench.send("POST", "/order", limit(responseRequired=False))).json()
    assert set(order) == {"market", "orderId", "created", "updated"}
    assert bench.order().status == "new"


async def test_listings_are_newest_first_and_bounded(bench: Bench) -> None:
    made = []
    for _ in range(5):
        made.append((await bench.send("POST", "/order", limit())).json())
        bench.clock.step(1)
    ids = [order["orderId"] for order in reversed(made)]

    async def listed(query: str) -> list[str]:
        return [order["orderId"] for order in (await bench.send("GET", f"/orders?market=BTC-EUR{query}")).json()]

    assert await listed("") == ids
    assert await listed("&limit=2") == ids[:2]
    assert await listed(f"&start={made[1]['created']}&end={made[3]['created']}") == ids[1:4]
    assert await listed(f"&orderIdFrom={ids[3]}&orderIdTo={ids[1]}") == ids[1:4]
    assert [o["orderId"] for o in (await bench.send("GET", "/ordersOpen?market=BTC-EUR")).json()] == ids
    assert (await bench.send("GET", "/orders?market=ETH-EUR")).json() == []


async def test_a_group_is_canceled_when_its_timer_passes_and_no_other(bench: Bench) -> None:
    grouped = (await bench.send("POST", "/order", limit(codGroupId=4))).json()
    plain = (await bench.send("POST", "/order", limit())).json()
    assert grouped["codGroupId"] == 4
    body = {"codGroupId": 4, "expiryAfterSeconds": 60}
    armed = (await bench.send("POST", "/cancelOrdersAfter", body)).json()
    assert armed == {"codGroupId": 4, "timeOfExpirySeconds": bench.clock.now() // 1_000_000 + 60}
    bench.clock.step(50)
    await bench.send("POST", "/cancelOrdersAfter", body)
    bench.clock.step(59)
    assert len((await bench.send("GET", "/ordersOpen?market=BTC-EUR")).json()) == 2
    bench.clock.step(1)
    left = (await bench.send("GET", "/ordersOpen?market=BTC-EUR")).json()
    assert [order["orderId"] for order in left] == [plain["orderId"]]
    gone = (await bench.send("GET", f"/order?market=BTC-EUR&orderId={grouped['orderId']}")).json()
    assert (gone["status"], gone["restatementReason"]) == ("canceled", "cancelOnDisconnect")


@pytest.mark.parametrize("seconds", [9, 301, "60", True])
async def test_a_timer_outside_its_bounds_is_refused(bench: Bench, seconds: object) -> None:
    answer = await bench.send("POST", "/cancelOrdersAfter", {"codGroupId": 1, "expiryAfterSeconds": seconds})
    assert refused(answer)[1] == 205
