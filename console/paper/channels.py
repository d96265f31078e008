"""What one WebSocket connection is subscribed to, and how a client says so."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from console.paper.candles import INTERVALS
from console.paper.errors import refusal

TICKER: Final = "ticker"
DAY_TICKER: Final = "ticker24h"
CANDLES: Final = "candles"
TRADES: Final = "trades"
BOOK: Final = "book"
ACCOUNT: Final = "account"
CHANNELS: Final = (TICKER, DAY_TICKER, CANDLES, TRADES, BOOK, ACCOUNT)
ALL_MARKETS: Final = "*"
"""Every market; the account channel alone takes it."""


@dataclass(frozen=True)
class Topic:
    """One channel; only the candles channel has an interval, the others an empty text."""

    channel: str
    interval: str = ""


@dataclass(frozen=True)
class Wanted:
    """One topic and the markets asked for."""

    topic: Topic
    markets: tuple[str, ...]


def parse_channels(message: Mapping[str, Any], markets: Collection[str]) -> list[Wanted]:
    """The topics of a subscribe or unsubscribe message.

    ApiError 203 without `channels`, 205 with `channel.name`, `channel.markets` or `channel.interval` for what is
    unknown. Only the first of these texts was ever recorded; the other two are formed like it.
    """
    if "channels" not in message:
        raise refusal(203, "channels")
    sent = message["channels"]
    if not isinstance(sent, list) or not sent:
        raise refusal(205, "channels")
    return [wanted for each in sent for wanted in _wanted(each, markets)]


def _wanted(sent: Any, known: Collection[str]) -> list[Wanted]:
    if not isinstance(sent, dict):
        raise refusal(205, "channels")
    name = sent.get("name")
    if name not in CHANNELS:
        raise refusal(205, "channel.name")
    allowed = {*known, ALL_MARKETS} if name == ACCOUNT else set(known)
    markets = _texts(sent.get("markets"), allowed, "channel.markets")
    if name != CANDLES:
        return [Wanted(Topic(name), markets)]
    intervals = _texts(sent.get("interval"), set(INTERVALS), "channel.interval")
    return [Wanted(Topic(CANDLES, interval), markets) for interval in intervals]


def _texts(sent: Any, allowed: set[str], name: str) -> tuple[str, ...]:
    if not isinstance(sent, list) or not sent:
        raise refusal(205, name)
    if not all(isinstance(each, str) and each in allowed for each in sent):
        raise refusal(205, name)
    return tuple(dict.fromkeys(sent))


class Subscriptions:
    """The topics of one connection, each with its markets in the order they were asked for."""

    def __init__(self) -> None:
        self._markets: dict[Topic, dict[str, None]] = {}

    def add(self, wanted: Iterable[Wanted]) -> None:
        """Subscribe; what is subscribed already stays as it is."""
        for each in wanted:
            self._markets.setdefault(each.topic, {}).update(dict.fromkeys(each.markets))

    def remove(self, wanted: Iterable[Wanted]) -> None:
        """Unsubscribe; what is not subscribed is passed over."""
        for each in wanted:
            kept = self._markets.get(each.topic, {})
            for market in each.markets:
                kept.pop(market, None)
            if not kept:
                self._markets.pop(each.topic, None)

    def markets(self, topic: Topic) -> tuple[str, ...]:
        """The markets of a topic."""
        return tuple(self._markets.get(topic, ()))

    def topics(self) -> tuple[Topic, ...]:
        """Every topic with at least one market."""
        return tuple(self._markets)

    def has(self, topic: Topic, market: str) -> bool:
        """Whether an event of that topic and market is meant for this connection."""
        kept = self._markets.get(topic, ())
        return market in kept or (topic.channel == ACCOUNT and ALL_MARKETS in kept)

    def shown(self) -> dict[str, Any]:
        """All of it as the acknowledgements show it: a list of markets by channel, candles by interval."""
        shown: dict[str, Any] = {}
        for topic, markets in self._markets.items():
            if topic.channel == CANDLES:
                shown.setdefault(CANDLES, {})[topic.interval] = list(markets)
            else:
                shown[topic.channel] = list(markets)
        return shown
