"""When an order may be said not to exist, and how an operator settles what no evidence settles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from storage.clock import HOUR, SECOND, Micros
from storage.codes import ExecutionState, Mode, TradingState
from storage.database import Tx
from storage.errors import Conflict
from storage.evidence import carry_verdict, move_execution, operator_fill_id, store_fills
from storage.execution_models import Execution, VenueFill
from storage.execution_rows import get_execution
from storage.money import Eur, Price, Quantity
from storage.trading_state import current_trading_state

NOT_FOUND: Final = (404, 240)
"""The only answer to a look-up by client order id that says "no such order" (HTTP status, errorCode)."""

CLOCKS_AGREE: Final[Micros] = 2 * SECOND
"""How far apart the exchange's time and this machine's may be for a proof, as for a claim."""

LOOK_BACK: Final[Micros] = HOUR
"""Listings start this long before signing, so that a clock that ran ahead hides nothing."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """One look-up by client order id: exchange time when it began, and the (HTTP status, errorCode) it got."""

    began_at: Micros
    http_status: int
    error_code: int


@dataclass(frozen=True, slots=True)
class AbsenceEvidence:
    """One sweep's testimony that an order does not exist. All times are the exchange's."""

    began_at: Micros
    look_ups: tuple[LookUp, ...]
    open_orders_seen: int
    orders_seen: int
    trades_seen: int
    listed_from: Micros
    read_to_the_end: bool
    our_id_seen: bool
    known_order_missing: bool
    """An accepted order of ours in this market, inside the listing's span, was not in the listing."""
    key_fingerprint: str
    exchange_identity: str


@dataclass(frozen=True, slots=True)
class OperatorFill:
    """What the operator saw at the exchange when settling an UNKNOWN by hand."""

    quantity: Quantity
    price: Price
    fee: Eur


def earliest_proof(execution: Execution, absence_margin_ms: int) -> Micros | None:
    """The exchange time after which a sweep must begin to prove absence: signing + window + margin."""
    if execution.signing is None:
        return None
    return (execution.signing.signed_at_ms + execution.signing.window_ms + absence_margin_ms) * 1000


def margin_for(mode: Mode, execution: Execution, margin_ms: int) -> int:
    """The margin of a proof: never less than ten windows in LIVE, whatever a policy says."""
    window = 0 if execution.signing is None else execution.signing.window_ms
    return max(margin_ms, 10 * window) if mode is Mode.LIVE else margin_ms


def prove_absent(tx: Tx, execution_id: int, evidence: AbsenceEvidence, *, margin_ms: int, lookup_lag_ms: int) -> None:
    """Move an UNKNOWN execution to ABSENT if, and only if, the evidence proves it.

    Raises Conflict with the first thing that is missing from the proof.
    """
    execution = get_execution(tx, execution_id)
    gap = missing_proof(
        execution, evidence, margin_ms=margin_for(tx.info.mode, execution, margin_ms), lookup_lag_ms=lookup_lag_ms
    )
    if gap is None and evidence.began_at > tx.now + CLOCKS_AGREE:
        gap = "the exchange's time is ahead of this machine's"
    if gap is not None:
        raise Conflict(f"execution {execution_id} is not proven absent: {gap}")
    stored = {
        "began_at": evidence.began_at,
        "look_ups": [[look.began_at, look.http_status, look.error_code] for look in evidence.look_ups],
        "open_orders_seen": evidence.open_orders_seen,
        "orders_seen": evidence.orders_seen,
        "trades_seen": evidence.trades_seen,
        "listed_from": evidence.listed_from,
        "key_fingerprint": evidence.key_fingerprint,
        "exchange_identity": evidence.exchange_identity,
    }
    move_execution(tx, execution, ExecutionState.ABSENT, "absence", stored)


def missing_proof(execution: Execution, evidence: AbsenceEvidence, *, margin_ms: int, lookup_lag_ms: int) -> str | None:
    """What the evidence lacks as a proof of absence; None if it proves it."""
    after = earliest_proof(execution, margin_ms)
    if execution.state is not ExecutionState.UNKNOWN or after is None or execution.signing is None:
        return f"it is {execution.state}, not UNKNOWN"
    if execution.order_id is not None:
        return "it had an order id"
    signing = execution.signing
    same_exchange = evidence.exchange_identity == signing.exchange_identity
    if not same_exchange or evidence.key_fingerprint != signing.key_fingerprint:
        return "the look-ups were made with another key or at another exchange"
    if evidence.began_at <= after:
        return "the sweep began before the order could no longer be accepted"
    spaced = [look.began_at for look in evidence.look_ups]
    if len(spaced) < 2 or max(spaced) - min(spaced) < lookup_lag_ms * 1000 or min(spaced) < evidence.began_at:
        return "two look-ups, spaced beyond the look-up lag, are needed"
    if any((look.http_status, look.error_code) != NOT_FOUND for look in evidence.look_ups):
        return "a look-up did not say that there is no such order"
    if not evidence.read_to_the_end or evidence.listed_from > signing.signed_at_ms * 1000 - LOOK_BACK:
        return "the listings were not read from an hour before signing to their end"
    if evidence.our_id_seen:
        return "a listing shows our order"
    if evidence.known_order_missing:
        return "a listing lacks an order that is known to exist"
    return None


def resolve_by_operator(tx: Tx, execution_id: int, verdict: OperatorFill | None, reason: str) -> None:
    """Settle an UNKNOWN by the operator's verdict, while HALTED: None says there is no order.

    A verdict of "filled" stores the fill the operator saw; fills that the exchange shows later still count, and halt.
    Raises Conflict when trading is not HALTED, the execution is not UNKNOWN, or the reason is missing.
    """
    if current_trading_state(tx).state is not TradingState.HALTED:
        raise Conflict("an UNKNOWN is settled by hand only while trading is HALTED")
    execution = get_execution(tx, execution_id)
    if execution.state is not ExecutionState.UNKNOWN:
        raise Conflict(f"execution {execution_id} is {execution.state}, not UNKNOWN")
    if not reason.strip():
        raise Conflict("a verdict needs a reason")
    evidence = {"verdict": "none" if verdict is None else "filled", "reason": reason, "operator": tx.actor.name}
    if verdict is not None:
        evidence |= {"quantity": str(verdict.quantity), "price": str(verdict.price)}
        store_fills(tx, execution, (_operator_fill(execution, verdict, tx.now),))
    move_execution(tx, execution, ExecutionState.RESOLVED, "operator", evidence)
    carry_verdict(tx, get_execution(tx, execution_id), filled=verdict is not None)


def _operator_fill(execution: Execution, verdict: OperatorFill, now: Micros) -> VenueFill:
    return VenueFill(
        fill_id=operator_fill_id(execution),
        at=now,
        quantity=verdict.quantity,
        price=verdict.price,
        fee=verdict.fee.value,
        fee_currency="EUR",
        taker=True,
        settled=True,
    )
