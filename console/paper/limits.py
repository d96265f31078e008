"""Weight points: a thousand a minute for the account, and for each address of unsigned requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from console.paper.choices import (
    ADDRESS_BAN_MINUTES,
    BAN_CODE,
    KEY_BAN_MINUTES,
    RATE_LIMIT_OF,
    REFUSED_WEIGHT,
    RETRY_AFTER,
)
from console.paper.errors import ApiError, refusal

POINTS: Final = 1000
MINUTE_MS: Final = 60_000


@dataclass
class _Payer:
    minute: int = 0
    used: int = 0
    banned_until: int = 0


def payer_of(key_name: str | None, address: str) -> str:
    """Whose points a request uses: those of its key or its account, or of its address if no known key is named."""
    if key_name is None:
        return f"address {address}"
    return "account" if RATE_LIMIT_OF.value == "account" else f"key {key_name}"


class RateLimits:
    """Counts weights in fixed minutes; going over bans, an account for the whole minute after the running one."""

    def __init__(self) -> None:
        self._payers: dict[str, _Payer] = {}

    def charge(self, who: str, weight: int, now_ms: int) -> ApiError | None:
        """Count a request; returns the 105 refusal while banned, and bans the request that goes over."""
        payer = self._payers.setdefault(who, _Payer())
        minute = now_ms // MINUTE_MS
        if now_ms < payer.banned_until:
            if REFUSED_WEIGHT.value:
                return self._ban_for_points(who, now_ms)
            return refusal(BAN_CODE.value, payer.banned_until)
        if payer.minute != minute:
            payer.minute, payer.used = minute, 0
        payer.used += weight
        if payer.used <= POINTS:
            return None
        return self._ban_for_points(who, now_ms)

    def _ban_for_points(self, who: str, now_ms: int) -> ApiError:
        if who.startswith("address "):
            return self.ban(who, now_ms + ADDRESS_BAN_MINUTES.value * MINUTE_MS)
        return self.ban(who, (now_ms // MINUTE_MS + 1 + KEY_BAN_MINUTES.value) * MINUTE_MS)

    def ban(self, who: str, until_ms: int) -> ApiError:
        """Refuse everything of a payer until then (ms since the epoch)."""
        self._payers.setdefault(who, _Payer()).banned_until = until_ms
        return refusal(BAN_CODE.value, until_ms)

    def headers(self, who: str, now_ms: int) -> dict[str, str]:
        """The three headers every JSON answer carries; `resetat` always lies in the future."""
        payer = self._payers.get(who, _Payer())
        minute = now_ms // MINUTE_MS
        used = payer.used if payer.minute == minute else 0
        if now_ms < payer.banned_until:
            used = POINTS
        shown = {
            "bitvavo-ratelimit-limit": str(POINTS),
            "bitvavo-ratelimit-remaining": str(max(POINTS - used, 0)),
            "bitvavo-ratelimit-resetat": str((minute + 1) * MINUTE_MS),
        }
        if RETRY_AFTER.value and now_ms < payer.banned_until:
            shown["retry-after"] = str(-(-(payer.banned_until - now_ms) // 1000))
        return shown
