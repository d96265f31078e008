"""What programs read: stable keys, decimals as strings, times in UTC; and what people read first: the help."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.cli import run_command_line
from console.clock import SystemClock
from tests.cli.kit import environment, execute, oracle, oracle_json, propose, vault_rows

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("output")]

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
PROPOSAL = {"id", "market", "side", "eur", "limit", "state", "gate", "expires_at"}
EXECUTION = {"id", "proposal_id", "market", "side", "state", "client_order_id", "order_id", "evidence"}
TRADE = {
    *("id", "proposal_id", "market", "side", "quantity"),
    *("price", "value_eur", "fee_eur", "status", "executed_at"),
}
MONEY = {"eur", "limit", "quantity", "price", "value_eur", "fee_eur"}
COMMANDS = [
    *("run", "paper", "status", "proposals", "history", "executions", "locks", "verify", "propose", "approve"),
    *("decline", "execute", "cancel", "reconcile", "resolve", "halt", "reduce", "resume", "policy"),
    *("policy show", "policy activate", "policy list", "policy diff", "budget", "scans", "saw", "adopt", "gauntlet"),
    *("backup", "restore"),
]


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value in a document with the key it stands under."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, name)
    else:
        yield name, value


def read(home: Path, *arguments: str) -> Any:
    """A command's JSON, with what holds for all of it checked."""
    document = oracle_json(home, *arguments)
    for name, value in leaves(document):
        assert not isinstance(value, float), name
        if name in MONEY and value is not None:
            assert re.fullmatch(r"\d+(\.\d+)?", value), (name, value)
        if name.endswith("_at") and isinstance(value, str):
            assert TIME.fullmatch(value), (name, value)
    return document


def test_json_has_the_keys_programs_rely_on(tmp_path: Path) -> None:
    assert (read(tmp_path, "proposals"), read(tmp_path, "executions"), read(tmp_path, "history")) == ([], [], [])
    made = read(tmp_path, "propose", "--market", "BTC-EUR", "--side", "buy", "--eur", "25")
    assert set(made) >= PROPOSAL
    assert (made["id"], made["state"], made["market"], made["side"]) == (1, "PROPOSED", "BTC-EUR", "buy")
    other = propose(tmp_path, "ETH-EUR")
    assert read(tmp_path, "approve", str(other))["state"] == "APPROVED"
    assert read(tmp_path, "decline", str(other), "--note", "no")["state"] == "DECLINED"
    (listed,) = read(tmp_path, "proposals")
    assert (listed["id"], listed["gate"]) == (1, "ready")
    assert execute(tmp_path, 1)[0] == 0
    status = read(tmp_path, "status")
    assert set(status) >= {"mode", "trading_state", "policy", "stage", "in_flight", "unknown", "resting"}
    assert [status[key] for key in ("mode", "in_flight", "unknown", "resting")] == ["paper", 0, 0, 0]
    (execution,) = read(tmp_path, "executions")
    assert set(execution) >= EXECUTION
    assert read(tmp_path, "executions", "1") == execution
    assert [event["after"] for event in execution["evidence"]][-1] == "FILLED"
    (trade,) = read(tmp_path, "history")
    assert set(trade) >= TRADE
    assert trade["status"] == "confirmed"
    locks = read(tmp_path, "locks")
    assert {"job", "holder", "fence", "acquired_at", "expires_at", "next_run_at"} <= set(locks[0])
    assert [(row["job"], row["holder"]) for row in locks] == [("reconcile", None)]
    assert read(tmp_path, "reconcile")["clean"] is True
    assert read(tmp_path, "verify")["clean"] is True


def test_a_policy_goes_out_and_in_again_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(oracle(tmp_path, "policy", "show", "hunter").stdout)
    shown = read(tmp_path, "policy", "show", "hunter")
    assert set(read(tmp_path, "policy", "activate", str(path))) >= {"id", "name", "hash"}
    assert read(tmp_path, "policy", "show") == shown
    assert oracle_json(tmp_path, "status")["policy"] == "hunter"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line([*command.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Usage: oracle ")
    assert "..." not in text.split("Options:")[-1], "a summary is cut"
    options = re.findall(r"^  (--[a-z-]+)( <[^>]+>)?(  +\S.*)?$\n?(    +\S.*)?", text, re.MULTILINE)
    assert "--help" in [name for name, *_ in options]
    assert [name for name, _, here, below in options if not (here.strip() or below.strip())] == []


def test_the_help_and_a_look_start_quickly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    oracle(tmp_path, "status")
    clock = SystemClock()

    def seconds(*arguments: str) -> float:
        """The better of two, so that a busy machine does not decide."""
        times = []
        for _ in range(2):
            started = clock.monotonic()
            subprocess.run(
                [sys.executable, *arguments], env=environment(tmp_path), check=True, stdout=subprocess.DEVNULL
            )
            times.append(clock.monotonic() - started)
        return min(times)

    screen = seconds("-c", "import textual.app")
    shown = seconds("-m", "console", "--help")
    looked = seconds("-m", "console", "status", "--json")
    with capsys.disabled():
        sys.stdout.write(f"\nimport textual.app {screen:.2f} s, --help {shown:.2f} s, status --json {looked:.2f} s\n")
    assert shown < 3 * screen
    assert looked < 6 * screen


def test_an_idea_past_its_time_is_shown_expired_where_no_console_runs(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    with closing(sqlite3.connect(tmp_path / "paper" / "vault.db", isolation_level=None)) as database:
        database.execute("DROP TRIGGER proposal_identity")
        database.execute("UPDATE trade_proposals SET expires_at = created_at + 1")
    assert read(tmp_path, "proposals") == []
    assert [(row["id"], row["state"], row["gate"]) for row in read(tmp_path, "proposals", "--all")] == [
        (proposal, "EXPIRED", None)
    ]
    assert read(tmp_path, "status")["open_proposals"] == 0
    assert vault_rows(tmp_path, "SELECT state FROM trade_proposals") == [("PROPOSED",)]
