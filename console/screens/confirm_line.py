"""The confirm dialog's last line: what the state is, what the keys do, in words that fit the width."""

from __future__ import annotations

import math
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len

from console.format import local_times, minute
from console.screens.confirm_state import WAIT_SECONDS, ConfirmState, State
from console.screens.confirm_terms import EXIT_REASONS, SIZED
from console.symbols import UNICODE, Symbols
from console.text import safe_text, wrapped
from storage.codes import CheckCode

if TYPE_CHECKING:
    from storage.clock import Micros
    from storage.models import Check

WAIT_CELLS: Final = 7
ARMED_CELLS: Final = 10
NARROW: Final = 60
"""Below so many cells the short words are used."""

_TOKENS: Final = {
    State.WAIT: "wait",
    State.TYPE: "wait",
    State.STALE: "wait",
    State.BLOCKED: "stop",
    State.GONE: "stop",
}


class Span(NamedTuple):
    """A piece of a line and the colour token it is drawn in; no token is plain text."""

    text: str
    token: str = ""


Line = tuple[Span, ...]


class Order(NamedTuple):
    """What the line says about the order itself."""

    proposal_id: int
    fires: str
    """Side and amount, such as ``BUY 25.16 EUR``."""
    overrides: bool = False
    """Whether COOLDOWN and ANTI_FLIP alone fail, on trades that are over."""
    exits: bool = False
    """Whether it is an exit, for which one key overrides and gives the reason."""


def last_lines(
    state: ConfirmState, order: Order, width: int, symbols: Symbols = UNICODE, zone: tzinfo = UTC
) -> tuple[Line, ...]:
    """The last line of the dialog, exactly ``width`` cells; more than one line where the words need it.

    Raises:
        ValueError: for a width under 20 cells, which no dialog has.
    """
    if width < 20:
        raise ValueError(f"{width} cells are too few for the dialog's last line")
    narrow = width < NARROW
    word = f"{state.state.value:<{6 if narrow else 7}} "
    left = _left(state, order, narrow, symbols, zone)
    right = _right(state, order, narrow, symbols, zone)
    token = _TOKENS.get(state.state, "accent")
    gap = width - cell_len(word) - cell_len(left) - cell_len(right)
    if gap >= 2 or (not right and gap >= 0):
        return ((Span(word, token), Span(left + " " * gap), Span(right, "muted")),)
    room = width - cell_len(word)
    lines: list[Line] = []
    for text, text_token in ((left, ""), *(((right, "muted"),) if right else ())):
        for piece in (text,) if cell_len(text) <= room else wrapped(text, room):
            start = Span(" " * cell_len(word)) if lines else Span(word, token)
            lines.append((start, Span(piece + " " * (room - cell_len(piece)), text_token)))
    return tuple(lines)


def _left(state: ConfirmState, order: Order, narrow: bool, symbols: Symbols, zone: tzinfo) -> str:
    if state.state is State.WAIT:
        cells = min(math.ceil(state.remaining / WAIT_SECONDS * WAIT_CELLS), WAIT_CELLS)
        return f"{symbols.free * cells} {state.remaining:.1f} s"
    if state.state is State.READY:
        if state.note is not None:
            return state.note
        return "Enter arms, F fires" if narrow else "Enter arms, then F (shift+f) fires"
    if state.state is State.TYPE:
        return _typing(state)
    if state.state is State.ARMED:
        used = min(math.ceil(state.remaining / state.armed_seconds * ARMED_CELLS), ARMED_CELLS)
        bar = symbols.used * used + symbols.free * (ARMED_CELLS - used)
        return f"{bar} {math.ceil(state.remaining)} s   F fires {safe_text(order.fires)}"
    if state.state is State.BLOCKED and state.live.blocking is not None:
        return blocked_reason(state.live.blocking, zone)
    if state.state is State.GONE:
        return f"{order.proposal_id} {safe_text(state.reason)}"
    return "" if state.reason is None else safe_text(state.reason)


def _typing(state: ConfirmState) -> str:
    """What is asked, what has been typed, and why it is asked (or what was wrong with the last key)."""
    total = state.live.total
    box = f"{state.typed}_".ljust(len(total) + 1)
    return f"{total} [{box}]  {safe_text(state.note or state.live.type_reason or '')}"


def blocked_reason(check: Check, zone: tzinfo = UTC, now: Micros = 0) -> str:
    """A failing check in one sentence without its full stop: its code, when or how it clears, and why; nothing twice.

    A reason has the form *what is; what to do*. The time it clears at replaces the second half, and how it clears
    stands in for one that is missing.
    """
    reason = check.reason.strip().rstrip(".")
    if check.clears_at is not None:
        why = reason.partition(";")[0]
        if not why[1:2].isupper():  # it goes on after a comma; a coin's or a check's name keeps its capitals
            why = why[:1].lower() + why[1:]
        return safe_text(f"{check.code} until {minute(check.clears_at, zone)}, {why}")
    if ";" not in reason and check.clears_how:
        reason = f"{reason}; {check.clears_how}" if reason else check.clears_how
    return safe_text(f"{check.code} {local_times(reason, now, zone)}")


def _right(state: ConfirmState, order: Order, narrow: bool, symbols: Symbols, zone: tzinfo) -> str:
    """What the keys do in this state; the ways on where there is no way through."""
    if state.state in (State.FIRED, State.CLOSED):
        return ""
    if state.state is State.WAIT:
        return "keys are ignored, read on"
    if state.state is State.ARMED:
        return "any other key disarms"
    gap = "   " if narrow else f" {symbols.dot} "
    requote = "r quote" if narrow else "r re-quote"
    ways = {
        State.READY: [requote, "q leave"] if narrow else [requote, "m edit", "q leave"],
        State.STALE: [requote, "n again", "q leave"],
        State.GONE: ["n again" if narrow else "n again, fresh price", "q leave"],
        State.BLOCKED: _blocked_ways(state.live.blocking, order, zone),
    }.get(state.state, ["q leave"])
    return gap.join(ways)


def _blocked_ways(check: Check | None, order: Order, zone: tzinfo) -> list[str]:
    if check is None:
        return ["q leave"]
    if order.overrides and order.exits:
        return [f"{key} {reason}" for key, reason in EXIT_REASONS.items()]
    ways = [] if check.clears_at is None else [f"n at {minute(check.clears_at, zone)}"]
    if order.overrides:
        return [*ways, "o override"]
    if check.code is CheckCode.TRADING_STATE:
        ways.append("R resume")
    return [*ways, *(["m edit"] if check.code in SIZED else []), "q leave"]
