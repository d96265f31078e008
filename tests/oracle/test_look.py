from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.oracle.look import Draft, LookResult, Outcome, look, quiet_line
from console.oracle.rationale import cited_numbers
from console.oracle.rules import REVERSION, TREND
from console.oracle.snapshot import MAX_BOOK_AGE, MAX_CANDLES_AGE, MarketView
from storage.clock import MINUTE, SECOND
from storage.codes import OrderType, Side
from storage.market_models import Level
from storage.money import Eur, Price, Quantity
from storage.policies import Policy
from tests.oracle.market import (
    DAY_MINUTES,
    NOW,
    RULES,
    falling,
    flat,
    minute_candles,
    noise,
    on_tick,
    policy,
    rising,
    swinging,
    view_of,
    walked,
    with_held,
)


def only_btc(**order: int) -> Policy:
    chosen = policy().model_copy(update={"allowlist": ("BTC-EUR",)})
    return chosen.model_copy(
        update={"order": chosen.order.model_copy(update={k: Decimal(v) for k, v in order.items()})}
    )


def look_at(view: MarketView, rules: Policy | None = None) -> LookResult:
    return look([view], only_btc() if rules is None else rules, NOW)


@pytest.fixture(scope="module")
def climbing() -> MarketView:
    return view_of(minute_candles(rising()))


@pytest.fixture(scope="module")
def sinking() -> MarketView:
    return view_of(minute_candles(falling()))


def test_a_buy_is_25_eur_at_half_a_percent_over_the_ask(climbing: MarketView) -> None:
    result = look_at(climbing)
    (draft,) = result.drafts
    ask = climbing.asks[0].price
    assert (draft.market, draft.side, draft.order_type, draft.oracle) == ("BTC-EUR", Side.BUY, OrderType.LIMIT, TREND)
    assert draft.limit == Price((ask.value * Decimal("1.005")).to_integral_value("ROUND_FLOOR"))
    assert draft.quote_at_creation == ask
    assert Eur.of("24.99") < draft.eur <= Eur.of(25)
    assert draft.eur == draft.quantity * draft.limit
    assert draft.ttl == 30 * MINUTE
    assert result.markets[0].outcome is Outcome.PROPOSED


def test_a_sell_is_all_that_is_held_at_half_a_percent_under_the_bid(sinking: MarketView) -> None:
    (draft,) = look_at(with_held(sinking, "0.012345678912")).drafts
    assert draft.side is Side.SELL
    assert draft.quantity == Quantity.of("0.01234567")
    bid = sinking.bids[0].price
    assert draft.limit == Price((bid.value * Decimal("0.995")).to_integral_value("ROUND_CEILING"))
    assert draft.quote_at_creation == bid


@pytest.mark.parametrize("held", ["0", None])
def test_nothing_held_is_nothing_sold(sinking: MarketView, held: str | None) -> None:
    view = replace(sinking, held=None if held is None else Quantity.of(held))
    result = look_at(view)
    assert not result.drafts
    assert "held" not in result.markets[0].nearest  # a buy is what is nearest


def test_dust_is_dropped_with_its_reason(sinking: MarketView) -> None:
    (market,) = look_at(with_held(sinking, "0.00000100")).markets
    assert (market.outcome, market.draft) == (Outcome.DROPPED, None)
    assert market.reason == "0.000001 BTC is under the market's 0.00006607"
    (market,) = look_at(with_held(sinking, "0.00008000")).markets
    assert market.reason.endswith("EUR is under the market's 5")


def test_a_higher_policy_minimum_is_bought_and_never_undershot(climbing: MarketView) -> None:
    coarse = replace(climbing, rules=replace(RULES, quantity_decimals=5))
    (draft,) = look_at(coarse, only_btc(min_eur=40)).drafts
    assert Eur.of(40) <= draft.eur < Eur.of(40) + Quantity.of("0.00001") * draft.limit


def test_a_buy_over_the_policy_maximum_is_dropped(climbing: MarketView) -> None:
    (market,) = look_at(climbing, only_btc(max_eur=20)).markets
    assert (market.outcome, market.reason) == (Outcome.DROPPED, "25 EUR is over the policy's 20")


def test_a_buy_under_the_market_minimum_is_dropped(climbing: MarketView) -> None:
    strict = replace(climbing, rules=replace(RULES, minimum_value=Eur.of(30)))
    assert look_at(strict).markets[0].reason == "25 EUR is under the market's 30"
    blunt = replace(climbing, rules=replace(RULES, quantity_decimals=2))
    assert look_at(blunt, only_btc(min_eur=0)).markets[0].reason == "0 BTC is under the market's 0.00006607"
    assert look_at(blunt).markets[0].reason == "0 EUR is under the policy's 10, the next step 0.01 BTC"


