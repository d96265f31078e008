"""Regimes by order: how a generated market is to behave, from a minute on, instead of as its seed deals.

- quiet, trend, reversion: those a seed deals itself, one episode after another of the same kind;
- shock: quiet, but once or twice an hour the price runs away by 3 to 8 per cent within three minutes, and trembles on;
- gap: quiet, but a few times an hour the price is somewhere else, by 1.5 to 4 per cent, with nothing in between;
- seed: as the seed deals.

A regime draws from a stream of its own, named by market, minute and regime: one seed with the same regimes at the same
minutes gives the same prices, and a market nobody gave a regime is what it always was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from console.paper.markets import BY_NAME
from console.paper.source_words import REGIMES_SETTING
from console.paper.store import Store

SHOCK_SHARES: Final = (0.6, 0.3, 0.1)
"""How a shock is spread over its minutes."""

TREMOR: Final = 0.004
"""Standard deviation of a minute right after a shock, in log-price units; it fades by a tenth a minute."""

FADING: Final = 0.9
FAR: Final = 0.1
"""So far (log-price units) from where the episode began, the next leap leads back, so that no market runs away."""


class Choice(StrEnum):
    """What can be chosen for a market."""

    QUIET = "quiet"
    TREND = "trend"
    REVERSION = "reversion"
    SHOCK = "shock"
    GAP = "gap"
    SEED = "seed"


@dataclass(frozen=True)
class Change:
    """From that minute (counted from the price path's origin) on the market behaves as chosen."""

    minute: int
    choice: Choice


class RegimeError(ValueError):
    """A regime that cannot be chosen; the text is one sentence."""


class Leaps:
    """The sudden moves of a shock or gap market, minute by minute, in log-price units."""

    def __init__(self, random: Random, choice: Choice) -> None:
        self._random = random
        self._choice = choice
        self._wait = random.randint(1, 4)
        self._running: list[float] = []
        self._tremor = 0.0

    def minute(self, away: float) -> tuple[float, float]:
        """(leap before the minute's first price, move inside it); `away` is how far the price is from its level."""
        if self._wait == 0:
            self._begin(away)
        self._wait -= 1
        if self._choice is Choice.GAP:
            return (self._running.pop() if self._running else 0.0), 0.0
        move = self._tremor * self._random.gauss(0.0, 1.0)
        self._tremor *= FADING
        return 0.0, move + (self._running.pop() if self._running else 0.0)

    def _begin(self, away: float) -> None:
        sign = self._random.choice((-1.0, 1.0))
        if abs(away) > FAR:
            sign = -1.0 if away > 0 else 1.0
        if self._choice is Choice.GAP:
            self._running = [sign * self._random.uniform(0.015, 0.04)]
            self._wait = self._random.randint(8, 30)
            return
        size = sign * self._random.uniform(0.03, 0.08)
        self._running = [size * share for share in reversed(SHOCK_SHARES)]
        self._tremor = TREMOR
        self._wait = self._random.randint(25, 60)


def choice_of(market: str, name: object) -> Choice:
    """The regime of that name for a market; RegimeError if either does not exist."""
    if market not in BY_NAME:
        raise RegimeError(f"There is no market {market!r}; known are {', '.join(BY_NAME)}.")
    if name not in set(Choice):
        raise RegimeError(f"There is no regime {name!r}; known are {', '.join(Choice)}.")
    return Choice(str(name))


def parse_regime_options(texts: Iterable[str]) -> dict[str, Choice]:
    """The regimes of `MARKET=REGIME` options by market; RegimeError for the first one that cannot be used."""
    chosen: dict[str, Choice] = {}
    for option in texts:
        market, sign, name = option.partition("=")
        if not sign:
            raise RegimeError(f"{option!r} is not of the form MARKET=REGIME.")
        if market in chosen:
            raise RegimeError(f"{market} was given two regimes.")
        chosen[market] = choice_of(market, name)
    return chosen


class Regimes:
    """Every change of regime there ever was on this exchange, by market, oldest first; kept in `exchange.db`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        kept = json.loads(store.setting(REGIMES_SETTING) or "{}")
        self._changes = {
            market: [Change(minute, Choice(name)) for minute, name in changes] for market, changes in kept.items()
        }

    def of(self, market: str) -> list[Change]:
        """The changes of one market, oldest first."""
        return list(self._changes.get(market, ()))

    def now(self) -> dict[str, Choice]:
        """The regime of every market that was given one and has not gone back to its seed."""
        last = {market: changes[-1].choice for market, changes in self._changes.items() if changes}
        return {market: choice for market, choice in sorted(last.items()) if choice is not Choice.SEED}

    def choose(self, asked: Mapping[str, Choice], minute: int) -> dict[str, Change]:
        """Give markets regimes from a minute on, and keep it; returns what changed. A regime in force goes on."""
        current = self.now()
        fresh = {
            market: Change(minute, choice)
            for market, choice in asked.items()
            if choice is not current.get(market, Choice.SEED)
        }
        for market, change in fresh.items():
            # The last word about a minute counts.
            earlier = [each for each in self.of(market) if each.minute < minute]
            self._changes[market] = [*earlier, change]
        if fresh:
            kept = {market: [[each.minute, each.choice] for each in made] for market, made in self._changes.items()}
            with self._store.transaction():
                self._store.set_setting(REGIMES_SETTING, json.dumps(kept))
        return fresh
