"""`GET /account/history`: the first deposit and every own trade, newest first, by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from console.paper.auth import VIEW
from console.paper.calls import LATEST_MS, Call, Route, points
from console.paper.decimals import text
from console.paper.engine import Engine
from console.paper.errors import invalid_value
from console.paper.markets import BY_NAME
from console.paper.store import Fill, Store

MOST_ITEMS: Final = 100
MOST_PAGES: Final = 1_000_000
DEPOSIT_ID: Final = "00000000-0000-0000-0400-000000000001"
TYPES: Final = frozenset(
    {
        "sell", "buy", "staking", "fixed_staking", "deposit", "withdrawal", "affiliate", "distribution",
        "internal_transfer", "withdrawal_cancelled", "rebate", "loan", "external_transferred_funds",
        "manually_assigned", "manually_assigned_bitvavo",
    }
)  # fmt: skip
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(at_ms: int) -> str:
    """ISO 8601 with milliseconds and Z, as the route writes its times."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trade(fill: Fill) -> dict[str, Any]:
    """An own trade. What is sent and received is stated without the fee, which stands for itself (inferred)."""
    spec, gross = BY_NAME[fill.market], fill.price * fill.amount
    quote, base = (spec.quote, text(gross)), (spec.base, text(fill.amount))
    sent, received = (quote, base) if fill.side == "buy" else (base, quote)
    return {
        "transactionId": fill.fill_id,
        "executedAt": _moment(fill.at_ns // 1_000_000),
        "type": fill.side,
        "priceCurrency": spec.quote,
        "priceAmount": text(fill.price),
        "sentCurrency": sent[0],
        "sentAmount": sent[1],
        "receivedCurrency": received[0],
        "receivedAmount": received[1],
        "feesCurrency": fill.fee_currency,
        "feesAmount": text(fill.fee),
        "address": None,
    }


def _deposit(store: Store, first_ms: int, last_ms: int) -> list[dict[str, Any]]:
    """The euros the account began with, if there were any and the moment lies in the bounds."""
    amount, at_us = store.setting("deposit_eur"), store.setting("deposited_us")
    if amount is None or at_us is None or Decimal(amount) == 0 or not first_ms <= int(at_us) // 1000 <= last_ms:
        return []
    return [
        {
            "transactionId": DEPOSIT_ID,
            "executedAt": _moment(int(at_us) // 1000),
            "type": "deposit",
            "receivedCurrency": "EUR",
            "receivedAmount": amount,
            "feesCurrency": "EUR",
            "feesAmount": "0",
            "address": None,
        }
    ]


def _history(engine: Engine, call: Call) -> dict[str, Any]:
    first_ms = call.integer("fromDate", 0, LATEST_MS, 0)
    last_ms = call.integer("toDate", 0, LATEST_MS, LATEST_MS)
    if last_ms < first_ms:
        raise invalid_value("toDate", last_ms)
    page = call.integer("page", 1, MOST_PAGES, 1)
    most = call.integer("maxItems", 1, MOST_ITEMS, MOST_ITEMS)
    wanted = call.params.get("type")
    if wanted is not None and wanted not in TYPES:
        raise invalid_value("type", wanted)
    engine.advance()
    bounds = (first_ms, last_ms)
    fits = "at_ns / 1000000 BETWEEN ? AND ? AND side = coalesce(?, side)"
    trades = int(engine.store.rows(f"SELECT count(*) AS n FROM fills WHERE {fits}", [*bounds, wanted])[0]["n"])  # noqa: S608
    deposits = _deposit(engine.store, *bounds) if wanted in {None, "deposit"} else []
    start = (page - 1) * most
    fills = engine.store.fills(f"{fits} ORDER BY seq DESC LIMIT ? OFFSET ?", [*bounds, wanted, most, start])
    # The deposit is the oldest of all and stands last.
    items = [_trade(fill) for fill in fills]
    if start <= trades < start + most:
        items += deposits
    pages = max(-(-(trades + len(deposits)) // most), 1)
    return {"items": items, "currentPage": page, "totalPages": pages, "maxItems": most}


ROUTES: Final = (
    Route(
        "GET", "/account/history", points(1), VIEW, _history,
        frozenset({"fromDate", "toDate", "page", "maxItems", "type"}),
    ),
)  # fmt: skip
