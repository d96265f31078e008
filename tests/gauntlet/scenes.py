"""What is going on when a process dies: which command gets to a point, and what has happened before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from storage.crash_points import POINTS
from tests.gauntlet.faults import FAULTS, NO_ORDER, UNANSWERED


@dataclass(frozen=True, slots=True)
class Scene:
    """One kind of death."""

    name: str
    route: str
    """The request that the fault spoils."""
    died_before: str | None = None
    """The point at which the sender of an order died beforehand: what it left is there to be found."""
    needs_keeper: bool = False
    """An order that rests is wanted, and only a running keeper lets entries rest."""
    fault_stays: bool = False
    """Nothing was claimed before the death: the fault meets the order that is tried after it."""
    restores: bool = False
    """The order is sent after a backup, which is then restored: the vault has forgotten it."""


EXECUTE: Final = Scene("execute", "POST /order")
UNCLAIMED: Final = Scene("execute", "POST /order", fault_stays=True)
ARMED_ENTRY: Final = Scene("execute", "POST /cancelOrdersAfter", needs_keeper=True)
NEW_VAULT: Final = Scene("new vault", "POST /order", fault_stays=True)
FIND: Final = Scene("reconcile", "GET /order", died_before="submit.answered")
PROVE: Final = Scene("reconcile", "GET /order", died_before="submit.begun")
SWEEP: Final = Scene("reconcile", "GET /ordersOpen", died_before="submit.answered")
WORKER: Final = Scene("worker", "GET /order", died_before="submit.answered")
HALT: Final = Scene("halt", "POST /order", fault_stays=True)
TAKE_BACK: Final = Scene("halt", "DELETE /order", needs_keeper=True)
RESUME: Final = Scene("resume", "POST /order", fault_stays=True)
RESTORE: Final = Scene("restore", "POST /order", restores=True)
TAKE_OVER: Final = Scene("reconcile", "POST /order", restores=True)

BY_FAMILY: Final = {
    "migrate": NEW_VAULT,
    "setup": NEW_VAULT,
    "gate": EXECUTE,
    "submit": EXECUTE,
    "evidence": EXECUTE,
    "settle": EXECUTE,
    "head": EXECUTE,
    "reconcile": PROVE,
    "sweep": SWEEP,
    "lease": WORKER,
    "halt": HALT,
    "cancel": TAKE_BACK,
    "resume": RESUME,
    "restore": RESTORE,
}
BY_POINT: Final = {
    **{f"gate.{step}": UNCLAIMED for step in ("checked", "decision-stored", "execution-stored", "trade-stored")},
    "gate.proposal-moved": UNCLAIMED,
    "gate.before-commit": UNCLAIMED,
    "submit.dead-man-armed": ARMED_ENTRY,
    "reconcile.looked-up": FIND,
    "reconcile.found": FIND,
    "reconcile.adopted": FIND,
    "restore.order-imported": TAKE_OVER,
}


def scene_of(point: str) -> Scene:
    """How this point is reached."""
    return BY_POINT.get(point, BY_FAMILY[point.partition(".")[0]])


SCENES: Final = {point: scene_of(point) for point in POINTS}

OUT_OF_REACH: Final = {
    **dict.fromkeys(("evidence.read", "evidence.fills-stored", "evidence.before-commit"), NO_ORDER),
    "restore.order-imported": NO_ORDER,
    "settle.unknown": frozenset(FAULTS) - UNANSWERED,
    "submit.dead-man-armed": UNANSWERED - {"delay"},  # whose request has the longer window
}
"""Under which faults nobody gets to a point: there is no order, no silence, or no switch that is known to be armed.

Every other trial must die where it was told to, or it has shown nothing.
"""
