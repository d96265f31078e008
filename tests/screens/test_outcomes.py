"""How an order ended: what the cards say, and which keys close them."""

from __future__ import annotations

import pytest

from console.execution.outcome import End, Outcome
from console.screens.cards import outcome_word
from storage.clock import HOUR, MINUTE
from storage.codes import ExecutionState
from storage.errors import VaultBusy
from storage.models import Holder
from tests.screens.fakes import FakeDriver, console_state, execution, flip_until, outcome, unknown_state
from tests.screens.support import Running, console
from tests.storage.builders import NOW, coins


async def fired(running: Running, ended: Outcome) -> None:
    """Fire, and let the exchange answer."""
    await running.arm()
    await running.press("F")
    await running.until(lambda: running.driver.answer is not None)
    assert running.driver.answer is not None
    running.driver.answer.set_result(ended)
    await running.until(lambda: len(running.screens) == 2)


async def test_a_fill_is_shown_with_its_figures() -> None:
    async with console() as running:
        await fired(running, outcome())
        await running.sees("0.00041 of 0.00041 BTC @ 61 152")
        await running.sees("25.07 EUR, fee 0.07 EUR")
        assert "1042 FILLED 0.00041 BTC @ 61 152 for 25.07 EUR, fee 0.07" in running.lines[-2]


async def test_a_card_closes_by_enter_or_q_once_it_could_be_read() -> None:
    for key in ("enter", "q"):
        async with console() as running:
            await fired(running, outcome())
            await running.press(key)
            assert running.screens[-1] == "OutcomeCard"
            running.driver.clock.step(0.7)
            await running.press("space", "d", "F", "e", "1")
            assert running.screens[-1] == "OutcomeCard"
            await running.press(key)
            assert running.screens == ("DashboardScreen",)


async def test_two_closing_keys_read_at_once_close_the_card_once() -> None:
    async with console() as running:
        await fired(running, outcome())
        running.driver.clock.step(0.7)
        running.burst("q", "q")
        await running.until(lambda: running.screens[-1] != "OutcomeCard")
        assert running.screens[0] == "DashboardScreen"
        assert "OutcomeCard" not in running.screens


async def test_a_refusal_names_the_check_and_that_nothing_was_sent() -> None:
    refused = outcome(
        end=End.REFUSED, state=None, execution_id=None, failed=(flip_until(NOW + 117 * MINUTE),), filled=coins("0"),
        reason="ANTI_FLIP",
    )  # fmt: skip
    async with console() as running:
        await fired(running, refused)
        await running.sees("ANTI_FLIP until 16:29, bought 14:29")
        await running.sees("nothing was sent; the proposal is as it was")


async def test_a_claim_by_somebody_else_names_them() -> None:
    holder = Holder("ann@box2", "other", NOW, 540)
    async with console() as running:
        await fired(running, outcome(end=End.REFUSED, state=None, holder=holder, filled=coins("0"), reason="claimed"))
        await running.sees("because    ALREADY_CLAIMED by ann@box2@other at 14:32:08")
        await running.sees("theirs     FILLED 0.00041 BTC @ 61 152 for 25.07 EUR")
        assert "as it was" not in running.text


async def test_a_lost_race_leads_with_who_was_faster_and_no_other_check() -> None:
    lost = outcome(
        end=End.REFUSED, state=None, holder=Holder("ann", "box2", NOW, 540), failed=(flip_until(NOW + HOUR),),
        filled=coins("0"), reason="ANTI_FLIP",
    )  # fmt: skip
    async with console() as running:
        await fired(running, lost)
        await running.sees("ALREADY_CLAIMED by ann@box2")
        assert not any("ANTI_FLIP until" in line for line in running.lines if line.startswith("┃"))
        assert "1042 REFUSED ALREADY_CLAIMED by ann@box2" in running.lines[-2]


async def test_an_order_without_an_answer_says_do_not_place_it_by_hand() -> None:
    async with console() as running:
        await running.arm()
        await running.press("F")
        await running.until(lambda: running.driver.answer is not None)
        running.driver.show(unknown_state())
        assert running.driver.answer is not None
        ended = outcome(end=End.UNKNOWN, state=ExecutionState.UNKNOWN, execution_id=execution().id, filled=coins("0"))
        running.driver.answer.set_result(ended)
        await running.sees("Do not place it by hand")
        await running.sees("5b1e7c1e-4d0a-5f2c-8a77-0c6d1f2e9f02")
        await running.sees("UNKNOWN 1")


