"""Every key of the registry, pressed where it applies and where it does not.

Where it applies something true happens; where it does not, one sentence says why not. Nothing raises, and no order
leaves but through the ticket. One console serves many keys: it goes back to where it was before each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from console.actions import ACTIONS, BY_ID, Action, Where
from console.panes.shape import PANES
from console.screens.confirm import ConfirmScreen
from console.screens.confirm_state import State
from console.screens.deeds import MOVES
from storage.codes import ProposalState
from tests.screens.fakes import (
    FakeDriver,
    console_state,
    flip_until,
    halted,
    proposal_view,
    resting_state,
    unknown_state,
)
from tests.screens.support import Running, console
from tests.storage.builders import NOW, make_proposal

DASHBOARD = ("DashboardScreen",)
SMALL = (40, 16)
"""The smallest screen with room for a ticket: what is drawn least is pressed soonest."""
SAYS: dict[str, str] = {
    "confirm": "no proposal is selected and none is ready",
    "decline": "no proposal is selected",
    "edit": "no proposal is selected",
    "again": "this console is read-only",
    "exit": "this vault holds nothing that could be sold",
    "cancel": "no order rests",
    "undo": "nothing was declined in the last 5 s",
    "override": "no proposal is selected",
    "approve": "no proposal is selected",
    "checks": "no proposal is selected",
    "open": "no row is selected",
    "look": "this console is read-only",
    "resume": "trading is ACTIVE already",
    "settle": "nothing is UNKNOWN",
    **dict.fromkeys(MOVES, "this pane is no list"),
    "arm": "no row is selected",
    "fire": "only in a ticket; e opens one",
    "requote": "only in a ticket; e opens one",
    "amount": "only in a ticket; e opens one",
}
"""Why each action cannot be done where there is nothing it could be done to."""

READ_ONLY = {"again", "look"}
ALWAYS = {action.id for action in ACTIONS} - set(SAYS)
"""What applies everywhere: panes, zoom, clock, help, leaving, stopping."""


def bare() -> FakeDriver:
    """Nothing proposed, nothing held, nothing resting."""
    state = console_state(proposals=())
    return FakeDriver(replace(state, portfolio=replace(state.portfolio, holdings=()), history=()))


def is_pane_digit(action: Action, key: str) -> bool:
    """Whether it is a pane on the dashboard, and an amount only in a ticket."""
    return action.id == "amount" and key in {str(place) for place in range(1, len(PANES) + 1)}


def pairs(chosen: Callable[[Action], bool]) -> Iterator[tuple[Action, str]]:
    return ((action, key) for action in ACTIONS if chosen(action) for key in action.keys)


async def back(running: Running) -> None:
    """As it was in the beginning: the dashboard alone, the first row, nothing said and nothing asked."""
    while len(running.app.screen_stack) > 1:
        running.app.pop_screen()
        await running.pilot.pause()
    dashboard = running.app.dashboard
    assert dashboard is not None
    dashboard.zoomed = False
    dashboard.deeds.declined = dashboard.deeds.undoable = None
    running.app.utc = True
    running.app._notice = None
    running.driver.asked.clear()
    if dashboard.focused_pane != "proposals":
        dashboard.navigate("pane_1")
    dashboard.proposals.home()
    dashboard.history.select(None)


@dataclass(frozen=True)
class Stage:
    """A console in which an action can be done: its state, keys that lead there, and what shows that it was done."""

    driver: Callable[[], FakeDriver]
    before: tuple[str, ...]
    done: Callable[[Running], bool]


def over(*names: str) -> Callable[[Running], bool]:
    return lambda running: running.screens == (*DASHBOARD, *names)


def asked(*what: Any) -> Callable[[Running], bool]:
    return lambda running: running.driver.asked[-1:] == [what]


def ordinary() -> FakeDriver:
    return FakeDriver(console_state())


def resting() -> FakeDriver:
    return FakeDriver(resting_state())


def stopped() -> FakeDriver:
    return FakeDriver(console_state(header=halted()))


def stopped_unknown() -> FakeDriver:
    return FakeDriver(replace(unknown_state(), header=halted(unknown=1)))


def blocked() -> FakeDriver:
    check = flip_until(NOW + 60_000_000)
    view = proposal_view(blocking=check, checks=(check,))
    return FakeDriver(console_state(proposals=(view,)))


def selected(number: str) -> Callable[[Running], bool]:
    def holds(running: Running) -> bool:
        dashboard = running.app.dashboard
        return dashboard is not None and dashboard.proposals.selected == number

    return holds


def in_pane(name: str) -> Callable[[Running], bool]:
    def holds(running: Running) -> bool:
        dashboard = running.app.dashboard
        return dashboard is not None and dashboard.focused_pane == name

    return holds


def zoomed(running: Running) -> bool:
    dashboard = running.app.dashboard
    return dashboard is not None and dashboard.zoomed


STAGES: dict[str, Stage] = {
    "confirm": Stage(ordinary, (), over("ConfirmScreen")),
    "decline": Stage(ordinary, (), asked("decline", 1042, None)),
    "edit": Stage(ordinary, (), over("IdeaForm")),
    "again": Stage(ordinary, (), over("IdeaForm")),
    "exit": Stage(ordinary, (), over("ExitForm")),
    "cancel": Stage(resting, ("4", "home"), over("CancelBar")),
    "undo": Stage(ordinary, ("d",), asked("undo", 1042)),
    "override": Stage(blocked, (), over("OverrideForm")),
    "approve": Stage(ordinary, (), asked("approve", 1042, {})),
    "checks": Stage(ordinary, (), over("ChecksCard")),
    "saw": Stage(ordinary, (), over("SawCard")),
    "open": Stage(ordinary, ("4", "home"), over("OutcomeCard")),
    "move_down": Stage(ordinary, (), selected("1043")),
    "move_up": Stage(ordinary, ("j",), selected("1042")),
    "page_down": Stage(ordinary, (), selected("1041")),
    "page_up": Stage(ordinary, ("G",), selected("1042")),
    "move_first": Stage(ordinary, ("G",), selected("1042")),
    "move_last": Stage(ordinary, (), selected("1041")),
    "look": Stage(ordinary, (), asked("look")),
    "resume": Stage(stopped, (), over("ResumeForm")),
    "settle": Stage(stopped_unknown, (), over("ResolveForm")),
    "next_pane": Stage(ordinary, (), in_pane("budget")),
    "previous_pane": Stage(ordinary, (), in_pane("activity")),
    **{
        f"pane_{place}": Stage(ordinary, ("tab",) if place == 1 else (), in_pane(name))
        for place, name in enumerate(PANES, 1)
    },
    "zoom": Stage(ordinary, (), zoomed),
    "utc": Stage(ordinary, (), lambda running: not running.app.utc),
    "quit": Stage(ordinary, (), over("LeaveBar")),
    "stop": Stage(ordinary, (), over("StopBar")),
    "help": Stage(ordinary, (), over("HelpCard")),
}


def on_dashboard(action: Action) -> bool:
    return action.where != (Where.TICKET,)


def test_every_action_of_the_registry_has_its_stage_and_its_reason() -> None:
    assert set(STAGES) == {action.id for action in ACTIONS if on_dashboard(action)}
    panes = {f"pane_{place}" for place in range(1, len(PANES) + 1)}
    assert panes | {"leave", "next_pane", "previous_pane", "zoom", "utc", "quit", "stop", "help", "saw"} == ALWAYS


FACTORIES = list(dict.fromkeys(stage.driver for stage in STAGES.values()))


@pytest.mark.parametrize("factory", FACTORIES, ids=[factory.__name__ for factory in FACTORIES])
async def test_each_key_does_what_the_help_says_where_it_applies(factory: Callable[[], FakeDriver]) -> None:
    async with console(factory(), SMALL) as running:
        for action, key in pairs(lambda action: on_dashboard(action) and STAGES[action.id].driver is factory):
            stage = STAGES[action.id]
            await back(running)
            await running.press(*stage.before, key)
            await running.until(lambda stage=stage: stage.done(running), f"{action.id} by {key}")  # type: ignore[misc]
            assert not any(call[0] == "fire" for call in running.driver.asked), key


async def test_a_key_says_why_not_where_it_does_not_apply() -> None:
    driver = bare()
    async with console(driver, SMALL) as running:
        for action, key in pairs(lambda action: action.id in SAYS):
            if is_pane_digit(action, key):
                continue
            await back(running)
            driver.read_only = action.id in READ_ONLY
            if action.id in MOVES:
                running.app.simulate_key("5")
            await running.press(key)
            notice = running.app.notice()
            assert notice is not None, (action.id, key)
            assert SAYS[action.id] in notice.text, (action.id, key)
            assert running.screens == DASHBOARD, (action.id, key)
            assert driver.asked == [], (action.id, key)


async def test_before_the_first_state_no_action_raises_or_makes_anything() -> None:
    async with console(FakeDriver(None), SMALL) as running:
        for action in ACTIONS:
            await back(running)
            await running.press(action.keys[0])
            assert running.driver.asked == [], action.id
            assert set(running.screens[1:]) <= {"LeaveBar", "StopBar", "HelpCard"}, action.id
            if action.id in set(SAYS) - {"amount"} and len(running.screens) == 1:
                assert running.app.notice() is not None, action.id


# ---- in the ticket


def in_ticket(action: Action) -> bool:
    return Where.TICKET in action.where


async def ticket(running: Running, state: State) -> None:
    """A ticket in this state and nothing over it: the one that is open, where it still is."""
    while len(running.app.screen_stack) > 2:
        running.app.pop_screen()
        await running.pilot.pause()
    if running.screens == DASHBOARD:
        await running.open_ticket()
    screen = running.app.screen
    assert isinstance(screen, ConfirmScreen)
    screen.page = None
    if running.machine.state is State.ARMED:
        await running.press("j")
    running.machine.note = None
    if running.machine.state is State.WAIT:
        await running.step(1.0)
        await running.until(lambda: running.machine.state is State.READY, "READY")
    assert running.machine.state is State.READY
    if state is State.ARMED:
        await running.press("enter")
        await running.until(lambda: running.machine.state is State.ARMED, "ARMED")
        await running.until(lambda: running.machine._painted_at is not None, "painted")
        await running.step(0.3)


READY_DOES: dict[str, Callable[[Running], bool]] = {
    "edit": over("ConfirmScreen", "IdeaForm"),
    "again": over("ConfirmScreen", "IdeaForm"),
    "override": lambda running: "nothing here to override" in running.text,
    "checks": lambda running: "not applied" in running.text or "1 of" in running.text,
    "saw": over("ConfirmScreen", "SawCard"),
    "arm": lambda running: running.machine.state is State.ARMED,
    "fire": lambda running: "F fires once it is ARMED" in running.text,
    "requote": lambda running: running.machine.state is State.WAIT or running.driver.quotes > 1,
    "leave": lambda running: running.screens == DASHBOARD,
    "amount": lambda running: "no amount is asked" in running.text,
}


def test_every_key_of_the_ticket_is_pressed() -> None:
    assert set(READY_DOES) == {action.id for action in ACTIONS if in_ticket(action)}


async def test_in_a_ready_ticket_each_key_does_its_work_or_says_why_not() -> None:
    async with console(ordinary(), SMALL) as running:
        for action, key in pairs(in_ticket):
            await ticket(running, State.READY)
            running.driver.quotes = 1
            await running.press(key)
            done = READY_DOES[action.id]
            await running.until(lambda done=done: done(running), f"{action.id} by {key}")  # type: ignore[misc]
            assert running.driver.asked == [], (action.id, key)


async def test_armed_any_key_but_fire_sends_nothing_and_each_key_of_fire_fires() -> None:
    async with console(ordinary(), SMALL) as running:
        for action, key in pairs(lambda action: in_ticket(action) and action.id != "fire"):
            await ticket(running, State.ARMED)
            await running.press(key)
            assert running.driver.asked == [], (action.id, key)
            assert running.screens != (*DASHBOARD, "ConfirmScreen") or running.machine.state is not State.ARMED, key
        for key in BY_ID["fire"].keys:
            await ticket(running, State.ARMED)
            await running.press(key)
            await running.until(lambda: ("fire", 1042, False) in running.driver.asked, key)
            await running.until(lambda: running.screens == DASHBOARD, "the ticket closes")
            running.driver.asked.clear()


async def test_a_read_only_ticket_makes_nothing() -> None:
    async with console(ordinary(), SMALL) as running:
        for action in filter(in_ticket, ACTIONS):
            running.driver.read_only = False
            await ticket(running, State.READY)
            running.driver.read_only = True
            await running.press(action.keys[0])
            assert running.driver.asked == [], action.id
            only_shown = "SawCard" if action.id == "saw" else "ConfirmScreen"
            assert running.screens[-1] in (only_shown, "DashboardScreen"), action.id
            if action.id in ("edit", "again"):
                await running.sees("this console is read-only")


async def test_what_is_approved_cannot_be_approved_again() -> None:
    approved = proposal_view(make_proposal(state=ProposalState.APPROVED))
    async with console(FakeDriver(console_state(proposals=(approved,)))) as running:
        await running.press(BY_ID["approve"].keys[0])
        await running.sees("it is approved already")
