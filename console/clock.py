"""The only place that reads the machine's clocks and its source of randomness."""

from __future__ import annotations

import asyncio
import os
import time
from random import Random
from typing import Final
from uuid import UUID

SECOND: Final = 1_000_000
"""Microseconds in a second; every time in this program is an integer number of microseconds, UTC."""

MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


class SystemClock:
    """The real clocks: wall time for records, monotonic time for ages and deadlines."""

    def now(self) -> int:
        """Wall time in microseconds since the epoch, UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds that never jump; only differences mean anything."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Give way for so many seconds."""
        await asyncio.sleep(max(seconds, 0.0))


class SystemEntropy:
    """The operating system's randomness, for identities and keys."""

    def token(self, size: int) -> bytes:
        """So many unpredictable bytes."""
        return os.urandom(size)

    def uuid(self) -> UUID:
        """A random UUID (version 4)."""
        return UUID(bytes=os.urandom(16), version=4)


def seeded(seed: int) -> Random:
    """A reproducible source of random numbers for prices and jitter; never for keys or identities."""
    return Random(seed)  # noqa: S311 - reproducible on purpose
