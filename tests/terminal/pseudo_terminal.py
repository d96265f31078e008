"""A program in a pseudo-terminal of a given size: what it writes, what the screen shows, keys sent to it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pyte

ROOT = Path(__file__).resolve().parents[2]
TERM = "xterm-256color"
ORACLE = [sys.executable, "-m", "console"]
PATIENCE = 2
"""Waits last this many times longer than on a calm machine: other tests run beside."""


class Terminal:
    """One process on its own pseudo-terminal."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        columns: int = 120,
        rows: int = 40,
        home: Path,
        program: Sequence[str] = ORACLE,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        self.status: int | None = None
        environment = {
            **os.environ,
            "ORACLE_CONSOLE_HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "TERM": TERM,
        }
        environment.pop("NO_COLOR", None)
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(home)
            os.execve(sys.executable, [*program, *arguments], environment)  # noqa: S606 - our own module
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status is None:
            self.kill()

    def pump(self, seconds: float = 0.05) -> None:
        """Read what there is to read within so many seconds."""
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if ready:
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:
                data = b""
            self.written += data
            self._stream.feed(data)

    def text(self) -> str:
        """The screen's lines."""
        return "\n".join(self.screen.display)

    def plain(self) -> str:
        """Everything written so far, as text."""
        return self.written.decode(errors="replace").replace("\r\n", "\n")

    def wait_for(self, pattern: str, seconds: float = 15.0, *, on_screen: bool = True) -> re.Match[str]:
        """Read until the pattern shows; AssertionError with the screen if it does not in time."""
        until = time.monotonic() + seconds * PATIENCE
        while True:
            found = re.search(pattern, self.text() if on_screen else self.plain())
            if found is not None:
                return found
            if time.monotonic() > until:
                raise AssertionError(
                    f"{pattern!r} did not show within {seconds * PATIENCE} s:\n{self.text()}\n{self.plain()[-600:]}"
                )
            self.pump()

    def wait_gone(self, text: str, seconds: float = 15.0) -> None:
        """Read until the screen does not show the text any more; AssertionError if it still does then."""
        until = time.monotonic() + seconds * PATIENCE
        while text in self.text():
            assert time.monotonic() < until, f"{text!r} was not gone within {seconds * PATIENCE} s:\n{self.text()}"
            self.pump()

    def send(self, keys: str | bytes) -> None:
        """Type."""
        os.write(self._descriptor, keys.encode() if isinstance(keys, str) else keys)

    def wait_exit(self, seconds: float = 20.0) -> int:
        """Read until the process ends; its exit code."""
        until = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < until:
            self.pump(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                for _ in range(20):
                    self.pump(0.01)
                self.status = os.waitstatus_to_exitcode(status)
                os.close(self._descriptor)
                return self.status
        raise AssertionError(f"still running after {seconds * PATIENCE} s:\n{self.text()}")

    def hang_up(self) -> None:
        """Close the terminal under the program."""
        os.close(self._descriptor)

    def wait_end(self, seconds: float = 20.0) -> int:
        """Wait for the process without a terminal to read; its exit code."""
        until = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                return self.status
            select.select([], [], [], 0.02)
        raise AssertionError(f"still running after {seconds * PATIENCE} s")

    def kill(self) -> None:
        """End it the hard way."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._descriptor)
        self.status = -9
