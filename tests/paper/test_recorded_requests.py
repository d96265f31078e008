"""Requests recorded from a widespread client are understood: signature, parameters and body, operatorId apart."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.paper.kit import Bench, limit, refused

RECORDED = Path(__file__).parents[2].parent / "shared" / "fixtures" / "ccxt-request-bitvavo.json"
BASE = "https://api.bitvavo.com/v2"
METHODS = {"createOrder": "POST", "editOrder": "PUT", "cancelOrder": "DELETE", "cancelAllOrders": "DELETE"}


def _traded_here(recorded: str) -> str:
    """Litecoin and tether are not traded here; ether and euro stand for them."""
    return recorded.replace("LTC", "ETH").replace("USDT", "EUR")


def cases() -> list[tuple[str, str, str]]:
    """(what was called, target, body) of each recorded request; none where the recording is not here."""
    if not RECORDED.exists():
        return []
    methods = json.loads(RECORDED.read_text(encoding="utf-8"))["methods"]
    return [
        (name, _traded_here(case["url"].removeprefix(BASE)), _traded_here(case.get("output") or ""))
        for name, recorded in methods.items()
        for case in recorded
    ]


def test_all_recorded_requests_are_here() -> None:
    if not RECORDED.exists() and not os.environ.get("CI"):
        pytest.skip("the recorded requests are not here")
    assert len(cases()) == 21
    assert len({name for name, _, _ in cases()}) == 13


async def target_of(bench: Bench, body: dict[str, Any]) -> dict[str, Any]:
    """The ids in a request, replaced by those of an order that is there."""
    client = body.get("clientOrderId")
    placed = limit(body.get("market", "BTC-EUR"), **({} if client is None else {"clientOrderId": client}))
    if placed["market"] == "ETH-EUR":
        placed |= {"amount": "0.05", "price": "1000"}
    order = (await bench.send("POST", "/order", placed)).json()
    return body | ({"orderId": order["orderId"]} if "orderId" in body else {})


def parts(target: str) -> tuple[str, dict[str, str]]:
    path, _, query = target.partition("?")
    return path, dict(each.split("=") for each in query.split("&") if each)


@pytest.mark.parametrize(("name", "target", "body"), cases())
async def test_a_recorded_request_is_understood(bench: Bench, name: str, target: str, body: str) -> None:
    method = METHODS.get(name, "GET")
    path, query = parts(target)
    if method == "GET" and path != "/order":
        answer = await bench.send("GET", target)
    elif body:
        sent = json.loads(body)
        without = await bench.send(method, target, body)
        assert refused(without) == (400, 203, "operatorId parameter is required.")
        sent = (await target_of(bench, sent) if method == "PUT" else sent) | {"operatorId": 1}
        answer = await bench.send(method, target, sent)
        shown = answer.json()
        assert {name: shown.get(name) for name in sent} == sent
    else:
        asked = {} if path == "/orders" else await target_of(bench, dict(query))
        if method == "DELETE":
            assert refused(await bench.send(method, target))[2] == "operatorId parameter is required."
            asked["operatorId"] = 1
        answer = await bench.send(method, path + "?" + "&".join(f"{key}={value}" for key, value in asked.items()))
    assert answer.status_code == 200, answer.text
