"""The official Python SDK, unchanged, against the exchange's own process."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from python_bitvavo_api.bitvavo import Bitvavo

from console.paper.process import Address
from tests.paper.exchanges import running

pytestmark = pytest.mark.processes

LIMIT_ORDER_KEYS = {
    "orderId", "market", "created", "updated", "status", "side", "orderType", "amount", "amountRemaining", "price",
    "onHold", "onHoldCurrency", "filledAmount", "filledAmountQuote", "feePaid", "feeCurrency", "fills",
    "selfTradePrevention", "visible", "timeInForce", "postOnly", "operatorId", "createdNs", "updatedNs",
}  # fmt: skip
CLIENT_ID = "b3c4a1d2-0000-4000-8000-00000000abcd"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with running(tmp_path_factory.mktemp("sdk")) as found:
        yield found


@pytest.fixture(scope="module")
def sdk(address: Address) -> Any:
    return Bitvavo(
        {
            "APIKEY": address.trade.key,
            "APISECRET": address.trade.secret,
            "RESTURL": address.rest,
            "WSURL": address.websocket,
            "ACCESSWINDOW": 10000,
        }
    )


def test_public_routes_answer(sdk: Any) -> None:
    assert set(sdk.time()) == {"time", "timeNs"}
    names = [market["market"] for market in sdk.markets({})]
    assert names == ["BTC-EUR", "ETH-EUR", "ADA-EUR", "SOL-EUR", "XRP-EUR"]
    assert sdk.markets({"market": "ETH-EUR"})["tickSize"] == "0.10"
    assert {row["market"] for row in sdk.tickerPrice({})} == set(names)
    ticker = sdk.tickerBook({"market": "ADA-EUR"})
    assert Decimal(ticker["bid"]) < Decimal(ticker["ask"])
    book = sdk.book("BTC-EUR", {"depth": 5})
    assert [len(book["bids"]), len(book["asks"])] == [5, 5]
    assert len(sdk.candles("SOL-EUR", "5m", {"limit": 288})) == 288
    assert isinstance(sdk.publicTrades("BTC-EUR", {}), list)


def test_a_limit_order_is_placed_looked_up_and_canceled(sdk: Any) -> None:
    placed = sdk.placeOrder(
        "BTC-EUR", "buy", "limit", {"amount": "0.0003", "price": "30000", "operatorId": 7, "clientOrderId": CLIENT_ID}
    )
    assert set(placed) == LIMIT_ORDER_KEYS | {"clientOrderId"}
    assert (placed["status"], placed["onHold"], placed["onHoldCurrency"]) == ("new", "9.03", "EUR")
    assert sdk.getOrder("BTC-EUR", placed["orderId"]) == placed
    assert sdk.ordersOpen({"market": "BTC-EUR"}) == [placed]
    assert sdk.balance({"symbol": "EUR"})[0]["inOrder"] == "9.03"
    canceled = sdk.cancelOrder("BTC-EUR", placed["orderId"], operatorId=7)
    assert canceled == {"orderId": placed["orderId"], "clientOrderId": CLIENT_ID, "operatorId": 7}
    assert sdk.ordersOpen({"market": "BTC-EUR"}) == []
    assert sdk.getOrders("BTC-EUR", {})[0]["status"] == "canceled"
    assert sdk.balance({"symbol": "EUR"})[0]["inOrder"] == "0"
    assert sdk.cancelOrder("BTC-EUR", placed["orderId"], operatorId=7)["errorCode"] == 240


def test_a_market_order_fills_and_shows_in_trades_and_balance(sdk: Any) -> None:
    before = Decimal(sdk.balance({"symbol": "EUR"})[0]["available"])
    order = sdk.placeOrder("XRP-EUR", "buy", "market", {"amountQuote": "25", "operatorId": 1})
    assert order["status"] == "filled"
    assert Decimal(order["filledAmountQuote"]) + Decimal(order["feePaid"]) <= 25
    assert not {"price", "timeInForce", "postOnly", "amount"} & set(order)
    trade = sdk.trades("XRP-EUR", {})[0]
    assert (trade["orderId"], trade["taker"], trade["settled"]) == (order["orderId"], True, True)
    after = Decimal(sdk.balance({"symbol": "EUR"})[0]["available"])
    assert before - after == Decimal(order["filledAmountQuote"]) + Decimal(order["feePaid"])
    assert sdk.balance({"symbol": "XRP"})[0]["available"] == order["filledAmount"]


def test_the_account_states_fees_and_capabilities(sdk: Any) -> None:
    account = sdk.account()
    assert {**account["fees"], "volume": None} == {"tier": 0, "volume": None, "maker": "0.0015", "taker": "0.0025"}
    assert Decimal(account["fees"]["volume"]) >= 0  # other tests trade on the same account
    assert "buy" in account["capabilities"]


def test_assets_and_the_last_day_answer(sdk: Any) -> None:
    assert [asset["symbol"] for asset in sdk.assets({})] == ["BTC", "ETH", "ADA", "SOL", "XRP", "EUR"]
    assert sdk.assets({"symbol": "BTC"})["name"] == "Bitcoin"
    days = sdk.ticker24h({})
    assert len(days) == 5
    assert all(len(day) == 15 for day in days)
    day = sdk.ticker24h({"market": "SOL-EUR"})
    assert Decimal(day["low"]) <= Decimal(day["open"]) <= Decimal(day["high"])
    trades = sdk.publicTrades("SOL-EUR", {"limit": 2})
    assert all(set(trade) == {"id", "timestamp", "amount", "price", "side"} for trade in trades)
    assert sdk.assets({"symbol": "DOGE"}) == {"errorCode": 205, "error": "symbol parameter is invalid."}


def test_the_history_can_be_asked_for_with_the_sdks_own_signing(sdk: Any) -> None:
    # The SDK has no method for this route; its signed request reaches it.
    history = sdk.privateRequest("/account/history", "", {}, "GET")
    assert history["items"][-1]["type"] == "deposit"
    assert history["items"][-1]["receivedAmount"] == "1000"
    assert (history["currentPage"], history["maxItems"]) == (1, 100)
