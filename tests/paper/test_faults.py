"""Each fault bites as it says, on the real process where the connection is concerned."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from console.paper.app import ROUTES
from console.paper.faults import FaultSpecError, parse_faults
from console.paper.process import Address
from tests.paper.exchanges import Signed, control, running, wait_for
from tests.paper.kit import Bench, limit, refused

FIRST = "b3c4a1d2-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("POST /order: explode", "There is no fault 'explode'; known are apply-then-drop, ban, delay,"),
        ("POST /orders: delay 1", "There is no route 'POST /orders'; known are *,"),
        ("POST /order delay 1", "The fault 'POST /order delay 1' is not of the form"),
        ("POST /order: delay", "The fault delay needs a number of seconds."),
        ("POST /order: delay x2", "The fault delay needs a number of seconds."),
        ("*: status", "The fault status needs an HTTP status."),
        ("*: status 200", "The fault status takes an HTTP status from 400 to 599, not 200."),
        ("*: apply-then-drop 3", "The fault apply-then-drop takes no number, but 3 was given."),
        ("*: status 503 @1.5", "A probability lies above 0 and is at most 1, not 1.5."),
        ("*: status 503 x0", "A fault can bite x1 to x1000000 times, not x0."),
        ("POST /order: lag 3", "The fault lag is for GET /order, not for POST /order."),
        ("GET /order: late-apply 3", "The fault late-apply is for routes that change something, not for GET /order."),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_one_sentence(spec: str, sentence: str) -> None:
    with pytest.raises(FaultSpecError) as refused_with:
        parse_faults(spec, tuple(ROUTES))
    assert str(refused_with.value).startswith(sentence)
    assert str(refused_with.value).count("\n") == 0


def test_the_documented_example_is_understood() -> None:
    rules = parse_faults("POST /order: apply-then-drop x1; GET /order: lag 3; *: status 503 @0.05", tuple(ROUTES))
    assert [(rule.route, rule.name, rule.number, rule.left, rule.probability) for rule in rules] == [
        ("POST /order", "apply-then-drop", None, 1, 1.0),
        ("GET /order", "lag", 3.0, None, 1.0),
        ("*", "status", 503.0, None, 0.05),
    ]


async def test_a_lagging_look_up_finds_nothing_though_the_order_is_listed(bench: Bench) -> None:
    bench.spoil("GET /order: lag 3")
    order = (await bench.send("POST", "/order", limit())).json()
    look_up = f"/order?market=BTC-EUR&orderId={order['orderId']}"
    assert refused(await bench.send("GET", look_up))[:2] == (404, 240)
    assert (await bench.send("GET", "/ordersOpen?market=BTC-EUR")).json() == [order]
    bench.clock.step(2.9)
    assert (await bench.send("GET", look_up)).status_code == 404
    bench.clock.step(0.1)
    assert (await bench.send("GET", look_up)).json() == order


@pytest.mark.parametrize(("status", "code"), [(503, 109), (500, 101), (429, 105), (403, 320), (418, 400)])
async def test_a_status_answers_with_an_error_and_applies_nothing(bench: Bench, status: int, code: int) -> None:
    bench.spoil(f"POST /order: status {status} x1")
    answer = await bench.send("POST", "/order", limit())
    assert refused(answer)[:2] == (status, code)
    assert "bitvavo-ratelimit-resetat" in answer.headers
    assert bench.store.orders("1", []) == []
    assert (await bench.send("POST", "/order", limit())).status_code == 200


async def test_html_is_an_answer_nobody_can_parse(bench: Bench) -> None:
    bench.spoil("*: html x1; *: html 504 x1")
    for status in (502, 504):
        answer = await bench.send("POST", "/order", limit())
        assert answer.status_code == status
        assert answer.text.startswith("<!DOCTYPE html>")
    assert bench.store.orders("1", []) == []


async def test_a_probability_bites_about_that_often(bench: Bench) -> None:
    bench.spoil("GET /time: status 503 @0.3")
    answers = [(await bench.send("GET", "/time", key=None)).status_code for _ in range(400)]
    assert set(answers) == {200, 503}
    assert 80 < answers.count(503) < 160


async def test_a_rule_leaves_other_routes_alone(bench: Bench) -> None:
    bench.spoil("GET /time: status 503")
    assert (await bench.send("GET", "/balance")).status_code == 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[Address]:
    with running(folder) as found:
        yield found


def _statuses(folder: Path, client_id: str) -> list[str]:
    database = sqlite3.connect(f"file:{folder / 'exchange.db'}?mode=ro", uri=True)
    try:
        rows = database.execute("SELECT status FROM orders WHERE client_order_id = ?", [client_id]).fetchall()
    finally:
        database.close()
    return [row[0] for row in rows]


CUT = (httpx.RemoteProtocolError, httpx.ReadError)


@pytest.mark.processes
def test_an_order_applied_and_then_cut_off_is_in_the_database(folder: Path, address: Address) -> None:
    control(address, clear=True, faults="POST /order: apply-then-drop x1")
    with pytest.raises(CUT):
        Signed(address, address.trade).send("POST", "/order", limit(clientOrderId=FIRST))
    assert _statuses(folder, FIRST) == ["new"]


@pytest.mark.processes
def test_an_order_cut_off_before_it_is_applied_never_was(folder: Path, address: Address) -> None:
    client_id = FIRST[:-1] + "2"
    state = control(address, clear=True, faults="POST /order: drop-before-apply x1")
    assert [(rule["name"], rule["left"], rule["hits"]) for rule in state["faults"]] == [("drop-before-apply", 1, 0)]
    with pytest.raises(CUT):
        Signed(address, address.trade).send("POST", "/order", limit(clientOrderId=client_id))
    assert _statuses(folder, client_id) == []
    state = httpx.get(address.control, trust_env=False).json()
    assert [(rule["left"], rule["hits"]) for rule in state["faults"]] == [(0, 1)]


@pytest.mark.processes
def test_a_late_order_is_applied_after_its_window(folder: Path, address: Address) -> None:
    client_id = FIRST[:-1] + "3"
    control(address, clear=True, faults="POST /order: late-apply 0.5 x1")
    with pytest.raises(CUT):
        Signed(address, address.trade, window=200).send("POST", "/order", limit(clientOrderId=client_id))
    assert _statuses(folder, client_id) == []
    wait_for(lambda: _statuses(folder, client_id) == ["new"])


@pytest.mark.processes
def test_a_delayed_order_is_refused_once_its_window_has_passed(folder: Path, address: Address) -> None:
    client_id = FIRST[:-1] + "4"
    control(address, clear=True, faults="POST /order: delay 0.4 x1")
    answer = Signed(address, address.trade, window=200).send("POST", "/order", limit(clientOrderId=client_id))
    assert refused(answer)[:2] == (503, 108)
    assert _statuses(folder, client_id) == []


@pytest.mark.processes
def test_an_answer_is_cut_in_its_middle_and_the_order_is_there(folder: Path, address: Address) -> None:
    client_id = FIRST[:-1] + "5"
    control(address, clear=True, faults="POST /order: disconnect x1")
    with pytest.raises(CUT):
        Signed(address, address.trade).send("POST", "/order", limit(clientOrderId=client_id))
    assert _statuses(folder, client_id) == ["new"]
    head, _, body = _raw(address, "GET /v2/time", "GET /time: disconnect x1").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    whole = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    assert 0 < len(body) < whole


def _raw(address: Address, request: str, faults: str) -> bytes:
    """All that comes back over a bare connection until it is cut."""
    control(address, faults=faults)
    place = urlsplit(address.rest)
    received = b""
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall(f"{request} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
        with suppress(ConnectionResetError):
            while chunk := connection.recv(4096):
                received += chunk
    return received


@pytest.mark.processes
def test_control_refuses_what_it_does_not_know_and_is_found_only_by_its_path(address: Address) -> None:
    before = control(address, clear=True)["faults"]
    wrong: list[object] = [{"faults": "POST /order: explode"}, {"fault": "x"}, {}, [], {"clear": 1}]
    for wanted in wrong:
        answer = httpx.post(address.control, json=wanted, trust_env=False)
        assert answer.status_code == 400
        assert answer.json()["error"]
    assert httpx.get(address.control, trust_env=False).json()["faults"] == before == []
    assert httpx.get(address.control[:-1], trust_env=False).status_code == 404
