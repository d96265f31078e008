"""Pane 1: what can be fired, when the rest becomes fireable, and why each was proposed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.panes.cells import drift_cell, left_cell, market_name, price_text, short_left, side_cell
from console.panes.drawing import STATE_SECONDS, Scene, paragraph
from console.panes.rows import Cell, Column, Row
from console.screens.confirm_line import Line, Span
from console.text import fit, safe_text
from storage.clock import MINUTE
from storage.codes import CheckCode, ProposalState, Side

if TYPE_CHECKING:
    from console.state import ConsoleState, ProposalView
    from storage.glance import Glimpse
    from storage.models import Check
    from storage.money import Eur, Price

QUOTE_SECONDS: Final = 15.0
"""A price confirmed longer ago than this is drawn as old."""

WIDE_FROM: Final = 118
"""Cells from which a list also shows risk, break-even and oracle."""

_GATE: Final = 15
_WIDE_GATE: Final = 18

_STANDARD: Final = (
    Column("id", 4, "right"),
    Column("side", 4),
    Column("market", 7),
    Column("EUR", 7, "right"),
    Column("limit", 8, "right"),
    Column("now", 8, "right"),
    Column("drift", 6, "right"),
    Column("conf", 4, "right"),
    Column("left", 5, "right"),
    Column("gate", _GATE),
)
_WIDE: Final = (
    Column("id", 4, "right"),
    Column("side", 4),
    Column("market", 9),
    Column("EUR", 8, "right"),
    Column("limit", 9, "right"),
    Column("now", 9, "right"),
    Column("drift", 7, "right"),
    Column("conf", 4, "right"),
    Column("left", 7, "right"),
    Column("gate", _WIDE_GATE),
    Column("at risk", 8, "right"),
    Column("even at", 9, "right"),
    Column("oracle", 9),
)
NO_ROWS: Final = "none"
NOT_ASKED: Final = "not asked yet"
"""In the gate's column, before the gate can be asked."""


def columns(width: int) -> tuple[Column, ...]:
    """The columns that fit a pane of this inner width."""
    if width >= WIDE_FROM:
        return _WIDE
    if width >= 78:
        return _STANDARD
    # side, base, amount at limit, gate, left: the order in one cell, as a narrow screen has no room for headings
    return (
        Column("side", 4),
        Column("coin", 4),
        Column("EUR @ limit", width - 25),
        Column("gate", 7),
        Column("left", 5),
    )


def rows(state: ConsoleState, scene: Scene, width: int) -> list[Row]:
    """The proposals as rows of ``columns(width)``; a line that says so where there are none."""
    if not state.proposals:
        return [Row(NO_ROWS, (Cell(""), Cell(_nothing(state, scene, width), "muted")), selectable=False)]
    draw = _narrow_cells if width < 78 else _wide_cells
    return [Row(str(view.proposal.id), draw(state, view, scene, width)) for view in state.proposals]