async def test_the_card_of_an_unknown_does_not_wait_for_a_state_that_has_it() -> None:
    async with console() as running:
        await running.arm()
        await running.press("F")
        await running.until(lambda: running.driver.answer is not None)
        lost = execution(state=ExecutionState.UNKNOWN)
        running.driver.unseen_unknown = (lost,)
        assert running.driver.answer is not None
        ended = outcome(end=End.UNKNOWN, state=ExecutionState.UNKNOWN, execution_id=lost.id, filled=coins("0"))
        running.driver.answer.set_result(ended)
        await running.until(lambda: running.screens[-1] == "UnknownCard")
        await running.sees("absent at 14:32:49 at the earliest")
        await running.sees("V settles by hand while HALTED")


async def test_an_unknown_that_was_settled_meanwhile_shows_how_it_ended() -> None:
    async with console() as running:
        await running.arm()
        await running.press("F")
        await running.until(lambda: running.driver.answer is not None)
        lost = execution(state=ExecutionState.UNKNOWN)
        running.driver.unseen_unknown = (lost,)
        running.driver.unknown_changes = {"execution": execution(state=ExecutionState.FILLED)}
        assert running.driver.answer is not None
        ended = outcome(end=End.UNKNOWN, state=ExecutionState.UNKNOWN, execution_id=lost.id, filled=coins("0"))
        running.driver.answer.set_result(ended)
        await running.until(lambda: running.screens[-1] == "OutcomeCard")
        await running.sees("FILLED ━ PAPER")


async def test_an_unknown_order_opens_from_the_history() -> None:
    async with console(FakeDriver(unknown_state())) as running:
        await running.press("4", "down", "enter")
        assert running.screens[-1] == "UnknownCard"


async def test_an_outcome_waits_for_an_open_dialog() -> None:
    async with console() as running:
        await running.arm()
        await running.press("F")
        await running.until(lambda: running.driver.answer is not None)
        await running.press("e")
        assert running.driver.answer is not None
        running.driver.answer.set_result(outcome())
        await running.sees("1042 FILLED")
        assert running.screens == ("DashboardScreen", "ConfirmScreen")
        await running.press("escape")
        await running.until(lambda: running.screens == ("DashboardScreen", "OutcomeCard"))


async def breaks(running: Running, error: Exception) -> None:
    """Fire, and let it raise."""
    await running.arm()
    await running.press("F")
    await running.until(lambda: running.driver.answer is not None)
    assert running.driver.answer is not None
    running.driver.answer.set_exception(error)
    await running.until(lambda: running.screens[-1] == "BrokenCard")


async def test_a_fire_that_is_refused_by_the_vault_has_a_card_that_says_nothing_was_sent() -> None:
    async with console() as running:
        await breaks(running, VaultBusy("another process has the vault"))
        await running.sees("NOT SENT")
        await running.sees("reason     another process has the vault")
        await running.sees("so         nothing was sent")
        assert running.lines[-2].startswith("│ firing 1042: another process has the vault")


@pytest.mark.parametrize("readable", [True, False])
async def test_a_fire_that_breaks_after_its_claim_never_says_that_nothing_was_sent(readable: bool) -> None:
    driver = FakeDriver(console_state())
    async with console(driver) as running:
        await running.arm()
        if readable:
            driver.facts_changes = {"holder": Holder(driver.actor.name, driver.actor.instance, NOW, 540)}
        else:
            driver.ticket_error = OSError("the vault is gone")
        await running.press("F")
        await running.until(lambda: driver.answer is not None)
        assert driver.answer is not None
        driver.answer.set_exception(OSError("the vault is gone"))
        await running.sees("Do not place it by hand")
        await running.sees("UNKNOWN ━ PAPER")
        assert "nothing was sent" not in running.text


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "FILLED"),
        ({"state": ExecutionState.SUBMITTED}, "RESTS"),
        ({"state": ExecutionState.PARTIALLY_FILLED}, "PART FILLED, RESTS"),
        ({"state": ExecutionState.CANCELED}, "PART FILLED, REST CANCELED"),
        ({"state": ExecutionState.CANCELED, "filled": coins("0")}, "CANCELED"),
        ({"end": End.REFUSED, "state": None}, "REFUSED"),
        ({"end": End.ABANDONED, "state": ExecutionState.ABANDONED}, "ABANDONED"),
        ({"end": End.REJECTED, "state": ExecutionState.REJECTED}, "REJECTED"),
        ({"end": End.UNKNOWN, "state": ExecutionState.UNKNOWN}, "UNKNOWN"),
    ],
)
def test_every_end_has_its_word(changes: dict[str, object], word: str) -> None:
    assert outcome_word(outcome(**changes)) == word
