"""``make bench``: how quick the program is, idle and under a fast feed; prints figures and writes them as JSON."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.bench.exchange import measure_exchange
from tests.bench.feed import measure_feed
from tests.bench.minimal import WORDS
from tests.bench.others import measure_others
from tests.bench.pages import measure_pages
from tests.bench.timed import ORACLE, ROOT, Cost, OnTerminal, environment, run_to_end

PYTHON: Final = sys.executable
MINIMAL: Final = (PYTHON, "-m", "tests.bench.minimal")
ROW: Final = rb"(BUY|SELL) +[A-Z]+-EUR"
FIGURES: Final = Path(__file__).parents[1] / "figures" / "bench.json"
SETTLED_S: Final = 20.0
"""After its start a console loads what it needs later; idle begins after that."""


def typical(run: Callable[[], Cost], times: int) -> dict[str, float]:
    """The median of several runs, in seconds."""
    costs = [run() for _ in range(times)]
    return {"wall_s": round(median(c.wall for c in costs), 3), "cpu_s": round(median(c.cpu for c in costs), 3)}


def first_text(arguments: Sequence[str], home: Path, pattern: bytes) -> Cost:
    """From the start of a program to a text on its terminal."""
    program = OnTerminal(arguments, environment(home), home, columns=120, rows=36)
    try:
        return program.until(pattern)
    finally:
        program.end()


def idle_share(home: Path, seconds: float) -> float:
    """The share of one core that a console uses when nobody touches it, its jobs included."""
    program = OnTerminal([*ORACLE, "run"], environment(home), home, columns=120, rows=36)
    try:
        program.read_for(SETTLED_S)
        before, began = program.cost().cpu, time.perf_counter()
        program.read_for(seconds)
        return round((program.cost().cpu - before) / (time.perf_counter() - began), 4)
    finally:
        program.end()


def measure(home: Path, times: int, idle_s: float) -> dict[str, Any]:
    """All figures; the simulated exchange is kept running by a console beside the measured ones."""
    env = environment(home)
    beside = OnTerminal([*ORACLE, "run"], env, home, columns=80, rows=24)
    try:
        beside.until(ROW)
        beside.read_for(5.0)
        figures = {
            "import_textual": typical(lambda: run_to_end([PYTHON, "-c", "import textual.app"], env), times),
            "help": typical(lambda: run_to_end([*ORACLE, "--help"], env), times),
            "status_json": typical(lambda: run_to_end([*ORACLE, "status", "--json"], env), times),
            "minimal_first_text": typical(lambda: first_text(MINIMAL, home, WORDS.encode()), times),
            "console_first_rows": typical(lambda: first_text([*ORACLE, "run"], home, ROW), times),
            "commit_of_another_shown": measure_others(home),
        }
    finally:
        beside.end()
    rows, least = figures["console_first_rows"], figures["minimal_first_text"]
    figures["console_over_minimal"] = {name: round(rows[name] / least[name], 2) for name in rows}
    return {**figures, "idle_share_of_a_core": idle_share(home, idle_s), "history": measure_pages(home)}


def git(*arguments: str) -> str:
    """What git says of this tree; nothing where it is no checkout."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main() -> int:
    """Read the command line, measure, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, default=FIGURES, help="the file")
    parser.add_argument("--times", type=int, default=7, help="runs of each; the median counts")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds to watch an idle console for")
    parser.add_argument("--hours", type=int, default=8, help="hours of the exchange's stepped clock; 0 leaves them out")
    asked = parser.parse_args()
    load_before = round(os.getloadavg()[0], 2)
    with tempfile.TemporaryDirectory(prefix="oracle-bench-", ignore_cleanup_errors=True) as folder:
        figures = measure(Path(folder), asked.times, asked.idle) | measure_feed(asked.idle)
    figures |= measure_exchange(asked.hours)
    report = {
        "commit": git("rev-parse", "HEAD"),
        "program_changed_since": bool(git("status", "--porcelain", "--", "console", "storage")),
        "cores": os.cpu_count(),
        "load_before": load_before,
        "load_after": round(os.getloadavg()[0], 2),
        **figures,
    }
    text = json.dumps(report, indent=1)
    print(text)  # noqa: T201 - the figures are what this command is for
    asked.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
