"""The venue conditions: what the exchange accepts, how fresh and sane its market is, and what the account can pay.

They run on data fetched before the decision; a part that could not be fetched fails every check that needs it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from storage.check_results import MissingInput, euros, fails, known, passes, percent_text, price_text
from storage.clock import Micros
from storage.codes import TERMINAL, UNDECIDED, CheckCode, OrderType, Side, TriggerType
from storage.execution_models import OpenExecution, Trigger
from storage.market_models import MarketRules
from storage.models import Check, Question
from storage.money import EXACT, Eur, Price, Quantity, decimal_text
from storage.order_value import (
    base_of,
    bid_and_ask,
    currency_of,
    is_exit,
    mid_of,
    order_price,
    order_value,
    policy_of,
    quote_of,
    rules_of,
    walk_order,
)

TYPED_EXIT_FACTOR: Final = 4
"""An exit whose amount was typed may go so many times as far from the market as the policy's limit."""


def market_status(question: Question) -> Check:
    """The exchange says the market is trading."""
    rules = rules_of(question)
    if rules.status == "trading":
        return passes(CheckCode.MARKET_STATUS, rules.status, "trading", f"{rules.market} is trading")
    return fails(
        CheckCode.MARKET_STATUS, rules.status, "trading",
        f"The exchange says {rules.market} is {rules.status}; wait until it trades again.",
        clears_how="when the exchange opens the market",
    )  # fmt: skip


def order_rules(question: Question) -> Check:
    """The exchange accepts an order of this type, quantity, price and number."""
    rules, order = rules_of(question), question.order
    problems = [*_quantity_problems(question, rules), *_price_problems(question, rules)]
    word = order.order_type if order.trigger is None else order.trigger.type
    if word.value not in rules.order_types:
        problems.append(f"{rules.market} takes no {word} orders")
    resting = sum(
        execution.market == order.market
        and execution.proposal_id != order.proposal_id
        and execution.state not in TERMINAL  # one that ended may still lack fills, but takes no place any more
        for execution in question.facts.open_executions
    )
    if resting >= rules.maximum_open_orders:
        problems.append(f"orders of ours open there: {resting} of {rules.maximum_open_orders} at most")
    waits = None if order.trigger is None else order.trigger.price
    at = order.limit if waits is None else waits
    price = "market" if at is None else price_text(at)
    observed = f"{word} {order.quantity} {rules.base} at {price}"
    limit = (
        f"{rules.minimum_quantity} to {rules.maximum_quantity} {rules.base} in {rules.quantity_decimals} decimals, "
        f"at least {euros(rules.minimum_value)}, tick {rules.tick_size}"
    )
    if not problems:
        return passes(CheckCode.ORDER_RULES, observed, limit, "the exchange accepts such an order")
    return fails(
        CheckCode.ORDER_RULES, observed, limit,
        f"The exchange would refuse this order: {'; '.join(problems)}; change it.",
        clears_how="change the order",
    )  # fmt: skip


def _quantity_problems(question: Question, rules: MarketRules) -> list[str]:
    quantity = question.order.quantity
    problems = []
    if not quantity.is_positive:
        problems.append(f"{quantity} {rules.base} is nothing")
    if quantity.rounded_down(rules.quantity_decimals) != quantity:
        problems.append(f"{quantity} has more than {rules.quantity_decimals} decimals")
    if quantity < rules.minimum_quantity:
        problems.append(f"{quantity} {rules.base} is less than {rules.minimum_quantity}")
    if quantity > rules.maximum_quantity:
        problems.append(f"{quantity} {rules.base} is more than {rules.maximum_quantity}")
    return problems


def _price_problems(question: Question, rules: MarketRules) -> list[str]:
    order = question.order
    if order.trigger is not None:
        value, problems = order.quantity * order.trigger.price, _off_tick(order.trigger.price, rules)
    elif order.order_type is OrderType.MARKET:
        # Walking the book also shows whether it holds enough; if not, this raises and the check fails with that.
        value = walk_order(question).value
        problems = [] if order.limit is None else ["a market order carries no limit price"]
    else:
        limit = known(order.limit, "the limit price of the order")
        value, problems = order.quantity * limit, _off_tick(limit, rules)
    if value < rules.minimum_value:
        problems.append(f"{euros(value, rules.minimum_value)} is less than {euros(rules.minimum_value)}")
    return problems


