"""The generated makers: a ladder of bids and asks around the price, drawn anew at every step of the market."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final

from console.paper.decimals import floor_places
from console.paper.markets import MarketSpec

LEVELS: Final = 60


@dataclass
class Level:
    """One price of the book and the amount the makers offer there."""

    price: Decimal
    amount: Decimal


@dataclass
class Ladder:
    """Bids from the highest, asks from the lowest; both sides are consumed until the next step."""

    bids: list[Level]
    asks: list[Level]

    def against(self, side: str) -> list[Level]:
        """The levels a taker of that side ("buy" or "sell") meets, best first."""
        return self.asks if side == "buy" else self.bids


def best_ticks(spec: MarketSpec, price: float) -> tuple[int, int]:
    """Best bid and best ask in ticks: the usual spread around the price, at least one tick apart."""
    tick = float(spec.tick)
    half = price * spec.spread / 2
    bid = math.floor((price - half) / tick)
    return bid, max(math.ceil((price + half) / tick), bid + 1)


def draw_ladder(
    spec: MarketSpec, price: float, best: tuple[int, int], random: Random, within: tuple[int, int] | None = None
) -> Ladder:
    """Sixty levels a side from the best bid and ask (ticks) outward, none beyond the ticks of `within`.

    Sizes are log-normal around the market's usual value of a level.
    """
    bid, ask = best
    # Two spreads between neighbouring levels, so that the ladder spans about two per cent of the price.
    widest = max(int(price * spec.spread * 4 / float(spec.tick)), 1)
    ladder = Ladder(bids=_side(spec, bid, -1, widest, price, random), asks=_side(spec, ask, 1, widest, price, random))
    if within is None:
        return ladder
    low, high = (ticks * spec.tick for ticks in within)
    return Ladder(*([level for level in side if low <= level.price <= high] for side in (ladder.bids, ladder.asks)))


def _side(spec: MarketSpec, best: int, direction: int, widest: int, price: float, random: Random) -> list[Level]:
    levels, ticks = [], best
    least = Decimal(1).scaleb(-spec.quantity_decimals)
    for _ in range(LEVELS):
        if ticks <= 0:
            break
        value = spec.level_eur * random.lognormvariate(0.0, 0.7)
        amount = floor_places(Decimal(value / price), spec.quantity_decimals)
        levels.append(Level(ticks * spec.tick, max(amount, least)))
        ticks += direction * random.randint(1, widest)
    return levels
