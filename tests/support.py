"""What many tests need: clocks that are stepped, randomness that repeats, and a vault in a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from uuid import UUID

from storage.clock import SECOND
from storage.codes import Mode
from storage.database import Vault
from storage.models import Actor

START = 1_790_000_000 * SECOND
"""A fixed instant in 2026, microseconds UTC."""


class SteppedClock:
    """Wall and monotonic time that move only when told to."""

    def __init__(self, at: int = START) -> None:
        self.at = at
        self.seconds = 1000.0

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.step(seconds)

    def step(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self.at += round(seconds * SECOND)
        self.seconds += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock on (or back) without time passing."""
        self.at += round(seconds * SECOND)


class SeededEntropy:
    """Bytes that repeat from run to run."""

    def __init__(self, seed: int = 1) -> None:
        self.random = Random(seed)

    def token(self, size: int) -> bytes:
        return self.random.randbytes(size)

    def uuid(self) -> UUID:
        return UUID(bytes=self.random.randbytes(16), version=4)


OPERATOR = Actor("operator", "test-instance", 4242)


@asynccontextmanager
async def opened_vault(
    folder: Path,
    clock: SteppedClock | None = None,
    *,
    mode: Mode = Mode.PAPER,
    actor: Actor = OPERATOR,
    wait: float = 5.0,
) -> AsyncIterator[Vault]:
    """A vault in ``folder``, closed at the end."""
    vault = await Vault.open(folder, mode, clock or SteppedClock(), SeededEntropy(), actor, wait=wait)
    try:
        yield vault
    finally:
        await vault.close()
