"""Weight points: counted in minutes, and a ban for whoever goes over."""

from __future__ import annotations

import httpx
import pytest
from python_bitvavo_api.bitvavo import Bitvavo

from console.paper.limits import MINUTE_MS
from tests.paper.kit import Bench, refused


def ban_text(until_ms: int) -> str:
    return f"Your IP or API key has been banned for not respecting the rate limit. The ban expires at {until_ms}."


async def use_up(bench: Bench, key: str | None) -> httpx.Response:
    """Spend a thousand points, then ask once more."""
    for _ in range(40):
        assert (await bench.send("GET", "/ticker/24h", key=key)).status_code == 200
    return await bench.send("GET", "/time", key=key)


def minute_of(bench: Bench) -> int:
    return bench.clock.now() // 1000 // MINUTE_MS


async def test_an_account_is_banned_until_the_end_of_the_next_minute(bench: Bench) -> None:
    until = (minute_of(bench) + 2) * MINUTE_MS
    assert refused(await use_up(bench, "trade")) == (429, 105, ban_text(until))
    bench.clock.step((until - bench.clock.now() // 1000 - 1) / 1000)
    assert (await bench.send("GET", "/time")).status_code == 429
    bench.clock.step(0.001)
    assert (await bench.send("GET", "/time")).status_code == 200


async def test_both_keys_of_the_account_share_its_points_and_its_ban(bench: Bench) -> None:
    await use_up(bench, "trade")
    assert refused(await bench.send("GET", "/balance", key="readonly"))[:2] == (429, 105)
    # Who does not name a key is somebody else.
    assert (await bench.send("GET", "/time", key=None)).status_code == 200


async def test_an_address_is_banned_for_fifteen_minutes(bench: Bench) -> None:
    until = bench.clock.now() // 1000 + 15 * MINUTE_MS
    assert refused(await use_up(bench, None)) == (429, 105, ban_text(until))
    bench.clock.step(15 * 60 - 0.001)
    assert (await bench.send("GET", "/time", key=None)).status_code == 429
    assert (await bench.send("GET", "/time")).status_code == 200
    bench.clock.step(0.001)
    assert (await bench.send("GET", "/time", key=None)).status_code == 200


async def test_asking_while_banned_does_not_prolong_the_ban(bench: Bench) -> None:
    first = refused(await use_up(bench, "trade"))
    for _ in range(20):
        assert refused(await bench.send("GET", "/ordersOpen")) == first


async def test_a_key_nobody_knows_is_charged_to_its_address(bench: Bench) -> None:
    headers = {"bitvavo-access-key": "x" * 64}
    await bench.send("GET", "/balance", key=None, headers=headers)
    assert (await bench.send("GET", "/time", key=None)).headers["bitvavo-ratelimit-remaining"] == "994"
    assert (await bench.send("GET", "/time")).headers["bitvavo-ratelimit-remaining"] == "999"


@pytest.mark.parametrize(
    ("method", "target", "weight"),
    [
        ("GET", "/time", 1),
        ("GET", "/markets", 1),
        ("GET", "/assets", 1),
        ("GET", "/BTC-EUR/book", 1),
        ("GET", "/BTC-EUR/trades", 5),
        ("GET", "/BTC-EUR/candles?interval=1m", 1),
        ("GET", "/ticker/price", 1),
        ("GET", "/ticker/book", 1),
        ("GET", "/ticker/24h?market=BTC-EUR", 1),
        ("GET", "/ticker/24h", 25),
        ("GET", "/account", 1),
        ("GET", "/account/fees", 1),
        ("GET", "/account/history", 1),
        ("GET", "/balance", 5),
        ("POST", "/order", 1),
        ("PUT", "/order", 1),
        ("GET", "/order", 1),
        ("DELETE", "/order", 1),
        ("GET", "/orders?market=BTC-EUR", 5),
        ("DELETE", "/orders?market=BTC-EUR", 25),
        ("DELETE", "/orders", 100),
        ("GET", "/ordersOpen?market=BTC-EUR", 5),
        ("GET", "/ordersOpen", 100),
        ("GET", "/trades?market=BTC-EUR", 5),
        ("GET", "/depositHistory", 5),
        ("GET", "/withdrawalHistory", 5),
        ("GET", "/deposit?symbol=BTC", 1),
        ("POST", "/withdrawal", 1),
        ("POST", "/crypto/withdrawal", 25),
        ("GET", "/stakingBalance", 5),
        ("GET", "/report/BTC-EUR/book", 1),
        ("GET", "/report/BTC-EUR/trades", 5),
        ("DELETE", "/atomic/orders", 100),
        ("POST", "/cancelOrdersAfter", 5),
    ],
)
async def test_every_route_has_its_documented_weight(bench: Bench, method: str, target: str, weight: int) -> None:
    answer = await bench.send(method, target)
    assert int(answer.headers["bitvavo-ratelimit-remaining"]) == 1000 - weight


async def test_the_official_client_reads_the_end_of_a_ban(bench: Bench) -> None:
    answer = await use_up(bench, "trade")
    sdk = Bitvavo({})
    sdk.rateLimitThread = None  # no thread that waits for the end
    sdk.updateRateLimit(answer.json())
    assert sdk.rateLimitReset == (minute_of(bench) + 2) * MINUTE_MS
