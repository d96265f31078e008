"""The invariants: a whole vault breaks none, and each finds the violation it is there for."""

# ruff: noqa: S608 - tables and columns are named in this file

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from storage.clock import SECOND
from storage.codes import ExecutionState, JobName, TradingState
from storage.database import Tx
from storage.evidence import apply_order
from storage.invariants import COMPARISONS, QUERIES, broken_invariants, record_invariant_run
from storage.leases import acquire_lease, finish_lease, register_job
from storage.proposals import create_proposal
from storage.trading_state import current_trading_state
from tests.storage.world import bring_to, claim_by_hand, clean_sweep, make_ready, own_idea, venue_order

E: Final = ExecutionState


@pytest.fixture
def whole(tx: Tx) -> Tx:
    """A vault with an execution in every state, none of them wrong."""
    make_ready(tx)
    for state in ExecutionState:
        bring_to(tx, state)
    clean_sweep(tx)
    return tx


def without_triggers(tx: Tx) -> None:
    """Take away what would refuse the violation."""
    for name in [row[0] for row in tx.db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]:
        tx.db.execute(f"DROP TRIGGER {name}")
    tx.db.execute("PRAGMA foreign_keys = 0")


def without_constraints(tx: Tx, table: str) -> None:
    """Replace a table by one that takes anything."""
    without_triggers(tx)
    tx.db.execute("PRAGMA legacy_alter_table = 1")
    tx.db.execute(f"CREATE TABLE bare AS SELECT * FROM {table}")
    tx.db.execute(f"DROP TABLE {table}")
    tx.db.execute(f"ALTER TABLE bare RENAME TO {table}")
    tx.db.execute(f"CREATE UNIQUE INDEX ids_of_{table} ON {table} (id)")  # what other rows refer to


def copy_execution(tx: Tx, state: ExecutionState, **changes: Any) -> None:
    without_constraints(tx, "trade_executions")
    row = dict(tx.db.execute("SELECT * FROM trade_executions WHERE state = ?", (state,)).fetchone())
    row |= {"id": 900, **changes}
    columns = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    tx.db.execute(f"INSERT INTO trade_executions ({columns}) VALUES ({values})", row)


def two_executions(tx: Tx) -> None:
    copy_execution(tx, E.FILLED)


def two_for_one_order(tx: Tx) -> None:
    copy_execution(tx, E.SUBMITTED, proposal_id=901)


def accepted_without_order(tx: Tx) -> None:
    without_constraints(tx, "trade_executions")
    tx.db.execute("UPDATE trade_executions SET order_id = NULL WHERE state = 'SUBMITTED'")


def sent_without_intent(tx: Tx) -> None:
    execution = bring_to(tx, E.ABANDONED)
    apply_order(tx, execution.id, venue_order(execution, "new"), "sweep", {})


def hanging(tx: Tx) -> None:
    tx.now += 600 * SECOND + 1
    reconcile_ran(tx)


def reconcile_ran(tx: Tx) -> None:
    register_job(tx, JobName.RECONCILE, SECOND)
    lease = acquire_lease(tx, JobName.RECONCILE, "somebody")
    assert lease is not None
    finish_lease(tx, lease, next_run_at=tx.now, started_at=tx.now, summary="", changed=False, error=None)


def no_trade(tx: Tx) -> None:
    without_triggers(tx)
    tx.db.execute("DELETE FROM trade_history WHERE id = 1")


def claimed_without_execution(tx: Tx) -> None:
    proposal = create_proposal(tx, own_idea())
    without_triggers(tx)
    tx.db.execute("UPDATE trade_proposals SET state = 'FAILED' WHERE id = ?", (proposal.id,))


def executed_but_open(tx: Tx) -> None:
    without_triggers(tx)
    tx.db.execute("UPDATE trade_proposals SET state = 'EXPIRED' WHERE state = 'CLAIMED'")


def claimed_on_a_refusal(tx: Tx) -> None:
    without_triggers(tx)
    tx.db.execute("UPDATE gate_decisions SET passed = 0 WHERE id = 1")


