"""Quotes with books from the stream: not asked for again, never replaced by older ones, all other parts kept."""

from __future__ import annotations

from decimal import Decimal

import httpx

from console.exchange.quotes import Quotes
from console.exchange.readonly import BookView
from storage.market_models import Level
from storage.money import Price, Quantity
from tests.exchange.kit import Desk, ok


def answer(request: httpx.Request) -> httpx.Response:
    path = request.url.path
    if path.endswith("/book") and "ticker" not in path:
        market = path.split("/")[2]
        return ok({"market": market, "nonce": 1, "bids": [["99", "1"]], "asks": [["101", "1"]], "timestamp": 1})
    if path.endswith("/account"):
        return ok({"fees": {"taker": "0.0025"}})
    if path.endswith("/time"):
        return ok({"time": 1_790_000_000_000})
    return ok([])


def view(market: str, bid: str, at: float) -> BookView:
    levels = [(Level(Price(Decimal(price)), Quantity(Decimal(1))),) for price in (bid, "200")]
    return BookView(market, levels[0], levels[1], at)


def asked_books(desk: Desk) -> list[str]:
    paths = [request.url.path for request in desk.sent]
    return [path for path in paths if path.endswith("/book") and "ticker" not in path]


async def test_a_streamed_book_is_not_polled_and_the_others_are() -> None:
    desk = Desk(answer)
    quotes = Quotes(desk.readonly, desk.clock)
    quotes.streamed = {"BTC-EUR": view("BTC-EUR", "98", 999.5)}.get
    fetched = await quotes.fetch_all(["BTC-EUR", "ETH-EUR"])
    assert asked_books(desk) == ["/v2/ETH-EUR/book"]
    assert (fetched["BTC-EUR"].bid, fetched["BTC-EUR"].book_confirmed) == (Price(Decimal(98)), 999.5)
    assert (fetched["ETH-EUR"].bid, fetched["ETH-EUR"].book_confirmed) == (Price(Decimal(99)), desk.clock.monotonic())


async def test_a_newer_book_takes_the_place_of_an_older_one_and_of_nothing_else() -> None:
    desk = Desk(answer)
    quotes = Quotes(desk.readonly, desk.clock)
    before = await quotes.fetch("BTC-EUR")
    at = desk.clock.monotonic()
    quotes.take_books([view("BTC-EUR", "98", at), view("BTC-EUR", "98", at - 1)])
    assert quotes.latest["BTC-EUR"] == before
    desk.clock.step(3)
    quotes.take_books([view("BTC-EUR", "98", at + 2), view("SOL-EUR", "5", at + 2)])
    after = quotes.latest["BTC-EUR"]
    assert (after.bid, after.book_confirmed) == (Price(Decimal(98)), at + 2)
    assert after.balance_fetched == before.balance_fetched, "the balance is as old as it was"
    assert after.clock == before.clock
    assert set(quotes.latest) == {"BTC-EUR"}, "of a market nobody asked for there is no quote"


async def test_a_book_heard_of_while_the_rest_was_fetched_is_kept_and_an_older_one_is_not() -> None:
    desk = Desk(answer)
    quotes = Quotes(desk.readonly, desk.clock)
    await quotes.fetch("BTC-EUR")
    at = desk.clock.monotonic()
    quotes.take_books([view("BTC-EUR", "98", at + 1)])
    for bid, heard, kept, confirmed in (("97", at, "98", at + 1), ("96", at + 2, "96", at + 2)):
        desk.clock.step(1)
        quotes.streamed = {"BTC-EUR": view("BTC-EUR", bid, heard)}.get
        fetched = await quotes.fetch_all(["BTC-EUR"])
        assert (fetched["BTC-EUR"].bid, fetched["BTC-EUR"].book_confirmed) == (Price(Decimal(kept)), confirmed)
        assert quotes.latest == fetched


async def test_a_clock_sample_stands_until_there_is_a_newer_one() -> None:
    silent = False

    def at_times(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503) if silent and request.url.path.endswith("/time") else answer(request)

    desk = Desk(at_times)
    quotes = Quotes(desk.readonly, desk.clock)
    before = (await quotes.fetch("BTC-EUR")).clock
    assert before is not None
    silent = True
    desk.clock.step(30)
    assert (await quotes.fetch("BTC-EUR")).clock == before, "how old it may be is the gate's to say"
    silent = False
    assert (await quotes.fetch("BTC-EUR")).clock != before
