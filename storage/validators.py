"""The seven validators: allowlist, size, confidence, cooldown, anti-flip, and the two trade caps.

Each is a pure function of a question and answers with one check. What it cannot know it raises as MissingInput;
the runner turns that into a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from storage.check_results import (
    MissingInput,
    ago_text,
    euros,
    fails,
    length_text,
    not_applied,
    passes,
    utc_text,
)
from storage.clock import DAY, HOUR, MINUTE, Micros
from storage.codes import CheckCode, Origin, Side
from storage.execution_models import LastTrade
from storage.models import Check, Question
from storage.order_value import base_of, is_exit, order_value, policy_of, rules_of, sellable
from storage.policies import TradeCaps, policy_eur

ATTEMPTS_PER_TRADE: Final = 3
"""Attempts of any end are capped at so many times the trades, so that a refusing exchange is not hammered."""


def allowlist(question: Question) -> Check:
    """The market is on the policy's list; exits may also use the markets that are for exits only."""
    policy, market = policy_of(question), question.order.market
    exiting = is_exit(question.order)
    allowed = policy.allowlist + policy.exit_only if exiting else policy.allowlist
    limit = ", ".join(allowed) if allowed else "nothing: the list is empty"
    if market in allowed:
        return passes(CheckCode.ALLOWLIST, market, limit, f"{market} is allowed")
    lists = "allowlist or exit_only list" if exiting else "allowlist"
    return fails(
        CheckCode.ALLOWLIST, market, limit,
        f"{market} is not on the policy's {lists}; activate a policy that names it.",
        clears_how=f"activate a policy that names {market}",
    )  # fmt: skip


def order_size(question: Question) -> Check:
    """The value lies between the policy's limits; an exit between the exchange's minimum and what is held."""
    if is_exit(question.order):
        return _exit_size(question)
    policy = policy_of(question)
    smallest, largest = policy_eur(policy.order.min_eur), policy_eur(policy.order.max_eur)
    value = order_value(question)
    limit = f"{euros(smallest)} to {euros(largest)}"
    if value.is_positive and smallest <= value <= largest:
        return passes(CheckCode.ORDER_SIZE, euros(value), limit, "the size is within the policy's limits")
    bound, word = (largest, "more than the largest") if value > largest else (smallest, "less than the smallest")
    return fails(
        CheckCode.ORDER_SIZE, euros(value, bound), limit,
        f"The order is {word} the policy allows, {euros(bound)}; change the amount.",
        clears_how="change the amount",
    )  # fmt: skip


def _exit_size(question: Question) -> Check:
    order, rules = question.order, rules_of(question)
    coin = base_of(order.market)
    value = order_value(question)
    free = sellable(question.facts, order.market, order.proposal_id)
    limit = f"{euros(rules.minimum_value)} and {rules.minimum_quantity} {coin} to {free} {coin}"
    observed = f"{order.quantity} {coin}, {euros(value, rules.minimum_value)}"
    if order.quantity > free:
        reason = f"The exit sells more than is held and not yet promised to open sells, {free} {coin}; sell less."
    elif not order.quantity.is_positive or order.quantity < rules.minimum_quantity or value < rules.minimum_value:
        reason = "The exit is smaller than the exchange accepts; sell more."
    else:
        return passes(CheckCode.ORDER_SIZE, observed, limit, "it sells no more than is held")
    return fails(CheckCode.ORDER_SIZE, observed, limit, reason, clears_how="change the amount")


def confidence(question: Question) -> Check:
    """An oracle's confidence is one the policy accepts. An operator's own proposal has none."""
    accepted = policy_of(question).confidences
    limit = ", ".join(str(level) for level in sorted(accepted)) if accepted else "none: the list is empty"
    given = question.proposal.confidence
    if given is None and question.proposal.origin is Origin.OPERATOR:
        return not_applied(CheckCode.CONFIDENCE, "an operator's own proposal has no confidence")
    if given is None:
        raise MissingInput("the oracle's confidence is missing")
    if given in accepted:
        return passes(CheckCode.CONFIDENCE, str(given), limit, "the confidence is one the policy accepts")
    return fails(
        CheckCode.CONFIDENCE, str(given), limit,
        f"Confidence {given} is not one the policy accepts ({limit}); wait for a better idea or change the policy.",
        clears_how=f"activate a policy that accepts {given}",
    )  # fmt: skip


def cooldown(question: Question) -> Check:
    """Enough time passed since the market's newest trade, longer after a closing sell at a loss."""
    policy, facts, market = policy_of(question), question.facts, question.order.market
    last, loss_at = facts.last_trade, facts.last_close_at_loss
    length = policy.cooldown_min * MINUTE
    if last is not None and last.live and length > 0:
        return _live_trade(CheckCode.COOLDOWN, market, last)
    ends: list[tuple[Micros, Micros, Micros]] = []
    if last is not None:
        ends.append((last.at + length, last.at, length))
    if loss_at is not None:
        longer = length + policy.cooldown_after_loss_min * MINUTE
        ends.append((loss_at + longer, loss_at, longer))
    if not ends:
        return passes(CheckCode.COOLDOWN, "no trade", length_text(length), f"{market} has no trade to cool from")
    until, since, needed = max(ends)
    what = "its last sell closed at a loss" if since == loss_at and needed > length else "its last trade was"
    sentence = f"{market} is cooling: {what} {ago_text(facts.now, since)}, and {length_text(needed)} must pass"
    return _past_trade(question, CheckCode.COOLDOWN, until, since, needed, sentence)


