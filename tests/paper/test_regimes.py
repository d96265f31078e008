"""Regimes by order: each behaves as named, seed and regimes fix the prices, other markets are left alone."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from console.clock import MINUTE
from console.paper.markets import BY_NAME, SPECS
from console.paper.prices import PricePath
from console.paper.process import source_of
from console.paper.regimes import Change, Choice, RegimeError, parse_regime_options
from tests.paper.exchanges import control, running
from tests.paper.kit import Bench, limit
from tests.paper.test_candle_process import COMMANDS, _run
from tests.paper.test_played_market import short_file

BTC = BY_NAME["BTC-EUR"]
DAY_MINUTES = 1440
TARGETS = ("/ticker/price", "/BTC-EUR/book?depth=3", "/BTC-EUR/trades?limit=5", "/BTC-EUR/candles?interval=1m&limit=20")


def _moves(choice: Choice, seed: int = 7, minutes: int = DAY_MINUTES) -> list[float]:
    """Log moves from close to close."""
    path = PricePath(seed, BTC, [Change(0, choice)])
    closes = [path.close(minute) for minute in range(-1, minutes)]
    return [after - before for before, after in pairwise(closes)]


async def _view(bench: Bench) -> list[str]:
    return [json.dumps((await bench.send("GET", target, key=None)).json()) for target in TARGETS]


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_shock_runs_away_within_three_minutes_and_trembles_on(seed: int) -> None:
    moves = _moves(Choice.SHOCK, seed)
    largest = max(abs(sum(moves[at : at + 3])) for at in range(DAY_MINUTES))
    assert 0.025 < largest < 0.12
    shocks = [at for at in range(DAY_MINUTES - 3) if abs(sum(moves[at : at + 3])) > 0.025]
    assert shocks[0] < 8
    # Between shocks it is nearly as still as a quiet market.
    assert sorted(abs(move) for move in moves)[DAY_MINUTES // 2] < 0.0015


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_gap_has_no_price_between_one_minute_and_the_next(seed: int) -> None:
    path = PricePath(seed, BTC, [Change(0, Choice.GAP)])
    gaps, inside = [], []
    for minute in range(1, 300):
        before, after = path.points(minute - 1), path.points(minute)
        gaps.append(abs(math.log(after[0] / before[-1])))
        inside += [abs(math.log(b / a)) for a, b in pairwise(after)]
    leapt = [gap for gap in gaps if gap > 1e-9]
    assert 10 <= len(leapt) <= 40
    assert all(0.015 <= gap <= 0.04 for gap in leapt)
    # Inside a minute nothing leaps.
    assert max(inside) < 0.002


def test_a_quiet_market_stays_quiet_and_a_trend_outgrows_it() -> None:
    quiet, trend = _moves(Choice.QUIET), _moves(Choice.TREND)
    assert max(abs(move) for move in quiet) < 0.002
    assert abs(sum(trend)) > 2 * math.sqrt(sum(move * move for move in trend))


def test_a_reversion_goes_on_beyond_one_episode() -> None:
    moves = _moves(Choice.REVERSION, minutes=5 * DAY_MINUTES)
    # A random walk's variance grows with time; this one's stays behind.
    assert abs(sum(moves)) < math.sqrt(sum(move * move for move in moves))


@pytest.mark.parametrize("choice", list(Choice))
def test_no_regime_runs_out_of_prices_in_a_year(choice: Choice) -> None:
    path = PricePath(3, SPECS[2], [Change(0, choice)])
    prices = [math.exp(path.close(minute)) for minute in range(0, 365 * DAY_MINUTES, 60)]
    assert min(prices) > 10 * float(SPECS[2].tick)
    assert max(prices) < 10**6


def test_the_path_up_to_the_change_is_the_one_without_it() -> None:
    plain, changed = PricePath(7, BTC), PricePath(7, BTC, [Change(100, Choice.SHOCK)])
    assert [plain.close(m) for m in range(100)] == [changed.close(m) for m in range(100)]
    assert plain.close(100) != changed.close(100)


def test_a_change_in_the_past_is_refused() -> None:
    path = PricePath(7, BTC)
    path.close(50)
    path.change(Change(51, Choice.SHOCK))
    with pytest.raises(ValueError, match="minute 50 of BTC-EUR is past"):
        path.change(Change(50, Choice.GAP))


async def test_same_seed_and_regimes_show_the_same_market_whenever_one_looks(tmp_path: Path) -> None:
    seen = []
    for name, looks in (("a", 1), ("b", 30), ("c", 30)):
        (tmp_path / name).mkdir()
        first = {} if name == "c" else {"BTC-EUR": Choice.SHOCK}
        bench = Bench.make(tmp_path / name, regimes=first)
        for _ in range(looks):
            bench.clock.step(90 / looks)
            bench.engine.advance()
        bench.engine.choose_regimes({"BTC-EUR": Choice.GAP})
        bench.clock.step(290)
        seen.append(await _view(bench))
    assert seen[0] == seen[1]
    assert seen[2] != seen[0]


async def test_other_markets_are_generated_as_ever(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    plain, bench = Bench.make(tmp_path / "plain"), Bench.make(tmp_path, regimes={"BTC-EUR": Choice.GAP})
    for each in (plain, bench):
        each.clock.step(30)
    for target in ("/ETH-EUR/book", "/SOL-EUR/candles?interval=1m", "/ADA-EUR/trades"):
        assert (await plain.send("GET", target)).json() == (await bench.send("GET", target)).json()
    assert await _view(plain) != await _view(bench)


async def test_a_regime_of_the_first_start_is_in_the_history_too(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, regimes={"BTC-EUR": Choice.SHOCK})
    rows = (await bench.send("GET", "/BTC-EUR/candles?interval=5m", key=None)).json()
    widest = max(Decimal(row[2]) / Decimal(row[3]) for row in rows)
    assert widest > Decimal("1.025")


async def test_a_restart_goes_on_with_the_regimes_and_the_same_prices(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, regimes={"BTC-EUR": Choice.TREND})
    bench.clock.step(100)
    bench.engine.choose_regimes({"BTC-EUR": Choice.SHOCK, "ETH-EUR": Choice.QUIET})
    bench.clock.step(280)
    bench.engine.advance()
    lived = [bench.engine.markets["BTC-EUR"].path.points(minute) for minute in range(1440, 1446)]
    bench.store.close()
    again = Bench.make(tmp_path, clock=bench.clock, regimes={"BTC-EUR": Choice.SHOCK})
    assert [again.engine.markets["BTC-EUR"].path.points(minute) for minute in range(1440, 1446)] == lived
    assert again.engine.regimes.now() == {"BTC-EUR": "shock", "ETH-EUR": "quiet"}
    assert source_of(tmp_path) == again.engine.source() == "simulated, seed 7, BTC-EUR shock, ETH-EUR quiet"
    assert source_of(tmp_path, "ETH-EUR") == "simulated, seed 7, quiet"
    again.engine.choose_regimes({"BTC-EUR": Choice.SEED, "ETH-EUR": Choice.SEED})
    assert source_of(tmp_path) == "simulated, seed 7"


async def test_a_gap_fills_what_it_leaps_over_at_the_orders_own_price(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, regimes={"BTC-EUR": Choice.GAP}, balance="100000")
    bench.clock.step(1)
    bench.engine.advance()
    price = bench.engine.markets["BTC-EUR"].best_bid * Decimal("0.99") // 1
    await bench.send("POST", "/order", limit(price=f"{price}", amount="0.001"))
    for _ in range(4 * 3600):
        bench.clock.step(1)
        bench.engine.advance()
        if bench.order().status == "filled":
            break
    assert [(fill.price, fill.amount) for fill in bench.store.fills("1", [])] == [(price, Decimal("0.001"))]


def test_a_played_market_has_no_regime(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, candles={"BTC-EUR": short_file(tmp_path)})
    with pytest.raises(RegimeError, match="BTC-EUR plays a candle file; regimes are for generated prices"):
        bench.engine.choose_regimes({"ETH-EUR": Choice.GAP, "BTC-EUR": Choice.GAP})
    assert bench.engine.regimes.now() == {}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["BTC-EUR"], "'BTC-EUR' is not of the form MARKET=REGIME."),
        (["DOGE-EUR=shock"], "There is no market 'DOGE-EUR'; known are BTC-EUR, ETH-EUR, ADA-EUR, SOL-EUR, XRP-EUR."),
        (["BTC-EUR=wild"], "There is no regime 'wild'; known are quiet, trend, reversion, shock, gap, seed."),
        (["BTC-EUR=gap", "BTC-EUR=shock"], "BTC-EUR was given two regimes."),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(options: list[str], sentence: str) -> None:
    with pytest.raises(RegimeError) as refused:
        parse_regime_options(options)
    assert str(refused.value) == sentence


@pytest.mark.processes
def test_a_running_exchange_takes_regimes_and_keeps_what_it_was_told(tmp_path: Path) -> None:
    with running(tmp_path, "--regime", "BTC-EUR=trend", "--speed", "60") as address:
        assert control(address, regimes={"ETH-EUR": "shock"})["regimes"] == {"BTC-EUR": "trend", "ETH-EUR": "shock"}
        state = control(address, regimes={"BTC-EUR": "seed"})
        assert state["source"] == source_of(tmp_path) == "simulated, seed 7, ETH-EUR shock, speed ×60"
    with running(tmp_path) as address:
        assert control(address, clear=True)["regimes"] == {"ETH-EUR": "shock"}
    for command in COMMANDS:
        ended = _run(command, tmp_path / "other", "--regime", "BTC-EUR=wild")
        assert ended.returncode == 2
        assert "There is no regime 'wild'" in ended.stderr
        assert not (tmp_path / "other").exists()


def test_market_minutes_count_from_the_first_start(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path)
    bench.engine.choose_regimes({"BTC-EUR": Choice.GAP})
    assert bench.engine.regimes.of("BTC-EUR") == [Change(DAY_MINUTES + 1, Choice.GAP)]
    bench.clock.step(MINUTE / 1_000_000)
    bench.engine.choose_regimes({"BTC-EUR": Choice.SHOCK})
    assert bench.engine.regimes.of("BTC-EUR")[1] == Change(DAY_MINUTES + 2, Choice.SHOCK)
