"""The audit chain: every event keyed to the one before it, with its head written beside the vault.

Each row's MAC is HMAC-SHA256 (RFC 2104) over the previous MAC and the row's canonical JSON. The head file holds the
newest number and MAC under a MAC of its own, so that a cut tail shows. It reveals edits, cuts and rollbacks by
anybody without the key; it does not protect against the owner of the folder, who has the key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from storage.clock import Micros
from storage.crash_points import reached
from storage.errors import VaultBroken

KEY_BYTES: Final = 32
GENESIS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One event of the chain."""

    seq: int
    at: Micros
    kind: str
    subject: str
    actor: str
    instance: str
    pid: int
    payload: str
    mac: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest event, as written beside the vault."""

    seq: int
    mac: str
    at: Micros
    incarnation: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What verification found: how many events, and the first bad number with what is wrong there."""

    events: int
    first_bad: int | None
    problem: str | None

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.problem is None


def event_mac(key: bytes, previous: str, row: AuditRow) -> str:
    """The MAC of an event whose own ``mac`` field is ignored, in hex."""
    fields = [row.seq, row.at, row.kind, row.subject, row.actor, row.instance, row.pid, row.payload]
    message = previous + json.dumps(fields, separators=(",", ":"))
    return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()


def canonical_payload(payload: dict[str, Any]) -> str:
    """The payload as it is stored: sorted, compact, numbers as they are, everything else as text."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), default=str)


def append_event(db: sqlite3.Connection, key: bytes, row: AuditRow) -> AuditRow:
    """Append an event inside the caller's transaction; its number and MAC are set here."""
    newest = db.execute("SELECT seq, mac FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
    seq, previous = (newest[0] + 1, newest[1]) if newest else (1, GENESIS)
    numbered = AuditRow(seq, row.at, row.kind, row.subject, row.actor, row.instance, row.pid, row.payload, "")
    mac = event_mac(key, previous, numbered)
    db.execute(
        "INSERT INTO audit_log (seq, at, kind, subject, actor, instance, pid, payload, mac) VALUES (?,?,?,?,?,?,?,?,?)",
        (seq, row.at, row.kind, row.subject, row.actor, row.instance, row.pid, row.payload, mac),
    )
    return AuditRow(seq, row.at, row.kind, row.subject, row.actor, row.instance, row.pid, row.payload, mac)


def read_chain(db: sqlite3.Connection) -> Iterator[AuditRow]:
    """The chain from its first event on, one row at a time."""
    usual = db.text_factory
    # Bytes that are no text are to show at their event; they must not end the reading.
    db.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    try:
        sql = "SELECT seq, at, kind, subject, actor, instance, pid, payload, mac FROM audit_log ORDER BY seq"
        for row in db.execute(sql):
            yield AuditRow(*row)
    finally:
        db.text_factory = usual


def verify_chain(rows: Iterable[AuditRow], key: bytes, head: Head | None) -> ChainReport:
    """Walk the chain and compare its end with the head. Reads one row at a time.

    The head may lag behind the chain by a few seconds, never be ahead of it. The first bad number of a chain that was
    cut, or that no head vouches for, is the one after its last.
    """
    previous, expected, head_seen = GENESIS, 1, head is None or head.seq == 0
    for row in rows:
        if row.seq != expected:
            return _out_of_turn(expected, row)
        if not _is_genuine(key, previous, row):
            return ChainReport(expected - 1, row.seq, f"event {row.seq} was changed, moved or inserted")
        if head is not None and row.seq == head.seq:
            head_seen = _same(row.mac, head.mac)
            if not head_seen:
                return ChainReport(expected, row.seq, f"event {row.seq} is not the one the head names")
        previous, expected = row.mac, expected + 1
    count = expected - 1
    if head is None:
        return ChainReport(count, expected, f"no valid head names its end: events after {count} may have been cut")
    if not head_seen:
        return ChainReport(count, expected, f"the chain ends at {count}, the head names {head.seq}: the end was cut")
    return ChainReport(count, None, None)


def _out_of_turn(expected: int, row: AuditRow) -> ChainReport:
    """For a row that does not carry the next number."""
    if isinstance(row.seq, int) and row.seq > expected:
        return ChainReport(expected - 1, expected, f"event {expected} is missing")
    bad = row.seq if isinstance(row.seq, int) else expected
    return ChainReport(expected - 1, bad, f"event {row.seq} was inserted")


def _is_genuine(key: bytes, previous: str, row: AuditRow) -> bool:
    try:
        mac = event_mac(key, previous, row)
    except TypeError:
        return False  # a blob, where the table was made anew without its types
    return isinstance(row.mac, str) and _same(mac, row.mac)


def _same(one: str, other: str) -> bool:
    """Whether two MACs are equal; a forged one may be any text, and ``compare_digest`` takes ASCII text alone."""
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode(errors="surrogatepass"))


def _head_mac(key: bytes, head: Head) -> str:
    message = json.dumps(["head", head.seq, head.mac, head.at, head.incarnation], separators=(",", ":"))
    return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()


def read_head(path: Path, key: bytes) -> Head | None:
    """The head file, or None where there is none. Raises VaultBroken for one that is unreadable or forged."""
    try:
        raw = json.loads(path.read_text())
        head = Head(int(raw["seq"]), str(raw["mac"]), int(raw["at"]), str(raw["incarnation"]))
        own = str(raw["hmac"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise VaultBroken(f"audit.head cannot be read ({type(error).__name__}); see oracle verify") from None
    if not _same(own, _head_mac(key, head)):
        raise VaultBroken("audit.head was not written with this vault's audit.key; see oracle verify")
    return head


def write_head(path: Path, key: bytes, head: Head) -> None:
    """Replace the head file durably (fsync, rename). Never to a lower number of the same incarnation."""
    try:
        current = read_head(path, key)
    except VaultBroken:
        return  # evidence of tampering is left for verification, not overwritten
    if current is not None and current.incarnation == head.incarnation and current.seq >= head.seq:
        return
    write_durably(path, head_text(key, head))


def head_text(key: bytes, head: Head) -> bytes:
    """What a head file holds."""
    fields = {"seq": head.seq, "mac": head.mac, "at": head.at, "incarnation": head.incarnation}
    return json.dumps({**fields, "hmac": _head_mac(key, head)}).encode()


def write_durably(path: Path, content: bytes) -> None:
    """Replace a small private file whole or not at all (fsync, rename). Raises OSError."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    reached("head.not-renamed")
    temporary.rename(path)
