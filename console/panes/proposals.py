"""Pane 1: what can be fired, when the rest becomes fireable, and why each was proposed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.panes.cells import drift_cell, left_cell, market_name, price_text, priced, short_left, side_cell
from console.panes.drawing import STATE_SECONDS, Scene
from console.panes.proposal_columns import STANDARD_FROM
from console.panes.proposal_columns import columns as columns
from console.panes.rows import Cell, Column, Row
from console.screens.confirm_line import Span
from console.text import fit, safe_text
from storage.codes import CheckCode, ProposalState, Side, TriggerType

if TYPE_CHECKING:
    from console.state import ConsoleState, ProposalView
    from storage.glance import Glimpse
    from storage.models import Check
    from storage.money import Eur, Price

QUOTE_SECONDS: Final = 15.0
"""A price confirmed longer ago than this is drawn as old."""

NO_ROWS: Final = "none"
NOT_ASKED: Final = "not asked yet"
"""In the gate's column, before the gate can be asked."""
WOULD: Final[Mapping[str, str]] = {
    "FILLS AT ONCE": "fill",
    "FILLS IN PART": "part",
    "RESTS": "rest",
    "FILLS NOTHING": "none",
    "WAITS": "wait",
}
"""What an order would do in the book as it is, in the column of that name."""


def rows(state: ConsoleState, scene: Scene, width: int) -> list[Row]:
    """The proposals as rows of ``columns(width)``; a line that says so where there are none."""
    if not state.proposals:
        return [Row(NO_ROWS, (Cell(""), Cell(_nothing(state, scene, width), "muted")), selectable=False)]
    if width < STANDARD_FROM:
        return _narrow_rows(state, scene, width)
    return [Row(str(view.proposal.id), _wide_cells(state, view, scene, width)) for view in state.proposals]


def glimpsed(glimpses: Sequence[Glimpse], scene: Scene, width: int) -> list[Row]:
    """The same rows before the rules and the market are known; none can be selected, nothing about them decided."""
    shown = [glimpse for glimpse in glimpses if glimpse.expires_at > scene.now]
    if width >= STANDARD_FROM:
        return [Row(str(one.id), _wide_glimpse(one, scene, width), selectable=False) for one in shown]
    told = [_amounts(one.eur, one.limit, None) for one in shown]
    return [
        Row(str(one.id), _narrow_glimpse(one, scene, amount), selectable=False)
        for one, amount in zip(shown, _spelt_alike(told, columns(width)[2].width), strict=True)
    ]


def _wide_glimpse(glimpse: Glimpse, scene: Scene, width: int) -> tuple[Cell, ...]:
    shape = columns(width)
    return (
        Cell(str(glimpse.id)),
        side_cell(glimpse.side),
        Cell(market_name(glimpse.market, shape[2].width)),
        Cell(fmt.eur(glimpse.eur)),
        Cell("market" if glimpse.limit is None else price_text(glimpse.limit, None, shape[4].width)),
        Cell(""),
        Cell(""),
        Cell("" if glimpse.confidence is None else str(glimpse.confidence)),
        left_cell(glimpse.expires_at - scene.now, shape[8].width),
        Cell(NOT_ASKED, "muted"),
    )


def _narrow_glimpse(glimpse: Glimpse, scene: Scene, amount: str) -> tuple[Cell, ...]:
    return (
        side_cell(glimpse.side),
        Cell(market_name(glimpse.market, 4)),
        Cell(amount),
        Cell("", "muted"),
        left_cell(glimpse.expires_at - scene.now, 5),
    )


def _nothing(state: ConsoleState, scene: Scene, width: int) -> str:
    header = state.header
    if header.scheduler is None:
        return "no proposals, and nobody looks" if width < 78 else "no proposals, and nobody looks at the markets"
    if header.next_look_at is None:
        return "no proposals yet"
    return f"no proposals; next look in {fmt.countdown(header.next_look_at - scene.now)}"


def _wide_cells(state: ConsoleState, view: ProposalView, scene: Scene, width: int) -> tuple[Cell, ...]:
    return tuple(_cell(column, state, view, scene) for column in columns(width))


