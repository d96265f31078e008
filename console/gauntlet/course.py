"""One run after the other: every contender, alone at an exchange of its own, with the same prices, idea and faults."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, closing
from pathlib import Path
from random import Random
from typing import Final

from console.clock import SECOND, seeded
from console.gauntlet.contender import Contender, Idea, Standing, Wish, idea_of
from console.gauntlet.ours import Ours
from console.gauntlet.private import START, Clients, PrivateExchange
from console.gauntlet.rivals import FailedOnTimeout, RetryOnTimeout, Rival, ThreeLookUps
from console.gauntlet.script import Script, draw_script
from console.gauntlet.tally import Tally, tally
from storage.codes import Mode
from storage.policies import presets

LOOK_EVERY_S: Final = 5.0
"""Seconds between two looks, as the program has it while an order is unsettled."""

HORIZON_S: Final = 60
"""Seconds of exchange time that a run lasts at most, but for what is still to be applied."""

RESTS_S: Final = 20
"""Seconds of it for which an order that is known and rests is followed."""

LAST_S: Final = 15.0
"""Seconds of it left at the end to whoever still looks or follows: no answer is late for longer."""

TIMES: Final = 2
"""How often an idea comes: again, as an oracle's does, once it is held to have no order."""

SUBMIT: Final = presets(Mode.PAPER)["semi-auto"].submit
"""Window, time-out and margin under which everybody sends: those a PAPER vault begins with."""

MEMORY: Final = "/dev/shm"  # noqa: S108 - a folder of its own is made in it

Enter = Callable[[PrivateExchange, Clients, Path, Random], Awaitable[Contender]]
Drawing = Callable[[Random], Script]


async def _ours(exchange: PrivateExchange, clients: Clients, folder: Path, _random: Random) -> Contender:
    return await Ours.enter(exchange, clients, folder / "vault")


def _rival(kind: type[Rival]) -> Enter:
    async def enter(exchange: PrivateExchange, clients: Clients, _folder: Path, random: Random) -> Contender:
        return kind(clients, exchange.clock, SUBMIT, random)

    return enter


OURS: Final = "this program"
CONTENDERS: Final[Mapping[str, Enter]] = {
    OURS: _ours,
    "failed on timeout": _rival(FailedOnTimeout),
    "retry on timeout": _rival(RetryOnTimeout),
    "three look-ups": _rival(ThreeLookUps),
}


def seed_of(seed: int, run: int) -> int:
    """The seed of one run: every chance in it follows from this number."""
    return seed * 1_000_003 + run


async def run_one(enter: Enter, script: Script, wish: Wish, seed: int) -> Tally:
    """One contender through one run, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="oracle-gauntlet-", dir=_in_memory()) as name:
        folder = Path(name)
        with closing(PrivateExchange(folder, seed)) as exchange:
            async with (
                aclosing(await exchange.clients(SUBMIT.request_timeout_ms / 1000)) as clients,
                aclosing(await enter(exchange, clients, folder, seeded(seed))) as contender,
            ):
                await _run(contender, exchange, script, await idea_of(wish, clients))
                return tally(exchange.database, await contender.belief())


def _in_memory() -> str | None:
    """A folder that no disk is waited for, where there is one: nothing of a run outlives it."""
    return MEMORY if os.path.isdir(MEMORY) and os.access(MEMORY, os.W_OK) else None


async def _run(contender: Contender, exchange: PrivateExchange, script: Script, idea: Idea) -> None:
    standing, came = await contender.propose(idea, lambda: exchange.spoil(script.spec)), 1
    while (passed := exchange.clock.now() - START) < HORIZON_S * SECOND:
        if standing is Standing.ENDED or (standing is Standing.NOT_THERE and came == TIMES):
            break
        if standing is Standing.FOLLOWED and passed >= RESTS_S * SECOND:
            break
        await exchange.clock.sleep(LOOK_EVERY_S)
        standing = await contender.look()
        if standing is Standing.NOT_THERE and came < TIMES:
            standing, came = await contender.propose(idea, _nothing), came + 1
    await exchange.timeline.drain()
    standing = await contender.look()
    if standing in (Standing.UNSURE, Standing.FOLLOWED):
        await exchange.clock.sleep(LAST_S)
        await contender.look()


def _nothing() -> None:
    """The faults are in force already."""


def runs(count: int, seed: int, drawing: Drawing = draw_script) -> Iterator[tuple[Script, Wish, int]]:
    """The runs' scripts, wishes and seeds."""
    for run in range(count):
        own = seed_of(seed, run)
        random = seeded(own)
        yield drawing(random), Wish.drawn(random), own
