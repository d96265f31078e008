"""The WebSocket of the exchange's own process: real clients, real cuts, the ping."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from decimal import Decimal
from queue import Queue
from typing import Any

import pytest
import uvicorn
from python_bitvavo_api.bitvavo import Bitvavo
from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from console.paper.auth import sign
from console.paper.process import Address
from console.paper.server import QuietServer, open_socket
from console.paper.ws_protocol import StreamProtocol
from tests.paper.exchanges import Signed, control, running
from tests.paper.kit import Bench, limit

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with running(tmp_path_factory.mktemp("streams")) as found:
        yield found


async def _ask(connection: ClientConnection, **message: Any) -> Any:
    await connection.send(json.dumps(message))
    return json.loads(await asyncio.wait_for(connection.recv(), 10))


async def _subscribe(connection: ClientConnection, name: str, *markets: str) -> Any:
    return await _ask(connection, action="subscribe", channels=[{"name": name, "markets": list(markets)}])


async def _drain(connection: ClientConnection) -> None:
    while True:
        await connection.recv()


async def test_the_websockets_client_follows_a_book(address: Address) -> None:
    async with connect(address.websocket, proxy=None) as connection:
        assert await _subscribe(connection, "book", "BTC-EUR") == {
            "event": "subscribed",
            "subscriptions": {"book": ["BTC-EUR"]},
        }
        events = [json.loads(await asyncio.wait_for(connection.recv(), 10)) for _ in range(4)]
        nonces = [event["nonce"] for event in events]
        assert nonces == list(range(nonces[0], nonces[0] + 4))


async def test_both_paths_and_no_other(address: Address) -> None:
    async with connect(address.websocket.rstrip("/"), proxy=None) as connection:
        assert "response" in await _ask(connection, action="getTime")
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address.websocket + "other", proxy=None):
            pass
    assert refused.value.response.status_code == 404


async def test_an_account_event_follows_an_order_placed_over_rest(address: Address) -> None:
    control(address, clear=True)
    async with connect(address.websocket, proxy=None) as connection:
        now = (await _ask(connection, action="getTime"))["response"]["time"]
        signature = sign(address.trade.secret, str(now), "GET", "/v2/websocket", "")
        answer = await _ask(
            connection, action="authenticate", key=address.trade.key, signature=signature, timestamp=now
        )
        assert answer == {"event": "authenticate", "authenticated": True}
        await _subscribe(connection, "account", "*")
        placed = (await asyncio.to_thread(Signed(address, address.trade).send, "POST", "/order", limit())).json()
        told = json.loads(await asyncio.wait_for(connection.recv(), 10))
        assert (told["event"], told["orderId"], told["status"]) == ("order", placed["orderId"], "new")


async def test_a_disconnect_really_cuts_the_wire(address: Address) -> None:
    async with connect(address.websocket, proxy=None) as connection:
        await _subscribe(connection, "ticker", "BTC-EUR")
        control(address, clear=True, faults="*: disconnect x1")
        with pytest.raises(ConnectionClosed) as cut:
            await asyncio.wait_for(_drain(connection), 10)
        assert cut.value.rcvd is None, "no closing frame came"
    assert control(address, clear=True)["faults"] == []


async def test_a_client_that_does_not_read_leaves_the_exchange_answering(address: Address) -> None:
    async with connect(address.websocket, proxy=None, max_queue=1) as silent:
        await _subscribe(silent, "book", "BTC-EUR", "ETH-EUR", "ADA-EUR", "SOL-EUR", "XRP-EUR")
        async with connect(address.websocket, proxy=None) as connection:
            for _ in range(50):
                await silent.send(json.dumps({"action": "getBook", "market": "BTC-EUR"}))
                assert "response" in await asyncio.wait_for(_ask(connection, action="getTime"), 2)


def _ping_payload(place: tuple[str, int]) -> bytes:
    """The payload of the first ping the server sends."""
    protocol = ClientProtocol(parse_uri(f"ws://{place[0]}:{place[1]}/v2/"))
    with socket.create_connection(place, timeout=10) as wire:
        protocol.send_request(protocol.connect())
        wire.sendall(b"".join(protocol.data_to_send()))
        while True:
            protocol.receive_data(wire.recv(4096))
            for event in protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.PING:
                    return bytes(event.data)


async def test_the_servers_ping_says_ping(bench: Bench) -> None:
    with open_socket(0) as listener:
        config = uvicorn.Config(
            bench.exchange, ws=StreamProtocol, ws_ping_interval=0.05, lifespan="off", log_level="warning"
        )
        server = QuietServer(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        place = ("127.0.0.1", listener.getsockname()[1])
        assert await asyncio.wait_for(asyncio.to_thread(_ping_payload, place), 10) == b"ping"
        server.should_exit = True
        await serving


def test_the_official_sdk_works_over_its_websocket(address: Address) -> None:
    control(address, clear=True)
    heard: Queue[tuple[str, Any]] = Queue()

    def note(name: str) -> Any:
        return lambda message: heard.put((name, message))

    def wait(name: str) -> Any:
        while (found := heard.get(timeout=20))[0] != name:
            assert found[0] != "error", found
        return found[1]

    sdk = Bitvavo(
        {
            "APIKEY": address.trade.key,
            "APISECRET": address.trade.secret,
            "RESTURL": address.rest,
            "WSURL": address.websocket,
            "ACCESSWINDOW": 10000,
        }
    )
    stream = sdk.newWebsocket()
    stream.setErrorCallback(note("error"))
    try:
        stream.time(note("time"))
        assert set(wait("time")) == {"time", "timeNs"}
        stream.markets({"market": "ETH-EUR"}, note("markets"))
        assert wait("markets")["tickSize"] == "0.10"
        for name in ("ticker", "ticker24h", "trades"):
            subscribe = getattr(stream, f"subscription{name[0].upper()}{name[1:]}")
            subscribe("BTC-EUR", note(name))
        stream.subscriptionCandles("BTC-EUR", "1m", note("candle"))
        for name in ("ticker", "ticker24h", "trades", "candle"):
            assert wait(name)["market"] == "BTC-EUR"
        stream.subscriptionAccount("BTC-EUR", note("account"))
        stream.balance({"symbol": "EUR"}, note("balance"))
        assert Decimal(wait("balance")[0]["available"]) > 9
        stream.placeOrder(
            "BTC-EUR", "buy", "limit", {"amount": "0.0003", "price": "30000", "operatorId": 7}, note("placed")
        )
        seen: dict[str, Any] = {}
        while not {"placed", "account"} <= set(seen):
            name, message = heard.get(timeout=20)
            seen[name] = message
        assert seen["placed"]["status"] == "new"
        assert (seen["account"]["event"], seen["account"]["orderId"]) == ("order", seen["placed"]["orderId"])
        stream.cancelOrder("BTC-EUR", seen["placed"]["orderId"], note("canceled"), operatorId=7)
        assert wait("canceled")["orderId"] == seen["placed"]["orderId"]
    finally:
        stream.keepAlive = False
        stream.ws.close()
