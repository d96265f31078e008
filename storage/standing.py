"""The standing conditions on the vault itself: trading state, proposal, ticket, unresolved orders, sweep and clock."""

from __future__ import annotations

from typing import Final

from storage.check_results import ago_text, fails, known, length_text, not_applied, passes, utc_text
from storage.clock import SECOND, Micros
from storage.codes import OPEN_PROPOSALS, RESTING, CheckCode, ExecutionState, Side, TradingState
from storage.execution_models import OpenExecution
from storage.models import Check, Question
from storage.order_value import base_of, sellable
from storage.orders import order_digest

SWEEP_AGE: Final[Micros] = 120 * SECOND
CLOCK_SAMPLE_AGE_S: Final = 60.0
CLOCK_OFFSET: Final[Micros] = 2 * SECOND
IN_FLIGHT: Final = frozenset({ExecutionState.CLAIMED, ExecutionState.SUBMITTING})


def trading_state(question: Question) -> Check:
    """Trading is on for this order: no HALT file, not halted, and while reducing only sells of what is free."""
    facts, order, code = question.facts, question.order, CheckCode.TRADING_STATE
    record = facts.trading
    allowed = f"{TradingState.ACTIVE}, no HALT file"
    if order.mode is not facts.mode:
        reason = f"The order is for {order.mode} and this vault is {facts.mode}; draw it again here."
        return fails(code, order.mode, facts.mode, reason, clears_how="draw the order in its own vault")
    if facts.halt_file is not None:
        reason = f"Trading is halted by the file {facts.halt_file}; remove the cause, then resume with a reason."
        return fails(code, f"HALT file {facts.halt_file}", allowed, reason, clears_how="resume, with a reason")
    since = f"since {utc_text(record.at)} by {record.actor}: {record.reason}"
    if record.state is TradingState.ACTIVE:
        return passes(code, record.state, allowed, "trading is on")
    if record.state is not TradingState.REDUCING:
        reason = f"Trading is {record.state} {since}; resume with a reason."
        return fails(code, str(record.state), allowed, reason, clears_how="resume, with a reason")
    if order.side is not Side.SELL:
        reason = f"Trading is REDUCING, sells only, {since}; resume with a reason to buy."
        return fails(code, f"{record.state}, buy", "sells only", reason, clears_how="resume, with a reason")
    coin, free = base_of(order.market), sellable(facts, order.market, order.proposal_id)
    observed, limit = f"{record.state}, sell {order.quantity} {coin}", f"at most {free} {coin}"
    if order.quantity <= free:
        return passes(code, observed, limit, "it sells what is held")
    reason = f"While REDUCING at most {free} {coin} may be sold, what is held less open sells; sell less."
    return fails(code, observed, limit, reason, clears_how="sell less, or resume with a reason")


def proposal_state(question: Question) -> Check:
    """The proposal is open, and nobody has claimed it."""
    proposal, holder, code = question.proposal, question.facts.holder, CheckCode.PROPOSAL_STATE
    limit = " or ".join(sorted(OPEN_PROPOSALS))
    if holder is not None:
        claimed = f"claimed by {holder.actor}@{holder.instance} at {utc_text(holder.at)}"
        return fails(code, f"{proposal.state}, {claimed}", limit, claimed, clears_how="only by a new proposal")
    if proposal.state in OPEN_PROPOSALS:
        return passes(code, proposal.state, limit, "the proposal is open")
    reason = f"The proposal is {proposal.state} and cannot be fired; make a new one from it."
    return fails(code, proposal.state, limit, reason, clears_how="only by a new proposal")


def proposal_expiry(question: Question) -> Check:
    """The proposal has not expired."""
    now, ends = question.facts.now, question.proposal.expires_at
    limit = f"before {utc_text(ends)}"
    if now < ends:
        return passes(CheckCode.PROPOSAL_EXPIRY, f"{length_text(ends - now)} left", limit, "the proposal is open")
    return fails(
        CheckCode.PROPOSAL_EXPIRY, f"expired {ago_text(now, ends)}", limit,
        f"The proposal expired {ago_text(now, ends)}; make a new one at today's price.",
        clears_how="only by a new proposal",
    )  # fmt: skip


def policy_unchanged(question: Question) -> Check:
    """The ticket was drawn under the policy in force."""
    ticket, active = question.ticket, question.facts.policy_hash
    if ticket is None:
        return not_applied(CheckCode.POLICY_UNCHANGED, "there is no ticket yet")
    if ticket.policy_hash == active == question.policy.hash:
        return passes(CheckCode.POLICY_UNCHANGED, active[:8], active[:8], "the policy is the one the ticket showed")
    drawn = ticket.policy_hash if ticket.policy_hash != active else question.policy.hash
    return fails(
        CheckCode.POLICY_UNCHANGED, drawn[:8], active[:8],
        "The policy changed after the ticket was drawn; take a new quote and read it again.",
        clears_how="draw the ticket again",
    )  # fmt: skip


