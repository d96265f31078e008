"""The transition table, held by the database itself against any SQL."""

# ruff: noqa: S608 - tables and columns are named in this file

from __future__ import annotations

import sqlite3
from itertools import product
from typing import Final

import pytest

from storage.clock import SECOND
from storage.codes import ExecutionState, JobName, ProposalState
from storage.database import Tx
from storage.execution_models import Execution
from storage.execution_rows import get_execution
from storage.leases import register_job
from storage.proposals import create_proposal, get_proposal
from tests.storage.world import bring_to, claim_by_hand, own_idea

P = ProposalState
E = ExecutionState

PROPOSALS: Final = {
    P.PROPOSED: {P.APPROVED, P.CLAIMED, P.DECLINED, P.EXPIRED},
    P.APPROVED: {P.CLAIMED, P.DECLINED, P.EXPIRED},
    P.CLAIMED: {P.EXECUTED, P.FAILED},
    P.DECLINED: {P.PROPOSED},
    P.FAILED: {P.EXECUTED},
}
SEEN: Final = {E.SUBMITTED, E.PARTIALLY_FILLED, E.FILLED, E.CANCELED}
EXECUTIONS: Final = {
    E.CLAIMED: {E.SUBMITTING, E.ABANDONED},
    E.SUBMITTING: SEEN | {E.REJECTED, E.UNKNOWN},
    E.UNKNOWN: SEEN | {E.REJECTED, E.ABSENT, E.RESOLVED},
    E.SUBMITTED: {E.PARTIALLY_FILLED, E.FILLED, E.CANCELED, E.REJECTED, E.UNKNOWN},
    E.PARTIALLY_FILLED: {E.FILLED, E.CANCELED, E.UNKNOWN},
    E.ABSENT: SEEN,
    E.REJECTED: SEEN,
    E.ABANDONED: SEEN,
    E.RESOLVED: SEEN,
}


def test_the_database_holds_exactly_the_legal_transitions(tx: Tx) -> None:
    stored = {tuple(row) for row in tx.db.execute("SELECT entity, before, after FROM legal_transitions")}
    proposals = {("proposal", before.value, to.value) for before, after in PROPOSALS.items() for to in after}
    executions = {("execution", before.value, to.value) for before, after in EXECUTIONS.items() for to in after}
    assert stored == proposals | executions


def a_proposal_in(tx: Tx, state: ProposalState) -> int:
    """A proposal with an execution (so that only the transition decides), put into a state without its triggers."""
    proposal_id = claim_by_hand(tx).order.proposal_id
    trigger = tx.db.execute("SELECT sql FROM sqlite_master WHERE name = 'proposal_transition'").fetchone()[0]
    tx.db.execute("DROP TRIGGER proposal_transition")
    tx.db.execute("UPDATE trade_proposals SET state = ? WHERE id = ?", (state, proposal_id))
    tx.db.execute(trigger)
    return proposal_id


def test_raw_sql_moves_a_proposal_along_the_table_and_no_other_way(tx: Tx) -> None:
    for before, after in product(ProposalState, ProposalState):
        proposal_id = a_proposal_in(tx, before)
        move = ("UPDATE trade_proposals SET state = ? WHERE id = ?", (after, proposal_id))
        if before is after or after in PROPOSALS.get(before, set()):
            tx.db.execute(*move)
        else:
            with pytest.raises(sqlite3.IntegrityError, match="illegal transition of a proposal"):
                tx.db.execute(*move)


def test_raw_sql_moves_an_execution_along_the_table_and_no_other_way(tx: Tx) -> None:
    for before, after in product(ExecutionState, ExecutionState):
        execution = bring_to(tx, before)
        # What a legal move needs beside the state: a send, an order; ABSENT must not have one.
        send = ", submitting_at = 1, signed_at_ms = 1, window_ms = 1, key_fingerprint = 'k', exchange_identity = 'x'"
        also = send if execution.submitting_at is None and after is not E.CLAIMED else ""
        also += ", order_id = coalesce(order_id, 'o' || id)" if after is not E.ABSENT else ""
        move = (f"UPDATE trade_executions SET state = ?{also} WHERE id = ?", (after, execution.id))
        if before is after or after in EXECUTIONS.get(before, set()):
            tx.db.execute(*move)
        else:
            with pytest.raises(
                sqlite3.IntegrityError, match=r"illegal transition of an execution|cannot become ABSENT"
            ):
                tx.db.execute(*move)


