"""One proposal, two executors, any number of reconcilers, a network and an exchange: the states and the moves.

States are small tuples; time is three stages of the signed request: the exchange may still take it, it may not but the
margin runs, and absence may be proven. Every write of a state is checked against the vault's own transition table.
What the program does is written here as it does it, and held to the real functions by ``test_model.py``.

The exchange refuses an id that an open order has, and takes it again once that order ended; the same signed bytes
arrive twice only while their order is open, as the transport delivers bytes once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

Table: TypeAlias = frozenset[tuple[str, str, str]]
"""Legal transitions: entity, before, after."""

CLOSED: Final = frozenset({"ABSENT", "REJECTED", "ABANDONED", "RESOLVED"})
UNDECIDED: Final = frozenset({"CLAIMED", "SUBMITTING", "UNKNOWN"})
ENDED: Final = frozenset({"FILLED", "CANCELED"})
STATE_OF: Final = {"open": "SUBMITTED", "partly": "PARTIALLY_FILLED", "filled": "FILLED", "canceled": "CANCELED"}
FAILS: Final = frozenset({"REJECTED", "ABSENT", "ABANDONED", "RESOLVED"})

OPEN_WINDOW, MARGIN, PROVABLE = 0, 1, 2


@dataclass(frozen=True)
class Rules:
    """What the program and the exchange keep to; each field that is turned off is a fault the walk must find."""

    table: Table
    claims_once: bool = True
    sends_once: bool = True
    stores_before_send: bool = True
    sends_own_claim_only: bool = True
    begins_after_deadline: bool = True
    looks_twice: bool = True
    conflict_is_unknown: bool = True
    silence_is_unknown: bool = True
    late_evidence_halts: bool = True
    anybody_calls_unknown: bool = True


class Row(NamedTuple):
    """One execution. ``stale``: its claim is too old to be sent."""

    state: str = "CLAIMED"
    ordered: bool = False
    stale: bool = False
    stage: int | None = None
    """How far the time of the signed request has run; None: nothing is signed."""


class Order(NamedTuple):
    """An order at the exchange. ``late``: applied past its window, which the exchange must not do."""

    row: int
    status: str
    late: bool
    visible: bool


class World(NamedTuple):
    """Everything at one moment."""

    proposal: str = "PROPOSED"
    rows: tuple[Row, ...] = ()
    actors: tuple[tuple[str, int], ...] = (("idle", -1), ("idle", -1))
    wire: tuple[tuple[int, bool], ...] = ()
    """Requests under way: the execution, and whether it is a copy of one that arrived."""
    orders: tuple[Order, ...] = ()
    sweep: tuple[int, int, int] | None = None
    """A proof of absence being gathered: the execution, the stage in which it began, look-ups that found nothing."""
    halted: bool = False


class Illegal(Exception):
    """The program wants to write a state that the table does not allow."""


Move: TypeAlias = tuple[str, World]


def moves(world: World, rules: Rules, *, late_apply: bool) -> Iterator[Move]:
    """Every step that may come next, by name. Raises Illegal for a write the database would refuse."""
    for index in range(len(world.actors)):
        yield from _act(world, rules, index)
    yield from _travel(world, rules, late_apply)
    yield from _trade(world)
    yield from _time(world)
    for number in range(len(world.rows)):
        yield from _reconcile(world, rules, number)


def _actor(world: World, index: int, phase: str, row: int) -> World:
    actors = list(world.actors)
    actors[index] = (phase, row)
    return world._replace(actors=tuple(sorted(actors)))  # the two are alike


def _row(world: World, number: int, **changes: object) -> World:
    rows = list(world.rows)
    rows[number] = rows[number]._replace(**changes)  # type: ignore[arg-type]
    return world._replace(rows=tuple(rows))


def write(world: World, rules: Rules, number: int, after: str) -> World:
    """Move an execution, and its proposal with it where the table lets it."""
    before = world.rows[number].state
    if ("execution", before, after) not in rules.table:
        raise Illegal(f"{before} -> {after}")
    moved = _row(world, number, state=after)
    if after in ("SUBMITTING", "UNKNOWN"):
        return moved
    end = "FAILED" if after in FAILS else "EXECUTED"
    legal = ("proposal", world.proposal, end) in rules.table
    return moved._replace(proposal=end) if legal else moved


def adopted(state: str, status: str) -> str:
    """What evidence of an order makes of an execution: the truth, never backward from an end or from a part filled."""
    if state in ENDED:
        return state
    if state == "PARTIALLY_FILLED" and status == "open":
        return state
    return STATE_OF[status]


def adopt(world: World, rules: Rules, number: int, status: str) -> World:
    """Store that an execution's order exists, as it was seen."""
    if world.rows[number].state == "CLAIMED":
        world = write(world, rules, number, "ABANDONED")
    before = world.rows[number].state
    after = adopted(before, status)
    world = _row(world, number, ordered=True)
    if after != before and ("execution", before, after) in rules.table:
        world = write(world, rules, number, after)
    halts = before in CLOSED and rules.late_evidence_halts
    return world._replace(halted=True) if halts else world


