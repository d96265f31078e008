"""Has hypothesis tell stories: so many, so long, all of them following from one number."""

from __future__ import annotations

from typing import Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.machine import Console

STORY: Final = 50
"""Steps of one story."""


def tell(number: int, stories: int, steps: int = STORY, *, shrink: bool = False) -> None:
    """So many stories of at most so many steps. Raises AssertionError with what the first broken one breaks."""
    run_state_machine_as_test(
        seed(number)(Console),
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
