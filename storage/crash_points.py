"""Named points at which a test can have this process killed, as a power cut or the kernel would end it.

For tests of PAPER vaults only: the environment variable ``ORACLE_CRASH_AT`` names one point, is read once when this
module is imported, and the process kills itself (SIGKILL: nothing is flushed, closed or rolled back) the first time it
gets there. A LIVE vault is not opened while the variable is set, nor any vault with a name that is no point. Without
the variable a point costs one call and one comparison.
"""

from __future__ import annotations

import os
import signal
from types import MappingProxyType
from typing import Final

from storage.codes import Mode
from storage.errors import WrongMode

VARIABLE: Final = "ORACLE_CRASH_AT"

POINTS: Final = MappingProxyType(
    {
        "migrate.in-transaction": "the first script has run, its record and commit are missing",
        "migrate.one-done": "the first migration is committed, the others are missing",
        "setup.audit-key": "the audit key is written, no event is",
        "setup.rows": "the first rows are written, neither committed nor in the audit head",
        "setup.head-written": "the audit head names the first event, which is not committed",
        "setup.committed": "the new vault is committed",
        "gate.checked": "every check has passed, nothing is written",
        "gate.decision-stored": "the decision is written",
        "gate.execution-stored": "decision and execution are written",
        "gate.trade-stored": "the pending trade is written too",
        "gate.proposal-moved": "the proposal is CLAIMED, the audit event is missing",
        "gate.before-commit": "everything of the claim is written, not committed",
        "gate.before-head": "the claim is committed, the audit head does not name it",
        "gate.claimed": "the claim is committed, nobody was told",
        "submit.dead-man-armed": "the dead man's switch is armed, the order is not sent",
        "submit.lock-shared": "the claim is about to be signed, stops wait for this process",
        "submit.signed": "the signing time is taken, nothing of it is stored",
        "submit.row-moved": "the row says SUBMITTING, its event is missing",
        "submit.before-commit": "the send is written, not committed",
        "submit.before-head": "the send is committed, the audit head does not name it",
        "submit.begun": "the send is committed, no byte has left",
        "submit.written": "the request is written to the socket, no answer is read",
        "submit.answered": "the answer is here, not stored",
        "submit.unlocked": "the same, and stops no longer wait",
        "evidence.read": "the row an order belongs to is read, nothing is written",
        "evidence.fills-stored": "the fills are written, the execution has not moved",
        "evidence.row-moved": "the execution has moved, its event is missing",
        "evidence.event-stored": "the event is written, trade and proposal have not followed",
        "evidence.trade-carried": "the trade has followed, the proposal has not",
        "evidence.before-commit": "everything is written, not committed",
        "evidence.before-head": "the end is committed, the audit head does not name it",
        "settle.stored": "the answer is committed, nobody was told",
        "settle.unknown": "silence is about to be committed as UNKNOWN",
        "head.not-renamed": "a new audit head is on the disk under its other name",
        "reconcile.begun": "old claims are abandoned, nothing was looked up",
        "reconcile.looked-up": "the first look-up is answered",
        "reconcile.overdue": "an old send is committed as UNKNOWN",
        "reconcile.found": "the order was found, nothing is stored",
        "reconcile.adopted": "the order that was found is committed",
        "reconcile.first-look": "the first of the two look-ups of a proof is made",
        "reconcile.listed": "the listings of a proof are read",
        "reconcile.proved": "the proof is complete, nothing is stored",
        "reconcile.absent": "the absence is committed",
        "sweep.followed": "resting orders were followed, nothing is compared",
        "sweep.listed": "the exchange is listed, the vault not read again",
        "sweep.compared": "the comparison is done, not stored",
        "sweep.recorded": "the comparison is committed",
        "lease.taken-not-committed": "the job's lease is written, not committed",
        "lease.taken": "the lease is committed, the job has not begun",
        "lease.job-done": "the job is done, the lease not given back",
        "lease.run-stored": "the run is written, the lease not given back, nothing committed",
        "lease.given-back": "the lease is given back and committed",
        "halt.file-raised": "the HALT file stands, senders may still be sending",
        "halt.senders-out": "no order can leave any more, the vault does not know",
        "halt.before-commit": "HALTED is written, not committed",
        "halt.before-head": "HALTED is committed, the audit head does not name it",
        "halt.recorded": "HALTED is committed, resting entries stand",
        "cancel.answered": "a cancel is answered, not recorded",
        "cancel.recorded": "a cancel is recorded, its order not yet followed",
        "resume.file-lowered": "the HALT file is gone, the vault says HALTED",
        "resume.recorded": "ACTIVE is committed",
        "restore.copied": "the backup is copied beside the vault, which is as it was",
        "restore.prepared": "the copy is a new incarnation, the vault is as it was",
        "restore.written": "the vault is the restored one, the audit head is not",
        "restore.head-written": "the audit head names the restore, the copy still stands beside the vault",
        "restore.order-imported": "one order of before the restore is taken over, the sweep is not done",
    }
)
"""Every point, with what is done by then and what is not."""

BEFORE_HEAD: Final = {
    "execution.claimed": "gate.before-head",
    "execution.submitting": "submit.before-head",
    "execution.submitted": "evidence.before-head",
    "execution.partially_filled": "evidence.before-head",
    "execution.filled": "evidence.before-head",
    "execution.canceled": "evidence.before-head",
    "execution.unknown": "evidence.before-head",
    "execution.absent": "evidence.before-head",
    "execution.rejected": "evidence.before-head",
    "proposal.executed": "evidence.before-head",
    "proposal.failed": "evidence.before-head",
    "trading.halted": "halt.before-head",
}
"""Which point a committed transaction stands at, by the kind of its newest audit event, until the head names it."""

_armed: Final = os.environ.get(VARIABLE)


def reached(point: str) -> None:
    """Say that this process is at a point; ends it here if that is the one that was named."""
    if _armed is None:
        return
    if point == _armed:
        _die()


def committed(newest_kind: str) -> None:
    """Say that a transaction with this newest audit event is committed and the audit head not written yet."""
    if _armed is None:
        return
    if BEFORE_HEAD.get(newest_kind) == _armed:
        _die()


def is_armed(point: str) -> bool:
    """Whether a point was named, for one that costs something to reach."""
    return _armed is not None and point == _armed


def require_tests_only(mode: Mode) -> None:
    """Raise WrongMode where a point is named that is none, or in LIVE: nobody's money is for trying out crashes."""
    if _armed is None:
        return
    if _armed not in POINTS:
        raise WrongMode(f"{VARIABLE} names {_armed!r}, which is no crash point; take it out of the environment")
    if mode is not Mode.PAPER:
        raise WrongMode(f"{VARIABLE} is for tests in PAPER; take it out of the environment")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()  # a signal to oneself may arrive a moment later; nothing may happen in between
