"""All checks together: always all of them, and nothing passes by accident."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import checks as runner
from storage.check_results import MissingInput, ago_text, euros, fails, length_text, passes, percent_text
from storage.checks import run_checks, verdict
from storage.clock import DAY, HOUR, MINUTE, SECOND, Micros
from storage.codes import CheckCode, ExecutionState, OrderType, ProposalState, Side
from storage.models import Check, Question
from tests.storage.builders import (
    HELD,
    MARKET,
    NOW,
    eur,
    exit_proposal,
    last_trade,
    levels,
    make_execution,
    make_position,
    make_proposal,
    make_question,
    policy_with,
    price,
    sell_proposal,
)

REMOVED: dict[str, Any] = {
    "rules": None, "bids": (), "asks": (), "last": None, "book_confirmed": None, "available_eur": None,
    "available_base": None, "balance_fetched": None, "balance_fetched_at": None, "taker_fee": None,
    "other_bids": {}, "clock": None,
}  # fmt: skip


def _market_order(proposal: Any) -> Any:
    return replace(proposal, order_type=OrderType.MARKET, limit=None)


PROPOSALS = st.sampled_from(
    [make_proposal(), sell_proposal(), exit_proposal(), _market_order(make_proposal()), _market_order(exit_proposal())]
)
BIDS = st.sampled_from(["1", "50000", "61148", "61160"])
FACTS = st.fixed_dictionaries(
    {
        "positions": st.sampled_from([{}, HELD["positions"], {"ETH-EUR": make_position("ETH-EUR", "1", "3000")}]),
        "open_executions": st.lists(
            st.builds(
                make_execution,
                id=st.integers(1, 3),
                side=st.sampled_from(Side),
                state=st.sampled_from(ExecutionState),
                market=st.sampled_from([MARKET, "ETH-EUR"]),
                limit=st.sampled_from([price("60000"), None]),
            ),
            max_size=3,
        ).map(tuple),
        "last_trade": st.sampled_from([None, last_trade(NOW - MINUTE), last_trade(NOW, live=True)]),
    }
)


@given(
    proposal=PROPOSALS,
    facts=FACTS,
    bid=BIDS,
    available=st.sampled_from(["0", "25.16", "9000"]),
    removed=st.sets(st.sampled_from(sorted(REMOVED)), min_size=1),
    typed=st.booleans(),
    exposure=st.sampled_from(["0", "30", "2000"]),
)
def test_taking_away_parts_of_the_quote_never_turns_a_refusal_into_a_pass(
    proposal: Any, facts: dict[str, Any], bid: str, available: str, removed: set[str], typed: bool, exposure: str
) -> None:
    quote = {"bids": levels((bid, "5")), "available_eur": eur(available)}
    policy = policy_with(exposure_eur=exposure, never_average_down=True)
    whole = make_question(proposal=proposal, facts=facts, quote=quote, policy=policy, typed_amount=typed)
    poorer = replace(whole, quote=replace(whole.quote, **{name: REMOVED[name] for name in removed}))
    before, after = run_checks(whole), run_checks(poorer)
    for was, is_now in zip(before, after, strict=True):
        assert was.passed or not is_now.passed, (was, is_now)


@given(data=st.data())
def test_whatever_is_missing_all_twenty_five_answer_in_order(data: st.DataObject) -> None:
    question: Any = make_question()
    for part in ("proposal", "order", "ticket", "policy", "facts", "quote"):
        names = [field.name for field in dataclasses.fields(getattr(question, part))]
        lost = data.draw(st.sets(st.sampled_from(names), max_size=4), label=part)
        broken = replace(getattr(question, part), **dict.fromkeys(lost))
        question = replace(question, **{part: broken})
    checks = run_checks(question)
    assert [check.code for check in checks] == list(CheckCode)
    assert all(check.reason for check in checks)


def test_there_is_one_function_for_each_code() -> None:
    assert list(runner.CHECKS) == list(CheckCode)
    assert len(set(runner.CHECKS.values())) == len(CheckCode) == 25


def test_every_check_is_asked_though_the_first_fails() -> None:
    question = make_question(proposal=make_proposal(market="XRP-EUR", state=ProposalState.DECLINED))
    failed = [check.code for check in run_checks(question) if not check.passed]
    assert CheckCode.PROPOSAL_STATE in failed
    assert CheckCode.BALANCE in failed


def test_a_check_that_fails_keeps_its_own_words() -> None:
    first = run_checks(make_question(proposal=make_proposal(market="XRP-EUR"), policy=policy_with(allowlist=())))[0]
    assert not first.passed
    assert first.reason == "XRP-EUR is not on the policy's allowlist; activate a policy that names it."


def _raises(question: Question) -> Check:
    raise ZeroDivisionError("by nought")


def _answers_for_another(question: Question) -> Check:
    return passes(CheckCode.SPREAD, "", "", "fine")


def _says_none(question: Question) -> Any:
    return None


REASONS: Final = {
    "_raises": "The check broke (ZeroDivisionError: by nought); nothing is sent, report this.",
    "_answers_for_another": "The check broke (TypeError: it answered as SPREAD: True); nothing is sent, report this.",
    "_says_none": "The check broke (AttributeError: 'NoneType' object has no attribute 'code'); "
    "nothing is sent, report this.",
}


@pytest.mark.parametrize("broken", [_raises, _answers_for_another, _says_none])
def test_a_check_that_breaks_is_a_refusal(monkeypatch: pytest.MonkeyPatch, broken: Callable[[Question], Check]) -> None:
    monkeypatch.setattr(runner, "CHECKS", {**runner.CHECKS, CheckCode.ALLOWLIST: broken})
    checks = run_checks(make_question())
    assert [check.code for check in checks if not check.passed] == [CheckCode.ALLOWLIST]
    assert checks[0].reason == REASONS[broken.__name__]
    assert (checks[0].applied, checks[0].observed, checks[0].limit) == (True, "unknown", "known")
    assert (checks[0].clears_at, checks[0].clears_how) == (None, "when what is missing is there")


@pytest.mark.parametrize("word", [None, "yes", 2])
def test_a_check_that_says_neither_yes_nor_no_is_a_refusal(monkeypatch: pytest.MonkeyPatch, word: Any) -> None:
    said = replace(passes(CheckCode.ALLOWLIST, "", "", "fine"), passed=word)
    monkeypatch.setattr(runner, "CHECKS", {**runner.CHECKS, CheckCode.ALLOWLIST: lambda question: said})
    first = run_checks(make_question())[0]
    assert not first.passed
    assert (
        first.reason == f"The check broke (TypeError: it answered as ALLOWLIST: {word}); nothing is sent, report this."
    )


def test_a_check_that_lacks_a_figure_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(question: Question) -> Check:
        raise MissingInput("the weather is missing")

    monkeypatch.setattr(runner, "CHECKS", {**runner.CHECKS, CheckCode.ALLOWLIST: lacks})
    first = run_checks(make_question())[0]
    assert not first.passed
    assert first.reason == "The check cannot be answered: the weather is missing; take a new quote."


def _answers(**clearing: Micros | None) -> tuple[Check, ...]:
    return tuple(
        fails(code, "", "", "no", clears_at=clearing[code.value])
        if code.value in clearing
        else passes(code, "", "", "yes")
        for code in CheckCode
    )


class TestVerdict:
    def test_it_is_ready_when_all_pass(self) -> None:
        assert verdict(_answers()) is None

    def test_the_one_that_clears_last_blocks(self) -> None:
        blocking = verdict(_answers(COOLDOWN=NOW + 1, ANTI_FLIP=NOW + 3, DAILY_TRADE_CAP=NOW + 2))
        assert blocking is not None
        assert blocking.code is CheckCode.ANTI_FLIP

    def test_one_that_no_time_clears_comes_last_of_all(self) -> None:
        blocking = verdict(_answers(ANTI_FLIP=NOW + DAY, EXPOSURE=None, BALANCE=None))
        assert blocking is not None
        assert blocking.code is CheckCode.EXPOSURE

    def test_of_two_that_clear_at_once_the_first_blocks(self) -> None:
        blocking = verdict(_answers(COOLDOWN=NOW + 1, ANTI_FLIP=NOW + 1))
        assert blocking is not None
        assert blocking.code is CheckCode.COOLDOWN

    @pytest.mark.parametrize("checks", [(), _answers()[1:], _answers() + _answers()[:1], _answers()[::-1]])
    def test_an_incomplete_set_is_no_verdict(self, checks: tuple[Check, ...]) -> None:
        with pytest.raises(ValueError, match=r"^a verdict needs the answers of all twenty-five checks, in order$"):
            verdict(checks)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0, "0 s"),
        (400_000, "0.4 s"),
        (59 * SECOND, "59 s"),
        (15 * MINUTE, "15 min"),
        (12 * MINUTE + 4 * SECOND, "12 min 4 s"),
        (HOUR + 56 * MINUTE, "1 h 56 min"),
        (2 * DAY + 3 * HOUR, "2 d 3 h"),
    ],
)
def test_lengths_are_told_in_their_two_largest_units(length: Micros, text: str) -> None:
    assert length_text(length) == text


def test_times_ahead_are_told_as_ahead() -> None:
    assert ago_text(NOW, NOW + 3 * SECOND) == "3 s ahead of the clock"


def test_rounding_for_the_eye_hides_no_side() -> None:
    assert euros(eur("25.001")) == "25.00 EUR"
    assert euros(eur("25.001"), eur("25")) == "25.001 EUR"
    assert percent_text(Decimal("2.00001")) == "2.001 %"
