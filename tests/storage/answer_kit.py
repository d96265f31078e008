"""Questions and answers of the checks, as the tables of exact answers state them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from storage.clock import HOUR, MINUTE, Micros
from storage.codes import (
    CheckCode,
    OrderType,
    Side,
    TradingState,
    TriggerType,
)
from storage.execution_models import Realised, Trigger
from storage.models import Check, Question, Sweep, TradingRecord
from storage.orders import order_digest
from tests.storage.builders import (
    HELD,
    MARKET,
    NOW,
    coins,
    eur,
    exit_proposal,
    make_position,
    make_proposal,
    make_question,
    policy_with,
    price,
    sell_proposal,
)

C = CheckCode
SELL_HELD: Final[dict[str, Any]] = {"proposal": sell_proposal(), "facts": HELD}
EXIT_HELD: Final[dict[str, Any]] = {"proposal": exit_proposal(), "facts": HELD}
FORBIDS: Final = policy_with(never_average_down=True)
MARKET_BUY: Final = make_proposal(order_type=OrderType.MARKET, limit=None)


def a_stop(kind: TriggerType, at: str) -> dict[str, Any]:
    """The parts of a question about the operator's stop for 0.00041 BTC."""
    return {
        "proposal": exit_proposal(order_type=OrderType.MARKET, limit=None, trigger=Trigger(kind, price(at))),
        "facts": HELD,
    }


def trading(state: TradingState) -> dict[str, Any]:
    return {"trading": TradingRecord(2, state, "testing", "you", NOW - MINUTE)}


def times(side: Side, number: int, newest: Micros = NOW) -> dict[Side, tuple[Micros, ...]]:
    return {side: tuple(newest - back for back in range(number, 0, -1)), side.other: ()}


def sweep(
    *differences: str, age: Micros = MINUTE, clean: bool | None = None, foreign: tuple[str, ...] = ()
) -> dict[str, Any]:
    agrees = not differences if clean is None else clean
    return {"sweep": Sweep(NOW - age, agrees, differences, frozenset(foreign))}


def sold(result: str) -> dict[str, Any]:
    return {"realised": (Realised(NOW - HOUR, MARKET, eur(result), True, 1),)}


def lots(market: str, quantity: str, cost: str) -> dict[str, Any]:
    return {"positions": {market: make_position(market, quantity, cost)}}


def opened(*executions: Any) -> dict[str, Any]:
    return {"open_executions": executions}


def drawn_under(policy_hash: str) -> Question:
    """A question whose ticket was drawn under another policy."""
    question = make_question()
    assert question.ticket is not None
    return replace(question, ticket=replace(question.ticket, policy_hash=policy_hash))


def drawn_anew(**changes: Any) -> Question:
    """A question whose order is not the ticket's any more."""
    question = make_question()
    return replace(question, order=replace(question.order, **changes))


def shown_as(**changes: Any) -> Question:
    """A question whose ticket shows another order than its digest stands for."""
    question = make_question()
    assert question.ticket is not None
    shown = replace(question.ticket.order, **changes)
    return replace(question, ticket=replace(question.ticket, order=shown))


POLICY: Final = policy_with().hash()[:8]
SHOWN: Final = order_digest(make_question().order)[:8]
DRAWN: Final = order_digest(drawn_anew(quantity=coins("0.00042")).order)[:8]


def held(observed: str, limit: str, reason: str) -> Check:
    """The answer of a check that held, its code aside."""
    return Check(C.CLOCK, True, True, observed, limit, reason)


def not_bound(reason: str) -> Check:
    """The answer of a check that has nothing to say."""
    return Check(C.CLOCK, True, False, "not applied", "not applied", reason)


def refused(observed: str, limit: str, reason: str, clears_how: str, clears_at: Micros | None = None) -> Check:
    """The answer of a check that did not hold."""
    return Check(C.CLOCK, False, True, observed, limit, reason, clears_at, clears_how)


def missing(what: str) -> Check:
    """The answer of a check that lacks a figure."""
    reason = f"The check cannot be answered: {what}; take a new quote."
    return refused("unknown", "known", reason, "when what is missing is there")