def _act(world: World, rules: Rules, index: int) -> Iterator[Move]:
    """An executor's next step, or its death."""
    phase, number = world.actors[index]
    if phase not in ("idle", "done"):
        yield "crash", _actor(world, index, "done", number)
    if phase == "idle" and not world.halted and (not world.rows or (not rules.claims_once and len(world.rows) < 2)):
        claimed = world._replace(proposal="CLAIMED", rows=(*world.rows, Row()))
        yield "claim", _actor(claimed, index, "claimed", len(world.rows))
    elif phase == "claimed":
        yield from _begin(world, rules, index, number)
    elif phase == "sending":
        sent = world._replace(wire=(*world.wire, (number, False)))
        yield "post", _actor(sent, index, "waiting", number)
    elif phase == "waiting":
        yield "time out", _actor(world, index, "silence", number)
    elif phase == "silence":
        silent = world.rows[number].state == "SUBMITTING"
        stored = write(world, rules, number, "UNKNOWN") if silent and rules.silence_is_unknown else world
        yield "store silence", _actor(stored, index, "done", number)
        if not rules.sends_once:
            yield "send again", _actor(stored, index, "sending", number)
    elif phase == "refused":
        open_yet = world.rows[number].state in ("SUBMITTING", "UNKNOWN")
        yield (
            "store refusal",
            _actor(write(world, rules, number, "REJECTED") if open_yet else world, index, "done", number),
        )
    elif phase in STATE_OF:
        yield "store answer", _actor(adopt(world, rules, number, phase), index, "done", number)


def _begin(world: World, rules: Rules, index: int, number: int) -> Iterator[Move]:
    row = world.rows[number]
    if not rules.stores_before_send:
        signed = _row(world, number, stage=OPEN_WINDOW)._replace(wire=(*world.wire, (number, False)))
        yield "post unstored", _actor(signed, index, "waiting", number)
    elif row.state != "CLAIMED" and rules.sends_own_claim_only:
        yield "claim is gone", _actor(world, index, "done", number)
    elif row.stale or world.halted:
        yield "abandon", _actor(write(world, rules, number, "ABANDONED"), index, "done", number)
    else:
        signed = _row(write(world, rules, number, "SUBMITTING"), number, stage=OPEN_WINDOW)
        yield "begin", _actor(signed, index, "sending", number)


