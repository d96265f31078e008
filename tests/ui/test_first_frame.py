"""The first frame: what it must not wait for, and the proposals it shows before anything else is known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from console.opening import Opening, opening_of
from console.panes.proposals import NOT_ASKED
from storage.clock import HOUR, MINUTE
from storage.codes import Side
from storage.glance import Glimpse
from storage.money import Eur, Price
from tests.screens.fakes import FakeDriver, console_state
from tests.screens.support import console
from tests.storage.builders import NOW

ROOT = Path(__file__).resolve().parents[2]

HEAVY = (
    "pydantic", "pydantic_core", "yaml", "typer", "httpx", "starlette", "uvicorn", "websockets", "aiosql", "aiosqlite",
    "talipp", "textual_plotext", "plotext", "console.engine", "console.state", "console.execution", "console.oracle",
    "console.cli", "console.scheduler", "console.paper", "console.screens.confirm", "console.screens.forms",
    "console.screens.cards", "storage.database", "storage.policies", "storage.gate", "storage.models",
)  # fmt: skip
"""What costs more than it does for the first frame, with everything in it."""


def test_nothing_heavy_is_imported_before_the_first_frame(tmp_path: Path) -> None:
    code = f"""
import asyncio, os, pathlib, sys
from console.opening import Opening, opening_of
assert opening_of(["--home", "x"]) is not None
from console.clock import SystemEntropy
from console.home import Home, data_folder, this_process
from console.settings import load_settings
from console.app import ConsoleApp
from console.logs import start_log
from console.runtime import Runtime
from storage.codes import Mode

async def show():
    folder = pathlib.Path({str(tmp_path)!r})
    settings, actor = load_settings(folder), this_process(SystemEntropy())
    runtime = Runtime(Home(folder, Mode.PAPER), settings, actor)
    app = ConsoleApp(runtime, settings)
    async with app.run_test(size=(120, 40)):
        await asyncio.wait_for(app.painted.wait(), 30)
        heavy = {HEAVY!r}
        print(sorted(n for n in sys.modules if any(n == h or n.startswith(h + ".") for h in heavy)))
        app.exit(0)

asyncio.run(show())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "opening"),
    [
        ("", Opening()),
        ("run", Opening()),
        ("--home x run --read-only", Opening(home=Path("x"), read_only=True)),
        ("run --live --settings y --no-scheduler", Opening(settings=Path("y"), live=True, no_scheduler=True)),
    ],
)
def test_the_words_that_open_the_console_need_no_command_line_library(words: str, opening: Opening) -> None:
    assert opening_of(words.split()) == opening


@pytest.mark.parametrize(
    "words",
    ["--help", "run --help", "status", "run run", "--home", "--home --live", "run --speed 2", "rnu", "--home=x"],
)
def test_every_other_word_is_left_to_the_command_line(words: str) -> None:
    assert opening_of(words.split()) is None


GLIMPSES = (
    Glimpse(41, Side.BUY, "BTC-EUR", Eur.of("25.09"), Price.of("61200"), 75, NOW + HOUR, "rules/trend-1"),
    Glimpse(42, Side.SELL, "SOL-EUR", Eur.of("40"), None, None, NOW + 5 * MINUTE, "ann"),
    Glimpse(43, Side.SELL, "ETH-EUR", Eur.of("40"), None, None, NOW - 1, "ann"),
)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (40, 20)])
async def test_stored_proposals_are_shown_before_the_first_state(size: tuple[int, int]) -> None:
    driver = FakeDriver()
    driver.glimpses = GLIMPSES
    async with console(driver, size) as running:
        await running.sees("BUY")
        dashboard = running.app.dashboard
        assert dashboard is not None
        rows = dashboard.proposals.rows
        assert [row.key for row in rows] == ["41", "42"], "43 has expired"
        assert not any(row.selectable for row in rows)
        assert size[0] < 80 or all(row.cells[9].text == NOT_ASKED for row in rows)


async def test_a_proposal_that_was_only_glimpsed_cannot_be_acted_on() -> None:
    driver = FakeDriver()
    driver.glimpses = GLIMPSES
    async with console(driver) as running:
        await running.press("down", "e", "x", "d")
        assert driver.asked == []
        driver.show(console_state())
        await running.press("home")
        dashboard = running.app.dashboard
        assert dashboard is not None
        assert all(row.selectable for row in dashboard.proposals.rows)
