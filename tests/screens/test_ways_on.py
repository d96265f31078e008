"""Ways on from list and ticket: new, again, edit, override, approve, exit; none of them sends anything by itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from console.actions import BY_ID
from console.execution.ideas import ExitWords, Idea
from console.panes.line_table import LineTable
from console.screens.confirm_state import State
from console.screens.idea_form import WordsForm
from console.state import ProposalView
from storage.check_results import fails
from storage.clock import MINUTE
from storage.codes import CheckCode, ProposalState, TriggerType
from storage.errors import Conflict
from storage.models import Check, Proposal
from tests.screens.fakes import (
    FakeDriver,
    console_state,
    flip_until,
    halted,
    proposal_view,
    resting_state,
    unknown_state,
)
from tests.screens.support import SIZES, Running, console
from tests.screens.ways_fakes import STORED
from tests.storage.builders import HELD, NOW, coins, exit_proposal, make_proposal, make_question, price

FLIPS = flip_until(NOW + 86 * MINUTE)


def with_failing(*checks: Check, **changes: Any) -> ProposalView:
    """A proposal whose gate answers no with these checks alone."""
    view = proposal_view(**changes)
    by_code = {check.code: check for check in checks}
    answers = tuple(by_code.get(check.code, check) for check in view.checks)
    return replace(view, checks=answers, blocking=checks[0])


def blocked_driver(*checks: Check, **changes: Any) -> FakeDriver:
    """A driver whose only proposal, and its ticket, are blocked by these checks."""
    view = with_failing(*checks, **changes)
    driver = FakeDriver(console_state(proposals=(view,)))
    driver.ticket_changes = {"blocking": checks[0], "checks": view.checks}
    return driver


async def ready_form(running: Running) -> WordsForm:
    """The open form, once it knows what its words come to."""
    await running.until(lambda: isinstance(running.app.screen, WordsForm) and running.app.screen.draft is not None)
    form = running.app.screen
    assert isinstance(form, WordsForm)
    return form


def asked(driver: FakeDriver, what: str) -> list[tuple[Any, ...]]:
    return [call[1:] for call in driver.asked if call[0] == what]


# ---- new and again


@pytest.mark.parametrize("size", [*SIZES, (44, 22)])
async def test_n_proposes_the_selected_idea_again_at_todays_price(size: tuple[int, int]) -> None:
    async with console(size=size) as running:
        await running.press("n")
        await ready_form(running)
        await running.sees("from 1042")
        await running.press("enter")
        await running.until(lambda: running.screens == ("DashboardScreen", "ConfirmScreen"))
        ((idea, parent),) = asked(running.driver, "propose")
        assert parent == 1042
        assert (idea.market, idea.side, idea.eur, idea.limit) == ("BTC-EUR", "buy", "25.09", "ask")
        assert (idea.why, idea.wrong) == ("momentum above the band", price("60400"))
        assert asked(running.driver, "fire") == []


async def test_n_without_a_selection_asks_for_everything() -> None:
    async with console(FakeDriver(console_state(proposals=()))) as running:
        await running.press("n")
        await running.sees("market: which one?")
        await running.press(*"btc")
        await running.press("tab", "tab", *"40", "enter")
        await running.until(lambda: asked(running.driver, "propose") != [])
        ((idea, parent),) = asked(running.driver, "propose")
        assert (idea, parent) == (Idea("BTC-EUR", "buy", "40", "ask"), None)


async def test_a_form_shows_what_its_words_come_to() -> None:
    async with console() as running:
        await running.press("n")
        await running.sees("BUY 0.00041028 BTC @ 61 152 = 25.09 EUR, FILLS AT ONCE")
        await running.press("tab", "tab", "tab", "tab")
        await running.press(*["backspace"] * 3, *"bid")
        await running.sees("@ 61 148 = 25.09 EUR, RESTS")


async def test_bad_words_keep_the_form_and_name_the_field() -> None:
    async with console() as running:
        await running.press("n", "tab", "tab", "tab", *["backspace"] * 5, *"0")
        await running.sees("EUR must be more than zero")
        await running.press("enter")
        await running.pilot.pause(0.1)
        assert asked(running.driver, "propose") == []
        assert running.screens == ("DashboardScreen", "IdeaForm")


async def test_an_idea_that_cannot_be_stored_stays_in_the_form() -> None:
    driver = FakeDriver(console_state())
    driver.failure = Conflict("the vault is busy")
    async with console(driver) as running:
        await running.press("n")
        await ready_form(running)
        await running.press("enter")
        await running.sees("the vault is busy")
        assert running.screens == ("DashboardScreen", "IdeaForm")
        driver.failure = None
        await running.press("enter")
        await running.until(lambda: running.screens[-1] == "ConfirmScreen")


async def test_two_enters_make_one_proposal() -> None:
    async with console() as running:
        await running.press("n")
        await ready_form(running)
        running.burst("enter", "enter", "enter")
        await running.until(lambda: running.screens[-1] == "ConfirmScreen")
        await running.pilot.pause(0.1)
        assert len(asked(running.driver, "propose")) == 1
        assert asked(running.driver, "fire") == []


async def test_escape_leaves_a_form_and_nothing_else() -> None:
    async with console() as running:
        for key in ("n", "m", "x"):
            await running.press(key)
            await running.until(lambda: len(running.screens) == 2)
            await running.press("escape")
            assert running.screens == ("DashboardScreen",)
        assert running.driver.asked == []


async def test_keys_that_arrive_together_leave_the_form_alone() -> None:
    async with console() as running:
        await running.open_ticket()
        for key in ("n", "m"):
            await running.press("escape", key)
            await running.until(lambda: len(running.screens) == 2 and running.screens[-1] != "ConfirmScreen")
            running.burst("escape", "escape", "escape", "ctrl+c", "ctrl+q")
            await running.pilot.pause()
            assert running.screens == ("DashboardScreen",)


async def test_a_form_that_stored_its_idea_under_the_stop_bar_goes_when_the_bar_has_gone() -> None:
    async with console() as running:
        await running.press("n")
        form = await ready_form(running)
        stored, storing = asyncio.Event(), form.store

        async def slow() -> Proposal:
            await stored.wait()
            return await storing()

        form.store = slow  # type: ignore[method-assign]
        await running.press("enter", "ctrl+x")
        await running.until(lambda: running.screens[-1] == "StopBar")
        stored.set()
        await running.until(lambda: asked(running.driver, "propose") != [])
        await running.pilot.pause()
        assert running.screens[-1] == "StopBar", "the stop bar stays until it is answered"
        await running.press("escape")
        await running.until(lambda: running.screens[-1] != form.__class__.__name__)
        assert len(asked(running.driver, "propose")) == 1


async def test_after_gone_n_is_the_same_idea_again() -> None:
    soon = proposal_view(make_proposal(expires_at=NOW + 30_000_000))
    async with console(FakeDriver(console_state(proposals=(soon,)))) as running:
        await running.open_ticket()
        running.driver.clock.step(30)
        await running.until(lambda: running.machine.state is State.GONE)
        await running.sees("n again, fresh price · q leave")
        await running.press("n")
        await ready_form(running)
        await running.press("enter")
        await running.until(lambda: asked(running.driver, "propose") != [])
        await running.sees(f"{STORED} rev 1")
        assert running.screens == ("DashboardScreen", "ConfirmScreen")
        assert asked(running.driver, "propose")[0][1] == 1042


# ---- edit


@pytest.mark.parametrize("size", SIZES)
async def test_m_edits_an_open_proposal_as_a_new_revision(size: tuple[int, int]) -> None:
    async with console(size=size) as running:
        await running.press("m")
        await ready_form(running)
        await running.press("2", "enter")
        await running.until(lambda: asked(running.driver, "revise") != [])
        ((proposal_id, revision, idea),) = asked(running.driver, "revise")
        assert (proposal_id, revision) == (1042, 3)
        assert (idea.market, idea.eur, idea.limit, idea.minutes) == ("BTC-EUR", "249.99", "61200", 7)
        await running.sees("1042 is at revision 4 now")


@pytest.mark.parametrize(("key", "eur"), [("1", "124.99"), ("2", "249.99"), ("3", "499.99")])
async def test_shares_are_of_the_largest_size_and_the_bound_is_named(key: str, eur: str) -> None:
    async with console() as running:
        await running.press("m")
        form = await ready_form(running)
        await running.sees("bounded by ORDER_SIZE: 10.00 EUR to 500.00 EUR")
        await running.press(key)
        assert form.word("EUR") == eur


async def test_digits_typed_into_a_field_are_no_shares() -> None:
    async with console() as running:
        await running.press("m")
        form = await ready_form(running)
        await running.press("tab", "3")
        assert form.word("EUR") == "25.093"


async def test_after_an_edit_the_ticket_is_read_again() -> None:
    async with console() as running:
        await running.open_ticket()
        await running.press("m")
        await ready_form(running)
        await running.press("1", "enter")
        await running.until(lambda: running.screens == ("DashboardScreen", "ConfirmScreen"))
        await running.until(lambda: running.machine.state is State.WAIT, "the quarantine")
        running.burst("enter", "F")
        await running.pilot.pause(0.05)
        assert asked(running.driver, "fire") == []
        await running.sees("1042 rev 4")
        await running.step(0.4)
        await running.until(lambda: running.machine.state is State.READY)


async def test_an_armed_ticket_is_disarmed_by_the_keys_of_the_ways_on() -> None:
    async with console() as running:
        for key in ("m", "n", "o"):
            await running.arm()
            await running.press(key)
            assert running.screens == ("DashboardScreen", "ConfirmScreen")
            assert running.machine.state is State.READY
            await running.press("q")


async def test_editing_is_not_idling() -> None:
    async with console() as running:
        await running.open_ticket()
        await running.press("m")
        await ready_form(running)
        for _ in range(4):
            running.driver.clock.step(60)
            await running.pilot.pause(0.3)
        await running.press("escape")
        assert running.screens == ("DashboardScreen", "ConfirmScreen")


async def test_a_ticket_that_closes_under_another_dialog_takes_only_itself() -> None:
    async with console() as running:
        await running.open_ticket()
        await running.press("h")
        running.driver.clock.step(180)
        await running.pilot.pause(0.4)
        assert running.screens == ("DashboardScreen", "ConfirmScreen", "StopBar")
        await running.press("q")
        await running.until(lambda: running.screens == ("DashboardScreen",))


# ---- override and approve


@pytest.mark.parametrize("size", SIZES)
async def test_o_overrides_with_a_reason_and_goes_on_to_the_ticket(size: tuple[int, int]) -> None:
    async with console(blocked_driver(FLIPS), size) as running:
        await running.press("o")
        await running.sees("ANTI_FLIP until 15:58")
        await running.press("enter")
        await running.sees("a reason is needed")
        await running.press(*"news", "enter")
        await running.until(lambda: running.screens == ("DashboardScreen", "ConfirmScreen"))
        assert asked(running.driver, "approve") == [(1042, {CheckCode.ANTI_FLIP: "news"})]


async def test_o_in_a_blocked_ticket_draws_it_again() -> None:
    driver = blocked_driver(FLIPS)
    async with console(driver) as running:
        await running.open_ticket()
        assert running.machine.state is State.BLOCKED
        await running.sees("n at 15:58 · o override")
        await running.press("o", *"news")
        driver.ticket_changes = {"typed_reason": "ANTI_FLIP overridden"}
        await running.press("enter")
        await running.until(lambda: asked(driver, "approve") == [(1042, {CheckCode.ANTI_FLIP: "news"})])
        await running.step(0.4)
        await running.until(lambda: running.machine.state is State.TYPE, "the typed ticket")


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ((fails(CheckCode.SPREAD, "1 %", "0.5 %", "too wide"),), "only COOLDOWN and ANTI_FLIP, not SPREAD"),
        ((FLIPS, fails(CheckCode.SPREAD, "1 %", "0.5 %", "too wide")), "only COOLDOWN and ANTI_FLIP, not SPREAD"),
        (
            (fails(CheckCode.COOLDOWN, "live buy", "no live order", "a live buy", clears_how="when it ends"),),
            "COOLDOWN is about a trade that has not ended",
        ),
    ],
)
async def test_nothing_but_a_past_trade_can_be_overridden(checks: tuple[Check, ...], words: str) -> None:
    async with console(blocked_driver(*checks)) as running:
        await running.press("o")
        await running.sees(words)
        await running.open_ticket()
        await running.press("o")
        assert running.screens == ("DashboardScreen", "ConfirmScreen")
        assert "o override" not in running.text
        assert running.driver.asked == []


async def test_n_in_a_blocked_ticket_lives_past_the_moment_it_clears() -> None:
    async with console(blocked_driver(FLIPS)) as running:
        await running.open_ticket()
        await running.press("n")
        form = await ready_form(running)
        assert int(form.word("minutes")) == 86 + 60
        await running.sees("can be fired from 15:58 on")


async def test_a_approves_and_sends_nothing() -> None:
    async with console() as running:
        await running.press("a")
        await running.sees("1042 approved; nothing is sent")
        assert running.driver.asked == [("approve", 1042, {})]


# ---- exits


@pytest.mark.parametrize("size", [*SIZES, (44, 22)])
async def test_x_proposes_an_exit_and_opens_its_ticket(size: tuple[int, int]) -> None:
    async with console(size=size) as running:
        await running.press("x")
        await ready_form(running)
        await running.press("2", "enter")
        await running.until(lambda: running.screens == ("DashboardScreen", "ConfirmScreen"))
        assert asked(running.driver, "exit") == [(ExitWords("BTC-EUR", "50", None), None)]
        assert asked(running.driver, "fire") == []


@pytest.mark.parametrize(
    ("key", "last"), [("x", "Enter proposes it"), ("n", "Enter proposes it"), ("m", "Enter stores")]
)
async def test_on_the_smallest_screen_a_form_shows_all_its_fields_and_its_keys(key: str, last: str) -> None:
    async with console(size=(40, 12)) as running:
        await running.press(key)
        form = await ready_form(running)
        await running.sees(last)
        assert any(last in line and "Esc" in line and "…" not in line for line in running.lines)
        assert any("AT ONCE" in line for line in running.lines), "the order stands there whole"
        for label, value in zip(form.labels, form.values, strict=True):
            assert any(label in line and value in line for line in running.lines), label


async def test_on_a_phone_a_long_order_is_not_cut() -> None:
    driver = FakeDriver(console_state())
    driver.held = coins("0.00612345")
    async with console(driver, (40, 16)) as running:
        await running.press("x")
        await ready_form(running)
        await running.sees("0.00612345")
        inside = [line.strip("┃ ") for line in running.lines if line.startswith("┃")]
        assert "FILLS AT ONCE" in " ".join(inside)
        assert not any("…" in line for line in inside)
        assert "Enter proposes it" in inside[-1]


async def test_an_exit_without_a_price_is_half_a_per_cent_under_the_bid() -> None:
    async with console() as running:
        await running.press("x")
        await running.sees("SELL 0.0061 BTC @ 60 843 = 371.14 EUR")


async def test_s_in_the_exit_form_asks_for_the_price_a_stop_loss_waits_for() -> None:
    async with console() as running:
        await running.press("x")
        await ready_form(running)
        await running.press("s")
        await running.sees("price needs the price it waits for")
        await running.press(*"58000")
        await running.sees("SELL 0.0061 BTC stop loss @ 58 000 = 353.80 EUR, WAITS")
        await running.press("enter")
        await running.until(lambda: running.screens == ("DashboardScreen", "ConfirmScreen"))
        assert asked(running.driver, "exit") == [
            (ExitWords("BTC-EUR", "100", "58000", trigger=TriggerType.STOP_LOSS), None)
        ]


async def test_one_key_overrides_for_an_exit_and_gives_the_reason() -> None:
    question = make_question(proposal=exit_proposal(), facts=HELD)
    view = replace(proposal_view(), proposal=question.proposal)
    answers = tuple(FLIPS if check.code is CheckCode.ANTI_FLIP else check for check in view.checks)
    driver = FakeDriver(console_state(proposals=(replace(view, checks=answers, blocking=FLIPS),)))
    driver.ticket_changes = {"blocking": FLIPS, "checks": answers}
    async with console(driver) as running:
        await running.press("o")
        await running.until(lambda: running.screens == ("DashboardScreen", "ConfirmScreen"))
        await running.until(lambda: getattr(running.app.screen, "machine", None) is not None)
        await running.step(1.0)
        await running.until(lambda: running.machine.state is State.BLOCKED)
        await running.sees("1 stop the loss")
        driver.ticket_changes = {}
        await running.press("2")
        await running.until(lambda: asked(driver, "approve") == [(1042, {CheckCode.ANTI_FLIP: "take the gain"})])
        await running.step(0.4)
        await running.until(lambda: running.machine.state is State.READY, "READY, nothing to type")


async def test_nothing_held_cannot_be_sold() -> None:
    state = console_state()
    empty = replace(state, portfolio=replace(state.portfolio, holdings=()))
    async with console(FakeDriver(empty)) as running:
        await running.press("x")
        await running.sees("exit: this vault holds nothing that could be sold")
        assert running.screens == ("DashboardScreen",)


# ---- why not

WAYS = ("edit", "again", "override", "approve", "exit", "settle")


def state_where_nothing_can_be_done() -> FakeDriver:
    state = console_state(proposals=())
    return FakeDriver(replace(state, portfolio=replace(state.portfolio, holdings=())))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("edit", "edit: no proposal is selected"),
        ("override", "override: no proposal is selected"),
        ("approve", "approve: no proposal is selected"),
        ("exit", "exit: this vault holds nothing that could be sold"),
        ("settle", "settle: nothing is UNKNOWN"),
    ],
)
async def test_disabled_action_says_why(name: str, words: str) -> None:
    async with console(state_where_nothing_can_be_done()) as running:
        await running.press(BY_ID[name].keys[0])
        await running.sees(words)
        assert running.driver.asked == []
        assert running.screens == ("DashboardScreen",)


@pytest.mark.parametrize(
    ("state", "name", "words"),
    [
        (console_state(), "override", "override: nothing stands in its way"),
        (unknown_state(), "settle", "settle: only while trading is HALTED"),
        (
            console_state(proposals=(proposal_view(make_proposal(state=ProposalState.APPROVED)),)),
            "approve",
            "approve: it is approved already",
        ),
    ],
)
async def test_an_action_that_does_not_apply_says_why(state: Any, name: str, words: str) -> None:
    async with console(FakeDriver(state)) as running:
        await running.press(BY_ID[name].keys[0])
        await running.sees(words)
        assert running.driver.asked == []


@pytest.mark.parametrize("name", WAYS)
async def test_a_read_only_console_makes_nothing(name: str) -> None:
    driver = FakeDriver(replace(unknown_state(), header=halted(unknown=1)))
    driver.read_only = True
    async with console(driver) as running:
        await running.press(BY_ID[name].keys[0])
        await running.sees("this console is read-only")
        assert running.screens == ("DashboardScreen",)


@pytest.mark.parametrize("name", WAYS)
async def test_before_the_first_state_every_way_says_so(name: str) -> None:
    async with console(FakeDriver(None)) as running:
        await running.press(BY_ID[name].keys[0])
        assert running.screens == ("DashboardScreen",)
        assert running.app.notice() is not None
        assert "still starting" in str(running.app.notice())


async def test_x_on_a_position_sells_that_one_and_c_cancels_a_resting_order_there() -> None:
    state = resting_state()
    coins_held = [holding.market for holding in state.portfolio.holdings if holding.bought.is_positive]
    async with console(FakeDriver(state)) as running:
        await running.press("6")
        dashboard = running.app.dashboard
        assert dashboard is not None
        assert dashboard.focused_pane == "portfolio"
        table = next(table for table in dashboard.query(LineTable) if table.id == "portfolio")
        table.select(f"h {coins_held[-1]}")
        await running.press("x")
        form = running.app.screen
        assert isinstance(form, WordsForm)
        assert form.word("market") == coins_held[-1]
        await running.press("escape")
        table.select("r 537")
        await running.press("c", "enter")
        await running.until(lambda: ("cancel", 537) in running.driver.asked)
