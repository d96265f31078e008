"""Fee rates by the account's volume of the last thirty days, settled anew with every committed fill."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from console.clock import DAY, SystemClock
from console.paper.choices import FEE_DAYS, FEE_TIERS
from console.paper.decimals import ZERO
from console.paper.store import Changes, Store

WINDOW_NS: Final = FEE_DAYS.value * DAY * 1000


@dataclass(frozen=True)
class Tier:
    """What the account pays now: tier number, the volume it rests on (euros), rates as fractions of the value."""

    number: int
    volume: Decimal
    taker: Decimal
    maker: Decimal


class FeeTiers:
    """Keeps the volume of the window; a fill counts once it is committed, so a whole execution has one rate."""

    def __init__(self, store: Store, clock: SystemClock) -> None:
        self._clock = clock
        self._volume = ZERO
        self._values: deque[tuple[int, Decimal]] = deque()
        for fill in store.fills("at_ns > ? ORDER BY seq", [self._begin()]):
            self._count(fill.at_ns, fill.price * fill.amount)
        store.listeners.append(self._heard)

    def tier(self) -> Tier:
        """The tier of this moment."""
        begin = self._begin()
        while self._values and self._values[0][0] <= begin:
            self._volume -= self._values.popleft()[1]
        number = max(each for each, (least, _, _) in enumerate(FEE_TIERS.value) if self._volume >= least)
        _, taker, maker = FEE_TIERS.value[number]
        return Tier(number, self._volume, Decimal(taker), Decimal(maker))

    def _begin(self) -> int:
        return self._clock.now() * 1000 - WINDOW_NS

    def _heard(self, changes: Changes) -> None:
        for fill in changes.fills:
            self._count(fill.at_ns, fill.price * fill.amount)

    def _count(self, at_ns: int, value: Decimal) -> None:
        self._values.append((at_ns, value))
        self._volume += value
