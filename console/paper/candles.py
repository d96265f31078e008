"""Candles of one market: generated history, then what was really traded, summed up to every interval."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

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
        periods: list[Candle] = []
        for minute in self.minutes():
            begins = minute.start_ms // size * size
            if periods and periods[-1].start_ms == begins:
                periods[-1].join(minute)
            elif start_ms <= begins <= end_ms:
                periods.append(replace(minute, start_ms=begins))
        return [self._row(candle) for candle in reversed(periods[-limit:])]

    def _row(self, candle: Candle) -> list[int | str]:
        tick = self._path.spec.tick
        prices = (candle.open, candle.high, candle.low, candle.close)
        return [candle.start_ms, *(text(price * tick) for price in prices), text(candle.volume)]
