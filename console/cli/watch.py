"""``oracle watch``: the console as lines, and the answers typed to it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from console.cli.context import HomeOption, LiveOption, SettingsOption, context, guarded
from console.cli.worker import Lines, make_runtime
from console.terminal import is_terminal

if TYPE_CHECKING:
    from console.cli.context import Context
    from console.runtime import Runtime
    from storage.clock import Micros

MOST_READ: Final = 4096
MOST_DIGITS: Final = 15
IMPORT_PATH: Final = str(Path(__file__).resolve().parents[2])
"""Where this package was found, so that a ticket's process finds the same one."""
ANSWERS: Final = "answers: e ID executes, d ID declines, h stops all trading, q leaves"
STOP_REASON: Final = "stopped from oracle watch"


def watch(
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    no_scheduler: Annotated[bool, typer.Option("--no-scheduler", help="Run no jobs in this process.")] = False,
) -> None:
    """The console as lines.

    For phones, screen readers and dumb terminals: one line when something happens, silence otherwise. Answers are
    typed: "e ID" shows the ticket and fires when its amount is typed (as oracle execute does), "d ID" declines,
    "h" stops all trading, "q" leaves. Without a terminal it only speaks and obeys "d", "h" and "q".
    """
    raise typer.Exit(guarded(lambda: _watch(context(home, live, settings), settings, no_scheduler)))


def _watch(found: Context, settings: Path | None, no_scheduler: bool) -> int:
    runtime = make_runtime(found, scheduler=not no_scheduler)
    return asyncio.run(_Watch(runtime, found.settings.looks.utc, settings).run())


class _Watch(Lines):
    """Lines for a person, and what the person types."""

    def __init__(self, runtime: Runtime, utc: bool, settings: Path | None) -> None:
        super().__init__(runtime, utc=utc)
        self._settings = settings
        self._typed: asyncio.Queue[str] = asyncio.Queue()
        self._held: list[tuple[Micros | None, str]] | None = None
        self._ticket: asyncio.subprocess.Process | None = None
        self._buffer = b""

    def stamp(self, at: Micros) -> str:
        return self._narrator.moment(at)

    def say(self, at: Micros | None, text: str) -> None:
        """One line; while a ticket has the terminal it is kept for later."""
        if self._held is not None:
            self._held.append((at, text))
            return
        super().say(at, text)

    def signalled(self, number: signal.Signals) -> None:
        """Ctrl+C at a ticket is the ticket's; any other end is passed on to it and then obeyed."""
        if self._ticket is not None:
            if number is signal.SIGINT:
                return  # the terminal has sent it to the ticket as well
            with suppress(ProcessLookupError):
                self._ticket.send_signal(number)
        super().signalled(number)

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        if self._listen():
            self.say(None, ANSWERS)
        else:
            self.say(None, "standard input takes no answers here; oracle execute and oracle halt do")
        obeying = asyncio.create_task(self._obey())
        obeying.add_done_callback(lambda _: self.leave.set())
        try:
            yield
        finally:
            self._deafen()
            if self._ticket is None:
                obeying.cancel()  # a ticket is waited for: its order may be on the way
            with suppress(asyncio.CancelledError):
                await obeying

    # ---- what is typed

    def _listen(self) -> bool:
        try:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._read)
        except (AttributeError, ValueError, OSError):  # closed, or a file that nothing can be waited for on
            return False
        return True

    def _deafen(self) -> None:
        with suppress(AttributeError, ValueError, OSError):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())

    def _read(self) -> None:
        try:
            data = os.read(sys.stdin.fileno(), MOST_READ)
        except OSError:
            data = b""
        if not data:
            self._deafen()
            if is_terminal(sys.stdin):
                self.leave.set()  # Ctrl+D
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        self._buffer = self._buffer[-MOST_READ:]
        for line in lines:
            self._typed.put_nowait(line.decode(errors="replace").strip())

    async def _obey(self) -> None:
        while not self.leave.is_set():
            line = await self._typed.get()
            word, _, rest = line.partition(" ")
            if line:
                await self._answer(word.lower(), rest.strip())

    async def _answer(self, word: str, rest: str) -> None:
        from console.exchange.errors import ExchangeError
        from storage.errors import VaultError

        first, _, note = rest.partition(" ")
        number = int(first) if first.isdecimal() and len(first) <= MOST_DIGITS else None
        try:
            if word == "q":
                self.leave.set()
            elif word == "h":
                await self._halt(rest)
            elif word == "e" and number is not None:
                await self._confirm(number)
            elif word == "d" and number is not None:
                await self.runtime.decline(number, note.strip() or None)
            else:
                self.say(None, f"not understood: {f'{word} {rest}'.strip()}. {ANSWERS}")
        except (VaultError, ExchangeError, OSError) as error:
            self.say(None, f"{word} {rest}: {error}")

    async def _halt(self, reason: str) -> None:
        report = await self.runtime.halt(reason or STOP_REASON)
        left = f"; still there: {'; '.join(report.left)}" if report.left else ""
        self.say(None, f"{report.text}; {report.canceled} resting entries canceled{left}")

    async def _confirm(self, proposal_id: int) -> None:
        """The ticket, in a process of its own: the same command, and an order that this one's end cannot reach."""
        if not is_terminal(sys.stdin):
            self.say(None, f"e {proposal_id} needs a terminal: the amount is typed by a person")
            return
        self._deafen()
        with self._silence():
            _forget_typed_ahead()
            self._ticket = await asyncio.create_subprocess_exec(
                *self._command(proposal_id), env={**os.environ, "PYTHONPATH": IMPORT_PATH}
            )
            code = await self._ticket.wait()
            self._ticket = None
        if code < 0 or code == 130:
            self.say(None, f"the ticket of {proposal_id} was left")
        if not self.leave.is_set():
            self._listen()

    def _command(self, proposal_id: int) -> list[str]:
        home = self.runtime.home
        more = [] if self._settings is None else ["--settings", str(self._settings.absolute())]
        live = ["--live"] if home.mode == "live" else []
        return [
            sys.executable, "-P", "-m", "console", "--home", str(home.root), *live, *more, "execute", str(proposal_id)
        ]  # fmt: skip

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Nothing is said between a ticket and what is typed under it; it is said afterwards."""
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
            for at, text in held:
                self.say(at, text)


def _forget_typed_ahead() -> None:
    """What was typed before a ticket was seen must not answer it."""
    import termios

    with suppress(termios.error):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
