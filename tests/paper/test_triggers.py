"""Stop-loss and take-profit orders: what they hold, when they trigger, what comes of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from console.paper.book import LiveMarket
from console.paper.decimals import text
from console.paper.makers import Level
from console.paper.store import Order
from console.paper.triggers import reached
from tests.paper.kit import Bench, limit, look, market_order, place, stop

MARKET_KEYS = {
    "orderId", "market", "created", "updated", "status", "side", "orderType", "onHold", "onHoldCurrency",
    "filledAmount", "filledAmountQuote", "feePaid", "feeCurrency", "fills", "selfTradePrevention", "visible",
    "operatorId", "createdNs", "updatedNs", "disableMarketProtection",
}  # fmt: skip
IN_BASE, IN_QUOTE = {"amount", "amountRemaining"}, {"amountQuote", "amountQuoteRemaining"}
TRIGGER = {"triggerPrice", "triggerAmount", "triggerType", "triggerReference"}
LIMIT_KEYS = (MARKET_KEYS - {"disableMarketProtection"}) | IN_BASE | {"price", "timeInForce", "postOnly"}


def btc(bench: Bench) -> LiveMarket:
    return bench.engine.markets["BTC-EUR"]


def last_trade(bench: Bench, price: Decimal) -> None:
    """Somebody else trades at a price, and the market's triggers are looked at."""
    btc(bench).print_trade(price, Decimal("0.01"), "buy")
    bench.engine.desk.run_triggers(btc(bench))


async def with_coins(bench: Bench) -> str:
    """Bitcoin for about 200 euros."""
    order = await place(bench, market_order(amountQuote="200"))
    return str(order["filledAmount"])


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        (limit(), LIMIT_KEYS),
        (market_order(amount="0.0003"), MARKET_KEYS | IN_BASE),
        (market_order(amountQuote="25"), MARKET_KEYS | IN_QUOTE),
        (stop(), MARKET_KEYS | IN_BASE | TRIGGER),
        (stop(orderType="takeProfit", triggerAmount="30000"), MARKET_KEYS | IN_BASE | TRIGGER),
        (stop(amount=..., amountQuote="25"), MARKET_KEYS | IN_QUOTE | TRIGGER),
        (stop(orderType="stopLossLimit", price="30000"), LIMIT_KEYS | TRIGGER),
        (stop(orderType="takeProfitLimit", price="30000", triggerAmount="30000"), LIMIT_KEYS | TRIGGER),
    ],
)
async def test_an_order_has_exactly_the_keys_of_its_type(bench: Bench, body: Any, keys: set[str]) -> None:
    assert set(await place(bench, body)) == keys
    tagged = body | {"clientOrderId": "b3c4a1d2-0000-4000-8000-00000000abcd"}
    tagged |= {} if body["orderType"] == "market" else {"codGroupId": 7}
    assert set(await place(bench, tagged)) == keys | (set(tagged) - set(body))


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ({}, ("27.07", "EUR")),
        ({"amount": ..., "amountQuote": "25"}, ("25", "EUR")),
        ({"orderType": "stopLossLimit", "price": "30000"}, ("9.03", "EUR")),
        ({"side": "sell", "triggerAmount": "30000"}, ("0.0003", "BTC")),
        ({"side": "sell", "triggerAmount": "30000", "amount": ..., "amountQuote": "10"}, ("0.00033334", "BTC")),
    ],
)
async def test_an_order_that_waits_holds_what_it_may_need(
    bench: Bench, changes: dict[str, Any], held: tuple[str, str]
) -> None:
    await with_coins(bench)
    before = bench.store.balance(held[1])
    order = await place(bench, stop(**changes))
    assert (order["status"], order["visible"]) == ("awaitingTrigger", False)
    assert (order["onHold"], order["onHoldCurrency"]) == held
    assert bench.store.balance(held[1]) == (before[0] - Decimal(held[0]), Decimal(held[0]))
    await bench.send("DELETE", f"/order?market=BTC-EUR&orderId={order['orderId']}&operatorId=1")
    assert bench.store.balance(held[1]) == before


async def test_an_order_that_waits_is_open_but_not_in_the_book(bench: Bench) -> None:
    order = await place(bench, stop(orderType="stopLossLimit", price="30000"))
    assert (await bench.send("GET", "/ordersOpen?market=BTC-EUR")).json() == [order]
    assert ["30000", "0.0003"] not in (await bench.send("GET", "/BTC-EUR/book")).json()["bids"]


