"""The one registry of what keys do: bindings, footer and help are read from it, so none of them can disagree.

Knows no screen library: keys are spelt as that library names them, ``KEY_LABELS`` has the words for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from rich.cells import cell_len

from console.text import safe_text

if TYPE_CHECKING:
    from console.symbols import Frame

Availability: TypeAlias = str | None
"""None: the action can be done now. Otherwise the reason why it cannot, in words for the operator."""

AvailabilityOf: TypeAlias = "Callable[[Action], Availability]"


class Where(StrEnum):
    """Where an action has its key; the value is its heading in the help."""

    PROPOSALS = "on a proposal"
    ORDERS = "on a resting order"
    TICKET = "in the ticket"
    LISTS = "in every list"
    EVERYWHERE = "everywhere"


class Class(StrEnum):
    """How much stands between the key and its effect."""

    SAFE = "S"
    UNDO = "U"
    """Done at once, undone within five seconds."""
    ENTER = "E"
    """One Enter on a bar that says what will happen."""
    TYPED = "T"
    FIRE = "F"
    """Read, arm, fire."""


CLASS_WORDS: Final = {
    Class.SAFE: "at once",
    Class.UNDO: "undo 5 s",
    Class.ENTER: "one Enter",
    Class.TYPED: "typed",
    Class.FIRE: "arm, fire",
}


@dataclass(frozen=True, slots=True)
class Action:
    """One thing the operator can do."""

    id: str
    keys: tuple[str, ...]
    label: str
    """One or two words, for the footer."""
    description: str
    where: tuple[Where, ...]
    kind: Class
    footer: int | None = None
    """Its rank in the footer: the lower, the longer it stays when room is short. None: help only."""


KEY_LABELS: Final = {
    "question_mark": "?",
    "escape": "Esc",
    "enter": "Enter",
    "tab": "Tab",
    "shift+tab": "shift+Tab",
    "up": "↑",
    "down": "↓",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "f1": "F1",
    "full_stop": ".",
    "comma": ",",
    "backspace": "⌫",
}

_DIGITS: Final = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
_PROPOSALS: Final = (Where.PROPOSALS,)
_LISTS: Final = (Where.LISTS,)
_TICKET: Final = (Where.TICKET,)
_EVERYWHERE: Final = (Where.EVERYWHERE,)

ACTIONS: Final[tuple[Action, ...]] = (
    Action("confirm", ("e",), "confirm", "open the ticket of a proposal", _PROPOSALS, Class.FIRE, footer=2),
    Action("decline", ("d",), "decline", "decline the proposal", _PROPOSALS, Class.UNDO, footer=4),
    Action("edit", ("m",), "edit", "edit size, price and life: a new revision", (*_PROPOSALS, *_TICKET), Class.ENTER,
           footer=5),
    Action("again", ("n",), "new", "a new idea, or again from the selected one", (*_EVERYWHERE, *_TICKET), Class.ENTER,
           footer=6),
    Action("exit", ("x",), "exit", "sell what is held, or set a stop", _EVERYWHERE, Class.FIRE, footer=7),
    Action("cancel", ("c",), "cancel", "cancel what is left of the order", (Where.ORDERS,), Class.ENTER, footer=8),
    Action("undo", ("u",), "undo", "take the last decline back", _EVERYWHERE, Class.SAFE, footer=9),
    Action("override", ("o",), "override", "set COOLDOWN or ANTI_FLIP aside, with a reason", (*_PROPOSALS, *_TICKET),
           Class.TYPED, footer=10),
    Action("approve", ("a",), "approve", "approve without executing; sends nothing", _PROPOSALS, Class.SAFE, footer=13),
    Action("checks", ("i",), "checks", "the checks with their numbers", (*_PROPOSALS, *_TICKET), Class.SAFE, footer=12),
    Action("saw", ("w",), "why", "what the oracle saw; with nothing selected, why nothing was proposed",
           (*_PROPOSALS, *_TICKET), Class.SAFE, footer=13),
    Action("arm", ("enter",), "arm", "arm, once the amount is typed if asked", _TICKET, Class.FIRE),
    Action("fire", ("F", "shift+f"), "fire", "send the armed order", _TICKET, Class.FIRE),
    Action("requote", ("r",), "re-quote", "a new quote for the same order", _TICKET, Class.SAFE),
    Action("leave", ("q", "escape"), "leave", "leave the ticket; nothing is sent", _TICKET, Class.SAFE),
    Action("amount", (*_DIGITS, "full_stop", "comma", "backspace"), "amount",
           "type the amount; of a blocked exit 1 2 3 override", _TICKET, Class.SAFE),
    Action("open", ("enter",), "open",
           "what a proposal comes from; in pane 4 how the order of a row ended, UNKNOWN opens its card",
           _LISTS, Class.SAFE, footer=8),
    Action("move_down", ("j", "down"), "down", "one row down", _LISTS, Class.SAFE),
    Action("move_up", ("k", "up"), "up", "one row up", _LISTS, Class.SAFE),
    Action("page_down", ("pagedown",), "page down", "one page down", _LISTS, Class.SAFE),
    Action("page_up", ("pageup",), "page up", "one page up", _LISTS, Class.SAFE),
    Action("move_first", ("g", "home"), "first", "the first row", _LISTS, Class.SAFE),
    Action("move_last", ("G", "end"), "last", "the last row", _LISTS, Class.SAFE),
    Action("look", ("s",), "look now", "look at the markets now", _EVERYWHERE, Class.SAFE, footer=11),
    Action("resume", ("R",), "resume", "trade again after a stop", _EVERYWHERE, Class.TYPED, footer=3),
    Action("settle", ("V",), "settle", "settle an UNKNOWN by hand, while HALTED", _EVERYWHERE, Class.TYPED, footer=14),
    Action("next_pane", ("tab",), "next", "the next pane", _EVERYWHERE, Class.SAFE, footer=15),
    Action("previous_pane", ("shift+tab",), "previous", "the pane before", _EVERYWHERE, Class.SAFE),
    Action("pane_1", ("1",), "proposals", "pane 1, Proposals", _EVERYWHERE, Class.SAFE),
    Action("pane_2", ("2",), "budget", "pane 2, Budget", _EVERYWHERE, Class.SAFE),
    Action("pane_3", ("3",), "locks", "pane 3, Locks", _EVERYWHERE, Class.SAFE),
    Action("pane_4", ("4",), "history", "pane 4, History", _EVERYWHERE, Class.SAFE),
    Action("pane_5", ("5",), "market", "pane 5, Market", _EVERYWHERE, Class.SAFE),
    Action("pane_6", ("6",), "portfolio", "pane 6, Portfolio", _EVERYWHERE, Class.SAFE),
    Action("pane_7", ("7",), "activity", "pane 7, Activity", _EVERYWHERE, Class.SAFE),
    Action("zoom", ("z",), "zoom", "this pane alone, again back", _EVERYWHERE, Class.SAFE, footer=16),
    Action("utc", ("t",), "utc", "local time or UTC", _EVERYWHERE, Class.SAFE, footer=18),
    Action("quit", ("q", "escape", "ctrl+c", "ctrl+q"), "back", "back, then out", _EVERYWHERE, Class.SAFE, footer=17),
    Action("stop", ("h", "ctrl+x"), "stop", "the stop bar; Enter there halts", _EVERYWHERE, Class.ENTER, footer=0),
    Action("help", ("question_mark", "f1"), "keys", "the keys, here and everywhere", _EVERYWHERE, Class.SAFE, footer=1),
)  # fmt: skip

BY_ID: Final[Mapping[str, Action]] = {action.id: action for action in ACTIONS}

PRIORITY_KEYS: Final = frozenset({"ctrl+x"})
"""Work everywhere, in inputs and dialogs too."""

NARROW: Final = 60
"""Cells under which one pane is shown at a time."""
NARROW_RANK: Final = 2
"""The rank of the next pane there."""

FIXED_KEYS: Final = frozenset({"ctrl+x", "F", "shift+f", "escape"})
"""Can be given to nothing else."""


def always_available(action: Action) -> Availability:
    """Nothing stands in the way of any action."""
    return None


def key_label(key: str) -> str:
    """A key as people write it: ``?`` for ``question_mark``."""
    return KEY_LABELS.get(key, key)


def actions_for(where: Iterable[Where]) -> tuple[Action, ...]:
    """The actions that have their keys in one of these places, in the registry's order."""
    places = frozenset(where)
    return tuple(action for action in ACTIONS if places.intersection(action.where))


