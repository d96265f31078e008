"""Proof of absence: whole or nothing; and the operator's verdict where there is no proof."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from storage.absence import (
    LookUp,
    OperatorFill,
    earliest_proof,
    margin_for,
    missing_proof,
    prove_absent,
    resolve_by_operator,
)
from storage.clock import HOUR, SECOND
from storage.codes import ExecutionState, Mode, ProposalState, TradingState
from storage.database import Tx
from storage.errors import Conflict
from storage.evidence import apply_order
from storage.execution_models import Execution
from storage.execution_rows import events_of, fills_of, get_execution
from storage.money import Eur, Price, Quantity
from storage.trading_state import current_trading_state, halt
from tests.storage.records import row
from tests.storage.world import (
    LAG_MS,
    MARGIN_MS,
    alert_texts,
    bring_to,
    full_proof,
    part_fill,
    proposal_state,
    trade_status,
    venue_order,
)

E: Final = ExecutionState


def prove(tx: Tx, execution: Execution, **changes: Any) -> None:
    evidence = full_proof(execution, **changes)
    tx.now = max(tx.now, evidence.began_at)
    prove_absent(tx, execution.id, evidence, margin_ms=MARGIN_MS, lookup_lag_ms=LAG_MS)


def test_an_exchange_whose_time_runs_ahead_proves_nothing(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    evidence = full_proof(execution)
    tx.now = evidence.began_at - 2 * SECOND - 1
    with pytest.raises(Conflict, match=r"not proven absent: the exchange's time is ahead of this machine's$"):
        prove_absent(tx, execution.id, evidence, margin_ms=MARGIN_MS, lookup_lag_ms=LAG_MS)
    tx.now += 1
    prove_absent(tx, execution.id, evidence, margin_ms=MARGIN_MS, lookup_lag_ms=LAG_MS)
    assert get_execution(tx, execution.id).state is E.ABSENT


def test_a_live_proof_waits_ten_windows_whatever_the_policy_says(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    assert execution.signing is not None
    assert margin_for(Mode.LIVE, execution, 10) == 10 * execution.signing.window_ms
    assert margin_for(Mode.PAPER, execution, 10) == 10
    longer = 10 * execution.signing.window_ms + 1
    assert margin_for(Mode.LIVE, execution, longer) == longer
    assert margin_for(Mode.LIVE, bring_to(tx, E.CLAIMED), 1) == 1


def test_a_full_proof_makes_an_unknown_absent_and_is_stored(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    prove(tx, execution)
    assert get_execution(tx, execution.id).state is E.ABSENT
    assert proposal_state(tx, execution) is ProposalState.FAILED
    assert trade_status(tx, execution) == "failed"
    event = events_of(tx, execution.id)[-1]
    proof = full_proof(execution)
    assert event["source"] == "absence"
    assert event["evidence"] == {
        "began_at": proof.began_at,
        "look_ups": [[look.began_at, 404, 240] for look in proof.look_ups],
        "open_orders_seen": 0,
        "orders_seen": 3,
        "trades_seen": 2,
        "listed_from": proof.listed_from,
        "key_fingerprint": proof.key_fingerprint,
        "exchange_identity": proof.exchange_identity,
    }


def missing_pieces(execution: Execution) -> dict[str, dict[str, Any]]:
    """Every piece of the proof, left out alone."""
    proof = full_proof(execution)
    first, second = proof.look_ups
    return {
        "begun at the very end of window and margin": {"began_at": proof.began_at - 1},
        "another key": {"key_fingerprint": "00000000"},
        "another exchange": {"exchange_identity": "paper/other"},
        "no look-up": {"look_ups": ()},
        "one look-up": {"look_ups": (first,)},
        "look-ups too close": {"look_ups": (first, replace(second, began_at=second.began_at - 1))},
        "a look-up from before the sweep": {"look_ups": (replace(first, began_at=proof.began_at - 1), second)},
        "a look-up that failed": {"look_ups": (first, LookUp(second.began_at, 503, 0))},
        "a look-up that found": {"look_ups": (first, LookUp(second.began_at, 200, 0))},
        "404 with another code": {"look_ups": (first, LookUp(second.began_at, 404, 0))},
        "240 with another status": {"look_ups": (first, LookUp(second.began_at, 400, 240))},
        "a third look-up that failed": {"look_ups": (first, second, LookUp(second.began_at + 1, 500, 0))},
        "a listing cut short": {"read_to_the_end": False},
        "a listing from too late": {"listed_from": proof.listed_from + 1},
        "our id in a listing": {"our_id_seen": True},
        "a known order not listed": {"known_order_missing": True},
    }


ANOTHER: Final = "the look-ups were made with another key or at another exchange"
SPACED: Final = "two look-ups, spaced beyond the look-up lag, are needed"
FOUND: Final = "a look-up did not say that there is no such order"
CUT: Final = "the listings were not read from an hour before signing to their end"
SENTENCES: Final = {
    "begun at the very end of window and margin": "the sweep began before the order could no longer be accepted",
    "another key": ANOTHER,
    "another exchange": ANOTHER,
    "no look-up": SPACED,
    "one look-up": SPACED,
    "look-ups too close": SPACED,
    "a look-up from before the sweep": SPACED,
    "a look-up that failed": FOUND,
    "a look-up that found": FOUND,
    "404 with another code": FOUND,
    "240 with another status": FOUND,
    "a third look-up that failed": FOUND,
    "a listing cut short": CUT,
    "a listing from too late": CUT,
    "our id in a listing": "a listing shows our order",
    "a known order not listed": "a listing lacks an order that is known to exist",
}


@pytest.mark.parametrize("piece", SENTENCES)
def test_without_one_piece_there_is_no_proof_and_the_refusal_names_it(tx: Tx, piece: str) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    pieces = missing_pieces(execution)
    assert list(pieces) == list(SENTENCES)
    with pytest.raises(Conflict) as refused:
        prove(tx, execution, **pieces[piece])
    assert str(refused.value) == f"execution {execution.id} is not proven absent: {SENTENCES[piece]}"
    assert get_execution(tx, execution.id).state is E.UNKNOWN


@pytest.mark.parametrize("state", [state for state in ExecutionState if state is not E.UNKNOWN])
def test_only_an_unknown_can_be_proven_absent(tx: Tx, state: ExecutionState) -> None:
    execution = bring_to(tx, state)
    proof = full_proof(bring_to(tx, E.UNKNOWN))
    with pytest.raises(Conflict):
        prove_absent(tx, execution.id, proof, margin_ms=MARGIN_MS, lookup_lag_ms=LAG_MS)
    assert get_execution(tx, execution.id).state is state


def test_what_had_an_order_id_is_never_absent(tx: Tx) -> None:
    execution = bring_to(tx, E.SUBMITTED)
    tx.sql.change(
        "move_execution", id=execution.id, before="SUBMITTED", after="UNKNOWN", now=tx.now, order_id=None,
        venue_status=None, unknown_at=tx.now, ended_at=None, seen_at=None,
    )  # fmt: skip
    with pytest.raises(Conflict, match="order id"):
        prove(tx, execution)


def test_what_is_no_unknown_with_a_send_and_no_order_says_so(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    proof = full_proof(execution)

    def said(**changes: Any) -> str | None:
        return missing_proof(replace(execution, **changes), proof, margin_ms=MARGIN_MS, lookup_lag_ms=LAG_MS)

    assert said() is None
    assert said(state=E.SUBMITTED) == "it is SUBMITTED, not UNKNOWN"
    assert said(signing=None) is not None
    assert said(order_id="o") == "it had an order id"


def test_look_ups_exactly_as_far_apart_as_the_lag_are_enough_in_any_order(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    first, second = full_proof(execution).look_ups
    prove(tx, execution, look_ups=(second, first))
    assert get_execution(tx, execution.id).state is E.ABSENT


def test_a_live_proof_within_ten_windows_is_none(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    tx.info = replace(tx.info, mode=Mode.LIVE)
    with pytest.raises(Conflict, match="the sweep began before the order could no longer be accepted"):
        prove(tx, execution)


def test_the_margin_counts(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    proof = full_proof(execution)
    assert missing_proof(execution, proof, margin_ms=MARGIN_MS, lookup_lag_ms=LAG_MS) is None
    assert missing_proof(execution, proof, margin_ms=MARGIN_MS + 1, lookup_lag_ms=LAG_MS) is not None
    assert missing_proof(execution, proof, margin_ms=MARGIN_MS, lookup_lag_ms=LAG_MS + 1) is not None
    assert earliest_proof(execution, MARGIN_MS) == proof.began_at - 1
    assert earliest_proof(bring_to(tx, E.CLAIMED), MARGIN_MS) is None


def test_an_order_found_after_the_proof_moves_it_to_the_truth(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    prove(tx, execution)
    apply_order(tx, execution.id, venue_order(execution, "filled", part_fill(execution, 1)), "sweep", {})
    assert get_execution(tx, execution.id).state is E.FILLED
    assert current_trading_state(tx).state is TradingState.HALTED
    assert proposal_state(tx, execution) is ProposalState.EXECUTED
    assert trade_status(tx, execution) == "confirmed"


def test_a_verdict_needs_a_halt_an_unknown_and_a_reason(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    others = [bring_to(tx, state) for state in ExecutionState if state is not E.UNKNOWN]
    with pytest.raises(Conflict, match=r"^an UNKNOWN is settled by hand only while trading is HALTED$"):
        resolve_by_operator(tx, execution.id, None, "looked at the site")
    halt(tx, "test")
    with pytest.raises(Conflict, match=r"^a verdict needs a reason$"):
        resolve_by_operator(tx, execution.id, None, "  ")
    for other in others:
        with pytest.raises(Conflict, match=rf"^execution {other.id} is {other.state}, not UNKNOWN$"):
            resolve_by_operator(tx, other.id, None, "looked at the site")
    assert get_execution(tx, execution.id).state is E.UNKNOWN


def test_the_verdict_none_fails_proposal_and_trade_and_is_stored(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    halt(tx, "test")
    resolve_by_operator(tx, execution.id, None, "not in the list of orders")
    assert get_execution(tx, execution.id).state is E.RESOLVED
    assert proposal_state(tx, execution) is ProposalState.FAILED
    assert trade_status(tx, execution) == "failed"
    evidence = events_of(tx, execution.id)[-1]["evidence"]
    assert evidence == {"verdict": "none", "reason": "not in the list of orders", "operator": "operator"}


def test_the_verdict_filled_stores_what_the_operator_saw(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    halt(tx, "test")
    seen = OperatorFill(Quantity.of("0.0004"), Price.of("61190.5"), Eur.of("0.07"))
    resolve_by_operator(tx, execution.id, seen, "on the site")
    assert proposal_state(tx, execution) is ProposalState.EXECUTED
    assert trade_status(tx, execution) == "confirmed"
    [fill] = fills_of(tx, execution.id)
    assert (str(fill.quantity), str(fill.price)) == ("0.0004", "61190.5")
    assert fill.fee == Eur.of("0.07")
    event = events_of(tx, execution.id)[-1]
    assert (event["source"], event["evidence"]) == (
        "operator",
        {
            "verdict": "filled",
            "reason": "on the site",
            "operator": "operator",
            "quantity": "0.0004",
            "price": "61190.5",
        },
    )
    stored = row(tx, "fills")
    assert (stored["fill_id"], stored["at"], stored["fee_currency"]) == (f"operator/{execution.id}", tx.now, "EUR")
    assert (stored["taker"], stored["settled"]) == (1, 1)


def test_evidence_against_a_verdict_moves_it_and_alerts(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    halt(tx, "test")
    resolve_by_operator(tx, execution.id, None, "not there")
    apply_order(tx, execution.id, venue_order(execution, "canceled", part_fill(execution, 1)), "sweep", {})
    assert get_execution(tx, execution.id).state is E.CANCELED
    assert any("held to be RESOLVED" in text for text in alert_texts(tx))
    assert proposal_state(tx, execution) is ProposalState.EXECUTED


def test_listings_reach_an_hour_behind_the_signing(tx: Tx) -> None:
    execution = bring_to(tx, E.UNKNOWN)
    assert execution.signing is not None
    assert full_proof(execution).listed_from == execution.signing.signed_at_ms * 1000 - HOUR
