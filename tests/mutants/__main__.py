"""``python -m tests.mutants``: changes the rules one at a time and sees whether a test notices.

Exit code 1 if fewer than 95 % of a module's changes are noticed, or one that is not has no reason in survivors.toml.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
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
        return run_forked(module, transitions.changes_of(ROOT / TRANSITIONS), TRANSITION_TESTS, jobs)
    copy = make_working_copy(folder / module.removesuffix(".py").replace("/", "."))
    result = run_functions(copy, module, MODULES[module], jobs)
    changes = constants.changes_of(module)
    return result + run_forked(module, changes, MODULES[module], jobs) if changes else result


def write_figures(file: Path, result: Result) -> None:
    """Put one module's figures into the file; those of the others stay as they were."""
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    known[result.module] = result.as_json()
    file.write_text(json.dumps({name: known[name] for name in EVERYTHING if name in known}, indent=1) + "\n")


def main() -> int:
    """Read the command line, run, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--modules", nargs="+", choices=EVERYTHING, metavar="MODULE", default=EVERYTHING)
    parser.add_argument("--jobs", type=int, default=2, help="how many mutants run at once")
    parser.add_argument(
        "--home",
        type=Path,
        help="folder for the mutated copies, kept: the next run there repeats only what was not noticed",
    )
    parser.add_argument("--json", type=Path, help="also put the figures into this file, module by module")
    asked = parser.parse_args()
    reasons, results = read_reasons(), []
    with tempfile.TemporaryDirectory(prefix="oracle-mutants-") as thrown_away:
        folder = asked.home if asked.home is not None else Path(thrown_away)
        for module in asked.modules:
            result = run_one(folder, module, asked.jobs)
            results.append(result)
            if asked.json is not None:
                write_figures(asked.json, result)
            print(table([result]), file=sys.stderr, flush=True)  # noqa: T201 - some modules take minutes
    for survivor in (each for result in results for each in result.unexplained(reasons)):
        print(f"not noticed: {survivor}")  # noqa: T201
    print(table(results))  # noqa: T201
    return 0 if all(result.good_enough(reasons) for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
