"""Where everything stands: panes as boxes in a frame, for every size of terminal. Knows no screen library.

Three shapes: wide (from 120 columns and 24 rows), standard (from 80 columns), narrow (from 40 columns).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from console.panes.header import STANDARD, WIDE

PANES: Final = ("proposals", "budget", "locks", "history", "market", "portfolio", "activity")
"""The panes in the order of their keys, ``1`` to ``7``."""

LEAST: Final = (40, 12)
"""Columns and rows under which only mode, state, UNKNOWN and the stop key are shown."""

WELCOME: Final = "welcome"
UPPER: Final = ("budget", "locks")
REPLACING: Final = ("market", "portfolio", "activity")

_FULL: Final = 24
_TALL: Final = 36
_TWO: Final = 16
"""Rows from which two panes stand above each other."""
_NARROW_STACK: Final = 17


@dataclass(frozen=True, slots=True)
class Box:
    """One pane: its title's row, the columns of its walls, and how many rows lie under the title."""

    name: str
    left: int
    right: int
    title: int
    height: int

    @property
    def inner(self) -> int:
        """Cells between the walls."""
        return self.right - self.left - 1

    @property
    def top(self) -> int:
        """The first row of its body."""
        return self.title + 1


@dataclass(frozen=True, slots=True)
class Shape:
    """The whole screen: rows of the header, the boxes, then one line of activity and the footer."""

    width: int
    height: int
    head: int
    boxes: tuple[Box, ...]

    def box(self, name: str) -> Box | None:
        """Where a pane stands, if it is shown."""
        return next((box for box in self.boxes if box.name == name), None)


def lay_out(width: int, height: int, focused: str, middle: str, *, alone: bool, welcome: bool) -> Shape:
    """The shape of a terminal of at least ``LEAST``.

    ``middle`` is the pane last looked at of those that share the middle of a standard screen; ``alone`` gives the
    focused pane the whole inside; ``welcome`` puts the card of the first start in place of everything under pane 1.
    """
    head = 2 if width >= STANDARD else 3
    room = height - head - 2
    if alone or room < _TWO - 4 or (width < STANDARD and not (height >= _NARROW_STACK and _stacks(focused))):
        boxes: tuple[Box, ...] = (Box(focused, 0, width - 1, head, room - 1),)
    elif welcome:
        boxes = _stack(width, head, [("proposals", _top_rows(room)), (WELCOME, room - _top_rows(room) - 2)])
    elif width < STANDARD:
        rest = room - 4
        history = max(rest // 3, 2)
        boxes = _stack(width, head, [("proposals", rest - history), ("budget", 1), ("history", history)])
    elif height < 20:
        lower = "history" if focused == "proposals" else focused
        boxes = _stack(width, head, [("proposals", _top_rows(room)), (lower, room - _top_rows(room) - 2)])
    elif width >= WIDE and height >= _FULL:
        boxes = _wide(width, head, room - 3)
    else:
        boxes = _standard(width, head, room - 3, middle)
    return Shape(width, height, head, boxes)


def _stacks(focused: str) -> bool:
    return focused in ("proposals", "history")


def _top_rows(room: int) -> int:
    return min(max(room * 8 // 17, 6), 8) if room < 19 else room * 8 // 17


def _stack(width: int, head: int, parts: list[tuple[str, int]]) -> tuple[Box, ...]:
    boxes, title = [], head
    for name, height in parts:
        boxes.append(Box(name, 0, width - 1, title, height))
        title += height + 1
    return tuple(boxes)


def _rows(body: int) -> tuple[int, int, int]:
    """How many rows the upper, middle and lower panes have of a standard screen: 8, 5 and 4 at 24 rows."""
    more = body - 17
    if more < 0:  # 20 to 23 rows: the middle gives one, then the top two, then the lower pane one
        short = -more
        middle = 5 - min(short, 1)
        top = 8 - min(max(short - 1, 0), 2)
        return top, middle, body - top - middle
    middle = 5 + min(more // 4, 5)
    top = 8 + more * 2 // 5
    return top, middle, body - top - middle


def _wide_rows(body: int) -> tuple[int, int, int]:
    """The same of a wide screen: 12, 7 and 10 at 36 rows."""
    more = body - (_TALL - 7)
    if more >= 0:
        middle, top = 7 + min(more // 4, 5), 12 + more * 2 // 3
        return top, middle, body - top - middle
    middle, top = (7 if more > -7 else 5), 12 - min(-more // 3, 4)
    return top, middle, body - top - middle


def _standard(width: int, head: int, body: int, middle: str) -> tuple[Box, ...]:
    top, mid, low = _rows(body)
    right, row = width - 1, head
    boxes = [Box("proposals", 0, right, row, top)]
    row += top + 1
    if middle in REPLACING:
        boxes.append(Box(middle, 0, right, row, mid))
    else:
        wall = (width - 2) // 2
        boxes += [Box("budget", 0, wall, row, mid), Box("locks", wall, right, row, mid)]
    row += mid + 1
    return (*boxes, Box("history", 0, right, row, low))


def _wide(width: int, head: int, body: int) -> tuple[Box, ...]:
    top, mid, low = _wide_rows(body)
    right = width - 1
    wall = 79 if width < 160 else width * 113 // 200
    inner = wall // 2
    row = head
    boxes = [Box("proposals", 0, wall, row, top), Box("market", wall, right, row, top)]
    row += top + 1
    boxes += [
        Box("budget", 0, inner, row, mid),
        Box("locks", inner, wall, row, mid),
        Box("portfolio", wall, right, row, mid),
    ]
    row += mid + 1
    return (*boxes, Box("history", 0, wall, row, low), Box("activity", wall, right, row, low))
