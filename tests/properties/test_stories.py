"""Random stories hold what they must; and faults put into the program on purpose are found by them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.properties.machine import Console
from tests.properties.planted import PLANTED, TOLD_OF
from tests.properties.telling import only, tell

SEEDS = (20261124, 20261125, 20261126, 20261127)
STORIES = 9
"""With each seed; about 45 steps a story."""

FOUND_WITH = {
    "the executor sends again": 1,
    "silence is failure": 1,
    "absence is called too early": 4,
    "a halt is ignored": 4,
    "senders are not waited for": 1,
    "fills count twice": 1,
    "the caps always allow": 1,
    "exposure is not looked at": 2,
    "rules may change after the ticket": 1,
    "the budget is not looked at": 1,
    "a decline is undone later": 3,
    "a stale fence writes": 1,
    "a restored vault gives ids out again": 1,
    "a restored vault trades at once": 1,
}
"""Seeds with which a few hundred deeds are enough; what is left out takes longer to look for, see ``--planted``."""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Every fault and death is logged as the program logs it: much, and nothing of it is a finding."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("number", SEEDS)
def test_whatever_is_done_in_whatever_order_nothing_that_must_hold_is_broken(number: int) -> None:
    steps, ends = Console.steps.copy(), Console.ends.copy()
    tell(number, STORIES)
    print(f"seed {number}: {(Console.steps - steps).total()} steps")  # noqa: T201
    assert (Console.steps - steps).total() > 300
    assert (Console.ends - ends)["accepted"] > 5, "orders were sent, not only refused"


@pytest.mark.parametrize("fault", FOUND_WITH)
def test_a_fault_in_the_program_is_found(fault: str) -> None:
    plant, said = PLANTED[fault]
    with plant(), pytest.raises(AssertionError, match=said):
        tell(FOUND_WITH[fault], 20, 30, console=only(TOLD_OF[fault]))
