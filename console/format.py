"""The one formatter: every figure on a screen, in a line of output or in JSON is spelt here.

Amounts are exact and rounded half to even where rounded at all; thousands stand apart by a plain space unless
``grouped`` is false (for output that is read aloud or by programs). The sign of a signed amount is that of
the exact value, also when it rounds to zero; exactly zero has no sign. A percentage that rounds to zero has none.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from storage.clock import DAY, HOUR, MINUTE, SECOND, Micros
from storage.money import EXACT, Eur, Price, Quantity, decimal_text

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UTC_TIME: Final = re.compile(r"\b\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _rounded(number: Decimal, decimals: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN, context=EXACT)


def _grouped(digits: str) -> str:
    """Thousands of an unsigned fixed-point number apart by spaces; the decimals stay together."""
    whole, point, decimals = digits.partition(".")
    return f"{int(whole):,}".replace(",", " ") + point + decimals


def _fixed(number: Decimal, decimals: int | None, *, signed: bool, grouped: bool) -> str:
    """Fixed point with so many decimals, or with all the number has for None."""
    size = abs(number)
    digits = decimal_text(size) if decimals is None else format(_rounded(size, decimals), "f")
    body = _grouped(digits) if grouped else digits
    if number > 0:
        return f"+{body}" if signed else body
    shows_something = any(digit in "123456789" for digit in digits)
    return f"-{body}" if number < 0 and (signed or shows_something) else body


def eur(amount: Eur, *, grouped: bool = True) -> str:
    """Euros with two decimals, such as ``25.16`` or ``1 204.30``."""
    return _fixed(amount.value, 2, signed=False, grouped=grouped)


def eur_signed(amount: Eur, *, grouped: bool = True) -> str:
    """A gain or loss in euros, such as ``+1.84`` or ``-0.44``."""
    return _fixed(amount.value, 2, signed=True, grouped=grouped)


def eur_plain(amount: Eur) -> str:
    """Euros as a person types them: always two decimals, no grouping."""
    return _fixed(amount.value, 2, signed=False, grouped=False)


def tick_decimals(tick: Price) -> int:
    """How many decimals prices have whose tick is this.

    Raises:
        ValueError: for a tick that is not positive.
    """
    if not tick.is_positive:
        raise ValueError(f"a tick of {tick} says nothing about decimals")
    _, _, decimals = decimal_text(tick.value).partition(".")
    return len(decimals)


def price(value: Price, tick: Price, *, grouped: bool = True) -> str:
    """A market's price to the decimals of its tick: ``61 200``, ``2 066.0``, ``0.34120``; averages are rounded.

    Raises:
        ValueError: for a tick that is not positive.
    """
    return _fixed(value.value, tick_decimals(tick), signed=False, grouped=grouped)


def limit_price(value: Price, tick: Price, *, grouped: bool = True) -> str:
    """An order's price: never rounded, with at least the decimals of its tick.

    Raises:
        ValueError: for a tick that is not positive.
    """
    _, _, own = decimal_text(value.value).partition(".")
    return _fixed(value.value, max(tick_decimals(tick), len(own)), signed=False, grouped=grouped)


def quantity(amount: Quantity, decimals: int | None = None, *, grouped: bool = True) -> str:
    """A quantity of a coin: all its digits, or rounded to so many decimals for a column."""
    return _fixed(amount.value, decimals, signed=False, grouped=grouped)


def percent(fraction: Decimal, decimals: int = 2, *, signed: bool = True, spaced: bool = True) -> str:
    """A fraction as a percentage: 0.0017 is ``+0.17 %``, or ``+0.17%`` in columns that have no room.

    What rounds to zero has no sign: nothing on the screen moved.
    """
    number = _rounded(EXACT.multiply(fraction, Decimal(100)), decimals)
    figure = _fixed(number, decimals, signed=signed, grouped=True)
    return f"{figure} %" if spaced else f"{figure}%"


def age(length: Micros) -> str:
    """How old something is, in at most two units: ``0.4 s``, ``12 s``, ``2 m 22 s``, ``1 h``, ``7 d 5 h``.

    Cut, not rounded. A negative age (a clock that jumped) keeps its sign.
    """
    if length < 0:
        return f"-{age(-length)}"
    if length < 10 * SECOND:
        tenths = length // (SECOND // 10)
        return f"{tenths // 10}.{tenths % 10} s"
    for unit, name, part, part_name in (
        (DAY, "d", HOUR, "h"),
        (HOUR, "h", MINUTE, "m"),
        (MINUTE, "m", SECOND, "s"),
    ):
        if length >= unit:
            rest = length % unit // part
            return f"{length // unit} {name} {rest} {part_name}" if rest else f"{length // unit} {name}"
    return f"{length // SECOND} s"


def micros(seconds: float) -> Micros:
    """A difference of two monotonic times, in seconds, as a length of time."""
    return round(seconds * SECOND)


def countdown(length: Micros) -> str:
    """Time left as ``7:12`` or ``1:56:52``; a begun second counts, so ``0:00`` means over."""
    seconds = max(-(-length // SECOND), 0)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def moment(at: Micros, zone: tzinfo = UTC) -> datetime:
    """An aware datetime, exact to the microsecond. Raises OverflowError outside the years 1 to 9999."""
    return (_EPOCH + timedelta(microseconds=at)).astimezone(zone)


def clock(at: Micros, zone: tzinfo) -> str:
    """The time of day to the second: ``14:32:08``."""
    return f"{moment(at, zone):%H:%M:%S}"


def minute(at: Micros, zone: tzinfo) -> str:
    """The time of day to the minute: ``14:32``."""
    return f"{moment(at, zone):%H:%M}"


def clock_ms(at: Micros, zone: tzinfo) -> str:
    """The time of day to the millisecond: ``14:33:02.118``."""
    local = moment(at, zone)
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"


def day(at: Micros, zone: tzinfo) -> str:
    """The date as ``Tue 24 Nov``, in English whatever the locale."""
    local = moment(at, zone)
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}"


def date(at: Micros, zone: tzinfo) -> str:
    """The date as ``2026-11-24``, which no other day has."""
    return f"{moment(at, zone):%Y-%m-%d}"


def until(at: Micros, now: Micros, zone: tzinfo) -> str:
    """A time to wait for: ``16:29`` today, with its date on any other day."""
    today = moment(at, zone).date() == moment(now, zone).date()
    return minute(at, zone) if today else f"{day(at, zone)} {minute(at, zone)}"


def soon(at: Micros, now: Micros, zone: tzinfo) -> str:
    """The same within a week, for a column: ``16:29`` today, ``Wed 11:36`` on any other day."""
    today = moment(at, zone).date() == moment(now, zone).date()
    return minute(at, zone) if today else f"{day(at, zone)[:3]} {minute(at, zone)}"


def local_times(text: str, now: Micros, zone: tzinfo) -> str:
    """A sentence of the vault with its times, which are ISO 8601 in UTC, as a person's clock shows them."""

    def shown(found: re.Match[str]) -> str:
        try:
            at = moment_of(found[0])
        except ValueError:  # such as the 31st of February, in a text that is not the vault's own
            return found[0]
        today = moment(at, zone).date() == moment(now, zone).date()
        return clock(at, zone) if today else f"{day(at, zone)} {minute(at, zone)}"

    return _UTC_TIME.sub(shown, text)


def moment_of(text: str) -> Micros:
    """The time that ``2026-11-24T14:32:08Z`` names. Raises ValueError for anything else."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


def iso(at: Micros) -> str:
    """ISO 8601 in UTC with six decimals, for JSON: ``2026-11-24T14:32:08.118000Z``."""
    return f"{moment(at).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
