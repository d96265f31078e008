"""The confirm dialog: what fires, and everything that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual import events
from textual.strip import Strip

from console.screens.confirm import ConfirmScreen
from console.screens.confirm_state import State
from storage.check_results import fails
from storage.clock import SECOND
from storage.codes import CheckCode
from storage.errors import NotFound
from tests.screens.fakes import FakeDriver, console_state, flip_until, halted, outcome, proposal_view
from tests.screens.support import SIZES, console
from tests.storage.builders import NOW, levels, make_proposal


def fires(driver: FakeDriver) -> int:
    return sum(call[0] == "fire" for call in driver.asked)


@pytest.mark.parametrize("size", [*SIZES, (44, 20), (40, 16)])
async def test_f_fires_the_armed_order(size: tuple[int, int]) -> None:
    async with console(size=size) as running:
        await running.arm()
        await running.press("F")
        await running.until(lambda: running.driver.asked == [("fire", 1042, False)])


async def test_f_counts_from_the_drawing_however_late_the_program_notices_it() -> None:
    async with console() as running:
        await running.open_ticket()
        screen = running.app.screen
        assert isinstance(screen, ConfirmScreen)
        box, drawing = screen.box, screen.box.render_line
        busy = [0.3]

        def drawn_and_then_busy(y: int) -> Strip:
            strip = drawing(y)
            if State.ARMED.value in box.text and y == len(box.lines) - 1 and busy:
                running.driver.clock.step(busy.pop())
            return strip

        box.render_line = drawn_and_then_busy  # type: ignore[method-assign]
        await running.press("enter")
        await running.until(lambda: not busy, "drawn")
        await running.press("F")
        await running.until(lambda: running.driver.asked == [("fire", 1042, False)])


async def test_f_fires_once() -> None:
    async with console() as running:
        await running.arm()
        running.burst(*["F"] * 50)
        await running.until(lambda: fires(running.driver) == 1)
        await running.pilot.pause(0.1)
        assert fires(running.driver) == 1


async def test_enter_never_fires() -> None:
    async with console() as running:
        await running.open_ticket()
        for _ in range(20):
            await running.press("enter")
            await running.step(0.3)
        running.burst(*["enter"] * 50)
        await running.pilot.pause()
        assert running.driver.asked == []


async def test_type_ahead_never_fires() -> None:
    async with console() as running:
        running.burst("e", "enter", "F", "F", "enter", "F")
        await running.until(lambda: isinstance(running.app.screen, ConfirmScreen))
        running.burst("enter", "F")
        await running.pilot.pause(0.1)
        assert running.driver.asked == []


@pytest.mark.parametrize("size", SIZES)
async def test_click_never_fires(size: tuple[int, int]) -> None:
    async with console(size=size) as running:
        await running.arm()
        for row in range(1, size[1], 3):
            for column in (1, size[0] // 4, size[0] // 2, size[0] - 25):
                await running.pilot.click(offset=(column, row))
        assert running.driver.asked == []
        assert running.screens[-1] == "ConfirmScreen"


async def test_f_that_comes_with_the_stop_key_never_fires() -> None:
    async with console() as running:
        await running.arm()
        running.burst("h", "F")
        await running.until(lambda: running.screens[-1] == "StopBar")
        await running.pilot.pause()
        assert running.driver.asked == []


async def test_lower_f_disarms_and_says_what_fires() -> None:
    async with console() as running:
        await running.arm()
        await running.press("f")
        assert running.machine.state is State.READY
        await running.sees("shift+F fires")


async def test_paste_disarms() -> None:
    async with console() as running:
        await running.arm()
        running.app.post_message(events.Paste("F"))
        await running.until(lambda: running.machine.state is State.READY)
        assert running.driver.asked == []


async def test_losing_the_focus_disarms() -> None:
    async with console() as running:
        await running.arm()
        running.app.post_message(events.AppBlur())
        await running.until(lambda: running.machine.state is State.READY)


async def test_resizing_disarms() -> None:
    async with console() as running:
        await running.arm()
        await running.pilot.resize_terminal(100, 30)
        await running.until(lambda: running.machine.state is State.READY)


async def test_dialog_gone_before_anything_is_awaited() -> None:
    async with console() as running:
        running.driver.watch_screens = lambda: running.screens
        await running.arm()
        await running.press("F")
        await running.until(lambda: fires(running.driver) == 1)
        assert running.driver.screens_at_fire == ("DashboardScreen",)


@pytest.mark.parametrize("key", ["ctrl+q", "ctrl+c"])
async def test_quit_is_shut_out_over_dialog(key: str) -> None:
    async with console() as running:
        await running.arm()
        await running.press(key)
        assert running.screens == ("DashboardScreen",)
        assert running.app.is_running


async def test_palette_is_shut_out_over_dialog() -> None:
    async with console() as running:
        await running.open_ticket()
        await running.press("ctrl+p", "colon")
        assert running.screens == ("DashboardScreen", "ConfirmScreen")


async def test_two_opening_keys_open_one_dialog() -> None:
    async with console() as running:
        running.burst("e", "e", "e")
        await running.until(lambda: running.screens[-1] == "ConfirmScreen")
        await running.pilot.pause(0.1)
        assert running.screens == ("DashboardScreen", "ConfirmScreen")


async def test_the_amount_is_typed_where_it_is_asked() -> None:
    driver = FakeDriver(console_state())
    driver.ticket_changes = {"typed_reason": "first LIVE order in 24 h"}
    async with console(driver) as running:
        await running.open_ticket()
        assert running.machine.state is State.TYPE
        await running.press("2", "5", "enter")
        await running.sees("not 25.16")
        await running.press("comma", "1", "6", "enter")
        await running.until(lambda: running.machine._painted_at is not None)
        await running.step(0.3)
        await running.press("F")
        await running.until(lambda: driver.asked == [("fire", 1042, True)])


async def test_an_exchange_that_falls_silent_makes_the_ticket_stale() -> None:
    async with console() as running:
        await running.arm()
        running.driver.ticket_error = OSError("the exchange does not answer")
        await running.step(5.0)
        assert running.machine.state is State.STALE
        await running.press("F", "enter", "F")
        assert running.driver.asked == []
        await running.press("r")
        await running.sees("the exchange does not answer")


async def test_a_new_quote_counts_from_the_new_price() -> None:
    async with console() as running:
        await running.open_ticket()
        running.driver.quote_changes = {"asks": levels(("61500", "0.4"))}
        await running.press("r")
        await running.until(lambda: running.machine.live.opened_on == levels(("61500", "1"))[0].price)
        await running.step(0.4)
        assert running.machine.state is State.READY


async def test_a_changed_order_must_be_read_again() -> None:
    async with console() as running:
        await running.arm()
        state = running.driver.current
        assert state is not None
        changed = proposal_view(make_proposal(revision=4, quantity=make_proposal().quantity.scaled(2)))
        running.driver.current = replace(state, proposals=(changed, *state.proposals[1:]))
        screen = running.app.screen
        assert isinstance(screen, ConfirmScreen)
        screen._fetch(new_quote=False)
        await running.until(lambda: running.machine.state is State.WAIT)
        await running.press("F")
        assert running.driver.asked == []


async def test_a_blocked_ticket_says_until_when() -> None:
    driver = FakeDriver(console_state())
    driver.ticket_changes = {"blocking": flip_until(NOW + 7_020_000_000)}
    async with console(driver) as running:
        await running.open_ticket()
        assert running.machine.state is State.BLOCKED
        await running.sees("BLOCKED ANTI_FLIP until 16:29")


async def test_a_proposal_that_ended_elsewhere_is_gone() -> None:
    async with console() as running:
        await running.arm()
        running.driver.clock.step(0.1)
        running.driver.show(console_state(proposals=()))
        await running.sees("GONE    1042 is no longer open")
        await running.press("F", "enter", "F")
        assert running.driver.asked == []


async def test_a_ticket_that_cannot_be_drawn_says_why() -> None:
    driver = FakeDriver(console_state())
    driver.ticket_error = NotFound("there is no proposal 1042")
    async with console(driver) as running:
        await running.press("e")
        await running.sees("there is no proposal 1042")
        await running.press("enter", "F", "q")
        assert running.screens == ("DashboardScreen",)
        assert driver.asked == []


async def test_too_small_a_screen_cannot_arm() -> None:
    async with console(size=(80, 14)) as running:
        await running.press("e")
        await running.sees("the ticket needs 40 columns and 16 rows")
        await running.step(1.0)
        await running.press("enter", "F")
        assert running.driver.asked == []
        await running.press("q")
        assert running.screens == ("DashboardScreen",)


async def test_three_idle_minutes_close_the_ticket() -> None:
    async with console() as running:
        await running.open_ticket()
        running.driver.clock.step(180.0)
        await running.until(lambda: running.screens == ("DashboardScreen",))


async def test_the_checks_cannot_be_armed_over() -> None:
    async with console() as running:
        await running.open_ticket()
        await running.press("i")
        await running.sees("ALLOWLIST")
        await running.press("enter")
        await running.sees("pay at most")
        assert running.machine.state is State.READY


async def test_all_checks_are_shown_page_by_page() -> None:
    async with console() as running:
        await running.open_ticket()
        seen: set[str] = set()
        await running.press("i")
        while "pay at most" not in running.text:
            seen |= {line.split()[2] for line in running.lines if "┃ ✓" in line}
            await running.press("i")
        assert len(seen) == 25


async def test_a_gone_ticket_counts_how_long_it_has_been_gone() -> None:
    brief = proposal_view(make_proposal(expires_at=NOW + 20 * SECOND))
    async with console(FakeDriver(console_state(proposals=(brief,)))) as running:
        await running.open_ticket()
        running.driver.clock.step((brief.proposal.expires_at - running.driver.clock.now()) / SECOND)
        await running.sees("expired 0.")
        assert "25 of 25" not in running.text
        running.driver.clock.step(12.0)
        await running.sees("1042 expired 12 s ago")


async def test_a_halted_ticket_is_resumed_from_where_it_stands() -> None:
    driver = FakeDriver(console_state(header=halted()))
    stop = fails(CheckCode.TRADING_STATE, "halted", "active", "Trading is halted; resume with a reason.")
    driver.ticket_changes = {"blocking": stop, "checks": (stop,)}
    async with console(driver) as running:
        await running.open_ticket()
        await running.sees("R resume")
        await running.press("R")
        await running.until(lambda: running.screens[-1] == "ResumeForm")
        await running.press(*"resume", "space", *"paper", "enter", *"calm", "enter")
        await running.until(lambda: running.driver.asked == [("resume", 9, "calm")])
        assert running.screens == ("DashboardScreen", "ConfirmScreen")


async def test_the_order_goes_on_when_the_console_closes() -> None:
    async with console() as running:
        await running.arm()
        await running.press("F")
        await running.until(lambda: running.driver.answer is not None)
        await running.press("q")
        await running.sees("leaving waits for it")
        await running.press("enter")
        tasks = tuple(running.app._tasks)
    answer = running.driver.answer
    assert answer is not None
    assert not answer.cancelled()
    answer.set_result(outcome())
    for task in tasks:
        await task
