"""What the texts of settings mean; every reader raises ValueError with what it expects."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final

from console.paper.errors import TEXTS

REASONS: Final = (
    "cancelOnDisconnect",
    "cancelOnAdminRequest",
    "cancelOnMaintenance",
    "cancelOnLockPlaced",
    "cancelOnDelisting",
)
"""The documented reasons of a cancel that nobody's price or order brought about."""


def flag(text: str) -> bool:
    """`true` or `false`."""
    if text not in {"true", "false"}:
        raise ValueError("true or false")
    return text == "true"


def whole(text: str) -> int:
    """A whole number, zero or more."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ValueError("a whole number")
    return int(text)


def code(text: str) -> int:
    """An errorCode that has a sentence here."""
    if not (text.isascii() and text.isdigit()) or int(text) not in TEXTS:
        raise ValueError("a known errorCode")
    return int(text)


def share(text: str) -> Decimal:
    """A fraction above zero, such as 0.1."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or not 0 < value <= 1000:
        raise ValueError("a fraction above zero, such as 0.1")
    return value


def one_of(*words: str) -> Callable[[str], str]:
    """One of a few words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(" or ".join(words))
        return text

    return read


reason: Final = one_of(*REASONS)
