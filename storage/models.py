"""The vault's rows and the values that pass between its parts. All frozen; times in microseconds UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from storage.actor import Actor as Actor
from storage.clock import Micros
from storage.codes import (
    OPEN_PROPOSALS,
    CheckCode,
    ExecutionState,
    HistoryStatus,
    Mode,
    OrderKind,
    OrderType,
    Origin,
    ProposalState,
    Side,
    Stage,
    TimeInForce,
    TradingState,
    TriggerType,
)
from storage.money import EXACT, Eur, Price, Quantity


@dataclass(frozen=True, slots=True)
class VaultInfo:
    """The one row that says whose vault this is."""

    vault_id: str
    incarnation: str
    mode: Mode
    exchange_identity: str | None
    operator_id: int
    dead_man_group: int
    created_at: Micros


@dataclass(frozen=True, slots=True)
class Rationale:
    """Why an oracle proposes; every number in it comes from the snapshot it names."""

    why: str
    why_not: str
    invalidation_price: Price | None
    next_trigger: str
    risk_notes: str


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
class Proposal:
    """An idea for one order, at one revision."""

    id: int
    revision: int
    state: ProposalState
    origin: Origin
    oracle: str
    """Name and version of whoever proposed, such as ``rules/trend-1`` or the operator's name."""
    kind: OrderKind
    market: str
    side: Side
    order_type: OrderType
    quantity: Quantity
    limit: Price | None
    """The limit price; None for a market order."""
    eur: Eur
    """Quantity times limit (or the amount asked for), without fee."""
    confidence: int | None
    rationale: Rationale
    snapshot_id: int | None
    overrides: Mapping[CheckCode, str]
    """Checks the operator set aside for this proposal, each with the reason given."""
    quote_at_creation: Price | None
    """Ask (buy) or bid (sell) when it was made."""
    created_at: Micros
    expires_at: Micros
    updated_at: Micros
    decided_by: str | None
    parent_id: int | None = None
    """The proposal an operator's idea was made anew from."""
    trigger: Trigger | None = None
    """What a protective stop waits for; only exits have one, and only market sells."""

    def state_at(self, now: Micros) -> ProposalState:
        """Its state at a moment: past its time an open one is EXPIRED, whether or not that is stored yet."""
        return ProposalState.EXPIRED if self.state in OPEN_PROPOSALS and self.expires_at <= now else self.state


@dataclass(frozen=True, slots=True)
class MarketRules:
    """What the exchange accepts in one market, from its list of markets."""

    market: str
    base: str
    quote: str
    status: str
    minimum_quantity: Quantity
    minimum_value: Eur
    maximum_quantity: Quantity
    quantity_decimals: int
    tick_size: Price
    order_types: frozenset[str]
    maximum_open_orders: int


@dataclass(frozen=True, slots=True)
class Level:
    """One price level of a book."""

    price: Price
    quantity: Quantity


@dataclass(frozen=True, slots=True)
class ClockSample:
    """The exchange's time at one instant of this process's monotonic clock."""

    exchange_at: Micros
    monotonic: float


@dataclass(frozen=True, slots=True)
class Quote:
    """What was fetched from the exchange before a decision, with the monotonic second of each part.

    A part that could not be fetched is None, and every check that needs it fails.
    """

    market: str
    rules: MarketRules | None
    bids: tuple[Level, ...]
    """Best first."""
    asks: tuple[Level, ...]
    """Best first."""
    last: Price | None
    book_confirmed: float | None
    """Monotonic second at which the book was last known to be current."""
    available_eur: Eur | None
    available_base: Quantity | None
    balance_fetched: float | None
    balance_fetched_at: Micros | None
    """Wall time of the balance fetch, taken before the request left."""
    taker_fee: Decimal | None
    """The account's taker fee as a fraction, such as 0.0025."""
    other_bids: Mapping[str, Price]
    """Best bids of the other markets, to value what is held there."""
    clock: ClockSample | None

    @property
    def bid(self) -> Price | None:
        """The best bid, if there is one."""
        return self.bids[0].price if self.bids else None

    @property
    def ask(self) -> Price | None:
        """The best ask, if there is one."""
        return self.asks[0].price if self.asks else None


