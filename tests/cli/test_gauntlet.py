"""``oracle gauntlet``: a table for people, a document for programs, an exit code that says what was proved."""

from __future__ import annotations

import json

import pytest

from console.cli import run_command_line
from console.gauntlet.report import Report


def test_a_proof_ends_with_0_and_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["gauntlet", "--runs", "1", "--seed", "8", "--json"]) == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert shown.err == ""
    assert document == Report.model_validate(document).model_dump(mode="json")
    assert (document["runs"], document["seed"], document["verdict"]) == (1, 8, "proved")
    assert document["policies"][0] == {
        "policy": "this program", "one_order": 1, "no_order": 0, "duplicates": 0, "lost": 0, "unresolved": 0,
    }  # fmt: skip


def test_no_proof_ends_with_1_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["gauntlet", "--runs", "1", "--seed", "17"]) == 1
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].split("  ")[0] == "policy"
    assert [line.split("  ")[0] for line in lines[1:5]] == [
        "this program", "failed on timeout", "retry on timeout", "three look-ups",
    ]  # fmt: skip
    assert lines[5].startswith("proved nothing: ")
    assert shown.err == ""


def test_a_gauntlet_of_no_runs_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["gauntlet", "--runs", "0"]) == 2
    assert "--runs" in capsys.readouterr().err
