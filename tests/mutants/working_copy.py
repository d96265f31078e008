"""A copy of the tree that mutants may be written to, and what is run in it."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("console", "storage", "tests", "settings.yaml", "pyproject.toml")
PLUGINS = ("pytest_asyncio.plugin", "pytest_timeout", "tests.mutants.few_examples")
"""What the tests need: to load every plugin that is installed takes longer than most tests."""

PYTEST_ARGUMENTS = ("-p", "no:cacheprovider", "--timeout=600", *(word for name in PLUGINS for word in ("-p", name)))
"""The time is long: a busy machine's slow test must not be taken for one that noticed a mutant."""

LEFT_ALONE = (r"^\s*reached\(", r"^\s*log\.")
"""Lines no mutant is made of: crash points, whose names a test of the sources holds, and what is told to the log."""


def make_working_copy(folder: Path) -> Path:
    """Copy what the tests need into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """The environment in which the copy's modules are found before the tree's own."""
    return {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


def configure(folder: Path, module: str, tests: Sequence[str]) -> None:
    """Tell mutmut what to mutate and which tests to run, in the copy's own configuration."""
    lines = {
        "source_paths": ["storage", "console"],
        "only_mutate": [module],
        "also_copy": ["settings.yaml"],
        "pytest_add_cli_args": list(PYTEST_ARGUMENTS),
        "pytest_add_cli_args_test_selection": list(tests),
        "do_not_mutate_patterns": list(LEFT_ALONE),
        "timeout_constant": 30.0,  # seconds, times fifteen: a busy machine is not a mutant that never ends
        "use_git_change_detection": False,
        "track_dependencies": False,
    }
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    text += "\n[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")


def open_properties(source: str) -> str:
    """The same source with each ``@property`` written as an assignment after its function.

    mutmut leaves decorated functions alone, and a property of a class is as good a place for a mistake as any other.
    """
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef) or [ast.unparse(each) for each in node.decorator_list] != ["property"]:
            continue
        end, indent = node.end_lineno, " " * node.col_offset
        assert end is not None
        lines[node.decorator_list[0].lineno - 1] = "\n"
        lines[end - 1] += f"{indent}{node.name} = property({node.name})\n"
    return "".join(lines)


def run_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in the copy."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )
