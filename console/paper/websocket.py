"""One WebSocket connection: what a client sends, and a queue of what it is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from starlette.types import Receive, Scope, Send

from console.paper.actions import ENVELOPE, call_of, route_of
from console.paper.applying import Cut, Page
from console.paper.auth import DEFAULT_WINDOW_MS, TRADE, ApiKey, Caller, authenticate
from console.paper.channels import ACCOUNT, Subscriptions, parse_channels
from console.paper.choices import ECHOED_ORDER, FAILED_AUTHENTICATE
from console.paper.errors import ApiError, refusal
from console.paper.hub import wire_text
from console.paper.limits import payer_of

if TYPE_CHECKING:
    from console.paper.app import Exchange

TRANSPORT: Final = "console.transport"
"""Where the server leaves the connection's transport in the scope, for what cuts it."""

PATHS: Final = frozenset({"/v2", "/v2/"})
SIGNED_PATH: Final = "/v2/websocket"
OUTBOX: Final = 2000
"""Messages that may wait for a slow reader. One more ends the connection: the exchange waits for nobody."""

MESSAGES_A_SECOND: Final = 5000
STREAM_POINTS: Final = 1
"""Weight of a subscribe, an unsubscribe or an authenticate; only the first is documented."""


class Connection:
    """A client that was let in. Its messages are answered one after the other, events come in between."""

    def __init__(self, exchange: Exchange, scope: Scope) -> None:
        self.subscriptions = Subscriptions()
        self._exchange = exchange
        self._transport = scope.get("extensions", {}).get(TRANSPORT)
        self._host = str(scope["client"][0]) if scope.get("client") else ""
        self._outbox: asyncio.Queue[str] = asyncio.Queue(OUTBOX)
        self._key: ApiKey | None = None
        self._window_ms = DEFAULT_WINDOW_MS
        self._second = 0
        self._in_second = 0
        self._closed = False

    # life -----------------------------------------------------------------------------------------------------
    async def serve(self, receive: Receive, send: Send) -> None:
        """Serve until either side leaves."""
        hub = self._exchange.hub
        await receive()
        await send({"type": "websocket.accept"})
        hub.join(self)
        sender = asyncio.get_running_loop().create_task(self._send_all(send))
        try:
            while (message := await receive())["type"] == "websocket.receive" and not self._closed:
                await self._received(message.get("text"))
        finally:
            self._closed = True
            hub.leave(self)
            sender.cancel()

    async def _send_all(self, send: Send) -> None:
        with suppress(OSError):  # the client has left
            while True:
                await send({"type": "websocket.send", "text": await self._outbox.get()})

    def offer(self, text: str) -> None:
        """Queue one message; a reader with a full queue is cut off."""
        if self._closed:
            return
        try:
            self._outbox.put_nowait(text)
        except asyncio.QueueFull:
            self.cut()

    def cut(self) -> None:
        """End the connection without a closing frame."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()

    @property
    def payer(self) -> str:
        """Who pays the weight points: the key once it is known, the address before."""
        return payer_of(None if self._key is None else self._key.name, self._host)

    # messages -------------------------------------------------------------------------------------------------
    async def _received(self, text: str | None) -> None:
        echo: dict[str, Any] = {}
        try:
            self._count()
            message = _parsed(text)
            echo = _echo(message)
            await self._answer(message, echo)
        except ApiError as error:
            if echo.get("action") == "authenticate" and FAILED_AUTHENTICATE.value == "event":
                echo = {"event": "authenticate", "authenticated": False}
            self.offer(wire_text({**echo, "errorCode": error.code, "error": error.text}))

    def _count(self) -> None:
        """At most 5000 messages in a second of one session (112)."""
        second = int(self._exchange.engine.clock.monotonic())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        if self._in_second > MESSAGES_A_SECOND:
            raise refusal(112)

    async def _answer(self, message: Mapping[str, Any], echo: dict[str, Any]) -> None:
        request = message.get("requestId")
        if request is not None and (isinstance(request, bool) or not isinstance(request, int)):
            raise refusal(205, "requestId")
        action = message.get("action")
        if action is None:
            raise refusal(203, "action")
        match action:
            case "subscribe" | "unsubscribe":
                self._pay(STREAM_POINTS)
                self._change(str(action), message)
            case "authenticate":
                self._pay(STREAM_POINTS)
                self._authenticate(message)
            case _:
                await self._act(message, echo)

    def _pay(self, weight: int) -> None:
        banned = self._exchange.limits.charge(self.payer, weight, self._exchange.now_ms())
        if banned is not None:
            raise banned

    def _change(self, action: str, message: Mapping[str, Any]) -> None:
        hub = self._exchange.hub
        wanted = parse_channels(message, self._exchange.engine.markets)
        if any(each.topic.channel == ACCOUNT for each in wanted):
            # Orders and own trades are read with the right to trade, as everywhere.
            self._caller(TRADE)
        change = hub.subscribe if action == "subscribe" else hub.unsubscribe
        change(self, wanted)
        self.offer(wire_text({"event": f"{action}d", "subscriptions": self.subscriptions.shown()}))

    def _authenticate(self, message: Mapping[str, Any]) -> None:
        self._key = None
        for name in ("key", "signature", "timestamp"):
            if message.get(name) is None:
                raise refusal(203, name)
        window = message.get("window")
        headers = {
            "bitvavo-access-key": str(message["key"]),
            "bitvavo-access-signature": str(message["signature"]),
            "bitvavo-access-timestamp": str(message["timestamp"]),
            "bitvavo-access-window": str(DEFAULT_WINDOW_MS if window is None else window),
        }
        caller = authenticate(self._exchange.keys, headers, "GET", SIGNED_PATH, b"", self._exchange.now_ms())
        if caller is not None:
            self._key, self._window_ms = caller.key, int(headers["bitvavo-access-window"])
        self.offer(wire_text({"event": "authenticate", "authenticated": True}))

    def _caller(self, right: str, missing: int | None = None) -> Caller:
        """The authenticated client, until its window from now has passed; refused like a request of its key is."""
        if self._key is None:
            raise refusal(300)
        # The key as it is now: what it may do can have been narrowed since.
        key = self._exchange.keys.get(self._key.key, self._key)
        caller = Caller(key, self._exchange.now_ms() + self._window_ms)
        self._exchange.authorize(caller, self._host, right, missing)
        return caller

    # actions --------------------------------------------------------------------------------------------------
    async def _act(self, message: Mapping[str, Any], echo: dict[str, Any]) -> None:
        route = route_of(message["action"], self._exchange.routes)
        # As over REST, what is refused has cost its points.
        self._pay(route.weight({name for name, value in message.items() if value is not None}))
        caller = None if route.right is None else self._caller(route.right, route.lacking)
        call = replace(call_of(route, message), skew_ms=self._exchange.faults.skew_ms(route.name))
        try:
            found = await self._exchange.applier.spoiled(route, call, caller, self.payer)
        except Cut:
            self.cut()
        except Page as spoiled:
            self.offer(spoiled.text)
        else:
            self.offer(wire_text({name: echo[name] for name in ENVELOPE if name in echo} | {"response": found}))


def _parsed(text: str | None) -> dict[str, Any]:
    """The object of a text frame; 102 for anything else, and the connection stays."""
    try:
        sent = json.loads(text or "")
    except (ValueError, RecursionError):
        raise refusal(102) from None
    if not isinstance(sent, dict):
        raise refusal(102)
    return sent


def _echo(message: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer repeats of its question; answers with an error repeat what they are about, too."""
    kinds: dict[str, type] = {"action": str, "requestId": int, "market": str}
    if ECHOED_ORDER.value:
        kinds["orderId"] = str
    return {name: message[name] for name, kind in kinds.items() if isinstance(message.get(name), kind)}
