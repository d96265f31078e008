"""What the card of an order without an answer is told, from the rows of a real vault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.execution.unknown import LOOKED_EVERY, read_unknown
from storage.clock import SECOND
from storage.codes import ExecutionState, JobName, Mode
from storage.database import Tx
from storage.execution_rows import get_execution
from storage.executions import mark_unknown
from storage.leases import acquire_lease, finish_lease, register_job
from storage.money import Eur
from storage.policy_store import active_policy
from tests.storage.world import bare_tx, bring_to, claim_by_hand, own_idea, submit
from tests.support import SteppedClock


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Tx]:
    made = bare_tx(tmp_path, SteppedClock())
    yield made
    made.db.close()


def run_reconcile(tx: Tx, error: str | None = None) -> None:
    """One run of the job that looks for lost orders, by a worker that goes on."""
    register_job(tx, JobName.KEEPER, 5 * SECOND)
    acquire_lease(tx, JobName.KEEPER, "worker")  # None where it is held already
    register_job(tx, JobName.RECONCILE, 60 * SECOND)
    tx.db.execute("UPDATE scan_jobs SET next_run_at = ? WHERE job = 'reconcile'", (tx.now,))
    lease = acquire_lease(tx, JobName.RECONCILE, "worker")
    assert lease is not None
    finish_lease(
        tx, lease, next_run_at=tx.now + 60 * SECOND, started_at=tx.now, summary="", changed=False, error=error,
        temporary=True,
    )  # fmt: skip


def test_what_was_sent_its_cause_and_what_it_holds(tx: Tx) -> None:
    execution = submit(tx, claim_by_hand(tx, own_idea()))
    mark_unknown(tx, execution.id, "the connection was reset")
    facts = read_unknown(tx, execution.id)
    assert (facts.cause, facts.settled) == ("the connection was reset", False)
    assert facts.held == Eur.of("25.092")
    assert (facts.trades, facts.trades_limit) == (1, 5)
    assert (facts.looked_at, facts.next_look, facts.problem) == (None, None, None)


def test_absence_can_be_proven_after_signing_window_and_margin(tx: Tx) -> None:
    execution = bring_to(tx, ExecutionState.UNKNOWN)
    signing = get_execution(tx, execution.id).signing
    assert signing is not None
    margin = active_policy(tx).policy.submit.absence_margin_ms
    assert tx.info.mode is Mode.PAPER
    assert read_unknown(tx, execution.id).proof_at == (signing.signed_at_ms + signing.window_ms + margin) * 1000


def test_a_look_up_counts_from_the_sending_on_and_the_next_one_is_due_in_five_seconds(tx: Tx) -> None:
    run_reconcile(tx)
    tx.now += SECOND
    execution = bring_to(tx, ExecutionState.UNKNOWN)
    assert read_unknown(tx, execution.id).looked_at is None
    tx.now += SECOND
    run_reconcile(tx)
    facts = read_unknown(tx, execution.id)
    assert (facts.looked_at, facts.next_look) == (tx.now, tx.now + LOOKED_EVERY)


def test_a_look_up_that_failed_says_why(tx: Tx) -> None:
    execution = bring_to(tx, ExecutionState.UNKNOWN)
    tx.now += SECOND
    run_reconcile(tx, "temporary Unreachable: no answer")
    facts = read_unknown(tx, execution.id)
    assert facts.problem == "temporary Unreachable: no answer"
    row = tx.sql.one("job_by_name", job=JobName.RECONCILE)
    assert row is not None
    assert facts.next_look == row["next_run_at"]


def test_without_a_worker_nobody_looks(tx: Tx) -> None:
    execution = bring_to(tx, ExecutionState.UNKNOWN)
    run_reconcile(tx)
    tx.now += 200 * SECOND
    assert read_unknown(tx, execution.id).next_look is None


def test_a_settled_one_says_so(tx: Tx) -> None:
    assert read_unknown(tx, bring_to(tx, ExecutionState.FILLED).id).settled
