"""Every errorCode the exchange knows is got by a request, with its HTTP status and its sentence, or is said not to be.

A code added to the table without a way to get it fails here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from console.paper.book import DELISTED
from console.paper.errors import NEVER_GIVEN, TEXTS
from console.paper.markets import BY_NAME
from tests.paper.kit import Bench, limit, market_order, refused, stop

CLIENT = "b3c4a1d2-0000-4000-8000-00000000abcd"
UNKNOWN = "/order?market=BTC-EUR&orderId=00000000-0000-0000-0000-000000000009"

Way = Callable[[Bench], Awaitable[httpx.Response]]
WAYS: dict[int, tuple[Way, tuple[str, ...]]] = {}
"""By code: what asks for it, and the words that fill the open places of its sentence."""


def way(code: int, *words: str) -> Callable[[Way], Way]:
    """The decorated function gets that code."""

    def kept(function: Way) -> Way:
        WAYS[code] = function, words
        return function

    return kept


def post(code: int, body: Any, *words: str) -> None:
    """A placement that gets that code."""

    async def ask(bench: Bench) -> httpx.Response:
        return await bench.send("POST", "/order", body)

    WAYS[code] = ask, words


def change(code: int, placed: Any, *words: str, **changes: Any) -> None:
    """A change of that order that gets that code."""

    async def ask(bench: Bench) -> httpx.Response:
        order = (await bench.send("POST", "/order", placed)).json()
        body = {"market": "BTC-EUR", "orderId": order["orderId"], "operatorId": 1, **changes}
        return await bench.send("PUT", "/order", body)

    WAYS[code] = ask, words


def signed(code: int, **changes: str) -> None:
    """A signed request with some headers replaced."""

    async def ask(bench: Bench) -> httpx.Response:
        headers = {f"bitvavo-access-{name}": value for name, value in changes.items()}
        return await bench.send("GET", "/balance", headers=headers)

    WAYS[code] = ask, ()


def in_state(code: int, state: str, body: Any) -> None:
    """A placement in a market in that state."""

    async def ask(bench: Bench) -> httpx.Response:
        bench.engine.set_state("BTC-EUR", state)
        return await bench.send("POST", "/order", body)

    WAYS[code] = ask, ()


def by_fault(code: int, *words: str) -> None:
    """What nothing but the fault `error` can bring about here."""

    async def ask(bench: Bench) -> httpx.Response:
        bench.spoil(f"POST /order: error {code} x1")
        answer = await bench.send("POST", "/order", limit())
        assert bench.store.orders("1", []) == []
        return answer

    WAYS[code] = ask, words


post(102, "not json")
post(201, limit(Market="BTC-EUR"), "Market")
post(202, limit(amountQuote="25"), "amountQuote")
post(203, limit(amount=...), "amount")
post(205, limit(side="hold"), "side")
post(206, market_order(amount="0.001", amountQuote="25"), "amount", "amountQuote")
post(210, limit(amount="1000000001"))
post(211, limit(price="100000000001"))
post(212, limit(amount="0.00006606"))
post(213, limit(price="0"))
post(215, limit(price="0.0000000000000001"))
post(216, limit(amount="1"))
post(217, market_order(amountQuote="4.99"))
post(237, stop(triggerAmount=...))
post(238, stop(orderType="stopLossLimit", price="30000", triggerType=...))
post(422, limit(price="30000.5"))
post(429, limit(amount="0.000300001"), "amount")
change(232, limit(), price="30000")
change(234, market_order(amountQuote="25"), amountQuote="30")
change(236, limit(), amount="0.001", amountRemaining="0.001")
change(239, limit(), amountQuote="30")
in_state(219, DELISTED, limit())
in_state(231, "auction", limit(timeInForce="IOC"))
in_state(423, "halted", limit())
in_state(424, "cancelOnly", limit())
in_state(425, "auction", market_order(amountQuote="25"))
in_state(426, "auctionMatching", limit())
signed(301, key="short")
signed(302, timestamp="1795500000")
signed(303, window="99")
signed(304, timestamp="1795499989999")
signed(305, key="x" * 64)
signed(308, signature="short")
signed(309, signature="0" * 64)
by_fault(204, "market")
for each in (101, 107, 109, 111, 313, 318, 319, 320, 400, 430):
    by_fault(each)


@way(105, str((1_795_500_000_000 // 60_000 + 2) * 60_000))
async def _(bench: Bench) -> httpx.Response:
    for _ in range(10):
        await bench.send("GET", "/ordersOpen")
    return await bench.send("GET", "/time")


@way(108)
async def _(bench: Bench) -> httpx.Response:
    bench.spoil("POST /order: delay 10.001")
    return await bench.send("POST", "/order", limit())


@way(200, "page")
async def _(bench: Bench) -> httpx.Response:
    return await bench.send("GET", "/trades?market=BTC-EUR&page=2")


@way(220)
async def _(bench: Bench) -> httpx.Response:
    await bench.send("POST", "/order", limit(clientOrderId=CLIENT))
    return await bench.send("POST", "/order", limit(clientOrderId=CLIENT))


@way(235)
async def _(bench: Bench) -> httpx.Response:
    bench.engine.markets["BTC-EUR"].spec = replace(BY_NAME["BTC-EUR"], max_open_orders=0)
    return await bench.send("POST", "/order", limit())


@way(240)
async def _(bench: Bench) -> httpx.Response:
    return await bench.send("GET", UNKNOWN)


@way(300)
async def _(bench: Bench) -> httpx.Response:
    return await bench.send("GET", "/balance", key=None)


async def narrowed(bench: Bench, **changes: Any) -> httpx.Response:
    """A request with the trade key after its changes."""
    key = bench.keys["trade"]
    bench.exchange.keys[key.key] = replace(key, **changes)
    return await bench.send("GET", "/balance")


@way(306)
async def _(bench: Bench) -> httpx.Response:
    return await narrowed(bench, confirmed=False)


@way(307)
async def _(bench: Bench) -> httpx.Response:
    return await narrowed(bench, addresses=frozenset({"192.0.2.7"}))


@way(310)
async def _(bench: Bench) -> httpx.Response:
    return await bench.send("POST", "/order", limit(), key="readonly")


@way(311)
async def _(bench: Bench) -> httpx.Response:
    return await narrowed(bench, rights=frozenset({"trade"}))


@way(312)
async def _(bench: Bench) -> httpx.Response:
    return await bench.send("POST", "/withdrawal", {})


@way(317)
async def _(bench: Bench) -> httpx.Response:
    bench.engine.lock_account(True)
    return await bench.send("GET", "/balance")


@way(431, "BTC-EUR")
async def _(bench: Bench) -> httpx.Response:
    bench.engine.set_state("BTC-EUR", "halted")
    return await bench.send("GET", "/BTC-EUR/book")


@way(514)
async def _(bench: Bench) -> httpx.Response:
    return await bench.send("GET", "/stakingBalance")


ON_WEBSOCKETS = {112, 316, 415}
"""Codes that no HTTP request gets."""


@pytest.mark.parametrize("code", sorted(set(TEXTS) - ON_WEBSOCKETS))
async def test_the_code_is_got_with_its_status_and_its_sentence(bench: Bench, code: int) -> None:
    asked, words = WAYS[code]
    status, sentence = TEXTS[code]
    assert refused(await asked(bench)) == (status, code, sentence.format(*words))


def test_there_is_a_way_to_every_code_and_to_no_other() -> None:
    assert set(WAYS) | ON_WEBSOCKETS == set(TEXTS)
    assert not set(TEXTS) & set(NEVER_GIVEN)


FACTS = Path(__file__).parents[2].parent / "shared" / "bitvavo.md"


def documented() -> dict[int, tuple[int, str | None]]:
    """(HTTP status, recorded sentence or None) of every errorCode of the section that lists them."""
    if not FACTS.exists() and not os.environ.get("CI"):
        pytest.skip("the exchange's facts are not here")
    section = FACTS.read_text(encoding="utf-8").partition("### 2.2 Error codes")[2].partition("## 3. Rate limits")[0]
    found: dict[int, tuple[int, str | None]] = {}
    for status, text in re.findall(r"^HTTP (\d{3}): (.*)$", section, re.MULTILINE):
        for part in text.split(" · "):
            for first, last in re.findall(r"(?<![\d.])(\d{3})(?:-(\d{3}))?(?= |$|/|\.)", part.partition('"')[0]):
                for code in range(int(first), int(last or first) + 1):
                    quoted = re.fullmatch(rf'{code} "(.*)"\.?(?: \(.*\))?', part.strip())
                    found[code] = int(status), None if quoted is None else quoted[1]
    return found


def test_every_documented_code_is_known_with_its_status_and_its_recorded_sentence() -> None:
    facts = documented()
    assert len(facts) > 80
    assert set(facts) - set(TEXTS) - set(NEVER_GIVEN) == set()
    assert {code: status for code, (status, _) in facts.items() if code in TEXTS} == {
        code: status for code, (status, _) in TEXTS.items() if code in facts
    }
    for code, (_, sentence) in facts.items():
        if code in TEXTS and sentence is not None and "…" not in sentence:
            pattern = re.sub(r"\\\$\\\{.*?\\\}|(?<= )X(?= )", "@", re.escape(sentence)).replace("\\ X\\ ", "\\ @\\ ")
            assert re.escape(TEXTS[code][1]).replace(r"\{\}", "@") == pattern, code


@pytest.mark.parametrize(
    ("method", "target", "code"),
    [
        ("POST", "/order", 310),
        ("PUT", "/order", 310),
        ("DELETE", f"{UNKNOWN}&operatorId=1", 310),
        ("GET", UNKNOWN, 310),
        ("GET", "/orders?market=BTC-EUR", 310),
        ("GET", "/ordersOpen", 310),
        ("GET", "/trades?market=BTC-EUR", 310),
        ("DELETE", "/orders?operatorId=1", 311),
        ("DELETE", "/atomic/orders", 310),
        ("POST", "/cancelOrdersAfter", 310),
        ("POST", "/withdrawal", 312),
        ("POST", "/crypto/withdrawal", 312),
        ("GET", "/deposit?symbol=BTC", 514),
        ("GET", "/stakingBalance", 514),
        ("GET", "/balance", None),
        ("GET", "/account", None),
        ("GET", "/account/fees", None),
        ("GET", "/account/history", None),
        ("GET", "/depositHistory", None),
        ("GET", "/withdrawalHistory", None),
    ],
)
async def test_a_key_that_only_views_views_and_nothing_else(
    bench: Bench, method: str, target: str, code: int | None
) -> None:
    answer = await bench.send(method, target, {} if method in {"POST", "PUT"} else None, key="readonly")
    assert (answer.json()["errorCode"] if answer.status_code != 200 else None) == code
    assert answer.status_code == (200 if code is None else 403)
    assert refused(await bench.send(method, target, key=None))[:2] == (403, 300)


@pytest.mark.parametrize("target", ["/report/BTC-EUR/book?depth=5", "/report/BTC-EUR/trades?limit=5"])
async def test_a_report_is_not_available_to_anybody(bench: Bench, target: str) -> None:
    for key in ("trade", None):
        assert refused(await bench.send("GET", target, key=key)) == (403, 514, "This operation is not available.")
    assert refused(await bench.send("GET", f"{target}&page=2"))[:2] == (400, 200)


@pytest.mark.parametrize(
    "path", ["/subaccounts", "/institutional/orders", "/nope", "/report/BTC-EUR/candles", "/ticker/24h/x"]
)
async def test_an_unknown_path_is_a_page_without_points(bench: Bench, path: str) -> None:
    answer = await bench.send("GET", path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert not [name for name in answer.headers if name.startswith("bitvavo-ratelimit")]


async def test_a_key_that_only_trades_is_shown_nothing_of_the_account(bench: Bench) -> None:
    bench.add_key("orders", "trade")
    for target in ("/balance", "/account", "/account/fees", "/account/history", "/depositHistory"):
        assert refused(await bench.send("GET", target, key="orders"))[:2] == (403, 311)
    assert (await bench.send("POST", "/order", limit(), key="orders")).status_code == 200