def anti_flip(question: Question) -> Check:
    """Enough time passed since the market's newest trade of the other side."""
    policy, facts, order = policy_of(question), question.facts, question.order
    last = facts.last_opposite
    length = policy.anti_flip_min * MINUTE
    if last is None:
        reason = f"{order.market} has no {order.side.other} to flip from"
        return passes(CheckCode.ANTI_FLIP, f"no {order.side.other}", length_text(length), reason)
    if last.side is not order.side.other:
        raise MissingInput(f"the last {order.side.other} of {order.market} is missing, there is a {last.side}")
    if last.live and length > 0:
        return _live_trade(CheckCode.ANTI_FLIP, order.market, last)
    sentence = (
        f"No {order.side} of {order.market} yet: its last {last.side} was {ago_text(facts.now, last.at)}, "
        f"and {length_text(length)} must pass"
    )
    return _past_trade(question, CheckCode.ANTI_FLIP, last.at + length, last.at, length, sentence)


def _live_trade(code: CheckCode, market: str, last: LastTrade) -> Check:
    # Not overridable: an override sets aside what is past, and this trade is not over.
    return fails(
        code, f"live {last.side}, execution {last.execution_id}", "no live order",
        f"{market} has a live {last.side} (execution {last.execution_id}); wait until it ends, or cancel it.",
        clears_how=f"when execution {last.execution_id} ends",
    )  # fmt: skip


def _past_trade(
    question: Question, code: CheckCode, until: Micros, since: Micros, needed: Micros, sentence: str
) -> Check:
    now = question.facts.now
    observed, limit = ago_text(now, since), length_text(needed)
    if now >= until:
        return passes(code, observed, limit, "enough time has passed")
    why = question.proposal.overrides.get(code, "").strip()
    if why:
        return passes(code, observed, limit, f"overridden: {why}")
    return fails(
        code, observed, limit, f"{sentence}; it clears at {utc_text(until)}, or by an override with a reason.",
        clears_at=until, clears_how="by itself, or by an override with a reason",
    )  # fmt: skip


def daily_trade_cap(question: Question) -> Check:
    """Room for one more trade of this side in the last 24 h."""
    caps = _caps(question)
    return _cap(question, CheckCode.DAILY_TRADE_CAP, caps.per_day, DAY, "24 h")


def hourly_trade_cap(question: Question) -> Check:
    """Room for one more trade of this side in the last 60 min."""
    caps = _caps(question)
    return _cap(question, CheckCode.HOURLY_TRADE_CAP, caps.per_hour, HOUR, "60 min")


def _caps(question: Question) -> TradeCaps:
    policy = policy_of(question)
    return policy.trades if question.order.side is Side.BUY else policy.exits


def _cap(question: Question, code: CheckCode, cap: int, length: Micros, words: str) -> Check:
    facts, side = question.facts, question.order.side
    if side not in facts.trade_times or side not in facts.attempt_times:
        raise MissingInput(f"the list of earlier {side}s is missing")
    trades = _inside(facts.trade_times[side], facts.now, length)
    attempts = _inside(facts.attempt_times[side], facts.now, length)
    attempt_cap = cap * ATTEMPTS_PER_TRADE
    observed = f"{len(trades)} {side}s and {len(attempts)} attempts in {words}"
    limit = f"{cap} {side}s and {attempt_cap} attempts in {words}"
    if len(trades) < cap and len(attempts) < attempt_cap:
        return passes(code, observed, limit, f"{cap - len(trades)} more in {words}")
    if cap <= 0:
        return fails(
            code, observed, limit, f"The policy allows no {side}s in {words}; activate one that does.",
            clears_how=f"activate a policy that allows {side}s",
        )  # fmt: skip
    frees = [
        times[len(times) - most] + length
        for times, most in ((trades, cap), (attempts, attempt_cap))
        if len(times) >= most
    ]
    until = max(frees)
    used = (
        f"{len(trades)} of {cap} {side}s" if len(trades) >= cap else f"{len(attempts)} of {attempt_cap} {side} attempts"
    )
    return fails(
        code, observed, limit, f"{used} of the last {words} are used; room comes back at {utc_text(until)}.",
        clears_at=until, clears_how="by itself, as older ones leave the window",
    )  # fmt: skip


def _inside(times: Sequence[Micros], now: Micros, length: Micros) -> list[Micros]:
    # Open at the old end, closed at now; and whatever the clock says lies ahead: going back in time frees no room.
    return sorted(at for at in times if at > now - length)