def _off_tick(price: Price, rules: MarketRules) -> list[str]:
    if not price.is_positive:
        return [f"{price} is no price"]
    if not rules.tick_size.is_positive:
        raise MissingInput(f"the tick size of {rules.market} is missing")
    if EXACT.remainder(price.value, rules.tick_size.value) != 0:
        return [f"{price} is no multiple of the tick {rules.tick_size}"]
    return []


def price_fresh(question: Question) -> Check:
    """Book and balance were known to be current a moment ago."""
    quote, now = quote_of(question), question.facts.monotonic
    most = policy_of(question).venue.fresh_s
    book = now - known(quote.book_confirmed, f"a confirmed book of {quote.market}")
    balance = now - known(quote.balance_fetched, "a fetched balance")
    observed, limit = f"book {book:.1f} s ago, balance {balance:.1f} s ago", f"{most} s"
    if 0 <= book <= most and 0 <= balance <= most:
        return passes(CheckCode.PRICE_FRESH, observed, limit, "book and balance are fresh")
    return fails(
        CheckCode.PRICE_FRESH, observed, limit,
        f"Book or balance is not fresh ({observed}, at most {limit}); take a new quote.",
        clears_how="take a new quote",
    )  # fmt: skip


def _widened(question: Question, limit_pct: Decimal) -> Decimal:
    return limit_pct * TYPED_EXIT_FACTOR if is_exit(question.order) and question.typed_amount else limit_pct


def _way_on(question: Question) -> str:
    return ", or type the amount of the exit" if is_exit(question.order) and not question.typed_amount else ""


def price_collar(question: Question) -> Check:
    """The price is near the last trade and near the middle of the book; a stop lies on its own side of both."""
    if question.order.trigger is not None:
        return _stop_collar(question, question.order.trigger)
    quote = quote_of(question)
    most = _widened(question, policy_of(question).venue.collar_pct)
    price = order_price(question)
    last = known(quote.last, f"the last trade's price of {quote.market}")
    from_last, from_mid = _apart_pct(price, last), _apart_pct(price, mid_of(question))
    observed = f"{percent_text(from_last)} from last trade, {percent_text(from_mid)} from mid"
    limit = f"{decimal_text(most)} %"
    if from_last <= most and from_mid <= most:
        return passes(CheckCode.PRICE_COLLAR, observed, limit, "the price is near the market")
    return fails(
        CheckCode.PRICE_COLLAR, observed, limit,
        f"The price {price_text(price)} is too far from the market ({observed}); change it{_way_on(question)}.",
        clears_how="change the price, or when the market comes near it",
    )  # fmt: skip


def _stop_collar(question: Question, trigger: Trigger) -> Check:
    """A stop waits away from the market, or it would sell at once; what it becomes is a market order, and is near
    the middle of the book shown.
    """
    quote, code = quote_of(question), CheckCode.PRICE_COLLAR
    most = _widened(question, policy_of(question).venue.collar_pct)
    last = known(quote.last, f"the last trade's price of {quote.market}")
    bid = known(quote.bid, f"the best bid of {quote.market}")
    if trigger.type is TriggerType.STOP_LOSS:
        edge, side = min(last, bid), "under"
        waits = trigger.price < edge
    else:
        edge, side = max(last, bid), "over"
        waits = trigger.price > edge
    walked = _apart_pct(walk_order(question).worst, mid_of(question))
    observed = f"waits at {price_text(trigger.price)}, would sell {percent_text(walked)} from mid"
    limit = f"{side} {price_text(edge)}, {decimal_text(most)} %"
    if waits and walked <= most:
        return passes(code, observed, limit, "it waits on its own side of the market")
    if not waits:
        reason = (
            f"A {trigger} would sell at once: the market is at {price_text(edge)}; set it {side} that, or exit now."
        )
        return fails(code, observed, limit, reason, clears_how="change the price")
    reason = f"In the book shown this market order would go {percent_text(walked)} from the middle; sell less"
    return fails(
        code, observed, limit, f"{reason}{_way_on(question)}.", clears_how="sell less, or when the book fills up"
    )


