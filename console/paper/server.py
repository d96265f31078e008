"""The exchange as a process: identity, socket, address file, signals, and when to end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Final

import uvicorn
from starlette.types import Receive, Scope, Send

from console.clock import SystemClock, SystemEntropy
from console.paper.app import ROUTES, Exchange
from console.paper.assumptions import assume
from console.paper.auth import TRADE, VIEW, ApiKey, load_keys
from console.paper.beginning import Asking, Prices
from console.paper.control import Control
from console.paper.decimals import text
from console.paper.faults import Faults, parse_faults
from console.paper.options import PriceOptions
from console.paper.prices import stream
from console.paper.process import (
    ADDRESS_FILE,
    DATABASE_FILE,
    JOIN_HEADER,
    RUNNING_LOCK,
    START_LOCK,
    USERS_LOCK,
    Address,
    KeyPair,
    try_lock,
)
from console.paper.sources import SourceError
from console.paper.store import Store
from console.paper.ws_protocol import PING_S, CuttableProtocol, StreamProtocol

TAKEOVER_S: Final = 8.0
"""How long a new exchange waits for one that is ending."""

ADVANCE_S: Final = 0.1
"""Seconds between two looks at the market; what changed in between is one batch of the book."""

LONGEST_MESSAGE: Final = 1024 * 1024
"""Bytes of a WebSocket message from a client; no known one comes near."""

WATCH_S: Final = 0.25


class CannotStart(Exception):
    """Port in use, or another exchange runs on this folder; the text is one sentence."""


@dataclass(frozen=True)
class ServerOptions:
    """The command line of the exchange; `keep` runs until told to stop, `grace` counts seconds without a user."""

    home: Path
    port: int = 0
    seed: int | None = None
    speed: float = 1.0
    faults: str = ""
    keep: bool = False
    balance: Decimal = Decimal(1000)
    grace: float = 10.0
    prices: PriceOptions = field(default_factory=PriceOptions)
    assume: Mapping[str, str] = field(default_factory=dict)
    """Checked assumptions, see console.paper.assumptions."""

    announce: Callable[[Address], None] | None = None
    """Told the address once the port listens."""


class QuietServer(uvicorn.Server):
    """A server that leaves signals to its owner."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take no signal."""
        yield


def prepare_identity(
    store: Store, entropy: SystemEntropy, seed: int | None, balance: Decimal, now_us: int
) -> tuple[str, int]:
    """Id and seed of the exchange: made once with both key pairs and the first deposit, then read for ever.

    CannotStart if another seed is asked for later.
    """
    stored = store.setting("id")
    if stored is not None:
        known = int(store.setting("seed") or "0")
        if seed is not None and seed != known:
            raise CannotStart(f"This exchange was made with seed {known}; another seed needs another folder.")
        return stored, known
    identity, chosen = str(entropy.uuid()), 7 if seed is None else seed
    with store.transaction():
        store.set_setting("id", identity)
        store.set_setting("seed", str(chosen))
        for name, rights in (("readonly", VIEW), ("trade", f"{VIEW} {TRADE}")):
            values = [name, entropy.token(32).hex(), entropy.token(64).hex(), rights]
            store.rows("INSERT INTO api_keys VALUES (?, ?, ?, ?)", values)
        store.set_balance("EUR", balance, Decimal(0))
        store.set_setting("deposit_eur", text(balance))
        store.set_setting("deposited_us", str(now_us))
    return identity, chosen


def open_socket(port: int) -> socket.socket:
    """A listening socket on loopback; CannotStart if the port is taken."""
    # Without the protocol's number asyncio leaves Nagle's algorithm on, and every answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise CannotStart(f"Port {port} cannot be used: {error.strerror}.") from error
    listener.listen(128)
    return listener


def write_address(folder: Path, address: Address) -> None:
    """Replace `exchange.json` in one step, readable by its owner alone."""
    fresh = folder / f"{ADDRESS_FILE}.new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(address.to_json() + "\n")
    fresh.replace(folder / ADDRESS_FILE)


def _pair(keys: dict[str, ApiKey], name: str) -> KeyPair:
    found = next(key for key in keys.values() if key.name == name)
    return KeyPair(found.key, found.secret)


