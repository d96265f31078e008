"""The checks with their numbers, as ticket and card show them: nothing in them is cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.panes.drawing import Scene, paragraph
from console.screens.confirm_line import NARROW, Line, Span, blocked_reason
from console.text import fit, safe_text, wrapped

if TYPE_CHECKING:
    from storage.models import Check, Proposal

CHECKS_WIDTH: Final = 132
"""Cells of the box the checks are shown in, where the screen has them."""
NAME_CELLS: Final = 20
MARK_CELLS: Final = 3
TEXT_CELLS: Final = 400


def check_lines(checks: Sequence[Check], scene: Scene, width: int) -> list[Line]:
    """Each check with what was found and what is allowed, the failing ones first with what to do."""
    lines: list[Line] = []
    if width >= NARROW:
        found, _ = _halves(width)
        head = f"{' ' * (MARK_CELLS + NAME_CELLS + 1)}{fit('found', found)} allowed"
        lines.append((Span(head, "muted"),))
    for check in sorted(checks, key=lambda check: check.passed):
        lines += _wide(check, scene, width) if width >= NARROW else _short(check, scene, width)
    return lines


def why_lines(proposal: Proposal, width: int) -> list[Line]:
    """The whole rationale for it, above the checks."""
    why = safe_text(proposal.rationale.why, 1000)
    return [*paragraph(" why  ", why, width - 1, 30), ()] if why else []


def _halves(width: int) -> tuple[int, int]:
    """Cells of what was found and of what is allowed."""
    room = width - MARK_CELLS - NAME_CELLS - 3
    return room * 9 // 20, room - room * 9 // 20


def _answer(check: Check, scene: Scene) -> str | None:
    """The one sentence of a check that failed or was not applied; None for one that has two figures to compare."""
    if not check.passed:
        return blocked_reason(check, scene.zone, scene.now).removeprefix(check.code.value).strip()
    if not check.applied:
        return f"not applied: {safe_text(check.reason, TEXT_CELLS)}"
    return None


def _figures(check: Check, scene: Scene) -> tuple[str, str]:
    observed, limit = (
        safe_text(fmt.local_times(text, scene.now, scene.zone), TEXT_CELLS) for text in (check.observed, check.limit)
    )
    return observed, limit


def _mark(check: Check, scene: Scene) -> Span:
    sign = scene.symbols.passed if check.passed else scene.symbols.failed
    return Span(f" {sign} ", "" if check.passed else "wait")


def _wide(check: Check, scene: Scene, width: int) -> list[Line]:
    mark = _mark(check, scene)
    head: Line = (mark, Span(fit(check.code.value, NAME_CELLS), mark.token), Span(" "))
    under: Line = (Span(" " * (MARK_CELLS + NAME_CELLS + 1)),)
    sentence = _answer(check, scene)
    if sentence is not None:
        rows = [(row, "") for row in wrapped(sentence, width - MARK_CELLS - NAME_CELLS - 2)]
        found = 0
    else:
        found, allowed = _halves(width)
        observed, limit = _figures(check, scene)
        rows = list(zip_longest(wrapped(observed, found), wrapped(limit, allowed), fillvalue=""))
    lines: list[Line] = []
    for place, (left, right) in enumerate(rows):
        body = Span(f"{fit(left, found)} {right}" if found else left)
        lines.append((*(head if place == 0 else under), body))
    return lines


def _short(check: Check, scene: Scene, width: int) -> list[Line]:
    """The name, and under it one sentence: ``0.3 % of 0.5 %`` reads as two figures with their words."""
    mark = _mark(check, scene)
    sentence = _answer(check, scene)
    if sentence is None:
        observed, limit = _figures(check, scene)
        sentence = f"{observed}; allowed: {limit}"
    head: Line = (mark, Span(check.code.value, mark.token))
    return [head, *((Span(f"   {row}"),) for row in wrapped(sentence, max(width - MARK_CELLS - 1, 2)))]
