"""Assets, the last day of a market, public trades and the account's history."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from console.paper.markets import SPECS
from tests.paper.kit import Bench, limit, market_order, refused

ASSET_KEYS = {
    "symbol", "name", "decimals", "depositFee", "depositConfirmations", "depositStatus", "withdrawalFee",
    "withdrawalMinAmount", "withdrawalStatus", "networks", "message",
}  # fmt: skip
DAY_KEYS = {
    "market", "startTimestamp", "timestamp", "open", "openTimestamp", "high", "low", "last", "closeTimestamp", "bid",
    "bidSize", "ask", "askSize", "volume", "volumeQuote",
}  # fmt: skip
TRADE_KEYS = {
    "transactionId", "executedAt", "type", "priceCurrency", "priceAmount", "sentCurrency", "sentAmount",
    "receivedCurrency", "receivedAmount", "feesCurrency", "feesAmount", "address",
}  # fmt: skip
DAY_MS = 86_400_000


async def get(bench: Bench, target: str) -> Any:
    answer = await bench.send("GET", target, key="readonly")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_asset_has_its_eleven_keys(bench: Bench) -> None:
    assets = await get(bench, "/assets")
    assert {asset["symbol"] for asset in assets} == {"EUR", *(spec.base for spec in SPECS)}
    for asset in assets:
        assert set(asset) == ASSET_KEYS
        assert isinstance(asset["decimals"], int)
        # Nothing can be paid in or out here, and no client is told otherwise.
        assert asset["depositStatus"] == asset["withdrawalStatus"] == "MAINTENANCE"
    euro = await get(bench, "/assets?symbol=EUR")
    assert (euro["decimals"], euro["networks"]) == (2, ["SEPA"])
    assert refused(await bench.send("GET", "/assets?symbol=DOGE")) == (400, 205, "symbol parameter is invalid.")


async def test_the_last_day_is_what_its_minutes_add_up_to(bench: Bench) -> None:
    bench.clock.step(90)
    day = await get(bench, "/ticker/24h?market=ETH-EUR")
    assert set(day) == DAY_KEYS
    rows = [row for row in await get(bench, "/ETH-EUR/candles?interval=1m") if row[0] >= day["startTimestamp"]]
    assert len(rows) == 1440
    assert day["timestamp"] - day["startTimestamp"] == DAY_MS
    assert (day["open"], day["openTimestamp"]) == (rows[-1][1], rows[-1][0])
    assert Decimal(day["high"]) == max(Decimal(row[2]) for row in rows)
    assert Decimal(day["low"]) == min(Decimal(row[3]) for row in rows)
    assert Decimal(day["volume"]) == sum(Decimal(row[5]) for row in rows)
    assert day["last"] == rows[0][4] == (await get(bench, "/ticker/price?market=ETH-EUR"))["price"]
    assert Decimal(day["low"]) <= Decimal(day["volumeQuote"]) / Decimal(day["volume"]) <= Decimal(day["high"])
    book = await get(bench, "/ETH-EUR/book?depth=1")
    assert [[day["bid"], day["bidSize"]], [day["ask"], day["askSize"]]] == [*book["bids"], *book["asks"]]


async def test_the_last_day_of_all_markets_costs_25_points(bench: Bench) -> None:
    async def left(target: str) -> int:
        return int((await bench.send("GET", target)).headers["bitvavo-ratelimit-remaining"])

    before = await left("/time")
    assert await left("/ticker/24h?market=BTC-EUR") == before - 1
    assert await left("/ticker/24h") == before - 26
    assert len(await get(bench, "/ticker/24h")) == 5
    assert refused(await bench.send("GET", "/ticker/24h?market=NOPE-EUR")) == (
        400, 205, "market parameter NOPE-EUR is invalid.",
    )  # fmt: skip


async def test_public_trades_are_newest_first_and_bounded(bench: Bench) -> None:
    bench.clock.step(120)
    trades = await get(bench, "/BTC-EUR/trades")
    assert all(set(trade) == {"id", "timestamp", "amount", "price", "side"} for trade in trades)
    assert trades == sorted(trades, key=lambda trade: trade["id"], reverse=True)
    assert len(trades) > 20
    assert await get(bench, "/BTC-EUR/trades?limit=3") == trades[:3]
    start, end = trades[9]["timestamp"], trades[4]["timestamp"]
    inside = [trade for trade in trades if start <= trade["timestamp"] <= end]
    assert await get(bench, f"/BTC-EUR/trades?start={start}&end={end}") == inside
    ids = f"tradeIdFrom={trades[6]['id']}&tradeIdTo={trades[2]['id']}"
    assert await get(bench, f"/BTC-EUR/trades?{ids}") == trades[2:7]
    for name in ("tradeIdFrom", "tradeIdTo"):
        answer = await bench.send("GET", f"/BTC-EUR/trades?{name}=7")
        assert refused(answer) == (400, 205, f"{name} parameter is invalid.")
    assert refused(await bench.send("GET", "/BTC-EUR/trades?limit=1001")) == (
        400, 205, "limit parameter 1001 is invalid.",
    )  # fmt: skip
    await get(bench, f"/BTC-EUR/trades?start={end - DAY_MS}&end={end}")
    longer = await bench.send("GET", f"/BTC-EUR/trades?start={end - DAY_MS - 1}&end={end}")
    assert refused(longer) == (400, 205, f"end parameter {end} is invalid.")


async def test_own_trades_show_among_the_public_ones(bench: Bench) -> None:
    order = (await bench.send("POST", "/order", market_order("ADA-EUR", amountQuote="25.00"))).json()
    newest = (await get(bench, "/ADA-EUR/trades?limit=1"))[0]
    fill = order["fills"][-1]
    assert (newest["price"], newest["amount"], newest["side"]) == (fill["price"], fill["amount"], "buy")


async def test_the_history_is_the_deposit_and_every_trade(bench: Bench) -> None:
    began = bench.clock.now() // 1000
    bench.clock.step(5)
    bought = (await bench.send("POST", "/order", market_order("ADA-EUR", amountQuote="25.00"))).json()
    bench.clock.step(1)
    sold = (await bench.send("POST", "/order", market_order("ADA-EUR", "sell", amount=bought["filledAmount"]))).json()
    history = await get(bench, "/account/history")
    assert {name: history[name] for name in ("currentPage", "totalPages", "maxItems")} == {
        "currentPage": 1, "totalPages": 1, "maxItems": 100,
    }  # fmt: skip
    fills = [*bought["fills"], *sold["fills"]]
    assert [item["transactionId"] for item in history["items"][:-1]] == [fill["id"] for fill in reversed(fills)]
    sale, purchase, deposit = history["items"][0], history["items"][-2], history["items"][-1]
    assert set(sale) == set(purchase) == TRADE_KEYS
    first = bought["fills"][0]
    gross = Decimal(first["price"]) * Decimal(first["amount"])
    assert purchase == {
        "transactionId": first["id"], "executedAt": "2026-11-24T06:00:05.000Z", "type": "buy",
        "priceCurrency": "EUR", "priceAmount": first["price"],
        "sentCurrency": "EUR", "sentAmount": f"{gross.normalize():f}",
        "receivedCurrency": "ADA", "receivedAmount": first["amount"],
        "feesCurrency": "EUR", "feesAmount": first["fee"], "address": None,
    }  # fmt: skip
    assert (sale["type"], sale["sentCurrency"], sale["receivedCurrency"]) == ("sell", "ADA", "EUR")
    assert (deposit["type"], deposit["receivedCurrency"], deposit["receivedAmount"]) == ("deposit", "EUR", "1000")
    # The account's euros are what its history adds up to.
    euros = Decimal(0)
    for item in history["items"]:
        if item["receivedCurrency"] == "EUR":
            euros += Decimal(item["receivedAmount"])
        if item.get("sentCurrency") == "EUR":
            euros -= Decimal(item["sentAmount"])
        euros -= Decimal(item["feesAmount"])
    assert euros == bench.total("EUR")
    ids = [item["transactionId"] for item in history["items"]]
    pages = [await get(bench, f"/account/history?maxItems=1&page={page}") for page in range(1, len(ids) + 2)]
    assert [[item["transactionId"] for item in page["items"]] for page in pages] == [*([each] for each in ids), []]
    assert {page["totalPages"] for page in pages} == {len(ids)}
    sales = len(sold["fills"])
    for query, expected in (
        ("type=deposit", ids[-1:]), ("type=buy", ids[sales:-1]), ("type=sell", ids[:sales]), ("type=staking", []),
        (f"toDate={began}", ids[-1:]), (f"fromDate={began + 1}", ids[:-1]),
    ):  # fmt: skip
        shown = await get(bench, f"/account/history?{query}")
        assert [item["transactionId"] for item in shown["items"]] == expected
        assert shown["totalPages"] == 1


async def test_an_account_without_a_deposit_has_no_history(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, balance="0")
    assert (await get(bench, "/account/history"))["items"] == []


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("maxItems=0", (400, 205, "maxItems parameter 0 is invalid.")),
        ("maxItems=101", (400, 205, "maxItems parameter 101 is invalid.")),
        ("page=0", (400, 205, "page parameter 0 is invalid.")),
        ("page=one", (400, 205, "page parameter one is invalid.")),
        ("type=gift", (400, 205, "type parameter gift is invalid.")),
        ("fromDate=5&toDate=4", (400, 205, "toDate parameter 4 is invalid.")),
    ],
)
async def test_a_history_that_cannot_be_meant_is_refused(
    bench: Bench, query: str, refusal: tuple[int, int, str]
) -> None:
    assert refused(await bench.send("GET", f"/account/history?{query}")) == refusal
    unknown = await bench.send("GET", "/account/history?limit=1")
    assert refused(unknown)[:2] == (400, 200)
    assert refused(await bench.send("GET", "/account/history", key=None))[:2] == (403, 300)


@pytest.mark.parametrize("route", ["/assets", "/ticker/24h", "/BTC-EUR/trades", "/account/history"])
async def test_these_routes_can_be_spoiled_with_a_page(bench: Bench, route: str) -> None:
    bench.spoil("*: html x1")
    spoiled = await bench.send("GET", route)
    assert (spoiled.status_code, spoiled.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert spoiled.text.startswith("<!DOCTYPE html>")
    assert (await bench.send("GET", route)).status_code == 200


async def test_a_held_order_is_not_history(bench: Bench) -> None:
    await bench.send("POST", "/order", limit())
    assert [item["type"] for item in (await get(bench, "/account/history"))["items"]] == ["deposit"]
