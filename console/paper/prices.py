"""The price process: minute by minute a function of seed, market and the minutes since the market's origin.

Log prices move through *episodes*, each of one regime drawn from the seed:

- quiet: a random walk of little variance;
- trend: a random walk with a drift that outgrows its noise within some hours, up or down;
- reversion: an Ornstein-Uhlenbeck process around the level where the episode began.

Inside a minute a Brownian bridge joins the two closes. The same minute always looks the same, whether it was made as
history or lived through. A market may be given a regime by order (see `regimes`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from random import Random
from typing import Final

from console.clock import seeded
from console.paper.markets import SPECS, MarketSpec
from console.paper.regimes import Change, Choice, Leaps

SEGMENTS: Final = 12
"""Parts of a minute between which the bridge has a point: one every five seconds."""

HISTORY_MINUTES: Final = 24 * 60


class Regime(StrEnum):
    """How a market behaves during one episode."""

    QUIET = "quiet"
    TREND = "trend"
    REVERSION = "reversion"


_DEALT: Final = {Choice(regime): regime for regime in Regime}
"""The chosen regimes that a seed deals too; the others are leaps upon a quiet market."""


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

    def __init__(self, seed: int, spec: MarketSpec, changes: Sequence[Change] = ()) -> None:
        """`changes` are the regimes by order, oldest first, each of a later minute than the one before."""
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
        self._changes = list(changes)
        self._chosen: Choice | None = None
        self._leaps: Leaps | None = None
        self._leapt: dict[int, float] = {}

    def change(self, change: Change) -> None:
        """Give the path a regime from a minute on; ValueError if that minute has been walked already."""
        if change.minute < len(self._closes) - 1:
            raise ValueError(f"minute {change.minute} of {self.spec.market} is past")
        self._changes = [*(each for each in self._changes if each.minute < change.minute), change]

    def close(self, minute: int) -> float:
        """Log price at the end of a minute; minute -1 is the origin itself."""
        while len(self._closes) <= minute + 1:
            self._walk()
        return self._closes[minute + 1]

    def _walk(self) -> None:
        minute, last = len(self._closes) - 1, self._closes[-1]
        if self._changes and self._changes[0].minute <= minute:
            self._turn(self._changes.pop(0), minute)
        if self._left == 0:
            self._begin(self._next_regime(), self._random.randint(6 * 60, 30 * 60))
        self._left -= 1
        episode, leap = self._episode, 0.0
        move = episode.drift + episode.sigma * self._random.gauss(0.0, 1.0)
        if self._leaps is not None:
            leap, sudden = self._leaps.minute(last - episode.level)
            move += sudden
            if leap != 0.0:
                self._leapt[minute] = leap
        self._closes.append(last + leap + move + episode.pull * (episode.level - last))

    def _next_regime(self) -> Regime:
        if self._chosen is None:
            return self._random.choice(tuple(Regime))
        return _DEALT.get(self._chosen, Regime.QUIET)

    def _begin(self, regime: Regime, minutes: int) -> None:
        self._episode = _draw_episode(self._random, regime, minutes, self._closes[-1])
        self._left = minutes

    def _turn(self, change: Change, minute: int) -> None:
        """Leave the present episode for what was chosen; its draws shift nobody else's."""
        choice = change.choice
        self._random = stream(self.seed, self.spec.market, "regime", minute, choice)
        self._chosen = None if choice is Choice.SEED else choice
        self._leaps = Leaps(self._random, choice) if choice in {Choice.SHOCK, Choice.GAP} else None
        self._left = 0

    def points(self, minute: int) -> list[float]:
        """The minute's prices at 0, 5, … 60 seconds: a Brownian bridge between the two closes (13 values)."""
        end = self.close(minute)
        # A price that leapt is at its new place with the first point.
        start = self.close(minute - 1) + self._leapt.get(minute, 0.0)
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
