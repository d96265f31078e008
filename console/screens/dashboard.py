"""The dashboard: seven panes in one frame, as many as fit, the rest one key away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Final

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from console.actions import Where, footer
from console.panes import proposals as proposals_pane
from console.panes.activity import event_text
from console.panes.chart import draw_candles
from console.panes.drawing import Scene, fitted, keys_accented, rule, walled
from console.panes.framing import Title, body_lines
from console.panes.header import STANDARD, tiny_lines, top_lines
from console.panes.line_block import LineBlock
from console.panes.line_table import LineTable
from console.panes.proposals import data_age
from console.panes.shape import LEAST, PANES, REPLACING, UPPER, Shape, lay_out
from console.panes.sparks import draw_sparks
from console.screens.confirm_line import Line, Span
from console.screens.confirm_terms import Key
from console.screens.deeds import MOVES, REASONS, SHORT_REASONS, TYPED_REASON, Deeds
from console.screens.deeper import Deeper
from console.screens.market_chart import MarketChart
from console.screens.pane_bodies import NAMES, PaneBodies

if TYPE_CHECKING:
    from console.app import ConsoleApp
    from console.past import HistoryLine
    from console.state import ConsoleState

TICK_SECONDS: Final = 1.2
"""What is on the screen is drawn again after this long: a newer state comes every second, unless none can be read."""

COUNTDOWN_SECONDS: Final = 0.5
"""The same while a decline can be taken back."""
DOWN: Final = frozenset({"move_down", "page_down", "move_last"})
PANE_KEYS: Final = {str(number): f"pane_{number}" for number in range(1, len(PANES) + 1)}
"""The digit of each pane and the action it stands for."""


class DashboardScreen(Screen[None], inherit_bindings=False):
    """The first screen, and the one everything returns to."""

    AUTO_FOCUS = "#proposals"

    def __init__(self, app: ConsoleApp) -> None:
        super().__init__()
        self.console = app
        self.deeds = Deeds(self)
        self.zoomed = False
        self.chart = MarketChart(draw_candles, app.spawn, self._state_changed)
        self.sparks = MarketChart(draw_sparks, app.spawn, self._state_changed)
        self.deeper = Deeper()
        self.bodies = PaneBodies(app.symbols, self.chart, self.sparks, self.deeper, app.driver.look_at)
        self.proposals, self.history = self.bodies.proposals, self.bodies.history
        self.welcome_over = False
        self._pane = PANES[0]
        self._middle = UPPER[0]
        self._known: set[str] | None = None
        self._unseen: set[str] = set()
        self._refreshing = False
        self._drawn_at = 0.0
        """When everything was last drawn, on the event loop's own clock."""

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
        """Which pane has the focus: ``proposals``, ``budget``, ``locks``, ``history``, ``market``, …"""
        return self._pane

    @property
    def tiny(self) -> bool:
        """Whether there is no room for panes."""
        return self.app.size.width < LEAST[0] or self.app.size.height < LEAST[1]

    def compose(self) -> ComposeResult:
        """The frame, and the panes over it."""
        yield LineBlock(id="tiny")
        with Container(id="whole"):
            yield LineBlock(id="frame")
            yield from self.bodies.widgets

    def on_mount(self) -> None:
        """Follow the state and the clock."""
        self._unsubscribe = self.console.driver.subscribe(self._state_changed)
        self.refresh_all()
        self.set_interval(COUNTDOWN_SECONDS, self._tick)

    def on_unmount(self) -> None:
        """Stop following."""
        self._unsubscribe()

    def _tick(self) -> None:
        """Draw what has grown older; what was drawn for a newer state meanwhile is not drawn twice."""
        longest = TICK_SECONDS if self.deeds.declined is None else COUNTDOWN_SECONDS
        if self._drawn_at + longest - asyncio.get_running_loop().time() < 0.05:
            self.refresh_all()

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
        if not self.deeds.press(event.key, event.character) and event.key in PANE_KEYS:
            self.navigate(PANE_KEYS[event.key])
        self.refresh_all()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A click into a list is a step to its pane."""
        name = event.widget.id
        # One that is late, as a key has moved the focus on since, is no step.
        if self.focused is event.widget and name in PANES and name != self._pane:
            self._go_to(name)

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
        table = self.bodies.table(self._pane)
        place = PANES.index(self._pane)
        moves: dict[str, Callable[[], object]] = {
            **{name: partial(self._go_to, pane) for name, pane in zip(PANE_KEYS.values(), PANES, strict=True)},
            "next_pane": partial(self._go_to, PANES[(place + 1) % len(PANES)]),
            "previous_pane": partial(self._go_to, PANES[place - 1]),
            "utc": self.console.toggle_utc,
            "stop": self.console.action_stop,
        }
        if table is not None:
            moves |= {
                "move_down": table.cursor_down,
                "move_up": table.cursor_up,
                "page_down": table.page_down,
                "page_up": table.page_up,
                "move_first": table.home,
                "move_last": table.end,
            }
        if action == "zoom":
            self.zoomed = not self.zoomed
        elif action in moves:
            moves[action]()
            if self._pane == "history" and action in MOVES:
                self._deepen(action)

    @property
    def history_line(self) -> HistoryLine | None:
        """The line of history under the cursor."""
        state, key = self.state, self.history.selected
        if state is None or key is None:
            return None
        return next((line for line in self.deeper.lines(state) if line.key == key), None)

    def _deepen(self, action: str) -> None:
        """At the end of what is loaded the next page is read; at the upper end what was let go; ``g`` is the newest."""
        deeper, read = self.deeper, self.console.driver.history_page
        if action == "move_first" and deeper.pages:
            deeper.close()
            self.refresh_all()
            self.history.home()
        elif action in DOWN and self.history.at_last and not deeper.at_end:
            self._load(deeper.older(read))
        elif action not in DOWN and self.history.at_first and deeper.detached:
            self._load(deeper.newer(read))

    def _load(self, reading: Coroutine[None, None, None]) -> None:
        async def loading() -> None:
            try:
                await reading
            finally:
                self.refresh_all()

        self.console.spawn(loading(), "reading the history")

    def _go_to(self, pane: str) -> None:
        """Give a pane the focus, and its place in the middle if it has one there."""
        self._pane = pane
        if pane in UPPER or pane in REPLACING:
            self._middle = pane
        self.refresh_all()
        self.set_focus(self.bodies.widget(pane))

    # ---- drawing

    def refresh_all(self) -> None:
        """Show what is true now; only what differs is drawn again."""
        if not self.is_mounted or self.app.size.width < 1:
            return
        self._drawn_at = asyncio.get_running_loop().time()
        scene, width, driver = self.console.scene(), self.app.size.width, self.console.driver
        self.console.show_title()
        self.query_one("#tiny").display = self.tiny
        self.query_one("#whole").display = not self.tiny
        if self.tiny:
            lines = tiny_lines(self.state, scene, width, driver.startup)
            self._block("tiny").show([fitted(line, width) for line in lines])
            return
        shape = lay_out(
            width, self.app.size.height, self._pane, self._middle, alone=self.zoomed, welcome=self._welcomes()
        )
        head = top_lines(self.state, scene, width, driver.startup)
        head += [self._walled((), scene, width)] * (shape.head - len(head))
        foot = [self._walled(self._activity(scene), scene, width), self._footer(scene, width)]
        body = body_lines(shape, self._bodies(shape, scene), scene, self._pane)
        # A start that fails needs a line more than the head has: it takes that of the first pane's title.
        self._block("frame").show([*head, *body[len(head) - shape.head :], *foot])

    def _block(self, name: str) -> LineBlock:
        return self.query_one(f"#{name}", LineBlock)

    def _walled(self, line: Line, scene: Scene, width: int) -> Line:
        return walled(line, width, scene.frame, scene.frame_token, scene.symbols.cut)

    def _welcomes(self) -> bool:
        state = self.state
        if self.welcome_over or state is None or state.history or state.header.mode.value != "paper":
            return False
        return not any(line.kind in ("proposal.declined", "gate.passed") for line in state.activity)

    def _bodies(self, shape: Shape, scene: Scene) -> dict[str, Title]:
        """Fill the panes; their titles."""
        state, bodies = self.state, self.bodies
        if state is None:
            bodies.draw_glimpses(shape, self.console.driver.glimpses, scene)
            return {name: Title(title) for name, title in NAMES.items()}
        if self.deeper.outdated(state) and not self.deeper.reading:
            self._load(self.deeper.renew(self.console.driver.history_page))
        selected = {table: table.selected for table in (self.proposals, self.history)}
        titles = bodies.draw(shape, state, self.deeds.selected(), scene)
        self._note_new({str(view.proposal.id) for view in state.proposals})
        for table, key in selected.items():
            if key is not None:
                table.select(key)
        bodies.draw_detail(shape, state, self.deeds.selected(), scene)
        bodies.draw_welcome(shape)
        if "proposals" in titles:
            facts = tuple(proposals_pane.title_facts(state, scene, len(self._unseen)))
            titles["proposals"] = Title(NAMES["proposals"], facts, data_age(state, scene))
        return titles

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
        return (Span(f" {event_text(state.activity[0], scene, self.app.size.width - 3)}", "muted"),)

    def _footer(self, scene: Scene, width: int) -> Line:
        frame, token = scene.frame, scene.frame_token
        declined = self.deeds.declined
        if declined is not None and declined.left(scene.monotonic) > 0:
            reasons = [f"{key} {reason}" for key, reason in {**REASONS, TYPED_REASON: "type"}.items()]
            if width < STANDARD:
                reasons = [" ".join(f"{key} {word}" for key, word in {**SHORT_REASONS, TYPED_REASON: "type"}.items())]
            parts = [Span(text) for text in reasons]
            return rule((frame.bottom_left, frame.bottom_right), frame.across, token, parts, (), width)
        places = {"proposals": (Where.PROPOSALS,), "history": (Where.ORDERS, Where.LISTS)}.get(self._pane, ())
        where = (*places, Where.EVERYWHERE)
        text = footer(width, where, frame, self.deeds.available, self.deeds.subjects())
        return keys_accented(text, frame.across, token)
