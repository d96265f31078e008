"""From claim to end: what the sender did, and the sender's own words about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from storage.clock import SECOND, Micros
from storage.codes import RESTING, ExecutionState, Side, TradingState
from storage.crash_points import reached
from storage.database import Tx
from storage.errors import Conflict
from storage.evidence import apply_order, move_execution, store_event
from storage.execution_models import Execution, Signing, VenueOrder
from storage.execution_rows import executions_in, get_execution
from storage.models import Claim
from storage.policy_store import active_policy
from storage.trading_state import current_trading_state, latch_halt_file

CLAIM_LIVES: Final[Micros] = 10 * SECOND
"""Any process abandons a claim older than this."""

SEND_WITHIN: Final[Micros] = 5 * SECOND
"""A claim older than this is not sent any more: its price and checks are stale."""


@dataclass(frozen=True, slots=True)
class PreparedOrder:
    """The request that may now be sent, once."""

    execution_id: int
    client_order_id: str
    body: str
    signing: Signing


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The claim ended unsent, and why."""

    execution_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The exchange's answer: it has the order."""

    order: VenueOrder


@dataclass(frozen=True, slots=True)
class Rejected:
    """The exchange's answer: a listed refusal."""

    http_status: int
    error_code: int
    text: str


def begin_submit(tx: Tx, claim: Claim, signing: Signing) -> PreparedOrder | Abandoned:
    """Move a claim to SUBMITTING if it may still be sent now; else abandon it.

    Looked at again, in this transaction: the claim's age, HALT files, the trading state, the active policy.
    """
    execution = get_execution(tx, claim.execution_id)
    obstacle = _obstacle(tx, execution)
    if obstacle is not None:
        if execution.state is ExecutionState.CLAIMED:
            move_execution(tx, execution, ExecutionState.ABANDONED, "submit", {"reason": obstacle})
        return Abandoned(execution.id, obstacle)
    changed = tx.sql.change(
        "begin_submit",
        id=execution.id,
        now=tx.now,
        signed_at_ms=signing.signed_at_ms,
        window_ms=signing.window_ms,
        key_fingerprint=signing.key_fingerprint,
        exchange_identity=signing.exchange_identity,
    )
    if changed != 1:
        return Abandoned(execution.id, "another process took the claim")
    reached("submit.row-moved")
    evidence = {"signed_at_ms": signing.signed_at_ms, "window_ms": signing.window_ms}
    store_event(tx, execution, ExecutionState.SUBMITTING, "submit", evidence)
    reached("submit.before-commit")
    return PreparedOrder(execution.id, execution.client_order_id, execution.request_body, signing)


def _obstacle(tx: Tx, execution: Execution) -> str | None:
    if execution.state is not ExecutionState.CLAIMED:
        return f"the claim is {execution.state} already"
    age = tx.now - execution.claimed_at
    if not 0 <= age <= SEND_WITHIN:
        return f"the claim is {age / SECOND:.1f} s old, more than 5 s"
    if (path := latch_halt_file(tx)) is not None:
        return f"{path.name} file present"
    state = current_trading_state(tx).state
    if state is TradingState.HALTED:
        return "trading is HALTED"
    if state is TradingState.REDUCING and execution.side is Side.BUY:
        return "trading is REDUCING, buys are not sent"
    if active_policy(tx).hash != execution.policy_hash:
        return "another policy was activated"
    return None


def settle(tx: Tx, execution_id: int, answer: Accepted | Rejected) -> ExecutionState:
    """Store the exchange's answer to our POST; the execution's state afterwards."""
    if isinstance(answer, Accepted):
        return apply_order(tx, execution_id, answer.order, "answer", {})
    execution = get_execution(tx, execution_id)
    if execution.state in (ExecutionState.SUBMITTING, ExecutionState.UNKNOWN):
        evidence = {"http_status": answer.http_status, "error_code": answer.error_code, "error": answer.text}
        move_execution(tx, execution, ExecutionState.REJECTED, "answer", evidence)
    return get_execution(tx, execution_id).state


def mark_unknown(tx: Tx, execution_id: int, cause: str) -> ExecutionState:
    """Say that silence is no answer: SUBMITTING becomes UNKNOWN; any other state stands."""
    execution = get_execution(tx, execution_id)
    if execution.state is ExecutionState.SUBMITTING:
        move_execution(tx, execution, ExecutionState.UNKNOWN, "silence", {"cause": cause})
        reached("settle.unknown")
        return ExecutionState.UNKNOWN
    return execution.state


def abandon_stale_claims(tx: Tx) -> list[int]:
    """Abandon every claim older than ten seconds (or from the future); their ids."""
    abandoned = []
    for execution in executions_in(tx, {ExecutionState.CLAIMED}):
        if not 0 <= tx.now - execution.claimed_at <= CLAIM_LIVES:
            reason = "the claim was not sent within 10 s"
            move_execution(tx, execution, ExecutionState.ABANDONED, "reconcile", {"reason": reason})
            abandoned.append(execution.id)
    return abandoned


def overdue_submitting(tx: Tx, request_timeout_ms: int) -> list[int]:
    """Call every SUBMITTING older than window + request time-out UNKNOWN, whoever was sending it; their ids."""
    overdue = []
    for execution in executions_in(tx, {ExecutionState.SUBMITTING}):
        if execution.signing is None:
            continue
        limit_us = (execution.signing.window_ms + request_timeout_ms) * 1000
        age = tx.now - execution.signing.signed_at_ms * 1000
        if age > limit_us or age < -limit_us:
            mark_unknown(tx, execution.id, "no answer was stored within window and time-out")
            overdue.append(execution.id)
    return overdue


def call_lost(tx: Tx, execution_id: int, look_ups: Sequence[tuple[Micros, int, int]]) -> None:
    """Call an order UNKNOWN that rests here and that the exchange no longer knows, so that the operator may settle it.

    ``look_ups`` are (time, HTTP status, errorCode). Raises Conflict unless trading is HALTED and the order rests.
    """
    if current_trading_state(tx).state is not TradingState.HALTED:
        raise Conflict("an order is called lost only while trading is HALTED")
    execution = get_execution(tx, execution_id)
    if execution.state not in RESTING:
        raise Conflict(f"execution {execution_id} is {execution.state} and does not rest")
    evidence = {"cause": "the exchange no longer knows its order", "look_ups": [list(look) for look in look_ups]}
    move_execution(tx, execution, ExecutionState.UNKNOWN, "look-up", evidence)


def cancel_asked(tx: Tx, execution_id: int, answer: str) -> None:
    """Note that the unfilled rest of an order was asked back, and what the exchange said."""
    execution = get_execution(tx, execution_id)
    tx.sql.change("ask_cancel", id=execution_id, now=tx.now)
    tx.audit(
        "execution.cancel_asked", str(execution_id),
        proposal=execution.proposal_id, order_id=execution.order_id, answer=answer,
    )  # fmt: skip