class Process:
    """One running exchange."""

    def __init__(self, options: ServerOptions, listener: socket.socket, store: Store) -> None:
        self.options = options
        entropy, self.clock = SystemEntropy(), SystemClock()
        identity, seed = prepare_identity(store, entropy, options.seed, options.balance, self.clock.now())
        keys = load_keys(store)
        routes = tuple(ROUTES)
        faults = Faults(stream(seed, "faults"), parse_faults(options.faults, routes), self.clock)
        prices = Prices(store, self.clock, seed, options.speed, options.prices)
        engine, self._asking = prices.engine, prices.asking
        control = Control(entropy.token(24).hex(), identity, engine, faults, routes)
        self.engine = engine
        self.exchange = Exchange(engine, keys, identity, faults, control)
        self.listener = listener
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        self.address = Address(
            identity, os.getpid(), f"http://{place}/v2", f"ws://{place}/v2/", f"http://{place}{control.path}",
            _pair(keys, "readonly"), _pair(keys, "trade"),
        )  # fmt: skip
        self._last_user = self.clock.monotonic()
        self._start_lock: int | None = None

    async def run(self) -> None:
        """Serve until a signal, the last user's leave, or the folder's end."""
        config = uvicorn.Config(
            self._app,
            http=CuttableProtocol,
            ws=StreamProtocol,
            ws_max_size=LONGEST_MESSAGE,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PING_S,
            interface="asgi3",
            lifespan="off",
            proxy_headers=False,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=1,
            timeout_keep_alive=75,
        )
        server = QuietServer(config)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, setattr, server, "should_exit", True)
        write_address(self.options.home, self.address)
        if self.options.announce is not None:
            self.options.announce(self.address)
        background = [asyncio.create_task(self._advance()), asyncio.create_task(self._watch(server))]
        if self._asking is not None:
            background.append(asyncio.create_task(self._ask(self._asking)))
        try:
            serving = asyncio.create_task(server.serve(sockets=[self.listener]))
            # A background task that fails ends the exchange: markets that stand still would be a lie.
            await asyncio.wait([serving, *background], return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            await serving
            for task in background:
                if task.done():
                    task.result()
        finally:
            for task in background:
                task.cancel()
            self.engine.motion.end()
            self._forget_address()

    async def _ask(self, asking: Asking) -> None:
        await asking(self.engine.receive)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if any(name == JOIN_HEADER.encode() for name, _ in scope.get("headers", ())):
            self._last_user = self.clock.monotonic()
        await self.exchange(scope, receive, send)

    async def _advance(self) -> None:
        while True:
            self.engine.advance()
            for _ in self.exchange.hub.pumping():
                # Whoever asks is not kept waiting for the books of all markets.
                await self.clock.sleep(0)
            await self.clock.sleep(ADVANCE_S)

    async def _watch(self, server: uvicorn.Server) -> None:
        home = self.options.home
        while not server.should_exit:
            if not (home / DATABASE_FILE).exists():
                return
            if not self.options.keep and self._abandoned():
                # Nobody joins between this decision and the end, as joining takes the same lock.
                self._start_lock = try_lock(home / START_LOCK)
                if self._start_lock is not None:
                    return
            await self.clock.sleep(WATCH_S)

    def _abandoned(self) -> bool:
        free = try_lock(self.options.home / USERS_LOCK)
        if free is None:
            self._last_user = self.clock.monotonic()
            return False
        os.close(free)
        return self.clock.monotonic() - self._last_user > self.options.grace

    def _forget_address(self) -> None:
        address = self.options.home / ADDRESS_FILE
        if address.exists():
            address.unlink()


def _take_over(home: Path, clock: SystemClock) -> int:
    """The lock of the one exchange that may run on a folder; waits for one that is just ending."""
    deadline = clock.monotonic() + TAKEOVER_S
    while (descriptor := try_lock(home / RUNNING_LOCK)) is None:
        if clock.monotonic() > deadline:
            raise CannotStart(f"Another simulated exchange runs on {home}.")
        Event().wait(0.05)
    return descriptor


def serve(options: ServerOptions) -> int:
    """Run the exchange; 0 after a clean end, 3 with a sentence on stderr if it cannot start."""
    assume(options.assume)
    options.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with open_socket(options.port) as listener:
            # The lock is given up by the end of the process and by nothing else.
            _take_over(options.home, SystemClock())
            with closing(Store(options.home / DATABASE_FILE)) as store:
                process = Process(options, listener, store)
                asyncio.run(process.run())
    except (CannotStart, SourceError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command's answer
        return 3
    return 0
