"""Two rules over a snapshot: one follows a trend, one expects a return to the mean.

Both look at states, not at crossings: a signal holds as long as its state holds. Each rule has four conditions, of
which the first must hold and at least ``NEEDED`` in all; confidence is 25 for each that holds, so a signal has 75 or
100. A sell mirrors the buy, and is a signal only where coins are held. Thresholds are common ones for five-minute
candles, measured in the market's own noise (ATR, deviation) wherever a figure in percent would depend on the coin.

``rules/trend-1`` (moving averages with Wilder's ADX as the judge of strength; Wilder 1978, Murphy 1999):

1. fast mean at least ``TREND_GAP_ATR`` above the slow mean (required)
2. the last hour moved up by at least ``TREND_MOVE_SIGMAS`` times what an ordinary hour of this market moves
3. ADX at least ``TREND_ADX``
4. RSI from 50 to ``TREND_RSI_HIGH``: on the trend's side, not yet exhausted

``rules/reversion-1`` (Bollinger's bands, believed only while no trend is strong; Bollinger 2001, Wilder 1978):

1. mid at least ``REVERSION_BAND_Z`` deviations under the middle of the bands (required)
2. RSI at most ``REVERSION_RSI_LOW``
3. ADX at most ``REVERSION_ADX``
4. mid at least ``REVERSION_MEAN_ATR`` under the slow mean, so that the way back is worth the fees
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from console.oracle.indicators import Figures
from console.oracle.snapshot import Snapshot
from storage.codes import Side
from storage.money import decimal_text

TREND: Final = "rules/trend-1"
REVERSION: Final = "rules/reversion-1"

NEEDED: Final = 3
"""Of four conditions."""
CONFIDENCE_EACH: Final = 25

TREND_GAP_ATR: Final = Decimal("1.5")
TREND_MOVE_SIGMAS: Final = Decimal(1)
TREND_ADX: Final = Decimal(25)
"""Wilder's border between a market that trends and one that does not."""
TREND_RSI_HIGH: Final = Decimal(75)
RSI_MIDDLE: Final = Decimal(50)

REVERSION_BAND_Z: Final = Decimal(2)
"""The band itself: two deviations."""
REVERSION_RSI_LOW: Final = Decimal(35)
REVERSION_ADX: Final = Decimal(25)
REVERSION_MEAN_ATR: Final = Decimal(2)

RSI_STEP: Final = Decimal(10)
ADX_STEP: Final = Decimal(10)
DEVIATION_STEP: Final = Decimal(1)
"""Steps in which a shortfall is counted, so that the nearest of unlike conditions can be named."""

RSI_TOP: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing a rule asks of a figure: within ``low`` and ``high``, either of which may be open."""

    figure: str
    """Field of ``Figures`` that it reads."""
    name: str
    value: Decimal | None
    """None where the figure is undefined: the condition does not hold."""
    low: Decimal | None
    high: Decimal | None
    step: Decimal
    unit: str = ""
    signed: bool = False
    required: bool = False

    @property
    def met(self) -> bool:
        """The figure exists and lies within the limits."""
        return self.shortfall == 0

    @property
    def broken_limit(self) -> Decimal | None:
        """The limit that the figure is beyond, if it is beyond one."""
        if self.value is not None and self.low is not None and self.value < self.low:
            return self.low
        if self.value is not None and self.high is not None and self.value > self.high:
            return self.high
        return None

    @property
    def shortfall(self) -> Decimal:
        """How far the figure is from holding, in steps: 0 if it holds, infinite if it is undefined."""
        if self.value is None:
            return Decimal("Infinity")
        limit = self.broken_limit
        return Decimal(0) if limit is None else abs(self.value - limit) / self.step

    @property
    def threshold(self) -> Decimal:
        """The limit to name: the one it is beyond, else the one it holds by."""
        limits = (self.broken_limit, self.low, self.high)
        return next(limit for limit in limits if limit is not None)

    @property
    def text(self) -> str:
        """Number and threshold, such as ``1 h +1.40 of 1.50 %`` or, above a ceiling, ``RSI 41.2 over 35``."""
        unit = f" {self.unit}" if self.unit else ""
        if self.value is None:
            return f"{self.name} undefined: no movement"
        limit = self.threshold
        word = "of"
        if limit == self.high and limit > 0:
            word = "under" if self.met else "over"
        return f"{self.name} {self.number} {word} {decimal_text(limit)}{unit}"

    @property
    def number(self) -> str:
        """The figure as it is written everywhere."""
        if self.value is None:
            return "undefined"
        text = decimal_text(self.value)
        return f"+{text}" if self.signed and self.value > 0 else text


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule's state holds: what it suggests, and which of its conditions say so."""

    oracle: str
    side: Side
    conditions: tuple[Condition, ...]

    @property
    def agreeing(self) -> int:
        """How many conditions hold."""
        return sum(condition.met for condition in self.conditions)

    @property
    def confidence(self) -> int:
        """25 for each condition that holds: 75 or 100."""
        return CONFIDENCE_EACH * self.agreeing


