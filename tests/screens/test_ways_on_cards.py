"""The cards of an order without an answer, of coming back, and what an outcome offers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest

from console.execution.ideas import ExitWords
from console.execution.outcome import End
from console.panes.drawing import Scene
from console.screens.since_card import runners
from console.state import ConsoleState
from storage.absence import OperatorFill
from storage.clock import DAY, HOUR, MINUTE
from storage.codes import ExecutionState, Mode
from storage.models import Sweep
from storage.presence import Alert, Runner
from tests.screens.fakes import ACTOR, FakeDriver, console_state, execution, halted, outcome, unknown_state
from tests.screens.support import SIZES, Running, console
from tests.storage.builders import NOW, coins, eur, make_proposal, price


def halted_unknown() -> ConsoleState:
    """One UNKNOWN, while trading is HALTED."""
    return replace(unknown_state(), header=halted(unknown=1))


async def open_unknown(running: Running) -> None:
    await running.press("4", "down", "enter")
    await running.until(lambda: running.screens[-1] == "UnknownCard")


# ---- UNKNOWN


@pytest.mark.parametrize("size", SIZES)
async def test_the_unknown_card_tells_look_ups_proof_and_what_is_held(size: tuple[int, int]) -> None:
    async with console(FakeDriver(unknown_state()), size) as running:
        await open_unknown(running)
        await running.sees("BUY 0.00041 BTC @ 60 900 was sent at 14:29:08.000. No answer came back.")
        for words in (
            "Do not place it by hand.",
            "the connection was reset",
            "not found at 14:32:06 · next in 3.0 s",
            "absent at 14:32:49 at the earliest, 0:41 to go",
            "24.97 EUR, 1 of 5 trades; no buy anywhere, nothing in BTC-EUR",
            "the header keeps UNKNOWN 1",
            "V settles by hand while HALTED",
        ):
            await running.sees(words)


async def test_the_unknown_card_says_when_nobody_looks() -> None:
    driver = FakeDriver(unknown_state())
    driver.unknown_changes = {"looked_at": None, "next_look": None}
    async with console(driver) as running:
        await open_unknown(running)
        await running.sees("none yet · nobody runs who looks again")


async def test_a_failed_look_up_is_told_as_failed() -> None:
    driver = FakeDriver(unknown_state())
    driver.unknown_changes = {"problem": "temporary Unreachable: no answer"}
    async with console(driver) as running:
        await open_unknown(running)
        await running.sees("failed: temporary Unreachable: no answer")
        assert "not found at" not in running.text


async def test_the_unknown_card_says_when_it_is_settled() -> None:
    driver = FakeDriver(unknown_state())
    async with console(driver) as running:
        await open_unknown(running)
        driver.unknown_changes = {"execution": execution(state=ExecutionState.FILLED)}
        await running.sees("FILLED ━ PAPER")
        await running.sees("ended      FILLED 0.00041 BTC @ 61 152 for 25.07 EUR")


async def test_an_unknown_that_is_proven_absent_says_so_and_n_proposes_it_again() -> None:
    driver = FakeDriver(unknown_state())
    async with console(driver) as running:
        await open_unknown(running)
        driver.unknown_changes = {"execution": execution(state=ExecutionState.ABSENT)}
        driver.execution_changes = {
            "end": End.REJECTED, "state": ExecutionState.ABSENT, "filled": coins("0"),
            "reason": "proven absent: the exchange never had it",
        }  # fmt: skip
        await running.sees("ABSENT ━ PAPER")
        await running.until(lambda: "proven absent: the exchange never had it, nothing was placed" in running.text)
        await running.sees("n proposes it again")
        driver.clock.step(1.0)
        driver.ended = make_proposal(id=1037, market="BTC-EUR")
        await running.press("n")
        await running.until(lambda: running.screens == ("DashboardScreen", "IdeaForm"))


async def test_v_says_why_it_cannot_settle_while_trading_goes_on() -> None:
    async with console(FakeDriver(unknown_state())) as running:
        await open_unknown(running)
        await running.press("V")
        await running.sees("only while trading is HALTED; h halts")
        assert running.screens == ("DashboardScreen", "UnknownCard")


# ---- settling by hand


@pytest.mark.parametrize("from_card", [True, False])
async def test_v_settles_as_none(from_card: bool) -> None:
    driver = FakeDriver(halted_unknown())
    async with console(driver) as running:
        if from_card:
            await open_unknown(running)
        await running.press("V")
        await running.until(lambda: running.screens == ("DashboardScreen", "ResolveForm"))
        await running.press(*"none", *["tab"] * 4, *"looked", "enter")
        await running.until(lambda: ("resolve", 537, None, "looked") in driver.asked)
        await running.sees("1037 is settled by your verdict")


async def test_v_settles_as_filled_with_its_figures() -> None:
    driver = FakeDriver(halted_unknown())
    async with console(driver) as running:
        await running.press("V")
        await running.press(*"filled", "tab", *"0.0004", "tab", *"60", "space", *"900", "tab", *"0", "comma", *"06")
        await running.press("tab", *"seen", "enter")
        fill = OperatorFill(coins("0.0004"), price("60900"), eur("0.06"))
        await running.until(lambda: ("resolve", 537, fill, "seen") in driver.asked)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("lost", "", "", "", "why"), "the verdict is none or filled"),
        (("none", "", "", "", ""), "a reason is needed"),
        (("none", "1", "", "", "why"), "with none there is no quantity"),
        (("filled", "", "60900", "0", "why"), "filled needs quantity, price and fee"),
        (("filled", "0.0004", "60900", "", "why"), "filled needs quantity, price and fee"),
        (("filled", "0", "60900", "0", "why"), "must be more than zero"),
        (("filled", "0.0004", "60900", "-1", "why"), "the fee not less"),
        (("filled", "0.00042", "60900", "0", "why"), "no more than the 0.00041"),
    ],
)
async def test_an_incomplete_verdict_is_not_taken(typed: tuple[str, ...], words: str) -> None:
    driver = FakeDriver(halted_unknown())
    async with console(driver) as running:
        await running.press("V")
        await running.until(lambda: running.screens[-1] == "ResolveForm")
        form: Any = running.app.screen
        for box, text in zip(form.fields, typed, strict=True):
            box.value = text
        form.submit()
        await running.sees(words)
        assert driver.asked == []


# ---- what an outcome offers


async def test_x_on_an_outcome_exits_what_was_bought() -> None:
    async with console() as running:
        await running.arm()
        await running.press("F")
        await running.until(lambda: running.driver.answer is not None)
        assert running.driver.answer is not None
        running.driver.answer.set_result(outcome())
        await running.until(lambda: running.screens[-1] == "OutcomeCard")
        await running.press("x")
        assert running.screens[-1] == "OutcomeCard", "it could not be read yet"
        running.driver.clock.step(0.8)
        await running.press("x")
        await running.until(lambda: running.screens == ("DashboardScreen", "ExitForm"))
        await running.sees("SELL 0.0061 BTC")
        await running.press("enter")
        await running.until(lambda: ("exit", ExitWords("BTC-EUR"), 1042) in running.driver.asked)
        await running.until(lambda: running.screens == ("DashboardScreen", "ConfirmScreen"))


# ---- since you left


def away(length: int, **changes: Any) -> FakeDriver:
    driver = FakeDriver(console_state())
    driver.before = NOW - length
    driver.absence_changes = changes
    return driver


def card_text(running: Running) -> str:
    """What stands in the dialog's frame, its lines joined."""
    inside = (line.partition("┃")[2].rpartition("┃")[0] for line in running.lines)
    return " ".join(" ".join(inside).split())


