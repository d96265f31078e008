"""The dashboard: proposals above, history below, the frame around both."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from console.actions import Where, footer
from console.panes import history as history_pane
from console.panes import proposals as proposals_pane
from console.panes.activity import WELCOME, event_text, quiet_text
from console.panes.drawing import Scene, fitted, keys_accented, pane_title, rule, walled
from console.panes.header import STANDARD, tiny_lines, top_lines
from console.panes.line_block import LineBlock, Wall
from console.panes.line_table import LineTable
from console.panes.proposals import data_age
from console.screens.base import keyed
from console.screens.confirm_line import Line, Span
from console.screens.confirm_terms import Key
from console.screens.deeds import REASONS, TYPED_REASON, Deeds

if TYPE_CHECKING:
    from console.app import ConsoleApp
    from console.panes.rows import Column
    from console.state import ConsoleState

TICK_SECONDS: Final = 0.5
LEAST: Final = (40, 12)
"""Columns and rows under which only mode, state, UNKNOWN and the stop key are shown."""
BOTH_PANES: Final = 20
"""Rows a narrow screen needs to show both panes."""


class DashboardScreen(Screen[None], inherit_bindings=False):
    """The first screen, and the one everything returns to."""

    AUTO_FOCUS = "#proposals"

    def __init__(self, app: ConsoleApp) -> None:
        super().__init__()
        self.console = app
        self.deeds = Deeds(self)
        self.zoomed = False
        symbols = app.symbols
        self.proposals = LineTable(proposals_pane.columns(78), symbols=symbols, id="proposals")
        self.history = LineTable(history_pane.columns(78), moves_on=True, symbols=symbols, id="history")
        self.welcome_over = False
        self._known: set[str] | None = None
        self._unseen: set[str] = set()
        self._refreshing = False

    @property
    def state(self) -> ConsoleState | None:
        """The newest state."""
        return self.console.driver.state

    @property
    def monotonic(self) -> float:
        """Now."""
        return self.console.driver.clock.monotonic()

    @property
    def focused_pane(self) -> str:
        """Which pane has the focus."""
        return "history" if self.history.has_focus else "proposals"

    @property
    def tiny(self) -> bool:
        """Whether there is no room for panes."""
        return self.app.size.width < LEAST[0] or self.app.size.height < LEAST[1]

    def compose(self) -> ComposeResult:
        """Border lines, panes between walls."""
        yield LineBlock(id="tiny")
        with Vertical(id="whole"):
            yield LineBlock(id="top")
            yield LineBlock(id="proposals-title")
            with Horizontal(id="proposals-pane"):
                yield Wall()
                yield self.proposals
                yield Wall()
            yield LineBlock(id="detail")
            yield LineBlock(id="history-title")
            yield LineBlock(id="welcome")
            with Horizontal(id="history-pane"):
                yield Wall()
                yield self.history
                yield Wall()
            yield LineBlock(id="activity")
            yield LineBlock(id="footer")

    def on_mount(self) -> None:
        """Follow the state and the clock."""
        self._unsubscribe = self.console.driver.subscribe(self._state_changed)
        self.refresh_all()
        self.set_interval(TICK_SECONDS, self.refresh_all)

    def on_unmount(self) -> None:
        """Stop following."""
        self._unsubscribe()

    def _state_changed(self) -> None:
        if not self._refreshing:
            self._refreshing = True
            self.call_later(self._refresh_once)

    def _refresh_once(self) -> None:
        self._refreshing = False
        self.refresh_all()

    def on_resize(self) -> None:
        """Another shape, perhaps."""
        self.refresh_all()

    def on_screen_resume(self) -> None:
        """What ended while a dialog was open is shown now."""
        self.console.show_waiting()

    def on_key(self, event: events.Key) -> None:
        """Every key is an action of the registry or nothing."""
        if Key(event.key, event.character).is_modifier:
            return
        event.stop()
        event.prevent_default()
        if self.app.screen is not self:  # typed ahead of a dialog that is open by now, and not meant for it
            return
        self.welcome_over = True
        self.deeds.press(event.key, event.character)
        self.refresh_all()

    @on(LineTable.Selected)
    def row_selected(self, message: LineTable.Selected) -> None:
        """What the cursor has stood on is no longer new."""
        if message.table is self.proposals and message.key is not None:
            self._unseen.discard(message.key)
        self.refresh_all()

    @on(LineTable.Lost, "#proposals")
    def row_lost(self, message: LineTable.Lost) -> None:
        """The selected proposal has ended; nothing takes its place by itself."""
        if self.console.notice() is None:
            self.console.say(f"{message.key} is no longer open; nothing is selected")

    def navigate(self, action: str) -> None:
        """Move in a list, or between panes."""
        table, other = self.proposals, self.history
        if self.focused_pane == "history":
            table, other = other, table
        moves: dict[str, Callable[[], object]] = {
            "move_down": table.cursor_down,
            "move_up": table.cursor_up,
            "page_down": table.page_down,
            "page_up": table.page_up,
            "move_first": table.home,
            "move_last": table.end,
            "pane_1": self.proposals.focus,
            "pane_4": self.history.focus,
            **dict.fromkeys(("next_pane", "previous_pane"), other.focus),
            "utc": self.console.toggle_utc,
            "stop": self.console.action_stop,
        }
        if action == "zoom":
            self.zoomed = not self.zoomed
        elif action in moves:
            moves[action]()

    # ---- drawing

    def refresh_all(self) -> None:
        """Show what is true now; only what differs is drawn again."""
        if not self.is_mounted or self.app.size.width < 1:
            return
        scene, width, driver = self.console.scene(), self.app.size.width, self.console.driver
        self.query_one("#tiny").display = self.tiny
        self.query_one("#whole").display = not self.tiny
        if self.tiny:
            lines = tiny_lines(self.state, scene, width, driver.startup)
            self._block("tiny").show([fitted(line, width) for line in lines])
            return
        self._block("top").show(top_lines(self.state, scene, width, driver.startup))
        self._lay_out(width)
        for wall in self.query(Wall):
            wall.show_side((Span(scene.frame.down, scene.frame_token),))
        self._draw_proposals(scene, width)
        self._draw_history(scene, width)
        self._block("activity").show([self._walled(self._activity(scene), scene, width)])
        self._block("footer").show([self._footer(scene, width)])

    def _block(self, name: str) -> LineBlock:
        return self.query_one(f"#{name}", LineBlock)

    def _walled(self, line: Line, scene: Scene, width: int) -> Line:
        return walled(line, width, scene.frame, scene.frame_token, scene.symbols.cut)

    def _lay_out(self, width: int) -> None:
        alone = self.zoomed or (width < STANDARD and self.app.size.height < BOTH_PANES)
        pane = self.focused_pane
        for name in ("proposals", "history"):
            for part in ("title", "pane"):
                self.query_one(f"#{name}-{part}").display = not alone or name == pane
        self.query_one("#detail").display = not alone or pane == "proposals"
        welcome = not alone and self._welcomes()
        self.query_one("#welcome").display = welcome
        if welcome:
            self.query_one("#history-pane").display = False

    def _welcomes(self) -> bool:
        state = self.state
        if self.welcome_over or state is None or state.history or state.header.mode.value != "paper":
            return False
        return not any(line.kind in ("proposal.declined", "gate.passed") for line in state.activity)

    def _shape(self, table: LineTable, columns: tuple[Column, ...]) -> None:
        if table.columns != columns:
            table.columns = columns
            table.notify_style_update()
            table.refresh()

    def _draw_proposals(self, scene: Scene, width: int) -> None:
        state, inner = self.state, width - 2
        selected, focused = self.proposals.selected, self.focused_pane == "proposals"
        if state is None:
            title = pane_title(scene, "1 Proposals", (), Span(""), width, focused=focused)
            self._block("proposals-title").show([title])
            self._block("detail").show([self._walled((), scene, width)])
            return
        self._shape(self.proposals, proposals_pane.columns(inner))
        self.proposals.show(proposals_pane.rows(state, scene, inner))
        self._note_new({str(view.proposal.id) for view in state.proposals})
        if selected is not None:
            self.proposals.select(selected)
        facts = proposals_pane.title_facts(state, scene, len(self._unseen))
        title = pane_title(scene, "1 Proposals", facts, data_age(state, scene), width, focused=focused)
        self._block("proposals-title").show([title])
        lines: list[Line] = [] if width < STANDARD else [(Span(f"      {quiet_text(state, scene)}", "muted"),)]
        lines += proposals_pane.detail_lines(self.deeds.selected(), state, scene, inner)
        self._block("detail").show([self._walled(line, scene, width) for line in lines])

    def _note_new(self, ids: set[str]) -> None:
        """Remember what came since the first rows; the most urgent is selected when there were none before."""
        state = self.state
        if (not self._known) and ids and state is not None and self.proposals.selected is None:
            urgent = proposals_pane.most_urgent(state.proposals) or state.proposals[0]
            self.proposals.select(str(urgent.proposal.id))
        if self._known is not None:
            self._unseen = (self._unseen | (ids - self._known)) & ids
            self._unseen -= {self.proposals.selected or ""}
        self._known = ids

    def _draw_history(self, scene: Scene, width: int) -> None:
        state, inner = self.state, width - 2
        focused = self.focused_pane == "history"
        if state is None:
            self._block("history-title").show([pane_title(scene, "4 History", (), Span(""), width, focused=focused)])
            return
        selected = self.history.selected
        self._shape(self.history, history_pane.columns(inner))
        self.history.show(history_pane.rows(state, scene, inner))
        if selected is not None:
            self.history.select(selected)
        facts = history_pane.title_facts(state, scene)
        age = data_age(state, scene)
        self._block("history-title").show([pane_title(scene, "4 History", facts, age, width, focused=focused)])
        welcome = [*(keyed(text) for text in WELCOME), *([()] * self.app.size.height)]
        self._block("welcome").show([self._walled(line, scene, width) for line in welcome])

    def _activity(self, scene: Scene) -> Line:
        state, declined = self.state, self.deeds.declined
        if declined is not None and declined.left(scene.monotonic) > 0:
            left = -int(-declined.left(scene.monotonic) // 1)
            return (Span(f" {declined.proposal_id} declined   "), Span("u", "accent"), Span(f" undoes, {left} s"))
        notice = self.console.notice()
        if notice is not None:
            return (Span(" "), notice)
        problem = self.console.driver.problem
        if problem is not None:
            return (Span(" "), Span(self.console.clean(problem), "stop"))
        if state is None or not state.activity:
            return ()
        return (Span(f" {event_text(state.activity[0], scene)}", "muted"),)

    def _footer(self, scene: Scene, width: int) -> Line:
        frame, token = scene.frame, scene.frame_token
        declined = self.deeds.declined
        if declined is not None and declined.left(scene.monotonic) > 0:
            reasons = [f"{key} {reason}" for key, reason in REASONS.items()]
            parts = [Span(text) for text in (*reasons, f"{TYPED_REASON} type")]
            return rule((frame.bottom_left, frame.bottom_right), frame.across, token, parts, (), width)
        where = (
            (Where.PROPOSALS, Where.EVERYWHERE)
            if self.focused_pane == "proposals"
            else (Where.ORDERS, Where.EVERYWHERE)
        )
        text = footer(width, where, frame, self.deeds.available, self.deeds.subjects())
        return keys_accented(text, frame.across, token)