def clashes(actions: Iterable[Action] = ACTIONS) -> tuple[tuple[str, str, str], ...]:
    """Keys that two actions claim in places that can be on the screen together: (key, action id, action id).

    The ticket is a dialog: it shares the screen with what works everywhere only by priority keys.
    """
    found: list[tuple[str, str, str]] = []
    claims: dict[tuple[bool, str], str] = {}
    for action in actions:
        for in_ticket in {place is Where.TICKET for place in action.where}:
            for key in action.keys:
                other = claims.setdefault((in_ticket, key), action.id)
                if other != action.id:
                    found.append((key, other, action.id))
    return tuple(found)


def footer(
    width: int,
    where: Iterable[Where],
    frame: Frame,
    availability: AvailabilityOf = always_available,
    subjects: Mapping[str, str] | None = None,
) -> str:
    """The bottom border with the keys that do something now, exactly ``width`` cells.

    ``subjects`` names what an action would act on, by action id, such as ``{"confirm": "1042"}``; the names are
    left out where they do not fit. Stop and keys stay longest. Under 4 cells there is only the border.
    """
    if width < 4:
        return (frame.bottom_left + frame.across * max(width - 2, 0) + frame.bottom_right)[: max(width, 0)]
    offered = [action for action in actions_for(where) if action.footer is not None and availability(action) is None]
    narrow = width < NARROW
    ranked = sorted(offered, key=lambda action: _rank(action, narrow))
    room = width - 4
    for names in ({} if subjects is None or narrow else subjects, {}):
        texts = {action.id: footer_text(action, names.get(action.id)) for action in offered}
        kept: set[str] = set()
        used = 0
        for action in ranked:
            wider = cell_len(texts[action.id]) + (2 if kept else 0)
            if used + wider > room:
                break
            kept.add(action.id)
            used += wider
        if len(kept) >= min(len(offered), 4) or not names:
            break
    body = f" {frame.across}".join(texts[action.id] for action in offered if action.id in kept)
    line = f"{frame.bottom_left} {body} " if body else frame.bottom_left
    return line + frame.across * (width - 1 - cell_len(line)) + frame.bottom_right


