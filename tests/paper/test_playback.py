"""What is made up inside a candle never leaves it, and adds up to it exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.paper.candle_file import CandleFile, load_candles
from console.paper.candles import MINUTE_MS, Candle
from console.paper.markets import BY_NAME
from console.paper.playback import SEGMENT_US, Playback
from tests.paper.kit import SHARED_CANDLES, START, real_candles

SPEC = BY_NAME["BTC-EUR"]
ALIGNED_US = START // 86_400_000_000 * 86_400_000_000


@st.composite
def candle_files(draw: st.DrawFn) -> CandleFile:
    """A few candles of any shape, flat ones and ones of the smallest volume among them."""
    minutes = draw(st.sampled_from([1, 5, 15, 60]))
    rows = []
    for index in range(draw(st.integers(1, 4))):
        low = draw(st.integers(10_000, 20_000))
        high = low + draw(st.sampled_from([0, 1, 2, 10, 500]))
        first, close = draw(st.integers(low, high)), draw(st.integers(low, high))
        volume = Decimal(draw(st.integers(1, 10**10))).scaleb(-draw(st.sampled_from([3, 8, 12])))
        rows.append(Candle(index * minutes * MINUTE_MS, first, high, low, close, volume))
    return CandleFile(SHARED_CANDLES, "0" * 64, SPEC, minutes, tuple(rows))


def _added_up(minutes: list[Candle]) -> tuple[int, int, int, int, Decimal]:
    return (
        minutes[0].open,
        max(minute.high for minute in minutes),
        min(minute.low for minute in minutes),
        minutes[-1].close,
        sum((minute.volume for minute in minutes), Decimal(0)),
    )


def _as_tuple(candle: Candle) -> tuple[int, int, int, int, Decimal]:
    return candle.open, candle.high, candle.low, candle.close, candle.volume


@settings(max_examples=150, deadline=None)
@given(candle_files(), st.integers(0, 50))
def test_minutes_stay_inside_their_candle_and_add_up_to_it(file: CandleFile, seed: int) -> None:
    playback = Playback(file, seed, 0, ALIGNED_US)
    playback.seek(ALIGNED_US + len(file.rows) * file.minutes * MINUTE_MS * 1000)
    assert playback.ended
    minutes = playback.since(0)
    assert [each.start_ms for each in minutes] == [
        ALIGNED_US // 1000 + MINUTE_MS * n for n in range(file.minutes * len(file.rows))
    ]
    for index, row in enumerate(file.rows):
        inside = minutes[index * file.minutes : (index + 1) * file.minutes]
        assert _added_up(inside) == _as_tuple(row)
        for each in inside:
            assert each.volume > 0
            assert row.low <= each.low <= min(each.open, each.close) <= max(each.open, each.close) <= each.high
            assert each.high <= row.high


@settings(max_examples=100, deadline=None)
@given(candle_files(), st.floats(0, 1, exclude_max=True), st.floats(-1, 1))
def test_at_any_moment_the_price_lies_in_the_candle_so_far(file: CandleFile, share: float, wobble: float) -> None:
    size_us = file.minutes * MINUTE_MS * 1000
    playback = Playback(file, 7, 0, ALIGNED_US)
    playback.seek(ALIGNED_US + int(share * size_us))
    so_far = playback.since(0)
    price = playback.price(wobble) / float(SPEC.tick)
    row = file.rows[0]
    assert row.low - 1e-6 <= price <= row.high + 1e-6
    if len(so_far) == int(share * file.minutes) + 1:
        low, high = min(each.low for each in so_far), max(each.high for each in so_far)
        assert low <= price + 1e-6
        assert price - 1e-6 <= high
    assert sum((each.volume for each in so_far), Decimal(0)) <= row.volume
    bid, ask = playback.best(price * float(SPEC.tick))
    assert bid < ask
    assert bid >= row.low - 1
    assert ask <= row.high + 1
    if row.high > row.low:
        assert row.low <= bid < ask <= row.high


@settings(max_examples=100, deadline=None)
@given(candle_files())
def test_every_high_low_and_close_is_a_turn_of_its_own_candle(file: CandleFile) -> None:
    size_us = file.minutes * MINUTE_MS * 1000
    playback = Playback(file, 7, 0, ALIGNED_US)
    turns = list(playback.turns(ALIGNED_US - 1, ALIGNED_US + len(file.rows) * size_us))
    assert turns == sorted(turns)
    for index, row in enumerate(file.rows):
        start = ALIGNED_US + index * size_us
        inside = [ticks for at_us, ticks in turns if start <= at_us < start + size_us]
        assert {row.high, row.low} <= set(inside)
        assert inside[-1] == row.close
    # Two looks one after the other see what one look sees.
    middle = ALIGNED_US + 7 * SEGMENT_US
    end = ALIGNED_US + len(file.rows) * size_us
    pieces = [*playback.turns(ALIGNED_US - 1, middle), *playback.turns(middle - 1, end)]
    assert pieces == turns


@pytest.fixture(scope="module")
def real() -> CandleFile:
    return load_candles(real_candles(), SPEC)


def _listed(file: CandleFile, playback: Playback, index: int) -> list[int | str]:
    row, shift = file.rows[index], playback._start_ms(0) - file.rows[0].start_ms
    numbers = [format((each * file.spec.tick).normalize(), "f") for each in (row.open, row.high, row.low, row.close)]
    return [row.start_ms + shift, *numbers, format(row.volume.normalize(), "f")]


def test_the_five_minute_candles_are_the_files_own_numbers(real: CandleFile) -> None:
    playback = Playback(real, 7, 288, START)
    listed = playback.listing("5m", 288, 0, 2**50)
    assert listed[1:] == [_listed(real, playback, index) for index in range(287, 0, -1)]
    assert listed[0][0] == START // 300_000_000 * 300_000


@pytest.mark.parametrize(("interval", "minutes"), [("15m", 15), ("1h", 60), ("4h", 240), ("1d", 1440)])
def test_longer_intervals_add_up_the_files_rows(real: CandleFile, interval: str, minutes: int) -> None:
    playback = Playback(real, 7, 3000, START)
    whole = playback.listing(interval, 1440, 0, 2**50)
    size = minutes * MINUTE_MS
    shift = playback._start_ms(0) - real.rows[0].start_ms
    for stamp, first, high, low, close, volume in whole[1:-1]:
        assert isinstance(stamp, int)
        inside = [row for row in real.rows if stamp <= row.start_ms + shift < stamp + size]
        assert len(inside) == minutes // 5
        expected = _added_up(inside)
        assert [Decimal(each) for each in (first, high, low, close)] == [each * real.spec.tick for each in expected[:4]]
        assert Decimal(volume) == expected[4]
    assert [row[0] for row in whole] == sorted((row[0] for row in whole), reverse=True)
    # A limit and bounds cut the same rows out of the same list.
    assert playback.listing(interval, 2, 0, 2**50) == whole[:2]
    start, end = whole[3][0], whole[1][0]
    assert playback.listing(interval, 1440, int(start), int(end)) == whole[1:4]


def test_the_same_file_and_seed_give_the_same_minutes_and_another_seed_others(real: CandleFile) -> None:
    def minutes(seed: int) -> list[list[int | str]]:
        return Playback(real, seed, 500, START).listing("1m", 1440, 0, 2**50)

    assert minutes(7) == minutes(7)
    assert minutes(7) != minutes(8)
    assert len(minutes(7)) == 1440
