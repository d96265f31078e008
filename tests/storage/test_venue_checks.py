"""The venue conditions, and what each needs of the quote."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from storage.checks import run_checks
from storage.clock import HOUR, SECOND, Micros
from storage.codes import CheckCode, ExecutionState, OrderType, Side, TriggerType
from storage.execution_models import Trigger
from storage.models import Check, Proposal
from tests.storage.builders import (
    HELD,
    MONOTONIC,
    NOW,
    answer,
    by_code,
    coins,
    eur,
    exit_proposal,
    levels,
    make_execution,
    make_proposal,
    make_question,
    make_rules,
    price,
    sell_proposal,
)


def a_stop(kind: TriggerType, at: str) -> Proposal:
    """The operator's stop for 0.00041 BTC."""
    return exit_proposal(order_type=OrderType.MARKET, limit=None, trigger=Trigger(kind, price(at)))


VENUE = (
    CheckCode.MARKET_STATUS,
    CheckCode.ORDER_RULES,
    CheckCode.PRICE_FRESH,
    CheckCode.PRICE_COLLAR,
    CheckCode.SPREAD,
    CheckCode.BALANCE,
)


def with_rules(code: CheckCode, *, proposal: Any = None, facts: Any = None, **rules: Any) -> Check:
    return answer(code, proposal=proposal, facts=facts, quote={"rules": make_rules(**rules)})


class TestMarketStatus:
    @pytest.mark.parametrize("status", ["halted", "auction", "cancelOnly", "", "TRADING"])
    def test_only_trading_passes(self, status: str) -> None:
        assert with_rules(CheckCode.MARKET_STATUS, status="trading").passed
        assert not with_rules(CheckCode.MARKET_STATUS, status=status).passed

    def test_rules_of_another_market_are_no_rules(self) -> None:
        assert not with_rules(CheckCode.MARKET_STATUS, market="ETH-EUR").passed


