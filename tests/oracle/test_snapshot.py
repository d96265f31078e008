from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from console.oracle.indicators import BUCKET
from console.oracle.snapshot import BadSnapshot, Dropped, MarketView, Snapshot, build_snapshot
from storage.clock import HOUR, MINUTE, SECOND, Micros
from storage.market_models import Level
from storage.money import Price, Quantity
from tests.oracle.market import NOW, RULES, flat, minute_candles, noise, rising, snapshot_of, view_of, walked


def reason(view: MarketView, now: Micros = NOW) -> str:
    dropped = build_snapshot(view, now)
    assert isinstance(dropped, Dropped)
    return dropped.reason


@pytest.fixture(scope="module")
def good() -> MarketView:
    return view_of(minute_candles(rising()))


def test_a_day_of_minutes_becomes_288_full_candles(good: MarketView) -> None:
    snapshot = snapshot_of(good)
    assert len(snapshot.candles) == 288
    assert snapshot.traded_candles == 288
    assert [candle.at for candle in snapshot.candles] == list(range(NOW - 24 * HOUR, NOW, BUCKET))
    assert Quantity.total(candle.volume for candle in snapshot.candles) == Quantity.total(
        minute.volume for minute in good.candles_1m
    )


def test_an_unfinished_candle_is_left_out(good: MarketView) -> None:
    later = NOW + 3 * MINUTE
    spike = Price.of(90_000)
    fresh = tuple(
        replace(good.candles_1m[-1], at=NOW + index * MINUTE, high=spike, close=good.candles_1m[-1].close)
        for index in range(3)
    )
    view = replace(good, candles_1m=good.candles_1m + fresh, fetched_at=later, candles_at=later)
    assert snapshot_of(view, later).candles == snapshot_of(good).candles


def test_a_minute_still_forming_finishes_no_candle(good: MarketView) -> None:
    # Fetched twenty seconds into the last minute of a five-minute period: that period is not over.
    fetched = NOW + 4 * MINUTE + 20 * SECOND
    fresh = tuple(replace(good.candles_1m[-1], at=NOW + index * MINUTE) for index in range(5))
    view = replace(good, candles_1m=good.candles_1m + fresh, fetched_at=fetched, candles_at=fetched)
    assert snapshot_of(view, fetched).candles[-1].at == NOW - BUCKET


def test_market_time_may_run_ahead_of_the_wall_clock(good: MarketView) -> None:
    ahead = replace(good, fetched_at=NOW - HOUR, candles_at=NOW - HOUR)
    snapshot = snapshot_of(ahead, NOW - HOUR)
    assert (snapshot.candles_age, snapshot.book_age) == (0, 0)
    assert snapshot.candles[-1].at == NOW - 2 * BUCKET  # the newest minute may still be forming


def test_a_gap_keeps_the_last_price_without_volume(good: MarketView) -> None:
    start = NOW - 10 * HOUR
    gappy = tuple(minute for minute in good.candles_1m if not start <= minute.at < start + HOUR)
    snapshot = snapshot_of(replace(good, candles_1m=gappy))
    before = next(minute for minute in reversed(gappy) if minute.at < start)
    filled = [candle for candle in snapshot.candles if start <= candle.at < start + HOUR]
    assert len(filled) == 12
    assert len(snapshot.candles) == 288
    assert snapshot.traded_candles == 276
    assert all(candle.open == candle.high == candle.low == candle.close == before.close for candle in filled)
    assert all(candle.volume.is_zero for candle in filled)


@pytest.mark.parametrize("minutes", [0, 1, 5, 60, 300, 1375])
def test_a_short_history_is_dropped(good: MarketView, minutes: int) -> None:
    short = good.candles_1m[len(good.candles_1m) - minutes :]
    assert "candles" in reason(replace(good, candles_1m=short))


def test_mostly_empty_history_is_dropped(good: MarketView) -> None:
    # One trade every ten minutes fills at most half of the five-minute candles, and here one less.
    sparse = (*good.candles_1m[10:-10:10], good.candles_1m[-1])
    assert reason(replace(good, candles_1m=sparse)).endswith("of 144 with trades")


