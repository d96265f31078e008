from __future__ import annotations

from typing import Any

import httpx
import pytest

from console.exchange.answers import NoAnswer
from console.exchange.errors import RateLimited
from console.exchange.trade import Canceled
from console.exchange.weights import Lane
from storage.executions import Accepted
from tests.exchange.kit import CLIENT_ID, ORDER_ID, Desk, ok, order_json, refused


def headers(desk: Desk, remaining: int) -> dict[str, str]:
    reset_at = str(desk.clock.now() // 1000 + 30_000)
    return {
        "bitvavo-ratelimit-limit": "1000",
        "bitvavo-ratelimit-remaining": str(remaining),
        "bitvavo-ratelimit-resetat": reset_at,
    }


def with_left(remaining: int) -> Desk:
    """A desk whose exchange always says that so many points are left."""

    def answer(request: httpx.Request) -> httpx.Response:
        value: Any = {"POST": order_json(), "DELETE": {"orderId": ORDER_ID}}.get(request.method, [])
        return ok(value, **headers(desk, remaining))

    desk = Desk(answer)
    return desk


async def learned(remaining: int) -> Desk:
    desk = with_left(remaining)
    await desk.readonly.last_prices()
    return desk


async def test_scans_stop_at_forty_percent_and_reconcile_goes_on() -> None:
    desk = await learned(400)
    with pytest.raises(RateLimited, match=r"400 of 1000 points are left, and scan calls stop at 40 %"):
        await desk.readonly.candles("BTC-EUR", "5m", 10)
    assert (await desk.trade.orders("BTC-EUR", 0)).complete


async def test_scans_go_on_above_forty_percent() -> None:
    desk = await learned(401)
    assert await desk.readonly.candles("BTC-EUR", "5m", 10) == ()


async def test_reconcile_stops_at_ten_percent_and_orders_and_cancels_go_on() -> None:
    desk = await learned(100)
    with pytest.raises(RateLimited):
        await desk.trade.open_orders("BTC-EUR")
    assert not (await desk.trade.orders("BTC-EUR", 0)).complete
    assert isinstance(await desk.trade.place_order(desk.prepared(), 1.0), Accepted)
    assert await desk.trade.cancel_order("BTC-EUR", ORDER_ID, CLIENT_ID, 7) == Canceled(ORDER_ID)


async def test_cancels_never_wait_for_points() -> None:
    desk = await learned(0)
    with pytest.raises(RateLimited):
        desk.budget.admit(Lane.RECONCILE, "address", 1)
    assert await desk.trade.cancel_order("BTC-EUR", ORDER_ID, CLIENT_ID, 7) == Canceled(ORDER_ID)


async def test_the_last_headers_are_believed_whatever_was_counted_before() -> None:
    desk = await learned(30)
    with pytest.raises(RateLimited):
        desk.budget.admit(Lane.SCAN, "address", 1)
    desk.budget.learn("address", 200, headers(desk, 900), b"")
    desk.budget.admit(Lane.SCAN, "address", 1)
    desk.budget.learn("address", 200, headers(desk, 380), b"")
    with pytest.raises(RateLimited, match="380 of 1000"):
        desk.budget.admit(Lane.SCAN, "address", 1)


async def test_an_order_is_not_begun_without_the_points_to_look_for_it_afterwards() -> None:
    (await learned(131)).trade.may_place()
    desk = await learned(130)
    with pytest.raises(RateLimited, match="130 of 1000 points are left, too few to look for it afterwards"):
        desk.trade.may_place()
    desk.clock.step(30)
    desk.trade.may_place()


async def test_a_lane_opens_again_after_the_reset() -> None:
    desk = await learned(0)
    with pytest.raises(RateLimited) as caught:
        desk.budget.admit(Lane.SCAN, "address", 1)
    assert caught.value.until_ms == desk.clock.now() // 1000 + 30_000
    desk.clock.step(30)
    desk.budget.admit(Lane.SCAN, "address", 1)


def test_the_scarcer_of_two_keys_counts() -> None:
    desk = with_left(1000)
    desk.budget.learn("a", 200, headers(desk, 950), b"")
    desk.budget.learn("b", 200, headers(desk, 350), b"")
    assert desk.budget.percent_left() == 35
    with pytest.raises(RateLimited):
        desk.budget.admit(Lane.SCAN, "a", 1)


def test_calls_under_way_are_counted_before_their_answer_is_here() -> None:
    desk = with_left(1000)
    desk.budget.learn("a", 200, headers(desk, 402), b"")
    desk.budget.admit(Lane.SCAN, "a", 1)
    desk.budget.admit(Lane.SCAN, "a", 1)
    with pytest.raises(RateLimited):
        desk.budget.admit(Lane.SCAN, "a", 1)


@pytest.mark.parametrize("value", ["", "x", "-1", "²", "9" * 30])
def test_a_header_that_is_no_number_changes_nothing(value: str) -> None:
    desk = with_left(1000)
    sent = headers(desk, 10) | {"bitvavo-ratelimit-remaining": value}
    desk.budget.learn("a", 200, sent, b"")
    assert desk.budget.percent_left() == 100


def banning(desk_ms: int) -> Desk:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            return ok({"orderId": ORDER_ID})
        end = desk.clock.now() // 1000 + desk_ms
        return refused(
            429,
            105,
            f"Your IP or API key has been banned for not respecting the rate limit. The ban expires at {end}.",
        )

    desk = Desk(answer)
    return desk


async def test_a_ban_stops_everything_but_cancels_until_it_ends() -> None:
    desk = banning(105_000)
    with pytest.raises(RateLimited) as caught:
        await desk.readonly.last_prices()
    until = desk.clock.now() // 1000 + 105_000
    assert caught.value.until_ms == until == desk.budget.banned_until_ms
    sent = len(desk.sent)
    assert sent == 1
    for call in (desk.readonly.time, desk.readonly.balances, lambda: desk.trade.open_orders("BTC-EUR")):
        with pytest.raises(RateLimited):
            await call()
    with pytest.raises(RateLimited):
        desk.trade.may_place()
    assert isinstance(await desk.trade.place_order(desk.prepared(), 1.0), NoAnswer)
    assert len(desk.sent) == sent
    assert await desk.trade.cancel_order("BTC-EUR", ORDER_ID, CLIENT_ID, 7) == Canceled(ORDER_ID)
    desk.clock.step(105)
    desk.trade.may_place()


async def test_an_order_answered_by_a_ban_is_in_doubt() -> None:
    desk = banning(60_000)
    assert isinstance(await desk.trade.place_order(desk.prepared(), 1.0), NoAnswer)
    assert desk.budget.banned_until_ms is not None


@pytest.mark.parametrize("text", ["", "The ban expires at soon.", "The ban expires at 12."])
def test_a_ban_without_a_sensible_end_lasts_a_minute(text: str) -> None:
    desk = with_left(1000)
    desk.budget.learn("a", 429, {}, refused(429, 105, text).content)
    assert desk.budget.banned_until_ms == desk.clock.now() // 1000 + 60_000
