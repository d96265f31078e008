"""How far a trial is, read from its vault beside the program."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from storage.clock import SECOND, Micros
from tests.cli.kit import vault_rows
from tests.gauntlet.faults import MARGIN_MS, REQUEST_TIMEOUT_MS, WINDOW_MS

CLAIM_LIVES_S: Final = 10.0


def unsettled(home: Path) -> list[str]:
    """States of executions that evidence has not settled yet."""
    sql = "SELECT state FROM trade_executions WHERE state IN ('CLAIMED', 'SUBMITTING', 'UNKNOWN')"
    return [row[0] for row in vault_rows(home, sql)]


def state_of(home: Path) -> str:
    """The state of the newest execution; empty if there is none."""
    rows = vault_rows(home, "SELECT state FROM trade_executions ORDER BY id DESC LIMIT 1")
    return str(rows[0][0]) if rows else ""


def trading_state(home: Path) -> str:
    """The trading state in force."""
    return str(vault_rows(home, "SELECT state FROM trading_state ORDER BY id DESC LIMIT 1")[0][0])


def seconds_to_wait(home: Path) -> float:
    """Until the oldest unsettled execution can move on by another look."""
    sql = (
        "SELECT state, claimed_at, signed_at_ms FROM trade_executions WHERE state IN ('CLAIMED','SUBMITTING','UNKNOWN')"
    )
    now = time.time_ns() // 1000
    return min((_due(*row) - now for row in vault_rows(home, sql)), default=0) / SECOND


def _due(state: str, claimed_at: Micros, signed_at_ms: int | None) -> Micros:
    if state == "CLAIMED" or signed_at_ms is None:
        return claimed_at + int(CLAIM_LIVES_S * SECOND) + 50_000
    wait_ms = WINDOW_MS + (REQUEST_TIMEOUT_MS if state == "SUBMITTING" else MARGIN_MS)
    return (signed_at_ms + wait_ms) * 1000 + 20_000
