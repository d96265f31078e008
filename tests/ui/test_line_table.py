"""A list that is drawn by line: its cursor stays with its row, hostile text stays text, an idle list costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot

from console.panes.line_table import Cell, Column, LineTable, Row
from console.symbols import ASCII
from console.theme import PALETTES, THEMES, VARIABLE_DEFAULTS

COLUMNS = (Column("id", 4, "right"), Column("side", 4), Column("market", 10), Column("EUR", 8, "right"))


def row(key: str, eur: str = "25.00", style: str = "") -> Row:
    return Row(key, (Cell(key, style), Cell("BUY", "buy"), Cell("BTC-EUR"), Cell(eur)))


ROWS = tuple(row(str(number)) for number in range(1001, 1101))


class Listing(App[None]):
    """One list on the whole screen."""

    CSS = "LineTable { height: 100%; }"

    def __init__(self, *, moves_on: bool = False) -> None:
        super().__init__()
        self.table = LineTable(COLUMNS, moves_on=moves_on, id="list")

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = "dark"


def screen_lines(app: Listing) -> list[str]:
    """What the list has drawn, line by line."""
    return [app.table.render_line(y).text for y in range(app.table.size.height)]


def marked(app: Listing) -> list[str]:
    """The lines with the cursor's mark."""
    return [line for line in screen_lines(app) if line.startswith("▸")]


async def show(pilot: Pilot[None], rows: Sequence[Row]) -> None:
    app = pilot.app
    assert isinstance(app, Listing)
    app.table.show(rows)
    await pilot.pause()


async def test_rows_stand_in_their_columns_at_80_by_24() -> None:
    app = Listing()
    async with app.run_test() as pilot:
        await show(pilot, ROWS)
        lines = screen_lines(app)
        assert lines[0].rstrip() == "   id side market          EUR"
        assert lines[1].rstrip() == " 1001 BUY  BTC-EUR       25.00"
        assert len(lines) == 24
        assert {cell_len(line) for line in lines} == {80}


async def test_the_cursor_follows_its_row_when_rows_are_sorted_anew() -> None:
    app = Listing()
    async with app.run_test() as pilot:
        await show(pilot, ROWS[:5])
        app.table.select("1004")
        await show(pilot, tuple(reversed(ROWS[:5])))
        assert app.table.selected == "1004"
        assert marked(app) == [screen_lines(app)[2]]
        assert marked(app)[0].startswith("▸1004")


async def test_the_cursor_follows_its_row_when_rows_above_are_removed_and_added() -> None:
    app = Listing()
    async with app.run_test() as pilot:
        await show(pilot, ROWS[:5])
        app.table.select("1004")
        await show(pilot, ROWS[2:5])
        assert marked(app)[0] == screen_lines(app)[2]
        await show(pilot, (row("9"), row("8"), *ROWS[:5]))
        assert marked(app)[0] == screen_lines(app)[6]


async def test_a_row_that_moves_out_of_view_takes_the_view_along() -> None:
    app = Listing()
    async with app.run_test() as pilot:
        await show(pilot, ROWS)
        app.table.select("1001")
        await show(pilot, (*ROWS[1:], ROWS[0]))
        await pilot.pause()
        assert marked(app)[0].startswith("▸1001")


async def test_a_row_that_is_gone_clears_the_selection_and_says_so() -> None:
    seen: list[Message] = []
    app = Listing()
    async with app.run_test(message_hook=seen.append) as pilot:
        await show(pilot, ROWS[:5])
        app.table.select("1002")
        await show(pilot, (ROWS[0], *ROWS[2:5]))
        assert (app.table.selected, marked(app)) == (None, [])
    assert [message.key for message in seen if isinstance(message, LineTable.Lost)][:1] == ["1002"]
    assert None in [message.key for message in seen if isinstance(message, LineTable.Selected)]


@pytest.mark.parametrize(("selected", "rest", "goes_to"), [("1002", ROWS[2:5], "1003"), ("1005", ROWS[:4], "1004")])
async def test_a_row_that_is_gone_hands_over_to_its_successor_where_asked(
    selected: str, rest: tuple[Row, ...], goes_to: str
) -> None:
    seen: list[Message] = []
    app = Listing(moves_on=True)
    async with app.run_test(message_hook=seen.append) as pilot:
        await show(pilot, ROWS[1:5] if selected == "1002" else ROWS[:5])
        app.table.select(selected)
        await show(pilot, rest)
        went_to = [app.table.selected]
        await show(pilot, ())
        went_to.append(app.table.selected)
    assert went_to == [goes_to, None]
    assert any(isinstance(message, LineTable.Lost) and message.key == selected for message in seen)


async def test_keys_move_over_rows_and_keep_them_in_view() -> None:
    app = Listing()
    async with app.run_test() as pilot:
        table = app.table
        await show(pilot, ROWS)
        moves: tuple[tuple[Callable[[], None], str], ...] = (
            (table.cursor_down, "1001"),
            (table.cursor_down, "1002"),
            (table.cursor_up, "1001"),
            (table.cursor_up, "1001"),
            (table.page_down, "1023"),
            (table.end, "1100"),
            (table.cursor_down, "1100"),
            (table.page_up, "1078"),
            (table.home, "1001"),
        )
        for move, key in moves:
            move()
            await pilot.pause()
            assert table.selected == key
            assert marked(app)[0].startswith(f"▸{key}")


