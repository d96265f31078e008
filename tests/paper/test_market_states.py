"""Markets that are not trading, and what the exchange itself does to orders, as `control` asks for it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from console.paper.book import STATES
from tests.paper.kit import Bench, limit, look, market_order, place, refused, stop

CHANGE = {"market": "BTC-EUR", "price": "31000", "operatorId": 1}


async def control(bench: Bench, **wanted: object) -> httpx.Response:
    """The answer of the secret door."""
    transport = httpx.ASGITransport(bench.exchange)
    async with httpx.AsyncClient(transport=transport, base_url="http://exchange") as client:
        return await client.post("/control/token", json=wanted)


async def put_in(bench: Bench, state: str, market: str = "BTC-EUR") -> None:
    answer = await control(bench, markets={market: state})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("state", "placed", "changed", "canceled"),
    [
        ("trading", 200, 200, 200),
        ("halted", 423, 423, 200),
        ("cancelOnly", 424, 424, 200),
        ("auction", 200, 425, 200),
        ("auctionMatching", 426, 426, 426),
    ],
)
async def test_a_state_takes_what_it_takes(bench: Bench, state: str, placed: int, changed: int, canceled: int) -> None:
    order = await place(bench, limit())
    await put_in(bench, state)
    assert (await bench.send("GET", "/markets?market=BTC-EUR")).json()["status"] == state
    answers = [
        await bench.send("POST", "/order", limit()),
        await bench.send("PUT", "/order", CHANGE | {"orderId": order["orderId"]}),
        await bench.send("DELETE", f"/order?market=BTC-EUR&orderId={order['orderId']}&operatorId=1"),
    ]
    assert [each.status_code if each.status_code == 200 else refused(each)[1] for each in answers] == [
        placed, changed, canceled,
    ]  # fmt: skip
    # The others trade on.
    assert (await bench.send("POST", "/order", market_order("XRP-EUR", amountQuote="25"))).json()["status"] == "filled"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (market_order(amountQuote="25"), 425),
        (stop(), 425),
        (limit(timeInForce="IOC"), 231),
        (limit(timeInForce="FOK"), 231),
        (limit(postOnly=True), None),
        (stop(orderType="stopLossLimit", price="30000"), None),
    ],
)
async def test_an_auction_takes_limit_orders_that_can_wait(bench: Bench, body: Any, code: int | None) -> None:
    await put_in(bench, "auction")
    answer = await bench.send("POST", "/order", body)
    assert (answer.status_code, answer.json().get("errorCode")) == (200 if code is None else 400, code)


@pytest.mark.parametrize("state", ["halted", "auction", "auctionMatching", "cancelOnly"])
async def test_nothing_moves_in_a_market_that_does_not_trade(bench: Bench, state: str) -> None:
    best = bench.engine.markets["BTC-EUR"].makers_best("sell")
    order = await place(bench, limit(price=str(best), amount="0.0004"))
    await place(bench, stop())
    await put_in(bench, state)
    trades = len(bench.engine.markets["BTC-EUR"].trades)
    bench.engine.markets["BTC-EUR"].last_price = Decimal(95000)
    for _ in range(60):
        bench.clock.step(5)
        bench.engine.advance()
    assert (await look(bench, order)) == order
    assert len(bench.engine.markets["BTC-EUR"].waiting) == 1
    assert len(bench.engine.markets["BTC-EUR"].trades) == trades


async def test_a_halted_market_shows_no_book(bench: Bench) -> None:
    await put_in(bench, "halted")
    text = "getBook is not available for BTC-EUR in state HALTED"
    assert refused(await bench.send("GET", "/BTC-EUR/book")) == (409, 431, text)
    assert (await bench.send("GET", "/ticker/book?market=BTC-EUR")).json()["bid"] is None


async def test_orders_of_an_auction_cross_until_trading_begins_and_never_after(bench: Bench) -> None:
    bought = await place(bench, market_order(amountQuote="100"))
    await put_in(bench, "auction")
    market = bench.engine.markets["BTC-EUR"]
    ask = market.ladder.asks[0].price
    # Buys above everybody's ask, and an own sale below that: both rest.
    buy = await place(bench, limit(price=str(ask + 50), amount="0.0004", selfTradePrevention="cancelOldest"))
    sell = await place(
        bench,
        limit(side="sell", price=str(ask - 50), amount=bought["filledAmount"], selfTradePrevention="cancelNewest"),
    )
    assert [each["status"] for each in (buy, sell)] == ["new", "new"]
    await put_in(bench, "trading")
    assert (await look(bench, buy))["status"] == "filled"
    assert (await look(bench, sell))["status"] in {"new", "partiallyFilled", "filled"}
    bid, best = market.best("buy"), market.best("sell")
    assert bid is not None
    assert best is not None
    assert bid < best


async def test_before_an_auction_is_matched_crossing_post_only_orders_leave(bench: Bench) -> None:
    await put_in(bench, "auction")
    ask = bench.engine.markets["BTC-EUR"].ladder.asks[0].price
    crossing = await place(bench, limit(price=str(ask), amount="0.0004", postOnly=True))
    resting = await place(bench, limit(postOnly=True))
    await put_in(bench, "auctionMatching")
    found = await look(bench, crossing)
    assert (found["status"], found["restatementReason"]) == ("canceled", "cancelPostOnlyOnAuctionMatching")
    assert (await look(bench, resting))["status"] == "new"


async def test_a_bulk_cancel_leaves_markets_that_take_none(bench: Bench) -> None:
    kept, gone = await place(bench, limit()), await place(bench, limit("XRP-EUR", amount="10", price="1"))
    await put_in(bench, "auctionMatching")
    answer = await bench.send("DELETE", "/orders?operatorId=1")
    assert [each["orderId"] for each in answer.json()] == [gone["orderId"]]
    assert refused(await bench.send("DELETE", "/orders?market=BTC-EUR&operatorId=1"))[1] == 426
    assert (await look(bench, kept))["status"] == "new"


async def test_a_state_outlasts_a_restart(bench: Bench, tmp_path: Path) -> None:
    await put_in(bench, "cancelOnly")
    bench.store.close()
    again = Bench.make(tmp_path, clock=bench.clock)
    assert again.engine.markets["BTC-EUR"].status == "cancelOnly"


async def test_a_market_no_longer_listed_takes_nothing_for_ever(bench: Bench) -> None:
    order = await place(bench, limit())
    await put_in(bench, "delisted")
    found = await look(bench, order)
    assert (found["status"], found["restatementReason"]) == ("canceled", "cancelOnDelisting")
    assert refused(await bench.send("POST", "/order", limit()))[:2] == (400, 219)
    assert "BTC-EUR" not in {each["market"] for each in (await bench.send("GET", "/markets")).json()}
    assert refused(await bench.send("GET", "/markets?market=BTC-EUR"))[1] == 205
    assert (await control(bench, markets={"BTC-EUR": "trading"})).status_code == 400


async def test_a_locked_account_loses_its_orders_and_every_private_route(bench: Bench) -> None:
    order = await place(bench, limit())
    await control(bench, locked=True)
    text = "This account is locked. Please contact support."
    for target in ("/balance", "/ordersOpen?market=BTC-EUR", "/account"):
        assert refused(await bench.send("GET", target)) == (403, 317, text)
    assert refused(await bench.send("POST", "/order", limit())) == (403, 317, text)
    assert (await bench.send("GET", "/time")).status_code == 200
    await control(bench, locked=False)
    found = await look(bench, order)
    assert (found["status"], found["restatementReason"]) == ("canceled", "cancelOnLockPlaced")


async def test_the_exchange_can_cancel_everything_itself(bench: Bench) -> None:
    order = await place(bench, stop())
    await control(bench, cancel=True)
    found = await look(bench, order)
    assert (found["status"], found["restatementReason"]) == ("canceled", "cancelOnAdminRequest")
    assert bench.store.balance("EUR") == (Decimal(1000), Decimal(0))


async def test_keys_can_be_narrowed_while_it_runs(bench: Bench) -> None:
    await control(bench, keys={"trade": {"rights": ["view"]}, "readonly": {"addresses": ["192.0.2.7"]}})
    assert refused(await bench.send("POST", "/order", limit()))[:2] == (403, 310)
    assert refused(await bench.send("GET", "/balance", key="readonly"))[:2] == (403, 307)
    await control(bench, keys={"trade": {"rights": ["view", "trade"], "confirmed": False}})
    assert refused(await bench.send("GET", "/balance"))[:2] == (403, 306)
    await control(bench, keys={"trade": {"confirmed": True}, "readonly": {"addresses": ["127.0.0.1"]}})
    assert (await bench.send("POST", "/order", limit())).status_code == 200
    assert (await bench.send("GET", "/balance", key="readonly")).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        {"markets": {"NOPE-EUR": "halted"}},
        {"markets": {"BTC-EUR": "asleep"}},
        {"markets": ["BTC-EUR"]},
        {"locked": 1},
        {"cancel": "yes"},
        {"keys": {"nobody": {"confirmed": True}}},
        {"keys": {"trade": {"rights": ["withdraw"]}}},
        {"keys": {"trade": {"addresses": "127.0.0.1"}}},
        {"keys": {"trade": {}}},
        {"markets": {"BTC-EUR": "halted"}, "faults": "nonsense"},
    ],
)
async def test_what_control_does_not_understand_changes_nothing(bench: Bench, wanted: dict[str, object]) -> None:
    answer = await control(bench, **wanted)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert {market.status for market in bench.engine.markets.values()} == {"trading"}
    assert bench.exchange.faults.rules == []
    assert (await bench.send("POST", "/order", limit())).status_code == 200


async def test_control_shows_every_markets_state(bench: Bench) -> None:
    for state, market in zip(STATES, bench.engine.markets, strict=True):
        await put_in(bench, state, market)
    shown = (await control(bench, clear=True)).json()
    assert list(shown["markets"].values()) == list(STATES)
    assert shown["locked"] is False
