"""How a check answers: passed, failed or not applied, with its numbers in words for a person."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal
from typing import TypeVar

from storage.clock import DAY, HOUR, MINUTE, SECOND, Micros
from storage.codes import CheckCode
from storage.models import Check
from storage.money import Eur, Price, decimal_text

T = TypeVar("T")


class MissingInput(Exception):
    """A figure that a check needs is not there, or belongs to another market; the check fails with this sentence."""


def known(value: T | None, what: str) -> T:
    """The value itself. Raises MissingInput, naming it, if it is None."""
    if value is None:
        raise MissingInput(f"{what} is missing")
    return value


def passes(code: CheckCode, observed: str, limit: str, reason: str) -> Check:
    """The check held."""
    return Check(code, True, True, observed, limit, reason)


def not_applied(code: CheckCode, reason: str) -> Check:
    """The check has nothing to say about this order, and says why; ``reason`` is what follows *not applied:*."""
    return Check(code, True, False, "not applied", "not applied", reason)


def fails(
    code: CheckCode,
    observed: str,
    limit: str,
    reason: str,
    *,
    clears_at: Micros | None = None,
    clears_how: str | None = None,
) -> Check:
    """The check did not hold. ``clears_at`` is None when no passing of time alone clears it."""
    return Check(code, False, True, observed, limit, reason, clears_at, clears_how)


def utc_text(at: Micros) -> str:
    """A time as ISO 8601 in UTC, whole seconds. Raises ValueError or OverflowError outside the calendar."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def length_text(length: Micros) -> str:
    """A length of time in its two largest units: ``0.4 s``, ``12 min 4 s``, ``1 h 56 min``, ``2 d 3 h``."""
    span = abs(length)
    if span < MINUTE:
        return f"{decimal_text((Decimal(span) / SECOND).quantize(Decimal('0.1')))} s"
    for unit, name, part, part_name in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min")):
        if span >= unit:
            return _two(span // unit, name, span % unit // part, part_name)
    return _two(span // MINUTE, "min", span % MINUTE // SECOND, "s")


def _two(large: int, large_name: str, small: int, small_name: str) -> str:
    return f"{large} {large_name} {small} {small_name}" if small != 0 else f"{large} {large_name}"


def ago_text(now: Micros, at: Micros) -> str:
    """How long ago a time was, or how far ahead of the clock it lies."""
    return f"{length_text(now - at)} ago" if at <= now else f"{length_text(at - now)} ahead of the clock"


def euros(amount: Eur, against: Eur | None = None) -> str:
    """Euros to the cent; exact where rounding would hide on which side of ``against`` the amount lies."""
    shown = amount.cents()
    if against is not None and _order(shown, against) != _order(amount, against):
        return f"{amount} EUR"
    return f"{format(shown.value, 'f')} EUR"


def _order(one: Eur, other: Eur) -> int:
    return (one > other) - (one < other)


def price_text(price: Price) -> str:
    """A price, exact."""
    return f"{price} EUR"


def percent_text(percent: Decimal) -> str:
    """A percentage, rounded away from zero to three decimals, so that what is over a limit reads as over it."""
    return f"{decimal_text(percent.quantize(Decimal('0.001'), ROUND_UP))} %"
