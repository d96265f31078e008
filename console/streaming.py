"""The stream in a running console: newer books into its quotes, and orders looked up as soon as something happened.

Without it everything goes on by polling. A book that changes is no reason to build the screen's state anew: each build
takes the newest one, and there is one at every whole second.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from storage.codes import ExecutionState, JobName
from storage.database import Tx
from storage.execution_rows import executions_in
from storage.leases import wake_job

if TYPE_CHECKING:
    from console.engine import Engine
    from console.exchange.stream import Stream

NEWS_S: Final = 0.25
"""Seconds between two looks for news of orders."""

WAKE_S: Final = 0.5
"""Least seconds between two calls of the jobs that look orders up."""

MODULE: Final = "console.exchange.stream"


class Streaming:
    """Owns the stream. ``wakes`` is False where nothing may be written, not even that a job is due."""

    def __init__(self, engine: Engine, *, wakes: bool) -> None:
        self._engine = engine
        self._wakes = wakes
        self._stream: Stream | None = None
        self._woken = False
        self._woken_at: float | None = None

    async def run(self) -> None:
        """Load and run the stream; ends only by being canceled."""
        # In a thread: keys are read while it loads.
        await asyncio.to_thread(importlib.import_module, MODULE)
        self._stream = self._engine.listen(self._account)
        self._engine.parts.quotes.streamed = self._stream.fresh
        await self._stream.run()

    def watch(self, markets: Iterable[str]) -> None:
        """Follow these markets from now on; a book that is followed and fresh is polled by nobody in this process."""
        if self._stream is not None:
            self._stream.watch(frozenset(markets))

    @property
    def heard(self) -> float | None:
        """When the stream said something last (monotonic second), while it is in use; None while quotes are polled."""
        return self._stream.heard if self._stream is not None and self._stream.following else None

    def take_books(self) -> None:
        """Put the books that have changed since the last call into the quotes."""
        if self._stream is not None:
            self._engine.parts.quotes.take_books(self._stream.take_changed())

    async def wake_jobs(self) -> None:
        """One turn: the jobs that follow orders made due if there was news of one. Raises VaultError."""
        now = self._engine.clock.monotonic()
        if self._woken and self._wakes and (self._woken_at is None or now - self._woken_at >= WAKE_S):
            self._woken, self._woken_at = False, now
            await self._engine.vault.transact(wake_followers)

    def _account(self) -> None:
        self._woken = True


def wake_followers(tx: Tx) -> None:
    """Make the look-up of orders due now; what it finds is the evidence, the event that led to it is none."""
    wake_job(tx, JobName.FILLS)
    if executions_in(tx, (ExecutionState.UNKNOWN,)):
        wake_job(tx, JobName.RECONCILE)
