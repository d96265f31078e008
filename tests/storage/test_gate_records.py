"""What the gate leaves behind, column by column: the decision, the claim, the trade, and the audit of each."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from storage.clock import HOUR, SECOND
from storage.codes import CheckCode, ExecutionState, JobName, Side, TradingState
from storage.database import Tx
from storage.evidence import apply_order
from storage.facts import Common, read_common
from storage.gate import ask, check_json, draw_ticket, pass_gate, store_refusal
from storage.leases import acquire_lease, register_job
from storage.market_models import Level
from storage.models import Claim, Refusal
from storage.money import Price, Quantity
from storage.orders import client_order_id, order_digest
from storage.policy_store import active_policy
from storage.proposals import NewProposal, decline
from storage.trading_state import current_trading_state, halt
from tests.storage.records import audited, row
from tests.storage.world import (
    Ready,
    an_idea,
    bring_to,
    claim_of,
    exit_idea,
    make_ready,
    own_idea,
    rules_for,
    stop_idea,
    venue_fill,
    venue_order,
)


def holding(tx: Tx) -> None:
    """Let what an exit sells have been bought, so long ago that nothing cools any more."""
    execution = bring_to(tx, ExecutionState.SUBMITTED)
    apply_order(tx, execution.id, venue_order(execution, "filled", venue_fill()), "test", {})
    tx.now += 3 * HOUR


def ready_for(tx: Tx, idea: NewProposal) -> Ready:
    """A proposal that the gate lets through, a stop or an exit with the coins that it sells."""
    if idea.side is Side.SELL:
        holding(tx)
    ready = make_ready(tx, idea)
    stops = replace(rules_for("BTC-EUR"), order_types=frozenset({"market", "limit", "stopLoss"}))
    return replace(ready, quote=replace(ready.quote, rules=stops))


@pytest.mark.parametrize(
    ("idea", "limit", "trigger"),
    [(an_idea(), "61200", (None, None)), (stop_idea(), None, ("stopLoss", "58000"))],
)
def test_a_claim_is_stored_column_by_column(
    tx: Tx, idea: NewProposal, limit: str | None, trigger: tuple[str | None, str | None]
) -> None:
    ready = ready_for(tx, idea)
    claim = claim_of(tx, ready)
    order, stored = claim.order, row(tx, "trade_executions")
    client_id = client_order_id(tx.info.incarnation, ready.proposal.id)
    expected = {
        "id": claim.execution_id,
        "proposal_id": ready.proposal.id,
        "revision": 1,
        "decision_id": row(tx, "gate_decisions")["id"],
        "client_order_id": client_id,
        "state": "CLAIMED",
        "kind": order.kind,
        "market": "BTC-EUR",
        "side": order.side,
        "order_type": order.order_type,
        "time_in_force": order.time_in_force,
        "quantity": "0.00041",
        "limit_price": limit,
        "eur": "25.092",
        "digest": order_digest(order),
        "request_body": claim.request_body,
        "policy_hash": active_policy(tx).hash,
        "actor": tx.actor.name,
        "instance": tx.actor.instance,
        "claimed_at": tx.now,
        "updated_at": tx.now,
        "trigger_type": trigger[0],
        "trigger_price": trigger[1],
        "venue_filled": "0",
        "fills_short": 0,
        "imported": 0,
    }
    assert stored == {**dict.fromkeys(stored), **expected}
    assert (claim.client_order_id, claim.policy_hash, claim.claimed_at) == (
        client_id, active_policy(tx).hash, tx.now,
    )  # fmt: skip
    trade = row(tx, "trade_history")
    assert (trade["execution_id"], trade["proposal_id"]) == (claim.execution_id, ready.proposal.id)
    assert (trade["market"], trade["side"]) == ("BTC-EUR", order.side)


def test_a_claims_decision_and_audit_name_each_other(tx: Tx) -> None:
    ready = make_ready(tx)
    claim = claim_of(tx, ready)
    decision = row(tx, "gate_decisions")
    assert decision == {
        "id": decision["id"],
        "proposal_id": ready.proposal.id,
        "revision": 1,
        "passed": 1,
        "failed": "",
        "checks": json.dumps([check_json(check) for check in claim.checks]),
        "policy_hash": active_policy(tx).hash,
        "actor": tx.actor.name,
        "instance": tx.actor.instance,
        "at": tx.now,
    }
    assert audited(tx) == (
        "execution.claimed",
        str(claim.execution_id),
        {
            "proposal": ready.proposal.id,
            "client_order_id": claim.client_order_id,
            "digest": ready.ticket.digest,
            "policy": active_policy(tx).hash,
            "decision": decision["id"],
        },
    )


def test_a_refusal_is_stored_with_every_code_that_failed(tx: Tx) -> None:
    ready = make_ready(tx)
    decline(tx, ready.proposal.id)
    spent = replace(ready.quote, available_eur=None)
    refusal = pass_gate(tx, ready.ticket, spent)
    assert isinstance(refusal, Refusal)
    decision = row(tx, "gate_decisions")
    assert decision == {
        "id": refusal.decision_id,
        "proposal_id": ready.proposal.id,
        "revision": 1,
        "passed": 0,
        "failed": "PROPOSAL_STATE BALANCE",
        "checks": json.dumps([check_json(check) for check in refusal.checks]),
        "policy_hash": active_policy(tx).hash,
        "actor": tx.actor.name,
        "instance": tx.actor.instance,
        "at": tx.now,
    }
    assert refusal.proposal_id == ready.proposal.id
    assert refusal.holder is None
    assert audited(tx) == (
        "gate.refused",
        str(ready.proposal.id),
        {"codes": ["PROPOSAL_STATE", "BALANCE"], "market": "BTC-EUR", "side": "buy"},
    )


def test_a_check_is_stored_with_all_it_says(tx: Tx) -> None:
    ready = make_ready(tx)
    claim_of(tx, ready)
    again = pass_gate(tx, ready.ticket, ready.quote)
    assert isinstance(again, Refusal)
    cooling = {check["code"]: check for check in json.loads(row(tx, "gate_decisions")["checks"])}["COOLDOWN"]
    check = again.checks[list(CheckCode).index(CheckCode.COOLDOWN)]
    assert cooling == {
        "code": "COOLDOWN",
        "passed": False,
        "applied": True,
        "observed": check.observed,
        "limit": check.limit,
        "reason": check.reason,
        "clears_at": check.clears_at,
        "clears_how": check.clears_how,
    }
    assert again.holder is not None


def test_a_blocked_ticket_is_refused_and_an_open_one_left_alone(tx: Tx) -> None:
    ready = make_ready(tx)
    assert store_refusal(tx, ready.ticket, ready.quote) is None
    assert tx.db.execute("SELECT count(*) FROM gate_decisions").fetchone()[0] == 0
    late = replace(ready.ticket, policy_hash="0" * 64)
    refusal = store_refusal(tx, late, ready.quote)
    assert refusal is not None
    assert [check.code for check in refusal.failed] == [CheckCode.POLICY_UNCHANGED]
    assert row(tx, "gate_decisions")["failed"] == "POLICY_UNCHANGED"
    assert tx.db.execute("SELECT count(*) FROM trade_executions").fetchone()[0] == 0


def test_a_halt_is_not_loosened_to_reducing_by_a_loss_and_no_loss_tightens_nothing(tx: Tx) -> None:
    ready = make_ready(tx)
    halt(tx, "by hand")
    assert isinstance(pass_gate(tx, ready.ticket, ready.quote), Refusal)
    assert current_trading_state(tx).state is TradingState.HALTED


def test_an_exit_whose_amount_was_typed_may_go_further_from_the_market(tx: Tx) -> None:
    ready = ready_for(tx, exit_idea(limit=Price.of(61100)))
    # The market stands 3 % over the exit's price: further than a key alone may go, not further than a typed amount.
    bid, ask = (Level(Price.of(at), Quantity.of(1)) for at in (63000, 63001))
    far = replace(ready.quote, last=Price.of(63000), bids=(bid,), asks=(ask,))
    refused = pass_gate(tx, ready.ticket, far)
    assert isinstance(refused, Refusal)
    assert [check.code for check in refused.failed] == [CheckCode.PRICE_COLLAR]
    assert isinstance(store_refusal(tx, ready.ticket, far), Refusal)
    assert isinstance(pass_gate(tx, ready.ticket, far, typed_amount=True), Claim)


def test_a_ticket_shows_the_order_as_it_would_be_sent_now(tx: Tx) -> None:
    ready = make_ready(tx, own_idea())
    ticket = draw_ticket(tx, ready.proposal)
    assert ticket.digest == order_digest(ticket.order)
    assert (ticket.policy_hash, ticket.drawn_at) == (active_policy(tx).hash, tx.now)
    assert (ticket.order.mode, ticket.order.time_in_force) == (tx.info.mode, "IOC")


def test_with_a_keeper_an_entry_rests_and_carries_the_dead_mans_group(tx: Tx) -> None:
    register_job(tx, JobName.KEEPER, 10 * SECOND)
    assert acquire_lease(tx, JobName.KEEPER, "another console") is not None
    claim = claim_of(tx, make_ready(tx))
    body = json.loads(claim.request_body)
    assert (claim.order.time_in_force, body["timeInForce"]) == ("GTC", "GTC")
    assert body["codGroupId"] == tx.info.dead_man_group


def test_what_was_read_once_for_a_list_is_what_each_of_its_questions_is_asked_with(tx: Tx) -> None:
    ready = make_ready(tx)
    common = read_common(tx)
    alike = ask(tx, ready.proposal, ready.quote)
    assert ask(tx, ready.proposal, ready.quote, common=common) == alike
    other = Common(common.book, replace(common.policy, hash="1" * 64), replace(common.facts, newest_audit_at=7))
    asked = ask(tx, ready.proposal, ready.quote, common=other)
    assert (asked.policy.hash, asked.facts.newest_audit_at) == ("1" * 64, 7)
    assert (asked.order, asked.ticket, asked.typed_amount) == (alike.order, None, False)
