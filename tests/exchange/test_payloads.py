from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from console.exchange.answers import Canceled, NoAnswer, classify_cancel_answer
from console.exchange.errors import ExchangeUnreadable
from console.exchange.models import (
    BalancePayload,
    BookPayload,
    FillPayload,
    MarketPayload,
    OrderPayload,
    TimePayload,
    TradePayload,
    read_candles,
)
from console.exchange.wire import read_all, read_most, read_one
from storage.money import Eur, Price, Quantity
from tests.exchange.kit import order_json, recorded, recorded_markets

MARKET = {
    "market": "BTC-EUR",
    "status": "trading",
    "base": "BTC",
    "quote": "EUR",
    "pricePrecision": None,
    "minOrderInBaseAsset": "0.00006607",
    "minOrderInQuoteAsset": "5.00",
    "maxOrderInBaseAsset": "1000000000",
    "maxOrderInQuoteAsset": "1000000000",
    "quantityDecimals": 8,
    "notionalDecimals": 2,
    "tickSize": "1.00",
    "maxOpenOrders": 400,
    "feeCategory": "A",
    "orderTypes": ["market", "limit"],
}


def nothing_lost(sent: dict[str, Any], payload: Any) -> None:
    """Every sent field that the payload knows came through with its exact value."""
    shown = payload.model_dump(by_alias=True)
    for name in set(sent) & set(shown) - {"fills"}:
        if isinstance(shown[name], Decimal):
            assert shown[name] == Decimal(sent[name])
        elif isinstance(shown[name], bool) or not isinstance(shown[name], int):
            assert shown[name] == sent[name]
        else:
            assert shown[name] == int(sent[name])


@pytest.mark.parametrize("method", ["createOrder", "editOrder"])
def test_a_recorded_order_is_read_without_loss(method: str) -> None:
    sent = recorded(method)
    nothing_lost(sent, read_one(OrderPayload, sent, "order"))


def test_recorded_orders_are_read_without_loss_with_their_fills() -> None:
    for sent in recorded("fetchOrders"):
        payload = read_one(OrderPayload, sent, "order")
        nothing_lost(sent, payload)
        assert len(payload.fills) == len(sent["fills"]) > 0
        for wire, fill in zip(sent["fills"], payload.fills, strict=True):
            nothing_lost(wire, fill)
        order = payload.order()
        assert (order.order_id, order.client_order_id, order.status) == (
            sent["orderId"],
            sent["clientOrderId"],
            sent["status"],
        )
        assert order.created_at == int(sent["created"]) * 1000
        assert order.filled == Quantity.total(fill.quantity for fill in order.fills)
        assert [fill.at for fill in order.fills] == [int(wire["timestamp"]) * 1000 for wire in sent["fills"]]
        assert [str(fill.fee) for fill in order.fills] == [wire["fee"] for wire in sent["fills"]]


def test_recorded_trades_are_read_without_loss() -> None:
    for sent in recorded("fetchMyTrades"):
        nothing_lost(sent, read_one(TradePayload, sent, "trade"))


def test_recorded_balances_are_read_without_loss_zeros_included() -> None:
    sent = recorded("fetchBalance")
    rows = read_all(BalancePayload, sent, "balance")
    assert [(row.symbol, str(row.available)) for row in rows] == [(row["symbol"], row["available"]) for row in sent]


def test_recorded_candles_are_read_oldest_first() -> None:
    sent = recorded("fetchOHLCV")
    candles = read_candles(sent)
    assert [candle.at for candle in candles] == [row[0] * 1000 for row in reversed(sent)]
    assert (candles[0].open, candles[-1].close) == (Price.of(sent[-1][1]), Price.of(sent[0][4]))
    assert candles[-1].volume == Quantity.of("0.00012865")


@pytest.mark.parametrize(
    "rows",
    [
        {},
        [[1, "1", "1", "1", "1"]],
        [[1, 1.5, "1", "1", "1", "1"]],
        [[1, "0", "1", "1", "1", "1"]],
        [[1, "1", "1", "1", "1", "-1"]],
        [[1, "1", "1", "1", "1", "1"], [2, "1", "1", "1", "1", "1"]],
        [[1, "1", "1", "1", "1", "1"], [1, "1", "1", "1", "1", "1"]],
    ],
)
def test_candles_that_are_not_what_they_should_be_are_unreadable(rows: Any) -> None:
    with pytest.raises(ExchangeUnreadable):
        read_candles(rows)