def test_a_market_without_limit_orders_is_dropped(climbing: MarketView) -> None:
    closed = replace(climbing, rules=replace(RULES, order_types=frozenset({"market"})))
    assert look_at(closed).markets[0].reason == "market takes no limit orders"


def test_a_confidence_the_policy_refuses_is_dropped(climbing: MarketView) -> None:
    picky = only_btc().model_copy(update={"confidences": (100,)})
    assert look_at(climbing, picky).markets[0].reason == "confidence 75 is not in the policy's list"


def test_an_empty_allowlist_looks_at_nothing(climbing: MarketView) -> None:
    result = look_at(climbing, policy().model_copy(update={"allowlist": ()}))
    assert result.markets == ()
    assert quiet_line(result, "14:30") == "nothing looked at 14:30: no market is allowed"


def test_a_market_off_the_allowlist_is_not_looked_at(climbing: MarketView) -> None:
    result = look_at(climbing, policy().model_copy(update={"allowlist": ("ETH-EUR",)}))
    assert [(market.market, market.reason) for market in result.markets] == [("ETH-EUR", "not fetched")]
    assert not result.drafts


def test_an_open_proposal_of_the_same_side_and_oracle_is_a_duplicate(climbing: MarketView) -> None:
    (market,) = look_at(replace(climbing, open_sides=frozenset({(TREND, Side.BUY)}))).markets
    assert (market.outcome, market.draft) == (Outcome.DUPLICATE, None)
    assert market.reason == "BUY of rules/trend-1 is still open"
    for other in ((TREND, Side.SELL), (REVERSION, Side.BUY), ("you", Side.BUY)):
        assert look_at(replace(climbing, open_sides=frozenset({other}))).drafts


def test_rules_that_contradict_each_other_propose_nothing() -> None:
    # A sharp drop is a trend to sell for one rule and a bargain for the other.
    view = view_of(minute_candles(swinging()))
    assert [draft.oracle for draft in look_at(view).drafts] == [REVERSION]
    (market,) = look_at(with_held(view, "0.01")).markets
    assert (market.outcome, market.reason) == (Outcome.DROPPED, "the rules contradict each other")


def test_a_signal_holds_while_its_state_holds(climbing: MarketView) -> None:
    later = [NOW + seconds * SECOND for seconds in (0, 10, 20, 29)]
    drafts = [look([climbing], only_btc(), now).drafts[0] for now in later]
    assert len({(draft.side, draft.limit, draft.quantity, draft.confidence) for draft in drafts}) == 1


def test_the_same_view_gives_the_same_look(climbing: MarketView) -> None:
    assert look_at(climbing) == look_at(climbing)
    first, second = look_at(climbing).drafts[0], look_at(climbing).drafts[0]
    assert first.snapshot.to_json() == second.snapshot.to_json()


def calm() -> MarketView:
    return view_of(minute_candles(walked(noise(2, 0.0002))))


def lively() -> MarketView:
    return view_of(minute_candles(walked(noise(2, 0.0012))))


def test_quiet_and_nothing_differ_by_the_policys_gate() -> None:
    (quiet,) = look_at(calm()).markets
    (nothing,) = look_at(lively()).markets
    assert (quiet.outcome, nothing.outcome) == (Outcome.QUIET, Outcome.NOTHING)
    assert set(quiet.numbers) == set(quiet.thresholds) == {"volatility_pct", "move_1h_pct", "move_4h_pct", "volume_z"}
    assert quiet.thresholds["move_1h_pct"] == Decimal("1.5")
    volatility = nothing.numbers["volatility_pct"]
    assert volatility is not None
    assert volatility > nothing.thresholds["volatility_pct"]


def test_the_line_counts_what_is_quiet_and_names_the_nearest_with_its_numbers(climbing: MarketView) -> None:
    other = replace(calm(), market="ETH-EUR", rules=replace(RULES, market="ETH-EUR"))
    both = policy().model_copy(update={"allowlist": ("BTC-EUR", "ETH-EUR")})
    result = look([climbing, other], both, NOW)
    line = quiet_line(result, "14:30")
    near = result.markets[1]
    assert line == f"quiet at 14:30: 1 of 2 markets · nearest ETH {near.nearest}"
    assert re.search(r"[\d.]+ (of|over) [\d.]+", near.nearest)
    assert near.snapshot is not None
    numbers = [Decimal(number) for number in re.findall(r"[+-]?\d+(?:\.\d+)?(?= (?:of|over) )", near.nearest)]
    figures = near.snapshot.figures
    assert numbers[0] in {
        figures.gap_atr,
        figures.band_z,
        figures.rsi,
        figures.adx,
        figures.move_1h_pct,
        figures.mean_atr,
    }