class TestOrderRules:
    @pytest.mark.parametrize(
        ("rules", "words"),
        [
            ({"order_types": frozenset({"market"})}, "takes no limit orders"),
            ({"order_types": frozenset()}, "takes no limit orders"),
            ({"quantity_decimals": 4}, "more than 4 decimals"),
            ({"tick_size": price("7")}, "no multiple of the tick 7"),
            ({"tick_size": price("0")}, "tick size of BTC-EUR is missing"),
            ({"minimum_quantity": coins("0.00041001")}, "less than 0.00041001"),
            ({"maximum_quantity": coins("0.00040999")}, "more than 0.00040999"),
            ({"minimum_value": eur("25.093")}, "less than 25.09 EUR"),
            ({"maximum_open_orders": 0}, "orders of ours open there: 0 of 0"),
        ],
    )
    def test_what_the_exchange_would_refuse_fails(self, rules: dict[str, Any], words: str) -> None:
        check = with_rules(CheckCode.ORDER_RULES, **rules)
        assert not check.passed
        assert words in check.reason

    @pytest.mark.parametrize(
        "rules",
        [
            {"quantity_decimals": 5},
            {"tick_size": price("0.5")},
            {"minimum_quantity": coins("0.00041")},
            {"maximum_quantity": coins("0.00041")},
            {"minimum_value": eur("25.092")},
            {"maximum_open_orders": 1},
        ],
    )
    def test_exactly_at_a_limit_passes(self, rules: dict[str, Any]) -> None:
        assert with_rules(CheckCode.ORDER_RULES, **rules).passed

    def test_every_problem_is_named(self) -> None:
        check = with_rules(CheckCode.ORDER_RULES, quantity_decimals=4, tick_size=price("7"))
        assert "decimals" in check.reason
        assert "tick" in check.reason

    def test_open_orders_of_this_market_count_but_not_its_own(self) -> None:
        here = make_execution()
        for others, passed in (
            ((here,), False),
            ((replace(here, market="ETH-EUR"),), True),
            ((replace(here, proposal_id=1042),), True),
            ((replace(here, state=ExecutionState.CANCELED),), True),  # ended, its fills not listed yet
        ):
            check = with_rules(CheckCode.ORDER_RULES, facts={"open_executions": others}, maximum_open_orders=1)
            assert check.passed is passed

    @pytest.mark.parametrize("quantity", ["0", "-0.00041"])
    def test_nothing_and_less_than_nothing_fail(self, quantity: str) -> None:
        assert not with_rules(
            CheckCode.ORDER_RULES,
            proposal=make_proposal(quantity=coins(quantity)),
            minimum_quantity=coins("-1"),
            minimum_value=eur("-100"),
        ).passed

    def test_a_market_order_needs_a_book_that_holds_it(self) -> None:
        proposal = make_proposal(order_type=OrderType.MARKET, limit=None, quantity=coins("0.002"))
        enough = {"asks": levels(("61152", "0.001"), ("61153", "0.001"))}
        thin = {"asks": levels(("61152", "0.001"), ("61153", "0.00099999"))}
        assert answer(CheckCode.ORDER_RULES, proposal=proposal, quote=enough).passed
        check = answer(CheckCode.ORDER_RULES, proposal=proposal, quote=thin)
        assert not check.passed
        assert "too thin" in check.reason

    def test_a_market_orders_minimum_is_by_what_it_would_fetch(self) -> None:
        proposal = sell_proposal(order_type=OrderType.MARKET, limit=None, quantity=coins("0.0002"))
        bids = levels(("60000", "0.0001"), ("50000", "1"))  # 6 + 5 = 11 euros
        for minimum, passed in (("11", True), ("11.01", False)):
            quote = {"bids": bids, "rules": make_rules(minimum_value=eur(minimum))}
            assert answer(CheckCode.ORDER_RULES, proposal=proposal, facts=HELD, quote=quote).passed is passed

    @pytest.mark.parametrize(
        ("at", "types", "minimum", "problem"),
        [
            ("58000", {"stopLoss"}, "5", None),
            ("58000.001", {"stopLoss"}, "5", "no multiple of the tick"),
            ("58000", {"market", "limit", "takeProfit"}, "5", "takes no stopLoss orders"),
            ("58000", {"stopLoss"}, "23.79", "is less than 23.79"),  # 0.00041 at its own price, 23.78
        ],
    )
    def test_a_stop_is_one_the_exchange_takes(
        self, at: str, types: set[str], minimum: str, problem: str | None
    ) -> None:
        rules = make_rules(order_types=frozenset(types), minimum_value=eur(minimum))
        stop = a_stop(TriggerType.STOP_LOSS, at)
        check = answer(CheckCode.ORDER_RULES, proposal=stop, facts=HELD, quote={"rules": rules})
        assert check.passed is (problem is None)
        assert problem is None or problem in check.reason

    def test_a_value_a_hair_under_the_minimum_does_not_read_as_at_it(self) -> None:
        hair = answer(
            CheckCode.ORDER_RULES,
            proposal=make_proposal(quantity=coins("0.0001"), limit=price("49999")),
            quote={"rules": make_rules()},
        )
        assert "4.9999 EUR is less than 5.00 EUR" in hair.reason

    def test_a_market_order_with_a_limit_price_fails(self) -> None:
        assert not answer(CheckCode.ORDER_RULES, proposal=make_proposal(order_type=OrderType.MARKET)).passed


class TestPriceFresh:
    @pytest.mark.parametrize("part", ["book_confirmed", "balance_fetched"])
    @pytest.mark.parametrize(
        ("age", "passed"),
        [(0.0, True), (5.0, True), (5.001, False), (-0.001, False), (float("nan"), False), (float("-inf"), False)],
    )
    def test_both_are_at_most_so_many_seconds_old(self, part: str, age: float, passed: bool) -> None:
        assert answer(CheckCode.PRICE_FRESH, quote={part: MONOTONIC - age}).passed is passed


