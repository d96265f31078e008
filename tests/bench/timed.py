"""Programs under the clock: wall time and processor time of a process, alone or in a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
ORACLE: Final = (sys.executable, "-m", "console")

ESCAPES = re.compile(rb"\x1b(?:\[[0-9;:?<=>$ ]*[A-Za-z@`~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78cM])")


def environment(home: Path) -> dict[str, str]:
    """This process's environment, with the data folder and this tree's program in it; bytecode is kept, as by users."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "ORACLE_CONSOLE_HOME": str(home), "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds since a process was started: by the clock on the wall, and used of the processors (user + system)."""

    wall: float
    cpu: float


def run_to_end(arguments: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a program without a terminal. Raises CalledProcessError where it fails."""
    before, started = os.times(), time.perf_counter()
    subprocess.run(arguments, env=dict(environment), check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(wall, cpu)


def cpu_of(pid: int) -> float:
    """Seconds of processor time that all threads of a process have used, to the nanosecond.

    The clock's number is made of the process as clock_getcpuclockid(3) makes it.
    """
    return time.clock_gettime((~pid << 3) | 2)


class OnTerminal:
    """A program on a pseudo-terminal; what it writes is read as it comes, not drawn: drawing takes processor time."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, *, columns: int, rows: int
    ) -> None:
        self.written = b""
        self.started = time.perf_counter()
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.chdir(folder)
            os.execve(arguments[0], list(arguments), dict(environment))  # noqa: S606 - what the caller names

    def until(self, pattern: bytes, seconds: float = 30.0) -> Cost:
        """Read until the pattern was written, escape sequences aside; what it took since the start.

        Raises TimeoutError with the end of what was written.
        """
        wanted, until = re.compile(pattern), time.perf_counter() + seconds
        while not wanted.search(ESCAPES.sub(b"", self.written)):
            if time.perf_counter() > until:
                raise TimeoutError(f"{pattern!r} was not written: {ESCAPES.sub(b'', self.written)[-500:]!r}")
            self._read(0.25)
        return self.cost()

    def cost(self) -> Cost:
        """What it took so far."""
        return Cost(time.perf_counter() - self.started, cpu_of(self.pid))

    def read_for(self, seconds: float) -> None:
        """Read, and forget, for so long."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self._read(left)
            self.written = b""

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if ready:
            self.written += os.read(self._descriptor, 65536)

    def end(self) -> None:
        """End it politely, then by force."""
        os.kill(self.pid, signal.SIGTERM)
        until = time.perf_counter() + 10
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            if time.perf_counter() > until:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                break
            with suppress(OSError):  # it has closed its side, and is about to end
                self._read(0.05)
        os.close(self._descriptor)
