"""The dashboard: what is shown, what is selected, what is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual import events

from console.state import Link
from storage.clock import DAY, MINUTE
from storage.codes import Mode, Side
from tests.screens.fakes import (
    FakeDriver,
    console_state,
    four_proposals,
    ghost,
    halted,
    header,
    hostile_state,
    resting_state,
    unknown_state,
)
from tests.screens.support import SIZES, console
from tests.storage.builders import MONOTONIC, NOW, eur

EVERY_SIZE = [(1, 1), (20, 5), (39, 12), (40, 11), (40, 12), (44, 22), (60, 18), (79, 24), *SIZES, (200, 60)]


async def test_the_first_frame_needs_no_state() -> None:
    async with console(FakeDriver(None)) as running:
        assert running.lines[0].startswith("┌ PAPER ─")
        assert "starting the simulated exchange" in running.lines[1]


@pytest.mark.parametrize("size", [(40, 12), (44, 22), (79, 24), (80, 24), (120, 36)])
async def test_what_keeps_the_console_from_opening_is_told_to_its_end(size: tuple[int, int]) -> None:
    driver = FakeDriver(None)
    driver.startup = "audit.key is missing, but the vault has events; put it back or restore a backup (oracle restore)"
    async with console(driver, size) as running:
        told = " ".join(line.strip("│ ") for line in running.lines[1:4])
        assert driver.startup in told
        assert running.lines[-1].startswith("└")
        driver.show(console_state())
        await running.until(lambda: "audit.key" not in "".join(running.lines))
        assert "1 Proposals" in "".join(running.lines)


@pytest.mark.parametrize("size", SIZES)
async def test_the_most_urgent_ready_proposal_is_selected_with_the_first_rows(size: tuple[int, int]) -> None:
    async with console(FakeDriver(None), size) as running:
        running.driver.show(console_state())
        await running.sees("▸1042 BUY")
        await running.sees("e confirm 1042")


async def test_cursor_follows_row() -> None:
    async with console() as running:
        await running.press("down")
        await running.sees("▸1043 BUY")
        first, second, *rest = four_proposals()
        running.driver.show(console_state(proposals=(*rest, first, second)))
        await running.until(lambda: running.lines[8].startswith("│▸1043") or running.lines[7].startswith("│▸1043"))


async def test_a_row_that_ends_leaves_nothing_selected_and_says_so() -> None:
    async with console() as running:
        running.driver.show(console_state(proposals=four_proposals()[1:]))
        await running.sees("1042 is no longer open; nothing is selected")
        assert "▸" not in "".join(running.lines[4:10])
        await running.press("e")
        await running.sees("1043 rev 3")


async def test_what_came_since_is_counted_as_new() -> None:
    async with console(FakeDriver(console_state(proposals=four_proposals()[:2]))) as running:
        running.driver.show(console_state())
        await running.sees("4 · 2 ready · 2 new")
        await running.press("end")
        await running.sees("4 · 2 ready · 1 new")


@pytest.mark.parametrize("size", EVERY_SIZE)
async def test_every_line_has_the_width_of_the_screen(size: tuple[int, int]) -> None:
    async with console(FakeDriver(console_state(header=halted())), size) as running:
        for key in ("down", "h", "q", "e", "question_mark", "4", "z", "z", "1", "d", "R", "i"):
            await running.press(key)
            assert {cell_len(line) for line in running.lines} == {size[0]}, key
            assert len(running.lines) == size[1]
            running.driver.clock.step(1.0)
            await running.press("escape")
            if running.screens[-1] == "LeaveBar":
                await running.press("escape")
            assert running.screens == ("DashboardScreen",), key


async def test_growing_and_shrinking_never_crashes() -> None:
    async with console() as running:
        for size in (*EVERY_SIZE, *reversed(EVERY_SIZE)):
            await running.pilot.resize_terminal(*size)
            await running.pilot.pause()
        await running.pilot.resize_terminal(80, 24)
        await running.sees("▸1042 BUY  BTC-EUR   25.09   61 200   61 152 +0.17%   75  7:00 ready")


async def test_a_small_terminal_keeps_mode_state_unknown_and_stop() -> None:
    async with console(FakeDriver(unknown_state()), (30, 8)) as running:
        words = [line.strip() for line in running.lines[:4]]
        assert words == ["PAPER", "ACTIVE", "UNKNOWN 1", "h stop  q leave"]


async def test_live_has_the_double_frame() -> None:
    driver = FakeDriver(console_state(header=header(mode=Mode.LIVE, source="bitvavo, main")), mode=Mode.LIVE)
    async with console(driver) as running:
        assert running.lines[0].startswith("╔ LIVE ═ ACTIVE ═ semi-auto 7f3a ═")
        assert running.lines[-1].startswith("╚ e confirm 1042 ═d decline")


async def test_the_header_shows_a_halt_file_whatever_the_vault_says() -> None:
    async with console(FakeDriver(console_state(header=header(halt_file="HALT")))) as running:
        assert "PAPER ─ HALTED" in running.lines[0]


async def test_data_that_should_be_newer_says_so() -> None:
    async with console() as running:
        await running.step(16.0)
        assert "link old 16 s" in running.lines[1]
        assert "old, 16 s" in running.lines[2]
        assert "4 of 4 prices old" in running.lines[2]


@pytest.mark.parametrize("way", ["stream", "polled"])
async def test_the_link_says_which_way_quotes_come_where_there_is_room(way: str) -> None:
    linked = header(link=Link(MONOTONIC - 0.4, None, way))
    async with console(FakeDriver(console_state(header=linked)), size=(120, 36)) as running:
        assert f"link ok 0.4 s {way}" in running.lines[1]
    async with console(FakeDriver(console_state(header=linked)), size=(80, 24)) as running:
        assert "link ok 0.4 s" in running.lines[1]
        assert way not in running.lines[1]


async def test_a_link_that_is_down_says_so() -> None:
    down = header(link=Link(MONOTONIC - 0.4, "refused"))
    async with console(FakeDriver(console_state(header=down))) as running:
        assert "link down 0.4 s" in running.lines[1]


async def test_a_standing_problem_is_on_the_activity_line() -> None:
    driver = FakeDriver(console_state())
    driver.problem = "the vault is locked by process 71"
    async with console(driver) as running:
        assert "the vault is locked by process 71" in running.lines[-2]


async def test_nobody_looking_is_said() -> None:
    async with console(FakeDriver(console_state(header=header(scheduler=None), proposals=()))) as running:
        assert "nobody looks" in running.lines[1]
        assert "no proposals, and nobody looks at the markets" in running.text


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("R", "resume: trading is ACTIVE already"),
        ("c", "cancel: no order rests"),
        ("u", "undo: nothing was declined in the last 5 s"),
    ],
)
async def test_disabled_action_says_why(key: str, said: str) -> None:
    async with console() as running:
        await running.press(key)
        assert said in running.lines[-2]


async def test_cancel_asks_for_a_resting_row_first() -> None:
    async with console(FakeDriver(resting_state())) as running:
        await running.press("c")
        assert "cancel: select a resting order in pane 4 first" in running.lines[-2]


def unframed(lines: list[str]) -> str:
    """The words of a dialog as one text, however they are wrapped."""
    return " ".join(" ".join(line.split("┃")[1] for line in lines if line.count("┃") == 2).split())


async def test_help_lists_what_cannot_be_done_with_its_reason() -> None:
    async with console(size=(120, 90)) as running:
        await running.press("question_mark")
        await running.until(lambda: "cancel what is left of the order:" in running.text)
        await running.until(lambda: "no order rests" in unframed(running.lines))
        await running.press("q")
        assert running.screens == ("DashboardScreen",)


async def test_t_toggles_utc() -> None:
    async with console() as running:
        assert "14:32:08 UTC" in running.lines[0]
        await running.press("t")
        assert "UTC" not in running.lines[0]


async def test_z_gives_one_pane_the_room() -> None:
    async with console() as running:
        await running.press("z")
        assert "4 History" not in running.text
        await running.press("q")
        assert "4 History" in running.text
        assert running.screens == ("DashboardScreen",)


async def test_tab_and_digits_move_the_focus() -> None:
    async with console() as running:
        dashboard = running.app.dashboard
        assert dashboard is not None
        for keys, pane in (("tab", "budget"), ("shift+tab", "proposals"), ("4", "history"), ("1", "proposals")):
            await running.press(keys)
            assert dashboard.focused_pane == pane


async def test_a_modifier_alone_is_no_key() -> None:
    empty = console_state(history=(), activity=())
    async with console(FakeDriver(empty)) as running:
        for key in ("left_shift", "shift", "caps_lock", "right_control"):
            running.app.post_message(events.Key(key, None))
        await running.pilot.pause()
        assert "Play money on a simulated Bitvavo." in running.text


async def test_the_first_run_card_closes_for_good_and_the_key_does_its_own_work() -> None:
    async with console(FakeDriver(console_state(history=(), activity=()))) as running:
        assert "Play money on a simulated Bitvavo." in running.text
        assert "▸1042 BUY" in running.text
        await running.press("down")
        await running.sees("▸1043 BUY")
        assert "Play money" not in running.text


async def test_there_is_no_first_run_card_in_live() -> None:
    state = console_state(history=(), activity=(), header=header(mode=Mode.LIVE))
    async with console(FakeDriver(state, mode=Mode.LIVE)) as running:
        assert "Play money" not in running.text


async def test_why_nothing_is_always_on_pane_one() -> None:
    async with console() as running:
        await running.sees("quiet at 14:30: 3 of 5 markets · nearest XRP 1 h +1.4 of 1.5 % · 0:41")


async def test_ideas_of_earlier_days_that_expired_are_one_figure() -> None:
    old = tuple(ghost(f"p{n}", NOW - DAY - n * MINUTE, Side.BUY, "ADA-EUR", "25", "expired") for n in range(1, 8))
    state = console_state()
    async with console(FakeDriver(replace(state, history=(*state.history, *old))), (120, 36)) as running:
        await running.sees("─── Mon 23 Nov ─ 7 expired ───")
        assert running.text.count("expired") == 2


async def test_a_loss_carries_its_sign() -> None:
    async with console(FakeDriver(console_state(day_result=eur("-0.41")))) as running:
        await running.sees("24 h: 2 fills · -0.41 EUR after fees")


@pytest.mark.parametrize("size", [*SIZES, (44, 22)])
async def test_hostile_text_is_shown_and_does_nothing(size: tuple[int, int]) -> None:
    async with console(FakeDriver(hostile_state()), size) as running:
        for key in ("down", "down", "down", "down", "4", "down", "1"):
            await running.press(key)
            drawn = running.lines
            assert all(line.isprintable() for line in drawn)
            assert {cell_len(line) for line in drawn} == {size[0]}
        for row in range(size[1]):
            for column in (2, size[0] // 2):
                await running.pilot.click(offset=(column, row))
        assert running.app.is_running
        assert running.driver.asked == []
        assert running.screens == ("DashboardScreen",)


@pytest.mark.parametrize("size", SIZES)
async def test_hostile_text_is_harmless_in_the_ticket(size: tuple[int, int]) -> None:
    async with console(FakeDriver(hostile_state()), size) as running:
        for _ in range(5):
            await running.open_ticket()
            assert all(line.isprintable() for line in running.lines)
            await running.press("q", "down")
        assert running.driver.asked == []


async def test_an_idle_console_draws_no_row_again() -> None:
    async with console() as running:
        dashboard = running.app.dashboard
        assert dashboard is not None
        before = dashboard.proposals.lines_drawn
        for _ in range(10):
            dashboard.refresh_all()
        await running.pilot.pause()
        assert dashboard.proposals.lines_drawn == before


async def test_the_first_start_is_greeted_once_for_good() -> None:
    driver = FakeDriver(console_state(history=(), activity=()))
    driver.before = NOW - MINUTE
    async with console(driver) as running:
        await running.until(lambda: running.app.presence.was_here)
        await running.step(1.0)
        assert "Play money" not in running.text