class TestPriceCollar:
    # At a mid and last trade of 100, the collar of 2 % ends at 98 and 102, four times as wide at 92 and 108.
    QUOTE: ClassVar[dict[str, Any]] = {
        "bids": levels(("99.9", "10")),
        "asks": levels(("100.1", "10")),
        "last": price("100"),
    }

    @pytest.mark.parametrize(("limit", "passed"), [("102", True), ("102.01", False), ("98", True), ("97.99", False)])
    def test_it_reaches_two_percent_both_ways(self, limit: str, passed: bool) -> None:
        proposal = make_proposal(limit=price(limit))
        assert answer(CheckCode.PRICE_COLLAR, proposal=proposal, quote=self.QUOTE).passed is passed

    def test_last_trade_and_mid_both_bind(self) -> None:
        proposal = make_proposal(limit=price("100"))
        assert not answer(CheckCode.PRICE_COLLAR, proposal=proposal, quote={**self.QUOTE, "last": price("103")}).passed
        far = {**self.QUOTE, "bids": levels(("103", "1")), "asks": levels(("103.1", "1"))}
        assert not answer(CheckCode.PRICE_COLLAR, proposal=proposal, quote=far).passed

    @pytest.mark.parametrize(
        ("limit", "typed", "passed"), [("92", True, True), ("91.99", True, False), ("97.99", False, False)]
    )
    def test_a_typed_exit_goes_four_times_as_far_and_never_beyond(self, limit: str, typed: bool, passed: bool) -> None:
        proposal = exit_proposal(limit=price(limit))
        check = answer(CheckCode.PRICE_COLLAR, proposal=proposal, facts=HELD, quote=self.QUOTE, typed_amount=typed)
        assert check.passed is passed

    @pytest.mark.parametrize(
        ("kind", "at", "passed"),
        [
            (TriggerType.STOP_LOSS, "99.89", True),
            (TriggerType.STOP_LOSS, "60", True),  # how far away it waits is the operator's choice
            (TriggerType.STOP_LOSS, "99.9", False),  # under the last trade, but the bid is there already
            (TriggerType.TAKE_PROFIT, "100.01", True),
            (TriggerType.TAKE_PROFIT, "100", False),
        ],
    )
    def test_a_stop_waits_on_its_own_side_of_last_trade_and_bid(self, kind: TriggerType, at: str, passed: bool) -> None:
        check = answer(CheckCode.PRICE_COLLAR, proposal=a_stop(kind, at), facts=HELD, quote=self.QUOTE)
        assert check.passed is passed
        assert passed or "would sell at once" in check.reason

    @pytest.mark.parametrize(
        ("worst", "typed", "passed"), [("98", False, True), ("97", False, False), ("97", True, True)]
    )
    def test_a_stop_is_measured_as_the_market_order_it_becomes(self, worst: str, typed: bool, passed: bool) -> None:
        thin = {**self.QUOTE, "bids": levels(("99.9", "0.0001"), (worst, "1"))}
        stop = a_stop(TriggerType.STOP_LOSS, "90")
        check = answer(CheckCode.PRICE_COLLAR, proposal=stop, facts=HELD, quote=thin, typed_amount=typed)
        assert check.passed is passed

    def test_typing_widens_nothing_for_an_entry(self) -> None:
        proposal = sell_proposal(limit=price("97.99"))
        assert not answer(
            CheckCode.PRICE_COLLAR, proposal=proposal, facts=HELD, quote=self.QUOTE, typed_amount=True
        ).passed

    def test_a_market_order_is_bound_by_its_last_units_price(self) -> None:
        proposal = make_proposal(order_type=OrderType.MARKET, limit=None, quantity=coins("2"))
        for worst, passed in (("102", True), ("102.01", False)):
            quote = {**self.QUOTE, "asks": levels(("100.1", "1"), (worst, "1"))}
            assert answer(CheckCode.PRICE_COLLAR, proposal=proposal, quote=quote).passed is passed

    def test_a_last_price_of_zero_is_no_price(self) -> None:
        assert not answer(CheckCode.PRICE_COLLAR, quote={"last": price("0")}).passed


def _book(bid: str, ask: str) -> dict[str, Any]:
    return {"bids": levels((bid, "1")), "asks": levels((ask, "1"))}


