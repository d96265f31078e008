"""The named statements: all there, all used, each with exactly its parameters."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Final

import pytest

from storage.database import Tx
from storage.queries import QUERY_FOLDER, statements

ROOT: Final = Path(__file__).parents[2]
USE: Final = re.compile(r"\.sql\s*\.(?:one|all|change|insert)\(\s*\"([a-z_]+)\"", re.DOTALL)


def used_names() -> dict[str, set[str]]:
    """Every statement named in the program, with the files that name it."""
    found: dict[str, set[str]] = {}
    for folder in ("storage", "console"):
        for path in (ROOT / folder).rglob("*.py"):
            for name in USE.findall(path.read_text(encoding="utf-8")):
                found.setdefault(name, set()).add(path.name)
    return found


def test_every_statement_that_is_named_exists() -> None:
    assert {name: files for name, files in used_names().items() if name not in statements()} == {}


def test_every_statement_that_exists_is_used() -> None:
    assert sorted(set(statements()) - set(used_names())) == []


def test_no_use_escapes_the_search() -> None:
    # A name built at run time would go past the two tests above.
    for folder in ("storage", "console"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            calls = len(re.findall(r"\bsql\s*\.(?:one|all|change|insert)\(", text))
            assert calls == len(USE.findall(text)), path


def test_every_statement_of_the_files_is_loaded() -> None:
    defined = [
        name
        for path in sorted(QUERY_FOLDER.glob("*.sql"))
        for name in re.findall(r"^-- name: ([a-z_]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert sorted(defined) == sorted(statements())
    assert len(defined) == len(set(defined))


def test_a_statement_declares_the_parameters_it_has() -> None:
    for path in QUERY_FOLDER.glob("*.sql"):
        for name, listed in re.findall(r"^-- name: ([a-z_]+)\(([^)]*)\)", path.read_text(), re.MULTILINE):
            assert statements()[name].parameters == {each.strip() for each in listed.split(",") if each.strip()}, name


@pytest.mark.parametrize("name", sorted(statements()))
def test_every_statement_fits_the_schema(tx: Tx, name: str) -> None:
    statement = statements()[name]
    plan = tx.db.execute(f"EXPLAIN {statement.sql}", dict.fromkeys(statement.parameters))
    assert plan.fetchone() is not None


def test_wrong_parameters_raise_before_anything_runs(tx: Tx) -> None:
    for parameters in ({}, {"id": 1, "more": 2}, {"identity": 1}):
        with pytest.raises(TypeError, match="execution_by_id takes"):
            tx.sql.one("execution_by_id", **parameters)
        with pytest.raises(TypeError):
            tx.sql.all("execution_by_id", **parameters)
        with pytest.raises(TypeError):
            tx.sql.change("ask_cancel", **parameters)
    with pytest.raises(KeyError):
        tx.sql.one("no_such_statement")


def test_insert_gives_the_new_id_and_change_the_number_of_rows(tx: Tx) -> None:
    first = tx.sql.insert("insert_alert", now=1, level="notice", subject="x", text="y")
    assert tx.sql.insert("insert_alert", now=1, level="notice", subject="x", text="y") == first + 1
    assert tx.sql.change("set_exchange_identity", identity="paper/1") == 1
    assert tx.sql.change("ask_cancel", id=999, now=1) == 0
    assert tx.sql.one("execution_by_id", id=999) is None
    assert tx.sql.all("fills_of_execution", execution_id=999) == []


def test_rows_are_read_before_the_call_returns(tx: Tx) -> None:
    rows = tx.sql.all("recent_audit", count=5)
    tx.db.execute("DROP TRIGGER audit_log_no_delete")
    tx.db.execute("DELETE FROM audit_log")
    assert len(rows) == 1
    assert isinstance(rows[0], sqlite3.Row)