@dataclass(frozen=True, slots=True)
class Order:
    """The canonical order: exactly what would be sent, apart from its client order id."""

    mode: Mode
    proposal_id: int
    revision: int
    kind: OrderKind
    market: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce | None
    """None for market orders, which never rest."""
    quantity: Quantity
    limit: Price | None
    overrides: tuple[tuple[str, str], ...] = ()
    """Checks set aside for it, each with the reason, by code: part of what is confirmed, though not sent."""
    trigger: Trigger | None = None
    """What it waits for at the exchange before it becomes the market order it is."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the operator was shown: the order to the last digit, its digest, and the policy it was drawn under."""

    order: Order
    digest: str
    policy_hash: str
    drawn_at: Micros


@dataclass(frozen=True, slots=True)
class Check:
    """The answer of one check, with its numbers, and when or how it clears."""

    code: CheckCode
    passed: bool
    applied: bool
    observed: str
    limit: str
    reason: str
    clears_at: Micros | None = None
    clears_how: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one order for a proposal, once."""

    execution_id: int
    client_order_id: str
    order: Order
    request_body: str
    """The exact JSON text to be signed and sent."""
    policy_hash: str
    claimed_at: Micros
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Holder:
    """Who claimed a proposal, from which process, when."""

    actor: str
    instance: str
    at: Micros
    execution_id: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The gate said no; the proposal's state did not change. ``holder`` is set when somebody else has claimed it."""

    proposal_id: int
    decision_id: int
    checks: tuple[Check, ...]
    holder: Holder | None

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed, in the gate's order."""
        return tuple(check for check in self.checks if not check.passed)


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


@dataclass(frozen=True, slots=True)
class Sweep:
    """The newest comparison of vault and exchange."""

    finished_at: Micros
    clean: bool
    differences: tuple[str, ...]
    foreign_markets: frozenset[str]


@dataclass(frozen=True, slots=True)
class TradingRecord:
    """The stored trading state, who set it, when and why."""

    id: int
    state: TradingState
    reason: str
    actor: str
    at: Micros


@dataclass(frozen=True, slots=True)
class ActivePolicy:
    """The policy in force."""

    activation_id: int
    hash: str
    name: str
    policy: Any
    """A ``storage.policies.Policy``; typed there, as rows know no rules."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the checks need to know of the vault, read in one transaction at ``now``."""

    now: Micros
    monotonic: float
    mode: Mode
    trading: TradingRecord
    halt_file: str | None
    """Path of a HALT file that is present (or cannot be ruled out)."""
    stage: Stage
    stage_limit: Eur
    policy_hash: str
    holder: Holder | None
    """Who has claimed the proposal in question, if anybody."""
    last_trade: LastTrade | None
    """The market's newest counted trade."""
    last_opposite: LastTrade | None
    """The market's newest counted trade of the other side than the proposal's."""
    last_close_at_loss: Micros | None
    """When the market's last closing sell, if it was the newest one, ended at a loss; else None."""
    trade_times: Mapping[Side, tuple[Micros, ...]]
    """Times of counted trades of the last 24 h (and of the future), oldest first, per side."""
    attempt_times: Mapping[Side, tuple[Micros, ...]]
    """Times of claims of any end in the last 24 h (and of the future), oldest first, per side."""
    positions: Mapping[str, Position]
    realised: tuple[Realised, ...]
    """Results of the sells of the last 24 h."""
    open_executions: tuple[OpenExecution, ...]
    """All executions that are not terminal, in every market."""
    recent_holds: tuple[OpenExecution, ...]
    """Executions that changed lately and may not be in the fetched balance yet: not terminal, or FILLED,
    PARTIALLY_FILLED or CANCELED within the last minute."""
    sweep: Sweep | None
    newest_audit_at: Micros | None
    keeper_alive: bool


@dataclass(frozen=True, slots=True)
class Question:
    """What a check is asked about: an order drawn from a proposal, and everything known around it.

    ``ticket`` is None when the checks run for the list of proposals, before any ticket exists.
    """

    proposal: Proposal
    order: Order
    ticket: Ticket | None
    policy: ActivePolicy
    facts: Facts
    quote: Quote
    typed_amount: bool = field(default=False)


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle; ``at`` is its opening time in microseconds."""

    at: Micros
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Quantity


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """One trade of a market, whoever made it; ``side`` is that of the order that took, ``at`` in microseconds."""

    at: Micros
    side: Side
    price: Price
    quantity: Quantity


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run a job until it expires, with the fence that later holders exceed."""

    job: str
    holder: str
    fence: int
    acquired_at: Micros
    expires_at: Micros
    due_at: Micros