class TestSpread:
    @pytest.mark.parametrize(
        ("bid", "ask", "passed"),
        [
            ("99.75", "100.25", True),
            ("99.74", "100.25", False),
            ("100", "100", True),
            ("100.01", "100", False),
            ("100.25", "99.75", False),
        ],
    )
    def test_it_is_at_most_half_a_percent_of_mid_and_not_crossed(self, bid: str, ask: str, passed: bool) -> None:
        assert answer(CheckCode.SPREAD, quote=_book(bid, ask)).passed is passed

    @pytest.mark.parametrize(
        ("bid", "ask", "typed", "passed"),
        [("99", "101", True, True), ("98.99", "101", True, False), ("99", "101", False, False)],
    )
    def test_a_typed_exit_takes_four_times_as_much(self, bid: str, ask: str, typed: bool, passed: bool) -> None:
        check = answer(
            CheckCode.SPREAD, proposal=exit_proposal(), facts=HELD, quote=_book(bid, ask), typed_amount=typed
        )
        assert check.passed is passed

    def test_typing_widens_nothing_for_an_entry(self) -> None:
        assert not answer(CheckCode.SPREAD, quote=_book("99", "101"), typed_amount=True).passed


class TestBalance:
    # 25.092 with a fee of 0.25 % is 25.15473, in whole cents upward 25.16.
    @pytest.mark.parametrize(("available", "passed"), [("25.16", True), ("25.159", False), ("0", False)])
    def test_a_buy_needs_its_value_with_fee_in_whole_cents(self, available: str, passed: bool) -> None:
        check = answer(CheckCode.BALANCE, quote={"available_eur": eur(available)})
        assert check.passed is passed
        assert check.observed == "25.16 EUR"
        # What is a hair short of enough does not read as enough.
        assert check.limit.startswith({"25.16": "25.16 EUR", "25.159": "25.159 EUR", "0": "0.00 EUR"}[available])

    def test_without_a_fee_a_buy_needs_its_value_alone(self) -> None:
        check = answer(CheckCode.BALANCE, quote={"taker_fee": Decimal(0), "available_eur": eur("25.10")})
        assert check.passed
        assert check.observed == "25.10 EUR"

    def test_a_hold_with_a_limit_counts_quantity_times_limit_whatever_amount_was_wished(self) -> None:
        hold = make_execution(state=ExecutionState.UNKNOWN, eur=eur("999"))
        assert "60.15 EUR held" in answer(CheckCode.BALANCE, facts={"recent_holds": (hold,)}).limit

    @pytest.mark.parametrize(("available", "passed"), [("0.00041", True), ("0.00040999", False)])
    def test_a_sell_needs_its_quantity_and_no_fee(self, available: str, passed: bool) -> None:
        quote = {"available_base": coins(available), "taker_fee": None, "available_eur": None}
        assert answer(CheckCode.BALANCE, proposal=sell_proposal(), facts=HELD, quote=quote).passed is passed

    @pytest.mark.parametrize("fee", ["NaN", "Infinity", "-0.01", "1"])
    def test_a_fee_that_cannot_be_fails(self, fee: str) -> None:
        assert not answer(CheckCode.BALANCE, quote={"taker_fee": Decimal(fee)}).passed

    # A hold of 0.001 at 60000 is 60 with fee 60.15; with 25.16 that is 85.31.
    @pytest.mark.parametrize(
        ("state", "changed", "subtracted"),
        [
            (ExecutionState.CLAIMED, -HOUR, True),
            (ExecutionState.SUBMITTING, -HOUR, True),
            (ExecutionState.UNKNOWN, -HOUR, True),
            (ExecutionState.SUBMITTED, -HOUR, False),
            (ExecutionState.PARTIALLY_FILLED, -HOUR, False),
            (ExecutionState.SUBMITTED, -2 * SECOND - 1, False),
            (ExecutionState.SUBMITTED, -2 * SECOND, True),
            (ExecutionState.PARTIALLY_FILLED, 0, True),
            (ExecutionState.FILLED, -2 * SECOND, True),
            (ExecutionState.FILLED, -2 * SECOND - 1, False),
            (ExecutionState.CANCELED, -2 * SECOND, True),
            (ExecutionState.CANCELED, -HOUR, False),
        ],
    )
    def test_what_the_fetched_balance_may_not_show_is_subtracted(
        self, state: ExecutionState, changed: Micros, subtracted: bool
    ) -> None:
        hold = make_execution(state=state, updated_at=NOW + changed, remaining=coins("0.0001"))
        facts = {"recent_holds": (hold,)}
        assert answer(CheckCode.BALANCE, facts=facts, quote={"available_eur": eur("85.31")}).passed
        short = answer(CheckCode.BALANCE, facts=facts, quote={"available_eur": eur("85.30")})
        assert short.passed is not subtracted

    def test_two_buys_in_different_markets_do_not_spend_the_same_euros(self) -> None:
        other = make_execution(market="ETH-EUR", state=ExecutionState.CLAIMED)
        check = answer(CheckCode.BALANCE, facts={"recent_holds": (other,)}, quote={"available_eur": eur("85")})
        assert not check.passed
        assert "60.15 EUR held" in check.limit

    def test_a_hold_without_limit_counts_its_amount(self) -> None:
        hold = make_execution(limit=None, state=ExecutionState.UNKNOWN, eur=eur("100"))
        assert "100.25 EUR held" in answer(CheckCode.BALANCE, facts={"recent_holds": (hold,)}).limit

    def test_an_open_execution_missing_from_the_recent_ones_counts_and_none_counts_twice(self) -> None:
        hold = make_execution(state=ExecutionState.CLAIMED)
        only_open = answer(CheckCode.BALANCE, facts={"open_executions": (hold,)})
        both = answer(CheckCode.BALANCE, facts={"open_executions": (hold,), "recent_holds": (hold,)})
        assert "60.15 EUR held" in only_open.limit
        assert "60.15 EUR held" in both.limit

    def test_its_own_execution_and_the_other_side_hold_nothing(self) -> None:
        own = make_execution(proposal_id=1042, state=ExecutionState.CLAIMED)
        selling = make_execution(id=502, side=Side.SELL, state=ExecutionState.CLAIMED)
        check = answer(CheckCode.BALANCE, facts={"recent_holds": (own, selling)})
        assert "0.00 EUR held" in check.limit

    def test_a_sell_subtracts_other_sells_of_its_coin_only(self) -> None:
        here = make_execution(side=Side.SELL, state=ExecutionState.CLAIMED, quantity=coins("0.00569"))
        there = make_execution(id=502, side=Side.SELL, state=ExecutionState.CLAIMED, market="ETH-EUR")
        facts = {**HELD, "recent_holds": (here, there)}
        assert answer(CheckCode.BALANCE, proposal=sell_proposal(), facts=facts).passed
        over = sell_proposal(quantity=coins("0.00041001"))
        assert not answer(CheckCode.BALANCE, proposal=over, facts=facts).passed

    def test_a_balance_of_the_future_fails(self) -> None:
        assert answer(CheckCode.BALANCE, quote={"balance_fetched_at": NOW}).passed
        assert not answer(CheckCode.BALANCE, quote={"balance_fetched_at": NOW + 1}).passed


