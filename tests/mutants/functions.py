"""Mutants of functions and methods, made and run by mutmut."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.mutants.result import Result, Survivor
from tests.mutants.working_copy import ROOT, configure, open_properties, run_python

KILLED: Final = frozenset({1, 3})
TIMED_OUT: Final = frozenset({36, 24, -24, 152, 255, -9})
"""Out of time is noticed, too: a loop without an end does not pass its tests."""

ROW_COLUMN: Final = re.compile(r'\brow\["\w+"\]')


def run_functions(folder: Path, module: str, tests: Sequence[str], jobs: int) -> Result:
    """Mutate one module's functions in a working copy.

    What was killed in that copy before is not run again while its function stays the same.
    Raises RuntimeError if mutmut cannot run, or left a mutant unanswered.
    """
    _forget_all_but_the_killed(folder / "mutants", module)
    source = (ROOT / module).read_text(encoding="utf-8")
    (folder / module).write_text(open_properties(source), encoding="utf-8")
    configure(folder, module, tests)
    ran = run_python(folder, "-m", "mutmut", "run", "--max-children", str(jobs))
    answers = folder / "mutants" / f"{module}.meta"
    if ran.returncode != 0 or not answers.exists():
        raise RuntimeError(
            f"mutmut ended with {ran.returncode} for {module}:\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}"
        )
    (folder / module).write_text(source, encoding="utf-8")
    codes: dict[str, int | None] = json.loads(answers.read_text(encoding="utf-8"))["exit_code_by_key"]
    if any(code is None for code in codes.values()):
        raise RuntimeError(f"mutmut has not run every mutant of {module}")
    killed = sum(code in KILLED for code in codes.values())
    timed_out = sum(code in TIMED_OUT for code in codes.values())
    names = [name for name, code in codes.items() if code not in KILLED | TIMED_OUT]
    survivors = [each for name in names if not is_no_change(each := _survivor(folder, module, name))]
    return Result(module, killed + timed_out + len(survivors), killed, timed_out, tuple(survivors))


def _forget_all_but_the_killed(folder: Path, module: str) -> None:
    """Let mutmut run again what no test noticed, by the sources and tests as they are now; alone it keeps them all."""
    answers = folder / f"{module}.meta"
    told = json.loads(answers.read_text(encoding="utf-8")) if answers.exists() else None
    shutil.rmtree(folder, ignore_errors=True)
    if told is not None:
        codes = told["exit_code_by_key"]
        told["exit_code_by_key"] = {name: code if code in KILLED else None for name, code in codes.items()}
        answers.parent.mkdir(parents=True)
        answers.write_text(json.dumps(told), encoding="utf-8")


def is_no_change(survivor: Survivor) -> bool:
    """Whether it is none: ``sqlite3.Row`` finds a column by its name in any case, so capitals there change nothing."""
    was, becomes = (
        ROW_COLUMN.sub(lambda match: match.group().lower(), text) for text in (survivor.was, survivor.becomes)
    )
    return was == becomes


def _survivor(folder: Path, module: str, name: str) -> Survivor:
    shown = run_python(folder, "-m", "mutmut", "show", name).stdout.splitlines()
    was = [line[1:].strip() for line in shown if line.startswith("-") and not line.startswith("---")]
    becomes = [line[1:].strip() for line in shown if line.startswith("+") and not line.startswith("+++")]
    function = name.rpartition(".")[2].partition("__mutmut_")[0].removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    return Survivor(module, function, "\n".join(was), "\n".join(becomes))
