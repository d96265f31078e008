"""Finding, starting and holding the simulated exchange of a data folder; standard library only.

Files in the folder: `exchange.db` (its truth), `exchange.json` (0600, where it answers), `exchange.lock` (taken by
whoever joins or starts one), `exchange.users` (shared lock of everybody who needs it), `exchange.running` (held by the
exchange itself), `logs/exchange.log`.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final
from urllib.parse import quote, urlsplit

from console.clock import SystemClock
from console.paper.source_words import source_text

ADDRESS_FILE: Final = "exchange.json"
START_LOCK: Final = "exchange.lock"
USERS_LOCK: Final = "exchange.users"
RUNNING_LOCK: Final = "exchange.running"
DATABASE_FILE: Final = "exchange.db"
IDENTITY_HEADER: Final = "x-simulated-exchange"
JOIN_HEADER: Final = "x-simulated-exchange-join"
PORT_IN_USE: Final = 3
POLL_S: Final = 0.02


class ExchangeUnavailable(Exception):
    """No exchange answered in time; the text says what was seen."""


@dataclass(frozen=True)
class KeyPair:
    """An API key (64 characters) and its secret (128)."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return f"KeyPair(key={self.key[:4]}…)"


@dataclass(frozen=True)
class Address:
    """What `exchange.json` holds: where the exchange answers and with which keys."""

    id: str
    pid: int
    rest: str
    websocket: str
    control: str
    readonly: KeyPair
    trade: KeyPair

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Address:
        """Read it back; ValueError if it is not one."""
        try:
            data: dict[str, Any] = json.loads(text)
            readonly, trade = KeyPair(**data.pop("readonly")), KeyPair(**data.pop("trade"))
            return cls(**data, readonly=readonly, trade=trade)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not an exchange address: {error}") from error


@dataclass
class Held:
    """A shared lock on the exchange's user file; the exchange stays while anybody has one."""

    descriptor: int

    def close(self) -> None:
        """Give it up; a second call does nothing."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _open_lock(path: Path) -> int:
    """A descriptor that no started program inherits."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def hold(folder: Path) -> Held:
    """Say that this process needs the folder's exchange. Take it before `ensure_exchange`.

    The exchange looks for users by taking the lock exclusively for an instant, so this may wait that instant.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = _open_lock(folder / USERS_LOCK)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return Held(descriptor)


def try_lock(path: Path) -> int | None:
    """An exclusive lock as a descriptor, or None if somebody has it."""
    descriptor = _open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def _start_lock(folder: Path, deadline: float, clock: SystemClock) -> Iterator[None]:
    while (descriptor := try_lock(folder / START_LOCK)) is None:
        if clock.monotonic() > deadline:
            raise ExchangeUnavailable(f"{folder / START_LOCK} stays locked by another process")
        _pause()
    try:
        yield
    finally:
        os.close(descriptor)


def _pause() -> None:
    # A plain wait between two looks; this runs in threads and commands, never on an event loop.
    Event().wait(POLL_S)


def read_address(folder: Path) -> Address | None:
    """The address in `exchange.json`, None if there is none or it cannot be read."""
    try:
        return Address.from_json((folder / ADDRESS_FILE).read_text())
    except (OSError, ValueError):
        return None


def seed_of(folder: Path) -> int | None:
    """The seed of the folder's prices, as its database keeps it; None while there is none."""
    seed = _settings(folder).get("seed")
    return None if seed is None else int(seed)


def source_of(folder: Path, market: str | None = None) -> str | None:
    """Which market this is, in words: `simulated, seed 7` or `candles btc-usdt-5m-2023`; None before the first start.

    Names the candle files if any market plays one, or with `market` what that one market does. A speed other than 1,
    as of the last start, is added after a comma.
    """
    return source_text(_settings(folder), market)


def _settings(folder: Path) -> dict[str, str]:
    """What the folder's database keeps about the exchange; nothing while there is none."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(folder / DATABASE_FILE))}?mode=ro", uri=True)) as database:
            return dict(database.execute("SELECT name, value FROM identity"))
    except sqlite3.Error:
        return {}


def answers(address: Address, timeout: float = 1.0) -> bool:
    """Whether the exchange of that id answers at that address."""
    place = urlsplit(address.rest)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=timeout)
    try:
        connection.request("GET", "/v2/time", headers={JOIN_HEADER: "1"})
        response = connection.getresponse()
        response.read()
        return response.getheader(IDENTITY_HEADER) == address.id
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def ensure_exchange(
    folder: Path, *, seed: int | None = None, timeout: float = 10, options: tuple[str, ...] = ()
) -> Address:
    """Join the folder's exchange, or start it detached and wait until it answers.

    `seed` and `options` (further arguments of `python -m console.paper`) only matter if it is started. Any number of
    processes may call this at once: one starts it, the others join. Blocking; ExchangeUnavailable after `timeout` s.
    """
    clock, folder = SystemClock(), folder.resolve()
    deadline = clock.monotonic() + timeout
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    started: subprocess.Popen[bytes] | None = None
    log = folder / "logs" / "exchange.log"
    port, said_before = 0, _size(log)
    with _start_lock(folder, deadline, clock):
        while clock.monotonic() < deadline:
            address = read_address(folder)
            if address is not None and answers(address):
                # One that came back on its old port wrote its new process id before it answered.
                return read_address(folder) or address
            # One that runs but is silent is starting, busy or ending: a second one could only wait for it.
            if not _runs(folder):
                if started is not None and started.poll() is not None and port == 0:
                    break
                if started is None or started.poll() is not None:
                    # After a crash the old port is tried first, so that running clients find it again.
                    port = _last_port(address) if started is None else 0
                    started = _start(folder, seed, (*options, "--port", str(port)))
            _pause()
    last_words = _last_line(log, said_before)
    if started is not None and started.poll() is not None and last_words:
        raise ExchangeUnavailable(f"the simulated exchange did not start: {last_words} (see {log})")
    raise ExchangeUnavailable(f"the simulated exchange did not answer within {timeout:g} s, see {log}")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _last_line(file: Path, after: int) -> str:
    """The last line written to a file beyond so many bytes; empty if there is none."""
    if not file.exists():
        return ""
    with file.open("rb") as opened:
        opened.seek(after)
        lines = opened.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _last_port(address: Address | None) -> int:
    return 0 if address is None else urlsplit(address.rest).port or 0


def _runs(folder: Path) -> bool:
    free = try_lock(folder / RUNNING_LOCK)
    if free is not None:
        os.close(free)
    return free is None


def _start(folder: Path, seed: int | None, options: tuple[str, ...]) -> subprocess.Popen[bytes]:
    (folder / "logs").mkdir(exist_ok=True)
    # -P: a folder named console where the caller happens to stand is not this package.
    command = [sys.executable, "-P", "-m", "console.paper", "--home", str(folder), *options]
    if seed is not None:
        command += ["--seed", str(seed)]
    with (folder / "logs" / "exchange.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            close_fds=True,
            env={**os.environ, "PYTHONPATH": _import_path()},
        )


def _import_path() -> str:
    """Where this package was found, so that the started program finds the same one."""
    root = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
