"""Several processes on one vault: each sees the others at once, due times are run once, and none of them killed at any
moment makes a second order.

``make soak`` does it for an hour.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import pytest

from console.clock import SystemClock
from tests.cli.kit import (
    AMOUNT,
    activate,
    broken_promises,
    exchange_rows,
    oracle,
    oracle_json,
    propose,
    vault_rows,
    wait_until,
)
from tests.cli.test_worker import Running, running
from tests.terminal.pseudo_terminal import Terminal
from tests.terminal.test_console import SELECTED, fire_the_selected

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("several")]

LOOK_EVERY_S = 10
MARKETS = ("ADA-EUR", "BTC-EUR", "ETH-EUR", "SOL-EUR", "XRP-EUR")
SOAK_S = 12.0
SEED = 20261124
SEEN_WITHIN_US = 2_000_000
"""Generous for a busy machine; the console itself looks twenty times a second."""


def settings(home: Path) -> None:
    (home / "settings.yaml").write_text(f"intervals: {{look_seconds: {LOOK_EVERY_S}}}\n")


def looks(home: Path) -> list[int]:
    return [row[0] for row in vault_rows(home, "SELECT at FROM gpt_usage_log WHERE oracle = 'rules/look' ORDER BY at")]


@contextmanager
def many(home: Path) -> Iterator[tuple[list[Running], list[Terminal]]]:
    """Two workers and two consoles."""
    with ExitStack() as stack:
        workers = [stack.enter_context(running(home, "worker")) for _ in range(2)]
        consoles = [
            stack.enter_context(Terminal(["run"], columns=columns, rows=40, home=home)) for columns in (120, 80)
        ]
        yield workers, consoles


def sees(terminals: list[Terminal], words: str, seconds: float = 10.0) -> int:
    """Read all terminals until each shows the words; when the last one did (microseconds)."""
    until = time.monotonic() + seconds
    while True:
        for terminal in terminals:
            terminal.pump(0.005)
        if all(words in terminal.text() for terminal in terminals):
            return SystemClock().now()
        assert time.monotonic() < until, "\n".join(terminal.text() for terminal in terminals)


def test_two_consoles_and_two_workers_share_one_vault(tmp_path: Path) -> None:
    settings(tmp_path)
    with many(tmp_path) as (workers, consoles):
        for terminal in consoles:
            terminal.wait_for(SELECTED, 30)
        # Another process's commit is on every screen at once.
        delays = []
        for number, market in enumerate(MARKETS[2:4]):
            note = f"why {number}"
            proposal = propose(tmp_path, market, "buy", "--why", note)
            created = dict(vault_rows(tmp_path, "SELECT id, created_at FROM trade_proposals"))[proposal]
            delays.append(sees(consoles, f"{proposal} BUY  {market}") - created)
        assert min(delays) < SEEN_WITHIN_US, delays
        # What one of them fires, all tell.
        fire_the_selected(consoles[0])
        sees(consoles, "FILLED", 15)
        for worker in workers:
            worker.wait_for("FILLED: bought")
        # The others go on without the one that ends, and each due time is run by one of the four.
        made = len(looks(tmp_path))
        assert workers[0].end() == 0
        wait_until(lambda: len(looks(tmp_path)) >= made + 1, 3 * LOOK_EVERY_S)
        assert workers[1].end() == 0
    times = looks(tmp_path)
    assert len(times) <= (times[-1] - times[0]) / (LOOK_EVERY_S * 1e6) + 2
    assert broken_promises(tmp_path) == []
    assert len(exchange_rows(tmp_path, "SELECT order_id FROM orders")) == 1
    oracle(tmp_path, "verify")


def fire_twice(home: Path, proposal: int, random: Random) -> None:
    """Two shells ask for the same order, and one of them is killed at some moment around its firing."""
    with ExitStack() as stack:
        shells = [stack.enter_context(Terminal(["execute", str(proposal)], home=home)) for _ in range(2)]
        for shell in shells:
            found = shell.wait_for(rf"{AMOUNT}|refused: |VAULT_|UNKNOWN|is not ", 30, on_screen=False)
            if found.group(1):
                shell.send(f"{found.group(1)}\n")
        victim = random.choice(shells)
        until = time.monotonic() + random.uniform(0.0, 0.15)
        while time.monotonic() < until:
            victim.pump(0.002)
        # Leaving the block kills both, wherever they are.
        other = shells[1 - shells.index(victim)]
        victim.kill()
        if random.random() < 0.5:
            assert other.wait_exit(30) in (0, 1, 3)


@pytest.mark.slow
@pytest.mark.timeout(SOAK_S * 3 + 150)
def test_killed_at_any_moment_they_make_no_second_order(tmp_path: Path) -> None:
    random = Random(SEED)
    settings(tmp_path)
    activate(tmp_path, cooldown_min=0, anti_flip_min=0, trades={"per_day": 1000, "per_hour": 500})
    with ExitStack() as stack:
        workers = [stack.enter_context(running(tmp_path, "worker")) for _ in range(2)]
        until = time.monotonic() + SOAK_S
        while time.monotonic() < until:
            proposal = propose(tmp_path, random.choice(MARKETS))
            fire_twice(tmp_path, proposal, random)
            victim = random.randrange(2)
            workers[victim].process.kill()
            workers[victim].wait()
            workers[victim] = stack.enter_context(running(tmp_path, "worker"))
        for worker in workers:
            worker.wait_for("worker ")
            assert worker.end() == 0
    assert broken_promises(tmp_path) == []
    oracle(tmp_path, "reconcile", check=False)
    report = oracle(tmp_path, "verify", "--json", check=False)
    assert report.returncode == 0, json.loads(report.stdout)
    assert broken_promises(tmp_path) == []
    # The vault is as usable as before: nothing is locked for good.
    assert oracle_json(tmp_path, "status")["mode"] == "paper"
    assert exchange_rows(tmp_path, "SELECT count(*) FROM orders")[0][0] >= 1
