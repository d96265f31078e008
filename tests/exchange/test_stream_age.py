"""How old a streamed book is: as old as what the exchange stamped, and past use when silent, gapped or cut."""

from __future__ import annotations

import json
from http import HTTPStatus
from random import Random
from typing import Any, cast

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve

from console.exchange.address import paper_address
from console.exchange.exchange_time import Ticking
from console.exchange.stream import Stream
from console.exchange.stream_book import FRESH_S
from console.exchange.stream_link import Link, StreamLost
from console.exchange.weights import WeightBudget
from tests.support import SteppedClock

MARKET = "BTC-EUR"


class Wire:
    """The other end: keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    async def send(self, text: str) -> None:
        self.sent.append(json.loads(text))


class Bench:
    """A stream that is connected to a wire, and its clock."""

    def __init__(self) -> None:
        self.clock, self.wire = SteppedClock(), Wire()
        ticking = Ticking.of(self.clock, Random(1))
        self.stream = Stream(lambda: paper_address("http://127.0.0.1:9/v2"), WeightBudget(ticking.time), ticking)
        self.stream._connection = cast(ClientConnection, self.wire)
        self.stream.watch([MARKET])

    async def ask(self) -> int:
        """Subscribe and ask for what is missing; the number of the newest request."""
        await self.stream._adjust()
        await self.stream._ask_for_snapshots()
        return int(self.wire.sent[-1]["requestId"])

    def hear(self, value: dict[str, Any]) -> None:
        self.stream._hear(json.dumps(value))

    def answer(self, request: int, nonce: int = 10, bid: str = "99") -> None:
        book = {"market": MARKET, "nonce": nonce, "bids": [[bid, "1"]], "asks": [["101", "1"]], "timestamp": 1}
        self.hear({"action": "getBook", "requestId": request, "response": book})

    def delta(self, nonce: int, late_s: float) -> None:
        stamp = round(self.clock.now() - late_s * 1_000_000) * 1000
        self.hear({"event": "book", "market": MARKET, "nonce": nonce, "bids": [["98", "1"]], "asks": [],
                   "timestamp": stamp})  # fmt: skip

    def day(self, late_s: float) -> None:
        stamp = round(self.clock.now() / 1000 - late_s * 1000)
        self.hear({"event": "ticker24h", "data": [{"market": MARKET, "bid": "99", "ask": "101", "timestamp": stamp}]})

    def age(self) -> float | None:
        """Seconds since the moment of which the book is true; None where polls must go on."""
        book = self.stream.fresh(MARKET)
        return None if book is None else round(self.clock.monotonic() - book.fetched, 3)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_snapshot_is_as_old_as_its_question(bench: Bench) -> None:
    request = await bench.ask()
    bench.clock.step(2)
    bench.answer(request)
    assert bench.age() == 2
    assert bench.stream.following


async def test_what_was_long_on_its_way_is_as_old_as_its_stamp(bench: Bench) -> None:
    bench.answer(await bench.ask())
    bench.delta(11, late_s=1.5)
    assert bench.age() == 1.5
    bench.day(late_s=0.25)
    assert bench.age() == 0.25
    bench.clock.step(3)
    bench.delta(12, late_s=FRESH_S + 0.1)
    assert bench.age() is None
    bench.day(late_s=FRESH_S + 0.1)
    assert bench.age() is None
    assert not bench.stream.following


async def test_a_stamp_from_the_future_makes_nothing_younger_than_now(bench: Bench) -> None:
    bench.answer(await bench.ask())
    bench.delta(11, late_s=-60)
    bench.clock.step(1)
    assert bench.age() == 1


async def test_a_silent_stream_grows_old_until_it_is_no_use(bench: Bench) -> None:
    bench.answer(await bench.ask())
    bench.clock.step(FRESH_S)
    assert bench.age() == FRESH_S
    bench.clock.step(0.1)
    assert bench.age() is None
    assert not bench.stream.following
    assert bench.stream.take_changed() == []


async def test_a_gap_and_a_cut_end_a_books_use_at_once(bench: Bench) -> None:
    bench.answer(await bench.ask())
    bench.delta(12, late_s=0)
    assert bench.age() is None
    bench.clock.step(1)
    bench.answer(await bench.ask(), nonce=12)
    assert bench.age() == 0
    bench.stream._forget()
    assert bench.age() is None


async def test_an_answer_to_an_older_question_is_passed_over(bench: Bench) -> None:
    first = await bench.ask()
    bench.clock.step(6)
    second = await bench.ask()
    assert second != first
    bench.answer(first, nonce=3, bid="50")
    assert bench.age() is None
    bench.answer(second)
    assert bench.age() == 0
    assert bench.stream.books[MARKET].nonce == 10


async def test_a_refused_connection_counts_as_the_ban_it_is_and_none_is_tried_until_it_ends() -> None:
    tried: list[int] = []

    async def never(_connection: ServerConnection) -> None:
        raise AssertionError("nobody gets in")

    def refuse(connection: ServerConnection, _request: object) -> object:
        tried.append(1)
        return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, '{"errorCode":105,"error":"slow down"}')

    ticking = Ticking.of(SteppedClock(), Random(1))
    budget = WeightBudget(ticking.time)
    async with serve(never, "127.0.0.1", 0, process_request=refuse) as server:  # type: ignore[arg-type]
        port = next(iter(server.sockets)).getsockname()[1]

        async def unused(_connection: ClientConnection) -> None:
            raise AssertionError("no connection is made")

        link = Link(lambda: paper_address(f"http://127.0.0.1:{port}/v2"), ticking, budget, unused)
        for _ in range(3):
            with pytest.raises(StreamLost):
                await link._once()
    assert len(tried) == 1
    assert budget.banned_until_ms is not None
    assert "rate limit" in str(link.problem)
