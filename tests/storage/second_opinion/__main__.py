"""``python -m tests.storage.second_opinion``: many random worlds; prints every disagreement, exit code 1 if any."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.storage.second_opinion.compare import compare


def main() -> int:
    """Read the command line, compare, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.storage.second_opinion", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--show", type=int, default=3, help="how many disagreeing worlds to print in full")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oracle-opinion-") as folder:
        report = compare(Path(folder) / "paper", asked.cases, asked.seed)
    for found in report.disagreements[: asked.show]:
        print(json.dumps(found.as_json(), indent=1))  # noqa: T201 - the report is what this command is for
    print(report.summary())  # noqa: T201
    return 1 if report.disagreements or report.unseen else 0


if __name__ == "__main__":
    sys.exit(main())
