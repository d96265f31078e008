"""All evidence about an order enters here: the answer, a listing, a look-up, a stream.

One function derives the target from evidence and row, moves the execution if the transition table allows it, never
backward, and carries the consequences: fills, the trade's row, the proposal. Evidence is stored even where the move
it suggests is not legal any more.
"""

from __future__ import annotations

import json
from typing import Any, Final

from storage.alerts import alert
from storage.codes import (
    CLOSED,
    TERMINAL,
    ExecutionState,
    HistoryStatus,
    ProposalState,
    Side,
)
from storage.crash_points import reached
from storage.database import Tx
from storage.errors import Conflict, VaultError
from storage.execution_models import Execution, VenueFill, VenueOrder
from storage.execution_rows import filled_quantity, fills_of, get_execution
from storage.money import Quantity, decimal_text
from storage.proposals import get_proposal, move_proposal
from storage.stops import tell_stop
from storage.trading_state import halt

OPEN_STATUS: Final = frozenset({"new", "awaitingTrigger", "partiallyFilled"})

PROPOSAL_END: Final = {
    ExecutionState.SUBMITTED: ProposalState.EXECUTED,
    ExecutionState.PARTIALLY_FILLED: ProposalState.EXECUTED,
    ExecutionState.FILLED: ProposalState.EXECUTED,
    ExecutionState.CANCELED: ProposalState.EXECUTED,
    ExecutionState.REJECTED: ProposalState.FAILED,
    ExecutionState.ABSENT: ProposalState.FAILED,
    ExecutionState.ABANDONED: ProposalState.FAILED,
}
"""What an execution's state makes of its proposal; RESOLVED depends on the operator's verdict."""


def target_state(order: VenueOrder) -> ExecutionState:
    """The state the exchange's own words stand for. An unknown word is final: CANCELED, with the word kept."""
    if order.status in OPEN_STATUS:
        return ExecutionState.PARTIALLY_FILLED if order.filled.is_positive else ExecutionState.SUBMITTED
    if order.status == "filled":
        return ExecutionState.FILLED
    if order.status == "rejected" and order.filled.is_zero:
        return ExecutionState.REJECTED
    return ExecutionState.CANCELED


def apply_order(tx: Tx, execution_id: int, order: VenueOrder, source: str, evidence: dict[str, Any]) -> ExecutionState:
    """Bring an execution to what the exchange says of its order; the state afterwards.

    Raises Conflict if the order is not this execution's: another client order id, market or side.
    """
    execution = get_execution(tx, execution_id)
    _require_ours(execution, order)
    reached("evidence.read")
    if execution.state is ExecutionState.CLAIMED:
        # An order without a stored send cannot be; if it is there all the same, the claim ends and the truth is late.
        move_execution(tx, execution, ExecutionState.ABANDONED, source, {"reason": "an order appeared for a claim"})
        execution = get_execution(tx, execution_id)
    store_fills(tx, execution, order.fills)
    reached("evidence.fills-stored")
    after = _target(tx, execution, order)
    was_closed = execution.state in CLOSED and after is not execution.state
    proof = {**evidence, "order_id": order.order_id, "status": order.status, "filled": str(order.filled)}
    if after is not execution.state and _legal(tx, execution.state, after):
        move_execution(tx, execution, after, source, proof, order=order)
    else:
        tx.sql.change(
            "note_order_seen", id=execution_id, now=tx.now, order_id=order.order_id, venue_status=order.status
        )
        _carry_to_trade(tx, get_execution(tx, execution_id), order)
    _note_filled(tx, execution_id, order.filled)
    if execution.order_id not in (None, order.order_id):
        _second_order(tx, execution, order)
    if was_closed:
        _late_evidence(tx, execution, order)
    reached("evidence.before-commit")
    return get_execution(tx, execution_id).state


