"""Reading executions, their events and fills."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from storage.codes import TERMINAL, ExecutionState, OrderKind, OrderType, Side, TimeInForce
from storage.database import Tx
from storage.errors import NotFound
from storage.execution_models import Execution, Fill, OpenExecution, Signing, Trigger
from storage.money import Eur, Price, Quantity


def get_execution(tx: Tx, execution_id: int) -> Execution:
    """One execution. Raises NotFound."""
    row = tx.sql.one("execution_by_id", id=execution_id)
    if row is None:
        raise NotFound(f"there is no execution {execution_id}")
    return read_execution(row)


def execution_of_proposal(tx: Tx, proposal_id: int) -> Execution | None:
    """The execution that claimed a proposal, if any."""
    row = tx.sql.one("execution_by_proposal", proposal_id=proposal_id)
    return None if row is None else read_execution(row)


def executions_in(tx: Tx, states: Iterable[ExecutionState]) -> list[Execution]:
    """All executions in the given states, oldest first."""
    rows = tx.sql.all("executions_in_states", states=json.dumps(sorted(states)))
    return [read_execution(row) for row in rows]


def recent_executions(tx: Tx, count: int, before: int = 2**62) -> list[Execution]:
    """The newest executions with ids below ``before``."""
    return [read_execution(row) for row in tx.sql.all("recent_executions", before=before, count=count)]


def events_of(tx: Tx, execution_id: int) -> list[dict[str, Any]]:
    """What moved an execution, oldest first, each with its evidence."""
    return [
        {
            "at": row["at"],
            "before": row["before"],
            "after": row["after"],
            "source": row["source"],
            "evidence": json.loads(row["evidence"]),
            "actor": row["actor"],
            "instance": row["instance"],
        }
        for row in tx.sql.all("events_of_execution", execution_id=execution_id)
    ]


def fills_of(tx: Tx, execution_id: int) -> list[Fill]:
    """The fills of one execution, oldest first."""
    return [read_fill(row) for row in tx.sql.all("fills_of_execution", execution_id=execution_id)]


def filled_quantity(tx: Tx, execution_id: int) -> Quantity:
    """How much of an execution's order is filled by the fills that are stored."""
    return Quantity.total(fill.quantity for fill in fills_of(tx, execution_id))


def open_execution(tx: Tx, row: sqlite3.Row) -> OpenExecution:
    """An execution with what is left of its order; of an ended one, what was filled and is not listed yet."""
    ended = ExecutionState(row["state"]) in TERMINAL
    ordered = Quantity.of(row["venue_filled"] if ended else row["quantity"])
    filled = filled_quantity(tx, row["id"])
    limit = row["limit_price"]
    return OpenExecution(
        id=row["id"],
        proposal_id=row["proposal_id"],
        market=row["market"],
        side=Side(row["side"]),
        kind=OrderKind(row["kind"]),
        state=ExecutionState(row["state"]),
        quantity=Quantity.of(row["quantity"]),
        remaining=ordered - filled if filled < ordered else Quantity.zero(),
        limit=None if limit is None else Price.of(limit),
        eur=Eur.of(row["eur"]),
        claimed_at=row["claimed_at"],
        updated_at=row["updated_at"],
        trigger=Trigger.stored(row["trigger_type"], row["trigger_price"]),
    )


def read_execution(row: sqlite3.Row) -> Execution:
    """An execution from its row."""
    limit, tif = row["limit_price"], row["time_in_force"]
    signing = None
    if row["submitting_at"] is not None:
        signing = Signing(row["signed_at_ms"], row["window_ms"], row["key_fingerprint"], row["exchange_identity"])
    return Execution(
        id=row["id"],
        proposal_id=row["proposal_id"],
        revision=row["revision"],
        market=row["market"],
        side=Side(row["side"]),
        kind=OrderKind(row["kind"]),
        order_type=OrderType(row["order_type"]),
        time_in_force=None if tif is None else TimeInForce(tif),
        quantity=Quantity.of(row["quantity"]),
        limit=None if limit is None else Price.of(limit),
        state=ExecutionState(row["state"]),
        client_order_id=row["client_order_id"],
        order_id=row["order_id"],
        request_body=row["request_body"],
        policy_hash=row["policy_hash"],
        actor=row["actor"],
        instance=row["instance"],
        claimed_at=row["claimed_at"],
        submitting_at=row["submitting_at"],
        signing=signing,
        unknown_at=row["unknown_at"],
        ended_at=row["ended_at"],
        updated_at=row["updated_at"],
        venue_status=row["venue_status"],
        trigger=Trigger.stored(row["trigger_type"], row["trigger_price"]),
        imported=bool(row["imported"]),
    )


NO_COINS: Final = Quantity.zero()


def read_fill(row: sqlite3.Row) -> Fill:
    """A fill from its row.

    A fee whose currency the exchange did not name counts as none: what it took is then a difference in balance.
    """
    symbol, paid = row["fee_currency"], None if row["fee"] is None else Decimal(row["fee"])
    fee, coins, elsewhere = None, NO_COINS, None
    if paid is not None and symbol is not None:
        base, _, quote = row["market"].partition("-")
        if symbol == quote:
            fee = Eur(paid)
        elif symbol == base:
            coins = Quantity(paid)
        else:
            elsewhere = (symbol, paid)
    return Fill(
        id=row["id"],
        execution_id=row["execution_id"],
        market=row["market"],
        side=Side(row["side"]),
        fill_id=row["fill_id"],
        at=row["at"],
        quantity=Quantity.of(row["quantity"]),
        price=Price.of(row["price"]),
        fee=fee,
        taker=bool(row["taker"]),
        settled=bool(row["settled"]),
        fee_coins=coins,
        fee_elsewhere=elsewhere,
        fee_to_come=paid is None,
    )
