"""What a new vault starts with, and the identity every vault keeps."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from storage import audit
from storage.clock import Clock, Entropy, Micros
from storage.codes import Mode, Stage, TradingState
from storage.crash_points import reached
from storage.errors import VaultBroken, WrongMode
from storage.models import Actor, VaultInfo
from storage.policies import presets

FIRST_POLICY: Final = {Mode.PAPER: "semi-auto", Mode.LIVE: "observer"}
FIRST_STAGE: Final = {Mode.PAPER: Stage.MATURE, Mode.LIVE: Stage.TRAINING}
UNFINISHED: Final = "restoring"
"""The folder in which a restore prepares its copy; what is left of it belongs to one that was cut short."""

FIRST_STATE: Final = {Mode.PAPER: TradingState.ACTIVE, Mode.LIVE: TradingState.HALTED}


def vault_info(db: sqlite3.Connection) -> VaultInfo:
    """The identity row."""
    row = db.execute(
        "SELECT vault_id, incarnation, mode, exchange_identity, operator_id, dead_man_group, created_at FROM vault_info"
    ).fetchone()
    if row is None:
        raise VaultBroken("vault.db has no identity; restore a backup (oracle restore)")
    return VaultInfo(row[0], row[1], Mode(row[2]), row[3], row[4], row[5], row[6])


def operator_number(vault_id: str, incarnation: str) -> int:
    """The ``operatorId`` this vault signs its orders with: 48 bits that mark the vault and its incarnation."""
    return int.from_bytes(hashlib.sha256(f"{vault_id}/{incarnation}".encode()).digest()[:6], "big") + 1


def read_audit_key(folder: Path, db: sqlite3.Connection, entropy: Entropy) -> bytes:
    """The key of the audit chain; made once, never over a chain that has events.

    Raises VaultBroken when the key of a vault with events is missing or unreadable.
    """
    path = folder / "audit.key"
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        if db.execute("SELECT EXISTS (SELECT 1 FROM audit_log)").fetchone()[0]:
            raise VaultBroken(
                "audit.key is missing, but the vault has audited events; put the key back or restore a backup "
                "(oracle restore)"
            ) from None
        key = entropy.token(audit.KEY_BYTES)
        audit.write_durably(path, key)
        reached("setup.audit-key")
    if len(key) != audit.KEY_BYTES:
        raise VaultBroken("audit.key is damaged; put the right key back or restore a backup (oracle restore)")
    return key


def set_up_vault(
    db: sqlite3.Connection,
    folder: Path,
    mode: Mode,
    clock: Clock,
    entropy: Entropy,
    actor: Actor,
    key: bytes,
) -> VaultInfo:
    """Give a new vault its identity and first policy, state and stage; check that an old one is of this mode.

    Runs behind the writer lock. Raises WrongMode.
    """
    if db.execute("SELECT EXISTS (SELECT 1 FROM vault_info)").fetchone()[0]:
        info = vault_info(db)
        if info.mode is not mode:
            raise WrongMode(f"this vault belongs to {info.mode.upper()}, not to {mode.upper()} ({folder})")
        _check_head(folder, key, db, info)
        shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
        return info
    head = audit.read_head(folder / "audit.head", key)
    if head is not None and head.seq > 1:
        raise VaultBroken(
            f"vault.db is empty, but audit.head names event {head.seq}: it was lost; restore a backup (oracle restore)"
        )
    db.execute("BEGIN IMMEDIATE")
    try:
        row = _first_rows(db, mode, clock.now(), entropy, actor, key)
        info = vault_info(db)
        reached("setup.rows")
        # Before the commit: a head without its vault is begun again, a vault without its head is refused for good.
        audit.write_head(folder / "audit.head", key, audit.Head(row.seq, row.mac, row.at, info.incarnation))
        reached("setup.head-written")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk has rolled back already, and a second time would hide that
            db.execute("ROLLBACK")
        raise
    reached("setup.committed")
    return info


def _first_rows(
    db: sqlite3.Connection, mode: Mode, now: Micros, entropy: Entropy, actor: Actor, key: bytes
) -> audit.AuditRow:
    vault_id, incarnation = str(entropy.uuid()), str(entropy.uuid())
    group = int.from_bytes(entropy.token(2), "big") % 1000 + 1
    db.execute(
        "INSERT INTO vault_info VALUES (1, ?, ?, ?, NULL, ?, ?, ?)",
        (vault_id, incarnation, mode, operator_number(vault_id, incarnation), group, now),
    )
    for policy in presets(mode).values():
        row = (policy.hash(), policy.name, policy.canonical(), now)
        db.execute("INSERT INTO policies VALUES (?, ?, ?, ?)", row)
    first = presets(mode)[FIRST_POLICY[mode]]
    db.execute(
        "INSERT INTO policy_activations (hash, replaces, actor, at, active) VALUES (?, NULL, ?, ?, 1)",
        (first.hash(), actor.name, now),
    )
    db.execute(
        "INSERT INTO trading_state (state, reason, replaces, actor, at) VALUES (?, 'new vault', NULL, ?, ?)",
        (FIRST_STATE[mode], actor.name, now),
    )
    db.execute(
        "INSERT INTO stage_changes (stage, reason, actor, at) VALUES (?, 'new vault', ?, ?)",
        (FIRST_STAGE[mode], actor.name, now),
    )
    payload = audit.canonical_payload({"mode": mode, "policy": first.name, "incarnation": incarnation})
    event = audit.AuditRow(0, now, "vault.created", vault_id, actor.name, actor.instance, actor.pid, payload, "")
    return audit.append_event(db, key, event)


def head_is_missing_since_restore(db: sqlite3.Connection, head: audit.Head) -> bool:
    """Whether a restore was cut short between the vault and its audit head, which is still that of the time before.

    Then the restore's own event, which vouches for the chain, is the newest: nothing has been done since.
    """
    earlier = db.execute(
        "SELECT EXISTS (SELECT 1 FROM earlier_incarnations WHERE incarnation = ?)", (head.incarnation,)
    ).fetchone()[0]
    newest = db.execute("SELECT kind FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
    return bool(earlier) and newest is not None and newest[0] == "vault.restored"


def _check_head(folder: Path, key: bytes, db: sqlite3.Connection, info: VaultInfo) -> None:
    head = audit.read_head(folder / "audit.head", key)
    if head is not None and head.incarnation != info.incarnation and head_is_missing_since_restore(db, head):
        seq, mac, at = db.execute("SELECT seq, mac, at FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
        audit.write_head(folder / "audit.head", key, audit.Head(seq, mac, at, info.incarnation))
        return
    newest = db.execute("SELECT max(seq) FROM audit_log").fetchone()[0]
    if newest is None:
        raise VaultBroken("the vault has no audited event, though its making was one; see oracle verify")
    if head is None:
        raise VaultBroken("audit.head is missing, but the vault has audited events; see oracle verify")
    if newest < head.seq:
        raise VaultBroken(
            f"the vault ends at event {newest}, but audit.head names {head.seq}: it was rolled back; "
            "restore a backup (oracle restore)"
        )
