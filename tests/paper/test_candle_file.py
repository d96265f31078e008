"""A candle file is taken whole or refused with one sentence that names the line."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from console.paper.candle_file import CandleFileError, load_candles, parse_candle_options
from console.paper.markets import BY_NAME
from tests.paper.kit import candle_csv, real_candles

FIVE = 300_000
BTC = BY_NAME["BTC-EUR"]
Rows = list[list[object]]


def plain(count: int = 300, step: int = FIVE, first: int = 1_672_531_200_000) -> Rows:
    return [[first + index * step, "100.5", "101", "99.25", "100", "2.5"] for index in range(count)]


def test_the_real_file_is_read_as_it_is() -> None:
    file = load_candles(real_candles(), BTC)
    assert (file.name, file.minutes, len(file.rows), file.rows_a_day) == ("btc-usdt-5m-2023", 5, 10_999, 288)
    assert str(file.spec.tick) == "0.10"
    first = file.rows[0]
    assert first.start_ms == 1_672_677_900_000
    assert [each * file.spec.tick for each in (first.open, first.high, first.low, first.close)] == [
        Decimal("16727.3"), Decimal("16728.8"), Decimal("16726.0"), Decimal("16726.1"),
    ]  # fmt: skip
    assert first.volume == Decimal("691.508")


@pytest.mark.parametrize(
    ("step", "minutes"), [(60_000, 1), (FIVE, 5), (900_000, 15), (3_600_000, 60), (14_400_000, 240)]
)
def test_the_interval_is_seen_from_the_rows(tmp_path: Path, step: int, minutes: int) -> None:
    rows = plain(86_400_000 // step + 1, step)
    assert load_candles(candle_csv(tmp_path / "a.csv", rows), BTC).minutes == minutes


def test_the_tick_is_never_coarser_than_five_digits_or_the_market(tmp_path: Path) -> None:
    def tick(market: str, price: str) -> str:
        rows = [[stamp, price, price, price, price, "1"] for stamp, *_ in plain()]
        return str(load_candles(candle_csv(tmp_path / "a.csv", rows), BY_NAME[market]).spec.tick)

    assert tick("BTC-EUR", "30000") == "1.00"
    assert tick("BTC-EUR", "3") == "0.0001"
    assert tick("BTC-EUR", "30000.125") == "0.001"
    assert tick("ADA-EUR", "0.5") == "0.00001"


def _set(line: int, column: int, value: object) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        rows[line - 2][column] = value

    return change


def _drop(*lines: int) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        for line in sorted(lines, reverse=True):
            del rows[line - 2]

    return change


def _swap(rows: Rows) -> None:
    rows[10], rows[11] = rows[11], rows[10]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (_set(7, 1, "NaN"), "line 7: open 'NaN' is no number"),
        (_set(7, 2, "Infinity"), "line 7: high 'Infinity' is no number"),
        (_set(7, 1, ""), "line 7: open '' is no number"),
        (_set(7, 3, "0"), "line 7: low 0 is not above zero"),
        (_set(7, 5, "0"), "line 7: volume 0 is not above zero"),
        (_set(7, 4, "-3"), "line 7: close -3 is not above zero"),
        (_set(7, 2, "99"), "line 7: high 99 is below low 99.25"),
        (_set(7, 4, "102"), "line 7: close 102 lies outside low 99.25 and high 101"),
        (_set(7, 1, "100.0000000000001"), "line 7: open 100.0000000000001 is too large or has more than 12 decimals"),
        (_set(7, 1, "1e20"), "line 7: open 1e20 is too large or has more than 12 decimals"),
        (_set(7, 0, "1672531200"), "line 7: the timestamp is not after that of the line before"),
        (_set(7, 0, "yesterday"), "line 7: timestamp 'yesterday' is no whole number of ms"),
        (_set(7, 0, 1_672_532_700_001), "has no interval that can be played"),
        (_swap, "line 13: the timestamp is not after that of the line before"),
        (_drop(9), "line 9: a gap; candles of 5m missing after 1672533000000: 1"),
        (_drop(3), "line 3: a gap; candles of 5m missing after 1672531200000: 1"),
        (_drop(*range(20, 30)), "line 20: a gap; candles of 5m missing after 1672536300000: 10"),
        (_drop(*range(290, 302)), "holds 288 candles of 5m; the first day is history, so more than 288 are needed"),
        (lambda rows: rows[5].append("7"), "line 7: 7 values where 6 are needed"),
        (lambda rows: rows.clear(), "has no interval that can be played"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named(tmp_path: Path, change: Callable[[Rows], None], part: str) -> None:
    rows = plain()
    change(rows)
    path = candle_csv(tmp_path / "bad.csv", rows)
    with pytest.raises(CandleFileError) as refused:
        load_candles(path, BTC)
    assert str(refused.value).startswith(f"{path}")
    assert part in str(refused.value)
    assert str(refused.value).endswith(".")


def test_candles_that_begin_off_their_interval_are_refused(tmp_path: Path) -> None:
    path = candle_csv(tmp_path / "off.csv", plain(first=1_672_531_260_000))
    with pytest.raises(CandleFileError, match=r"line 2: 1672531260000 is no multiple of the interval 5m\."):
        load_candles(path, BTC)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "does not begin with timestamp,open,high,low,close,volume"),
        (b"time,open\n1,2\n", "does not begin with timestamp,open,high,low,close,volume"),
        (b"\xff\xfe\x00", "is no CSV file"),
    ],
)
def test_what_is_no_candle_file_is_refused(tmp_path: Path, content: bytes, part: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(CandleFileError, match=part):
        load_candles(path, BTC)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CandleFileError, match=r"none\.csv cannot be read: No such file or directory\."):
        load_candles(tmp_path / "none.csv", BTC)
    with pytest.raises(CandleFileError, match=r"cannot be read: Is a directory\."):
        load_candles(tmp_path, BTC)


def test_options_name_a_known_market_once(tmp_path: Path) -> None:
    path = candle_csv(tmp_path / "a.csv", plain())
    files = parse_candle_options([f"BTC-EUR={path}", f"ADA-EUR={path}"])
    assert [(market, file.spec.market) for market, file in files.items()] == [
        ("BTC-EUR", "BTC-EUR"), ("ADA-EUR", "ADA-EUR"),
    ]  # fmt: skip
    for options, part in (
        ([str(path)], "is not of the form MARKET=FILE"),
        (["BTC-EUR="], "is not of the form MARKET=FILE"),
        ([f"DOGE-EUR={path}"], "There is no market 'DOGE-EUR'; known are BTC-EUR,"),
        ([f"BTC-EUR={path}", f"BTC-EUR={path}"], "BTC-EUR was given two files"),
    ):
        with pytest.raises(CandleFileError, match=part):
            parse_candle_options(options)
