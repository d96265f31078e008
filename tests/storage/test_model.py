"""Every interleaving of two executors, one proposal and a network that loses, copies and delays; and what breaks it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import pytest

from storage.absence import prove_absent
from storage.clock import SECOND
from storage.codes import CLOSED as CLOSED_STATES
from storage.codes import RESTING, ExecutionState, TradingState
from storage.database import Tx
from storage.errors import Conflict
from storage.evidence import apply_order
from storage.execution_models import Execution
from storage.execution_rows import get_execution
from storage.executions import Rejected, abandon_stale_claims, mark_unknown, overdue_submitting, settle
from storage.trading_state import current_trading_state, resume
from tests.storage.model.walk import walk
from tests.storage.model.world import CLOSED, PROVABLE, STATE_OF, Row, Rules, Table, World, adopt, moves
from tests.storage.world import (
    LAG_MS,
    MARGIN_MS,
    bare_tx,
    bring_to,
    full_proof,
    part_fill,
    proposal_state,
    venue_order,
)
from tests.support import SteppedClock

E = ExecutionState
LATE: Final = True
"""Whether the exchange may apply a request past its window, which it must not."""
IN_TIME: Final = False


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """The legal transitions as a new vault holds them."""
    made = bare_tx(tmp_path_factory.mktemp("model"), SteppedClock())
    rows = made.db.execute("SELECT entity, before, after FROM legal_transitions").fetchall()
    made.db.close()
    return frozenset((row["entity"], row["before"], row["after"]) for row in rows)


def test_whatever_happens_there_is_one_order_and_all_of_it_is_told_in_the_end(table: Table) -> None:
    found = walk(Rules(table), late_apply=IN_TIME)
    assert found.broken == set()
    assert found.executions_seen == {state.value for state in E}, "every state of the table was reached"
    for name in (
        "claim",
        "crash",
        "lost before",
        "apply, answer lost",
        "apply twice",
        "conflict",
        "old news",
        "absent",
    ):
        assert name in found.moves_seen


def test_an_order_that_is_applied_past_its_window_is_found_and_halts(table: Table) -> None:
    assert walk(Rules(table), late_apply=LATE).broken == set()


MUTATIONS: Final[dict[str, tuple[tuple[str, ...], bool, str]]] = {
    "a proposal may be claimed twice": (("claims_once",), IN_TIME, "two orders"),
    "silence is answered by sending again": (("sends_once",), IN_TIME, "two orders"),
    "the send is stored after it": (("stores_before_send",), IN_TIME, "an order that exists is ABANDONED"),
    "an abandoned claim is sent": (("sends_own_claim_only",), IN_TIME, "illegal write: ABANDONED"),
    "a sweep begun too early proves": (("begins_after_deadline",), IN_TIME, "an order that exists is ABSENT"),
    "absence is said without a look": (("looks_twice",), IN_TIME, "an order that exists is ABSENT"),
    "a conflict of ids is a refusal": (("conflict_is_unknown",), IN_TIME, "an order that exists is REJECTED"),
    "nobody calls a silent send UNKNOWN": (
        ("anybody_calls_unknown", "silence_is_unknown"), IN_TIME, "stuck in SUBMITTING",
    ),
    "late evidence does not halt": (("late_evidence_halts",), LATE, "late evidence did not halt"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_without_one_rule_something_breaks(table: Table, name: str) -> None:
    rules, exchange, symptom = MUTATIONS[name]
    off: dict[str, Any] = dict.fromkeys(rules, False)
    broken = walk(replace(Rules(table), **off), late_apply=exchange, until=symptom).broken
    assert any(each.startswith(symptom) for each in broken), broken


REMOVED: Final = {
    ("UNKNOWN", "ABSENT"): (IN_TIME, "illegal write: UNKNOWN -> ABSENT"),
    ("UNKNOWN", "RESOLVED"): (IN_TIME, "illegal write: UNKNOWN -> RESOLVED"),
    ("UNKNOWN", "REJECTED"): (IN_TIME, "illegal write: UNKNOWN -> REJECTED"),
    ("SUBMITTING", "UNKNOWN"): (IN_TIME, "illegal write: SUBMITTING -> UNKNOWN"),
    ("CLAIMED", "ABANDONED"): (IN_TIME, "illegal write: CLAIMED -> ABANDONED"),
    ("SUBMITTED", "CANCELED"): (IN_TIME, "stuck in SUBMITTED"),
    ("PARTIALLY_FILLED", "FILLED"): (IN_TIME, "stuck in PARTIALLY_FILLED"),
    ("UNKNOWN", None): (IN_TIME, "stuck in UNKNOWN"),
    ("ABSENT", None): (LATE, "stuck in ABSENT"),
}
"""One transition, or all that lead on from a state."""


@pytest.mark.parametrize("gone", REMOVED)
def test_without_one_transition_something_breaks(table: Table, gone: tuple[str, str | None]) -> None:
    exchange, symptom = REMOVED[gone]
    less = frozenset(row for row in table if row[0] != "execution" or gone not in ((row[1], row[2]), (row[1], None)))
    assert symptom in walk(Rules(less), late_apply=exchange, until=symptom).broken


# --- the machine writes what the program writes


def states_after(world: World, move: str, table: Table) -> str:
    """The execution's state after a move of the machine; the same if it has no such move there."""
    after = dict(moves(world, Rules(table), late_apply=False)).get(move, world)
    return after.rows[0].state


