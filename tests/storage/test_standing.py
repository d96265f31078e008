"""The standing conditions on the vault itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storage.clock import MINUTE, SECOND, Micros
from storage.codes import (
    CheckCode,
    ExecutionState,
    Mode,
    OrderKind,
    OrderType,
    ProposalState,
    Side,
    TradingState,
)
from storage.models import Holder, Sweep, TradingRecord
from tests.storage.builders import (
    HELD,
    MARKET,
    MONOTONIC,
    NOW,
    answer,
    coins,
    exit_proposal,
    make_execution,
    make_proposal,
    make_question,
    make_quote,
    price,
    sell_proposal,
)


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

    def test_a_reducing_sells_own_execution_promises_nothing_away_from_it(self) -> None:
        own = make_execution(side=Side.SELL, remaining=coins("0.006"), proposal_id=1042)
        facts = {**HELD, **_trading(TradingState.REDUCING), "open_executions": (own,)}
        assert answer(CheckCode.TRADING_STATE, proposal=sell_proposal(), facts=facts).passed

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

    def test_a_question_under_another_policy_than_ticket_and_vault_names_that_one(self) -> None:
        question = make_question()
        other = replace(question, policy=replace(question.policy, hash="1" * 64))
        check = answer(CheckCode.POLICY_UNCHANGED, other)
        assert (check.passed, check.observed, check.limit) == (False, "11111111", question.facts.policy_hash[:8])

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