def _cell(column: Column, state: ConsoleState, view: ProposalView, scene: Scene) -> Cell:
    """What stands under a title."""
    proposal, tick, room = view.proposal, tick_of(state, view), column.width
    match column.title:
        case "id":
            return Cell(str(proposal.id))
        case "side":
            return side_cell(proposal.side)
        case "market":
            return Cell(market_name(proposal.market, room))
        case "EUR":
            return Cell(fmt.eur(proposal.eur))
        case "limit":
            return Cell("market" if (at := priced(proposal)) is None else price_text(at, tick, room))
        case "now":
            return now_cell(view, state, scene, room)
        case "drift":
            return drift_cell(view.drift)
        case "conf":
            return Cell("" if proposal.confidence is None else str(proposal.confidence))
        case "left":
            return left_cell(proposal.expires_at - scene.now, room)
        case "gate":
            return gate_cell(view, scene, room)
        case _:
            return _further_cell(column, view, tick, scene)


def _further_cell(column: Column, view: ProposalView, tick: Price | None, scene: Scene) -> Cell:
    """What only a wide list shows: what the order would do now, what it risks, and who thought of it."""
    proposal, even = view.proposal, view.break_even
    match column.title:
        case "type":
            return Cell(_type_word(view))
        case "would":
            return Cell("" if view.outlook is None else WOULD[view.outlook.now])
        case "at risk":
            return Cell("" if view.at_risk is None else fmt.eur_signed(view.at_risk))
        case "even at":
            return Cell("" if even is None else price_text(even, tick, column.width, rounded=True))
        case "cost":
            if even is None or view.price is None or not view.price.is_positive:
                return Cell("")
            return Cell(fmt.percent(even.ratio(view.price) - 1, spaced=False))
        case _:
            return Cell(oracle_name(proposal.oracle, column.width, scene), "muted")


def oracle_name(oracle: str, room: int, scene: Scene) -> str:
    """The last part of ``rules/reversion-1``; of a longer one as many of its words as fit, none of them cut open."""
    name = safe_text(oracle, 40).rpartition("/")[2]
    words = name
    while len(words) > room and "-" in words:
        words = words.rpartition("-")[0]
    return fit(words, min(len(words), room), cut=scene.symbols.cut)


def _type_word(view: ProposalView) -> str:
    trigger = view.proposal.trigger
    if trigger is not None:
        return "stop" if trigger.type is TriggerType.STOP_LOSS else "profit"
    return "market" if view.time_in_force is None else view.time_in_force.value


def _narrow_rows(state: ConsoleState, scene: Scene, width: int) -> list[Row]:
    room = columns(width)[2].width
    told = [_amounts(view.proposal.eur, priced(view.proposal), tick_of(state, view)) for view in state.proposals]
    return [
        Row(str(view.proposal.id), _narrow_cells(view, scene, amount))
        for view, amount in zip(state.proposals, _spelt_alike(told, room), strict=True)
    ]


def _narrow_cells(view: ProposalView, scene: Scene, amount: str) -> tuple[Cell, ...]:
    proposal = view.proposal
    cells = (*_head(view), Cell(amount))
    if view.blocking is None:
        gate = "TYPE" if view.typed_reason is not None else "ready"
        return (*cells, Cell(gate, "strong"), left_cell(proposal.expires_at - scene.now, 5))
    clears = view.blocking.clears_at
    wait = Cell("" if clears is None else short_left(clears - scene.now, 5), "wait")
    return (*cells, Cell(_gate_word(view.blocking, proposal.side)), wait)


def _amounts(eur: Eur, limit: Price | None, tick: Price | None) -> tuple[str, str, str]:
    """``25.09 @ 61 200`` in three spellings, each closer together."""
    if limit is None:
        return (f"{fmt.eur(eur)} market", f"{fmt.eur_plain(eur)} market", f"{fmt.eur_plain(eur)} market")
    price, amount = price_text(limit, tick, 0), fmt.eur_plain(eur)
    return (f"{fmt.eur(eur)} @ {price_text(limit, tick, 40)}", f"{amount} @ {price}", f"{amount}@{price}")


