"""The vault's other rows and the values that pass between its parts. All frozen; times in microseconds UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from storage.actor import Actor as Actor
from storage.clock import Micros
from storage.codes import (
    OPEN_PROPOSALS,
    CheckCode,
    Mode,
    OrderKind,
    OrderType,
    Origin,
    ProposalState,
    Side,
    Stage,
    TimeInForce,
    TradingState,
)
from storage.execution_models import LastTrade, OpenExecution, Position, Realised, Trigger
from storage.market_models import Quote
from storage.money import Eur, Price, Quantity


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
class Lease:
    """The right to run a job until it expires, with the fence that later holders exceed."""

    job: str
    holder: str
    fence: int
    acquired_at: Micros
    expires_at: Micros
    due_at: Micros
