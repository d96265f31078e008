"""Whatever is sent, signed or not: an answer of the documented shape, never an error of the exchange itself."""

from __future__ import annotations

import asyncio
import json
import tempfile
from decimal import Decimal
from itertools import starmap
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from console.paper.app import ROUTES
from console.paper.auth import sign
from console.paper.errors import TEXTS
from tests.paper.kit import Bench, limit, market_order, place
from tests.paper.test_conservation import assert_conserved, assert_uncrossed

NAMES = sorted({name for route in ROUTES.values() for name in route.params})
# fmt: off
USUAL = [
    "BTC-EUR", "XRP-EUR", "buy", "sell", "limit", "market", "stopLoss", "takeProfitLimit", "0.0003", "30000", "25",
    "price", "bestBid", "midPrice", "GTC", "IOC", "FOK", "cancelNewest", "1m", "1W", "EUR", "deposit", "1", "0",
    "1795500000000", "true", "9" * 30, "0.000000000000000000001", "-1", "1e5", "NaN", "", "\x00", "🙈", "\udcff",
]
# fmt: on
FITTING: dict[str, list[Any]] = {
    "market": ["BTC-EUR"],
    "side": ["buy", "sell"],
    "orderType": ["limit", "limit", "market", "stopLoss", "stopLossLimit", "takeProfit", "takeProfitLimit"],
    "operatorId": [1],
    "amount": ["0.0003", "0.0004"],
    "amountRemaining": ["0.0005"],
    "amountQuote": ["25"],
    "price": ["30000", "79000", "82000", "99000"],
    "triggerAmount": ["30000", "79000", "90000"],
    "triggerType": ["price"],
    "triggerReference": ["lastTrade", "bestBid", "bestAsk", "midPrice"],
    "timeInForce": ["GTC", "IOC", "FOK"],
    "postOnly": [True, False],
    "selfTradePrevention": ["cancelOldest", "cancelNewest", "cancelBoth", "decrementAndCancel"],
    "responseRequired": [True, False],
    "disableMarketProtection": [False],
    "clientOrderId": ["b3c4a1d2-0000-4000-8000-00000000abcd", "b3c4a1d2-0000-4000-8000-00000000abce"],
    "orderId": ["00000000-0000-0471-0100-000000000001", "00000000-0000-0471-0100-000000000003"],
    "codGroupId": [1, 2],
    "expiryAfterSeconds": [10, 60],
    "interval": ["1m", "4h", "1M"],
}
"""Values that a parameter may have; where none is named, "1" is tried."""

NEEDED = {
    "POST /order": ("market", "side", "orderType", "operatorId", "amount"),
    "PUT /order": ("market", "orderId", "operatorId"),
    "GET /order": ("market", "orderId"),
    "DELETE /order": ("market", "orderId", "operatorId"),
    "DELETE /orders": ("operatorId",),
    "DELETE /atomic/orders": ("market", "side", "operatorId"),
    "POST /cancelOrdersAfter": ("codGroupId", "expiryAfterSeconds"),
}
WORD = st.one_of(st.sampled_from(USUAL), st.text(max_size=12))
NUMBER = st.one_of(st.integers(-(2**70), 2**70), st.sampled_from([0, 1, 10, 60, 300, 1000]), st.floats())
LEAF = st.one_of(WORD, NUMBER, st.booleans(), st.none())
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORD, inner, max_size=2), max_leaves=4
)
HEADER = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=70)
HEADERS = st.dictionaries(st.sampled_from(["timestamp", "window", "signature", "key"]), HEADER, max_size=1)


def encoded(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "replace")


