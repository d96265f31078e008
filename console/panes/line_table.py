"""A list drawn line by line: fixed columns, a cursor that follows its row's key, no markup anywhere.

A table that measures and lays out its cells costs most of a core when ten of them change each second; this one
redraws the lines that differ and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.panes.rows import TOKENS, Cell, Column, Row, places_of
from console.symbols import UNICODE, Symbols
from console.text import fit, safe_text

__all__ = ["TOKENS", "Cell", "Column", "LineTable", "Row"]

_CELL_LIMIT: Final = 400


class LineTable(ScrollView, can_focus=True):
    """Rows, under a title line if ``titled``. The cursor stands on a row's key, wherever that row moves.

    When the row under the cursor is gone, the cursor goes to the row that took its place if ``moves_on`` is set,
    else nothing is selected until the operator moves. Either way ``Lost`` is posted, then ``Selected``.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-table--title",
        "line-table--cursor",
        *(f"line-table--{token}" for token in TOKENS),
    }

    DEFAULT_CSS = """
    LineTable { background: $background; color: $foreground; scrollbar-size: 0 0; }
    LineTable > .line-table--title { color: $muted; }
    LineTable > .line-table--cursor { background: $selected; }
    LineTable > .line-table--buy { text-style: bold; }
    LineTable > .line-table--sell { text-style: underline; }
    LineTable > .line-table--up { color: $up; }
    LineTable > .line-table--down { color: $down; }
    LineTable > .line-table--wait { color: $wait; }
    LineTable > .line-table--stop { color: $stop-text; background: $stop; text-style: bold; }
    LineTable > .line-table--accent { color: $accent; }
    LineTable > .line-table--muted { color: $muted; }
    LineTable > .line-table--strong { text-style: bold; }
    LineTable:nocolor > .line-table--accent { text-style: bold; }
    LineTable:nocolor > .line-table--stop { text-style: bold reverse; }
    """

    class Selected(Message):
        """The cursor stands on another row, or, with None, on none."""

        def __init__(self, table: LineTable, key: str | None) -> None:
            self.table = table
            self.key = key
            super().__init__()

        @property
        def control(self) -> LineTable:
            """The list it is about."""
            return self.table

    class Lost(Message):
        """The row under the cursor is no longer in the list."""

        def __init__(self, table: LineTable, key: str) -> None:
            self.table = table
            self.key = key
            super().__init__()

        @property
        def control(self) -> LineTable:
            """The list it is about."""
            return self.table

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        moves_on: bool = False,
        titled: bool = True,
        symbols: Symbols = UNICODE,
        id: str | None = None,  # noqa: A002 - the library's own name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.moves_on = moves_on
        self.titled = titled
        self.symbols = symbols
        self.lines_drawn = 0
        """Lines rendered so far: what an idle list must not add to."""
        self._rows: tuple[Row, ...] = ()
        self._cursor: str | None = None
        self._places: dict[str, int] = {}
        self._strips: dict[tuple[Row, bool, int], Strip] = {}
        self._styles: dict[str, Style] = {}
        self._ground: Style | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """What is shown."""
        return self._rows

    @property
    def selected(self) -> str | None:
        """The key of the row under the cursor, or None."""
        return self._cursor

    @property
    def max_scroll_y(self) -> int:
        """How far it scrolls: by its own height, wherever it stands."""
        return max(self.virtual_size.height - self.size.height, 0)

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows instead; lines that stay as they are, are not drawn again.

        Raises:
            ValueError: for a key that appears twice, an unknown token, or a row with more cells than columns.
        """
        new = tuple(rows)
        if new == self._rows:
            return
        places = places_of(new, len(self.columns))
        old, was_at = self._rows, self._cursor_place()
        self._rows, self._places = new, places
        lost = self._cursor if self._cursor is not None and not self._can_select(self._cursor) else None
        if lost is not None:
            self._cursor = self._successor(0 if was_at is None else was_at) if self.moves_on else None
        if len(new) != len(old):
            self.virtual_size = Size(self._width(), len(new) + self._head)
        now_at = self._cursor_place()
        for place in range(max(len(old), len(new))):
            same = place < min(len(old), len(new)) and old[place] == new[place]
            if not same or (place == was_at) != (place == now_at):
                self._redraw(place)
        self._keep_in_view(was_at, now_at, longer=len(new) > len(old))
        if lost is not None:
            self.post_message(self.Lost(self, lost))
            self.post_message(self.Selected(self, self._cursor))

    def select(self, key: str | None) -> bool:
        """Put the cursor on a row, or on none. False if there is no such row, which leaves the cursor alone."""
        if key is not None and not self._can_select(key):
            return False
        if key == self._cursor:
            return True
        before = self._cursor_place()
        self._cursor = key
        for place in (before, self._cursor_place()):
            if place is not None:
                self._redraw(place)
        self._scroll_to_cursor()
        self.post_message(self.Selected(self, key))
        return True

    def reshape(self, columns: Sequence[Column], *, titled: bool) -> None:
        """Other columns, with or without their titles; everything is drawn anew if they differ."""
        if self.columns == tuple(columns) and self.titled == titled:
            return
        self.columns, self.titled = tuple(columns), titled
        self.virtual_size = Size(self._width(), len(self._rows) + self._head)
        self.notify_style_update()
        self.refresh()
        self._scroll_to_cursor()

    @property
    def _head(self) -> int:
        """Lines over the rows."""
        return 1 if self.titled else 0

    @property
    def at_first(self) -> bool:
        """Whether the cursor stands on the first row it can stand on."""
        return self._cursor is not None and self._cursor == next(
            (row.key for row in self._rows if row.selectable), None
        )

    @property
    def at_last(self) -> bool:
        """Whether the cursor stands on the last row it can stand on, or there is none."""
        last = next((row.key for row in reversed(self._rows) if row.selectable), None)
        return last is None or self._cursor == last

    def cursor_down(self) -> None:
        """One row down."""
        self._move(1)

    def cursor_up(self) -> None:
        """One row up."""
        self._move(-1)

    def page_down(self) -> None:
        """One screenful down."""
        self._move(self._page())

    def page_up(self) -> None:
        """One screenful up."""
        self._move(-self._page())

    def home(self) -> None:
        """The first row."""
        self._move(-len(self._rows))

    def end(self) -> None:
        """The last row."""
        self._move(len(self._rows))

    def render_line(self, y: int) -> Strip:
        """One line of the widget: the title line stays, the rows scroll under it."""
        self.lines_drawn += 1
        if self._ground is None:
            self._ground = self.rich_style
        width, ground = self.size.width, self._ground
        if y < self._head:
            titles = tuple(Cell(column.title) for column in self.columns)
            muted = self.get_component_rich_style("line-table--title")
            return self._drawn(titles, self.columns, " ", muted).crop_extend(0, width, ground)
        place = y - self._head + self.scroll_offset.y
        if place >= len(self._rows):
            return Strip.blank(width, ground)
        row = self._rows[place]
        return self._row_strip(row, row.key == self._cursor, width, ground)

    def notify_style_update(self) -> None:
        """Another theme or style sheet: what was drawn under the old one is forgotten."""
        self._strips.clear()
        self._styles.clear()
        self._ground = None
        super().notify_style_update()

    def on_click(self, event: Click) -> None:
        """A click moves the cursor to its row and does nothing else."""
        place = event.y - self._head + self.scroll_offset.y
        if event.y >= self._head and place < len(self._rows):
            self.select(self._rows[place].key)

    def _row_strip(self, row: Row, under_cursor: bool, width: int, plain: Style) -> Strip:
        remembered = self._strips.get((row, under_cursor, width))
        if remembered is not None:
            return remembered
        ground = self.get_component_rich_style("line-table--cursor") if under_cursor else plain
        mark = self.symbols.selected if under_cursor else row.mark or " "
        strip = self._drawn(row.cells, row.columns or self.columns, mark, ground).crop_extend(0, width, ground)
        if len(self._strips) > 4 * (len(self._rows) + 1):
            self._strips.clear()
        self._strips[row, under_cursor, width] = strip
        return strip

    def _drawn(self, cells: tuple[Cell, ...], columns: tuple[Column, ...], mark: str, ground: Style) -> Strip:
        """The mark, then the cells, each passed through the gate for text once more and cut to its column."""
        segments = [Segment(mark, ground)]
        used = 1
        for index, (cell, column) in enumerate(zip(cells, columns, strict=False)):
            takes_the_rest = index == len(cells) - 1 and len(cells) < len(columns)
            width = self._width() - used if takes_the_rest else column.width
            text = fit(safe_text(cell.text, _CELL_LIMIT), width, column.align, self.symbols.cut)
            words = text.rstrip()  # what fills a column up is no part of a word that stands reversed
            segments.append(Segment(words, ground + self._style(cell.style)))
            segments.append(Segment(" " * (cell_len(text) - cell_len(words) + 1), ground))
            used += cell_len(text) + 1
        return Strip(segments)

    def _style(self, tokens: str) -> Style:
        style = self._styles.get(tokens)
        if style is None:
            style = Style.null()
            for token in tokens.split():
                style += self.get_component_rich_style(f"line-table--{token}", partial=True)
            self._styles[tokens] = style
        return style

    def _width(self) -> int:
        return 1 + sum(column.width for column in self.columns) + max(len(self.columns) - 1, 0)

    def _redraw(self, place: int) -> None:
        """Have the line of a row drawn again, if it is in view."""
        if 0 <= place - self.scroll_offset.y < self.size.height - self._head:
            self.refresh_line(place + self._head)

    def _page(self) -> int:
        return max(self.size.height - self._head - 1, 1)

    def _can_select(self, key: str) -> bool:
        place = self._places.get(key)
        return place is not None and self._rows[place].selectable

    def _cursor_place(self) -> int | None:
        return None if self._cursor is None else self._places.get(self._cursor)

    def _successor(self, place: int) -> str | None:
        """The selectable row at or below this place, else the nearest above."""
        below = (row.key for row in self._rows[place:] if row.selectable)
        above = (row.key for row in reversed(self._rows[:place]) if row.selectable)
        return next(chain(below, above), None)

    def _move(self, rows: int) -> None:
        """Move over selectable rows only; from no selection, downward starts at the first, upward at the last."""
        keys = [row.key for row in self._rows if row.selectable]
        if not keys:
            return
        if self._cursor is None:
            start = -1 if rows > 0 else len(keys)
            rows = 1 if rows > 0 and rows < len(keys) else rows
        else:
            start = keys.index(self._cursor)
        self.select(keys[min(max(start + rows, 0), len(keys) - 1)])

    def _keep_in_view(self, was_at: int | None, now_at: int | None, *, longer: bool) -> None:
        """Scroll along with a row that moved, or that is still the last one, so that the cursor stays in view."""
        if was_at is not None and now_at is not None and (was_at != now_at or (longer and self.at_last)):
            self._scroll_to_cursor()

    def _scroll_to_cursor(self) -> None:
        place = self._cursor_place()
        if place is None or not self.is_mounted:
            return
        visible = max(self.size.height - self._head, 1)
        top = self.scroll_offset.y
        # What stands over the first row and under the last one, where no cursor goes, comes into view with them.
        upper = max(place - visible + 1, 0) if self.at_first else place
        lower = min(len(self._rows) - 1, place + visible - 1) if self.at_last else place
        if upper < top:
            self.scroll_to(y=upper, animate=False, force=True)
        elif lower >= top + visible:
            self.scroll_to(y=lower - visible + 1, animate=False, force=True)
