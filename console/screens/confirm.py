"""The confirm dialog: read, arm, fire. What may happen when is the state machine's; here it is shown and told."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from textual import events

from console import format as fmt
from console.panes.drawing import Scene, fitted
from console.screens.base import DRIVER_ERRORS, LEAVE, frame_lines
from console.screens.check_lines import CHECKS_WIDTH, check_lines, why_lines
from console.screens.confirm_line import NARROW, Line, Order, Span, last_lines
from console.screens.confirm_state import ConfirmState, State
from console.screens.confirm_terms import Key, Live, Step, overridable
from console.screens.confirm_ways import TicketWays, short_blocking, why_unused
from console.screens.forms import Form
from console.screens.saw_card import SawCard
from console.screens.ticket_lines import Ticketed, body_lines, fires_text, order_line
from console.text import safe_text, wrapped
from storage.codes import OPEN_PROPOSALS, ProposalState
from storage.errors import NotFound
from storage.order_value import is_exit

if TYPE_CHECKING:
    from console.execution.ticket import TicketView
    from storage.models import Proposal

POLL_SECONDS: Final = 2.0
LEAST: Final = (40, 16)
"""Columns and rows under which a ticket would have to be cut; below that it cannot be armed."""


class ConfirmScreen(TicketWays, inherit_bindings=False):
    """One proposal's ticket. It fires at most once, and is gone before the order leaves."""

    TICK = 0.1

    def __init__(self, proposal: Proposal) -> None:
        super().__init__(proposal)
        self.machine: ConfirmState | None = None
        """None until the first quote is there."""
        self.ticketed: Ticketed | None = None
        self.problem: str | None = None
        self.page: int | None = None
        """Which page of the checks is shown instead of the ticket."""
        self._pages = 1
        self._quotes = 0
        self._fetching = False
        self._fetched_at = 0.0
        self._ended: str | None = None

    def on_mount(self) -> None:
        """Ask for the first quote, and for another one every two seconds."""
        self.box.on_drawn = self._painted
        self._fetch(new_quote=True)
        super().on_mount()
        self.watch(self.app, "app_focus", self._focus_changed, init=False)

    def on_screen_suspend(self) -> None:
        """Another dialog lies over this one."""
        self._focus_changed(False)

    def _focus_changed(self, focused: bool) -> None:
        if self.machine is not None and not focused:
            self._follow(self.machine.blur(self._at()))

    def on_resize(self) -> None:
        """What was read is no longer where it was."""
        if self.machine is not None:
            self._follow(self.machine.resized(self._at()))
        super().on_resize()

    def on_paste(self, event: events.Paste) -> None:
        """A paste is never read as keys."""
        super().on_paste(event)
        if self.machine is not None:
            self._follow(self.machine.paste(self._at()))

    def press(self, key: Key) -> None:
        """One key, for the machine first."""
        machine = self.machine
        if machine is None or not self.fits:
            if key.name in LEAVE:
                self.leave()
            return
        if self.page is not None and key.name in ("enter", "i"):
            turned = None if key.name == "enter" else self.page + 1
            self.page = turned if turned is not None and turned < self._pages else None
            self.redraw()
            return
        step = machine.key(key, self._at())
        if step.unused and key.character == "i":
            self.page = 0
        self._follow(step)
        if step.unused and self.ticketed is not None:
            self._unused(key, machine, self.ticketed)

    def _unused(self, key: Key, machine: ConfirmState, ticketed: Ticketed) -> None:
        """A key that neither arms nor fires: a way on, or a sentence why it is none."""
        read_only = self.console.driver.read_only
        if key.character == "w":
            self.app.push_screen(SawCard(self.proposal.id, leads_on=False))
            return
        if not read_only and self.way_on(key.character, ticketed):
            return
        if self.page is None and machine.state in (State.READY, State.TYPE):
            machine.note = why_unused(key, read_only=read_only)
            self.redraw()

    @property
    def fits(self) -> bool:
        """Whether the whole ticket has room."""
        size = self.app.size
        return size.width >= LEAST[0] and size.height >= LEAST[1]

    def redraw(self) -> None:
        """Let the machine follow time and market, then show where it stands."""
        self._poll()
        if self.machine is not None and isinstance(self.app.screen, Form | SawCard):
            self.machine.attended(self._at())
        if self.machine is not None and self.ticketed is not None:
            step = self.machine.tick(self._at(), self._live(self.ticketed))
            if step.close or step.requote:
                self._follow(step)
                return
        self._show()

    def _show(self) -> None:
        if self.is_mounted:
            super().redraw()

    def _painted(self) -> None:
        """The box is being drawn: what it shows as ARMED has been on the screen from now on, however busy we are."""
        if self.machine is not None and State.ARMED.value in self.box.text:
            self.machine.painted(self._at())

    def _follow(self, step: Step) -> None:
        if step.fire and self.machine is not None and self.ticketed is not None:
            view, typed = self.ticketed.view, self.machine.live.type_reason is not None
            self.leave()
            self.console.fire(view, typed=typed)
            return
        if step.close:
            self.leave()
            return
        if step.requote:
            self._fetch(new_quote=True)
        self._show()

    def _at(self) -> float:
        return self.console.driver.clock.monotonic()

    # ---- the market around the ticket

    def _poll(self) -> None:
        """Ask again every two seconds, until there is nothing left to ask about."""
        gone = self.machine is not None and self.machine.state is State.GONE
        if not gone and self._at() - self._fetched_at >= POLL_SECONDS:
            self._fetch(new_quote=self.ticketed is None)

    def ask_again(self) -> None:
        """A new quote of what the proposal is by now."""
        self._fetch(new_quote=True)

    def _fetch(self, *, new_quote: bool) -> None:
        if self._fetching and not new_quote:
            return
        self._fetching = True
        self._fetched_at = self._at()
        self.background(partial(self._quote, new_quote), "quote")

    async def _quote(self, new_quote: bool) -> None:
        try:
            view = await self.console.driver.ticket(self.proposal.id)
        except NotFound as error:
            self._ended, self.problem = safe_text(error), safe_text(error)
        except DRIVER_ERRORS as error:
            self.problem = safe_text(error)
        else:
            self.problem, self.proposal = None, view.proposal
            self._take(view, new_quote)
        finally:
            self._fetching = False
        self.redraw()

    def _take(self, view: TicketView, new_quote: bool) -> None:
        known = self.ticketed
        other = known is None or _terms(view) != _terms(known.view)
        opened_on = view.reference if new_quote or known is None else known.opened_on
        self._quotes += new_quote or other
        self.ticketed = Ticketed(view, opened_on)
        if self.machine is None:
            armed = float(self.console.driver.settings.looks.armed_seconds)
            self.machine = ConfirmState(self._at(), self._live(self.ticketed), armed)

    def _live(self, ticketed: Ticketed) -> Live:
        view = ticketed.view
        confirmed = view.question.quote.book_confirmed
        return Live(
            side=view.order.side,
            opened_on=ticketed.opened_on,
            reference=view.reference,
            book_age=None if confirmed is None else self._at() - confirmed,
            blocking=short_blocking(view, self.console.scene().zone),
            gone=self._gone(view),
            type_reason=view.typed_reason,
            total="" if view.typed is None else view.typed,
            quote=self._quotes,
        )

    def _gone(self, view: TicketView) -> str | None:
        if self._ended is not None:
            return self._ended
        holder = view.question.facts.holder
        if holder is not None:
            return f"was claimed by {safe_text(holder.actor, 20)}"
        proposal, driver = view.proposal, self.console.driver
        late = driver.clock.now() - proposal.expires_at
        if late >= 0 or proposal.state is ProposalState.EXPIRED:
            return f"expired {fmt.age(max(late, 0))} ago"
        if proposal.state not in OPEN_PROPOSALS:
            return f"is {proposal.state.value}"
        state = driver.state
        if state is not None and state.now > view.question.facts.now:
            still_open = any(row.proposal.id == proposal.id for row in state.proposals)
            return None if still_open else "is no longer open"
        return None

    # ---- drawing

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """The frame, the ticket or a page of its checks, and the last line."""
        titles, right = self._titles(scene, width)
        inner = width - 2
        if not self.fits:
            text = f"the ticket needs {LEAST[0]} columns and {LEAST[1]} rows; q leaves"
            body: list[Line] = [(Span(f" {line}", "wait"),) for line in wrapped(text, max(inner - 1, 2))]
            return frame_lines(scene, titles, right, body, width)
        if self.ticketed is None or self.machine is None:
            return frame_lines(scene, titles, right, self._waiting(inner), width)
        ticketed, page = self.ticketed, self.page
        view, gone = ticketed.view, self.machine.state is State.GONE
        order = Order(self.proposal.id, fires_text(view), bool(overridable(view.checks)), is_exit(view.order))
        foot: list[Line] = [()] if self.problem is None else [(Span(f" {self.problem}", "wait"),)]
        last = last_lines(self.machine, order, inner - 2, scene.symbols, scene.zone)
        foot += [(Span(" "), *line) for line in last]
        rows = max(self.app.size.height - 2 - len(foot), 1)
        if page is None:
            body = body_lines(ticketed, scene, inner, rows, gone=gone)
        else:
            body = self._checks(ticketed, page, scene, inner, rows)
        body += foot
        room = self.app.size.height - 2
        if len(body) > room:  # a short screen gives up the blank lines before anything else
            body = [line for line in body if any(span.text.strip() for span in line)]
        return frame_lines(scene, titles, right, [fitted(line, inner) for line in body], width)

    def _titles(self, scene: Scene, width: int) -> tuple[list[Span], list[Span]]:
        mode = Span(scene.mode.value.upper(), f"{scene.frame_token} strong")
        revision = f"{self.proposal.id} rev {self.proposal.revision}"
        if width < 60:
            return [mode, Span("CONFIRM", "strong")], [Span(revision)]
        state = self.console.driver.state
        source = [] if state is None else [Span(safe_text(state.header.source, 24))]
        across = f" {scene.symbols.dialog.across} "
        digest = "" if self.ticketed is None else self.ticketed.view.ticket.digest
        shown = [Span(across, scene.frame_token), Span(f"{digest[:4]} {digest[4:8]}", "muted")] if digest else []
        return [Span("CONFIRM", "strong"), mode, *source], [Span(revision), *shown]

    def _waiting(self, inner: int) -> list[Line]:
        what = "asking for a quote" if self.problem is None else self.problem
        lines: list[Line] = [()]
        lines += [(Span(f" {line}", "wait"),) for line in wrapped(what, max(inner - 2, 2))]
        return [*lines, (), (Span(" q", "accent"), Span(" leave"))]

    @property
    def box_width(self) -> int:
        """The page of the checks takes what a wide screen has."""
        return super().box_width if self.page is None else min(CHECKS_WIDTH, max(self.app.size.width, 4))

    def _checks(self, ticketed: Ticketed, page: int, scene: Scene, inner: int, rows: int) -> list[Line]:
        lines = [*why_lines(ticketed.view.proposal, inner), *check_lines(ticketed.view.checks, scene, inner)]
        each = max(rows - 3, 1)
        self._pages = -(-len(lines) // each)
        page = min(page, self._pages - 1)
        shown = lines[page * each : (page + 1) * each]
        shown += [()] * (each - len(shown) if self._pages > 1 else 0)
        foot = f" {page + 1} of {self._pages}   i on, Enter back{'' if inner < NARROW else ' to the ticket'}"
        return [order_line(ticketed, narrow=inner < NARROW), *shown, (Span(foot, "muted"),)]


def _terms(view: TicketView) -> tuple[object, ...]:
    """What makes a ticket another one than was read."""
    return view.ticket.digest, view.ticket.policy_hash, view.proposal.revision, view.typed, view.typed_reason