def _apart_pct(price: Price, reference: Price) -> Decimal:
    if not reference.is_positive:
        raise MissingInput("a price above zero to compare with is missing")
    return abs((price - reference).ratio(reference)) * 100


def spread(question: Question) -> Check:
    """Bid and ask are close together."""
    quote = quote_of(question)
    most = _widened(question, policy_of(question).venue.spread_pct)
    mid = mid_of(question)
    if not mid.is_positive:
        raise MissingInput("a price above zero to compare with is missing")
    bid, ask = bid_and_ask(question)
    gap = ask - bid
    share = gap.ratio(mid) * 100
    observed, limit = f"{percent_text(share)}, {price_text(gap)}", f"{decimal_text(most)} %"
    if gap < Price.zero():
        reason = f"The book of {quote.market} is crossed, its bid is above its ask; take a new quote."
        return fails(CheckCode.SPREAD, observed, limit, reason, clears_how="take a new quote")
    if share <= most:
        return passes(CheckCode.SPREAD, observed, limit, "bid and ask are close together")
    reason = (
        f"Bid and ask are {percent_text(share)} apart, more than {limit}; wait for a tighter book{_way_on(question)}."
    )
    return fails(CheckCode.SPREAD, observed, limit, reason, clears_how="when bid and ask come closer")


def balance(question: Question) -> Check:
    """The account holds what the order needs, beside what orders of ours hold that the balance cannot show yet."""
    quote, order = quote_of(question), question.order
    fetched_at = known(quote.balance_fetched_at, "the time of the balance")
    if fetched_at > question.facts.now:
        raise MissingInput("a balance from before this moment is missing")
    others = _holds(question, fetched_at)
    if order.side is Side.BUY:
        taker = known(quote.taker_fee, "the account's taker fee")
        needed = with_fee(order_value(question), taker)
        held = Eur.total(_held_eur(hold, taker) for hold in others)
        free = known(quote.available_eur, "the balance of EUR") - held
        enough = needed <= free
        needed_text, free_text, held_text = euros(needed), euros(free, needed), euros(held)
    else:
        coin = base_of(order.market)
        promised = Quantity.total(hold.quantity for hold in others)
        left = known(quote.available_base, f"the balance of {coin}") - promised
        enough = order.quantity <= left
        needed_text, free_text, held_text = f"{order.quantity} {coin}", f"{left} {coin}", f"{promised} {coin}"
    limit = f"{free_text} free, {held_text} held by other orders"
    if enough:
        return passes(CheckCode.BALANCE, needed_text, limit, "the account can pay for it")
    return fails(
        CheckCode.BALANCE, needed_text, limit,
        f"The order needs {needed_text} and {free_text} is free; make it smaller, or free some.",
        clears_how="make it smaller, cancel an order, or pay in",
    )  # fmt: skip


def with_fee(value: Eur, taker_fee: Decimal) -> Eur:
    """The most a buy of this value costs: with the taker fee (a fraction), rounded up to whole cents.

    The exchange moves the euro balance in whole cents. Raises MissingInput for a fee outside [0, 1).
    """
    if not taker_fee.is_finite() or not 0 <= taker_fee < 1:
        raise MissingInput("a taker fee between 0 and 1 is missing")
    return value.scaled(1 + taker_fee).cents_up()


def _holds(question: Question, fetched_at: Micros) -> list[OpenExecution]:
    """Other executions that take from the same balance and that the fetched balance may not show yet."""
    order, facts = question.order, question.facts
    every = {each.id: each for each in (*facts.open_executions, *facts.recent_holds)}
    return [
        each
        for each in every.values()
        if each.proposal_id != order.proposal_id
        and each.side is order.side
        and _same_balance(each.market, order.market, order.side)
        and (each.state in UNDECIDED or each.updated_at >= fetched_at)
    ]


def _same_balance(one: str, other: str, side: Side) -> bool:
    return currency_of(one) == currency_of(other) if side is Side.BUY else base_of(one) == base_of(other)


def _held_eur(hold: OpenExecution, taker_fee: Decimal) -> Eur:
    # The whole order, not what remains of it: which of its fills the balance shows already is not known.
    return with_fee(hold.eur if hold.limit is None else hold.quantity * hold.limit, taker_fee)