@pytest.mark.parametrize("size", [*SIZES, (44, 22)])
async def test_a_start_half_an_hour_after_the_last_key_says_what_happened(size: tuple[int, int]) -> None:
    ended = execution(state=ExecutionState.CANCELED)
    happened: dict[str, Any] = {
        "fills": 3,
        "before": eur("1188.73"),
        "model_cost": eur("2.10"),
        "result": eur("15.57"),
        "fees": eur("0.31"),
        "orders": (ended, ended),
        "expired": 41,
        "alerts": (Alert(NOW, "critical", "invariants", "a fill is missing"),),
        "runners": (
            Runner(ACTOR.instance, NOW, NOW, True, False),
            Runner("box2-5f2c", NOW - DAY, NOW - HOUR, False, True),
        ),
    }
    async with console(away(7 * DAY + 5 * HOUR, **happened), size) as running:
        await running.sees("SINCE YOU LEFT")
        await running.sees("7 d 5 h")
        await running.until(lambda: "money" in running.text)
        text = card_text(running)
        for words in ("1 188.73 → 1 204.27 EUR +15.54 (+1.3 %)", "sold with +15.57 after fees", "3 fills, fees 0.31"):
            assert words in text
        assert "box2-5f2c ran until 13:32, killed · jobs run here now" in text
        for words in ("model cost 2.10", "2 cancelled: BUY BTC @ 60 900 and 1 more", "41 ideas expired"):
            assert words in text
        for words in ("1 alert", "a fill is missing", "policy unchanged", "exchange agrees", "4 ideas live, 2 ready"):
            assert words in text
        running.driver.clock.step(0.8)
        await running.press("enter")
        assert running.screens == ("DashboardScreen",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "worth 1 204.27 EUR, before is not known · nothing was bought or sold"),
        ({"before": eur("1000")}, "1 000.00 → 1 204.27 EUR +204.27 (+20.4 %) · nothing was bought or sold"),
        ({"before": eur("0")}, "0.00 → 1 204.27 EUR +1 204.27 · nothing"),
        ({"before": eur("1000"), "flows": 1}, "1 deposit or withdrawal in it"),
        ({"model_cost": eur("0.5"), "model_open": 2}, "model cost at most 0.50"),
    ],
)
async def test_the_money_is_what_is_known_and_no_more(changes: dict[str, Any], words: str) -> None:
    async with console(away(HOUR, **changes)) as running:
        await running.sees("money")
        assert words in card_text(running)
        assert "model cost 0" not in running.text


