"""Evidence: every report of the exchange, in every order, on every state."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.absence import OperatorFill, resolve_by_operator
from storage.clock import SECOND
from storage.codes import CLOSED, ExecutionState, ProposalState, Side, TradingState
from storage.database import Tx
from storage.errors import Conflict
from storage.evidence import apply_order, move_execution
from storage.execution_models import Execution, VenueFill, VenueOrder
from storage.execution_rows import events_of, fills_of, get_execution
from storage.executions import Accepted, Rejected, settle
from storage.facts import read_facts
from storage.money import Eur, Price, Quantity
from storage.proposals import get_proposal
from storage.trading_state import current_trading_state, halt
from tests.storage.world import (
    alert_texts,
    bare_tx,
    bring_to,
    exit_idea,
    own_idea,
    part_fill,
    proposal_state,
    trade_status,
    venue_fill,
    venue_order,
)
from tests.support import SteppedClock

E: Final = ExecutionState
OPEN: Final = ("new", "awaitingTrigger", "partiallyFilled")
ENDED: Final = (
    "canceled", "canceledAuction", "canceledSelfTradePrevention", "canceledIOC", "canceledFOK",
    "canceledMarketProtection", "canceledPostOnly", "expired", "a word of the future",
)  # fmt: skip
STATUSES: Final = (*OPEN, *ENDED, "filled", "rejected")
RANK: Final = {E.SUBMITTED: 1, E.PARTIALLY_FILLED: 2, E.FILLED: 3, E.CANCELED: 3}
SEALED: Final = frozenset({E.FILLED, E.CANCELED})


def meaning(status: str, filled: bool) -> ExecutionState:
    """What a status stands for, said independently."""
    if status in OPEN:
        return E.PARTIALLY_FILLED if filled else E.SUBMITTED
    if status == "filled":
        return E.FILLED
    return E.REJECTED if status == "rejected" and not filled else E.CANCELED


def expected_state(before: ExecutionState, status: str, filled: bool) -> ExecutionState:
    """The state a report leaves an execution in, said independently of the transition table."""
    after = meaning(status, filled)
    if before in SEALED:
        return before
    if before is E.CLAIMED:
        before = E.ABANDONED
    if before is E.PARTIALLY_FILLED and after in (E.SUBMITTED, E.REJECTED):
        return E.PARTIALLY_FILLED if after is E.SUBMITTED else E.CANCELED
    if before in CLOSED and after is E.REJECTED:
        return before
    return after


@pytest.mark.parametrize(("state", "filled"), list(product(ExecutionState, (False, True))))
def test_every_status_moves_every_state_to_the_truth_and_never_backward(
    tx: Tx, state: ExecutionState, filled: bool
) -> None:
    executions = [bring_to(tx, state) for _ in STATUSES]  # before the first late evidence halts
    for status, execution in zip(STATUSES, executions, strict=True):
        fills = (part_fill(execution, 7),) if filled else ()
        after = apply_order(tx, execution.id, venue_order(execution, status, *fills), "stream", {})
        assert after is expected_state(state, status, filled), status
        stored = get_execution(tx, execution.id)
        assert stored.state is after
        assert stored.order_id == f"order-{execution.id}"
        # Of an ended order the word it ended with stays.
        assert stored.venue_status == (execution.venue_status if state in SEALED else status)
        assert (f"fill-{execution.id}-7" in {fill.fill_id for fill in fills_of(tx, execution.id)}) is filled
        if fills_of(tx, execution.id):
            assert trade_status(tx, execution) == "confirmed"


@pytest.mark.parametrize("state", sorted(CLOSED))
@pytest.mark.parametrize("status", ["new", "partiallyFilled", "filled", "canceled"])
def test_late_evidence_reopens_halts_and_alerts(tx: Tx, state: ExecutionState, status: str) -> None:
    execution = bring_to(tx, state)
    was = proposal_state(tx, execution)
    apply_order(tx, execution.id, venue_order(execution, status, part_fill(execution, 1)), "sweep", {})
    assert current_trading_state(tx).state is TradingState.HALTED
    assert f"execution {execution.id}" in current_trading_state(tx).reason
    assert any(f"order-{execution.id}" in text for text in alert_texts(tx))
    assert proposal_state(tx, execution) is ProposalState.EXECUTED
    assert was in (ProposalState.FAILED, ProposalState.CLAIMED)
    assert trade_status(tx, execution) == "confirmed"


def test_an_order_that_appears_for_an_unsent_claim_ends_it_and_halts(tx: Tx) -> None:
    execution = bring_to(tx, E.CLAIMED)
    assert apply_order(tx, execution.id, venue_order(execution, "new"), "sweep", {}) is E.SUBMITTED
    assert current_trading_state(tx).state is TradingState.HALTED
    assert [event["after"] for event in events_of(tx, execution.id)] == ["ABANDONED", "SUBMITTED"]


@pytest.mark.parametrize("state", [E.SUBMITTING, E.UNKNOWN, E.SUBMITTED, E.PARTIALLY_FILLED, E.FILLED, E.CANCELED])
def test_evidence_in_time_neither_halts_nor_alerts(tx: Tx, state: ExecutionState) -> None:
    execution = bring_to(tx, state)
    apply_order(tx, execution.id, venue_order(execution, "filled", part_fill(execution, 3)), "stream", {})
    assert current_trading_state(tx).state is TradingState.ACTIVE
    assert alert_texts(tx) == []


def test_a_stale_report_without_fills_does_not_hide_those_already_stored(tx: Tx) -> None:
    execution = bring_to(tx, E.PARTIALLY_FILLED)
    move_execution(tx, execution, E.UNKNOWN, "silence", {})
    assert apply_order(tx, execution.id, venue_order(execution, "new"), "look-up", {}) is E.PARTIALLY_FILLED


def test_an_order_with_fills_is_never_taken_as_rejected(tx: Tx) -> None:
    execution = bring_to(tx, E.PARTIALLY_FILLED)
    move_execution(tx, execution, E.UNKNOWN, "silence", {})
    assert apply_order(tx, execution.id, venue_order(execution, "rejected"), "look-up", {}) is E.CANCELED
    assert proposal_state(tx, execution) is ProposalState.EXECUTED


def test_a_cancel_whose_fills_are_still_to_come_does_not_fail_the_trade(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTING)
    order = replace(venue_order(execution, "canceled"), filled=Quantity.of("0.0001"))
    for _ in range(2):
        assert apply_order(tx, execution.id, order, "stream", {}) is E.CANCELED
        assert trade_status(tx, execution) == "pending"
    apply_order(tx, execution.id, venue_order(execution, "canceled", part_fill(execution, 1)), "fills", {})
    assert trade_status(tx, execution) == "confirmed"


@pytest.mark.parametrize(
    ("status", "trade"), [("canceled", "failed"), ("rejected", "failed"), ("filled", "pending"), ("new", "pending")]
)
def test_an_end_with_nothing_filled_fails_the_trade(tx: Tx, status: str, trade: str) -> None:
    execution = bring_to(tx, E.SUBMITTING)
    apply_order(tx, execution.id, venue_order(execution, status), "stream", {})
    assert trade_status(tx, execution) == trade


def test_the_trades_time_is_the_later_of_claim_and_newest_fill(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTED)
    late, early = part_fill(execution, 1), part_fill(execution, 2)
    late = replace(late, at=execution.claimed_at + 900 * SECOND)
    early = replace(early, at=execution.claimed_at - 900 * SECOND)
    for fills, at in (((early,), execution.claimed_at), ((early, late), late.at)):
        apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", *fills), "stream", {})
        row = tx.sql.one("trade_of_execution", execution_id=execution.id)
        assert row is not None
        assert row["traded_at"] == at


def test_fills_are_stored_once_and_their_fee_fills_in_once(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTED)
    bare = replace(part_fill(execution, 1), fee=None, fee_currency=None, settled=False)
    settled = replace(bare, fee=Decimal("0.0625"), fee_currency="EUR", settled=True)
    other = replace(settled, fee=Decimal("9"))
    seen = []
    for fill in (bare, bare, settled, other, bare):
        apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", fill), "stream", {})
        [stored] = fills_of(tx, execution.id)
        seen.append(None if stored.fee is None else str(stored.fee))
    assert seen == [None, None, "0.0625", "0.0625", "0.0625"]


def test_a_fee_known_before_it_is_settled_is_settled_later(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTED)
    early = replace(part_fill(execution, 1), settled=False)
    apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", early), "stream", {})
    [stored] = fills_of(tx, execution.id)
    assert (str(stored.fee), stored.settled) == ("0.06", False)
    apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", replace(early, settled=True)), "s", {})
    [stored] = fills_of(tx, execution.id)
    assert (str(stored.fee), stored.settled) == ("0.06", True)


def test_fees_are_stored_as_canonical_decimals(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTED)
    fees = (Decimal("0.060"), Decimal("-0"), Decimal("1E-7"), Decimal("-0.0100"))
    fills = [replace(part_fill(execution, n), fee=fee) for n, fee in enumerate(fees)]
    apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", *fills), "stream", {})
    texts = [row[0] for row in tx.db.execute("SELECT fee FROM fills ORDER BY id")]
    assert texts == ["0.06", "0", "0.0000001", "-0.01"]


def test_a_fee_in_another_coin_is_not_taken_for_euros(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTED)
    fill = replace(part_fill(execution, 1), fee_currency="BTC")
    apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", fill), "stream", {})
    [stored] = fills_of(tx, execution.id)
    assert stored.fee is None


@pytest.mark.parametrize(
    ("side", "price", "halts"),
    [
        (Side.BUY, "61200", False), (Side.BUY, "61200.01", True), (Side.BUY, "1", False),
        (Side.SELL, "61100", False), (Side.SELL, "61099.99", True), (Side.SELL, "99999", False),
    ],
)  # fmt: skip
def test_a_fill_beyond_the_limit_halts(tx: Tx, side: Side, price: str, halts: bool) -> None:
    execution = bring_to(tx, E.SUBMITTING, own_idea() if side is Side.BUY else exit_idea())
    fill = replace(part_fill(execution, 1), price=Price.of(price))
    assert apply_order(tx, execution.id, venue_order(execution, "filled", fill), "answer", {}) is E.FILLED
    assert (current_trading_state(tx).state is TradingState.HALTED) is halts
    assert bool(alert_texts(tx)) is halts
    assert len(fills_of(tx, execution.id)) == 1


def test_more_filled_than_ordered_halts_and_is_stored(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTING)
    whole = venue_fill(1, quantity=execution.quantity)
    apply_order(tx, execution.id, venue_order(execution, "filled", whole), "answer", {})
    assert current_trading_state(tx).state is TradingState.ACTIVE
    dust = venue_fill(2, quantity=Quantity.of("0.00000001"))
    apply_order(tx, execution.id, venue_order(execution, "filled", whole, dust), "fills", {})
    assert current_trading_state(tx).state is TradingState.HALTED
    assert len(fills_of(tx, execution.id)) == 2


def test_a_second_order_under_our_client_order_id_halts(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTED)
    twin = replace(venue_order(execution, "filled", part_fill(execution, 1)), order_id="another-order")
    apply_order(tx, execution.id, twin, "sweep", {})
    assert current_trading_state(tx).state is TradingState.HALTED
    assert any("another-order" in text for text in alert_texts(tx))
    assert get_execution(tx, execution.id).order_id == f"order-{execution.id}"
    assert len(fills_of(tx, execution.id)) == 1


@pytest.mark.parametrize(
    "foreign",
    [
        {"client_order_id": "11111111-2222-4333-8444-555555555555"},
        {"client_order_id": None},
        {"market": "ETH-EUR"},
        {"side": "sell"},
    ],
)
def test_another_order_is_not_taken_for_ours(tx: Tx, foreign: dict[str, str | None]) -> None:
    execution = bring_to(tx, E.SUBMITTING)
    with pytest.raises(Conflict):
        apply_order(tx, execution.id, venue_order(execution, "filled", **foreign), "listing", {})
    assert get_execution(tx, execution.id).state is E.SUBMITTING


def test_a_known_order_is_ours_without_its_client_order_id_and_ids_compare_without_case(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTED)
    assert apply_order(tx, execution.id, venue_order(execution, "filled", client_order_id=None), "s", {}) is E.FILLED
    other = bring_to(tx, E.SUBMITTING)
    upper = other.client_order_id.upper()
    assert apply_order(tx, other.id, venue_order(other, "new", client_order_id=upper), "s", {}) is E.SUBMITTED


def test_a_settle_whose_proposal_cannot_move_still_stores_the_evidence(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTING)
    tx.db.execute("DROP TRIGGER proposal_transition")
    tx.db.execute("UPDATE trade_proposals SET state = 'EXPIRED' WHERE id = ?", (execution.proposal_id,))
    order = venue_order(execution, "filled", part_fill(execution, 1))
    assert settle(tx, execution.id, Accepted(order)) is E.FILLED
    assert get_execution(tx, execution.id).order_id == order.order_id
    assert any(f"proposal {execution.proposal_id} is EXPIRED" in text for text in alert_texts(tx))


@pytest.mark.parametrize(("state", "told"), [("EXPIRED", False), ("DECLINED", False), ("PROPOSED", True)])
def test_of_an_order_taken_over_after_a_restore_its_expired_idea_is_no_alert(tx: Tx, state: str, told: bool) -> None:
    execution = bring_to(tx, E.SUBMITTING)
    tx.db.execute("DROP TRIGGER proposal_transition")
    tx.db.execute("UPDATE trade_proposals SET state = ? WHERE id = ?", (state, execution.proposal_id))
    tx.db.execute("UPDATE trade_executions SET imported = 1 WHERE id = ?", (execution.id,))
    settle(tx, execution.id, Accepted(venue_order(execution, "filled", part_fill(execution, 1))))
    assert any(f"proposal {execution.proposal_id} is {state}" in text for text in alert_texts(tx)) is told


@pytest.mark.parametrize("state", list(ExecutionState))
def test_a_listed_refusal_rejects_what_is_undecided_only(tx: Tx, state: ExecutionState) -> None:
    execution = bring_to(tx, state)
    after = settle(tx, execution.id, Rejected(400, 216, "insufficient funds"))
    assert after is (E.REJECTED if state in (E.SUBMITTING, E.UNKNOWN) else state)
    if state in (E.SUBMITTING, E.UNKNOWN):
        assert proposal_state(tx, execution) is ProposalState.FAILED
        assert events_of(tx, execution.id)[-1]["evidence"]["error_code"] == 216


def test_a_lost_compare_and_set_says_so_and_stores_nothing(tx: Tx) -> None:
    stale = bring_to(tx, E.SUBMITTING)
    apply_order(tx, stale.id, venue_order(stale, "new"), "answer", {})
    events = len(events_of(tx, stale.id))
    with pytest.raises(Conflict):
        move_execution(tx, stale, E.UNKNOWN, "silence", {})
    assert len(events_of(tx, stale.id)) == events


def _report(execution: Execution, status: str, numbers: list[int], settled: bool) -> VenueOrder:
    fills: list[VenueFill] = []
    for number in numbers:
        fill = part_fill(execution, number)
        fills.append(fill if settled else replace(fill, fee=None, fee_currency=None, settled=False))
    return venue_order(execution, status, *fills)


def _picture(tx: Tx, execution: Execution) -> tuple[object, ...]:
    rows = [tuple(row) for row in tx.db.execute("SELECT * FROM fills WHERE execution_id = ?", (execution.id,))]
    now = get_execution(tx, execution.id)
    trade = tx.sql.one("trade_of_execution", execution_id=execution.id)
    assert trade is not None
    return (now, rows, tuple(trade), proposal_state(tx, execution), len(events_of(tx, execution.id)))


REPORTS = st.lists(
    st.tuples(st.sampled_from(STATUSES), st.lists(st.integers(1, 9), max_size=3, unique=True), st.booleans()),
    min_size=1,
    max_size=6,
)


@settings(max_examples=120, deadline=None)
@given(start=st.sampled_from(list(ExecutionState)), reports=REPORTS)
def test_applying_twice_is_applying_once_and_nothing_ever_goes_backward(
    start: ExecutionState, reports: list[tuple[str, list[int], bool]]
) -> None:
    with TemporaryDirectory() as folder:
        tx = bare_tx(Path(folder), SteppedClock())
        execution = bring_to(tx, start)
        states = [start]
        for status, numbers, settled in reports:
            order = _report(execution, status, numbers, settled)
            apply_order(tx, execution.id, order, "stream", {})
            once = _picture(tx, execution)
            apply_order(tx, execution.id, order, "stream", {})
            assert _picture(tx, execution) == once
            states.append(get_execution(tx, execution.id).state)
        ranks = [RANK[state] for state in states if state in RANK]
        assert ranks == sorted(ranks)
        stored = {fill.fill_id for fill in fills_of(tx, execution.id)}
        assert stored >= {f"fill-{execution.id}-{n}" for _, numbers, _ in reports for n in numbers}
        for seal in SEALED & set(states):
            assert states[states.index(seal) :] == [seal] * (len(states) - states.index(seal))
        tx.db.close()


def test_the_outcome_of_two_fills_does_not_depend_on_their_order(tx: Tx) -> None:
    pictures = []
    for order in ((1, 2), (2, 1)):
        execution = bring_to(tx, E.SUBMITTED)
        for number in order:
            apply_order(tx, execution.id, _report(execution, "partiallyFilled", [number], True), "stream", {})
        pictures.append(
            (get_execution(tx, execution.id).state, sorted(str(f.quantity) for f in fills_of(tx, execution.id)))
        )
    assert pictures[0] == pictures[1]


def test_an_ended_order_is_followed_until_its_fills_add_up(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTED)
    half = replace(venue_order(execution, "canceled"), filled=execution.quantity.scaled(Decimal("0.5")))
    apply_order(tx, execution.id, half, "look-up", {})
    short = [row["id"] for row in tx.sql.all("executions_short_of_fills")]
    assert short == [execution.id]
    [missing] = read_facts(tx, get_proposal(tx, execution.proposal_id)).open_executions
    assert missing.remaining == half.filled  # counts like an order still open
    apply_order(tx, execution.id, replace(half, fills=(whole_fill(execution, half.filled),)), "look-up", {})
    assert tx.sql.all("executions_short_of_fills") == []


def test_the_word_an_order_ended_with_stays(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTED)
    apply_order(tx, execution.id, venue_order(execution, "canceled"), "look-up", {})
    apply_order(tx, execution.id, venue_order(execution, "new"), "late look-up", {})
    assert get_execution(tx, execution.id).venue_status == "canceled"


def test_a_fill_beside_the_operators_verdict_halts_and_is_not_counted_twice(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    halt(tx, "looking")
    verdict = OperatorFill(execution.quantity, Price.of("61000"), Eur.of("0.07"))
    resolve_by_operator(tx, execution.id, verdict, "seen on the site")
    order = replace(venue_order(execution, "filled"), filled=execution.quantity)
    apply_order(tx, execution.id, replace(order, fills=(whole_fill(execution, execution.quantity),)), "sweep", {})
    assert len(fills_of(tx, execution.id)) == 1
    assert "settled by hand" in current_trading_state(tx).reason or "late evidence" in current_trading_state(tx).reason


def whole_fill(execution: Execution, quantity: Quantity) -> VenueFill:
    price = execution.limit if execution.limit is not None else Price.of("61000")
    return VenueFill("fill-whole", execution.claimed_at, quantity, price, Decimal("0.01"), "EUR", True, True)
