"""What the keys of the dashboard do, and why one of them cannot be done now.

Dialogs are imported when they open: the first frame does not wait for them, ``LATER`` loads them after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from console.actions import ACTIONS, Action, Availability, Where
from console.panes.header import trading_word
from console.panes.history import resting_execution
from console.panes.proposals import most_urgent
from console.panes.shape import PANES
from console.screens.ways import WRITES, Ways
from console.text import safe_text
from storage.codes import TradingState

if TYPE_CHECKING:
    from console.screens.dashboard import DashboardScreen
    from console.state import HistoryLine, ProposalView
    from storage.execution_models import Execution

LATER: Final = ("console.screens.confirm", "console.screens.broken_card", "console.screens.since_card",
                "console.screens.saw_card")  # fmt: skip
"""Modules with every dialog: what they import themselves included."""

UNDO_SECONDS: Final = 5.0
NUMBERED: Final = frozenset({str(number) for number in range(1, len(PANES) + 1)})
"""Digits that are panes here."""
STARTED: Final = frozenset({"confirm", "decline", "cancel", "checks", "look", "resume", "undo", "open", "saw"})
"""What waits for the first state, beside what writes and moves."""
REASONS: Final = {"1": "price gone", "2": "too big", "3": "don't believe it", "4": "seen it"}
SHORT_REASONS: Final = {"1": "gone", "2": "big", "3": "doubt", "4": "seen"}
"""The same where the bar is short."""
TYPED_REASON: Final = "5"
RESTING_ROW: Final = "r "
"""What the key of a resting order's row in the portfolio begins with; the number of its execution follows."""
IDEA_ROW: Final = "p"
"""What the key of a row begins with that stands for a proposal without an order; its number follows."""

KEYS: Final = {key: action.id for action in ACTIONS for key in action.keys if set(action.where) != {Where.TICKET}}
"""What a key means on the dashboard."""
TICKET_KEYS: Final = {key: action for action in ACTIONS for key in action.keys if action.where == (Where.TICKET,)}
"""What a key means in the ticket alone."""
MOVES: Final = frozenset({"move_down", "move_up", "page_down", "page_up", "move_first", "move_last"})


class Declined:
    """The newest decline, while it can be undone and given a reason."""

    def __init__(self, proposal_id: int, at: float) -> None:
        self.proposal_id = proposal_id
        self.at = at

    def left(self, monotonic: float) -> float:
        """Seconds in which it can still be undone."""
        return max(self.at + UNDO_SECONDS - monotonic, 0.0)