async def test_who_ran_the_jobs_meanwhile_is_named_and_that_nobody_does_now() -> None:
    far = NOW - 3 * DAY
    some = (
        Runner("box2-5f2c", far, far, True, False),
        *(Runner(f"box{number}", far, far, False, False) for number in (3, 4, 5)),
    )
    scene, state = Scene(NOW, 0.0, Mode.PAPER, UTC), console_state()
    absence = replace(await FakeDriver().absence(NOW - DAY), runners=some)
    assert runners(absence, state, scene) == ["box2-5f2c runs on", "box3 ran until Sat 21 Nov 14:32", "2 more ran"]
    assert runners(replace(absence, runners=()), state, scene) == ["nobody runs the jobs now"]


async def test_what_cannot_be_valued_now_has_no_worth() -> None:
    driver = away(HOUR, before=eur("1000"))
    state = driver.current
    assert state is not None
    driver.current = replace(state, portfolio=replace(state.portfolio, eur=None))
    async with console(driver) as running:
        await running.sees("worth not known now, 1 000.00 EUR before")


async def test_a_start_within_half_an_hour_says_nothing() -> None:
    async with console(away(30 * MINUTE - 1)) as running:
        await running.pilot.pause(1.2)
        assert running.screens == ("DashboardScreen",)


async def test_a_first_start_says_nothing() -> None:
    async with console() as running:
        await running.pilot.pause(1.2)
        assert running.screens == ("DashboardScreen",)


async def test_half_an_hour_without_a_key_shows_the_card_once() -> None:
    async with console() as running:
        await running.press("j")
        running.driver.clock.step(30 * 60 - 1)
        await running.pilot.pause(1.2)
        assert running.screens == ("DashboardScreen",)
        running.driver.clock.step(1)
        await running.until(lambda: running.screens == ("DashboardScreen", "SinceCard"))
        await running.sees("30 m")
        running.driver.clock.step(1)
        await running.press("q")
        await running.pilot.pause(1.2)
        assert running.screens == ("DashboardScreen",)


