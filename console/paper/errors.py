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

# (HTTP status, sentence) by errorCode; which sentences were never recorded is a row of the table of choices.
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
    111: (503, "The matching engine is not available at the moment."),
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
    215: (400, "Price is too detailed. A maximum of 15 digits behind the decimal point are allowed."),
    216: (400, "You do not have sufficient balance to complete this operation."),
    217: (400, "Minimum order size in quote currency is 5 EUR or 0.001 BTC."),
    219: (400, "This market is no longer listed."),
    220: (400, "clientOrderId conflict within the market."),
    231: (400, "The order is rejected by the matching engine. TimeInForce must be GTC when markets are paused."),
    232: (
        400,
        "You must change at least one of amount, amountRemaining, price, timeInForce, selfTradePrevention or postOnly.",
    ),
    234: (400, "Market orders cannot be updated."),
    235: (400, "You can only have 100 open orders on each book."),
    236: (400, "You can only update amount or amountRemaining, not both."),
    237: (400, "Required parameters for a stopLoss order are missing."),
    238: (400, "Required parameters for a stopLossLimit order are missing."),
    239: (400, "You cannot switch between amount and amountQuote."),
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
    306: (403, "No active API key found. Please ensure that you have confirmed the API key by e-mail."),
    307: (403, "This key does not allow access from this IP."),
    308: (403, "The signature length is invalid (HMAC-SHA256 should return a 64 length hexadecimal string)."),
    309: (403, "The signature is invalid."),
    310: (403, "This key does not allow trading actions."),
    311: (403, "This key does not allowing showing account information."),
    312: (403, "This key does not allowing withdrawal of funds."),
    313: (403, "The session is invalid."),
    316: (403, "Only public information about assets is available on this WebSocket."),
    317: (403, "This account is locked. Please contact support."),
    318: (403, "Verification is required for this action."),
    319: (403, "This action is not available in your region."),
    320: (403, "This action is forbidden."),
    400: (500, "Unknown error. Please contact support."),
    415: (404, "Invalid action. Please check the request."),
    422: (
        400,
        "Invalid price tick size. The entered price does not align with the allowed price increments.",
    ),
    423: (400, "The market is halted."),
    424: (400, "The market is in cancel only mode."),
    425: (400, "The market is in auction."),
    426: (400, "The market is matching its auction."),
    429: (400, "Too many decimal places in the {} parameter value."),
    430: (503, "The market data could not be read in time."),
    431: (409, "getBook is not available for {} in state HALTED"),
    514: (403, "This operation is not available."),
}

NEVER_GIVEN: Final[dict[int, str]] = {
    **dict.fromkeys((103, 104, 110), "legacy; its HTTP status was not found"),
    **dict.fromkeys((214, 218, 230, 233), "legacy; gone from the documentation"),
    **dict.fromkeys((*range(401, 415), *range(434, 440)), "about deposits and withdrawals"),
    **dict.fromkeys((314, 315), "about WebSockets in browsers"),
    **dict.fromkeys((322, 419, 510, 511, 512, 513), "no wording was found"),
}
"""Codes that are documented and never given here, with the reason."""


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
