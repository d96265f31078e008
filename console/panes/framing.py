"""The frame around the panes: walls, titles and the joints where they meet, exact at every cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len

from console.panes.drawing import Scene, fitted, width_of
from console.screens.confirm_line import Line, Span

if TYPE_CHECKING:
    from console.panes.shape import Box, Shape
    from console.symbols import Frame

NO_AGE: Final = Span("")


@dataclass(frozen=True, slots=True)
class Title:
    """What stands in the line over a pane: name, facts, and at its end how old the data is."""

    name: str
    facts: tuple[Span, ...] = ()
    age: Span = NO_AGE


def body_lines(shape: Shape, titles: Mapping[str, Title], scene: Scene, focused: str) -> list[Line]:
    """The rows between header and activity line, each exactly as wide as the screen; panes are drawn over them."""
    first = shape.head
    last = max(box.title + box.height for box in shape.boxes)
    return [_row(shape, y, titles, scene, focused) for y in range(first, last + 1)]


def _row(shape: Shape, y: int, titles: Mapping[str, Title], scene: Scene, focused: str) -> Line:
    frame, token = scene.frame, scene.frame_token
    if (bare := _untitled_row(shape, y, frame, token)) is not None:
        return bare
    line: list[Span] = []
    for wall in _walls(shape, y, frame):
        line.append(Span(wall.sign, token))
        if wall.following is None:
            break
        if wall.box is not None:
            title = _title(titles.get(wall.box.name, Title("")), wall.box, scene, focused=wall.box.name == focused)
            line += _met(title, wall.box, shape, frame)
        else:
            line.append(Span(" " * (wall.following - wall.x - 1)))
    return tuple(span for span in line if span.text)


@lru_cache(maxsize=512)
def _untitled_row(shape: Shape, y: int, frame: Frame, token: str) -> Line | None:
    """A row of nothing but walls, the same in every drawing; None for one in which a title stands."""
    line: list[Span] = []
    for wall in _walls(shape, y, frame):
        if wall.box is not None:
            return None
        line += [Span(wall.sign, token), Span(" " * (0 if wall.following is None else wall.following - wall.x - 1))]
    return tuple(span for span in line if span.text)


class _Wall(NamedTuple):
    """A wall in one row: its column and sign, the pane whose title begins right of it, and the next wall's column."""

    x: int
    sign: str
    box: Box | None
    following: int | None


# Twice a second and more a screen is drawn whose walls stand where they stood: a shape's are found once.
@lru_cache(maxsize=512)
def _walls(shape: Shape, y: int, frame: Frame) -> tuple[_Wall, ...]:
    titled = {box.left: box for box in shape.boxes if box.title == y}
    walls: list[_Wall] = []
    x: int | None = 0
    while x is not None and x < shape.width:
        following = _next_wall(shape, x, y)
        walls.append(_Wall(x, _joint(shape, x, y, frame), titled.get(x), following))
        x = following
    return tuple(walls)


@lru_cache(maxsize=64)
def _border(shape: Shape, y: int, frame: Frame) -> str:
    """The plain border of a row of titles: a joint wherever a wall of the panes above ends, or one below begins."""
    joints = {
        (True, True): frame.cross,
        (True, False): frame.join_bottom,
        (False, True): frame.join_top,
        (False, False): frame.across,
    }
    return "".join(joints[_wall_at(shape.boxes, x, y - 1), _wall_at(shape.boxes, x, y + 1)] for x in range(shape.width))


def _met(title: Line, box: Box, shape: Shape, frame: Frame) -> list[Span]:
    """The title with its plain parts as the border of its row."""
    border = _border(shape, box.title, frame)
    met: list[Span] = []
    x = box.left + 1
    for span in title:
        text = span.text
        if frame.across in text:
            text = "".join(border[place] if sign == frame.across else sign for place, sign in enumerate(text, x))
        met.append(Span(text, span.token))
        x += cell_len(span.text)
    return met


def _next_wall(shape: Shape, x: int, y: int) -> int | None:
    """The nearest wall to the right of ``x`` in a row."""
    walls = {wall for box in shape.boxes if box.title <= y <= box.title + box.height for wall in (box.left, box.right)}
    return min((wall for wall in walls if wall > x), default=None)


def _joint(shape: Shape, x: int, y: int, frame: Frame) -> str:
    """The sign where a wall meets what is left, right, above and below of it."""
    left = any(box.title == y and box.left < x <= box.right for box in shape.boxes)
    right = any(box.title == y and box.left <= x < box.right for box in shape.boxes)
    # The outer walls run through the header above and the activity line below.
    outer = x in (0, shape.width - 1)
    above = outer or _wall_at(shape.boxes, x, y - 1)
    below = outer or _wall_at(shape.boxes, x, y + 1)
    return {
        (True, True, True, True): frame.cross,
        (True, True, True, False): frame.join_bottom,
        (True, True, False, True): frame.join_top,
        (True, True, False, False): frame.across,
        (True, False, True, True): frame.join_right,
        (False, True, True, True): frame.join_left,
    }.get((left, right, above, below), frame.down)


def _wall_at(boxes: Sequence[Box], x: int, y: int) -> bool:
    """Whether a wall runs through a body row; title rows have only joints."""
    return any(x in (box.left, box.right) and box.title < y <= box.title + box.height for box in boxes)


def _title(title: Title, box: Box, scene: Scene, *, focused: bool) -> Line:
    """The line over a pane without its joints: ``1 Proposals ─ 4 · 2 ready ──── 0.2 s ─``; the age stays longest."""
    frame, token = scene.frame, scene.frame_token
    room = box.inner
    kept = [span for span in title.facts if span.text]
    age = cell_len(title.age.text) + 3 if title.age.text else 1

    def cells() -> int:
        return cell_len(title.name) + width_of(kept) + 3 * len(kept) + 1 + age

    while kept and cells() > room:
        kept.pop()
    line: list[Span] = [Span(title.name, "accent strong" if focused else "strong")] if title.name else []
    for span in kept:
        line += [Span(f" {frame.across} ", token), span]
    gap = room - width_of(line) - age
    start = " " if line else frame.across
    if gap < 1 or not title.age.text:
        line.append(Span(start + frame.across * max(room - width_of(line) - 1, 0), token))
        return fitted(line, room, frame.across)
    line += [Span(start + frame.across * (gap - 1), token), Span(" "), title.age, Span(f" {frame.across}", token)]
    return fitted(line, room, frame.across)
