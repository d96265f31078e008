"""The rate limit: one budget for both clients, believing what the exchange's headers said last."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from console.exchange.errors import RateLimited, read_error
from console.exchange.exchange_time import ExchangeTime

PENALTY_MS: Final = 60_000
"""How long to keep still after a ban whose end cannot be read."""

_EXPIRES: Final = re.compile(r"expires at ([0-9]{1,16})")
_PREFIX: Final = "bitvavo-ratelimit-"


class Lane(StrEnum):
    """How urgent a call is."""

    SCAN = "scan"
    HISTORY = "history"
    RECONCILE = "reconcile"
    ORDER = "order"
    CANCEL = "cancel"


KEPT_PERCENT: Final[Mapping[Lane, int]] = {Lane.SCAN: 40, Lane.HISTORY: 25, Lane.RECONCILE: 10}
"""A lane stands still once no more than this share of the minute's points is left, so that the next has room."""


@dataclass(slots=True)
class _Account:
    """What is left of one key's (or the address's) points until the reset."""

    limit: int
    remaining: int
    reset_at_ms: int


class WeightBudget:
    """Points left, per key and for unsigned calls; the scarcest counts, as nobody says what the keys share."""

    def __init__(self, time: ExchangeTime) -> None:
        self._time = time
        self._accounts: dict[str, _Account] = {}
        self._banned_until_ms = 0

    @property
    def banned_until_ms(self) -> int | None:
        """Exchange time at which a running ban ends; None if there is none."""
        return self._banned_until_ms if self._time.now_ms() < self._banned_until_ms else None

    def percent_left(self) -> int:
        """The scarcest share of points left, 0 to 100, rounded down; 100 while nothing is known."""
        return min((account.remaining * 100 // account.limit for account in self._current()), default=100)

    def admit(self, lane: Lane, source: str, weight: int) -> None:
        """Count a call that is about to be sent; RateLimited if its lane must wait. Cancels always pass."""
        if lane is not Lane.CANCEL and (until := self.banned_until_ms) is not None:
            raise RateLimited(
                until, "The exchange's rate limit was exceeded; nothing but cancels is sent until it ends."
            )
        kept = KEPT_PERCENT.get(lane)
        if kept is not None:
            for account in self._current():
                if account.remaining * 100 <= kept * account.limit:
                    left = f"{account.remaining} of {account.limit} points are left"
                    raise RateLimited(account.reset_at_ms, f"Not sent: {left}, and {lane} calls stop at {kept} %.")
        if (own := self._accounts.get(source)) is not None:
            own.remaining = max(own.remaining - weight, 0)

    def require_room(self, weight: int) -> None:
        """RateLimited unless so many points are left above what reconcile leaves standing, or during a ban."""
        if (until := self.banned_until_ms) is not None:
            raise RateLimited(until, "The exchange's rate limit was exceeded; no order is sent until that ends.")
        for account in self._current():
            if (account.remaining - weight) * 100 <= KEPT_PERCENT[Lane.RECONCILE] * account.limit:
                left = f"{account.remaining} of {account.limit} points are left"
                raise RateLimited(account.reset_at_ms, f"No order is sent: {left}, too few to look for it afterwards.")

    def learn(self, source: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Take over what an answer says about the limit. ``headers`` have lower-case names."""
        limit, remaining, reset_at = (_number(headers, name) for name in ("limit", "remaining", "resetat"))
        if remaining is not None and reset_at is not None and limit is not None and limit > 0:
            self._accounts[source] = _Account(limit, remaining, reset_at)
        if status == 429:
            self._banned_until_ms = max(self._banned_until_ms, self._ban_end(body))

    def _ban_end(self, body: bytes) -> int:
        found = _EXPIRES.search(read_error(body)[1])
        now = self._time.now_ms()
        until = 0 if found is None else int(found[1])
        # An end in the past is one that was read wrongly.
        return until if until > now else now + PENALTY_MS

    def _current(self) -> list[_Account]:
        now = self._time.now_ms()
        return [account for account in self._accounts.values() if now < account.reset_at_ms]


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(_PREFIX + name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else None
