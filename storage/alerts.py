"""Alerts: what somebody has to look at, stored beside the audit event that caused it."""

from __future__ import annotations

from typing import Literal

from storage.database import Tx


def alert(tx: Tx, level: Literal["notice", "critical"], subject: str, text: str) -> int:
    """Store an alert and its audit event; the alert's id."""
    alert_id = tx.sql.insert("insert_alert", now=tx.now, level=level, subject=subject, text=text)
    tx.audit(f"alert.{level}", subject, text=text)
    return alert_id
