"""Markets that are another exchange's: its public answers as received, our orders met by its book's size alone.

Nothing is invented. An order trades at the followed book's prices, up to the sizes shown there; what was taken of a
price stays taken until that price has left the book. An own order rests until the followed book reaches its price; its
place in a queue is nobody's knowledge, so trades of others at its price do not fill it. What is ours is not told on:
followed candles, trades and tickers are those of the followed exchange, and only the book shows our orders too.

A book older than `oldest_us` (since it was received, or by its own stamp) is stale: it is served on with its age, but
nothing trades against it. A new order is refused with 503 / 430, as the exchange does whose market data timed out;
cancels and look-ups go on, and what rests, rests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from console.clock import MINUTE
from console.paper.book import TRADES_KEPT, LiveMarket, MakerFill
from console.paper.candles import INTERVALS, Candle
from console.paper.decimals import ZERO
from console.paper.makers import Ladder, Level
from console.paper.markets import MarketSpec
from console.paper.pauses import Point
from console.paper.public_view import PublicTrade

TRADING: Final = "trading"
Row = list[int | str]
Sizes = dict[Decimal, Decimal]


class Unusable(ValueError):
    """An answer of the followed exchange that cannot be what it should be; the text says why."""


@dataclass(frozen=True)
class Received:
    """One answer: when it came (market time, microseconds), what was asked, of which market, and the JSON.

    `what` is "market", "book", "price", "trades", "day", "candles INTERVAL" or "clock" (the followed exchange's clock
    less ours, microseconds, as `body`; of no market).
    """

    at_us: int
    what: str
    market: str
    body: Any


@dataclass(frozen=True)
class Followed:
    """The exchange that is followed: its address, its first answers, and how old a book may be to be traded at."""

    url: str
    first: Sequence[Received]
    oldest_us: int


class FollowedCandles:
    """Candle rows as received, by interval and start."""

    def __init__(self, tick: Decimal) -> None:
        self._tick = tick
        self._rows: dict[str, dict[int, Row]] = {interval: {} for interval in INTERVALS}

    def receive(self, interval: str, rows: list[Row]) -> None:
        """Take rows over; a later answer about a period replaces an earlier one."""
        self._rows[interval] |= {int(row[0]): row for row in rows}

    def trade(self, at_ms: int, price: int, amount: Decimal) -> None:
        """Nothing: what is traded here is not traded there."""

    def since(self, from_ms: int) -> list[Candle]:
        """The 1-minute candles that begin at a time or later, oldest first, prices to the tick."""
        found = (row for start, row in sorted(self._rows["1m"].items()) if start >= from_ms)
        return [self._candle(row) for row in found]

    def _candle(self, row: Row) -> Candle:
        first, high, low, close = (int(Decimal(each) / self._tick) for each in row[1:5])
        return Candle(int(row[0]), first, high, low, close, Decimal(row[5]))

    def listing(self, interval: str, limit: int, start_ms: int, end_ms: int) -> list[list[int | str]]:
        """Wire rows, newest first, whose start lies in the two bounds."""
        starts = sorted((at for at in self._rows[interval] if start_ms <= at <= end_ms), reverse=True)
        return [self._rows[interval][at] for at in starts[:limit]]


class FollowedMarket(LiveMarket):
    """One market of the followed exchange; halted until its rules and a first book were received."""

    def __init__(self, seed: int, spec: MarketSpec, start_us: int, step_us: int, oldest_us: int) -> None:
        self._status = "halted"
        self._now_us = start_us
        self._received_us: int | None = None
        self._stamp_us = 0
        self._offset_us = 0
        self._raw: dict[str, Sizes] = {"bids": {}, "asks": {}}
        self._day: Mapping[str, Any] | None = None
        self.oldest_us = oldest_us
        self.last_price = ZERO
        super().__init__(seed, spec, start_us // MINUTE, start_us, step_us)
        self._ladder = Ladder([], [])
        self.followed = FollowedCandles(spec.tick)
        self.candles = self.followed

    # age ------------------------------------------------------------------------------------------------------
    @property
    def age_us(self) -> int | None:
        """How old the book is, by when it was received and by its stamp; None before the first."""
        if self._received_us is None:
            return None
        return self._now_us - min(self._received_us, self._stamp_us)

    @property
    def stale(self) -> bool:
        """Whether nothing may trade against the book any more."""
        return self.age_us is None or self.age_us > self.oldest_us

    @property
    def halted(self) -> bool:
        """Whether the followed exchange does not trade this market, or nothing of it was received."""
        return super().halted or self._status != TRADING or self._received_us is None

    def day(self) -> Mapping[str, Any] | None:
        """The 24 hours as received; None before."""
        return self._day

    # what the engine asks of every market ---------------------------------------------------------------------
    def requote(self, step: int) -> None:
        """Only time passes: the book is the followed one's."""
        self.step, self._now_us = step, max(self._now_us, step * self._step_us)
        self.at_us = min(self._received_us or self._now_us, self._stamp_us or self._now_us)

    def pass_time(self, step: int) -> None:
        """What is halted grows older all the same."""
        self.requote(step)

    @property
    def best_bid(self) -> Decimal:
        """The followed book's best bid that is left; the last price where there is none."""
        return self.ladder.bids[0].price if self.ladder.bids else self.last_price

    @property
    def best_ask(self) -> Decimal:
        """The followed book's best ask that is left; the last price where there is none."""
        return self.ladder.asks[0].price if self.ladder.asks else self.last_price

    @property
    def ladder(self) -> Ladder:
        """What is left of the followed book."""
        return self._ladder or Ladder([], [])

    def turns_before(self, step: int) -> list[tuple[int, int]]:
        """Nothing is known between two answers."""
        return []

    def missed_before(self, step: int) -> Iterator[Point]:
        """Nothing is known of a pause."""
        return iter(())

    def print_trade(self, price: Decimal, amount: Decimal, side: str) -> None:
        """Nothing: our trades never happened at the followed exchange."""

    def public_taker(self) -> list[MakerFill]:
        """Nobody is invented who would take from us."""
        return []

    def crossed_by_makers(self) -> list[MakerFill]:
        """Own orders the followed book reaches, at their own price, up to its size; none while it is stale."""
        return [] if self.stale else super().crossed_by_makers()

    # answers --------------------------------------------------------------------------------------------------
    def receive(self, got: Received) -> None:
        """Take an answer over; Unusable, with nothing changed, if it cannot be one."""
        self._now_us = max(self._now_us, got.at_us)
        what, _, interval = got.what.partition(" ")
        try:
            match what:
                case "market":
                    self._market(got.body)
                case "book":
                    self._book(got)
                case "price":
                    self.last_price = _number(got.body["price"])
                case "trades":
                    self._trades(got.body)
                case "day":
                    self._day = {**got.body}
                case "candles":
                    self.followed.receive(interval, [_row(row) for row in got.body])
                case "clock":
                    self._offset_us = int(got.body)
                case _:
                    raise Unusable(f"nothing is known about {what!r}")
        except Unusable:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise Unusable(f"{got.what} of {self.spec.market} is not as documented: {error!r}") from None
        self.nonce += 1

    def _market(self, body: Mapping[str, Any]) -> None:
        names = ("minOrderInBaseAsset", "minOrderInQuoteAsset", "maxOrderInBaseAsset", "tickSize")
        least, least_quote, most, tick = (_number(body[name]) for name in names)
        if tick <= 0:
            raise Unusable(f"the tick of {self.spec.market} is {tick}")
        self.spec = replace(
            self.spec,
            tick=tick,
            quantity_decimals=int(body["quantityDecimals"]),
            notional_decimals=int(body["notionalDecimals"]),
            min_base=least,
            min_quote=least_quote,
            max_amount=most,
            max_open_orders=int(body["maxOpenOrders"]),
        )
        self._status = str(body["status"])

    def _book(self, got: Received) -> None:
        stamp_us = int(got.body["timestamp"]) // 1000 - self._offset_us
        if stamp_us < self._stamp_us:
            raise Unusable(f"the book of {self.spec.market} is older than the one before")
        bids, asks = (_sizes(got.body[side]) for side in ("bids", "asks"))
        if bids and asks and max(bids) >= min(asks):
            raise Unusable(f"bids and asks of {self.spec.market} overlap")
        left = {"bids": self._left("bids", bids), "asks": self._left("asks", asks)}
        self._ladder = Ladder(left["bids"], left["asks"])
        self._raw = {"bids": bids, "asks": asks}
        self._received_us, self._stamp_us = got.at_us, stamp_us
        self.at_us = min(got.at_us, stamp_us)

    def _left(self, side: str, now: Sizes) -> list[Level]:
        """The new sizes of a side less what was taken of the same prices before, best first."""
        shown = self._raw[side]
        known = {level.price: level.amount for level in (self.ladder.bids if side == "bids" else self.ladder.asks)}
        taken = {price: size - known.get(price, ZERO) for price, size in shown.items()}
        left = [Level(price, size - taken.get(price, ZERO)) for price, size in now.items()]
        left = [level for level in left if level.amount > 0]
        # What was taken beyond the new size is remembered as a size that is wholly gone.
        for price, size in now.items():
            now[price] = max(size, taken.get(price, ZERO))
        return sorted(left, key=lambda level: level.price, reverse=side == "bids")

    def _trades(self, rows: list[Mapping[str, Any]]) -> None:
        made = [
            PublicTrade(
                str(row["id"]), int(row["timestamp"]), _number(row["amount"]), _number(row["price"]), str(row["side"])
            )
            for row in reversed(rows)
        ]
        known = {trade.trade_id for trade in self.trades}
        self.trades = deque([*self.trades, *(each for each in made if each.trade_id not in known)], maxlen=TRADES_KEPT)


def _number(sent: object) -> Decimal:
    value = Decimal(str(sent))
    if not value.is_finite() or value < 0:
        raise Unusable(f"{sent!r} is no amount")
    return value


def _row(sent: list[Any]) -> Row:
    """A candle row with its numbers as they were sent; all of them must be there."""
    for number in sent[1:6]:
        _number(number)
    return [int(sent[0]), str(sent[1]), str(sent[2]), str(sent[3]), str(sent[4]), str(sent[5])]


def _sizes(rows: list[list[str]]) -> Sizes:
    return {_number(row[0]): _number(row[1]) for row in rows}
