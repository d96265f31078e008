"""How JSON from the exchange is read: exact numbers, plain words, camelCase objects; unknown keys are ignored."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError
from pydantic.alias_generators import to_camel

from console.exchange.errors import ExchangeUnreadable
from storage.money import plain_decimal

MAX_DIGITS_OF_INT: Final = 19


def _exact(value: Any) -> Decimal:
    if not isinstance(value, str):
        raise ValueError("amounts are decimal texts")
    return plain_decimal(value)


def _not_negative(value: Any) -> Decimal:
    number = _exact(value)
    if number < 0:
        raise ValueError("is negative")
    return number


def _positive(value: Any) -> Decimal:
    number = _exact(value)
    if number <= 0:
        raise ValueError("is not above zero")
    return number


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS_OF_INT:
        return int(value)
    raise ValueError("is no whole number")


# Plain: what these have read is exact, and needs no second look.
Signed = Annotated[Decimal, PlainValidator(_exact)]
Amount = Annotated[Decimal, PlainValidator(_not_negative)]
Positive = Annotated[Decimal, PlainValidator(_positive)]
Whole = Annotated[int, BeforeValidator(_whole)]
Millis = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=10**14)]
Word = Annotated[str, Field(strict=True, min_length=1, max_length=64, pattern=r"^[!-~]+$")]
"""An id or name: visible ASCII, so that it can be stored and compared; its shape is the exchange's affair."""
Label = Annotated[str, Field(strict=True, min_length=1, max_length=64, pattern=r"^[ -~]+$")]
"""A status or reason: printable ASCII, kept as the exchange's own words."""


class Payload(BaseModel):
    """What all payloads share: camelCase names, further keys ignored."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


def first_fault(error: ValidationError) -> str:
    """Where a payload is wrong first, and how, in a few words."""
    fault = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"


Model = TypeVar("Model", bound=Payload)


def read_one(model: type[Model], value: Any, what: str) -> Model:
    """Read one object; ExchangeUnreadable names ``what`` and the first fault."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ExchangeUnreadable(f"The exchange's {what} cannot be read: {first_fault(error)}.") from None


def as_list(value: Any, what: str) -> list[Any]:
    """A JSON array; ExchangeUnreadable for anything else."""
    if not isinstance(value, list):
        raise ExchangeUnreadable(f"The exchange's {what} is no list.")
    return value


def read_all(model: type[Model], value: Any, what: str) -> tuple[Model, ...]:
    """Read every element of a list; one bad element fails them all."""
    return tuple(read_one(model, row, what) for row in as_list(value, what))


def read_most(model: type[Model], value: Any, what: str) -> tuple[Model, ...]:
    """Read the elements of a list of markets that can be read.

    An odd market is left out, so that whoever needs it finds nothing and refuses; it does not blind all others.
    ExchangeUnreadable if there are elements and none can be read.
    """
    rows = as_list(value, what)
    known: list[Model] = []
    fault: ExchangeUnreadable | None = None
    for row in rows:
        try:
            known.append(read_one(model, row, what))
        except ExchangeUnreadable as error:
            fault = fault or error
    if fault is not None and not known:
        raise fault
    return tuple(known)
