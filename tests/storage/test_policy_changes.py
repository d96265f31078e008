"""What differs between two policies, and what a change loosens."""

from __future__ import annotations

from typing import Any

import pytest

from storage.codes import Mode
from storage.policies import Policy, presets
from storage.policy_changes import (
    LOOSER_WHEN_ADDED,
    LOOSER_WHEN_LESS,
    LOOSER_WHEN_MORE,
    LOOSER_WHEN_OFF,
    NEITHER,
    loosening_line,
    policy_changes,
)
from tests.storage.builders import policy_with


def fields(part: dict[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for name, value in part.items():
        found += fields(value, f"{prefix}{name}.") if isinstance(value, dict) else [f"{prefix}{name}"]
    return found


def test_every_field_of_a_policy_is_judged_in_exactly_one_way() -> None:
    kinds = (LOOSER_WHEN_MORE, LOOSER_WHEN_LESS, LOOSER_WHEN_ADDED, LOOSER_WHEN_OFF, NEITHER)
    judged = [field for kind in kinds for field in kind]
    assert sorted(judged) == sorted(fields(policy_with().model_dump()))


def test_a_policy_does_not_differ_from_itself() -> None:
    for policy in presets(Mode.PAPER).values():
        assert policy_changes(policy, policy) == ()
    assert loosening_line(()) is None


def only(after: Policy, before: Policy | None = None) -> tuple[str, bool]:
    (change,) = policy_changes(policy_with() if before is None else before, after)
    return change.text, change.loosens


@pytest.mark.parametrize(
    ("changes", "text", "loosens"),
    [
        ({"order": {"max_eur": 600}}, "order.max_eur 500 -> 600", True),
        ({"order": {"max_eur": 400}}, "order.max_eur 500 -> 400", False),
        ({"cooldown_min": 5}, "cooldown_min 15 -> 5", True),
        ({"cooldown_min": 50}, "cooldown_min 15 -> 50", False),
        ({"oracle_gate": {"move_1h_pct": "1.4"}}, "oracle_gate.move_1h_pct 1.5 -> 1.4", True),
        ({"never_average_down": True}, "never_average_down false -> true", False),
        ({"venue": {"spread_pct": "0.6"}}, "venue.spread_pct 0.5 -> 0.6", True),
        ({"confidences": (50, 75, 100)}, "confidences -25", False),
        ({"exit_only": ("LTC-EUR",)}, "exit_only +LTC-EUR", True),
        ({"name": "other"}, "name semi-auto -> other", False),
        ({"scan": {"quiet_min": None}}, "scan.quiet_min 120 -> null", True),
        ({"scan": {"busy_min": None}}, "scan.busy_min 10 -> null", False),
        ({"submit": {"absence_margin_ms": 400}}, "submit.absence_margin_ms 5000 -> 400", True),
    ],
)
def test_a_change_is_told_in_words_and_judged(changes: dict[str, Any], text: str, loosens: bool) -> None:
    assert only(policy_with(**changes)) == (text, loosens)


def test_a_list_that_gains_and_loses_loosens() -> None:
    before, after = policy_with(allowlist=("BTC-EUR", "ETH-EUR")), policy_with(allowlist=("ETH-EUR", "ADA-EUR"))
    assert only(after, before) == ("allowlist +ADA-EUR -BTC-EUR", True)


def test_the_order_of_a_list_is_no_change() -> None:
    assert policy_changes(policy_with(confidences=(25, 50)), policy_with(confidences=(50, 25))) == ()


def test_one_line_names_all_that_is_loosened_and_nothing_else() -> None:
    after = policy_with(order={"max_eur": 600}, cooldown_min=60, trades={"per_day": 9})
    line = loosening_line(policy_changes(policy_with(), after))
    assert line == "loosens order.max_eur 500 -> 600, trades.per_day 5 -> 9"
