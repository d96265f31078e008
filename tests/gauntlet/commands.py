"""Commands of the trial, forked from a process that has the program loaded, some of them to die at a point."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from storage.crash_points import VARIABLE
from tests.cli.kit import AMOUNT, environment, wait_until, warm
from tests.cli.warm import Started, Warm

KILLED: Final = -signal.SIGKILL
LONGEST_S: Final = 30.0

NEVER: Final = threading.Event()
"""Never set; waiting for it is how real time passes."""


class Slots:
    """How many cells may keep the machine busy at once; one that only waits gives its place to another."""

    def __init__(self, number: int) -> None:
        self._free = threading.Semaphore(number)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Hold a place."""
        with self._free:
            yield

    def rest(self, seconds: float) -> float:
        """Let time pass without holding the place one has; the seconds it then took to get one again."""
        self._free.release()
        NEVER.wait(max(0.0, seconds))
        rested = time.monotonic()
        self._free.acquire()
        return time.monotonic() - rested


def dying(point: str | None) -> dict[str, str | None]:
    """The environment of a command that is to die at a point."""
    return {VARIABLE: point}


def run(home: Path, *arguments: str, at: str | None = None, typed: str = "") -> subprocess.CompletedProcess[str]:
    """A command to its end, or to its death ``at`` a point. Raises AssertionError for a traceback."""
    done = warm().run(list(arguments), environment(home, dying(at)), home, typed)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def fire(home: Path, proposal: int, *, at: str | None = None) -> tuple[int, str]:
    """``oracle execute`` on a terminal, confirmed if it asks; its exit code and what it wrote."""
    master, slave = os.openpty()
    try:
        streams = (slave, slave, slave)
        with warm().start(["execute", str(proposal)], environment(home, dying(at)), home, streams) as started:
            os.close(slave)
            text = _converse(master)
            assert "Traceback" not in text, text
            return started.wait(), text
    finally:
        os.close(master)


def _converse(master: int) -> str:
    written, asked, until = "", False, time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        ready, _, _ = select.select([master], [], [], 1.0)
        if not ready:
            continue
        try:
            data = os.read(master, 65536)
        except OSError:  # the last of the command's descriptors is closed
            return written
        written += data.decode(errors="replace").replace("\r\n", "\n")
        found = re.search(AMOUNT, written)
        if found is not None and not asked:
            asked = True
            os.write(master, f"{found.group(1)}\n".encode())
    raise AssertionError(f"the command does not end: {written[-500:]}")


@cache
def exchanges() -> Warm:
    """The process that simulated exchanges are forked from."""
    return Warm(("console.cli", "console.paper"))


@contextmanager
def exchange(home: Path) -> Iterator[None]:
    """The folder's exchange, running until the end whoever dies."""
    with tempfile.TemporaryFile() as nothing, (home / "exchange.out").open("ab") as out:
        streams = (nothing.fileno(), out.fileno(), out.fileno())
        arguments = ["paper", "--port", "0"]
        with exchanges().start(arguments, environment(home, dying(None)), home, streams) as started:
            try:
                wait_until(lambda: (home / "paper" / "exchange.json").exists())
                yield
            finally:
                os.kill(started.pid, signal.SIGKILL)
                started.wait()


@contextmanager
def worker(home: Path, *, at: str | None = None) -> Iterator[Started]:
    """A running worker, killed at the end unless it is dead already."""
    with tempfile.TemporaryFile() as nothing, (home / "worker.out").open("ab") as out:
        streams = (nothing.fileno(), out.fileno(), out.fileno())
        with warm().start(["worker"], environment(home, dying(at)), home, streams) as started:
            try:
                yield started
            finally:
                if is_alive(started.pid):
                    os.kill(started.pid, signal.SIGKILL)
                started.wait()


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