def test_ages_are_measured_and_limited(good: MarketView) -> None:
    aged = replace(good, fetched_at=NOW - 20 * SECOND, candles_at=NOW - 70 * SECOND)
    snapshot = snapshot_of(aged)
    assert (snapshot.book_age, snapshot.candles_age) == (20 * SECOND, 70 * SECOND)
    assert reason(replace(good, fetched_at=NOW - 31 * SECOND)) == "book 31 s old, more than 30"
    assert reason(replace(good, candles_at=NOW - 121 * SECOND)) == "candles 121 s old, more than 120"


def test_a_silent_market_is_dropped(good: MarketView) -> None:
    silent = replace(good, candles_1m=good.candles_1m[:-16])
    assert reason(silent) == "no trade for 16 min, more than 15"
    assert isinstance(build_snapshot(replace(good, candles_1m=good.candles_1m[:-15]), NOW), Snapshot)


def test_a_clock_that_went_back_is_no_fresh_data(good: MarketView) -> None:
    assert "clock went back" in reason(good, NOW - 3 * SECOND)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bids": ()}, "no bids"),
        ({"asks": ()}, "no asks"),
        ({"bids": (Level(Price.of(99_999_999), Quantity.of(1)),)}, "bid is not below ask"),
        ({"bids": (Level(Price.of(0), Quantity.of(1)),)}, "a bid without a price"),
        ({"rules": replace(RULES, status="halted")}, "market is halted"),
        ({"rules": replace(RULES, market="ETH-EUR")}, "rules are those of ETH-EUR"),
        ({"rules": replace(RULES, tick_size=Price.of(0))}, "no tick size"),
        ({"held": Quantity.of("-0.1")}, "balance is negative"),
        (
            {"bids": (Level(Price.of(1_000), Quantity.of(1)),), "asks": (Level(Price.of(1_001), Quantity.of(1)),)},
            "book and candles are 98.4 % apart",
        ),
    ],
)
def test_what_cannot_be_used_is_dropped_with_its_reason(
    good: MarketView, change: dict[str, object], expected: str
) -> None:
    assert reason(replace(good, **change)) == expected  # type: ignore[arg-type]


def test_impossible_candles_are_dropped(good: MarketView) -> None:
    first, *rest = good.candles_1m
    assert reason(replace(good, candles_1m=(*rest, first))) == "candles out of order"
    assert reason(replace(good, candles_1m=(first, *good.candles_1m))) == "candles out of order"
    for broken in (
        replace(first, low=Price.of(0)),
        replace(first, high=Price.of(1)),
        replace(first, volume=Quantity.of(-1)),
    ):
        assert reason(replace(good, candles_1m=(broken, *rest))) == "a candle with impossible prices"


def test_the_json_is_canonical_and_reads_back_equal(good: MarketView) -> None:
    snapshot = snapshot_of(replace(good, held=Quantity.of("0.10")))
    text = snapshot.to_json()
    again = Snapshot.from_json(text)
    assert again == snapshot
    assert again.to_json() == text
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert json.loads(text, parse_float=pytest.fail)["held"] == "0.1"
    assert build_snapshot(replace(good, held=Quantity.of("0.10")), NOW) == snapshot


def test_text_that_is_no_snapshot_is_refused(good: MarketView) -> None:
    text = snapshot_of(good).to_json()
    damaged = json.loads(text)
    damaged["figures"]["rsi"] = "NaN"
    other = json.loads(text) | {"version": 2}
    for bad in ("", "{}", text[:-1], json.dumps(damaged), json.dumps(other)):
        with pytest.raises(BadSnapshot):
            Snapshot.from_json(bad)


def test_a_market_that_never_moved_has_undefined_figures_and_no_nan() -> None:
    figures = snapshot_of(view_of(minute_candles(flat()))).figures
    assert (figures.gap_atr, figures.mean_atr, figures.band_z) == (None, None, None)
    assert (figures.rsi, figures.adx, figures.volatility_pct, figures.move_4h_pct) == tuple(map(Decimal, (50, 0, 0, 0)))


def test_a_flat_morning_leaves_the_figures_finite() -> None:
    closes = [60_000.0] * 720 + walked(noise(5, 0.0005)[:720])
    snapshot = snapshot_of(view_of(minute_candles(closes)))
    assert "NaN" not in snapshot.to_json()
    assert snapshot.figures.adx > 0