def ticket_unchanged(question: Question) -> Check:
    """The order drawn anew is, to the last digit, the one that was shown."""
    ticket = question.ticket
    if ticket is None:
        return not_applied(CheckCode.TICKET_UNCHANGED, "there is no ticket yet")
    drawn, shown = order_digest(question.order), order_digest(ticket.order)
    if drawn == ticket.digest == shown:
        return passes(CheckCode.TICKET_UNCHANGED, drawn[:8], ticket.digest[:8], "the order is the one that was shown")
    observed = drawn if drawn != ticket.digest else shown
    return fails(
        CheckCode.TICKET_UNCHANGED, observed[:8], ticket.digest[:8],
        "The order is no longer the one the ticket showed; take a new quote and read it again.",
        clears_how="draw the ticket again",
    )  # fmt: skip


def unresolved_execution(question: Question) -> Check:
    """Nothing of ours or of others is undecided where this order would meet it, and it would not meet our own."""
    code = CheckCode.UNRESOLVED_EXECUTION
    sweep = known(question.facts.sweep, "a finished comparison with the exchange")
    market, side = question.order.market, question.order.side
    problems = [
        text for each in question.facts.open_executions if (text := _in_the_way(each, market, side)) is not None
    ]
    if market in sweep.foreign_markets:
        problems.append(f"an order in {market} is not of this vault; cancel or adopt it")
    limit = "no undecided, foreign or opposite order"
    if not problems:
        return passes(code, "nothing", limit, "nothing is undecided here")
    reason = "; ".join(problems)
    return fails(
        code, f"{len(problems)} in the way", limit, f"{reason[0].upper()}{reason[1:]}.",
        clears_how="when what is in the way is settled",
    )  # fmt: skip


def _in_the_way(execution: OpenExecution, market: str, side: Side) -> str | None:
    here = execution.market == market
    name = f"execution {execution.id}, a {execution.side} in {execution.market},"
    if execution.state is ExecutionState.UNKNOWN and (here or side is Side.BUY):
        return f"{name} is UNKNOWN; wait until it is reconciled, or settle it"
    if here and execution.state in IN_FLIGHT:
        return f"{name} is {execution.state}; wait for its answer"
    if here and execution.state in RESTING and execution.side is side.other:
        return f"{name} rests, and this {side} could trade with it; cancel it first"
    return None


def reconciled(question: Question) -> Check:
    """Vault and exchange were compared lately, and agree."""
    code, now = CheckCode.RECONCILED, question.facts.now
    sweep = known(question.facts.sweep, "a finished comparison with the exchange")
    limit = f"clean, at most {length_text(SWEEP_AGE)} ago"
    count = len(sweep.differences)
    state = "clean" if sweep.clean else f"{count} difference{'' if count == 1 else 's'}"
    observed = f"{state}, {ago_text(now, sweep.finished_at)}"
    if not sweep.clean:
        first = f", first: {sweep.differences[0]}" if sweep.differences else ""
        reason = (
            f"Vault and exchange disagree ({state}{first}); oracle reconcile compares again, oracle adopt accepts them."
        )
        return fails(code, observed, limit, reason, clears_how="by oracle reconcile, or oracle adopt while HALTED")
    if abs(now - sweep.finished_at) <= SWEEP_AGE:
        return passes(code, observed, limit, "vault and exchange agree")
    reason = f"The last comparison with the exchange was {ago_text(now, sweep.finished_at)}; wait for the next one."
    return fails(code, observed, limit, reason, clears_how="by the next clean comparison")


def clock(question: Question) -> Check:
    """The clock has not gone back behind the audit, and agrees with the exchange's."""
    facts, code = question.facts, CheckCode.CLOCK
    audit_at = known(facts.newest_audit_at, "the time of the newest audit event")
    sample = known(question.quote.clock, "the exchange's time")
    limit = f"not before the audit, within {length_text(CLOCK_OFFSET)} of the exchange"
    if facts.now < audit_at:
        behind = length_text(audit_at - facts.now)
        reason = f"The clock is {behind} behind the newest audit event; set it right."
        return fails(code, f"{behind} behind the audit", limit, reason, clears_how="set the clock right")
    age = facts.monotonic - sample.monotonic
    if not 0 <= age <= CLOCK_SAMPLE_AGE_S:
        observed = f"exchange time read {age:.1f} s ago"
        reason = f"The exchange's time was read {age:.1f} s ago, not within {CLOCK_SAMPLE_AGE_S:.0f} s; fetch it again."
        return fails(code, observed, limit, reason, clears_how="by a new reading of the exchange's time")
    offset = facts.now - (sample.exchange_at + round(age * SECOND))
    observed = f"{length_text(offset)} {'behind' if offset < 0 else 'ahead of'} the exchange"
    if abs(offset) <= CLOCK_OFFSET:
        return passes(code, observed, limit, "the clock agrees with the exchange's")
    reason = f"The clock is {observed}, more than {length_text(CLOCK_OFFSET)}; set it right."
    return fails(code, observed, limit, reason, clears_how="set the clock right")
