"""``python -m tests.mutants``: changes the rules one at a time and sees whether a test notices.

Exit code 1 if fewer than 95 % of a module's changes are noticed, or one that is not has no reason in survivors.toml.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutants import constants, transitions
from tests.mutants.forked import run_forked
from tests.mutants.functions import run_functions
from tests.mutants.modules import MODULES, TRANSITION_TESTS, TRANSITIONS
from tests.mutants.result import Result, read_reasons, table
from tests.mutants.working_copy import ROOT, make_working_copy

EVERYTHING = (TRANSITIONS, *MODULES)


def run_one(folder: Path, module: str, jobs: int) -> Result:
    """Every mutant of one module: of its functions and of its constants; of the transitions, of rows and triggers."""
    if module == TRANSITIONS:
        # The test that compares the table with a list of its own would notice each row: what rows do has to be seen.
        unlisted = ("-k", "not exactly_the_legal_transitions")
        return run_forked(module, transitions.changes_of(ROOT / TRANSITIONS), TRANSITION_TESTS, jobs, *unlisted)
    result = run_functions(folder, module, MODULES[module], jobs)
    changes = constants.changes_of(module)
    return result + run_forked(module, changes, MODULES[module], jobs) if changes else result


def run(folder: Path, modules: Sequence[str], jobs: int) -> list[Result]:
    """Every mutant of these modules, told as they end."""
    results = []
    for module in modules:
        began = time.monotonic()
        result = run_one(folder, module, jobs)
        results.append(result)
        print(f"{module}: {result.mutants} in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)  # noqa: T201
    return results


def main() -> int:
    """Read the command line, run, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--modules", nargs="+", choices=EVERYTHING, metavar="MODULE", default=EVERYTHING)
    parser.add_argument("--jobs", type=int, default=2, help="how many mutants run at once")
    parser.add_argument(
        "--home", type=Path, help="folder for the copy that is mutated, kept; else one that is thrown away"
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    asked = parser.parse_args()
    reasons = read_reasons()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="oracle-mutants-") as thrown_away:
        folder = make_working_copy(asked.home if asked.home is not None else Path(thrown_away))
        results = run(folder, asked.modules, asked.jobs)
    for survivor in (each for result in results for each in result.unexplained(reasons)):
        print(f"not noticed: {survivor}")  # noqa: T201
    print(table(results))  # noqa: T201
    if asked.json is not None:
        report = {
            "minutes": round((time.monotonic() - began) / 60, 1),
            "modules": [result.as_json() for result in results],
        }
        asked.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0 if all(result.good_enough(reasons) for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