def test_a_quote_of_another_market_fails_every_venue_condition_but_no_money_is_guessed() -> None:
    checks = by_code(run_checks(make_question(quote={"market": "ETH-EUR"})))
    for code in (*VENUE, CheckCode.EXPOSURE, CheckCode.DRAWDOWN):
        assert not checks[code].passed, code


@pytest.mark.parametrize(
    ("part", "codes"),
    [
        ({"rules": None}, {CheckCode.MARKET_STATUS, CheckCode.ORDER_RULES}),
        ({"last": None}, {CheckCode.PRICE_COLLAR}),
        ({"bids": ()}, {CheckCode.PRICE_COLLAR, CheckCode.SPREAD}),
        ({"asks": ()}, {CheckCode.PRICE_COLLAR, CheckCode.SPREAD}),
        ({"book_confirmed": None}, {CheckCode.PRICE_FRESH}),
        ({"balance_fetched": None}, {CheckCode.PRICE_FRESH}),
        ({"balance_fetched_at": None}, {CheckCode.BALANCE}),
        ({"available_eur": None}, {CheckCode.BALANCE}),
        ({"taker_fee": None}, {CheckCode.BALANCE}),
        ({"clock": None}, {CheckCode.CLOCK}),
    ],
)
def test_a_missing_part_fails_exactly_the_checks_that_need_it(part: dict[str, Any], codes: set[CheckCode]) -> None:
    checks = run_checks(make_question(quote=part))
    assert {check.code for check in checks if not check.passed} == codes
    assert all(check.clears_at is None for check in checks)
