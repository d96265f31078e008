"""What stands inside the frame: the widgets of the panes, put where the shape says and filled with what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widget import Widget

from console.panes import activity as activity_pane
from console.panes import budget as budget_pane
from console.panes import history as history_pane
from console.panes import locks as locks_pane
from console.panes import market as market_pane
from console.panes import portfolio as portfolio_pane
from console.panes import proposal_detail
from console.panes import proposals as proposals_pane
from console.panes.around import others_of, sparks_wanted
from console.panes.drawing import Scene, fitted
from console.panes.framing import Title
from console.panes.line_block import FocusBlock, LineBlock
from console.panes.line_table import LineTable
from console.panes.proposals import data_age
from console.panes.shape import PANES, WELCOME, Box, Shape
from console.screens.base import keyed
from console.screens.confirm_line import Line, Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.market_data import MarketsView
    from console.panes.chart import Wanted
    from console.panes.rows import Column, Row
    from console.panes.sparks import Sparks
    from console.screens.deeper import Deeper
    from console.screens.market_chart import MarketChart
    from console.state import ConsoleState, ProposalView
    from console.symbols import Symbols
    from storage.glance import Glimpse

NAMES = {name: f"{number} {name.title()}" for number, name in enumerate(PANES, 1)}
_FULL_ROWS = 12
"""Rows of pane 1 from which everything about the selected proposal is shown."""
_TALL_ROWS = 24
"""Rows of pane 1 from which half of them are the selected proposal's, so that no sentence is cut."""


