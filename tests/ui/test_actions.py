"""One registry: no key does two things, the footer always fits, what is disabled says why."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.actions import (
    ACTIONS,
    BY_ID,
    FIXED_KEYS,
    PRIORITY_KEYS,
    Action,
    Availability,
    Class,
    Where,
    actions_for,
    clashes,
    footer,
    help_listing,
    key_label,
)
from console.screens.confirm_state import Key
from console.symbols import SETS, UNICODE
from storage.codes import Mode

PAPER = UNICODE.frame(Mode.PAPER)
DASHBOARD = (Where.PROPOSALS, Where.LISTS, Where.EVERYWHERE)


def test_ids_are_unique() -> None:
    assert len(BY_ID) == len(ACTIONS)


def test_no_key_does_two_things_in_one_place() -> None:
    assert clashes() == ()


def test_a_key_given_twice_is_found() -> None:
    assert clashes((*ACTIONS, replace(BY_ID["look"], id="other"))) == (("s", "look", "other"),)


def test_h_opens_the_stop_bar_and_ctrl_x_does_everywhere() -> None:
    assert BY_ID["stop"].keys == ("h", "ctrl+x")
    assert set(BY_ID["stop"].keys) >= PRIORITY_KEYS
    assert Where.EVERYWHERE in BY_ID["stop"].where


def test_keys_that_cannot_be_given_away_belong_to_stop_fire_and_leaving() -> None:
    holders = {action.id for action in ACTIONS if FIXED_KEYS.intersection(action.keys)}
    assert holders == {"stop", "fire", "quit", "leave"}
    assert {key for action in ACTIONS for key in action.keys} >= FIXED_KEYS


def test_every_fire_key_of_the_registry_fires_in_the_ticket() -> None:
    for key in BY_ID["fire"].keys:
        assert Key(key, None).fires


def test_only_the_ticket_can_fire_and_no_letter_moves_sideways() -> None:
    assert BY_ID["fire"].where == (Where.TICKET,)
    moves = {key for action in ACTIONS if action.id.startswith(("move", "page")) for key in action.keys}
    assert not moves & {"h", "l"}


def test_the_footer_is_the_bottom_border() -> None:
    line = footer(80, DASHBOARD, PAPER, subjects={"confirm": "1042"})
    assert line.startswith("└ e confirm 1042 ─d decline ─")
    assert line.rstrip("─┘").endswith("─h stop ─? keys ")
    assert cell_len(line) == 80


def test_a_narrow_footer_keeps_what_matters_most() -> None:
    def active(action: Action) -> Availability:
        return "trading is active" if action.id == "resume" else None

    line = footer(44, DASHBOARD, PAPER, active, subjects={"confirm": "1042"})
    assert line == "└ e confirm ─tab next ─h stop ─? keys ─────┘"


def test_stop_is_the_last_to_go() -> None:
    assert "h stop" in footer(12, DASHBOARD, PAPER)


def test_the_footer_names_no_action_that_cannot_be_done() -> None:
    def halted(action: Action) -> Availability:
        return "halted since 14:20" if action.kind is Class.FIRE else None

    assert "confirm" not in footer(120, DASHBOARD, PAPER, halted)


def test_a_hostile_subject_cannot_break_the_border() -> None:
    line = footer(80, DASHBOARD, PAPER, subjects={"confirm": "\x1b[2J\u202e" + "9" * 500})
    assert cell_len(line) == 80
    assert line.isprintable()


@given(st.integers(0, 250), st.sets(st.sampled_from(list(Where))), st.sampled_from(sorted(SETS)), st.sampled_from(Mode))
def test_the_footer_is_exactly_as_wide_as_asked(width: int, where: set[Where], symbols: str, mode: Mode) -> None:
    assert cell_len(footer(width, where, SETS[symbols].frame(mode), subjects={"confirm": "1042"})) == width


def test_help_lists_every_action_the_focused_place_first() -> None:
    listing = help_listing((Where.TICKET,))
    assert listing[0][0] is Where.TICKET
    assert {place for place, _ in listing} == set(Where)
    assert {line.description for _, lines in listing for line in lines} == {action.description for action in ACTIONS}


def test_help_says_why_an_action_is_disabled() -> None:
    listing = dict(help_listing(availability=lambda action: "nothing to undo" if action.id == "undo" else None))
    assert [line.unavailable for line in listing[Where.EVERYWHERE] if line.keys == "u"] == ["nothing to undo"]
    assert all(line.unavailable is None for line in listing[Where.TICKET])


def test_keys_are_written_as_people_write_them() -> None:
    assert key_label("question_mark") == "?"
    assert {line.keys for _, lines in help_listing() for line in lines} >= {
        "0-9 . , ⌫",
        "q Esc ctrl+c ctrl+q",
        "F shift+f",
    }


def test_actions_are_found_by_place() -> None:
    assert {action.id for action in actions_for((Where.ORDERS,))} == {"cancel"}
    assert "fire" not in {action.id for action in actions_for(DASHBOARD)}
