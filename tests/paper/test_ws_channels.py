"""The channels: what an acknowledgement says, what is told, and what is not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from console.paper.faults import FaultSpecError, parse_faults
from tests.paper.kit import Bench, limit, market_order
from tests.paper.sockets import Socket, connected, only
from tests.paper.test_played_market import short_file


# acknowledgements ---------------------------------------------------------------------------------------------
async def test_an_acknowledgement_lists_everything_subscribed(bench: Bench) -> None:
    async with connected(bench) as socket:
        assert await socket.subscribe("ticker", "BTC-EUR") == {
            "event": "subscribed",
            "subscriptions": {"ticker": ["BTC-EUR"]},
        }
        await socket.subscribe("candles", "BTC-EUR", interval=["1m", "5m"])
        await socket.authenticate()
        await socket.subscribe("account", "*")
        assert (await socket.subscribe("ticker", "ETH-EUR", "BTC-EUR"))["subscriptions"] == {
            "ticker": ["BTC-EUR", "ETH-EUR"],
            "candles": {"1m": ["BTC-EUR"], "5m": ["BTC-EUR"]},
            "account": ["*"],
        }
        left = await socket.ask(
            {
                "action": "unsubscribe",
                "channels": [
                    {"name": "candles", "interval": ["5m"], "markets": ["BTC-EUR", "ETH-EUR"]},
                    {"name": "ticker", "markets": ["BTC-EUR"]},
                    {"name": "book", "markets": ["BTC-EUR"]},
                ],
            }
        )
        assert left == {
            "event": "unsubscribed",
            "subscriptions": {"ticker": ["ETH-EUR"], "candles": {"1m": ["BTC-EUR"]}, "account": ["*"]},
        }


async def test_a_message_with_one_wrong_channel_changes_nothing(bench: Bench) -> None:
    async with connected(bench) as socket:
        channels = [{"name": "ticker", "markets": ["BTC-EUR"]}, {"name": "nothing", "markets": ["BTC-EUR"]}]
        assert (await socket.ask({"action": "subscribe", "channels": channels}))["errorCode"] == 205
        assert (await socket.subscribe("book", "BTC-EUR"))["subscriptions"] == {"book": ["BTC-EUR"]}


@pytest.mark.parametrize("name", ["ticker", "ticker24h", "trades", "book"])
async def test_subscribing_twice_tells_nothing_twice_and_unsubscribing_ends_it(bench: Bench, name: str) -> None:
    async with connected(bench) as twice, connected(bench) as once:
        await once.subscribe(name, "BTC-EUR")
        for _ in range(2):
            await twice.subscribe(name, "BTC-EUR")
        await twice.subscribe(name, "ETH-EUR")
        told, expected = await twice.after(10), await once.told()
        if name == "ticker24h":
            assert [each["data"][0] for each in told] == [each["data"][0] for each in expected]
        else:
            assert [each for each in told if each["market"] == "BTC-EUR"] == expected
        assert expected
        await twice.ask({"action": "unsubscribe", "channels": [{"name": name, "markets": ["BTC-EUR", "ETH-EUR"]}]})
        assert await twice.after(10) == []
        assert await once.told()


async def test_markets_are_told_of_one_by_one_so_that_requests_come_between(bench: Bench) -> None:
    async with connected(bench) as socket:
        await socket.subscribe("book", "BTC-EUR", "ETH-EUR", "SOL-EUR")
        bench.clock.step(1)
        bench.engine.advance()
        pieces = bench.exchange.hub.pumping()
        next(pieces)
        assert [event["market"] for event in await socket.told()] == ["BTC-EUR"]
        await socket.ask({"action": "unsubscribe", "channels": [{"name": "book", "markets": ["ETH-EUR"]}]})
        for _ in pieces:
            pass
        assert [event["market"] for event in await socket.told()] == ["SOL-EUR"]


# public channels ----------------------------------------------------------------------------------------------
async def test_a_ticker_carries_pairs_and_only_what_changed(bench: Bench) -> None:
    known: dict[str, Any] = {}
    names = {"bestBid", "bestBidSize", "bestAsk", "bestAskSize", "lastPrice"}
    async with connected(bench) as socket:
        await socket.subscribe("ticker", "ADA-EUR")
        told = await socket.after(30)
        assert len(told) > 30
        assert any("lastPrice" not in event for event in told)
        for event in told:
            changed = {name: value for name, value in event.items() if name in names}
            assert set(event) == {"event", "market", *changed}
            assert ("bestBid" in changed) == ("bestBidSize" in changed)
            assert ("bestAsk" in changed) == ("bestAskSize" in changed)
            assert changed.items() - known.items()
            known |= changed
        best = (await bench.send("GET", "/ticker/book?market=ADA-EUR", key=None)).json()
        assert (known["bestBid"], known["bestBidSize"]) == (best["bid"], best["bidSize"])
        assert (known["bestAsk"], known["bestAskSize"]) == (best["ask"], best["askSize"])
        last = (await bench.send("GET", "/ticker/price?market=ADA-EUR", key=None)).json()
        assert known["lastPrice"] == last["price"]


def _applied(book: dict[Decimal, Decimal], rows: list[list[str]]) -> None:
    for price, size in rows:
        if Decimal(size) == 0:
            # A level is only ever taken away where one was.
            del book[Decimal(price)]
        else:
            book[Decimal(price)] = Decimal(size)


def _sides(book: dict[str, Any]) -> dict[str, dict[Decimal, Decimal]]:
    return {side: {Decimal(price): Decimal(size) for price, size in book[side]} for side in ("bids", "asks")}


async def _follow(socket: Socket, market: str, seconds: float) -> tuple[list[Any], dict[str, Any], Any]:
    """Events after a snapshot, the book they lead to, and the nonce of the last."""
    snapshot = (await socket.ask({"action": "getBook", "market": market}))["response"]
    events = await socket.after(seconds)
    book, nonce = _sides(snapshot), snapshot["nonce"]
    for event in events:
        if event["nonce"] <= snapshot["nonce"]:
            continue
        assert event["nonce"] == nonce + 1
        nonce = event["nonce"]
        for side in ("bids", "asks"):
            _applied(book[side], event[side])
    return events, book, nonce


async def test_a_snapshot_and_its_deltas_are_the_book(bench: Bench) -> None:
    async with connected(bench) as socket:
        await socket.subscribe("book", "ETH-EUR")
        await socket.after(1.7)
        events, book, nonce = await _follow(socket, "ETH-EUR", 20)
        now = (await bench.send("GET", "/ETH-EUR/book", key=None)).json()
        assert now["nonce"] == nonce
        assert _sides(now) == book
        assert len(events) > 20
        for event in events:
            assert set(event) == {"event", "market", "nonce", "bids", "asks", "timestamp"}
            for price, _ in event["bids"] + event["asks"]:
                assert len(price.partition(".")[2]) == 2, "padded to the decimals of the tick 0.10"


async def test_a_snapshot_between_two_batches_holds_all_up_to_its_nonce(bench: Bench) -> None:
    async with connected(bench) as socket:
        await socket.subscribe("book", "BTC-EUR")
        await socket.after(1)
        for _ in range(20):
            # An order of one's own between two batches, then the snapshot at once.
            await bench.send("POST", "/order", limit(price=str(30000 + _)))
            _, book, nonce = await _follow(socket, "BTC-EUR", 0.3)
            now = (await bench.send("GET", "/BTC-EUR/book", key=None)).json()
            assert (now["nonce"], _sides(now)) == (nonce, book)


async def test_an_own_order_appears_in_the_book_and_goes_with_a_zero(bench: Bench) -> None:
    async with connected(bench) as socket:
        await socket.subscribe("book", "BTC-EUR")
        placed = (await bench.send("POST", "/order", limit())).json()
        told = await socket.after(0.1)
        assert ["30000.00", "0.0003"] in told[0]["bids"]
        await bench.send("DELETE", f"/order?market=BTC-EUR&orderId={placed['orderId']}&operatorId=1")
        told = await socket.after(0.1)
        assert ["30000.00", "0"] in told[0]["bids"]


async def test_trades_are_the_listings_trades_oldest_first(bench: Bench) -> None:
    bench.clock.step(20)
    async with connected(bench) as socket:
        await socket.subscribe("trades", "SOL-EUR")
        before = (await bench.send("GET", "/SOL-EUR/trades?limit=1000", key=None)).json()
        told = await socket.after(30)
        after = (await bench.send("GET", "/SOL-EUR/trades?limit=1000", key=None)).json()
        fresh = [trade for trade in after if trade not in before]
        names = ("id", "timestamp", "amount", "price", "side")
        assert fresh
        assert [{name: event[name] for name in names} for event in told] == list(reversed(fresh))
        assert {event["timestampNs"] - event["timestamp"] * 1_000_000 for event in told} == {0}


async def test_candles_end_where_the_listing_ends(bench: Bench) -> None:
    async with connected(bench) as socket:
        await socket.subscribe("candles", "XRP-EUR", interval=["1m", "5m"])
        told = only(await socket.after(130), "candle")
        listed = (await bench.send("GET", "/XRP-EUR/candles?interval=1m&limit=3", key=None)).json()
        latest = {each["candle"][0][0]: each["candle"][0] for each in told if each["interval"] == "1m"}
        # The two that ended were told as they ended; the running one may have gone on for less than a second.
        assert [latest[row[0]] for row in listed[1:]] == listed[1:]
        assert latest[listed[0][0]][1] == listed[0][1]
        assert all(len(each["candle"]) == 1 and each["market"] == "XRP-EUR" for each in told)
        assert any(each["interval"] == "5m" for each in told)
        ends = [each["candle"][0][0] for each in told if each["interval"] == "1m"]
        assert ends == sorted(ends)


async def test_the_day_is_told_every_second_for_subscribed_markets_alone(bench: Bench) -> None:
    async with connected(bench) as socket:
        await socket.subscribe("ticker24h", "ADA-EUR", "BTC-EUR")
        (first,) = await socket.after(0.1)
        assert first["data"][0] == (await bench.send("GET", "/ticker/24h?market=ADA-EUR", key=None)).json()
        told = await socket.after(5)
        assert len(told) == 5
        for event in told:
            assert (event["event"], [row["market"] for row in event["data"]]) == ("ticker24h", ["ADA-EUR", "BTC-EUR"])


async def test_a_halted_market_is_acknowledged_and_silent(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, candles={"BTC-EUR": short_file(tmp_path)}, speed=60)
    bench.clock.step(180)
    bench.engine.advance()
    assert bench.engine.markets["BTC-EUR"].halted
    async with connected(bench) as socket:
        for name in ("ticker", "ticker24h", "trades", "book"):
            ack = await socket.subscribe(name, "BTC-EUR")
            assert ack["subscriptions"][name] == ["BTC-EUR"]
        await socket.subscribe("candles", "BTC-EUR", interval=["1m"])
        assert await socket.after(5) == []
        await socket.subscribe("trades", "ETH-EUR")
        assert {event["market"] for event in await socket.after(10)} == {"ETH-EUR"}


# the account --------------------------------------------------------------------------------------------------
async def test_own_orders_and_fills_are_told_as_they_happen(bench: Bench) -> None:
    async with connected(bench) as socket:
        await socket.authenticate()
        await socket.subscribe("account", "BTC-EUR", "XRP-EUR")
        placed = (await bench.send("POST", "/order", limit())).json()
        expected = {name: value for name, value in placed.items() if name != "fills"}
        assert await socket.told() == [{"event": "order", **expected}]
        await bench.send("DELETE", f"/order?market=BTC-EUR&orderId={placed['orderId']}&operatorId=1")
        (canceled,) = await socket.told()
        assert (canceled["orderId"], canceled["status"]) == (placed["orderId"], "canceled")
        body = market_order("XRP-EUR", amountQuote="25", clientOrderId="b3c4a1d2-0000-4000-8000-000000000001")
        bought = (await bench.send("POST", "/order", body)).json()
        told = await socket.told()
        fills = only(told, "fill")
        assert told == [*fills, *only(told, "order")]
        assert [each["fillId"] for each in fills] == [each["id"] for each in bought["fills"]]
        assert set(fills[0]) == {
            "event", "timestamp", "market", "orderId", "fillId", "side", "amount", "price", "taker", "fee",
            "feeCurrency", "clientOrderId", "operatorId", "timestampNs",
        }  # fmt: skip
        assert fills[0]["orderId"] == bought["orderId"]
        assert only(told, "order")[-1]["status"] == "filled"
        assert not any("fills" in each for each in told)


async def test_another_market_is_not_told_and_a_star_means_all(bench: Bench) -> None:
    async with connected(bench) as one, connected(bench) as star:
        for socket, market in ((one, "ETH-EUR"), (star, "*")):
            await socket.authenticate()
            await socket.subscribe("account", market)
        await bench.send("POST", "/order", limit())
        assert await one.told() == []
        assert [each["market"] for each in await star.told()] == ["BTC-EUR"]


async def test_a_refused_order_is_nobodys_event(bench: Bench) -> None:
    async with connected(bench) as socket:
        await socket.authenticate()
        await socket.subscribe("account", "*")
        assert (await bench.send("POST", "/order", limit(amount="900"))).status_code == 400
        assert await socket.told() == []


async def test_a_resting_order_that_the_market_takes_is_told(bench: Bench) -> None:
    await bench.send("POST", "/order", market_order("BTC-EUR", amountQuote="100"))
    async with connected(bench) as socket:
        await socket.authenticate()
        await socket.subscribe("account", "BTC-EUR")
        price = str(bench.engine.markets["BTC-EUR"].best_ask)
        order = (await bench.send("POST", "/order", limit(side="sell", price=price, amount="0.0002"))).json()
        told: list[Any] = []
        for _ in range(600):
            told += await socket.after(1)
            if any(each.get("status") == "filled" for each in told):
                break
        fills = only(told, "fill")
        assert {each["orderId"] for each in fills} == {order["orderId"]}
        assert sum((Decimal(each["amount"]) for each in fills), Decimal(0)) == Decimal("0.0002")
        assert {each["taker"] for each in fills} == {False}


# faults -------------------------------------------------------------------------------------------------------
async def _nonces(bench: Bench, spec: str) -> tuple[list[int], Socket]:
    async with connected(bench) as socket:
        await socket.subscribe("book", "BTC-EUR")
        await socket.after(1)
        bench.spoil(spec)
        return [event["nonce"] for event in await socket.after(4)], socket


async def test_a_lost_event_leaves_a_gap_in_the_nonces(bench: Bench) -> None:
    nonces, _ = await _nonces(bench, "WS /book: stream-lose x1")
    first = nonces[0]
    assert nonces == list(range(first, first + len(nonces)))
    async with connected(bench) as socket:
        await socket.subscribe("book", "BTC-EUR")
        await socket.after(1)
        bench.spoil("WS /book: stream-lose x1")
        missing = bench.engine.books["BTC-EUR"].nonce + 1
        told = [event["nonce"] for event in await socket.after(4)]
        assert told[0] == missing + 1


async def test_a_doubled_event_comes_twice(bench: Bench) -> None:
    nonces, _ = await _nonces(bench, "WS /book: stream-double x1")
    assert nonces[0] == nonces[1]
    assert len(set(nonces)) == len(nonces) - 1


async def test_a_late_event_comes_after_later_ones(bench: Bench) -> None:
    nonces, _ = await _nonces(bench, "WS /book: stream-late 1 x1")
    assert nonces != sorted(nonces)
    assert sorted(nonces) == list(range(min(nonces), min(nonces) + len(nonces)))


async def test_a_disconnect_cuts_the_connection_at_its_next_event(bench: Bench) -> None:
    async with connected(bench) as cut, connected(bench) as other:
        for socket in (cut, other):
            await socket.subscribe("book", "BTC-EUR")
        bench.spoil("*: disconnect x1")
        assert await other.after(1)
        assert cut.cable.cut.is_set()
        assert not other.cable.cut.is_set()
        assert bench.exchange.faults.rules[0].hits == 1


async def test_account_events_can_be_lost_too_and_requests_are_left_alone(bench: Bench) -> None:
    bench.spoil("WS /account: stream-lose x1; *: stream-double")
    async with connected(bench) as socket:
        await socket.authenticate()
        await socket.subscribe("account", "*")
        placed = (await bench.send("POST", "/order", limit())).json()
        assert await socket.told() == []
        await bench.send("DELETE", f"/order?market=BTC-EUR&orderId={placed['orderId']}&operatorId=1")
        assert [each["status"] for each in await socket.told()] == ["canceled", "canceled"]


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("POST /order: stream-lose", "The fault stream-lose is for channels, not for POST /order."),
        ("WS /book: delay 1", "The fault delay is for requests, not for WS /book."),
        ("WS /books: stream-lose", "There is no route 'WS /books'; known are *,"),
        ("WS /book: stream-late", "The fault stream-late needs a number of seconds."),
    ],
)
def test_a_stream_fault_that_cannot_be_meant_is_refused(spec: str, sentence: str) -> None:
    with pytest.raises(FaultSpecError) as refused_with:
        parse_faults(spec, ["POST /order"])
    assert str(refused_with.value).startswith(sentence)
