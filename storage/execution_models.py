"""Orders on their way and what became of them. All frozen; times in microseconds UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from storage.clock import Micros
from storage.codes import (
    ExecutionState,
    HistoryStatus,
    OrderKind,
    OrderType,
    Side,
    TimeInForce,
    TriggerType,
)
from storage.money import EXACT, Eur, Price, Quantity


@dataclass(frozen=True, slots=True)
class Trigger:
    """The price a market sell waits for at the exchange: the last trade's, at or under it for a stop loss, at or over
    it for a take profit.
    """

    type: TriggerType
    price: Price

    def __str__(self) -> str:
        return f"{self.type.words} at {self.price}"

    @classmethod
    def stored(cls, word: str | None, price: str | None) -> Trigger | None:
        """From its two columns; None for an order that waits for nothing."""
        return None if word is None or price is None else cls(TriggerType(word), Price.of(price))


@dataclass(frozen=True, slots=True)
class Signing:
    """How a request was signed: when, for how long it is valid, by which key, for which exchange."""

    signed_at_ms: int
    window_ms: int
    key_fingerprint: str
    exchange_identity: str


@dataclass(frozen=True, slots=True)
class Execution:
    """The one attempt to turn a proposal into an order."""

    id: int
    proposal_id: int
    revision: int
    market: str
    side: Side
    kind: OrderKind
    order_type: OrderType
    time_in_force: TimeInForce | None
    quantity: Quantity
    limit: Price | None
    state: ExecutionState
    client_order_id: str
    order_id: str | None
    request_body: str
    policy_hash: str
    actor: str
    instance: str
    claimed_at: Micros
    submitting_at: Micros | None
    signing: Signing | None
    unknown_at: Micros | None
    ended_at: Micros | None
    updated_at: Micros
    venue_status: str | None
    trigger: Trigger | None = None
    """What it waits for (or waited for) at the exchange."""
    imported: bool = False
    """Its order was found after a restore; gate and send stood in what was lost."""


@dataclass(frozen=True, slots=True)
class VenueFill:
    """One fill as the exchange reports it. Fee and currency are None until it is settled."""

    fill_id: str
    at: Micros
    quantity: Quantity
    price: Price
    fee: Decimal | None
    fee_currency: str | None
    taker: bool
    settled: bool


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the exchange reports it."""

    order_id: str
    client_order_id: str | None
    market: str
    side: str
    status: str
    """The exchange's own word, kept raw."""
    quantity: Quantity | None
    limit: Price | None
    filled: Quantity
    fills: tuple[VenueFill, ...]
    created_at: Micros
    operator_id: int | None
    trigger: Price | None = None
    """The price it waits for, or waited for."""
    order_type: str | None = None
    """The exchange's own word."""


@dataclass(frozen=True, slots=True)
class Fill:
    """A stored fill of one of our orders."""

    id: int
    execution_id: int
    market: str
    side: Side
    fill_id: str
    at: Micros
    quantity: Quantity
    price: Price
    fee: Eur | None
    """In euros; None: not known yet, or taken in something else."""
    taker: bool
    settled: bool
    fee_coins: Quantity = field(default_factory=Quantity.zero)
    """What of the fee was taken in coins of the market."""
    fee_elsewhere: tuple[str, Decimal] | None = None
    """A fee in another asset, with its symbol: its worth in euros is not known."""
    fee_to_come: bool = False
    """The exchange has not said yet what the fee is."""

    @property
    def base(self) -> str:
        """The market's coin."""
        return self.market.partition("-")[0]

    @property
    def coins(self) -> Quantity:
        """How many coins really came (buy) or went (sell)."""
        return self.quantity - self.fee_coins if self.side is Side.BUY else self.quantity + self.fee_coins

    @property
    def euro_fee(self) -> Eur:
        """What of the fee was taken in euros, as far as it is known."""
        return Eur.zero() if self.fee is None else self.fee

    def moved(self) -> dict[str, Decimal]:
        """What it changed at the exchange, by symbol; a fee that is still to come left out."""
        sign, quote = (1 if self.side is Side.BUY else -1), self.market.partition("-")[2]
        paid = EXACT.add(sign * (self.quantity * self.price).value, self.euro_fee.value)
        changes = {self.base: sign * self.coins.value, quote: -paid}
        if self.fee_elsewhere is not None:
            symbol, amount = self.fee_elsewhere
            changes[symbol] = EXACT.subtract(changes.get(symbol, Decimal(0)), amount)
        return changes


@dataclass(frozen=True, slots=True)
class Trade:
    """One row of history: an execution with the sums over its fills."""

    id: int
    execution_id: int
    proposal_id: int
    market: str
    side: Side
    kind: OrderKind
    status: HistoryStatus
    execution_state: ExecutionState
    quantity: Quantity
    """Filled so far."""
    price: Price | None
    """Average over the fills; None while nothing is filled."""
    value: Eur
    fee: Eur | None
    """None while a fill's fee is not known yet."""
    at: Micros
    """The later of claim and newest fill."""
    ordered: Quantity
    """What was asked for."""
    limit: Price | None
    """The order's own limit; None for a market order."""
    ordered_eur: Eur
    """The proposal's amount the order was drawn for, without fee."""
    trigger: Trigger | None = None
    """What it waits for, or waited for, at the exchange."""


@dataclass(frozen=True, slots=True)
class Lot:
    """An open purchase, first in first out; cost includes its share of the fee."""

    at: Micros
    quantity: Quantity
    cost: Eur


@dataclass(frozen=True, slots=True)
class Realised:
    """The result of one sell after fees on both sides, for the part of it whose cost is known."""

    at: Micros
    market: str
    result: Eur
    closing: bool
    """It sold the last of what was held."""
    execution_id: int


@dataclass(frozen=True, slots=True)
class Position:
    """What this vault bought and still holds in one market."""

    market: str
    lots: tuple[Lot, ...]

    @property
    def quantity(self) -> Quantity:
        """All open lots together."""
        return Quantity.total(lot.quantity for lot in self.lots)

    @property
    def cost(self) -> Eur:
        """What the open lots cost, fees included."""
        return Eur.total(lot.cost for lot in self.lots)


@dataclass(frozen=True, slots=True)
class OpenExecution:
    """An execution that may still become or be a live order."""

    id: int
    proposal_id: int
    market: str
    side: Side
    kind: OrderKind
    state: ExecutionState
    quantity: Quantity
    remaining: Quantity
    limit: Price | None
    eur: Eur
    """The whole order's value, for orders without a limit."""
    claimed_at: Micros
    updated_at: Micros
    trigger: Trigger | None = None


@dataclass(frozen=True, slots=True)
class LastTrade:
    """A market's newest counted trade, or one that is live: not over, so that its time is now, and none is newer.

    ``at`` is the newest time of all of them, which lies ahead of now where a clock disagrees.
    """

    at: Micros
    side: Side
    live: bool
    execution_id: int
