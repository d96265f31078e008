"""From claim to send: what may still be sent, what is given up, and when silence is UNKNOWN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from storage.clock import HOUR, SECOND
from storage.codes import ExecutionState, ProposalState, TradingState
from storage.database import Tx
from storage.errors import Conflict
from storage.execution_rows import events_of, get_execution
from storage.executions import (
    Abandoned,
    PreparedOrder,
    abandon_stale_claims,
    begin_submit,
    call_lost,
    cancel_asked,
    mark_unknown,
    overdue_submitting,
)
from storage.models import Claim
from storage.policy_store import activate_policy, active_policy, policy_named
from storage.trading_state import halt, tighten
from tests.storage.world import (
    MARKET,
    bring_to,
    claim_by_hand,
    claim_of,
    exit_idea,
    make_ready,
    proposal_state,
    signing,
    submit,
    trade_status,
)

E: Final = ExecutionState


def test_a_claim_in_order_is_prepared_with_its_exact_request(tx: Tx) -> None:
    claim = claim_of(tx, make_ready(tx))
    signed = signing(tx)
    assert begin_submit(tx, claim, signed) == PreparedOrder(
        claim.execution_id, claim.client_order_id, claim.request_body, signed
    )
    stored = get_execution(tx, claim.execution_id)
    assert (stored.state, stored.signing, stored.submitting_at) == (E.SUBMITTING, signed, tx.now)
    assert stored.market == MARKET
    assert [event["after"] for event in events_of(tx, stored.id)] == ["SUBMITTING"]


def age(seconds: float) -> Callable[[Tx, Path], None]:
    def let_pass(tx: Tx, folder: Path) -> None:
        tx.now += round(seconds * SECOND)

    return let_pass


def make_halted(tx: Tx, folder: Path) -> None:
    halt(tx, "test")


def make_reducing(tx: Tx, folder: Path) -> None:
    tighten(tx, TradingState.REDUCING, "test")


def put_halt_file(tx: Tx, folder: Path) -> None:
    (folder / "HALT").touch()


def put_halt_file_above(tx: Tx, folder: Path) -> None:
    (folder.parent / "HALT").touch()


def change_policy(tx: Tx, folder: Path) -> None:
    activate_policy(tx, policy_named(tx, "hunter"), active_policy(tx).activation_id)


OBSTACLES: Final = {
    "halted": (make_halted, "HALTED"),
    "reducing": (make_reducing, "REDUCING"),
    "a halt file": (put_halt_file, "HALT file"),
    "a halt file above": (put_halt_file_above, "HALT file"),
    "another policy": (change_policy, "policy"),
    "too old": (age(5.000001), "5 s"),
    "an hour old": (age(3600), "5 s"),
    "from the future": (age(-0.000001), "5 s"),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_a_claim_with_an_obstacle_is_abandoned_unsent(tx: Tx, name: str) -> None:
    folder = tx.folder / "paper"
    folder.mkdir()
    tx.folder = folder
    obstacle, word = OBSTACLES[name]
    claim = claim_by_hand(tx)
    obstacle(tx, folder)
    outcome = begin_submit(tx, claim, signing(tx))
    assert isinstance(outcome, Abandoned)
    assert word in outcome.reason
    execution = get_execution(tx, claim.execution_id)
    assert (execution.state, execution.signing) == (E.ABANDONED, None)
    assert proposal_state(tx, execution) is ProposalState.FAILED
    assert trade_status(tx, execution) == "failed"
    assert events_of(tx, execution.id)[-1]["evidence"] == {"reason": outcome.reason}


def test_a_claim_of_exactly_five_seconds_is_still_sent(tx: Tx) -> None:
    claim = claim_by_hand(tx)
    tx.now += 5 * SECOND
    assert isinstance(begin_submit(tx, claim, signing(tx)), PreparedOrder)


def test_reducing_lets_a_sell_through(tx: Tx) -> None:
    claim = claim_by_hand(tx, exit_idea())
    tighten(tx, TradingState.REDUCING, "test")
    assert isinstance(begin_submit(tx, claim, signing(tx)), PreparedOrder)


@pytest.mark.parametrize("state", [state for state in ExecutionState if state is not E.CLAIMED])
def test_nothing_is_prepared_twice(tx: Tx, state: ExecutionState) -> None:
    execution = bring_to(tx, state)
    row = get_execution(tx, execution.id)
    claim = Claim(row.id, row.client_order_id, claim_by_hand(tx).order, row.request_body, row.policy_hash, tx.now, ())
    assert isinstance(begin_submit(tx, claim, signing(tx)), Abandoned)
    assert get_execution(tx, execution.id) == row


@pytest.mark.parametrize("state", list(ExecutionState))
def test_silence_makes_only_a_submission_unknown(tx: Tx, state: ExecutionState) -> None:
    execution = bring_to(tx, state)
    after = mark_unknown(tx, execution.id, "timeout")
    assert after is (E.UNKNOWN if state is E.SUBMITTING else state)
    assert get_execution(tx, execution.id).state is after
    if state is E.SUBMITTING:
        assert events_of(tx, execution.id)[-1]["evidence"] == {"cause": "timeout"}
        assert get_execution(tx, execution.id).unknown_at == tx.now


@pytest.mark.parametrize(("seconds", "abandoned"), [(0, False), (10, False), (10.000001, True), (-0.000001, True)])
def test_a_claim_older_than_ten_seconds_or_from_the_future_is_abandoned(
    tx: Tx, seconds: float, abandoned: bool
) -> None:
    others = [bring_to(tx, state) for state in ExecutionState if state is not E.CLAIMED]
    claim = claim_by_hand(tx)
    tx.now += round(seconds * SECOND)
    assert abandon_stale_claims(tx) == ([claim.execution_id] if abandoned else [])
    assert get_execution(tx, claim.execution_id).state is (E.ABANDONED if abandoned else E.CLAIMED)
    assert [get_execution(tx, other.id).state for other in others] == [other.state for other in others]


@pytest.mark.parametrize(("seconds", "overdue"), [(15, False), (15.001, True), (-15, False), (-15.001, True)])
def test_a_submission_older_than_window_and_timeout_is_unknown(tx: Tx, seconds: float, overdue: bool) -> None:
    execution = submit(tx, claim_by_hand(tx))
    tx.now += round(seconds * SECOND)
    assert overdue_submitting(tx, 10_000) == ([execution.id] if overdue else [])
    assert get_execution(tx, execution.id).state is (E.UNKNOWN if overdue else E.SUBMITTING)


def test_a_wish_to_cancel_is_noted_and_audited(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTED)
    cancel_asked(tx, execution.id, "Canceled")
    row = tx.sql.one("execution_by_id", id=execution.id)
    assert row is not None
    assert row["cancel_asked_at"] == tx.now
    kinds = [row["kind"] for row in tx.db.execute("SELECT kind FROM audit_log ORDER BY seq DESC LIMIT 1")]
    assert kinds == ["execution.cancel_asked"]


def test_a_claim_does_not_wait_for_an_old_clock(tx: Tx) -> None:
    # The age is judged by this transaction's time, not by the claim's own.
    claim = replace(claim_by_hand(tx), claimed_at=tx.now + HOUR)
    tx.now += HOUR
    assert isinstance(begin_submit(tx, claim, signing(tx)), Abandoned)


@pytest.mark.parametrize("state", [E.SUBMITTED, E.PARTIALLY_FILLED])
def test_a_resting_order_that_is_lost_at_the_exchange_is_unknown_only_while_halted(
    tx: Tx, state: ExecutionState
) -> None:
    execution_id = bring_to(tx, state).id
    looks = [(tx.now, 404, 240), (tx.now + SECOND, 404, 240)]
    with pytest.raises(Conflict, match="only while trading is HALTED"):
        call_lost(tx, execution_id, looks)
    halt(tx, "to settle it")
    call_lost(tx, execution_id, looks)
    event = events_of(tx, execution_id)[-1]
    assert (event["before"], event["after"]) == (state, "UNKNOWN")
    assert event["evidence"]["look_ups"] == [list(look) for look in looks]


@pytest.mark.parametrize("state", [E.FILLED, E.CANCELED, E.UNKNOWN, E.SUBMITTING])
def test_only_what_rests_can_be_lost(tx: Tx, state: ExecutionState) -> None:
    execution_id = bring_to(tx, state).id
    halt(tx, "to settle it")
    with pytest.raises(Conflict, match=f"is {state} and does not rest"):
        call_lost(tx, execution_id, [])
    assert get_execution(tx, execution_id).state is state