class PaneBodies:
    """The seven panes and the card of the first start."""

    def __init__(
        self,
        symbols: Symbols,
        chart: MarketChart[Wanted],
        sparks: MarketChart[Sparks],
        deeper: Deeper,
        look_at: Callable[[str, frozenset[str]], MarketsView | None],
    ) -> None:
        self.symbols = symbols
        self.deeper = deeper
        self.chart, self.sparks, self._look_at = chart, sparks, look_at
        self.proposals = LineTable(proposals_pane.columns(78), symbols=symbols, id="proposals", classes="pane")
        self.history = self._table("history", moves_on=True)
        self.locks = self._table("locks")
        self.portfolio = self._table("portfolio")
        self.activity = self._table("activity")
        self.detail, self.welcome = (LineBlock(id=name, classes="pane") for name in ("detail", WELCOME))
        self.budget, self.market = (FocusBlock(id=name, classes="pane") for name in ("budget", "market"))
        self._places: dict[str, tuple[int, int, int, int] | None] = {}

    def _table(self, name: str, *, moves_on: bool = False) -> LineTable:
        columns = history_pane.columns(78, titled=False)
        return LineTable(columns, moves_on=moves_on, titled=False, symbols=self.symbols, id=name, classes="pane")

    @property
    def widgets(self) -> tuple[Widget, ...]:
        """All of them, to be mounted once."""
        return (
            self.proposals, self.detail, self.budget, self.locks, self.history, self.market, self.portfolio,
            self.activity, self.welcome,
        )  # fmt: skip

    def table(self, pane: str) -> LineTable | None:
        """The list of a pane, if it is one."""
        lists = (self.proposals, self.history, self.locks, self.portfolio, self.activity)
        return next((table for table in lists if table.id == pane), None)

    def widget(self, pane: str) -> Widget:
        """What has the focus when a pane has it."""
        return next(widget for widget in self.widgets if widget.id == pane)

    # ---- where

    def place(self, shape: Shape) -> None:
        """Put every pane into its box; those without one are hidden."""
        for widget in self.widgets:
            if widget.id in (None, "detail"):
                continue
            box = shape.box(widget.id or "")
            place = None if box is None else (box.left + 1, box.top, box.inner, box.height)
            if widget is self.proposals and box is not None:
                rows = self._detail_rows(box)
                place = (box.left + 1, box.top, box.inner, box.height - rows)
                self._put(self.detail, (box.left + 1, box.top + box.height - rows, box.inner, rows) if rows else None)
            elif widget is self.proposals:
                self._put(self.detail, None)
            self._put(widget, place)

    def _put(self, widget: Widget, place: tuple[int, int, int, int] | None) -> None:
        name = widget.id or ""
        if name in self._places and self._places[name] == place:
            return
        self._places[name] = place
        widget.display = place is not None
        if place is not None:
            widget.styles.offset = place[:2]
            widget.styles.width, widget.styles.height = place[2:]

    @staticmethod
    def _detail_rows(box: Box) -> int:
        if box.inner < 78:
            return 2 if box.height >= 5 else 0
        if box.height < 5:
            return 0
        if box.height >= _TALL_ROWS:
            return box.height // 2 - 1
        return 5 if box.height >= _FULL_ROWS else 3

    # ---- what

    def draw(self, shape: Shape, state: ConsoleState, selected: ProposalView | None, scene: Scene) -> dict[str, Title]:
        """Fill what is shown; the titles of the panes."""
        self.place(shape)
        titles: dict[str, Title] = {}
        for box in shape.boxes:
            if box.name in NAMES:
                titles[box.name] = getattr(self, f"_draw_{box.name}")(box, state, selected, scene)
        return titles

    def draw_glimpses(self, shape: Shape, glimpses: tuple[Glimpse, ...], scene: Scene) -> None:
        """The proposals as stored, while nothing else is known."""
        self.place(shape)
        box = shape.box("proposals")
        if box is not None and glimpses:
            rows = proposals_pane.glimpsed(glimpses, scene, box.inner)
            self._fill(self.proposals, proposals_pane.columns(box.inner), rows, titled=box.inner >= 78)

    def draw_detail(self, shape: Shape, state: ConsoleState, selected: ProposalView | None, scene: Scene) -> None:
        """Why there are no more proposals, and everything about the selected one, under the list."""
        box = shape.box("proposals")
        if box is None or not (rows := self._detail_rows(box)):
            return
        quiet = f"      {activity_pane.quiet_text(state, scene, box.inner - 6)}"
        lines: list[Line] = [] if box.inner < 78 else [(Span(quiet, "muted"),)]
        lines += proposal_detail.detail_lines(selected, state, scene, box.inner, rows=rows - len(lines))
        self._show(self.detail, lines, box.inner, rows)

    def draw_welcome(self, shape: Shape) -> None:
        """The card of the first start."""
        box = shape.box(WELCOME)
        if box is not None:
            self._show(self.welcome, [keyed(text) for text in activity_pane.WELCOME], box.inner, box.height)

    def _draw_proposals(self, box: Box, state: ConsoleState, selected: ProposalView | None, scene: Scene) -> Title:
        self._fill(
            self.proposals, proposals_pane.columns(box.inner), proposals_pane.rows(state, scene, box.inner),
            titled=box.inner >= 78,
        )  # fmt: skip
        return Title(NAMES["proposals"], (), data_age(state, scene))

    def _draw_history(self, box: Box, state: ConsoleState, selected: ProposalView | None, scene: Scene) -> Title:
        titled = box.height >= history_pane.TITLED_ROWS
        columns = history_pane.columns(box.inner, titled=titled)
        past = self.deeper.past(state, scene.zone)
        rows = history_pane.rows(state, scene, box.inner, titled=titled, past=past)
        self._fill(self.history, columns, rows, titled=titled)
        return Title(NAMES["history"], tuple(history_pane.title_facts(state, scene)), data_age(state, scene))

    def _draw_locks(self, box: Box, state: ConsoleState, selected: ProposalView | None, scene: Scene) -> Title:
        self._fill(self.locks, locks_pane.columns(box.inner), locks_pane.rows(state, scene, box.inner))
        return Title(NAMES["locks"], locks_pane.title_facts(state, scene), data_age(state, scene))

    def _draw_portfolio(self, box: Box, state: ConsoleState, selected: ProposalView | None, scene: Scene) -> Title:
        titled = box.inner >= 78 and box.height >= history_pane.TITLED_ROWS
        columns, rows = portfolio_pane.columns(box.inner), portfolio_pane.rows(state, scene, box.inner)
        self._fill(self.portfolio, columns, rows, titled=titled)
        return Title(NAMES["portfolio"], portfolio_pane.title_facts(state), portfolio_pane.age(state, scene))

    def _draw_activity(self, box: Box, state: ConsoleState, selected: ProposalView | None, scene: Scene) -> Title:
        self._fill(self.activity, activity_pane.columns(box.inner), activity_pane.rows(state, scene, box.inner))
        return Title(NAMES["activity"], (), data_age(state, scene))

    def _draw_budget(self, box: Box, state: ConsoleState, selected: ProposalView | None, scene: Scene) -> Title:
        self._show(self.budget, budget_pane.lines(state, scene, box.inner, box.height), box.inner, box.height)
        return Title(NAMES["budget"], (Span("rolling 24 h"),), data_age(state, scene))

    def _draw_market(self, box: Box, state: ConsoleState, selected: ProposalView | None, scene: Scene) -> Title:
        shown = market_pane.market_of(state, selected)
        size = (box.inner, box.height)
        if shown is None:
            self._show(self.market, market_pane.lines(state, None, None, scene, size), *size)
            return Title(NAMES["market"])
        market, view = shown
        ascii_only = self.symbols.name == "ascii"
        marks = market_pane.marks_of(view)
        self.chart.want(market_pane.wanted(state, market, marks, *size, ascii_only=ascii_only), scene.monotonic)
        beside = self._beside(state, market, size, scene)
        self._show(self.market, market_pane.lines(state, shown, self.chart.drawn, scene, size, beside), *size)
        name = f"5 {market_pane.named(market)}"
        return Title(name, market_pane.title_facts(state, market), market_pane.age(state, market, scene))

    def _beside(self, state: ConsoleState, market: str, size: tuple[int, int], scene: Scene) -> market_pane.Beside:
        """Last trades and other markets, asked for only where there is room for them."""
        divided = market_pane.plan_of(state, market, *size)
        if not divided.trades:
            return market_pane.Beside()
        others = others_of(state, market)
        view = self._look_at(market, frozenset(others))
        ascii_only = self.symbols.name == "ascii"
        self.sparks.want(sparks_wanted(others, view, divided.left, ascii_only=ascii_only), scene.monotonic)
        return market_pane.Beside(view, self.sparks.drawn)

    @staticmethod
    def _fill(table: LineTable, columns: tuple[Column, ...], rows: list[Row], *, titled: bool = False) -> None:
        table.reshape(columns, titled=titled)
        table.show(rows)

    def _show(self, block: LineBlock, lines: list[Line], width: int, height: int) -> None:
        filled = [fitted(line, width, self.symbols.cut) for line in lines[:height]]
        block.show([*filled, *([fitted((), width)] * (height - len(filled)))])
