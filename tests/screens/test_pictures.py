"""Pictures of screens that stand still: layout, colours, and the same without any colour."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.app import ConsoleApp
from console.panes.shape import PANES
from storage.clock import MINUTE, SECOND
from storage.codes import Mode
from tests.screens.fakes import (
    FakeDriver,
    console_state,
    halted,
    hostile_state,
    proposal_view,
    resting_state,
    unknown_state,
)
from tests.screens.sight_fakes import SAW
from tests.screens.support import Running
from tests.storage.builders import NOW, make_proposal

Compare = Callable[..., bool]
Before = Callable[[Pilot[Any]], Awaitable[None]]
STANDARD, WIDE = (80, 24), (120, 36)


def app_of(driver: FakeDriver) -> ConsoleApp:
    return ConsoleApp(driver, driver.settings)


def doing(driver: FakeDriver, act: Callable[[Running], Awaitable[None]]) -> Before:
    """Something to do before the picture is taken."""

    async def before(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await act(Running(app, driver, pilot))

    return before


async def charted(running: Running) -> None:
    """The candles are drawn beside the loop, so a picture of them waits for that."""
    dashboard = running.app.dashboard
    assert dashboard is not None
    box = running.app.size.width >= 120 or dashboard.focused_pane == "market"
    await running.until(lambda: not box or dashboard.chart.drawn is not None, "the chart")
    dashboard.refresh_all()
    await running.until(lambda: "drawing the candles" not in running.text)


async def ready(running: Running) -> None:
    await running.open_ticket()
    await running.until(lambda: "READY" in running.text)
    await running.until(lambda: "link ok 1.4 s" in running.text)


async def armed(running: Running) -> None:
    await charted(running)
    await running.arm()
    await running.until(lambda: "link ok 1.7 s" in running.text)


@pytest.mark.parametrize("size", [STANDARD, WIDE])
def test_dashboard(snap_compare: Compare, size: tuple[int, int]) -> None:
    driver = FakeDriver(console_state())
    assert snap_compare(app_of(driver), terminal_size=size, run_before=doing(driver, charted))


@pytest.mark.parametrize("size", [STANDARD, WIDE])
def test_dashboard_without_colour(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    driver = FakeDriver(unknown_state())
    assert snap_compare(app_of(driver), terminal_size=size, run_before=doing(driver, charted))


def test_live_halted(snap_compare: Compare) -> None:
    header = halted(mode=Mode.LIVE, source="bitvavo, main", unknown=1)
    driver = FakeDriver(console_state(header=header), mode=Mode.LIVE)
    assert snap_compare(app_of(driver), terminal_size=STANDARD)


def test_ticket_ready(snap_compare: Compare) -> None:
    driver = FakeDriver(console_state())
    assert snap_compare(app_of(driver), terminal_size=STANDARD, run_before=doing(driver, ready))


def test_ticket_armed_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    driver = FakeDriver(console_state())
    assert snap_compare(app_of(driver), terminal_size=WIDE, run_before=doing(driver, armed))


def test_stop_bar(snap_compare: Compare) -> None:
    assert snap_compare(app_of(FakeDriver(resting_state())), terminal_size=STANDARD, press=["h"])


def test_resume_form(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    driver = FakeDriver(console_state(header=halted()))
    assert snap_compare(app_of(driver), terminal_size=STANDARD, press=["R"])


def test_narrow_dashboard_in_ascii(snap_compare: Compare) -> None:
    driver = FakeDriver(console_state(), looks={"symbols": "ascii", "theme": "light"})
    assert snap_compare(app_of(driver), terminal_size=(44, 22))


def test_hostile_text(snap_compare: Compare) -> None:
    driver = FakeDriver(hostile_state())
    assert snap_compare(app_of(driver), terminal_size=WIDE, run_before=doing(driver, charted))


def in_pane(*keys: str) -> Callable[[Running], Awaitable[None]]:
    """Keys that lead to a pane, and its candles, if it has some."""

    async def go(running: Running) -> None:
        dashboard = running.app.dashboard
        assert dashboard is not None
        await running.press(*keys)
        if len(keys) > 1:  # the pane has another size by now, and two charts are a second apart
            await running.step(1.0)
        await charted(running)
        assert dashboard.focused_pane == PANES[int(keys[0]) - 1]

    return go


async def saw(running: Running) -> None:
    await running.press("w")
    await running.sees("✗ 61 200 not in the snapshot")
    await running.sees("2.0 s ago")


def test_what_the_oracle_saw(snap_compare: Compare) -> None:
    words = make_proposal().rationale
    made = replace(words, why=f"momentum above the band, RSI {SAW.figures.rsi}, held above 61 200")
    view = replace(proposal_view(), proposal=make_proposal(rationale=made, oracle="rules/trend-1"))
    driver = FakeDriver(console_state(proposals=(view,)))
    driver.snapshot = replace(SAW, taken_at=NOW - 3 * MINUTE)
    driver.present = replace(SAW, taken_at=NOW - 2 * SECOND, figures=replace(SAW.figures, rsi=Decimal("61.2")))
    assert snap_compare(app_of(driver), terminal_size=STANDARD, run_before=doing(driver, saw))


@pytest.mark.parametrize("key", ["5", "6", "7"])
def test_what_replaces_budget_and_locks(snap_compare: Compare, key: str) -> None:
    driver = FakeDriver(console_state())
    assert snap_compare(app_of(driver), terminal_size=STANDARD, run_before=doing(driver, in_pane(key)))


def test_market_alone_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    driver = FakeDriver(console_state())
    assert snap_compare(app_of(driver), terminal_size=WIDE, run_before=doing(driver, in_pane("5", "z")))


def test_large_screen(snap_compare: Compare) -> None:
    driver = FakeDriver(console_state())
    assert snap_compare(app_of(driver), terminal_size=(200, 60), run_before=doing(driver, charted))
