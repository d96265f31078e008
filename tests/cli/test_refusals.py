"""What the gate refuses, seen from the shell: told, stored, and nothing at the exchange."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from console.clock import SystemClock, SystemEntropy
from console.home import this_process
from storage.codes import Mode, Origin
from storage.database import Vault
from storage.proposals import NewProposal, create_proposal, get_proposal
from tests.cli.kit import (
    AMOUNT,
    activate,
    execute,
    locked,
    oracle,
    oracle_json,
    orders,
    propose,
    refusals,
    vault_rows,
)
from tests.terminal.pseudo_terminal import Terminal

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("refusals")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all: a refusal leaves everything as it was, which is what is tested."""
    return tmp_path_factory.mktemp("refusals")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"allowlist": []}, "ALLOWLIST", id="an empty allowlist"),
        pytest.param({"trades": {"per_day": 0}}, "DAILY_TRADE_CAP", id="no trades per day"),
        pytest.param({"order": {"min_eur": 26}}, "ORDER_SIZE", id="too small an order"),
    ],
)
def test_a_policy_that_forbids_it_is_refused_and_the_refusal_stored(
    home: Path, changes: dict[str, Any], code: str
) -> None:
    oracle(home, "policy", "activate", "semi-auto")
    activate(home, **changes)
    text = refused(home, propose(home))
    assert f"refused: {code}\n" in text
    assert vault_rows(home, "SELECT failed FROM gate_decisions ORDER BY id DESC LIMIT 1") == [(code,)]


def test_the_observer_buys_nothing(home: Path) -> None:
    oracle(home, "policy", "activate", "observer")
    proposal = oracle_json(home, "propose", "--market", "BTC-EUR", "--side", "buy", "--eur", "25")
    assert proposal["gate"] in {"DAILY_TRADE_CAP", "HOURLY_TRADE_CAP", "EXPOSURE"}
    told = next(line for line in refused(home, proposal["id"]).splitlines() if line.startswith("refused: "))
    assert {"DAILY_TRADE_CAP", "HOURLY_TRADE_CAP", "EXPOSURE"} <= set(told.split()[1:])


def test_a_proposal_whose_time_is_over_is_refused(home: Path) -> None:
    proposal = asyncio.run(short_lived(home, propose(home)))
    assert "PROPOSAL_EXPIRY" in refused(home, proposal)


async def short_lived(home: Path, like: int) -> int:
    """A proposal like another one that is over as soon as it is stored; its id."""
    entropy = SystemEntropy()
    vault = await Vault.open(home / "paper", Mode.PAPER, SystemClock(), entropy, this_process(entropy))
    try:
        old = await vault.read(lambda tx: get_proposal(tx, like))
        new = NewProposal(
            Origin.OPERATOR, "operator", old.market, old.side, old.order_type, old.quantity, old.limit, old.eur, lives=1
        )
        return (await vault.transact(lambda tx: create_proposal(tx, new))).id
    finally:
        await vault.close()


@pytest.mark.parametrize("how", ["database", "file"])
def test_a_vault_locked_by_another_process_is_busy_and_nothing_is_sent_then_or_later(tmp_path: Path, how: str) -> None:
    proposal = propose(tmp_path)
    with Terminal(["execute", str(proposal)], home=tmp_path) as terminal:
        amount = terminal.wait_for(AMOUNT, on_screen=False).group(1)
        with locked(tmp_path, how):
            terminal.send(f"{amount}\n")
            assert terminal.wait_exit() == 3
        assert "VAULT_BUSY: " in terminal.plain()
    assert orders(tmp_path) == 0
    assert vault_rows(tmp_path, "SELECT count(*) FROM gate_decisions") == [(0,)]
    assert vault_rows(tmp_path, "SELECT state FROM trade_proposals") == [("PROPOSED",)]


def test_commands_that_only_look_do_not_wait_for_a_locked_vault(tmp_path: Path) -> None:
    oracle(tmp_path, "status")
    with locked(tmp_path, "database"), locked(tmp_path, "file"):
        assert oracle_json(tmp_path, "status")["trading_state"] == "ACTIVE"
        oracle(tmp_path, "verify")


def refused(home: Path, proposal: int) -> str:
    """Execute, and see that it is refused, stored, and nothing sent; what was told."""
    before = refusals(home)
    end, text = execute(home, proposal)
    assert end == 1
    assert (orders(home), refusals(home)) == (0, before + 1)
    return text
