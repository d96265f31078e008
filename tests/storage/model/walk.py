"""Walks every reachable state of the machine, breadth first, and names what is broken in it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from tests.storage.model.world import CLOSED, ENDED, STATE_OF, UNDECIDED, Illegal, Rules, World, moves

OPERATORS: Final = frozenset({"verdict", "operator halts"})
"""What is resolvable must be so without the operator's moves."""


@dataclass(slots=True)
class Walk:
    """All reachable states with the moves into them, and everything that is broken."""

    states: int = 0
    broken: set[str] = field(default_factory=set)
    executions_seen: set[str] = field(default_factory=set)
    moves_seen: set[str] = field(default_factory=set)


def walk(rules: Rules, *, late_apply: bool, until: str | None = None, limit: int = 50_000) -> Walk:
    """Explore from the start, or until something that begins with ``until`` is broken.

    Raises AssertionError where there are more states than ``limit``.
    """
    start, found = World(), Walk()
    into: dict[World, list[World]] = {start: []}
    queue = deque([start])
    while queue:
        world = queue.popleft()
        found.broken |= _broken_in(world)
        found.executions_seen |= {row.state for row in world.rows}
        try:
            for name, after in moves(world, rules, late_apply=late_apply):
                found.moves_seen.add(name)
                found.broken |= _broken_by(name, world, after)
                if after not in into:
                    into[after] = []
                    queue.append(after)
                if name not in OPERATORS:
                    into[after].append(world)
        except Illegal as error:
            found.broken.add(f"illegal write: {error}")
        if until is not None and any(each.startswith(until) for each in found.broken):
            return found
        assert len(into) < limit, "the machine is not small any more"
    found.states = len(into)
    found.broken |= _stuck(into)
    return found


def _broken_in(world: World) -> set[str]:
    broken = set()
    if len(world.orders) > 1:
        broken.add("two orders")
    for order in world.orders:
        state = world.rows[order.row].state
        if not order.late and state in CLOSED - {"RESOLVED"}:
            broken.add(f"an order that exists is {state}")
    return broken


def _broken_by(name: str, before: World, after: World) -> set[str]:
    broken = set()
    for old, new in zip(before.rows, after.rows, strict=False):
        if old.state == "UNKNOWN" != new.state and name not in (
            "found", "old news", "absent", "verdict", "store answer", "store refusal",
        ):  # fmt: skip
            broken.add(f"UNKNOWN lost by {name}")
        if old.state in CLOSED and new.state != old.state and not after.halted:
            broken.add("late evidence did not halt")
        if old.state in ENDED and new.state != old.state:
            broken.add("an end was left")
    return broken


def _stuck(into: dict[World, list[World]]) -> set[str]:
    """Where no sequence of evidence leads to a state in which all is decided and told as it is."""
    good = [world for world in into if _decided(world)]
    reached, queue = set(good), deque(good)
    while queue:
        for before in into[queue.popleft()]:
            if before not in reached:
                reached.add(before)
                queue.append(before)
    return {
        f"stuck in {row.state}" for world in into if world not in reached for row in world.rows
    }  # fmt: skip


def _decided(world: World) -> bool:
    """Nothing is undecided or under way, and each execution is what its order is."""
    decided = all(row.state not in UNDECIDED for row in world.rows)
    true = all(world.rows[order.row].state == STATE_OF[order.status] for order in world.orders)
    return decided and true and not world.wire