def move_execution(
    tx: Tx,
    execution: Execution,
    after: ExecutionState,
    source: str,
    evidence: dict[str, Any],
    *,
    order: VenueOrder | None = None,
) -> None:
    """Compare-and-set of an execution's state, with its event, audit and consequences. Raises Conflict."""
    changed = tx.sql.change(
        "move_execution",
        id=execution.id,
        before=execution.state,
        after=after,
        now=tx.now,
        order_id=None if order is None else order.order_id,
        venue_status=None if order is None else order.status,
        unknown_at=tx.now if after is ExecutionState.UNKNOWN else None,
        ended_at=tx.now if after in TERMINAL else None,
        seen_at=None if order is None else tx.now,
    )
    if changed != 1:
        raise Conflict(f"execution {execution.id} is not {execution.state} any more")
    reached("evidence.row-moved")
    store_event(tx, execution, after, source, evidence)
    reached("evidence.event-stored")
    moved = get_execution(tx, execution.id)
    tell_stop(tx, execution.state, moved)
    _carry_to_trade(tx, moved, order)
    reached("evidence.trade-carried")
    if (end := PROPOSAL_END.get(after)) is not None:
        _carry_to_proposal(tx, moved, end)


def store_event(tx: Tx, execution: Execution, after: ExecutionState, source: str, evidence: dict[str, Any]) -> None:
    """Store what moved an execution, and audit it at once."""
    tx.sql.insert(
        "insert_execution_event",
        execution_id=execution.id,
        before=execution.state,
        after=after,
        source=source,
        evidence=json.dumps(evidence, sort_keys=True, default=str),
        actor=tx.actor.name,
        instance=tx.actor.instance,
        now=tx.now,
    )
    tx.audit(
        f"execution.{after.lower()}",
        str(execution.id),
        urgent=True,
        before=execution.state,
        source=source,
        proposal=execution.proposal_id,
        evidence=evidence,
    )


def carry_verdict(tx: Tx, execution: Execution, *, filled: bool) -> None:
    """Carry an operator's verdict on an UNKNOWN to its proposal."""
    _carry_to_proposal(tx, execution, ProposalState.EXECUTED if filled else ProposalState.FAILED)


def _note_filled(tx: Tx, execution_id: int, filled: Quantity) -> None:
    """Keep how much the exchange ever said is filled: until the fills add up to it, the order is followed."""
    row = tx.sql.one("execution_by_id", id=execution_id)
    most = max(filled, Quantity.zero() if row is None else Quantity.of(row["venue_filled"]))
    stored = Quantity.total(fill.quantity for fill in fills_of(tx, execution_id))
    tx.sql.change("note_filled", id=execution_id, venue_filled=str(most), short=int(stored < most))


def _require_ours(execution: Execution, order: VenueOrder) -> None:
    ours = execution.client_order_id.lower() == (order.client_order_id or "").lower()
    known = execution.order_id is not None and execution.order_id == order.order_id
    if not (ours or known) or order.market != execution.market or order.side != execution.side.value:
        raise Conflict(f"order {order.order_id} is not the order of execution {execution.id}")


def _target(tx: Tx, execution: Execution, order: VenueOrder) -> ExecutionState:
    """What report and row say together: fills that are stored count although an older report shows none."""
    if execution.state in (ExecutionState.FILLED, ExecutionState.CANCELED):
        return execution.state
    target = target_state(order)
    partly = execution.state is ExecutionState.PARTIALLY_FILLED or filled_quantity(tx, execution.id).is_positive
    if partly and target is ExecutionState.SUBMITTED:
        return ExecutionState.PARTIALLY_FILLED
    if partly and target is ExecutionState.REJECTED:
        return ExecutionState.CANCELED
    return target


def _legal(tx: Tx, before: ExecutionState, after: ExecutionState) -> bool:
    return tx.sql.one("transition_is_legal", entity="execution", before=before, after=after) is not None


def store_fills(tx: Tx, execution: Execution, fills: tuple[VenueFill, ...]) -> None:
    """Store fills that are new, and the fee of those that were settled since. A fill beyond the ticket halts."""
    by_hand = tx.sql.one("fill_by_venue_id", market=execution.market, fill_id=operator_fill_id(execution))
    for fill in fills:
        row = tx.sql.one("fill_by_venue_id", market=execution.market, fill_id=fill.fill_id)
        if row is None and by_hand is not None:
            # The trade is counted already, as the operator saw it; counted twice it could never be taken back.
            text = f"fill {fill.fill_id}, {fill.quantity} at {fill.price}, of an order settled by hand turned up"
            alert(tx, "critical", f"execution {execution.id}", f"{text}; compare it with your verdict")
            halt(tx, f"execution {execution.id}: {text}")
        elif row is None:
            _store_fill(tx, execution, fill)
        elif row["settled"] is None and fill.fee is not None:
            tx.sql.change(
                "settle_fill",
                id=row["id"],
                fee=decimal_text(fill.fee),
                fee_currency=fill.fee_currency,
                settled=1 if fill.settled else None,
            )


