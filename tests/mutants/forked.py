"""Mutants that are made in a fork of this process: what is imported once is not imported again for each of them."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from tests.mutants.result import Result, Survivor
from tests.mutants.working_copy import PYTEST_ARGUMENTS, ROOT

FEW_EXAMPLES: Final = "tests/mutants/few_examples.py"
NOTICED: Final = int(pytest.ExitCode.TESTS_FAILED)
UNNOTICED: Final = int(pytest.ExitCode.OK)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the program, made by a function in a process of its own."""

    names: Survivor
    make: Callable[[], None]
    only: str = ""
    """Which of the tests (as pytest's ``-k``) have to notice it; all of them if empty."""


_changes: list[Change] = []
_arguments: list[str] = []


def run_forked(name: str, changes: Sequence[Change], tests: Sequence[str], jobs: int) -> Result:
    """Run the tests once unchanged and once for each change.

    Raises RuntimeError if they fail unchanged, or a change breaks more than tests can tell.
    """
    for path in (FEW_EXAMPLES, *tests):  # the first one decides how many examples the others' properties have
        importlib.import_module(path.removesuffix(".py").replace("/", "."))
    unchanged = Change(Survivor(name, "", "", ""), lambda: None)
    _changes[:] = [unchanged, *changes]
    _arguments[:] = ["-x", "-q", "--tb=no", *PYTEST_ARGUMENTS, *(str(ROOT / path) for path in tests)]
    with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        before, *codes = pool.map(_run_one, range(len(_changes)), chunksize=1)
    if before != UNNOTICED:
        raise RuntimeError(f"the tests of {name} fail without any change ({before})")
    if wrong := [str(change.names) for change, code in zip(changes, codes, strict=True) if code not in (0, 1)]:
        raise RuntimeError(f"no test ran under these changes of {name}: {wrong}")
    survivors = [change.names for change, code in zip(changes, codes, strict=True) if code == UNNOTICED]
    return Result(name, len(changes), codes.count(NOTICED), 0, tuple(survivors))


def _run_one(number: int) -> int:
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        _changes[number].make()
        return int(pytest.main([*_arguments, "-k", _changes[number].only]))
