"""Costly oracles rest after an overrun, until a person has looked at it and lifts the pause."""

from __future__ import annotations

from dataclasses import dataclass

from storage.alerts import alert
from storage.check_results import utc_text
from storage.clock import Micros
from storage.database import Tx
from storage.errors import BudgetExceeded, Conflict


class OraclePaused(BudgetExceeded):
    """Costly oracles rest until somebody lifts it."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when and why costly oracles rest; lifted by naming it."""

    id: int
    at: Micros
    oracle: str
    reason: str


def refuse_while_paused(tx: Tx) -> None:
    """Raises OraclePaused, with the reason, while costly oracles rest."""
    if (pause := current_pause(tx)) is not None:
        raise OraclePaused(
            f"costly oracles rest since {utc_text(pause.at)}: {pause.reason}; oracle budget --resume lifts it"
        )


def current_pause(tx: Tx) -> Pause | None:
    """Why costly oracles rest; None if they may be asked."""
    row = tx.sql.one("newest_pause")
    if row is None or not row["paused"]:
        return None
    return Pause(row["id"], row["at"], row["oracle"], row["reason"])


def lift_pause(tx: Tx, lifts: int, reason: str) -> None:
    """Let costly oracles be asked again, lifting exactly the pause that was seen. Raises Conflict."""
    pause = current_pause(tx)
    if pause is None:
        raise Conflict("costly oracles do not rest; there is nothing to lift")
    if pause.id != lifts:
        raise Conflict(f"another pause came meanwhile: {pause.reason}; look at it before you lift it")
    tx.sql.insert(
        "insert_pause", now=tx.now, paused=0, oracle=pause.oracle, reason=reason, replaces=pause.id,
        actor=tx.actor.name,
    )  # fmt: skip
    tx.audit("oracle.resumed", pause.oracle, urgent=True, reason=reason, lifts=pause.reason)


def pause_oracles(tx: Tx, oracle: str, reason: str) -> None:
    """Let every costly oracle rest, because of this one, and alert."""
    newest = tx.sql.one("newest_pause")
    tx.sql.insert(
        "insert_pause", now=tx.now, paused=1, oracle=oracle, reason=reason,
        replaces=None if newest is None else newest["id"], actor=tx.actor.name,
    )  # fmt: skip
    alert(tx, "critical", "budget", f"{reason}; costly oracles rest until oracle budget --resume")
