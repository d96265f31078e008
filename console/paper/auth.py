"""Who asks: keys, rights, signatures and access windows."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from console.paper.errors import refusal
from console.paper.store import Store

KEY_LENGTH: Final = 64
SIGNATURE_LENGTH: Final = 64
DEFAULT_WINDOW_MS: Final = 10_000
FUTURE_MS: Final = 1_000
"""How far ahead a timestamp may be. The exchange's tolerance is not known; clients that add 50 ms are accepted."""

VIEW: Final = "view"
TRADE: Final = "trade"


@dataclass(frozen=True)
class ApiKey:
    """A key pair and what it may do: "view" for balances and the account, "trade" for everything about orders."""

    name: str
    key: str
    secret: str
    rights: frozenset[str]


@dataclass(frozen=True)
class Caller:
    """A verified request: its key, and until when (ms since the epoch) it may still be applied."""

    key: ApiKey
    deadline_ms: int

    def demand(self, right: str) -> None:
        """Refuse with 310 (trade) or 311 (view) where the key lacks the right."""
        if right not in self.key.rights:
            raise refusal(310 if right == TRADE else 311)


def load_keys(store: Store) -> dict[str, ApiKey]:
    """Every key of the exchange by its public part."""
    rows = store.rows("SELECT name, api_key, secret, rights FROM api_keys")
    keys = (ApiKey(row["name"], row["api_key"], row["secret"], frozenset(row["rights"].split())) for row in rows)
    return {key.key: key for key in keys}


def sign(secret: str, timestamp: str, method: str, target: str, body: str) -> str:
    """HMAC-SHA256 over timestamp, method, path with query as sent ("/v2/…") and body, as lower-case hex."""
    return hmac.new(secret.encode(), f"{timestamp}{method}{target}{body}".encode(), sha256).hexdigest()


def signed_bodies(body: bytes) -> Iterable[str]:
    """The texts a client may have signed for a body.

    The official SDK signs compact JSON and sends spaced JSON, and sends `{}` where it signed nothing.
    """
    raw = body.decode("utf-8", errors="surrogateescape")
    yield raw
    if raw.strip() == "{}":
        yield ""
        return
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        return
    yield json.dumps(parsed, separators=(",", ":"))
    yield json.dumps(parsed, separators=(",", ":"), ensure_ascii=False)


def _timestamp(headers: Mapping[str, str]) -> int:
    sent = headers.get("bitvavo-access-timestamp", "")
    if not (sent.isascii() and sent.isdigit() and len(sent) == 13):
        raise refusal(302)
    return int(sent)


def _window(headers: Mapping[str, str]) -> int:
    sent = headers.get("bitvavo-access-window", str(DEFAULT_WINDOW_MS))
    if not (sent.isascii() and sent.isdigit() and len(sent) <= 6 and 100 <= int(sent) <= 60_000):
        raise refusal(303)
    return int(sent)


def authenticate(
    keys: Mapping[str, ApiKey], headers: Mapping[str, str], method: str, target: str, body: bytes, now_ms: int
) -> Caller | None:
    """Verify a request; None if it carries no key at all, ApiError 301-309 if it carries a wrong one.

    `headers` have lower-case names, `target` is the raw path with its query.
    """
    sent = headers.get("bitvavo-access-key")
    if sent is None:
        return None
    if len(sent) != KEY_LENGTH:
        raise refusal(301)
    signature = headers.get("bitvavo-access-signature", "")
    if len(signature) != SIGNATURE_LENGTH:
        raise refusal(308)
    timestamp, window = _timestamp(headers), _window(headers)
    if now_ms > timestamp + window or timestamp > now_ms + FUTURE_MS:
        raise refusal(304)
    key = keys.get(sent)
    if key is None:
        raise refusal(305)
    stamp = headers["bitvavo-access-timestamp"]
    for text in signed_bodies(body):
        try:
            expected = sign(key.secret, stamp, method, target, text)
        except UnicodeEncodeError:
            continue
        if hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogateescape")):
            return Caller(key, timestamp + window)
    raise refusal(309)