def operator_fill_id(execution: Execution) -> str:
    """The id under which an operator's own verdict stands among the fills."""
    return f"operator/{execution.id}"


def _store_fill(tx: Tx, execution: Execution, fill: VenueFill) -> None:
    tx.sql.insert(
        "insert_fill",
        execution_id=execution.id,
        market=execution.market,
        side=execution.side,
        fill_id=fill.fill_id,
        at=fill.at,
        quantity=str(fill.quantity),
        price=str(fill.price),
        fee=None if fill.fee is None else decimal_text(fill.fee),
        fee_currency=fill.fee_currency if fill.fee is not None else None,
        taker=int(fill.taker),
        settled=1 if fill.settled and fill.fee is not None else None,
        now=tx.now,
    )
    tx.audit(
        "fill.stored", str(execution.id), proposal=execution.proposal_id, fill=fill.fill_id,
        quantity=fill.quantity, price=fill.price, fee=fill.fee,
    )  # fmt: skip
    beyond = execution.limit is not None and (
        fill.price > execution.limit if execution.side is Side.BUY else fill.price < execution.limit
    )
    if beyond or filled_quantity(tx, execution.id) > execution.quantity:
        what = (
            f"fill {fill.fill_id}: {fill.quantity} at {fill.price}, ordered {execution.quantity} at {execution.limit}"
        )
        alert(tx, "critical", f"execution {execution.id}", f"a fill disagrees with the ticket ({what})")
        halt(tx, f"a fill of execution {execution.id} disagrees with its ticket")


def _carry_to_trade(tx: Tx, execution: Execution, order: VenueOrder | None) -> None:
    row = tx.sql.one("trade_of_execution", execution_id=execution.id)
    if row is None:
        alert(tx, "critical", f"execution {execution.id}", "its trade row is missing")
        return
    before = HistoryStatus(row["status"])
    fills = fills_of(tx, execution.id)
    after = before
    if fills:
        after = HistoryStatus.CONFIRMED
    elif _ended_empty(execution, order) and before is HistoryStatus.PENDING:
        after = HistoryStatus.FAILED
    traded_at = max([execution.claimed_at, *(fill.at for fill in fills)])
    if after is not before or traded_at != row["traded_at"]:
        tx.sql.change("update_trade", execution_id=execution.id, before=before, status=after, traded_at=traded_at)


def _ended_empty(execution: Execution, order: VenueOrder | None) -> bool:
    """Ended, and neither the state nor the exchange's report says that fills are still to come."""
    to_come = execution.state is ExecutionState.FILLED or (order is not None and order.filled.is_positive)
    return execution.state in TERMINAL and not to_come


def _carry_to_proposal(tx: Tx, execution: Execution, after: ProposalState) -> None:
    before = get_proposal(tx, execution.proposal_id).state
    if before is after or (before is ProposalState.EXECUTED and after is ProposalState.FAILED):
        return  # EXECUTED means that the exchange accepted it, whatever became of it later
    if execution.imported and before in (ProposalState.EXPIRED, ProposalState.DECLINED):
        return  # a restore expired it: what it came to before is told by its execution
    if tx.sql.one("transition_is_legal", entity="proposal", before=before, after=after) is None:
        text = f"proposal {execution.proposal_id} is {before}, its execution {execution.id} says {after}"
        alert(tx, "critical", f"proposal {execution.proposal_id}", text)
        return
    try:
        move_proposal(tx, execution.proposal_id, before, after)
    except VaultError as error:  # the evidence is stored whatever becomes of the other row
        alert(tx, "critical", f"proposal {execution.proposal_id}", str(error))


def _late_evidence(tx: Tx, execution: Execution, order: VenueOrder) -> None:
    text = f"order {order.order_id} of execution {execution.id}, held to be {execution.state}, exists at the exchange"
    alert(tx, "critical", f"execution {execution.id}", text)
    halt(tx, f"late evidence: execution {execution.id} was {execution.state}, its order exists")


def _second_order(tx: Tx, execution: Execution, order: VenueOrder) -> None:
    text = (
        f"order {order.order_id} carries the client order id of execution {execution.id}, as {execution.order_id} does"
    )
    alert(tx, "critical", f"execution {execution.id}", text)
    halt(tx, f"two orders at the exchange for execution {execution.id}")