def _travel(world: World, rules: Rules, late_apply: bool) -> Iterator[Move]:
    """A request arrives, is lost or copied; its answer reaches the sender if it still waits, or nobody."""
    for place, (number, copy) in enumerate(world.wire):
        left = world._replace(wire=world.wire[:place] + world.wire[place + 1 :])
        in_time = world.rows[number].stage == OPEN_WINDOW
        yield "lost before", left
        if any(order.status in ("open", "partly") for order in world.orders):
            answer = "silence" if rules.conflict_is_unknown else "refused"
            yield from _answer("conflict", left, number, answer)
        elif not copy and in_time:
            yield from _answer("refuse", left, number, "refused")
        if not copy and (in_time or late_apply) and not _open(world):
            for status in ("open", "filled"):
                order = Order(number, status, not in_time, False)
                applied = left._replace(orders=(*left.orders, order))
                yield from _answer("apply", applied, number, status)
                if status == "open" and in_time:
                    yield from _answer(
                        "apply twice", applied._replace(wire=(*left.wire, (number, True))), number, status
                    )


def _open(world: World) -> bool:
    return any(order.status in ("open", "partly") for order in world.orders)


def _answer(name: str, world: World, number: int, answer: str) -> Iterator[Move]:
    yield f"{name}, answer lost", world
    for index, actor in enumerate(world.actors):
        if actor == ("waiting", number):
            yield name, _actor(world, index, answer, number)


def _trade(world: World) -> Iterator[Move]:
    """Orders become visible, fill and end; the exchange forgets none."""
    for place, order in enumerate(world.orders):

        def changed(place: int = place, order: Order = order, **changes: object) -> World:
            orders = list(world.orders)
            orders[place] = order._replace(**changes)  # type: ignore[arg-type]
            return world._replace(orders=tuple(orders))

        if not order.visible:
            yield "visible", changed(visible=True)
        for after in {"open": ("partly", "filled", "canceled"), "partly": ("filled", "canceled")}.get(order.status, ()):
            yield after, changed(status=after)


def _time(world: World) -> Iterator[Move]:
    """Claims age, windows close and margins end: by then whatever was taken in time is visible, or will never be."""
    for number, row in enumerate(world.rows):
        if row.state == "CLAIMED" and not row.stale:
            yield "claim ages", _row(world, number, stale=True)
        if row.stage is not None and row.stage < PROVABLE:
            hidden = any(order.row == number and not order.visible and not order.late for order in world.orders)
            if row.stage == OPEN_WINDOW or not hidden:
                yield "time", _row(world, number, stage=row.stage + 1)


def _reconcile(world: World, rules: Rules, number: int) -> Iterator[Move]:
    """What any process may do at any time for anybody's execution."""
    row = world.rows[number]
    if row.state == "CLAIMED" and row.stale:
        yield "abandon stale", write(world, rules, number, "ABANDONED")
    if row.state == "SUBMITTING" and row.stage in (MARGIN, PROVABLE) and rules.anybody_calls_unknown:
        yield "overdue", write(world, rules, number, "UNKNOWN")
    seen = [order for order in world.orders if order.visible]
    for order in seen:
        yield "found", adopt(world, rules, number, order.status)
        yield "old news", adopt(world, rules, number, "open")
    if row.state == "UNKNOWN" and world.halted:
        yield "verdict", write(world, rules, number, "RESOLVED")
    if row.state == "UNKNOWN" and not world.halted:
        yield "operator halts", world._replace(halted=True)
    yield from _prove(world, rules, number, bool(seen))


def _prove(world: World, rules: Rules, number: int, seen: bool) -> Iterator[Move]:
    row, needed = world.rows[number], 2 if rules.looks_twice else 0
    if world.sweep is None:
        began_in_time = row.stage == PROVABLE or not rules.begins_after_deadline
        if row.state == "UNKNOWN" and row.stage is not None and began_in_time:
            yield "sweep begins", world._replace(sweep=(number, row.stage, 0))
        return
    whose, began, looks = world.sweep
    if whose != number:
        return
    yield "sweep ends", world._replace(sweep=None)
    if looks < needed and not seen:
        yield "look finds nothing", world._replace(sweep=(number, began, looks + 1))
    if looks == needed:
        settled = row.state != "UNKNOWN" or row.ordered
        after = world._replace(sweep=None)
        yield "absent", after if settled else write(after, rules, number, "ABSENT")
