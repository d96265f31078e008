"""The trading state: ACTIVE, REDUCING or HALTED, stored with its reason, latched until somebody lifts it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from storage.codes import TradingState
from storage.crash_points import reached
from storage.database import Tx
from storage.errors import Conflict, VaultBroken
from storage.halt_file import halt_file_present, made_at_ns
from storage.models import TradingRecord

STRICTNESS: Final = {TradingState.ACTIVE: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}


def current_trading_state(tx: Tx) -> TradingRecord:
    """The newest record. Raises VaultBroken where there is none: then nothing may trade."""
    row = tx.sql.one("current_trading_state")
    if row is None:
        raise VaultBroken("the vault has no trading state; restore a backup (oracle restore)")
    return TradingRecord(row["id"], TradingState(row["state"]), row["reason"], row["actor"], row["at"])


def tighten(tx: Tx, state: TradingState, reason: str) -> TradingRecord:
    """Record HALTED or REDUCING with a reason, unless the state is at least as strict already."""
    current = current_trading_state(tx)
    if STRICTNESS[current.state] >= STRICTNESS[state]:
        return current
    return _record(tx, current, state, reason)


def halt(tx: Tx, reason: str) -> TradingRecord:
    """Record HALTED. A halt for another reason is recorded over one that stands, so that no resume lifts it unseen."""
    current = current_trading_state(tx)
    if current.state is TradingState.HALTED and current.reason == reason:
        return current
    return _record(tx, current, TradingState.HALTED, reason)


def halt_again(tx: Tx, reason: str) -> TradingRecord:
    """Record HALTED as somebody asked for it now: also for a reason that stands, a resume of the other is no answer."""
    return _record(tx, current_trading_state(tx), TradingState.HALTED, reason)


def latch_halt_file(tx: Tx) -> Path | None:
    """Record HALTED if a HALT file stands that is not recorded yet; the file that stands, or None.

    Called wherever the file is looked at inside a transaction: whoever saw it stays halted when it is gone.
    """
    path = halt_file_present(tx.folder)
    if path is not None and is_news(tx, path):
        halt_again(tx, f"{path.name} file in {path.parent.name}")
    return path


def is_news(tx: Tx, file: Path) -> bool:
    """Whether the stored state says nothing of a HALT file: trading is not halted, or the file is newer than the halt.

    Newer is one that was made, renamed or touched since, as far as the kernel's stamps tell (a few milliseconds). One
    from the future counts as known: the clock went back, and every look would record it anew.
    """
    current, made = current_trading_state(tx), made_at_ns(file)
    return current.state is not TradingState.HALTED or (made is not None and current.at < made // 1000 <= tx.now)


def imports_are_open(tx: Tx) -> bool:
    """Whether orders of an earlier incarnation may still be unknown here: then nothing may trade."""
    return any(row["imported_at"] is None for row in tx.sql.all("all_earlier_incarnations"))


def resume(tx: Tx, lifts: int, reason: str) -> TradingRecord:
    """Go back to ACTIVE, lifting exactly the record the operator saw.

    Raises:
        Conflict: another halt came meanwhile, there is nothing to lift, a HALT file stands, or the vault was restored
            and does not know yet what was sent since the backup.
    """
    current = current_trading_state(tx)
    if current.state is TradingState.ACTIVE:
        raise Conflict("trading is ACTIVE already; there is nothing to resume")
    if current.id != lifts:
        raise Conflict(f"another halt was recorded meanwhile: {current.reason}; look at it before you resume")
    if (path := halt_file_present(tx.folder)) is not None:
        raise Conflict(f"{path} stands; remove it first")
    if imports_are_open(tx):
        raise Conflict(
            "the vault was restored, and orders sent since the backup may be unknown here: run oracle reconcile until "
            "vault and exchange agree, then resume"
        )
    return _record(tx, current, TradingState.ACTIVE, reason)


def _record(tx: Tx, current: TradingRecord, state: TradingState, reason: str) -> TradingRecord:
    row_id = tx.sql.insert(
        "insert_trading_state", state=state, reason=reason, replaces=current.id, actor=tx.actor.name, now=tx.now
    )
    tx.audit(f"trading.{state.lower()}", str(row_id), urgent=True, reason=reason, was=current.state)
    if state is TradingState.HALTED:
        reached("halt.before-commit")
    return TradingRecord(row_id, state, reason, tx.actor.name, tx.now)
