"""Restoring a backup: a new incarnation of the vault, HALTED, with nothing in it that could be sent a second time.

Everything that a restore changes is done to a copy beside the vault first. The copy is then written *into* the vault
by SQLite's backup API, which commits it as one transaction: whenever this process dies, the vault is the old one or
the restored one, and the restored one is HALTED under its new incarnation. Old audit head and new vault are told apart
by their incarnations; whoever opens the vault next writes the head that is missing.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from storage import audit
from storage.backup import (
    DATABASE,
    HEAD,
    KEY,
    Manifest,
    connect_alone,
    newest_head,
    open_backup,
    read_key,
    refuse_busy,
    require_sound,
    sync,
)
from storage.clock import SECOND, Clock, Entropy, Micros
from storage.codes import Mode, ProposalState
from storage.connections import configure_writer, make_private_file
from storage.crash_points import reached, require_tests_only
from storage.database import Tx
from storage.earlier_orders import highest_ids
from storage.errors import BadBackup, VaultBroken, VaultBusy
from storage.instances import living
from storage.locking import SharedLock, WriterLock
from storage.models import Actor
from storage.proposals import move_proposal
from storage.queries import Sql
from storage.replaced import Replaced, read_replaced
from storage.schema import migrate
from storage.setup import UNFINISHED, operator_number, vault_info
from storage.sqlite_errors import translated
from storage.trading_state import halt

SPARE_IDS: Final = 10_000
"""Ids left out, beside one for every second of the vault's life, where nobody can say how many were given out."""

LOCK_WAIT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restore would do: the backup, and what it would replace."""

    manifest: Manifest
    replaced: Replaced
    key: bytes
    brings_key: bool
    """The folder has no key of its own; the backup's is put there."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did."""

    incarnation: str
    expired: tuple[int, ...]
    next_proposal: int
    """The first id that a new proposal gets."""


def plan_restore(folder: Path, mode: Mode, source: Path) -> Plan:
    """Check that this backup can be restored here; nothing is written, no lock is taken.

    Raises:
        BadBackup: it was changed or is damaged; it is of the other mode, another vault or a newer program; or its key
            is missing here and in it.
    """
    mine, theirs = read_key(folder / KEY), read_key(source / KEY)
    key = mine if mine is not None else theirs
    manifest, problems = open_backup(source, key)
    if manifest.mode != mode.value:
        raise BadBackup(f"this backup is of a {manifest.mode.upper()} vault, not of {mode.upper()}")
    if problems:
        if mine is not None and theirs is not None and mine != theirs:
            problems = [f"{folder / KEY} is not the key of this backup; it is of another vault"]
        raise BadBackup(f"{problems[0]}; it was not restored")
    if key is None:
        raise BadBackup(
            f"this backup was made without its key: put that vault's {KEY} at {folder / KEY}, or into the backup, "
            "then restore it again"
        )
    replaced = read_replaced(folder, key)
    if replaced.info is not None and replaced.info.vault_id != manifest.vault_id:
        raise BadBackup(
            f"{folder} holds another vault ({replaced.info.vault_id}) than the backup ({manifest.vault_id}); "
            "restore it into an empty --home, or move this folder away"
        )
    return Plan(manifest, replaced, key, brings_key=mine is None)


def restore(
    folder: Path, mode: Mode, source: Path, clock: Clock, entropy: Entropy, actor: Actor, reason: str
) -> Restored:
    """Write a backup into the mode's vault as a new incarnation, HALTED.

    Raises:
        VaultBusy: another process has the vault open, or locks it; it is named.
        BadBackup: see ``plan_restore``, which is run again on a copy under the locks.
        VaultFull, VaultBroken: it could not be written; the old vault stands.
    """
    require_tests_only(mode)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def run() -> Restored:
        with _alone(folder):
            work = folder / UNFINISHED
            shutil.rmtree(work, ignore_errors=True)
            try:
                done = _restore(folder, mode, source, work, (clock, entropy, actor, reason))
            except BaseException:
                shutil.rmtree(work, ignore_errors=True)
                raise
            shutil.rmtree(work, ignore_errors=True)
            return done

    return translated(run)()


By = tuple[Clock, Entropy, Actor, str]


