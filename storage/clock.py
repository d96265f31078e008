"""What the vault asks of a clock. The program's real one lives outside; tests bring one they can step."""

from __future__ import annotations

from typing import Final, Protocol, TypeAlias
from uuid import UUID

Micros: TypeAlias = int
"""Microseconds since the epoch, UTC; also lengths of time in microseconds."""

SECOND: Final[Micros] = 1_000_000
MINUTE: Final[Micros] = 60 * SECOND
HOUR: Final[Micros] = 60 * MINUTE
DAY: Final[Micros] = 24 * HOUR


class Clock(Protocol):
    """Wall time for records and decisions, monotonic time for deadlines."""

    def now(self) -> Micros:
        """Wall time, microseconds UTC."""

    def monotonic(self) -> float:
        """Seconds that never jump."""


class Entropy(Protocol):
    """Unpredictable bytes for keys and identities."""

    def token(self, size: int) -> bytes:
        """So many bytes."""

    def uuid(self) -> UUID:
        """A random UUID."""
