"""Backups, and restores of them after more was sent: all processes are gone by then."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress

from console.execution.duties import reconcile_and_sweep
from storage.backup import back_up
from storage.codes import Mode
from storage.models import Actor
from storage.restore import restore
from tests.properties.deeds import resume
from tests.properties.process import Died, dying_at
from tests.properties.world import World

RESTORER = Actor("operator", "box-0", 100)


async def take_backup(world: World) -> None:
    """Copy the vault while whoever works on it goes on."""
    world.clock.ahead = 0  # by its time orders are looked for after a restore
    made = back_up(world.folder, Mode.PAPER, world.clock, None, with_key=True)
    world.backups.append(made.path)


async def restore_it(world: World, pick: int, point: str, then: str) -> None:
    """End every process and restore a backup, or be killed at a point of it; then compare or try to resume at once."""
    world.clock.ahead = 0
    for process in list(world.processes):
        await world.kill(process)
    before = incarnation(world)
    with dying_at(point), suppress(Died):
        source = world.backups[pick % len(world.backups)]
        restore(world.folder, Mode.PAPER, source, world.clock, world.entropy, RESTORER, "lost")
    if incarnation(world) == before:
        return
    world.watch.restored()
    process = await world.process(0)
    if then == "compare":
        await world.attempt(process, reconcile_and_sweep(process.parts, force=True))
    elif then == "resume":
        await world.attempt(process, resume(world, process, False))


def incarnation(world: World) -> str:
    """The one whose ids new orders get."""
    with closing(sqlite3.connect(f"file:{world.folder / 'vault.db'}?mode=ro", uri=True)) as db:
        return str(db.execute("SELECT incarnation FROM vault_info").fetchone()[0])
