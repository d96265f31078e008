"""An answer that never comes, and a process that never comes back: found or proven absent, never sent twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from console.clock import SystemClock
from storage.clock import SECOND
from tests.cli.kit import (
    AMOUNT,
    activate,
    environment,
    execute,
    fault_hits,
    mend,
    oracle,
    oracle_json,
    orders,
    propose,
    spoil,
    vault_rows,
    wait_until,
)
from tests.terminal.pseudo_terminal import Terminal

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("lost-answers")]

QUICK = {"window_ms": 200, "absence_margin_ms": 100, "lookup_lag_ms": 50, "request_timeout_ms": 1000}


def state(home: Path) -> str:
    return str(vault_rows(home, "SELECT state FROM trade_executions")[0][0])


def reconciled_to(home: Path, wanted: str) -> bool:
    oracle(home, "reconcile", check=False)
    return state(home) == wanted


def test_an_order_whose_answer_is_lost_is_found(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    spoil(tmp_path, "POST /order: apply-then-drop x1; GET /order: status 503 x9")
    code, text = execute(tmp_path, proposal)
    assert code == 3
    assert "UNKNOWN" in text
    assert "do not fire again" in text.lower()
    assert oracle_json(tmp_path, "status")["unknown"] == 1
    mend(tmp_path)
    assert oracle(tmp_path, "reconcile").stdout.startswith("found 1")
    (execution,) = oracle_json(tmp_path, "executions")
    assert execution["state"] == "FILLED"
    assert [event["source"] for event in execution["evidence"]][-3:-1] == ["submit", "silence"]
    assert execution["order_id"] in str(execution["evidence"][-1]["evidence"])
    assert orders(tmp_path) == 1
    assert oracle_json(tmp_path, "history")[0]["status"] == "confirmed"
    oracle(tmp_path, "verify")


def test_an_order_that_never_arrived_is_proven_absent_and_not_sent_again(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    activate(tmp_path, submit=QUICK)
    spoil(tmp_path, "POST /order: drop-before-apply x1")
    code, text = execute(tmp_path, proposal)
    assert code == 3
    assert "do not fire again" in text.lower()
    wait_until(lambda: reconciled_to(tmp_path, "ABSENT"))
    (execution,) = oracle_json(tmp_path, "executions")
    assert execution["order_id"] is None
    proof = execution["evidence"][-1]
    assert proof["source"] == "absence"
    assert [look[1:] for look in proof["evidence"]["look_ups"]] == [[404, 240], [404, 240]]
    code, text = execute(tmp_path, proposal)
    assert code == 1
    assert "refused: ALREADY_CLAIMED by " in text
    assert orders(tmp_path) == 0
    oracle(tmp_path, "verify")


def test_an_order_that_comes_after_its_absence_was_proven_stops_trading_and_is_told(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    activate(tmp_path, submit=QUICK)
    spoil(tmp_path, "POST /order: late-apply 6 x1")
    code, _ = execute(tmp_path, proposal)
    assert code == 3
    wait_until(lambda: reconciled_to(tmp_path, "ABSENT"))
    assert oracle_json(tmp_path, "history")[0]["status"] == "failed"
    wait_until(lambda: orders(tmp_path) == 1)
    oracle(tmp_path, "reconcile", check=False)

    assert state(tmp_path) == "FILLED"
    assert oracle_json(tmp_path, "history")[0]["status"] == "confirmed"
    told = "late evidence: execution 1 was ABSENT, its order exists"
    assert oracle(tmp_path, "status").stdout.startswith(f"PAPER HALTED ({told})")
    alerts = vault_rows(tmp_path, "SELECT level, subject FROM alerts")
    assert ("critical", "execution 1") in [tuple(row) for row in alerts]
    code, text = execute(tmp_path, propose(tmp_path))
    assert code == 1
    assert "TRADING_STATE" in text
    with Terminal(["run"], home=tmp_path) as terminal:
        terminal.wait_for("HALTED")
        terminal.wait_for("late evidence")
    oracle(tmp_path, "verify")


def fire_and_kill(home: Path, proposal: int) -> None:
    """Confirm, and kill the process while the exchange holds its request."""
    with Terminal(["execute", str(proposal)], home=home) as terminal:
        terminal.send(f"{terminal.wait_for(AMOUNT, on_screen=False).group(1)}\n")
        wait_until(lambda: fault_hits(home) == 1)
        terminal.kill()


def test_the_order_of_a_killed_process_is_found_by_the_next(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    spoil(tmp_path, "POST /order: delay 1 x1")
    fire_and_kill(tmp_path, proposal)
    assert state(tmp_path) == "SUBMITTING"
    wait_until(lambda: reconciled_to(tmp_path, "FILLED"))
    code, text = execute(tmp_path, proposal)
    assert (code, orders(tmp_path)) == (1, 1)
    assert "refused: ALREADY_CLAIMED by " in text
    oracle(tmp_path, "verify")


def test_the_order_that_died_with_its_process_is_proven_absent(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    activate(tmp_path, submit=QUICK)
    spoil(tmp_path, "POST /order: delay 1 x1")  # longer than the window: refused when it is applied
    fire_and_kill(tmp_path, proposal)
    wait_until(lambda: reconciled_to(tmp_path, "ABSENT"))
    assert orders(tmp_path) == 0
    oracle(tmp_path, "verify")


CLAIM = """
import asyncio, sys
from pathlib import Path
from console.clock import SystemClock, SystemEntropy
from console.engine import Engine
from console.execution.ticket import view_ticket
from console.home import Home, this_process
from console.settings import load_settings
from storage.codes import Mode
from storage.gate import pass_gate
from storage.models import Claim

async def claim() -> None:
    home, entropy = Home(Path(sys.argv[1]), Mode.PAPER), SystemEntropy()
    engine = await Engine.open(home, load_settings(home.root), SystemClock(), entropy, this_process(entropy))
    await engine.settle_before_claims()
    quote = await engine.parts.quotes.fetch("BTC-EUR")
    view = await engine.vault.read(lambda tx: view_ticket(tx, int(sys.argv[2]), quote))
    assert isinstance(await engine.vault.transact(lambda tx: pass_gate(tx, view.ticket, quote)), Claim)
    print("claimed", flush=True)
    sys.stdin.read()

asyncio.run(claim())
"""


def test_the_claim_of_a_killed_process_is_abandoned_after_ten_seconds(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    claimer = subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(tmp_path), str(proposal)],
        env=environment(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert claimer.stdout is not None
    assert claimer.stdout.readline() == "claimed\n"
    claimer.kill()
    claimer.communicate()
    oracle(tmp_path, "reconcile")
    assert state(tmp_path) == "CLAIMED"
    code, text = execute(tmp_path, proposal)
    assert code == 1
    assert "refused: ALREADY_CLAIMED by " in text
    wait_until(lambda: claim_age_s(tmp_path) > 10)
    oracle(tmp_path, "reconcile")
    assert state(tmp_path) == "ABANDONED"
    assert orders(tmp_path) == 0
    oracle(tmp_path, "verify")


def claim_age_s(home: Path) -> float:
    ((at,),) = vault_rows(home, "SELECT claimed_at FROM trade_executions")
    return (SystemClock().now() - int(at)) / SECOND
