"""The server's two protocols: HTTP whose connections can be cut, and the WebSocket with the exchange's own ping."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from console.paper.websocket import TRANSPORT

PING_S: Final = 50.0
PING: Final = b"ping"

App = Callable[[Scope, Receive, Send], Awaitable[None]]


def with_transport(app: App, transport: Any) -> App:
    """The application with the connection's transport in every scope."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})[TRANSPORT] = transport
        await app(scope, receive, send)

    return inner


class CuttableProtocol(H11Protocol):
    """HTTP/1.1 whose application can reach the connection, to cut it without an answer."""

    def connection_made(self, transport: Any) -> None:
        """Put the transport into the scope of every request of this connection."""
        super().connection_made(transport)
        self.app = with_transport(self.app, transport)


class StreamProtocol(WebSocketsSansIOProtocol):
    """A WebSocket whose application can cut it; its ping carries the payload the real exchange sends."""

    def connection_made(self, transport: Any) -> None:
        """Put the transport into the scope of this connection."""
        super().connection_made(transport)
        self.app = with_transport(self.app, transport)

    def send_keepalive_ping(self) -> None:
        """Ping with "ping"; the server's own way would send four random bytes."""
        self.ping_timer = None
        if self.close_sent or self.transport.is_closing():
            return
        self.pending_ping_payload = PING
        self.ping_sent_at = self.loop.time()
        self.conn.send_ping(PING)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.pong_timer = self.loop.call_later(PING_S, self.keepalive_timeout)
