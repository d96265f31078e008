"""Long lists: five hundred proposals and ten thousand rows of history scroll, and the cursor keeps its row."""

from __future__ import annotations

from dataclasses import replace

from console.panes.line_table import LineTable
from console.state import ConsoleState, HistoryLine, ProposalView
from storage.clock import MINUTE, SECOND
from storage.codes import Side
from tests.screens.fakes import FakeDriver, console_state, proposal_view, trade_line
from tests.screens.support import Running, console
from tests.storage.builders import NOW, make_proposal

PROPOSALS, TRADES = 500, 10_000


def views(numbers: range) -> tuple[ProposalView, ...]:
    base = proposal_view()
    return tuple(
        replace(base, proposal=make_proposal(id=number, expires_at=NOW + number * MINUTE)) for number in numbers
    )


def trades(count: int, first: int = 1) -> tuple[HistoryLine, ...]:
    """Newest first, three seconds apart."""
    line = trade_line(1, NOW, Side.BUY, "BTC-EUR", "0.00041", "61152", "0.07")
    assert line.trade is not None
    return tuple(
        replace(line, key=f"t{number}", at=NOW - (count - number) * 3 * SECOND, trade=replace(line.trade, id=number))
        for number in range(first + count - 1, first - 1, -1)
    )


def long_state() -> ConsoleState:
    return console_state(proposals=views(range(1000, 1000 + PROPOSALS)), history=trades(TRADES))


def table(running: Running, name: str) -> LineTable:
    dashboard = running.app.dashboard
    assert dashboard is not None
    found = dashboard.bodies.table(name)
    assert found is not None
    return found


async def test_five_hundred_proposals_scroll_to_the_last_and_back() -> None:
    async with console(FakeDriver(long_state())) as running:
        await running.sees("500 · 500 ready")
        await running.press("G")
        await running.sees("▸1499")
        await running.press("g")
        await running.sees("▸1000")
        await running.press("pagedown", "pagedown", "j")
        selected = table(running, "proposals").selected
        assert selected is not None
        assert int(selected) > 1005
        await running.sees(f"▸{selected}")


async def test_the_selected_proposal_stays_selected_and_in_view_while_others_come_and_go() -> None:
    driver = FakeDriver(long_state())
    async with console(driver) as running:
        await running.press("G", "k", "k")
        assert table(running, "proposals").selected == "1497"
        driver.show(replace(long_state(), proposals=(*views(range(700, 900)), *views(range(1300, 1500)))))
        await running.sees("400 · 400 ready")
        assert table(running, "proposals").selected == "1497"
        await running.sees("▸1497")
        driver.show(replace(long_state(), proposals=views(range(1490, 1500))))
        await running.sees("10 · 10 ready")
        await running.sees("▸1497")


async def test_a_selected_proposal_that_ends_selects_no_other() -> None:
    driver = FakeDriver(long_state())
    async with console(driver) as running:
        await running.press("G")
        driver.show(replace(long_state(), proposals=views(range(1000, 1499))))
        await running.sees("1499 is no longer open; nothing is selected")
        assert table(running, "proposals").selected is None


async def test_ten_thousand_rows_of_history_scroll_and_keep_the_cursor_when_rows_arrive() -> None:
    driver = FakeDriver(long_state())
    async with console(driver) as running:
        await running.press("4", "z", "G")
        history = table(running, "history")
        await running.until(lambda: history.selected == "t1")
        await running.press("g", "j", "j")
        assert history.selected == "t9998"
        newer = (*trades(5, TRADES + 1), *trades(TRADES))
        driver.show(replace(long_state(), history=newer))
        await running.until(lambda: len(history._rows) > TRADES)
        assert history.selected == "t9998"
        assert any("▸" in line for line in running.lines)
        driver.show(replace(long_state(), history=trades(100, 9_950)))
        await running.until(lambda: len(history._rows) < 200)
        assert history.selected == "t9998"


async def test_a_key_draws_two_lines_however_long_the_list_is() -> None:
    async with console(FakeDriver(long_state())) as running:
        await running.sees("500 · 500 ready")
        proposals = table(running, "proposals")
        await running.press("j")
        await running.pilot.pause()
        known = len(proposals._strips)
        await running.press("j")
        await running.pilot.pause()
        assert len(proposals._strips) - known <= 2