def in_state(state: ExecutionState, **changes: Any) -> World:
    row = Row(state.value, ordered=state in RESTING | ENDS, stage=None if state in NEVER_SENT else PROVABLE)
    return World(proposal="CLAIMED", rows=(row._replace(**changes),))


NEVER_SENT: Final = {E.CLAIMED, E.ABANDONED}
ENDS: Final = {E.FILLED, E.CANCELED}
REPORTS: Final = {"open": "new", "partly": "partiallyFilled", "filled": "filled", "canceled": "canceled"}


@pytest.mark.parametrize("status", REPORTS)
def test_evidence_of_an_order_moves_the_machine_as_it_moves_the_vault(tx: Tx, table: Table, status: str) -> None:
    for state in E:
        if (record := current_trading_state(tx)).state is not TradingState.ACTIVE:
            record = resume(tx, record.id, "the next case")
        execution = bring_to(tx, state)
        fills = (part_fill(execution, 2),) if status == "partly" else ()
        before = World(proposal=proposal_state(tx, execution).value, rows=(in_state(state).rows))
        apply_order(tx, execution.id, venue_order(execution, REPORTS[status], *fills), "test", {})
        expected = adopt(before, Rules(table), 0, status)
        reached = get_execution(tx, execution.id)
        assert reached.state.value == expected.rows[0].state, state
        assert (reached.order_id is not None) is expected.rows[0].ordered
        assert proposal_state(tx, execution).value == expected.proposal, state
        assert (current_trading_state(tx).id != record.id) is expected.halted, state


def test_silence_refusal_age_and_absence_move_the_machine_as_they_move_the_vault(tx: Tx, table: Table) -> None:
    refusal = Rejected(400, 216, "insufficient balance")
    steps: dict[str, tuple[Callable[[Execution], object], dict[str, Any], dict[str, Any]]] = {
        "store silence": (lambda each: mark_unknown(tx, each.id, "time-out"), {}, {"actors": (("silence", 0),)}),
        "store refusal": (lambda each: settle(tx, each.id, refusal), {}, {"actors": (("refused", 0),)}),
        "abandon stale": (lambda each: abandon_stale_claims(tx), {"stale": True}, {}),
        "overdue": (lambda each: overdue_submitting(tx, 10_000), {}, {}),
        "absent": (lambda each: prove(tx, each), {}, {"sweep": (0, PROVABLE, 2)}),
    }
    for name, (act, row, world) in steps.items():
        for state in E:
            execution = bring_to(tx, state)
            tx.now += 16 * SECOND
            act(execution)
            machine = in_state(state, **row)._replace(**world)
            assert get_execution(tx, execution.id).state.value == states_after(machine, name, table), (name, state)


def prove(tx: Tx, execution: Execution) -> None:
    """Prove it absent if the vault lets us."""
    if execution.signing is not None:
        with suppress(Conflict):
            prove_absent(tx, execution.id, full_proof(execution), margin_ms=MARGIN_MS, lookup_lag_ms=LAG_MS)


def test_the_machine_knows_the_vaults_states() -> None:
    assert set(STATE_OF.values()) == {state.value for state in RESTING | ENDS}
    assert frozenset(state.value for state in CLOSED_STATES) == CLOSED
