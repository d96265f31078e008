"""``oracle worker``: the scheduler without a screen; and the lines it shares with ``oracle watch``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import typer

from console.cli.context import HomeOption, LiveOption, SettingsOption, context, guarded
from console.cli.output import OK
from console.text import safe_text

if TYPE_CHECKING:
    from console.cli.context import Context
    from console.runtime import Runtime
    from storage.clock import Micros

ENDING: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
MOST_SAID: Final = 400


def worker(home: HomeOption = None, live: LiveOption = False, settings: SettingsOption = None) -> None:
    """Run the jobs without a screen.

    Any number of workers and consoles share a data folder; each job runs once when it is due. Prints a line when
    something happens. SIGTERM, SIGHUP or Ctrl+C end it: it waits for orders in flight and gives its jobs back.
    """
    raise typer.Exit(guarded(lambda: _work(context(home, live, settings))))


def _work(found: Context) -> int:
    return asyncio.run(_Worker(make_runtime(found, scheduler=True)).run())


def make_runtime(found: Context, *, scheduler: bool) -> Runtime:
    """A runtime of this process, with its log."""
    from console.clock import SystemEntropy
    from console.home import this_process
    from console.logs import start_log
    from console.runtime import Runtime

    actor = this_process(SystemEntropy())
    start_log(found.home.folder, found.settings.logs.level, actor.instance)
    return Runtime(found.home, found.settings, actor, scheduler=scheduler)


class Lines:
    """A runtime that is told about in lines, until a signal or an answer ends it."""

    def __init__(self, runtime: Runtime, *, utc: bool) -> None:
        from console.cli.events import Narrator

        self.runtime = runtime
        self.leave = asyncio.Event()
        self._narrator = Narrator(utc=utc)
        self._problem: str | None = None

    def stamp(self, at: Micros) -> str:
        """How a line begins."""
        raise NotImplementedError

    def signalled(self, number: signal.Signals) -> None:
        """A signal asked for the end."""
        del number
        self.leave.set()

    def say(self, at: Micros | None, text: str) -> None:
        """One line, without anything that could move a cursor. A reader that is gone ends the command."""
        when = self.runtime.clock.now() if at is None else at
        try:
            sys.stdout.write(f"{self.stamp(when)} {safe_text(text, MOST_SAID)}\n")
            sys.stdout.flush()
        except OSError:
            self.leave.set()
            # What is still in the buffer would fail again, loudly, when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    async def run(self) -> int:
        """Start, tell, and end in order. Raises what kept the runtime from starting."""
        loop = asyncio.get_running_loop()
        for number in ENDING:
            loop.add_signal_handler(number, self.signalled, number)
        stop_listening = self.runtime.subscribe(self._tell_news)
        starting = asyncio.create_task(self._start())
        try:
            async with self.beside():
                await self.leave.wait()
        finally:
            from console.opening import end_start

            await end_start(self.runtime, starting)
            stop_listening()
            await self.runtime.stop()
        if self.runtime.failed is not None and self.runtime.state is None:
            raise self.runtime.failed
        return OK

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        """What else runs while lines are told."""
        yield

    async def _start(self) -> None:
        await self.runtime.start()
        if self.runtime.failed is not None:
            self.leave.set()  # not one of those that may pass: start has given up

    def _tell_news(self) -> None:
        state = self.runtime.state
        if state is None:
            problem = None if self.runtime.failed is None else self.runtime.startup
        else:
            problem = self.runtime.problem
        if problem != self._problem:
            self._problem = problem
            self.say(None, "the vault answers again" if problem is None else problem)
        if state is not None and problem is None:
            for event in self._narrator.events(state):
                self.say(event.at, event.text)


class _Worker(Lines):
    """Lines for a log: times in UTC, to the second."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, utc=True)

    def stamp(self, at: Micros) -> str:
        from console.format import moment

        return f"{moment(at):%Y-%m-%dT%H:%M:%SZ}"

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        actor = self.runtime.actor
        self.say(None, f"worker {actor.instance} (process {actor.pid}) on {self.runtime.home.folder}")
        yield
        self.say(None, f"worker {actor.instance} ends: it waits for orders in flight and gives its jobs back")
