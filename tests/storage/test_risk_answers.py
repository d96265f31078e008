"""What the conditions on money at risk say, word for word: the figures and the way on that an operator decides by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from storage.codes import (
    CheckCode,
    Stage,
)
from storage.models import Check
from tests.storage.answer_kit import (
    FORBIDS,
    SELL_HELD,
    C,
    held,
    lots,
    missing,
    not_bound,
    opened,
    refused,
    sold,
)
from tests.storage.builders import (
    HELD,
    MARKET,
    answer,
    eur,
    make_execution,
    policy_with,
)

ANSWERS: Final[list[tuple[CheckCode, dict[str, Any], Check]]] = [
    (C.STAGE_LIMIT, {}, held("25.09 EUR", "10000.00 EUR at stage MATURE", "the size is within the stage's limit")),
    (
        C.STAGE_LIMIT,
        {"facts": {"stage": Stage.TRAINING, "stage_limit": eur("25")}},
        refused(
            "25.09 EUR",
            "25.00 EUR at stage TRAINING",
            "The order is larger than stage TRAINING allows, 25.00 EUR; make it smaller.",
            "make it smaller, or reach the next stage",
        ),
    ),
    (
        C.STAGE_LIMIT,
        {"facts": {"stage": Stage.TRAINING, "stage_limit": eur("0")}},
        refused(
            "25.09 EUR",
            "0.00 EUR at stage TRAINING",
            "The order is larger than stage TRAINING allows, 0.00 EUR; make it smaller.",
            "make it smaller, or reach the next stage",
        ),
    ),
    (C.STAGE_LIMIT, SELL_HELD, not_bound("the stage limits buys only")),
    (C.EXPOSURE, {}, held("25.09 EUR", "2000.00 EUR", "exposure stays within the policy's limit")),
    (
        C.EXPOSURE,
        {"facts": {**HELD, **opened(make_execution())}, "policy": policy_with(exposure_eur="450")},
        refused(
            "458.09 EUR",
            "450.00 EUR",
            "This order would take exposure from 433.00 EUR past the policy's 450.00 EUR; buy less.",
            "buy less, sell, cancel a resting buy, or activate a policy with a higher limit",
        ),
    ),
    (
        C.EXPOSURE,
        {"policy": policy_with(exposure_eur=0)},
        refused(
            "25.09 EUR",
            "0.00 EUR",
            "The policy allows no exposure at all; activate one that does.",
            "buy less, sell, cancel a resting buy, or activate a policy with a higher limit",
        ),
    ),
    (C.EXPOSURE, {"facts": lots("XRP-EUR", "10", "5")}, missing("the best bid of XRP-EUR, held there, is missing")),
    (C.EXPOSURE, SELL_HELD, not_bound("exposure limits buys only")),
    (
        C.DRAWDOWN,
        {},
        held("gain 0.00 EUR", "300.00 EUR, 15 % of 2000.00 EUR", "the loss of the last 24 h is below the limit"),
    ),
    (
        C.DRAWDOWN,
        {"facts": sold("12.345")},
        held("gain 12.34 EUR", "300.00 EUR, 15 % of 2000.00 EUR", "the loss of the last 24 h is below the limit"),
    ),
    (
        C.DRAWDOWN,
        {"facts": sold("-299.999")},
        held("loss 299.999 EUR", "300.00 EUR, 15 % of 2000.00 EUR", "the loss of the last 24 h is below the limit"),
    ),
    (
        C.DRAWDOWN,
        {"facts": sold("-300")},
        refused(
            "loss 300.00 EUR",
            "300.00 EUR, 15 % of 2000.00 EUR",
            (
                "The loss of the last 24 h, 300.00 EUR, has reached the policy's limit of 300.00 EUR; buys wait "
                "until losses age or prices recover."
            ),
            "as losses leave the last 24 h or prices recover; REDUCING is lifted by resuming",
        ),
    ),
    (C.DRAWDOWN, SELL_HELD, not_bound("the loss of the day stops buys only")),
    (C.AVERAGE_DOWN, {}, not_bound("the policy allows averaging down")),
    (C.AVERAGE_DOWN, {"policy": FORBIDS}, held("no open lots", "average cost", "nothing is held to average down")),
    (
        C.AVERAGE_DOWN,
        {"policy": FORBIDS, "facts": lots(MARKET, "0.001", "61.2")},
        held("61200 EUR", "61200 EUR", "not under the average cost"),
    ),
    (
        C.AVERAGE_DOWN,
        {"policy": FORBIDS, "facts": lots(MARKET, "0.003", "200")},
        refused(
            "61200 EUR",
            "at least 66666.66666667 EUR",
            (
                "The buy at 61200 EUR is under the average cost of what is held, 66666.66666667 EUR, and the policy"
                " forbids averaging down; sell first, or wait for a higher price."
            ),
            "when nothing is held, or at a price above the average cost",
        ),
    ),
    (C.AVERAGE_DOWN, {"policy": FORBIDS, **SELL_HELD}, not_bound("only buys average down")),
]


@pytest.mark.parametrize(("code", "parts", "expected"), ANSWERS)
def test_the_answer_is_exactly_this(code: CheckCode, parts: dict[str, Any], expected: Check) -> None:
    assert answer(code, **parts) == replace(expected, code=code)
