"""The public events of one market: what changed since somebody last asked, channel by channel."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from console.paper.book import LiveMarket
from console.paper.candles import INTERVALS, MINUTE_MS
from console.paper.channels import BOOK, CANDLES, TICKER, TRADES, Topic
from console.paper.decimals import text

DEPTH: Final = 1000
Sizes = dict[str, str]


class BookFeed:
    """The book as it was last published. Its nonce grows by one with every difference, and is the book's own nonce.

    Whoever takes a snapshot publishes first: a snapshot of a nonce holds everything up to that nonce and nothing more.
    """

    def __init__(self, market: LiveMarket) -> None:
        self._market = market
        self._version: int | None = None
        self._sides: dict[str, Sizes] = {}
        self._unsent: list[dict[str, Any]] = []
        self.nonce = 1
        self.listened = False
        """Whether anybody is subscribed; without one no difference is kept."""

    def publish(self) -> int:
        """Bring the published book up to the present; returns its nonce."""
        market = self._market
        if market.halted or self._version == market.nonce:
            return self.nonce
        sides = {side: {row[0]: row[1] for row in market.levels(side, DEPTH)} for side in ("buy", "sell")}
        known, first = self._sides, self._version is None
        self._version, self._sides = market.nonce, sides
        if first or sides == known:
            return self.nonce
        self.nonce += 1
        if self.listened:
            bids, asks = (_changes(known[side], sides[side], market.spec.tick) for side in ("buy", "sell"))
            self._unsent.append(
                {
                    "event": "book",
                    "market": market.spec.market,
                    "nonce": self.nonce,
                    "bids": bids,
                    "asks": asks,
                    "timestamp": market.at_us * 1000,
                }
            )
        return self.nonce

    def take(self) -> list[dict[str, Any]]:
        """Publish, and return every difference that was not taken yet, oldest first."""
        self.publish()
        taken, self._unsent = self._unsent, []
        return taken


def _changes(before: Sizes, now: Sizes, tick: Decimal) -> list[list[str]]:
    """`[price, size]` of what differs, "0" for what is gone; prices padded to the tick's decimals."""
    changed = {price: size for price, size in now.items() if before.get(price) != size}
    gone = {price: "0" for price in before if price not in now}
    return [[padded(Decimal(price), tick), size] for price, size in (changed | gone).items()]


def padded(price: Decimal, tick: Decimal) -> str:
    """A price with as many decimals as the tick is written with."""
    return format(price.quantize(tick), "f")


class MarketFeed:
    """Turns one market's changes into events. The first call of a topic only remembers where things stand."""

    def __init__(self, market: LiveMarket, book: BookFeed) -> None:
        self._market = market
        self._book = book
        self._quotes: dict[str, Any] | None = None
        self._quoted: tuple[int, Decimal] | None = None
        self._last_trade: str | None = None
        self._candles: dict[str, list[list[int | str]]] = {}
        self._candles_at: dict[str, float] = {}

    def begin(self, topic: Topic, now: float) -> None:
        """Somebody is the first to listen to a topic: what was before is nobody's news. `now` is monotonic."""
        if topic.channel == BOOK:
            self._book.listened = True
        self._candles_at.pop(topic.interval, None)
        self.events(topic, now)

    def end(self, topic: Topic) -> None:
        """Nobody listens to a topic any more."""
        if topic.channel == BOOK:
            self._book.listened = False
            self._book.take()

    def events(self, topic: Topic, now: float) -> list[dict[str, Any]]:
        """What happened on a topic since the last call; nothing while the market is halted."""
        if self._market.halted:
            return []
        if topic.channel == BOOK:
            return self._book.take()
        if topic.channel == TICKER:
            return self._ticker()
        if topic.channel == TRADES:
            return self._trades()
        if topic.channel == CANDLES:
            return self._candle(topic.interval, now)
        return []

    def _ticker(self) -> list[dict[str, Any]]:
        market = self._market
        state = (market.nonce, market.last_price)
        if state == self._quoted:
            return []
        self._quoted = state
        bids, asks = market.levels("buy", 1), market.levels("sell", 1)
        quotes: dict[str, Any] = {"bid": bids[0] if bids else None, "ask": asks[0] if asks else None}
        quotes["last"] = text(market.last_price)
        known, self._quotes = self._quotes, quotes
        if known is None or known == quotes:
            return []
        return [{"event": "ticker", "market": market.spec.market, **_ticker_changes(known, quotes)}]

    def _trades(self) -> list[dict[str, Any]]:
        market, known = self._market, self._last_trade
        fresh = []
        for trade in reversed(market.trades):
            if trade.trade_id == known:
                break
            fresh.append(trade)
        self._last_trade = market.trades[-1].trade_id if market.trades else ""
        if known is None:
            return []
        return [
            {
                "event": "trade",
                "timestamp": trade.at_ms,
                "market": market.spec.market,
                "id": trade.trade_id,
                "amount": text(trade.amount),
                "price": text(trade.price),
                "side": trade.side,
                "timestampNs": trade.at_ms * 1_000_000,
            }
            for trade in reversed(fresh)
        ]

    def _candle(self, interval: str, now: float) -> list[dict[str, Any]]:
        """The running candle and the one before it, where they changed; looked at once a second."""
        asked_at = self._candles_at.get(interval)
        if asked_at is not None and now - asked_at < 1:
            return []
        self._candles_at[interval] = now
        market, size = self._market, INTERVALS[interval] * MINUTE_MS
        now_ms = market.at_us // 1000
        rows = list(reversed(market.candles.listing(interval, 2, max(now_ms - 2 * size, 0), now_ms)))
        known, self._candles[interval] = self._candles.get(interval, []), rows
        if asked_at is None:
            return []
        name = market.spec.market
        return [
            {"event": "candle", "market": name, "interval": interval, "candle": [row]}
            for row in rows
            if row not in known
        ]


def _ticker_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The pairs and the price that changed, under the names of the ticker event."""
    changed: dict[str, Any] = {}
    for side, price, size in (("bid", "bestBid", "bestBidSize"), ("ask", "bestAsk", "bestAskSize")):
        if before[side] != now[side]:
            pair = now[side] or [None, None]
            changed |= {price: pair[0], size: pair[1]}
    if before["last"] != now["last"]:
        changed["lastPrice"] = now["last"]
    return changed
