"""Hours of the simulated exchange in minutes: its clock is stepped, its memory read every two hours.

The exchange is a process with its own server and database; its markets take every step of the time and are told of
every other second of it. A client hears every channel over a WebSocket, asks for books and candles, and has orders
filled and cancelled. With ``--serve FOLDER`` this is that exchange: a line on its input, a number of seconds, steps
it on; it answers with a line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from console.clock import SECOND, SystemClock
from tests.bench.timed import ROOT, environment

if TYPE_CHECKING:
    from console.paper.hub import Hub

MARKETS: Final = ("BTC-EUR", "ETH-EUR", "ADA-EUR", "SOL-EUR", "XRP-EUR")
CHANNELS: Final = ("book", "ticker", "trades", "ticker24h", "account")
PIECE_S: Final = 60
"""Market seconds between two acts of the client."""

TOLD_S: Final = 2
"""Market seconds between two looks of the server at its markets."""

HOUR_S: Final = 3600
EVERY_HOURS: Final = 2
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Stepped(SystemClock):
    """Time that stands still until it is told to go on; sleeps are real ones."""

    def __init__(self) -> None:
        self.at = super().now()

    def now(self) -> int:
        """Market and wall time, in microseconds since the epoch."""
        return self.at

    def monotonic(self) -> float:
        """The same in seconds."""
        return self.at / SECOND


def resident() -> int:
    """Bytes of this process that are in memory, as proc(5) counts them in pages."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


