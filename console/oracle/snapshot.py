"""What an oracle saw of one market: candles, book, ages and figures, kept exactly; or why it saw nothing usable."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

from pydantic import TypeAdapter, ValidationError

from console.oracle.indicators import BUCKET, Figures, five_minute_candles, measure
from storage.clock import DAY, HOUR, MINUTE, SECOND, Micros
from storage.codes import Side
from storage.market_models import Candle, Level, MarketRules
from storage.money import Price, Quantity, decimal_text

VERSION: Final = 1
WINDOW: Final[Micros] = DAY
MIN_HISTORY: Final[Micros] = 23 * HOUR
"""The first trade of the window lies at least so far back; else a figure over 24 h would not be one."""
MIN_TRADED: Final = 144
"""Half of a day's five-minute candles: with fewer, most closes would be copies of the one before."""
MAX_BOOK_AGE: Final[Micros] = 30 * SECOND
MAX_CANDLES_AGE: Final[Micros] = 2 * MINUTE
MAX_SILENCE: Final[Micros] = 15 * MINUTE
"""Longest time since the newest candle; after that its close says little about the price."""
MAX_AHEAD: Final[Micros] = 2 * SECOND
"""A fetch later than now by more than this means that the clock went back, and no age can be trusted."""
MAX_BOOK_GAP_PCT: Final = Decimal(5)
"""Book and candles further apart than this do not describe the same market."""
KEPT_LEVELS: Final = 10


@dataclass(frozen=True, slots=True)
class MarketView:
    """What was fetched of one market, before anything is made of it."""

    market: str
    rules: MarketRules
    candles_1m: tuple[Candle, ...]
    """Oldest first, up to 24 h; a minute without trades has no row."""
    bids: tuple[Level, ...]
    """Best first."""
    asks: tuple[Level, ...]
    """Best first."""
    last: Price | None
    fetched_at: Micros
    """When the book was fetched."""
    candles_at: Micros
    """When the candles were fetched."""
    held: Quantity | None
    """Coins available to sell; None where the balance is not known."""
    open_sides: frozenset[tuple[str, Side]]
    """Oracle and side of the proposals still open in this market."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Nothing could be made of what was fetched, and why."""

    market: str
    reason: str


