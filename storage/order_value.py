"""What an order comes to: its price, its value, what may be sold, and the parts of a question checks share."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from storage.check_results import MissingInput, known
from storage.codes import OrderKind, OrderType, Side
from storage.market_models import Level, MarketRules, Quote
from storage.models import Facts, Order, Question
from storage.money import Eur, Price, Quantity
from storage.policies import Policy


class Walk(NamedTuple):
    """A market order walked through the book shown: the price of its last unit, and its value."""

    worst: Price
    value: Eur


def policy_of(question: Question) -> Policy:
    """The policy in force. Raises MissingInput if there is none."""
    policy = question.policy.policy
    if not isinstance(policy, Policy):
        raise MissingInput("the active policy is missing")
    return policy


def is_exit(order: Order) -> bool:
    """An operator's sell of what is held. A buy is never an exit, whatever it is called."""
    return order.kind is OrderKind.EXIT and order.side is Side.SELL


def quote_of(question: Question) -> Quote:
    """The quote, if it is of the order's market. Raises MissingInput."""
    if question.quote.market != question.order.market:
        raise MissingInput(f"the quote of {question.order.market} is missing, there is one of {question.quote.market}")
    return question.quote


def rules_of(question: Question) -> MarketRules:
    """The exchange's rules for the order's market. Raises MissingInput."""
    rules, market = quote_of(question).rules, question.order.market
    of_market = None if rules is None or rules.market != market else rules
    return known(of_market, f"what the exchange asks of orders in {market}")


def bid_and_ask(question: Question) -> tuple[Price, Price]:
    """The best bid and the best ask. Raises MissingInput without both."""
    quote = quote_of(question)
    bid = known(quote.bid, f"the best bid of {quote.market}")
    return bid, known(quote.ask, f"the best ask of {quote.market}")


def mid_of(question: Question) -> Price:
    """Half way between best bid and best ask. Raises MissingInput without both."""
    bid, ask = bid_and_ask(question)
    return (bid + ask).scaled(Decimal("0.5"))


def walk(levels: tuple[Level, ...], quantity: Quantity) -> Walk | None:
    """Take the quantity out of the levels, best first; None if they do not hold so much."""
    left = quantity
    value = Eur.zero()
    for level in levels:
        taken = left if left <= level.quantity else level.quantity
        value += taken * level.price
        left -= taken
        if not left.is_positive:
            return Walk(level.price, value)
    return None


def walk_order(question: Question) -> Walk:
    """The order as a market order against the book shown. Raises MissingInput if the book is too thin."""
    quote, order = quote_of(question), question.order
    levels = quote.asks if order.side is Side.BUY else quote.bids
    walked = walk(levels, order.quantity)
    if walked is None:
        raise MissingInput(f"the book of {order.market} shown is too thin for {order.quantity}, its price")
    return walked


def order_price(question: Question) -> Price:
    """The limit; for a stop the price it waits for; for a market order the price its last unit gets in the book shown.

    Raises MissingInput.
    """
    if question.order.trigger is not None:
        return question.order.trigger.price
    if question.order.order_type is OrderType.MARKET:
        return walk_order(question).worst
    return known(question.order.limit, "the limit price of the order")


def order_value(question: Question) -> Eur:
    """Quantity times price, without fee. Raises MissingInput."""
    return question.order.quantity * order_price(question)


def sellable(facts: Facts, market: str, own_proposal: int) -> Quantity:
    """What is held of a market, less what other open, claimed and unknown sells may still take of it."""
    position = facts.positions.get(market)
    held = Quantity.zero() if position is None else position.quantity
    promised = Quantity.total(
        execution.remaining
        for execution in facts.open_executions
        if execution.market == market and execution.side is Side.SELL and execution.proposal_id != own_proposal
    )
    return held - promised


def base_of(market: str) -> str:
    """The coin of a market's name: ``BTC`` of ``BTC-EUR``."""
    return market.rpartition("-")[0]


def currency_of(market: str) -> str:
    """The quote currency of a market's name: ``EUR`` of ``BTC-EUR``."""
    return market.rpartition("-")[2]
