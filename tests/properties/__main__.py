"""``python -m tests.properties --steps 20000 --seed 1``: random stories; exit code 1 with the first one that breaks.

With ``--planted`` each planted fault is looked for instead: exit code 1 if the stories miss one.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import re
import sys
import time
from contextlib import redirect_stdout
from random import SystemRandom
from typing import Final

from tests.properties.machine import Console
from tests.properties.planted import PLANTED, TOLD_OF
from tests.properties.telling import STORY, only, tell

PER_SEED: Final = 40
"""Stories told with one number."""


def say(text: str) -> None:
    """One line, at once."""
    print(text, flush=True)  # noqa: T201


def stories(first: int, steps: int, *, shrink: bool) -> int:
    """Tell stories until so many steps are done."""
    began, number = time.monotonic(), first
    while Console.steps.total() < steps:
        try:
            tell(number, PER_SEED, shrink=shrink)
        except Exception as broken:
            say(f"seed {number} broke after {Console.steps.total()} steps: {type(broken).__name__}: {broken}")
            say("\n".join(getattr(broken, "__notes__", ())))
            return 1
        say(f"seed {number}: {Console.steps.total()} steps, {time.monotonic() - began:.0f} s")
        number += 1
    say(
        json.dumps(
            {"deeds": dict(sorted(Console.steps.items())), "sends": dict(sorted(Console.ends.items()))}, indent=1
        )
    )
    return 0


def planted(first: int, steps: int) -> int:
    """Look for every planted fault, each within so many steps."""
    missed = 0
    for name, (plant, said) in PLANTED.items():
        Console.steps.clear()
        word = "missed"
        with redirect_stdout(io.StringIO()), plant():
            try:
                tell(first, max(steps // STORY, 1), console=only(TOLD_OF[name]))
            except AssertionError as found:
                word = "found" if re.search(said, str(found)) else f"taken for another: {found}"
        missed += word != "found"
        say(f"{name}: {word}, {Console.steps.total()} steps")
    return 1 if missed else 0


def main() -> int:
    """Read the command line and tell stories."""
    parser = argparse.ArgumentParser(prog="python -m tests.properties", description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, help="a new one each time where none is given; the one used is printed")
    parser.add_argument("--shrink", action="store_true", help="look for the shortest story that breaks, for minutes")
    parser.add_argument("--planted", action="store_true", help="look for the planted faults, within --steps each")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)  # every fault and death is logged as the program logs it
    first = SystemRandom().randrange(2**31) if asked.seed is None else asked.seed
    say(f"seed {first}")
    return planted(first, asked.steps) if asked.planted else stories(first, asked.steps, shrink=asked.shrink)


if __name__ == "__main__":
    sys.exit(main())
