"""What the caps leave, read by programs and people; and an overrun that waits for a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from console.clock import SystemClock, SystemEntropy
from console.home import this_process
from storage.budget import Spent, reserve_usage, settle_usage
from storage.codes import Mode
from storage.database import Tx, Vault
from storage.money import Eur
from storage.policy_store import active_policy
from tests.cli.kit import execute, oracle, oracle_json, propose, vault_rows
from tests.storage.counting_oracle import a_call

pytestmark = pytest.mark.processes

GAUGE = {"gauge", "used", "reserved", "limit", "room_at", "full_at", "paused"}


def act(home: Path, change: Callable[[Tx], object]) -> None:
    """Change the vault as another process of this data folder would."""

    async def run() -> None:
        vault = await Vault.open(
            home / "paper", Mode.PAPER, SystemClock(), SystemEntropy(), this_process(SystemEntropy())
        )
        try:
            await vault.transact(change)
        finally:
            await vault.close()

    asyncio.run(run())


def call(tx: Tx, cost: str | None = None) -> None:
    made = reserve_usage(tx, a_call("0.02"), active_policy(tx).policy.oracle)
    if cost is not None:
        settle_usage(tx, made.id, Spent(Eur.of(cost), 10), "")


def gauges(home: Path) -> dict[str, dict[str, str | None]]:
    return {row["gauge"]: row for row in oracle_json(home, "budget")}


def test_each_gauge_has_used_reserved_limit_and_when_room_comes_back(tmp_path: Path) -> None:
    start = gauges(tmp_path)
    assert all(set(row) == GAUGE for row in start.values())
    assert {"calls", "calls_hour", "cost", "scans", "trades", "trades_hour", "exposure"} <= set(start)
    assert (start["calls"]["used"], start["calls"]["limit"], start["calls"]["room_at"]) == ("0", "15", None)

    act(tmp_path, lambda tx: call(tx, "0.01"))
    act(tmp_path, call)

    now = gauges(tmp_path)
    assert (now["calls"]["used"], now["calls"]["reserved"]) == ("1", "1")
    assert (now["cost"]["used"], now["cost"]["reserved"], now["cost"]["limit"]) == ("0.01", "0.02", "2")
    reserved_at = vault_rows(tmp_path, "SELECT min(at) FROM gpt_usage_log")[0][0]
    assert now["calls_hour"]["room_at"] == iso(reserved_at + 3_600_000_000)
    assert now["calls"]["paused"] is None


def iso(at: int) -> str:
    from console.format import iso as spelt

    return spelt(at)


def test_a_trade_shows_on_its_gauges_and_what_is_held_is_valued(tmp_path: Path) -> None:
    code, text = execute(tmp_path, propose(tmp_path))
    assert code == 0, text
    now = gauges(tmp_path)
    assert (now["trades"]["used"], now["trades_hour"]["used"]) == ("1", "1")
    exposure = now["exposure"]["used"]
    assert exposure is not None
    assert 20 < float(exposure) < 26


def test_an_overrun_is_shown_and_lifted_once_with_a_reason(tmp_path: Path) -> None:
    oracle(tmp_path, "status")
    act(tmp_path, lambda tx: call(tx, "0.5"))
    reason = gauges(tmp_path)["calls"]["paused"]
    assert reason is not None
    assert "cost 0.5 EUR, 0.48 more than its reservation" in reason
    # An overrun counts in full, and the screen of a person says that oracles rest.
    assert gauges(tmp_path)["cost"]["used"] == "0.5"
    assert "costly oracles rest" in oracle(tmp_path, "budget").stdout

    assert oracle(tmp_path, "budget", "--resume", check=False).returncode == 2
    assert oracle(tmp_path, "budget", "--reason", "x", check=False).returncode == 2
    oracle(tmp_path, "budget", "--resume", "--reason", "the price table was old")
    assert gauges(tmp_path)["calls"]["paused"] is None
    again = oracle(tmp_path, "budget", "--resume", "--reason", "x", check=False)
    assert (again.returncode, again.stderr) == (1, "costly oracles do not rest; there is nothing to lift\n")
    assert vault_rows(tmp_path, "SELECT paused, reason FROM oracle_pauses ORDER BY id")[-1] == (
        0,
        "the price table was old",
    )
