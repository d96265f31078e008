"""The confirm dialog's last line in each state, word for word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.screens.confirm_line import Order, blocked_reason, last_lines
from console.screens.confirm_state import ConfirmState, State
from console.symbols import ASCII, SETS
from storage.clock import HOUR
from storage.codes import CheckCode
from storage.money import Price
from tests.ui.test_confirm_state import ENTER, FIRE, LOWER, QUIET, TYPED, armed, failing, ready, type_text

ORDER = Order(1042, "BUY 25.16 EUR")


def text(machine: ConfirmState, width: int = 76) -> list[str]:
    return ["".join(span.text for span in line) for line in last_lines(machine, ORDER, width)]


def test_wait_shows_a_bar_that_runs_out() -> None:
    machine = ConfirmState(0.0, QUIET)
    assert text(machine) == ["WAIT    ░░░░░░░ 0.7 s                              keys are ignored, read on"]
    machine.tick(0.3, QUIET)
    assert text(machine)[0].startswith("WAIT    ░░░░ 0.4 s ")
    assert len(text(machine)[0]) == 76


def test_ready_names_the_two_keys() -> None:
    assert text(ready()) == ["READY   Enter arms, then F (shift+f) fires     r re-quote · m edit · q leave"]


def test_ready_says_what_the_last_key_did() -> None:
    machine = armed()
    machine.key(LOWER, 1.5)
    assert text(machine)[0].startswith("READY   shift+F fires   ")


def test_type_shows_the_amount_what_was_typed_and_why() -> None:
    machine = ready(TYPED)
    type_text(machine, "25.1")
    assert text(machine) == ["TYPE    25.16 [25.1_ ]  first LIVE order today, new market           q leave"]
    machine.key(ENTER, 1.2)
    assert text(machine)[0].startswith("TYPE    25.16 [25.1_ ]  not 25.16 ")


def test_armed_counts_down_and_says_what_f_fires() -> None:
    machine = armed()
    machine.tick(3.0, QUIET)
    assert text(machine) == ["ARMED   ████████░░ 6 s   F fires BUY 25.16 EUR         any other key disarms"]


def test_stale_says_by_how_much() -> None:
    machine = ready(replace(QUIET, reference=Price.of("61653.576")))
    assert text(machine) == ["STALE   ask moved +0.84 %, more than 0.5 %    r re-quote · n again · q leave"]


def test_blocked_says_until_when_in_local_time() -> None:
    check = replace(failing(), clears_at=13 * HOUR + 44 * HOUR // 60)
    assert text(ready(replace(QUIET, blocking=check)))[0].startswith("BLOCKED COOLDOWN until 13:44, bought ETH 14:29 ")
    assert blocked_reason(check, ZoneInfo("Europe/Amsterdam")).startswith("COOLDOWN until 14:44")


def test_blocked_says_how_it_clears_where_no_time_is_known() -> None:
    check = replace(failing(), clears_how="when the order is settled")
    assert blocked_reason(check) == "COOLDOWN bought ETH 14:29; when the order is settled"


def test_blocked_says_nothing_twice_and_has_no_full_stop_before_a_semicolon() -> None:
    check = replace(failing(), reason="It rests; cancel it first.", clears_how="when execution 1 ends")
    assert blocked_reason(check) == "COOLDOWN It rests; cancel it first"
    at = replace(check, reason="5 of 5 are used; room comes back at 2026-11-24T13:44:00Z.", clears_at=13 * HOUR)
    assert blocked_reason(at) == "COOLDOWN until 13:00, 5 of 5 are used"


def test_a_stop_names_the_key_that_resumes() -> None:
    assert text(blocked(code=CheckCode.TRADING_STATE))[0].endswith("R resume · q leave")


def test_gone_counts_on_but_keeps_its_first_cause() -> None:
    machine = ready(replace(QUIET, gone="expired 0.0 s ago"))
    machine.tick(5.0, replace(QUIET, gone="expired 3 s ago"))
    assert text(machine)[0].startswith("GONE    1042 expired 3 s ago ")
    machine.tick(6.0, replace(QUIET, gone="is declined"))
    assert text(machine)[0].startswith("GONE    1042 expired 3 s ago ")


def blocked(**changes: Any) -> ConfirmState:
    return ready(replace(QUIET, blocking=replace(failing(), **changes)))


def test_blocked_names_the_ways_on() -> None:
    until = 14 * HOUR + 44 * HOUR // 60
    line = last_lines(blocked(clears_at=until), replace_order(overrides=True), 76)[0]
    assert "".join(span.text for span in line) == (
        "BLOCKED COOLDOWN until 14:44, bought ETH 14:29       n at 14:44 · o override"
    )
    assert text(blocked(clears_at=until))[0].endswith("n at 14:44 · q leave")
    assert text(blocked(code=CheckCode.ORDER_SIZE))[0].endswith("m edit · q leave")
    assert text(blocked(code=CheckCode.RECONCILED))[0].endswith(" q leave")
    assert "o override" not in text(blocked(code=CheckCode.RECONCILED))[0]


def test_a_blocked_exit_names_the_keys_that_override_with_their_reason() -> None:
    lines = last_lines(blocked(clears_at=HOUR), replace_order(overrides=True, exits=True), 76)
    words = " ".join("".join(span.text for span in line) for line in lines)
    assert "1 stop the loss · 2 take the gain · 3 free the money" in words


def replace_order(*, overrides: bool, exits: bool = False) -> Order:
    return ORDER._replace(overrides=overrides, exits=exits)


def test_gone_names_the_proposal() -> None:
    machine = ready(replace(QUIET, gone="expired 3 s ago"))
    assert text(machine) == ["GONE    1042 expired 3 s ago                  n again, fresh price · q leave"]


def test_after_the_end_the_line_names_the_end_only() -> None:
    machine = armed()
    machine.key(FIRE, 1.5)
    assert text(machine)[0].split() == ["FIRED"]


def test_the_narrow_ticket_has_two_lines_with_short_words() -> None:
    assert text(ready(), 40) == ["READY  Enter arms, F fires              ", "       r quote   q leave                "]


def test_a_long_reason_is_laid_out_anew_not_cut() -> None:
    reason = "because of " + " ".join(f"word{number}" for number in range(30))
    lines = text(ready(replace(QUIET, blocking=failing(reason=reason))))
    assert len(lines) > 2
    assert "word29" in " ".join(" ".join(lines).split())


def test_hostile_reasons_reach_the_line_as_plain_text() -> None:
    for live in (
        replace(QUIET, gone="\x1b]52;c;x\x07[/price]\u202e"),
        replace(QUIET, blocking=failing(reason="\x1b[31m")),
    ):
        assert all(character.isprintable() for line in text(ready(live)) for character in line)


def test_a_width_no_dialog_has_is_refused() -> None:
    with pytest.raises(ValueError, match="19 cells"):
        last_lines(ready(), ORDER, 19)


@given(st.integers(20, 140), st.text(max_size=120), st.sampled_from(sorted(SETS)), st.integers(0, 5))
def test_every_line_is_exactly_as_wide_as_asked(width: int, reason: str, symbols: str, which: int) -> None:
    machine = (
        ConfirmState(0.0, QUIET),
        ready(),
        armed(),
        ready(replace(TYPED, type_reason=reason)),
        ready(replace(QUIET, blocking=failing(reason=reason))),
        ready(replace(QUIET, gone=reason)),
    )[which]
    for line in last_lines(machine, ORDER, width, SETS[symbols]):
        assert sum(cell_len(span.text) for span in line) == width


def test_the_ascii_set_draws_nothing_but_ascii() -> None:
    for machine in (ConfirmState(0.0, QUIET), ready(), armed(), ready(TYPED)):
        assert machine.state is not State.GONE
        drawn = "".join(span.text for line in last_lines(machine, ORDER, 76, ASCII) for span in line)
        assert drawn.isascii()
