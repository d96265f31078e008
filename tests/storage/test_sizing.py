"""The largest size the gate allows, held against the gate's own checks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.checks import run_checks
from storage.codes import CheckCode, OrderType, Side, TradingState
from storage.models import Question, TradingRecord
from storage.money import Price, Quantity
from storage.sizing import SIZE_DEPENDENT, largest_size, share_of, with_quantity
from tests.storage.builders import (
    HELD,
    NOW,
    by_code,
    coins,
    eur,
    exit_proposal,
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

C = CheckCode


def bound_of(question: Question) -> CheckCode | None:
    bound = largest_size(question).bound
    return None if bound is None else bound.code


def failing(question: Question, quantity: Quantity) -> set[CheckCode]:
    return {check.code for check in run_checks(with_quantity(question, quantity)) if not check.passed}


@pytest.mark.parametrize(
    ("parts", "bound", "value"),
    [
        ({}, C.ORDER_SIZE, "500"),
        ({"facts": {"stage_limit": eur("100")}}, C.STAGE_LIMIT, "100"),
        ({"policy": policy_with(exposure_eur=200), "facts": HELD}, C.ORDER_SIZE, "0"),
        ({"policy": policy_with(exposure_eur=400), "facts": HELD}, C.EXPOSURE, "26.9"),
        ({"quote": {"available_eur": eur("100")}}, C.BALANCE, "99.7"),
        ({"quote": {"rules": make_rules(maximum_quantity=coins("0.001"))}}, C.ORDER_RULES, "61.2"),
    ],
)
def test_the_bound_is_named(parts: dict[str, Any], bound: CheckCode, value: str) -> None:
    question = make_question(**parts)
    sizing = largest_size(question)
    if value == "0":  # the exposure left is under the smallest order
        assert sizing.largest.is_zero
        return
    assert bound_of(question) is bound
    assert abs((sizing.largest * price("61200")).value - Decimal(value)) < 1


def test_the_bound_is_said_with_the_policys_own_limits() -> None:
    bound = largest_size(make_question()).bound
    assert bound is not None
    assert bound.limit == "10.00 EUR to 500.00 EUR"


def test_an_exit_is_bounded_by_what_is_held_less_what_is_promised() -> None:
    sells = make_execution(side=Side.SELL, quantity=coins("0.002"), remaining=coins("0.002"))
    question = make_question(proposal=exit_proposal(), facts={**HELD, "open_executions": (sells,)})
    sizing = largest_size(question)
    assert sizing.largest == coins("0.0041")
    assert bound_of(question) is C.ORDER_SIZE


def test_while_reducing_a_sell_is_bounded_by_what_is_free() -> None:
    reducing = TradingRecord(2, TradingState.REDUCING, "tired", "you", NOW)
    question = make_question(
        proposal=sell_proposal(), facts={"positions": {"BTC-EUR": make_position(quantity="0.003")}, "trading": reducing}
    )
    assert largest_size(question).largest == coins("0.003")
    assert bound_of(question) is C.TRADING_STATE


def test_a_market_order_is_bounded_by_the_book() -> None:
    market = make_proposal(order_type=OrderType.MARKET, limit=None)
    thin = make_question(proposal=market, quote={"asks": levels(("61152", "0.001"))})
    assert largest_size(thin).largest == coins("0.001")
    steep = make_question(proposal=market, quote={"asks": levels(("61152", "0.001"), ("63000", "1"))})
    assert largest_size(steep).largest == coins("0.001")
    assert bound_of(steep) is C.PRICE_COLLAR


def test_a_halt_or_a_cooldown_bounds_no_size() -> None:
    halted = TradingRecord(2, TradingState.HALTED, "stop", "you", NOW)
    assert largest_size(make_question(facts={"trading": halted})) == largest_size(make_question())


def test_without_the_rules_of_the_market_there_is_no_size() -> None:
    sizing = largest_size(make_question(quote={"rules": None}))
    assert (sizing.largest, sizing.bound) == (Quantity.zero(), None)


def test_without_a_balance_nothing_is_allowed() -> None:
    question = make_question(quote={"available_eur": None})
    assert largest_size(question).largest.is_zero
    assert bound_of(question) is C.BALANCE


def test_shares_are_rounded_down_to_the_markets_steps() -> None:
    sizing = largest_size(make_question(quote={"rules": make_rules(maximum_quantity=coins("0.00101"))}))
    assert [share_of(sizing, share, 4) for share in (25, 50, 100)] == [coins("0.0002"), coins("0.0005"), coins("0.001")]


QUESTIONS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["buy", "sell", "exit", "market"]),
        "limit": st.integers(60_000, 62_000),
        "max_eur": st.integers(10, 3_000),
        "stage": st.integers(1, 3_000),
        "exposure": st.integers(0, 3_000),
        "held": st.integers(0, 50_000),
        "eur": st.integers(0, 300_000),
        "coin": st.integers(0, 50_000),
        "decimals": st.integers(2, 8),
        "state": st.sampled_from(list(TradingState)),
        "depth": st.lists(st.integers(1, 20_000), min_size=1, max_size=4),
    }
)


def built(given_: dict[str, Any]) -> Question:
    kind, limit = given_["kind"], Price.of(given_["limit"])
    proposal = {
        "buy": make_proposal(limit=limit),
        "sell": sell_proposal(limit=limit),
        "exit": exit_proposal(limit=limit),
        "market": make_proposal(order_type=OrderType.MARKET, limit=None),
    }[kind]
    held = Quantity.of(given_["held"]).scaled(Decimal("0.000001"))
    positions = {"BTC-EUR": make_position(quantity=str(held))} if held.is_positive else {}
    asks = tuple((str(61_152 + 400 * at), str(Decimal(size).scaleb(-6))) for at, size in enumerate(given_["depth"]))
    return make_question(
        proposal=proposal,
        policy=policy_with(exposure_eur=given_["exposure"], order={"max_eur": given_["max_eur"]}),
        facts={
            "stage_limit": eur(str(given_["stage"])),
            "positions": positions,
            "trading": TradingRecord(2, given_["state"], "why", "you", NOW),
        },
        quote={
            "rules": make_rules(quantity_decimals=given_["decimals"]),
            "available_eur": eur(str(Decimal(given_["eur"]).scaleb(-2))),
            "available_base": Quantity.of(given_["coin"]).scaled(Decimal("0.000001")),
            "asks": levels(*asks),
        },
    )


@given(QUESTIONS)
@settings(deadline=None, max_examples=300)
def test_the_largest_size_passes_and_one_step_more_fails_the_check_it_names(given_: dict[str, Any]) -> None:
    question = built(given_)
    sizing = largest_size(question)
    assert sizing.bound is not None
    step = Quantity(Decimal(1).scaleb(-given_["decimals"]))
    regardless = {C.TRADING_STATE, C.PRICE_COLLAR}
    if sizing.largest.is_zero:
        # No size whatever is allowed: of any order one of these checks refuses, however small or large it is.
        smallest = question.quote.rules
        assert smallest is not None
        for size in (step, smallest.minimum_quantity + step, coins("0.004"), coins("0.04")):
            rounded = size.rounded_down(given_["decimals"])
            assert failing(question, rounded) & set(SIZE_DEPENDENT)
        return
    assert failing(question, sizing.largest) & (set(SIZE_DEPENDENT) - regardless) == set()
    if question.order.order_type is OrderType.MARKET:
        assert C.PRICE_COLLAR not in failing(question, sizing.largest)
    more = failing(question, sizing.largest + step)
    assert sizing.bound.code in more
    answers = by_code(run_checks(with_quantity(question, sizing.largest)))
    if given_["state"] is TradingState.REDUCING and question.order.side is Side.SELL:
        assert answers[C.TRADING_STATE].passed
