"""What the screens ask of the program behind them; they know nothing of vault, network or tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from console.settings import Settings
from storage.clock import Clock
from storage.codes import Mode
from storage.models import Actor

if TYPE_CHECKING:  # the first frame must not wait for the exchange's client to be imported
    from console.execution.halting import HaltReport
    from console.execution.outcome import Outcome
    from console.execution.ticket import TicketView
    from console.state import ConsoleState


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

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back on the event loop when a newer state is there; the answer ends that."""

    @property
    def startup(self) -> str:
        """What goes on before the first state."""

    @property
    def problem(self) -> str | None:
        """What is wrong and stays so, in one sentence."""

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

    async def halt(self, reason: str) -> HaltReport:
        """Stop: no new order, resting entries cancelled."""

    async def reduce(self, reason: str) -> None:
        """From now on only sell."""

    async def resume(self, lifts: int, reason: str) -> None:
        """Trade again, lifting the trading record of this id."""

    async def cancel(self, execution_id: int) -> str:
        """Cancel what is left of a resting order; one sentence says what came of it."""

    async def execution_outcome(self, execution_id: int) -> Outcome:
        """The figures of an execution as they are now."""

    def in_flight(self) -> int:
        """How many orders are on their way."""