def absent_without_proof(tx: Tx) -> None:
    without_triggers(tx)
    tx.db.execute("UPDATE execution_events SET source = 'silence' WHERE after = 'ABSENT'")


def moved_without_event(tx: Tx) -> None:
    without_triggers(tx)
    tx.db.execute("DELETE FROM execution_events WHERE after = 'FILLED'")


def no_policy(tx: Tx) -> None:
    tx.db.execute("UPDATE policy_activations SET active = 0")


def dangling_row(tx: Tx) -> None:
    without_triggers(tx)
    tx.db.execute("UPDATE execution_events SET execution_id = 999 WHERE id = 1")


def unsound_file(tx: Tx) -> None:
    without_triggers(tx)
    tx.db.execute("PRAGMA ignore_check_constraints = 1")
    tx.db.execute("UPDATE alerts SET level = 'nonsense'")
    tx.db.execute("INSERT INTO alerts (at, level, subject, text) VALUES (1, 'nonsense', 'x', 'y')")
    tx.db.execute("PRAGMA ignore_check_constraints = 0")


def foreign_fill(tx: Tx) -> None:
    without_triggers(tx)
    tx.db.execute("UPDATE fills SET side = 'sell'")


def filled_but_failed(tx: Tx) -> None:
    without_triggers(tx)
    tx.db.execute("UPDATE trade_history SET status = 'failed' WHERE status = 'confirmed'")


def confirmed_but_empty(tx: Tx) -> None:
    claim = claim_by_hand(tx)
    tx.db.execute("UPDATE trade_history SET status = 'confirmed' WHERE execution_id = ?", (claim.execution_id,))


def foreign_client_id(tx: Tx) -> None:
    without_triggers(tx)
    tx.db.execute("UPDATE trade_executions SET client_order_id = ? WHERE id = 1", ("9" * 36,))


SEEDS: Final[dict[str, tuple[Callable[[Tx], None], str]]] = {
    "one execution per proposal": (two_executions, "has 2 executions"),
    "one order per execution": (two_for_one_order, "belongs to 2 executions"),
    "every accepted execution has an order id": (accepted_without_order, "SUBMITTED without an order id"),
    "no send without a stored intent": (sent_without_intent, "SUBMITTED without a stored send"),
    "no submission hangs": (hanging, "SUBMITTING for more than 10 minutes"),
    "every execution has its trade": (no_trade, "execution 1 has no trade"),
    "a claimed proposal has its execution": (claimed_without_execution, "FAILED without an execution"),
    "an executed proposal is not open": (executed_but_open, "is EXPIRED although it has an execution"),
    "every claim passed the gate": (claimed_on_a_refusal, "execution 1 has no passed decision"),
    "absence is proven": (absent_without_proof, "is ABSENT without evidence"),
    "every move has its event": (moved_without_event, "is FILLED without an event"),
    "one policy is active": (no_policy, "0 policies are active"),
    "rows refer to rows": (dangling_row, "execution_events row 1 refers to nothing"),
    "the file is sound": (unsound_file, "alerts"),
    "_fills_fit_orders": (foreign_fill, "does not belong to execution"),
    "_statuses_follow_fills": (filled_but_failed, "has fills but is failed"),
    "_ids_are_derived": (foreign_client_id, "execution 1 carries a client order id that is not its own"),
}


def found_by(tx: Tx, name: str) -> list[str]:
    """What one invariant finds."""
    if name in QUERIES:
        return [str(row[0]) for row in tx.db.execute(QUERIES[name], {"now": tx.now})]
    [check] = [check for check in COMPARISONS if check.__name__ == name]
    return check(tx)


def test_every_invariant_has_its_violation_here() -> None:
    assert set(SEEDS) == {*QUERIES, *(check.__name__ for check in COMPARISONS)}


def test_a_whole_vault_breaks_none(whole: Tx) -> None:
    assert broken_invariants(whole) == []


