"""Who asks: keys, rights, signatures and access windows."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from console.paper import choices
from console.paper.errors import refusal
from console.paper.store import Store

KEY_LENGTH: Final = 64
SIGNATURE_LENGTH: Final = 64
DEFAULT_WINDOW_MS: Final = choices.DEFAULT_WINDOW_MS.value
VIEW: Final = "view"
TRADE: Final = "trade"
WITHDRAW: Final = "withdraw"
_MISSING: Final = {VIEW: 311, TRADE: 310, WITHDRAW: 312}


@dataclass(frozen=True)
class ApiKey:
    """A key pair and what it may do: "view" for balances and the account, "trade" for everything about orders.

    `addresses` are the only ones it may be used from (None: any); one that is not `confirmed` is not active yet.
    """

    name: str
    key: str
    secret: str
    rights: frozenset[str]
    addresses: frozenset[str] | None = None
    confirmed: bool = True


@dataclass(frozen=True)
class Caller:
    """A verified request: its key, and until when (ms since the epoch) it may still be applied."""

    key: ApiKey
    deadline_ms: int

    def demand(self, right: str, code: int | None = None) -> None:
        """Refuse with 310 (trade), 311 (view) or 312 (withdraw), or the given code, where the key lacks the right."""
        if right not in self.key.rights:
            raise refusal(_MISSING[right] if code is None else code)

    def demand_address(self, address: str) -> None:
        """Refuse with 306 while the key is not confirmed, with 307 where it may not be used from that address."""
        if not self.key.confirmed:
            raise refusal(306)
        if self.key.addresses is not None and address not in self.key.addresses:
            raise refusal(307)


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
    if now_ms > timestamp + window or timestamp > now_ms + choices.FUTURE_MS.value:
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
        if hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):
            return Caller(key, timestamp + window)
    raise refusal(309)
