"""The simulated exchange under load: requests a second and slowest answers while five markets tell all they have.

Alone it prints the figures, with those of eight hours of market time: ``python -m tests.bench.exchange``. Beside the
exchange stands a bare Starlette that gives the same answers from memory, on the same server, asked in turn with it; of
an order it gives one answer at once and one after it has put two rows on the disk, as the exchange must.
The exchange is the fast one of ``feed``, with a subscriber to all its books and with the weight limit lifted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final
from urllib.parse import urlsplit

from tests.bench.feed import FastExchange, events_a_second
from tests.bench.hours import measure_hours
from tests.bench.timed import ROOT, environment
from tests.bench.wire import Asked, MadeRequest, Wire, ask_many, http_request

READS: Final = {"ticker": "/v2/ticker/price?market=BTC-EUR", "book": "/v2/BTC-EUR/book?depth=25"}
ORDERS: Final = "order"
DURABLE: Final = "durable_order"
"""The bare Starlette's order with two rows."""

RESTING: Final = 40
"""Orders placed before all are cancelled again, which no figure counts; a hundred may rest in a market."""

BATCHES: Final = 5
"""Of so many resting orders each, in a round."""

ROUNDS: Final = 5
READS_A_ROUND: Final = 1000
LISTENING_S: Final = 3600.0


def two_rows(path: Path) -> sqlite3.Connection:
    """A database as durable as the exchange's, with a table of orders and one balance."""
    database = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE balances (available INTEGER, in_order INTEGER)",
        "INSERT INTO balances VALUES (1000, 0)",
    ):
        database.execute(statement)
    return database


def serve_bare(answers: Path) -> int:
    """Be a bare Starlette that answers as the exchange did, made JSON anew each time; its port is the first line."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from console.paper.server import open_socket

    known: dict[str, Any] = json.loads(answers.read_text(encoding="utf-8"))

    async def ticker(_: Request) -> JSONResponse:
        return JSONResponse(known["ticker"])

    async def book(_: Request) -> JSONResponse:
        return JSONResponse(known["book"])

    async def order(request: Request) -> JSONResponse:
        await request.json()
        return JSONResponse(known[ORDERS])

    database = two_rows(answers.with_name("bare.db"))

    async def durable(request: Request) -> JSONResponse:
        body = await request.body()
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO orders (body) VALUES (?)", (body,))
        database.execute("UPDATE balances SET available = available - 9, in_order = in_order + 9")
        database.execute("COMMIT")
        return JSONResponse(known[ORDERS])

    routes = [
        Route("/v2/ticker/price", ticker),
        Route("/v2/{market}/book", book),
        Route("/v2/order", order, methods=["POST"]),
        Route("/v2/durable", durable, methods=["POST"]),
    ]
    config = uvicorn.Config(Starlette(routes=routes), http="h11", lifespan="off", access_log=False, log_level="warning")
    with open_socket(0) as listener:
        print(listener.getsockname()[1], flush=True)  # noqa: T201 - what the starter waits for
        uvicorn.Server(config).run(sockets=[listener])
    return 0


@contextmanager
def bare(home: Path, answers: dict[str, Any]) -> Iterator[int]:
    """The bare Starlette as a process of its own; its port."""
    file = home / "answers.json"
    file.write_text(json.dumps(answers), encoding="utf-8")
    words = [sys.executable, "-m", "tests.bench.exchange", "--bare", str(file)]
    with subprocess.Popen(words, cwd=ROOT, env=environment(home), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@contextmanager
def listening(home: Path, folder: Path) -> Iterator[None]:
    """Somebody who hears every book of the exchange, as a process of its own."""
    words = [sys.executable, "-m", "tests.bench.exchange", "--listen", str(folder)]
    with subprocess.Popen(words, cwd=ROOT, env=environment(home)) as process:
        try:
            yield
            if process.poll() is not None:
                raise RuntimeError("the subscriber was lost on the way")
        finally:
            process.terminate()


class Orders:
    """Signed limit orders that rest: an order and a balance, each a row that is on the disk when it is answered."""

    def __init__(self, folder: Path) -> None:
        from console.paper.process import read_address
        from tests.paper.exchanges import Signed
        from tests.paper.kit import limit

        address = read_address(folder)
        if address is None:
            raise RuntimeError("the exchange is gone")
        self.port = urlsplit(address.rest).port or 0
        self._signed = Signed(address, address.trade)
        self._body = json.dumps(limit(), separators=(",", ":"))

    def make(self, target: str = "/v2/order") -> bytes:
        """A buy for nine euros far below the market, signed now."""
        headers = self._signed.headers("POST", "/order", self._body)
        return http_request("POST", target, self._body, list(headers.items()))

    def cancel_all(self) -> None:
        """Take every order back."""
        answer = self._signed.send("DELETE", "/orders?operatorId=1")
        answer.raise_for_status()


@dataclass
class Rate:
    """What was seen of one kind of request at one server."""

    a_second: list[float] = field(default_factory=list)
    each: list[float] = field(default_factory=list)

    def add(self, asked: Asked) -> None:
        """Count one round."""
        self.a_second.append(len(asked.each) / asked.seconds)
        self.each += asked.each

    def shown(self) -> dict[str, float]:
        """The median of the rounds' requests a second; median and 99th percentile of all answers in ms."""
        slowest = quantiles(self.each, n=100)[-1]
        return {
            "requests_a_second": round(median(self.a_second), 1),
            "median_ms": round(median(self.each) * 1000, 2),
            "p99_ms": round(slowest * 1000, 2),
        }


