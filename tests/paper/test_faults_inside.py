"""Faults of what is applied and of when: bans, maintenance, clocks, late fills and fees, orders cut in half."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from console.paper.app import ROUTES
from console.paper.book import MakerFill
from console.paper.faults import NAMES, FaultSpecError, parse_faults
from tests.paper.kit import Bench, limit, market_order, place, refused, stop


async def get(bench: Bench, target: str) -> Any:
    answer = await bench.send("GET", target)
    assert answer.status_code == 200, answer.text
    return answer.json()


# what is set ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("*: error 299", "The fault error takes a documented errorCode, not 299."),
        ("*: error", "The fault error needs an errorCode."),
        ("*: ban -1", "The fault ban takes no negative number, but -1 was given."),
        ("*: skew -3601", "The fault skew takes at most 3600 seconds, not -3601."),
        ("*: maintenance", "The fault maintenance needs a number of seconds."),
        ("PUT /order: partial-then-cancel", "The fault partial-then-cancel is for POST /order, not for PUT /order."),
        (
            "GET /balance: fee-late 3",
            "The fault fee-late is for GET /order, GET /orders, GET /ordersOpen, GET /trades,",
        ),
        ("*: delay 1 for 5 after 5", "The fault '*: delay 1 for 5 after 5' is not of the form"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_one_sentence(spec: str, sentence: str) -> None:
    with pytest.raises(FaultSpecError) as refused_with:
        parse_faults(spec, tuple(ROUTES))
    assert str(refused_with.value).startswith(sentence)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("stream-")])
def test_every_fault_can_be_set_for_all_routes(name: str) -> None:
    number = {"status": " 503", "error": " 107"}.get(name, " 2")
    specs = [f"*: {name}{tail}" for tail in (number, "")]
    taken = []
    for spec in specs:
        try:
            taken += parse_faults(spec, tuple(ROUTES))
        except FaultSpecError:
            continue
    assert {rule.name for rule in taken} == {name}


async def test_a_rule_bites_only_in_its_time(bench: Bench) -> None:
    bench.spoil("GET /time: status 503 after 10 for 20")
    found = []
    for _ in range(7):
        found.append((await bench.send("GET", "/time")).status_code)
        bench.clock.step(5)
    assert found == [200, 200, 503, 503, 503, 503, 200]


async def test_count_and_time_end_whichever_is_first(bench: Bench) -> None:
    bench.spoil("GET /time: status 503 x2 for 20; GET /balance: status 503 x9 for 5")
    assert [(await bench.send("GET", "/time")).status_code for _ in range(3)] == [503, 503, 200]
    assert (await bench.send("GET", "/balance")).status_code == 503
    bench.clock.step(5)
    assert (await bench.send("GET", "/balance")).status_code == 200


async def test_a_rule_for_all_leaves_routes_where_it_means_nothing(bench: Bench) -> None:
    bench.spoil("*: partial-then-cancel; *: lag 3")
    assert (await bench.send("GET", "/balance")).status_code == 200
    assert [rule.hits for rule in bench.exchange.faults.rules] == [0, 0]


# in place of an answer --------------------------------------------------------------------------------------------
async def test_an_error_is_the_documented_refusal(bench: Bench) -> None:
    bench.spoil("DELETE /order: error 107 x1")
    order = await place(bench, limit())
    target = f"/order?market=BTC-EUR&orderId={order['orderId']}&operatorId=1"
    text = "The matching engine is overloaded. Please wait 500ms and resubmit your order."
    assert refused(await bench.send("DELETE", target)) == (503, 107, text)
    assert bench.order().open
    assert (await bench.send("DELETE", target)).status_code == 200


async def test_a_ban_holds_for_everything_of_the_caller(bench: Bench) -> None:
    bench.spoil("POST /order: ban 90 x1")
    until = bench.clock.now() // 1000 + 90_000
    text = f"Your IP or API key has been banned for not respecting the rate limit. The ban expires at {until}."
    assert refused(await bench.send("POST", "/order", limit())) == (429, 105, text)
    assert refused(await bench.send("GET", "/balance")) == (429, 105, text)
    assert (await bench.send("GET", "/time", key=None)).status_code == 200
    bench.clock.step(90)
    assert (await bench.send("POST", "/order", limit())).status_code == 200
    assert len(bench.store.orders("1", [])) == 1


async def test_a_maintenance_cancels_what_rests_and_applies_nothing(bench: Bench) -> None:
    resting, waiting = await place(bench, limit()), await place(bench, stop())
    bench.spoil("*: maintenance 60")
    assert refused(await bench.send("POST", "/order", limit()))[:2] == (503, 111)
    bench.clock.step(59)
    assert refused(await bench.send("GET", "/balance"))[:2] == (503, 111)
    bench.clock.step(1)
    for order in (resting, waiting):
        found = await get(bench, f"/order?market=BTC-EUR&orderId={order['orderId']}")
        assert (found["status"], found["restatementReason"]) == ("canceled", "cancelOnMaintenance")
    assert len(bench.store.orders("1", [])) == 2


# clocks -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("seconds", "code"), [("12", 304), ("-2", 304), ("9", None), ("-1", None)])
async def test_a_skewed_clock_judges_the_timestamp(bench: Bench, seconds: str, code: int | None) -> None:
    bench.spoil(f"GET /balance: skew {seconds}")
    answer = await bench.send("GET", "/balance")
    assert (answer.json()["errorCode"] if answer.status_code != 200 else None) == code


@pytest.mark.parametrize("seconds", [45, -45])
async def test_a_client_that_asks_for_the_time_gets_along_with_a_skewed_clock(bench: Bench, seconds: int) -> None:
    bench.spoil(f"*: skew {seconds}")
    told = (await bench.send("GET", "/time", key=None)).json()
    now_ms = bench.clock.now() // 1000
    assert (told["time"], told["timeNs"]) == (now_ms + seconds * 1000, (now_ms + seconds * 1000) * 1_000_000)
    assert refused(await bench.send("POST", "/order", limit()))[1] == 304
    assert (await bench.send("POST", "/order", limit(), at_ms=told["time"])).status_code == 200


async def test_a_delay_within_a_skew_is_measured_by_the_skewed_clock(bench: Bench) -> None:
    bench.spoil("POST /order: skew 9; POST /order: delay 2")
    assert refused(await bench.send("POST", "/order", limit()))[:2] == (503, 108)


# late fills and fees ----------------------------------------------------------------------------------------------
async def test_a_late_fill_is_counted_before_it_is_shown(bench: Bench) -> None:
    bench.spoil("*: fills-late 3")
    order = await place(bench, market_order(amountQuote="25"))
    look_up = f"/order?market=BTC-EUR&orderId={order['orderId']}"
    assert (order["status"], order["fills"]) == ("filled", [])
    assert Decimal(order["filledAmountQuote"]) > 24
    assert await get(bench, "/trades?market=BTC-EUR") == []
    bench.clock.step(2.9)
    assert (await get(bench, look_up))["fills"] == []
    bench.clock.step(0.1)
    found = await get(bench, look_up)
    assert found == order | {"fills": found["fills"]}
    assert len(found["fills"]) == len(await get(bench, "/trades?market=BTC-EUR")) == 1
    assert (await get(bench, "/orders?market=BTC-EUR")) == [found]


async def test_a_late_fee_leaves_the_fill_unsettled(bench: Bench) -> None:
    bench.spoil("*: fee-late 3")
    order = await place(bench, market_order(amountQuote="25"))
    assert (order["fills"][0]["settled"], order["feePaid"]) == (False, "0")
    trade = (await get(bench, "/trades?market=BTC-EUR"))[0]
    for fill in (order["fills"][0], trade):
        assert fill["settled"] is False
        assert not {"fee", "feeCurrency"} & set(fill)
    bench.clock.step(3)
    found = await get(bench, f"/order?market=BTC-EUR&orderId={order['orderId']}")
    assert found["fills"][0]["settled"] is True
    assert Decimal(found["feePaid"]) == Decimal(found["fills"][0]["fee"]) > 0
    assert (await get(bench, "/trades?market=BTC-EUR"))[0]["fee"] == found["feePaid"]


async def test_only_young_fees_are_late(bench: Bench) -> None:
    order = await place(bench, limit(amount="0.0006"))
    market = bench.engine.markets["BTC-EUR"]
    for _ in range(2):
        bench.engine.desk.apply_fills(market, [MakerFill(order["orderId"], Decimal(30000), Decimal("0.0003"))])
        bench.clock.step(2)
    bench.spoil("GET /order: fee-late 3")
    found = await get(bench, f"/order?market=BTC-EUR&orderId={order['orderId']}")
    assert [fill["settled"] for fill in found["fills"]] == [True, False]
    assert found["feePaid"] == found["fills"][0]["fee"]


# orders cut in half -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("body", [market_order(amount="0.002"), market_order(amountQuote="160"), limit(amount="0.002")])
async def test_half_of_an_order_is_filled_and_the_rest_canceled(bench: Bench, body: Any) -> None:
    bench.spoil("POST /order: partial-then-cancel x1")
    ask = (await get(bench, "/ticker/book?market=BTC-EUR"))["ask"]
    if "price" in body:
        body = body | {"price": ask}
    order = await place(bench, body)
    assert (order["status"], order["restatementReason"]) == ("canceled", "cancelOnAdminRequest")
    whole = Decimal("0.002") if "amount" in body else Decimal(160) / Decimal("1.0025") / Decimal(ask)
    assert abs(Decimal(order["filledAmount"]) - whole / 2) < Decimal("0.00000002")
    assert order["onHold"] == "0"
    assert bench.store.balance("EUR")[1] == 0
    assert (await place(bench, body))["status"] == "filled"


@pytest.mark.parametrize("body", [limit(), stop(), limit(timeInForce="FOK", price="90000", amount="0.001")])
async def test_an_order_that_cannot_be_halved_is_canceled_whole(bench: Bench, body: Any) -> None:
    bench.spoil("POST /order: partial-then-cancel")
    order = await place(bench, body)
    assert (order["status"], order["fills"], order["onHold"]) == ("canceled", [], "0")
    assert bench.store.balance("EUR") == (Decimal(1000), Decimal(0))
