"""What the venue conditions say, word for word: the figures and the way on that an operator decides by."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest

from storage.codes import (
    CheckCode,
    ExecutionState,
    OrderType,
    TriggerType,
)
from storage.models import Check
from tests.storage.answer_kit import (
    EXIT_HELD,
    MARKET_BUY,
    SELL_HELD,
    C,
    a_stop,
    held,
    missing,
    opened,
    refused,
)
from tests.storage.builders import (
    HELD,
    MONOTONIC,
    NOW,
    answer,
    coins,
    eur,
    exit_proposal,
    levels,
    make_execution,
    make_proposal,
    make_rules,
    price,
)

ANSWERS: Final[list[tuple[CheckCode, dict[str, Any], Check]]] = [
    (C.MARKET_STATUS, {}, held("trading", "trading", "BTC-EUR is trading")),
    (
        C.MARKET_STATUS,
        {"quote": {"rules": make_rules(status="halted")}},
        refused(
            "halted",
            "trading",
            "The exchange says BTC-EUR is halted; wait until it trades again.",
            "when the exchange opens the market",
        ),
    ),
    (
        C.ORDER_RULES,
        {},
        held(
            "limit 0.00041 BTC at 61200 EUR",
            "0.00006607 to 1000000000 BTC in 8 decimals, at least 5.00 EUR, tick 1",
            "the exchange accepts such an order",
        ),
    ),
    (
        C.ORDER_RULES,
        {"proposal": MARKET_BUY},
        held(
            "market 0.00041 BTC at market",
            "0.00006607 to 1000000000 BTC in 8 decimals, at least 5.00 EUR, tick 1",
            "the exchange accepts such an order",
        ),
    ),
    (
        C.ORDER_RULES,
        {
            "proposal": make_proposal(quantity=coins("0.0000041")),
            "quote": {
                "rules": make_rules(
                    quantity_decimals=6, tick_size=price("7"), order_types=frozenset({"market"}), maximum_open_orders=1
                )
            },
            "facts": opened(make_execution()),
        },
        refused(
            "limit 0.0000041 BTC at 61200 EUR",
            "0.00006607 to 1000000000 BTC in 6 decimals, at least 5.00 EUR, tick 7",
            (
                "The exchange would refuse this order: 0.0000041 has more than 6 decimals; 0.0000041 BTC is less "
                "than 0.00006607; 61200 is no multiple of the tick 7; 0.25 EUR is less than 5.00 EUR; BTC-EUR takes"
                " no limit orders; orders of ours open there: 1 of 1 at most; change it."
            ),
            "change the order",
        ),
    ),
    (
        C.ORDER_RULES,
        {
            "proposal": make_proposal(quantity=coins("0")),
            "quote": {"rules": make_rules(minimum_quantity=coins("0"), minimum_value=eur("0"))},
        },
        refused(
            "limit 0 BTC at 61200 EUR",
            "0 to 1000000000 BTC in 8 decimals, at least 0.00 EUR, tick 1",
            "The exchange would refuse this order: 0 BTC is nothing; change it.",
            "change the order",
        ),
    ),
    (
        C.ORDER_RULES,
        {"quote": {"rules": make_rules(maximum_quantity=coins("0.0004"))}},
        refused(
            "limit 0.00041 BTC at 61200 EUR",
            "0.00006607 to 0.0004 BTC in 8 decimals, at least 5.00 EUR, tick 1",
            "The exchange would refuse this order: 0.00041 BTC is more than 0.0004; change it.",
            "change the order",
        ),
    ),
    (
        C.ORDER_RULES,
        {"quote": {"rules": make_rules(tick_size=price("0"))}},
        missing("the tick size of BTC-EUR is missing"),
    ),
    (
        C.ORDER_RULES,
        {"proposal": make_proposal(limit=price("0"))},
        refused(
            "limit 0.00041 BTC at 0 EUR",
            "0.00006607 to 1000000000 BTC in 8 decimals, at least 5.00 EUR, tick 1",
            "The exchange would refuse this order: 0 is no price; 0.00 EUR is less than 5.00 EUR; change it.",
            "change the order",
        ),
    ),
    (C.ORDER_RULES, {"proposal": make_proposal(limit=None)}, missing("the limit price of the order is missing")),
    (
        C.ORDER_RULES,
        {"proposal": make_proposal(order_type=OrderType.MARKET)},
        refused(
            "market 0.00041 BTC at 61200 EUR",
            "0.00006607 to 1000000000 BTC in 8 decimals, at least 5.00 EUR, tick 1",
            "The exchange would refuse this order: a market order carries no limit price; change it.",
            "change the order",
        ),
    ),
    (
        C.ORDER_RULES,
        a_stop(TriggerType.STOP_LOSS, "58000"),
        held(
            "stopLoss 0.00041 BTC at 58000 EUR",
            "0.00006607 to 1000000000 BTC in 8 decimals, at least 5.00 EUR, tick 1",
            "the exchange accepts such an order",
        ),
    ),
    (
        C.ORDER_RULES,
        {**a_stop(TriggerType.STOP_LOSS, "58000.5"), "quote": {"rules": make_rules(order_types=frozenset({"market"}))}},
        refused(
            "stopLoss 0.00041 BTC at 58000.5 EUR",
            "0.00006607 to 1000000000 BTC in 8 decimals, at least 5.00 EUR, tick 1",
            (
                "The exchange would refuse this order: 58000.5 is no multiple of the tick 1; BTC-EUR takes no "
                "stopLoss orders; change it."
            ),
            "change the order",
        ),
    ),
    (C.PRICE_FRESH, {}, held("book 0.4 s ago, balance 1.2 s ago", "5 s", "book and balance are fresh")),
    (
        C.PRICE_FRESH,
        {"quote": {"book_confirmed": MONOTONIC - 7.5}},
        refused(
            "book 7.5 s ago, balance 1.2 s ago",
            "5 s",
            "Book or balance is not fresh (book 7.5 s ago, balance 1.2 s ago, at most 5 s); take a new quote.",
            "take a new quote",
        ),
    ),
    (C.PRICE_FRESH, {"quote": {"book_confirmed": None}}, missing("a confirmed book of BTC-EUR is missing")),
    (C.PRICE_FRESH, {"quote": {"balance_fetched": None}}, missing("a fetched balance is missing")),
    (C.PRICE_COLLAR, {}, held("0.082 % from last trade, 0.082 % from mid", "2 %", "the price is near the market")),
    (
        C.PRICE_COLLAR,
        {"proposal": make_proposal(limit=price("70000"))},
        refused(
            "14.473 % from last trade, 14.473 % from mid",
            "2 %",
            (
                "The price 70000 EUR is too far from the market (14.473 % from last trade, 14.473 % from mid); "
                "change it."
            ),
            "change the price, or when the market comes near it",
        ),
    ),
    (
        C.PRICE_COLLAR,
        {"proposal": exit_proposal(limit=price("70000")), "facts": HELD},
        refused(
            "14.473 % from last trade, 14.473 % from mid",
            "2 %",
            (
                "The price 70000 EUR is too far from the market (14.473 % from last trade, 14.473 % from mid); "
                "change it, or type the amount of the exit."
            ),
            "change the price, or when the market comes near it",
        ),
    ),
    (
        C.PRICE_COLLAR,
        {"proposal": exit_proposal(limit=price("70000")), "facts": HELD, "typed_amount": True},
        refused(
            "14.473 % from last trade, 14.473 % from mid",
            "8 %",
            (
                "The price 70000 EUR is too far from the market (14.473 % from last trade, 14.473 % from mid); "
                "change it."
            ),
            "change the price, or when the market comes near it",
        ),
    ),
    (C.PRICE_COLLAR, {"quote": {"last": None}}, missing("the last trade's price of BTC-EUR is missing")),
    (C.PRICE_COLLAR, {"quote": {"last": price("0")}}, missing("a price above zero to compare with is missing")),
    (
        C.PRICE_COLLAR,
        a_stop(TriggerType.STOP_LOSS, "58000"),
        held(
            "waits at 58000 EUR, would sell 0.004 % from mid",
            "under 61148 EUR, 2 %",
            "it waits on its own side of the market",
        ),
    ),
    (
        C.PRICE_COLLAR,
        a_stop(TriggerType.STOP_LOSS, "61148"),
        refused(
            "waits at 61148 EUR, would sell 0.004 % from mid",
            "under 61148 EUR, 2 %",
            "A stop loss at 61148 would sell at once: the market is at 61148 EUR; set it under that, or exit now.",
            "change the price",
        ),
    ),
    (
        C.PRICE_COLLAR,
        a_stop(TriggerType.TAKE_PROFIT, "65000"),
        held(
            "waits at 65000 EUR, would sell 0.004 % from mid",
            "over 61150 EUR, 2 %",
            "it waits on its own side of the market",
        ),
    ),
    (
        C.PRICE_COLLAR,
        a_stop(TriggerType.TAKE_PROFIT, "61150"),
        refused(
            "waits at 61150 EUR, would sell 0.004 % from mid",
            "over 61150 EUR, 2 %",
            ("A take profit at 61150 would sell at once: the market is at 61150 EUR; set it over that, or exit now."),
            "change the price",
        ),
    ),
    (
        C.PRICE_COLLAR,
        {**a_stop(TriggerType.STOP_LOSS, "58000"), "quote": {"bids": levels(("61148", "0.0001"), ("55000", "1"))}},
        refused(
            "waits at 58000 EUR, would sell 10.058 % from mid",
            "under 61148 EUR, 2 %",
            (
                "In the book shown this market order would go 10.058 % from the middle; sell less, or type the "
                "amount of the exit."
            ),
            "sell less, or when the book fills up",
        ),
    ),
    (
        C.PRICE_COLLAR,
        {**a_stop(TriggerType.STOP_LOSS, "58000"), "quote": {"last": None}},
        missing("the last trade's price of BTC-EUR is missing"),
    ),
    (
        C.PRICE_COLLAR,
        {**a_stop(TriggerType.STOP_LOSS, "58000"), "quote": {"bids": ()}},
        missing("the best bid of BTC-EUR is missing"),
    ),
    (C.SPREAD, {}, held("0.007 %, 4 EUR", "0.5 %", "bid and ask are close together")),
    (
        C.SPREAD,
        {"quote": {"bids": levels(("60000", "1"))}},
        refused(
            "1.902 %, 1152 EUR",
            "0.5 %",
            "Bid and ask are 1.902 % apart, more than 0.5 %; wait for a tighter book.",
            "when bid and ask come closer",
        ),
    ),
    (
        C.SPREAD,
        {**EXIT_HELD, "quote": {"bids": levels(("60000", "1"))}},
        refused(
            "1.902 %, 1152 EUR",
            "0.5 %",
            (
                "Bid and ask are 1.902 % apart, more than 0.5 %; wait for a tighter book, or type the amount of the"
                " exit."
            ),
            "when bid and ask come closer",
        ),
    ),
    (
        C.SPREAD,
        {"quote": {"bids": levels(("61200", "1"))}},
        refused(
            "-0.079 %, -48 EUR",
            "0.5 %",
            "The book of BTC-EUR is crossed, its bid is above its ask; take a new quote.",
            "take a new quote",
        ),
    ),
    (C.SPREAD, {"quote": {"bids": ()}}, missing("the best bid of BTC-EUR is missing")),
    (
        C.SPREAD,
        {"quote": {"bids": levels(("0", "1")), "asks": levels(("0", "1"))}},
        missing("a price above zero to compare with is missing"),
    ),
    (C.BALANCE, {}, held("25.16 EUR", "792.13 EUR free, 0.00 EUR held by other orders", "the account can pay for it")),
    (
        C.BALANCE,
        {
            "facts": {"recent_holds": (make_execution(state=ExecutionState.CLAIMED),)},
            "quote": {"available_eur": eur("85.30")},
        },
        refused(
            "25.16 EUR",
            "25.15 EUR free, 60.15 EUR held by other orders",
            "The order needs 25.16 EUR and 25.15 EUR is free; make it smaller, or free some.",
            "make it smaller, cancel an order, or pay in",
        ),
    ),
    (
        C.BALANCE,
        SELL_HELD,
        held("0.00041 BTC", "0.0061 BTC free, 0 BTC held by other orders", "the account can pay for it"),
    ),
    (
        C.BALANCE,
        {**SELL_HELD, "quote": {"available_base": coins("0.0004")}},
        refused(
            "0.00041 BTC",
            "0.0004 BTC free, 0 BTC held by other orders",
            "The order needs 0.00041 BTC and 0.0004 BTC is free; make it smaller, or free some.",
            "make it smaller, cancel an order, or pay in",
        ),
    ),
    (C.BALANCE, {"quote": {"available_eur": None}}, missing("the balance of EUR is missing")),
    (C.BALANCE, {**SELL_HELD, "quote": {"available_base": None}}, missing("the balance of BTC is missing")),
    (C.BALANCE, {"quote": {"taker_fee": None}}, missing("the account's taker fee is missing")),
    (C.BALANCE, {"quote": {"taker_fee": Decimal("1")}}, missing("a taker fee between 0 and 1 is missing")),
    (C.BALANCE, {"quote": {"balance_fetched_at": None}}, missing("the time of the balance is missing")),
    (C.BALANCE, {"quote": {"balance_fetched_at": NOW + 1}}, missing("a balance from before this moment is missing")),
]


@pytest.mark.parametrize(("code", "parts", "expected"), ANSWERS)
def test_the_answer_is_exactly_this(code: CheckCode, parts: dict[str, Any], expected: Check) -> None:
    assert answer(code, **parts) == replace(expected, code=code)
