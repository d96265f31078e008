"""Each figure against its definition, computed here the slow way."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from statistics import fmean, pstdev, stdev

import pytest

from console.oracle.indicators import Figures, measure, price_decimals
from console.oracle.snapshot import Snapshot
from storage.money import Price
from tests.oracle.market import minute_candles, noise, snapshot_of, view_of, walked


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return snapshot_of(view_of(minute_candles(walked(noise(11, 0.0006)))))


@pytest.fixture(scope="module")
def closes(snapshot: Snapshot) -> list[float]:
    return [float(candle.close.value) for candle in snapshot.candles]


def close_to(figure: Decimal | None, value: float, within: float) -> bool:
    return figure is not None and abs(float(figure) - value) <= within


def ema(closes: list[float], length: int) -> float:
    mean = fmean(closes[:length])
    for close in closes[length:]:
        mean += (close - mean) * 2 / (length + 1)
    return mean


def test_means_and_bands(snapshot: Snapshot, closes: list[float]) -> None:
    figures = snapshot.figures
    assert close_to(figures.ema_fast, ema(closes, 12), 0.06)
    assert close_to(figures.ema_slow, ema(closes, 48), 0.06)
    assert close_to(figures.band_mid, fmean(closes[-20:]), 0.06)
    assert close_to(figures.band_low, fmean(closes[-20:]) - 2 * pstdev(closes[-20:]), 0.06)
    assert close_to(figures.band_z, (float(figures.mid) - fmean(closes[-20:])) / pstdev(closes[-20:]), 0.006)


def test_true_range_is_wilders(snapshot: Snapshot, closes: list[float]) -> None:
    bars = snapshot.candles
    ranges = [float(bars[0].high.value - bars[0].low.value)]
    for bar, before in zip(bars[1:], closes, strict=False):
        high, low = float(bar.high.value), float(bar.low.value)
        ranges.append(max(high - low, abs(high - before), abs(low - before)))
    mean = fmean(ranges[:14])
    for value in ranges[14:]:
        mean = (mean * 13 + value) / 14
    assert close_to(snapshot.figures.atr, mean, 0.06)
    assert close_to(snapshot.figures.gap_atr, (ema(closes, 12) - ema(closes, 48)) / mean, 0.006)
    assert close_to(snapshot.figures.mean_atr, (float(snapshot.figures.mid) - ema(closes, 48)) / mean, 0.006)


def test_volatility_is_the_annualised_deviation_of_five_minute_log_returns(
    snapshot: Snapshot, closes: list[float]
) -> None:
    usual = stdev(math.log(after / before) for before, after in pairwise(closes))
    assert close_to(snapshot.figures.volatility_pct, usual * math.sqrt(288 * 365) * 100, 0.06)
    assert close_to(snapshot.figures.sigma_1h_pct, usual * math.sqrt(12) * 100, 0.006)


def test_moves_compare_closes_an_hour_and_four_hours_apart(snapshot: Snapshot, closes: list[float]) -> None:
    assert close_to(snapshot.figures.move_1h_pct, (closes[-1] / closes[-13] - 1) * 100, 0.006)
    assert close_to(snapshot.figures.move_4h_pct, (closes[-1] / closes[-49] - 1) * 100, 0.006)


def test_volume_z_compares_the_last_hour_with_the_hours_before(snapshot: Snapshot) -> None:
    volumes = [float(candle.volume.value) for candle in snapshot.candles]
    hours = [sum(volumes[start : start + 12]) for start in range(0, 288, 12)]
    assert close_to(snapshot.figures.volume_z, (hours[-1] - fmean(hours[:-1])) / stdev(hours[:-1]), 0.006)


def test_equal_hours_give_no_volume_z(snapshot: Snapshot) -> None:
    one = snapshot.candles[0].volume
    even = [replace(candle, volume=one) for candle in snapshot.candles]
    assert measure(even, snapshot.bid, snapshot.ask, snapshot.tick_size).volume_z is None


def test_strength_and_direction_are_known_at_the_extremes() -> None:
    climb = measure(snapshot_of(view_of(minute_candles([60_000.0 + 3 * i for i in range(1440)]))).candles, *book())
    slide = measure(snapshot_of(view_of(minute_candles([60_000.0 - 3 * i for i in range(1440)]))).candles, *book())
    assert (climb.rsi, climb.adx, slide.rsi, slide.adx) == tuple(map(Decimal, (100, 100, 0, 100)))
    assert climb.gap_atr is not None
    assert slide.gap_atr is not None
    assert climb.gap_atr > 0 > slide.gap_atr


def book() -> tuple[Price, Price, Price]:
    return Price.of(60_000), Price.of(60_001), Price.of(1)


def test_too_few_candles_are_no_figures(snapshot: Snapshot) -> None:
    with pytest.raises(ValueError, match="49 needed"):
        measure(snapshot.candles[:48], *book())
    assert isinstance(measure(snapshot.candles[:49], *book()), Figures)


@pytest.mark.parametrize(("tick", "decimals"), [("1", 1), ("0.01", 3), ("0.00001", 6), ("5", 1), ("10", 1), ("0.5", 2)])
def test_a_computed_price_has_one_decimal_more_than_the_tick(tick: str, decimals: int) -> None:
    assert price_decimals(Price.of(tick)) == decimals
