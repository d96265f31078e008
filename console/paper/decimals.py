"""Decimal texts as the exchange writes them, and its rounding to whole cents."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cache

CENT = Decimal("0.01")
ZERO = Decimal(0)


def text(value: Decimal) -> str:
    """The canonical text of a decimal: no exponent, no padding, "0" for zero."""
    if value == 0:
        return "0"
    return format(value.normalize(), "f")


def ceil_cents(value: Decimal) -> Decimal:
    """The smallest number of whole cents not below the value."""
    return value.quantize(CENT, ROUND_CEILING)


def floor_cents(value: Decimal) -> Decimal:
    """The largest number of whole cents not above the value."""
    return value.quantize(CENT, ROUND_FLOOR)


@cache
def _unit(places: int) -> Decimal:
    """One in the last of so many decimal places; the ladders ask for the same few a thousand times a second."""
    return Decimal(1).scaleb(-places)


def floor_places(value: Decimal, places: int) -> Decimal:
    """The value cut to so many decimal places."""
    return value.quantize(_unit(places), ROUND_FLOOR)


def ceil_places(value: Decimal, places: int) -> Decimal:
    """The smallest number of so many decimal places not below the value."""
    return value.quantize(_unit(places), ROUND_CEILING)


def places_of(value: Decimal) -> int:
    """How many decimal places a value needs, trailing zeros not counted."""
    exponent = value.normalize().as_tuple().exponent
    return max(-int(exponent), 0)