class Deeds(Ways):
    """The actions of the dashboard."""

    def __init__(self, screen: DashboardScreen) -> None:
        self.screen = screen
        self.declined: Declined | None = None
        """While the bar of reasons is open."""
        self.undoable: Declined | None = None
        """As long as it can be undone, also after a reason was given or another key has closed the bar."""

    # ---- what an action would act on

    def selected(self) -> ProposalView | None:
        """The proposal under the cursor."""
        state, key = self.screen.state, self.screen.proposals.selected
        if state is None or key is None:
            return None
        return next((view for view in state.proposals if str(view.proposal.id) == key), None)

    def to_confirm(self) -> ProposalView | None:
        """The selected proposal, else the most urgent ready one."""
        state = self.screen.state
        view = self.selected()
        return view if view is not None or state is None else most_urgent(state.proposals)

    def to_cancel(self) -> Execution | None:
        """The resting order under the cursor of the portfolio, else of the history."""
        state = self.screen.state
        if state is None:
            return None
        key = (self.row_key() or "") if self.screen.focused_pane == "portfolio" else ""
        number = key.removeprefix(RESTING_ROW)
        if number != key and number.isdecimal():
            return next((execution for execution in state.resting if execution.id == int(number)), None)
        wanted = resting_execution(state, self.screen.history_line)
        return next((execution for execution in state.resting if execution.id == wanted), None)

    def subjects(self) -> dict[str, str]:
        """What the footer names beside an action."""
        view = self.to_confirm()
        return {} if view is None else {"confirm": str(view.proposal.id)}

    # ---- why not

    def available(self, action: Action) -> Availability:
        """None, or why an action cannot be done now."""
        state, driver = self.screen.state, self.screen.console.driver
        if state is None:
            waiting = action.id in WRITES | MOVES | STARTED
            return "the console is still starting" if waiting else None
        if driver.read_only and action.id in WRITES | {"confirm", "decline", "undo", "cancel", "look", "resume"}:
            return "this console is read-only"
        if action.id == "confirm":
            return None if self.to_confirm() is not None else "no proposal is selected and none is ready"
        if action.id in {"decline", "checks"}:
            return None if self.selected() is not None else "no proposal is selected"
        if action.id in WRITES:
            return self.way_available(action, state)
        if action.id == "undo":
            open_still = self.undoable is not None and self.undoable.left(self.screen.monotonic) > 0
            return None if open_still else "nothing was declined in the last 5 s"
        if action.id == "cancel":
            if not state.resting:
                return "no order rests"
            return None if self.to_cancel() is not None else "select a resting order in pane 4 first, or in 6"
        if action.id in MOVES:
            return None if self.screen.bodies.table(self.screen.focused_pane) is not None else "this pane is no list"
        if action.id == "open":
            return self._why_not_open()
        if action.id == "resume":
            active = trading_word(state.header) == TradingState.ACTIVE.value
            return "trading is ACTIVE already" if active else None
        return None

    def _why_not_open(self) -> Availability:
        if self.screen.focused_pane == "history":
            return None if self.screen.history.selected is not None else "select a row of pane 4 first, arrows move"
        return None if self.selected() is not None else "no row is selected"

    # ---- doing

    def press(self, key: str, character: str | None) -> bool:
        """Do what a key means. False if it means nothing here."""
        if self._reason(key):
            return True
        name = KEYS.get(key) or (KEYS.get(character) if character is not None else None)
        if name is None:
            return self._only_in_ticket(key, character)
        action = next(action for action in ACTIONS if action.id == name)
        reason = self.available(action)
        if reason is not None:
            self.screen.console.say(
                f"{action.label}: {reason}", "wait", while_true=lambda: self.available(action) == reason
            )
            return True
        getattr(self, f"do_{name}", self.screen.navigate)(*(() if hasattr(self, f"do_{name}") else (name,)))
        return True

    def _only_in_ticket(self, key: str, character: str | None) -> bool:
        """A key of the ticket does nothing here, and says so."""
        action = TICKET_KEYS.get(key) or (TICKET_KEYS.get(character) if character is not None else None)
        if action is None or key in NUMBERED:
            return False
        self.screen.console.say(f"{action.label}: only in a ticket; e opens one", "wait")
        return True

    def _reason(self, key: str) -> bool:
        """The bar after a decline: a digit is a reason; any other key closes it and does its own work."""
        declined = self.declined
        if declined is None:
            return False
        console = self.screen.console
        if declined.left(self.screen.monotonic) <= 0:
            self.declined = None
            return False
        if key in REASONS:
            note = REASONS[key]
            console.spawn(console.driver.note_decline(declined.proposal_id, note), "noting the reason")
            console.say(
                f"{declined.proposal_id} declined: {note}; u undoes",
                while_true=lambda: declined.left(self.screen.monotonic) > 0,
            )
            self.declined = None
            return True
        if key == TYPED_REASON:
            from console.screens.forms import NoteForm

            self.declined = None
            self.screen.app.push_screen(NoteForm(declined.proposal_id), lambda typed: self._note(declined, typed))
            return True
        if KEYS.get(key) != "undo":
            self.declined = None
        return False

    def _note(self, declined: Declined, typed: tuple[str, ...] | None) -> None:
        if typed is not None:
            console = self.screen.console
            console.spawn(console.driver.note_decline(declined.proposal_id, typed[0]), "noting the reason")

    def do_confirm(self) -> None:
        """Open the ticket."""
        from console.screens.confirm import ConfirmScreen

        view = self.to_confirm()
        if view is not None:
            self.screen.proposals.select(str(view.proposal.id))
            self.screen.app.push_screen(ConfirmScreen(view.proposal))

    def do_decline(self) -> None:
        """Decline at once."""
        view = self.selected()
        if view is not None:
            console, proposal_id = self.screen.console, view.proposal.id
            self.declined = self.undoable = Declined(proposal_id, self.screen.monotonic)
            console.spawn(console.driver.decline(proposal_id, None), f"declining {proposal_id}")
            self.screen.refresh_all()

    def do_undo(self) -> None:
        """Take the decline back."""
        declined, self.declined, self.undoable = self.undoable, None, None
        if declined is not None:
            console = self.screen.console

            async def undoing() -> None:
                await console.driver.undo_decline(declined.proposal_id)
                console.say(f"{declined.proposal_id} is proposed again")

            console.spawn(undoing(), "undoing the decline")

    def do_cancel(self) -> None:
        """Ask once, then cancel."""
        from console.screens.bars import CancelBar

        execution = self.to_cancel()
        if execution is not None:
            self.screen.app.push_screen(CancelBar(execution), lambda answer: self._cancel(execution.id, answer))

    def _cancel(self, execution_id: int, answer: str | None) -> None:
        if answer is None:
            return
        console = self.screen.console

        async def cancelling() -> None:
            console.say(await console.driver.cancel(execution_id))

        console.spawn(cancelling(), "cancelling")

    def do_checks(self) -> None:
        """The checks of the selected proposal."""
        from console.screens.cards import ChecksCard

        view = self.selected()
        if view is not None:
            self.screen.app.push_screen(ChecksCard(view.proposal.id))

    def do_saw(self) -> None:
        """What was seen for the selected proposal; without one, every market's newest look."""
        from console.screens.saw_card import LooksCard, SawCard

        view = self.selected()
        card = LooksCard() if view is None else SawCard(view.proposal.id, leads_on=True)
        self.screen.app.push_screen(card)

    def do_look(self) -> None:
        """Look at the markets now."""
        console = self.screen.console
        console.say("looking at the markets")
        console.spawn(console.driver.look_now(), "looking")

    def do_resume(self) -> None:
        """Ask the phrase and the reason, naming the halt that is lifted."""
        from console.screens.forms import ResumeForm

        state = self.screen.state
        if state is not None:
            lifts = state.header.trading.id
            self.screen.app.push_screen(ResumeForm(state), lambda typed: self._resume(lifts, typed))

    def _resume(self, lifts: int, typed: tuple[str, ...] | None) -> None:
        if typed is not None:
            console = self.screen.console
            console.spawn(console.driver.resume(lifts, typed[1]), "resuming")

    def do_help(self) -> None:
        """The keys."""
        from console.screens.cards import HelpCard

        places = {"proposals": (Where.PROPOSALS, Where.LISTS), "history": (Where.ORDERS, Where.LISTS),
                  "portfolio": (Where.ORDERS, Where.LISTS)}  # fmt: skip
        where = places.get(self.screen.focused_pane, (Where.LISTS,))
        self.screen.app.push_screen(HelpCard(where, self.available))

    def do_quit(self) -> None:
        """Back from a zoomed pane, else out, after one Enter."""
        from console.screens.bars import LeaveBar

        if self.screen.zoomed:
            self.screen.navigate("zoom")
        else:
            self.screen.app.push_screen(LeaveBar(), self._leave)

    def _leave(self, answer: str | None) -> None:
        if answer is not None:
            self.screen.app.exit(0)

    def do_open(self) -> None:
        """Enter on a trade shows how it ended, on a proposal what it comes from."""
        state = self.screen.state
        if state is None:
            return
        if self.screen.focused_pane == "history":
            line = self.screen.history_line
            if line is not None:
                self._open_trade(line)
            return
        if self.selected() is not None:
            self.do_saw()

    def _open_trade(self, line: HistoryLine) -> None:
        from console.screens.cards import OutcomeCard
        from console.screens.saw_card import SawCard
        from console.screens.unknown_card import UnknownCard

        trade, state, console = line.trade, self.screen.state, self.screen.console
        if trade is None or state is None:
            console.say(safe_text(f"{line.market} {line.end}: no order was made"))
            number = line.key.removeprefix(IDEA_ROW)
            if number != line.key and number.isdecimal():
                self.screen.app.push_screen(SawCard(int(number), leads_on=False))
            return
        unknown = next((row for row in state.unknown if row.id == trade.execution_id), None)
        if unknown is not None:
            self.screen.app.push_screen(UnknownCard(unknown))
            return

        async def showing() -> None:
            outcome = await console.driver.execution_outcome(trade.execution_id)
            if self.screen.app.screen is self.screen:
                self.screen.app.push_screen(OutcomeCard(outcome))

        console.spawn(showing(), "reading the order")
