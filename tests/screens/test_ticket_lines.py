"""The body of the ticket and the list of checks: laid out for every width, nothing in them cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from console.execution.ticket import look_ahead, total_and_fee
from console.panes.drawing import Scene
from console.screens.check_lines import check_lines
from console.screens.confirm_line import Line
from console.screens.ticket_lines import Ticketed, body_lines
from storage.check_results import fails, not_applied, passes
from storage.checks import run_checks
from storage.codes import CheckCode, Mode, OrderType, Origin, TimeInForce, TriggerType
from storage.execution_models import Trigger
from storage.models import Check, Question, Rationale
from tests.screens.fakes import ticket_view
from tests.storage.builders import (
    HELD,
    MONOTONIC,
    NOW,
    exit_proposal,
    levels,
    make_proposal,
    make_question,
    price,
)

SCENE = Scene(now=NOW, monotonic=MONOTONIC, mode=Mode.PAPER)
WIDTHS = (38, 78, 118)
LONG = "momentum above the band in three of four signals while the spread narrows and the volume of the hour rises"


def spans_text(line: Line) -> str:
    """A line without its colours."""
    return "".join(span.text for span in line)


def question(time_in_force: TimeInForce = TimeInForce.GTC, **changes: Any) -> Question:
    """A question about a proposal that is changed so."""
    asked = make_question(proposal=make_proposal(**changes))
    return replace(asked, order=replace(asked.order, time_in_force=time_in_force))


def drawn(asked: Question, width: int, rows: int = 40, **changes: Any) -> list[str]:
    """The body of its ticket."""
    view = ticket_view(asked, **changes)
    view = replace(view, ticket=replace(view.ticket, order=asked.order))
    return [spans_text(line) for line in body_lines(Ticketed(view, view.reference), SCENE, width, rows)]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("time_in_force", TimeInForce)
def test_no_line_of_the_ticket_is_too_long_or_cut(width: int, time_in_force: TimeInForce) -> None:
    lines = drawn(question(time_in_force), width)
    assert max(cell_len(line) for line in lines) <= width
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_stop_says_what_it_waits_for_and_what_it_would_bring(width: int) -> None:
    waits = Trigger(TriggerType.STOP_LOSS, price("58000"))
    stop = exit_proposal(order_type=OrderType.MARKET, limit=None, trigger=waits)
    asked = make_question(proposal=stop, facts=HELD)
    total, fee = total_and_fee(asked)
    lines = drawn(asked, width, outlook=look_ahead(asked.order, asked.quote), total=total, fee=fee)
    text = " ".join(" ".join(lines).split())
    assert max(cell_len(line) for line in lines) <= width
    assert "get about 23.72 EUR" in text
    assert "WAITS" in text
    assert "until the last trade falls to 58 000" in text
    assert ("stop loss at 58 000 EUR" if width > 40 else "stop loss 58 000") in text
    assert width < 40 or "it waits at the exchange, also while nothing runs here" in text


def test_an_order_that_never_rests_says_so_in_full() -> None:
    assert any(
        "it does not: what does not fill at once is cancelled" in line for line in drawn(question(TimeInForce.IOC), 78)
    )
    assert any("if it rests" in line and "it does not" in line for line in drawn(question(TimeInForce.IOC), 38))


@pytest.mark.parametrize("width", [78, 118])
def test_two_figures_never_touch(width: int) -> None:
    quote = {"asks": levels(("61000.12345678", "0.4"))}
    asked = make_question(proposal=make_proposal(limit=price("61200.12345679")), quote=quote)
    lines = [line for line in drawn(asked, width) if "limit 200" in line]
    assert len(lines) == 1
    assert "  limit 200" in lines[0]


def test_the_smallest_ticket_shows_the_whole_amount_of_now() -> None:
    lines = drawn(question(), 38)
    assert any(line.split("right now")[-1].strip() == "FILLS AT ONCE, 25.14" for line in lines)


def test_the_rationale_takes_the_rows_there_are() -> None:
    asked = question(rationale=Rationale(LONG, "", None, "", ""))
    roomy, short = drawn(asked, 78, 22), drawn(asked, 78, 12)
    assert LONG.split()[-1] in roomy[-1]
    assert len(short) <= 12
    assert "…" in short[-1]


def test_a_ticket_that_is_gone_claims_no_check() -> None:
    view = ticket_view(question())
    lines = [spans_text(line) for line in body_lines(Ticketed(view, view.reference), SCENE, 78, gone=True)]
    assert any("checks" in line and "not asked any more" in line for line in lines)
    assert not any("25 of 25" in line for line in lines)


def test_an_idea_without_a_price_that_proves_it_wrong_does_not_claim_there_is_none() -> None:
    asked = question(rationale=Rationale("", "", None, "", ""), origin=Origin.OPERATOR)
    lines = drawn(asked, 78, at_risk=None)
    assert any("no price given that would prove it wrong" in line for line in lines)


def all_checks() -> list[Check]:
    """Every check of a question, two of them failing with long sentences."""
    checks = list(run_checks(make_question()))
    checks[7] = fails(CheckCode.TRADING_STATE, "halted", "active", f"{LONG}; resume with a reason.", clears_how=LONG)
    checks[8] = not_applied(CheckCode.STAGE_LIMIT, LONG)
    return checks


@pytest.mark.parametrize("width", WIDTHS)
def test_every_word_of_every_check_is_shown(width: int) -> None:
    checks = all_checks()
    lines = [spans_text(line) for line in check_lines(checks, SCENE, width)]
    words = " ".join(lines).split()
    assert max(cell_len(line) for line in lines) <= width
    assert not any("…" in line for line in lines)
    for check in checks:
        said = check.reason.rstrip(".") if not (check.passed and check.applied) else f"{check.observed} {check.limit}"
        for word in said.replace(";", " ").split():
            if "T" in word and word.endswith("Z"):
                continue  # times are shown as the operator's clock does
            assert any(word in shown or shown in word for shown in words), (check.code, word)


def test_no_check_says_twice_that_it_is_not_applied() -> None:
    for asked in (question(), question(origin=Origin.OPERATOR, confidence=None), make_question(with_ticket=False)):
        for check in run_checks(asked):
            assert not check.reason.startswith("not applied"), check.code


def test_found_and_allowed_stand_in_two_columns() -> None:
    lines = [spans_text(line) for line in check_lines([passes(CheckCode.SPREAD, "0.1 %", "0.5 %", "")], SCENE, 78)]
    assert lines[0].index("found") == lines[1].index("0.1 %")
    assert lines[0].index("allowed") == lines[1].index("0.5 %")


def test_times_of_a_check_are_local() -> None:
    limit = "before 2026-11-24T14:40:00Z"
    check = passes(CheckCode.PROPOSAL_EXPIRY, "8 min left", limit, "")
    assert "before 14:40:00" in spans_text(check_lines([check], SCENE, 78)[1])