@pytest.mark.parametrize("name", SEEDS)
def test_each_invariant_finds_its_violation(whole: Tx, name: str) -> None:
    seed, sentence = SEEDS[name]
    assert found_by(whole, name) == []
    seed(whole)
    assert any(sentence in text for text in found_by(whole, name))
    if name != "rows refer to rows":  # a row that refers to nothing also breaks reads that follow it
        assert any(sentence in text for text in broken_invariants(whole))


def test_a_confirmed_trade_without_a_fill_is_found(whole: Tx) -> None:
    confirmed_but_empty(whole)
    assert any("confirmed without a fill" in text for text in broken_invariants(whole))


def test_two_active_policies_are_found(whole: Tx) -> None:
    without_constraints(whole, "policy_activations")
    whole.db.execute("INSERT INTO policy_activations SELECT 90, hash, replaces, actor, at, 1 FROM policy_activations")
    assert "2 policies are active" in broken_invariants(whole)


def test_a_submission_of_exactly_ten_minutes_does_not_hang_yet(whole: Tx) -> None:
    whole.now += 600 * SECOND
    assert found_by(whole, "no submission hangs") == []


def test_ids_of_an_earlier_incarnation_are_left_alone_and_no_others(whole: Tx) -> None:
    for foreign, found in ((False, 0), (True, 1)):
        tell_of_a_restore(whole, f"00000000-0000-4000-8000-00000000000{int(foreign)}")
        if foreign:
            foreign_client_id(whole)
        assert len(found_by(whole, "_ids_are_derived")) == found


def tell_of_a_restore(tx: Tx, incarnation: str) -> None:
    tx.sql.insert(
        "insert_earlier_incarnation", incarnation=tx.info.incarnation, orders_from=0, markets="[]", now=tx.now
    )
    tx.info = replace(tx.info, incarnation=incarnation)


@pytest.mark.parametrize("state", ["EXPIRED", "DECLINED"])
def test_a_proposal_that_was_over_has_an_execution_after_a_restore_only(whole: Tx, state: str) -> None:
    without_triggers(whole)
    number = whole.db.execute("SELECT proposal_id FROM trade_executions WHERE id = 1").fetchone()[0]
    whole.db.execute("UPDATE trade_proposals SET state = ? WHERE id = ?", (state, number))
    said = f"proposal {number} is {state} although it has an execution"
    assert found_by(whole, "an executed proposal is not open") == [said]
    whole.db.execute("UPDATE trade_executions SET imported = 1 WHERE id = 1")
    assert found_by(whole, "an executed proposal is not open") == []


def test_no_query_needs_a_newer_sqlite_than_the_vault() -> None:
    # HAVING without GROUP BY came with SQLite 3.39; the vault runs from 3.37 on.
    for sql in QUERIES.values():
        assert ("HAVING" in sql) <= ("GROUP BY" in sql)


@pytest.mark.parametrize(("violations", "halts"), [([], False), (["execution 1 has no trade"], True)])
def test_a_run_is_recorded_and_a_violation_halts(tx: Tx, violations: list[str], halts: bool) -> None:
    record_invariant_run(tx, violations)
    row = tx.db.execute("SELECT at, violations, actor FROM invariant_runs").fetchone()
    assert (row["at"], json.loads(row["violations"]), row["actor"]) == (tx.now, violations, "operator")
    assert (current_trading_state(tx).state is TradingState.HALTED) is halts
    if halts:
        assert violations[0] in current_trading_state(tx).reason


def test_a_send_that_nobody_could_look_for_yet_is_no_broken_invariant(tx: Tx) -> None:
    bring_to(tx, E.SUBMITTING)
    reconcile_ran(tx)
    tx.now += 8 * 3600 * SECOND  # the machine slept; whoever looks first must not halt for it
    assert broken_invariants(tx) == []
    reconcile_ran(tx)
    assert broken_invariants(tx) == ["execution 1 is SUBMITTING for more than 10 minutes"]
