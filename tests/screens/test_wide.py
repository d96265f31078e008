"""What a large screen shows beside the rest: more columns, whole names, whole sentences. Nothing is cut."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest

from console.execution.ticket import Now
from console.oracle.rules import REVERSION
from console.panes import budget, history, locks
from console.panes.activity import event_text
from console.panes.drawing import Scene
from console.panes.proposal_columns import BROAD_FROM, FULL_FROM, STANDARD_FROM, WIDE_FROM
from console.panes.proposal_detail import detail_lines
from console.panes.proposals import WOULD, columns, oracle_name, rows
from console.panes.rows import Column, Row
from console.symbols import SETS
from storage.codes import Mode, Side
from storage.locks import JobLock
from storage.models import Rationale
from tests.screens.fakes import FakeDriver, activity, console_state, proposal_view, trade_line
from tests.screens.support import console
from tests.storage.builders import MONOTONIC, NOW, eur, make_proposal, price

SCENE = Scene(NOW, MONOTONIC, Mode.PAPER, UTC, "UTC", SETS["unicode"])
SENTENCE = "the close of the last four hours stands above the band of the day before and rises"


def cells_of(shape: tuple[Column, ...], row: Row) -> dict[str, str]:
    return {column.title: cell.text for column, cell in zip(shape, row.cells, strict=True)}


def used(shape: tuple[Column, ...]) -> int:
    return 1 + sum(column.width for column in shape) + len(shape) - 1


@pytest.mark.parametrize("width", [STANDARD_FROM, BROAD_FROM, WIDE_FROM, FULL_FROM, 198])
def test_the_columns_fit_and_nothing_in_them_is_cut(width: int) -> None:
    proposal = make_proposal(oracle=REVERSION)
    shape = columns(width)
    assert used(shape) <= width
    [row] = rows(console_state(proposals=(proposal_view(proposal),)), SCENE, width)
    for column, cell in zip(shape, row.cells, strict=True):
        assert len(cell.text) <= column.width, column.title
        assert "…" not in cell.text


def test_a_screen_of_200_says_what_the_order_would_do_and_what_it_risks() -> None:
    shape = columns(112)
    told = cells_of(shape, rows(console_state(), SCENE, 112)[0])
    assert (told["type"], told["would"], told["at risk"], told["even at"]) == ("GTC", "fill", "-0.43", "61 459")


def test_a_whole_screen_names_cost_and_oracle() -> None:
    told = cells_of(columns(198), rows(console_state(proposals=(proposal_view(),)), SCENE, 198)[0])
    assert (told["cost"], told["oracle"]) == ("+0.50%", "trend-1")


def test_what_is_not_known_is_empty_and_a_market_order_is_called_so() -> None:
    view = proposal_view(outlook=None, time_in_force=None, at_risk=None, break_even=None, price=None)
    told = cells_of(columns(198), rows(console_state(proposals=(view,)), SCENE, 198)[0])
    assert [told[name] for name in ("would", "at risk", "even at", "cost", "type")] == ["", "", "", "", "market"]


def test_every_outlook_has_a_word() -> None:
    assert set(WOULD) == {now.value for now in Now}


@pytest.mark.parametrize(
    ("oracle", "shown"),
    [(REVERSION, "reversion-1"), ("vendor/small-model-2-preview", "small-model"), ("x" * 20, "x" * 10 + "…")],
)
def test_a_long_name_of_an_oracle_loses_whole_words(oracle: str, shown: str) -> None:
    assert oracle_name(oracle, 11, SCENE) == shown


@pytest.mark.parametrize(("result", "text", "token"), [("0.31", "+0.31 EUR", "up"), ("-0.2", "-0.20 EUR", "down")])
@pytest.mark.parametrize(("width", "titled"), [(78, False), (78, True), (112, True)])
def test_a_sell_says_what_it_earned(width: int, titled: bool, result: str, text: str, token: str) -> None:
    line = trade_line(35, NOW, Side.SELL, "ADA-EUR", "73.1", "0.34210", "0.07", earned=eur(result))
    [row] = history.rows(console_state(history=(line,)), SCENE, width, titled=titled)
    assert row.cells[-1] == (text, token)


@pytest.mark.parametrize(
    ("width", "shown"), [(38, ["FILLED"]), (42, ["FILLED", "+0.4 %"]), (58, ["FILLED", "now +0.4 %"])]
)
def test_a_narrow_history_says_what_became_of_a_buy_where_there_is_room(width: int, shown: list[str]) -> None:
    line = trade_line(37, NOW, Side.BUY, "ETH-EUR", "0.01211", "2064.3", "0.07", since=Decimal("0.004"))
    shape = history.columns(width)
    [row] = history.rows(console_state(history=(line,)), SCENE, width)
    assert [cell.text for cell in row.cells[4:]] == shown
    assert used(shape) <= width


def test_a_narrow_list_spells_all_its_amounts_alike() -> None:
    def amounts(width: int) -> list[str]:
        return [row.cells[2].text for row in rows(console_state(), SCENE, width)]

    assert amounts(38) == ["25.09@61200", "40.00@128.42", "25.00@0.34120", "24.60@2066.0"]
    assert amounts(42) == ["25.09 @ 61 200", "40.00 @ 128.42", "25.00 @ 0.34120", "24.60 @ 2 066.0"]


@pytest.mark.parametrize("width", [110, 112, 118, 198])
def test_a_wide_history_fits_its_pane(width: int) -> None:
    assert used(history.columns(width)) == width


async def test_the_selected_proposal_is_told_whole_on_a_tall_screen() -> None:
    reason = Rationale(f"why: {SENTENCE}", f"not: {SENTENCE}", price("60400"), f"next: {SENTENCE}", f"note: {SENTENCE}")
    state = console_state(proposals=(proposal_view(make_proposal(rationale=reason)),))
    async with console(FakeDriver(state), (200, 60)) as running:
        await running.until(lambda: "note: " in running.text)
        told = " ".join(" ".join(line[1:112] for line in running.lines).split())
        for part in ("why", "not", "next", "note"):
            assert f"{part}: {SENTENCE}" in told
        assert "wrong below 60 400" in told


def test_a_roomy_pane_names_the_holder_of_a_job_and_a_short_one_cuts_no_dash_open() -> None:
    lock = JobLock("reconcile", "box2-instance", 7, None, NOW, 0, None, paused=False)
    state = console_state(job_locks=(lock,))

    def holder(width: int) -> str:
        return locks.rows(state, SCENE, width)[-1].cells[1].text

    assert (holder(55), holder(38)) == ("box2-instance", "box2")


def test_a_roomy_budget_abbreviates_nothing() -> None:
    def text(width: int) -> str:
        drawn = budget.lines(console_state(), SCENE, width, 10)
        assert all(sum(len(span.text) for span in line) <= width for line in drawn)
        return "\n".join("".join(span.text for span in line) for line in drawn)

    assert "trades 1 h" in text(55)
    assert "exposure" in text(55)
    assert "tr. 1h" in text(38)
    assert "frees 16:42" in text(55)


@pytest.mark.parametrize("changes", [{}, {"break_even": price("0.00000001")}])
def test_rows_are_drawn_whatever_is_known(changes: dict[str, Any]) -> None:
    view = replace(proposal_view(), **changes)
    for width in (38, 78, 112, 118, 198):
        assert len(rows(console_state(proposals=(view,)), SCENE, width)) == 1


def test_a_failing_job_keeps_to_the_columns_of_its_pane_and_is_told_whole_under_them() -> None:
    fine = JobLock("reconcile", "box2-instance", 7, 60_000_000, NOW, 0, None, paused=False)
    broken = JobLock("scan", None, 12, None, NOW + 41_000_000, 2, "the exchange is silent", paused=False)
    paused = JobLock("look", None, 3, None, NOW, 8, "gone", paused=True)
    *_, resting, gone, failing, why, good = locks.rows(console_state(job_locks=(fine, broken, paused)), SCENE, 55)
    assert good.columns == failing.columns == resting.columns
    assert [cell.text for cell in failing.cells] == ["scan", "free", "f12", "", "next 0:41"]
    assert [cell.text for cell in resting.cells] == ["look", "free", "f3", "", "paused"]
    assert [row.cells[-1].text for row in (why, gone)] == ["2 failed: the exchange is silent", "8 failed: gone"]
    assert [row.selectable for row in (failing, why, gone)] == [True, False, False]


@pytest.mark.parametrize(("room", "words"), [(57, "SELL ETH-EUR ANTI_FLIP"), (37, "SELL ETH ANTI_FLIP")])
def test_the_newest_event_names_the_coin_alone_rather_than_losing_its_end(room: int, words: str) -> None:
    text = event_text(activity(), SCENE, room)
    assert text == f"14:31 refused 1041 {words}"
    assert len(text) <= room


@pytest.mark.parametrize(
    ("trigger", "shown"),
    [("60900 holds", "next look if 60900 holds"), ("good while the mean holds", "good while the mean holds"), ("", "")],
)
def test_what_comes_next_is_said_once(trigger: str, shown: str) -> None:
    reason = Rationale("why", "thin", price("60400"), trigger, "")
    view = proposal_view(make_proposal(rationale=reason))
    lines = detail_lines(view, console_state(), SCENE, 78, rows=4)
    told = ["".join(span.text for span in line).rstrip() for line in lines]
    assert told[2] == f" not  thin · {shown}".removesuffix(" · ")


def test_a_job_whose_due_time_passed_while_it_is_held_is_running() -> None:
    held = JobLock("invariants", "box2-instance", 7, 60_000_000, NOW - 1, 0, None, paused=False)
    row = locks.rows(console_state(job_locks=(held, replace(held, holder=None, ttl=None))), SCENE, 55)[-2:]
    assert [[each.cells[0].text, each.cells[-1].text] for each in row] == [
        ["invariants", "running"], ["invariants", "next due"],
    ]  # fmt: skip


async def test_the_values_of_a_form_stand_in_one_column() -> None:
    async with console() as running:
        await running.press("n")
        await running.sees("at most")
        inside = [line for line in running.lines if line.startswith("┃ ") and line[2] != " "]
        told = [line for line in inside if line[2:].startswith(("order", "gate", "market", "EUR", "minutes"))]
        assert len(told) == 5
        assert {line[10] == " " and line[11] != " " for line in told} == {True}
