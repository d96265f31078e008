"""The gate: nothing becomes an order but through here.

One transaction, after the keypress: read the facts, run all twenty-five checks, and either store the claim with all
that belongs to it, or store the refusal. The transaction commits either way.
"""

from __future__ import annotations

import json
from typing import Any

from storage.checks import run_checks
from storage.codes import CheckCode, ProposalState, TradingState
from storage.crash_points import reached
from storage.database import Tx
from storage.facts import Common, read_common, read_facts
from storage.market_models import Quote
from storage.models import Check, Claim, Proposal, Question, Refusal, Ticket
from storage.orders import client_order_id, draw_order, order_digest, request_body
from storage.policy_store import active_policy
from storage.proposals import get_proposal, move_proposal
from storage.risk_checks import loss_reached_limit
from storage.trading_state import latch_halt_file, tighten


def pass_gate(tx: Tx, ticket: Ticket, quote: Quote, *, typed_amount: bool = False) -> Claim | Refusal:
    """Claim the ticket's proposal if every check passes; else store the refusal.

    Raises NotFound for an unknown proposal, and VaultError when the decision cannot be stored.
    """
    proposal = get_proposal(tx, ticket.order.proposal_id)
    question = ask(tx, proposal, quote, ticket=ticket, typed_amount=typed_amount)
    checks = run_checks(question)
    if not all(check.passed for check in checks):
        return _refuse(tx, question, checks)
    reached("gate.checked")
    return _claim(tx, question, checks)


def store_refusal(tx: Tx, ticket: Ticket, quote: Quote) -> Refusal | None:
    """Store the refusal of a ticket that is blocked, without any way to a claim; None if every check passes now."""
    proposal = get_proposal(tx, ticket.order.proposal_id)
    question = ask(tx, proposal, quote, ticket=ticket)
    checks = run_checks(question)
    if all(check.passed for check in checks):
        return None
    return _refuse(tx, question, checks)


def ask(
    tx: Tx,
    proposal: Proposal,
    quote: Quote,
    *,
    ticket: Ticket | None = None,
    typed_amount: bool = False,
    common: Common | None = None,
) -> Question:
    """The question the checks are asked: for the gate with its ticket, for a list without."""
    known = read_common(tx) if common is None else common
    facts = read_facts(tx, proposal, known)
    order = draw_order(proposal, tx.info.mode, keeper_alive=facts.keeper_alive)
    return Question(proposal, order, ticket, known.policy, facts, quote, typed_amount)


def draw_ticket(tx: Tx, proposal: Proposal) -> Ticket:
    """The ticket of a proposal as it would be sent now, under the policy in force."""
    keeper_alive = read_facts(tx, proposal).keeper_alive
    order = draw_order(proposal, tx.info.mode, keeper_alive=keeper_alive)
    return Ticket(order, order_digest(order), active_policy(tx).hash, tx.now)


def _claim(tx: Tx, question: Question, checks: tuple[Check, ...]) -> Claim:
    order, proposal = question.order, question.proposal
    decision_id = _store_decision(tx, question, checks, [])
    reached("gate.decision-stored")
    client_id = client_order_id(tx.info.incarnation, proposal.id)
    body = request_body(order, client_id, tx.info.operator_id, tx.info.dead_man_group)
    digest = order_digest(order)
    execution_id = tx.sql.insert(
        "insert_execution",
        proposal_id=proposal.id,
        revision=proposal.revision,
        decision_id=decision_id,
        client_order_id=client_id,
        kind=order.kind,
        market=order.market,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        quantity=str(order.quantity),
        limit_price=None if order.limit is None else str(order.limit),
        eur=str(proposal.eur),
        digest=digest,
        request_body=body,
        policy_hash=question.policy.hash,
        actor=tx.actor.name,
        instance=tx.actor.instance,
        now=tx.now,
        trigger_type=None if order.trigger is None else order.trigger.type,
        trigger_price=None if order.trigger is None else str(order.trigger.price),
    )
    reached("gate.execution-stored")
    tx.sql.insert(
        "insert_trade",
        execution_id=execution_id,
        proposal_id=proposal.id,
        market=order.market,
        side=order.side,
        now=tx.now,
    )
    reached("gate.trade-stored")
    move_proposal(tx, proposal.id, proposal.state, ProposalState.CLAIMED, by=tx.actor.name)
    reached("gate.proposal-moved")
    tx.audit(
        "execution.claimed",
        str(execution_id),
        urgent=True,
        proposal=proposal.id,
        client_order_id=client_id,
        digest=digest,
        policy=question.policy.hash,
        decision=decision_id,
    )
    reached("gate.before-commit")
    return Claim(execution_id, client_id, order, body, question.policy.hash, tx.now, checks)


def _refuse(tx: Tx, question: Question, checks: tuple[Check, ...]) -> Refusal:
    proposal = question.proposal
    failed = [check.code for check in checks if not check.passed]
    decision_id = _store_decision(tx, question, checks, failed)
    tx.audit("gate.refused", str(proposal.id), codes=failed, market=proposal.market, side=proposal.side)
    latch_halt_file(tx)
    # DRAWDOWN also fails for want of a price; only a loss that was computed latches.
    if CheckCode.DRAWDOWN in failed and loss_reached_limit(question):
        tighten(tx, TradingState.REDUCING, "the loss of the last 24 h reached the policy's drawdown limit")
    return Refusal(proposal.id, decision_id, checks, question.facts.holder)


def _store_decision(tx: Tx, question: Question, checks: tuple[Check, ...], failed: list[CheckCode]) -> int:
    return tx.sql.insert(
        "insert_decision",
        proposal_id=question.proposal.id,
        revision=question.proposal.revision,
        passed=int(not failed),
        failed=" ".join(failed),
        checks=json.dumps([check_json(check) for check in checks]),
        policy_hash=question.policy.hash,
        actor=tx.actor.name,
        instance=tx.actor.instance,
        now=tx.now,
    )


def check_json(check: Check) -> dict[str, Any]:
    """A check as it is stored."""
    return {
        "code": check.code,
        "passed": check.passed,
        "applied": check.applied,
        "observed": check.observed,
        "limit": check.limit,
        "reason": check.reason,
        "clears_at": check.clears_at,
        "clears_how": check.clears_how,
    }
