"""Rules of this code base that a reader relies on, held by reading the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for folder in ("console", "storage") for path in (ROOT / folder).rglob("*.py"))

CLOCK_PORT = "console/clock.py"
MONOTONIC_WAITS = {"storage/locking.py", "storage/database.py"}
"""Waits for real locks count real seconds; they decide nothing."""

SEAMS = {
    "storage/checks.py": "a check that breaks is a failed check",
    "console/scheduler/worker.py": "a job that breaks must not end the others",
    "console/execution/executor.py": "whatever breaks while sending, the order may be there",
    "console/runtime.py": "a background loop that ended would go unseen",
    "console/app.py": "the crash itself is being reported",
    "console/cli/context.py": "no traceback ever reaches a terminal",
    "console/cli/stop.py": "a stop stands whatever the exchange does",
}
"""The only places that may catch every exception, each with its reason."""

LONGEST_FUNCTION = 60


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def parsed() -> list[tuple[str, ast.Module]]:
    return [(name_of(path), ast.parse(path.read_text(encoding="utf-8"))) for path in SOURCES]


TREES = parsed()


def test_clocks_and_chance_are_read_in_one_place() -> None:
    forbidden = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today", "uuid4", "uuid.uuid4"}
    forbidden |= {"os.urandom", "secrets.token_bytes", "secrets.token_hex", "random.random", "Random", "random.Random"}
    found = [
        f"{name}:{line} {call}"
        for name, tree in TREES
        if name != CLOCK_PORT
        for call, line in calls(tree)
        if call in forbidden or (call == "time.monotonic" and name not in MONOTONIC_WAITS)
    ]
    assert found == []


def test_only_the_executor_places_and_cancels() -> None:
    """And what the gauntlet compares it with: its clients reach an exchange in their own process and nothing else."""
    senders = {
        name
        for name, tree in TREES
        for call, _ in calls(tree)
        if call.endswith((".place_order", ".cancel_order")) and not name.startswith("console/exchange/")
    }
    assert senders == {"console/execution/executor.py", "console/gauntlet/rivals.py"}


def test_only_the_gate_claims() -> None:
    claimers = {
        name
        for name, tree in TREES
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value == "insert_execution"
        for _ in [node]
    }
    assert claimers == {"storage/gate.py"}


def test_every_exception_is_caught_at_named_seams_only() -> None:
    found = {
        name
        for name, tree in TREES
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in ("Exception",))
    }
    suppressed = {
        name
        for name, tree in TREES
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node) in ("suppress(Exception)",)
    }
    assert found | suppressed <= set(SEAMS), (found | suppressed) - set(SEAMS)


def test_functions_fit_a_screen() -> None:
    long = [
        f"{name}:{node.lineno} {node.name} {node.end_lineno - node.lineno + 1}"
        for name, tree in TREES
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert long == []


def test_money_is_never_a_float() -> None:
    found = [
        f"{name}:{line}"
        for name, tree in TREES
        if name.startswith("storage/")
        for call, line in calls(tree)
        if call == "float"
    ]
    assert found == []


@pytest.mark.parametrize("module", ["console.runtime", "console.cli", "console.scheduler.worker", "storage.gate"])
def test_the_engine_loads_without_the_screen(module: str) -> None:
    code = f"import sys, {module}; print(sorted(m for m in sys.modules if m.split('.')[0] == 'textual'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_storage_loads_without_the_console_and_the_network() -> None:
    code = (
        "import sys, storage.gate, storage.verification, storage.absence, storage.leases; "
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'console', 'textual', 'httpx', 'starlette'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_settings_file_says_what_the_model_says() -> None:
    import yaml

    from console.settings import Settings

    stated = yaml.safe_load((ROOT / "settings.yaml").read_text(encoding="utf-8"))
    assert stated == asdict(Settings())


def test_every_setting_has_a_comment_and_a_docstring() -> None:
    from console.settings import checker, known_keys

    lines = (ROOT / "settings.yaml").read_text(encoding="utf-8").splitlines()
    described = checker().json_schema()["$defs"]
    for key in known_keys():
        section, _, leaf = key.partition(".")
        assert described[section.title()]["properties"][leaf]["description"], key
        at = next(index for index, line in enumerate(lines) if line.strip().startswith(f"{leaf}:"))
        assert lines[at - 1].strip().startswith("#"), key
