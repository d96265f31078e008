"""``oracle watch``: what it says, on what it is silent, and what can be answered."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.kit import (
    AMOUNT,
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
from tests.cli.test_worker import running
from tests.terminal.pseudo_terminal import ORACLE, Terminal

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("watch")]


def test_the_amount_typed_under_a_ticket_fires_once_and_is_told(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    with Terminal(["watch", "--no-scheduler"], home=tmp_path) as watch:
        watch.wait_for(rf"proposal {proposal}: BUY .*; ready", on_screen=False)
        watch.send(f"e {proposal}\n")
        watch.send(f"{watch.wait_for(AMOUNT, on_screen=False).group(1)}\n")
        watch.wait_for(rf"proposal {proposal} FILLED: bought [0-9.]+ BTC-EUR at [0-9.]+ for", on_screen=False)
        watch.send("q\n")
        assert watch.wait_exit() == 0
        # Plain: nothing but lines, no escape, no grouped number.
        assert b"\x1b" not in watch.written
        assert set(watch.written) & set(range(32)) <= {10, 13}
    assert orders(tmp_path) == 1
    oracle(tmp_path, "verify")


def test_anything_else_under_a_ticket_sends_nothing_and_the_watch_goes_on(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    with Terminal(["watch", "--no-scheduler"], home=tmp_path) as watch:
        watch.wait_for("answers: ", on_screen=False)
        watch.send(f"e {proposal}\n")
        watch.wait_for(AMOUNT, on_screen=False)
        watch.send("25\n")
        watch.wait_for("not confirmed", on_screen=False)
        watch.send(f"e {proposal}\n")
        watch.wait_for(rf"(?s)not confirmed.*{AMOUNT}", on_screen=False)
        watch.send("\x03")
        watch.wait_for(f"the ticket of {proposal} was left", on_screen=False)
        watch.send(f"d {proposal} not today\n")
        watch.wait_for(f"proposal {proposal} declined: not today", on_screen=False)
        watch.send("\x03")
        assert watch.wait_exit() == 0
    assert orders(tmp_path) == 0


def test_a_claimed_proposal_is_refused_with_its_holder(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    assert execute(tmp_path, proposal)[0] == 0
    with Terminal(["watch", "--no-scheduler"], home=tmp_path) as watch:
        watch.wait_for("answers: ", on_screen=False)
        watch.send(f"e {proposal}\n")
        watch.wait_for("refused: ALREADY_CLAIMED by ", on_screen=False)
        watch.send("q\n")
        assert watch.wait_exit() == 0
    assert orders(tmp_path) == 1


def test_an_end_while_a_ticket_waits_for_its_answer_is_a_clean_end(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    with Terminal(["watch", "--no-scheduler"], home=tmp_path) as watch:
        watch.wait_for("answers: ", on_screen=False)
        watch.send(f"e {proposal}\n")
        amount = watch.wait_for(AMOUNT, on_screen=False).group(1)
        spoil(tmp_path, "POST /order: delay 1 x1")
        watch.send(f"{amount}\n")
        wait_until(lambda: fault_hits(tmp_path) == 1)
        os.kill(watch.pid, signal.SIGTERM)
        assert watch.wait_exit() == 0
        assert "FILLED" in watch.plain()
    assert orders(tmp_path) == 1
    assert vault_rows(tmp_path, "SELECT state FROM trade_executions") == [("FILLED",)]


def test_h_stops_and_the_stop_is_told(tmp_path: Path) -> None:
    propose(tmp_path)
    with running(tmp_path, "watch") as watch:
        watch.wait_for("proposal 1: ")
        watch.type("h too wild\n")
        watch.wait_for("no order can leave")
        watch.wait_for("HALTED: too wild")
        watch.type("q\n")
        assert watch.wait() == 0
        assert watch.errors == []
    assert oracle_json(tmp_path, "status")["trading_state"] == "HALTED"


def test_without_a_terminal_nothing_fires_and_wrong_words_are_named(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    with running(tmp_path, "watch", "--no-scheduler") as watch:
        watch.wait_for("proposal 1: ")
        watch.type(f"e {proposal}\nfire {proposal}\ne\nd 99999999999999999999\nd 777\nq\n")
        assert watch.wait() == 0
        for words in (
            rf"e {proposal} needs a terminal",
            rf"not understood: fire {proposal}",
            r"not understood: e\. ",
            r"not understood: d 9+",
            r"d 777: there is no proposal 777",
        ):
            assert watch.said(words), (words, watch.lines)
    assert orders(tmp_path) == 0


def test_an_unknown_order_is_told_with_what_not_to_do(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    with running(tmp_path, "watch", "--no-scheduler") as watch:
        watch.wait_for(f"proposal {proposal}: ")
        spoil(tmp_path, "POST /order: apply-then-drop x1; GET /order: status 503")
        code, _ = execute(tmp_path, proposal)
        assert code == 3
        watch.wait_for(rf"proposal {proposal} UNKNOWN in BTC-EUR: .*Do not place it by hand")
        mend(tmp_path)
        oracle(tmp_path, "reconcile", check=False)
        watch.wait_for(rf"proposal {proposal} FILLED: bought")
        watch.type("q\n")
        assert watch.wait() == 0
    assert orders(tmp_path) == 1


def test_it_is_silent_while_nothing_changes(tmp_path: Path) -> None:
    propose(tmp_path)
    with running(tmp_path, "watch", "--no-scheduler") as watch:
        watch.wait_for("proposal 1: .*; ready")
        said = len(watch.lines)
        versions = "SELECT count(*) FROM audit_log"
        before = vault_rows(tmp_path, versions)
        oracle(tmp_path, "doctor", check=False)
        oracle(tmp_path, "proposals")
        assert vault_rows(tmp_path, versions) == before
        assert watch.lines[said:] == []
        oracle(tmp_path, "decline", "1")
        watch.wait_for("proposal 1 declined")
        assert len(watch.lines) == said + 1


@pytest.mark.parametrize("stdin", ["devnull", "closed"])
def test_without_standard_input_it_only_speaks(tmp_path: Path, stdin: str) -> None:
    propose(tmp_path)
    command = " ".join([*ORACLE, "watch", "--no-scheduler", "<&-" if stdin == "closed" else "</dev/null"])
    with subprocess.Popen(
        ["sh", "-c", f"exec {command}"],
        env=environment(tmp_path),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watch:
        assert watch.stdout is not None
        told = [watch.stdout.readline() for _ in range(3)]
        assert any("takes no answers" in line for line in told), told
        assert any("proposal 1: " in line for line in told), told
        watch.terminate()
        _, err = watch.communicate(timeout=20)
    assert (watch.returncode, err) == (0, "")


def test_hostile_text_reaches_the_lines_as_text_only(tmp_path: Path) -> None:
    propose(tmp_path, "BTC-EUR", "buy", "--why", "\x1b[2J\x07[bold]\u202ex" + "A" * 5000)
    with running(tmp_path, "watch", "--no-scheduler") as watch:
        watch.wait_for("proposal 1: ")
        watch.type("q\n")
        assert watch.wait() == 0
        text = "\n".join(watch.lines)
    assert not set(text) & set("\x1b\x07\u202e")
    assert max(map(len, watch.lines)) < 450
