"""What every step of an execution leaves behind, word for word: events, audit, alerts, halts, fills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from storage.clock import SECOND
from storage.codes import ExecutionState, ProposalState, TradingState
from storage.database import Tx
from storage.errors import Conflict
from storage.evidence import apply_order, carry_verdict, move_execution, operator_fill_id, target_state
from storage.execution_models import Execution, VenueOrder
from storage.execution_rows import events_of, fills_of, get_execution
from storage.executions import (
    Abandoned,
    Accepted,
    Rejected,
    abandon_stale_claims,
    begin_submit,
    call_lost,
    cancel_asked,
    mark_unknown,
    overdue_submitting,
    settle,
)
from storage.money import Price, Quantity
from storage.policy_store import activate_policy, active_policy, policy_named
from storage.trading_state import current_trading_state, halt, tighten
from tests.storage.records import alerts, audited, row
from tests.storage.world import (
    EXCHANGE,
    KEY,
    bring_to,
    claim_by_hand,
    exit_idea,
    own_idea,
    part_fill,
    proposal_state,
    signing,
    stop_idea,
    submit,
    trade_status,
    venue_order,
)

E = ExecutionState


def last_event(tx: Tx, execution: Execution) -> dict[str, Any]:
    """The newest event of an execution, its number aside."""
    stored = row(tx, "execution_events")
    assert stored["execution_id"] == execution.id
    return {name: stored[name] for name in ("before", "after", "source", "evidence", "actor", "instance", "at")}


def event(tx: Tx, before: E, after: E, source: str, evidence: str) -> dict[str, Any]:
    by = {"actor": tx.actor.name, "instance": tx.actor.instance, "at": tx.now}
    return {"before": before, "after": after, "source": source, "evidence": evidence, **by}


class TestSending:
    def test_a_send_is_stored_column_by_column_before_it_happens(self, tx: Tx) -> None:
        claim = claim_by_hand(tx)
        tx.now += SECOND
        signed = signing(tx)
        begin_submit(tx, claim, signed)
        stored = row(tx, "trade_executions")
        assert (stored["state"], stored["submitting_at"], stored["updated_at"]) == ("SUBMITTING", tx.now, tx.now)
        assert (stored["signed_at_ms"], stored["window_ms"]) == (signed.signed_at_ms, 5000)
        assert (stored["key_fingerprint"], stored["exchange_identity"]) == (KEY, EXCHANGE)
        evidence = f'{{"signed_at_ms": {signed.signed_at_ms}, "window_ms": 5000}}'
        execution = get_execution(tx, claim.execution_id)
        assert last_event(tx, execution) == event(tx, E.CLAIMED, E.SUBMITTING, "submit", evidence)
        assert audited(tx) == (
            "execution.submitting",
            str(execution.id),
            {
                "before": "CLAIMED",
                "source": "submit",
                "proposal": execution.proposal_id,
                "evidence": {"signed_at_ms": signed.signed_at_ms, "window_ms": 5000},
            },
        )
        assert tx._urgent  # the audit's head moves with it at once

    @pytest.mark.parametrize(
        ("obstacle", "reason"),
        [
            (lambda tx: setattr(tx, "now", tx.now + 6 * SECOND), "the claim is 6.0 s old, more than 5 s"),
            (lambda tx: halt(tx, "test"), "trading is HALTED"),
            (lambda tx: tighten(tx, TradingState.REDUCING, "t"), "trading is REDUCING, buys are not sent"),
            (lambda tx: (tx.folder / "HALT").touch(), "HALT file present"),
            (
                lambda tx: activate_policy(tx, policy_named(tx, "hunter"), active_policy(tx).activation_id),
                "another policy was activated",
            ),
        ],
    )
    def test_an_unsent_claim_says_why(self, tx: Tx, obstacle: Callable[[Tx], Any], reason: str) -> None:
        claim = claim_by_hand(tx)
        obstacle(tx)
        assert begin_submit(tx, claim, signing(tx)) == Abandoned(claim.execution_id, reason)
        execution = get_execution(tx, claim.execution_id)
        assert last_event(tx, execution) == event(tx, E.CLAIMED, E.ABANDONED, "submit", f'{{"reason": "{reason}"}}')
        assert execution.ended_at == tx.now

    def test_a_claim_sent_already_is_left_as_it_is(self, tx: Tx) -> None:
        claim = claim_by_hand(tx)
        begin_submit(tx, claim, signing(tx))
        assert begin_submit(tx, claim, signing(tx)) == Abandoned(claim.execution_id, "the claim is SUBMITTING already")

    def test_of_two_senders_the_second_sends_nothing(self, tx: Tx) -> None:
        claim = claim_by_hand(tx)
        # The row as a rival leaves it between this sender's look and its write: the write finds no claim.
        tx.db.execute(
            "CREATE TEMP TRIGGER rival BEFORE UPDATE OF state ON trade_executions BEGIN SELECT RAISE(IGNORE); END"
        )
        assert begin_submit(tx, claim, signing(tx)) == Abandoned(claim.execution_id, "another process took the claim")
        assert events_of(tx, claim.execution_id) == []

    def test_a_sell_is_sent_while_reducing_and_no_order_while_halted(self, tx: Tx) -> None:
        claim = claim_by_hand(tx, exit_idea())
        halt(tx, "test")
        assert begin_submit(tx, claim, signing(tx)) == Abandoned(claim.execution_id, "trading is HALTED")


class TestSilence:
    def test_it_is_stored_with_its_cause(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTING)
        assert mark_unknown(tx, execution.id, "timeout") is E.UNKNOWN
        assert last_event(tx, execution) == event(tx, E.SUBMITTING, E.UNKNOWN, "silence", '{"cause": "timeout"}')
        stored = get_execution(tx, execution.id)
        assert (stored.unknown_at, stored.ended_at) == (tx.now, None)

    def test_the_overdue_are_all_found_whatever_comes_before_them(self, tx: Tx) -> None:
        young = submit(tx, claim_by_hand(tx))
        old = [submit(tx, claim_by_hand(tx)) for _ in range(2)]
        for each in old:
            tx.db.execute("DROP TRIGGER IF EXISTS execution_identity")
            tx.db.execute("UPDATE trade_executions SET signed_at_ms = signed_at_ms - 16000 WHERE id = ?", (each.id,))
        assert overdue_submitting(tx, 10_000) == [each.id for each in old]
        assert get_execution(tx, young.id).state is E.SUBMITTING
        cause = '{"cause": "no answer was stored within window and time-out"}'
        assert last_event(tx, old[-1]) == event(tx, E.SUBMITTING, E.UNKNOWN, "silence", cause)

    def test_stale_claims_say_who_gave_them_up(self, tx: Tx) -> None:
        claim = claim_by_hand(tx)
        tx.now += 11 * SECOND
        assert abandon_stale_claims(tx) == [claim.execution_id]
        reason = '{"reason": "the claim was not sent within 10 s"}'
        execution = get_execution(tx, claim.execution_id)
        assert last_event(tx, execution) == event(tx, E.CLAIMED, E.ABANDONED, "reconcile", reason)


class TestAnswers:
    def test_an_accepted_order_is_evidence_word_for_word(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTING)
        tx.now += SECOND
        order = venue_order(execution, "partiallyFilled", part_fill(execution, 1))
        assert settle(tx, execution.id, Accepted(order)) is E.PARTIALLY_FILLED
        evidence = f'{{"filled": "0.000041", "order_id": "{order.order_id}", "status": "partiallyFilled"}}'
        assert last_event(tx, execution) == event(tx, E.SUBMITTING, E.PARTIALLY_FILLED, "answer", evidence)
        stored = row(tx, "trade_executions")
        assert (stored["order_id"], stored["venue_status"]) == (order.order_id, "partiallyFilled")
        assert (stored["seen_at"], stored["ended_at"], stored["unknown_at"]) == (tx.now, None, None)
        assert (stored["venue_filled"], stored["fills_short"]) == ("0.000041", 0)

    def test_a_listed_refusal_is_stored_with_the_exchanges_words(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTING)
        assert settle(tx, execution.id, Rejected(400, 216, "insufficient funds")) is E.REJECTED
        evidence = '{"error": "insufficient funds", "error_code": 216, "http_status": 400}'
        assert last_event(tx, execution) == event(tx, E.SUBMITTING, E.REJECTED, "answer", evidence)
        stored = get_execution(tx, execution.id)
        assert (stored.ended_at, stored.order_id) == (tx.now, None)
        assert row(tx, "trade_executions")["seen_at"] is None

    def test_a_wish_to_cancel_is_audited_with_the_answer(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        tx.now += SECOND
        cancel_asked(tx, execution.id, "Canceled")
        assert row(tx, "trade_executions")["cancel_asked_at"] == tx.now
        assert audited(tx) == (
            "execution.cancel_asked",
            str(execution.id),
            {"proposal": execution.proposal_id, "order_id": f"order-{execution.id}", "answer": "Canceled"},
        )


class TestEvidence:
    @pytest.mark.parametrize(
        ("status", "filled", "state"),
        [
            ("new", "0", E.SUBMITTED),
            ("awaitingTrigger", "0", E.SUBMITTED),
            ("partiallyFilled", "0", E.SUBMITTED),
            ("new", "0.00000001", E.PARTIALLY_FILLED),
            ("filled", "0", E.FILLED),
            ("rejected", "0", E.REJECTED),
            ("rejected", "0.00000001", E.CANCELED),
            ("canceledAuction", "0", E.CANCELED),
            ("NEW", "0", E.CANCELED),
        ],
    )
    def test_each_word_of_the_exchange_stands_for_one_state(
        self, tx: Tx, status: str, filled: str, state: ExecutionState
    ) -> None:
        order = replace(venue_order(bring_to(tx, E.SUBMITTING), status), filled=Quantity.of(filled))
        assert target_state(order) is state

    def test_what_came_with_the_evidence_is_kept(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        apply_order(tx, execution.id, venue_order(execution, "canceled"), "sweep", {"seen_by": "look-up"})
        evidence = f'{{"filled": "0", "order_id": "order-{execution.id}", "seen_by": "look-up", "status": "canceled"}}'
        assert last_event(tx, execution) == event(tx, E.SUBMITTED, E.CANCELED, "sweep", evidence)
        assert get_execution(tx, execution.id).ended_at == tx.now

    def test_an_amount_in_the_evidence_is_kept_as_its_text(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTING)
        move_execution(tx, execution, E.UNKNOWN, "silence", {"asked": Price.of("61000.50")})
        assert last_event(tx, execution)["evidence"] == '{"asked": "61000.5"}'
        assert audited(tx, "execution.unknown")[2]["evidence"] == {"asked": "61000.5"}

    def test_a_report_that_moves_nothing_is_noted_as_seen(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        events = len(events_of(tx, execution.id))
        tx.now += SECOND
        assert apply_order(tx, execution.id, venue_order(execution, "new"), "look-up", {}) is E.SUBMITTED
        assert row(tx, "trade_executions")["seen_at"] == tx.now
        assert len(events_of(tx, execution.id)) == events

    def test_an_order_seen_for_an_ended_execution_leaves_its_id(self, tx: Tx) -> None:
        execution = bring_to(tx, E.REJECTED)
        apply_order(tx, execution.id, venue_order(execution, "rejected"), "sweep", {})
        stored = row(tx, "trade_executions")
        assert (stored["state"], stored["order_id"]) == ("REJECTED", f"order-{execution.id}")
        assert (stored["venue_status"], stored["seen_at"]) == ("rejected", tx.now)
        assert alerts(tx) == []
        assert current_trading_state(tx).state is TradingState.ACTIVE

    def test_another_order_is_refused_by_name(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        foreign = venue_order(execution, "new", order_id="other", client_order_id=None)
        with pytest.raises(Conflict) as refused:
            apply_order(tx, execution.id, foreign, "sweep", {})
        assert str(refused.value) == f"order other is not the order of execution {execution.id}"

    @pytest.mark.parametrize("wrong", [{"market": "ETH-EUR"}, {"side": "sell"}])
    def test_a_known_id_in_another_market_or_side_is_another_order(self, tx: Tx, wrong: dict[str, str]) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        with pytest.raises(Conflict):
            apply_order(tx, execution.id, venue_order(execution, "new", **wrong), "sweep", {})

    def test_a_lost_move_names_the_state_it_was_made_from(self, tx: Tx) -> None:
        stale = bring_to(tx, E.SUBMITTING)
        mark_unknown(tx, stale.id, "timeout")
        with pytest.raises(Conflict) as refused:
            move_execution(tx, stale, E.CANCELED, "test", {})
        assert str(refused.value) == f"execution {stale.id} is not SUBMITTING any more"

    def test_an_order_for_a_claim_ends_the_claim_with_the_reason(self, tx: Tx) -> None:
        execution = bring_to(tx, E.CLAIMED)
        apply_order(tx, execution.id, venue_order(execution, "new"), "sweep", {})
        first = events_of(tx, execution.id)[0]
        assert (first["source"], first["evidence"]) == ("sweep", {"reason": "an order appeared for a claim"})

    def test_late_evidence_alerts_and_halts_in_these_words(self, tx: Tx) -> None:
        execution = bring_to(tx, E.ABSENT)
        apply_order(tx, execution.id, venue_order(execution, "new"), "sweep", {})
        subject = f"execution {execution.id}"
        text = f"order order-{execution.id} of {subject}, held to be ABSENT, exists at the exchange"
        assert alerts(tx) == [("critical", subject, text)]
        halted = current_trading_state(tx)
        assert (halted.state, halted.reason) == (
            TradingState.HALTED, f"late evidence: {subject} was ABSENT, its order exists",
        )  # fmt: skip

    def test_two_orders_for_one_execution_alert_and_halt_in_these_words(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        apply_order(tx, execution.id, venue_order(execution, "new", order_id="twin"), "sweep", {})
        subject = f"execution {execution.id}"
        text = f"order twin carries the client order id of {subject}, as order-{execution.id} does"
        assert alerts(tx) == [("critical", subject, text)]
        assert current_trading_state(tx).reason == f"two orders at the exchange for {subject}"

    def test_what_the_exchange_ever_said_is_filled_is_kept(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        for said, kept in (("0.0002", "0.0002"), ("0.0001", "0.0002"), ("0.0003", "0.0003")):
            report = replace(venue_order(execution, "new"), filled=Quantity.of(said))
            apply_order(tx, execution.id, report, "look-up", {})
            stored = row(tx, "trade_executions")
            assert (stored["venue_filled"], stored["fills_short"]) == (kept, 1)


class TestFills:
    def test_one_is_stored_and_audited_column_by_column(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        fill = replace(part_fill(execution, 1), fee=Decimal("0.060"), taker=False)
        tx.now += SECOND
        apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", fill), "stream", {})
        stored = row(tx, "fills")
        assert stored == {
            "id": stored["id"],
            "execution_id": execution.id,
            "market": "BTC-EUR",
            "side": "buy",
            "fill_id": fill.fill_id,
            "at": fill.at,
            "quantity": "0.000041",
            "price": "61152",
            "fee": "0.06",
            "fee_currency": "EUR",
            "taker": 0,
            "settled": 1,
            "stored_at": tx.now,
        }
        assert audited(tx, "fill.stored") == (
            "fill.stored",
            str(execution.id),
            {
                "proposal": execution.proposal_id,
                "fill": fill.fill_id,
                "quantity": "0.000041",
                "price": "61152",
                "fee": "0.060",
            },
        )

    @pytest.mark.parametrize(("fee", "settled", "currency"), [(None, None, None), ("0.06", None, "EUR")])
    def test_a_fee_still_to_come_leaves_its_columns_empty(
        self, tx: Tx, fee: str | None, settled: int | None, currency: str | None
    ) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        known = None if fee is None else Decimal(fee)
        fill = replace(part_fill(execution, 1), fee=known, settled=known is None)
        apply_order(tx, execution.id, venue_order(execution, "new", fill), "stream", {})
        stored = row(tx, "fills")
        assert (stored["fee"], stored["fee_currency"], stored["settled"]) == (fee, currency, settled)
        assert stored["taker"] == 1

    def test_a_fee_that_comes_later_fills_in_all_three(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        bare = replace(part_fill(execution, 1), fee=None, settled=False)
        apply_order(tx, execution.id, venue_order(execution, "new", bare), "stream", {})
        for fee, settled, kept in (("0.070", False, None), ("0.07", True, 1)):
            later = replace(bare, fee=Decimal(fee), fee_currency="EUR", settled=settled)
            apply_order(tx, execution.id, venue_order(execution, "new", later), "stream", {})
            stored = row(tx, "fills")
            assert (stored["fee"], stored["fee_currency"], stored["settled"]) == ("0.07", "EUR", kept)

    @pytest.mark.parametrize(
        ("idea", "price", "quantity", "said"),
        [
            (own_idea(), "61201", "0.000041", "0.000041 at 61201, ordered 0.00041 at 61200"),
            (exit_idea(), "61099", "0.000041", "0.000041 at 61099, ordered 0.00041 at 61100"),
            (own_idea(), "61000", "0.00042", "0.00042 at 61000, ordered 0.00041 at 61200"),
        ],
    )
    def test_one_that_disagrees_with_the_ticket_alerts_and_halts_in_these_words(
        self, tx: Tx, idea: Any, price: str, quantity: str, said: str
    ) -> None:
        execution = bring_to(tx, E.SUBMITTED, idea)
        fill = replace(part_fill(execution, 1), price=Price.of(price), quantity=Quantity.of(quantity))
        apply_order(tx, execution.id, venue_order(execution, "filled", fill), "stream", {})
        subject = f"execution {execution.id}"
        text = f"a fill disagrees with the ticket (fill {fill.fill_id}: {said})"
        assert alerts(tx) == [("critical", subject, text)]
        assert current_trading_state(tx).reason == f"a fill of {subject} disagrees with its ticket"

    def test_a_fill_of_the_whole_order_at_its_limit_agrees(self, tx: Tx) -> None:
        for idea in (own_idea(), exit_idea()):
            execution = bring_to(tx, E.SUBMITTED, idea)
            assert execution.limit is not None
            fill = replace(part_fill(execution, 1), price=execution.limit, quantity=execution.quantity)
            apply_order(tx, execution.id, venue_order(execution, "filled", fill), "stream", {})
        assert alerts(tx) == []

    def test_a_fill_beside_an_operators_verdict_alerts_and_halts_in_these_words(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        by_hand = replace(part_fill(execution, 1), fill_id=operator_fill_id(execution))
        assert by_hand.fill_id == f"operator/{execution.id}"
        apply_order(tx, execution.id, venue_order(execution, "new", by_hand), "operator", {})
        late = part_fill(execution, 2)
        apply_order(tx, execution.id, venue_order(execution, "new", by_hand, late), "stream", {})
        subject = f"execution {execution.id}"
        text = f"fill {late.fill_id}, 0.000041 at 61152, of an order settled by hand turned up"
        assert alerts(tx) == [("critical", subject, f"{text}; compare it with your verdict")]
        assert current_trading_state(tx).reason == f"{subject}: {text}"
        assert [fill.fill_id for fill in fills_of(tx, execution.id)] == [by_hand.fill_id]


class TestConsequences:
    def test_a_trade_that_is_not_there_is_an_alert_and_the_evidence_stands(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTING)
        for trigger in tx.db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            tx.db.execute(f"DROP TRIGGER {trigger[0]}")
        tx.db.execute("DELETE FROM trade_history WHERE execution_id = ?", (execution.id,))
        assert apply_order(tx, execution.id, venue_order(execution, "filled"), "stream", {}) is E.FILLED
        assert ("critical", f"execution {execution.id}", "its trade row is missing") in alerts(tx)
        assert proposal_state(tx, execution) is ProposalState.EXECUTED

    def test_a_proposal_that_cannot_follow_is_an_alert_in_these_words(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTING)
        tx.db.execute("DROP TRIGGER proposal_transition")
        tx.db.execute("UPDATE trade_proposals SET state = 'EXPIRED' WHERE id = ?", (execution.proposal_id,))
        apply_order(tx, execution.id, venue_order(execution, "new"), "stream", {})
        subject = f"proposal {execution.proposal_id}"
        text = f"{subject} is EXPIRED, its execution {execution.id} says EXECUTED"
        assert alerts(tx) == [("critical", subject, text)]

    def test_a_proposal_whose_move_the_database_refuses_is_an_alert_and_the_evidence_stands(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTING)
        tx.db.execute(
            "CREATE TEMP TRIGGER stuck BEFORE UPDATE OF state ON trade_proposals BEGIN SELECT RAISE(IGNORE); END"
        )
        assert apply_order(tx, execution.id, venue_order(execution, "new"), "stream", {}) is E.SUBMITTED
        subject = f"proposal {execution.proposal_id}"
        assert alerts(tx) == [("critical", subject, f"{subject} is not CLAIMED any more")]

    def test_a_trade_moves_with_its_evidence_and_keeps_its_place(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        other = bring_to(tx, E.SUBMITTED)
        fill = replace(part_fill(execution, 1), at=tx.now + SECOND)
        apply_order(tx, execution.id, venue_order(execution, "new", fill), "stream", {})
        stored = tx.sql.one("trade_of_execution", execution_id=execution.id)
        assert stored is not None
        assert (stored["status"], stored["traded_at"]) == ("confirmed", tx.now + SECOND)
        assert trade_status(tx, other) == "pending"

    @pytest.mark.parametrize(
        ("state", "proposal"),
        [
            (E.SUBMITTED, ProposalState.EXECUTED),
            (E.PARTIALLY_FILLED, ProposalState.EXECUTED),
            (E.FILLED, ProposalState.EXECUTED),
            (E.CANCELED, ProposalState.EXECUTED),
            (E.REJECTED, ProposalState.FAILED),
            (E.ABSENT, ProposalState.FAILED),
            (E.ABANDONED, ProposalState.FAILED),
            (E.UNKNOWN, ProposalState.CLAIMED),
            (E.SUBMITTING, ProposalState.CLAIMED),
        ],
    )
    def test_each_state_carries_its_proposal_to_one_state(
        self, tx: Tx, state: ExecutionState, proposal: ProposalState
    ) -> None:
        assert proposal_state(tx, bring_to(tx, state)) is proposal

    def test_a_stop_that_was_reached_is_told_once(self, tx: Tx) -> None:
        stop = bring_to(tx, E.SUBMITTED, stop_idea())
        told = ("notice", f"execution {stop.id}", "the stop loss at 58000 of BTC-EUR was reached and sells 0.00041")
        for status, filled in (("partiallyFilled", (1,)), ("filled", (1, 2))):
            fills = (replace(part_fill(stop, number), price=Price.of(57990)) for number in filled)
            apply_order(tx, stop.id, venue_order(stop, status, *fills), "stream", {})
            assert alerts(tx) == [told]

    @pytest.mark.parametrize(("filled", "proposal"), [(True, ProposalState.EXECUTED), (False, ProposalState.FAILED)])
    def test_an_operators_verdict_carries_the_proposal_either_way(
        self, tx: Tx, filled: bool, proposal: ProposalState
    ) -> None:
        execution = bring_to(tx, E.UNKNOWN)
        carry_verdict(tx, execution, filled=filled)
        assert proposal_state(tx, execution) is proposal

    def test_a_proposal_the_exchange_accepted_stays_executed_when_its_order_is_refused(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        order: VenueOrder = venue_order(execution, "rejected")
        assert apply_order(tx, execution.id, order, "look-up", {}) is E.REJECTED
        assert proposal_state(tx, execution) is ProposalState.EXECUTED
        assert alerts(tx) == []


class TestLosing:
    def test_an_order_called_lost_keeps_the_look_ups_that_say_so(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        halt(tx, "what the exchange lost")
        call_lost(tx, execution.id, [(7, 404, 240), (9, 404, 240)])
        evidence = '{"cause": "the exchange no longer knows its order", "look_ups": [[7, 404, 240], [9, 404, 240]]}'
        assert last_event(tx, execution) == event(tx, E.SUBMITTED, E.UNKNOWN, "look-up", evidence)

    def test_no_order_is_called_lost_while_trading_goes_on(self, tx: Tx) -> None:
        execution = bring_to(tx, E.SUBMITTED)
        with pytest.raises(Conflict) as told:
            call_lost(tx, execution.id, [])
        assert str(told.value) == "an order is called lost only while trading is HALTED"

    def test_what_does_not_rest_is_not_called_lost(self, tx: Tx) -> None:
        execution = bring_to(tx, E.FILLED)
        halt(tx, "what the exchange lost")
        with pytest.raises(Conflict) as told:
            call_lost(tx, execution.id, [])
        assert str(told.value) == f"execution {execution.id} is FILLED and does not rest"
