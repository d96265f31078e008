"""Under pane 1: why the selected proposal was made, what speaks against it, and what it risks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from console import format as fmt
from console.panes.cells import price_text
from console.panes.drawing import Scene, paragraph
from console.panes.proposals import tick_of
from console.screens.confirm_line import Line, Span
from console.text import safe_text
from storage.clock import MINUTE, SECOND
from storage.codes import Side

if TYPE_CHECKING:
    from console.state import ConsoleState, ProposalView
    from storage.models import Rationale

SENTENCES: Final = ("done when ", "good while ")
"""How the rules begin what they say of the end of an idea; a model names what to look at again."""
TALL_DETAIL: Final = 8
"""Rows from which every part of a rationale has lines of its own."""


def detail_lines(
    view: ProposalView | None, state: ConsoleState, scene: Scene, width: int, *, rows: int = 2
) -> list[Line]:
    """Why the selected proposal was made and what it risks; from four rows also what speaks against it."""
    if view is None:
        blank: Line = (Span(" nothing selected; arrows select" if state.proposals else "", "muted"),)
        return [blank, *([()] * (rows - 1))]
    proposal = view.proposal
    reason = proposal.rationale
    why = paragraph(" why  ", safe_text(reason.why, 1000), width, 1)
    text = _short_risk(view, state, scene) if width < 78 else risk_text(view, state, scene, width - len(" risk "))
    risk = paragraph(" risk ", text, width, 1)
    if rows < 4:
        return [*why, *risk]
    head = f" {scene.frame.across * 3} {proposal.id} rev {proposal.revision} {scene.frame.across * 3} "
    made = fmt.age(max(scene.now - proposal.created_at, 0))
    about = f"{safe_text(proposal.oracle, 30)} {scene.symbols.dot} {made} ago"
    title: Line = (Span(head, "muted"), Span(about, "muted"))
    if rows < TALL_DETAIL:
        against = safe_text(f" {scene.symbols.dot} ".join(filter(str.strip, (reason.why_not, _then(reason)))), 1000)
        return [title, *why, *paragraph(" not  ", against, width, 1), *risk]
    parts = (("why", reason.why), ("not", reason.why_not), ("then", _then(reason)),
             ("note", reason.risk_notes))  # fmt: skip
    told = [
        line
        for word, text in parts
        if text.strip()
        for line in paragraph(f" {word:<4} ", safe_text(text, 1000), width, 3)
    ]
    return [title, *told[: rows - 2], *risk]


def _then(reason: Rationale) -> str:
    """What comes next: a sentence of the rules as it is, anything else as what to look for, and nothing of nothing."""
    trigger = reason.next_trigger
    return f"next look if {trigger}" if trigger.strip() and not trigger.startswith(SENTENCES) else trigger


def _short_risk(view: ProposalView, state: ConsoleState, scene: Scene) -> str:
    tick, wrong, parts = tick_of(state, view), view.proposal.rationale.invalidation_price, []
    if wrong is not None:
        loss = "wrong" if view.at_risk is None else fmt.eur_signed(view.at_risk)
        parts.append(f"{loss} at {price_text(wrong, tick, 20, rounded=True)}")
    if view.break_even is not None:
        parts.append(f"even {price_text(view.break_even, tick, 20, rounded=True)}")
    return f" {scene.symbols.dot} ".join(parts)


def risk_text(view: ProposalView, state: ConsoleState, scene: Scene, room: int) -> str:
    """What it costs to be wrong, where it starts to pay, and how long ago it was thought of, which is left out first.

    The figures come whole wherever they have room.
    """
    proposal, tick, parts = view.proposal, tick_of(state, view), []
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
    whole = seen - seen % (MINUTE if seen >= MINUTE else SECOND)
    saw, dot = f"saw {fmt.age(whole).replace('.0', '')}", f" {scene.symbols.dot} "
    told = (dot.join((*parts, f"{saw} ago")), dot.join((*parts, saw)), dot.join(parts))
    return next((text for text in told if cell_len(text) <= room), told[-1])
