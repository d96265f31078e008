"""The refusals of the wire: HTTP status, errorCode and text belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNSUPPORTED_QUERY: Final = (
    "{} url parameter is not supported. Please note that parameters are case-sensitive and use body parameters for "
    "PUT and POST requests."
)
UNSUPPORTED_BODY: Final = (
    "{} body parameter is not supported. Please note that parameters are case-sensitive and use url parameters for "
    "GET and DELETE requests."
)
NOT_FOR_THIS_TYPE: Final = (
    "{} order parameter is not supported. Please note that certain parameters are only allowed for market or limit "
    "orders."
)

# (HTTP status, sentence) by errorCode. Sentences of 112, 220, 310, 422, 423 and 429 were never recorded: those follow
# the documentation's wording.
TEXTS: Final[dict[int, tuple[int, str]]] = {
    101: (500, "Unknown error. Operation may or may not have succeeded."),
    102: (400, "Invalid JSON."),
    105: (
        429,
        "Your IP or API key has been banned for not respecting the rate limit. The ban expires at {}.",
    ),
    107: (503, "The matching engine is overloaded. Please wait 500ms and resubmit your order."),
    108: (
        503,
        "The matching engine could not process your order in time. Please consider increasing the access window or "
        "resubmit your order.",
    ),
    109: (503, "The matching engine did not respond in time. Operation may or may not have succeeded."),
    112: (429, "Your WebSocket session has sent too many requests within a second."),
    200: (400, UNSUPPORTED_QUERY),
    201: (400, UNSUPPORTED_BODY),
    202: (400, NOT_FOR_THIS_TYPE),
    203: (400, "{} parameter is required."),
    204: (400, "{} parameter is not supported."),
    205: (400, "{} parameter is invalid."),
    206: (400, "Use either {} or {}. The usage of both parameters at the same time is not supported."),
    210: (400, "Amount exceeds the maximum allowed amount (1000000000)."),
    211: (400, "Price exceeds the maximum allowed amount (100000000000)."),
    212: (400, "Amount is below the minimum allowed amount for this asset."),
    213: (400, "Price is below the minimum allowed amount (0.000000000000001)."),
    216: (400, "You do not have sufficient balance to complete this operation."),
    217: (400, "Minimum order size in quote currency is 5 EUR or 0.001 BTC."),
    220: (400, "clientOrderId conflict within the market."),
    235: (400, "You can only have 100 open orders on each book."),
    240: (
        404,
        "No order found. Please be aware that simultaneously updating the same order may return this error.",
    ),
    300: (403, "Authentication is required for this endpoint."),
    301: (403, "API Key must be of length 64."),
    302: (
        403,
        "Timestamp is invalid. This must be a timestamp in ms. See Bitvavo-Access-Timestamp header or timestamp "
        "parameter for websocket.",
    ),
    303: (403, "Window must be between 100 and 60000 ms."),
    304: (
        403,
        "Request was not received within acceptable window (default 30s, or custom with Bitvavo-Access-Window "
        "header) of Bitvavo-Access-Timestamp header (or timestamp parameter for websocket).",
    ),
    305: (403, "No active API key found."),
    308: (403, "The signature length is invalid (HMAC-SHA256 should return a 64 length hexadecimal string)."),
    309: (403, "The signature is invalid."),
    310: (403, "This key does not allow trading actions."),
    311: (403, "This key does not allowing showing account information."),
    320: (403, "This action is forbidden."),
    400: (500, "Unknown error. Please contact support."),
    415: (404, "Invalid action. Please check the request."),
    422: (
        400,
        "Invalid price tick size. The entered price does not align with the allowed price increments.",
    ),
    423: (400, "The market is halted."),
    429: (400, "Too many decimal places in the {} parameter value."),
    431: (409, "getBook is not available for {} in state HALTED"),
}


@dataclass
class ApiError(Exception):
    """A refusal as the wire shows it: `{"errorCode": code, "error": text}` with an HTTP status."""

    status: int
    code: int
    text: str


def refusal(code: int, *names: object) -> ApiError:
    """The documented refusal of that errorCode; names fill the places its sentence leaves open."""
    status, sentence = TEXTS[code]
    return ApiError(status, code, sentence.format(*names))


def invalid_value(name: str, value: object) -> ApiError:
    """205 in its newer form, which repeats the value."""
    return ApiError(400, 205, f"{name} parameter {value} is invalid.")
