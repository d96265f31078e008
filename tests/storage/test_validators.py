"""The seven validators, one question at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storage.checks import run_checks
from storage.clock import DAY, HOUR, MINUTE, SECOND, Micros
from storage.codes import (
    CheckCode,
    OrderKind,
    OrderType,
    Side,
)
from storage.models import Check
from tests.storage.builders import (
    HELD,
    MARKET,
    NOW,
    answer,
    coins,
    eur,
    exit_proposal,
    last_trade,
    levels,
    make_execution,
    make_position,
    make_proposal,
    make_question,
    make_rules,
    policy_with,
    price,
    sell_proposal,
)


def test_the_built_question_passes_every_check() -> None:
    assert [check.code for check in run_checks(make_question()) if not check.passed] == []


@pytest.mark.parametrize("proposal", [sell_proposal(), exit_proposal()])
def test_the_built_sells_pass_every_check(proposal: Any) -> None:
    question = make_question(proposal=proposal, facts=HELD)
    assert [check for check in run_checks(question) if not check.passed] == []


class TestAllowlist:
    def test_a_market_on_the_list_passes(self) -> None:
        assert answer(CheckCode.ALLOWLIST).passed

    def test_an_empty_list_refuses_everything(self) -> None:
        check = answer(CheckCode.ALLOWLIST, policy=policy_with(allowlist=()))
        assert not check.passed
        assert check.limit == "nothing: the list is empty"
        assert check.clears_at is None
        assert check.clears_how == "activate a policy that names BTC-EUR"

    def test_another_market_is_refused(self) -> None:
        assert not answer(CheckCode.ALLOWLIST, policy=policy_with(allowlist=("ETH-EUR",))).passed

    def test_exit_only_markets_are_for_exits(self) -> None:
        policy = policy_with(allowlist=(), exit_only=(MARKET,))
        assert answer(CheckCode.ALLOWLIST, policy=policy, proposal=exit_proposal(), facts=HELD).passed
        assert not answer(CheckCode.ALLOWLIST, policy=policy, proposal=sell_proposal(), facts=HELD).passed
        assert not answer(CheckCode.ALLOWLIST, policy=policy).passed

    def test_a_buy_called_exit_is_no_exit(self) -> None:
        policy = policy_with(allowlist=(), exit_only=(MARKET,))
        assert not answer(CheckCode.ALLOWLIST, policy=policy, proposal=make_proposal(kind=OrderKind.EXIT)).passed


class TestOrderSize:
    @pytest.mark.parametrize(
        ("low", "high", "passed"),
        [("25.092", "25.092", True), ("10", "25.091", False), ("25.093", "500", False), ("0", "0", False)],
    )
    def test_the_value_lies_between_the_limits_inclusive(self, low: str, high: str, passed: bool) -> None:
        policy = policy_with(order={"min_eur": low, "max_eur": high})
        assert answer(CheckCode.ORDER_SIZE, policy=policy).passed is passed

    def test_the_text_does_not_hide_a_fraction_of_a_cent(self) -> None:
        check = answer(CheckCode.ORDER_SIZE, policy=policy_with(order={"max_eur": "25.09"}))
        assert (check.observed, check.limit) == ("25.092 EUR", "10.00 EUR to 25.09 EUR")

    def test_a_market_order_counts_at_its_last_units_price(self) -> None:
        proposal = make_proposal(order_type=OrderType.MARKET, limit=None, quantity=coins("0.002"))
        asks = levels(("61000", "0.001"), ("62000", "0.001"))
        fits = policy_with(order={"max_eur": "124"})
        tight = policy_with(order={"max_eur": "123.99"})
        assert answer(CheckCode.ORDER_SIZE, proposal=proposal, policy=fits, quote={"asks": asks}).passed
        assert not answer(CheckCode.ORDER_SIZE, proposal=proposal, policy=tight, quote={"asks": asks}).passed

    def test_a_market_sell_walks_the_bids(self) -> None:
        proposal = sell_proposal(order_type=OrderType.MARKET, limit=None, quantity=coins("0.001"))
        check = answer(CheckCode.ORDER_SIZE, proposal=proposal, facts=HELD, quote={"bids": levels(("61000", "1"))})
        assert check.observed == "61.00 EUR"

    def test_a_thin_book_cannot_be_valued(self) -> None:
        proposal = make_proposal(order_type=OrderType.MARKET, limit=None, quantity=coins("5"))
        check = answer(CheckCode.ORDER_SIZE, proposal=proposal)
        assert not check.passed
        assert "too thin" in check.reason

    def test_an_exit_may_be_larger_than_the_policys_largest(self) -> None:
        policy = policy_with(order={"min_eur": "10", "max_eur": "10"})
        assert answer(CheckCode.ORDER_SIZE, policy=policy, proposal=exit_proposal(), facts=HELD).passed
        assert not answer(CheckCode.ORDER_SIZE, policy=policy, proposal=sell_proposal(), facts=HELD).passed

    def test_an_exit_sells_at_most_what_is_held_less_open_sells(self) -> None:
        selling = make_execution(side=Side.SELL, remaining=coins("0.006"), quantity=coins("0.006"))
        facts = {**HELD, "open_executions": (selling,)}
        all_left = exit_proposal(quantity=coins("0.0001"))
        assert answer(CheckCode.ORDER_SIZE, proposal=all_left, facts=facts).passed
        assert not answer(
            CheckCode.ORDER_SIZE, proposal=replace(all_left, quantity=coins("0.00010001")), facts=facts
        ).passed

    def test_an_exits_own_execution_promises_nothing_away_from_it(self) -> None:
        own = make_execution(side=Side.SELL, remaining=coins("0.006"), proposal_id=1042)
        assert answer(CheckCode.ORDER_SIZE, proposal=exit_proposal(), facts={**HELD, "open_executions": (own,)}).passed

    def test_an_exit_a_hair_under_the_minimum_does_not_read_as_at_it(self) -> None:
        proposal = exit_proposal(quantity=coins("0.1"), limit=price("49.999"))
        facts = {"positions": {MARKET: make_position(quantity="1")}}
        check = answer(CheckCode.ORDER_SIZE, proposal=proposal, facts=facts)
        assert not check.passed
        assert check.observed == "0.1 BTC, 4.9999 EUR"

    def test_an_exit_exactly_at_the_exchanges_minimum_passes(self) -> None:
        exactly = make_rules(minimum_value=eur("25.051"), minimum_quantity=coins("0.00041"))
        assert answer(CheckCode.ORDER_SIZE, proposal=exit_proposal(), facts=HELD, quote={"rules": exactly}).passed

    def test_an_order_of_nothing_is_less_than_a_largest_of_nothing(self) -> None:
        policy = policy_with(order={"min_eur": "0", "max_eur": "0"})
        check = answer(CheckCode.ORDER_SIZE, policy=policy, proposal=make_proposal(quantity=coins("0")))
        assert not check.passed
        assert "less than the smallest" in check.reason

    def test_an_exit_of_nothing_held_is_refused(self) -> None:
        assert not answer(CheckCode.ORDER_SIZE, proposal=exit_proposal()).passed

    @pytest.mark.parametrize(
        "rules", [make_rules(minimum_value=eur("26")), make_rules(minimum_quantity=coins("0.0005"))]
    )
    def test_an_exit_keeps_the_exchanges_minimum(self, rules: Any) -> None:
        assert not answer(CheckCode.ORDER_SIZE, proposal=exit_proposal(), facts=HELD, quote={"rules": rules}).passed

    def test_a_limit_order_without_a_limit_fails(self) -> None:
        assert not answer(CheckCode.ORDER_SIZE, proposal=make_proposal(limit=None)).passed


class TestConfidence:
    def test_an_accepted_level_passes_and_another_fails(self) -> None:
        policy = policy_with(confidences=(50, 100))
        assert answer(CheckCode.CONFIDENCE, policy=policy, proposal=make_proposal(confidence=50)).passed
        assert not answer(CheckCode.CONFIDENCE, policy=policy).passed

    def test_an_empty_list_refuses(self) -> None:
        assert not answer(CheckCode.CONFIDENCE, policy=policy_with(confidences=())).passed

    def test_accepted_confidences_are_told_in_rising_order(self) -> None:
        assert (
            answer(CheckCode.CONFIDENCE, policy=policy_with(confidences=(100, 25, 75, 50))).limit == "25, 50, 75, 100"
        )

    def test_an_oracle_without_confidence_is_refused(self) -> None:
        assert not answer(CheckCode.CONFIDENCE, proposal=make_proposal(confidence=None)).passed

    def test_zero_is_a_level_and_not_a_missing_one(self) -> None:
        zero = make_proposal(confidence=0)
        assert answer(CheckCode.CONFIDENCE, proposal=zero, policy=policy_with(confidences=(0,))).passed
        assert not answer(CheckCode.CONFIDENCE, proposal=zero).passed

    def test_the_operators_own_is_not_applied(self) -> None:
        check = answer(CheckCode.CONFIDENCE, proposal=exit_proposal(), facts=HELD)
        assert check.passed
        assert not check.applied


def _cooling(at: Micros, **parts: Any) -> Check:
    facts = {"last_trade": last_trade(at), **parts.pop("facts", {})}
    return answer(CheckCode.COOLDOWN, facts=facts, **parts)


class TestCooldown:
    def test_it_ends_exactly_when_its_length_has_passed(self) -> None:
        assert _cooling(NOW - 15 * MINUTE).passed
        check = _cooling(NOW - 15 * MINUTE + 1)
        assert not check.passed
        assert check.clears_at == NOW + 1

    def test_the_answer_says_how_long_ago_and_when_it_clears(self) -> None:
        check = _cooling(NOW - 12 * MINUTE - 4 * SECOND)
        assert (check.observed, check.limit) == ("12 min 4 s ago", "15 min")
        assert check.reason == (
            "BTC-EUR is cooling: its last trade was 12 min 4 s ago, and 15 min must pass; "
            "it clears at 2026-11-24T14:35:04Z, or by an override with a reason."
        )

    def test_a_trade_in_the_future_counts(self) -> None:
        check = _cooling(NOW + MINUTE)
        assert not check.passed
        assert check.clears_at == NOW + 16 * MINUTE

    def test_a_cooldown_of_zero_lets_the_past_pass(self) -> None:
        assert _cooling(NOW, policy=policy_with(cooldown_min=0)).passed
        assert not _cooling(NOW + 1, policy=policy_with(cooldown_min=0)).passed

    def test_a_closing_sell_at_a_loss_adds_minutes(self) -> None:
        at = NOW - 20 * MINUTE
        assert _cooling(at).passed
        check = _cooling(at, facts={"last_close_at_loss": at})
        assert not check.passed
        assert check.clears_at == NOW + 10 * MINUTE
        edge = NOW - 30 * MINUTE
        assert _cooling(edge, facts={"last_close_at_loss": edge}).passed

    def test_an_override_sets_a_past_trade_aside_and_keeps_its_reason(self) -> None:
        check = _cooling(NOW - MINUTE, proposal=make_proposal(overrides={CheckCode.COOLDOWN: "news came"}))
        assert check.passed
        assert check.reason == "overridden: news came"

    @pytest.mark.parametrize("overrides", [{CheckCode.COOLDOWN: " "}, {CheckCode.ANTI_FLIP: "wrong one"}])
    def test_an_override_without_reason_or_of_another_check_does_nothing(self, overrides: Any) -> None:
        assert not _cooling(NOW - MINUTE, proposal=make_proposal(overrides=overrides)).passed

    def test_a_live_trade_blocks_until_it_ends_and_cannot_be_overridden(self) -> None:
        overridden = make_proposal(overrides={CheckCode.COOLDOWN: "please"})
        check = answer(CheckCode.COOLDOWN, proposal=overridden, facts={"last_trade": last_trade(NOW - DAY, live=True)})
        assert not check.passed
        assert check.clears_at is None
        assert check.clears_how == "when execution 400 ends"

    def test_a_length_of_zero_lets_a_live_trade_pass(self) -> None:
        live = last_trade(NOW, Side.SELL, live=True)
        policy = policy_with(cooldown_min=0, anti_flip_min=0)
        facts = {"last_trade": live, "last_opposite": live}
        assert answer(CheckCode.COOLDOWN, policy=policy, facts=facts).passed
        assert answer(CheckCode.ANTI_FLIP, policy=policy, facts=facts).passed


class TestAntiFlip:
    def test_it_ends_exactly_when_its_length_has_passed(self) -> None:
        edge = last_trade(NOW - 2 * HOUR, Side.SELL)
        assert answer(CheckCode.ANTI_FLIP, facts={"last_opposite": edge}).passed
        check = answer(CheckCode.ANTI_FLIP, facts={"last_opposite": last_trade(NOW - 2 * HOUR + 1, Side.SELL)})
        assert not check.passed
        assert check.clears_at == NOW + 1

    def test_the_same_side_does_not_flip(self) -> None:
        assert answer(CheckCode.ANTI_FLIP, facts={"last_trade": last_trade(NOW)}).passed

    def test_an_opposite_of_the_same_side_is_a_wrong_fact_and_fails(self) -> None:
        assert not answer(CheckCode.ANTI_FLIP, facts={"last_opposite": last_trade(NOW - DAY, Side.BUY)}).passed

    def test_a_sell_is_bound_too_and_exits_can_override(self) -> None:
        facts = {**HELD, "last_opposite": last_trade(NOW - MINUTE, Side.BUY)}
        assert not answer(CheckCode.ANTI_FLIP, proposal=exit_proposal(), facts=facts).passed
        overridden = exit_proposal(overrides={CheckCode.ANTI_FLIP: "stop reached"})
        assert answer(CheckCode.ANTI_FLIP, proposal=overridden, facts=facts).passed

    def test_a_live_opposite_cannot_be_overridden(self) -> None:
        overridden = make_proposal(overrides={CheckCode.ANTI_FLIP: "please"})
        facts = {"last_opposite": last_trade(NOW - DAY, Side.SELL, live=True)}
        assert not answer(CheckCode.ANTI_FLIP, proposal=overridden, facts=facts).passed


def _times(side: Side, *times: Micros) -> dict[Side, tuple[Micros, ...]]:
    return {side: times, side.other: ()}


@pytest.mark.parametrize(
    ("code", "length", "cap"), [(CheckCode.DAILY_TRADE_CAP, DAY, 5), (CheckCode.HOURLY_TRADE_CAP, HOUR, 3)]
)
class TestTradeCaps:
    def test_room_for_one_more_passes_and_none_fails(self, code: CheckCode, length: Micros, cap: int) -> None:
        below = tuple(NOW - index for index in range(cap - 1, 0, -1))
        assert answer(code, facts={"trade_times": _times(Side.BUY, *below)}).passed
        assert not answer(code, facts={"trade_times": _times(Side.BUY, *below, NOW)}).passed

    def test_a_trade_exactly_one_window_old_has_left_it(self, code: CheckCode, length: Micros, cap: int) -> None:
        full = [NOW - index for index in range(cap - 1, 0, -1)]
        assert answer(code, facts={"trade_times": _times(Side.BUY, NOW - length, *full)}).passed
        check = answer(code, facts={"trade_times": _times(Side.BUY, NOW - length + 1, *full)})
        assert not check.passed
        assert check.clears_at == NOW + 1

    def test_future_times_count(self, code: CheckCode, length: Micros, cap: int) -> None:
        future = tuple(NOW + index for index in range(1, cap + 1))
        check = answer(code, facts={"trade_times": _times(Side.BUY, *future)})
        assert not check.passed
        assert check.clears_at == NOW + 1 + length

    def test_over_the_cap_it_clears_when_enough_have_left(self, code: CheckCode, length: Micros, cap: int) -> None:
        times = tuple(NOW - 100 + index for index in range(cap + 2))
        check = answer(code, facts={"trade_times": _times(Side.BUY, *times)})
        assert check.clears_at == times[2] + length
        cleared = {"now": times[2] + length, "trade_times": _times(Side.BUY, *times)}
        assert answer(code, facts=cleared).passed
        assert not answer(code, facts={**cleared, "now": times[2] + length - 1}).passed

    def test_a_cap_of_zero_refuses_and_never_clears(self, code: CheckCode, length: Micros, cap: int) -> None:
        check = answer(code, policy=policy_with(trades={"per_day": 0, "per_hour": 0}))
        assert not check.passed
        assert check.clears_at is None
        assert check.clears_how == "activate a policy that allows buys"

    def test_a_cap_of_one_that_is_used_clears_by_itself(self, code: CheckCode, length: Micros, cap: int) -> None:
        policy = policy_with(trades={"per_day": 1, "per_hour": 1})
        check = answer(code, policy=policy, facts={"trade_times": _times(Side.BUY, NOW - 1)})
        assert not check.passed
        assert check.clears_at == NOW - 1 + length

    def test_each_side_counts_its_own(self, code: CheckCode, length: Micros, cap: int) -> None:
        sells = _times(Side.SELL, *(NOW - index for index in range(50, 0, -1)))
        assert answer(code, facts={"trade_times": sells}).passed
        assert not answer(code, proposal=sell_proposal(), facts={**HELD, "trade_times": sells}).passed

    def test_sells_use_the_caps_of_exits(self, code: CheckCode, length: Micros, cap: int) -> None:
        no_buys = policy_with(trades={"per_day": 0, "per_hour": 0})
        no_sells = policy_with(exits={"per_day": 0, "per_hour": 0})
        for proposal in (sell_proposal(), exit_proposal()):
            assert answer(code, proposal=proposal, facts=HELD, policy=no_buys).passed
            assert not answer(code, proposal=proposal, facts=HELD, policy=no_sells).passed

    def test_attempts_of_any_end_are_capped_at_three_times(self, code: CheckCode, length: Micros, cap: int) -> None:
        attempts = tuple(NOW - 3 * cap + index for index in range(3 * cap))
        check = answer(code, facts={"attempt_times": _times(Side.BUY, *attempts)})
        assert not check.passed
        assert check.clears_at == attempts[0] + length
        assert answer(code, facts={"attempt_times": _times(Side.BUY, *attempts[1:])}).passed

    def test_with_both_full_it_clears_when_the_later_does(self, code: CheckCode, length: Micros, cap: int) -> None:
        attempts = tuple(NOW - 1000 + index for index in range(3 * cap))
        trades = tuple(NOW - 10 + index for index in range(cap))
        facts = {"attempt_times": _times(Side.BUY, *attempts), "trade_times": _times(Side.BUY, *trades)}
        assert answer(code, facts=facts).clears_at == trades[0] + length

    def test_a_missing_list_fails(self, code: CheckCode, length: Micros, cap: int) -> None:
        assert not answer(code, facts={"trade_times": {}}).passed
        assert not answer(code, facts={"attempt_times": {Side.SELL: ()}}).passed
