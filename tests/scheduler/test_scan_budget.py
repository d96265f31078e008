"""A look stands still where the rate limit has no more for it, and spends nothing on the way to that."""

from __future__ import annotations

from typing import Any, cast

import httpx
import pytest

from console.exchange.errors import RateLimited
from console.exchange.quotes import Quotes
from console.jobs import Looking, gather_views
from storage.database import Vault
from tests.exchange.kit import Desk, ok

MARKETS = ["BTC-EUR", "ETH-EUR"]


def desk_with(remaining: int) -> Desk:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        value: Any = []
        if path.endswith("/time"):
            value = {"time": desk.clock.now() // 1000}
        elif path.endswith("/account"):
            value = {"fees": {"taker": "0.0025"}}
        elif path.count("/") == 3 and path.endswith("/book"):
            value = {"market": path.split("/")[2], "nonce": 1, "bids": [], "asks": [], "timestamp": 1}
        names = {"limit": 1000, "remaining": remaining, "resetat": desk.clock.now() // 1000 + 30_000}
        return ok(value, **{f"bitvavo-ratelimit-{name}": str(number) for name, number in names.items()})

    desk = Desk(answer)
    return desk


@pytest.mark.parametrize(("remaining", "looks"), [(400, False), (500, True)])
async def test_a_look_below_forty_percent_asks_for_nothing(remaining: int, looks: bool) -> None:
    desk = desk_with(remaining)
    await desk.readonly.last_prices()
    desk.sent.clear()
    quotes = Quotes(desk.readonly, desk.clock)
    looking = Looking(cast(Vault, None), desk.readonly, quotes, desk.clock)
    if looks:
        assert await gather_views(looking, MARKETS, {}, {}) == []
        assert any(request.url.path.endswith("/candles") for request in desk.sent)
        return
    with pytest.raises(RateLimited, match="400 of 1000 points are left, and scan calls stop at 40 %"):
        await gather_views(looking, MARKETS, {}, {})
    assert desk.sent == []
    assert quotes.problem is None
    assert quotes.latest == {}
