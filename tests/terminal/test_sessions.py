"""People at terminals: Ctrl+C, a closed input, two at once, and text that would like to move the cursor."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.kit import AMOUNT, exchange_rows, fault_hits, oracle, oracle_json, orders, propose, spoil, wait_until
from tests.terminal.pseudo_terminal import Terminal

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("sessions")]

HOSTILE = "[/price] [bold]x[/] \x1b[2J\x1b]0;owned\x07 \u202eesrever \u200b\x9b31m" + "A" * 10_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder with one proposal, for the tests that send nothing."""
    folder = tmp_path_factory.mktemp("sessions")
    propose(folder)
    return folder


@pytest.mark.parametrize(
    ("keys", "code", "words"),
    [
        pytest.param("\x03", 130, "interrupted", id="Ctrl+C"),
        pytest.param("\x04", 1, "the input ended; nothing was sent", id="the end of the input"),
        pytest.param("{amount}\x04", 1, "the input ended; nothing was sent", id="the amount without Return"),
        pytest.param("{amount}1\n", 1, "nothing was sent", id="a digit more"),
        pytest.param("\n", 1, "nothing was sent", id="Return alone"),
    ],
)
def test_anything_but_the_amount_at_the_prompt_sends_nothing(home: Path, keys: str, code: int, words: str) -> None:
    with Terminal(["execute", "1"], home=home) as terminal:
        amount = terminal.wait_for(AMOUNT, on_screen=False).group(1)
        terminal.send(keys.format(amount=amount))
        assert terminal.wait_exit() == code
        assert words in terminal.plain()
    assert orders(home) == 0


def test_ctrl_c_after_firing_waits_for_the_answer_and_tells_it(tmp_path: Path) -> None:
    proposal = propose(tmp_path)
    spoil(tmp_path, "POST /order: delay 1 x1")
    with Terminal(["execute", str(proposal)], home=tmp_path) as terminal:
        terminal.send(f"{terminal.wait_for(AMOUNT, on_screen=False).group(1)}\n")
        wait_until(lambda: fault_hits(tmp_path) == 1)
        terminal.send("\x03\x03")
        assert terminal.wait_exit() == 0
        assert "waiting for the answer" in terminal.plain()
        assert "FILLED" in terminal.plain()
    assert orders(tmp_path) == 1


def test_ctrl_c_at_the_question_of_resume_lifts_nothing(tmp_path: Path) -> None:
    oracle(tmp_path, "halt")
    with Terminal(["resume"], home=tmp_path) as terminal:
        terminal.wait_for("type: resume paper", on_screen=False)
        terminal.send("\x03")
        assert terminal.wait_exit() == 130
    assert oracle_json(tmp_path, "status")["trading_state"] == "HALTED"


def test_two_markets_at_once_both_fill(tmp_path: Path) -> None:
    ids = [propose(tmp_path, market) for market in ("BTC-EUR", "ETH-EUR")]
    with ExitStack() as stack:
        terminals = [stack.enter_context(Terminal(["execute", str(number)], home=tmp_path)) for number in ids]
        amounts = [terminal.wait_for(AMOUNT, on_screen=False).group(1) for terminal in terminals]
        for terminal, amount in zip(terminals, amounts, strict=True):
            terminal.send(f"{amount}\n")
        codes = [terminal.wait_exit() for terminal in terminals]
        texts = [terminal.plain() for terminal in terminals]
    assert codes == [0, 0], texts
    assert sorted(exchange_rows(tmp_path, "SELECT market FROM orders")) == [("BTC-EUR",), ("ETH-EUR",)]
    oracle(tmp_path, "verify")


def test_text_from_outside_never_reaches_the_terminal_as_codes(tmp_path: Path) -> None:
    proposal = propose(tmp_path, "BTC-EUR", "buy", "--why", HOSTILE)
    with Terminal(["execute", str(proposal)], home=tmp_path) as terminal:
        terminal.wait_for(AMOUNT, on_screen=False)
        terminal.send("no\x1b[2J\u202e\n")
        assert terminal.wait_exit() == 1
        # What was typed is echoed by the terminal itself, as ^[; what the program wrote holds no escape.
        assert b"\x1b" not in terminal.written
        assert "[/price] [bold]x[/]" in terminal.plain()
        assert not any(character in terminal.plain().split("\n", 3)[-1] for character in "\x07\x9b\u200b")
        assert max(map(len, terminal.plain().splitlines())) <= 400
    listed = oracle(tmp_path, "proposals", "--all").stdout
    document = oracle(tmp_path, "proposals", "--json").stdout
    for text in (listed, document):
        assert not set(text) & set("\x1b\x07\x9b\u202e\u200b")
    assert json.loads(document)[0]["why"] == HOSTILE
