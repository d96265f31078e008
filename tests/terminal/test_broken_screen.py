"""A screen that breaks while an order is in flight: the order is settled, and a halt stops all the same."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.cli.kit import fault_hits, oracle, oracle_json, orders, propose, spoil, vault_rows, wait_until
from tests.cli.stopping import HALTED_BY_FILE, STOPPED, WAYS, orders_after, sends_after
from tests.terminal.pseudo_terminal import Terminal
from tests.terminal.test_console import SELECTED, read_on

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("broken-screen")]

BREAKING = (sys.executable, "-m", "tests.terminal.crashing")


@pytest.mark.parametrize("way", WAYS)
def test_a_halt_stops_after_the_screen_broke_with_an_order_in_flight(tmp_path: Path, way: str) -> None:
    propose(tmp_path, "ETH-EUR")
    with Terminal(["run"], home=tmp_path, program=BREAKING) as terminal:
        terminal.wait_for(SELECTED, 20)
        spoil(tmp_path, "POST /order: delay 3 x1")
        terminal.send("e")
        for shown, key in (("READY", "\r"), ("ARMED", "F")):  # keys count some time after what they answer is drawn
            terminal.wait_for(shown, 20)
            read_on(terminal, 1.0)
            terminal.send(key)

        def in_flight() -> bool:
            terminal.pump(0.02)  # a console that nobody reads stands still
            return fault_hits(tmp_path) == 1

        wait_until(in_flight)
        (tmp_path / "break").touch()
        terminal.wait_for("The console ended on RuntimeError", on_screen=False)
        if way == HALTED_BY_FILE:
            (tmp_path / "paper" / "HALT").touch()
        else:
            assert STOPPED in oracle(tmp_path, "halt").stdout
        stopped = time.time_ns()
        assert terminal.wait_exit() == 1
    oracle(tmp_path, "reconcile")  # nothing to do, unless the answer came too late for a busy machine
    assert vault_rows(tmp_path, "SELECT state FROM trade_executions") == [("FILLED",)]
    assert (orders_after(tmp_path, stopped) if way != HALTED_BY_FILE else []) == sends_after(tmp_path, stopped) == []
    assert oracle_json(tmp_path, "status")["trading_state"] == "HALTED"
    again = oracle_json(tmp_path, "propose", "--market", "SOL-EUR", "--side", "buy", "--eur", "25")
    assert "TRADING_STATE" in again["gate"]
    assert orders(tmp_path) == 1