async def drained(hub: Hub) -> None:
    """Wait until every reader has what it was told: what waits for a slow one is not the exchange's own memory."""
    while any(each._outbox.qsize() for each in hub._listeners):  # type: ignore[attr-defined]  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def serve_stepped(folder: Path) -> int:
    """Be the exchange whose time comes from the input; ends with it."""
    import console.paper.server as server

    clock = Stepped()

    class Process(server.Process):
        async def _advance(self) -> None:
            loop, hub = asyncio.get_running_loop(), self.exchange.hub
            while line := await loop.run_in_executor(None, sys.stdin.readline):
                for _piece in range(int(line) // TOLD_S):
                    clock.at += TOLD_S * SECOND
                    self.engine.advance()
                    for _ in hub.pumping():
                        await asyncio.sleep(0)
                    await drained(hub)
                print(json.dumps({"at_us": clock.at, "resident": resident()}), flush=True)  # noqa: T201 - the answer

    server.SystemClock = lambda: clock  # type: ignore[assignment, attr-defined]
    server.Process = Process  # type: ignore[misc]
    return server.serve(server.ServerOptions(folder, keep=True))


class SteppedExchange:
    """The stepped exchange as a process of its own, seen from outside."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "paper"
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-m", "tests.bench.hours", "--serve", str(self.folder)]
        self._process = subprocess.Popen(
            words, cwd=ROOT, env=environment(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def step(self, seconds: int) -> tuple[int, int]:
        """Let market time pass: (the time it is then in ms, bytes in memory)."""
        written, read = self._pipes()
        written.write(f"{seconds}\n")
        written.flush()
        answer = json.loads(read.readline())
        return answer["at_us"] // 1000, answer["resident"]

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the exchange was started without pipes")
        return self._process.stdin, self._process.stdout

    def end(self) -> None:
        """End it, which the end of its input does, and wait."""
        written, read = self._pipes()
        written.close()
        self._process.wait(timeout=20)
        read.close()


class Client:
    """Who uses the exchange meanwhile: hears everything, reads a little, trades a little."""

    def __init__(self, exchange: SteppedExchange) -> None:
        from console.paper.process import read_address
        from tests.paper.exchanges import Signed

        address = read_address(exchange.folder)
        if address is None:
            raise RuntimeError("the exchange does not come up")
        self.address = address
        self._signed = Signed(address, address.trade)
        self._turn = 0
        self.heard = 0
        self.orders = 0

    async def listen(self, at_ms: int, heard: asyncio.Event) -> None:
        """Hear every channel until cancelled; `heard` is set once all is subscribed. `at_ms` is the exchange's time."""
        from websockets.asyncio.client import connect

        from console.paper.auth import sign

        pair = self.address.trade
        async with connect(self.address.websocket) as socket:
            signature = sign(pair.secret, str(at_ms), "GET", "/v2/websocket", "")
            hello = {"action": "authenticate", "key": pair.key, "signature": signature, "timestamp": at_ms}
            await socket.send(json.dumps(hello))
            await socket.recv()
            channels: list[dict[str, Any]] = [{"name": name, "markets": list(MARKETS)} for name in CHANNELS]
            channels.append({"name": "candles", "interval": ["1m", "1h"], "markets": list(MARKETS)})
            await socket.send(json.dumps({"action": "subscribe", "channels": channels}))
            if "subscribed" not in str(answer := await socket.recv()):
                raise RuntimeError(f"not subscribed: {answer!r}")
            heard.set()
            async for _ in socket:
                self.heard += 1

    def act(self, at_ms: int) -> None:
        """A book, candles, a fill one way or the other, and an order that rests until the next act but one."""
        from tests.paper.kit import limit, market_order

        self._turn += 1
        market = MARKETS[self._turn % len(MARKETS)]
        side = "sell" if self._turn % 2 else "buy"
        self._send("GET", f"/{market}/book?depth=25", None, at_ms)
        self._send("GET", f"/{market}/candles?interval=5m&limit=300", None, at_ms)
        if self._turn % 2:
            self._send("DELETE", "/orders?operatorId=1", None, at_ms)
        if self._turn > 1:
            self._order(market_order(side=side, amount="0.0003"), at_ms)
        self._order(limit(), at_ms)

    def _order(self, body: Any, at_ms: int) -> None:
        self._send("POST", "/order", body, at_ms)
        self.orders += 1

    def _send(self, method: str, target: str, body: Any, at_ms: int) -> None:
        answer = self._signed.send(method, target, body, at_ms)
        if answer.is_error:
            raise RuntimeError(f"{method} {target}: {answer.text}")


async def _live(exchange: SteppedExchange, hours: int) -> dict[str, Any]:
    at_ms, _ = await asyncio.to_thread(exchange.step, TOLD_S)
    client = Client(exchange)
    subscribed = asyncio.Event()
    ear = asyncio.create_task(client.listen(at_ms, subscribed))
    seen: dict[str, int] = {}
    try:
        # Its time would be too old to sign with once the clock goes on.
        await asyncio.wait_for(subscribed.wait(), 30)
        for piece in range(1, hours * HOUR_S // PIECE_S + 1):
            at_ms, bytes_used = await asyncio.to_thread(exchange.step, PIECE_S)
            if ear.done():
                raise RuntimeError("the subscriber was lost on the way") from ear.exception()
            await asyncio.to_thread(client.act, at_ms)
            hour, rest = divmod(piece * PIECE_S, HOUR_S)
            if rest == 0 and hour % EVERY_HOURS == 0:
                seen[str(hour)] = bytes_used
    finally:
        ear.cancel()
        with suppress(asyncio.CancelledError):
            await ear
    return {
        "messages_heard": client.heard,
        "orders_placed": client.orders,
        "mib_after_hour": {hour: round(used / 2**20, 2) for hour, used in seen.items()},
        "last_over_first": round(seen[max(seen, key=int)] / seen[str(EVERY_HOURS)], 3),
    }


def measure_hours(hours: int = 8) -> dict[str, Any]:
    """Memory after every second hour of market time, and the last as a multiple of the first. At least two hours."""
    with tempfile.TemporaryDirectory(prefix="oracle-hours-", ignore_cleanup_errors=True) as name:
        exchange = SteppedExchange(Path(name))
        try:
            return asyncio.run(_live(exchange, hours))
        finally:
            exchange.end()


def main() -> int:
    """Read the command line, serve or measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.hours", description=__doc__)
    parser.add_argument("--serve", type=Path, help="be the stepped exchange of this folder")
    parser.add_argument("--hours", type=int, default=8, help="hours of market time, two or more")
    asked = parser.parse_args()
    if asked.serve is not None:
        return serve_stepped(asked.serve)
    print(json.dumps(measure_hours(asked.hours), indent=1))  # noqa: T201 - the figures are what this command is for
    return 0


if __name__ == "__main__":
    sys.exit(main())
