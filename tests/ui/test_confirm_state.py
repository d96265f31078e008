"""Read, arm, fire: what the confirm dialog's states let through, key by key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.screens.confirm_state import ConfirmState, Key, Live, State, Step
from storage.codes import CheckCode, Side
from storage.models import Check
from storage.money import Price

ENTER = Key("enter", "\r")
FIRE = Key("F", "F")
LOWER = Key("f", "f")
REQUOTE = Key("r", "r")
LEAVE = Key("q", "q")
ESCAPE = Key("escape", "\x1b")

QUIET = Live(
    side=Side.BUY,
    opened_on=Price.of("61140"),
    reference=Price.of("61152"),
    book_age=0.4,
    blocking=None,
    gone=None,
    type_reason=None,
    total="25.16",
)
TYPED = replace(QUIET, type_reason="first LIVE order today, new market")


def standing(machine: ConfirmState) -> State:
    """The state now (a call, so that the type checker forgets what it was)."""
    return machine.state


def failing(code: CheckCode = CheckCode.COOLDOWN, reason: str = "bought ETH 14:29") -> Check:
    return Check(code=code, passed=False, applied=True, observed="", limit="", reason=reason)


def ready(live: Live = QUIET) -> ConfirmState:
    """A machine at second 1.0 whose reading time is over."""
    machine = ConfirmState(0.0, live)
    machine.tick(1.0, live)
    return machine


def armed(live: Live = QUIET) -> ConfirmState:
    """A machine armed at second 1.0 and painted at once, so that F counts from 1.25."""
    machine = ready(live)
    machine.key(ENTER, 1.0)
    machine.painted(1.0)
    assert standing(machine) is State.ARMED
    return machine


def type_text(machine: ConfirmState, text: str, at: float = 1.1) -> None:
    for character in text:
        machine.key(Key("space" if character == " " else character, character), at)


def test_enter_then_f_fires_and_closes() -> None:
    step = armed().key(FIRE, 1.5)
    assert step == Step(fire=True, close=True, changed=True)


def test_a_machine_fires_once() -> None:
    machine = armed()
    assert machine.key(FIRE, 1.5).fire
    assert standing(machine) is State.FIRED
    for key in (FIRE, ENTER, FIRE, ESCAPE):
        assert machine.key(key, 2.0) == Step()
    assert machine.tick(9.0, QUIET) == Step()


@pytest.mark.parametrize("key", [ENTER, FIRE, REQUOTE, LEAVE, Key("i", "i"), Key("ctrl+c")])
def test_every_key_but_escape_is_swallowed_for_700_ms(key: Key) -> None:
    machine = ConfirmState(0.0, QUIET)
    assert machine.key(key, 0.69) == Step()
    assert standing(machine) is State.WAIT


def test_escape_leaves_while_waiting() -> None:
    machine = ConfirmState(0.0, QUIET)
    assert machine.key(ESCAPE, 0.1).close
    assert standing(machine) is State.CLOSED


def test_enter_arms_once_the_reading_time_is_over() -> None:
    machine = ConfirmState(0.0, QUIET)
    machine.key(ENTER, 0.7)
    assert standing(machine) is State.ARMED


def test_enter_never_fires() -> None:
    machine = ready()
    for beat in range(600):
        assert not machine.key(ENTER, 1.0 + beat * 0.03).fire
        machine.painted(1.0 + beat * 0.03)


def test_f_counts_250_ms_after_armed_was_painted_not_after_enter() -> None:
    machine = ready()
    machine.key(ENTER, 1.0)
    assert machine.key(FIRE, 3.0) == Step(), "nothing was painted yet"
    machine.painted(3.0)
    assert machine.key(FIRE, 3.249) == Step()
    assert standing(machine) is State.ARMED
    assert machine.key(FIRE, 3.25).fire


def test_a_paint_from_before_arming_does_not_count() -> None:
    machine = ready()
    machine.painted(1.0)
    machine.key(ENTER, 1.5)
    machine.painted(1.4)
    assert not machine.key(FIRE, 2.5).fire


def test_each_arming_must_be_painted_anew() -> None:
    machine = armed()
    machine.key(Key("x", "x"), 1.5)
    machine.key(ENTER, 1.6)
    assert not machine.key(FIRE, 2.5).fire


@pytest.mark.parametrize(
    "key",
    [Key("F", "F"), Key("shift+f", "F"), Key("shift+f", None), Key("F", None), Key("f", "F"), Key("upper_f", "F")],
)
def test_the_character_f_or_shift_f_fires(key: Key) -> None:
    assert armed().key(key, 1.5).fire


@pytest.mark.parametrize(
    "key",
    [
        LOWER,
        Key("shift+f", "f"),
        Key("ctrl+f", None),
        Key("ctrl+shift+f", "F"),
        Key("alt+F", "F"),
        Key("ff", "FF"),
        Key("space", " "),
        Key("Ғ", "Ғ"),
        Key("f1", None),
        Key("r", "r"),
        Key("ctrl+x", "\x18"),
    ],
)
def test_any_other_key_disarms(key: Key) -> None:
    machine = armed()
    assert not machine.key(key, 1.5).fire
    assert standing(machine) is not State.ARMED
    assert not machine.key(FIRE, 1.9).fire


def test_lower_f_when_armed_says_which_key_fires() -> None:
    machine = armed()
    machine.key(LOWER, 1.5)
    assert standing(machine) is State.READY
    assert machine.note == "shift+F fires"


@pytest.mark.parametrize(
    "name",
    ["left_shift", "right_shift", "shift", "caps_lock", "num_lock", "iso_level3_shift", "shift+left_shift", "alt"],
)
def test_a_modifier_alone_is_no_key(name: str) -> None:
    machine = armed()
    assert machine.key(Key(name), 1.3) == Step()
    assert standing(machine) is State.ARMED
    assert machine.key(FIRE, 1.5).fire


def test_a_modifier_alone_is_no_activity() -> None:
    machine = ready()
    machine.key(Key("left_shift"), 170.0)
    assert machine.tick(180.0, QUIET).close


def test_armed_lasts_eight_seconds() -> None:
    machine = armed()
    machine.tick(8.99, QUIET)
    assert standing(machine) is State.ARMED
    assert machine.tick(9.0, QUIET).changed
    assert standing(machine) is State.READY
    assert not machine.key(FIRE, 9.1).fire


def test_an_expired_arming_does_not_fire_without_a_tick() -> None:
    machine = ready(replace(QUIET, book_age=0.0))
    machine.tick(1.0, QUIET)
    machine.key(ENTER, 1.0)
    machine.painted(1.0)
    machine.tick(8.5, QUIET)
    assert not machine.key(FIRE, 9.0).fire


def test_the_armed_time_is_a_setting_of_8_to_30_seconds() -> None:
    machine = ConfirmState(0.0, QUIET, armed_seconds=30)
    machine.key(ENTER, 1.0)
    machine.painted(1.0)
    machine.tick(30.9, QUIET)
    assert machine.key(FIRE, 30.95).fire
    for seconds in (7.9, 30.1, 0.0, float("nan")):
        with pytest.raises(ValueError, match="8 to 30"):
            ConfirmState(0.0, QUIET, armed_seconds=seconds)


def test_blur_resize_and_paste_disarm() -> None:
    for event in (ConfirmState.blur, ConfirmState.resized, ConfirmState.paste):
        machine = armed()
        assert event(machine, 1.5).changed
        assert standing(machine) is State.READY
        assert machine.note is not None
        assert machine.note.startswith("disarmed")
        assert not machine.key(FIRE, 2.0).fire


def test_a_new_quote_is_asked_for_once_and_followed_by_a_quarantine() -> None:
    for machine in (ready(), armed(), ready(TYPED)):
        live = machine.live
        assert machine.key(REQUOTE, 2.0).requote
        assert machine.key(REQUOTE, 2.1) == Step()
        for key in (ENTER, FIRE, LEAVE):
            assert machine.key(key, 2.29) == Step()
        machine.tick(2.3, live)
        assert standing(machine) in (State.READY, State.TYPE)


def test_the_answer_of_a_new_quote_starts_the_quarantine_again() -> None:
    machine = ready()
    machine.key(REQUOTE, 2.0)
    requoted = replace(QUIET, opened_on=Price.of("61152"), quote=1)
    machine.tick(2.28, requoted)
    assert machine.key(ENTER, 2.57) == Step()
    assert standing(machine) is State.WAIT
    machine.key(ENTER, 2.58)
    assert standing(machine) is State.ARMED


def test_a_quote_that_changes_under_an_armed_ticket_disarms_it() -> None:
    machine = armed()
    assert machine.tick(1.5, replace(QUIET, quote=1)).changed
    assert standing(machine) is State.WAIT
    assert not machine.key(FIRE, 1.6).fire


@pytest.mark.parametrize("reference", ["61445.71", "60834.29"])
def test_more_than_half_a_percent_from_the_quote_is_stale(reference: str) -> None:
    machine = armed()
    machine.tick(1.5, replace(QUIET, reference=Price.of(reference)))
    assert standing(machine) is State.STALE
    assert machine.reason is not None
    assert machine.reason.startswith("ask moved")
    assert not machine.key(FIRE, 1.6).fire
    assert not machine.key(ENTER, 1.7).changed


@pytest.mark.parametrize("reference", ["61445.7", "60834.3"])
def test_half_a_percent_exactly_is_not_stale(reference: str) -> None:
    machine = armed()
    machine.tick(1.5, replace(QUIET, reference=Price.of(reference)))
    assert machine.key(FIRE, 1.6).fire


def test_a_sell_is_measured_by_the_bid() -> None:
    machine = armed(replace(QUIET, side=Side.SELL))
    machine.tick(1.5, replace(QUIET, side=Side.SELL, reference=Price.of(60000)))
    assert machine.reason == "bid moved -1.86 %, more than 0.5 %"


@pytest.mark.parametrize(
    "change", [{"reference": None}, {"opened_on": None}, {"opened_on": Price.zero()}, {"book_age": None}]
)
def test_what_is_not_known_is_stale(change: dict[str, Price | None]) -> None:
    machine = ready(replace(QUIET, **change))  # type: ignore[arg-type]
    assert standing(machine) is State.STALE


def test_a_book_not_confirmed_for_five_seconds_is_stale() -> None:
    machine = ready(replace(QUIET, book_age=4.9))
    assert standing(machine) is State.READY
    machine.tick(2.0, replace(QUIET, book_age=5.0))
    assert standing(machine) is State.STALE
    assert machine.reason == "book not confirmed for 5 s"


def test_the_book_grows_old_between_two_ticks() -> None:
    machine = armed()
    machine.tick(1.5, replace(QUIET, book_age=3.0))
    assert not machine.key(FIRE, 3.5).fire
    assert standing(machine) is State.STALE


def test_stale_offers_a_new_quote_and_leaves() -> None:
    stale = replace(QUIET, book_age=9.0)
    assert ready(stale).key(REQUOTE, 2.0).requote
    assert ready(stale).key(LEAVE, 2.0).close


def test_a_stale_book_that_recovers_is_ready_after_a_quarantine_never_armed() -> None:
    machine = armed()
    machine.tick(1.5, replace(QUIET, book_age=6.0))
    machine.tick(2.0, QUIET)
    assert standing(machine) is State.WAIT
    assert machine.key(FIRE, 2.2) == Step()
    machine.tick(2.3, QUIET)
    assert standing(machine) is State.READY


def test_a_failing_check_blocks_and_is_named() -> None:
    machine = armed()
    machine.tick(1.5, replace(QUIET, blocking=failing()))
    assert standing(machine) is State.BLOCKED
    assert machine.live.blocking == failing()
    for key in (FIRE, ENTER, REQUOTE):
        step = machine.key(key, 1.8)
        assert not step.fire
        assert not step.requote
    assert standing(machine) is State.BLOCKED


def test_a_block_that_clears_is_ready_after_a_quarantine_never_armed() -> None:
    machine = armed()
    machine.tick(1.5, replace(QUIET, blocking=failing()))
    machine.tick(2.0, QUIET)
    assert machine.key(ENTER, 2.29) == Step()
    machine.tick(2.3, QUIET)
    assert standing(machine) is State.READY


def test_a_check_of_freshness_is_stale_not_blocked() -> None:
    machine = ready(replace(QUIET, blocking=failing(CheckCode.PRICE_FRESH, "book is 6 s old")))
    assert standing(machine) is State.STALE
    assert machine.reason == "book is 6 s old"
    assert machine.key(REQUOTE, 2.0).requote


def test_a_proposal_that_is_gone_stays_gone() -> None:
    machine = armed()
    machine.tick(1.5, replace(QUIET, gone="claimed by box2"))
    assert standing(machine) is State.GONE
    machine.tick(2.0, QUIET)
    assert standing(machine) is State.GONE
    assert machine.reason == "claimed by box2"
    for key in (FIRE, ENTER, REQUOTE):
        assert machine.key(key, 2.5) == Step(unused=True)
    assert machine.key(LEAVE, 3.0).close


def test_gone_is_shown_at_once_even_while_waiting() -> None:
    machine = ConfirmState(0.0, QUIET)
    machine.tick(0.1, replace(QUIET, gone="expired 0 s ago"))
    assert standing(machine) is State.GONE


def test_a_failing_check_does_not_cut_the_reading_time_short() -> None:
    machine = ConfirmState(0.0, QUIET)
    machine.tick(0.1, replace(QUIET, blocking=failing()))
    assert machine.key(LEAVE, 0.2) == Step()
    machine.tick(0.7, replace(QUIET, blocking=failing()))
    assert standing(machine) is State.BLOCKED


def test_180_seconds_without_a_key_close() -> None:
    machine = ready()
    assert not machine.tick(179.9, QUIET).close
    assert machine.tick(180.0, QUIET).close
    assert standing(machine) is State.CLOSED


def test_a_key_after_180_idle_seconds_does_not_fire() -> None:
    machine = ready()
    machine.key(Key("i", "i"), 100.0)
    machine.tick(279.0, QUIET)
    machine.key(ENTER, 279.9)
    machine.painted(279.9)
    assert machine.key(FIRE, 280.2).fire, "Enter was activity"
    late = ready()
    step = late.key(ENTER, 180.0)
    assert step.close
    assert standing(late) is State.CLOSED


def test_q_and_escape_leave_when_armed() -> None:
    for key in (LEAVE, ESCAPE, Key("ctrl+c", "\x03"), Key("ctrl+q", "\x11")):
        machine = armed()
        assert machine.key(key, 1.5) == Step(close=True, changed=True)
        assert machine.key(FIRE, 1.6) == Step()


def test_an_abnormal_order_asks_for_the_amount_instead_of_ready() -> None:
    machine = ready(TYPED)
    assert standing(machine) is State.TYPE
    machine.key(ENTER, 1.1)
    assert standing(machine) is State.TYPE
    assert machine.note == "not 25.16"


@pytest.mark.parametrize("text", ["25.16", "25,16", " 2 5 . 1 6 "])
def test_the_exact_total_arms(text: str) -> None:
    machine = ready(TYPED)
    type_text(machine, text)
    machine.key(ENTER, 1.2)
    machine.painted(1.2)
    assert machine.key(FIRE, 1.5).fire


@pytest.mark.parametrize(
    "text", ["", "25", "25.1", "25.160", "025.16", "2516", "25..16", "26.16", "٢٥.١٦", "25.16" * 9]
)
def test_anything_but_the_exact_total_does_not_arm(text: str) -> None:
    machine = ready(TYPED)
    type_text(machine, text)
    machine.key(ENTER, 1.2)
    assert standing(machine) is State.TYPE


def test_backspace_corrects_the_amount() -> None:
    machine = ready(TYPED)
    type_text(machine, "25.17")
    machine.key(Key("backspace", "\x7f"), 1.1)
    type_text(machine, "6")
    machine.key(ENTER, 1.2)
    assert standing(machine) is State.ARMED


def test_a_pasted_amount_does_not_count() -> None:
    machine = ready(TYPED)
    machine.paste(1.1)
    assert machine.typed == ""
    assert machine.note == "a paste does not count"


def test_a_disarmed_ticket_asks_for_the_amount_again() -> None:
    machine = ready(TYPED)
    type_text(machine, "25.16")
    machine.key(ENTER, 1.2)
    machine.blur(1.3)
    assert (standing(machine), machine.typed) == (State.TYPE, "")


def test_an_amount_that_must_be_typed_from_now_on_disarms() -> None:
    machine = armed()
    machine.tick(1.5, TYPED)
    assert standing(machine) is State.WAIT
    machine.tick(1.8, TYPED)
    assert standing(machine) is State.TYPE


def test_another_total_to_type_starts_again_but_a_total_nobody_types_does_not_matter() -> None:
    machine = ready(TYPED)
    type_text(machine, "25.16")
    machine.tick(1.5, replace(TYPED, total="25.20"))
    machine.tick(1.8, replace(TYPED, total="25.20"))
    assert (standing(machine), machine.typed) == (State.TYPE, "")
    untyped = armed()
    untyped.tick(1.2, replace(QUIET, total="25.20"))
    assert untyped.key(FIRE, 1.5).fire


def test_other_keys_are_left_to_the_screen_only_where_reading_is_meant() -> None:
    key = Key("i", "i")
    assert ready().key(key, 1.1).unused
    assert ready(TYPED).key(key, 1.1).unused
    assert ready(replace(QUIET, blocking=failing())).key(key, 1.1).unused
    assert not ConfirmState(0.0, QUIET).key(key, 0.1).unused
    assert not armed().key(key, 1.1).unused


def test_a_clock_that_runs_backward_shortens_no_wait() -> None:
    machine = ConfirmState(100.0, QUIET)
    machine.resized(50.0)
    assert machine.key(ENTER, 100.69) == Step()
    machine.key(ENTER, 100.7)
    machine.painted(100.7)
    machine.painted(0.0)
    assert not machine.key(FIRE, 100.9).fire
    assert machine.key(FIRE, 100.95).fire


def test_a_market_told_with_an_earlier_time_is_as_old_as_that_time() -> None:
    machine = ConfirmState(100.0, QUIET)
    machine.tick(102.0, QUIET)
    machine.tick(97.0, QUIET)
    assert standing(machine) is State.STALE


def test_a_key_that_meets_an_arming_just_expired_was_meant_for_it() -> None:
    machine = armed()
    machine.tick(8.9, QUIET)
    machine.key(ENTER, 9.1)
    assert standing(machine) is State.READY


def test_a_new_quote_does_not_bring_back_what_is_gone() -> None:
    machine = ready(replace(QUIET, gone="expired 3 s ago"))
    assert machine.tick(2.0, replace(QUIET, gone="expired 4 s ago", quote=1)) == Step()


def test_a_new_quote_does_not_cut_the_reading_time_short() -> None:
    machine = ConfirmState(0.0, QUIET)
    machine.tick(0.1, replace(QUIET, quote=1))
    assert machine.key(ENTER, 0.69) == Step()
    assert standing(machine) is State.WAIT


def test_a_typed_amount_has_an_end() -> None:
    machine = ready(TYPED)
    type_text(machine, "1" * 500)
    assert machine.typed == "1" * 24


def test_painting_armed_again_does_not_put_firing_off() -> None:
    machine = armed()
    machine.painted(1.2)
    assert machine.key(FIRE, 1.25).fire


def test_a_total_that_is_not_known_is_not_matched_by_typing_nothing() -> None:
    machine = ready(replace(TYPED, total=""))
    machine.key(ENTER, 1.1)
    assert standing(machine) is State.TYPE
