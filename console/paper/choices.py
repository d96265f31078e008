"""Every point on which the sources about the exchange disagree or are silent, and what is done here about it.

One row each: what is done, the source it is taken from with that source's date, and what the others say. Where sources
disagree the newest dated one is followed. Where none was found (`documented` is False) the row is a setting of this
simulation, chosen so that a client gets nothing easier than it may find it. A Choice is a value the code reads from
here, a Setting one that `--assume NAME=VALUE` replaces; a Practice is a way of doing that is more than a value.

Sources: D25 and D26 are the official documentation of August 2025 and of 2025-11 to 2026; T25 a live test-suite of
August and September 2025; L26-08, L26-09 and L26-10 notes of live probes of those months of 2026; EC a safety contract
of 2026-10-03; CCXT its release 4.5.90 of November 2026; REC traffic recorded by CCXT in 2023; README the official
SDKs'; SUPPORT a support article of 2025-06-01.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Generic, TypeVar

from console.paper import settable

T = TypeVar("T")
NONE_FOUND: Final = "none found"


@dataclass
class Choice(Generic[T]):
    """One row: the value, `source` as "TAG DATE" or "none found", and the reason in words."""

    value: T
    source: str
    why: str

    @property
    def documented(self) -> bool:
        """Whether any source states it; otherwise it is a setting."""
        return self.source != NONE_FOUND


@dataclass
class Setting(Choice[T]):
    """One row that can be set, as what it says is not known; `read` makes its value of a text (ValueError: none)."""

    read: Callable[[str], T]


class Practice(Choice[str]):
    """One row whose value is a sentence."""


# markets and orders -----------------------------------------------------------------------------------------------
MAX_OPEN_ORDERS = Choice(400, "L26-10 2026-10-05", "live maxOpenOrders; D25's text and the sentence of 235 say 100")
TICK_CODE = Choice(422, "D26 2025-11", "prices are multiples of tickSize; 214 and 218 belong to the years before")
PLACES_CODE = Choice(429, "D25 2025-08", "too many decimals; 205 in the years before")
CLOSED_ORDER_CODE = Choice(240, "D25 2025-08", "update or cancel of a closed order; 233 until 2024 (CCXT)")
MARKET_ORDER_UPDATE = Setting(
    234, NONE_FOUND, "a market order is closed at once, so its update could be 240 as well", settable.code
)
STOP_CODES = Choice((237, 238), "D25 2025-08", "stopLoss and stopLossLimit; taken for takeProfit and its limit too")
TRIGGER_AT_ONCE = Practice(
    "a trigger that is already reached triggers at once",
    "REC 2023-11",
    "a recorded stopLoss past its trigger was filled",
)
TRIGGER_HOLD = Practice(
    "one without a price holds its amount at triggerAmount",
    NONE_FOUND,
    "it expires if the balance is short at the trigger",
)
VISIBLE_TRIGGER = Choice(False, "REC 2023-11", "visible is false for a stopLoss; taken for any that awaits its trigger")
GROUP_ON_MARKET_ORDER = Choice(202, "D26 2025-11", "codGroupId is not for market orders; the code is not stated")
GROUP_REASON = Setting(
    "cancelOnDisconnect", NONE_FOUND, "reason of a cancel by cancelOrdersAfter; cod stands for it", settable.reason
)
GROUP_TIMER = Practice(
    "a timer cancels once and is used up", NONE_FOUND, "later orders of the group rest until it is armed"
)
CLIENT_ID_CASE = Practice("client ids that differ in case are one", NONE_FOUND, "so that they conflict")
CLIENT_ID_REUSE = Practice("free again once its order is closed", "D25 2025-08", "unique across open orders only")
OPERATOR_RANGE = Choice((1, 2**63 - 1), "SUPPORT 2025-06-01", "the recommended range is taken for the only one")
OPERATOR_REFUSED = Setting(205, NONE_FOUND, "code of an operatorId that is zero, negative or a text", settable.code)
UPDATE_PRIORITY = Practice(
    "an update goes to the queue's end", "D25 2025-08", "it is removed from the book for a moment"
)
UPDATE_OPERATOR = Practice(
    "an updated order shows the operatorId of its placement", NONE_FOUND, "it may be the update's"
)
ATOMIC_ANSWER = Practice(
    "DELETE /atomic/orders answers as DELETE /orders", NONE_FOUND, "only its request is documented"
)
SHORT_ANSWER = Practice(
    "responseRequired false answers five keys", "D25 2025-08", "the same page also says that only a status code comes"
)
FINAL_STATUSES = Practice(
    "canceled, expired, filled", "EC 2026-10-03", "the reason is in restatementReason; D25 has canceledIOC and others"
)
POST_ONLY_REASON = Practice("a postOnly that would trade shows no reason", NONE_FOUND, "D25 has canceledPostOnly")

# protection -------------------------------------------------------------------------------------------------------
EXECUTION_PROTECTION = Setting(
    Decimal("0.10"), "README 2025", "a market order's next fill so much worse than the best", settable.share
)
PLACEMENT_PROTECTION = Setting(
    Decimal("0.50"), NONE_FOUND, "a limit that much worse than the best opposite price", settable.share
)
SPREAD_PROTECTION = Setting(
    Decimal("0.20"), NONE_FOUND, "a market order where the spread is that share of the middle", settable.share
)
REFERENCE_PROTECTION = Setting(
    Decimal("0.25"), NONE_FOUND, "a market order where the best price is off the last by it", settable.share
)

# market states ----------------------------------------------------------------------------------------------------
CANCEL_WHILE_HALTED = Setting(True, NONE_FOUND, "whether a cancel is taken in a halted market", settable.flag)
CANCEL_IN_AUCTION_MATCHING = Setting(426, NONE_FOUND, "code of a cancel while an auction is matched", settable.code)
AUCTION_ORDERS = Practice(
    "GTC limit orders rest, others are 231 or 425", "CCXT 2026-11", "231: GTC when markets are paused"
)
REOPENING = Practice(
    "orders that cross after an auction meet by priority", NONE_FOUND, "the real one has one price for all"
)

# money ------------------------------------------------------------------------------------------------------------
FEE_TIERS: Choice[tuple[tuple[int, str, str], ...]] = Choice(
    (
        (0, "0.0025", "0.0015"),
        (100_000, "0.0020", "0.0010"),
        (250_000, "0.0016", "0.0008"),
        (500_000, "0.0012", "0.0006"),
        (1_000_000, "0.0010", "0.0005"),
        (2_500_000, "0.0008", "0.0004"),
        (5_000_000, "0.0006", "0.0004"),
        (10_000_000, "0.0005", "0.0003"),
        (25_000_000, "0.0004", "0.0003"),
    ),
    "CCXT 2026-11",
    "30-day volume in euros, taker, maker; CCXT's own default maker of 0.002 contradicts this and T25's live 0.0015",
)
FEE_DAYS = Choice(30, "CCXT 2026-11", "days of volume; when the tier is settled anew was not found: after every fill")
FEE_CATEGORIES = Practice("one table for all fee categories", NONE_FOUND, "the rates of the categories differ")
TIER_TYPE = Practice("fees.tier is an integer", "T25 2025-09", "live; D25 shows a string")
FEE_ROUNDING = Setting(
    "fill", NONE_FOUND, "each fill is rounded for itself, the dearer way; or an order's fills together",
    settable.one_of("fill", "order"),
)  # fmt: skip
QUOTE_ROUNDING = Practice("whole cents", NONE_FOUND, "of quotes other than euro; there are none here")
ZERO_BALANCE_ROW = Setting(False, NONE_FOUND, "whether a single symbol with nothing of it has a row", settable.flag)
ZERO_BALANCES_LISTED = Choice(False, "D25 2025-08", "all assets above zero; the traffic recorded in 2023 has zero rows")

# who may and how often --------------------------------------------------------------------------------------------
RATE_LIMIT_OF = Choice("account", "D26 2026-09", "signed requests are counted for the account; D25: for each key")
KEY_BAN_MINUTES = Choice(1, "D25 2025-08", "until the end of the minute after the running one")
ADDRESS_BAN_MINUTES = Choice(15, "D25 2025-08", "from the request that went over")
BAN_CODE = Choice(105, "D26 2025-11", "the error page; one snapshot of the rate limit page names 110")
REFUSED_WEIGHT = Setting(False, NONE_FOUND, "whether asking during a ban begins it anew", settable.flag)
RETRY_AFTER = Setting(False, NONE_FOUND, "whether an answer 429 has the header Retry-After", settable.flag)
LEGACY_CODES = Practice("103, 104 and 110 are never given", NONE_FOUND, "their HTTP status is not known")
FUTURE_MS = Setting(
    1_000, NONE_FOUND, "how far ahead a timestamp may be; clients that add 50 ms are accepted", settable.whole
)
FAILED_AUTHENTICATE = Setting(
    "action", NONE_FOUND, "what a refused authenticate names: its action, or its event with authenticated false",
    settable.one_of("action", "event"),
)  # fmt: skip
ECHOED_ORDER = Setting(
    True, "CCXT 2026-11", "whether a refusal repeats the orderId it was asked with, which CCXT looks for", settable.flag
)
DEFAULT_WINDOW_MS = Choice(10_000, "D25 2025-08", "the sentence of 304 still says 30 s")
VIEW_KEY_ON_ORDERS = Setting(
    310, NONE_FOUND, "a key without the right to trade on GET /order, /orders and their like", settable.code
)
VIEW_KEY_ON_BULK_CANCEL = Choice(311, "T25 2025-09", "a key without the right to trade on DELETE /orders")
LOCKED_ACCOUNT = Setting(317, NONE_FOUND, "which routes a locked account is refused: every private one", settable.code)
OPEN_ORDERS_WEIGHT = Choice((5, 100), "CCXT 2026-11", "with and without market; D25: 1 and 25")
BULK_CANCEL_WEIGHT = Choice((25, 100), "CCXT 2026-11", "with and without market; D25: not stated")
SINGLE_ASSET = Practice("GET /assets with symbol is an object", "L26-10 2026-10-05", "D25 shows an array")
SINGLE_MARKET = Practice("GET /markets with market is an object", "T25 2025-09", "D25 shows an array")
NOT_SERVED = Setting(
    514, NONE_FOUND, "what a documented route says that is not simulated: deposits, staking, reports", settable.code
)
INSTITUTIONAL = Practice(
    "/subaccounts and /institutional are unknown paths", NONE_FOUND, "CCXT names them without a payload"
)
SENTENCES = Choice(
    (111, 112, 219, 220, 237, 238, 239, 310, 313, 316, 318, 319, 320, 422, 423, 424, 425, 426, 429, 430, 514),
    NONE_FOUND,
    "codes whose text of 2026 was not recorded: the documentation's wording, or what --assume CODE=TEXT says",
)

TABLE: Final[dict[str, Choice[object]]] = {
    name: row for name, row in list(globals().items()) if isinstance(row, Choice)
}
"""All rows by name."""
