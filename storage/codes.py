"""The words of the vault: every state, code and kind that is stored, as the database spells it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Mode(StrEnum):
    """Which market a vault belongs to, for good."""

    PAPER = "paper"
    LIVE = "live"


class Side(StrEnum):
    """The side of an order, spelt as the exchange spells it."""

    BUY = "buy"
    SELL = "sell"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """The order types this program sends."""

    LIMIT = "limit"
    MARKET = "market"


class TriggerType(StrEnum):
    """The orders that wait at the exchange for a price, spelt as the exchange spells them."""

    STOP_LOSS = "stopLoss"
    TAKE_PROFIT = "takeProfit"

    @property
    def words(self) -> str:
        """As people say it."""
        return "stop loss" if self is TriggerType.STOP_LOSS else "take profit"


class TimeInForce(StrEnum):
    """Good till canceled, or immediate or cancel."""

    GTC = "GTC"
    IOC = "IOC"


class OrderKind(StrEnum):
    """What an order is for: entries add risk, exits sell what is held."""

    ENTRY = "entry"
    EXIT = "exit"


class Origin(StrEnum):
    """Who had the idea."""

    RULES = "rules"
    OPERATOR = "operator"


class ProposalState(StrEnum):
    """The life of a proposal."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    CLAIMED = "CLAIMED"
    EXECUTED = "EXECUTED"
    FAILED = "FAILED"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"


OPEN_PROPOSALS: Final = frozenset({ProposalState.PROPOSED, ProposalState.APPROVED})


class ExecutionState(StrEnum):
    """The life of the one attempt to turn a proposal into an order."""

    CLAIMED = "CLAIMED"
    SUBMITTING = "SUBMITTING"
    UNKNOWN = "UNKNOWN"
    SUBMITTED = "SUBMITTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    ABSENT = "ABSENT"
    ABANDONED = "ABANDONED"
    RESOLVED = "RESOLVED"


RESTING: Final = frozenset({ExecutionState.SUBMITTED, ExecutionState.PARTIALLY_FILLED})
UNDECIDED: Final = frozenset({ExecutionState.CLAIMED, ExecutionState.SUBMITTING, ExecutionState.UNKNOWN})
CLOSED: Final = frozenset(
    {ExecutionState.ABSENT, ExecutionState.REJECTED, ExecutionState.ABANDONED, ExecutionState.RESOLVED}
)
"""Ended without an order as far as anyone knew; late evidence may still move them."""

TERMINAL: Final = CLOSED | {ExecutionState.FILLED, ExecutionState.CANCELED}


class TradingState(StrEnum):
    """What may be sent at all."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class Stage(StrEnum):
    """How large an order the record of this vault allows."""

    TRAINING = "TRAINING"
    VALIDATED = "VALIDATED"
    PRODUCTION = "PRODUCTION"
    MATURE = "MATURE"


class HistoryStatus(StrEnum):
    """A trade: pending from the claim, confirmed at the first fill, failed when it ended with nothing filled."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    FAILED = "failed"


class CheckCode(StrEnum):
    """The twenty-five checks of the gate: seven validators, standing conditions, venue conditions."""

    ALLOWLIST = "ALLOWLIST"
    ORDER_SIZE = "ORDER_SIZE"
    CONFIDENCE = "CONFIDENCE"
    COOLDOWN = "COOLDOWN"
    ANTI_FLIP = "ANTI_FLIP"
    DAILY_TRADE_CAP = "DAILY_TRADE_CAP"
    HOURLY_TRADE_CAP = "HOURLY_TRADE_CAP"

    TRADING_STATE = "TRADING_STATE"
    PROPOSAL_STATE = "PROPOSAL_STATE"
    PROPOSAL_EXPIRY = "PROPOSAL_EXPIRY"
    POLICY_UNCHANGED = "POLICY_UNCHANGED"
    TICKET_UNCHANGED = "TICKET_UNCHANGED"
    STAGE_LIMIT = "STAGE_LIMIT"
    EXPOSURE = "EXPOSURE"
    DRAWDOWN = "DRAWDOWN"
    AVERAGE_DOWN = "AVERAGE_DOWN"
    UNRESOLVED_EXECUTION = "UNRESOLVED_EXECUTION"
    RECONCILED = "RECONCILED"
    CLOCK = "CLOCK"

    MARKET_STATUS = "MARKET_STATUS"
    ORDER_RULES = "ORDER_RULES"
    PRICE_FRESH = "PRICE_FRESH"
    PRICE_COLLAR = "PRICE_COLLAR"
    SPREAD = "SPREAD"
    BALANCE = "BALANCE"


class JobName(StrEnum):
    """The scheduler's jobs."""

    LOOK = "look"
    SCAN = "scan"
    EXPIRE = "expire"
    RECONCILE = "reconcile"
    FILLS = "fills"
    KEEPER = "keeper"
    INVARIANTS = "invariants"
