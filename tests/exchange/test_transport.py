"""The real network stack against small servers on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import httpx
import pytest

from console.clock import SystemClock
from console.exchange.address import paper_address
from console.exchange.answers import NoAnswer
from console.exchange.errors import TransportSilent
from console.exchange.exchange_time import Ticking
from console.exchange.readonly import ReadOnlyClient
from console.exchange.routes import READONLY, TRADE
from console.exchange.trade import TradeClient
from console.exchange.transport import Transport
from console.exchange.weights import WeightBudget
from storage.executions import Accepted
from tests.exchange.kit import TRADE_KEYS, order_json, prepared_order


@dataclass
class Server:
    """What arrived: the request lines of every connection, in order."""

    rest: str = ""
    lines: list[str] = field(default_factory=list)
    connections: int = 0

    def count(self, start: str) -> int:
        return sum(line.startswith(start) for line in self.lines)


Reply = Callable[[str, asyncio.StreamWriter], Awaitable[bool]]
"""Answers one request line; False closes the connection."""


@asynccontextmanager
async def serving(reply: Reply) -> AsyncIterator[Server]:
    seen = Server()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                text = head.decode("latin-1")
                length = next(
                    (
                        int(line.split(":")[1])
                        for line in text.split("\r\n")
                        if line.lower().startswith("content-length")
                    ),
                    0,
                )
                await reader.readexactly(length)
                seen.lines.append(text.split("\r\n")[0])
                if not await reply(seen.lines[-1], writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    seen.rest = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2"
    try:
        yield seen
    finally:
        server.close()


async def write(writer: asyncio.StreamWriter, value: object, status: str = "200 OK", extra: str = "") -> None:
    body = json.dumps(value).encode()
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body)
    await writer.drain()


def trade_client(rest: str) -> TradeClient:
    ticking = Ticking.of(SystemClock(), Random(1))
    return TradeClient(paper_address(rest), TRADE_KEYS, WeightBudget(ticking.time), ticking, identity="simulated:x")


async def test_an_order_never_meets_a_connection_the_server_has_closed() -> None:
    async def reply(line: str, writer: asyncio.StreamWriter) -> bool:
        # Promises to keep the connection and closes it right after its first answer.
        await write(writer, order_json() if line.startswith("POST") else [])
        return False

    async with serving(reply) as server:
        client = trade_client(server.rest)
        for turn in range(1, 4):
            await client.open_orders("BTC-EUR")
            answer = await client.place_order(prepared_order(client.prepare(5000)), 5.0)
            assert isinstance(answer, Accepted)
            assert server.count("POST") == turn
        await client.aclose()


async def test_every_order_has_a_connection_of_its_own() -> None:
    async def reply(line: str, writer: asyncio.StreamWriter) -> bool:
        await write(writer, order_json() if line.startswith("POST") else [])
        return True

    async with serving(reply) as server:
        client = trade_client(server.rest)
        await client.open_orders("BTC-EUR")
        await client.open_orders("BTC-EUR")
        assert server.connections == 1
        await client.place_order(prepared_order(client.prepare(5000)), 5.0)
        await client.place_order(prepared_order(client.prepare(5000)), 5.0)
        assert server.connections == 3
        await client.aclose()


@pytest.mark.parametrize("cut", ["closed", "reset", "half a head", "half a body"])
async def test_an_order_whose_connection_is_cut_was_sent_once_and_is_in_doubt(cut: str) -> None:
    async def reply(_line: str, writer: asyncio.StreamWriter) -> bool:
        if cut == "reset":
            writer.transport.abort()
        elif cut == "half a head":
            writer.write(b"HTTP/1.1 200 O")
        elif cut == "half a body":
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"orderId"')
        return False

    async with serving(reply) as server:
        client = trade_client(server.rest)
        assert isinstance(await client.place_order(prepared_order(client.prepare(5000)), 5.0), NoAnswer)
        await client.aclose()
        assert (server.count("POST"), server.connections) == (1, 1)


async def test_an_answer_that_trickles_in_is_cut_off_at_the_deadline() -> None:
    async def reply(_line: str, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _turn in range(400):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)
        return False

    async with serving(reply) as server:
        transport = Transport(paper_address(server.rest), READONLY, None)
        with pytest.raises(TransportSilent, match=r"no answer within 0\.2 s"):
            await transport.send("GET", "/time", timeout_s=0.2)
        await transport.aclose()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
async def test_no_redirect_is_followed(status: str) -> None:
    async def reply(_line: str, writer: asyncio.StreamWriter) -> bool:
        await write(writer, {}, status, "Location: /v2/order\r\n")
        return True

    async with serving(reply) as server:
        client = trade_client(server.rest)
        assert isinstance(await client.place_order(prepared_order(client.prepare(5000)), 5.0), NoAnswer)
        assert [line.split()[0] for line in server.lines] == ["POST"]
        answer = await client.transport.send("GET", "/orders", timeout_s=5.0)
        assert answer.status == int(status[:3])
        assert len(server.lines) == 2
        await client.aclose()


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def reply(_line: str, writer: asyncio.StreamWriter) -> bool:
        await write(writer, {"time": 1_790_000_000_000})
        return True

    async with serving(reply) as proxy, serving(reply) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.rest.removesuffix("/v2"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        ticking = Ticking.of(SystemClock(), Random(1))
        client = ReadOnlyClient(paper_address(server.rest), None, WeightBudget(ticking.time), ticking)
        await client.time()
        await client.aclose()
        assert (proxy.connections, server.lines) == (0, ["GET /v2/time HTTP/1.1"])
        # The same environment does lead a client astray that trusts it.
        async with httpx.AsyncClient(trust_env=True) as trusting:
            await trusting.get(f"{server.rest}/time")
        assert proxy.connections == 1


async def test_a_call_that_must_be_signed_is_not_sent_without_a_key() -> None:
    async def reply(_line: str, writer: asyncio.StreamWriter) -> bool:
        await write(writer, [])
        return True

    async with serving(reply) as server:
        ticking = Ticking.of(SystemClock(), Random(1))
        client = ReadOnlyClient(paper_address(server.rest), None, WeightBudget(ticking.time), ticking)
        with pytest.raises(Exception, match="needs an API key"):
            await client.balances()
        await client.aclose()
        assert server.lines == []


async def test_an_address_where_nobody_listens_is_silence() -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    transport = Transport(paper_address(f"http://127.0.0.1:{port}/v2"), TRADE, TRADE_KEYS)
    with pytest.raises(TransportSilent, match="ConnectError"):
        await transport.send("POST", "/order", body=b"{}", timeout_s=5.0)
    await transport.aclose()
