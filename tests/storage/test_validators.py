"""The seven validators and the standing conditions, one question at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storage.checks import run_checks
from storage.clock import DAY, HOUR, MINUTE, SECOND, Micros
from storage.codes import (
    CheckCode,
    ExecutionState,
    Mode,
    OrderKind,
    OrderType,
    ProposalState,
    Side,
    Stage,
    TradingState,
)
from storage.models import Check, Holder, Question, Realised, Sweep, TradingRecord
from tests.storage.builders import (
    MARKET,
    MONOTONIC,
    NOW,
    by_code,
    coins,
    eur,
    exit_proposal,
    last_trade,
    levels,
    make_execution,
    make_position,
    make_proposal,
    make_question,
    make_quote,
    make_rules,
    policy_with,
    price,
    sell_proposal,
)

HELD = {"positions": {MARKET: make_position()}}


def answer(code: CheckCode, question: Question | None = None, **parts: Any) -> Check:
    return by_code(run_checks(make_question(**parts) if question is None else question))[code]


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


def _trading(state: TradingState) -> dict[str, Any]:
    return {"trading": TradingRecord(2, state, "testing", "you", NOW - MINUTE)}


class TestTradingState:
    def test_halted_refuses_both_sides(self) -> None:
        halted = _trading(TradingState.HALTED)
        assert not answer(CheckCode.TRADING_STATE, facts=halted).passed
        check = answer(CheckCode.TRADING_STATE, proposal=exit_proposal(), facts={**HELD, **halted})
        assert not check.passed
        assert "by you: testing" in check.reason

    def test_a_halt_file_refuses_whatever_the_record_says(self) -> None:
        check = answer(CheckCode.TRADING_STATE, facts={"halt_file": "paper/HALT"})
        assert not check.passed
        assert "paper/HALT" in check.reason

    def test_reducing_refuses_buys(self) -> None:
        assert not answer(CheckCode.TRADING_STATE, facts=_trading(TradingState.REDUCING)).passed

    def test_reducing_sells_at_most_held_less_open_sells(self) -> None:
        states = (ExecutionState.SUBMITTED, ExecutionState.CLAIMED, ExecutionState.UNKNOWN)
        for state in states:
            selling = make_execution(side=Side.SELL, state=state, remaining=coins("0.006"))
            facts = {**HELD, **_trading(TradingState.REDUCING), "open_executions": (selling,)}
            fits, over = sell_proposal(quantity=coins("0.0001")), sell_proposal(quantity=coins("0.00010001"))
            assert answer(CheckCode.TRADING_STATE, proposal=fits, facts=facts).passed
            assert not answer(CheckCode.TRADING_STATE, proposal=over, facts=facts).passed

    def test_buys_and_other_markets_do_not_bind_a_reducing_sell(self) -> None:
        others = (make_execution(), make_execution(id=502, market="ETH-EUR", side=Side.SELL, remaining=coins("9")))
        facts = {**HELD, **_trading(TradingState.REDUCING), "open_executions": others}
        assert answer(CheckCode.TRADING_STATE, proposal=sell_proposal(), facts=facts).passed

    def test_an_order_for_the_other_mode_is_refused(self) -> None:
        question = make_question()
        assert not answer(
            CheckCode.TRADING_STATE, replace(question, order=replace(question.order, mode=Mode.LIVE))
        ).passed


class TestProposal:
    @pytest.mark.parametrize("state", list(ProposalState))
    def test_only_open_proposals_pass(self, state: ProposalState) -> None:
        check = answer(CheckCode.PROPOSAL_STATE, proposal=make_proposal(state=state))
        assert check.passed is (state in {ProposalState.PROPOSED, ProposalState.APPROVED})

    def test_a_claimed_one_names_its_holder(self) -> None:
        holder = Holder("ann", "4f9c", NOW - 3 * SECOND, 77)
        check = answer(CheckCode.PROPOSAL_STATE, facts={"holder": holder})
        assert not check.passed
        assert check.reason == "claimed by ann@4f9c at 2026-11-24T14:32:05Z"

    def test_it_expires_at_its_time(self) -> None:
        assert answer(CheckCode.PROPOSAL_EXPIRY, proposal=make_proposal(expires_at=NOW + 1)).passed
        check = answer(CheckCode.PROPOSAL_EXPIRY, proposal=make_proposal(expires_at=NOW))
        assert not check.passed
        assert check.clears_at is None


class TestTicket:
    def test_another_active_policy_refuses(self) -> None:
        assert not answer(CheckCode.POLICY_UNCHANGED, facts={"policy_hash": "0" * 64}).passed

    def test_a_ticket_of_an_earlier_policy_is_refused(self) -> None:
        question = make_question()
        assert question.ticket is not None
        old = replace(question, ticket=replace(question.ticket, policy_hash="0" * 64))
        assert not answer(CheckCode.POLICY_UNCHANGED, old).passed

    def test_without_a_ticket_both_are_not_applied(self) -> None:
        for code in (CheckCode.POLICY_UNCHANGED, CheckCode.TICKET_UNCHANGED):
            check = answer(code, with_ticket=False)
            assert check.passed
            assert not check.applied

    @pytest.mark.parametrize(
        "change",
        [
            {"quantity": coins("0.00042")},
            {"limit": price("61201")},
            {"revision": 4},
            {"order_type": OrderType.MARKET},
            {"time_in_force": None},
            {"side": Side.SELL},
            {"mode": Mode.LIVE},
            {"kind": OrderKind.EXIT},
            {"proposal_id": 1},
            {"market": "ETH-EUR"},
        ],
    )
    def test_any_other_field_refuses(self, change: dict[str, Any]) -> None:
        question = make_question()
        assert question.ticket is not None
        other = replace(question.order, **change)
        assert not answer(CheckCode.TICKET_UNCHANGED, replace(question, order=other)).passed
        shown = replace(question.ticket, order=other)
        assert not answer(CheckCode.TICKET_UNCHANGED, replace(question, ticket=shown)).passed

    def test_a_keeper_that_died_since_changes_the_order(self) -> None:
        question = make_question()
        without = make_question(facts={"keeper_alive": False})
        assert not answer(CheckCode.TICKET_UNCHANGED, replace(question, order=without.order)).passed


class TestStageLimit:
    @pytest.mark.parametrize(("limit", "passed"), [("25.092", True), ("25.09", False), ("0", False)])
    def test_it_bounds_a_buys_value_without_fee(self, limit: str, passed: bool) -> None:
        facts = {"stage": Stage.TRAINING, "stage_limit": eur(limit)}
        assert answer(CheckCode.STAGE_LIMIT, facts=facts).passed is passed

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
    return Realised(at, MARKET, eur(result), True)


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


class TestUnresolvedExecution:
    @pytest.mark.parametrize("state", [ExecutionState.CLAIMED, ExecutionState.SUBMITTING])
    def test_in_flight_blocks_its_own_market_only(self, state: ExecutionState) -> None:
        here, there = make_execution(state=state), make_execution(state=state, market="ETH-EUR")
        assert not answer(CheckCode.UNRESOLVED_EXECUTION, facts={"open_executions": (here,)}).passed
        assert answer(CheckCode.UNRESOLVED_EXECUTION, facts={"open_executions": (there,)}).passed

    def test_unknown_anywhere_blocks_buys_and_everything_in_its_market(self) -> None:
        here = make_execution(state=ExecutionState.UNKNOWN, side=Side.SELL)
        there = replace(here, market="ETH-EUR")
        code = CheckCode.UNRESOLVED_EXECUTION
        assert not answer(code, facts={"open_executions": (there,)}).passed
        assert not answer(code, facts={"open_executions": (here,)}).passed
        assert answer(code, proposal=exit_proposal(), facts={**HELD, "open_executions": (there,)}).passed
        assert not answer(code, proposal=exit_proposal(), facts={**HELD, "open_executions": (here,)}).passed

    def test_a_foreign_order_blocks_its_market(self) -> None:
        sweep = Sweep(NOW - MINUTE, True, (), frozenset({MARKET}))
        assert not answer(CheckCode.UNRESOLVED_EXECUTION, facts={"sweep": sweep}).passed
        elsewhere = replace(sweep, foreign_markets=frozenset({"ETH-EUR"}))
        assert answer(CheckCode.UNRESOLVED_EXECUTION, facts={"sweep": elsewhere}).passed

    @pytest.mark.parametrize("state", [ExecutionState.SUBMITTED, ExecutionState.PARTIALLY_FILLED])
    def test_a_resting_order_of_ours_on_the_other_side_blocks_without_override(self, state: ExecutionState) -> None:
        other = make_execution(side=Side.SELL, state=state)
        proposal = make_proposal(overrides=dict.fromkeys(CheckCode, "all of them"))
        check = answer(CheckCode.UNRESOLVED_EXECUTION, proposal=proposal, facts={"open_executions": (other,)})
        assert not check.passed
        assert "could trade with it" in check.reason

    def test_a_resting_order_on_the_same_side_does_not_block(self) -> None:
        assert answer(CheckCode.UNRESOLVED_EXECUTION, facts={"open_executions": (make_execution(),)}).passed

    def test_without_a_sweep_foreign_orders_cannot_be_ruled_out(self) -> None:
        assert not answer(CheckCode.UNRESOLVED_EXECUTION, facts={"sweep": None}).passed


class TestReconciled:
    @pytest.mark.parametrize(
        ("age", "passed"),
        [(120 * SECOND, True), (120 * SECOND + 1, False), (-120 * SECOND, True), (-120 * SECOND - 1, False)],
    )
    def test_the_sweep_is_at_most_two_minutes_away(self, age: Micros, passed: bool) -> None:
        sweep = Sweep(NOW - age, True, (), frozenset())
        assert answer(CheckCode.RECONCILED, facts={"sweep": sweep}).passed is passed

    def test_differences_refuse_and_are_named(self) -> None:
        sweep = Sweep(NOW, False, ("EUR 3.00 more than expected",), frozenset())
        check = answer(CheckCode.RECONCILED, facts={"sweep": sweep})
        assert not check.passed
        assert "EUR 3.00 more than expected" in check.reason

    def test_no_sweep_at_all_fails(self) -> None:
        assert not answer(CheckCode.RECONCILED, facts={"sweep": None}).passed


class TestClock:
    def test_the_audit_is_never_ahead(self) -> None:
        assert answer(CheckCode.CLOCK, facts={"newest_audit_at": NOW}).passed
        assert not answer(CheckCode.CLOCK, facts={"newest_audit_at": NOW + 1}).passed

    @pytest.mark.parametrize(
        ("offset", "passed"),
        [(2 * SECOND, True), (2 * SECOND + 1, False), (-2 * SECOND, True), (-2 * SECOND - 1, False)],
    )
    def test_it_is_within_two_seconds_of_the_exchange(self, offset: Micros, passed: bool) -> None:
        sample = make_quote().clock
        assert sample is not None
        moved = replace(sample, exchange_at=sample.exchange_at + offset)
        assert answer(CheckCode.CLOCK, quote={"clock": moved}).passed is passed

    @pytest.mark.parametrize(("age", "passed"), [(60.0, True), (60.001, False), (0.0, True), (-0.001, False)])
    def test_the_sample_is_at_most_a_minute_old(self, age: float, passed: bool) -> None:
        sample = make_quote().clock
        assert sample is not None
        aged = replace(sample, monotonic=MONOTONIC - age, exchange_at=NOW - round(age * SECOND))
        assert answer(CheckCode.CLOCK, quote={"clock": aged}).passed is passed

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
    def test_a_monotonic_time_that_is_no_number_fails(self, bad: float) -> None:
        assert not answer(CheckCode.CLOCK, facts={"monotonic": bad}).passed

    def test_a_missing_sample_or_audit_fails(self) -> None:
        assert not answer(CheckCode.CLOCK, quote={"clock": None}).passed
        assert not answer(CheckCode.CLOCK, facts={"newest_audit_at": None}).passed