async def test_lines_between_rows_are_never_selected() -> None:
    app = Listing()
    async with app.run_test() as pilot:
        day = Row("day", (Cell("───── Mon 23 Nov ─", "muted"),), selectable=False)
        await show(pilot, (ROWS[0], day, ROWS[1]))
        assert (
            screen_lines(app)[2].rstrip() == " ───── Mon 23 Nov ─"[1:].rjust(19) or "Mon 23 Nov" in screen_lines(app)[2]
        )
        app.table.select("1001")
        app.table.cursor_down()
        assert app.table.selected == "1002"
        assert not app.table.select("day")


async def test_scrolled_to_the_end_a_list_that_shrinks_stays_in_view() -> None:
    app = Listing()
    async with app.run_test() as pilot:
        await show(pilot, ROWS)
        app.table.end()
        await pilot.pause()
        await show(pilot, ROWS[:3])
        await pilot.pause()
        assert screen_lines(app)[1].startswith(" 1001")


HOSTILE = (
    "[/price]",
    "[@click=app.quit]x[/]",
    "[bold red]loud[/bold red]",
    "\x1b[2J\x1b]52;c;aGFjaw==\x07",
    "\u202eRUE-CTB",
    "a\nb\tc\r\nd",
    "z" + "\u0335" * 40,
    "界" * 30,
    "y" * 10_240,
)


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_shown_harmlessly(text: str) -> None:
    app = Listing()
    async with app.run_test() as pilot:
        hostile = Row("1", (Cell("1"), Cell("BUY"), Cell(text), Cell(text)))
        whole = Row("2", (Cell("2"), Cell(text)))
        await show(pilot, (hostile, whole))
        drawn = screen_lines(app)
        assert {cell_len(line) for line in drawn} == {80}
        assert all(line.isprintable() for line in drawn)
        assert "\u202e" not in "".join(drawn)
        await pilot.click(LineTable, offset=(12, 1))
        assert app.is_running
        assert app.table.selected == "1"
        assert app.export_screenshot()


async def test_markup_is_shown_letter_by_letter() -> None:
    app = Listing()
    async with app.run_test() as pilot:
        await show(pilot, (Row("1", (Cell("1"), Cell("[@click=app.quit]x[/]"))),))
        assert "[@click=app.quit]x[/]"[:18] in screen_lines(app)[1]


async def test_equal_rows_are_not_drawn_again() -> None:
    app = Listing()
    async with app.run_test() as pilot:
        await show(pilot, ROWS)
        await pilot.pause()
        before = app.table.lines_drawn
        for _ in range(20):
            await show(pilot, tuple(row(str(number)) for number in range(1001, 1101)))
        assert app.table.lines_drawn == before


async def test_one_changed_cell_draws_one_line() -> None:
    app = Listing()
    async with app.run_test() as pilot:
        await show(pilot, ROWS)
        await pilot.pause()
        before = app.table.lines_drawn
        await show(pilot, (ROWS[0], row("1002", "26.00"), *ROWS[2:]))
        assert app.table.lines_drawn == before + 1
        await show(pilot, (ROWS[0], row("1002", "26.00"), *ROWS[2:-1], row("1100", "1.00")))
        assert app.table.lines_drawn == before + 1, "the last row is out of view"


async def test_moving_the_cursor_draws_two_lines() -> None:
    app = Listing()
    async with app.run_test() as pilot:
        await show(pilot, ROWS)
        app.table.select("1001")
        await pilot.pause()
        before = app.table.lines_drawn
        app.table.cursor_down()
        await pilot.pause()
        assert app.table.lines_drawn == before + 2


async def test_colours_follow_the_theme() -> None:
    app = Listing()
    async with app.run_test() as pilot:
        await show(pilot, (row("1001", style="wait"),))
        for name, colours in PALETTES.items():
            app.theme = name
            await pilot.pause()
            styles = [segment.style for segment in app.table.render_line(1) if segment.text.strip() == "1001"]
            assert styles[0] is not None
            assert styles[0].color is not None
            assert styles[0].color.get_truecolor().hex == colours["wait"]


async def test_the_ascii_set_marks_the_cursor_and_cuts_in_ascii() -> None:
    app = Listing()
    app.table.symbols = ASCII
    async with app.run_test() as pilot:
        await show(pilot, (Row("1", (Cell("12345"), Cell("BUY"))),))
        app.table.select("1")
        assert screen_lines(app)[1].startswith(">12.. BUY")


async def test_what_cannot_be_drawn_is_refused_and_changes_nothing() -> None:
    app = Listing()
    async with app.run_test() as pilot:
        await show(pilot, ROWS[:2])
        for rows, words in (
            ((row("1"), row("1")), "two rows"),
            ((row("1", style="crimson"),), "no token"),
            ((Row("1", (Cell("x"),) * 5),), "5 cells"),
        ):
            with pytest.raises(ValueError, match=words):
                app.table.show(rows)
        assert app.table.rows == ROWS[:2]


async def test_a_list_can_be_filled_before_it_is_on_the_screen() -> None:
    app = Listing()
    app.table.show(ROWS[:3])
    app.table.select("1002")
    async with app.run_test() as pilot:
        await pilot.pause()
        assert marked(app)[0].startswith("▸1002")
