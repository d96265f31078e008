"""The largest size every check allows, and the check that bounds it.

The checks themselves are asked, at one size after the other, so that no second rule can disagree with the gate's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from storage.check_results import MissingInput
from storage.checks import CHECKS
from storage.codes import CheckCode, OrderType, Side, TradingState
from storage.models import Check, Question
from storage.money import Eur, Quantity
from storage.order_value import policy_of, rules_of

SIZE_DEPENDENT: Final = (
    CheckCode.ORDER_SIZE,
    CheckCode.TRADING_STATE,
    CheckCode.STAGE_LIMIT,
    CheckCode.EXPOSURE,
    CheckCode.ORDER_RULES,
    CheckCode.PRICE_COLLAR,
    CheckCode.BALANCE,
)
"""Checks that a larger order can fail where a smaller one passes. PRICE_COLLAR is one for market orders only."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """The largest quantity, and the check that fails one step above it."""

    largest: Quantity
    """Zero where not even the smallest step is allowed, or where no size is both large and small enough."""
    bound: Check | None
    """The first check that fails one step further on; None where the market's rules are not known."""


def largest_size(question: Question) -> Sizing:
    """The largest quantity for which every check that depends on the size passes.

    A halt, or a price that is too far away at any size, bounds nothing and is left to the gate's answer. Lower
    limits do not count while the upper one is looked for: a largest size under the smallest is no size at all, and
    the check that says so is the bound.
    """
    try:
        rules = rules_of(question)
    except MissingInput:
        return Sizing(Quantity.zero(), None)
    step = Decimal(1).scaleb(-rules.quantity_decimals)
    loose = _without_lower_limits(question)
    asked = tuple(code for code in SIZE_DEPENDENT if _bounds(loose, code, step))
    low, high = 0, int(rules.maximum_quantity.value / step) + 1
    while high - low > 1:  # low passes (or is nothing); high fails: it is more than the exchange takes
        middle = (low + high) // 2
        if _failing(loose, asked, step * middle) is None:
            low = middle
        else:
            high = middle
    bound = _failing(loose, asked, step * high)
    # Said with its real limits: what fails for being too large fails with a lower limit as well.
    named = None if bound is None else _failing(question, (bound.code,), step * high)
    if low == 0:
        return Sizing(Quantity.zero(), named)
    too_small = _failing(question, asked, step * low)
    return Sizing(Quantity(step * low), named) if too_small is None else Sizing(Quantity.zero(), too_small)


def share_of(sizing: Sizing, percent: int, decimals: int) -> Quantity:
    """25, 50 or 100 % of the largest size, rounded down to the market's steps."""
    return sizing.largest.scaled(Decimal(percent).scaleb(-2)).rounded_down(decimals)


def with_quantity(question: Question, quantity: Quantity) -> Question:
    """The same question about another size, without a ticket, which nobody has drawn for it."""
    order = replace(question.order, quantity=quantity)
    return replace(question, order=order, ticket=None)


def _bounds(question: Question, code: CheckCode, step: Decimal) -> bool:
    """Whether a check says anything about the size: the price of a limit order does not move with it."""
    if code is CheckCode.PRICE_COLLAR and question.order.order_type is not OrderType.MARKET:
        return False
    if code in (CheckCode.TRADING_STATE, CheckCode.PRICE_COLLAR):
        # These fail for other reasons as well; what fails at the smallest step already is no matter of size.
        return _failing(question, (code,), step) is None or _sells_while_reducing(question, code)
    return True


def _sells_while_reducing(question: Question, code: CheckCode) -> bool:
    trading = question.facts.trading
    reducing = trading.state is TradingState.REDUCING and question.facts.halt_file is None
    return code is CheckCode.TRADING_STATE and reducing and question.order.side is Side.SELL


def _failing(question: Question, codes: tuple[CheckCode, ...], quantity: Decimal) -> Check | None:
    asked = with_quantity(question, Quantity(quantity))
    for code in codes:
        try:
            answer = CHECKS[code](asked)
        except MissingInput as error:
            return Check(code, False, True, "unknown", "known", f"The check cannot be answered: {error}.")
        if not answer.passed:
            return answer
    return None


def _without_lower_limits(question: Question) -> Question:
    policy = policy_of(question)
    order = policy.order.model_copy(update={"min_eur": Decimal(0)})
    loose = replace(question.policy, policy=policy.model_copy(update={"order": order}))
    rules = replace(rules_of(question), minimum_quantity=Quantity.zero(), minimum_value=Eur.zero())
    return replace(question, policy=loose, quote=replace(question.quote, rules=rules))
