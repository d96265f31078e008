"""What the operator is shown before firing: the order, what it will do in the live book, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

from console import format as fmt
from storage.check_results import MissingInput
from storage.checks import run_checks, verdict
from storage.clock import DAY
from storage.codes import Mode, OrderType, Side
from storage.database import Tx
from storage.gate import ask
from storage.market_models import Level, Quote
from storage.models import Check, Order, Proposal, Question, Ticket
from storage.money import EXACT, Eur, Price, Quantity
from storage.order_value import is_exit, order_price, policy_of, walk_order
from storage.orders import order_digest
from storage.proposals import get_proposal
from storage.risk_checks import bids_of, exposure_now

ABNORMAL_EXPOSURE: Final = Decimal("0.8")
ABNORMAL_WALK: Final = Decimal("0.005")
ABNORMAL_MOVE: Final = Decimal("0.01")


class Now(StrEnum):
    """What the order would do in the book as it is."""

    FILLS = "FILLS AT ONCE"
    PART = "FILLS IN PART"
    RESTS = "RESTS"
    NOTHING = "FILLS NOTHING"
    WAITS = "WAITS"
    """A stop: nothing happens before its price is reached."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would happen right now. ``filled`` and ``value`` are of the part that fills at once, without fee."""

    now: Now
    filled: Quantity
    value: Eur
    average: Price | None
    ahead: Quantity
    """What rests at better or equal prices on the order's own side, for one that rests."""


@dataclass(frozen=True, slots=True)
class TicketView:
    """Everything a ticket shows, from one quote and one state of the vault."""

    proposal: Proposal
    ticket: Ticket
    question: Question
    checks: tuple[Check, ...]
    blocking: Check | None
    """The failing check that clears last; None when all pass."""
    outlook: Outlook | None
    total: Eur | None
    """Paid at most (buy) or received at least (sell), fee included; None while the book cannot tell.

    Of a stop: received about, at the price it waits for.
    """
    fee: Eur | None
    typed: str | None
    """The amount to type where one is asked: the euro total, or a market sell's quantity."""
    typed_reason: str | None
    """Why this order is out of the ordinary; None if it is not."""
    at_risk: Eur | None
    break_even: Price | None
    held_after: Quantity
    exposure_after: Eur | None
    exposure_limit: Eur
    trades_after: int
    trades_limit: int

    @property
    def order(self) -> Order:
        """The order that would be sent."""
        return self.ticket.order

    @property
    def reference(self) -> Price | None:
        """The price the order deals at: the ask for a buy, the bid for a sell."""
        return self.question.quote.ask if self.order.side is Side.BUY else self.question.quote.bid


def view_ticket(tx: Tx, proposal_id: int, quote: Quote) -> TicketView:
    """Draw the ticket of a proposal now. Raises NotFound."""
    proposal = get_proposal(tx, proposal_id)
    bare = ask(tx, proposal, quote)
    ticket = Ticket(bare.order, order_digest(bare.order), bare.policy.hash, tx.now)
    question = Question(proposal, bare.order, ticket, bare.policy, bare.facts, quote)
    checks, asked = sized_answers(question)
    total, fee = total_and_fee(question)
    policy, facts = policy_of(question), bare.facts
    caps = policy.trades if proposal.side is Side.BUY else policy.exits
    used = sum(at > tx.now - DAY for at in facts.trade_times[proposal.side])
    position = facts.positions.get(proposal.market)
    held = Quantity.zero() if position is None else position.quantity
    outlook = look_ahead(bare.order, quote)
    risk, even = round_trip(question, outlook)
    return TicketView(
        proposal=proposal,
        ticket=ticket,
        question=question,
        checks=checks,
        blocking=verdict(checks),
        outlook=outlook,
        total=total,
        fee=fee,
        typed=_typed(bare.order, total),
        typed_reason=asked,
        at_risk=risk,
        break_even=even,
        held_after=held + proposal.quantity if proposal.side is Side.BUY else held - proposal.quantity,
        exposure_after=_exposure_after(question),
        exposure_limit=Eur(policy.exposure_eur),
        trades_after=used + 1,
        trades_limit=caps.per_day,
    )


def total_and_fee(question: Question) -> tuple[Eur | None, Eur | None]:
    """What a buy pays at most, or a sell receives at least, and the fee in it, both in whole cents.

    The exchange moves euros in whole cents: a buy's cost is rounded up, a sell's proceeds down.
    """
    rate = question.quote.taker_fee
    if rate is None:
        return None, None
    try:
        value = question.order.quantity * order_price(question)
    except MissingInput:
        return None, None
    if question.order.side is Side.BUY:
        total = value.scaled(1 + rate).cents_up()
        return total, total - value
    total = value.scaled(1 - rate).cents_down()
    return total, value - total


