"""The stream measured: what a console costs under a fast feed, and how soon it hears of a match.

Alone it prints both figures: ``python -m tests.bench.feed``. With ``--serve FOLDER`` it is the fast exchange itself:
the simulated one, whose markets move and are told of every twentieth of a second instead of every third.
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
from contextlib import suppress
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any, Final

from tests.bench.timed import ORACLE, ROOT, OnTerminal, environment

MARKETS: Final = ("BTC-EUR", "ETH-EUR", "ADA-EUR", "SOL-EUR", "XRP-EUR")
STEP_US: Final = 50_000
PUMP_S: Final = 0.02
SETTLED_S: Final = 20.0
FILLS: Final = 40
UNLIMITED: Final = 1_000_000_000
"""Weight points a minute: whoever measures requests must not be banned for their number."""


def serve_fast(folder: Path) -> int:
    """Be the simulated exchange, with twenty steps a second and requests without limit; ends like any other."""
    import console.paper.book as book
    import console.paper.limits as limits

    # Before anything copies it.
    book.STEP_US = STEP_US  # type: ignore[misc]
    import console.paper.server as server

    limits.POINTS = UNLIMITED  # type: ignore[misc]
    server.ADVANCE_S = PUMP_S  # type: ignore[misc]
    return server.serve(server.ServerOptions(folder, keep=True))


class FastExchange:
    """The fast exchange as a process of its own, joined by whatever starts in the same data folder."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "paper"
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-m", "tests.bench.feed", "--serve", str(self.folder)]
        self._process = subprocess.Popen(words, cwd=ROOT, env=environment(home))

    def ready(self) -> None:
        """Wait until it answers. Raises TimeoutError."""
        until = time.perf_counter() + 30
        while not (self.folder / "exchange.json").exists():
            if time.perf_counter() > until:
                raise TimeoutError("the fast exchange does not come up")
            time.sleep(0.05)

    def end(self) -> None:
        """End it and wait."""
        self._process.terminate()
        self._process.wait(timeout=20)


async def events_a_second(folder: Path, seconds: float) -> float:
    """How many book events a second really come, over all markets."""
    from websockets.asyncio.client import connect

    count = 0
    async with connect(json.loads((folder / "exchange.json").read_text())["websocket"]) as socket:
        channel = {"name": "book", "markets": list(MARKETS)}
        await socket.send(json.dumps({"action": "subscribe", "channels": [channel]}))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for text in socket:
                    count += '"event":"book"' in str(text)
    return round(count / seconds, 1)


def feed_share(home: Path, seconds: float, columns: int, rows: int) -> float:
    """The share of one core a console with proposals in five markets uses under the feed, its jobs included."""
    env = environment(home)
    for market in MARKETS:
        words = [*ORACLE, "propose", "--market", market, "--side", "buy", "--eur", "25"]
        subprocess.run(words, env=env, check=True, capture_output=True)
    program = OnTerminal([*ORACLE, "run"], env, home, columns=columns, rows=rows)
    try:
        program.until(rb"XRP-EUR")
        program.read_for(SETTLED_S)
        program.until(rb"stream")
        before, began = program.cost().cpu, time.perf_counter()
        program.read_for(seconds)
        return round((program.cost().cpu - before) / (time.perf_counter() - began), 4)
    finally:
        program.end()


async def match_to_client(folder: Path) -> list[float]:
    """Milliseconds from each of some matches to the moment our stream rings for it."""
    from console.clock import SystemClock
    from console.exchange.address import paper_address
    from console.exchange.exchange_time import Ticking
    from console.exchange.signing import KeyPair
    from console.exchange.stream import Stream
    from console.exchange.weights import WeightBudget
    from console.paper.process import read_address
    from tests.paper.exchanges import Signed
    from tests.paper.kit import market_order

    address = read_address(folder)
    if address is None:
        raise RuntimeError("the exchange is gone")
    rung: asyncio.Queue[int] = asyncio.Queue()
    ticking = Ticking.of(SystemClock(), Random(1))
    keys = KeyPair(address.trade.key, address.trade.secret)
    stream = Stream(
        lambda: paper_address(address.rest), WeightBudget(ticking.time), ticking, keys=keys,
        on_account=lambda: rung.put_nowait(time.time_ns()),
    )  # fmt: skip
    task = asyncio.create_task(stream.run())
    found = []
    try:
        await rung.get()  # the connection's own
        for number in range(FILLS):
            order = market_order(side="sell" if number % 2 else "buy", amount="0.0003")
            answer = await asyncio.to_thread(Signed(address, address.trade).send, "POST", "/order", order)
            answer.raise_for_status()
            first = await asyncio.wait_for(rung.get(), 10)
            await asyncio.sleep(0.05)
            while not rung.empty():
                rung.get_nowait()
            with sqlite3.connect(f"file:{folder / 'exchange.db'}?mode=ro", uri=True) as database:
                query = "SELECT min(at_ns) FROM fills WHERE order_id = ?"
                (at_ns,) = database.execute(query, (answer.json()["orderId"],)).fetchone()
            found.append((first - at_ns) / 1e6)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return found


def measure_feed(seconds: float, columns: int = 120, rows: int = 36) -> dict[str, Any]:
    """Both figures, in a data folder of their own."""
    with tempfile.TemporaryDirectory(prefix="oracle-feed-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        exchange = FastExchange(home)
        try:
            exchange.ready()
            told = asyncio.run(events_a_second(exchange.folder, 5.0))
            share = feed_share(home, seconds, columns, rows)
            late = asyncio.run(match_to_client(exchange.folder))
        finally:
            exchange.end()
    figures = {"median": median(late), "p95": quantiles(late, n=20)[-1]}
    return {
        "feed_events_a_second": told,
        "feed_share_of_a_core": share,
        "match_to_client_ms": {name: round(value, 2) for name, value in figures.items()},
    }


def main() -> int:
    """Read the command line, serve or measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.feed", description=__doc__)
    parser.add_argument("--serve", type=Path, help="be the fast exchange of this folder")
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds to watch the console for")
    parser.add_argument("--columns", type=int, default=120)
    parser.add_argument("--rows", type=int, default=36)
    asked = parser.parse_args()
    if asked.serve is not None:
        return serve_fast(asked.serve)
    figures = measure_feed(asked.seconds, asked.columns, asked.rows)
    print(json.dumps(figures, indent=1))  # noqa: T201 - the figures are what this command is for
    return 0


if __name__ == "__main__":
    sys.exit(main())
