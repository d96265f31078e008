"""The history deeper than its newest lines: pages of the vault, the window over them, and the keys that move it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from console.panes import history as history_pane
from console.panes.drawing import Scene
from console.past import FIRST, HISTORY_ROWS, HistoryLine, Page, Place, read_page
from console.screens.deeper import PAGES_MOST, Deeper
from storage.clock import DAY, HOUR, MINUTE, SECOND
from storage.codes import ExecutionState, Mode, Side
from storage.database import Tx
from storage.gate import pass_gate
from storage.market_models import Level
from storage.money import Price, Quantity
from storage.proposals import create_proposal
from tests.screens.fakes import FakeDriver, console_state, ghost, trade_line
from tests.screens.support import console
from tests.storage.builders import MONOTONIC, NOW
from tests.storage.world import bare_tx, bring_to, clean_sweep, make_ready, own_idea
from tests.support import SteppedClock

SCENE = Scene(NOW, MONOTONIC, Mode.PAPER, UTC)


def trades(count: int) -> tuple[HistoryLine, ...]:
    """Newest first, ten seconds apart, the first of them number 1."""
    line = trade_line(1, NOW, Side.BUY, "BTC-EUR", "0.00041", "61152", "0.07")
    assert line.trade is not None
    return tuple(
        replace(line, key=f"t{number}", at=NOW - (count - number) * 10 * SECOND, trade=replace(line.trade, id=number))
        for number in range(count, 0, -1)
    )


def long_driver(count: int) -> FakeDriver:
    every = trades(count)
    driver = FakeDriver(console_state(history=every[:HISTORY_ROWS]))
    driver.past = every
    return driver


# ---- what the vault answers


@pytest.fixture
def tx(tmp_path: Path) -> Tx:
    made = bare_tx(tmp_path, SteppedClock())
    clean_sweep(made)
    return made


def mixed(tx: Tx) -> None:
    """Trades, refusals and ideas that expire, some of them at the same moment."""
    for number in range(12):
        if number % 3:
            tx.now += SECOND
        if number % 4 == 0:
            bring_to(tx, ExecutionState.CLAIMED)
        elif number % 4 == 1:
            ready = make_ready(tx, own_idea())
            wide = replace(ready.quote, asks=(Level(Price.of(62000), Quantity.of("0.41")),))
            pass_gate(tx, ready.ticket, wide)
        else:
            create_proposal(tx, own_idea())


@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages_of_everything_meet_without_gap_or_repeat(tx: Tx, size: int) -> None:
    mixed(tx)
    tx.now += HOUR
    whole = read_page(tx, FIRST, 100)
    assert whole.then is None
    assert {line.key[0] for line in whole.lines} == {"t", "p", "d"}
    assert [line.at for line in whole.lines] == sorted((line.at for line in whole.lines), reverse=True)
    paged: list[HistoryLine] = []
    start: Place | None = FIRST
    while start is not None:
        page = read_page(tx, start, size)
        assert 0 < len(page.lines) <= size
        paged, start = [*paged, *page.lines], page.then
    assert sorted(line.key for line in paged) == sorted(line.key for line in whole.lines)
    assert [line.at for line in paged] == [line.at for line in whole.lines]


def test_ideas_that_expired_days_ago_are_counted_and_take_no_room_of_a_page(tx: Tx) -> None:
    mixed(tx)
    tx.now += 3 * DAY
    page = read_page(tx, FIRST, 6)
    expired = sum(line.end == "expired" for line in page.lines)
    assert (len(page.lines), len(page.folded), expired) == (6, 9, 0)


# ---- the window over them


def reader(every: tuple[HistoryLine, ...]) -> FakeDriver:
    driver = FakeDriver(console_state())
    driver.past = every
    return driver


def keys(deeper: Deeper, newest: tuple[HistoryLine, ...] = ()) -> list[str]:
    return [line.key for line in deeper.lines(console_state(history=newest))]


async def test_the_window_moves_along_and_never_holds_more_than_its_pages() -> None:
    every = trades(10 * HISTORY_ROWS)
    read, deeper = reader(every).history_page, Deeper()
    named = [line.key for line in every]
    while not deeper.at_end:
        await deeper.older(read)
        assert len(deeper.pages) <= PAGES_MOST
        assert len(keys(deeper, every[:HISTORY_ROWS])) <= PAGES_MOST * HISTORY_ROWS
    assert keys(deeper, every[:HISTORY_ROWS]) == named[-PAGES_MOST * HISTORY_ROWS :]
    while deeper.detached:
        await deeper.newer(read)
    assert keys(deeper, every[:HISTORY_ROWS]) == named[: PAGES_MOST * HISTORY_ROWS]
    deeper.close()
    assert keys(deeper, every[:HISTORY_ROWS]) == named[:HISTORY_ROWS]


async def test_new_lines_lead_and_the_newest_word_on_an_order_counts() -> None:
    every, deeper = trades(100), Deeper()
    await deeper.older(reader(every).history_page)
    newer = replace(every[0], key="t101", at=NOW + SECOND)
    told = deeper.lines(console_state(history=(newer, replace(every[0], end="CANCELED"), *every[1:59])))
    assert [line.key for line in told] == ["t101", *(line.key for line in every[:60])]
    assert told[1].end == "CANCELED"


async def test_an_order_that_rests_no_longer_and_a_gap_have_the_pages_read_again() -> None:
    every, deeper = trades(100), Deeper()
    await deeper.older(reader((*every[:59], replace(every[59], end="RESTS"))).history_page)
    newest = every[:30]
    assert deeper.outdated(console_state(history=newest))
    await deeper.renew(reader(every).history_page)
    assert not deeper.outdated(console_state(history=newest))
    assert deeper.outdated(console_state(history=(replace(every[0], at=NOW + HOUR),)))


async def test_pages_read_again_meet_although_rows_have_come() -> None:
    every, deeper = trades(300), Deeper()
    for _ in range(3):
        await deeper.older(reader(every[20:]).history_page)
    await deeper.renew(reader(every).history_page)
    named = [line.key for line in every]
    assert keys(deeper, every[:HISTORY_ROWS]) == named[: 3 * HISTORY_ROWS]


async def test_a_second_key_while_a_page_is_read_reads_no_second_page() -> None:
    asked: list[Place] = []
    going = asyncio.Event()

    async def slow(start: Place) -> Page:
        asked.append(start)
        await going.wait()
        return Page(start, trades(10), (), None, NOW)

    deeper = Deeper()
    first = asyncio.create_task(deeper.older(slow))
    await asyncio.sleep(0)
    await deeper.older(slow)
    assert deeper.past(console_state(), UTC).foot == "reading older rows"
    going.set()
    await first
    assert asked == [FIRST]
    assert deeper.past(console_state(), UTC).foot == "no older rows"


async def test_a_page_that_comes_after_the_way_back_to_the_newest_is_not_shown() -> None:
    read, deeper = reader(trades(200)).history_page, Deeper()
    going = asyncio.Event()

    async def slow(start: Place) -> Page:
        await going.wait()
        return await read(start)

    await deeper.older(read)
    late = asyncio.create_task(deeper.older(slow))
    await asyncio.sleep(0)
    deeper.close()
    going.set()
    await late
    assert deeper.pages == []
    assert not deeper.reading


def test_days_of_which_nothing_is_left_but_a_count_have_a_line_each() -> None:
    lines = (
        trade_line(9, NOW - MINUTE, Side.BUY, "BTC-EUR", "0.00041", "61152", "0.07"),
        ghost("p8", NOW - 26 * HOUR, Side.BUY, "SOL-EUR", "40", "expired"),
        trade_line(7, NOW - 3 * DAY, Side.BUY, "BTC-EUR", "0.00041", "61152", "0.07"),
    )
    folded = {"2026-11-23": (4, NOW - 27 * HOUR), "2026-11-22": (30, NOW - 2 * DAY), "2026-11-21": (2, NOW - 3 * DAY)}
    drawn = history_pane.rows(
        console_state(), SCENE, 78, past=history_pane.Past(lines, folded, foot="older rows: on down", whole=False)
    )
    told = [row.cells[0].text for row in drawn if not row.selectable]
    assert told == [
        "─── Mon 23 Nov ─ 5 expired ───",
        "─── Sun 22 Nov ─ 30 expired ───",
        "─── Sat 21 Nov ─ 2+ expired ───",
        "older rows: on down",
    ]
    assert [row.key for row in drawn if row.selectable] == ["t9", "t7"]


# ---- the keys


async def test_the_end_of_what_is_loaded_loads_on_until_there_is_nothing_older_and_g_is_the_newest() -> None:
    async with console(long_driver(150)) as running:
        await running.press("4", "z", "end")
        await running.until(lambda: running.app.dashboard is not None and len(running.app.dashboard.deeper.pages) == 1)
        dashboard = running.app.dashboard
        assert dashboard is not None
        assert dashboard.history.selected == "t91"
        for _ in range(6):
            await running.press("pagedown")
            await running.until(lambda: not dashboard.deeper.reading)
        await running.press("end", "end")
        await running.until(lambda: dashboard.history.selected == "t1")
        await running.sees("no older rows")
        line = dashboard.history_line
        assert line is not None
        assert line.trade is not None
        assert line.trade.id == 1
        await running.press("g")
        assert dashboard.history.selected == "t150"
        assert dashboard.deeper.pages == []
        await running.sees("▸")
