"""The newest event in words, and why there are no more proposals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len

from console import format as fmt
from console.event_words import event_words
from console.panes.rows import Cell, Column, Row
from console.text import fit, safe_text, wrapped

if TYPE_CHECKING:
    from console.panes.drawing import Scene
    from console.state import ActivityLine, ConsoleState

_NOT_DONE: Final = ("gate.refused", "sweep.differences", "execution.rejected", "execution.abandoned", "alert.notice")
_ROOM: Final = 300

WELCOME: Final = (
    "",
    " Play money on a simulated Bitvavo.",
    " Nothing here can reach the real one.",
    "",
    " {e} opens, {Enter} arms, {F} fires, {h} stops, {?} keys.",
)
"""What a first start says where the history will be; keys in braces."""


def event_text(line: ActivityLine, scene: Scene, room: int) -> str:
    """One event: ``14:31 refused 1041 SELL ETH-EUR ANTI_FLIP``; of its market only the coin where room is short."""
    time = fmt.minute(line.at, scene.zone)
    text = f"{time} {words_of(line)}"
    return text if len(text) <= room else f"{time} {words_of(line, short=True)}"


def words_of(line: ActivityLine, *, short: bool = False) -> str:
    """The same without its time. A run of a job is ``look: looked at 5, proposed 1``."""
    payload = line.payload
    if line.kind.startswith("job."):
        failed = " failed" if payload.get("failed") is True else ""
        return safe_text(f"{line.kind[4:]}{failed}: {payload.get('text', '')}", _ROOM)
    return safe_text(event_words(line, short=short), _ROOM)


def quiet_text(state: ConsoleState, scene: Scene, room: int) -> str:
    """Why there is no more: ``quiet at 14:30: 3 of 5 markets · nearest XRP 1 h +1.4 of 1.5 % · 0:41``.

    Where that is too long a word goes, and no figure.
    """
    if not state.looks:
        return "no look at the markets yet"
    at = state.looks[0]["at"]
    total = len(state.looks)
    quiet = [row for row in state.looks if row["outcome"] in ("quiet", "nothing")]
    word = "quiet" if quiet else "looked"
    start, counted = f"{word} at {fmt.minute(at, scene.zone)}", f"{len(quiet)} of {total}"
    parts = []
    near = _nearest([(str(row["market"]), str(row["nearest"]), row["numbers"]) for row in quiet if row["nearest"]])
    if near is not None:
        parts.append(near)
    dropped = [str(row["market"]).partition("-")[0] for row in state.looks if row["outcome"] == "dropped"]
    if dropped:
        parts.append(f"no data: {' '.join(dropped)}")
    if state.header.next_look_at is not None and state.header.scheduler is not None:
        parts.append(fmt.countdown(state.header.next_look_at - scene.now))
    state_word = "" if quiet else " quiet"
    starts = (f"{start}: {counted} markets{state_word}", f"{start}: {counted}{state_word}", start)
    told = [safe_text(f" {scene.symbols.dot} ".join((words, *parts)), _ROOM) for words in starts]
    return next((text for text in told if cell_len(text) <= room), told[-1])


def _nearest(misses: list[tuple[str, str, str]]) -> str | None:
    """The market nearest to an idea; named as nearest only where all distances are known."""
    if not misses:
        return None
    distances = [_distance(numbers) for _, _, numbers in misses]
    known = [(distance, place) for place, distance in enumerate(distances) if distance is not None]
    market, nearest, _ = misses[min(known)[1] if known else 0]
    word = "nearest " if len(known) == len(misses) else ""
    return f"{word}{market.partition('-')[0]} {nearest}"


def _distance(numbers: str) -> Decimal | None:
    try:
        parsed: Any = json.loads(numbers)
    except ValueError:
        return None
    value = parsed.get("distance") if isinstance(parsed, Mapping) else None
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None


def columns(width: int) -> tuple[Column, ...]:
    """Time and words."""
    return (Column("time", 8), Column("what", max(width - 10, 1)))


def rows(state: ConsoleState, scene: Scene, width: int) -> list[Row]:
    """Every write, refusal and run of a job that changed something, newest first, in at most two lines each."""
    events = sorted((*state.activity, *state.runs), key=lambda line: line.at, reverse=True)
    if not events:
        return [Row("none", (Cell(""), Cell("nothing yet", "muted")), selectable=False)]
    room = columns(width)[1].width
    drawn: list[Row] = []
    for line in events:
        key = f"{'j' if line.kind.startswith('job.') else 'a'}{line.seq}"
        lines = wrapped(words_of(line), max(room, 2))
        if len(lines) > 2:
            lines = (lines[0], fit(" ".join(lines[1:]), room, cut=scene.symbols.cut))
        drawn.append(Row(key, (Cell(fmt.clock(line.at, scene.zone)), Cell(lines[0], token_of(line)))))
        drawn += [Row(f"{key} more", (Cell(""), Cell(text, "muted")), selectable=False) for text in lines[1:]]
    return drawn


def token_of(line: ActivityLine) -> str:
    """What needs the eye: stops and what nobody knows; what failed or was refused; the rest is plain."""
    if line.kind in ("trading.halted", "execution.unknown", "alert.critical"):
        return "stop"
    failed = line.kind.startswith("job.") and line.payload.get("failed") is True
    return "wait" if failed or line.kind in _NOT_DONE else ""
