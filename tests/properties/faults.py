"""What goes wrong, and where a process dies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

from tests.properties import deeds, ideas

WHO = st.integers(0, 1)
PICK = st.integers(0, 11)
EUR = st.sampled_from([25, 40, 60, 90, 150, 400])
FAULTS: Final = (
    "POST /order: apply-then-drop x1",
    "POST /order: drop-before-apply x1",
    "POST /order: disconnect x1",
    "POST /order: late-apply 3 x1",
    "POST /order: late-apply 8 x1",
    "POST /order: delay 3 x1",
    "POST /order: delay 15 x1",
    "POST /order: status 503 x1",
    "POST /order: html 502 x1",
    "POST /order: error 109 x1",
    "POST /order: error 107 x2",
    "POST /order: error 216 x1",
    "POST /order: partial-then-cancel x1",
    "POST /order: skew -8 x1",
    "POST /order: ban 10 x1",
    "POST /order: maintenance 5",
    "DELETE /order: apply-then-drop x1",
    "DELETE /order: status 503 x2",
    "DELETE /order: late-apply 4 x1",
    "GET /order: lag 6",
    "GET /order: status 503 for 20",
    "GET /order: html x3",
    "GET /orders: drop-before-apply x2",
    "GET /ordersOpen: disconnect x2",
    "GET /trades: error 105 x1",
    "GET /balance: status 500 x2",
    "GET /time: skew 30 x2",
    "POST /cancelOrdersAfter: disconnect x1",
    "*: fills-late 5",
    "*: fee-late 8",
    "*: status 502 for 8",
    "*: apply-then-drop @0.2 for 15",
    "*: delay 2 @0.3 for 20",
)
FIRE_POINTS: Final = (
    *("gate.checked", "gate.execution-stored", "gate.before-commit", "gate.before-head", "gate.claimed"),
    *("submit.dead-man-armed", "submit.lock-shared", "submit.signed", "submit.row-moved", "submit.before-head"),
    *("submit.begun", "submit.answered", "submit.unlocked", "evidence.fills-stored", "evidence.row-moved"),
    *("evidence.trade-carried", "evidence.before-head", "settle.stored", "settle.unknown", "head.not-renamed"),
)
TICK_POINTS: Final = (
    *("lease.taken-not-committed", "lease.taken", "lease.job-done", "lease.run-stored", "lease.given-back"),
    *("reconcile.begun", "reconcile.looked-up", "reconcile.found", "reconcile.adopted", "reconcile.first-look"),
    "restore.order-imported",
    *("reconcile.proved", "reconcile.absent", "sweep.listed", "sweep.compared", "evidence.before-commit"),
)
STOP_POINTS: Final = (
    *("halt.file-raised", "halt.senders-out", "halt.before-commit", "halt.before-head", "halt.recorded"),
    *("cancel.answered", "cancel.recorded"),
)
RESTORE_POINTS: Final = ("restore.copied", "restore.prepared", "restore.written", "restore.head-written")
RESUME_POINTS: Final = ("resume.file-lowered", "resume.recorded")


def dies(points: Sequence[str]) -> st.SearchStrategy[str]:
    """At which point the process is killed; mostly at none."""
    return st.one_of(st.just(""), st.just(""), st.sampled_from(points))


ORDER_FAULT = st.one_of(st.just(""), st.sampled_from([each for each in FAULTS if each.startswith("POST /order:")]))
TURNS = st.one_of(st.integers(0, 14), st.integers(0, 60))
DEATH = dies(FIRE_POINTS)
WELL = st.sampled_from([True, True, False])
WAY = st.sampled_from(ideas.WAYS)
INTRUDER = st.sampled_from(sorted(deeds.INTRUDERS))
THEN = st.sampled_from(["nothing", "compare", "resume"])