def _restore(folder: Path, mode: Mode, source: Path, work: Path, by: By) -> Restored:
    _copy(source, work)
    reached("restore.copied")
    plan = plan_restore(folder, mode, work)
    with closing(connect_alone(work / DATABASE)) as copy:
        copy.row_factory = sqlite3.Row
        for pragma in ("foreign_keys = ON", "recursive_triggers = ON"):
            copy.execute(f"PRAGMA {pragma}")
        migrate(copy)
        head, done = _become_new(copy, folder, plan, by)
        require_sound(copy, plan.key, head, "the prepared copy")
    reached("restore.prepared")
    _write_into(folder, work / DATABASE, by[0])
    reached("restore.written")
    if plan.brings_key:
        audit.write_durably(folder / KEY, plan.key)
    audit.write_durably(folder / HEAD, audit.head_text(plan.key, head))
    sync(folder)
    reached("restore.head-written")
    return done


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process has the vault open, nor opens it meanwhile."""
    with ExitStack() as stack:
        users = SharedLock(folder / "vault.users")
        stack.callback(users.close)
        if not users.alone():
            names = ", ".join(living(folder)) or "another process"
            raise VaultBusy(f"{names} has the vault open; end it first: a restore needs the vault for itself")
        lock = WriterLock(folder / "vault.lock")
        stack.callback(lock.close)
        if not lock.acquire_within(LOCK_WAIT_S):
            raise VaultBusy(f"the vault is locked by {lock.holder()}; nothing was done, try again")
        stack.callback(lock.release)
        yield


def _copy(source: Path, work: Path) -> None:
    work.mkdir(mode=0o700)
    for name in (DATABASE, HEAD, KEY, "backup.json"):
        with suppress(FileNotFoundError):
            shutil.copyfile(source / name, work / name)
            (work / name).chmod(0o600)


def _become_new(copy: sqlite3.Connection, folder: Path, plan: Plan, by: By) -> tuple[audit.Head, Restored]:
    """All that a restore changes, in one transaction of the copy; the audit event that re-anchors the chain is last."""
    clock, entropy, actor, reason = by
    copy.execute("BEGIN IMMEDIATE")
    try:
        old = vault_info(copy)
        fresh = str(entropy.uuid())
        info = replace(old, incarnation=fresh, operator_id=operator_number(old.vault_id, fresh))
        tx = Tx(copy, Sql(copy), clock.now(), clock.monotonic(), actor, info, folder, plan.key)
        tx.sql.change("set_incarnation", incarnation=fresh, operator_id=info.operator_id)
        _remember_earlier(tx, old.incarnation, plan)
        expired = _expire_open(tx)
        tx.sql.change("clear_leases")
        ids = _leave_ids_out(tx, plan)
        halt(tx, f"restored from the backup of {_moment(plan.manifest.at)}")
        tx.audit(
            "vault.restored", info.vault_id, urgent=True, reason=reason, backup_at=plan.manifest.at,
            backup_seq=plan.manifest.seq, was=old.incarnation, incarnation=fresh, expired=list(expired),
            replaced_events=plan.replaced.events, ids_after=ids,
        )  # fmt: skip
        head = newest_head(copy, fresh)
        copy.execute("COMMIT")
    except BaseException:
        if copy.in_transaction:
            copy.execute("ROLLBACK")
        raise
    return head, Restored(fresh, expired, ids["trade_proposals"] + 1)


def _remember_earlier(tx: Tx, own: str, plan: Plan) -> None:
    """Whose orders are to be looked for: those of the backup's incarnation, and of what the replaced vault had."""
    known = {row["incarnation"] for row in tx.sql.all("all_earlier_incarnations")}
    markets = json.dumps(sorted(plan.replaced.markets))
    for incarnation in dict.fromkeys((own, *plan.replaced.incarnations)):
        if incarnation not in known:
            tx.sql.insert(
                "insert_earlier_incarnation", incarnation=incarnation, orders_from=plan.manifest.at, markets=markets,
                now=tx.now,
            )  # fmt: skip


def _expire_open(tx: Tx) -> tuple[int, ...]:
    rows = tx.sql.all("all_open_proposals")
    for row in rows:
        note = "expired by the restore of a backup"
        move_proposal(tx, row["id"], ProposalState(row["state"]), ProposalState.EXPIRED, note=note)
    return tuple(row["id"] for row in rows)


def _leave_ids_out(tx: Tx, plan: Plan) -> dict[str, int]:
    """Have new proposals and executions numbered beyond any that was given out since the backup, anywhere.

    The replaced vault says how far it got. Where it cannot, numbers begin with the age of the vault in seconds, and
    some more: ideas come much slower, so that a later restore, of whichever backup, begins beyond an earlier one.
    """
    given, known = highest_ids(tx), plan.replaced.highest
    age = (tx.now - tx.info.created_at) // SECOND
    for name, highest in given.items():
        given[name] = max(highest, known[name]) if known is not None else max(highest, age) + SPARE_IDS
        tx.db.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        tx.db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, given[name]))
    return given


def _write_into(folder: Path, prepared: Path, clock: Clock) -> None:
    """One transaction of SQLite's backup API. A vault that is no database any more is set aside, never overwritten."""
    target = make_private_file(folder / DATABASE)
    try:
        _backup_into(target, prepared)
    except sqlite3.DatabaseError as error:
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise
        aside = folder / f"damaged-{clock.now() // SECOND}"
        aside.mkdir(mode=0o700)
        for name in (f"{DATABASE}-wal", f"{DATABASE}-shm", DATABASE):  # the log first: it must not meet a new database
            with suppress(FileNotFoundError):
                (folder / name).rename(aside / name)
        sync(folder)
        _backup_into(make_private_file(folder / DATABASE), prepared)


def _backup_into(target: Path, prepared: Path) -> None:
    with closing(connect_alone(target)) as vault, closing(connect_alone(prepared, "mode=ro")) as source:
        configure_writer(vault, LOCK_WAIT_S)
        source.backup(vault, pages=-1, progress=refuse_busy)
        stored, meant = vault_info(vault).incarnation, vault_info(source).incarnation
        if stored != meant:
            raise VaultBroken("the vault does not hold what was written into it; check the disk")


def _moment(at: Micros) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
