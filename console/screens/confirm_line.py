"""The confirm dialog's last line: what the state is, what the keys do, in words that fit the width."""

from __future__ import annotations

import math
from datetime import UTC, tzinfo
from typing import Final, NamedTuple

from rich.cells import cell_len

from console.format import minute
from console.screens.confirm_state import WAIT_SECONDS, ConfirmState, State
from console.symbols import UNICODE, Symbols
from console.text import safe_text, wrapped
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
    right = _right(state.state, narrow, symbols)
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


def blocked_reason(check: Check, zone: tzinfo = UTC) -> str:
    """A failing check in one sentence: its code, when or how it clears, and why."""
    if check.clears_at is not None:
        return safe_text(f"{check.code} until {minute(check.clears_at, zone)}, {check.reason}")
    how = f"; {check.clears_how}" if check.clears_how else ""
    return safe_text(f"{check.code} {check.reason}{how}")


def _right(state: State, narrow: bool, symbols: Symbols) -> str:
    gap = "   " if narrow else f" {symbols.dot} "
    requote = "r quote" if narrow else "r re-quote"
    return {
        State.WAIT: "keys are ignored, read on",
        State.READY: f"{requote}{gap}q leave",
        State.ARMED: "any other key disarms",
        State.STALE: f"{requote}{gap}q leave",
        State.FIRED: "",
        State.CLOSED: "",
    }.get(state, "q leave")