def glimpsed(glimpses: Sequence[Glimpse], scene: Scene, width: int) -> list[Row]:
    """The same rows before the rules and the market are known; none can be selected, nothing about them decided."""
    draw = _narrow_glimpse if width < 78 else _wide_glimpse
    return [
        Row(str(glimpse.id), draw(glimpse, scene, width), selectable=False)
        for glimpse in glimpses
        if glimpse.expires_at > scene.now
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


def _narrow_glimpse(glimpse: Glimpse, scene: Scene, width: int) -> tuple[Cell, ...]:
    return (
        side_cell(glimpse.side),
        Cell(market_name(glimpse.market, 4)),
        Cell(_amount(glimpse.eur, glimpse.limit, None, columns(width)[2].width)),
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
    proposal, wide = view.proposal, width >= WIDE_FROM
    tick = _tick(state, view)
    shape = columns(width)
    cells = (
        Cell(str(proposal.id)),
        side_cell(proposal.side),
        Cell(market_name(proposal.market, shape[2].width)),
        Cell(fmt.eur(proposal.eur)),
        Cell("market" if proposal.limit is None else price_text(proposal.limit, tick, shape[4].width)),
        now_cell(view, state, scene, shape[5].width),
        drift_cell(view.drift),
        Cell("" if proposal.confidence is None else str(proposal.confidence)),
        left_cell(proposal.expires_at - scene.now, shape[8].width),
        gate_cell(view, scene, shape[9].width),
    )
    if not wide:
        return cells
    oracle = safe_text(proposal.oracle, 40).rpartition("/")[2]
    return (
        *cells,
        Cell("" if view.at_risk is None else fmt.eur_signed(view.at_risk)),
        Cell("" if view.break_even is None else price_text(view.break_even, tick, shape[11].width, rounded=True)),
        Cell(fit(oracle, min(len(oracle), 9)), "muted"),
    )


def _narrow_cells(state: ConsoleState, view: ProposalView, scene: Scene, width: int) -> tuple[Cell, ...]:
    proposal, room = view.proposal, columns(width)[2].width
    cells = (*_head(view), Cell(_amount(proposal.eur, proposal.limit, _tick(state, view), room)))
    if view.blocking is None:
        gate = "TYPE" if view.typed_reason is not None else "ready"
        return (*cells, Cell(gate, "strong"), left_cell(proposal.expires_at - scene.now, 5))
    clears = view.blocking.clears_at
    wait = Cell("" if clears is None else short_left(clears - scene.now, 5), "wait")
    return (*cells, Cell(_gate_word(view.blocking, proposal.side)), wait)


def _amount(eur: Eur, limit: Price | None, tick: Price | None, room: int) -> str:
    """``25.09 @ 61 200``, closer together where the room is short: no figure is cut."""
    if limit is None:
        return f"{fmt.eur(eur)} market"
    wide = f"{fmt.eur(eur)} @ {price_text(limit, tick, 40)}"
    if len(wide) <= room:
        return wide
    price, amount = price_text(limit, tick, 0), fmt.eur_plain(eur)
    middle = f"{amount} @ {price}"
    return middle if len(middle) <= room else f"{amount}@{price}"


def _gate_word(check: Check, side: Side) -> str:
    """The failing check in seven cells, in words where there are some."""
    if check.code is CheckCode.ANTI_FLIP:
        return f"no {side.value.upper()}"
    return "cooling" if check.code is CheckCode.COOLDOWN else fit(check.code.value, min(7, len(check.code.value)))


def _head(view: ProposalView) -> tuple[Cell, Cell]:
    return side_cell(view.proposal.side), Cell(market_name(view.proposal.market, 4))


def _tick(state: ConsoleState, view: ProposalView) -> Price | None:
    return state.tick_sizes.get(view.proposal.market) if view.rules is None else view.rules.tick_size


def now_cell(view: ProposalView, state: ConsoleState, scene: Scene, width: int) -> Cell:
    """The price now, drawn as old when it was confirmed too long ago."""
    if view.price is None:
        return Cell("no price", "wait")
    text = price_text(view.price, _tick(state, view), width, rounded=True)
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
    at = check.clears_at
    today = fmt.day(at, scene.zone) == fmt.day(scene.now, scene.zone)
    clock = fmt.minute(at, scene.zone)
    time = clock if today else f"{fmt.day(at, scene.zone)[:3]} {clock}"
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


def detail_lines(
    view: ProposalView | None, state: ConsoleState, scene: Scene, width: int, *, full: bool = False
) -> list[Line]:
    """Why the selected proposal was made and what it risks; if ``full`` also what speaks against it, in four lines."""
    if view is None:
        blank: Line = (Span(" nothing selected; arrows select" if state.proposals else "", "muted"),)
        return [blank, *([()] * (3 if full else 1))]
    proposal = view.proposal
    reason = proposal.rationale
    why = paragraph(" why  ", safe_text(reason.why, 1000), width, 1)
    text = _short_risk(view, state, scene) if width < 78 else risk_text(view, state, scene)
    risk = paragraph(" risk ", text, width, 1)
    if not full:
        return [*why, *risk]
    against = safe_text(f"{reason.why_not} {scene.symbols.dot} next look if {reason.next_trigger}", 1000)
    head = f" {scene.frame.across * 3} {proposal.id} rev {proposal.revision} {scene.frame.across * 3} "
    made = fmt.age(max(scene.now - proposal.created_at, 0))
    about = f"{safe_text(proposal.oracle, 30)} {scene.symbols.dot} {made} ago"
    return [(Span(head, "muted"), Span(about, "muted")), *why, *paragraph(" not  ", against, width, 1), *risk]


def _short_risk(view: ProposalView, state: ConsoleState, scene: Scene) -> str:
    tick, wrong, parts = _tick(state, view), view.proposal.rationale.invalidation_price, []
    if wrong is not None:
        loss = "wrong" if view.at_risk is None else fmt.eur_signed(view.at_risk)
        parts.append(f"{loss} at {price_text(wrong, tick, 20, rounded=True)}")
    if view.break_even is not None:
        parts.append(f"even {price_text(view.break_even, tick, 20, rounded=True)}")
    return f" {scene.symbols.dot} ".join(parts)


def risk_text(view: ProposalView, state: ConsoleState, scene: Scene) -> str:
    """What it costs to be wrong, where it starts to pay, and how long ago it was thought of."""
    proposal, tick, parts = view.proposal, _tick(state, view), []
    wrong = proposal.rationale.invalidation_price
    if wrong is not None:
        beyond = "below" if proposal.side is Side.BUY else "above"
        loss = "" if view.at_risk is None else f" = {fmt.eur_signed(view.at_risk)} EUR"
        parts.append(f"wrong {beyond} {price_text(wrong, tick, 20, rounded=True)}{loss}")
    if view.break_even is not None:
        even = f"even at {price_text(view.break_even, tick, 20, rounded=True)}"
        share = "" if view.price is None else f" ({fmt.percent(view.break_even.ratio(view.price) - 1)})"
        parts.append(even + share)
    if proposal.side is Side.SELL and wrong is None:
        parts.append("a sell of what is held risks no more money")
    seen = max(scene.now - proposal.created_at, 0)
    parts.append(f"saw {fmt.age(seen - seen % MINUTE if seen >= MINUTE else seen)} ago")
    return f" {scene.symbols.dot} ".join(parts)


def most_urgent(views: Sequence[ProposalView]) -> ProposalView | None:
    """The ready proposal with the least time left; None where none is ready."""
    ready = [view for view in views if view.blocking is None]
    return min(ready, key=lambda view: (view.proposal.expires_at, view.proposal.id), default=None)
