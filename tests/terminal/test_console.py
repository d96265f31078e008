"""The console on a real terminal: from the first paint to a filled order, at both sizes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.cli.kit import exchange_rows, oracle, oracle_json, vault_rows
from tests.terminal.pseudo_terminal import ROOT, Terminal

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("console-terminal")]

SELECTED = r"▸ *\d+ +(BUY|SELL) "
ARMED_FOR_S = 0.3
OUTCOME_READ_S = 0.9
"""The card of an outcome closes by q once it could be read."""
"""Firing counts from 250 ms after ARMED was painted."""


def read_on(terminal: Terminal, seconds: float) -> None:
    """Let real time pass on the terminal, reading."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        terminal.pump(0.02)


def fire_the_selected(terminal: Terminal) -> None:
    terminal.send("e")
    terminal.wait_for(r"READY|TYPE +\d", 10)
    terminal.send("\r")
    terminal.wait_for("ARMED", 5)
    read_on(terminal, ARMED_FOR_S)
    terminal.send("F")


@pytest.mark.parametrize(("columns", "rows"), [(120, 40), (80, 24)])
def test_a_fresh_console_fills_its_first_proposal(tmp_path: Path, columns: int, rows: int) -> None:
    with Terminal([], columns=columns, rows=rows, home=tmp_path) as terminal:
        terminal.wait_for("PAPER", 10)
        terminal.wait_for(SELECTED, 10)
        fire_the_selected(terminal)
        terminal.wait_for("FILLED", 10)
        close_the_outcome(terminal)
        (trade,) = oracle_json(tmp_path, "history")
        assert trade["status"] == "confirmed"
        assert len(exchange_rows(tmp_path, "SELECT order_id FROM orders")) == 1
        leave(terminal)
    assert oracle(tmp_path, "verify").returncode == 0
    # The terminal's extended keyboard protocol is never asked for.
    assert re.search(rb"\x1b\[[>=]\d*u", terminal.written) is None


def close_the_outcome(terminal: Terminal) -> None:
    """Read the card, which may appear after the history has the trade, and close it."""
    terminal.wait_for("Enter closes", 10)
    read_on(terminal, OUTCOME_READ_S)
    terminal.send("q")
    terminal.wait_gone("Enter closes")


def leave(terminal: Terminal) -> None:
    """From the dashboard, by the leave bar."""
    terminal.send("q")
    terminal.wait_for("Enter leaves|Enter +leave", 5)
    terminal.send("\r")
    assert terminal.wait_exit() == 0


def test_the_title_says_how_it_stands_and_is_gone_afterwards(tmp_path: Path) -> None:
    with Terminal([], home=tmp_path) as terminal:
        terminal.wait_for(SELECTED, 15)
        terminal.wait_for(r"\x1b\]2;PAPER \d rdy UNK0 \+?0\.00\x07", 10, on_screen=False)
        read_on(terminal, 1.5)
        leave(terminal)
    titles = re.findall(r"\x1b\]2;([^\x07]*)\x07", terminal.plain())
    assert titles[-1] == ""
    assert all(one != other for one, other in pairwise(titles)), "written again though nothing had changed"


