"""The README is true: its links point where they say, its commands and keys exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINE_LINK = re.compile(r"\[`([^`]+)`\]\(([\w./-]+)#L(\d+)\)")
"""A link whose text stands in the line it points to."""

LINKS = LINE_LINK.findall(README)


def test_every_guarantee_names_its_lines() -> None:
    rows = [line for line in README.splitlines() if re.match(r"\| [1-7] \|", line)]
    assert len(rows) == 7
    assert all(LINE_LINK.search(row) for row in rows)


@pytest.mark.parametrize(("text", "path", "line"), LINKS, ids=[f"{path}:{line}" for _, path, line in LINKS])
def test_a_linked_line_holds_what_the_link_says(text: str, path: str, line: str) -> None:
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    found = [number for number, content in enumerate(lines, start=1) if text in content]
    assert int(line) in found, f"{text!r} stands in {path} at {found}, not at {line}"


def test_every_other_link_points_to_a_file() -> None:
    paths = re.findall(r"\]\(([^)#]+)", README)
    assert paths
    for path in paths:
        assert (ROOT / unquote(path)).exists(), path


def test_every_command_it_names_exists() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "console", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    known = set(re.findall(r"^  (\w+)  ", done.stdout, re.MULTILINE))
    named = set(re.findall(r"`oracle (\w+)", README))
    assert named <= known, named - known


def test_every_key_it_names_is_an_action() -> None:
    from console.actions import ACTIONS, key_label

    labels = {key_label(key) for action in ACTIONS for key in action.keys} | {k for a in ACTIONS for k in a.keys}
    table = README.partition("## Keys")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert named
    assert set(named) <= labels, set(named) - labels


def relinked(text: str) -> str:
    """The README with every line number renewed; run this file to write it."""

    def renew(found: re.Match[str]) -> str:
        words, path, line = found.groups()
        lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
        numbers = [number for number, content in enumerate(lines, start=1) if words in content]
        number = int(line) if int(line) in numbers or not numbers else numbers[0]
        return f"[`{words}`]({path}#L{number})"

    return LINE_LINK.sub(renew, text)


if __name__ == "__main__":
    (ROOT / "README.md").write_text(relinked(README), encoding="utf-8")
