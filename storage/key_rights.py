"""What the exchange said last about the trade key's right to read orders, kept so that ``status`` needs no network."""

from __future__ import annotations

from typing import Final

from storage.alerts import alert
from storage.database import Tx

SUBJECT: Final = "trade key"


def key_refusal(tx: Tx) -> str | None:
    """The sentence of the last start if that found the key without the right; None otherwise."""
    row = tx.sql.one("newest_alert", subject=SUBJECT)
    return str(row["text"]) if row is not None and row["level"] == "critical" else None


def note_key_refused(tx: Tx, sentence: str) -> None:
    """Alert, unless exactly that was said last."""
    if key_refusal(tx) != sentence:
        alert(tx, "critical", SUBJECT, sentence)


def note_key_accepted(tx: Tx) -> None:
    """Take an earlier refusal back."""
    if key_refusal(tx) is not None:
        alert(tx, "notice", SUBJECT, "the trade key may read orders now")