@pytest.mark.parametrize("state", [E.SUBMITTED, E.PARTIALLY_FILLED, E.FILLED, E.CANCELED])
def test_raw_sql_moves_an_execution_that_was_seen_to_absent_by_no_row_of_the_table(tx: Tx, state: E) -> None:
    execution = bring_to(tx, state)
    tx.db.execute("DROP TRIGGER absent_never_had_an_order")  # which refuses it, too
    with pytest.raises(sqlite3.IntegrityError, match="illegal transition of an execution"):
        tx.db.execute("UPDATE trade_executions SET state = 'ABSENT' WHERE id = ?", (execution.id,))


@pytest.mark.parametrize("state", [state for state in ProposalState if state is not P.PROPOSED])
def test_a_proposal_is_born_proposed(tx: Tx, state: ProposalState) -> None:
    row = dict(
        tx.db.execute("SELECT * FROM trade_proposals WHERE id = ?", (create_proposal(tx, own_idea()).id,)).fetchone()
    )
    row |= {"id": None, "state": state}
    with pytest.raises(sqlite3.IntegrityError, match="born PROPOSED"):
        tx.db.execute(f"INSERT INTO trade_proposals VALUES ({', '.join(':' + name for name in row)})", row)


@pytest.mark.parametrize("state", [state for state in ExecutionState if state is not E.CLAIMED])
def test_an_execution_is_born_claimed(tx: Tx, state: ExecutionState) -> None:
    source = bring_to(tx, E.FILLED)
    row = dict(tx.db.execute("SELECT * FROM trade_executions WHERE id = ?", (source.id,)).fetchone())
    other = create_proposal(tx, own_idea()).id
    row |= {"id": None, "proposal_id": other, "client_order_id": "c" * 36, "order_id": "other", "state": state}
    with pytest.raises(sqlite3.IntegrityError, match="born CLAIMED"):
        tx.db.execute(f"INSERT INTO trade_executions VALUES ({', '.join(':' + name for name in row)})", row)


def test_an_execution_that_had_an_order_cannot_become_absent(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTED)
    tx.db.execute("UPDATE trade_executions SET state = 'UNKNOWN' WHERE id = ?", (execution.id,))
    with pytest.raises(sqlite3.IntegrityError, match="cannot become ABSENT"):
        tx.db.execute("UPDATE trade_executions SET state = 'ABSENT' WHERE id = ?", (execution.id,))