def test_market_rules_are_exactly_what_the_exchange_says() -> None:
    rules = read_one(MarketPayload, MARKET, "market").rules()
    assert (rules.market, rules.base, rules.quote, rules.status) == ("BTC-EUR", "BTC", "EUR", "trading")
    assert rules.minimum_quantity == Quantity.of("0.00006607")
    assert rules.minimum_value == Eur.of("5")
    assert rules.maximum_quantity == Quantity.of("1000000000")
    assert (rules.quantity_decimals, rules.maximum_open_orders) == (8, 400)
    assert rules.tick_size == Price.of("1")
    assert rules.order_types == {"market", "limit"}


def test_recorded_markets_are_read_without_loss() -> None:
    sent = recorded_markets()
    assert [row["market"] for row in sent] == ["BTC-EUR", "LTC-EUR"]
    for row in sent:
        payload = read_one(MarketPayload, row, "market")
        nothing_lost({name: value for name, value in row.items() if name != "orderTypes"}, payload)
        rules = payload.rules()
        assert (rules.market, rules.tick_size) == (row["market"], Price.of(row["tickSize"]))
        assert rules.minimum_quantity == Quantity.of(row["minOrderInBaseAsset"])
        assert rules.order_types == set(row["orderTypes"])


def test_a_recorded_cancel_is_an_answer_about_its_order() -> None:
    sent = recorded("cancelOrder")
    body = json.dumps(sent).encode()
    assert classify_cancel_answer(200, body, sent["orderId"], "") == Canceled(sent["orderId"])
    assert isinstance(classify_cancel_answer(200, body, "another", ""), NoAnswer)


def test_an_odd_market_is_left_out_and_only_odd_ones_are_an_error() -> None:
    odd = MARKET | {"tickSize": None}
    assert [row.market for row in read_most(MarketPayload, [odd, MARKET], "market")] == ["BTC-EUR"]
    with pytest.raises(ExchangeUnreadable, match="tickSize"):
        read_most(MarketPayload, [odd], "market")
    assert read_most(MarketPayload, [], "market") == ()


@pytest.mark.parametrize("status", ["expired", "canceledIOC", "some new word"])
def test_a_status_nobody_knows_is_kept_raw(status: str) -> None:
    assert read_one(OrderPayload, order_json(status=status), "order").order().status == status


def test_an_order_over_euros_has_no_quantity_and_a_market_order_no_limit() -> None:
    sent = order_json(amount=..., amountRemaining=..., price=..., amountQuote="10", orderType="market")
    order = read_one(OrderPayload, sent, "order").order()
    assert (order.quantity, order.limit) == (None, None)


def test_an_unsettled_fill_has_no_fee() -> None:
    fill = {"id": "f", "timestamp": 1700130652275, "amount": "1", "price": "2", "taker": True, "settled": False}
    read = read_one(FillPayload, fill, "fill").fill()
    assert (read.fee, read.fee_currency, read.settled) == (None, None, False)


@pytest.mark.parametrize("value", [1, 1.5, None, True, "1e999", "NaN", "Infinity", "", "one", "1" * 60])
def test_an_amount_is_a_decimal_text_and_nothing_else(value: Any) -> None:
    with pytest.raises(ExchangeUnreadable, match="filledAmount"):
        read_one(OrderPayload, order_json(filledAmount=value), "order")


@pytest.mark.parametrize(
    ("bids", "asks"), [([["1", "1"], ["2", "1"]], []), ([], [["2", "1"], ["1", "1"]]), ([["1", "0"]], [])]
)
def test_a_book_out_of_order_or_with_empty_levels_is_unreadable(bids: Any, asks: Any) -> None:
    with pytest.raises(ExchangeUnreadable):
        read_one(BookPayload, {"market": "BTC-EUR", "bids": bids, "asks": asks}, "book").levels()


def test_time_uses_nanoseconds_where_they_agree() -> None:
    assert TimePayload.model_validate({"time": 1700000000123, "timeNs": 1700000000123456789}).micros() == (
        1700000000123456
    )
    assert TimePayload.model_validate({"time": 1700000000123}).micros() == 1700000000123000
    assert TimePayload.model_validate({"time": 1700000000123, "timeNs": 5}).micros() == 1700000000123000