def test_a_dumb_terminal_gets_no_title(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.terminal.pseudo_terminal.TERM", "dumb")
    with Terminal([], home=tmp_path) as terminal:
        terminal.wait_for(SELECTED, 15)
        leave(terminal)
    assert "\x1b]2;" not in terminal.plain()


def test_stray_key_reports_do_no_harm_and_the_order_still_fires(tmp_path: Path) -> None:
    with Terminal([], home=tmp_path) as terminal:
        terminal.wait_for(SELECTED, 15)
        terminal.send("e")
        terminal.wait_for(r"READY", 10)
        terminal.send("\r")
        terminal.wait_for("ARMED", 5)
        for stray in (b"\x1b[102;2;70u", b"\x1b[57441;2u", b"\x1b[102:70;2u"):
            terminal.send(stray)
            read_on(terminal, 0.4)
        assert exchange_rows(tmp_path, "SELECT order_id FROM orders") == []
        if "ARMED" in terminal.text():
            terminal.send("x")  # any other key disarms
        terminal.wait_for("READY", 10)
        read_on(terminal, 0.4)
        terminal.send("\r")
        terminal.wait_for("ARMED", 5)
        read_on(terminal, ARMED_FOR_S)
        terminal.send("F")
        terminal.wait_for("FILLED", 10)
    assert len(exchange_rows(tmp_path, "SELECT order_id FROM orders")) == 1


def test_enter_alone_never_fires(tmp_path: Path) -> None:
    with Terminal([], columns=80, rows=24, home=tmp_path) as terminal:
        terminal.wait_for(SELECTED, 15)
        terminal.send("e")
        terminal.wait_for("READY", 10)
        terminal.send("\r\r\r\r\r")
        read_on(terminal, 1.0)
        terminal.send("\r")
        read_on(terminal, 1.0)
    assert exchange_rows(tmp_path, "SELECT order_id FROM orders") == []


def test_h_enter_halts_and_a_restart_is_still_halted(tmp_path: Path) -> None:
    with Terminal([], columns=80, rows=24, home=tmp_path) as terminal:
        terminal.wait_for(SELECTED, 15)
        terminal.send("h")
        terminal.wait_for("Enter HALT", 5)
        read_on(terminal, 0.3)
        terminal.send("\r")
        terminal.wait_for("HALTED", 15)
        terminal.wait_for("no order can leave", 15)
    assert oracle_json(tmp_path, "status")["trading_state"] == "HALTED"
    with Terminal([], columns=80, rows=24, home=tmp_path) as terminal:
        terminal.wait_for("HALTED", 15)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed here")
def test_the_same_inside_tmux(tmp_path: Path) -> None:
    socket = str(tmp_path / "tmux")
    environment = {**os.environ, "ORACLE_CONSOLE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}

    def tmux(*arguments: str) -> str:
        done = subprocess.run(["tmux", "-S", socket, *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def wait_for(pattern: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        while re.search(pattern, shown := tmux("capture-pane", "-p")) is None:
            assert time.monotonic() < until, f"{pattern!r} did not show:\n{shown}"

    tmux("new-session", "-d", "-x", "120", "-y", "40", f"{sys.executable} -m console")
    try:
        wait_for(SELECTED, 15)
        tmux("send-keys", "e")
        wait_for("READY", 10)
        tmux("send-keys", "Enter")
        wait_for("ARMED", 5)
        until = time.monotonic() + ARMED_FOR_S
        while time.monotonic() < until:
            tmux("capture-pane", "-p")
        tmux("send-keys", "F")
        wait_for("FILLED", 10)
    finally:
        tmux("kill-server")
    assert len(exchange_rows(tmp_path, "SELECT order_id FROM orders")) == 1


def processes_with(home: Path) -> list[int]:
    """Consoles that still run on this data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            environment = (entry / "environ").read_bytes() if entry.name.isdigit() else b""
            command = (entry / "cmdline").read_bytes() if environment else b""
        except OSError:
            continue
        if f"ORACLE_CONSOLE_HOME={home}\0".encode() in environment and b"console.paper" not in command:
            found.append(int(entry.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_polite_kill_is_a_clean_stop(tmp_path: Path, number: signal.Signals) -> None:
    with Terminal([], home=tmp_path) as terminal:
        terminal.wait_for(SELECTED, 15)
        os.kill(terminal.pid, number)
        assert terminal.wait_exit() == 0
    (keeper,) = vault_rows(tmp_path, "SELECT holder FROM scan_jobs WHERE job = 'keeper'")
    assert keeper == (None,)


def test_a_closed_terminal_ends_the_console_cleanly(tmp_path: Path) -> None:
    terminal = Terminal([], home=tmp_path)
    terminal.wait_for(SELECTED, 15)
    terminal.hang_up()
    assert terminal.wait_end(15) == 0
    assert processes_with(tmp_path) == []
    assert oracle(tmp_path, "verify").returncode == 0


def test_two_consoles_on_one_vault_see_each_other(tmp_path: Path) -> None:
    with Terminal([], home=tmp_path) as one, Terminal([], columns=80, rows=24, home=tmp_path) as two:
        one.wait_for(SELECTED, 20)
        two.wait_for(SELECTED, 20)
        fire_the_selected(one)
        one.wait_for("FILLED", 10)
        two.wait_for("FILLED", 5)
    assert len(exchange_rows(tmp_path, "SELECT order_id FROM orders")) == 1


def test_a_byte_that_is_no_utf8_is_a_key_like_others(tmp_path: Path) -> None:
    with Terminal([], home=tmp_path) as terminal:
        terminal.wait_for(SELECTED, 15)
        terminal.send(b"\xe9a\x9b\xff\xfe")
        read_on(terminal, 0.5)
        terminal.send("?")
        terminal.wait_for("KEYS", 5)
    assert exchange_rows(tmp_path, "SELECT order_id FROM orders") == []


def test_an_exchange_that_ended_and_answers_elsewhere_is_found_again(tmp_path: Path) -> None:
    with Terminal([], home=tmp_path) as terminal:
        terminal.wait_for(SELECTED, 15)
        before = exchange_address(tmp_path)
        os.kill(before["pid"], signal.SIGTERM)
        until = time.monotonic() + 20
        while time.monotonic() < until and exchange_address(tmp_path).get("pid") in (None, before["pid"]):
            terminal.pump()
        terminal.wait_for(r"link ok", 15)
        fire_the_selected(terminal)
        terminal.wait_for("FILLED", 15)


def exchange_address(home: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((home / "paper" / "exchange.json").read_text())
    except (OSError, ValueError):
        return {}
    return found