def measure_rates(rounds: int = ROUNDS) -> dict[str, Any]:
    """Each kind of request at the exchange and at the bare Starlette, in turn, and their ratios."""
    with tempfile.TemporaryDirectory(prefix="oracle-rates-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        exchange = FastExchange(home)
        try:
            exchange.ready()
            with listening(home, exchange.folder):
                told = asyncio.run(events_a_second(exchange.folder, 3.0))
                figures = _rates(home, Orders(exchange.folder), rounds)
        finally:
            exchange.end()
    return {"feed_events_a_second": told, **figures}


def _rates(home: Path, orders: Orders, rounds: int) -> dict[str, Any]:
    made: dict[str, MadeRequest] = {name: _reader(target) for name, target in READS.items()}
    made[ORDERS] = orders.make
    wire = Wire(orders.port)
    answers = {name: json.loads(wire.ask(make())) for name, make in made.items()}
    wire.close()
    orders.cancel_all()
    ours, theirs = {name: Rate() for name in made}, {name: Rate() for name in (*made, DURABLE)}
    with bare(home, answers) as port:
        ask_many(port, made["ticker"], 200)
        for _ in range(rounds):
            for name in READS:
                theirs[name].add(ask_many(port, made[name], READS_A_ROUND))
                ours[name].add(ask_many(orders.port, made[name], READS_A_ROUND))
            theirs[ORDERS].add(ask_many(port, orders.make, READS_A_ROUND))
            for _ in range(BATCHES):
                theirs[DURABLE].add(ask_many(port, lambda: orders.make("/v2/durable"), RESTING))
                ours[ORDERS].add(ask_many(orders.port, orders.make, RESTING))
                orders.cancel_all()
    figures = {name: _beside(ours[name], theirs[name]) for name in made}
    durable = theirs[DURABLE]
    figures[ORDERS]["bare_starlette_with_two_rows"] = durable.shown()
    figures[ORDERS]["share_of_bare_with_two_rows"] = _share(ours[ORDERS], durable)
    return figures


def _beside(ours: Rate, theirs: Rate) -> dict[str, Any]:
    return {"exchange": ours.shown(), "bare_starlette": theirs.shown(), "share_of_bare": _share(ours, theirs)}


def _share(ours: Rate, theirs: Rate) -> float:
    return round(median(ours.a_second) / median(theirs.a_second), 2)


def _reader(target: str) -> MadeRequest:
    request = http_request("GET", target)
    return lambda: request


def measure_exchange(hours: int) -> dict[str, Any]:
    """All figures of the simulated exchange; no hours where none are asked for."""
    figures: dict[str, Any] = {"exchange_at_full_feed": measure_rates()}
    if hours > 0:
        figures["exchange_memory"] = measure_hours(hours)
    return figures


def main() -> int:
    """Read the command line; serve, listen or measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.exchange", description=__doc__)
    parser.add_argument("--bare", type=Path, help="be the bare Starlette with the answers of this file")
    parser.add_argument("--listen", type=Path, help="hear the exchange of this folder")
    parser.add_argument("--hours", type=int, default=8, help="hours of market time to step through; 0 leaves them out")
    asked = parser.parse_args()
    if asked.bare is not None:
        return serve_bare(asked.bare)
    if asked.listen is not None:
        asyncio.run(events_a_second(asked.listen, LISTENING_S))
        return 0
    began = time.perf_counter()
    figures = measure_exchange(asked.hours)
    figures["took_s"] = round(time.perf_counter() - began, 1)
    print(json.dumps(figures, indent=1))  # noqa: T201 - the figures are what this command is for
    return 0


if __name__ == "__main__":
    sys.exit(main())
