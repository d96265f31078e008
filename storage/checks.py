"""Runs all twenty-five checks on one question, always all of them, and tells what their answers come to.

This is a seam: whatever goes wrong inside a check becomes a failure of that check, so that nothing passes by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from storage import risk_checks, standing, validators, venue_checks
from storage.check_results import MissingInput, fails
from storage.codes import CheckCode
from storage.models import Check, Question

CheckFunction: TypeAlias = Callable[[Question], Check]

CHECKS: Final[Mapping[CheckCode, CheckFunction]] = MappingProxyType(
    {
        CheckCode.ALLOWLIST: validators.allowlist,
        CheckCode.ORDER_SIZE: validators.order_size,
        CheckCode.CONFIDENCE: validators.confidence,
        CheckCode.COOLDOWN: validators.cooldown,
        CheckCode.ANTI_FLIP: validators.anti_flip,
        CheckCode.DAILY_TRADE_CAP: validators.daily_trade_cap,
        CheckCode.HOURLY_TRADE_CAP: validators.hourly_trade_cap,
        CheckCode.TRADING_STATE: standing.trading_state,
        CheckCode.PROPOSAL_STATE: standing.proposal_state,
        CheckCode.PROPOSAL_EXPIRY: standing.proposal_expiry,
        CheckCode.POLICY_UNCHANGED: standing.policy_unchanged,
        CheckCode.TICKET_UNCHANGED: standing.ticket_unchanged,
        CheckCode.STAGE_LIMIT: risk_checks.stage_limit,
        CheckCode.EXPOSURE: risk_checks.exposure,
        CheckCode.DRAWDOWN: risk_checks.drawdown,
        CheckCode.AVERAGE_DOWN: risk_checks.average_down,
        CheckCode.UNRESOLVED_EXECUTION: standing.unresolved_execution,
        CheckCode.RECONCILED: standing.reconciled,
        CheckCode.CLOCK: standing.clock,
        CheckCode.MARKET_STATUS: venue_checks.market_status,
        CheckCode.ORDER_RULES: venue_checks.order_rules,
        CheckCode.PRICE_FRESH: venue_checks.price_fresh,
        CheckCode.PRICE_COLLAR: venue_checks.price_collar,
        CheckCode.SPREAD: venue_checks.spread,
        CheckCode.BALANCE: venue_checks.balance,
    }
)


def run_checks(question: Question) -> tuple[Check, ...]:
    """All twenty-five answers, in the order of ``CheckCode``. Never raises, never stops at a failure."""
    return tuple(_guarded(code, CHECKS[code], question) for code in CheckCode)


def _guarded(code: CheckCode, check: CheckFunction, question: Question) -> Check:
    try:
        answer = check(question)
        if answer.code is not code or answer.passed not in (True, False):
            raise TypeError(f"it answered as {answer.code}: {answer.passed}")
    except MissingInput as error:
        return _unanswered(code, f"The check cannot be answered: {error}; take a new quote.")
    except Exception as error:  # the seam: no fault of a check may let an order through
        return _unanswered(code, f"The check broke ({type(error).__name__}: {error}); nothing is sent, report this.")
    return answer


def _unanswered(code: CheckCode, reason: str) -> Check:
    return fails(code, "unknown", "known", reason, clears_how="when what is missing is there")


def verdict(checks: tuple[Check, ...]) -> Check | None:
    """None if every check passed: ready. Else, of the failing ones, the one that clears last.

    One that no time clears comes after all that time does; of several, the first in the gate's order.
    Raises ValueError if not exactly the twenty-five checks are given.
    """
    if tuple(check.code for check in checks) != tuple(CheckCode):
        raise ValueError("a verdict needs the answers of all twenty-five checks, in order")
    failed = [check for check in checks if not check.passed]
    for check in failed:
        if check.clears_at is None:
            return check
    return max(failed, key=_clearing_time, default=None)


def _clearing_time(check: Check) -> int:
    if check.clears_at is None:
        raise ValueError(f"{check.code} does not clear by itself")
    return check.clears_at
