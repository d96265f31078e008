"""The standing conditions on money at risk, which bind buys only: stage, exposure, loss of the day, averaging down."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from storage.check_results import MissingInput, euros, fails, known, not_applied, passes, price_text
from storage.clock import DAY
from storage.codes import CheckCode, Side
from storage.execution_models import OpenExecution, Position
from storage.market_models import Quote
from storage.models import Check, Facts, Question
from storage.money import Eur, Price, decimal_text
from storage.order_value import order_price, order_value, policy_of, quote_of
from storage.policies import Policy, policy_eur


def stage_limit(question: Question) -> Check:
    """A buy is no larger than the vault's stage allows."""
    facts = question.facts
    if question.order.side is not Side.BUY:
        return not_applied(CheckCode.STAGE_LIMIT, "the stage limits buys only")
    most = facts.stage_limit
    value = order_value(question)
    limit = f"{euros(most)} at stage {facts.stage}"
    if most.is_positive and value <= most:
        return passes(CheckCode.STAGE_LIMIT, euros(value), limit, "the size is within the stage's limit")
    return fails(
        CheckCode.STAGE_LIMIT, euros(value, most), limit,
        f"The order is larger than stage {facts.stage} allows, {euros(most)}; make it smaller.",
        clears_how="make it smaller, or reach the next stage",
    )  # fmt: skip


def bids_of(quote: Quote) -> dict[str, Price]:
    """The best bid of every market the quote knows; its own market's comes from its book alone."""
    bids = {market: bid for market, bid in quote.other_bids.items() if market != quote.market}
    if quote.bid is not None:
        bids[quote.market] = quote.bid
    return bids


def value_at_bid(position: Position, bids: Mapping[str, Price]) -> Eur:
    """What the open lots would fetch now, without fee. Raises MissingInput naming a market without a bid."""
    if position.quantity.is_zero:
        return Eur.zero()
    return position.quantity * known(bids.get(position.market), f"the best bid of {position.market}, held there,")


def exposure_now(facts: Facts, bids: Mapping[str, Price], except_proposal: int | None = None) -> Eur:
    """Open lots at the bid, and what resting, in-flight and unknown buys may still spend, without fee.

    Raises MissingInput if a market with lots has no bid.
    """
    lots = Eur.total(value_at_bid(position, bids) for position in facts.positions.values())
    buys = Eur.total(
        _may_spend(execution)
        for execution in facts.open_executions
        if execution.side is Side.BUY and execution.proposal_id != except_proposal
    )
    return lots + buys


def _may_spend(execution: OpenExecution) -> Eur:
    return execution.eur if execution.limit is None else execution.remaining * execution.limit


def loss_of_day(facts: Facts, bids: Mapping[str, Price]) -> Eur:
    """The loss of the last 24 h, negative for a gain: realised after fees, and unrealised of the open lots.

    Raises MissingInput if a market with lots has no bid.
    """
    realised = Eur.total(sold.result for sold in facts.realised if sold.at > facts.now - DAY)
    unrealised = Eur.total(value_at_bid(held, bids) - held.cost for held in facts.positions.values())
    return Eur.zero() - (realised + unrealised)


def drawdown_limit(policy: Policy) -> Eur:
    """The loss of a day from which buys are refused: ``drawdown_pct`` of the exposure limit."""
    return policy_eur(policy.exposure_eur).scaled(policy.drawdown_pct.scaleb(-2))


def drawdown_reached(loss: Eur, limit: Eur) -> bool:
    """There is a loss, and it is at least the limit. A limit of zero is reached by any loss."""
    return loss.is_positive and loss >= limit


def loss_reached_limit(question: Question) -> bool:
    """Whether the loss of the day is known and has reached the policy's limit.

    A refused buy alone does not say so: DRAWDOWN also fails where a bid is missing, and that is no loss.
    """
    try:
        loss = loss_of_day(question.facts, bids_of(quote_of(question)))
        return drawdown_reached(loss, drawdown_limit(policy_of(question)))
    except MissingInput:
        return False


def exposure(question: Question) -> Check:
    """With this buy, what is held and what may still be bought stays within the policy's limit."""
    order = question.order
    if order.side is not Side.BUY:
        return not_applied(CheckCode.EXPOSURE, "exposure limits buys only")
    most = policy_eur(policy_of(question).exposure_eur)
    before = exposure_now(question.facts, bids_of(quote_of(question)), order.proposal_id)
    total = before + order_value(question)
    if most.is_positive and total <= most:
        return passes(CheckCode.EXPOSURE, euros(total), euros(most), "exposure stays within the policy's limit")
    if most.is_positive:
        reason = f"This order would take exposure from {euros(before)} past the policy's {euros(most)}; buy less."
    else:
        reason = "The policy allows no exposure at all; activate one that does."
    return fails(
        CheckCode.EXPOSURE, euros(total, most), euros(most), reason,
        clears_how="buy less, sell, cancel a resting buy, or activate a policy with a higher limit",
    )  # fmt: skip


def drawdown(question: Question) -> Check:
    """The loss of the last 24 h is below the policy's share of the exposure limit."""
    if question.order.side is not Side.BUY:
        return not_applied(CheckCode.DRAWDOWN, "the loss of the day stops buys only")
    policy = policy_of(question)
    most = drawdown_limit(policy)
    loss = loss_of_day(question.facts, bids_of(quote_of(question)))
    observed = f"loss {euros(loss, most)}" if loss.is_positive else f"gain {euros(-loss)}"
    limit = f"{euros(most)}, {decimal_text(policy.drawdown_pct)} % of {euros(policy_eur(policy.exposure_eur))}"
    if not drawdown_reached(loss, most):
        return passes(CheckCode.DRAWDOWN, observed, limit, "the loss of the last 24 h is below the limit")
    return fails(
        CheckCode.DRAWDOWN, observed, limit,
        f"The loss of the last 24 h, {euros(loss, most)}, has reached the policy's limit of {euros(most)}; "
        "buys wait until losses age or prices recover.",
        clears_how="as losses leave the last 24 h or prices recover; REDUCING is lifted by resuming",
    )  # fmt: skip


def average_down(question: Question) -> Check:
    """A buy is not under the average cost of what is held, if the policy forbids that."""
    order = question.order
    if order.side is not Side.BUY:
        return not_applied(CheckCode.AVERAGE_DOWN, "only buys average down")
    if not policy_of(question).never_average_down:
        return not_applied(CheckCode.AVERAGE_DOWN, "the policy allows averaging down")
    position = question.facts.positions.get(order.market)
    if position is None or not position.quantity.is_positive:
        return passes(CheckCode.AVERAGE_DOWN, "no open lots", "average cost", "nothing is held to average down")
    price = order_price(question)
    average = Price((position.cost.value / position.quantity.value).quantize(Decimal("0.00000001")))
    # Compared without the division, which cannot be exact.
    if position.quantity * price >= position.cost:
        return passes(CheckCode.AVERAGE_DOWN, price_text(price), price_text(average), "not under the average cost")
    return fails(
        CheckCode.AVERAGE_DOWN, price_text(price), f"at least {price_text(average)}",
        f"The buy at {price_text(price)} is under the average cost of what is held, {price_text(average)}, "
        "and the policy forbids averaging down; sell first, or wait for a higher price.",
        clears_how="when nothing is held, or at a price above the average cost",
    )  # fmt: skip
