"""``python -m tests.agreement``: random divergences, then a day of stepped time; exit code 1 if anything is wrong."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

from tests.agreement.day import live
from tests.agreement.runs import told, trials
from tests.agreement.trial import Trial


async def run(asked: argparse.Namespace) -> int:
    """Play both; what was wrong is told at the end of each."""
    found: list[Trial] = []
    async for trial in trials(asked.runs, asked.seed):
        found.append(trial)
        if len(found) % 20 == 0 or trial.broken:
            print(f"{len(found)}/{asked.runs}", *trial.broken, file=sys.stderr, flush=True)  # noqa: T201
    print(f"seed {asked.seed}", told(found), sep="\n")  # noqa: T201
    day = await live(asked.hours, asked.seed) if asked.hours else None
    if day is not None:
        print(day.told())  # noqa: T201
    return int(any(trial.broken for trial in found) or (day is not None and bool(day.broken)))


def main() -> int:
    """Read the command line and run what it names."""
    parser = argparse.ArgumentParser(prog="python -m tests.agreement", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="how many times vault and exchange come apart")
    parser.add_argument("--hours", type=float, default=24, help="hours of trading in which nothing may differ; 0: none")
    parser.add_argument("--seed", type=int, default=20261124)
    logging.disable(logging.WARNING)
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
