"""What can go wrong on the way to the exchange, and which of its refusals say for certain that there is no order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

MAX_TEXT: Final = 300
"""No sentence from outside is kept longer than this."""


class ExchangeError(Exception):
    """The exchange could not be asked, did not answer, or refused; one sentence for a person."""


class MissingKeys(Exception):
    """A key pair that LIVE needs is not in the environment, or is malformed."""


class TransportSilent(ExchangeError):
    """No answer: timed out, reset, refused, cut. Says nothing about whether the request was applied."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"The exchange did not answer: {cause}.")
        self.cause = cause


class WrongClient(ExchangeError):
    """A client was asked for work that belongs to the other one, or to none. Nothing was sent."""


class WrongExchange(ExchangeError):
    """What answers is not the exchange this mode talks to."""


class ExchangeUnreadable(ExchangeError):
    """An answer came, but it is not what the exchange is known to send."""


class ExchangeRefused(ExchangeError):
    """An answer with another HTTP status than 200; ``error_code`` is None where the body names none."""

    def __init__(self, http_status: int, error_code: int | None, text: str) -> None:
        named = f"HTTP {http_status}" if error_code is None else f"HTTP {http_status}, code {error_code}"
        super().__init__(f"The exchange refused ({named}): {text or 'no reason given'}")
        self.http_status = http_status
        self.error_code = error_code
        self.text = text


class RateLimited(ExchangeError):
    """Not sent, or sent and refused, for the sake of the rate limit; ``until_ms`` is exchange time."""

    def __init__(self, until_ms: int, why: str) -> None:
        super().__init__(why)
        self.until_ms = until_ms


_INVALID_REQUEST = "the request was malformed"
_LIMITS = "outside the market's limits"
_MARKET = "the market does not take this order now"
_KEY = "the key or its signature was not accepted"
_ACCOUNT = "the account may not do this"

REJECTIONS: Final[Mapping[tuple[int, int], str]] = MappingProxyType(
    {
        (400, 102): _INVALID_REQUEST,
        (400, 200): _INVALID_REQUEST,
        (400, 201): _INVALID_REQUEST,
        (400, 202): _INVALID_REQUEST,
        (400, 203): _INVALID_REQUEST,
        (400, 204): _INVALID_REQUEST,
        (400, 205): _INVALID_REQUEST,
        (400, 206): _INVALID_REQUEST,
        (400, 210): _LIMITS,
        (400, 211): _LIMITS,
        (400, 212): _LIMITS,
        (400, 213): _LIMITS,
        (400, 214): _LIMITS,
        (400, 215): _LIMITS,
        (400, 216): "not enough balance",
        (400, 217): _LIMITS,
        (400, 218): _LIMITS,
        (400, 219): _MARKET,
        (400, 230): "the matching engine rejected it",
        (400, 231): _MARKET,
        (400, 235): "too many open orders in this market",
        (400, 237): _INVALID_REQUEST,
        (400, 238): _INVALID_REQUEST,
        (400, 422): "the price is no multiple of the tick size",
        (400, 423): _MARKET,
        (400, 424): _MARKET,
        (400, 425): _MARKET,
        (400, 426): _MARKET,
        (400, 429): "too many decimals",
        (403, 300): _KEY,
        (403, 301): _KEY,
        (403, 302): _KEY,
        (403, 303): _KEY,
        (403, 304): "it arrived outside its window",
        (403, 305): _KEY,
        (403, 306): _KEY,
        (403, 307): _KEY,
        (403, 308): _KEY,
        (403, 309): _KEY,
        (403, 310): "this key may not trade",
        (403, 311): _KEY,
        (403, 317): _ACCOUNT,
        (403, 318): _ACCOUNT,
        (403, 319): _ACCOUNT,
        (403, 320): _ACCOUNT,
    }
)
"""The only (HTTP status, errorCode) pairs that mean "there is no such order", and why in short.

Both numbers must match: 400, 401, 403, 404, 409, 422 and 429 are also errorCodes inside other HTTP statuses. Left out
on purpose: 220 (our id is already open: the order may well exist), 101, 107, 108, 109, 111 and every 5xx (the engine
may have it), 240, and HTTP 429 (no document says that a request answered so was never applied)."""

NO_SUCH_ORDER: Final = (404, 240)
"""An id that is unknown or, for cancels, already closed."""

NO_RIGHT: Final = frozenset({(403, 310), (403, 311)})
"""The key lacks a right: to trade, which the documents count reading orders to, or to see the account. Which of the two
a key without the right to trade is told when it reads orders is not documented; 310 is presumed."""

ALREADY_CLOSED: Final = frozenset({NO_SUCH_ORDER, (400, 233)})
"""Answers to a cancel of an order that is no longer open; 233 is the older one."""


def parse_json(body: bytes) -> Any:
    """The JSON value of a body; ExchangeUnreadable for anything else."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ExchangeUnreadable(f"The answer is no JSON: {body[:60]!r}.") from None


def read_error(body: bytes) -> tuple[int | None, str]:
    """The errorCode and the sentence of an error body; (None, "") where there is none, such as in HTML."""
    try:
        shown = parse_json(body)
    except ExchangeUnreadable:
        return None, ""
    if not isinstance(shown, dict):
        return None, ""
    code, text = shown.get("errorCode"), shown.get("error")
    known = code if isinstance(code, int) and not isinstance(code, bool) else None
    return known, text[:MAX_TEXT] if isinstance(text, str) else ""
