"""The command line as an operator has it: real processes, a real simulated exchange, a data folder per test."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from tests.cli.warm import Warm
from tests.terminal.pseudo_terminal import ORACLE, PATIENCE, ROOT, Terminal

BETWEEN_LOOKS = threading.Event()
"""Never set: waiting for it is the pause between two looks at a condition."""

AMOUNT = r"confirm with: ([0-9]+\.[0-9]{2})\n"


def environment(home: Path, extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """This process's environment with the data folder in it; None takes a variable away."""
    made: dict[str, str | None] = {**os.environ, "ORACLE_CONSOLE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    made.update(extra or {})
    return {name: value for name, value in made.items() if value is not None}


@cache
def warm() -> Warm:
    """The process that commands are forked from; one for each process of tests."""
    return Warm()


def oracle(
    home: Path,
    *arguments: str,
    check: bool = True,
    typed: str = "",
    extra: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, with ``typed`` as its input; one with ``extra`` variables in a fresh interpreter."""
    folder = cwd if cwd is not None else home if home.is_dir() else ROOT
    if extra is None:
        done = warm().run([*arguments], environment(home), folder, typed)
    else:
        done = subprocess.run(
            [*ORACLE, *arguments],
            env=environment(home, extra),
            cwd=folder,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert not any(line.startswith("Traceback") for line in done.stderr.splitlines()), done.stderr
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def oracle_json(home: Path, *arguments: str) -> Any:
    """What a command prints with ``--json``."""
    done = oracle(home, *arguments, "--json")
    assert done.stderr == ""
    return json.loads(done.stdout)


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """A query on a database that others have open."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()


def exchange_rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    """A query on what the exchange accepted."""
    return rows(home / "paper" / "exchange.db", sql)


def vault_rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    """A query on the vault."""
    return rows(home / "paper" / "vault.db", sql)


def orders(home: Path) -> int:
    """How many orders the exchange ever accepted."""
    return int(exchange_rows(home, "SELECT count(*) FROM orders")[0][0])


def refusals(home: Path) -> int:
    """How many refusals of the gate are stored."""
    return int(vault_rows(home, "SELECT count(*) FROM gate_decisions WHERE passed = 0")[0][0])


def propose(home: Path, market: str = "BTC-EUR", side: str = "buy", *more: str) -> int:
    """An operator's proposal of 25 EUR; its id."""
    return int(oracle_json(home, "propose", "--market", market, "--side", side, "--eur", "25", *more)["id"])


def address(home: Path) -> dict[str, Any]:
    """What ``exchange.json`` holds."""
    found: dict[str, Any] = json.loads((home / "paper" / "exchange.json").read_text())
    return found


def spoil(home: Path, faults: str) -> None:
    """Put faults in force at the running exchange."""
    httpx.post(address(home)["control"], json={"faults": faults}).raise_for_status()


def mend(home: Path) -> None:
    """Take all faults away."""
    httpx.post(address(home)["control"], json={"clear": True}).raise_for_status()


def fault_hits(home: Path) -> int:
    """How often a fault has bitten."""
    return sum(rule["hits"] for rule in httpx.get(address(home)["control"]).json()["faults"])


def activate(home: Path, **changes: Any) -> None:
    """Put the policy in force with changes: a mapping changes single fields of a part."""
    policy = oracle_json(home, "policy", "show")
    for name, value in changes.items():
        policy[name] = {**policy[name], **value} if isinstance(value, dict) else value
    path = home / "changed.json"
    path.write_text(json.dumps({**policy, "name": "changed"}))
    oracle(home, "policy", "activate", str(path))


def execute(home: Path, proposal: int, *, typed: str | None = None) -> tuple[int, str]:
    """``oracle execute`` on a terminal, the amount asked for typed unless another is given; exit code and text."""
    with Terminal(["execute", str(proposal)], home=home) as terminal:
        found = terminal.wait_for(rf"{AMOUNT}|refused: |VAULT_", 20, on_screen=False)
        if found.group(1):
            terminal.send(f"{found.group(1) if typed is None else typed}\n")
        return terminal.wait_exit(), terminal.plain()


def wait_until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Look again and again until it is so; AssertionError if it is not in time."""
    until = time.monotonic() + seconds * PATIENCE
    while not condition():
        assert time.monotonic() < until, f"not so within {seconds * PATIENCE} s"
        BETWEEN_LOOKS.wait(0.02)


HOLD_DATABASE = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""

HOLD_LOCK = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(home: Path, how: str) -> Iterator[None]:
    """The vault locked by another process: its ``database`` by SQLite, or the ``file`` its writers queue on."""
    script, name = {"database": (HOLD_DATABASE, "vault.db"), "file": (HOLD_LOCK, "vault.lock")}[how]
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(home / "paper" / name)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        holder.communicate("")


def broken_promises(home: Path) -> list[str]:
    """What must hold after anything, a sentence for each that does not.

    At most one order at the exchange for each proposal, each of them known here, and no due time completed twice.
    """
    broken = []
    accepted = [row[0] for row in exchange_rows(home, "SELECT client_order_id FROM orders")]
    sent = dict(vault_rows(home, "SELECT client_order_id, proposal_id FROM trade_executions"))
    if unknown := sorted(set(accepted) - set(sent)):
        broken.append(f"orders the vault does not know: {unknown}")
    per_proposal = Counter(sent[order] for order in accepted if order in sent)
    if more := [proposal for proposal, number in per_proposal.items() if number > 1]:
        broken.append(f"more than one order for the proposals {more}")
    due = "SELECT job, due_at, count(*) FROM job_runs WHERE completed = 1 GROUP BY job, due_at HAVING count(*) > 1"
    if twice := vault_rows(home, due):
        broken.append(f"due times completed twice: {twice}")
    return broken