class BadSnapshot(ValueError):
    """The stored text is no snapshot of a version this program reads."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the oracle saw. Numbers in a rationale are figures, prices or quantities of it."""

    version: int
    market: str
    taken_at: Micros
    book_age: Micros
    """Age of the book when the snapshot was taken, microseconds."""
    candles_age: Micros
    """Age of the candles when the snapshot was taken: since the fetch or since the newest, whichever is longer."""
    tick_size: Price
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    last: Price | None
    held: Quantity | None
    traded_candles: int
    """How many of the candles had trades; the rest keep the price before them."""
    candles: tuple[Candle, ...]
    """Five-minute candles that every figure comes from, oldest first, none unfinished."""
    figures: Figures

    @property
    def bid(self) -> Price:
        """The best bid."""
        return self.bids[0].price

    @property
    def ask(self) -> Price:
        """The best ask."""
        return self.asks[0].price

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, compact, every decimal as text, times as integer microseconds."""
        plain = _ADAPTER.dump_python(self, mode="python")
        return json.dumps(_plain(plain), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Snapshot:
        """Read a stored snapshot. Raises BadSnapshot."""
        try:
            snapshot = _ADAPTER.validate_json(text)
        except ValidationError as error:
            raise BadSnapshot(f"no snapshot: {error.error_count()} errors, first {error.errors()[0]['msg']}") from None
        if snapshot.version != VERSION:
            raise BadSnapshot(f"snapshot version {snapshot.version}, this program reads {VERSION}")
        return snapshot


_ADAPTER: Final[TypeAdapter[Snapshot]] = TypeAdapter(Snapshot)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return decimal_text(value) if isinstance(value, Decimal) else value


def build_snapshot(view: MarketView, now: Micros) -> Snapshot | Dropped:
    """What an oracle may see of this market at ``now``; Dropped, with a reason, where anything is missing or old."""
    reason = _unusable_market(view) or _unusable_book(view, now) or _unusable_candles(view, now)
    if reason is not None:
        return Dropped(view.market, reason)
    newest = view.candles_1m[-1]
    # Candles may carry a market time that runs ahead of the wall clock; a minute still forming closes nothing.
    reached = max(view.candles_at, newest.at)
    end = reached - reached % BUCKET
    candles, traded = five_minute_candles(view.candles_1m, end - WINDOW, end)
    if not candles or candles[0].at > end - MIN_HISTORY:
        hours = (end - candles[0].at) / HOUR if candles else 0
        return Dropped(view.market, f"too few candles: {hours:.1f} h of {MIN_HISTORY // HOUR} h")
    if traded < MIN_TRADED:
        return Dropped(view.market, f"too few candles: {traded} of {MIN_TRADED} with trades")
    bid, ask, tick = view.bids[0].price, view.asks[0].price, view.rules.tick_size
    apart = abs((bid.value + ask.value) / 2 / newest.close.value - 1) * 100
    if apart > MAX_BOOK_GAP_PCT:
        return Dropped(view.market, f"book and candles are {apart:.1f} % apart")
    return Snapshot(
        version=VERSION,
        market=view.market,
        taken_at=now,
        book_age=max(now - view.fetched_at, 0),
        candles_age=max(now - view.candles_at, now - newest.at - MINUTE, 0),
        tick_size=tick,
        bids=view.bids[:KEPT_LEVELS],
        asks=view.asks[:KEPT_LEVELS],
        last=view.last,
        held=view.held,
        traded_candles=traded,
        candles=candles,
        figures=measure(candles, bid, ask, tick),
    )


def _unusable_market(view: MarketView) -> str | None:
    if view.rules.market != view.market:
        return f"rules are those of {view.rules.market}"
    if view.rules.status != "trading":
        return f"market is {view.rules.status}"
    if not view.rules.tick_size.is_positive:
        return "no tick size"
    if view.held is not None and view.held < Quantity.zero():
        return "balance is negative"
    return None


def _unusable_book(view: MarketView, now: Micros) -> str | None:
    if not view.bids or not view.asks:
        return "no bids" if not view.bids else "no asks"
    if not view.bids[0].price.is_positive:
        return "a bid without a price"
    if view.bids[0].price >= view.asks[0].price:
        return "bid is not below ask"
    return _too_old("book", now - view.fetched_at, MAX_BOOK_AGE)


def _unusable_candles(view: MarketView, now: Micros) -> str | None:
    if not view.candles_1m:
        return "no candles"
    if any(later.at <= earlier.at for earlier, later in pairwise(view.candles_1m)):
        return "candles out of order"
    if not _plausible(view.candles_1m):
        return "a candle with impossible prices"
    old = _too_old("candles", now - view.candles_at, MAX_CANDLES_AGE)
    if old is not None:
        return old
    silence = now - view.candles_1m[-1].at - MINUTE
    if silence > MAX_SILENCE:
        return f"no trade for {silence // MINUTE} min, more than {MAX_SILENCE // MINUTE}"
    return None


def _plausible(candles: Sequence[Candle]) -> bool:
    for candle in candles:
        low, high = candle.low.value, candle.high.value
        if not 0 < low <= candle.open.value <= high or not low <= candle.close.value <= high:
            return False
        if candle.volume.value < 0:
            return False
    return True


def _too_old(what: str, age: Micros, limit: Micros) -> str | None:
    if age < -MAX_AHEAD:
        return f"{what} fetched {-age // SECOND} s in the future: the clock went back"
    if age > limit:
        return f"{what} {age // SECOND} s old, more than {limit // SECOND}"
    return None
