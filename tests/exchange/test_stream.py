"""The stream against a real simulated exchange: it follows books, survives every fault, and only ever listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from random import Random

import pytest
from websockets.asyncio.server import ServerConnection, serve

from console.clock import SystemClock
from console.exchange.address import live_address, paper_address
from console.exchange.exchange_time import Ticking
from console.exchange.readonly import ReadOnlyClient
from console.exchange.signing import KeyPair
from console.exchange.stream import Stream
from console.exchange.weights import WeightBudget
from console.paper.process import Address
from tests.exchange.kit import READ_KEYS
from tests.paper.exchanges import Signed, control, running
from tests.paper.kit import limit

pytestmark = pytest.mark.processes

MARKETS = ("ADA-EUR", "BTC-EUR")


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with running(tmp_path_factory.mktemp("stream")) as address:
        yield address


class Bell:
    """Counts how often it is rung."""

    def __init__(self) -> None:
        self.rung = 0

    def ring(self) -> None:
        self.rung += 1


@asynccontextmanager
async def streaming(
    rest: str,
    *,
    keys: KeyPair | None = None,
    ring: Callable[[], None] | None = None,
    budget: WeightBudget | None = None,
) -> AsyncIterator[Stream]:
    ticking = Ticking.of(SystemClock(), Random(3))
    points = WeightBudget(ticking.time) if budget is None else budget
    stream = Stream(lambda: paper_address(rest), points, ticking, keys=keys, on_account=ring)
    task = asyncio.create_task(stream.run())
    try:
        yield stream
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Let the loop turn until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)


def trade_keys(exchange: Address) -> KeyPair:
    return KeyPair(exchange.trade.key, exchange.trade.secret)


async def polled(exchange: Address, stream: Stream, market: str) -> None:
    """The streamed book becomes, at some moment, exactly a polled one."""
    ticking = Ticking.of(SystemClock(), Random(3))
    client = ReadOnlyClient(paper_address(exchange.rest), READ_KEYS, WeightBudget(ticking.time), ticking)
    try:
        async with asyncio.timeout(20):
            while True:
                book, streamed = await client.book(market), stream.fresh(market)
                if streamed is not None and (streamed.bids, streamed.asks) == (book.bids, book.asks):
                    return
    finally:
        await client.aclose()


async def test_books_are_followed_as_polls_would_show_them(exchange: Address) -> None:
    control(exchange, clear=True)
    async with streaming(exchange.rest) as stream:
        assert not stream.following
        stream.watch(MARKETS)
        await until(lambda: stream.following)
        for market in MARKETS:
            await polled(exchange, stream, market)
        stream.take_changed()
        await until(lambda: {book.market for book in stream.take_changed()} & set(MARKETS))
        stream.watch(["ADA-EUR"])
        await until(lambda: stream.fresh("BTC-EUR") is None)
        assert stream.following


@pytest.mark.parametrize("fault", ["stream-lose", "stream-late 1", "stream-double"])
async def test_a_book_is_right_again_after_lost_late_and_doubled_events(exchange: Address, fault: str) -> None:
    async with streaming(exchange.rest) as stream:
        stream.watch(["BTC-EUR"])
        await until(lambda: stream.following)
        book = stream.books["BTC-EUR"]
        control(exchange, clear=True, faults=f"WS /book: {fault} x3")
        before = book.nonce
        await until(lambda: all(rule["left"] == 0 for rule in control(exchange, faults="")["faults"]))
        await until(lambda: stream.following and book.nonce > before + 6)
        assert (book.gaps > 0) == (fault != "stream-double")
        await polled(exchange, stream, "BTC-EUR")
        assert stream.connections == 1
    control(exchange, clear=True)


async def test_a_book_whose_events_stay_away_is_not_believed(exchange: Address) -> None:
    async with streaming(exchange.rest) as stream:
        stream.watch(["BTC-EUR"])
        await until(lambda: stream.following)
        control(exchange, clear=True, faults="WS /book: stream-lose")
        # The exchange goes on saying what its best prices are, and they are others.
        await until(lambda: not stream.following)
        control(exchange, clear=True)
        await until(lambda: stream.following)


async def test_a_cut_stream_connects_again_and_follows_on(exchange: Address) -> None:
    async with streaming(exchange.rest) as stream:
        stream.watch(MARKETS)
        await until(lambda: stream.following)
        control(exchange, clear=True, faults="WS /book: disconnect x1")
        await until(lambda: stream.connections == 2 and stream.following)
        await polled(exchange, stream, "ADA-EUR")
    control(exchange, clear=True)


async def test_the_account_is_heard_of_and_after_a_cut_looked_at_again(exchange: Address) -> None:
    control(exchange, clear=True)
    bell = Bell()
    async with streaming(exchange.rest, keys=trade_keys(exchange), ring=bell.ring) as stream:
        await until(lambda: bell.rung == 1)
        placed = await asyncio.to_thread(Signed(exchange, exchange.trade).send, "POST", "/order", limit())
        assert placed.status_code == 200
        await until(lambda: bell.rung == 2)
        control(exchange, faults="WS /account: disconnect x1")
        target = f"/order?market=BTC-EUR&orderId={placed.json()['orderId']}&operatorId=1"
        await asyncio.to_thread(Signed(exchange, exchange.trade).send, "DELETE", target)
        await until(lambda: bell.rung == 3)
        assert stream.connections == 2
    control(exchange, clear=True)


async def test_keys_the_exchange_does_not_take_leave_the_public_stream(exchange: Address) -> None:
    bell = Bell()
    async with streaming(exchange.rest, keys=KeyPair("x" * 64, "y" * 128), ring=bell.ring) as stream:
        stream.watch(["BTC-EUR"])
        await until(lambda: stream.following)
        assert bell.rung == 0


def left(budget: WeightBudget, remaining: int) -> None:
    """The exchange says how many of a thousand points are left until some time from now."""
    reset = SystemClock().now() // 1000 + 60_000
    names = {"limit": 1000, "remaining": remaining, "resetat": reset}
    budget.learn("address", 200, {f"bitvavo-ratelimit-{name}": str(value) for name, value in names.items()}, b"")


async def test_the_stream_pays_from_the_one_budget_and_waits_when_it_is_short(exchange: Address) -> None:
    control(exchange, clear=True)
    budget = WeightBudget(Ticking.of(SystemClock(), Random(3)).time)
    left(budget, 100)
    async with streaming(exchange.rest, budget=budget) as stream:
        stream.watch(["BTC-EUR"])
        await until(lambda: stream.problem is not None)
        assert "100 of 1000 points are left" in str(stream.problem)
        assert stream.books == {}
        left(budget, 501)
        await until(lambda: stream.following)
        assert stream.problem is None
        # One point for the subscription, one for the snapshot.
        assert budget.percent_left() == 49


async def test_what_no_exchange_sends_ends_the_connection_and_is_told(exchange: Address) -> None:
    async def nonsense(connection: ServerConnection) -> None:
        await connection.send("[1, 2]")
        await connection.wait_closed()

    async with serve(nonsense, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with streaming(f"http://127.0.0.1:{port}/v2") as stream:
            stream.watch(["BTC-EUR"])
            await until(lambda: stream.connections >= 2)
            assert stream.problem is not None
            assert "no object" in stream.problem
            assert stream.fresh("BTC-EUR") is None


async def test_a_stream_told_to_end_while_it_tidies_up_ends(exchange: Address) -> None:
    tidying, tidy = asyncio.Event(), asyncio.Event()
    left = asyncio.Event()

    async def until_left(connection: ServerConnection) -> None:
        await left.wait()

    async def slow_to_end() -> None:
        left.set()
        try:
            await asyncio.Event().wait()
        finally:
            tidying.set()
            await tidy.wait()

    async with serve(until_left, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        ticking = Ticking.of(SystemClock(), Random(3))
        rest = f"http://127.0.0.1:{port}/v2"
        stream = Stream(lambda: paper_address(rest), WeightBudget(ticking.time), ticking)
        stream._keep = slow_to_end  # type: ignore[method-assign]
        task = asyncio.create_task(stream.run())
        await tidying.wait()
        task.cancel()
        tidy.set()
        await asyncio.wait([task], timeout=5)
        assert task.cancelled()


async def test_a_redirect_leads_nowhere() -> None:
    reached = Bell()

    async def elsewhere(connection: ServerConnection) -> None:
        reached.ring()
        await connection.wait_closed()

    async with serve(elsewhere, "127.0.0.1", 0) as target:
        place = next(iter(target.sockets)).getsockname()[1]

        def redirect(connection: ServerConnection, _request: object) -> object:
            response = connection.respond(302, "")
            response.headers["Location"] = f"ws://127.0.0.1:{place}/v2/"
            return response

        async with serve(elsewhere, "127.0.0.1", 0, process_request=redirect) as server:  # type: ignore[arg-type]
            port = next(iter(server.sockets)).getsockname()[1]
            async with streaming(f"http://127.0.0.1:{port}/v2") as stream:
                await until(lambda: stream.problem is not None)
                assert "302" in str(stream.problem)
    assert reached.rung == 0


def test_the_address_of_the_stream_follows_the_mode() -> None:
    assert paper_address("http://[::1]:81/v2").websocket == "ws://[::1]:81/v2/"
    assert live_address().websocket == "wss://ws.bitvavo.com/v2/"
