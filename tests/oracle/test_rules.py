from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from console.oracle.indicators import Figures
from console.oracle.rationale import cited_numbers, explain
from console.oracle.rules import REVERSION, TREND, Condition, Miss, Signal, judge, judge_all
from console.oracle.snapshot import Snapshot
from storage.codes import Side
from storage.money import Quantity
from tests.oracle.market import falling, flat, minute_candles, noise, rising, snapshot_of, swinging, view_of, walked

HELD = Quantity.of("0.01")


@pytest.fixture(scope="module")
def climbing() -> Snapshot:
    return snapshot_of(view_of(minute_candles(rising())))


def with_figures(snapshot: Snapshot, **figures: Decimal | None) -> Snapshot:
    return replace(snapshot, figures=replace(snapshot.figures, **figures))  # type: ignore[arg-type]


def trend_figures(gap: str, move: str, adx: str, rsi: str) -> dict[str, Decimal | None]:
    return {
        "gap_atr": Decimal(gap),
        "move_1h_pct": Decimal(move),
        "sigma_1h_pct": Decimal("0.40"),
        "adx": Decimal(adx),
        "rsi": Decimal(rsi),
    }


def reversion_figures(band: str, rsi: str, adx: str, off: str) -> dict[str, Decimal | None]:
    return {"band_z": Decimal(band), "rsi": Decimal(rsi), "adx": Decimal(adx), "mean_atr": Decimal(off)}


def test_a_climb_is_a_trend_to_buy_and_nothing_else(climbing: Snapshot) -> None:
    signals = [verdict for verdict in judge_all(replace(climbing, held=HELD)) if isinstance(verdict, Signal)]
    assert [(signal.oracle, signal.side) for signal in signals if signal.side is Side.BUY] == [(TREND, Side.BUY)]


def test_a_fall_is_a_trend_to_sell_only_where_coins_are_held() -> None:
    snapshot = snapshot_of(view_of(minute_candles(falling())))
    verdict = judge(TREND, Side.SELL, snapshot)
    assert isinstance(verdict, Miss)
    assert verdict.nearest == "nothing held to sell"
    assert isinstance(judge(TREND, Side.SELL, replace(snapshot, held=None)), Miss)
    assert isinstance(judge(TREND, Side.SELL, replace(snapshot, held=HELD)), Signal)


def test_a_drop_out_of_a_swing_is_a_reversion_to_buy_and_a_jump_one_to_sell() -> None:
    low = snapshot_of(view_of(minute_candles(swinging())))
    high = snapshot_of(view_of(minute_candles(swinging(lambda jump: jump))))
    assert isinstance(judge(REVERSION, Side.BUY, low), Signal)
    assert isinstance(judge(REVERSION, Side.SELL, replace(low, held=HELD)), Miss)
    assert isinstance(judge(REVERSION, Side.SELL, replace(high, held=HELD)), Signal)
    assert isinstance(judge(REVERSION, Side.BUY, high), Miss)


def test_a_flat_market_gives_no_signal() -> None:
    snapshot = replace(snapshot_of(view_of(minute_candles(flat()))), held=HELD)
    verdicts = judge_all(snapshot)
    assert all(isinstance(verdict, Miss) for verdict in verdicts)
    first = verdicts[0]
    assert isinstance(first, Miss)
    assert first.nearest == "EMA gap undefined: no movement (+1)"


def test_thresholds_belong_to_the_state(climbing: Snapshot) -> None:
    on = with_figures(climbing, **trend_figures("1.5", "0.40", "25", "75"))
    signal = judge(TREND, Side.BUY, on)
    assert isinstance(signal, Signal)
    assert signal.confidence == 100
    sold = judge(
        TREND, Side.SELL, replace(with_figures(climbing, **trend_figures("-1.5", "-0.40", "25", "25")), held=HELD)
    )
    assert isinstance(sold, Signal)
    assert sold.confidence == 100
    bought = judge(REVERSION, Side.BUY, with_figures(climbing, **reversion_figures("-2", "35", "25", "-2")))
    assert isinstance(bought, Signal)
    assert bought.confidence == 100
    high = replace(with_figures(climbing, **reversion_figures("2", "65", "25", "2")), held=HELD)
    assert isinstance(judge(REVERSION, Side.SELL, high), Signal)


