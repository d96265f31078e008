"""Opening the console: the way from the command's words to the first frame, which loads as little as it can.

The command line library is loaded for everything but the few words that open the console; engine, exchange client and
dialogs are loaded once the first frame is on the terminal.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.terminal import is_terminal, prepare_environment

if TYPE_CHECKING:
    from console.home import Home
    from console.runtime import Runtime
    from console.settings import Settings

FIRST_FRAME_S: Final = 2.0
"""The engine is loaded then, whether a frame was painted or not."""

LONGEST_START_S: Final = 10.0


@dataclass(slots=True)
class Opening:
    """What the console is opened with, as the command line says it."""

    home: Path | None = None
    settings: Path | None = None
    live: bool = False
    read_only: bool = False
    no_scheduler: bool = False


def opening_of(words: Sequence[str]) -> Opening | None:
    """What ``oracle`` or ``oracle run`` with these options asks for; None for all that the command line must read."""
    opening, rest = Opening(), list(words)
    while rest:
        word = rest.pop(0)
        if word in ("--live", "--read-only", "--no-scheduler"):
            setattr(opening, word[2:].replace("-", "_"), True)
        elif word in ("--home", "--settings") and rest and not rest[0].startswith("-"):
            setattr(opening, word[2:], Path(rest.pop(0)))
        elif word != "run" or "run" in rest:
            return None
    return opening


def open_at_once(opening: Opening) -> int:
    """Open the console; the exit code. Errors are told as the command line tells them."""
    try:
        from console.home import Home, data_folder
        from console.settings import load_settings
        from storage.codes import Mode

        root = data_folder(opening.home)
        home = Home(root, Mode.LIVE if opening.live else Mode.PAPER)
        settings = load_settings(root, opening.settings)
        return open_console(home, settings, read_only=opening.read_only, scheduler=not opening.no_scheduler)
    except BaseException as error:
        from console.cli.context import guarded

        raised = error

        def again() -> int:
            raise raised

        return guarded(again)


def open_console(home: Home, settings: Settings, *, read_only: bool, scheduler: bool) -> int:
    """Show the console until the operator leaves; the exit code.

    Raises CommandError without a terminal, and whatever kept the engine from starting.
    """
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        from console.cli.output import USAGE, CommandError

        raise CommandError(USAGE, "the console needs a terminal; oracle status, proposals and execute work without one")
    prepare_environment()
    # What is imported stays for the life of the process: it is not searched for garbage, neither now nor later.
    gc.disable()
    from console.app import run_console
    from console.clock import SystemEntropy
    from console.home import this_process
    from console.logs import log_broken_thread, start_log
    from console.runtime import Runtime

    threading.excepthook = log_broken_thread
    actor = this_process(SystemEntropy())
    start_log(home.folder, settings.logs.level, actor.instance)
    runtime = Runtime(home, settings, actor, scheduler=scheduler, read_only=read_only)

    async def show() -> int:
        painted = asyncio.Event()
        starting = asyncio.create_task(_start_after(runtime, painted))
        try:
            return await run_console(runtime, settings, painted)
        finally:
            painted.set()
            await end_start(runtime, starting)
            await runtime.stop()

    code = asyncio.run(show())
    if runtime.failed is not None and runtime.state is None:
        raise runtime.failed
    if runtime.problem is not None and runtime.state is None:
        from console.cli.output import TEMPORARY, CommandError

        raise CommandError(TEMPORARY, runtime.problem)
    return code


async def _start_after(runtime: Runtime, painted: asyncio.Event) -> None:
    """Load and start the engine beside the screen, once the screen shows something."""
    from console.runtime import ENGINE_MODULES

    with suppress(TimeoutError):
        async with asyncio.timeout(FIRST_FRAME_S):
            await painted.wait()
    try:
        for module in ENGINE_MODULES:
            await asyncio.to_thread(importlib.import_module, module)
    finally:
        gc.freeze()
        gc.enable()
    await runtime.start()


async def end_start(runtime: Runtime, starting: asyncio.Task[None]) -> None:
    """End a start that may still be under way: one that makes progress is let through, one that waits is given up.

    Given up in the middle it could leave a job's lease behind, which nobody else gets for two minutes.
    """
    if runtime.failed is None:
        await asyncio.wait({starting}, timeout=LONGEST_START_S)
    starting.cancel()
    with suppress(asyncio.CancelledError):
        await starting
