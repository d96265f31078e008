"""A WebSocket of the exchange under test, message by message, without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from console.paper.auth import sign
from console.paper.websocket import TRANSPORT
from tests.paper.kit import Bench

MARKER = 71_234_567_890_123_456
"""A request id of 17 digits, more than a double can hold."""


@dataclass
class Cable:
    """Stands for the connection's transport; aborting it is all the server does with it."""

    incoming: asyncio.Queue[dict[str, Any]]
    cut: asyncio.Event = field(default_factory=asyncio.Event)

    def abort(self) -> None:
        self.cut.set()
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})


@dataclass
class Socket:
    """The client's end."""

    bench: Bench
    path: str = "/v2/"
    host: str = "127.0.0.1"
    incoming: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    outgoing: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    reading: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.cable = Cable(self.incoming)
        self.reading.set()
        self.incoming.put_nowait({"type": "websocket.connect"})

    async def _send(self, message: Any) -> None:
        await self.reading.wait()
        await self.outgoing.put(message)

    async def run(self) -> None:
        scope = {
            "type": "websocket",
            "path": self.path,
            "client": (self.host, 40_000),
            "headers": [],
            "query_string": b"",
            "extensions": {TRANSPORT: self.cable, "websocket.http.response": {}},
        }
        await self.bench.exchange(scope, self.incoming.get, self._send)

    async def raw(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.outgoing.get(), 10)

    async def next(self) -> Any:
        """The next message, parsed."""
        return json.loads((await self.raw())["text"])

    def say(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self.incoming.put_nowait({"type": "websocket.receive", "text": text})

    async def ask(self, message: Any) -> Any:
        """The answer to a message that is sent while nothing else is on its way."""
        self.say(message)
        return await self.next()

    async def told(self) -> list[Any]:
        """Everything that was sent up to now."""
        self.say({"action": "getTime", "requestId": MARKER})
        found: list[Any] = []
        while (message := await self.next()).get("requestId") != MARKER:
            found.append(message)
        return found

    async def authenticate(self, using: str = "trade", **changes: Any) -> Any:
        """Authenticate with a key of the bench, with changes; `...` leaves a field out."""
        pair, stamp = self.bench.keys[using], self.bench.clock.now() // 1000
        message: dict[str, Any] = {
            "action": "authenticate",
            "key": pair.key,
            "signature": sign(pair.secret, str(stamp), "GET", "/v2/websocket", ""),
            "timestamp": stamp,
            "window": "10000",
        }
        return await self.ask({name: value for name, value in (message | changes).items() if value is not ...})

    async def subscribe(self, name: str, *markets: str, interval: Sequence[str] | None = None) -> Any:
        channel: dict[str, Any] = {"name": name, "markets": list(markets)}
        if interval is not None:
            channel["interval"] = list(interval)
        return await self.ask({"action": "subscribe", "channels": [channel]})

    async def after(self, seconds: float) -> list[Any]:
        """What is sent while the market goes on for so long, in steps of a tenth of a second."""
        for _ in range(round(seconds * 10)):
            self.bench.clock.step(0.1)
            self.bench.engine.advance()
            self.bench.exchange.hub.pump()
        return await self.told()


@asynccontextmanager
async def connected(bench: Bench, path: str = "/v2/", host: str = "127.0.0.1") -> AsyncIterator[Socket]:
    """An accepted connection."""
    socket = Socket(bench, path, host)
    task = asyncio.create_task(socket.run())
    try:
        assert await socket.raw() == {"type": "websocket.accept"}
        yield socket
    finally:
        socket.reading.set()
        socket.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(task, 10)


def only(events: Sequence[Any], name: str) -> list[Any]:
    """The events of one name."""
    return [event for event in events if event.get("event") == name]
