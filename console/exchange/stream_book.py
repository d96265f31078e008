"""One market's book kept from a snapshot and the differences after it, and how long it is known to be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from heapq import nlargest, nsmallest
from typing import Final

from console.exchange.wire import Amount, Payload, Positive, Whole, Word
from storage.models import Level
from storage.money import Price, Quantity

DEPTH: Final = 25
"""Levels a side that are handed on, as many as a poll brings."""

MOST_WAITING: Final = 500
"""Differences that may wait for their snapshot; with more of them the snapshot is asked for anew."""


class DeltaPayload(Payload):
    """The event ``book``: what differs since the nonce before; a size of zero is a level that is gone."""

    market: Word
    nonce: Whole
    bids: tuple[tuple[Positive, Amount], ...]
    asks: tuple[tuple[Positive, Amount], ...]


class SnapshotPayload(Payload):
    """The answer to ``getBook`` over the WebSocket."""

    market: Word
    nonce: Whole
    bids: tuple[tuple[Positive, Positive], ...]
    asks: tuple[tuple[Positive, Positive], ...]


class DayPayload(Payload):
    """One market of the event ``ticker24h``, which comes every second: here a sign of life with the best prices."""

    market: Word
    bid: Positive | None = None
    ask: Positive | None = None


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
    """A book that applies differences in their order only. ``confirmed`` is a monotonic second, None while unsure."""

    market: str
    sync: Sync = Sync.LOST
    nonce: int = 0
    confirmed: float | None = None
    gaps: int = 0
    """How often a difference was missing."""
    _bids: dict[Decimal, Decimal] = field(default_factory=dict)
    _asks: dict[Decimal, Decimal] = field(default_factory=dict)
    _waiting: list[DeltaPayload] = field(default_factory=list)

    def asked(self) -> None:
        """A snapshot was asked for."""
        self.sync = Sync.ASKED
        self._waiting.clear()

    def lose(self) -> None:
        """The book can no longer be trusted."""
        self.sync, self.confirmed = Sync.LOST, None

    def snapshot(self, found: SnapshotPayload, now: float) -> None:
        """Begin from a snapshot and the differences after it; LOST again if one of those is missing."""
        if self.sync is not Sync.ASKED:
            return
        self._bids, self._asks = dict(found.bids), dict(found.asks)
        self.nonce, self.sync, self.confirmed = found.nonce, Sync.FOLLOWING, now
        for delta in sorted(self._waiting, key=lambda each: each.nonce):
            self.delta(delta, now)
        self._waiting.clear()

    def delta(self, found: DeltaPayload, now: float) -> bool:
        """Apply one difference; whether the book changed. One that is missing makes the book LOST."""
        if self.sync is Sync.ASKED:
            self._waiting.append(found)
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
        self.nonce, self.confirmed = found.nonce, now
        _apply(self._bids, found.bids)
        _apply(self._asks, found.asks)
        if self._bids and self._asks and max(self._bids) >= min(self._asks):
            self.lose()
        return True

    def sign_of_life(self, day: DayPayload, now: float) -> None:
        """The exchange says what it thinks the best prices are; the book is confirmed only if it thinks the same.

        So a last difference that was lost, or nonces that began anew, cannot pass for a quiet market.
        """
        if self.sync is Sync.FOLLOWING and (day.bid, day.ask) == (
            max(self._bids, default=None),
            min(self._asks, default=None),
        ):
            self.confirmed = now

    def levels(self, depth: int = DEPTH) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """(bids, asks), best first."""
        bids = nlargest(depth, self._bids.items())
        asks = nsmallest(depth, self._asks.items())
        return tuple(map(_level, bids)), tuple(map(_level, asks))


def _level(row: tuple[Decimal, Decimal]) -> Level:
    return Level(Price(row[0]), Quantity(row[1]))


def _apply(side: dict[Decimal, Decimal], rows: Iterable[tuple[Decimal, Decimal]]) -> None:
    for price, size in rows:
        if size == 0:
            side.pop(price, None)
        else:
            side[price] = size
