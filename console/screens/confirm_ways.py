"""Ways on from a ticket that leads no further: the same idea again, an edit, an override with its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING

from console import format as fmt
from console.execution.ideas import USUAL_MINUTES
from console.screens.base import Dialog
from console.screens.confirm_state import AMOUNT_SIGNS, ConfirmState, State
from console.screens.confirm_terms import EXIT_REASONS, OVERRIDABLE, Key, overridable
from console.screens.exit_form import again_form
from console.screens.forms import OverrideForm, ResumeForm
from console.screens.idea_form import IdeaForm, minutes_left
from storage.codes import CheckCode, Side
from storage.order_value import is_exit

if TYPE_CHECKING:
    from console.execution.ticket import TicketView
    from console.screens.ticket_lines import Ticketed
    from storage.models import Check, Proposal


class TicketWays(Dialog[None], inherit_bindings=False):
    """The keys of a ticket beside arming and firing. None of them sends anything."""

    proposal: Proposal
    machine: ConfirmState | None

    def __init__(self, proposal: Proposal) -> None:
        super().__init__()
        self.proposal = proposal

    def ask_again(self) -> None:
        """A new quote of what the proposal is by now."""
        raise NotImplementedError

    def way_on(self, character: str | None, ticketed: Ticketed) -> bool:
        """``n`` again, ``m`` edit, ``o`` override; of a blocked exit the keys that override with their reason.

        False if the key is no way on from here.
        """
        if self.machine is None:
            return False
        state, proposal = self.machine.state, ticketed.view.proposal
        stands = overridable(ticketed.view.checks) if state is State.BLOCKED else ()
        if character == "n":
            minutes, note = self._again_minutes(ticketed)
            self.app.push_screen(again_form(proposal, minutes=minutes, note=note), self._made_anew)
        elif character == "m" and state is not State.GONE and proposal.trigger is None:
            minutes = minutes_left(proposal.expires_at, self.console.driver.clock.now())
            self.app.push_screen(IdeaForm(proposal, edits=True, minutes=minutes), self._edited)
        elif character == "R" and state is State.BLOCKED and _halted(ticketed):
            self._ask_resume()
        elif stands and is_exit(ticketed.view.order):
            if character not in EXIT_REASONS:
                return False
            self._override(stands, EXIT_REASONS[character])
        elif stands and character == "o":
            self.app.push_screen(OverrideForm(proposal, stands), lambda typed: self._overridden(stands, typed))
        else:
            return False
        return True

    def _ask_resume(self) -> None:
        """The phrase and a reason; the ticket is drawn again when trading is on."""
        state, driver = self.console.driver.state, self.console.driver
        if state is None:
            return
        lifts = state.header.trading.id

        async def resuming(reason: str) -> None:
            await driver.resume(lifts, reason)
            self.ask_again()

        def typed_in(typed: tuple[str, ...] | None) -> None:
            if typed is not None:
                self.console.spawn(resuming(typed[1]), "resuming")

        self.app.push_screen(ResumeForm(state), typed_in)

    def _again_minutes(self, ticketed: Ticketed) -> tuple[str, str]:
        """How long the new idea must live to be there when the check that blocks this one has cleared."""
        blocking, now = ticketed.view.blocking, self.console.driver.clock.now()
        if blocking is None or blocking.clears_at is None or blocking.clears_at <= now:
            return str(USUAL_MINUTES), ""
        wait = int(minutes_left(blocking.clears_at, now))
        at = fmt.until(blocking.clears_at, now, self.console.scene().zone)
        return str(wait + USUAL_MINUTES), f"can be fired from {at} on, for {USUAL_MINUTES} minutes"

    def _made_anew(self, made: Proposal | None) -> None:
        if made is not None:
            self.leave()
            self.app.push_screen(type(self)(made))

    def _edited(self, edited: Proposal | None) -> None:
        if edited is not None:
            self.ask_again()

    def _overridden(self, stands: tuple[Check, ...], typed: tuple[str, ...] | None) -> None:
        if typed is not None:
            self._override(stands, typed[0])

    def _override(self, stands: tuple[Check, ...], reason: str) -> None:
        driver, proposal_id = self.console.driver, self.proposal.id

        async def approving() -> None:
            await driver.approve(proposal_id, {check.code: reason for check in stands})
            self.ask_again()

        self.console.spawn(approving(), f"overriding for {proposal_id}")


def why_unused(key: Key, *, read_only: bool) -> str | None:
    """Why a key of the ticket does nothing while it waits for Enter; None for a key that is none of the ticket's."""
    if key.fires or key.character == "f":
        return "F fires once it is ARMED"
    if key.character == "o":
        return "nothing here to override"
    if key.name == "backspace" or (key.character is not None and key.character in AMOUNT_SIGNS):
        return "no amount is asked"
    return "this console is read-only" if read_only and key.character in ("m", "n") else None


def _halted(ticketed: Ticketed) -> bool:
    """Whether trading is not on for this order, whatever else fails beside it."""
    return any(check.code is CheckCode.TRADING_STATE and not check.passed for check in ticketed.view.checks)


def short_blocking(view: TicketView, zone: tzinfo) -> Check | None:
    """The failing check to name; one that waits out a past trade in the words of the last line."""
    check, facts = view.blocking, view.question.facts
    if check is None or check.code not in OVERRIDABLE or check.clears_at is None:
        return check
    last = facts.last_opposite if check.code is CheckCode.ANTI_FLIP else facts.last_trade
    if last is None:
        return check
    word = "bought" if last.side is Side.BUY else "sold"
    at = fmt.minute(last.at, zone)
    return replace(check, reason=f"{word} {view.order.market.partition('-')[0]} {at}")
