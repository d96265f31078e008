"""The way between a client and an exchange in one process: whole requests, whole answers, every way to lose one.

Nothing of it touches a network. A request takes a moment on the way; who is not answered in time gets what a real
connection gives: silence, while the exchange goes on with what it was asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import httpx
from starlette.types import ASGIApp, Message

from console.gauntlet.timeline import Timeline
from console.paper.websocket import TRANSPORT

ON_THE_WAY: Final = 4_000
"""Microseconds a request takes to arrive."""


class Wire(httpx.AsyncBaseTransport):
    """Carries requests to an application; ``patience`` is how many seconds each route's answer may take."""

    def __init__(self, app: ASGIApp, timeline: Timeline, patience: Mapping[str, float], usual_s: float) -> None:
        self._app = app
        self._timeline = timeline
        self._patience = patience
        self._usual_s = usual_s
        self._going_on: set[asyncio.Task[None]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer; httpx.ReadTimeout after the route's patience, httpx.RemoteProtocolError if it was cut."""
        line = _Line(await request.aread())
        name = f"{request.method} {request.url.path.removeprefix('/v2')}"
        too_late = self._timeline.timer(self._patience.get(name, self._usual_s))
        self._timeline.advance(ON_THE_WAY)
        task = asyncio.ensure_future(self._app(_scope(request, line), line.receive, line.send))
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)
        await self._timeline.until(lambda: task.done() or too_late.done())
        if not task.done():
            raise httpx.ReadTimeout("no answer came", request=request)
        too_late.cancel()
        task.result()
        if line.cut:
            said = "in the middle of the answer" if line.status else "without an answer"
            raise httpx.RemoteProtocolError(f"the connection was cut {said}", request=request)
        return httpx.Response(line.status, headers=line.headers, content=bytes(line.body), request=request)


class _Line:
    """One request's connection, as the application sees it."""

    def __init__(self, body: bytes) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self.cut = False
        self._request: bytes | None = body

    def abort(self) -> None:
        self.cut = True

    async def receive(self) -> Message:
        if self._request is None:
            return {"type": "http.disconnect"}
        body, self._request = self._request, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        else:
            self.body += message.get("body", b"")


def _scope(request: httpx.Request, line: _Line) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 1),
        "extensions": {TRANSPORT: line},
    }