@pytest.mark.parametrize(
    ("order_type", "side", "below", "at", "above"),
    [
        ("stopLoss", "sell", True, True, False),
        ("stopLoss", "buy", False, True, True),
        ("takeProfit", "sell", False, True, True),
        ("takeProfit", "buy", True, True, False),
        ("stopLossLimit", "sell", True, True, False),
        ("takeProfitLimit", "buy", True, True, False),
    ],
)
async def test_a_stop_triggers_at_or_worse_and_a_profit_at_or_better(
    bench: Bench, order_type: str, side: str, below: bool, at: bool, above: bool
) -> None:
    market = btc(bench)
    await place(bench, stop())
    order: Order = market.waiting[0]
    order.order_type, order.side = order_type, side
    found = []
    for price in (89999, 90000, 90001):
        market.last_price = Decimal(price)
        found.append(reached(order, market))
    assert found == [below, at, above]


async def test_each_reference_is_looked_at(bench: Bench) -> None:
    market = btc(bench)
    await place(bench, stop())
    order = market.waiting[0]
    market.last_price = Decimal(1)
    market.ladder.bids[:] = [Level(Decimal(80000), Decimal(1))]
    market.ladder.asks[:] = [Level(Decimal(90010), Decimal(1))]
    found = {}
    for reference in ("lastTrade", "bestBid", "bestAsk", "midPrice"):
        order.trigger_reference = reference
        order.trigger_amount = {"bestBid": Decimal(80000), "midPrice": Decimal(85005)}.get(reference, Decimal(90000))
        found[reference] = reached(order, market)
    assert found == {"lastTrade": False, "bestBid": True, "bestAsk": True, "midPrice": True}
    market.ladder.asks.clear()
    order.trigger_reference = "midPrice"
    assert not reached(order, market)


async def test_a_trigger_already_reached_fills_at_once_as_it_was_recorded(bench: Bench) -> None:
    order = await place(bench, stop(triggerAmount="30000", amount="0.0002"))
    assert (order["status"], order["amountRemaining"], order["visible"]) == ("filled", "0", False)
    assert (order["triggerPrice"], order["triggerType"], order["onHold"]) == ("30000", "price", "0")
    assert [fill["taker"] for fill in order["fills"]] == [True]
    assert bench.store.balance("EUR")[1] == 0


async def test_a_stop_sells_when_the_last_trade_falls_to_it(bench: Bench) -> None:
    amount = await with_coins(bench)
    price = btc(bench).last_price - 1000
    order = await place(bench, stop(side="sell", triggerAmount=str(price), amount=amount))
    last_trade(bench, price + 1)
    assert (await look(bench, order))["status"] == "awaitingTrigger"
    last_trade(bench, price)
    assert (await look(bench, order))["status"] == "filled"
    assert bench.store.balance("BTC") == (Decimal(0), Decimal(0))


async def test_a_triggered_limit_goes_to_the_book_and_rests(bench: Bench) -> None:
    order = await place(bench, stop(orderType="stopLossLimit", price="30000"))
    last_trade(bench, Decimal(90000))
    assert (await look(bench, order))["status"] == "new"
    assert (await look(bench, order))["visible"] is True
    assert ["30000", "0.0003"] in (await bench.send("GET", "/BTC-EUR/book")).json()["bids"]


async def test_a_triggered_order_without_balance_expires(bench: Bench) -> None:
    order = await place(bench, stop(amount="0.009", triggerAmount="90000"))
    await place(bench, limit(amount="0.006", price="30000"))
    market = btc(bench)
    # The market jumps: what was held for the trigger's price does not pay for this one.
    market.ladder.asks[:] = [Level(Decimal(95000), Decimal(5))]
    market.last_price = Decimal(95000)
    bench.engine.desk.run_triggers(market)
    found = await look(bench, order)
    assert (found["status"], found["fills"], found["onHold"]) == ("expired", [], "0")
    assert bench.store.balance("EUR")[1] == Decimal("180.45")


async def test_one_trigger_can_reach_the_next(bench: Bench) -> None:
    amount = Decimal(await with_coins(bench))
    market, half = btc(bench), f"{amount / 2:.8f}"
    best = market.last_price
    market.ladder.bids[:] = [Level(best - 10, Decimal(half)), Level(best - 500, Decimal(5))]
    first = await place(bench, stop(side="sell", triggerAmount=str(best - 5), amount=half))
    second = await place(bench, stop(side="sell", triggerAmount=str(best - 10), amount=half))
    last_trade(bench, best - 5)
    assert [(await look(bench, each))["status"] for each in (first, second)] == ["filled", "filled"]
    assert (await look(bench, second))["fills"][0]["price"] == text(best - 500)


async def test_the_market_itself_triggers_and_a_restart_forgets_nothing(bench: Bench, tmp_path: Any) -> None:
    await with_coins(bench)
    order = await place(bench, stop(side="sell", triggerAmount=str(btc(bench).last_price - 1), amount="0.001"))
    bench.store.close()
    again = Bench.make(tmp_path, clock=bench.clock)
    for _ in range(3600):
        again.clock.step(1)
        again.engine.advance()
        if not again.engine.markets["BTC-EUR"].waiting:
            break
    assert (await look(again, order))["status"] == "filled"
