"""A few lines drawn as they are: no markup, no layout of their own, only the lines that changed are drawn again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from console.text import safe_text

if TYPE_CHECKING:
    from console.screens.confirm_line import Line, Span

TOKENS: Final = ("mode-paper", "mode-live", "accent", "wait", "stop", "up", "down", "muted", "strong", "buy", "sell")


class LineBlock(Widget):
    """Shows the lines it is given, one terminal line each."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line-block--{token}" for token in TOKENS}

    DEFAULT_CSS = """
    LineBlock { height: auto; width: 1fr; background: $background; color: $foreground; }
    LineBlock > .line-block--mode-paper { color: $mode-paper; }
    LineBlock > .line-block--mode-live { color: $mode-live; }
    LineBlock > .line-block--accent { color: $accent; }
    LineBlock > .line-block--wait { color: $wait; }
    LineBlock > .line-block--stop { color: $stop-text; background: $stop; text-style: bold; }
    LineBlock > .line-block--up { color: $up; }
    LineBlock > .line-block--down { color: $down; }
    LineBlock > .line-block--muted { color: $muted; }
    LineBlock > .line-block--strong { text-style: bold; }
    LineBlock > .line-block--buy { text-style: bold; }
    LineBlock > .line-block--sell { text-style: underline; }
    LineBlock:nocolor > .line-block--accent { text-style: bold; }
    LineBlock:nocolor > .line-block--stop { text-style: bold reverse; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.lines: tuple[Line, ...] = ()
        self.on_drawn: Callable[[], None] | None = None
        """Called while the last line is drawn: what is shown now is about to be on the screen."""
        self._styles: dict[str, Style] = {}
        self._ground: Style | None = None

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines instead."""
        new = tuple(lines)
        old = self.lines
        if new == old:
            return
        self.lines = new
        if len(new) != len(old):
            self.refresh(layout=True)
            return
        for place, (before, after) in enumerate(zip(old, new, strict=True)):
            if before != after:
                left, right = _changed(before, after, self.size.width)
                self.refresh(Region(left, place, right - left, 1))
        if self.on_drawn is not None:
            # The last line answers for what has been drawn, so it is drawn with every change.
            self.refresh(Region(0, len(new) - 1, self.size.width, 1))

    @property
    def text(self) -> str:
        """What is shown, without its colours."""
        return "\n".join("".join(span.text for span in line) for line in self.lines)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row for each line."""
        return len(self.lines)

    def notify_style_update(self) -> None:
        """Another theme: the styles are looked up anew."""
        self._styles.clear()
        self._ground = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        if self._ground is None:
            self._ground = self.rich_style
        width, ground = self.size.width, self._ground
        if y >= len(self.lines):
            return Strip.blank(width, ground)
        if y == len(self.lines) - 1 and self.on_drawn is not None:
            self.on_drawn()
        segments = [Segment(_text(span), ground + self._style(span.token)) for span in self.lines[y]]
        return Strip(segments).crop_extend(0, width, ground)

    def _style(self, tokens: str) -> Style:
        style = self._styles.get(tokens)
        if style is None:
            style = Style.null()
            for token in tokens.split():
                style += self.get_component_rich_style(f"line-block--{token}", partial=True)
            self._styles[tokens] = style
        return style


def _text(span: Span) -> str:
    return span.text if span.text.isprintable() else safe_text(span.text)


def _cells(line: Iterable[Span]) -> int:
    return sum(cell_len(_text(span)) for span in line)


def _changed(before: Line, after: Line, width: int) -> tuple[int, int]:
    """The columns of a line of ``width`` cells, from and before which, that two versions of it draw differently."""
    same = 0
    while same < min(len(before), len(after)) and before[same] == after[same]:
        same += 1
    left = _cells(before[:same])
    tails = [_cells(line[same:]) for line in (before, after)]
    if tails[0] != tails[1]:
        return min(left, width), width
    end = 0
    while end < min(len(before), len(after)) - same and before[-1 - end] == after[-1 - end]:
        end += 1
    right = left + tails[0] - _cells(before[len(before) - end :])
    return min(left, width), min(right, width)


class FocusBlock(LineBlock, can_focus=True):
    """A pane without a cursor that has the focus all the same.

    Were the focus on nothing, the screen would give it back to its first list whenever a dialog over it closes.
    """


class Wall(LineBlock):
    """One side of the frame, one cell wide, as high as there is room."""

    DEFAULT_CSS = "Wall { width: 1; height: 1fr; }"

    def show_side(self, line: Line) -> None:
        """The sign that the side is made of, with its token."""
        if self.lines != (line,):
            self.lines = (line,)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The same sign on every line."""
        return super().render_line(0)
