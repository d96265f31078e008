"""Size and price of the operator's own ideas: from words to the order, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.execution.ideas import (
    BadIdea,
    ExitWords,
    Idea,
    NoPrice,
    draw_exit,
    draw_idea,
    rules_of_market,
)
from console.execution.ticket import Now, look_ahead, sized_answers, total_and_fee
from storage.clock import MINUTE
from storage.codes import CheckCode, OrderKind, OrderType, Origin, Side, TriggerType
from storage.execution_models import Trigger
from storage.money import Quantity
from tests.storage.builders import (
    HELD,
    by_code,
    coins,
    eur,
    exit_proposal,
    levels,
    make_question,
    make_quote,
    make_rules,
    price,
)

BUY = Idea("BTC-EUR", "buy", "25", None)
SELL = Idea("BTC-EUR", "sell", "25", None)


@pytest.mark.parametrize(
    ("idea", "limit"),
    [
        (BUY, "61458"),
        (SELL, "60843"),
        (replace(BUY, limit="ask"), "61152"),
        (replace(BUY, limit=" Bid "), "61148"),
        (replace(BUY, limit="mid"), "61150"),
        (replace(BUY, limit="61200"), "61200"),
    ],
)
def test_a_limit_is_a_word_or_a_price(idea: Idea, limit: str) -> None:
    new = draw_idea(idea, make_rules(), make_quote(), "you")
    assert new.limit is not None
    assert abs(new.limit.value - Decimal(limit)) <= 1
    assert new.eur == new.quantity * new.limit
    assert (new.origin, new.oracle, new.kind) == (Origin.OPERATOR, "you", OrderKind.ENTRY)


def test_an_idea_without_a_limit_goes_half_a_per_cent_through_the_book_and_no_further() -> None:
    buy, sell = (draw_idea(idea, make_rules(), make_quote(), "you").limit for idea in (BUY, SELL))
    assert buy is not None
    assert sell is not None
    assert buy.value <= Decimal("61152") * Decimal("1.005")
    assert sell.value >= Decimal("61148") * Decimal("0.995")


def test_a_market_order_has_no_limit() -> None:
    new = draw_idea(replace(BUY, limit="market"), make_rules(), make_quote(), "you")
    assert (new.order_type, new.limit) == (OrderType.MARKET, None)


def test_the_same_idea_again_names_its_parent() -> None:
    assert draw_idea(BUY, make_rules(), make_quote(), "you", 1042).parent_id == 1042


@given(st.decimals("6", "500", places=2), st.integers(50_000, 70_000), st.integers(5, 8))
def test_no_idea_costs_more_than_was_said(amount: Decimal, limit: int, decimals: int) -> None:
    rules = make_rules(quantity_decimals=decimals)
    new = draw_idea(replace(BUY, eur=str(amount), limit=str(limit)), rules, make_quote(), "you")
    assert new.eur.value <= amount
    assert (new.quantity + Quantity(Decimal(1).scaleb(-decimals))) * price(str(limit)) > eur(str(amount))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"side": "hold"}, "side"),
        ({"eur": "0"}, "eur"),
        ({"eur": "-5"}, "eur"),
        ({"eur": "abc"}, "eur"),
        ({"limit": "61200.5"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"limit": "best"}, "limit"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 20_000}, "minutes"),
        ({"eur": "0.0000001"}, "eur"),
    ],
)
def test_bad_words_name_their_field(wrong: dict[str, str], field: str) -> None:
    with pytest.raises(BadIdea) as caught:
        draw_idea(replace(BUY, **wrong), make_rules(), make_quote(), "you")  # type: ignore[arg-type]
    assert caught.value.field == field


def test_without_a_price_a_word_makes_no_limit() -> None:
    with pytest.raises(NoPrice, match="no ask now"):
        draw_idea(BUY, make_rules(), make_quote(asks=()), "you")
    assert draw_idea(replace(BUY, limit="61200"), make_rules(), make_quote(asks=()), "you").limit == price("61200")


def test_an_unknown_market_is_told_its_nearest() -> None:
    with pytest.raises(BadIdea, match="did you mean BTC-EUR"):
        rules_of_market("BTX-EUR", {"BTC-EUR": make_rules()}, None)
    with pytest.raises(NoPrice, match="cannot be read: no answer"):
        rules_of_market("BTC-EUR", {}, "no answer")


def test_an_exit_sells_a_share_of_what_is_free_at_the_bid_less_half_a_per_cent() -> None:
    new = draw_exit(ExitWords("BTC-EUR", "50"), coins("0.0061"), make_rules(), make_quote(), "you")
    assert (new.kind, new.side, new.quantity) == (OrderKind.EXIT, Side.SELL, coins("0.00305"))
    assert new.limit == price("60843")
    assert new.lives == 60 * MINUTE


def test_a_whole_exit_leaves_no_dust_the_market_could_take() -> None:
    new = draw_exit(ExitWords("BTC-EUR"), coins("0.0061"), make_rules(), make_quote(), "you")
    assert new.quantity == coins("0.0061")


@pytest.mark.parametrize("share", ["0", "100.1", "-1", "all"])
def test_a_share_is_a_percentage(share: str) -> None:
    with pytest.raises(BadIdea) as caught:
        draw_exit(ExitWords("BTC-EUR", share), coins("1"), make_rules(), make_quote(), "you")
    assert caught.value.field == "share"


def test_nothing_held_is_no_exit() -> None:
    with pytest.raises(BadIdea, match="holds no BTC"):
        draw_exit(ExitWords("BTC-EUR"), Quantity.zero(), make_rules(), make_quote(), "you")


@pytest.mark.parametrize(("kind", "at"), [(TriggerType.STOP_LOSS, "58000"), (TriggerType.TAKE_PROFIT, "70000")])
def test_a_stop_is_a_market_sell_that_waits_for_its_price(kind: TriggerType, at: str) -> None:
    words = ExitWords("BTC-EUR", "50", at, trigger=kind)
    new = draw_exit(words, coins("0.0061"), make_rules(), make_quote(), "you")
    assert (new.order_type, new.limit, new.trigger) == (OrderType.MARKET, None, Trigger(kind, price(at)))
    assert new.eur == coins("0.00305") * price(at)


@pytest.mark.parametrize(
    ("kind", "at", "field"),
    [
        (TriggerType.STOP_LOSS, None, "stop"),
        (TriggerType.STOP_LOSS, "bid", "stop"),
        (TriggerType.TAKE_PROFIT, "0", "take-profit"),
        (TriggerType.TAKE_PROFIT, "70000.001", "take-profit"),
    ],
)
def test_a_stop_waits_for_a_price_and_no_word(kind: TriggerType, at: str | None, field: str) -> None:
    with pytest.raises(BadIdea) as caught:
        draw_exit(ExitWords("BTC-EUR", limit=at, trigger=kind), coins("1"), make_rules(), make_quote(), "you")
    assert caught.value.field == field


def test_a_stop_waits_and_says_what_it_would_bring() -> None:
    waits = Trigger(TriggerType.STOP_LOSS, price("58000"))
    stop = exit_proposal(order_type=OrderType.MARKET, limit=None, trigger=waits)
    question = make_question(proposal=stop, facts=HELD)
    outlook = look_ahead(question.order, question.quote)
    assert outlook is not None
    assert outlook.now is Now.WAITS
    assert total_and_fee(question)[0] == eur("23.72")  # 0.00041 at 58000 is 23.78, less a quarter of a per cent
    assert sized_answers(question)[1] is None  # far from the market, but that is what a stop is for


def test_an_exit_far_from_the_market_asks_for_its_amount_and_passes_then() -> None:
    wide = {"asks": levels(("61700", "1")), "last": price("61400")}  # 0.9 % apart, the policy allows 0.5 %
    question = make_question(proposal=exit_proposal(), facts=HELD, quote=wide)
    checks, reason = sized_answers(question)
    assert reason == "SPREAD up to 4 times its limit"
    assert by_code(checks)[CheckCode.SPREAD].passed


def test_no_exit_goes_beyond_four_times_the_limit() -> None:
    wide = {"asks": levels(("62900", "1"))}
    question = make_question(proposal=exit_proposal(), facts=HELD, quote=wide)
    checks, reason = sized_answers(question)
    assert not by_code(checks)[CheckCode.SPREAD].passed
    assert reason is None


def test_the_override_of_an_exit_asks_for_no_amount() -> None:
    overridden = {CheckCode.ANTI_FLIP: "out"}
    question = make_question(proposal=exit_proposal(overrides=overridden), facts=HELD)
    assert sized_answers(question)[1] is None


def test_a_name_longer_than_any_market_is_not_repeated_whole() -> None:
    with pytest.raises(BadIdea) as refused:
        rules_of_market("A" * 5000, {"BTC-EUR": make_rules()}, None)
    assert len(str(refused.value)) < 120
