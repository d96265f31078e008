"""Signatures, keys, windows and rights."""

from __future__ import annotations

import json

import httpx
import pytest

from console.paper.auth import sign
from tests.paper.kit import Bench, limit, market_order, refused

ORDER = '{"market":"BTC-EUR","side":"buy","price":"5000","amount":"1.23","orderType":"limit"}'
ID = "00000000-0000-0471-0100-000000000001"


@pytest.mark.parametrize(
    ("stamp", "method", "target", "body", "signature"),
    [
        (
            "1548172481125", "POST", "/v2/order", ORDER,
            "44d022723a20973a18f7ee97398b9fdd405d2d019c8d39e24b8cc0dcb39ca016",
        ),
        (
            "1548175200641", "GET", "/v2/websocket", "",
            "653fc0505431c63a043273da4bd2f0927eae83948d796084f313e5d1131b0d6f",
        ),
        (
            "1548172481125", "GET", "/v2/rfq/trades", "",
            "5cabebe6735355a6e359bebc4a3c9ceef649afa455b7cf6cc11af65627cb99f3",
        ),
    ],
)  # fmt: skip
def test_the_published_vectors_are_reproduced(stamp: str, method: str, target: str, body: str, signature: str) -> None:
    assert sign("bitvavo", stamp, method, target, body) == signature


def _signed(bench: Bench, method: str, target: str, signed: str) -> dict[str, str]:
    pair, stamp = bench.keys["trade"], str(bench.clock.now() // 1000)
    return {
        "bitvavo-access-key": pair.key,
        "bitvavo-access-timestamp": stamp,
        "bitvavo-access-signature": sign(pair.secret, stamp, method, f"/v2{target}", signed),
    }


async def test_compact_json_may_be_signed_and_spaced_json_sent(bench: Bench) -> None:
    body = limit()
    compact, spaced = json.dumps(body, separators=(",", ":")), json.dumps(body)
    answer = await bench.send("POST", "/order", spaced, key=None, headers=_signed(bench, "POST", "/order", compact))
    assert answer.status_code == 200


async def test_another_body_than_the_signed_one_is_refused(bench: Bench) -> None:
    headers = _signed(bench, "POST", "/order", json.dumps(limit(), separators=(",", ":")))
    answer = await bench.send("POST", "/order", json.dumps(limit(amount="0.0004")), key=None, headers=headers)
    assert refused(answer) == (403, 309, "The signature is invalid.")
    assert bench.store.orders("1", []) == []


async def test_an_empty_object_counts_as_no_body_on_get(bench: Bench) -> None:
    answer = await bench.send("GET", "/balance", "{}", key=None, headers=_signed(bench, "GET", "/balance", ""))
    assert answer.status_code == 200


async def test_the_query_is_verified_as_it_was_sent(bench: Bench) -> None:
    target = "/orders?market=BTC%2DEUR&limit=5"
    assert (await bench.send("GET", target)).status_code == 200
    answer = await bench.send(
        "GET", target, key=None, headers=_signed(bench, "GET", "/orders?market=BTC-EUR&limit=5", "")
    )
    assert refused(answer)[1] == 309


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"bitvavo-access-key": "k" * 63}, 301),
        ({"bitvavo-access-timestamp": "yesterday"}, 302),
        ({"bitvavo-access-timestamp": "1795500000"}, 302),
        ({"bitvavo-access-window": "99"}, 303),
        ({"bitvavo-access-window": "60001"}, 303),
        ({"bitvavo-access-window": "ten"}, 303),
        ({"bitvavo-access-key": "k" * 64}, 305),
        ({"bitvavo-access-signature": "0" * 63}, 308),
        ({"bitvavo-access-signature": "0" * 64}, 309),
    ],
)
async def test_wrong_access_headers_have_their_codes(bench: Bench, change: dict[str, str], code: int) -> None:
    answer = await bench.send("GET", "/balance", headers=change)
    assert refused(answer)[:2] == (403, code)


async def test_a_private_route_asks_for_authentication(bench: Bench) -> None:
    answer = await bench.send("GET", "/balance", key=None)
    assert refused(answer) == (403, 300, "Authentication is required for this endpoint.")


@pytest.mark.parametrize(("offset_ms", "status"), [(-10_000, 200), (-10_001, 403), (900, 200), (1_001, 403)])
async def test_a_request_outside_its_window_is_refused(bench: Bench, offset_ms: int, status: int) -> None:
    answer = await bench.send("GET", "/balance", at_ms=bench.clock.now() // 1000 + offset_ms)
    assert answer.status_code == status
    if status == 403:
        assert refused(answer)[1] == 304


async def test_the_window_is_enforced_again_when_the_order_is_applied(bench: Bench) -> None:
    bench.spoil("POST /order: delay 11 x1")
    answer = await bench.send("POST", "/order", limit())
    assert refused(answer)[:2] == (503, 108)
    assert bench.store.orders("1", []) == []
    bench.spoil("POST /order: delay 9 x1")
    assert (await bench.send("POST", "/order", limit())).status_code == 200


ORDER_ROUTES = [
    ("POST", "/order", limit()),
    ("GET", f"/order?market=BTC-EUR&orderId={ID}", None),
    ("DELETE", f"/order?market=BTC-EUR&orderId={ID}&operatorId=1", None),
    ("GET", "/orders?market=BTC-EUR", None),
    ("GET", "/ordersOpen?market=BTC-EUR", None),
    ("GET", "/trades?market=BTC-EUR", None),
    ("POST", "/cancelOrdersAfter", {"codGroupId": 1, "expiryAfterSeconds": 60}),
]


@pytest.mark.parametrize(("method", "target", "body"), ORDER_ROUTES)
async def test_the_view_key_gets_310_on_every_order_route(bench: Bench, method: str, target: str, body: object) -> None:
    answer = await bench.send(method, target, body, key="readonly")
    assert refused(answer) == (403, 310, "This key does not allow trading actions.")
    assert bench.store.orders("1", []) == []


@pytest.mark.parametrize("target", ["/balance", "/account", "/account/fees"])
async def test_a_key_without_view_gets_311_on_the_account(bench: Bench, target: str) -> None:
    bench.add_key("orders only", "trade")
    answer = await bench.send("GET", target, key="orders only")
    assert refused(answer) == (403, 311, "This key does not allowing showing account information.")
    for key in ("readonly", "trade"):
        assert (await bench.send("GET", target, key=key)).status_code == 200


async def test_public_routes_need_no_key_but_refuse_a_wrong_one(bench: Bench) -> None:
    assert (await bench.send("GET", "/time", key=None)).status_code == 200
    answer: httpx.Response = await bench.send("GET", "/time", headers={"bitvavo-access-signature": "0" * 64})
    assert refused(answer)[1] == 309


async def test_a_market_order_needs_no_more_rights_than_a_limit_order(bench: Bench) -> None:
    assert (await bench.send("POST", "/order", market_order(amountQuote="25"))).status_code == 200
