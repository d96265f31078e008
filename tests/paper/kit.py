"""An exchange inside the test: a clock to step, a database of its own, signed requests over ASGI."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from console.clock import SECOND, SystemClock, SystemEntropy, seeded
from console.paper.app import ROUTES, Exchange
from console.paper.auth import ApiKey, load_keys, sign
from console.paper.candle_file import COLUMNS, CandleFile
from console.paper.control import Control
from console.paper.engine import Engine
from console.paper.faults import Faults, parse_faults
from console.paper.following import Followed
from console.paper.recording import Recorder
from console.paper.regimes import Choice
from console.paper.server import prepare_identity
from console.paper.sources import files_of, settle_replay, settle_sources
from console.paper.store import Order, Store

SHARED_CANDLES = Path(__file__).parents[2].parent / "shared" / "candles" / "btc-usdt-5m-2023.csv"
START = 1_795_500_000 * SECOND


class StepClock(SystemClock):
    """Stands still until the test moves it; a sleep moves it by its length."""

    def __init__(self, at: int = START) -> None:
        self.at = at

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.at / SECOND

    async def sleep(self, seconds: float) -> None:
        self.step(seconds)

    def step(self, seconds: float) -> None:
        self.at += int(seconds * SECOND)


@dataclass
class Bench:
    """The exchange under test with its parts in reach."""

    clock: StepClock
    store: Store
    engine: Engine
    exchange: Exchange
    keys: dict[str, ApiKey]

    @classmethod
    def make(
        cls,
        folder: Path,
        *,
        balance: str = "1000",
        seed: int = 7,
        clock: StepClock | None = None,
        speed: float = 1,
        candles: Mapping[str, CandleFile] | None = None,
        regimes: Mapping[str, Choice] | None = None,
        durable: bool = False,
        followed: Followed | None = None,
        record: Path | None = None,
        replay: Path | None = None,
    ) -> Bench:
        """An exchange on `folder / "exchange.db"`, new or as it was left."""
        used, store = StepClock() if clock is None else clock, Store(folder / "exchange.db")
        if not durable:
            # Nothing here outlives the machine; waiting for the disk would only be slow.
            store.rows("PRAGMA synchronous = OFF")
        identity, known = prepare_identity(store, SystemEntropy(), seed, Decimal(balance), used.now())
        recorder = None if record is None else Recorder(record.open("x"))
        recording = settle_replay(store, replay)
        if recording is None:
            played = settle_sources(store, candles or {})
        else:
            known, speed, played = recording.beginning.seed, recording.beginning.speed, files_of(recording)
            if recording.beginning.follow is not None:
                followed = Followed(recording.beginning.follow, (), recording.beginning.oldest_us)
        engine = Engine(store, used, known, speed, played, regimes, followed, recorder, recording)
        faults = Faults(seeded(1), (), used)
        control = Control("token", identity, engine, faults, tuple(ROUTES))
        by_key = load_keys(store)
        keys = {key.name: key for key in by_key.values()}
        return cls(used, store, engine, Exchange(engine, by_key, identity, faults, control), keys)

    def add_key(self, name: str, *rights: str) -> None:
        """A further key with just these rights."""
        key = ApiKey(name, name[0] * 64, "s" * 128, frozenset(rights))
        self.keys[name] = self.exchange.keys[key.key] = key

    def spoil(self, spec: str) -> None:
        """Put fault rules in force."""
        self.exchange.faults.add(parse_faults(spec, tuple(ROUTES)))

    async def send(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        key: str | None = "trade",
        headers: dict[str, str] | None = None,
        at_ms: int | None = None,
    ) -> httpx.Response:
        """One request, signed at the clock's time unless `key` is None; `body` is JSON or raw text."""
        text = body if isinstance(body, str) else "" if body is None else json.dumps(body, separators=(",", ":"))
        sent: dict[str, str] = {}
        if key is not None:
            stamp = str(self.clock.now() // 1000 if at_ms is None else at_ms)
            pair = self.keys[key]
            sent = {
                "bitvavo-access-key": pair.key,
                "bitvavo-access-signature": sign(pair.secret, stamp, method, f"/v2{target}", text),
                "bitvavo-access-timestamp": stamp,
            }
        transport = httpx.ASGITransport(self.exchange)
        async with httpx.AsyncClient(transport=transport, base_url="http://exchange") as client:
            return await client.request(method, f"/v2{target}", content=text, headers=sent | (headers or {}))

    def order(self, market: str = "BTC-EUR") -> Order:
        """The newest order of a market."""
        return self.store.orders("market = ? ORDER BY seq DESC LIMIT 1", [market])[0]

    def total(self, symbol: str) -> Decimal:
        """Available and in order together."""
        return sum(self.store.balance(symbol), Decimal(0))


def limit(market: Any = "BTC-EUR", **changes: Any) -> Any:
    """The body of a limit order far from the market, with changes; `...` leaves a field out."""
    body = {
        "market": market, "side": "buy", "orderType": "limit", "amount": "0.0003", "price": "30000", "operatorId": 1,
    }  # fmt: skip
    return {name: value for name, value in (body | changes).items() if value is not ...}


def market_order(market: str = "BTC-EUR", side: str = "buy", **more: Any) -> Any:
    """The body of a market order."""
    return {"market": market, "side": side, "orderType": "market", "operatorId": 1, **more}


def stop(market: str = "BTC-EUR", **changes: Any) -> Any:
    """The body of a stop-loss far from the market: buys 0.0003 should the last trade reach 90000; `...` as in limit."""
    body = {
        "market": market, "side": "buy", "orderType": "stopLoss", "amount": "0.0003", "operatorId": 1,
        "triggerAmount": "90000", "triggerType": "price", "triggerReference": "lastTrade",
    }  # fmt: skip
    return {name: value for name, value in (body | changes).items() if value is not ...}


def refused(answer: httpx.Response) -> tuple[int, int, str]:
    """(HTTP status, errorCode, error) of a refusal."""
    shown = answer.json()
    assert set(shown) == {"errorCode", "error"}
    return answer.status_code, shown["errorCode"], shown["error"]


def real_candles() -> Path:
    """The file of real candles beside the checkout; without it the test is skipped, but never in CI."""
    if not SHARED_CANDLES.exists() and not os.environ.get("CI"):
        pytest.skip("the file of real candles is not here")
    return SHARED_CANDLES


def candle_csv(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    """Write rows (timestamp, open, high, low, close, volume) as a candle file."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return path


async def place(bench: Bench, body: Any) -> dict[str, Any]:
    """Send an order that is taken; as it is shown."""
    answer = await bench.send("POST", "/order", body)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def look(bench: Bench, order: Mapping[str, Any]) -> dict[str, Any]:
    """An order as it is shown now."""
    answer = await bench.send("GET", f"/order?market={order['market']}&orderId={order['orderId']}")
    shown: dict[str, Any] = answer.json()
    return shown
