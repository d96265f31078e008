"""Has hypothesis tell stories: so many, so long, all of them following from one number."""

from __future__ import annotations

from collections.abc import Collection
from inspect import getmembers
from typing import Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RULE_MARKER, Rule, run_state_machine_as_test

from tests.properties.machine import Console

STORY: Final = 50
"""Steps of one story."""


def only(deeds: Collection[str]) -> type[Console]:
    """A console on which nothing else is done."""
    found = [name for name, member in getmembers(Console) if isinstance(getattr(member, RULE_MARKER, None), Rule)]
    assert set(deeds) <= set(found)
    return type("Few", (Console,), {name: None for name in found if name not in deeds})


def tell(
    number: int, stories: int, steps: int = STORY, *, console: type[Console] = Console, shrink: bool = False
) -> None:
    """So many stories of at most so many steps. Raises AssertionError with what the first broken one breaks."""
    run_state_machine_as_test(
        seed(number)(console),
        settings=settings(
            max_examples=stories,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
