"""Both clients against answers written down here."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from console.exchange.address import live_address
from console.exchange.answers import Found, LookupFailed, Missing, NoAnswer
from console.exchange.errors import ExchangeRefused, ExchangeUnreadable, TransportSilent, WrongExchange
from console.exchange.readonly import ReadOnlyClient
from console.exchange.signing import key_fingerprint
from console.exchange.trade import PAGE
from storage.codes import Side
from storage.execution_models import Signing
from storage.executions import Accepted
from storage.market_models import PublicTrade
from storage.money import Eur, Price, Quantity
from tests.exchange.kit import CLIENT_ID, ORDER_ID, READ_KEYS, Desk, html, ok, order_json, prepared_order, refused


def in_turn(*answers: httpx.Response | Exception) -> Desk:
    """A desk that gets these answers one after the other."""
    queue = iter(answers)

    def answer(_request: httpx.Request) -> httpx.Response:
        given = next(queue)
        if isinstance(given, Exception):
            raise given
        return given

    return Desk(answer)


# time and identity --------------------------------------------------------------------------------------------


async def test_time_belongs_to_the_middle_of_the_request() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        desk.clock.step(0.4)
        return ok({"time": 1_790_000_100_000})

    desk = Desk(answer)
    before = desk.clock.monotonic()
    sample = await desk.readonly.time()
    assert sample.exchange_at == 1_790_000_100_000_000
    assert sample.monotonic == pytest.approx(before + 0.2)


async def test_orders_are_stamped_with_exchange_time_carried_on_by_the_monotonic_clock() -> None:
    desk = Desk(lambda _request: ok({"time": 1_790_000_777_000}))
    assert desk.trade.prepare(5000).signed_at_ms == desk.clock.now() // 1000
    await desk.readonly.time()
    desk.clock.step(3)
    desk.clock.jump(-86400)
    signing = desk.trade.prepare(5000)
    assert signing.signed_at_ms == 1_790_000_780_000
    assert (signing.window_ms, signing.exchange_identity) == (5000, "simulated:x")
    assert signing.key_fingerprint == key_fingerprint("t" * 64)


async def test_paper_is_whatever_simulated_exchange_answers() -> None:
    desk = Desk(lambda _request: ok({"time": 1}, **{"X-Simulated-Exchange": "abc"}))
    assert await desk.readonly.identity() == "simulated:abc"


async def test_paper_refuses_what_is_no_simulated_exchange() -> None:
    desk = Desk(lambda _request: ok({"time": 1}))
    with pytest.raises(WrongExchange, match="no simulated exchange"):
        await desk.readonly.identity()


async def test_the_last_trades_of_a_market_are_read_with_the_takers_side() -> None:
    rows = [{"id": "a", "timestamp": 1_790_000_000_001, "amount": "0.5", "price": "61152", "side": "sell"}]
    desk = in_turn(ok(rows), ok([{**rows[0], "side": "other"}]))
    assert await desk.readonly.trades("BTC-EUR", 30) == (
        PublicTrade(1_790_000_000_001_000, Side.SELL, Price.of("61152"), Quantity.of("0.5")),
    )
    assert desk.sent[0].url.raw_path == b"/v2/BTC-EUR/trades?limit=30"
    with pytest.raises(ExchangeUnreadable, match="trades"):
        await desk.readonly.trades("BTC-EUR", 30)


def live(desk: Desk, headers: dict[str, str], trade_fingerprint: str | None) -> ReadOnlyClient:
    http = httpx.MockTransport(lambda _request: ok({"time": 1}, **headers))
    return ReadOnlyClient(
        live_address(), READ_KEYS, desk.budget, desk.ticking, trade_fingerprint=trade_fingerprint, http=http
    )


async def test_live_is_its_two_keys() -> None:
    client = live(in_turn(), {}, "feedfeedfeedfeed")
    assert await client.identity() == f"bitvavo:{READ_KEYS.fingerprint}/feedfeedfeedfeed"


async def test_live_refuses_a_simulated_exchange_and_a_missing_key() -> None:
    with pytest.raises(WrongExchange, match="in Bitvavo's place"):
        await live(in_turn(), {"X-Simulated-Exchange": "abc"}, "feedfeedfeedfeed").identity()
    with pytest.raises(WrongExchange, match="both key pairs"):
        await live(in_turn(), {}, None).identity()


# reads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [httpx.ReadError("reset"), html(502), refused(503, 109)])
async def test_a_read_is_tried_again_when_the_exchange_is_silent_or_down(first: httpx.Response | Exception) -> None:
    desk = in_turn(first, first, ok([{"market": "BTC-EUR", "price": "5"}, {"market": "NEW-EUR"}]))
    started = desk.clock.monotonic()
    assert await desk.readonly.last_prices() == {"BTC-EUR": Price.of("5")}
    assert len(desk.sent) == 3
    assert 0.2 <= desk.clock.monotonic() - started <= 0.6


async def test_a_read_gives_up_after_three_tries() -> None:
    desk = Desk(lambda _request: html(502))
    with pytest.raises(ExchangeRefused) as caught:
        await desk.readonly.balances()
    assert (len(desk.sent), caught.value.http_status, caught.value.error_code) == (3, 502, None)


async def test_a_read_gives_up_when_its_time_is_spent() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        desk.clock.step(8)
        raise httpx.ReadTimeout("slow")

    desk = Desk(answer)
    with pytest.raises(TransportSilent):
        await desk.readonly.balances()
    assert len(desk.sent) == 1


@pytest.mark.parametrize("answer", [refused(403, 311), refused(400, 205), httpx.Response(200, content=b"<html>")])
async def test_a_read_that_was_answered_is_not_repeated(answer: httpx.Response) -> None:
    desk = Desk(lambda _request: answer)
    with pytest.raises((ExchangeRefused, ExchangeUnreadable)):
        await desk.readonly.balances()
    assert len(desk.sent) == 1


async def test_balances_name_when_they_were_asked_for_and_nothing_is_zero() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        desk.clock.step(1)
        return ok([{"symbol": "EUR", "available": "16.48", "inOrder": "3"}])

    desk = Desk(answer)
    at, second = desk.clock.now(), desk.clock.monotonic()
    balances = await desk.readonly.balances()
    assert (balances.fetched_at, balances.fetched) == (at, second)
    assert balances.available_eur == Eur.of("16.48")
    assert balances.available("BTC") == Quantity.zero()
    assert balances.by_symbol["EUR"].in_order == 3


async def test_a_symbol_listed_twice_is_unreadable() -> None:
    row = {"symbol": "EUR", "available": "1", "inOrder": "0"}
    with pytest.raises(ExchangeUnreadable, match="twice"):
        await Desk(lambda _request: ok([row, row])).readonly.balances()


async def test_a_book_of_another_market_is_unreadable() -> None:
    desk = Desk(lambda _request: ok({"market": "ETH-EUR", "bids": [], "asks": []}))
    with pytest.raises(ExchangeUnreadable, match="ETH-EUR"):
        await desk.readonly.book("BTC-EUR")


async def test_best_quotes_leave_out_other_currencies_and_keep_empty_sides() -> None:
    rows = [
        {"market": "BTC-EUR", "bid": "1", "bidSize": "1", "ask": None, "askSize": None},
        {"market": "BTC-USDC", "bid": "1", "ask": "2"},
    ]
    desk = Desk(lambda _request: ok(rows))
    assert await desk.readonly.best_quotes() == {"BTC-EUR": (Price.of("1"), None)}


@pytest.mark.parametrize(("sent", "fee"), [("0.0025", Decimal("0.0025")), ("0", Decimal(0))])
async def test_the_taker_fee_is_the_accounts_own(sent: str, fee: Decimal) -> None:
    desk = Desk(lambda _request: ok({"fees": {"tier": 0, "taker": sent, "maker": "0", "volume": "0"}}))
    assert await desk.readonly.taker_fee() == fee


@pytest.mark.parametrize("sent", ["1", "25", "-0.1", "NaN"])
async def test_a_taker_fee_that_is_no_fraction_is_unreadable(sent: str) -> None:
    with pytest.raises(ExchangeUnreadable):
        await Desk(lambda _request: ok({"fees": {"taker": sent}})).readonly.taker_fee()


# orders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        httpx.ReadError("reset"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        html(502),
        refused(500, 101),
        refused(503, 107),
        httpx.Response(307, headers={"Location": "http://127.0.0.1:9/v2/order"}),
        httpx.Response(308, headers={"Location": "http://127.0.0.1:9/v2/order"}),
    ],
)
async def test_an_order_without_a_clear_answer_is_sent_once_and_in_doubt(given: httpx.Response | Exception) -> None:
    desk = in_turn(given, ok(order_json()))
    assert isinstance(await desk.trade.place_order(desk.prepared(), 1.0), NoAnswer)
    assert len(desk.sent) == 1


async def test_an_order_prepared_for_another_key_or_exchange_is_not_sent() -> None:
    desk = Desk(lambda _request: ok(order_json()))
    prepared = desk.prepared()
    for other in (
        Signing(1, 5000, "0" * 16, "simulated:x"),
        Signing(1, 5000, desk.trade.fingerprint, "simulated:y"),
    ):
        with pytest.raises(ValueError, match="another key or another exchange"):
            await desk.trade.place_order(prepared_order(other), 1.0)
    assert desk.sent == []
    assert isinstance(await desk.trade.place_order(prepared, 1.0), Accepted)


@pytest.mark.parametrize(
    ("order_id", "named"), [(ORDER_ID, f"orderId={ORDER_ID}"), (None, f"clientOrderId={CLIENT_ID}")]
)
async def test_a_cancel_names_the_order_and_the_operator_in_the_query(order_id: str | None, named: str) -> None:
    desk = Desk(lambda _request: ok({"orderId": ORDER_ID}))
    await desk.trade.cancel_order("BTC-EUR", order_id, CLIENT_ID, 7)
    (request,) = desk.sent
    assert request.url.raw_path.decode() == f"/v2/order?market=BTC-EUR&{named}&operatorId=7"
    assert request.content == b""


async def test_the_dead_mans_switch_is_armed_only_if_the_exchange_says_so() -> None:
    desk = in_turn(ok({"codGroupId": 3, "timeOfExpirySeconds": 1}), ok({"codGroupId": 4}), refused(400, 205))
    await desk.trade.arm_dead_man(3, 60)
    assert desk.sent[0].content == b'{"codGroupId":3,"expiryAfterSeconds":60}'
    with pytest.raises(ExchangeUnreadable):
        await desk.trade.arm_dead_man(3, 60)
    with pytest.raises(ExchangeRefused):
        await desk.trade.arm_dead_man(3, 60)


# look-ups -----------------------------------------------------------------------------------------------------


async def test_a_look_up_finds_our_order_only() -> None:
    desk = in_turn(
        ok(order_json()), ok(order_json(market="ETH-EUR")), ok(order_json(clientOrderId=ORDER_ID)), refused(404, 240)
    )
    found = await desk.trade.find_order("BTC-EUR", CLIENT_ID)
    assert isinstance(found, Found)
    assert isinstance(await desk.trade.find_order("BTC-EUR", CLIENT_ID), LookupFailed)
    assert isinstance(await desk.trade.find_order("BTC-EUR", CLIENT_ID), LookupFailed)
    assert await desk.trade.find_order("BTC-EUR", CLIENT_ID) == Missing(404, 240)


@pytest.mark.parametrize("given", [html(404), refused(403, 310), refused(404, 415), ok([]), ok({})])
async def test_a_look_up_that_fails_is_no_missing_order(given: httpx.Response) -> None:
    assert isinstance(await in_turn(given).trade.find_order("BTC-EUR", CLIENT_ID), LookupFailed)


class Listing:
    """An exchange with so many orders (or trades) a market, a page of which ends where ``end`` says."""

    def __init__(self, rows: int, *, apart_ms: int = 1, excludes_end: bool = False) -> None:
        self.rows = [self._row(number, 1_700_000_000_000 + number * apart_ms) for number in range(rows)]
        self.excludes_end = excludes_end

    def _row(self, number: int, at: int) -> dict[str, Any]:
        return {"orderId": f"order-{number}", "created": at}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params
        end = int(query.get("end", "9999999999999")) - self.excludes_end
        inside = [row for row in self.rows if int(query["start"]) <= row["created"] <= end]
        page = list(reversed(inside))[: int(query["limit"])]
        if request.url.path.endswith("/orders"):
            return ok([order_json(**row) for row in page])
        return ok([_trade(row["orderId"], row["created"]) for row in page])


def _trade(identity: str, at: int) -> dict[str, Any]:
    return {
        "id": identity, "orderId": ORDER_ID, "clientOrderId": CLIENT_ID, "timestamp": at, "market": "BTC-EUR",
        "side": "buy", "amount": "1", "price": "2", "taker": True, "fee": "0.1", "feeCurrency": "EUR", "settled": True,
    }  # fmt: skip


@pytest.mark.parametrize("excludes_end", [False, True])
@pytest.mark.parametrize("rows", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 7])
async def test_listings_are_read_to_the_last_page_each_row_once(rows: int, excludes_end: bool) -> None:
    source = Listing(rows, excludes_end=excludes_end)
    desk = Desk(source)
    orders = await desk.trade.orders("BTC-EUR", 0)
    assert orders.complete
    assert [order.order_id for order in orders.orders] == [f"order-{number}" for number in reversed(range(rows))]
    trades = await desk.trade.own_trades("BTC-EUR", 0)
    assert trades.complete
    assert [trade.fill.fill_id for trade in trades.trades] == [order.order_id for order in orders.orders]
    assert {trade.client_order_id for trade in trades.trades} == ({CLIENT_ID} if rows else set())


@pytest.mark.parametrize("excludes_end", [False, True])
async def test_rows_of_one_millisecond_across_a_page_are_all_read(excludes_end: bool) -> None:
    source = Listing(PAGE + 20, excludes_end=excludes_end)
    for row in source.rows[:60]:
        row["created"] = 1_700_000_000_030
    listing = await Desk(source).trade.orders("BTC-EUR", 0)
    assert (listing.complete, len(listing.orders)) == (True, PAGE + 20)


async def test_a_listing_that_cannot_go_on_says_that_it_is_not_complete() -> None:
    listing = await Desk(Listing(PAGE + 5, apart_ms=0)).trade.orders("BTC-EUR", 0)
    assert (listing.complete, listing.cause) == (False, f"more than {PAGE} rows in one millisecond")


async def test_a_full_page_out_of_order_is_not_complete() -> None:
    source = Listing(PAGE + 5)
    source.rows.reverse()
    listing = await Desk(source).trade.orders("BTC-EUR", 0)
    assert (listing.complete, listing.cause) == (False, "the listing is not newest first")


@pytest.mark.parametrize(
    "second",
    [html(502), refused(403, 310), ok({}), ok([order_json(market="ETH-EUR")]), ok([order_json(filledAmount="x")])],
)
async def test_a_failed_page_keeps_what_was_read_and_is_not_complete(second: httpx.Response) -> None:
    def answers() -> Iterator[httpx.Response]:
        yield ok([order_json(orderId=f"order-{number}", created=2_000 - number) for number in range(PAGE)])
        while True:
            yield second

    given = answers()
    listing = await Desk(lambda _request: next(given)).trade.orders("BTC-EUR", 0)
    assert (listing.complete, len(listing.orders)) == (False, PAGE)
    assert listing.cause


async def test_open_orders_are_all_or_an_error() -> None:
    assert len(await in_turn(ok([order_json()])).trade.open_orders("BTC-EUR")) == 1
    answers: tuple[Any, ...] = ([order_json(), order_json(status=None)], [order_json(market="ETH-EUR")], {})
    for wrong in answers:
        with pytest.raises(ExchangeUnreadable):
            await in_turn(ok(wrong)).trade.open_orders("BTC-EUR")
