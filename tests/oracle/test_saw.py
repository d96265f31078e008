"""Each number of a rationale beside what the oracle saw: a figure, a rounded figure, or nothing at all."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from console.oracle.look import look
from console.oracle.saw import Mark, figure_values, judge_numbers
from console.oracle.snapshot import Snapshot
from storage.models import Rationale
from tests.oracle.market import NOW, minute_candles, policy, rising, view_of


def seen() -> tuple[Rationale, Snapshot]:
    """A real idea of the rules and the snapshot it was made from."""
    (draft,) = look([view_of(minute_candles(rising()))], policy(), NOW).drafts
    return draft.rationale, draft.snapshot


def said(why: str, saw: Snapshot, now: Snapshot | None = None) -> list[tuple[str, Mark, str | None]]:
    rationale = Rationale(why, "", None, "", "")
    return [(each.text, each.mark, each.figure) for each in judge_numbers(rationale, saw, now)]


def test_every_number_of_the_rules_is_a_figure_of_the_snapshot() -> None:
    rationale, saw = seen()
    judged = judge_numbers(rationale, saw, None)
    assert judged
    assert {each.mark for each in judged} == {Mark.EXACT}
    assert {each.now for each in judged} == {None}


def test_a_number_that_was_made_up_is_told() -> None:
    _, saw = seen()
    assert said("volume up 987.654 %", saw) == [("987.654", Mark.MISSING, None)]


def test_a_figure_that_was_rounded_is_told() -> None:
    _, saw = seen()
    saw = replace(saw, figures=replace(saw.figures, rsi=Decimal("63.4713")))
    assert said("strength 63.47 of 63.4713", saw) == [
        ("63.47", Mark.ROUNDED, "rsi"),
        ("63.4713", Mark.EXACT, "rsi"),
    ]
    assert said("strength 63.48", saw) == [("63.48", Mark.MISSING, None)]


def test_beside_it_stands_the_same_figure_now() -> None:
    rationale, saw = seen()
    moved = replace(saw.figures, ema_slow=saw.figures.ema_slow + 5, rsi=Decimal("12.3"), adx=Decimal(7))
    now = replace(saw, figures=moved)
    current = figure_values(moved)
    judged = judge_numbers(rationale, saw, now)
    for each in judged:
        assert each.figure is not None
        assert each.now == current[each.figure.removeprefix("threshold of ")]
    assert any(each.now != each.value for each in judged)