@dataclass(frozen=True, slots=True)
class Miss:
    """A rule's state does not hold: every condition with its number, and how far it is."""

    oracle: str
    side: Side
    conditions: tuple[Condition, ...]
    nothing_held: bool = False
    """The state of a sell holds, and there is nothing to sell."""

    @property
    def lacking(self) -> tuple[Condition, ...]:
        """The fewest and nearest conditions whose turning would make a signal, the farthest of them first."""
        failing = [condition for condition in self.conditions if not condition.met]
        must = [condition for condition in failing if condition.required]
        spare = sorted((condition for condition in failing if not condition.required), key=_shortfall)
        holding = len(self.conditions) - len(failing)
        more = max(NEEDED - holding - len(must), 0)
        return tuple(sorted((*must, *spare[:more]), key=_shortfall, reverse=True))

    @property
    def distance(self) -> Decimal:
        """All that is lacking, in steps."""
        return sum((condition.shortfall for condition in self.lacking), Decimal(0))

    @property
    def nearest(self) -> str:
        """What keeps it from being a signal: the farthest lacking condition, and how many others lack too."""
        if self.nothing_held:
            return "nothing held to sell"
        first, *others = self.lacking
        return f"{first.text} (+{len(others)})" if others else first.text


def _shortfall(condition: Condition) -> Decimal:
    return condition.shortfall


def _beyond(side: Side, limit: Decimal) -> tuple[Decimal | None, Decimal | None]:
    """Limits of a figure that must be at least this for a buy, and at most its negative for a sell."""
    return (limit, None) if side is Side.BUY else (None, -limit)


def _trend_conditions(figures: Figures, side: Side) -> tuple[Condition, ...]:
    gap_low, gap_high = _beyond(side, TREND_GAP_ATR)
    usual = figures.sigma_1h_pct * TREND_MOVE_SIGMAS
    move_low, move_high = _beyond(side, usual)
    rsi_low, rsi_high = (RSI_MIDDLE, TREND_RSI_HIGH) if side is Side.BUY else (RSI_TOP - TREND_RSI_HIGH, RSI_MIDDLE)
    # A market without noise has no ordinary hour to compare with.
    moved, step = (figures.move_1h_pct, usual) if usual > 0 else (None, DEVIATION_STEP)
    return (
        Condition(
            "gap_atr", "EMA gap", figures.gap_atr, gap_low, gap_high, DEVIATION_STEP, "ATR", signed=True, required=True
        ),
        Condition("move_1h_pct", "1 h", moved, move_low, move_high, step, "%", signed=True),
        Condition("adx", "ADX", figures.adx, TREND_ADX, None, ADX_STEP),
        Condition("rsi", "RSI", figures.rsi, rsi_low, rsi_high, RSI_STEP),
    )


def _reversion_conditions(figures: Figures, side: Side) -> tuple[Condition, ...]:
    # Bought low, sold high: the other way round than a trend.
    band_low, band_high = _beyond(side.other, REVERSION_BAND_Z)
    mean_low, mean_high = _beyond(side.other, REVERSION_MEAN_ATR)
    rsi_low, rsi_high = (None, REVERSION_RSI_LOW) if side is Side.BUY else (RSI_TOP - REVERSION_RSI_LOW, None)
    return (
        Condition(
            "band_z", "band", figures.band_z, band_low, band_high, DEVIATION_STEP, "sd", signed=True, required=True
        ),
        Condition("rsi", "RSI", figures.rsi, rsi_low, rsi_high, RSI_STEP),
        Condition("adx", "ADX", figures.adx, None, REVERSION_ADX, ADX_STEP),
        Condition("mean_atr", "off mean", figures.mean_atr, mean_low, mean_high, DEVIATION_STEP, "ATR", signed=True),
    )


RULES: Final[Mapping[str, Callable[[Figures, Side], tuple[Condition, ...]]]] = {
    TREND: _trend_conditions,
    REVERSION: _reversion_conditions,
}
"""Each rule by its name and version; a change of a threshold is a new version."""


def judge(oracle: str, side: Side, snapshot: Snapshot) -> Signal | Miss:
    """What one rule says of one side of a market. A sell without coins held is a Miss."""
    conditions = RULES[oracle](snapshot.figures, side)
    required = all(condition.met for condition in conditions if condition.required)
    if not required or sum(condition.met for condition in conditions) < NEEDED:
        return Miss(oracle, side, conditions)
    if side is Side.SELL and (snapshot.held is None or not snapshot.held.is_positive):
        return Miss(oracle, side, conditions, nothing_held=True)
    return Signal(oracle, side, conditions)


def judge_all(snapshot: Snapshot) -> tuple[Signal | Miss, ...]:
    """Both rules on both sides, in a fixed order."""
    return tuple(judge(oracle, side, snapshot) for oracle in RULES for side in (Side.BUY, Side.SELL))