def _rank(action: Action, narrow: bool) -> int:
    """How early an action leaves the footer; on a narrow screen, which shows one pane, the next pane stays long."""
    if narrow and action.id == "next_pane":
        return NARROW_RANK
    return 0 if action.footer is None else action.footer


def footer_text(action: Action, subject: str | None) -> str:
    """One action in the footer: its first key, its label, and what it would act on, if that is to be named."""
    text = (
        f"{key_label(action.keys[0]).lower() if action.keys[0] == 'tab' else key_label(action.keys[0])} {action.label}"
    )
    return text if subject is None else f"{text} {safe_text(subject, 20)}"


@dataclass(frozen=True, slots=True)
class HelpLine:
    """One action in the help: its keys, what it does, how it is guarded, and why it cannot be done now, if so."""

    keys: str
    description: str
    guard: str
    unavailable: Availability


def help_listing(
    focus: Iterable[Where] = (), availability: AvailabilityOf = always_available
) -> tuple[tuple[Where, tuple[HelpLine, ...]], ...]:
    """Every action by place, the places of the focused pane first; disabled ones stay and say why."""
    first = tuple(focus)
    order = (*first, *(place for place in Where if place not in first))
    return tuple(
        (
            place,
            tuple(
                HelpLine(
                    keys=_keys_text(action),
                    description=action.description,
                    guard=CLASS_WORDS[action.kind],
                    unavailable=availability(action),
                )
                for action in ACTIONS
                if place in action.where
            ),
        )
        for place in order
    )


def _keys_text(action: Action) -> str:
    """The keys of an action; ten digits are a range."""
    if action.keys[: len(_DIGITS)] == _DIGITS:
        return " ".join(("0-9", *(key_label(key) for key in action.keys[len(_DIGITS) :])))
    return " ".join(key_label(key) for key in action.keys)
