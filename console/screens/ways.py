"""Ways on from the dashboard: new and again, edit, override, approve, exit, a verdict on an UNKNOWN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from console.panes.header import trading_word
from console.panes.line_table import LineTable
from console.screens.confirm_terms import OVERRIDABLE, overridable
from console.text import safe_text
from storage.codes import OrderKind, ProposalState, TradingState

if TYPE_CHECKING:
    from console.actions import Action, Availability
    from console.screens.dashboard import DashboardScreen
    from console.state import ConsoleState, ProposalView
    from storage.execution_models import Execution
    from storage.models import Check, Proposal

HOLDING_ROW: Final = "h "
"""What the key of a position's row begins with; its market follows."""

WRITES: Final = frozenset({"again", "edit", "override", "approve", "exit", "settle"})
"""What a console that only reads may not do."""


class Ways:
    """The part of the dashboard's deeds that makes, changes and ends proposals by form."""

    screen: DashboardScreen

    def selected(self) -> ProposalView | None:
        """The proposal under the cursor."""
        raise NotImplementedError

    # ---- why not

    def way_available(self, action: Action, state: ConsoleState) -> Availability:
        """None, or why one of these actions cannot be done now."""
        view = self.selected()
        if action.id in {"edit", "override", "approve"} and view is None:
            return "no proposal is selected"
        if action.id == "edit" and view is not None and view.proposal.trigger is not None:
            return "a stop is set anew: n does that, d declines this one"
        if action.id == "override" and view is not None:
            return _why_no_override(view)
        if action.id == "approve" and view is not None:
            return "it is approved already" if view.proposal.state is ProposalState.APPROVED else None
        if action.id == "exit":
            return None if _held(state) else "this vault holds nothing that could be sold"
        if action.id == "settle":
            if not state.unknown:
                return "nothing is UNKNOWN"
            halted = trading_word(state.header) == TradingState.HALTED.value
            return None if halted else "only while trading is HALTED; h halts"
        return None

    # ---- doing

    def open_ticket(self, proposal: Proposal) -> None:
        """The ticket of a proposal, over the dashboard."""
        from console.screens.confirm import ConfirmScreen

        self.screen.app.push_screen(ConfirmScreen(proposal))

    def do_again(self) -> None:
        """The form of a new idea, filled from the selected proposal."""
        from console.screens.exit_form import again_form
        from console.screens.idea_form import IdeaForm

        view = self.selected()
        form = IdeaForm(None) if view is None else again_form(view.proposal)
        self.screen.app.push_screen(form, self._made)

    async def open_again(self, proposal_id: int) -> None:
        """The form of a new idea, filled from a proposal that is no longer open. Raises what the driver raises."""
        from console.screens.exit_form import again_form

        source = (await self.screen.console.driver.ticket(proposal_id)).proposal
        self.screen.app.push_screen(again_form(source), self._made)

    def _made(self, made: Proposal | None) -> None:
        if made is not None:
            self.screen.console.say(f"{made.id} proposed: {made.side.value.upper()} {safe_text(made.market, 20)}")
            self.open_ticket(made)

    def do_edit(self) -> None:
        """The same form over an open proposal."""
        from console.screens.idea_form import IdeaForm, minutes_left

        view, console = self.selected(), self.screen.console
        if view is None:
            return
        minutes = minutes_left(view.proposal.expires_at, console.driver.clock.now())

        def edited(proposal: Proposal | None) -> None:
            if proposal is not None:
                console.say(f"{proposal.id} is at revision {proposal.revision} now")

        self.screen.app.push_screen(IdeaForm(view.proposal, edits=True, minutes=minutes), edited)

    def do_override(self) -> None:
        """Ask why; then the ticket, which asks for the amount. An exit's ticket has keys for it."""
        view = self.selected()
        if view is None:
            return
        from console.screens.forms import OverrideForm

        stands, proposal = overridable(view.checks), view.proposal
        if proposal.kind is OrderKind.EXIT:
            self.open_ticket(proposal)
        else:
            form = OverrideForm(proposal, stands)
            self.screen.app.push_screen(form, lambda typed: self._overridden(proposal, stands, typed))

    def _overridden(self, proposal: Proposal, stands: tuple[Check, ...], typed: tuple[str, ...] | None) -> None:
        if typed is None:
            return
        driver = self.screen.console.driver

        async def overriding() -> None:
            await driver.approve(proposal.id, {check.code: typed[0] for check in stands})
            self.open_ticket(proposal)

        self.screen.console.spawn(overriding(), f"overriding for {proposal.id}")

    def do_approve(self) -> None:
        """Approve; nothing is sent."""
        view, console = self.selected(), self.screen.console
        if view is None:
            return
        proposal_id = view.proposal.id

        async def approving() -> None:
            await console.driver.approve(proposal_id, {})
            console.say(f"{proposal_id} approved; nothing is sent")

        console.spawn(approving(), f"approving {proposal_id}")

    def do_exit(self) -> None:
        """The exit form of the selected row's market, else of the largest position."""
        state = self.screen.state
        if state is not None:
            self.open_exit(self._market_to_leave(state))

    def open_exit(self, market: str, parent: int | None = None) -> None:
        """The exit form of a market; its ticket when the exit is proposed."""
        from console.screens.exit_form import ExitForm

        self.screen.app.push_screen(ExitForm(market, parent), self._made)

    def row_key(self) -> str | None:
        """The key of the row under the cursor of the focused pane, if that is a list."""
        tables = [table for table in self.screen.query(LineTable) if table.id == self.screen.focused_pane]
        return tables[0].selected if tables else None

    def _market_to_leave(self, state: ConsoleState) -> str:
        held, view, key = _held(state), self.selected(), self.row_key() or ""
        position = key.removeprefix(HOLDING_ROW)
        if self.screen.focused_pane == "portfolio" and position != key and position in held:
            return position
        line = self.screen.history_line
        if self.screen.focused_pane == "history" and line is not None and line.market in held:
            return line.market
        if view is not None and view.proposal.market in held:
            return view.proposal.market
        return held[0]

    def do_settle(self) -> None:
        """The verdict form of the selected UNKNOWN, else of the oldest."""
        state = self.screen.state
        if state is None or not state.unknown:
            return
        line = self.screen.history_line
        wanted = None if line is None or line.trade is None else line.trade.execution_id
        self.open_verdict(next((row for row in state.unknown if row.id == wanted), state.unknown[0]))

    def open_verdict(self, execution: Execution) -> None:
        """The verdict form of one execution."""
        from console.screens.forms import ResolveForm

        form, console = ResolveForm(execution), self.screen.console

        def settled(typed: tuple[str, ...] | None) -> None:
            if typed is not None:
                console.spawn(settling(typed[-1]), f"settling {execution.proposal_id}")

        async def settling(reason: str) -> None:
            await console.driver.resolve(execution.id, form.verdict, reason)
            console.say(
                f"{execution.proposal_id} is settled by your verdict; what the exchange shows later still counts"
            )

        self.screen.app.push_screen(form, settled)


def _held(state: ConsoleState) -> list[str]:
    """Markets of which this vault holds something it bought, the most valuable first."""
    return [holding.market for holding in state.portfolio.holdings if holding.bought.is_positive]


def _why_no_override(view: ProposalView) -> str | None:
    if view.blocking is None:
        return "nothing stands in its way"
    if overridable(view.checks):
        return None
    failing = [check for check in view.checks if not check.passed]
    other = next((check.code for check in failing if check.code not in OVERRIDABLE), None)
    if other is None:
        return f"{view.blocking.code} is about a trade that has not ended, and stays"
    return f"sets aside only COOLDOWN and ANTI_FLIP, not {other}"
