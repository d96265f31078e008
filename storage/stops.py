"""Protective stops: those that wait at the exchange, what of a position they cover, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from storage.alerts import alert
from storage.codes import ExecutionState, TriggerType
from storage.database import Tx
from storage.execution_models import Execution, Trigger
from storage.execution_rows import filled_quantity, open_execution
from storage.money import Quantity


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop of ours that may still sell. ``left`` is what it still holds of the coin."""

    execution_id: int
    proposal_id: int
    market: str
    trigger: Trigger
    left: Quantity
    state: ExecutionState


def live_stops(tx: Tx) -> tuple[Stop, ...]:
    """Every stop that is not at its end, oldest first."""
    found = (open_execution(tx, row) for row in tx.sql.all("live_executions") if row["trigger_type"] is not None)
    return tuple(
        Stop(each.id, each.proposal_id, each.market, each.trigger, each.remaining, each.state)
        for each in found
        if each.trigger is not None
    )


def uncovered(held: Quantity, stops: Iterable[Stop]) -> Quantity:
    """What of a position no stop loss would sell. A take profit covers nothing: it waits for a better price."""
    covered = Quantity.total(
        stop.left
        for stop in stops
        if stop.trigger.type is TriggerType.STOP_LOSS
        and stop.state in (ExecutionState.SUBMITTED, ExecutionState.PARTIALLY_FILLED)
    )
    return held - covered if covered < held else Quantity.zero()


def tell_stop(tx: Tx, before: ExecutionState, stop: Execution) -> None:
    """Tell that a stop was reached, or that it is gone without anybody having asked for that."""
    if stop.trigger is None or stop.state is before:
        return
    named = f"the {stop.trigger} of {stop.market}"
    reached = (ExecutionState.PARTIALLY_FILLED, ExecutionState.FILLED)
    if stop.state in reached and before not in reached:
        alert(tx, "notice", f"execution {stop.id}", f"{named} was reached and sells {stop.quantity}")
    if stop.state is not ExecutionState.CANCELED:
        return
    row, filled = tx.sql.one("execution_by_id", id=stop.id), filled_quantity(tx, stop.id)
    asked = row is not None and row["cancel_asked_at"] is not None
    if not asked or filled.is_positive:
        text = f"{named} ended as {stop.venue_status} with {filled} of {stop.quantity} sold"
        alert(tx, "critical", f"execution {stop.id}", f"{text}; it protects nothing any more")
