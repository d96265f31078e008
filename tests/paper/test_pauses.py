"""A process that stood still: timers first, then what the markets did meanwhile, in the order of time."""

from __future__ import annotations

import os
import signal
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from console.paper.candles import MINUTE_MS
from console.paper.regimes import Choice
from tests.paper.exchanges import Signed, running, wait_for
from tests.paper.kit import START, Bench, StepClock, limit
from tests.paper.test_conservation import assert_conserved

HOURS_3 = 3 * 3600


def _lowest(bench: Bench, market: str, minutes: int) -> Decimal:
    """The lowest price of the market's path in the coming minutes."""
    path = bench.engine.markets[market].path
    return Decimal(min(price for minute in range(1, minutes) for price in path.points(1440 + minute)))


async def _rest(bench: Bench, market: str, price: Decimal, **more: Any) -> str:
    tick = bench.engine.specs[market].tick
    body = limit(market, price=f"{price // tick * tick:f}", amount=f"{Decimal(30) / price:.6f}", **more)
    answer = (await bench.send("POST", "/order", body)).json()
    assert answer["status"] == "new", answer
    order_id: str = answer["orderId"]
    return order_id


async def test_candles_have_no_hole_after_a_pause_and_look_like_history(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path)
    bench.clock.step(10)
    bench.engine.advance()
    bench.clock.step(HOURS_3)
    rows = (await bench.send("GET", "/ETH-EUR/candles?interval=1m&limit=180", key=None)).json()
    assert [later[0] - earlier[0] for earlier, later in pairwise(reversed(rows))] == [MINUTE_MS] * 179
    # Another exchange that began where this one was paused has the same minutes as its history.
    candles = bench.engine.markets["ETH-EUR"].candles
    assert hasattr(candles, "_generated")
    for row in rows[20:170]:
        made = candles._generated(row[0] // MINUTE_MS)
        tick = bench.engine.specs["ETH-EUR"].tick
        prices = [each * tick for each in (made.open, made.high, made.low, made.close)]
        assert [Decimal(each) for each in row[1:]] == [*prices, made.volume]
    trades = (await bench.send("GET", "/ETH-EUR/trades?limit=1000", key=None)).json()
    assert [trade["timestamp"] for trade in trades] == sorted((t["timestamp"] for t in trades), reverse=True)
    assert len({trade["id"] for trade in trades}) == len(trades)


async def test_a_low_inside_a_long_pause_fills_what_rests_there(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, regimes={"BTC-EUR": Choice.GAP, "ETH-EUR": Choice.SHOCK})
    bench.engine.advance()
    low = _lowest(bench, "ETH-EUR", 150)
    now = bench.engine.markets["ETH-EUR"].best_bid
    assert low < now * Decimal("0.98")
    order_id = await _rest(bench, "ETH-EUR", low * Decimal("1.001"))
    bench.clock.step(HOURS_3)
    bench.engine.advance()
    order = bench.order("ETH-EUR")
    assert (order.order_id, order.status) == (order_id, "filled")
    assert_conserved(bench, Decimal(1000))


async def test_a_timer_that_fell_due_cancels_before_anything_of_the_pause_is_matched(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, regimes={"ETH-EUR": Choice.SHOCK})
    bench.engine.advance()
    low = _lowest(bench, "ETH-EUR", 150)
    guarded = await _rest(bench, "ETH-EUR", low * Decimal("1.001"), codGroupId=3)
    free = await _rest(bench, "ETH-EUR", low * Decimal("1.001"))
    armed = await bench.send("POST", "/cancelOrdersAfter", {"codGroupId": 3, "expiryAfterSeconds": 300})
    assert armed.status_code == 200
    # The timer falls due after the low, had there been no pause; but nothing ran at that time.
    bench.clock.step(HOURS_3)
    bench.engine.advance()
    found = {order.order_id: order for order in bench.store.orders("1", [])}
    assert (found[guarded].status, found[guarded].filled_amount) == ("canceled", Decimal(0))
    assert found[free].status == "filled"


@pytest.mark.parametrize("pause", [120, 2400])
async def test_fills_of_several_markets_come_in_the_order_of_market_time(tmp_path: Path, pause: int) -> None:
    regimes = dict.fromkeys(("BTC-EUR", "ETH-EUR", "SOL-EUR", "XRP-EUR"), Choice.QUIET)
    bench = Bench.make(tmp_path, balance="100000", regimes=regimes)
    bench.engine.advance()
    for market in regimes:
        for step in range(4):
            price = bench.engine.markets[market].best_bid * (1 - Decimal(step) / 5000)
            await _rest(bench, market, price - bench.engine.specs[market].tick)
    bench.clock.step(pause)
    bench.engine.advance()
    fills = bench.store.fills("1 ORDER BY seq", [])
    assert len({fill.market for fill in fills}) >= 3
    times = []
    for fill in fills:
        trades = bench.engine.markets[fill.market].trades
        seen = [each for each in trades if (each.price, each.amount) == (fill.price, fill.amount)]
        times.append(min((each.at_ms for each in seen), default=None))
    kept = [time for time in times if time is not None]
    assert kept == sorted(kept)
    assert len(kept) >= 4


def test_a_pause_of_a_week_is_lived_through_once_and_in_bounds(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, clock=StepClock())
    bench.clock.step(7 * 86_400)
    bench.engine.advance()
    market = bench.engine.markets["BTC-EUR"]
    minutes = market.candles.since(START // 1000 // MINUTE_MS * MINUTE_MS)
    assert len(minutes) == 7 * 1440
    before = len(market.trades)
    bench.engine.advance()
    assert len(market.trades) == before


@pytest.mark.processes
def test_a_stopped_process_catches_up_when_it_goes_on(tmp_path: Path) -> None:
    with running(tmp_path, "--speed", "3000") as address:
        client = Signed(address, address.trade)

        def minutes() -> list[int]:
            rows = httpx.get(f"{address.rest}/BTC-EUR/candles?interval=1m&limit=1440", trust_env=False).json()
            return [row[0] for row in rows]

        armed = client.send("POST", "/order", limit(codGroupId=1)).json()
        before = minutes()[0]
        os.kill(address.pid, signal.SIGSTOP)
        stopped = httpx.Client(timeout=8, trust_env=False)
        try:
            # Eight seconds in which nobody answers: almost seven hours of the market.
            with pytest.raises(httpx.ReadTimeout):
                stopped.get(f"{address.rest}/time")
        finally:
            os.kill(address.pid, signal.SIGCONT)
            stopped.close()
        wait_for(lambda: minutes()[0] > before + 350 * MINUTE_MS)
        shown = minutes()
        # Three steps a minute leave a few minutes without a trade, but no hole.
        assert max(later - earlier for earlier, later in pairwise(reversed(shown))) < 8 * MINUTE_MS
        assert client.send("GET", f"/order?market=BTC-EUR&orderId={armed['orderId']}").json()["status"] == "new"
