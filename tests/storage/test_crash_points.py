"""Crash points: where they are, that they are off without the variable, and that they never work in LIVE."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from storage import crash_points
from storage.codes import Mode
from storage.crash_points import BEFORE_HEAD, POINTS, committed, reached, require_tests_only
from storage.database import Vault
from storage.errors import WrongMode
from tests.support import opened_vault

ROOT = Path(__file__).parents[2]


def points_in_code() -> list[str]:
    """The points that the sources name, each as often as it is named by ``reached``."""
    found = []
    for path in (path for folder in ("console", "storage") for path in (ROOT / folder).rglob("*.py")):
        if "crash_points import" not in (text := path.read_text(encoding="utf-8")):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "reached":
                found.append(ast.literal_eval(node.args[0]))
    return found


def test_every_point_stands_in_the_code_once() -> None:
    assert sorted([*points_in_code(), *set(BEFORE_HEAD.values())]) == sorted(POINTS)


def armed(monkeypatch: pytest.MonkeyPatch, point: str) -> list[str]:
    died: list[str] = []
    monkeypatch.setattr(crash_points, "_armed", point)
    monkeypatch.setattr(crash_points, "_die", lambda: died.append(point))
    return died


def test_a_process_dies_at_the_named_point_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    died = armed(monkeypatch, "submit.begun")
    reached("submit.signed")
    committed("execution.submitting")
    assert died == []
    reached("submit.begun")
    assert died == ["submit.begun"]


def test_a_process_dies_between_commit_and_head(monkeypatch: pytest.MonkeyPatch) -> None:
    died = armed(monkeypatch, "submit.before-head")
    committed("execution.claimed")
    assert died == []
    committed("execution.submitting")
    assert died == ["submit.before-head"]


async def test_no_live_vault_opens_where_a_point_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    armed(monkeypatch, "resume.recorded")
    with pytest.raises(WrongMode, match="ORACLE_CRASH_AT is for tests in PAPER"):
        async with opened_vault(tmp_path / "live", mode=Mode.LIVE):
            pass
    assert not (tmp_path / "live").exists()
    async with opened_vault(tmp_path / "paper") as vault:
        assert isinstance(vault, Vault)


def test_a_name_that_is_no_point_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    armed(monkeypatch, "submit.begum")
    with pytest.raises(WrongMode, match=r"'submit\.begum', which is no crash point"):
        require_tests_only(Mode.PAPER)
