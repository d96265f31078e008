"""Figures of one market, from five-minute candles and the best bid and ask.

Statistics are computed in floats and cut to fixed decimals on the way out; every decision is made on the cut
figure, so what a screen shows is what was decided on. talipp is imported by the first call, as nothing but a look
needs it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from statistics import fmean, stdev
from typing import Final

from storage.clock import DAY, HOUR, MINUTE, Micros
from storage.market_models import Candle
from storage.money import EXACT, Price, Quantity

BUCKET: Final[Micros] = 5 * MINUTE
BUCKETS_PER_HOUR: Final = HOUR // BUCKET
BUCKETS_PER_YEAR: Final = 365 * DAY // BUCKET

FAST: Final = 12
"""Candles in the fast mean: one hour."""
SLOW: Final = 48
"""Candles in the slow mean: four hours."""
SMOOTHING: Final = 14
"""Candles in ATR, RSI and ADX, the length Wilder used."""
BAND: Final = 20
"""Candles in the Bollinger bands."""
BAND_DEVIATIONS: Final = 2


@dataclass(frozen=True, slots=True)
class Figures:
    """What the rules read. A figure that is undefined (a market without movement) is None, and meets no condition."""

    mid: Decimal
    """Half-way between best bid and best ask, EUR."""
    close: Decimal
    """Close of the newest full five-minute candle, EUR."""
    spread_pct: Decimal
    """Ask minus bid, in percent of mid."""
    ema_fast: Decimal
    """Exponential mean of the last hour's closes, EUR (weights 2 / (n + 1))."""
    ema_slow: Decimal
    """Exponential mean of the last four hours' closes, EUR."""
    atr: Decimal
    """Average true range of a five-minute candle, EUR (Wilder, New Concepts in Technical Trading Systems, 1978)."""
    rsi: Decimal
    """Relative strength index, 0 to 100 (Wilder 1978); 50 where neither gains nor losses exist."""
    adx: Decimal
    """Average directional index, 0 to 100: strength of a trend whatever its direction, 0 without any (Wilder 1978)."""
    band_low: Decimal
    """Lower Bollinger band, EUR: mean of 20 closes less two population deviations (Bollinger, 2001)."""
    band_mid: Decimal
    band_high: Decimal
    gap_atr: Decimal | None
    """Fast mean above slow mean, in ATRs; negative below."""
    mean_atr: Decimal | None
    """Mid above the slow mean, in ATRs; negative below."""
    band_z: Decimal | None
    """Mid above the middle of the bands, in their standard deviations; negative below."""
    volatility_pct: Decimal
    """Sample deviation of 24 h of five-minute log returns, times the root of such periods in a year, in percent."""
    sigma_1h_pct: Decimal
    """The same deviation scaled to one hour, in percent: how far an ordinary hour moves."""
    move_1h_pct: Decimal
    move_4h_pct: Decimal
    volume_z: Decimal | None
    """Volume of the last hour, in deviations from the mean of the hours before it in 24 h."""


def five_minute_candles(minutes: Sequence[Candle], start: Micros, end: Micros) -> tuple[tuple[Candle, ...], int]:
    """Full five-minute candles of ``[start, end)`` from one-minute ones, oldest first, and how many had trades.

    ``start`` and ``end`` are multiples of five minutes. The first candle is the first with trades. A period without
    trades keeps the price of the last trade and has no volume, so that equal distances stay equal times.
    """
    groups: dict[Micros, list[Candle]] = {}
    for minute in minutes:
        if start <= minute.at < end:
            groups.setdefault(minute.at - minute.at % BUCKET, []).append(minute)
    if not groups:
        return (), 0
    candles: list[Candle] = []
    for at in range(min(groups), end, BUCKET):
        group = groups.get(at)
        if group is None:
            last = candles[-1].close
            candles.append(Candle(at, last, last, last, last, Quantity.zero()))
            continue
        candles.append(
            Candle(
                at=at,
                open=group[0].open,
                high=max((minute.high for minute in group), key=lambda price: price.value),
                low=min((minute.low for minute in group), key=lambda price: price.value),
                close=group[-1].close,
                volume=Quantity.total(minute.volume for minute in group),
            )
        )
    return tuple(candles), len(groups)


