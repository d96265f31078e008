"""The vault's gate and an independent statement of its rules agree, and would not if either were a little wrong."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final

import pytest

from tests.storage.second_opinion.compare import Report, compare
from tests.storage.second_opinion.rules import Opinion

CASES: Final = 1600
"""As many as a test may take; ``make gauntlet`` asks fifty times as many."""

pytestmark = pytest.mark.xdist_group("second opinion")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return compare(tmp_path_factory.mktemp("opinion") / "paper", CASES, seed=20261124)


def test_the_gate_and_a_second_statement_of_its_rules_agree(report: Report) -> None:
    assert [found.as_json() for found in report.disagreements[:1]] == []
    assert report.unseen == [], "every check has passed and failed somewhere"
    assert report.claimed > CASES / 50, "and some worlds pass all of them"


def moved(world: Mapping[str, Any], path: tuple[str, ...], by: int) -> dict[str, Any]:
    """The world with one figure in it moved: a whole number by one, an amount by a millionth."""
    copy: dict[str, Any] = deepcopy(dict(world))
    place = copy
    for name in path[:-1]:
        place = place[name] or {}
    figure = place.get(path[-1])
    if isinstance(figure, str):
        place[path[-1]] = str(Decimal(figure) + by * Decimal("0.000001"))
    elif figure is not None:
        place[path[-1]] = figure + by
    return copy


MOVES: Final = {
    "COOLDOWN": ("now",),
    "ANTI_FLIP": ("now",),
    "DAILY_TRADE_CAP": ("now",),
    "HOURLY_TRADE_CAP": ("now",),
    "PROPOSAL_EXPIRY": ("now",),
    "RECONCILED": ("sweep", "at"),
    "CLOCK": ("now",),
    "BALANCE": ("quote", "eur"),
    "EXPOSURE": ("policy", "exposure_eur"),
    "DRAWDOWN": ("policy", "exposure_eur"),
    "ORDER_SIZE": ("policy", "order", "max_eur"),
    "AVERAGE_DOWN": ("proposal", "limit"),
}
"""The smallest figure on whose edge some of these worlds must lie for each check."""


@pytest.mark.parametrize("code", MOVES)
@pytest.mark.parametrize("by", [1, -1])
def test_a_rule_that_is_off_by_a_hair_would_be_noticed(report: Report, code: str, by: int) -> None:
    passes = (
        Opinion(moved(world, MOVES[code], by)).answer(code)[0] is not vault[code][0] for world, vault in report.asked
    )
    assert any(passes)
