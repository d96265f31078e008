"""``oracle execute`` on real terminals, real processes and a real exchange."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.kit import environment, exchange_rows, oracle, oracle_json, orders, propose, vault_rows
from tests.terminal.pseudo_terminal import ORACLE, Terminal

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("terminal")]


def test_the_typed_amount_fires_and_fills(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    with Terminal(["execute", str(proposal)], home=tmp_path) as terminal:
        amount = terminal.wait_for(r"confirm with: ([0-9]+\.[0-9]{2})\n", on_screen=False).group(1)
        terminal.send(f"{amount}\n")
        assert terminal.wait_exit() == 0
        assert "FILLED" in terminal.plain()
    (row,) = oracle_json(tmp_path, "history")
    assert row["proposal_id"] == proposal
    assert row["status"] == "confirmed"
    assert set(row) >= {"id", "market", "side", "quantity", "price", "value_eur", "fee_eur", "executed_at"}
    assert len(exchange_rows(tmp_path, "SELECT order_id FROM orders")) == 1
    assert oracle(tmp_path, "verify").returncode == 0


def test_another_amount_sends_nothing(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    with Terminal(["execute", str(proposal)], home=tmp_path) as terminal:
        terminal.wait_for(r"confirm with: ", on_screen=False)
        terminal.send("25\n")
        assert terminal.wait_exit() == 1
    assert exchange_rows(tmp_path, "SELECT order_id FROM orders") == []


def test_what_was_typed_before_the_ticket_does_not_confirm_it(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    with Terminal(["execute", str(proposal)], home=tmp_path) as terminal:
        amount = terminal.wait_for(r"confirm with: ([0-9]+\.[0-9]{2})\n", on_screen=False).group(1)
        terminal.send("no\n")
        assert terminal.wait_exit() == 1
    with Terminal(["execute", str(proposal)], home=tmp_path) as terminal:
        terminal.send(f"{amount}\n")
        terminal.wait_for(r"confirm with: ", on_screen=False)
        terminal.send("leave\n")
        assert terminal.wait_exit() == 1
        assert "not confirmed: 'leave' was typed" in terminal.plain()
    assert exchange_rows(tmp_path, "SELECT order_id FROM orders") == []


def test_sixteen_processes_make_one_order(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    oracle(tmp_path, "approve", str(proposal))
    with ExitStack() as stack:
        terminals = [stack.enter_context(Terminal(["execute", str(proposal)], home=tmp_path)) for _ in range(16)]
        for terminal in terminals:
            found = terminal.wait_for(r"confirm with: ([0-9.]+)\n|refused: ", 60, on_screen=False)
            if found.group(1):
                terminal.send(f"{found.group(1)}\n")
        codes = [terminal.wait_exit(60) for terminal in terminals]
        texts = [terminal.plain() for terminal in terminals]
    assert sorted(codes) == [0] + [1] * 15
    losers = [text for code, text in zip(codes, texts, strict=True) if code == 1]
    assert all("refused: ALREADY_CLAIMED by " in text and "@" in text for text in losers), losers
    assert len(exchange_rows(tmp_path, "SELECT order_id FROM orders")) == 1
    pids = vault_rows(tmp_path, "SELECT DISTINCT pid FROM audit_log")
    assert len(pids) >= 2
    assert vault_rows(tmp_path, "SELECT count(*) FROM audit_log WHERE kind = 'execution.claimed'") == [(1,)]


def test_two_proposals_of_one_market_make_one_order(tmp_path: Path) -> None:
    ids = [propose(tmp_path), propose(tmp_path)]
    with ExitStack() as stack:
        terminals = [stack.enter_context(Terminal(["execute", str(number)], home=tmp_path)) for number in ids]
        amounts = [terminal.wait_for(r"confirm with: ([0-9.]+)\n", on_screen=False).group(1) for terminal in terminals]
        for terminal, amount in zip(terminals, amounts, strict=True):
            terminal.send(f"{amount}\n")
        codes = [terminal.wait_exit() for terminal in terminals]
        refused = next(t.plain() for t, code in zip(terminals, codes, strict=True) if code == 1)
    assert sorted(codes) == [0, 1]
    assert "COOLDOWN" in refused or "UNRESOLVED_EXECUTION" in refused
    assert len(exchange_rows(tmp_path, "SELECT order_id FROM orders")) == 1


def test_without_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    done = oracle(tmp_path, "execute", str(proposal), check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_closed_stream_is_no_terminal(tmp_path: Path, closed: str) -> None:
    line = f'"{sys.executable}" -m console execute 1 {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", line], env=environment(tmp_path), stderr=subprocess.PIPE, text=True, timeout=60
    )
    (sentence,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert sentence.startswith("oracle execute needs ")


def test_a_ticket_nobody_can_read_fires_nothing(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    _, terminal = os.openpty()
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*ORACLE, "execute", str(proposal)], env=environment(tmp_path), stdin=terminal, stdout=writer,
        stderr=subprocess.PIPE, text=True, timeout=60,
    )  # fmt: skip
    (sentence,) = done.stderr.splitlines()
    assert (done.returncode, orders(tmp_path)) == (1, 0)
    assert "the ticket cannot be shown" in sentence