@pytest.mark.parametrize(
    ("figures", "nearest"),
    [
        (trend_figures("1.49", "0.4", "25", "60"), "EMA gap +1.49 of 1.5 ATR"),
        (trend_figures("1.5", "0.39", "20", "60"), "1 h +0.39 of 0.4 %"),
        (trend_figures("1.5", "0.3", "24.9", "60"), "ADX 24.9 of 25"),
        (trend_figures("1.5", "0.4", "12", "78"), "RSI 78 over 75"),
        (trend_figures("1.5", "-0.4", "30", "49"), "RSI 49 of 50"),
        (trend_figures("0.5", "0.1", "10", "60"), "EMA gap +0.5 of 1.5 ATR (+1)"),
    ],
)
def test_a_miss_names_what_lacks_with_number_and_threshold(
    climbing: Snapshot, figures: dict[str, Decimal | None], nearest: str
) -> None:
    verdict = judge(TREND, Side.BUY, with_figures(climbing, **figures))
    assert isinstance(verdict, Miss)
    assert verdict.nearest == nearest
    assert len(verdict.conditions) == 4
    assert verdict.distance > 0


def test_the_required_condition_cannot_be_outvoted(climbing: Snapshot) -> None:
    verdict = judge(TREND, Side.BUY, with_figures(climbing, **trend_figures("1.4", "2", "60", "60")))
    assert isinstance(verdict, Miss)
    assert [condition.text for condition in verdict.lacking] == ["EMA gap +1.4 of 1.5 ATR"]


def test_two_of_four_are_not_enough_and_three_give_75(climbing: Snapshot) -> None:
    assert isinstance(judge(TREND, Side.BUY, with_figures(climbing, **trend_figures("2", "1", "10", "80"))), Miss)
    signal = judge(TREND, Side.BUY, with_figures(climbing, **trend_figures("2", "1", "30", "80")))
    assert isinstance(signal, Signal)
    assert (signal.agreeing, signal.confidence) == (3, 75)


def test_an_undefined_figure_meets_nothing() -> None:
    condition = Condition("band_z", "band", None, Decimal(-100), Decimal(100), Decimal(1))
    assert not condition.met
    assert condition.shortfall == Decimal("Infinity")


def test_every_number_of_a_rationale_is_one_of_the_snapshot() -> None:
    seen = 0
    for closes in (rising(), falling(), swinging(), swinging(lambda jump: jump)):
        snapshot = replace(snapshot_of(view_of(minute_candles(closes))), held=HELD)
        for verdict in judge_all(snapshot):
            if not isinstance(verdict, Signal):
                continue
            rationale = explain(verdict, snapshot)
            assert rationale is not None
            cited = cited_numbers(rationale, snapshot)
            assert len(cited) >= 5
            assert all(number.figure is not None for number in cited), (cited, rationale)
            assert len(rationale.why) <= 60
            assert rationale.invalidation_price is not None
            wrong = rationale.invalidation_price
            assert wrong < snapshot.bid if verdict.side is Side.BUY else wrong > snapshot.ask
            seen += 1
    assert seen >= 4


def test_a_number_that_is_not_in_the_snapshot_is_found_out(climbing: Snapshot) -> None:
    signal = judge(TREND, Side.BUY, climbing)
    assert isinstance(signal, Signal)
    rationale = explain(signal, climbing)
    assert rationale is not None
    forged = replace(rationale, risk_notes="volatility 12.3 % a year, mean 61 234.5, 3 h ago")
    unknown = [(number.text, number.value) for number in cited_numbers(forged, climbing) if number.figure is None]
    assert unknown == [("12.3", Decimal("12.3")), ("61 234.5", Decimal("61234.5"))]


def test_noise_alone_seldom_signals() -> None:
    """A random walk has no trend and no mean: a rule that fires on much of it looks at nothing."""
    on: dict[str, int] = {TREND: 0, REVERSION: 0}
    for seed in range(60):
        snapshot = snapshot_of(view_of(minute_candles(walked(noise(seed, 0.0005)))))
        for oracle in on:
            on[oracle] += isinstance(judge(oracle, Side.BUY, snapshot), Signal)
    print(f"signals in 60 random walks: {on}")  # noqa: T201
    assert all(count <= 12 for count in on.values())


def test_a_sell_mirrors_a_buy(climbing: Snapshot) -> None:
    figures: Figures = climbing.figures
    mirrored = with_figures(
        replace(climbing, held=HELD),
        gap_atr=None if figures.gap_atr is None else -figures.gap_atr,
        mean_atr=None if figures.mean_atr is None else -figures.mean_atr,
        band_z=None if figures.band_z is None else -figures.band_z,
        move_1h_pct=-figures.move_1h_pct,
        rsi=100 - figures.rsi,
    )
    for oracle in (TREND, REVERSION):
        buy, sell = judge(oracle, Side.BUY, climbing), judge(oracle, Side.SELL, mirrored)
        assert [condition.met for condition in buy.conditions] == [condition.met for condition in sell.conditions]
        assert type(buy) is type(sell)
