"""A file of real candles as the price path of one market: read whole, judged whole, refused with one sentence.

The file is CSV with the columns `timestamp,open,high,low,close,volume`: the candle's start in ms since the epoch,
prices in the quote currency, volume in the base asset. Its interval is the smallest step between two rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Final

from console.paper.candles import INTERVALS, MINUTE_MS, Candle
from console.paper.decimals import places_of
from console.paper.markets import BY_NAME, MarketSpec

COLUMNS: Final = ("timestamp", "open", "high", "low", "close", "volume")
DAY_MINUTES: Final = 1440
LARGEST_FILE: Final = 64 * 1024 * 1024
MOST_PLACES: Final = 12
PRICE_DIGITS: Final = 5
"""The real exchange's prices have about five significant digits; a tick is never coarser than that."""

_NAMES: Final = {minutes: name for name, minutes in INTERVALS.items()}
_Row = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]


class CandleFileError(Exception):
    """A file or option that cannot be used; the text is one sentence."""


@dataclass(frozen=True)
class CandleFile:
    """Candles of one market without gaps, oldest first, prices in ticks of `spec`, times as in the file."""

    path: Path
    sha256: str
    spec: MarketSpec
    minutes: int
    rows: tuple[Candle, ...]

    @property
    def name(self) -> str:
        """What the market is called after, e.g. `btc-usdt-5m-2023`."""
        return "".join(letter if letter.isprintable() else "?" for letter in self.path.stem)

    @property
    def rows_a_day(self) -> int:
        """How many candles make a day."""
        return DAY_MINUTES // self.minutes


def parse_candle_options(texts: Iterable[str]) -> dict[str, CandleFile]:
    """The files of `MARKET=FILE` options by market; CandleFileError for the first one that cannot be used."""
    files: dict[str, CandleFile] = {}
    for option in texts:
        market, _, path = option.partition("=")
        if not path:
            raise CandleFileError(f"{option!r} is not of the form MARKET=FILE.")
        if market not in BY_NAME:
            raise CandleFileError(f"There is no market {market!r}; known are {', '.join(BY_NAME)}.")
        if market in files:
            raise CandleFileError(f"{market} was given two files.")
        files[market] = load_candles(Path(path), BY_NAME[market])
    return files


def load_candles(path: Path, spec: MarketSpec) -> CandleFile:
    """Read and judge a file for one market; CandleFileError names the line and what is wrong with it."""
    content = _content(path)
    try:
        rows = _rows(path, content.decode("utf-8-sig"))
    except (UnicodeDecodeError, csv.Error):
        raise CandleFileError(f"{path} is no CSV file.") from None
    minutes = _interval(path, rows)
    _check_sequence(path, rows, minutes)
    if len(rows) <= DAY_MINUTES // minutes:
        raise CandleFileError(
            f"{path} holds {len(rows)} candles of {_NAMES[minutes]}; the first day is history, so more than "
            f"{DAY_MINUTES // minutes} are needed."
        )
    tick = min(spec.tick, _tick(rows))
    candles = tuple(
        Candle(start, int(first / tick), int(high / tick), int(low / tick), int(close / tick), volume)
        for start, first, high, low, close, volume in rows
    )
    return CandleFile(path.resolve(), sha256(content).hexdigest(), replace(spec, tick=tick), minutes, candles)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CandleFileError(f"{path} cannot be read: {reason}.") from None
    if len(content) > LARGEST_FILE:
        raise CandleFileError(f"{path} is larger than {LARGEST_FILE // 2**20} MiB.")
    return content


def _rows(path: Path, content: str) -> list[_Row]:
    reader = csv.reader(io.StringIO(content, newline=""))
    header = next(reader, [])
    if tuple(header) != COLUMNS:
        raise CandleFileError(f"{path} does not begin with {','.join(COLUMNS)}.")
    rows = []
    for values in reader:
        try:
            rows.append(_row(values))
        except ValueError as error:
            raise CandleFileError(f"{path}, line {reader.line_num}: {error}.") from None
    return rows


def _row(values: Sequence[str]) -> _Row:
    """One candle; ValueError says what is wrong with it."""
    if len(values) != len(COLUMNS):
        raise ValueError(f"{len(values)} values where {len(COLUMNS)} are needed")
    named = dict(zip(COLUMNS, values, strict=True))
    stamp = named.pop("timestamp")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 13):
        raise ValueError(f"timestamp {stamp!r} is no whole number of ms since the epoch")
    numbers = {name: _positive(name, sent) for name, sent in named.items()}
    _check_shape(numbers)
    return int(stamp), numbers["open"], numbers["high"], numbers["low"], numbers["close"], numbers["volume"]


def _positive(name: str, sent: str) -> Decimal:
    try:
        value = Decimal(sent)
    except InvalidOperation:
        raise ValueError(f"{name} {sent!r} is no number") from None
    if not value.is_finite():
        raise ValueError(f"{name} {sent!r} is no number")
    if value <= 0:
        # A period in which nothing was traded has no candle, so no number of a candle is zero.
        raise ValueError(f"{name} {sent} is not above zero")
    if places_of(value) > MOST_PLACES or value >= 10**15:
        raise ValueError(f"{name} {sent} is too large or has more than {MOST_PLACES} decimals")
    return value


def _check_shape(numbers: Mapping[str, Decimal]) -> None:
    high, low = numbers["high"], numbers["low"]
    if high < low:
        raise ValueError(f"high {high} is below low {low}")
    for name in ("open", "close"):
        if not low <= numbers[name] <= high:
            raise ValueError(f"{name} {numbers[name]} lies outside low {low} and high {high}")


def _interval(path: Path, rows: Sequence[_Row]) -> int:
    steps = [later[0] - earlier[0] for earlier, later in pairwise(rows)]
    for line, step in enumerate(steps, start=3):
        if step <= 0:
            raise CandleFileError(f"{path}, line {line}: the timestamp is not after that of the line before.")
    smallest = min(steps, default=0)
    minutes, rest = divmod(smallest, MINUTE_MS)
    if rest or minutes not in _NAMES or minutes >= DAY_MINUTES:
        known = ", ".join(name for name, length in INTERVALS.items() if length < DAY_MINUTES)
        raise CandleFileError(f"{path} has no interval that can be played (known are {known}).")
    return minutes


def _check_sequence(path: Path, rows: Sequence[_Row], minutes: int) -> None:
    size = minutes * MINUTE_MS
    if rows[0][0] % size:
        raise CandleFileError(f"{path}, line 2: {rows[0][0]} is no multiple of the interval {_NAMES[minutes]}.")
    for line, (earlier, later) in enumerate(pairwise(rows), start=3):
        missing, rest = divmod(later[0] - earlier[0] - size, size)
        if rest:
            raise CandleFileError(f"{path}, line {line}: {later[0]} is no multiple of the interval {_NAMES[minutes]}.")
        if missing:
            raise CandleFileError(
                f"{path}, line {line}: a gap; candles of {_NAMES[minutes]} missing after {earlier[0]}: {missing}."
            )


def _tick(rows: Sequence[_Row]) -> Decimal:
    """The step all prices of the file are multiples of, at the most one of five significant digits."""
    prices = [price for row in rows for price in row[1:5]]
    places = max(places_of(price) for price in prices)
    digits = PRICE_DIGITS - 1 - min(prices).adjusted()
    # Two places at the least, as the exchange writes its ticks.
    step = min(Decimal(1).scaleb(-places), Decimal(1).scaleb(-digits))
    return step if step < Decimal("0.01") else step.quantize(Decimal("0.01"))
