"""A market whose prices are a candle file: its past, its book, its fills, its end, and what a restart does."""

from __future__ import annotations

import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.paper.candle_file import CandleFile, load_candles
from console.paper.candles import MINUTE_MS, Candle
from console.paper.errors import ApiError
from console.paper.markets import BY_NAME
from console.paper.order_rules import parse_order
from console.paper.process import source_of
from console.paper.sources import SourceError
from tests.paper.kit import Bench, StepClock, candle_csv, limit, market_order, real_candles, refused
from tests.paper.test_conservation import assert_conserved

BTC = BY_NAME["BTC-EUR"]
HOUR_MS = 60 * MINUTE_MS
ROOM = Decimal("0.002")


def made_file(shapes: list[tuple[int, int, int, int]]) -> CandleFile:
    """A quiet day of hourly candles at 16000, then candles of these (jump, height, open, close), each in 1/1000."""
    rows = [Candle(index * HOUR_MS, 16_000, 16_010, 15_990, 16_000, Decimal(50)) for index in range(24)]
    for jump, height, first, close in shapes:
        low = max(rows[-1].close * (1000 + jump) // 1000, 5000)
        high = low + low * height // 1000
        prices = [low + (high - low) * share // 1000 for share in (first, close)]
        rows.append(Candle(len(rows) * HOUR_MS, prices[0], high, low, prices[1], Decimal(40)))
    return CandleFile(Path("made.csv"), "0" * 64, BTC, 60, tuple(rows))


def short_file(folder: Path, hours: int = 2) -> CandleFile:
    """A day and some hours, on disk."""
    rows = [[index * HOUR_MS, "16000", "16100", "15900", "16050", "12.5"] for index in range(24 + hours)]
    return load_candles(candle_csv(folder / "short.csv", rows), BTC)


def candle_at(bench: Bench, at_ms: int) -> Candle:
    """The candle of the file in which a moment of market time lies."""
    playback = bench.engine.markets["BTC-EUR"].playback
    assert playback is not None
    return playback.file.rows[(at_ms - playback._first_ms) // playback.size_ms]


@pytest.fixture
def played(tmp_path: Path) -> Bench:
    file = load_candles(real_candles(), BTC)
    return Bench.make(tmp_path, candles={"BTC-EUR": file}, speed=60)


async def test_a_day_of_history_is_there_at_once_with_the_files_numbers(played: Bench) -> None:
    lines = real_candles().read_text().splitlines()[1:]
    rows = (await played.send("GET", "/BTC-EUR/candles?interval=5m", key=None)).json()
    # The file's whole first day, which ends where the market's time begins, and the candle that begins there.
    assert played.clock.at % 300_000_000 == 0
    assert [row[0] for row in rows] == [played.clock.at // 1000 - index * 300_000 for index in range(289)]
    shown = [[Decimal(each) for each in row[1:]] for row in reversed(rows[1:])]
    assert shown == [[Decimal(each) for each in line.split(",")[1:]] for line in lines[:288]]
    minutes = (await played.send("GET", "/BTC-EUR/candles?interval=1m", key=None)).json()
    assert len(minutes) == 1440
    rules = (await played.send("GET", "/markets?market=BTC-EUR", key=None)).json()
    assert (rules["tickSize"], rules["status"]) == ("0.10", "trading")


async def test_speed_moves_market_time_alone(played: Bench) -> None:
    started = (await played.send("GET", "/time")).json()["time"]
    for _ in range(60):
        played.clock.step(1)
        played.engine.advance()
    now = (await played.send("GET", "/time")).json()["time"]
    assert now == started + 60_000
    rows = (await played.send("GET", "/BTC-EUR/candles?interval=5m&limit=20", key=None)).json()
    assert rows[0][0] == started + 55 * MINUTE_MS
    book = (await played.send("GET", "/BTC-EUR/book?depth=5", key=None)).json()
    assert started + 59 * MINUTE_MS < book["timestamp"] // 1_000_000 <= started + HOUR_MS
    trades = (await played.send("GET", "/BTC-EUR/trades?limit=1000", key=None)).json()
    assert started + 58 * MINUTE_MS < trades[0]["timestamp"] <= started + HOUR_MS
    assert len({trade["timestamp"] // 300_000 for trade in trades}) >= 12
    # Orders and their access window live in real time.
    order = (await played.send("POST", "/order", market_order(amountQuote="25.00"))).json()
    assert order["created"] == order["fills"][0]["timestamp"] == now
    late = await played.send("POST", "/order", market_order(amountQuote="25.00"), at_ms=now - 11_000)
    assert refused(late)[:2] == (403, 304)


async def test_live_prices_stay_in_the_candle_and_trades_change_no_candle(played: Bench) -> None:
    market = played.engine.markets["BTC-EUR"]
    for index in range(300):
        played.clock.step(1)
        if index % 50 == 0:
            await played.send("POST", "/order", market_order(amountQuote="25.00"))
        price = Decimal((await played.send("GET", "/ticker/price?market=BTC-EUR", key="readonly")).json()["price"])
        trade = market.trades[-1]
        row = candle_at(played, trade.at_ms)
        assert price == trade.price
        assert row.low * market.spec.tick <= price <= row.high * market.spec.tick
        assert market.best_bid < market.best_ask
        now = candle_at(played, market.at_us // 1000)
        assert now.low * market.spec.tick <= market.best_bid
        assert market.best_ask <= now.high * market.spec.tick
    lines = real_candles().read_text().splitlines()[1:]
    rows = (await played.send("GET", "/BTC-EUR/candles?interval=5m", key=None)).json()
    shown = [[Decimal(each) for each in row[1:]] for row in reversed(rows[1:])]
    assert shown == [[Decimal(each) for each in line.split(",")[1:]] for line in lines[: len(shown)]]
    # Five hours were played but for the last step.
    assert len(shown) == 288 + 59


PLACE = st.tuples(
    st.just("place"),
    st.sampled_from(["buy", "sell"]),
    st.sampled_from(["GTC", "GTC", "GTC", "IOC", "market", "quote"]),
    st.integers(500, 9_000_000),
    st.integers(-40, 40),
)
MOVE = st.tuples(st.just("move"), st.one_of(st.integers(1, 30), st.integers(30, 200)))
SHAPES = st.lists(
    st.tuples(st.integers(-30, 30), st.sampled_from([0, 1, 8, 40]), st.integers(0, 1000), st.integers(0, 1000)),
    min_size=4,
    max_size=12,
)


def _place(bench: Bench, side: str, kind: str, cents: int, thousandths: int) -> None:
    market = bench.engine.markets["BTC-EUR"]
    price = market.best_ask + int(market.best_ask) * thousandths // 1000
    euros = Decimal(cents) / 100
    amount = f"{euros / price:.8f}"
    if kind == "quote":
        body = market_order("BTC-EUR", side, amountQuote=f"{euros:.2f}")
    elif kind == "market":
        body = market_order("BTC-EUR", side, amount=amount)
    else:
        body = limit("BTC-EUR", side=side, price=f"{price:f}", amount=amount, timeInForce=kind)
    bench.engine.place(parse_order(body, bench.engine.specs))


@settings(max_examples=25, deadline=None)
@given(SHAPES, st.lists(st.one_of(PLACE, PLACE, MOVE), min_size=5, max_size=30))
def test_every_fill_lies_in_its_candle_and_nothing_is_lost(
    shapes: list[tuple[int, int, int, int]], steps: list[tuple[object, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench.make(Path(folder), balance="100000", candles={"BTC-EUR": made_file(shapes)}, speed=60)
        market = bench.engine.markets["BTC-EUR"]
        tick = market.spec.tick
        _place(bench, "buy", "quote", 4_000_000, 0)
        filled: Counter[tuple[Decimal, Decimal]] = Counter()
        printed: Counter[tuple[Decimal, Decimal]] = Counter()
        seen = ""
        for step in [*steps, ("move", 120)]:
            try:
                match step:
                    case ("place", str(side), str(kind), int(cents), int(thousandths)):
                        _place(bench, side, kind, cents, thousandths)
                    case ("move", int(seconds)):
                        bench.clock.step(seconds)
                        bench.engine.advance()
            except ApiError as error:
                assert error.code in {212, 216, 217, 423}  # noqa: PT017 - every other refusal is a fault
            for trade in market.trades:
                if trade.trade_id > seen:
                    row = candle_at(bench, trade.at_ms)
                    assert row.low * tick * (1 - ROOM) <= trade.price <= row.high * tick * (1 + ROOM)
                    printed[trade.price, trade.amount] += 1
            seen = market.trades[-1].trade_id if market.trades else seen
            assert_conserved(bench, Decimal(100_000))
        filled.update((fill.price, fill.amount) for fill in bench.store.fills("1", []))
        # Each fill is a trade everybody saw, so the bounds above were those of every fill.
        assert filled <= printed
        bench.store.close()


async def test_a_low_between_two_looks_fills_what_rests_there(tmp_path: Path) -> None:
    # One hour that falls by four per cent and comes back; then half a day in which nothing happens.
    file = made_file([(-40, 41, 1000, 1000), *[(0, 1, 0, 0)] * 15])
    bench = Bench.make(tmp_path, candles={"BTC-EUR": file}, speed=60)
    order = (await bench.send("POST", "/order", limit(price="15500", amount="0.001"))).json()
    assert order["status"] == "new"
    # The process was away for longer than it catches up on step by step.
    bench.clock.step(600)
    bench.engine.advance()
    stored = bench.order()
    assert (stored.status, stored.filled_amount_quote) == ("filled", Decimal("15.5"))


async def test_an_order_the_file_leaps_over_is_filled_at_the_edge_of_the_next_candle(tmp_path: Path) -> None:
    file = made_file([(0, 0, 0, 0), (-30, 1, 0, 0), (0, 1, 0, 0)])
    bench = Bench.make(tmp_path, candles={"BTC-EUR": file}, speed=60)
    await bench.send("POST", "/order", limit(price="15900", amount="0.001"))
    bench.clock.step(120)
    bench.engine.advance()
    after = file.rows[25]
    assert after.high < 15_900
    edge = Decimal(int(after.high * Decimal("1.002")))
    assert [(fill.price, fill.amount) for fill in bench.store.fills("1", [])] == [(edge, Decimal("0.001"))]


async def test_in_a_candle_of_one_price_everybody_trades_at_it(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, candles={"BTC-EUR": made_file([(0, 0, 0, 0)] * 3)}, speed=60)
    market = bench.engine.markets["BTC-EUR"]
    for _ in range(60):
        bench.clock.step(1)
        bench.engine.advance()
        assert market.best_ask == market.best_bid + 1
    assert len(market.trades) > 20
    assert {trade.price for trade in market.trades} == {Decimal(16_000)}


async def test_at_the_end_of_the_file_the_market_halts(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, candles={"BTC-EUR": short_file(tmp_path)}, speed=60)
    resting = (await bench.send("POST", "/order", limit(price="15000", amount="0.001"))).json()
    bench.clock.step(180)
    halted = (await bench.send("GET", "/markets?market=BTC-EUR", key=None)).json()
    assert halted["status"] == "halted"
    others = (await bench.send("GET", "/markets", key=None)).json()
    assert [each["status"] for each in others] == ["halted", *["trading"] * 4]
    assert refused(await bench.send("GET", "/BTC-EUR/book", key=None)) == (
        409, 431, "getBook is not available for BTC-EUR in state HALTED",
    )  # fmt: skip
    assert refused(await bench.send("POST", "/order", market_order(amountQuote="25.00")))[:2] == (400, 423)
    quotes = (await bench.send("GET", "/ticker/book?market=BTC-EUR", key=None)).json()
    assert quotes == {"market": "BTC-EUR", "bid": None, "bidSize": None, "ask": None, "askSize": None}
    rows = (await bench.send("GET", "/BTC-EUR/candles?interval=1h", key=None)).json()
    assert len(rows) == 26
    assert [row[1:] for row in rows] == [["16000", "16100", "15900", "16050", "12.5"]] * 26
    bench.clock.step(600)
    assert (await bench.send("GET", "/BTC-EUR/candles?interval=1h", key=None)).json() == rows
    # What rests can still be taken back.
    assert (await bench.send("DELETE", f"/order?market=BTC-EUR&orderId={resting['orderId']}&operatorId=1")).json() == {
        "orderId": resting["orderId"], "operatorId": 1,
    }  # fmt: skip
    assert bench.store.balance("EUR") == (Decimal(1000), Decimal(0))
    # A restart does not begin the file anew.
    bench.store.close()
    again = Bench.make(tmp_path, clock=bench.clock)
    assert again.engine.markets["BTC-EUR"].halted


async def test_other_markets_are_generated_as_ever(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    plain = Bench.make(tmp_path / "plain")
    bench = Bench.make(tmp_path, candles={"BTC-EUR": short_file(tmp_path)})
    for each in (plain, bench):
        each.clock.step(30)
    for target in ("/ETH-EUR/book", "/SOL-EUR/candles?interval=1m", "/ADA-EUR/trades"):
        shown = [(await each.send("GET", target, key=None)).json() for each in (plain, bench)]
        assert shown[0] == shown[1]


async def test_one_file_one_seed_one_start_show_the_same_market(tmp_path: Path) -> None:
    seen = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        bench = Bench.make(tmp_path / name, candles={"BTC-EUR": short_file(tmp_path)}, speed=20)
        shown = []
        for _ in range(5):
            bench.clock.step(11)
            for target in ("/BTC-EUR/book", "/BTC-EUR/candles?interval=1m", "/BTC-EUR/trades", "/ticker/24h"):
                shown.append((await bench.send("GET", target, key=None)).text)
        seen.append(shown)
    assert seen[0] == seen[1]


async def test_a_restart_goes_on_at_the_candle_it_was_left_in(tmp_path: Path) -> None:
    file = load_candles(real_candles(), BTC)
    first = Bench.make(tmp_path, candles={"BTC-EUR": file}, speed=60)
    first.clock.step(100)
    before = (await first.send("GET", "/BTC-EUR/candles?interval=5m&limit=11", key=None)).json()
    first.store.close()
    # Stopped for a night; market time is real time again at the start, and the candles are dated anew.
    second = Bench.make(tmp_path, clock=StepClock(first.clock.at + 8 * 3_600_000_000))
    after = (await second.send("GET", "/BTC-EUR/candles?interval=5m&limit=11", key=None)).json()
    assert [row[1:] for row in after[1:]] == [row[1:] for row in before[1:]]
    assert after[0][1] == before[0][1]
    assert after[0][0] == second.clock.at // 300_000_000 * 300_000


def test_the_source_is_told_in_words(tmp_path: Path) -> None:
    assert source_of(tmp_path) is None
    bench = Bench.make(tmp_path, candles={"BTC-EUR": short_file(tmp_path)})
    assert source_of(tmp_path) == bench.engine.source() == "candles short"
    assert source_of(tmp_path, "BTC-EUR") == "candles short"
    assert source_of(tmp_path, "ETH-EUR") == bench.engine.source("ETH-EUR") == "simulated, seed 7"
    with bench.store.transaction():
        bench.store.set_setting("speed", "60")
    assert source_of(tmp_path) == "candles short, speed ×60"


def test_without_its_file_an_exchange_does_not_go_on(tmp_path: Path) -> None:
    Bench.make(tmp_path, candles={"BTC-EUR": short_file(tmp_path)}).store.close()
    path = tmp_path / "short.csv"
    content = path.read_text()
    path.write_text(content.replace("16050", "16049"))
    with pytest.raises(SourceError, match=r"BTC-EUR plays .*short\.csv, which has changed since; put the old one back"):
        Bench.make(tmp_path)
    path.write_text("nothing")
    with pytest.raises(SourceError, match=r"BTC-EUR cannot go on: .*short\.csv does not begin with timestamp"):
        Bench.make(tmp_path)
    path.unlink()
    with pytest.raises(SourceError, match=r"BTC-EUR plays .*short\.csv, which is gone; put it back, or name it"):
        Bench.make(tmp_path)
    moved = tmp_path / "moved.csv"
    moved.write_text(content)
    Bench.make(tmp_path, candles={"BTC-EUR": load_candles(moved, BTC)}).store.close()
    assert source_of(tmp_path) == "candles moved"
    Bench.make(tmp_path).store.close()


async def test_a_market_with_orders_changes_its_prices_no_more(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path)
    await bench.send("POST", "/order", limit("ETH-EUR", price="1000", amount="0.01"))
    bench.store.close()
    # No order in BTC-EUR yet, so it may take up a file, even another one.
    Bench.make(tmp_path, candles={"BTC-EUR": short_file(tmp_path)}).store.close()
    bench = Bench.make(tmp_path, candles={"BTC-EUR": short_file(tmp_path, hours=3)})
    await bench.send("POST", "/order", limit(price="15000", amount="0.001"))
    bench.store.close()
    with pytest.raises(SourceError, match="BTC-EUR has orders at other prices; this candle file needs another folder"):
        Bench.make(tmp_path, candles={"BTC-EUR": short_file(tmp_path, hours=4)})
