"""One HTTP connection pool to one exchange: sends each request once, and only those of its client."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlencode

import httpx

from console.exchange.address import Address
from console.exchange.errors import TransportSilent, WrongClient
from console.exchange.routes import Routes, check_route
from console.exchange.signing import KeyPair, Stamp, signed_headers
from storage.crash_points import is_armed, reached

if find_spec("sniffio") is None:
    # The HTTP library tries to import it for every request; this says at once that it is not there, unsearched.
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

CONNECT_S: Final = 3.0
MAX_BODY: Final = 32 * 1024 * 1024
"""No known answer comes near this; a longer one is cut off and counts as silence."""

Query = Sequence[tuple[str, str | int]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers with lower-case names, and the raw body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """HTTP/1.1 without redirects, environment proxies or retries. Anything but a GET gets a connection of its own.

    A kept connection may be dead already without this side knowing; an order written to it would be lost in doubt.
    (The pool never repeats a request it has begun to write.)
    """

    def __init__(
        self, address: Address, routes: Routes, keys: KeyPair | None, *, http: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """``http`` replaces the network in tests."""
        self.address = address
        self.fingerprint = None if keys is None else keys.fingerprint
        self._keys = keys
        self._routes = routes
        trust = _trust(address)
        self._pool = _client(http or _network(trust, kept=8))
        self._once = _client(http or _network(trust, kept=0))

    async def send(
        self,
        method: str,
        path: str,
        query: Query = (),
        *,
        body: bytes = b"",
        stamp: Stamp | None = None,
        timeout_s: float,
    ) -> Answer:
        """Send one request once, signed if ``stamp`` is given, and return whatever came back within ``timeout_s``.

        Raises WrongClient (nothing was sent) and TransportSilent (nobody knows).
        """
        check_route(self._routes, method, path)
        url = httpx.URL(self.address.rest + path + (f"?{urlencode(query)}" if query else ""))
        headers = {"Content-Type": "application/json"} if body else {}
        if stamp is not None:
            headers |= self._signed(stamp, method, url, body)
        client = self._pool if method == "GET" else self._once
        request = client.build_request(method, url, headers=headers, content=body or None)
        if is_armed("submit.written") and (method, path) == ("POST", "/order"):
            request.extensions["trace"] = _note_written
        try:
            async with asyncio.timeout(timeout_s):
                return await _exchange(client, request)
        except TimeoutError:
            raise TransportSilent(f"no answer within {timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            raise TransportSilent(f"{type(error).__name__} {error}".strip()) from error

    def move_to(self, address: Address) -> None:
        """The same exchange answers elsewhere now. Raises ValueError for an address of the other mode."""
        if address.mode is not self.address.mode:
            raise ValueError(f"{self.address.mode} and {address.mode} do not change places")
        self.address = address

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()
        await self._once.aclose()

    def _signed(self, stamp: Stamp, method: str, url: httpx.URL, body: bytes) -> dict[str, str]:
        if self._keys is None:
            raise WrongClient(f"{method} {url.path} needs an API key, and {self._routes.module} was given none.")
        return signed_headers(self._keys, stamp, method, url.raw_path.decode("ascii"), body)


async def _note_written(event: str, info: Mapping[str, object]) -> None:
    """Called by the HTTP library at each step of a request; only a test that wants to end the process here asks."""
    del info
    if event == "http11.send_request_body.complete":
        reached("submit.written")


async def _exchange(client: httpx.AsyncClient, request: httpx.Request) -> Answer:
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_BODY:
                raise TransportSilent(f"the answer is longer than {MAX_BODY} bytes")
        return Answer(
            response.status_code, {name.lower(): value for name, value in response.headers.items()}, bytes(body)
        )
    finally:
        await response.aclose()


def _trust(address: Address) -> ssl.SSLContext:
    if address.rest.startswith("https:"):
        return httpx.create_ssl_context(trust_env=False)
    # Never used for plain HTTP on loopback; it trusts nobody, and loads no certificates.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _network(trust: ssl.SSLContext, *, kept: int) -> httpx.AsyncHTTPTransport:
    limits = httpx.Limits(max_connections=16, max_keepalive_connections=kept, keepalive_expiry=20.0)
    return httpx.AsyncHTTPTransport(verify=trust, http1=True, http2=False, limits=limits, trust_env=False, retries=0)


def _client(network: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=network,
        trust_env=False,
        follow_redirects=False,
        # The whole request is under one deadline; only connecting may not use all of it.
        timeout=httpx.Timeout(None, connect=CONNECT_S),
        headers={"User-Agent": "auto-invest-oracle", "Accept": "application/json"},
    )
