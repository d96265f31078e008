"""The exchange's WebSocket: books as they change, and a call when something happened to an order of ours.

It only listens. What it may send is a short list of actions, none of which changes anything; and what it hears about
orders is evidence of nothing: it is the occasion to look them up. When it is cut it connects again by itself.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, Literal

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from console.exchange.address import Address
from console.exchange.errors import ExchangeUnreadable, RateLimited, parse_json, read_error
from console.exchange.exchange_time import Ticking
from console.exchange.reader import UNSIGNED
from console.exchange.readonly import BookView
from console.exchange.signing import WINDOW_MS, KeyPair, signature
from console.exchange.stream_book import DayPayload, DeltaPayload, SnapshotPayload, StreamBook, Sync
from console.exchange.stream_link import Link
from console.exchange.weights import Lane, WeightBudget
from console.exchange.wire import read_most, read_one

SIGNED_PATH: Final = "/v2/websocket"
TURN_S: Final = 0.5
"""Seconds between two looks at what is to be subscribed and which snapshot is missing."""

ASK_AGAIN_S: Final = 1.0
"""Least seconds between two snapshots of one market."""

SNAPSHOT_S: Final = 5.0
"""A snapshot that takes longer is asked for anew; so is one of a book that was not confirmed for so long."""

SILENT_S: Final = 15.0
"""A connection with subscriptions that says nothing for so long is given up."""

Action = Literal["authenticate", "subscribe", "unsubscribe", "getBook"]

log = logging.getLogger(__name__)


class Stream:
    """One WebSocket. Times are monotonic seconds. Runs on one event loop; nothing here waits but ``run``."""

    def __init__(
        self,
        address: Callable[[], Address],
        budget: WeightBudget,
        ticking: Ticking,
        *,
        keys: KeyPair | None = None,
        on_account: Callable[[], None] | None = None,
    ) -> None:
        """``keys`` with the right to trade open the account's own events; ``on_account`` is called at each."""
        self._link = Link(address, ticking, budget, self._serve)
        self._budget = budget
        self._ticking = ticking
        self._keys = keys
        self._on_account = on_account
        self._wanted: frozenset[str] = frozenset()
        self._subscribed: frozenset[str] = frozenset()
        self._authenticated = False
        self.hears_account = False
        """Whether the account's own events come."""
        self._connection: ClientConnection | None = None
        self._asked_at: dict[str, float] = {}
        self._changed: set[str] = set()
        self._attention = asyncio.Event()
        self._request = 0
        self._requests: dict[str, int] = {}
        """The newest request of each market; an answer to an older one says how the book was before."""
        self.books: dict[str, StreamBook] = {}
        self.heard: float | None = None
        """When the last message came."""
        self.connections = 0

    # what others read ------------------------------------------------------------------------------------------
    def watch(self, markets: Iterable[str]) -> None:
        """Follow exactly these markets."""
        wanted = frozenset(markets)
        if wanted != self._wanted:
            self._wanted = wanted
            self._attention.set()

    def fresh(self, market: str) -> BookView | None:
        """The market's book, if it is known to be right; None means: poll."""
        book = self.books.get(market)
        return None if book is None else book.view(self._now())

    @property
    def problem(self) -> str | None:
        """What went wrong last; None once a book is followed again."""
        return self._link.problem

    @property
    def following(self) -> bool:
        """Whether every market that is watched, and at least one, has a fresh book."""
        return bool(self._wanted) and all(self._is_fresh(market) for market in self._wanted)

    def take_changed(self) -> list[BookView]:
        """The newest fresh book of every market that changed, or was confirmed, since the last call."""
        changed, self._changed = self._changed, set()
        return [book for book in map(self.fresh, sorted(changed)) if book is not None]

    def _is_fresh(self, market: str) -> bool:
        book = self.books.get(market)
        return book is not None and book.is_fresh(self._now())

    # life ------------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Connect, and connect again whenever it is cut; ends only by being canceled."""
        await self._link.run()

    def _forget(self) -> None:
        self._connection, self._subscribed = None, frozenset()
        self._authenticated, self.hears_account = False, False
        self._requests.clear()
        self._asked_at.clear()
        for book in self.books.values():
            book.lose()

    async def _serve(self, connection: ClientConnection) -> None:
        self._connection, self.heard = connection, self._now()
        self.connections += 1
        await self._authenticate()
        keeping = asyncio.get_running_loop().create_task(self._keep())
        keeping.add_done_callback(lambda task: None if _ended_well(task) else connection.transport.abort())
        try:
            async for text in connection:
                self._hear(text)
        finally:
            keeping.cancel()
            try:
                # Awaiting the task itself would take a cancel of this one for its end, and go on for good.
                await asyncio.wait([keeping])
            finally:
                self._forget()
        with suppress(asyncio.CancelledError, ConnectionClosed):
            keeping.result()

    async def _keep(self) -> None:
        """Bring subscriptions and snapshots to where they should be, again and again."""
        while self._connection is not None:
            self._attention.clear()
            try:
                await self._adjust()
                await self._ask_for_snapshots()
            except RateLimited as error:
                self._link.problem = str(error)
            if self._subscribed and self.heard is not None and self._now() - self.heard > SILENT_S:
                log.warning("the stream says nothing; it is given up")
                await self._connection.close()
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(TURN_S):
                    await self._attention.wait()

    # what is sent ----------------------------------------------------------------------------------------------
    async def _say(self, action: Action, **more: Any) -> None:
        if self._connection is not None:
            await self._connection.send(json.dumps({"action": action, **more}, separators=(",", ":")))

    def _pay(self) -> None:
        """Count one point of the rate limit. Raises RateLimited."""
        self._budget.admit(Lane.RECONCILE, self._payer, 1)

    @property
    def _payer(self) -> str:
        return self._keys.fingerprint if self._keys is not None and self._authenticated else UNSIGNED

    async def _authenticate(self) -> None:
        if self._keys is None:
            return
        at_ms = self._ticking.time.now_ms()
        await self._say(
            "authenticate",
            key=self._keys.key,
            signature=signature(self._keys.secret, at_ms, "GET", SIGNED_PATH, b""),
            timestamp=at_ms,
            window=str(WINDOW_MS),
        )

    async def _adjust(self) -> None:
        """Subscribe to what is new and leave what is not wanted any more; one message and one point each."""
        if self._authenticated and not self.hears_account:
            self._pay()
            await self._say("subscribe", channels=[{"name": "account", "markets": ["*"]}])
            self.hears_account = True
            # What happened before was not heard.
            self._tell_account()
        for market in sorted(self._subscribed - self._wanted):
            self._pay()
            await self._say("unsubscribe", channels=_channels(market))
            self._subscribed -= {market}
            self.books.pop(market, None)
        for market in sorted(self._wanted - self._subscribed):
            self._pay()
            await self._say("subscribe", channels=_channels(market))
            self._subscribed |= {market}
            self.books[market] = StreamBook(market)

    async def _ask_for_snapshots(self) -> None:
        now = self._now()
        for market in sorted(self._subscribed):
            book, asked_at = self.books[market], self._asked_at.get(market)
            if asked_at is not None and now - asked_at < (ASK_AGAIN_S if book.sync is Sync.LOST else SNAPSHOT_S):
                continue
            if book.sync is Sync.FOLLOWING and book.confirmed is not None and now - book.confirmed < SNAPSHOT_S:
                continue
            self._pay()
            self._request += 1
            self._requests[market] = self._request
            self._asked_at[market] = now
            book.asked(now)
            await self._say("getBook", market=market, requestId=self._request)

    # what is heard ---------------------------------------------------------------------------------------------
    def _hear(self, text: str | bytes) -> None:
        """Take one message in. Raises ExchangeUnreadable for what no exchange sends."""
        now = self._now()
        value = parse_json(text.encode() if isinstance(text, str) else text)
        if not isinstance(value, dict):
            raise ExchangeUnreadable(f"The stream sent no object: {str(value)[:60]!r}.")
        self.heard = now
        match value.get("event"):
            case "book":
                self._delta(read_one(DeltaPayload, value, "book event"))
            case "ticker24h":
                for day in read_most(DayPayload, value.get("data"), "ticker event"):
                    self._sign_of_life(day)
            case "order" | "fill":
                self._tell_account()
            case "authenticate":
                self._open_account()
            case None:
                self._answered(value, text, now)

    def _delta(self, delta: DeltaPayload) -> None:
        book = self.books.get(delta.market)
        if book is None:
            return
        if book.delta(delta, self._when(None if delta.timestamp is None else delta.timestamp // 1_000_000)):
            self._changed.add(delta.market)
        if book.sync is Sync.LOST:
            self._attention.set()

    def _sign_of_life(self, day: DayPayload) -> None:
        book = self.books.get(day.market)
        if book is not None and day.timestamp is not None:
            book.sign_of_life(day, self._when(day.timestamp))
            self._changed.add(day.market)

    def _when(self, stamp_ms: int | None) -> float:
        """When the exchange was as it says; never later than now, however its clock and ours differ."""
        lag_ms = 0 if stamp_ms is None else max(self._ticking.time.now_ms() - stamp_ms, 0)
        return self._now() - lag_ms / 1000

    def _tell_account(self) -> None:
        if self._on_account is not None:
            self._on_account()

    def _open_account(self) -> None:
        self._authenticated = True
        self._attention.set()

    def _answered(self, value: dict[str, Any], text: str | bytes, now: float) -> None:
        market = next((name for name, number in self._requests.items() if number == value.get("requestId")), None)
        if market is not None:
            del self._requests[market]
        body = text.encode() if isinstance(text, str) else text
        if "errorCode" in value:
            code, sentence = read_error(body)
            if code == 105:
                self._budget.learn(self._payer, 429, {}, body)
            log.warning("the stream refused %s (%s): %s", value.get("action"), code, sentence)
            if market is not None and market in self.books:
                # Asked again when the book is looked at next, not sooner: a halted market has none.
                self._asked_at[market] = now + SNAPSHOT_S
                self.books[market].lose()
        elif market is not None and market in self.books:
            self.books[market].snapshot(read_one(SnapshotPayload, value.get("response"), "book"))
            self._changed.add(market)
            self._attention.set()
            self._link.problem = None

    def _now(self) -> float:
        return self._ticking.clock.monotonic()


def _ended_well(task: asyncio.Task[None]) -> bool:
    return task.cancelled() or task.exception() is None


def _channels(market: str) -> list[dict[str, Any]]:
    return [{"name": "book", "markets": [market]}, {"name": "ticker24h", "markets": [market]}]
