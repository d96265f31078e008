"""Money as three types that do not mix: euros, quantities of a coin, and prices.

Each wraps an exact ``Decimal``. A quantity times a price is euros; euros divided by a price is a quantity;
anything else across types is a ``TypeError``. Floats, NaN, infinities and exponent bombs are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Context, Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

CURRENCY: Final = "EUR"
EXACT: Final = Context(prec=60)
PLAIN: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
SHORT: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
"""Almost every number that is read: no exponent, so that its length bounds its digits and its size."""

MAX_DIGITS: Final = 40
"""No figure of an order or a limit needs more; a longer one is an attack or a mistake."""


_set: Final = object.__setattr__


class NotANumber(ValueError):
    """The text is no plain, finite decimal number of reasonable length."""


def plain_decimal(value: str | int | Decimal) -> Decimal:
    """Read an exact decimal; refuse floats, NaN, infinities and numbers longer than forty digits.

    Raises:
        NotANumber: with the offending text, shortened.
    """
    if type(value) is str and len(value) <= MAX_DIGITS and SHORT.fullmatch(value):
        return Decimal(value)  # nothing more can be wrong with it, and an answer of the exchange has thousands
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise NotANumber(f"{value!r} is not an exact number")
    if isinstance(value, str) and not PLAIN.fullmatch(value.strip()):
        raise NotANumber(f"{value[:40]!r} is not a plain number")
    number = Decimal(value.strip() if isinstance(value, str) else value)
    if not number.is_finite():
        raise NotANumber(f"{str(value)[:40]!r} is not a finite number")
    if len(number.as_tuple().digits) > MAX_DIGITS or abs(number.adjusted()) > MAX_DIGITS:
        raise NotANumber(f"{str(value)[:40]!r} has too many digits")
    return number


def decimal_text(number: Decimal) -> str:
    """The canonical text of a decimal: fixed point, no exponent, no trailing zeros, no minus zero."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@dataclass(frozen=True, slots=True, order=False, init=False)
class _Amount:
    """What the three types share: exact arithmetic within one type, scaling by plain numbers."""

    value: Decimal

    def __init__(self, value: Decimal) -> None:
        # Written out, as a page of history or an answer of the exchange makes hundreds and thousands of these.
        if not isinstance(value, Decimal) or not value.is_finite():
            raise NotANumber(f"{value!r} is not a finite Decimal")
        _set(self, "value", value)

    @classmethod
    def of(cls, value: str | int | Decimal) -> Self:
        """Read one from text, an integer or a Decimal. Raises NotANumber."""
        return cls(plain_decimal(value))

    @classmethod
    def total(cls, amounts: Iterable[Self]) -> Self:
        """The exact sum; zero for nothing. Raises TypeError for an amount of another kind."""
        known = tuple(amounts)
        if len(known) == 1 and type(known[0]) is cls:
            return known[0]
        start = cls.zero()
        number = start.value
        for amount in known:
            number = EXACT.add(number, start._same(amount))
        return cls(number)

    def _same(self, other: object) -> Decimal:
        if type(other) is not type(self):
            raise TypeError(f"{type(self).__name__} and {type(other).__name__} do not mix")
        return other.value

    def __add__(self, other: Self) -> Self:
        return type(self)(EXACT.add(self.value, self._same(other)))

    def __sub__(self, other: Self) -> Self:
        return type(self)(EXACT.subtract(self.value, self._same(other)))

    def __neg__(self) -> Self:
        return type(self)(EXACT.minus(self.value))

    def __lt__(self, other: Self) -> bool:
        return self.value < self._same(other)

    def __le__(self, other: Self) -> bool:
        return self.value <= self._same(other)

    def __gt__(self, other: Self) -> bool:
        return self.value > self._same(other)

    def __ge__(self, other: Self) -> bool:
        return self.value >= self._same(other)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.value == other.value

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.value))

    def __str__(self) -> str:
        return decimal_text(self.value)

    def __bool__(self) -> bool:
        raise TypeError("compare with zero() instead: zero is a number, not a missing one")

    def scaled(self, factor: Decimal | int) -> Self:
        """This many times the amount, exactly."""
        return type(self)(EXACT.multiply(self.value, Decimal(factor)))

    def ratio(self, other: Self) -> Decimal:
        """This divided by another of its kind, to 28 digits. Raises ZeroDivisionError."""
        divisor = self._same(other)
        if divisor == 0:
            raise ZeroDivisionError("ratio to zero")
        return self.value / divisor

    @classmethod
    def zero(cls) -> Self:
        """Nothing of it."""
        return cls(Decimal(0))

    @property
    def is_positive(self) -> bool:
        """More than zero."""
        return self.value > 0

    @property
    def is_zero(self) -> bool:
        """Exactly zero."""
        return self.value == 0

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # asked for by the checking library alone, which is loaded then

        def read(value: Any) -> _Amount:
            return value if isinstance(value, cls) else cls.of(value)

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


class Eur(_Amount):
    """An amount of euros, exact."""

    __slots__ = ()
    CENT: ClassVar[Decimal] = Decimal("0.01")

    def micros_up(self) -> int:
        """Whole micro-euros, rounded away from zero: for caps, never for balances."""
        return int((self.value * 1_000_000).to_integral_value(ROUND_UP))

    def cents_up(self) -> Eur:
        """Rounded up to whole cents."""
        return Eur(self.value.quantize(self.CENT, ROUND_CEILING))

    def cents_down(self) -> Eur:
        """Rounded toward zero to whole cents."""
        return Eur(self.value.quantize(self.CENT, ROUND_DOWN))

    def cents(self) -> Eur:
        """Rounded half to even to whole cents, for showing."""
        return Eur(self.value.quantize(self.CENT, ROUND_HALF_EVEN))

    def __truediv__(self, price: Price) -> Quantity:
        if not isinstance(price, Price):
            raise TypeError("euros are divided by a price")
        if price.value == 0:
            raise ZeroDivisionError("a price of zero")
        return Quantity(EXACT.divide(self.value, price.value))


class Quantity(_Amount):
    """An amount of a coin, exact."""

    __slots__ = ()

    def __mul__(self, price: Price) -> Eur:
        if not isinstance(price, Price):
            raise TypeError("a quantity is multiplied by a price")
        return Eur(EXACT.multiply(self.value, price.value))

    def rounded_down(self, decimals: int) -> Quantity:
        """Cut to so many decimals."""
        return Quantity(self.value.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN))


class Price(_Amount):
    """Euros for one coin, exact."""

    __slots__ = ()

    def __mul__(self, quantity: Quantity) -> Eur:
        if not isinstance(quantity, Quantity):
            raise TypeError("a price is multiplied by a quantity")
        return Eur(EXACT.multiply(self.value, quantity.value))

    def to_tick(self, tick: Price, *, up: bool) -> Price:
        """The next multiple of the tick size, upward or downward. Raises ZeroDivisionError for a zero tick."""
        steps = EXACT.divide(self.value, tick.value).to_integral_value(ROUND_CEILING if up else ROUND_DOWN)
        return Price(EXACT.multiply(steps, tick.value))
