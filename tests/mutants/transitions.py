"""Mutants of the table of legal state changes and of the triggers that hold rows to it."""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Final

from storage import schema
from storage.codes import ExecutionState, ProposalState
from tests.mutants.forked import Change
from tests.mutants.result import Survivor

ROW: Final = re.compile(r"\('(\w+)', '(\w+)', '(\w+)'\)")
TRIGGER: Final = re.compile(r"CREATE TRIGGER (\w+).*?^BEGIN.*?END;", re.DOTALL | re.MULTILINE)
TERM: Final = re.compile(
    r"(?:NEW|OLD)\.\w+ (?:<>|=|<|IS NOT|NOT IN|IN) (?:\([^)]*\)|(?:NEW|OLD)\.\w+(?: \+ 1)?|NULL|'\w+')"
)
"""One comparison of a trigger's condition."""

NAME: Final = "storage/migrations/0002_transitions.sql"
WHAT_ROWS_DO: Final = {"proposal": "raw_sql_moves_a_proposal", "execution": "raw_sql_moves_an_execution"}
"""The test that compares the table with a list of its own would notice each row: what rows do has to be seen."""

WHAT_TRIGGERS_DO: Final = {
    "proposal_transition": WHAT_ROWS_DO["proposal"],
    "execution_transition": WHAT_ROWS_DO["execution"],
    "absent_never_had_an_order": "absent or raw_sql_moves_an_execution",
}
OTHER_TRIGGERS: Final = "not raw_sql"

STATES: Final = {"proposal": ProposalState, "execution": ExecutionState}


def changes_of(script: Path) -> list[Change]:
    """Each legal row dropped, each illegal one added, each trigger dropped, each comparison made always or never so.

    A trigger that a later migration makes anew is changed there.
    """
    text = script.read_text(encoding="utf-8")
    changes = [(script.name, *row) for row in _rows(text)]
    for name in (trigger.group(1) for trigger in TRIGGER.finditer(text)):
        latest = max(path for path in script.parent.glob("*.sql") if f"CREATE TRIGGER {name} " in path.read_text())
        changes += [(latest.name, *row) for row in _triggers(latest.read_text(encoding="utf-8"), name)]
    return [
        Change(Survivor(NAME, where, was, becomes), partial(_use, changed, text), _tests_for(where, was, becomes))
        for changed, where, was, becomes, text in changes
    ]


def _tests_for(where: str, was: str, becomes: str) -> str:
    if where == "legal_transitions":
        return WHAT_ROWS_DO[(was or becomes).split()[0]]
    return WHAT_TRIGGERS_DO.get(where, OTHER_TRIGGERS)


def _rows(text: str) -> Iterator[tuple[str, str, str, str]]:
    head, _, rest = text.partition(" VALUES\n")
    table, _, triggers = rest.partition(";\n")
    legal = [match.groups() for match in ROW.finditer(table)]
    every = [(entity, *pair) for entity, states in STATES.items() for pair in product([*states], repeat=2)]
    for row in every:
        if row[1] == row[2]:
            continue
        fewer_or_more = [each for each in legal if each != row] if row in legal else [*legal, row]
        values = ",\n".join(str(tuple(str(part) for part in each)) for each in fewer_or_more)
        was, becomes = (" ".join(row), "") if row in legal else ("", " ".join(row))
        yield "legal_transitions", was, becomes, f"{head} VALUES\n{values};\n{triggers}"


def _triggers(text: str, name: str) -> Iterator[tuple[str, str, str, str]]:
    for trigger in TRIGGER.finditer(text):
        if trigger.group(1) != name:
            continue
        body = trigger.group()
        yield name, "the trigger", "", text.replace(body, "")
        for term in TERM.finditer(body):
            for constant in ("1", "0"):
                changed = body[: term.start()] + f"({constant})" + body[term.end() :]
                yield name, term.group(), constant, text.replace(body, changed)


def _use(name: str, text: str) -> None:
    """Let this process make its vaults by the changed script. Raises sqlite3.Error if that is no SQL."""
    folder = Path(tempfile.mkdtemp(prefix="oracle-mutant-"))
    shutil.copytree(schema.MIGRATION_FOLDER, folder, dirs_exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    schema.MIGRATION_FOLDER = folder  # type: ignore[misc]
    schema.migrations.cache_clear()
    schema.migrations()
    shutil.rmtree(folder)
    schema.migrate(sqlite3.connect(":memory:", isolation_level=None))
