"""First in, first out: against a second, naive book of single coins."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.codes import Side
from storage.execution_models import Fill
from storage.money import Eur, Price, Quantity
from storage.positions import last_close_at_loss, replay

BTC: Final = "BTC-EUR"
UNIT: Final = Decimal("0.001")


def fill(side: Side, units: int, price: str, fee: str | None = "0", market: str = BTC, at: int = 0) -> Fill:
    """A fill of so many thousandths of a coin."""
    return Fill(
        id=at,
        execution_id=at,
        market=market,
        side=side,
        fill_id=str(at),
        at=at,
        quantity=Quantity(UNIT * units),
        price=Price.of(price),
        fee=None if fee is None else Eur.of(fee),
        taker=True,
        settled=fee is not None,
    )


def buy(units: int, price: str, fee: str | None = "0", market: str = BTC, at: int = 0) -> Fill:
    return fill(Side.BUY, units, price, fee, market, at)


def sell(units: int, price: str, fee: str | None = "0", market: str = BTC, at: int = 0) -> Fill:
    return fill(Side.SELL, units, price, fee, market, at)


def test_fees_are_part_of_cost_and_off_the_proceeds() -> None:
    book = replay([buy(2, "60000", "0.30", at=1), sell(2, "61000", "0.31", at=2)])
    assert book.positions == {}
    [result] = book.realised
    assert str(result.result) == "1.39"  # 122 - 0.31 - (120 + 0.30)
    assert (result.at, result.market, result.closing) == (2, BTC, True)


def test_the_oldest_lot_goes_first_and_a_part_of_it_keeps_its_share() -> None:
    book = replay([buy(2, "100", "0.02", at=1), buy(3, "200", "0.03", at=2), sell(1, "300", "0", at=3)])
    position = book.positions[BTC]
    assert [(lot.at, str(lot.quantity), str(lot.cost)) for lot in position.lots] == [
        (1, "0.001", "0.11"), (2, "0.003", "0.63"),
    ]  # fmt: skip
    assert (str(position.quantity), str(position.cost)) == ("0.004", "0.74")
    [result] = book.realised
    assert (str(result.result), result.closing) == ("0.19", False)


def test_a_sell_across_lots_takes_each_at_its_cost() -> None:
    book = replay([buy(1, "100", at=1), buy(1, "200", at=2), buy(1, "300", at=3), sell(2, "250", at=4)])
    assert [lot.at for lot in book.positions[BTC].lots] == [3]
    assert str(book.realised[0].result) == "0.2"  # 0.5 - 0.3


def test_coins_from_elsewhere_have_no_cost_and_yield_nothing() -> None:
    assert replay([sell(5, "100")]).realised == ()
    assert replay([sell(5, "100")]).positions == {}
    book = replay([buy(1, "100", at=1), sell(4, "200", "0.04", at=2)])
    [result] = book.realised
    assert str(result.result) == "0.09"  # a quarter of 0.8 - 0.04, less 0.1
    assert result.closing


def test_markets_do_not_mix() -> None:
    book = replay([buy(1, "100", at=1), sell(1, "200", market="ETH-EUR", at=2), buy(2, "5", market="ETH-EUR", at=3)])
    assert {market: str(held.quantity) for market, held in book.positions.items()} == {BTC: "0.001", "ETH-EUR": "0.002"}
    assert book.realised == ()


def test_a_fee_that_is_not_known_yet_counts_as_nothing() -> None:
    assert str(replay([buy(1, "100", None)]).positions[BTC].cost) == "0.1"


def test_a_loss_is_flagged_only_for_the_newest_sell_that_closed() -> None:
    opened, loss = buy(2, "100", at=1), sell(2, "90", at=2)
    assert last_close_at_loss(replay([opened, loss]), BTC) == 2
    assert last_close_at_loss(replay([opened, loss]), "ETH-EUR") is None
    assert last_close_at_loss(replay([opened]), BTC) is None
    assert last_close_at_loss(replay([opened, sell(1, "90", at=2)]), BTC) is None, "it did not close"
    assert last_close_at_loss(replay([opened, sell(2, "110", at=2)]), BTC) is None, "it was a gain"
    assert last_close_at_loss(replay([opened, sell(2, "100", at=2)]), BTC) is None, "it broke even"
    assert last_close_at_loss(replay([opened, sell(2, "100", "0.01", at=2)]), BTC) == 2, "the fee made it a loss"
    again = [opened, loss, buy(1, "80", at=3)]
    assert last_close_at_loss(replay(again), BTC) == 2
    assert last_close_at_loss(replay([*again, sell(1, "99", at=4)]), BTC) is None


def test_a_sell_in_several_fills_closed_at_a_loss_if_all_of_it_lost() -> None:
    opened = buy(3, "100", at=1)
    gained, lost = sell(2, "110", at=2), sell(1, "90", at=3)
    of_one_sell = replace(lost, execution_id=gained.execution_id)
    assert last_close_at_loss(replay([opened, gained, of_one_sell]), BTC) is None, "0.02 won, 0.01 lost"
    assert last_close_at_loss(replay([opened, gained, lost]), BTC) == 3, "a sell of its own"
    lost, gained = sell(2, "90", at=2), sell(1, "110", at=3)
    of_one_sell = replace(gained, execution_id=lost.execution_id)
    assert last_close_at_loss(replay([opened, lost, of_one_sell]), BTC) == 3, "0.02 lost, 0.01 won"


def test_a_share_that_has_an_end_is_exact() -> None:
    book = replay([buy(3, "100", at=1), sell(1, "90", at=2)])
    assert str(book.realised[0].result) == "-0.01"  # a third of 0.3, not of 0.33333 times 0.3
    assert str(book.positions[BTC].cost) == "0.2"
    endless = replay([buy(3, "100", "0.01", at=1), sell(1, "100", at=2)])  # a third of 0.31 has no end
    assert endless.positions[BTC].cost - endless.realised[0].result == Eur.of("0.21"), "no digit is lost"


@dataclass
class NaiveBook:
    """Every thousandth of a coin with what it cost, in a list; exact fractions."""

    units: dict[str, list[Fraction]] = field(default_factory=dict)
    results: list[tuple[int, str, Fraction, bool]] = field(default_factory=list)

    def take(self, fill: Fill) -> None:
        held = self.units.setdefault(fill.market, [])
        count = int(fill.quantity.value / UNIT)
        each = Fraction(fill.price.value) * Fraction(UNIT)
        fee = Fraction(0) if fill.fee is None else Fraction(fill.fee.value)
        if fill.side is Side.BUY:
            held.extend([each + fee / count] * count)
            return
        proceeds = each - fee / count
        sold = held[:count]
        del held[:count]
        if sold:
            result = sum((proceeds - cost for cost in sold), Fraction(0))
            self.results.append((fill.at, fill.market, result, not held))


FILLS: Final = st.lists(
    st.builds(
        fill,
        side=st.sampled_from(Side),
        units=st.integers(1, 9),
        price=st.decimals("0.01", "99999", places=2).map(str),
        fee=st.none() | st.decimals("-0.5", "5", places=6).map(str),
        market=st.sampled_from([BTC, "ETH-EUR"]),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(FILLS)
def test_the_book_agrees_with_a_naive_one(fills: list[Fill]) -> None:
    naive = NaiveBook()
    for each in fills:
        naive.take(each)
    book = replay(fills)
    near = Fraction(1, 10**15)
    assert set(book.positions) == {market for market, units in naive.units.items() if units}
    for market, position in book.positions.items():
        assert position.quantity.value == UNIT * len(naive.units[market])
        assert abs(Fraction(position.cost.value) - sum(naive.units[market])) < near
    assert len(book.realised) == len(naive.results)
    for ours, (at, market, result, closing) in zip(book.realised, naive.results, strict=True):
        assert (ours.at, ours.market, ours.closing) == (at, market, closing)
        assert abs(Fraction(ours.result.value) - result) < near
    money_in = sum((Fraction(lot.cost.value) for held in book.positions.values() for lot in held.lots), Fraction(0))
    assert abs(money_in - sum((sum(units) for units in naive.units.values()), Fraction(0))) < near
