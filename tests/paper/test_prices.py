"""The price process: reproducible, with a regime for every taste."""

from __future__ import annotations

import json
import math
import statistics
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from console.paper.markets import SPECS
from console.paper.prices import HISTORY_MINUTES, PricePath, Regime, opening_regimes
from tests.paper.kit import Bench, StepClock


def _returns(path: PricePath) -> list[float]:
    closes = [path.close(minute) for minute in range(-1, HISTORY_MINUTES)]
    return [b - a for a, b in pairwise(closes)]


def test_one_seed_gives_one_path_and_another_seed_another() -> None:
    for spec in SPECS:
        first, again, other = PricePath(7, spec), PricePath(7, spec), PricePath(8, spec)
        assert [first.points(m) for m in (0, 700, 1500)] == [again.points(m) for m in (0, 700, 1500)]
        assert first.close(0) != other.close(0)


def test_a_minute_looks_the_same_however_far_the_path_was_walked() -> None:
    early, late = PricePath(7, SPECS[0]), PricePath(7, SPECS[0])
    late.close(5000)
    assert early.points(100) == late.points(100)


def test_prices_inside_a_minute_lie_between_their_points_and_join_the_closes() -> None:
    path = PricePath(7, SPECS[0])
    points = path.points(50)
    assert points[0] == pytest.approx(math.exp(path.close(49)))
    assert points[-1] == pytest.approx(math.exp(path.close(50)))
    for tenth in range(11):
        for wobble in (-5.0, 0.0, 5.0):
            assert min(points) <= path.price(50, tenth / 10, wobble) <= max(points)


@pytest.mark.parametrize("seed", range(1, 13))
def test_every_seed_deals_trend_and_reversion(seed: int) -> None:
    assert set(opening_regimes(seed).values()) == set(Regime)


def test_the_default_seed_opens_with_a_rising_trend_and_a_reversion() -> None:
    rising, reverting = [], []
    for spec in SPECS:
        path = PricePath(7, spec)
        returns, episode = _returns(path), path.opening_episode
        assert episode.minutes >= HISTORY_MINUTES + 8 * 60
        net, noise = sum(returns), statistics.pstdev(returns) * math.sqrt(len(returns))
        if episode.regime is Regime.TREND and net > 2 * noise:
            rising.append(spec.market)
        if episode.regime is Regime.REVERSION:
            # A random walk's variance grows with time; this one's stays behind.
            assert abs(net) < noise
            reverting.append(spec.market)
    assert rising
    assert reverting


TARGETS = (
    "/ticker/price",
    "/BTC-EUR/book?depth=3",
    "/SOL-EUR/trades?limit=5",
    "/ADA-EUR/candles?interval=1m&limit=3",
)


async def _view(folder: Path, seed: int) -> list[str]:
    bench = Bench.make(folder, seed=seed)
    seen = []
    for _ in range(10):
        bench.clock.step(7)
        for target in TARGETS:
            shown = (await bench.send("GET", target, key=None)).json()
            seen.append(json.dumps(shown))
    return seen


async def test_two_exchanges_of_one_seed_and_start_show_the_same_market(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()
    assert await _view(folders[0], 7) == await _view(folders[1], 7)
    assert await _view(folders[2], 8) != await _view(tmp_path, 7)


async def test_how_often_one_looks_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    seldom, often = Bench.make(tmp_path), Bench.make(tmp_path / "a")
    seldom.clock.step(90)
    for _ in range(180):
        often.clock.step(0.5)
        often.engine.advance()
    target = "/BTC-EUR/candles?interval=1m&limit=5"
    assert (await seldom.send("GET", target)).json() == (await often.send("GET", target)).json()


async def test_candles_cover_a_day_newest_first_and_add_up(bench: Bench) -> None:
    bench.clock.step(120)
    minutes = (await bench.send("GET", "/ETH-EUR/candles?interval=1m")).json()
    assert len(minutes) == 1440
    starts = [row[0] for row in minutes]
    assert starts == [starts[0] - 60_000 * index for index in range(1440)]
    hours = (await bench.send("GET", "/ETH-EUR/candles?interval=1h&limit=5")).json()
    inside = [row for row in minutes if hours[2][0] <= row[0] < hours[2][0] + 3_600_000]
    assert len(inside) == 60
    assert hours[2][1] == inside[-1][1]
    assert Decimal(hours[2][2]) == max(Decimal(row[2]) for row in inside)
    assert Decimal(hours[2][3]) == min(Decimal(row[3]) for row in inside)
    assert hours[2][4] == inside[0][4]
    assert Decimal(hours[2][5]) == sum(Decimal(row[5]) for row in inside)


@pytest.mark.parametrize("interval", ["5m", "15m", "30m", "2h", "4h", "6h", "8h", "12h", "1d"])
async def test_every_interval_starts_on_its_own_multiple(bench: Bench, interval: str) -> None:
    rows = (await bench.send("GET", f"/BTC-EUR/candles?interval={interval}&limit=3")).json()
    length = int(interval[:-1]) * {"m": 60_000, "h": 3_600_000, "d": 86_400_000}[interval[-1]]
    assert rows
    assert all(row[0] % length == 0 for row in rows)


async def test_the_book_has_a_realistic_spread_and_room_for_small_orders(bench: Bench) -> None:
    for spec in SPECS:
        for _ in range(5):
            bench.clock.step(3)
            book = (await bench.send("GET", f"/{spec.market}/book", key="readonly")).json()
            bids, asks = ([(Decimal(p), Decimal(s)) for p, s in book[side]] for side in ("bids", "asks"))
            assert bids == sorted(bids, reverse=True)
            assert asks == sorted(asks)
            spread = (asks[0][0] - bids[0][0]) / bids[0][0]
            assert Decimal("0.00005") < spread < Decimal("0.0006")
            near = [price * size for price, size in asks if price <= asks[0][0] * Decimal("1.005")]
            assert sum(near) > 500
            assert all(price % spec.tick == 0 for price, _ in bids + asks)


async def test_speed_moves_market_time_and_leaves_wall_time_alone(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, clock=StepClock(), speed=60)
    started = (await bench.send("GET", "/time")).json()["time"]
    bench.clock.step(60)
    assert (await bench.send("GET", "/time")).json()["time"] == started + 60_000
    newest = (await bench.send("GET", "/BTC-EUR/candles?interval=1m&limit=1")).json()[0][0]
    assert newest >= started + 58 * 60_000


async def test_prices_go_on_where_they_were_after_a_restart(tmp_path: Path) -> None:
    first = Bench.make(tmp_path)
    first.clock.step(300)
    before = (await first.send("GET", "/BTC-EUR/book?depth=2")).json()
    first.store.close()
    second = Bench.make(tmp_path, clock=StepClock(first.clock.at))
    after = (await second.send("GET", "/BTC-EUR/book?depth=2")).json()
    assert (before["bids"], before["asks"]) == (after["bids"], after["asks"])
