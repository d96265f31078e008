"""Money: exact, of three kinds that do not mix, and refusing whatever is no plain number."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from storage.money import EXACT, Eur, NotANumber, Price, Quantity, decimal_text, plain_decimal

KINDS = (Eur, Quantity, Price)
NUMBERS = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=Decimal("-1e15"), max_value=Decimal("1e15"), places=15
)
POSITIVE = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=Decimal("1e-8"), max_value=Decimal("1e9"), places=8
)


@given(NUMBERS)
def test_text_and_back_keeps_the_number(number: Decimal) -> None:
    text = decimal_text(number)
    assert plain_decimal(text) == number
    assert decimal_text(plain_decimal(text)) == text


@given(NUMBERS)
def test_the_text_is_plain_and_the_same_for_equal_numbers(number: Decimal) -> None:
    text = decimal_text(number)
    assert "E" not in text.upper()
    assert not ("." in text and text.endswith(("0", ".")))
    assert text == decimal_text(EXACT.add(number, Decimal("0E-30")))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("-0", "0"),
        ("0.000", "0"),
        ("-0.00", "0"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("1.10", "1.1"),
        ("1E-8", "0.00000001"),
    ],
)
def test_canonical_text(number: str, text: str) -> None:
    assert decimal_text(Decimal(number)) == text


@pytest.mark.parametrize(
    "bad",
    [
        0.1, 25.0, float("nan"), True, False, None, b"1", [], "", " ", "abc", "1,5", "0x10", "--1", "NaN", "sNaN",
        "nan", "Infinity", "-inf", Decimal("NaN"), Decimal("-Infinity"), "1e41", "1E-41", "1e999999999",
        "9" * 41, 10**40,
    ],
)  # fmt: skip
def test_what_is_no_plain_number_is_refused(bad: Any) -> None:
    with pytest.raises(NotANumber):
        plain_decimal(bad)
    for kind in KINDS:
        with pytest.raises(NotANumber):
            kind.of(bad)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [1, 1.5, "1", None, Decimal("NaN"), Decimal("Infinity")])
def test_the_constructor_takes_finite_decimals_only(kind: Any, bad: Any) -> None:
    with pytest.raises(NotANumber):
        kind(bad)


def test_a_refusal_does_not_repeat_a_long_text() -> None:
    with pytest.raises(NotANumber) as refused:
        plain_decimal("9" * 1_000)
    assert len(str(refused.value)) < 100


OPERATIONS = (operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("one", KINDS)
@pytest.mark.parametrize("other", [*KINDS, Decimal, int, float])
def test_kinds_do_not_mix(operation: Callable[[Any, Any], Any], one: Any, other: Any) -> None:
    left = one.of(1)
    right = other.of(1) if other in KINDS else other(1)
    if one is other:
        operation(left, right)
        return
    with pytest.raises(TypeError):
        operation(left, right)
    with pytest.raises(TypeError):
        operation(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Eur.of(1), Eur.of(1)),
        (Eur.of(1), Price.of(1)),
        (Price.of(1), Price.of(1)),
        (Quantity.of(1), Quantity.of(1)),
        (Quantity.of(1), Decimal(2)),
        (Price.of(1), 2),
    ],
)
def test_only_a_price_and_a_quantity_multiply(left: Any, right: Any) -> None:
    with pytest.raises(TypeError):
        left * right


@pytest.mark.parametrize("divisor", [Eur.of(1), Quantity.of(1), Decimal(1), 1])
def test_euros_are_divided_by_a_price_only(divisor: Any) -> None:
    with pytest.raises(TypeError):
        Eur.of(1) / divisor
    with pytest.raises(TypeError):
        Price.of(1) / divisor
    with pytest.raises(ZeroDivisionError):
        Eur.of(1) / Price.zero()


def test_equal_numbers_of_different_kinds_are_not_equal() -> None:
    assert Eur.of(1) != Price.of(1)
    assert Eur.of(1) != Decimal(1)
    assert len({Eur.of(1), Price.of(1), Quantity.of(1)}) == 3
    assert Eur.of("1.0") == Eur.of(1)
    assert hash(Eur.of("1.0")) == hash(Eur.of(1))


@pytest.mark.parametrize("kind", KINDS)
def test_an_amount_has_no_truth(kind: Any) -> None:
    with pytest.raises(TypeError, match="zero"):
        bool(kind.zero())


@given(quantity=POSITIVE, price=POSITIVE)
def test_value_is_exact_and_the_same_both_ways(quantity: Decimal, price: Decimal) -> None:
    value = Quantity(quantity) * Price(price)
    assert value == Price(price) * Quantity(quantity)
    assert value.value == EXACT.multiply(quantity, price)
    assert (value / Price(price)).value == quantity


@given(st.lists(NUMBERS, max_size=20))
def test_a_total_is_exact_in_any_order(numbers: list[Decimal]) -> None:
    amounts = [Eur(number) for number in numbers]
    assert Eur.total(amounts) == Eur.total(reversed(amounts))
    assert Eur.total([*amounts, *(Eur.zero() - amount for amount in amounts)]) == Eur.zero()


@pytest.mark.parametrize("number", [1, 2])
def test_a_total_of_another_kind_is_refused(number: int) -> None:
    with pytest.raises(TypeError, match=r"^Eur and Price do not mix$"):
        Eur.total([Price.of(1)] * number)  # type: ignore[list-item]


def test_a_long_amount_and_its_negative_cancel() -> None:
    long = Eur.of("1000000000000000.000000000000001")
    assert long + -long == Eur.zero()


@given(NUMBERS)
def test_cents_round_the_way_their_name_says(number: Decimal) -> None:
    amount = Eur(number)
    cent = Eur.of("0.01")
    assert amount <= amount.cents_up() < amount + cent
    assert abs(amount.cents_down().value) <= abs(number)
    assert abs((amount.cents() - amount).value) <= Decimal("0.005")
    assert abs(amount.micros_up()) >= abs(number * 1_000_000)


@given(price=POSITIVE, tick=st.sampled_from(["0.00001", "0.5", "1", "7"]))
def test_ticks_enclose_the_price(price: Decimal, tick: str) -> None:
    step = Price.of(tick)
    low, high = Price(price).to_tick(step, up=False), Price(price).to_tick(step, up=True)
    assert low <= Price(price) <= high
    assert high - low in (Price.zero(), step)
    assert EXACT.remainder(low.value, step.value) == EXACT.remainder(high.value, step.value) == 0


@given(quantity=POSITIVE, decimals=st.integers(0, 8))
def test_a_quantity_is_cut_never_raised(quantity: Decimal, decimals: int) -> None:
    cut = Quantity(quantity).rounded_down(decimals)
    assert Decimal(0) <= quantity - cut.value < Decimal(1).scaleb(-decimals)


class _Row(BaseModel):
    value: Eur


def test_models_read_exact_numbers_only_and_write_text() -> None:
    assert _Row.model_validate({"value": "25.090"}).value == Eur.of("25.09")
    assert _Row(value=Eur.of("25.090")).model_dump() == {"value": "25.09"}
    for bad in (25.09, "NaN", None, True):
        with pytest.raises(ValidationError):
            _Row.model_validate({"value": bad})


@pytest.mark.parametrize("text", ["1_0", "１２", "1,5", "0x10", "", "1 000"])
def test_only_plain_digits_are_numbers(text: str) -> None:
    with pytest.raises(NotANumber):
        Eur.of(text)
