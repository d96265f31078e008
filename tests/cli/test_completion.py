"""Shell completion, asked as the shell's own function asks it: in the environment, without words."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.kit import oracle

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(
    ("line", "at", "offered"),
    [
        ("oracle pol", 1, ["policy"]),
        ("oracle policy ", 2, ["list", "show", "diff", "activate"]),
        ("oracle pro", 1, ["proposals", "propose"]),
        ("oracle saw --li", 2, ["--live"]),
    ],
)
def test_the_shell_is_told_how_its_line_goes_on(tmp_path: Path, line: str, at: int, offered: list[str]) -> None:
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(at), "_ORACLE_COMPLETE": "complete_bash"}
    done = oracle(tmp_path / "none", extra=asked, cwd=tmp_path)
    assert sorted(done.stdout.split()) == sorted(offered)
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_the_script_that_is_shown_is_one_the_shell_reads(tmp_path: Path) -> None:
    shown = oracle(tmp_path, "--show-completion", extra={"SHELL": "/bin/bash"})
    assert "_ORACLE_COMPLETE=complete_bash" in shown.stdout
    subprocess.run(["bash", "-n"], input=shown.stdout, text=True, check=True, timeout=60)
