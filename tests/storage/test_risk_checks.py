"""The standing conditions on money at risk."""

from __future__ import annotations

from typing import Any

import pytest

from storage.clock import DAY, HOUR, Micros
from storage.codes import (
    CheckCode,
    ExecutionState,
    OrderType,
    Side,
    Stage,
)
from storage.execution_models import Realised
from storage.risk_checks import loss_reached_limit
from tests.storage.builders import (
    HELD,
    MARKET,
    NOW,
    answer,
    coins,
    eur,
    exit_proposal,
    make_execution,
    make_position,
    make_proposal,
    make_question,
    policy_with,
    price,
)


class TestStageLimit:
    @pytest.mark.parametrize(("limit", "passed"), [("25.092", True), ("25.09", False), ("0", False)])
    def test_it_bounds_a_buys_value_without_fee(self, limit: str, passed: bool) -> None:
        facts = {"stage": Stage.TRAINING, "stage_limit": eur(limit)}
        assert answer(CheckCode.STAGE_LIMIT, facts=facts).passed is passed

    def test_a_hair_over_the_limit_does_not_read_as_at_it(self) -> None:
        check = answer(CheckCode.STAGE_LIMIT, facts={"stage": Stage.TRAINING, "stage_limit": eur("25.09")})
        assert (check.observed, check.limit) == ("25.092 EUR", "25.09 EUR at stage TRAINING")

    def test_sells_are_not_bound(self) -> None:
        check = answer(CheckCode.STAGE_LIMIT, proposal=exit_proposal(), facts={**HELD, "stage_limit": eur("0")})
        assert check.passed
        assert not check.applied


class TestExposure:
    def test_lots_at_the_bid_open_buys_and_this_order_meet_the_limit(self) -> None:
        # 0.0061 x 61148 + 0.0005 x 60000 + 25.092 = 373.0028 + 30 + 25.092
        resting = make_execution(state=ExecutionState.PARTIALLY_FILLED, remaining=coins("0.0005"))
        facts = {**HELD, "open_executions": (resting,)}
        assert answer(CheckCode.EXPOSURE, facts=facts, policy=policy_with(exposure_eur="428.0948")).passed
        check = answer(CheckCode.EXPOSURE, facts=facts, policy=policy_with(exposure_eur="428.0947"))
        assert not check.passed
        assert check.observed == "428.0948 EUR"

    def test_other_markets_count_at_their_own_bid(self) -> None:
        facts = {"positions": {"ETH-EUR": make_position("ETH-EUR", "1", "2000")}}
        check = answer(CheckCode.EXPOSURE, facts=facts, policy=policy_with(exposure_eur="2089.392"))
        assert check.passed
        assert check.observed == "2089.39 EUR"

    def test_a_market_order_in_flight_counts_its_whole_amount(self) -> None:
        flying = make_execution(limit=None, state=ExecutionState.UNKNOWN, eur=eur("100"), market="ETH-EUR")
        assert answer(CheckCode.EXPOSURE, facts={"open_executions": (flying,)}).observed == "125.09 EUR"

    def test_open_sells_do_not_lessen_it(self) -> None:
        selling = make_execution(side=Side.SELL)
        assert answer(CheckCode.EXPOSURE, facts={"open_executions": (selling,)}).observed == "25.09 EUR"

    def test_a_market_with_lots_and_no_bid_is_named(self) -> None:
        facts = {"positions": {"XRP-EUR": make_position("XRP-EUR", "10", "5")}}
        for code in (CheckCode.EXPOSURE, CheckCode.DRAWDOWN):
            check = answer(code, facts=facts)
            assert not check.passed
            assert "XRP-EUR" in check.reason

    def test_its_own_market_is_valued_by_its_own_book_only(self) -> None:
        check = answer(CheckCode.EXPOSURE, facts=HELD, quote={"bids": (), "other_bids": {MARKET: price("61148")}})
        assert not check.passed

    def test_a_limit_of_zero_refuses_buys_but_not_sells(self) -> None:
        policy = policy_with(exposure_eur=0)
        assert not answer(CheckCode.EXPOSURE, policy=policy).passed
        assert answer(CheckCode.EXPOSURE, policy=policy, proposal=exit_proposal(), facts=HELD).passed

    def test_its_own_execution_is_not_counted_twice(self) -> None:
        own = make_execution(proposal_id=1042)
        assert answer(CheckCode.EXPOSURE, facts={"open_executions": (own,)}).observed == "25.09 EUR"


