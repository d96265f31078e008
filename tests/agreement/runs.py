"""Many trials, by seed: pairs that come apart and together again, one after the other in the same account."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Final

from tests.agreement.divergences import draw, vanished
from tests.agreement.pair import paired
from tests.agreement.trial import Trial, play

OF_A_PAIR: Final = 10
"""Trials in one account: what was found and settled before must not hide what comes next."""

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it


async def trials(count: int, seed: int) -> AsyncIterator[Trial]:
    """So many trials; one seed, one course of events."""
    chance, left = Random(seed), count
    while left:
        with tempfile.TemporaryDirectory(prefix="oracle-agreement-", dir=memory()) as folder:
            async with paired(Path(folder), chance.randrange(10**6)) as pair:
                for _ in range(min(OF_A_PAIR, left)):
                    kinds, left = draw(chance), left - 1
                    yield await play(pair, kinds, chance)
                    if vanished in kinds:
                        # For an hour from now no listing of this account proves an order absent.
                        break


def memory() -> Path | None:
    """A folder that no disk is waited for, where there is one."""
    return MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None


def told(found: list[Trial]) -> str:
    """How often each kind came, and everything that was wrong."""
    names = Counter(name for trial in found for name in trial.names)
    lines = [f"{count:5}  {name}" for name, count in sorted(names.items())]
    lines += [f"BROKEN {' + '.join(trial.names)}: {what}" for trial in found for what in trial.broken]
    differs = sum(trial.differs for trial in found)
    broken = sum(bool(trial.broken) for trial in found)
    lines.append(f"{len(found)} trials, {differs} with a difference, all found but for {broken}")
    return "\n".join(lines)