def _spelt_alike(told: Sequence[tuple[str, str, str]], room: int) -> list[str]:
    """The widest spelling in which every row fits, for all of them: no figure is cut, and a list reads as one."""
    spelling = next((place for place in range(2) if all(len(texts[place]) <= room for texts in told)), 2)
    return [texts[spelling] for texts in told]


def _gate_word(check: Check, side: Side) -> str:
    """The failing check in seven cells, in words where there are some."""
    if check.code is CheckCode.ANTI_FLIP:
        return f"no {side.value.upper()}"
    return "cooling" if check.code is CheckCode.COOLDOWN else fit(check.code.value, min(7, len(check.code.value)))


def _head(view: ProposalView) -> tuple[Cell, Cell]:
    return side_cell(view.proposal.side), Cell(market_name(view.proposal.market, 4))


def tick_of(state: ConsoleState, view: ProposalView) -> Price | None:
    """The tick size of a proposal's market, if it is known."""
    return state.tick_sizes.get(view.proposal.market) if view.rules is None else view.rules.tick_size


def now_cell(view: ProposalView, state: ConsoleState, scene: Scene, width: int) -> Cell:
    """The price now, drawn as old when it was confirmed too long ago."""
    if view.price is None:
        return Cell("no price", "wait")
    text = price_text(view.price, tick_of(state, view), width, rounded=True)
    return Cell(text, "wait" if quote_is_old(view, state, scene) else "")


def quote_is_old(view: ProposalView, state: ConsoleState, scene: Scene) -> bool:
    """Whether a proposal's price was confirmed too long ago, or never."""
    return view.quote_age is None or view.quote_age + scene.monotonic - state.read_at > QUOTE_SECONDS


def gate_cell(view: ProposalView, scene: Scene, width: int) -> Cell:
    """``ready``, ``ready · TYPE``, or the failing check that clears last, and when."""
    if view.blocking is None:
        if view.typed_reason is not None:
            return Cell(f"ready {scene.symbols.dot} TYPE", "strong")
        approved = view.proposal.state is ProposalState.APPROVED
        return Cell("ready, approved" if approved else "ready", "strong")
    return Cell(gate_text(view.blocking, scene, width), "wait" if view.blocking.clears_at is not None else "")


def gate_text(check: Check, scene: Scene, width: int) -> str:
    """A failing check and when it clears; a code too long for the room loses its end, never the time."""
    if check.clears_at is None:
        return fit(check.code.value, min(width, len(check.code.value)), cut=scene.symbols.cut)
    time = fmt.soon(check.clears_at, scene.now, scene.zone)
    room = width - len(time) - 1
    return f"{fit(check.code.value, min(room, len(check.code.value)), cut='')} {time}"


def title_facts(state: ConsoleState, scene: Scene, new: int) -> list[Span]:
    """What the pane's title says: how many, how many ready, how many not looked at yet, and old prices."""
    ready = sum(view.blocking is None for view in state.proposals)
    dot = f" {scene.symbols.dot} "
    counts = [str(len(state.proposals)), f"{ready} ready", *([f"{new} new"] if new else [])]
    facts = [Span(dot.join(counts))]
    old = [view for view in state.proposals if quote_is_old(view, state, scene)]
    if old:
        facts.append(Span(f"{len(old)} of {len(state.proposals)} prices old", "wait"))
    return facts


def data_age(state: ConsoleState, scene: Scene) -> Span:
    """How old what a pane shows is; amber when it should be newer."""
    old = scene.monotonic - state.read_at > STATE_SECONDS
    age = scene.age(state.read_at)
    return Span(f"old, {age}" if old else age, "wait" if old else "muted")


def most_urgent(views: Sequence[ProposalView]) -> ProposalView | None:
    """The ready proposal with the least time left; None where none is ready."""
    ready = [view for view in views if view.blocking is None]
    return min(ready, key=lambda view: (view.proposal.expires_at, view.proposal.id), default=None)
