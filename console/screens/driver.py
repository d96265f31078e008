"""What the screens ask of the program behind them; they know nothing of vault, network or tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # the first frame must not wait for the exchange's client to be imported
    from console.execution.halting import HaltReport
    from console.execution.ideas import Draft, ExitWords, Idea
    from console.execution.outcome import Outcome
    from console.execution.ticket import TicketView
    from console.execution.unknown import UnknownFacts
    from console.market_data import MarketsView
    from console.oracle.snapshot import Dropped, Snapshot
    from console.past import Page, Place
    from console.settings import Settings
    from console.sight import Sight
    from console.state import ConsoleState
    from storage.absence import OperatorFill
    from storage.clock import Clock, Micros
    from storage.codes import CheckCode, Mode
    from storage.glance import Glimpse
    from storage.looks import StoredLook
    from storage.models import Actor, Proposal
    from storage.presence import Absence


class Driver(Protocol):
    """The running program, as the console sees it. Every coroutine may raise VaultError, ExchangeError or OSError."""

    @property
    def settings(self) -> Settings:
        """How it looks, and how often it asks."""

    @property
    def mode(self) -> Mode:
        """PAPER or LIVE, for good."""

    @property
    def read_only(self) -> bool:
        """Whether nothing but stopping may be asked of it."""

    @property
    def clock(self) -> Clock:
        """Its clocks."""

    @property
    def actor(self) -> Actor:
        """Who sits before it."""

    @property
    def state(self) -> ConsoleState | None:
        """The newest state; None until the first one is there."""

    @property
    def glimpses(self) -> tuple[Glimpse, ...]:
        """The open proposals as they were stored when the console was opened, for the time before the first state."""

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back on the event loop when a newer state is there; the answer ends that."""

    @property
    def startup(self) -> str:
        """What goes on before the first state."""

    @property
    def problem(self) -> str | None:
        """What is wrong and stays so, in one sentence."""

    def look_at(self, market: str, others: frozenset[str]) -> MarketsView | None:
        """What is known of a market's last trades and of other markets' candles; asking keeps them coming."""

    async def ticket(self, proposal_id: int) -> TicketView:
        """A ticket drawn on a quote fetched now."""

    async def fire(self, view: TicketView, *, typed: bool) -> Outcome:
        """Send the order of a ticket. The attempt goes on whatever becomes of the caller."""

    async def decline(self, proposal_id: int, note: str | None) -> None:
        """Decline a proposal."""

    async def note_decline(self, proposal_id: int, note: str) -> None:
        """Store why a proposal was declined, after the fact."""

    async def undo_decline(self, proposal_id: int) -> None:
        """Take a decline of the last five seconds back."""

    async def look_now(self) -> None:
        """Look at the markets now."""

    async def halt(self, reason: str, *, stops: bool = False) -> HaltReport:
        """Stop: no new order, resting entries cancelled; with ``stops`` the protective stops too."""

    async def reduce(self, reason: str) -> None:
        """From now on only sell."""

    async def resume(self, lifts: int, reason: str) -> None:
        """Trade again, lifting the trading record of this id."""

    async def cancel(self, execution_id: int) -> str:
        """Cancel what is left of a resting order; one sentence says what came of it."""

    async def draft(self, idea: Idea, edits: int | None) -> Draft:
        """What an idea would come to now; nothing is stored. Raises BadIdea as well."""

    async def propose(self, idea: Idea, parent: int | None) -> Proposal:
        """Store an idea of the operator's own. Raises BadIdea as well."""

    async def revise(self, proposal_id: int, revision: int, idea: Idea) -> Proposal:
        """Change size, price and life of an open proposal. Raises BadIdea as well."""

    async def draft_exit(self, words: ExitWords) -> Draft:
        """What selling a share of what is held would come to now. Raises BadIdea as well."""

    async def propose_exit(self, words: ExitWords, parent: int | None) -> Proposal:
        """Store the operator's exit. Raises BadIdea as well."""

    async def approve(self, proposal_id: int, overrides: Mapping[CheckCode, str]) -> None:
        """Approve without executing, with the checks that are set aside for a reason."""

    async def resolve(self, execution_id: int, verdict: OperatorFill | None, reason: str) -> None:
        """Settle an UNKNOWN by hand, while HALTED; None says that there is no order."""

    async def unknown(self, execution_id: int) -> UnknownFacts:
        """What is known of an order without an answer."""

    async def note_key(self) -> None:
        """Store that the operator is there."""

    async def last_key(self) -> Micros | None:
        """When the operator last pressed a key, as far as it was stored."""

    async def absence(self, since: Micros) -> Absence:
        """What happened after a moment."""

    async def sight(self, proposal_id: int) -> Sight:
        """What was seen for a proposal, as stored."""

    async def look_again(self, market: str) -> Snapshot | Dropped:
        """The same figures of this moment, from the exchange; nothing is stored."""

    async def newest_looks(self) -> Sequence[StoredLook]:
        """The newest look at each market."""

    async def history_page(self, start: Place) -> Page:
        """The lines of history before a place."""

    async def execution_outcome(self, execution_id: int) -> Outcome:
        """The figures of an execution as they are now."""

    def in_flight(self) -> int:
        """How many orders are on their way."""
