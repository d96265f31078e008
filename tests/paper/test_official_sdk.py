"""The official Python SDK, unchanged, against the exchange's own process."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
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


def test_an_order_is_changed_and_all_are_canceled(sdk: Any) -> None:
    placed = sdk.placeOrder("SOL-EUR", "buy", "limit", {"amount": "0.1", "price": "60", "operatorId": 7})
    changed = sdk.updateOrder("SOL-EUR", placed["orderId"], {"price": "61", "operatorId": 7})
    assert set(changed) == LIMIT_ORDER_KEYS
    assert (changed["price"], changed["orderId"], changed["status"]) == ("61", placed["orderId"], "new")
    assert sdk.updateOrder("SOL-EUR", placed["orderId"], {"price": "61", "operatorId": 7})["errorCode"] == 232
    assert sdk.updateOrder("SOL-EUR", placed["orderId"], {"price": "62"})["errorCode"] == 203
    assert sdk.cancelOrders({"market": "SOL-EUR"})["errorCode"] == 203
    canceled = sdk.cancelOrders({"market": "SOL-EUR", "operatorId": 7})
    assert canceled == [{"orderId": placed["orderId"], "operatorId": 7}]
    assert sdk.cancelOrders({"market": "SOL-EUR", "operatorId": 7}) == []


@pytest.mark.parametrize("order_type", ["stopLoss", "takeProfit"])
@pytest.mark.parametrize("limited", [False, True])
def test_every_kind_of_trigger_order_is_placed_and_shown(sdk: Any, order_type: str, limited: bool) -> None:
    # Both are far from the market: a buy stopped above it, a profit taken below it.
    body = {
        "amount": "0.1", "operatorId": 7, "triggerAmount": "900" if order_type == "stopLoss" else "60",
        "triggerType": "price", "triggerReference": "bestAsk",
    }  # fmt: skip
    body |= {"price": "60"} if limited else {}
    placed = sdk.placeOrder("SOL-EUR", "buy", f"{order_type}{'Limit' if limited else ''}", body)
    assert placed["status"] == "awaitingTrigger"
    assert placed["triggerAmount"] == placed["triggerPrice"] == body["triggerAmount"]
    assert sdk.ordersOpen({"market": "SOL-EUR"}) == [placed]
    assert sdk.updateOrder("SOL-EUR", placed["orderId"], {"amount": "0.2", "operatorId": 7})["amount"] == "0.2"
    sdk.cancelOrder("SOL-EUR", placed["orderId"], operatorId=7)


def test_orders_and_trades_are_listed_with_every_bound(sdk: Any) -> None:
    first = sdk.placeOrder("ETH-EUR", "buy", "market", {"amountQuote": "10", "operatorId": 7})
    second = sdk.placeOrder("ETH-EUR", "buy", "market", {"amountQuote": "11", "operatorId": 7})
    ids = [order["orderId"] for order in sdk.getOrders("ETH-EUR", {"orderIdFrom": first["orderId"], "limit": 2})]
    assert ids == [second["orderId"], first["orderId"]]
    assert sdk.getOrders("ETH-EUR", {"orderIdTo": first["orderId"], "start": first["created"]})[0] == first
    fill = first["fills"][0]
    assert [row["id"] for row in sdk.trades("ETH-EUR", {"tradeIdTo": fill["id"]})] == [fill["id"]]
    assert sdk.trades("ETH-EUR", {"tradeIdFrom": fill["id"], "limit": 1})[0]["orderId"] == second["orderId"]


def test_fees_are_those_of_the_account(sdk: Any) -> None:
    assert sdk.fees() == sdk.account()["fees"]
    assert sdk.fees("BTC-EUR")["taker"] == "0.0025"


def test_only_what_moves_money_in_or_out_is_refused(sdk: Any) -> None:
    assert sdk.depositHistory({"symbol": "EUR"})[0]["amount"] == "1000"
    assert sdk.withdrawalHistory({}) == []
    assert sdk.withdrawAssets("EUR", "1", "NL00", {})["errorCode"] == 312


def test_every_call_of_the_client_was_made_but_the_deposit_address() -> None:
    """Its REST methods, against the calls in this file."""
    methods = {name for name, value in vars(Bitvavo).items() if callable(value) and not name.startswith("_")} - {
        "getRemainingLimit",
        "updateRateLimit",
        "publicRequest",
        "privateRequest",
        "newWebsocket",
        "websocket",
    }
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(Path(__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert methods - called == {"depositAssets"}
