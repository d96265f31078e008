"""The stop, from the shell and by hand: nothing leaves, whatever the vault does; and how it is lifted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.kit import execute, locked, oracle, oracle_json, orders, propose, refusals, vault_rows
from tests.execution.test_halting import sender
from tests.terminal.pseudo_terminal import Terminal

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("halting")]


def recorded(home: Path) -> str:
    return str(vault_rows(home, "SELECT state FROM trading_state ORDER BY id DESC LIMIT 1")[0][0])


def assert_refused(home: Path, proposal: int, code: str) -> None:
    before = (orders(home), refusals(home))
    end, text = execute(home, proposal)
    assert end == 1
    assert "refused: " in text
    assert code in text
    assert (orders(home), refusals(home)) == (before[0], before[1] + 1)


def test_after_oracle_halt_nothing_leaves_until_it_is_lifted(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    done = oracle(tmp_path, "halt", "--reason", "lunch")
    assert "no order can leave" in done.stdout
    assert (tmp_path / "paper" / "HALT").exists()
    status = oracle_json(tmp_path, "status")
    assert (status["trading_state"], status["reason"][:4], recorded(tmp_path)) == ("HALTED", "file", "HALTED")
    assert_refused(tmp_path, proposal, "TRADING_STATE")
    assert oracle(tmp_path, "resume", check=False, typed="resume live\nback\n").returncode == 1
    assert oracle(tmp_path, "resume", check=False, typed="resume paper\n\n").returncode == 1
    assert oracle_json(tmp_path, "status")["trading_state"] == "HALTED"
    done = oracle(tmp_path, "resume", typed="resume paper\nback from lunch\n")
    assert "lunch" in done.stdout
    assert "trading is ACTIVE" in done.stdout
    assert not (tmp_path / "paper" / "HALT").exists()
    assert execute(tmp_path, proposal)[0] == 0
    assert orders(tmp_path) == 1


def test_a_halt_file_made_by_hand_stops_and_is_recorded(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    (tmp_path / "paper" / "HALT").touch()
    assert recorded(tmp_path) == "ACTIVE"
    assert oracle_json(tmp_path, "status")["trading_state"] == "HALTED"
    assert_refused(tmp_path, proposal, "TRADING_STATE")
    assert recorded(tmp_path) == "HALTED"
    (tmp_path / "paper" / "HALT").unlink()  # taking the file away lifts nothing that was recorded
    assert oracle_json(tmp_path, "status")["trading_state"] == "HALTED"
    assert_refused(tmp_path, proposal, "TRADING_STATE")


def test_a_halt_file_of_the_whole_folder_is_lifted_by_hand_only(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    (tmp_path / "HALT").touch()
    assert oracle_json(tmp_path, "status")["trading_state"] == "HALTED"
    assert oracle_json(tmp_path, "--live", "status")["trading_state"] == "HALTED"
    assert_refused(tmp_path, proposal, "TRADING_STATE")
    done = oracle(tmp_path, "resume", check=False, typed="resume paper\nbecause\n")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"{tmp_path / 'HALT'} stands and stops both modes; remove it by hand first"]
    assert "type:" not in done.stdout
    (tmp_path / "HALT").unlink()
    oracle(tmp_path, "resume", typed="resume paper\nbecause\n")
    assert oracle_json(tmp_path, "status")["trading_state"] == "ACTIVE"


@pytest.mark.parametrize("how", ["database", "file"])
def test_a_locked_vault_does_not_hinder_a_halt(tmp_path: Path, how: str) -> None:
    proposal = propose(tmp_path)
    with locked(tmp_path, how):
        done = oracle(tmp_path, "halt")
        assert "no order can leave" in done.stdout
        assert oracle_json(tmp_path, "status")["trading_state"] == "HALTED"
    assert recorded(tmp_path) == "ACTIVE"
    assert_refused(tmp_path, proposal, "TRADING_STATE")
    assert recorded(tmp_path) == "HALTED"


def test_a_halt_between_ticket_and_fire_stops_the_order(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    with Terminal(["execute", str(proposal)], home=tmp_path) as terminal:
        amount = terminal.wait_for(r"confirm with: ([0-9.]+)\n", on_screen=False).group(1)
        (tmp_path / "paper" / "HALT").touch()
        terminal.send(f"{amount}\n")
        assert terminal.wait_exit() == 1
        assert "TRADING_STATE" in terminal.plain()
    assert orders(tmp_path) == 0


@pytest.mark.slow
def test_reducing_waits_for_who_is_still_sending_and_says_when_that_lasts(tmp_path: Path) -> None:
    propose(tmp_path)
    with sender(tmp_path / "paper") as process:
        done = oracle(tmp_path, "reduce", "--reason", "enough", check=False)
    assert done.returncode == 3
    assert done.stderr == f"REDUCING stands, but process {process.pid} is still sending; look again\n"
    assert oracle_json(tmp_path, "status")["trading_state"] == "REDUCING"


def test_a_data_folder_that_is_new_can_be_halted(tmp_path: Path) -> None:
    assert "no order can leave" in oracle(tmp_path, "halt").stdout
    assert oracle_json(tmp_path, "status")["trading_state"] == "HALTED"


def test_reduce_refuses_buys_and_lets_what_is_held_be_sold(tmp_path: Path) -> None:
    assert execute(tmp_path, propose(tmp_path))[0] == 0
    oracle(tmp_path, "reduce", "--reason", "enough")
    assert_refused(tmp_path, propose(tmp_path, "ETH-EUR"), "TRADING_STATE")
    sell = oracle_json(tmp_path, "propose", "--market", "BTC-EUR", "--side", "sell", "--eur", "20")["id"]
    oracle(tmp_path, "approve", str(sell), "--override", "COOLDOWN", "--override", "ANTI_FLIP", "--reason", "out of it")
    end, text = execute(tmp_path, sell)
    assert (end, orders(tmp_path)) == (0, 2), text