def test_the_nearest_market_is_the_one_that_lacks_least() -> None:
    names = ("ADA-EUR", "BTC-EUR", "ETH-EUR", "SOL-EUR", "XRP-EUR")
    views = [
        replace(
            view_of(minute_candles(walked(noise(40 + index, 0.0002)))), market=name, rules=replace(RULES, market=name)
        )
        for index, name in enumerate(names)
    ]
    result = look(views, policy().model_copy(update={"allowlist": names}), NOW)
    distances = {market.market: market.distance for market in result.markets if market.distance is not None}
    assert len(distances) >= 3
    nearest = min(distances, key=lambda name: distances[name])
    assert f"nearest {nearest.removesuffix('-EUR')} " in quiet_line(result, "14:30")


def test_the_line_says_so_when_every_market_has_an_idea(climbing: MarketView) -> None:
    assert quiet_line(look_at(climbing), "09:01") == "looked at 09:01: ideas in 1 of 1 markets"


def test_the_line_names_what_was_dropped(climbing: MarketView) -> None:
    old = replace(climbing, fetched_at=NOW - 48 * SECOND)
    line = quiet_line(look_at(old), "09:01")
    assert line == "no idea at 09:01: 1 of 1 markets dropped · BTC book 48 s old, more than 30"


def test_a_flat_market_is_quiet() -> None:
    (market,) = look_at(with_held(view_of(minute_candles(flat())), "0.01")).markets
    assert market.outcome is Outcome.QUIET
    assert "no movement" in market.nearest


SHAPES = {"rising": rising(), "falling": falling(), "low": swinging(), "high": swinging(lambda jump: jump)}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    shape=st.sampled_from(sorted(SHAPES)),
    kept=st.integers(0, DAY_MINUTES),
    book_age=st.integers(-5, 90),
    candles_age=st.integers(-5, 240),
)
def test_no_proposal_comes_from_too_little_or_too_old_data(
    shape: str, kept: int, book_age: int, candles_age: int
) -> None:
    candles = minute_candles(SHAPES[shape])[DAY_MINUTES - kept :]
    view = with_held(view_of(minute_candles(SHAPES[shape])), "0.01")
    view = replace(view, candles_1m=candles, fetched_at=NOW - book_age * SECOND, candles_at=NOW - candles_age * SECOND)
    (market,) = look_at(view).markets
    short = kept < 23 * 60
    old = book_age * SECOND > MAX_BOOK_AGE or candles_age * SECOND > MAX_CANDLES_AGE
    if short or old or min(book_age, candles_age) < -2:
        assert market.outcome is Outcome.DROPPED
        assert market.draft is None
        assert market.reason


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    shape=st.sampled_from(sorted(SHAPES)),
    scale=st.sampled_from(["0.000001", "0.0001", "0.01", "1", "10"]),
    tick=st.sampled_from(["1", "5", "0.5"]),
    spread=st.integers(1, 400),
    decimals=st.integers(0, 8),
    held=st.decimals("0", "5", places=10),
    min_eur=st.integers(0, 100),
)
def test_every_draft_keeps_to_tick_minimum_and_what_is_held(
    shape: str, scale: str, tick: str, spread: int, decimals: int, held: Decimal, min_eur: int
) -> None:
    size = Price.of(Decimal(tick) * Decimal(scale))
    closes = [close * float(scale) for close in SHAPES[shape]]
    rules = replace(RULES, tick_size=size, quantity_decimals=decimals, minimum_quantity=Quantity.of("0.0001"))
    base = view_of(minute_candles(closes, tick=str(size)), rules=rules)
    ask = Level(base.bids[0].price + size.scaled(spread), Quantity.of(3))
    view = replace(base, asks=(ask,), held=Quantity(held))
    for draft in look_at(view, only_btc(min_eur=min_eur)).drafts:
        check_draft(draft, view, Eur.of(min_eur))


def check_draft(draft: Draft, view: MarketView, least: Eur) -> None:
    rules = view.rules
    assert on_tick(draft.limit, rules.tick_size)
    assert draft.limit.is_positive
    assert draft.quantity == draft.quantity.rounded_down(rules.quantity_decimals)
    assert draft.quantity >= rules.minimum_quantity
    assert draft.eur == draft.quantity * draft.limit
    assert draft.eur >= rules.minimum_value
    assert draft.confidence in (75, 100)
    assert view.held is not None
    wrong = draft.rationale.invalidation_price
    assert wrong is not None
    assert on_tick(wrong, rules.tick_size)
    if draft.side is Side.BUY:
        assert view.asks[0].price <= draft.limit <= view.asks[0].price.scaled(Decimal("1.005"))
        assert draft.eur >= least
        assert wrong < view.bids[0].price
    else:
        assert view.bids[0].price.scaled(Decimal("0.995")) <= draft.limit
        assert draft.quantity <= view.held
        assert wrong > view.asks[0].price
    assert all(number.figure is not None for number in cited_numbers(draft.rationale, draft.snapshot))
