"""Rows and audit events as they stand in a vault, for tests that hold them column by column."""

from __future__ import annotations

import json
from typing import Any

from storage.database import Tx


def row(tx: Tx, table: str) -> dict[str, Any]:
    """The newest row of a table."""
    return dict(tx.db.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone())  # noqa: S608


def audited(tx: Tx, kind: str | None = None) -> tuple[str, str, dict[str, Any]]:
    """Kind, subject and payload of the newest audit event, or of the newest of a kind."""
    sql = "SELECT * FROM audit_log WHERE kind = coalesce(?, kind) ORDER BY seq DESC LIMIT 1"
    event = tx.db.execute(sql, (kind,)).fetchone()
    return event["kind"], event["subject"], json.loads(event["payload"])


def alerts(tx: Tx) -> list[tuple[str, str, str]]:
    """Level, subject and text of every alert, oldest first."""
    return [tuple(each) for each in tx.db.execute("SELECT level, subject, text FROM alerts ORDER BY id")]
