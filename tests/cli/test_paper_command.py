"""``oracle paper`` in the foreground, and what its key pairs may do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from console.clock import SystemClock
from console.exchange.signing import KeyPair, Stamp, signed_headers
from tests.cli.kit import address, environment, execute, oracle, orders, propose
from tests.terminal.pseudo_terminal import ORACLE

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("paper-command")]


@contextmanager
def paper(home: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A running ``oracle paper --json`` and its first line."""
    process = subprocess.Popen(
        [*ORACLE, "paper", "--json", *more],
        env=environment(home),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_its_first_line_is_what_the_file_holds_and_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    with paper(tmp_path) as (process, first):
        assert first == address(tmp_path)
        assert first["pid"] == process.pid
        assert set(first) == {"id", "pid", "rest", "websocket", "control", "readonly", "trade"}
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")


def test_a_second_one_says_that_one_runs(tmp_path: Path) -> None:
    with paper(tmp_path) as (process, first):
        clock = SystemClock()
        started = clock.monotonic()
        done = oracle(tmp_path, "paper", "--json", check=False)
        assert clock.monotonic() - started < 5, "at once, not after waiting for its end"
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith("Another simulated exchange runs on")
        assert process.poll() is None
        assert address(tmp_path) == first


def test_other_commands_join_it_and_it_keeps_its_orders(tmp_path: Path) -> None:
    with paper(tmp_path, "--seed", "7") as (process, _):
        assert execute(tmp_path, propose(tmp_path))[0] == 0
        process.terminate()
        process.communicate(timeout=10)
    with paper(tmp_path) as (_, _again):
        assert orders(tmp_path) == 1
        oracle(tmp_path, "reconcile")


def test_the_key_that_reads_can_do_nothing_with_an_order(tmp_path: Path) -> None:
    propose(tmp_path)
    found = address(tmp_path)
    keys = KeyPair(found["readonly"]["key"], found["readonly"]["secret"])
    body = {"market": "BTC-EUR", "side": "buy", "orderType": "market", "amountQuote": "25", "operatorId": 1}
    for method, target, sent in (
        ("POST", "/order", body),
        ("DELETE", "/order?market=BTC-EUR&orderId=x&operatorId=1", None),
        ("GET", "/order?market=BTC-EUR&orderId=x", None),
        ("GET", "/orders?market=BTC-EUR", None),
        ("GET", "/ordersOpen?market=BTC-EUR", None),
        ("GET", "/trades?market=BTC-EUR", None),
        ("POST", "/cancelOrdersAfter", {"codGroupId": 1, "seconds": 60}),
    ):
        text = b"" if sent is None else json.dumps(sent).encode()
        headers = signed_headers(keys, Stamp(SystemClock().now() // 1000), method, f"/v2{target}", text)
        answer = httpx.request(method, f"{found['rest']}{target}", content=text, headers=headers)
        assert (answer.status_code, answer.json()["errorCode"]) == (403, 310), (method, target)
    assert orders(tmp_path) == 0
    assert os.stat(tmp_path / "paper" / "exchange.json").st_mode & 0o777 == 0o600
