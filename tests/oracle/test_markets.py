"""The rules on markets nobody made for them: the simulated exchange's history, and a month of real candles."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest

from console.oracle.look import LookResult, look, quiet_line
from console.oracle.rules import REVERSION, RULES, TREND, Signal, judge
from console.oracle.snapshot import MarketView
from console.paper.candles import CandleSeries
from console.paper.markets import SPECS, MarketSpec
from console.paper.prices import HISTORY_MINUTES, PricePath
from storage.clock import MINUTE, Micros
from storage.codes import Side
from storage.market_models import Candle, Level, MarketRules
from storage.money import Eur, Price, Quantity
from tests.oracle.market import NOW, policy, snapshot_of, view_of
from tests.oracle.market import RULES as BTC_RULES

DEFAULT_SEED = 7
CANDLE_FILE = Path(__file__).parents[2].parent / "shared" / "candles" / "btc-usdt-5m-2023.csv"


def rules_of(spec: MarketSpec) -> MarketRules:
    return replace(
        BTC_RULES,
        market=spec.market,
        base=spec.base,
        minimum_quantity=Quantity(spec.min_base),
        minimum_value=Eur(spec.min_quote),
        quantity_decimals=spec.quantity_decimals,
        tick_size=Price(spec.tick),
    )


def first_view(seed: int, spec: MarketSpec, now: Micros) -> MarketView:
    """What is fetched of a market in the moment its simulated exchange starts for the first time."""
    minute = now // MINUTE
    series = CandleSeries(PricePath(seed, spec), minute - HISTORY_MINUTES, minute)
    candles = tuple(
        Candle(
            at=made.start_ms * 1000,
            open=Price(made.open * spec.tick),
            high=Price(made.high * spec.tick),
            low=Price(made.low * spec.tick),
            close=Price(made.close * spec.tick),
            volume=Quantity(made.volume),
        )
        for made in series.minutes()
    )
    view = view_of(candles, now, rules_of(spec))
    last, one = candles[-1].close, Quantity.of(1)
    half = last.scaled(Decimal(repr(spec.spread)) / 2)
    return replace(
        view,
        bids=(Level((last - half).to_tick(view.rules.tick_size, up=False), one),),
        asks=(Level((last + half).to_tick(view.rules.tick_size, up=True), one),),
    )


def first_look(seed: int, now: Micros = NOW) -> LookResult:
    return look([first_view(seed, spec, now) for spec in SPECS], policy(), now)


def test_the_default_market_has_a_proposal_at_the_first_look() -> None:
    """Ten other seeds are looked at by the same rules and told, not required: what they hold is chance."""
    found: dict[int, list[str]] = {}
    for seed in (DEFAULT_SEED, 1, 2, 3, 11, 42, 99, 123, 1000, 2024, 31337):
        result = first_look(seed)
        found[seed] = [
            f"{draft.market} {draft.side.upper()} {draft.oracle} {draft.confidence}" for draft in result.drafts
        ]
        print(f"seed {seed:>5}: {found[seed]} | {quiet_line(result, '09:01')}")  # noqa: T201
    print(f"{sum(1 for drafts in found.values() if drafts)} of {len(found)} seeds found a proposal")  # noqa: T201
    assert found[DEFAULT_SEED]


@pytest.mark.parametrize("minutes", [1, 2, 3, 4])
def test_the_first_proposal_does_not_hang_on_the_minute_of_the_start(minutes: int) -> None:
    assert first_look(DEFAULT_SEED, NOW + minutes * MINUTE).drafts


@dataclass
class Share:
    on: int = 0
    looks: int = 0

    @property
    def percent(self) -> float:
        return 100 * self.on / self.looks


def real_candles() -> tuple[Candle, ...]:
    if not CANDLE_FILE.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{CANDLE_FILE.name} is missing")
        pytest.skip(f"{CANDLE_FILE.name} is not here")
    with CANDLE_FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Candle(
                at=int(row["timestamp"]) * 1000,
                open=Price.of(row["open"]),
                high=Price.of(row["high"]),
                low=Price.of(row["low"]),
                close=Price.of(row["close"]),
                volume=Quantity.of(row["volume"]),
            )
            for row in csv.DictReader(file)
        )


def test_each_rule_is_on_for_a_sane_share_of_a_real_month() -> None:
    """Every two hours of 38 days: a rule that is never or mostly on would be no help to anybody."""
    candles = real_candles()
    shares = {(oracle, side): Share() for oracle in RULES for side in Side}
    rules = replace(BTC_RULES, tick_size=Price.of("0.1"))
    for end in range(288, len(candles), 24):
        # Each five-minute candle stands as the one row of its first minute, as in a market that trades rarely.
        now = candles[end - 1].at + 5 * MINUTE
        view = replace(view_of(candles[end - 288 : end], now, rules), held=Quantity.of("0.01"))
        snapshot = snapshot_of(view, now)
        for (oracle, side), share in shares.items():
            share.looks += 1
            share.on += isinstance(judge(oracle, side, snapshot), Signal)
    for (oracle, side), share in shares.items():
        print(f"{oracle} {side.upper()} on {share.percent:.1f} % of {share.looks} looks")  # noqa: T201
    for side in Side:
        assert 1 <= shares[TREND, side].percent <= 15
        assert 1 <= shares[REVERSION, side].percent <= 15
