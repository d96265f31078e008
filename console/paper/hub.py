"""Every WebSocket connection, and what each is told: events made once and handed to whoever subscribed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from console.paper.channels import ACCOUNT, DAY_TICKER, Subscriptions, Topic, Wanted
from console.paper.engine import Engine
from console.paper.faults import Faults
from console.paper.feeds import MarketFeed
from console.paper.overview import day_of
from console.paper.store import Changes
from console.paper.wire import fill_event, order_event

DAY_TICKER_S: Final = 1.0
EVERY_DAY: Final = Topic(DAY_TICKER)
OWN: Final = Topic(ACCOUNT)


class Listener(Protocol):
    """A connection as the hub sees it."""

    subscriptions: Subscriptions

    def offer(self, text: str) -> None:
        """Hand over one message; never waits."""

    def cut(self) -> None:
        """End the connection without a word."""


def wire_text(message: object) -> str:
    """One message as it is sent."""
    return json.dumps(message, separators=(",", ":"))


class Hub:
    """Knows the connections. `pump` is called some ten times a second, `account` after every commit."""

    def __init__(self, engine: Engine, faults: Faults) -> None:
        self._engine = engine
        self._faults = faults
        self._feeds = {name: MarketFeed(market, engine.books[name]) for name, market in engine.markets.items()}
        self._listeners: list[Listener] = []
        self._active: dict[Topic, set[str]] = {}
        self._day_told_at: float | None = None
        self._late: set[asyncio.Task[None]] = set()
        engine.store.listeners.append(self.account)

    # connections ----------------------------------------------------------------------------------------------
    def join(self, listener: Listener) -> None:
        """A connection was accepted."""
        self._listeners.append(listener)

    def leave(self, listener: Listener) -> None:
        """A connection has ended."""
        self._listeners.remove(listener)
        self._settle()

    def subscribe(self, listener: Listener, wanted: Sequence[Wanted]) -> None:
        """Add to a connection's topics; what happens from now on is told."""
        self._engine.advance()
        listener.subscriptions.add(wanted)
        self._settle()

    def unsubscribe(self, listener: Listener, wanted: Sequence[Wanted]) -> None:
        """Take from a connection's topics."""
        listener.subscriptions.remove(wanted)
        self._settle()

    def _settle(self) -> None:
        """Begin the topics that have their first listener, end those that lost the last one."""
        active: dict[Topic, set[str]] = {}
        for listener in self._listeners:
            for topic in listener.subscriptions.topics():
                if topic not in (EVERY_DAY, OWN):
                    active.setdefault(topic, set()).update(listener.subscriptions.markets(topic))
        before, self._active = self._active, active
        now = self._engine.clock.monotonic()
        for topic in {*before, *active}:
            known, wanted = before.get(topic, set()), active.get(topic, set())
            for market in wanted - known:
                self._feeds[market].begin(topic, now)
            for market in known - wanted:
                self._feeds[market].end(topic)

    # events ---------------------------------------------------------------------------------------------------
    def pump(self) -> None:
        """Tell what changed in the markets since the last call."""
        for _ in self.pumping():
            pass

    def pumping(self) -> Iterator[None]:
        """The same in pieces, one market of a topic each: who runs it can answer others between them."""
        now = self._engine.clock.monotonic()
        for topic, market in [(topic, market) for topic, found in self._active.items() for market in sorted(found)]:
            # A topic can have lost its last listener since the piece before.
            if market not in self._active.get(topic, ()):
                continue
            for event in self._feeds[market].events(topic, now):
                self._publish(topic, market, event)
            yield
        if self._day_told_at is None or now - self._day_told_at >= DAY_TICKER_S:
            self._day_told_at = now
            self._tell_days()

    def _tell_days(self) -> None:
        rows: dict[str, dict[str, Any]] = {}
        for listener in list(self._listeners):
            told = []
            for name in listener.subscriptions.markets(EVERY_DAY):
                if name not in rows and not self._engine.markets[name].halted:
                    rows[name] = day_of(self._engine.markets[name])
                if name in rows:
                    told.append(rows[name])
            if told:
                self._send(listener, DAY_TICKER, wire_text({"event": DAY_TICKER, "data": told}))

    def account(self, changes: Changes) -> None:
        """Tell the account's own fills and orders, as they were just committed."""
        if not any(OWN in listener.subscriptions.topics() for listener in self._listeners):
            return
        for fill in changes.fills:
            self._publish(OWN, fill.market, fill_event(fill, changes.orders[fill.order_id]))
        for order in changes.orders.values():
            self._publish(OWN, order.market, order_event(order))

    def _publish(self, topic: Topic, market: str, event: dict[str, Any]) -> None:
        text = wire_text(event)
        for listener in [each for each in self._listeners if each.subscriptions.has(topic, market)]:
            self._send(listener, topic.channel, text)

    # faults ---------------------------------------------------------------------------------------------------
    def _send(self, listener: Listener, channel: str, text: str) -> None:
        fault = self._faults.draw(f"WS /{channel}")
        match None if fault is None else fault.name:
            case None:
                listener.offer(text)
            case "stream-lose":
                pass
            case "stream-double":
                listener.offer(text)
                listener.offer(text)
            case "stream-late":
                seconds = 0.0 if fault is None or fault.number is None else fault.number
                self._later(seconds, lambda: self._late_offer(listener, text))
            case "disconnect":
                listener.cut()

    def _late_offer(self, listener: Listener, text: str) -> None:
        if listener in self._listeners:
            listener.offer(text)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        async def wait() -> None:
            await self._engine.clock.sleep(seconds)
            act()

        task = asyncio.get_running_loop().create_task(wait())
        self._late.add(task)
        task.add_done_callback(self._late.discard)
