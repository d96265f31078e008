"""The stop, from the shell and by hand: nothing leaves, whatever the vault does; and how it is lifted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.kit import execute, locked, oracle, oracle_json, orders, propose, refusals, rows, vault_rows
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


def states(home: Path, mode: str) -> list[tuple[object, ...]]:
    """What a mode's vault recorded of its trading, oldest first."""
    return rows(home / mode / "vault.db", "SELECT state, reason FROM trading_state ORDER BY id")


@pytest.mark.parametrize(("mode", "other", "options"), [("paper", "live", ()), ("live", "paper", ("--live",))])
def test_a_resume_in_one_mode_lifts_no_stop_of_the_other(
    tmp_path: Path, mode: str, other: str, options: tuple[str, ...]
) -> None:
    elsewhere = () if options else ("--live",)
    oracle(tmp_path, *elsewhere, "halt", "--reason", "the other one")
    oracle(tmp_path, *options, "halt", "--reason", "this one")
    before = states(tmp_path, other)
    assert before[-1] == ("HALTED", "the other one")
    oracle(tmp_path, *options, "resume", "--reason", "over", typed=f"resume {mode}\n")
    assert states(tmp_path, mode)[-1] == ("ACTIVE", "over")
    assert not (tmp_path / mode / "HALT").exists()
    assert (tmp_path / other / "HALT").exists()
    assert states(tmp_path, other) == before
    assert oracle_json(tmp_path, *elsewhere, "status")["trading_state"] == "HALTED"
    # The phrase of the other mode lifts nothing here.
    assert oracle(tmp_path, *elsewhere, "resume", check=False, typed=f"resume {mode}\nover\n").returncode == 1
    assert (tmp_path / other / "HALT").exists()


@pytest.mark.parametrize("how", ["the same reason", "another reason", "touch"])
def test_a_halt_that_comes_while_the_phrase_is_typed_is_not_lifted(tmp_path: Path, how: str) -> None:
    oracle(tmp_path, "halt", "--reason", "the same reason")
    with Terminal(["resume", "--reason", "back"], home=tmp_path) as terminal:
        terminal.wait_for("type: resume paper", on_screen=False)
        if how == "touch":
            (tmp_path / "paper" / "HALT").touch()
        else:
            oracle(tmp_path, "halt", "--reason", how)
        terminal.send("resume paper\n")
        assert terminal.wait_exit() == 1
        assert "another halt was recorded meanwhile" in terminal.plain()
    assert (tmp_path / "paper" / "HALT").exists()
    assert oracle_json(tmp_path, "status")["trading_state"] == "HALTED"
    oracle(tmp_path, "resume", "--reason", "looked at both", typed="resume paper\n")
    assert oracle_json(tmp_path, "status")["trading_state"] == "ACTIVE"
