"""Weight points: a thousand a minute for each key, and for each address of unsigned requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from console.paper.errors import ApiError, refusal

POINTS: Final = 1000
MINUTE_MS: Final = 60_000


@dataclass
class _Account:
    minute: int = 0
    used: int = 0
    banned_until: int = 0


class RateLimits:
    """Counts weights in fixed minutes; going over bans for the whole minute after the running one."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def charge(self, who: str, weight: int, now_ms: int) -> ApiError | None:
        """Count a request; returns the 105 refusal while banned, and bans the request that goes over."""
        account = self._accounts.setdefault(who, _Account())
        if now_ms < account.banned_until:
            return refusal(105, account.banned_until)
        minute = now_ms // MINUTE_MS
        if account.minute != minute:
            account.minute, account.used = minute, 0
        account.used += weight
        if account.used > POINTS:
            account.banned_until = (minute + 2) * MINUTE_MS
            return refusal(105, account.banned_until)
        return None

    def headers(self, who: str, now_ms: int) -> dict[str, str]:
        """The three headers every JSON answer carries; `resetat` always lies in the future."""
        account = self._accounts.get(who, _Account())
        minute = now_ms // MINUTE_MS
        used = account.used if account.minute == minute else 0
        if now_ms < account.banned_until:
            used = POINTS
        return {
            "bitvavo-ratelimit-limit": str(POINTS),
            "bitvavo-ratelimit-remaining": str(max(POINTS - used, 0)),
            "bitvavo-ratelimit-resetat": str((minute + 1) * MINUTE_MS),
        }
