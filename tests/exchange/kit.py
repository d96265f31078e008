"""Clients on a stepped clock against answers written down here, and the recorded payloads."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from console.exchange.address import paper_address
from console.exchange.exchange_time import Ticking
from console.exchange.readonly import ReadOnlyClient
from console.exchange.signing import KeyPair
from console.exchange.trade import TradeClient
from console.exchange.weights import WeightBudget
from storage.execution_models import Signing
from storage.executions import PreparedOrder
from tests.support import SteppedClock

ADDRESS = paper_address("http://127.0.0.1:9/v2")
READ_KEYS = KeyPair("r" * 64, "s" * 128)
TRADE_KEYS = KeyPair("t" * 64, "u" * 128)
CLIENT_ID = "080b43f8-412d-4dc9-ac1f-d902554087ed"
ORDER_ID = "decccad3-7c79-4933-a34e-dfe911ebd363"
RECORDED = Path(__file__).parents[2].parent / "shared" / "fixtures" / "ccxt-response-bitvavo.json"


class Desk:
    """Both clients, their shared clock and budget, and every request they sent."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        def handle(request: httpx.Request) -> httpx.Response:
            self.sent.append(request)
            return answer(request)

        self.sent: list[httpx.Request] = []
        self.clock = SteppedClock()
        self.ticking = Ticking.of(self.clock, Random(5))
        self.budget = WeightBudget(self.ticking.time)
        http = httpx.MockTransport(handle)
        self.readonly = ReadOnlyClient(ADDRESS, READ_KEYS, self.budget, self.ticking, http=http)
        self.trade = TradeClient(ADDRESS, TRADE_KEYS, self.budget, self.ticking, identity="simulated:x", http=http)

    def prepared(self, **changes: Any) -> PreparedOrder:
        """A limit buy ready to be sent."""
        return prepared_order(self.trade.prepare(5000), **changes)


def prepared_order(signing: Signing, **changes: Any) -> PreparedOrder:
    body = {
        "market": "BTC-EUR",
        "side": "buy",
        "orderType": "limit",
        "amount": "0.0003",
        "operatorId": 7,
        "clientOrderId": CLIENT_ID,
        "price": "30000",
        "timeInForce": "GTC",
    } | changes
    return PreparedOrder(1, str(body["clientOrderId"]), json.dumps(body, separators=(",", ":")), signing)


def ok(value: Any, **headers: str) -> httpx.Response:
    return httpx.Response(200, json=value, headers=headers)


def refused(status: int, code: int, text: str = "no") -> httpx.Response:
    return httpx.Response(status, json={"errorCode": code, "error": text})


def html(status: int) -> httpx.Response:
    return httpx.Response(status, html="<html><h1>Bad Gateway</h1></html>")


def order_json(**changes: Any) -> dict[str, Any]:
    """An open limit order as the wire shows it."""
    shown = {
        "orderId": ORDER_ID,
        "clientOrderId": CLIENT_ID,
        "market": "BTC-EUR",
        "created": 1702354762111,
        "updated": 1702354762111,
        "status": "new",
        "side": "buy",
        "orderType": "limit",
        "amount": "0.0003",
        "amountRemaining": "0.0003",
        "price": "30000",
        "onHold": "9.03",
        "onHoldCurrency": "EUR",
        "filledAmount": "0",
        "filledAmountQuote": "0",
        "feePaid": "0",
        "feeCurrency": "EUR",
        "fills": [],
        "selfTradePrevention": "decrementAndCancel",
        "visible": True,
        "timeInForce": "GTC",
        "postOnly": False,
        "operatorId": 7,
    } | changes
    return {name: value for name, value in shown.items() if value is not ...}


def recorded(method: str) -> Any:
    """The recorded answer of one method of the fixture file; skips where it is not at hand, fails in CI."""
    (case,) = _fixture(RECORDED)["methods"][method]
    return case["httpResponse"]


def recorded_markets() -> list[Any]:
    """The recorded rules of markets; skips where they are not at hand, fails in CI."""
    return [market["info"] for market in _fixture(RECORDED.with_name("ccxt-markets-bitvavo.json")).values()]


def _fixture(path: Path) -> Any:
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{path} is missing")
        pytest.skip("the recorded payloads are not here")
    return json.loads(path.read_text())