def _sold(result: str, at: Micros = NOW - HOUR) -> Realised:
    return Realised(at, MARKET, eur(result), True, 1)


class TestDrawdown:
    @pytest.mark.parametrize(("result", "passed"), [("-300", False), ("-299.99", True), ("300", True), ("0", True)])
    def test_a_loss_at_the_limit_refuses(self, result: str, passed: bool) -> None:
        assert answer(CheckCode.DRAWDOWN, facts={"realised": (_sold(result),)}).passed is passed

    def test_open_lots_add_their_unrealised_loss(self) -> None:
        lost = make_position(cost="573.0028")
        facts = {"positions": {MARKET: lost}, "realised": (_sold("-100"),)}
        assert not answer(CheckCode.DRAWDOWN, facts=facts).passed
        assert answer(CheckCode.DRAWDOWN, facts={**facts, "realised": (_sold("-99.99"),)}).passed

    def test_a_realised_loss_leaves_after_exactly_a_day(self) -> None:
        assert answer(CheckCode.DRAWDOWN, facts={"realised": (_sold("-300", NOW - DAY),)}).passed
        assert not answer(CheckCode.DRAWDOWN, facts={"realised": (_sold("-300", NOW - DAY + 1),)}).passed

    @pytest.mark.parametrize("policy", [policy_with(exposure_eur=0), policy_with(drawdown_pct=0)])
    def test_with_a_limit_of_zero_any_loss_refuses_and_none_passes(self, policy: Any) -> None:
        assert not answer(CheckCode.DRAWDOWN, policy=policy, facts={"realised": (_sold("-0.01"),)}).passed
        assert answer(CheckCode.DRAWDOWN, policy=policy).passed

    def test_sells_are_not_bound(self) -> None:
        facts = {**HELD, "realised": (_sold("-9000"),)}
        assert answer(CheckCode.DRAWDOWN, proposal=exit_proposal(), facts=facts).passed

    def test_a_hair_over_the_limit_does_not_read_as_at_it(self) -> None:
        check = answer(CheckCode.DRAWDOWN, facts={"realised": (_sold("-300.001"),)})
        assert check.observed == "loss 300.001 EUR"
        assert check.reason.startswith(
            "The loss of the last 24 h, 300.001 EUR, has reached the policy's limit of 300.00"
        )


class TestLossReachedLimit:
    def test_a_loss_at_the_limit_says_yes_and_below_it_no(self) -> None:
        assert loss_reached_limit(make_question(facts={"realised": (_sold("-300"),)}))
        assert not loss_reached_limit(make_question(facts={"realised": (_sold("-299.99"),)}))

    def test_a_missing_bid_is_no_loss_though_buys_are_refused(self) -> None:
        facts = {"positions": {"XRP-EUR": make_position("XRP-EUR", "10", "5")}}
        assert not answer(CheckCode.DRAWDOWN, facts=facts).passed
        assert not loss_reached_limit(make_question(facts=facts))


class TestAverageDown:
    POLICY = policy_with(never_average_down=True)

    @pytest.mark.parametrize(("cost", "passed"), [("61.2", True), ("61.21", False)])
    def test_a_buy_under_the_average_cost_is_refused(self, cost: str, passed: bool) -> None:
        facts = {"positions": {MARKET: make_position(quantity="0.001", cost=cost)}}
        assert answer(CheckCode.AVERAGE_DOWN, policy=self.POLICY, facts=facts).passed is passed

    def test_a_policy_that_allows_it_is_not_applied(self) -> None:
        facts = {"positions": {MARKET: make_position(quantity="0.001", cost="90")}}
        check = answer(CheckCode.AVERAGE_DOWN, facts=facts)
        assert check.passed
        assert not check.applied

    def test_nothing_held_here_passes(self) -> None:
        facts = {"positions": {"ETH-EUR": make_position("ETH-EUR", "1", "9000")}}
        assert answer(CheckCode.AVERAGE_DOWN, policy=self.POLICY, facts=facts).passed
        assert answer(CheckCode.AVERAGE_DOWN, policy=self.POLICY).passed

    def test_a_market_buy_compares_its_last_units_price(self) -> None:
        proposal = make_proposal(order_type=OrderType.MARKET, limit=None)
        facts = {"positions": {MARKET: make_position(quantity="0.001", cost="61.153")}}
        assert not answer(CheckCode.AVERAGE_DOWN, policy=self.POLICY, facts=facts, proposal=proposal).passed
