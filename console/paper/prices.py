"""The price process: minute by minute a function of seed, market and the minutes since the market's origin.

Log prices move through *episodes*, each of one regime drawn from the seed:

- quiet: a random walk of little variance;
- trend: a random walk with a drift that outgrows its noise within some hours, up or down;
- reversion: an Ornstein-Uhlenbeck process around the level where the episode began.

Inside a minute a Brownian bridge joins the two closes. The same minute always looks the same, whether it was made as
history or lived through.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from random import Random
from typing import Final

from console.clock import seeded
from console.paper.markets import SPECS, MarketSpec

SEGMENTS: Final = 12
"""Parts of a minute between which the bridge has a point: one every five seconds."""

HISTORY_MINUTES: Final = 24 * 60


class Regime(StrEnum):
    """How a market behaves during one episode."""

    QUIET = "quiet"
    TREND = "trend"
    REVERSION = "reversion"


@dataclass(frozen=True)
class Episode:
    """A stretch of one regime. `sigma` and `drift` are log-price units a minute, `pull` the fraction drawn back."""

    regime: Regime
    minutes: int
    sigma: float
    drift: float
    pull: float
    level: float


def stream(seed: int, *names: object) -> Random:
    """A random stream of its own for each name under one seed, so that no part's draws shift another's."""
    label = "/".join(str(name) for name in (seed, *names))
    return seeded(int.from_bytes(blake2b(label.encode(), digest_size=8).digest()))


def opening_regimes(seed: int) -> dict[str, Regime]:
    """The regimes the markets begin with: dealt from one pack, so that every seed has each of them somewhere."""
    pack = [Regime.TREND, Regime.TREND, Regime.REVERSION, Regime.REVERSION, Regime.QUIET]
    stream(seed, "regimes").shuffle(pack)
    return {spec.market: regime for spec, regime in zip(SPECS, pack, strict=True)}


def _draw_episode(random: Random, regime: Regime, minutes: int, level: float) -> Episode:
    if regime is Regime.QUIET:
        return Episode(regime, minutes, random.uniform(0.0002, 0.0004), 0.0, 0.0, level)
    if regime is Regime.TREND:
        sigma = random.uniform(0.0004, 0.0006)
        direction = random.choice((-1.0, 1.0))
        return Episode(regime, minutes, sigma, direction * random.uniform(0.07, 0.12) * sigma, 0.0, level)
    return Episode(regime, minutes, random.uniform(0.0010, 0.0014), 0.0, 1 / random.uniform(100, 180), level)


class PricePath:
    """The log price of one market at the end of every minute since its origin."""

    def __init__(self, seed: int, spec: MarketSpec) -> None:
        self.seed = seed
        self.spec = spec
        self._random = stream(seed, spec.market, "minutes")
        start = math.log(float(spec.base_price)) + self._random.uniform(-0.02, 0.02)
        self._closes = [start]
        # The first episode covers the whole history and the first hours after the start.
        regime, minutes = opening_regimes(seed)[spec.market], self._random.randint(32 * 60, 48 * 60)
        self._episode = _draw_episode(self._random, regime, minutes, start)
        self._left = self._episode.minutes
        self.opening_episode = self._episode

    def close(self, minute: int) -> float:
        """Log price at the end of a minute; minute -1 is the origin itself."""
        while len(self._closes) <= minute + 1:
            self._walk()
        return self._closes[minute + 1]

    def _walk(self) -> None:
        if self._left == 0:
            regime, minutes = self._random.choice(tuple(Regime)), self._random.randint(6 * 60, 30 * 60)
            self._episode = _draw_episode(self._random, regime, minutes, self._closes[-1])
            self._left = self._episode.minutes
        self._left -= 1
        episode, last = self._episode, self._closes[-1]
        move = episode.drift + episode.sigma * self._random.gauss(0.0, 1.0)
        self._closes.append(last + move + episode.pull * (episode.level - last))

    def points(self, minute: int) -> list[float]:
        """The minute's prices at 0, 5, … 60 seconds: a Brownian bridge between the two closes (13 values)."""
        start, end = self.close(minute - 1), self.close(minute)
        random = stream(self.seed, self.spec.market, "bridge", minute)
        # The walk inside a minute has about the variance of the minute itself, kept off the end points.
        scale = 0.0004 / math.sqrt(SEGMENTS)
        walk = [0.0]
        for _ in range(SEGMENTS):
            walk.append(walk[-1] + scale * random.gauss(0.0, 1.0))
        drift = (end - start - walk[-1]) / SEGMENTS
        return [math.exp(start + walk[i] + drift * i) for i in range(SEGMENTS + 1)]

    def price(self, minute: int, fraction: float, wobble: float) -> float:
        """The price inside a minute: between the two neighbouring points, never beyond them."""
        points = self.points(minute)
        position = min(max(fraction, 0.0), 1.0) * SEGMENTS
        index = min(int(position), SEGMENTS - 1)
        share = min(max(position - index + wobble, 0.0), 1.0)
        return points[index] + (points[index + 1] - points[index]) * share

    def volume(self, minute: int) -> float:
        """Euros traded in a minute of history: log-normal around what live trading gives."""
        random = stream(self.seed, self.spec.market, "volume", minute)
        return self.spec.trade_eur * 90 * random.lognormvariate(-0.18, 0.6)
