"""A client so thin that the server is what is measured: prepared bytes over kept connections, each answer timed."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

CONNECTIONS: Final = 4
"""How many clients ask at once; each sends its next request when it has the answer to the last one."""

MadeRequest = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Asked:
    """Some requests answered one after the other or side by side: seconds in all, and seconds of each."""

    seconds: float
    each: list[float]


def http_request(method: str, target: str, body: str = "", headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """A whole request as it goes over the wire."""
    lines = [f"{method} {target} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body.encode())}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class Wire:
    """One kept connection to a server on loopback."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> bytes:
        """The body of the answer. Raises RuntimeError unless it is a 200 with a stated length."""
        self._socket.sendall(request)
        seen = b""
        while (end := seen.find(b"\r\n\r\n")) < 0:
            seen += self._more(seen)
        head, body = seen[:end].lower(), seen[end + 4 :]
        if not head.startswith(b"http/1.1 200 "):
            raise RuntimeError(f"refused: {seen[:500]!r}")
        _, named, rest = head.partition(b"\r\ncontent-length: ")
        if not named:
            raise RuntimeError(f"an answer without a length: {head!r}")
        length = int(rest.split(b"\r\n", 1)[0])
        while len(body) < length:
            body += self._more(body)
        return body

    def _more(self, so_far: bytes) -> bytes:
        received = self._socket.recv(65536)
        if not received:
            raise RuntimeError(f"the server hung up after {so_far[-200:]!r}")
        return received

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def ask_many(port: int, make: MadeRequest, count: int) -> Asked:
    """Send so many requests over all connections; what making a request takes is no part of an answer's time."""
    with ExitStack() as kept, ThreadPoolExecutor(CONNECTIONS) as pool:
        wires = [Wire(port) for _ in range(CONNECTIONS)]
        for wire in wires:
            kept.callback(wire.close)

        def ask(wire: Wire) -> list[float]:
            times = []
            for _ in range(count // CONNECTIONS):
                request = make()
                sent = time.perf_counter()
                wire.ask(request)
                times.append(time.perf_counter() - sent)
            return times

        began = time.perf_counter()
        found = [one for times in pool.map(ask, wires) for one in times]
        return Asked(time.perf_counter() - began, found)