async def test_the_card_does_not_come_over_an_open_dialog() -> None:
    async with console() as running:
        await running.press("question_mark")
        running.driver.clock.step(31 * 60)
        await running.pilot.pause(1.2)
        assert running.screens == ("DashboardScreen", "HelpCard")


async def test_the_stop_key_goes_past_the_card() -> None:
    async with console(away(HOUR)) as running:
        await running.until(lambda: running.screens == ("DashboardScreen", "SinceCard"))
        await running.press("h")
        assert running.screens[-1] == "StopBar"


async def test_differences_and_a_halt_stand_in_the_card() -> None:
    differ = Sweep(NOW, False, ("BTC: 1 more",), frozenset())
    driver = away(HOUR, trading=("HALTED: a fill beyond the limit",), policies=("hunter",), sweep=differ)
    async with console(driver) as running:
        await running.sees("trading HALTED: a fill beyond the limit")
        await running.sees("policy hunter")
        await running.sees("exchange and vault differ")


async def test_keys_are_stored_once_a_minute_and_only_after_the_earlier_ones_were_read() -> None:
    async with console() as running:
        await running.until(lambda: running.app.presence._before_asked)
        for _ in range(5):
            await running.press("j")
        assert running.driver.keys_noted == 1
        running.driver.clock.step(60)
        await running.press("shift", "j")
        await running.until(lambda: running.driver.keys_noted == 2)


async def test_a_read_only_console_stores_no_key() -> None:
    driver = FakeDriver(console_state())
    driver.read_only = True
    async with console(driver) as running:
        await running.until(lambda: running.app.presence._before_asked)
        await running.press("j", "k")
        assert driver.keys_noted == 0


async def test_a_card_higher_than_the_screen_keeps_title_and_keys_and_scrolls_to_its_end() -> None:
    driver = FakeDriver(console_state())
    driver.before = NOW - 8 * DAY
    async with console(driver, (40, 12)) as running:
        await running.sees("SINCE YOU LEFT")
        await running.sees("worth")
        assert running.lines[0].startswith("┏ SINCE YOU LEFT")
        assert "Enter goes on" in running.lines[-2]
        assert running.lines[-1].startswith("┗ ↓ more")
        assert all(line[-1] in "┓┃┛" for line in running.lines)
        assert "4 ideas live" not in running.text
        await running.press(*["down"] * 12)
        assert "4 ideas live" in running.text
        assert running.lines[-1].startswith("┗ ↑ more")
        await running.press("up")
        assert "4 ideas live" not in running.text


async def test_an_order_of_the_history_does_not_say_how_long_its_answer_took() -> None:
    driver = FakeDriver(console_state())
    driver.execution_changes = {"seconds": None}
    async with console(driver) as running:
        await running.press("4", "home", "enter")
        await running.sees("filled     0.00041 of 0.00041 BTC")
        assert "took" not in running.text


@pytest.mark.parametrize("state", [ExecutionState.ABSENT, ExecutionState.REJECTED, ExecutionState.ABANDONED])
async def test_n_on_an_order_that_came_to_nothing_proposes_it_again(state: ExecutionState) -> None:
    driver = FakeDriver(console_state())
    end = End.ABANDONED if state is ExecutionState.ABANDONED else End.REJECTED
    driver.execution_changes = {"end": end, "state": state, "filled": coins("0"), "reason": "the exchange said no"}
    async with console(driver) as running:
        await running.press("4", "home", "enter")
        await running.sees("n again, fresh price")
        driver.clock.step(1.0)
        await running.press("n")
        await running.until(lambda: running.screens == ("DashboardScreen", "IdeaForm"))


async def test_an_order_that_may_exist_offers_no_second_one() -> None:
    driver = FakeDriver(console_state())
    driver.execution_changes = {"state": ExecutionState.SUBMITTED, "filled": coins("0")}
    async with console(driver) as running:
        await running.press("4", "home", "enter")
        await running.sees("RESTS ━ PAPER")
        assert "again" not in running.lines[-3]
        driver.clock.step(1.0)
        await running.press("n")
        assert running.screens == ("DashboardScreen", "OutcomeCard")
