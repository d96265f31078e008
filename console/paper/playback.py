"""A candle file as one market's past and present: what was complete, what is being played, and what lies inside.

Inside a candle the price walks over one point every five seconds: from its open over its high and its low to its close,
never outside them. Minutes are cut from the same points, and their volumes add up to the candle's. The market's time is
the file's, shifted by a multiple of the interval, so that every candle begins on a multiple of its interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Final

from console.paper.candle_file import CandleFile
from console.paper.candles import INTERVALS, MINUTE_MS, Candle, candle_row, join_periods
from console.paper.decimals import floor_places, places_of
from console.paper.makers import best_ticks
from console.paper.prices import SEGMENTS, stream

SEGMENT_US: Final = MINUTE_MS * 1000 // SEGMENTS
ROOM: Final = Decimal("0.002")
"""How far beyond a candle's range the makers quote while it is played."""


class Playback:
    """The candles of a file up to the present of the market's time; `seek` moves the present."""

    def __init__(self, file: CandleFile, seed: int, index: int, at_us: int) -> None:
        """Begin in candle `index` at that market time, with all before it complete; `index` = rows: all is played."""
        self.file = file
        self.spec = file.spec
        self.size_ms = file.minutes * MINUTE_MS
        begins = at_us // 1000 // self.size_ms * self.size_ms
        self._first_ms = begins - index * self.size_ms
        self._seed = seed
        self._points = lru_cache(maxsize=16)(self._draw_points)
        self._minutes = lru_cache(maxsize=2048)(self._cut_minutes)
        self.index = index
        self.at_us = self._begun_us = at_us

    def seek(self, at_us: int) -> None:
        """Move the present, never to before the beginning."""
        self.at_us = max(at_us, self._begun_us)
        self.index = min((self.at_us // 1000 - self._first_ms) // self.size_ms, len(self.file.rows))

    @property
    def ended(self) -> bool:
        """Whether every candle of the file was played."""
        return self.index >= len(self.file.rows)

    @property
    def candle(self) -> Candle:
        """The candle being played (whole, as the file has it); the last one after the end."""
        return self.file.rows[min(self.index, len(self.file.rows) - 1)]

    def _start_ms(self, index: int) -> int:
        return self._first_ms + index * self.size_ms

    # prices ---------------------------------------------------------------------------------------------------
    def price(self, wobble: float) -> float:
        """The price now: between the two points of this five seconds, which the candle so far has both."""
        if self.ended:
            return self.candle.close * float(self.spec.tick)
        inside = self.at_us - self._start_ms(self.index) * 1000
        segment, share = divmod(inside / SEGMENT_US, 1)
        points = self._points(self.index)
        first, second = points[int(segment)], points[int(segment) + 1]
        return (first + (second - first) * min(max(share + wobble, 0.0), 1.0)) * float(self.spec.tick)

    def best(self, price: float) -> tuple[int, int]:
        """Best bid and ask in ticks: the usual spread, but inside the candle's range wherever it has room."""
        bid, ask = best_ticks(self.spec, price)
        low, high = self.candle.low, self.candle.high
        bid, ask = min(max(bid, low), high), min(max(ask, low), high)
        if ask > bid:
            return bid, ask
        return (ask - 1, ask) if ask > low else (bid, bid + 1)

    def traded_here(self, price: Decimal) -> bool:
        """Whether the candle being played knows that price."""
        return self.candle.low * self.spec.tick <= price <= self.candle.high * self.spec.tick

    def room(self) -> tuple[int, int]:
        """The lowest and highest price, in ticks, at which anything is filled while this candle is played."""
        return math.ceil(self.candle.low * (1 - ROOM)), math.floor(self.candle.high * (1 + ROOM))

    def into_room(self, price: Decimal) -> Decimal:
        """The nearest price of that room."""
        low, high = self.room()
        return min(max(price, low * self.spec.tick), high * self.spec.tick)

    def turns(self, after_us: int, before_us: int) -> Iterator[tuple[int, int]]:
        """(market time, price in ticks) of every high, low and close strictly between two times.

        Whoever only looked at the steps of the market could step over them.
        """
        first = max((after_us // 1000 - self._first_ms) // self.size_ms, 0)
        last = min((before_us // 1000 - self._first_ms) // self.size_ms, len(self.file.rows) - 1)
        for index in range(first, last + 1):
            points, start_us = self._points(index), self._start_ms(index) * 1000
            for place in sorted({points.index(max(points)), points.index(min(points)), len(points) - 1}):
                at_us = start_us + max(place * SEGMENT_US - 1, 0)
                if after_us < at_us < before_us:
                    yield at_us, points[place]

    def _draw_points(self, index: int) -> tuple[int, ...]:
        """Ticks at 0, 5, … seconds of a candle; open, high, low and close among them, nothing beyond."""
        row, last = self.file.rows[index], self.file.minutes * SEGMENTS
        random = stream(self._seed, self.spec.market, "candle", index)
        high_at, low_at = random.sample(range(1, last), 2)
        corners = sorted([(0, row.open), (high_at, row.high), (low_at, row.low), (last, row.close)])
        points = [row.open]
        for (begin, start), (end, stop) in pairwise(corners):
            points += _bridge(random, start, stop, end - begin, (row.low, row.high))
        return tuple(points)

    def _cut_minutes(self, index: int) -> tuple[Candle, ...]:
        """A whole candle as 1-minute candles, stamped in file time; volumes add up to the file's."""
        row, points = self.file.rows[index], self._points(index)
        if self.file.minutes == 1:
            return (row,)
        random = stream(self._seed, self.spec.market, "volume", index)
        volumes = _split(random, row.volume, self.file.minutes, self.spec.quantity_decimals)
        return tuple(
            _candle(row.start_ms + minute * MINUTE_MS, points[minute * SEGMENTS : (minute + 1) * SEGMENTS + 1], volume)
            for minute, volume in enumerate(volumes)
        )

    # candles --------------------------------------------------------------------------------------------------
    def trade(self, at_ms: int, price: int, amount: Decimal) -> None:
        """Nothing: what is traded here changes no candle of the file."""

    def _shifted(self, candle: Candle) -> Candle:
        return replace(candle, start_ms=candle.start_ms - self.file.rows[0].start_ms + self._first_ms)

    def _played(self) -> list[Candle]:
        """The minutes of the candle being played, as far as they are known."""
        inside = self.at_us - self._start_ms(self.index) * 1000
        known = inside // SEGMENT_US + 1
        minute, part = divmod(known, SEGMENTS)
        minutes = list(self._minutes(self.index)[:minute])
        if part:
            whole, at = self._minutes(self.index)[minute], minute * SEGMENTS
            volume = floor_places(whole.volume * part / SEGMENTS, places_of(whole.volume))
            if volume > 0:
                minutes.append(_candle(whole.start_ms, self._points(self.index)[at : at + part + 1], volume))
        return [self._shifted(each) for each in minutes]

    def _pieces(self, from_ms: int, *, whole: bool) -> Iterator[Candle]:
        """Candles of the file (`whole`) or minutes that begin at `from_ms` or later.

        The candle being played comes as minutes in either case.
        """
        first = max((from_ms - self._first_ms) // self.size_ms, 0)
        for index in range(first, self.index):
            pieces = (self.file.rows[index],) if whole else self._minutes(index)
            yield from (each for each in map(self._shifted, pieces) if each.start_ms >= from_ms)
        if not self.ended:
            yield from (each for each in self._played() if each.start_ms >= from_ms)

    def since(self, from_ms: int) -> list[Candle]:
        """The 1-minute candles that begin at a time or later, oldest first."""
        return list(self._pieces(from_ms, whole=False))

    def listing(self, interval: str, limit: int, start_ms: int, end_ms: int) -> list[list[int | str]]:
        """Wire rows `[ms, open, high, low, close, volume]`, newest first, whose start lies in the two bounds."""
        size = INTERVALS[interval] * MINUTE_MS
        newest = min(end_ms, self.at_us // 1000, self._start_ms(len(self.file.rows)) - 1) // size * size
        oldest = max(-(-start_ms // size) * size, newest - (limit - 1) * size)
        pieces = self._pieces(oldest, whole=size % self.size_ms == 0)
        periods = join_periods((each for each in pieces if each.start_ms < newest + size), size)
        return [candle_row(candle, self.spec.tick) for candle in reversed(periods[-limit:])]


def _bridge(random: Random, start: int, stop: int, steps: int, within: tuple[int, int]) -> list[int]:
    """A random walk from start (left out) to stop in so many steps, cut off at the two bounds."""
    low, high = within
    scale = (high - low) / 8
    walk = [0.0]
    for _ in range(steps):
        walk.append(walk[-1] + scale * random.gauss(0.0, 1.0) / math.sqrt(steps))
    drift = (stop - start - walk[-1]) / steps
    made = [min(max(round(start + walk[i] + drift * i), low), high) for i in range(1, steps)]
    return [*made, stop]


def _split(random: Random, total: Decimal, parts: int, places: int) -> list[Decimal]:
    """A volume in so many parts, none of them zero, that add up to it exactly."""
    places = max(places, places_of(total))
    while total.scaleb(places) < parts * parts:
        places += 1
    weights = [random.uniform(0.4, 1.6) for _ in range(parts)]
    unit = Decimal(1).scaleb(-places)
    shares = [max(floor_places(total * Decimal(weight / sum(weights)), places), unit) for weight in weights[:-1]]
    return [*shares, total - sum(shares)]


def _candle(start_ms: int, points: tuple[int, ...], volume: Decimal) -> Candle:
    return Candle(start_ms, points[0], max(points), min(points), points[-1], volume)
