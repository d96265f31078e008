"""What the exchange's answers to orders, cancels and look-ups mean."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from console.exchange.errors import (
    ALREADY_CLOSED,
    NO_SUCH_ORDER,
    REJECTIONS,
    ExchangeUnreadable,
    parse_json,
    read_error,
)
from console.exchange.models import CanceledPayload, OrderPayload
from console.exchange.wire import read_one
from storage.codes import Side
from storage.execution_models import VenueFill, VenueOrder
from storage.executions import Accepted, Rejected


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing that settles it: the order may exist or not. ``cause`` is for the record."""

    cause: str


@dataclass(frozen=True, slots=True)
class Canceled:
    """The exchange took the rest of the order back."""

    order_id: str


@dataclass(frozen=True, slots=True)
class AlreadyGone:
    """The order was no longer open (filled, canceled, or not known); a look-up tells which."""

    http_status: int
    error_code: int


CancelAnswer: TypeAlias = Canceled | AlreadyGone | Rejected | NoAnswer
"""What may come of a cancel. Rejected: not canceled, for a listed reason."""


@dataclass(frozen=True, slots=True)
class Found:
    """The look-up found our order."""

    order: VenueOrder


@dataclass(frozen=True, slots=True)
class Missing:
    """The look-up said "no such order". That alone proves nothing: look-ups lag behind."""

    http_status: int
    error_code: int


@dataclass(frozen=True, slots=True)
class LookupFailed:
    """The look-up gave no usable answer."""

    cause: str


@dataclass(frozen=True, slots=True)
class OrderListing:
    """A market's orders. Only a complete one can testify that an order is not in it."""

    orders: tuple[VenueOrder, ...]
    complete: bool
    cause: str | None = None
    """Why it is not complete."""


@dataclass(frozen=True, slots=True)
class OwnTrade:
    """One fill of ours with the ids of its order."""

    order_id: str
    client_order_id: str | None
    market: str
    side: str
    fill: VenueFill


@dataclass(frozen=True, slots=True)
class TradeListing:
    """A market's own trades, and whether they were read to the last page."""

    trades: tuple[OwnTrade, ...]
    complete: bool
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What an answer must carry to be the answer to our order."""

    client_order_id: str
    market: str
    side: Side


def expected_of(body: str) -> Expected:
    """What an order's own request names. ValueError if it is none of ours."""
    try:
        sent = json.loads(body)
        UUID(sent["clientOrderId"])
        return Expected(sent["clientOrderId"], sent["market"], Side(sent["side"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"The stored request names no market, side and client order id: {error}.") from error


def same_id(ours: str, theirs: str | None) -> bool:
    """Whether two client order ids are the same UUID, however they are written."""
    if theirs is None:
        return False
    try:
        return UUID(ours) == UUID(theirs)
    except ValueError:
        return False


def classify_order_answer(status: int, body: bytes, expected: Expected) -> Accepted | Rejected | NoAnswer:
    """The meaning of an answer to ``POST /order``.

    Accepted only if it carries our client order id, market and side; Rejected only for a listed pair of HTTP status
    and errorCode; everything else settles nothing.
    """
    if status == 200:
        return _accepted(body, expected)
    code, text = read_error(body)
    if code is not None and (status, code) in REJECTIONS:
        return Rejected(status, code, text or REJECTIONS[status, code])
    return NoAnswer(_named(status, code, text))


def _accepted(body: bytes, expected: Expected) -> Accepted | NoAnswer:
    try:
        order = read_one(OrderPayload, parse_json(body), "answer to the order").order()
    except ExchangeUnreadable as error:
        return NoAnswer(str(error))
    mismatch = _another_order(order, expected)
    return Accepted(order) if mismatch is None else NoAnswer(mismatch)


def _another_order(order: VenueOrder, expected: Expected) -> str | None:
    """How an order differs from the one asked for; None if it is that one."""
    if not same_id(expected.client_order_id, order.client_order_id):
        return f"the answer carries client order id {order.client_order_id}, not ours"
    if order.market != expected.market:
        return f"the answer is about {order.market}, not {expected.market}"
    if order.side != expected.side:
        return f"the answer is about a {order.side}, not a {expected.side}"
    return None


def classify_cancel_answer(status: int, body: bytes, order_id: str | None, client_order_id: str) -> CancelAnswer:
    """The meaning of an answer to ``DELETE /order`` that named the order id, or the client order id if that is None."""
    if status == 200:
        try:
            canceled = read_one(CanceledPayload, parse_json(body), "answer to the cancel")
        except ExchangeUnreadable as error:
            return NoAnswer(str(error))
        if order_id is not None:
            ours = canceled.order_id.lower() == order_id.lower()
        else:
            ours = canceled.client_order_id is None or same_id(client_order_id, canceled.client_order_id)
        return Canceled(canceled.order_id) if ours else NoAnswer(f"the answer is about order {canceled.order_id}")
    code, text = read_error(body)
    if code is not None and (status, code) in ALREADY_CLOSED:
        return AlreadyGone(status, code)
    if code is not None and (status, code) in REJECTIONS:
        return Rejected(status, code, text or REJECTIONS[status, code])
    return NoAnswer(_named(status, code, text))


def classify_look_up(status: int, error_code: int | None, text: str) -> Missing | LookupFailed:
    """The meaning of a look-up's refusal: only (404, 240) says that there is no such order."""
    if error_code is not None and (status, error_code) == NO_SUCH_ORDER:
        return Missing(status, error_code)
    return LookupFailed(_named(status, error_code, text))


def _named(status: int, code: int | None, text: str) -> str:
    named = f"HTTP {status}" if code is None else f"HTTP {status}, code {code}"
    return f"{named}: {text}" if text else named
