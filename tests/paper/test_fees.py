"""The tier by the volume of thirty days, as it is shown and as it is charged."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from console.paper.decimals import ceil_cents
from console.paper.fees import FeeTiers
from console.paper.makers import Level
from tests.paper.kit import Bench, limit, market_order

DAY_S = 86_400


def deep(bench: Bench) -> None:
    """A book in which a hundred bitcoins cost 80000 each."""
    bench.engine.advance()
    market = bench.engine.markets["BTC-EUR"]
    market.ladder.asks[:] = [Level(Decimal(80000), Decimal(100))]
    market.ladder.bids[:] = [Level(Decimal(79999), Decimal(100))]
    market.last_price = Decimal(80000)


async def buy(bench: Bench, amount: str) -> dict[str, Any]:
    deep(bench)
    order: dict[str, Any] = (await bench.send("POST", "/order", market_order(amount=amount))).json()
    assert order["status"] == "filled"
    return order


async def fees(bench: Bench) -> dict[str, Any]:
    shown: dict[str, Any] = (await bench.send("GET", "/account/fees")).json()
    assert shown == (await bench.send("GET", "/account")).json()["fees"]
    return shown


async def test_volume_lifts_the_tier_for_the_next_order(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, balance="3000000")
    assert await fees(bench) == {"tier": 0, "volume": "0.00", "maker": "0.0015", "taker": "0.0025"}
    first = await buy(bench, "1.24")
    assert Decimal(first["feePaid"]) == Decimal("248")
    assert await fees(bench) == {"tier": 0, "volume": "99200.00", "maker": "0.0015", "taker": "0.0025"}
    second = await buy(bench, "0.01")
    # One whole execution has one rate: the tier it lifts is the next one's.
    assert Decimal(second["feePaid"]) == Decimal("2")
    assert await fees(bench) == {"tier": 1, "volume": "100000.00", "maker": "0.001", "taker": "0.002"}
    third = await buy(bench, "0.01")
    assert Decimal(third["feePaid"]) == Decimal("1.6")
    resting = (await bench.send("POST", "/order", limit(price="30001", amount="0.0003"))).json()
    assert Decimal(resting["onHold"]) == ceil_cents(Decimal("9.0003") * Decimal("1.002"))


async def test_volume_ages_away_after_thirty_days(tmp_path: Path) -> None:
    # Fees go by wall time; the markets need not live through all of it.
    bench = Bench.make(tmp_path, balance="3000000", speed=0.001)
    await buy(bench, "4")
    bench.clock.step(600)
    await buy(bench, "2")
    assert (await fees(bench))["volume"] == "480000.00"
    bench.clock.step(30 * DAY_S - 600)
    assert await fees(bench) == {"tier": 1, "volume": "160000.00", "maker": "0.001", "taker": "0.002"}
    bench.clock.step(600)
    assert await fees(bench) == {"tier": 0, "volume": "0.00", "maker": "0.0015", "taker": "0.0025"}


async def test_a_restart_knows_the_volume(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, balance="3000000")
    await buy(bench, "7")
    again = FeeTiers(bench.store, bench.clock).tier()
    assert (again.number, again.volume) == (3, Decimal(560000))
    assert again == bench.engine.ledger.fees.tier()


@pytest.mark.parametrize(
    ("volume", "taker", "maker"),
    [(0, "0.0025", "0.0015"), (99_999, "0.0025", "0.0015"), (250_000, "0.0016", "0.0008"), (10**9, "0.0004", "0.0003")],
)
async def test_each_tier_begins_at_its_volume(bench: Bench, volume: int, taker: str, maker: str) -> None:
    bench.engine.ledger.fees._count(bench.clock.now() * 1000, Decimal(volume))
    tier = bench.engine.ledger.fees.tier()
    assert (tier.taker, tier.maker) == (Decimal(taker), Decimal(maker))


async def test_a_market_and_a_quote_can_be_named(bench: Bench) -> None:
    for query in ("?market=BTC-EUR", "?quote=EUR", "?quote=USDC"):
        assert (await bench.send("GET", f"/account/fees{query}")).json()["tier"] == 0
    assert (await bench.send("GET", "/account/fees?quote=BTC")).json()["errorCode"] == 205
