"""An exchange that follows another one: its data as received, fills from its book alone, nothing when it is lost."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from console.clock import SECOND
from console.paper.beginning import Prices
from console.paper.book import DELISTED
from console.paper.follower import Follower, FollowError, Job, NoAnswer, Points
from console.paper.following import Followed, FollowedMarket, Received, Unusable
from console.paper.options import OptionError, PriceOptions, price_options
from console.paper.process import source_of
from console.paper.regimes import Choice, RegimeError
from console.paper.sources import SourceError, keep_followed, settle_followed
from console.paper.store import Store
from tests.paper.exchanges import Signed, control, running, stop, wait_for
from tests.paper.kit import Bench, StepClock, limit, market_order, refused
from tests.paper.test_candle_process import COMMANDS, _run
from tests.paper.test_conservation import assert_conserved

URL = "http://followed/v2"
OLDEST_S = 10


class Pair:
    """A followed exchange and one that follows it, on one clock."""

    def __init__(self, folder: Path) -> None:
        for name in ("there", "here"):
            (folder / name).mkdir(exist_ok=True)
        self.clock = StepClock()
        self.there = Bench.make(folder / "there", clock=self.clock, balance="1000000")
        # Two markets are enough, and cost less to ask for.
        for name in ("ADA-EUR", "SOL-EUR", "XRP-EUR"):
            self.there.engine.set_state(name, DELISTED)
        self.clock.step(5)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(self.there.exchange))
        self.follower = Follower(URL, self.clock, client)
        self.folder = folder

    async def begin(self) -> Pair:
        first = await self.follower.begin()
        followed = Followed(URL, first, OLDEST_S * SECOND)
        self.here = Bench.make(self.folder / "here", clock=self.clock, followed=followed)
        return self

    async def again(self, what: str = "book", market: str = "BTC-EUR") -> None:
        job = next(job for job in self.follower.jobs if (job.what, job.market) == (what, market))
        self.here.engine.receive(await self.follower.ask(job))

    def market(self, name: str = "BTC-EUR") -> FollowedMarket:
        found = self.here.engine.markets[name]
        assert isinstance(found, FollowedMarket)
        return found


@pytest.fixture
async def pair(tmp_path: Path) -> Pair:
    return await Pair(tmp_path).begin()


def book(at_us: int, bids: list[list[str]], asks: list[list[str]], market: str = "BTC-EUR") -> Received:
    body = {"market": market, "nonce": 1, "bids": bids, "asks": asks, "timestamp": at_us * 1000}
    return Received(at_us, "book", market, body)


async def test_what_is_shown_is_what_the_followed_exchange_shows(pair: Pair) -> None:
    for target in (
        "/ticker/price?market=ETH-EUR",
        "/ticker/book?market=ETH-EUR",
        "/ticker/24h?market=BTC-EUR",
        "/BTC-EUR/trades",
        "/ETH-EUR/candles?interval=1m",
        "/BTC-EUR/candles?interval=1h&limit=7",
        "/BTC-EUR/candles?interval=1d",
    ):
        shown = [(await each.send("GET", target, key=None)).json() for each in (pair.there, pair.here)]
        assert shown[0] == shown[1], target
        assert shown[0], target


async def test_the_book_and_the_rules_are_the_followed_ones(pair: Pair) -> None:
    there, here = [(await each.send("GET", "/BTC-EUR/book?depth=200")).json() for each in (pair.there, pair.here)]
    assert [here[name] for name in ("bids", "asks", "timestamp")] == [
        there[name] for name in ("bids", "asks", "timestamp")
    ]
    rules = [(await each.send("GET", "/markets?market=ETH-EUR")).json() for each in (pair.there, pair.here)]
    assert rules[0] == rules[1]


async def test_a_market_order_pays_the_followed_prices_up_to_their_sizes(pair: Pair) -> None:
    at = pair.clock.now()
    pair.here.engine.receive(book(at, [["70000", "1"]], [["70010", "0.002"], ["70020", "0.001"], ["99999", "9"]]))
    answer = (await pair.here.send("POST", "/order", market_order(amount="0.0025"))).json()
    assert [(fill["price"], fill["amount"]) for fill in answer["fills"]] == [("70010", "0.002"), ("70020", "0.0005")]
    left = (await pair.here.send("GET", "/BTC-EUR/book")).json()["asks"]
    assert left[0] == ["70020", "0.0005"]
    assert_conserved(pair.here, Decimal(1000))


async def test_what_was_taken_stays_taken_until_its_price_leaves_the_book(pair: Pair) -> None:
    at = pair.clock.now()
    asks = [["70010", "0.002"], ["70020", "0.001"]]
    pair.here.engine.receive(book(at, [], asks))
    await pair.here.send("POST", "/order", market_order(amount="0.0015"))
    for sizes, left in (
        (asks, [["70010", "0.0005"], ["70020", "0.001"]]),
        ([["70010", "0.001"], ["70020", "0.001"]], [["70020", "0.001"]]),
        (asks, [["70010", "0.0005"], ["70020", "0.001"]]),
        ([["70020", "0.003"]], [["70020", "0.003"]]),
        (asks, asks),
    ):
        at += 1
        pair.here.engine.receive(book(at, [], sizes))
        assert (await pair.here.send("GET", "/BTC-EUR/book")).json()["asks"] == left


async def test_an_own_order_rests_until_the_followed_book_reaches_it_and_fills_at_its_own_price(pair: Pair) -> None:
    at = pair.clock.now()
    pair.here.engine.receive(book(at, [["69990", "1"]], [["70010", "1"]]))
    await pair.here.send("POST", "/order", limit(price="70000", amount="0.003"))
    assert (await pair.here.send("GET", "/BTC-EUR/book")).json()["bids"] == [["70000", "0.003"], ["69990", "1"]]
    # Others may trade at its price: its place in the queue is unknown.
    trades = [{"id": "a", "timestamp": at // 1000, "amount": "5", "price": "70000", "side": "sell"}]
    pair.here.engine.receive(Received(at, "trades", "BTC-EUR", trades))
    assert pair.here.order().status == "new"
    pair.here.engine.receive(book(at + 1, [["69980", "1"]], [["69995", "0.001"], ["70005", "1"]]))
    assert (pair.here.order().status, pair.here.order().filled_amount) == ("partiallyFilled", Decimal("0.001"))
    # The same size is not there twice.
    pair.here.engine.receive(book(at + 2, [["69980", "1"]], [["69995", "0.001"], ["70005", "1"]]))
    pair.clock.step(2)
    pair.here.engine.advance()
    assert pair.here.order().filled_amount == Decimal("0.001")
    pair.here.engine.receive(book(at + 3, [["69980", "1"]], [["69996", "0.9"]]))
    assert pair.here.order().status == "filled"
    assert {fill.price for fill in pair.here.store.fills("1", [])} == {Decimal(70000)}
    assert_conserved(pair.here, Decimal(1000))


async def test_nothing_of_ours_is_told_as_the_followed_market(pair: Pair) -> None:
    before = [(await pair.here.send("GET", f"/BTC-EUR/{each}")).json() for each in ("trades", "candles?interval=1m")]
    assert (await pair.here.send("POST", "/order", market_order(amountQuote="50.00"))).json()["fills"]
    pair.clock.step(5)
    after = [(await pair.here.send("GET", f"/BTC-EUR/{each}")).json() for each in ("trades", "candles?interval=1m")]
    assert before == after


async def test_a_stale_book_is_served_with_its_age_and_trades_nothing(pair: Pair) -> None:
    at = pair.clock.now()
    pair.here.engine.receive(book(at, [["69990", "1"]], [["70010", "1"]]))
    await pair.here.send("POST", "/order", limit(price="70000", amount="0.001"))
    resting = pair.here.order().order_id
    pair.clock.step(OLDEST_S + 0.5)
    stale = (await pair.here.send("GET", "/BTC-EUR/book")).json()
    assert stale["timestamp"] == at * 1000
    assert stale["asks"] == [["70010", "1"]]
    for body in (market_order(amountQuote="25.00"), limit(price="80000", amount="0.001")):
        assert refused(await pair.here.send("POST", "/order", body))[:2] == (503, 430)
    # A late answer whose own stamp is old is no fresh one.
    old = book(at + 1, [["60000", "1"]], [["60010", "1"]])
    pair.here.engine.receive(Received(pair.clock.now(), "book", "BTC-EUR", old.body))
    assert pair.here.order().status == "new"
    assert refused(await pair.here.send("POST", "/order", market_order(amountQuote="25.00")))[:2] == (503, 430)
    # Other markets have their own age; what rests can be looked at and taken back.
    shown = await pair.here.send("DELETE", f"/order?market=BTC-EUR&orderId={resting}&operatorId=1")
    assert shown.status_code == 200
    pair.here.engine.receive(book(pair.clock.now(), [["69990", "1"]], [["70010", "1"]]))
    assert (await pair.here.send("POST", "/order", market_order(amountQuote="25.00"))).json()["status"] == "filled"


async def test_age_is_counted_on_the_followed_clock(pair: Pair) -> None:
    at = pair.clock.now()
    pair.here.engine.receive(Received(at, "clock", "BTC-EUR", 3600 * SECOND))
    ahead = book(at + 3600 * SECOND, [["69990", "1"]], [["70010", "1"]])
    pair.here.engine.receive(Received(at, "book", "BTC-EUR", ahead.body))
    assert pair.market().age_us == 0
    # No stamp makes a book younger than the answer that brought it.
    later = book(at + 3700 * SECOND, [["69991", "1"]], [["70010", "1"]])
    pair.here.engine.receive(Received(at, "book", "BTC-EUR", later.body))
    assert (await pair.here.send("GET", "/BTC-EUR/book")).json()["timestamp"] == at * 1000


ODD: list[tuple[str, Any]] = [
    ("book", {"bids": [["70001", "1"]], "asks": [["70000", "1"]], "timestamp": 2 * 10**18}),
    ("book", {"bids": [["x", "1"]], "asks": [], "timestamp": 2 * 10**18}),
    ("book", {"bids": [["NaN", "1"]], "asks": [], "timestamp": 2 * 10**18}),
    ("book", {"bids": [["1", "-1"]], "asks": [], "timestamp": 2 * 10**18}),
    ("book", {"bids": [], "asks": [], "timestamp": 1}),
    ("book", []),
    ("price", {"market": "BTC-EUR"}),
    ("trades", {"errorCode": 1}),
    ("candles 1m", [[1, "2"], "x"]),
    ("market", {"status": "trading"}),
    ("trades", [{"id": "a", "timestamp": "soon", "amount": "1", "price": "1", "side": "buy"}]),
    ("candles 1m", [[float("inf"), "1", "1", "1", "1", "1"]]),
    ("day", [1]),
    ("news", {}),
]


async def test_an_answer_that_cannot_be_one_changes_nothing(pair: Pair) -> None:
    targets = ("/BTC-EUR/book", "/ticker/price", "/BTC-EUR/trades", "/markets", "/BTC-EUR/candles?interval=1m&limit=9")
    before = [(await pair.here.send("GET", each)).json() for each in targets]
    for what, body in ODD:
        with pytest.raises(Unusable):
            pair.here.engine.receive(Received(pair.clock.now(), what, "BTC-EUR", body))
    after = [(await pair.here.send("GET", each)).json() for each in targets]
    assert [shown for shown in after if "nonce" not in shown] == [shown for shown in before if "nonce" not in shown]
    assert after[0]["bids"] == before[0]["bids"]


async def test_a_market_that_is_halted_there_is_halted_here(pair: Pair) -> None:
    rules = (await pair.there.send("GET", "/markets?market=BTC-EUR")).json()
    pair.here.engine.receive(Received(pair.clock.now(), "market", "BTC-EUR", rules | {"status": "halted"}))
    assert (await pair.here.send("GET", "/markets?market=BTC-EUR")).json()["status"] == "halted"
    assert refused(await pair.here.send("POST", "/order", market_order(amountQuote="25.00")))[:2] == (400, 423)


async def test_new_answers_bring_the_followed_market_forward(pair: Pair) -> None:
    pair.clock.step(130)
    await pair.again()
    for what in ("price", "trades", "candles 1m", "day"):
        await pair.again(what)
    for target in ("/ticker/price?market=BTC-EUR", "/BTC-EUR/trades", "/BTC-EUR/candles?interval=1m&limit=50"):
        shown = [(await each.send("GET", target, key=None)).json() for each in (pair.there, pair.here)]
        assert shown[0] == shown[1]


async def test_a_silent_server_is_trouble_and_later_none(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    took: list[Received] = []
    job = pair.follower.jobs[1]
    pair.there.spoil("*: status 503 x1")
    await pair.follower.once(job, took.append)
    assert took == []
    assert "HTTP status 503" in pair.follower.trouble
    await pair.follower.once(job, took.append)
    assert [each.what for each in took] == ["book"]
    assert pair.follower.trouble == ""
    said = capsys.readouterr().err.splitlines()
    assert said == [f"{URL}: {job.path}: HTTP status 503", f"{URL} answers again"]


async def test_the_followed_servers_points_are_left_alone(pair: Pair) -> None:
    heavy = Job("day", "", "/ticker/24h", 25, 1)
    started, minute = pair.clock.now(), pair.clock.now() // 60_000_000
    for _ in range(80):
        await pair.follower.ask(heavy)
    # Two thousand points cannot be had in one minute; nobody was banned on the way.
    assert pair.clock.now() // 60_000_000 >= minute + 2
    assert pair.clock.now() - started < 180 * SECOND


async def test_a_ban_is_sat_out(pair: Pair) -> None:
    points = Points()
    now = 1_000_000
    text = "Your IP or API key has been banned for not respecting the rate limit. The ban expires at 1090000."
    points.learn(httpx.Response(429, json={"errorCode": 105, "error": text}), now)
    assert points.wait_ms(1, now) == 90_000
    points.learn(httpx.Response(429, text="slow down"), now)
    assert points.wait_ms(1, now) == 60_000
    assert points.wait_ms(1, now + 60_000) == 0


async def test_who_cannot_be_followed_is_said(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/time"):
            return httpx.Response(200, json={"time": 1})
        return httpx.Response(200, json=[{"market": "DOGE-EUR", "status": "trading"}])

    other = Follower(URL, StepClock(), httpx.AsyncClient(transport=httpx.MockTransport(answer)))
    with pytest.raises(FollowError, match="http://followed/v2 trades none of BTC-EUR"):
        await other.begin()
    page = Follower(URL, StepClock(), httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(404))))
    with pytest.raises(FollowError, match="http://followed/v2 cannot be followed: /time: HTTP status 404"):
        await page.begin()
    odd = httpx.MockTransport(lambda _: httpx.Response(200, json=[]))
    with pytest.raises(FollowError, match="does not answer as an exchange of this protocol"):
        await Follower(URL, StepClock(), httpx.AsyncClient(transport=odd)).begin()
    html = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>"))
    silent = Follower(URL, StepClock(), httpx.AsyncClient(transport=html))
    with pytest.raises(NoAnswer, match="no JSON"):
        await silent.ask(Job("clock", "", "/time", 1, 0))


async def test_a_followed_market_has_no_regime(pair: Pair) -> None:
    with pytest.raises(RegimeError, match="BTC-EUR follows another exchange"):
        pair.here.engine.choose_regimes({"BTC-EUR": Choice.GAP})


async def test_a_folder_with_orders_at_other_prices_follows_nobody(bench: Bench) -> None:
    assert settle_followed(bench.store, None) is None
    assert settle_followed(bench.store, URL) == URL
    keep_followed(bench.store, URL)
    await bench.send("POST", "/order", limit())
    assert settle_followed(bench.store, None) == URL
    with pytest.raises(SourceError, match="to follow http://other/v2 needs another folder"):
        settle_followed(bench.store, "http://other/v2")
    assert bench.engine.source() == "following http://followed/v2"
    keep_followed(bench.store, "https://api.bitvavo.com/v2")
    assert bench.engine.source() == "real prices, simulated fills"


def test_an_address_that_does_not_answer_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "exchange.db")
    with pytest.raises(SourceError, match=r"http://127\.0\.0\.1:9/v2 cannot be followed: /time: ConnectError\."):
        Prices(store, StepClock(), 7, 1, PriceOptions(follow="http://127.0.0.1:9/v2"))
    assert settle_followed(store, None) is None


@pytest.mark.parametrize("url", ["api.bitvavo.com", "ftp://x/v2", "http://", "https://x/v2?a=1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(OptionError, match="is no address such as"):
        price_options([], [], url)


def test_following_goes_with_no_other_source() -> None:
    with pytest.raises(OptionError, match="goes with neither"):
        price_options([], ["BTC-EUR=gap"], URL)
    with pytest.raises(OptionError, match="goes with neither"):
        price_options([], [], URL, speed=60)
    with pytest.raises(OptionError, match="between 1 and 600"):
        price_options([], [], URL, oldest_s=0)


@pytest.mark.processes
def test_one_process_follows_another_until_it_is_lost(tmp_path: Path) -> None:
    # Its end is told to stop twice: the first time by the test.
    with suppress(ProcessLookupError), running(tmp_path / "there") as there:
        with running(tmp_path / "here", "--follow", there.rest, "--oldest", "3") as here:
            client = Signed(here, here.trade)
            first = client.send("GET", "/BTC-EUR/book").json()["timestamp"]
            wait_for(lambda: client.send("GET", "/BTC-EUR/book").json()["timestamp"] > first)
            assert source_of(tmp_path / "here") == f"following {there.rest}"
            filled = client.send("POST", "/order", market_order(amountQuote="25.00")).json()
            assert filled["status"] == "filled"
            stop(there.pid)
            wait_for(lambda: bool(control(here, clear=True)["followed"]["BTC-EUR"]["stale"]))
            lost = client.send("POST", "/order", market_order(amountQuote="25.00"))
            assert (lost.status_code, lost.json()["errorCode"]) == (503, 430)
            assert client.send("GET", "/BTC-EUR/book").json()["bids"]
        log = (tmp_path / "here" / "logs" / "exchange.log").read_text()
        assert f"{there.rest}: " in log
        ended = _run(COMMANDS[0], tmp_path / "here")
        assert ended.returncode == 3
        assert ended.stderr.startswith(f"{there.rest} cannot be followed: /time: ConnectError.")
