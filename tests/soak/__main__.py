"""``python -m tests.soak``: the long run of several processes; prints its report as JSON, exit code 1 if it failed."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.soak.several import soak


def main() -> int:
    """Read the command line, run, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--report", type=Path, help="also write the report to this file")
    parser.add_argument("--home", type=Path, help="data folder, kept; else one that is thrown away")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oracle-soak-") as folder:
        home = asked.home if asked.home is not None else Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        report = soak(home, asked.seconds, asked.seed)
    text = json.dumps(report.as_json(), indent=1)
    print(text)  # noqa: T201 - the report is what this command is for
    if asked.report is not None:
        asked.report.write_text(text + "\n")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
