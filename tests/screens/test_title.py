"""The terminal's title: what it says, when it is written, and that it is gone afterwards."""

from __future__ import annotations

import pytest

from console.screens.title import CELLS, Title, has_title, sequence, title_text
from console.state import ConsoleState
from storage.codes import Mode
from tests.screens.fakes import FakeDriver, console_state, halted, header
from tests.screens.support import console
from tests.storage.builders import eur


@pytest.mark.parametrize(
    ("state", "mode", "text"),
    [
        (None, Mode.PAPER, "PAPER starting"),
        (console_state(), Mode.PAPER, "PAPER 2 rdy UNK0 +1.84"),
        (console_state(), Mode.LIVE, "LIVE 2 rdy UNK0 +1.84"),
        (console_state(header=header(unknown=1)), Mode.LIVE, "LIVE 2 rdy UNK1 +1.84"),
        (console_state(day_result=eur("-1234.5")), Mode.LIVE, "LIVE 2 rdy UNK0"),
        (console_state(header=halted()), Mode.LIVE, "LIVE HALTED UNK0"),
        (console_state(header=header(halt_file="HALT")), Mode.PAPER, "PAPER HALTED UNK0"),
        (console_state(proposals=()), Mode.PAPER, "PAPER 0 rdy UNK0 +1.84"),
    ],
)
def test_the_title_says_mode_ready_unknown_and_the_day(state: ConsoleState | None, mode: Mode, text: str) -> None:
    assert title_text(state, mode) == text
    assert len(text) <= CELLS + 1, "one more in PAPER, whose name is longer"


def test_a_title_is_written_only_when_it_changes() -> None:
    written: list[str] = []
    title = Title(written.append)
    assert [title.show(text) for text in ("a", "a", "b")] == [True, False, True]
    assert written == ["\x1b]2;a\x07", "\x1b]2;b\x07"]


def test_nothing_in_a_title_can_end_its_sequence() -> None:
    assert sequence("a\x07b\x1b\\c\x9cd\n") == "\x1b]2;ab\\cd\x07"


@pytest.mark.parametrize(("term", "has"), [("xterm-256color", True), ("tmux", True), ("dumb", False), ("", False)])
def test_only_a_terminal_with_a_title_gets_one(term: str, has: bool) -> None:
    assert has_title(term) is has


async def test_the_title_follows_the_state_behind_a_dialog() -> None:
    async with console(FakeDriver(console_state())) as running:
        await running.until(lambda: running.app.title == "PAPER 2 rdy UNK0 +1.84")
        await running.press("question_mark")
        running.driver.show(console_state(header=header(unknown=2)))
        await running.until(lambda: running.app.title == "PAPER 2 rdy UNK2 +1.84")
