"""How an attempt to send an order ended, for screen and command line alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from storage.codes import ExecutionState, Side
from storage.models import Check, Holder, Order
from storage.money import Eur, Price, Quantity


class End(StrEnum):
    """The kinds of end."""

    REFUSED = "refused"
    """The gate said no; nothing was claimed by this attempt."""
    ABANDONED = "abandoned"
    """Claimed, but not sent; nothing reached the exchange."""
    REJECTED = "rejected"
    """The exchange refused it."""
    ACCEPTED = "accepted"
    """The exchange has it; ``state`` says how far it is."""
    UNKNOWN = "unknown"
    """No answer; it may exist. It is being looked for. Do not fire again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one attempt. Figures are sums over the fills stored so far."""

    end: End
    proposal_id: int
    order: Order
    execution_id: int | None
    client_order_id: str | None
    state: ExecutionState | None
    reason: str
    """One sentence; empty for an accepted order."""
    failed: tuple[Check, ...]
    holder: Holder | None
    """Who claimed the proposal first, where that is why it was refused."""
    filled: Quantity
    average: Price | None
    value: Eur
    fee: Eur | None
    seconds: float | None
    """From the call to this end; None for one that is read again later."""

    @property
    def side(self) -> Side:
        """The order's side."""
        return self.order.side