def in_query(name: str, value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{quote(name, errors='replace')}={quote(text, errors='replace')}"


@st.composite
def meant(draw: st.DrawFn) -> tuple[str, str, bytes, str, dict[str, str]]:
    """(method, target, body, signing, headers) of a known route with its own parameters, at times one of them odd."""
    route = ROUTES[draw(st.sampled_from([*sorted(ROUTES), *["POST /order"] * 14, *["PUT /order"] * 7]))]
    needed = NEEDED.get(route.name, ())
    others = sorted(route.params - set(needed))
    names = [*needed, *(draw(st.lists(st.sampled_from(others), max_size=2, unique=True)) if others else [])]
    params: dict[str, object] = {name: draw(st.sampled_from(FITTING.get(name, ["1"]))) for name in names}
    if params.get("orderType") not in {None, "market", "stopLoss", "takeProfit"}:
        params |= {"price": draw(st.sampled_from(FITTING["price"]))}
    if params.get("orderType") not in {None, "market", "limit"}:
        params |= {
            name: draw(st.sampled_from(FITTING[name])) for name in ("triggerAmount", "triggerType", "triggerReference")
        }
    if draw(st.booleans()) and names:
        params[draw(st.sampled_from(names))] = draw(st.one_of(WORD, VALUE))
    path = route.path.replace("{market}", "BTC-EUR")
    signing = draw(st.sampled_from(["right"] * 12 + ["none", "view", "wrong"]))
    if route.in_body:
        return route.method, path, encoded(params), signing, {}
    query = "&".join(in_query(name, value) for name, value in params.items())
    return route.method, f"{path}?{query}" if query else path, b"", signing, {}


@st.composite
def wild(draw: st.DrawFn) -> tuple[str, str, bytes, str, dict[str, str]]:
    """Anything: another method, a path nobody knows, a body of bytes, parameters in the wrong place."""
    route = ROUTES[draw(st.sampled_from(sorted(ROUTES)))]
    path = draw(st.sampled_from([*[route.path.replace("{market}", "BTC-EUR")] * 6, "/{}", "/{}/candles", "/ticker/{}"]))
    path = path.replace("{}", quote(draw(WORD), errors="replace"))
    method = draw(st.sampled_from([*[route.method] * 6, "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]))
    name = st.one_of(st.sampled_from(NAMES), WORD)
    query = "&".join(starmap(in_query, draw(st.dictionaries(name, WORD, max_size=3)).items()))
    body = draw(
        st.one_of(
            st.just(b""), st.just(b"{}"), st.binary(max_size=40), st.dictionaries(name, VALUE, max_size=4).map(encoded)
        )
    )
    signing = draw(st.sampled_from(["right", "right", "right", "none", "view", "wrong"]))
    return method, f"{path}?{query}" if query else path, body, signing, draw(HEADERS)


REQUEST = st.one_of(meant(), meant(), meant(), wild())


def headers_of(bench: Bench, method: str, target: str, body: bytes, signing: str) -> dict[str, str]:
    """The headers of a request that is signed rightly, wrongly, by a key that only views, or not at all."""
    if signing == "none":
        return {}
    pair, stamp = bench.keys["readonly" if signing == "view" else "trade"], str(bench.clock.now() // 1000)
    text = body.decode("utf-8", "surrogateescape")
    try:
        signature = sign(pair.secret, stamp, method, f"/v2{target}", text)
    except UnicodeEncodeError:
        signature = "0" * 64
    if signing == "wrong":
        signature = signature[::-1]
    return {
        "bitvavo-access-key": pair.key,
        "bitvavo-access-signature": signature,
        "bitvavo-access-timestamp": stamp,
    }


async def ask(
    client: httpx.AsyncClient, bench: Bench, request: tuple[str, str, bytes, str, dict[str, str]]
) -> httpx.Response:
    """Send it, with nothing done to its path and query."""
    method, target, body, signing, changes = request
    headers = headers_of(bench, method, target, body, signing)
    if headers:
        headers |= {f"bitvavo-access-{name}": value for name, value in changes.items()}
    return await client.request(method, f"/v2{target}", content=body, headers=headers)


def assert_documented(answer: httpx.Response) -> None:
    """200 with JSON, a documented pair of status and code, or the page of an unknown path."""
    if answer.headers["content-type"].startswith("text/html"):
        assert answer.status_code == 404
        return
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert "bitvavo-ratelimit-resetat" in answer.headers
    if answer.status_code == 200:
        assert isinstance(answer.json(), dict | list)
        return
    shown = answer.json()
    assert set(shown) == {"errorCode", "error"}
    assert TEXTS[shown["errorCode"]][0] == answer.status_code
    assert shown["errorCode"] not in {101, 107, 109, 111, 400}


# Making an exchange costs as much as fifteen requests: few exchanges that are asked much.
# What fails is shown as it was found: to make it smaller takes minutes.
@settings(max_examples=14, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.lists(REQUEST, min_size=10, max_size=25))
def test_any_request_gets_a_documented_answer_and_moves_no_money_out(
    requests: list[tuple[str, str, bytes, str, dict[str, str]]],
) -> None:
    async def all_of_them(bench: Bench) -> None:
        for body in (limit(clientOrderId=FITTING["clientOrderId"][0]), market_order(amountQuote="100")):
            await place(bench, body)
        # An exception inside is raised here and fails the test: nothing turns it into a 500.
        transport = httpx.ASGITransport(bench.exchange)
        async with httpx.AsyncClient(transport=transport, base_url="http://exchange") as client:
            for request in requests:
                assert_documented(await ask(client, bench, request))
                bench.clock.step(0.4)

    with tempfile.TemporaryDirectory() as folder:
        bench = Bench.make(Path(folder))
        asyncio.run(all_of_them(bench))
        bench.engine.advance()
        assert_conserved(bench, Decimal(1000))
        assert_uncrossed(bench)
        bench.store.close()
