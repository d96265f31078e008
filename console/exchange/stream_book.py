"""One market's book kept from a snapshot and the differences after it, and how long it is known to be right."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from heapq import nlargest, nsmallest
from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError

from console.exchange.readonly import BookView
from console.exchange.wire import Millis, Payload, Positive, Whole, Word, first_fault
from storage.market_models import Level
from storage.money import Price, Quantity

FRESH_S: Final = 2.5
"""A book confirmed this long ago is as good as polled; the exchange confirms one every second."""

DEPTH: Final = 25
"""Levels a side that are handed on, as many as a poll brings."""

MOST_WAITING: Final = 500
"""Differences that may wait for their snapshot; with more of them the snapshot is asked for anew."""

log = logging.getLogger(__name__)

Text = Annotated[str, Field(strict=True)]


class DeltaPayload(Payload):
    """The event ``book``: what differs since the nonce before; a size of zero is a level that is gone.

    Prices and sizes stay texts until somebody looks: most of them change again before that.
    """

    market: Word
    nonce: Whole
    bids: tuple[tuple[Text, Text], ...]
    asks: tuple[tuple[Text, Text], ...]
    timestamp: Whole | None = None
    """Nanoseconds UTC by the exchange."""


class SnapshotPayload(Payload):
    """The answer to ``getBook`` over the WebSocket; sizes stay texts here too."""

    market: Word
    nonce: Whole
    bids: tuple[tuple[Positive, Text], ...]
    asks: tuple[tuple[Positive, Text], ...]


class DayPayload(Payload):
    """One market of the event ``ticker24h``, which comes every second: here a sign of life with the best prices."""

    market: Word
    bid: Positive | None = None
    ask: Positive | None = None
    timestamp: Millis | None = None


PRICE: Final[TypeAdapter[Decimal]] = TypeAdapter(Positive)
SIZES: Final[TypeAdapter[tuple[Decimal, ...]]] = TypeAdapter(tuple[Positive, ...])

MOST_PRICES: Final = 20_000
"""Texts of prices whose value is remembered."""


class Sync(StrEnum):
    """Where a book stands."""

    LOST = "lost"
    """A snapshot is needed."""
    ASKED = "asked"
    """It is on its way; differences wait for it."""
    FOLLOWING = "following"
    """Every difference up to the nonce is in it."""


@dataclass(slots=True)
class StreamBook:
    """A book that applies differences in their order only.

    Times are monotonic seconds at which the exchange itself was as told: when a snapshot was asked for, when an event
    was stamped; what waited on its way is older than its arrival. ``confirmed`` is None while the book is unsure.
    """

    market: str
    sync: Sync = Sync.LOST
    nonce: int = 0
    confirmed: float | None = None
    gaps: int = 0
    """How often a difference was missing."""
    _bids: dict[Decimal, str] = field(default_factory=dict)
    _asks: dict[Decimal, str] = field(default_factory=dict)
    _unread: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))
    """What differs since somebody looked, bids and asks, the newest last."""
    _prices: dict[str, Decimal] = field(default_factory=dict)
    _waiting: list[tuple[DeltaPayload, float]] = field(default_factory=list)
    _asked: float = 0.0

    def asked(self, at: float) -> None:
        """A snapshot was asked for at that moment; no earlier one is taken any more."""
        self.sync, self._asked = Sync.ASKED, at
        self._waiting.clear()

    def lose(self) -> None:
        """The book can no longer be trusted."""
        self.sync, self.confirmed = Sync.LOST, None
        self._unread = ({}, {})

    def snapshot(self, found: SnapshotPayload) -> None:
        """Begin from a snapshot and the differences after it; LOST again if one of those is missing."""
        if self.sync is not Sync.ASKED:
            return
        self._bids, self._asks, self._unread = dict(found.bids), dict(found.asks), ({}, {})
        self.nonce, self.sync, self.confirmed = found.nonce, Sync.FOLLOWING, self._asked
        if self._crossed():
            self.lose()
        for delta, at in sorted(self._waiting, key=lambda each: each[0].nonce):
            self.delta(delta, at)
        self._waiting.clear()

    def delta(self, found: DeltaPayload, at: float) -> bool:
        """Apply one difference; whether the book changed. One that is missing makes the book LOST."""
        if self.sync is Sync.ASKED:
            self._waiting.append((found, at))
            if len(self._waiting) > MOST_WAITING:
                self.lose()
            return False
        if self.sync is Sync.LOST or found.nonce <= self.nonce:
            # What came twice, or late, is in the book already.
            return False
        if found.nonce != self.nonce + 1:
            self.gaps += 1
            self.lose()
            return False
        self.nonce, self.confirmed = found.nonce, at
        for unread, rows in zip(self._unread, (found.bids, found.asks), strict=True):
            for price, size in rows:
                unread.pop(price, None)
                unread[price] = size
        return True

    def _settle(self) -> None:
        """Read what differs, each level once however often it changed; LOST if it makes no book."""
        bids, asks = self._unread
        if not bids and not asks:
            return
        self._unread = ({}, {})
        try:
            self._apply(self._bids, bids)
            self._apply(self._asks, asks)
        except ValidationError as error:
            self._refuse(error)
        if self._crossed():
            self.lose()

    def _refuse(self, error: ValidationError) -> None:
        log.warning("the book of %s cannot be read: %s", self.market, first_fault(error))
        self.lose()

    def _apply(self, side: dict[Decimal, str], unread: dict[str, str]) -> None:
        if len(self._prices) > MOST_PRICES:
            self._prices.clear()
        for text, size in unread.items():
            price = self._prices.get(text)
            if price is None:
                price = self._prices[text] = PRICE.validate_python(text)
            if size.startswith("0") and not size.strip("0."):
                side.pop(price, None)
            else:
                side[price] = size

    def _crossed(self) -> bool:
        return bool(self._bids and self._asks) and max(self._bids) >= min(self._asks)

    def sign_of_life(self, day: DayPayload, at: float) -> None:
        """The exchange says what it thinks the best prices are; the book is confirmed only if it thinks the same.

        So a last difference that was lost, or nonces that began anew, cannot pass for a quiet market.
        """
        self._settle()
        if self.sync is Sync.FOLLOWING and (day.bid, day.ask) == (
            max(self._bids, default=None),
            min(self._asks, default=None),
        ):
            self.confirmed = at if self.confirmed is None else max(self.confirmed, at)

    def is_fresh(self, now: float) -> bool:
        """Whether it is known to be right, and was confirmed a moment ago."""
        return self.confirmed is not None and now - self.confirmed <= FRESH_S

    def view(self, now: float) -> BookView | None:
        """The book as others see it, with the moment of which it is true; None if it is not fresh."""
        self._settle()
        if self.confirmed is None or not self.is_fresh(now):
            return None
        try:
            bids, asks = self.levels()
        except ValidationError as error:
            self._refuse(error)
            return None
        return BookView(self.market, bids, asks, self.confirmed)

    def levels(self, depth: int = DEPTH) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """(bids, asks), best first. Raises ValidationError for a size among them that is none."""
        self._settle()
        bids = nlargest(depth, self._bids.items(), key=_price_of)
        asks = nsmallest(depth, self._asks.items(), key=_price_of)
        return _levels(bids), _levels(asks)


def _price_of(row: tuple[Decimal, str]) -> Decimal:
    return row[0]


def _levels(rows: list[tuple[Decimal, str]]) -> tuple[Level, ...]:
    sizes = SIZES.validate_python(tuple(size for _, size in rows))
    return tuple(Level(Price(price), Quantity(size)) for (price, _), size in zip(rows, sizes, strict=True))
