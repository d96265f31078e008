"""What is known of an order whose answer never came: what it holds, who looks for it, when absence can be proven."""

from __future__ import annotations

from dataclasses import dataclass

from storage.absence import earliest_proof
from storage.clock import DAY, SECOND, Micros
from storage.codes import ExecutionState, JobName, Side
from storage.database import Tx
from storage.execution_models import Execution
from storage.execution_rows import events_of, get_execution
from storage.money import Eur
from storage.policy_store import active_policy, policy_with_hash

LOOKED_EVERY: Micros = 5 * SECOND
"""While an order is unsettled the next look-up is due so long after the last one."""


@dataclass(frozen=True, slots=True)
class UnknownFacts:
    """Everything the card of an UNKNOWN tells, read at ``now``."""

    execution: Execution
    now: Micros
    cause: str
    """Why there is no answer, as it was stored when the order became UNKNOWN."""
    proof_at: Micros | None
    """Before this moment no look-up can prove that there is no order. None: nothing was signed."""
    held: Eur
    """Euros of the order at its limit, without fee; what a sell would bring."""
    trades: int
    """Trades of this side in the last 24 h, this one among them."""
    trades_limit: int
    looked_at: Micros | None
    """When somebody last looked for it and did not find it; None for never since it was sent."""
    problem: str | None
    """Why the last look-up failed, if it did."""
    next_look: Micros | None
    """When somebody looks again; None while nobody runs who would."""

    @property
    def settled(self) -> bool:
        """Whether it is no longer UNKNOWN."""
        return self.execution.state is not ExecutionState.UNKNOWN


def read_unknown(tx: Tx, execution_id: int) -> UnknownFacts:
    """The facts of one execution. Raises NotFound."""
    execution = get_execution(tx, execution_id)
    causes = [
        str(event["evidence"]["cause"])
        for event in events_of(tx, execution_id)
        if event["after"] == ExecutionState.UNKNOWN and "cause" in event["evidence"]
    ]
    row = tx.sql.one("execution_by_id", id=execution_id)
    whole = Eur.of(row["eur"]) if row is not None else Eur.zero()
    times = [line["at"] for line in tx.sql.all("counted_times", since=tx.now - DAY, now=tx.now)
             if line["side"] == execution.side]  # fmt: skip
    policy = active_policy(tx).policy
    job = tx.sql.one("job_by_name", job=JobName.RECONCILE)
    ran = None if job is None else job["last_run_at"]
    sent = execution.submitting_at if execution.submitting_at is not None else execution.claimed_at
    return UnknownFacts(
        execution=execution,
        now=tx.now,
        cause=causes[-1] if causes else "",
        proof_at=earliest_proof(execution, policy_with_hash(tx, execution.policy_hash).submit.absence_margin_ms),
        held=whole if execution.limit is None else execution.quantity * execution.limit,
        trades=len(times),
        trades_limit=(policy.trades if execution.side is Side.BUY else policy.exits).per_day,
        looked_at=ran if ran is not None and ran > sent else None,
        problem=None if job is None else job["last_error"],
        next_look=_next_look(tx, ran),
    )


def _next_look(tx: Tx, ran: Micros | None) -> Micros | None:
    job = tx.sql.one("job_by_name", job=JobName.RECONCILE)
    keeper = tx.sql.one("job_by_name", job=JobName.KEEPER)
    watched = keeper is not None and keeper["expires_at"] is not None and keeper["expires_at"] > tx.now
    if job is None or not watched or job["paused"]:
        return None
    due: Micros = job["next_run_at"]
    if job["failures"] or ran is None:
        return due
    return min(due, ran + LOOKED_EVERY)
