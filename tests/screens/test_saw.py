"""``w``: what the oracle saw for a proposal, and what every market gave where nothing was proposed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from console.oracle.snapshot import Dropped
from console.screens.cards import ScrollCard
from console.screens.confirm import ConfirmScreen
from storage.models import Rationale
from storage.money import Price
from tests.screens.fakes import FakeDriver, console_state, proposal_view
from tests.screens.sight_fakes import SAW
from tests.screens.support import SIZES, Running, console
from tests.storage.builders import MARKET, make_proposal

PHONE = (40, 16)
LATER = replace(SAW, figures=replace(SAW.figures, rsi=Decimal("12.34")))
WHY = Rationale(
    why=f"up-trend, RSI {SAW.figures.rsi}, 3 of 4 signals agree",
    why_not="volume 77.77 was made up",
    invalidation_price=Price.of("60400"),
    next_trigger="good while it holds",
    risk_notes="spread is narrow",
)


def seeing() -> FakeDriver:
    """A proposal with a snapshot, and the market as it is a moment later."""
    proposal = make_proposal(rationale=WHY, oracle="rules/trend-1")
    driver = FakeDriver(console_state(proposals=(replace(proposal_view(), proposal=proposal),)))
    driver.present = LATER
    return driver


def whole(running: Running) -> str:
    """Every line of the card that is open, those that are scrolled away too."""
    card = running.app.screen
    assert isinstance(card, ScrollCard)
    lines = card.content(running.app.scene(), card.box_width - 2)
    return "\n".join("".join(span.text for span in line) for line in lines)


async def open_card(running: Running, name: str = "SawCard", key: str = "w") -> None:
    await running.press(key)
    await running.until(lambda: running.screens[-1] == name)


@pytest.mark.parametrize("size", [*SIZES, PHONE])
async def test_w_shows_each_number_of_the_rationale_with_what_it_is_now(size: tuple[int, int]) -> None:
    async with console(seeing(), size) as running:
        await open_card(running)
        await running.sees("SAW 1042")
        await running.until(lambda: "12.34" in whole(running))
        told = whole(running)
        assert told.partition("✓ RSI")[2].split()[:2] == [str(SAW.figures.rsi), "12.34"]
        assert " ✗ 77.77 not in the snapshot" in told
        assert "volatility, % a year" in told
        assert max(len(line) for line in told.splitlines()) <= size[0] - 2


async def test_the_card_says_why_the_market_is_not_seen_now() -> None:
    driver = seeing()
    driver.present = Dropped(MARKET, "only 3 of 288 candles have trades")
    async with console(driver, (120, 36)) as running:
        await open_card(running)
        await running.sees("now: only 3 of 288 candles have trades")


async def test_an_idea_of_the_operator_has_no_snapshot_and_the_card_says_so() -> None:
    driver = seeing()
    driver.snapshot = None
    async with console(driver) as running:
        await open_card(running)
        await running.sees("no snapshot was taken for it")


async def test_enter_on_a_proposal_opens_the_same_card() -> None:
    async with console(seeing()) as running:
        await open_card(running, key="enter")


async def test_enter_on_an_idea_that_expired_shows_what_it_came_from() -> None:
    driver = seeing()
    driver.ended = make_proposal(id=1036, rationale=WHY)
    async with console(driver) as running:
        await running.press("4", "home", "down", "enter")
        await running.until(lambda: running.screens[-1] == "SawCard")
        await running.sees("SAW 1036")


async def test_w_in_the_ticket_shows_it_over_the_ticket_which_does_not_idle_meanwhile() -> None:
    async with console(seeing()) as running:
        await running.open_ticket()
        await running.sees("w what it saw")
        await open_card(running)
        ticket = running.app.screen_stack[1]
        assert isinstance(ticket, ConfirmScreen)
        for _ in range(8):
            running.driver.clock.step(100.0)
            ticket.redraw()
            await running.pilot.pause()
        assert running.screens == ("DashboardScreen", "ConfirmScreen", "SawCard")
        await running.press("q")
        await running.until(lambda: running.screens == ("DashboardScreen", "ConfirmScreen"))


async def test_a_long_reason_leaves_the_key_a_line_of_its_own() -> None:
    driver = seeing()
    reason = replace(WHY, why="up-trend, EMA gap +2.57 ATR, 3 of 4 signals agree, as written")
    state = driver.state
    assert state is not None
    view = state.proposals[0]
    driver.show(replace(state, proposals=(replace(view, proposal=replace(view.proposal, rationale=reason)),)))
    async with console(driver) as running:
        await running.open_ticket()
        lines = running.lines
        place = next(place for place, line in enumerate(lines) if "as written" in line)
        assert lines[place + 1].strip("┃ ") == "w what it saw"


async def test_w_disarms_an_armed_ticket_and_opens_nothing() -> None:
    async with console(seeing()) as running:
        await running.arm()
        await running.press("w")
        await running.sees("disarmed")
        assert running.screens == ("DashboardScreen", "ConfirmScreen")


async def test_a_ticket_without_a_snapshot_does_not_offer_to_show_one() -> None:
    driver = seeing()
    state = driver.state
    assert state is not None
    view = state.proposals[0]
    driver.show(replace(state, proposals=(replace(view, proposal=replace(view.proposal, snapshot_id=None)),)))
    async with console(driver) as running:
        await running.open_ticket()
        assert "w what it saw" not in running.text


@pytest.mark.parametrize("size", [*SIZES, PHONE])
async def test_w_without_a_selection_lists_every_market_with_its_figures(size: tuple[int, int]) -> None:
    async with console(FakeDriver(console_state(proposals=())), size) as running:
        await open_card(running, "LooksCard")
        await running.sees("WHY NOTHING")
        await running.until(lambda: "XRP-EUR" in whole(running))
        told = " ".join(whole(running).split())
        for words in (
            "looked at 14:31:48, 20 s ago",
            "BTC-EUR proposed",
            "ETH-EUR quiet nearest EMA gap -0.52 of 1.5 ATR",
            "1 h 0.76 of 1.5 % · 4 h -1.33 of 2 % · volatility 18 of 30 % · volume z - of 1",
            "SOL-EUR nothing new",
            "BUY of rules/trend-1 is still open",
            "XRP-EUR dropped",
            "not fetched",
        ):
            assert words in told
        assert max(len(line) for line in whole(running).splitlines()) <= size[0] - 2


async def test_w_in_the_card_of_a_proposal_goes_on_to_all_markets() -> None:
    async with console(seeing()) as running:
        await open_card(running)
        await running.sees("w all markets")
        await open_card(running, "LooksCard")
        assert running.screens == ("DashboardScreen", "LooksCard")


async def test_before_the_first_look_the_card_says_so() -> None:
    driver = FakeDriver(console_state(proposals=()))
    driver.stored_looks = ()
    async with console(driver) as running:
        await open_card(running, "LooksCard")
        await running.sees("nothing was looked at yet")
