"""Lines put together from spans: cut, padded and framed to an exact width. Knows no screen library.

Text from outside must have passed ``safe_text`` before it becomes a span; what comes after only cuts and pads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from console import format as fmt
from console.screens.confirm_line import Line, Span
from console.symbols import UNICODE, Frame, Symbols
from console.text import fit, wrapped
from console.theme import mode_token

if TYPE_CHECKING:
    from storage.clock import Micros
    from storage.codes import Mode

STATE_SECONDS: Final = 3.0
"""What is on the screen and was read longer ago than this is called old."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What every line is drawn under: the time on both clocks, the zone, the signs, the mode."""

    now: Micros
    monotonic: float
    mode: Mode
    zone: tzinfo = UTC
    zone_name: str = ""
    """Named in the header when times are not local."""
    symbols: Symbols = UNICODE
    who: str = ""

    @property
    def frame(self) -> Frame:
        """The frame of the mode."""
        return self.symbols.frame(self.mode)

    @property
    def frame_token(self) -> str:
        """The token the frame is drawn in."""
        return mode_token(self.mode)

    def age(self, monotonic: float) -> str:
        """How long ago a monotonic second was."""
        return fmt.age(fmt.micros(max(self.monotonic - monotonic, 0.0)))


def width_of(line: Iterable[Span]) -> int:
    """Terminal cells of a line."""
    return sum(cell_len(span.text) for span in line)


def fitted(line: Sequence[Span], width: int, cut: str = "…") -> Line:
    """The line in exactly ``width`` cells: padded at its end, or cut with ``cut`` as its last cell."""
    room = width - width_of(line)
    if room >= 0:
        return (*line, Span(" " * room)) if room else tuple(line)
    kept: list[Span] = []
    used = 0
    for span in line:
        cells = cell_len(span.text)
        if used + cells >= width:
            kept.append(Span(fit(span.text + " " * (width - used - cells + 1), width - used, cut=cut), span.token))
            break
        kept.append(span)
        used += cells
    return tuple(kept)


def two_ends(left: Sequence[Span], right: Sequence[Span], width: int, cut: str = "…") -> Line:
    """One part at each end; where both do not fit the left one is cut, and the right one goes if it fills the line."""
    room = width - width_of(right)
    if room < 12 and width_of(left) + width_of(right) > width:
        return fitted(left, width, cut)
    return (*fitted(left, room, cut), *right)


def walled(line: Sequence[Span], width: int, frame: Frame, token: str, cut: str = "…") -> Line:
    """A line between the two walls of a frame, ``width`` cells with them."""
    return (Span(frame.down, token), *fitted(line, width - 2, cut), Span(frame.down, token))


def joined(parts: Iterable[Span], between: str) -> Line:
    """Parts with plain text between them."""
    line: list[Span] = []
    for part in parts:
        if line:
            line.append(Span(between))
        line.append(part)
    return tuple(line)


def rule(
    ends: tuple[str, str], across: str, token: str, left: Sequence[Span], right: Sequence[Span], width: int
) -> Line:
    """A border line with text in it: ``┌ left ───── right ─┐``.

    Parts of the left text go from its end until it fits; then the right text goes.
    """
    parts = list(left)
    right_cells = width_of(right) + 3 if right else 0

    def cells() -> int:
        return 2 + 2 + width_of(parts) + 3 * max(len(parts) - 1, 0) + right_cells

    while len(parts) > 1 and cells() > width:
        parts.pop()
    if cells() > width:
        right, right_cells = (), 0
    line: list[Span] = [Span(ends[0], token)]
    for index, part in enumerate(parts):
        line += [Span(" " if index == 0 else f" {across} ", token), part]
    used = width_of(line) + 1
    fill = width - used - 1 - right_cells
    line.append(Span(" " + across * max(fill, 0), token))
    if right:
        line += [Span(" "), *right, Span(f" {across}", token)]
    return (*fitted(line, width - 1, across), Span(ends[1], token))


def paragraph(label: str, text: str, width: int, most: int = 3) -> list[Line]:
    """A label and the words after it, wrapped under themselves, at most so many lines."""
    room = width - cell_len(label)
    lines = wrapped(text, max(room, 2))
    if len(lines) > most:
        lines = (*lines[: most - 1], fit(" ".join(lines[most - 1 :]), room))
    blank = " " * cell_len(label)
    return [(Span(label if place == 0 else blank, "muted"), Span(line)) for place, line in enumerate(lines)]


def keys_accented(text: str, across: str, token: str) -> Line:
    """A footer with its keys in the accent and its border in the mode's colour."""
    line: list[Span] = [Span(text[0], token)]
    for place, part in enumerate(text[1:].split(f" {across}")):
        if place:
            line.append(Span(f" {across}", token))
        body = part.strip()
        key, space, rest = body.partition(" ")
        if body and across not in body:
            line += [Span(part[: len(part) - len(part.lstrip())]), Span(key, "accent"), Span(space + rest)]
            line.append(Span(" " * (len(part) - len(part.rstrip())), token))
        else:
            line.append(Span(part, token))
    return tuple(span for span in line if span.text)
