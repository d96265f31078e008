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


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"allowlist": []}, "ALLOWLIST", id="an empty allowlist"),
        pytest.param({"trades": {"per_day": 0}}, "DAILY_TRADE_CAP", id="no trades per day"),
        pytest.param({"order": {"min_eur": 26}}, "ORDER_SIZE", id="too small an order"),
    ],
)
def test_a_policy_that_forbids_it_is_refused_and_the_refusal_stored(
    tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    proposal = propose(tmp_path)
    activate(tmp_path, **changes)
    end, text = execute(tmp_path, proposal)
    assert end == 1
    assert f"refused: {code}\n" in text
    assert (orders(tmp_path), refusals(tmp_path)) == (0, 1)
    assert vault_rows(tmp_path, "SELECT failed FROM gate_decisions") == [(code,)]
    assert oracle_json(tmp_path, "proposals")[0]["gate"].startswith(code)


def test_the_observer_buys_nothing(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    oracle(tmp_path, "policy", "activate", "observer")
    end, text = execute(tmp_path, proposal)
    assert end == 1
    refused = next(line for line in text.splitlines() if line.startswith("refused: "))
    assert {"DAILY_TRADE_CAP", "HOURLY_TRADE_CAP", "EXPOSURE"} <= set(refused.split()[1:])
    assert (orders(tmp_path), refusals(tmp_path)) == (0, 1)


def test_a_proposal_whose_time_is_over_is_refused(tmp_path: Path) -> None:
    proposal = asyncio.run(short_lived(tmp_path, propose(tmp_path)))
    end, text = execute(tmp_path, proposal)
    assert end == 1
    assert "PROPOSAL_EXPIRY" in text
    assert (orders(tmp_path), refusals(tmp_path)) == (0, 1)


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


@pytest.mark.parametrize("how", ["database", "file"])
def test_commands_that_only_look_do_not_wait_for_a_locked_vault(tmp_path: Path, how: str) -> None:
    propose(tmp_path)
    with locked(tmp_path, how):
        assert oracle_json(tmp_path, "status")["trading_state"] == "ACTIVE"
        oracle(tmp_path, "verify")
        done = oracle(tmp_path, "decline", "1", check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("VAULT_BUSY: ")
    assert oracle_json(tmp_path, "proposals")[0]["state"] == "PROPOSED"
