"""``python -m tests.gauntlet crash``: prints the table, exit code 1 if anything is broken."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from storage.crash_points import POINTS
from tests.gauntlet.cell import Cell
from tests.gauntlet.crash import mark, run_matrix
from tests.gauntlet.faults import FAULTS


def crash(asked: argparse.Namespace) -> int:
    """Play the matrix."""
    began = time.monotonic()

    def told(cell: Cell, done: int, whole: int) -> None:
        if cell.broken or done % 20 == 0 or asked.verbose:
            line = f"{done}/{whole} {time.monotonic() - began:.0f} s  {mark(cell)} {cell.point} {cell.fault}"
            print(line, cell.state, f"{cell.seconds} s", *cell.broken, file=sys.stderr, flush=True)  # noqa: T201

    points, faults = asked.points or list(POINTS), asked.faults or list(FAULTS)
    if asked.home is not None:
        asked.home.mkdir(parents=True, exist_ok=True)
    matrix = run_matrix(points, faults, seed=asked.seed, jobs=asked.jobs, most=asked.most, folder=asked.home, told=told)
    report = {"minutes": round((time.monotonic() - began) / 60, 1), **matrix.as_json()}
    print(matrix.table())  # noqa: T201
    figures = matrix.figures()
    print(f"seed {asked.seed}:", ", ".join(f"{number} {name}" for name, number in figures.items()))  # noqa: T201
    if asked.json is not None:
        asked.json.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if figures["broken"] else 0


def main() -> int:
    """Read the command line and run what it names."""
    parser = argparse.ArgumentParser(prog="python -m tests.gauntlet", description=__doc__)
    trials = parser.add_subparsers(dest="trial", required=True)
    one = trials.add_parser("crash", help="every crash point under every fault of the simulated exchange")
    one.add_argument("--seed", type=int, default=20261124, help="shuffles the order of the cells")
    one.add_argument("--points", nargs="+", choices=list(POINTS), metavar="POINT")
    one.add_argument("--faults", nargs="+", choices=FAULTS, metavar="FAULT")
    one.add_argument("--most", type=int, help="play no more cells than this, spread over all points and faults")
    one.add_argument("--jobs", type=int, default=2, help="how many cells may keep the machine busy at once")
    one.add_argument("--home", type=Path, help="folder for the data folders; those of broken cells are kept there")
    one.add_argument("--json", type=Path, help="also write the report to this file")
    one.add_argument("--verbose", action="store_true", help="a line for every cell")
    one.set_defaults(run=crash)
    asked = parser.parse_args()
    return int(asked.run(asked))


if __name__ == "__main__":
    sys.exit(main())