def _cut(number: float, decimals: int) -> Decimal:
    """A statistic as an exact number of so many decimals. Raises ValueError for NaN and infinities."""
    if not math.isfinite(number):
        raise ValueError(f"{number} is no figure")
    return Decimal(str(number)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN, EXACT)


def price_decimals(tick: Price) -> int:
    """Decimals of a computed price: one more than the market's tick size has."""
    exponent = tick.value.normalize().as_tuple().exponent
    return max(-int(exponent), 0) + 1


def measure(candles: Sequence[Candle], bid: Price, ask: Price, tick: Price) -> Figures:
    """The figures of a market. Needs at least ``SLOW + 1`` candles; prices are positive. Raises ValueError else."""
    from talipp.indicators import ADX, ATR, BB, EMA, RSI

    if len(candles) <= SLOW:
        raise ValueError(f"{len(candles)} candles, {SLOW + 1} needed")
    closes = [float(candle.close.value) for candle in candles]
    fast, slow = EMA(FAST, closes)[-1], EMA(SLOW, closes)[-1]
    bars = _bars(candles)
    atr = ATR(SMOOTHING, bars)[-1]
    strength = RSI(SMOOTHING, closes)
    neither = strength.avg_gain[-1] == 0 and strength.avg_loss[-1] == 0
    band = BB(BAND, BAND_DEVIATIONS, closes)[-1]
    deviation = (band.ub - band.lb) / (2 * BAND_DEVIATIONS)
    returns = [math.log(after / before) for before, after in pairwise(closes)]
    usual = stdev(returns)
    middle = (float(bid.value) + float(ask.value)) / 2
    decimals = price_decimals(tick)
    still = _cut(atr, decimals) == 0
    flat = _cut(deviation, decimals + 2) == 0
    return Figures(
        mid=_cut(middle, decimals),
        close=candles[-1].close.value,
        spread_pct=_cut((float(ask.value) - float(bid.value)) / middle * 100, 3),
        ema_fast=_cut(fast, decimals),
        ema_slow=_cut(slow, decimals),
        atr=_cut(atr, decimals),
        rsi=Decimal("50.0") if neither else _cut(strength[-1], 1),
        adx=_cut(ADX(SMOOTHING, SMOOTHING, bars)[-1].adx, 1),
        band_low=_cut(band.lb, decimals),
        band_mid=_cut(band.cb, decimals),
        band_high=_cut(band.ub, decimals),
        gap_atr=None if still else _cut((fast - slow) / atr, 2),
        mean_atr=None if still else _cut((middle - slow) / atr, 2),
        band_z=None if flat else _cut((middle - band.cb) / deviation, 2),
        volatility_pct=_cut(usual * math.sqrt(BUCKETS_PER_YEAR) * 100, 1),
        sigma_1h_pct=_cut(usual * math.sqrt(BUCKETS_PER_HOUR) * 100, 2),
        move_1h_pct=_move(closes, BUCKETS_PER_HOUR),
        move_4h_pct=_move(closes, 4 * BUCKETS_PER_HOUR),
        volume_z=_volume_z([float(candle.volume.value) for candle in candles]),
    )


def _bars(candles: Sequence[Candle]) -> list[object]:
    from talipp.ohlcv import OHLCV

    return [
        OHLCV(float(bar.open.value), float(bar.high.value), float(bar.low.value), float(bar.close.value))
        for bar in candles
    ]


def _move(closes: Sequence[float], periods: int) -> Decimal:
    """Change of the newest close against the one so many candles earlier, in percent."""
    return _cut((closes[-1] / closes[-1 - periods] - 1) * 100, 2)


def _volume_z(volumes: Sequence[float]) -> Decimal | None:
    """The last hour's volume against the full hours before it; None where those hours do not differ."""
    hours = [
        math.fsum(volumes[end - BUCKETS_PER_HOUR : end])
        for end in range(len(volumes), BUCKETS_PER_HOUR - 1, -BUCKETS_PER_HOUR)
    ]
    newest, earlier = hours[0], hours[1:]
    usual = stdev(earlier) if len(earlier) > 1 else 0.0
    # Equal hours differ by rounding alone; a deviation that small measures nothing.
    if usual <= 1e-9 * max(fmean(earlier), newest, 1e-300) if earlier else True:
        return None
    return _cut((newest - fmean(earlier)) / usual, 2)
