"""Another process beside the tests: holds a lock of a data folder, or races the gate for a proposal.

``python -m tests.storage.neighbour WHAT FOLDER [PROPOSAL TICKETS]`` says ``ready`` and then waits for a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import time
from pathlib import Path

from storage.codes import Mode
from storage.database import Vault
from storage.gate import draw_ticket, pass_gate
from storage.locking import SharedLock, WriterLock
from storage.models import Actor, Claim
from storage.proposals import get_proposal
from tests.storage.world import quote_at
from tests.support import SeededEntropy, SteppedClock


def say(word: str) -> None:
    """One line to the test."""
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def hold_lock(folder: Path) -> None:
    """Hold the writer lock until told to stop."""
    lock = WriterLock(folder / "vault.lock")
    if not lock.acquire(time.monotonic() + 5):
        raise SystemExit(1)
    say("ready")
    sys.stdin.readline()


def hold_database(folder: Path) -> None:
    """Hold an exclusive transaction, as a stranger's tool would."""
    db = sqlite3.connect(folder / "vault.db", isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    say("ready")
    sys.stdin.readline()


def share_users(folder: Path) -> None:
    """Be a user of the vault."""
    if not SharedLock(folder / "vault.users").share():
        raise SystemExit(1)
    say("ready")
    sys.stdin.readline()


async def race(folder: Path, proposal_id: int, entrants: int) -> None:
    """Open the vault, wait for the start, and fire the same proposal several times at once."""
    clock = SteppedClock()
    vaults = [
        await Vault.open(
            folder, Mode.PAPER, clock, SeededEntropy(n), Actor(f"racer-{n}", f"{os.getpid()}-{n}", os.getpid()), wait=30
        )
        for n in range(entrants)
    ]
    ticket = await vaults[0].read(lambda tx: draw_ticket(tx, get_proposal(tx, proposal_id)))
    quote = quote_at(clock.now(), clock.monotonic())
    say("ready")
    sys.stdin.readline()
    outcomes = await asyncio.gather(
        *(vault.transact(lambda tx: pass_gate(tx, ticket, quote), deadline=30) for vault in vaults)
    )
    for outcome in outcomes:
        if isinstance(outcome, Claim):
            say(json.dumps({"claim": outcome.execution_id}))
        else:
            held = outcome.holder
            say(json.dumps({"refused": outcome.failed[0].code, "holder": None if held is None else held.execution_id}))
    for vault in vaults:
        await vault.close()


def main() -> None:
    """Do what the arguments say."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "race":
        asyncio.run(race(folder, int(sys.argv[3]), int(sys.argv[4])))
    else:
        {"lock": hold_lock, "database": hold_database, "users": share_users}[what](folder)


if __name__ == "__main__":
    main()
