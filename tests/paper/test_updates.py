"""PUT /order: what changes, what it costs, where the order stands afterwards."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from console.paper.book import MakerFill
from console.paper.makers import Level
from tests.paper.kit import Bench, limit, market_order, refused, stop

CLIENT = "b3c4a1d2-0000-4000-8000-00000000abcd"


async def put(bench: Bench, order: dict[str, Any], **changes: Any) -> Any:
    """The answer to a change of an order."""
    body = {"market": order["market"], "orderId": order["orderId"], "operatorId": 1, **changes}
    return await bench.send("PUT", "/order", body)


async def place(bench: Bench, body: Any) -> dict[str, Any]:
    """An order that was accepted."""
    answer = await bench.send("POST", "/order", body)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_a_new_price_moves_the_hold_as_it_was_recorded(bench: Bench) -> None:
    order = await place(bench, limit(price="30000"))
    assert order["onHold"] == "9.03"
    bench.clock.step(1)
    new = (await put(bench, order, price="31000")).json()
    assert (new["price"], new["onHold"], new["amount"], new["status"]) == ("31000", "9.33", "0.0003", "new")
    assert (new["orderId"], new["created"]) == (order["orderId"], order["created"])
    assert new["updated"] == order["updated"] + 1000
    assert set(new) == set(order)
    assert bench.store.balance("EUR") == (Decimal("990.67"), Decimal("9.33"))
    assert (await bench.send("GET", f"/order?market=BTC-EUR&orderId={order['orderId']}")).json() == new


async def test_the_client_id_finds_the_order_and_wins_over_the_order_id(bench: Bench) -> None:
    first = await place(bench, limit(clientOrderId=CLIENT))
    other = await place(bench, limit())
    new = (await put(bench, other, clientOrderId=CLIENT.upper(), amount="0.0004")).json()
    assert (new["orderId"], new["amount"], new["clientOrderId"]) == (first["orderId"], "0.0004", CLIENT)


async def test_amounts_are_of_the_whole_or_of_the_rest(bench: Bench) -> None:
    market = bench.engine.markets["BTC-EUR"]
    market.ladder.asks[0].amount = Decimal("0.001")
    market.ladder.asks[1].price = market.ladder.asks[0].price + 500
    order = await place(bench, limit(price=str(market.ladder.asks[0].price), amount="0.003"))
    assert order["amountRemaining"] == "0.002"
    whole = (await put(bench, order, amount="0.0035")).json()
    assert (whole["amount"], whole["amountRemaining"], whole["status"]) == ("0.0035", "0.0025", "partiallyFilled")
    rest = (await put(bench, order, amountRemaining="0.0005")).json()
    assert (rest["amount"], rest["amountRemaining"], rest["filledAmount"]) == ("0.0015", "0.0005", "0.001")
    assert refused(await put(bench, order, amount="0.001"))[1:] == (205, "amount parameter is invalid.")


async def test_an_updated_order_stands_behind_those_of_its_price(bench: Bench) -> None:
    first, second = await place(bench, limit()), await place(bench, limit())
    await put(bench, first, selfTradePrevention="cancelBoth")
    market = bench.engine.markets["BTC-EUR"]
    assert [order.order_id for order in market.own_against("sell")] == [second["orderId"], first["orderId"]]
    bench.engine.desk.apply_fills(market, [MakerFill(second["orderId"], Decimal(30000), Decimal("0.0003"))])
    # The database keeps the place.
    market.own.clear()
    third = await place(bench, limit())
    assert [order.order_id for order in market.own] == [first["orderId"], third["orderId"]]


async def test_a_price_that_crosses_trades_at_once_as_taker(bench: Bench) -> None:
    order = await place(bench, limit(amount="0.0004"))
    ask = (await bench.send("GET", "/ticker/book?market=BTC-EUR")).json()["ask"]
    new = (await put(bench, order, price=ask)).json()
    assert (new["status"], new["amountRemaining"], new["onHold"]) == ("filled", "0", "0")
    assert [(fill["price"], fill["taker"]) for fill in new["fills"]] == [(ask, True)]
    assert bench.store.balance("EUR")[1] == 0


@pytest.mark.parametrize("change", [{"postOnly": True}, {"timeInForce": "FOK"}, {"timeInForce": "IOC"}])
async def test_a_change_of_kind_takes_effect_at_once(bench: Bench, change: dict[str, Any]) -> None:
    order = await place(bench, limit(amount="0.0004"))
    market = bench.engine.markets["BTC-EUR"]
    market.ladder.asks[:] = [Level(market.ladder.asks[0].price, Decimal("0.0001"))]
    new = (await put(bench, order, price=str(market.ladder.asks[0].price), **change)).json()
    filled = "0.0001" if change == {"timeInForce": "IOC"} else "0"
    assert (new["status"], new["filledAmount"], new["onHold"]) == ("canceled", filled, "0")


async def test_a_trigger_order_can_be_moved_and_resized(bench: Bench) -> None:
    order = await place(bench, stop(amount=..., amountQuote="20"))
    new = (await put(bench, order, amountQuote="25", triggerAmount="91000")).json()
    assert (new["amountQuote"], new["triggerAmount"], new["triggerPrice"], new["onHold"]) == (
        "25", "91000", "91000", "25",
    )  # fmt: skip
    assert new["status"] == "awaitingTrigger"
    assert refused(await put(bench, order, amount="0.001"))[:2] == (400, 239)
    assert refused(await put(bench, order, price="30000"))[:2] == (400, 202)
    done = (await put(bench, order, triggerAmount="20000")).json()
    assert done["status"] == "filled"


async def test_without_a_required_response_only_the_ids_come_back(bench: Bench) -> None:
    order = await place(bench, limit())
    new = (await put(bench, order, price="31000", responseRequired=False)).json()
    assert set(new) == {"market", "orderId", "created", "updated"}


UNCHANGED = (
    "You must change at least one of amount, amountRemaining, price, timeInForce, selfTradePrevention or postOnly."
)
NOT_THIS_TYPE = "Please note that certain parameters are only allowed for market or limit orders."
ELSEWHERE = "Please note that parameters are case-sensitive and use url parameters for GET and DELETE requests."
TICK = "Invalid price tick size. The entered price does not align with the allowed price increments."
WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({}, 232, UNCHANGED),
    ({"price": "30000"}, 232, UNCHANGED),
    ({"amount": "0.001", "amountRemaining": "0.001"}, 236, "You can only update amount or amountRemaining, not both."),
    ({"amount": "0.001", "amountQuote": "10"}, 236, "You can only update amount or amountRemaining, not both."),
    ({"amountQuote": "10"}, 239, "You cannot switch between amount and amountQuote."),
    ({"triggerAmount": "10"}, 202, f"triggerAmount order parameter is not supported. {NOT_THIS_TYPE}"),
    ({"price": "30000.5"}, 422, TICK),
    ({"price": 30000}, 205, "price parameter is invalid."),
    ({"amount": "0.000300001"}, 429, "Too many decimal places in the amount parameter value."),
    ({"amount": "0.00006"}, 212, "Amount is below the minimum allowed amount for this asset."),
    ({"amount": "0.0001"}, 217, "Minimum order size in quote currency is 5 EUR or 0.001 BTC."),
    ({"amount": "1"}, 216, "You do not have sufficient balance to complete this operation."),
    ({"timeInForce": "DAY"}, 205, "timeInForce parameter is invalid."),
    ({"postOnly": 1}, 205, "postOnly parameter is invalid."),
    ({"selfTradePrevention": "none"}, 205, "selfTradePrevention parameter is invalid."),
    ({"side": "sell"}, 201, f"side body parameter is not supported. {ELSEWHERE}"),
    ({"operatorId": None}, 203, "operatorId parameter is required."),
    ({"orderId": None}, 203, "orderId parameter is required."),
    ({"market": "NOPE-EUR"}, 205, "market parameter NOPE-EUR is invalid."),
    ({"responseRequired": "no", "price": "31000"}, 205, "responseRequired parameter is invalid."),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "code", "text"), WRONG)
async def test_a_wrong_change_is_refused_and_leaves_the_order_where_it_was(
    bench: Bench, changes: dict[str, Any], code: int, text: str
) -> None:
    order = await place(bench, limit())
    await place(bench, limit())
    balances, ranks = bench.store.balances(), [each.rank for each in bench.store.open_orders(None)]
    assert refused(await put(bench, order, **changes)) == (400, code, text)
    assert (await bench.send("GET", f"/order?market=BTC-EUR&orderId={order['orderId']}")).json() == order
    assert (bench.store.balances(), [each.rank for each in bench.store.open_orders(None)]) == (balances, ranks)


async def test_what_is_closed_or_unknown_cannot_be_changed(bench: Bench) -> None:
    order = await place(bench, limit())
    unknown = order | {"orderId": "00000000-0000-0000-0000-000000000009"}
    assert refused(await put(bench, unknown, price="31000"))[:2] == (404, 240)
    await bench.send("DELETE", f"/order?market=BTC-EUR&orderId={order['orderId']}&operatorId=1")
    assert refused(await put(bench, order, price="31000"))[:2] == (404, 240)
    filled = await place(bench, market_order(amountQuote="25"))
    assert refused(await put(bench, filled, amountQuote="30")) == (400, 234, "Market orders cannot be updated.")


async def test_the_body_is_where_a_change_stands(bench: Bench) -> None:
    order = await place(bench, limit())
    target = f"/order?market=BTC-EUR&orderId={order['orderId']}&operatorId=1&price=31000"
    assert refused(await bench.send("PUT", target, {}))[:2] == (400, 200)
