"""Key pairs, their fingerprints, and the signature of a request."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

WINDOW_MS: Final = 10_000
"""How long a signed read stays valid at the exchange; orders bring their own window."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An API key and its secret. Neither is ever shown; ValueError if one could not go into a header."""

    key: str = field(repr=False)
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        for name, text in (("key", self.key), ("secret", self.secret)):
            if not text or not all("!" <= letter <= "~" for letter in text):
                raise ValueError(f"The API {name} is empty or holds spaces or other characters no {name} has.")

    @property
    def fingerprint(self) -> str:
        """What may be stored and shown of a key."""
        return key_fingerprint(self.key)


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a request says it was signed (exchange time) and for how long it may be applied, both in milliseconds."""

    at_ms: int
    window_ms: int = WINDOW_MS


def key_fingerprint(key: str) -> str:
    """The first sixteen hex digits of the key's SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def signature(secret: str, at_ms: int, method: str, target: str, body: bytes) -> str:
    """HMAC-SHA256 (lower-case hex) over time, method, path with query exactly as sent ("/v2/…"), and body."""
    signed = f"{at_ms}{method}{target}".encode() + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def signed_headers(keys: KeyPair, stamp: Stamp, method: str, target: str, body: bytes) -> dict[str, str]:
    """The four headers that authenticate one request."""
    return {
        "Bitvavo-Access-Key": keys.key,
        "Bitvavo-Access-Signature": signature(keys.secret, stamp.at_ms, method, target, body),
        "Bitvavo-Access-Timestamp": str(stamp.at_ms),
        "Bitvavo-Access-Window": str(stamp.window_ms),
    }