def look_ahead(order: Order, quote: Quote) -> Outlook | None:
    """What the order would do in the quote's book; None without a book."""
    if order.trigger is not None:
        return Outlook(Now.WAITS, Quantity.zero(), Eur.zero(), None, Quantity.zero())
    facing, own = (quote.asks, quote.bids) if order.side is Side.BUY else (quote.bids, quote.asks)
    if not facing:
        return None
    filled, value = Quantity.zero(), Eur.zero()
    for level in facing:
        if order.limit is not None and _worse(order.side, level.price, order.limit):
            break
        take = min(level.quantity, order.quantity - filled)
        filled, value = filled + take, value + take * level.price
        if filled == order.quantity:
            break
    average = Price(EXACT.divide(value.value, filled.value)) if filled.is_positive else None
    if filled == order.quantity:
        return Outlook(Now.FILLS, filled, value, average, Quantity.zero())
    rests = order.order_type is OrderType.LIMIT and order.time_in_force == "GTC"
    if filled.is_positive:
        return Outlook(Now.PART, filled, value, average, Quantity.zero())
    return Outlook(Now.RESTS if rests else Now.NOTHING, filled, value, None, _ahead(order, own))


def _worse(side: Side, price: Price, limit: Price) -> bool:
    return price > limit if side is Side.BUY else price < limit


def _ahead(order: Order, own: tuple[Level, ...]) -> Quantity:
    limit = order.limit
    if limit is None:
        return Quantity.zero()
    return Quantity.total(level.quantity for level in own if not _worse(order.side, limit, level.price))


def round_trip(question: Question, outlook: Outlook | None) -> tuple[Eur | None, Price | None]:
    """What a buy loses if its idea turns out wrong, and the price from which it wins; both after both fees.

    Wrong means sold at the invalidation price. The buy is taken at what the book gives now, the rest at the limit.
    """
    order, rate = question.order, question.quote.taker_fee
    if order.side is not Side.BUY or rate is None or outlook is None:
        return None, None
    rest = order.quantity - outlook.filled
    at_limit = order.limit if order.limit is not None else question.quote.ask
    if at_limit is None:
        return None, None
    cost = (outlook.value + rest * at_limit).scaled(1 + rate)
    even = Price(EXACT.divide(cost.value, EXACT.multiply(order.quantity.value, 1 - rate)))
    wrong = question.proposal.rationale.invalidation_price
    if wrong is None:
        return None, even
    return (order.quantity * wrong).scaled(1 - rate) - cost, even


def sized_answers(question: Question) -> tuple[tuple[Check, ...], str | None]:
    """The checks, and why the amount must be typed, if so.

    An exit may go up to four times as far from the market once its amount is typed: where that alone lets it pass,
    typing is asked for, and the checks answer as they will then.
    """
    checks, reason = run_checks(question), typed_reason(question)
    if not is_exit(question.order):
        return checks, reason
    wide = run_checks(replace(question, typed_amount=True))
    eased = [now.code for now, then in zip(checks, wide, strict=True) if then.passed and not now.passed]
    if not eased:
        return checks, reason
    return wide, f"{' and '.join(eased)} up to 4 times its limit"


def typed_reason(question: Question) -> str | None:
    """Why this order asks for its amount to be typed; None for an ordinary one."""
    proposal, facts, order = question.proposal, question.facts, question.order
    if proposal.overrides and not is_exit(order):
        return f"{' and '.join(sorted(proposal.overrides))} overridden"
    if facts.mode is Mode.LIVE:
        if not any(facts.trade_times.values()):
            return "first LIVE order in 24 h"
        if facts.last_trade is None:
            return "first LIVE order in this market"
    reference = question.quote.ask if order.side is Side.BUY else question.quote.bid
    if reference is None:
        return None
    if proposal.quote_at_creation is not None:
        moved = abs(reference.ratio(proposal.quote_at_creation) - 1)
        if moved > ABNORMAL_MOVE:
            return f"price moved {fmt.percent(moved, signed=False)} since the proposal"
    try:
        if (
            order.order_type is OrderType.MARKET
            and abs(walk_order(question).worst.ratio(reference) - 1) > ABNORMAL_WALK
        ):
            return "the order walks more than 0.5 % from the best price"
    except MissingInput:
        return None
    return _near_exposure(question)


def _near_exposure(question: Question) -> str | None:
    after, limit = _exposure_after(question), Eur(policy_of(question).exposure_eur)
    if after is None or question.order.side is not Side.BUY or limit.is_zero:
        return None
    if after > limit.scaled(ABNORMAL_EXPOSURE):
        return "exposure passes 80 % of its limit"
    return None


def _exposure_after(question: Question) -> Eur | None:
    try:
        now = exposure_now(question.facts, bids_of(question.quote), question.proposal.id)
        added = question.order.quantity * order_price(question)
    except MissingInput:
        return None
    return now + added if question.order.side is Side.BUY else now


def _typed(order: Order, total: Eur | None) -> str | None:
    if order.order_type is OrderType.MARKET and order.side is Side.SELL and order.trigger is None:
        return fmt.quantity(order.quantity, grouped=False)
    return None if total is None else fmt.eur_plain(total)
