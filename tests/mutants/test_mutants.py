"""The judge of the mutants: what passes, what does not, and that its list is about the program as it is."""

from __future__ import annotations

import ast
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.mutants.functions import is_no_change
from tests.mutants.modules import MODULES, TRANSITION_TESTS, TRANSITIONS
from tests.mutants.result import ENOUGH_PERCENT, Result, Survivor, read_reasons, table
from tests.mutants.transitions import changes_of
from tests.mutants.working_copy import ROOT, open_properties

ONE = Survivor("storage/money.py", "f", "a < b", "a <= b")


def result(mutants: int, survivors: int) -> Result:
    every = tuple(Survivor("storage/money.py", "f", "a", str(number)) for number in range(survivors))
    return Result("storage/money.py", mutants, mutants - survivors, 0, every)


def test_ninety_five_of_a_hundred_are_enough_and_ninety_four_are_not() -> None:
    for survivors, enough in ((5, True), (6, False)):
        judged = result(100, survivors)
        assert judged.good_enough(dict.fromkeys(judged.survivors, "because")) is enough


def test_a_survivor_without_a_reason_is_not_good_enough() -> None:
    judged = Result("storage/money.py", 100, 99, 0, (ONE,))
    assert judged.unexplained({}) == [ONE]
    assert not judged.good_enough({})
    assert judged.good_enough({ONE: "because"})


def test_a_module_without_mutants_proves_nothing() -> None:
    assert not Result("storage/money.py", 0, 0, 0, ()).good_enough({})


def test_a_mutant_out_of_time_is_noticed_and_a_survivor_with_a_reason_is_not() -> None:
    assert Result("m", 4, 1, 2, (ONE,)).percent == 75.0
    assert "75.0" in table([Result("m", 4, 1, 2, (ONE,))])


def test_a_reason_is_never_empty(tmp_path: Path) -> None:
    row = '[[equivalent]]\nmodule = "m"\nfunction = "f"\nwas = "a"\nbecomes = "b"\nreason = "{}"\n'
    (tmp_path / "s.toml").write_text(row.format(" "))
    with pytest.raises(ValueError, match="no reason is given"):
        read_reasons(tmp_path / "s.toml")
    (tmp_path / "s.toml").write_text(row.format("so"))
    assert read_reasons(tmp_path / "s.toml") == {Survivor("m", "f", "a", "b"): "so"}


@pytest.mark.parametrize(
    ("was", "becomes", "none"),
    [
        ('Side(row["side"])', 'Side(row["SIDE"])', True),
        ('Side(row["side"])', 'Side(row["XXsideXX"])', False),
        ('Side(row["side"])', "Side(None)", False),
        ('said["side"]', 'said["SIDE"]', False),
        ('row["side"] == "buy"', 'row["side"] == "BUY"', False),
    ],
)
def test_a_column_in_capitals_is_no_change_and_everything_else_is(was: str, becomes: str, none: bool) -> None:
    assert is_no_change(Survivor("m", "f", was, becomes)) is none


@pytest.mark.parametrize("survivor", read_reasons(), ids=str)
def test_every_reason_is_about_lines_that_are_there(survivor: Survivor) -> None:
    source = (ROOT / survivor.module).read_text(encoding="utf-8")
    assert survivor.module in (*MODULES, TRANSITIONS)
    assert all(line.strip() in source for line in survivor.was.splitlines()) or survivor.function.isupper()


def test_every_module_and_every_file_of_tests_is_there() -> None:
    for path in (*MODULES, TRANSITIONS, *TRANSITION_TESTS, *(test for tests in MODULES.values() for test in tests)):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("module", MODULES)
def test_properties_stay_what_they_are_when_they_are_opened(module: str) -> None:
    source = (ROOT / module).read_text(encoding="utf-8")
    opened = ast.parse(open_properties(source))
    properties = source.count("    @property\n")
    assert ast.unparse(opened).count("@property") == 0
    assert ast.unparse(opened).count(" = property(") == properties


def test_every_change_of_the_transitions_is_a_script_that_runs() -> None:
    script = ROOT / TRANSITIONS
    changes = changes_of(script)
    scripts = {path.name: path.read_text(encoding="utf-8") for path in sorted(script.parent.glob("[0-9]*.sql"))}
    assert len({change.names for change in changes}) > 250
    rows = [change for change in changes if change.names.function == "legal_transitions"]
    triggers = [change for change in changes if change not in rows and change.names.becomes != "0"]
    for change in (*rows[::20], *triggers):
        name, changed = change.make.args  # type: ignore[attr-defined]
        assert changed != scripts[name], change.names
        with closing(sqlite3.connect(":memory:")) as db:
            for each in ({**scripts, name: changed}).values():
                db.executescript(each)


def test_the_figures_hold_every_module_and_none_below_the_bound() -> None:
    figures = json.loads((ROOT / "tests/figures/mutants.json").read_text(encoding="utf-8"))
    assert set(figures) == {TRANSITIONS, *MODULES}
    for module, of_it in figures.items():
        assert of_it["killed"] + of_it["out of time"] + of_it["survived"] == of_it["mutants"], module
        assert of_it["percent"] >= ENOUGH_PERCENT, module
