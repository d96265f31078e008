"""Stop, leave, cancel, resume, decline: what one key opens, and what it takes to do it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual import events

from console.actions import Where
from console.screens.cards import HelpCard
from storage.codes import OrderKind, Side, TradingState, TriggerType
from storage.errors import Conflict
from storage.execution_models import Trigger
from storage.models import TradingRecord
from storage.money import Price
from tests.screens.fakes import FakeDriver, console_state, execution, halted, header, resting_state
from tests.screens.support import SIZES, console
from tests.storage.builders import NOW


@pytest.mark.parametrize("size", [*SIZES, (44, 16), (30, 8), (20, 5)])
@pytest.mark.parametrize("key", ["h", "ctrl+x"])
async def test_stop_is_one_key_and_enter_at_every_size(size: tuple[int, int], key: str) -> None:
    async with console(FakeDriver(resting_state()), size) as running:
        await running.press(key)
        assert running.screens[-1] == "StopBar"
        assert running.driver.asked == []
        await running.press("enter")
        await running.until(lambda: running.driver.asked == [("halt", "stop key")])


@pytest.mark.parametrize("key", ["h", "ctrl+x"])
async def test_opening_key_never_confirms_halt(key: str) -> None:
    async with console() as running:
        running.burst(*[key] * 200)
        await running.until(lambda: running.screens[-1] == "StopBar")
        await running.pilot.pause(0.1)
        assert running.driver.asked == []
        assert running.screens == ("DashboardScreen", "StopBar")


@pytest.mark.parametrize("key", ["h", "ctrl+x"])
async def test_h_opens_stop_bar_over_dialog(key: str) -> None:
    async with console() as running:
        await running.arm()
        await running.press(key)
        assert running.screens == ("DashboardScreen", "ConfirmScreen", "StopBar")
        await running.press("F", "q")
        assert running.driver.asked == []
        await running.press("F")
        assert running.driver.asked == []


async def test_stop_works_before_there_is_any_state() -> None:
    async with console(FakeDriver(None)) as running:
        await running.press("h", "enter")
        await running.until(lambda: running.driver.asked == [("halt", "stop key")])


async def test_stop_works_while_a_phrase_is_typed() -> None:
    async with console(FakeDriver(console_state(header=halted()))) as running:
        await running.press("R", "r", "ctrl+x")
        assert running.screens[-1] == "StopBar"


async def test_the_stop_bar_says_what_is_cancelled() -> None:
    async with console(FakeDriver(resting_state())) as running:
        await running.press("h")
        await running.sees("no new order leaves; 1 resting entry is cancelled")


async def test_a_in_the_stop_bar_takes_the_stops_too_where_there_are_any() -> None:
    stop = execution(
        kind=OrderKind.EXIT, side=Side.SELL, trigger=Trigger(TriggerType.STOP_LOSS, Price.of(58000)), limit=None
    )
    async with console(FakeDriver(replace(console_state(), resting=(stop,)))) as running:
        await running.press("h")
        await running.sees("1 stop at the exchange stays")
        await running.sees("a HALT, stops too")
        await running.press("a")
        await running.until(lambda: running.driver.asked == [("halt, stops too", "stop key")])


async def test_what_halting_did_is_said() -> None:
    async with console() as running:
        await running.press("h", "enter")
        await running.sees("stopped: no order can leave; 1 cancelled")


async def test_r_in_the_stop_bar_reduces_only() -> None:
    async with console() as running:
        await running.press("h", "r")
        await running.until(lambda: running.driver.asked == [("reduce", "stop key")])


@pytest.mark.parametrize("key", ["q", "escape", "ctrl+c", "ctrl+q"])
async def test_leaving_takes_one_enter(key: str) -> None:
    async with console() as running:
        await running.press(key)
        assert running.screens[-1] == "LeaveBar"
        await running.press(key)
        assert running.screens == ("DashboardScreen",)
        await running.press(key, "enter")
        await running.until(lambda: not running.app.is_running)
    assert running.app.return_code == 0
    assert running.app.return_value == 0


async def test_the_leave_bar_says_who_goes_on() -> None:
    driver = FakeDriver(console_state(header=header(scheduler="box2", resting=1)))
    async with console(driver) as running:
        await running.press("q")
        await running.sees("resting 1 (kept by box2) · looking goes on at box2")


async def test_a_resting_order_is_cancelled_by_one_enter() -> None:
    async with console(FakeDriver(resting_state())) as running:
        await running.press("4", "down", "c")
        await running.sees("what is left of 1037, BUY 0.00041 BTC-EUR @ 60 900")
        await running.press("c", "c")
        assert running.driver.asked == []
        await running.press("enter")
        await running.sees("1037 is cancelled, nothing was filled")
        assert running.driver.asked == [("cancel", 537)]


async def test_resuming_takes_the_phrase_and_a_reason() -> None:
    async with console(FakeDriver(console_state(header=halted()))) as running:
        await running.press("R")
        await running.sees("HALTED by you@box1")
        await running.press("enter", "enter")
        await running.sees("phrase")
        await running.press(*"resume", "space", *"l")
        await running.sees("resume l is not resume paper; ctrl+u clears it")
        await running.press("enter", "ctrl+u", *"resume", "space", *"paper", "enter", "enter")
        await running.sees("a reason is needed")
        assert running.driver.asked == []
        await running.press(*"calm", "enter")
        await running.until(lambda: running.driver.asked == [("resume", 9, "calm")])


async def test_resume_lifts_the_halt_it_showed() -> None:
    async with console(FakeDriver(console_state(header=halted()))) as running:
        await running.press("R", *"resume", "space", *"paper", "enter", *"calm")
        newer = TradingRecord(10, TradingState.HALTED, "a fill beyond the limit", "keeper", NOW)
        running.driver.show(console_state(header=header(trading=newer)))
        await running.press("enter")
        await running.until(lambda: running.driver.asked == [("resume", 9, "calm")])


async def test_d_declines_at_once_and_u_takes_it_back() -> None:
    async with console() as running:
        await running.press("d")
        await running.until(lambda: running.driver.asked == [("decline", 1042, None)])
        await running.sees("1042 declined   u undoes, 5 s")
        await running.press("u")
        await running.until(lambda: running.driver.asked[-1] == ("undo", 1042))


async def test_u_undoes_a_decline_that_was_given_a_reason() -> None:
    async with console() as running:
        await running.press("d", "1")
        await running.sees("1042 declined: price gone; u undoes")
        await running.press("u")
        await running.until(lambda: running.driver.asked[-1] == ("undo", 1042))
        await running.sees("1042 is proposed again")


async def test_an_undo_that_fails_is_not_said_to_have_worked() -> None:
    async with console() as running:
        await running.press("d")
        await running.until(lambda: len(running.driver.asked) == 1)
        running.driver.failure = Conflict("proposal 1042 has expired meanwhile")
        await running.press("u")
        await running.sees("proposal 1042 has expired meanwhile")
        assert "proposed again" not in running.text


async def test_why_a_key_does_nothing_goes_when_that_stops_being_true() -> None:
    async with console(FakeDriver(console_state(proposals=()))) as running:
        await running.press("e")
        await running.sees("confirm: no proposal is selected and none is ready")
        running.driver.show(console_state())
        await running.until(lambda: "none is ready" not in running.text)


async def test_undo_ends_after_five_seconds() -> None:
    async with console() as running:
        await running.press("d")
        await running.step(5.0)
        await running.press("u")
        await running.sees("undo: nothing was declined in the last 5 s")
        assert [call[0] for call in running.driver.asked] == ["decline"]


async def test_a_digit_gives_the_reason_of_a_decline() -> None:
    async with console() as running:
        await running.press("d", "2")
        await running.until(lambda: running.driver.asked[-1] == ("note", 1042, "too big"))
        await running.press("4")
        assert running.app.dashboard is not None
        assert running.app.dashboard.focused_pane == "history"


async def test_five_asks_the_reason_in_words() -> None:
    async with console() as running:
        await running.press("d", "5", *"no", "enter")
        await running.until(lambda: running.driver.asked[-1] == ("note", 1042, "no"))


async def test_another_key_closes_the_decline_bar_and_does_its_own_work() -> None:
    async with console() as running:
        await running.press("d", "z", "4")
        assert [call[0] for call in running.driver.asked] == ["decline"]
        assert "price gone" not in running.text
        assert running.app.dashboard is not None
        assert running.app.dashboard.zoomed


async def test_what_goes_wrong_is_one_sentence() -> None:
    driver = FakeDriver(console_state())
    driver.failure = Conflict("proposal 1042 is CLAIMED")
    async with console(driver) as running:
        await running.press("s")
        await running.sees("looking: proposal 1042 is CLAIMED")


async def test_what_nobody_foresaw_is_logged_and_the_screen_lives_on(caplog: pytest.LogCaptureFixture) -> None:
    driver = FakeDriver(console_state())
    driver.failure = RuntimeError("surprise")
    async with console(driver) as running:
        await running.press("s")
        await running.sees("looking failed; the log says why")
        assert "surprise" in caplog.text


async def test_a_read_only_console_says_so() -> None:
    driver = FakeDriver(console_state())
    driver.read_only = True
    async with console(driver) as running:
        await running.press("e", "d")
        await running.sees("decline: this console is read-only")
        assert driver.asked == []
        assert running.screens == ("DashboardScreen",)


@pytest.mark.parametrize("keys", ["?", "h", "e", "n", "q", "d5"])
async def test_no_dialog_has_a_sign_beyond_ascii_where_that_is_asked(keys: str) -> None:
    async with console(FakeDriver(console_state(), looks={"symbols": "ascii"}), size=(80, 30)) as running:
        await running.press(*("question_mark" if key == "?" else key for key in keys))
        await running.until(lambda: len(running.screens) == 2)
        if keys == "e":
            await running.sees("checks")
        assert {sign for sign in running.text if not sign.isascii()} == set()


@pytest.mark.parametrize("width", [44, 80, 120])
async def test_help_cuts_nothing_and_has_the_keys_of_the_pane_first(width: int) -> None:
    async with console(size=(width, 160)) as running:
        await running.press("question_mark")
        await running.until(lambda: running.screens[-1] == "HelpCard")
        inside = [line.split("┃")[1].strip() for line in running.lines if line.count("┃") == 2]
        assert not any("…" in line for line in inside)
        assert [line for line in inside if line in set(Where)][:2] == [Where.PROPOSALS, Where.LISTS]
        words = " ".join(" ".join(inside).split())
        assert width < 60 or "UNKNOWN opens its card" in words


async def test_what_is_typed_never_looks_like_a_hint() -> None:
    async with console(FakeDriver(console_state(header=halted()))) as running:
        await running.press("R")
        await running.sees("type resume paper ")
        field = running.app.screen.query_one("#field-0")
        hint, typed = field.get_component_rich_style("input--placeholder"), field.rich_style
        assert hint.italic
        assert hint.color != typed.color


async def test_a_narrow_screen_names_every_reason_of_a_decline() -> None:
    async with console(size=(40, 12)) as running:
        await running.press("d")
        assert running.lines[-1] == "└ 1 gone 2 big 3 doubt 4 seen 5 type ──┘"


async def test_the_footer_offers_to_open_a_row_of_the_history_once_one_is_selected() -> None:
    async with console() as running:
        await running.press("4")
        assert "Enter open" not in running.lines[-1]
        await running.press("down")
        assert "Enter open" in running.lines[-1]


async def test_a_narrow_form_names_the_check_that_bounds_the_size_and_cuts_nothing() -> None:
    async with console(size=(44, 22)) as running:
        await running.press("n")
        await running.sees("ORDER_SIZE")
        assert not any("…" in line for line in running.lines if line.startswith("┃"))


@pytest.mark.parametrize("key", ["down", "pagedown", "end"])
async def test_a_long_card_stays_where_it_was_scrolled_to(key: str) -> None:
    async with console() as running:
        await running.press("question_mark")
        await running.sees("1-20 of")
        await running.press(*[key] * 3)
        card = running.app.screen
        assert isinstance(card, HelpCard)
        scrolled = running.text
        assert "1-20 of" not in scrolled
        card.redraw()  # what a quarter of a second does
        card.redraw()
        await running.pilot.pause()
        assert running.text == scrolled


@pytest.mark.parametrize("step", ["tab", "down"])
async def test_what_is_typed_right_behind_a_step_belongs_to_the_next_field(step: str) -> None:
    async with console(FakeDriver(console_state(header=halted()))) as running:
        await running.press("R")
        await running.sees("type resume paper ")
        words = [events.Key(character, character) for character in "resume paperdrill"]
        for event in (*words[:12], events.Key(step, None), *words[12:], events.Key("enter", None)):
            running.app.post_message(event)
        await running.until(lambda: ("resume", 9, "drill") in running.driver.asked)
