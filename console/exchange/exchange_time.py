"""The exchange's time as this process knows it, and what the two clients of an exchange share."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

from storage.clock import SECOND, Clock, Micros
from storage.market_models import ClockSample


class PacedClock(Clock, Protocol):
    """A clock that can also wait."""

    async def sleep(self, seconds: float) -> None:
        """Give way for so many seconds."""


class ExchangeTime:
    """The last sample of the exchange's clock, carried on by monotonic time; the wall clock before the first one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.sample: ClockSample | None = None

    def learn(self, sample: ClockSample) -> None:
        """Take a newer sample."""
        self.sample = sample

    def now(self) -> Micros:
        """Microseconds UTC as the exchange counts them."""
        if self.sample is None:
            return self._clock.now()
        return self.sample.exchange_at + round((self._clock.monotonic() - self.sample.monotonic) * SECOND)

    def now_ms(self) -> int:
        """The same in milliseconds, as requests are stamped."""
        return self.now() // 1000


@dataclass(frozen=True, slots=True)
class Ticking:
    """Clock, exchange time and jitter, shared by both clients of one exchange."""

    clock: PacedClock
    time: ExchangeTime
    random: Random

    @classmethod
    def of(cls, clock: PacedClock, random: Random) -> Ticking:
        """With an exchange time that has no sample yet."""
        return cls(clock, ExchangeTime(clock), random)
