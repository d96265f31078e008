"""The account's history: read to the last page, whatever words it uses, and behind everything that is urgent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from console.exchange.errors import ExchangeUnreadable, RateLimited
from tests.exchange.kit import Desk, ok, refused

AT = "2026-11-01T10:00:00.250Z"
AT_MICROS = 1_793_527_200_250_000


def entry(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "transactionId": f"t-{number}", "executedAt": AT, "type": "deposit", "receivedCurrency": "EUR",
        "receivedAmount": "100", "feesCurrency": "EUR", "feesAmount": "0", "address": None, **changes,
    }  # fmt: skip


def pages(*items: list[dict[str, Any]]) -> Desk:
    """A desk whose history has these pages."""

    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        return ok({"items": items[page - 1], "currentPage": page, "totalPages": len(items), "maxItems": 100})

    return Desk(answer)


async def test_every_page_is_read_and_what_comes_twice_counts_once() -> None:
    desk = pages([entry(1), entry(2)], [entry(2), entry(3)])
    moves = await desk.readonly.account_moves(1_700_000_000_000_999)
    assert [move.transaction_id for move in moves] == ["t-1", "t-2", "t-3"]
    assert [request.url.params["page"] for request in desk.sent] == ["1", "2"]
    assert desk.sent[0].url.params["fromDate"] == "1700000000000"
    assert (moves[0].at, moves[0].changes) == (AT_MICROS, {"EUR": Decimal(100)})


async def test_trades_are_left_out_and_other_words_count_by_what_they_moved() -> None:
    desk = pages(
        [
            entry(1, type="buy"),
            entry(2, type="sell"),
            entry(3, type="campaign_new_user_incentive", receivedAmount="5"),
            {
                "transactionId": "t-4", "executedAt": AT, "type": "withdrawal", "sentCurrency": "BTC",
                "sentAmount": "0.5", "feesCurrency": "BTC", "feesAmount": "0.0001",
            },
            {"transactionId": "t-5", "executedAt": AT, "type": "loan"},
        ]
    )  # fmt: skip
    moves = {move.transaction_id: move.changes for move in await desk.readonly.account_moves(0)}
    assert moves == {"t-3": {"EUR": Decimal(5)}, "t-4": {"BTC": Decimal("-0.5001")}, "t-5": {}}


async def test_an_entry_that_cannot_be_read_hides_no_other() -> None:
    desk = pages([entry(1, receivedAmount=100.0), entry(2, executedAt="yesterday"), entry(3)])
    assert [move.transaction_id for move in await desk.readonly.account_moves(0)] == ["t-3"]


async def test_an_empty_account_has_no_history() -> None:
    desk = Desk(lambda _request: ok({"items": [], "currentPage": 1, "totalPages": 0, "maxItems": 100}))
    assert await desk.readonly.account_moves(0) == ()


async def test_a_history_without_end_is_given_up() -> None:
    desk = Desk(lambda _request: ok({"items": [entry(1)], "currentPage": 1, "totalPages": 10**6, "maxItems": 100}))
    with pytest.raises(ExchangeUnreadable, match="more than 40 pages"):
        await desk.readonly.account_moves(0)


async def test_history_stands_still_before_reconcile_does() -> None:
    left = {"bitvavo-ratelimit-limit": "1000", "bitvavo-ratelimit-remaining": "250"}

    def answer(_request: httpx.Request) -> httpx.Response:
        return refused(404, 240) if desk.sent[:-1] else ok([], **headers)

    desk = Desk(answer)
    headers = {**left, "bitvavo-ratelimit-resetat": str(desk.clock.now() // 1000 + 30_000)}
    await desk.trade.open_orders("BTC-EUR")
    with pytest.raises(RateLimited, match="history calls stop at 25 %"):
        await desk.readonly.account_moves(0)
    assert len(desk.sent) == 1
