"""Money: exact, of three kinds that do not mix, and refusing whatever is no plain number."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import ROUND_FLOOR, ROUND_UP, Decimal, localcontext
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
        ("-1.50", "-1.5"),
        ("-100.0", "-100"),
        ("0.10", "0.1"),
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


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (0.1, "0.1 is not an exact number"),
        (True, "True is not an exact number"),
        ("1,5", "'1,5' is not a plain number"),
        ("x" * 41, f"'{'x' * 40}' is not a plain number"),
        (Decimal("NaN"), "'NaN' is not a finite number"),
        (Decimal("-Infinity"), "'-Infinity' is not a finite number"),
        (Decimal("NaN" + "1" * 41), f"'NaN{'1' * 37}' is not a finite number"),
        ("1e41", "'1e41' has too many digits"),
        ("1" * 41, f"'{'1' * 40}' has too many digits"),
    ],
)
def test_a_refusal_names_the_text_and_what_is_wrong_with_it(bad: Any, sentence: str) -> None:
    with pytest.raises(NotANumber) as refused:
        plain_decimal(bad)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("good", "number"),
    [
        ("9" * 40, Decimal("9" * 40)),
        ("0." + "1" * 40, Decimal("0." + "1" * 40)),
        (10**39, Decimal(10**39)),
        (Decimal("1e40"), Decimal("1e40")),
        ("1e40", Decimal("1e40")),
        ("1E-40", Decimal("1E-40")),
        ("-1e-40", Decimal("-1e-40")),
        (" 25.09\n", Decimal("25.09")),
        ("+5", Decimal(5)),
        (".5", Decimal("0.5")),
        ("5.", Decimal(5)),
        ("-0012.50", Decimal("-12.5")),
        (0, Decimal(0)),
    ],
)
def test_the_longest_and_the_oddest_plain_numbers_are_read(good: Any, number: Decimal) -> None:
    assert plain_decimal(good) == number


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_constructor_refuses_is_named(kind: Any) -> None:
    with pytest.raises(NotANumber, match=r"^Decimal\('NaN'\) is not a finite Decimal$"):
        kind(Decimal("NaN"))
    with pytest.raises(NotANumber, match=r"^'1' is not a finite Decimal$"):
        kind("1")


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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("left", "right", "less", "at_most"),
    [
        ("1", "1.000001", True, True),
        ("1", "1", False, True),
        ("1", "1.0", False, True),
        ("1.000001", "1", False, False),
    ],
)
def test_each_comparison_has_its_own_edge(kind: Any, left: str, right: str, less: bool, at_most: bool) -> None:
    one, other = kind.of(left), kind.of(right)
    assert (one < other, one <= other, one > other, one >= other) == (less, at_most, not at_most, not less)
    assert (one == other, one != other) == (at_most and not less, less or not at_most)


def test_kinds_that_do_not_mix_are_named() -> None:
    with pytest.raises(TypeError, match=r"^Eur and Price do not mix$"):
        Eur.of(1) + Price.of(1)  # type: ignore[operator]
    with pytest.raises(TypeError, match=r"^Quantity and int do not mix$"):
        _ = Quantity.of(1) < 1  # type: ignore[operator]


@pytest.mark.parametrize("number", [1, 2])
def test_a_total_of_another_kind_is_refused(number: int) -> None:
    with pytest.raises(TypeError, match=r"^Eur and Price do not mix$"):
        Eur.total([Price.of(1)] * number)  # type: ignore[list-item]


def _any(value: object) -> Any:
    return value


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (lambda: bool(Eur.zero()), "compare with zero() instead: zero is a number, not a missing one"),
        (lambda: Eur.of(1) / _any(Eur.of(1)), "euros are divided by a price"),
        (lambda: Quantity.of(1) * _any(Quantity.of(1)), "a quantity is multiplied by a price"),
        (lambda: Price.of(1) * _any(Price.of(1)), "a price is multiplied by a quantity"),
    ],
)
def test_a_wrong_operation_says_what_is_right(operation: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(TypeError) as refused:
        operation()
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [(lambda: Eur.of(1) / Price.zero(), "a price of zero"), (lambda: Eur.of(1).ratio(Eur.zero()), "ratio to zero")],
)
def test_nothing_is_divided_by_zero(operation: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ZeroDivisionError) as refused:
        operation()
    assert str(refused.value) == sentence


def test_an_amount_is_scaled_exactly_and_compared_as_a_share() -> None:
    assert Eur.of("0.1").scaled(3) == Eur.of("0.3")
    assert Price.of("1.5").scaled(Decimal("0.5")) == Price.of("0.75")
    long = "1234567890123456789012345678.9"
    assert Eur.of(long).scaled(2) == Eur.of("2469135780246913578024691357.8")
    assert Eur.of("1").ratio(Eur.of("8")) == Decimal("0.125")
    assert Eur.of("8").ratio(Eur.of("-1")) == Decimal(-8)
    with pytest.raises(TypeError, match=r"^Eur and Price do not mix$"):
        Eur.of(1).ratio(Price.of(1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "positive", "zero"), [("1e-40", True, False), ("0.0", False, True), ("-1e-40", False, False)]
)
def test_more_than_nothing_starts_right_after_it(number: str, positive: bool, zero: bool) -> None:
    assert (Eur.of(number).is_positive, Eur.of(number).is_zero) == (positive, zero)


@pytest.mark.parametrize(
    ("amount", "micros", "up", "down", "shown"),
    [
        ("1.0000001", 1_000_001, "1.01", "1", "1"),
        ("-1.0000001", -1_000_001, "-1", "-1", "-1"),
        ("0.015", 15_000, "0.02", "0.01", "0.02"),
        ("0.025", 25_000, "0.03", "0.02", "0.02"),
        ("-0.019", -19_000, "-0.01", "-0.01", "-0.02"),
        ("3", 3_000_000, "3", "3", "3"),
    ],
)
def test_whole_cents_and_micros(amount: str, micros: int, up: str, down: str, shown: str) -> None:
    given_ = Eur.of(amount)
    assert given_.micros_up() == micros
    assert (str(given_.cents_up()), str(given_.cents_down()), str(given_.cents())) == (up, down, shown)


@pytest.mark.parametrize("rounding", [ROUND_UP, ROUND_FLOOR])
def test_rounding_is_the_methods_own_whatever_the_thread_is_set_to(rounding: str) -> None:
    with localcontext(rounding=rounding):
        assert str(Eur.of("0.025").cents()) == "0.02"
        assert str(Eur.of("-0.019").cents_down()) == "-0.01"
        assert str(Eur.of("0.011").cents_up()) == "0.02"
        assert Eur.of("0.0000001").micros_up() == 1
        assert str(Quantity.of("0.19").rounded_down(1)) == "0.1"


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
    assert len({hash(Eur.of(1)), hash(Eur.of(2)), hash(Price.of(1))}) == 3


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


def test_models_read_exact_numbers_only_and_write_text() -> None:
    class _Row(BaseModel):
        value: Eur

    known = Eur.of("0.50")
    assert _Row(value=known).value is known
    assert _Row.model_validate({"value": "1e40"}).value == Eur.of("1e40")
    assert _Row.model_validate({"value": "25.090"}).value == Eur.of("25.09")
    assert _Row(value=Eur.of("25.090")).model_dump() == {"value": "25.09"}
    for bad in (25.09, "NaN", None, True):
        with pytest.raises(ValidationError):
            _Row.model_validate({"value": bad})


@pytest.mark.parametrize("text", ["1_0", "１２", "1,5", "0x10", "", "1 000"])
def test_only_plain_digits_are_numbers(text: str) -> None:
    with pytest.raises(NotANumber):
        Eur.of(text)
