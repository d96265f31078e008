"""What a generated market did while its process stood still: one price every five seconds, as its history has them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from console.clock import MINUTE
from console.paper.decimals import floor_places
from console.paper.prices import SEGMENTS, PricePath

Point = tuple[int, int, Decimal]
"""(market time in microseconds, price in ticks, amount of the base asset traded there)"""


def missed_points(path: PricePath, origin_minute: int, after_us: int, before_us: int) -> Iterator[Point]:
    """The points of the path strictly between two market times, oldest first.

    The amounts of a whole minute add up to what its candle has as history. A minute's last point stands a microsecond
    before its end, so that a price that leaps into the next minute is seen on both sides.
    """
    spec, tick = path.spec, float(path.spec.tick)
    for minute in range(max(after_us // MINUTE, origin_minute), before_us // MINUTE + 1):
        prices = path.points(minute - origin_minute)
        whole = floor_places(
            Decimal(path.volume(minute - origin_minute) / (round(prices[-1] / tick) * tick)), spec.quantity_decimals
        )
        share = floor_places(whole / len(prices), spec.quantity_decimals)
        for index, price in enumerate(prices):
            at_us = minute * MINUTE + index * MINUTE // SEGMENTS - (index == SEGMENTS)
            if after_us < at_us < before_us:
                yield at_us, round(price / tick), share if index < SEGMENTS else whole - share * SEGMENTS