def test_an_execution_cannot_become_absent_and_get_an_order_in_one_go(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    with pytest.raises(sqlite3.IntegrityError, match="cannot become ABSENT"):
        tx.db.execute("UPDATE trade_executions SET state = 'ABSENT', order_id = 'o' WHERE id = ?", (execution.id,))


def test_an_execution_cannot_become_absent_by_forgetting_its_order(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTED)
    tx.db.execute("UPDATE trade_executions SET state = 'UNKNOWN' WHERE id = ?", (execution.id,))
    tx.db.execute("DROP TRIGGER execution_identity")  # which refuses it, too
    with pytest.raises(sqlite3.IntegrityError, match="cannot become ABSENT"):
        tx.db.execute("UPDATE trade_executions SET state = 'ABSENT', order_id = NULL WHERE id = ?", (execution.id,))


def test_an_absent_execution_may_be_told_its_order_where_it_stands(tx: Tx) -> None:
    execution = bring_to(tx, E.ABSENT)
    tx.db.execute("UPDATE trade_executions SET state = 'ABSENT', order_id = 'late' WHERE id = ?", (execution.id,))
    assert get_execution(tx, execution.id).order_id == "late"


@pytest.mark.parametrize("state", ["APPROVED", "DECLINED", "EXPIRED"])
def test_a_proposal_without_an_execution_can_be_decided(tx: Tx, state: str) -> None:
    proposal_id = create_proposal(tx, own_idea()).id
    tx.db.execute("UPDATE trade_proposals SET state = ? WHERE id = ?", (state, proposal_id))
    assert get_proposal(tx, proposal_id).state == state


@pytest.mark.parametrize("state", ["CLAIMED", "EXECUTED", "FAILED"])
def test_a_proposal_without_an_execution_cannot_be_claimed(tx: Tx, state: str) -> None:
    proposal_id = create_proposal(tx, own_idea()).id
    with pytest.raises(sqlite3.IntegrityError, match=r"by its execution only|illegal transition"):
        tx.db.execute("UPDATE trade_proposals SET state = ? WHERE id = ?", (state, proposal_id))


FIXED: Final = {
    "id": 999,
    "proposal_id": 999, "revision": 7, "decision_id": 1, "client_order_id": "d" * 36, "kind": "exit",
    "market": "ETH-EUR", "side": "sell", "order_type": "market", "time_in_force": "IOC", "quantity": "1",
    "limit_price": "1", "eur": "1", "digest": "e" * 64, "request_body": "{}", "policy_hash": "f" * 64,
    "actor": "somebody", "instance": "elsewhere", "claimed_at": 1, "submitting_at": 1, "signed_at_ms": 1,
    "window_ms": 1, "key_fingerprint": "k", "exchange_identity": "x", "order_id": "another",
}  # fmt: skip


@pytest.mark.parametrize("column", FIXED)
def test_what_was_claimed_and_signed_never_changes(tx: Tx, column: str) -> None:
    bring_to(tx, E.CLAIMED)
    execution: Execution = bring_to(tx, E.SUBMITTED)
    with pytest.raises(sqlite3.IntegrityError, match="never change"):
        tx.db.execute(f"UPDATE trade_executions SET {column} = ? WHERE id = ?", (FIXED[column], execution.id))


SAID: Final = {
    "id": 999, "snapshot_id": 999, "parent_id": 999, "order_type": "market", "expires_at": 1,
    "origin": "rules", "oracle": "x", "kind": "exit", "market": "ETH-EUR", "side": "sell", "created_at": 1,
    "rationale": "{}", "confidence": 100, "quantity": "1", "limit_price": "1", "eur": "1", "revision": 0,
}  # fmt: skip


@pytest.mark.parametrize("column", SAID)
def test_what_a_proposal_says_does_not_change_without_a_new_revision(tx: Tx, column: str) -> None:
    proposal_id = create_proposal(tx, own_idea()).id
    with pytest.raises(sqlite3.IntegrityError, match="what a proposal says changes with a new revision only"):
        tx.db.execute(f"UPDATE trade_proposals SET {column} = ? WHERE id = ?", (SAID[column], proposal_id))


def test_an_open_proposal_changes_with_its_next_revision_a_claimed_one_not_at_all(tx: Tx) -> None:
    change = "UPDATE trade_proposals SET quantity = '1', eur = '61200', revision = revision + ? WHERE id = ?"
    opened = create_proposal(tx, own_idea()).id
    tx.db.execute(change, (1, opened))
    for steps in (0, 2):
        with pytest.raises(sqlite3.IntegrityError):
            tx.db.execute(change.replace("'1'", "'2'"), (steps, opened))
    with pytest.raises(sqlite3.IntegrityError):
        tx.db.execute(change, (1, claim_by_hand(tx).order.proposal_id))


def test_a_trade_goes_forward_only(tx: Tx) -> None:
    legal = {("pending", "confirmed"), ("pending", "failed"), ("failed", "confirmed")}
    statuses = ("pending", "confirmed", "failed")
    paths = {"pending": (), "confirmed": ("confirmed",), "failed": ("failed",)}
    for before, after in product(statuses, statuses):
        execution = bring_to(tx, E.CLAIMED)
        for step in (*paths[before], after):
            move = ("UPDATE trade_history SET status = ? WHERE execution_id = ?", (step, execution.id))
            if step == after and before != after and (before, after) not in legal:
                with pytest.raises(sqlite3.IntegrityError, match="a trade goes from"):
                    tx.db.execute(*move)
            else:
                tx.db.execute(*move)


@pytest.mark.parametrize(
    ("column", "value"),
    [("id", 999), ("execution_id", 999), ("proposal_id", 999), ("market", "ETH-EUR"), ("side", "sell")],
)
def test_a_trade_stays_that_of_its_execution(tx: Tx, column: str, value: object) -> None:
    execution = bring_to(tx, E.CLAIMED)
    with pytest.raises(sqlite3.IntegrityError, match="a trade goes from pending"):
        tx.db.execute(f"UPDATE trade_history SET {column} = ? WHERE execution_id = ?", (value, execution.id))


def test_a_fence_grows_or_stays_and_never_goes_back(tx: Tx) -> None:
    register_job(tx, JobName.KEEPER, SECOND)
    move = "UPDATE scan_jobs SET fence = ? WHERE job = ?"
    for fence in (5, 5, 6):
        tx.db.execute(move, (fence, JobName.KEEPER))
    with pytest.raises(sqlite3.IntegrityError, match="a fence never goes back"):
        tx.db.execute(move, (5, JobName.KEEPER))
