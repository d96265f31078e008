"""Long lists: many proposals and rows of history scroll, and the cursor keeps its row, wherever that goes."""

from __future__ import annotations

from dataclasses import replace

from console.panes.line_table import LineTable
from console.state import ConsoleState, HistoryLine, ProposalView
from storage.clock import MINUTE, SECOND
from storage.codes import Side
from tests.screens.fakes import FakeDriver, console_state, proposal_view, trade_line
from tests.screens.support import Running, console
from tests.storage.builders import NOW, make_proposal

PROPOSALS, TRADES = 120, 240
"""Several screens of each; a list draws what is in view, so more of them would only be slower to make."""


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


async def test_many_proposals_scroll_and_the_selected_one_stays_in_view_until_it_ends() -> None:
    driver = FakeDriver(long_state())
    async with console(driver) as running:
        await running.sees(f"{PROPOSALS} · {PROPOSALS} ready")
        proposals = table(running, "proposals")
        await running.press("pagedown", "pagedown", "j")
        assert int(proposals.selected or "0") > 1005
        await running.sees(f"▸{proposals.selected}")
        await running.press("j")
        known = len(proposals._strips)
        await running.press("j")
        assert len(proposals._strips) - known <= 2, "a key draws two lines however long the list is"
        await running.press("G")
        await running.sees("▸1119")
        await running.press("g")
        await running.sees("▸1000")
        await running.press("G", "k", "k")
        driver.show(replace(long_state(), proposals=(*views(range(900, 950)), *views(range(1100, 1120)))))
        await running.sees("70 · 70 ready")
        await running.sees("▸1117")
        driver.show(replace(long_state(), proposals=views(range(1113, 1120))))
        await running.sees("7 · 7 ready")
        await running.sees("▸1117")
        driver.show(replace(long_state(), proposals=views(range(1000, 1117))))
        await running.sees("1117 is no longer open; nothing is selected")
        assert proposals.selected is None


async def test_many_rows_of_history_scroll_and_the_cursor_stays_when_rows_arrive_and_go() -> None:
    driver = FakeDriver(long_state())
    async with console(driver) as running:
        await running.press("4", "z", "G")
        history = table(running, "history")
        await running.until(lambda: history.selected == "t1")
        await running.press("g", "j", "j")
        assert history.selected == "t238"
        driver.show(replace(long_state(), history=(*trades(5, TRADES + 1), *trades(TRADES))))
        await running.until(lambda: "t245" in history._places)
        assert history.selected == "t238"
        assert any("▸" in line for line in running.lines)
        driver.show(replace(long_state(), history=trades(50, 200)))
        await running.until(lambda: "t199" not in history._places)
        assert history.selected == "t238"
        assert any("▸" in line for line in running.lines)
