"""A real exchange process for the tests of this folder, and requests signed by hand."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import httpx

from console.clock import SystemClock
from console.paper.process import Address, KeyPair, ensure_exchange, hold


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Address]:
    """An exchange of its own on a free port; told to stop afterwards."""
    with hold(folder):
        address = ensure_exchange(folder, options=options, timeout=30)
        try:
            yield address
        finally:
            stop(address.pid)


def stop(pid: int) -> None:
    """End one process by its id and wait until it is gone."""
    os.kill(pid, signal.SIGTERM)
    wait_until_gone(pid)


def wait_until_gone(pid: int) -> None:
    wait_for(lambda: not alive(pid))


def alive(pid: int) -> bool:
    """Whether a process still runs; one that ended but was not waited for does not count."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition: Callable[[], bool], timeout: float = 20) -> None:
    """Look again and again until the condition holds."""
    clock = SystemClock()
    deadline = clock.monotonic() + timeout
    while not condition():
        if clock.monotonic() > deadline:
            raise AssertionError("the condition did not come true in time")
        Event().wait(0.01)


@dataclass
class Signed:
    """A client that signs the raw bytes it sends."""

    address: Address
    pair: KeyPair
    window: int = 10_000

    def headers(self, method: str, target: str, body: str, at_ms: int | None = None) -> dict[str, str]:
        stamp = SystemClock().now() // 1000 if at_ms is None else at_ms
        text = f"{stamp}{method}/v2{target}{body}"
        return {
            "Bitvavo-Access-Key": self.pair.key,
            "Bitvavo-Access-Signature": hmac.new(self.pair.secret.encode(), text.encode(), hashlib.sha256).hexdigest(),
            "Bitvavo-Access-Timestamp": str(stamp),
            "Bitvavo-Access-Window": str(self.window),
        }

    def send(self, method: str, target: str, body: Any = None, at_ms: int | None = None) -> httpx.Response:
        text = "" if body is None else json.dumps(body, separators=(",", ":"))
        headers = self.headers(method, target, text, at_ms)
        with httpx.Client(timeout=10, trust_env=False) as client:
            return client.request(method, self.address.rest + target, content=text.encode(), headers=headers)


def control(address: Address, **wanted: object) -> dict[str, Any]:
    """Change the faults of a running exchange and return its state."""
    answer = httpx.post(address.control, json=wanted, trust_env=False)
    assert answer.status_code == 200, answer.text
    state: dict[str, Any] = answer.json()
    return state
