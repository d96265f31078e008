"""Candles of one market: generated history, then what was really traded, summed up to every interval."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Protocol

from console.paper.decimals import floor_places, text
from console.paper.prices import HISTORY_MINUTES, PricePath

MINUTE_MS: Final = 60_000
INTERVALS: Final[dict[str, int]] = {
    "1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120,
    "4h": 240, "6h": 360, "8h": 480, "12h": 720, "1d": 1440,
}  # fmt: skip
"""Minutes of each interval."""

KEPT_MINUTES: Final = 14 * 24 * 60


@dataclass
class Candle:
    """One period: start in ms since the epoch, prices in ticks, volume in the base asset."""

    start_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: Decimal

    def add(self, price: int, amount: Decimal) -> None:
        """Count one trade in."""
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume += amount

    def join(self, later: Candle) -> None:
        """Append a later period to this one."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume


class Candles(Protocol):
    """The candles of a market, wherever its prices come from."""

    def trade(self, at_ms: int, price: int, amount: Decimal) -> None:
        """Count a trade (price in ticks) into its minute."""

    def since(self, from_ms: int) -> list[Candle]:
        """The 1-minute candles that begin at a time or later, oldest first."""

    def listing(self, interval: str, limit: int, start_ms: int, end_ms: int) -> list[list[int | str]]:
        """Wire rows, newest first, whose start lies in the two bounds."""


class CandleSeries:
    """The 1-minute candles of one market, oldest first; history is generated when somebody first asks."""

    def __init__(self, path: PricePath, origin_minute: int, first_minute: int) -> None:
        """Both minutes count from the epoch: where the path begins, and the first one lived through."""
        self._path = path
        self._origin = origin_minute
        self._first = first_minute
        self._history: list[Candle] | None = None
        self._live: deque[Candle] = deque(maxlen=KEPT_MINUTES)

    def trade(self, at_ms: int, price: int, amount: Decimal) -> None:
        """Count a trade into its minute; a minute without trades has no candle."""
        start = at_ms // MINUTE_MS * MINUTE_MS
        if self._live and self._live[-1].start_ms >= start:
            self._live[-1].add(price, amount)
        else:
            self._live.append(Candle(start, price, price, price, price, amount))

    def _generate(self) -> list[Candle]:
        start = max(self._first - HISTORY_MINUTES, self._origin)
        return [self._generated(minute) for minute in range(start, self._first)]

    def _generated(self, minute: int) -> Candle:
        tick, index = float(self._path.spec.tick), minute - self._origin
        prices = [round(price / tick) for price in self._path.points(index)]
        volume = Decimal(self._path.volume(index) / (prices[-1] * tick))
        return Candle(
            minute * MINUTE_MS, prices[0], max(prices), min(prices), prices[-1],
            floor_places(volume, self._path.spec.quantity_decimals),
        )  # fmt: skip

    def minutes(self) -> Iterator[Candle]:
        """Every 1-minute candle held, oldest first."""
        if self._history is None:
            self._history = self._generate()
        yield from self._history
        yield from self._live

    def listing(self, interval: str, limit: int, start_ms: int, end_ms: int) -> list[list[int | str]]:
        """Wire rows `[ms, open, high, low, close, volume]`, newest first, whose start lies in the two bounds."""
        size = INTERVALS[interval] * MINUTE_MS
        # What begins before the bound belongs to no period asked for.
        minutes = (minute for minute in self.minutes() if minute.start_ms >= start_ms)
        periods = [each for each in join_periods(minutes, size) if start_ms <= each.start_ms <= end_ms]
        return [candle_row(candle, self._path.spec.tick) for candle in reversed(periods[-limit:])]

    def since(self, from_ms: int) -> list[Candle]:
        """The 1-minute candles that begin at a time or later, oldest first."""
        return [minute for minute in self.minutes() if minute.start_ms >= from_ms]


def join_periods(pieces: Iterable[Candle], size_ms: int) -> list[Candle]:
    """Candles, oldest first, summed up to periods of so many ms."""
    periods: list[Candle] = []
    for piece in pieces:
        begins = piece.start_ms // size_ms * size_ms
        if periods and periods[-1].start_ms == begins:
            periods[-1].join(piece)
        else:
            periods.append(replace(piece, start_ms=begins))
    return periods


def candle_row(candle: Candle, tick: Decimal) -> list[int | str]:
    """The wire row `[ms, open, high, low, close, volume]`."""
    prices = (candle.open, candle.high, candle.low, candle.close)
    return [candle.start_ms, *(text(price * tick) for price in prices), text(candle.volume)]
