"""Time that passes only while somebody waits: hours of a run take no longer than its work does.

Both sides of a wire share one timeline. Whoever waits on the client's side drives it: once nothing else can go on, the
earliest timer is due at once. The exchange's side waits without driving, so that what it does late happens while the
client waits, as it would, and never while the client works.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from typing import Final

from console.clock import SECOND, SystemClock

QUIET: Final = 25
"""Turns of the event loop without news after which everybody waits; an answer without a wait takes about five."""


class Timeline:
    """The present, in microseconds UTC, and what waits for a later one."""

    def __init__(self, at: int) -> None:
        self.at = at
        self._timers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()
        self._news = 0

    def timer(self, seconds: float) -> asyncio.Future[None]:
        """Done once so many seconds have passed; cancel it if nobody waits any more."""
        due = self.at + max(round(seconds * SECOND), 0)
        made: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._timers, (due, next(self._order), made))
        self._news += 1
        return made

    def advance(self, micros: int) -> None:
        """Let so much time pass; every timer due by then is done."""
        until = self.at + micros
        while (due := self._next_due()) is not None and due <= until:
            self._fire()
        self.at = until

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until it is done, and let time pass while nothing else can go on. RuntimeError if nothing ever will."""
        while not done():
            seen = self._news
            for _ in range(QUIET):
                await asyncio.sleep(0)
                if done():
                    return
            if self._news != seen:
                continue
            if self._next_due() is None:
                raise RuntimeError("everybody waits, and for nothing")
            self._fire()

    async def drain(self) -> None:
        """Let time pass until nothing waits any more: whatever was to be applied late is."""
        while self._next_due() is not None:
            self._fire()
            for _ in range(QUIET):
                await asyncio.sleep(0)

    def _next_due(self) -> int | None:
        while self._timers and self._timers[0][2].done():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _fire(self) -> None:
        due, _, timer = heapq.heappop(self._timers)
        self.at = max(self.at, due)
        timer.set_result(None)
        self._news += 1


class ExchangeSide(SystemClock):
    """The timeline as the exchange has it; waiting moves nothing."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def now(self) -> int:
        """The present, microseconds UTC."""
        return self._timeline.at

    def monotonic(self) -> float:
        """The present in seconds."""
        return self._timeline.at / SECOND

    async def sleep(self, seconds: float) -> None:
        """Wait until the client has let so much time pass."""
        await self._timeline.timer(seconds)


class ClientSide(ExchangeSide):
    """The timeline as the client has it; waiting lets time pass."""

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        await self._timeline.until(self._timeline.timer(seconds).done)
