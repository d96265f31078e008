"""``python -m tests.properties --steps 20000 --seed 1``: random stories; exit code 1 with the first one that breaks."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from random import SystemRandom
from typing import Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.machine import Console

STORY: Final = 50
"""Steps of one story."""

PER_SEED: Final = 40
"""Stories told with one seed."""


def tell(number: int, stories: int, steps: int = STORY, *, shrink: bool = False) -> None:
    """So many stories of so many steps with one seed. Raises what the first broken one raised."""
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


def main() -> int:
    """Read the command line and tell stories."""
    parser = argparse.ArgumentParser(prog="python -m tests.properties", description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, help="a new one each time where none is given; the one used is printed")
    parser.add_argument("--shrink", action="store_true", help="look for the shortest story that breaks, for minutes")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)  # every fault and death is logged as the program logs it
    first = SystemRandom().randrange(2**31) if asked.seed is None else asked.seed
    print(f"seed {first}", flush=True)  # noqa: T201
    began, number = time.monotonic(), first
    while Console.steps.total() < asked.steps:
        tell(number, PER_SEED, shrink=asked.shrink)
        print(f"seed {number}: {Console.steps.total()} steps, {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201
        number += 1
    print(json.dumps(dict(sorted(Console.steps.items())), indent=1))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
