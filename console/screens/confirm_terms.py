"""What the confirm dialog is told and what it answers: keys, the market around the ticket, steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from console.format import percent
from storage.codes import CheckCode, Side

if TYPE_CHECKING:
    from storage.models import Check
    from storage.money import Price

BOOK_SECONDS: Final = 5.0
"""A book that has not been confirmed for so long is STALE."""
DRIFT: Final = Decimal("0.005")
"""A price further than this fraction from the quote the ticket stands on is STALE."""

_LOCKS: Final = frozenset({"caps_lock", "num_lock", "scroll_lock", "iso_level3_shift", "iso_level5_shift"})
_MODIFIERS: Final = frozenset({"shift", "control", "ctrl", "alt", "super", "hyper", "meta"})
_NOT_KEYS: Final = _LOCKS | _MODIFIERS | {f"{hand}_{name}" for hand in ("left", "right") for name in _MODIFIERS}


@dataclass(frozen=True, slots=True)
class Key:
    """A key as the terminal library reports it: its name, and the character it types, if any."""

    name: str
    character: str | None = None

    @property
    def is_modifier(self) -> bool:
        """Only a modifier or a lock, which some terminals report on its own: no key at all."""
        return self.name.rpartition("+")[2] in _NOT_KEYS

    @property
    def fires(self) -> bool:
        """The character ``F``, or ``shift+f`` from a terminal that names no character; never with another modifier."""
        *held, _ = self.name.split("+")
        if set(held) - {"shift"}:
            return False
        return self.character == "F" or (self.character in (None, "") and self.name in ("F", "shift+f"))


@dataclass(frozen=True, slots=True)
class Live:
    """What is true around the ticket at one moment. What is not known is None, and does not let fire."""

    side: Side
    opened_on: Price | None
    """Ask (buy) or bid (sell) of the quote the ticket was opened or re-quoted on."""
    reference: Price | None
    """The same side of the book now."""
    book_age: float | None
    """Seconds since the book was last confirmed."""
    blocking: Check | None
    """The failing check to name, of those that fail the one that clears last."""
    gone: str | None
    """Why there is nothing left to confirm, such as ``expired 3 s ago``."""
    type_reason: str | None
    """Why the amount must be typed, such as ``first LIVE order today``; None where it need not."""
    total: str
    """What is to be typed then: the euro total (a market sell: the quantity), without grouping; fixed for a quote."""
    quote: int = 0
    """Counts the quotes this ticket was drawn on; a new one restarts the reading."""

    def reads_like(self, other: Live) -> bool:
        """Whether somebody who has read the one ticket has read the other: same quote, same amount to type, if any."""
        return self._read() == other._read()

    def _read(self) -> tuple[object, ...]:
        asked = None if self.type_reason is None else self.total
        return self.quote, self.opened_on, self.side, asked


OVERRIDABLE: Final = frozenset({CheckCode.COOLDOWN, CheckCode.ANTI_FLIP})
SIZED: Final = frozenset(
    {CheckCode.ORDER_SIZE, CheckCode.STAGE_LIMIT, CheckCode.EXPOSURE, CheckCode.BALANCE, CheckCode.ORDER_RULES,
     CheckCode.PRICE_COLLAR, CheckCode.AVERAGE_DOWN}
)  # fmt: skip
"""Checks that another size or price may pass."""

EXIT_REASONS: Final = {"1": "stop the loss", "2": "take the gain", "3": "free the money"}
"""Of an exit one key overrides and gives the reason."""


def overridable(checks: Iterable[Check]) -> tuple[Check, ...]:
    """The failing checks, if COOLDOWN and ANTI_FLIP on past trades alone fail; else none."""
    failing = tuple(check for check in checks if not check.passed)
    past = all(check.code in OVERRIDABLE and check.clears_at is not None for check in failing)
    return failing if past else ()


@dataclass(frozen=True, slots=True)
class Step:
    """What the screen must do now."""

    fire: bool = False
    """Hand the ticket to the runtime; true once in a machine's life, together with ``close``."""
    close: bool = False
    requote: bool = False
    """Fetch a new quote for the same order."""
    changed: bool = False
    """The last line differs from before."""
    unused: bool = False
    """The machine has no use for this key: the screen may show checks, scroll and the like."""


def amount_text(text: str) -> str:
    """An amount as it is compared: without spaces, with a point for a comma."""
    return "".join(text.split()).replace(",", ".")


def stale_reason(live: Live, book_age: float | None) -> str | None:
    """Why the quote can no longer be relied on, or None.

    Stale is: no price on the side that counts, more than 0.5 % away from the quote the ticket stands on, a book
    not confirmed for five seconds, or a check of freshness that says so.
    """
    word = "ask" if live.side is Side.BUY else "bid"
    if live.reference is None or live.opened_on is None or not live.opened_on.is_positive:
        return f"no {word} is known"
    moved = (live.reference - live.opened_on).ratio(live.opened_on)
    if abs(moved) > DRIFT:
        return f"{word} moved {percent(moved)}, more than 0.5 %"
    if book_age is None or not 0 <= book_age < BOOK_SECONDS:
        return "book never confirmed" if book_age is None else f"book not confirmed for {book_age:.0f} s"
    if live.blocking is not None and live.blocking.code is CheckCode.PRICE_FRESH:
        return live.blocking.reason
    return None
