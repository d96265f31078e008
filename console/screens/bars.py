"""The bars at the foot of the screen: stop, leave, cancel. Each says what will happen; one Enter does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console import format as fmt
from console.panes.cells import at_text
from console.screens.base import LEAVE, Bar, keyed
from console.screens.confirm_line import Line, Span
from console.text import safe_text, wrapped
from storage.codes import OrderKind

if TYPE_CHECKING:
    from console.panes.drawing import Scene
    from console.screens.confirm_terms import Key
    from console.state import ConsoleState
    from storage.execution_models import Execution


def counted(count: int, one: str, many: str | None = None) -> str:
    """``1 resting entry``, ``2 resting entries``."""
    return f"{count} {one if count == 1 else (many or one + 's')}"


class ChoiceBar(Bar[str | None], inherit_bindings=False):
    """A bar that ends in one of its choices, or in None."""

    def choices(self) -> dict[str, str]:
        """Key to answer; keys that leave the bar are not among them."""
        raise NotImplementedError

    def press(self, key: Key) -> None:
        """A choice, or a way out; every other key does nothing."""
        name = "enter" if key.name == "enter" else (key.character or key.name)
        if name in self.choices():
            self.dismiss(self.choices()[name])
        elif key.name in LEAVE:
            self.dismiss(None)


class StopBar(ChoiceBar, inherit_bindings=False):
    """Halting in one Enter. The keys that open it do nothing in it, so a held key cannot halt."""

    STOPS = False

    def choices(self) -> dict[str, str]:
        """Enter halts, ``r`` reduces only, ``a`` halts and takes the stops back too."""
        offered = {"enter": "halt", "r": "reduce"}
        return {**offered, "a": "halt, stops too"} if resting_stops(self.console.driver.state) else offered

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """What stops, what is cancelled, what stays."""
        text = stop_text(self.console.driver.state)
        words = [(Span(f" {line}"),) for line in wrapped(text, max(width - 4, 2))]
        ways = ["{Enter} HALT", "{r} reduce only", "{q} back"]
        if resting_stops(self.console.driver.state):
            ways.insert(2, "{a} HALT, stops too")
        keys = [keyed(f" {'     '.join(ways)}")]
        if width < (50 if len(ways) == 3 else 70):  # every way on and back stays readable on the smallest screen
            keys = [keyed(f" {way}") for way in ways]
        return self.bar_lines(scene, Span("STOP", "stop"), [*words, *keys], width)


def resting_stops(state: ConsoleState | None) -> int:
    """How many protective stops wait at the exchange."""
    return 0 if state is None else sum(execution.trigger is not None for execution in state.resting)


def stop_text(state: ConsoleState | None) -> str:
    """What halting does now."""
    if state is None:
        return "no new order leaves; what rests is not known yet"
    entries = sum(execution.kind is OrderKind.ENTRY for execution in state.resting)
    stops = resting_stops(state)
    exits = len(state.resting) - entries - stops
    parts = ["no new order leaves"]
    if state.header.in_flight:
        parts.append(f"{state.header.in_flight} in flight is waited for")
    verb = "is" if entries == 1 else "are"
    parts.append(
        f"{counted(entries, 'resting entry', 'resting entries')} {verb} cancelled" if entries else "none rests"
    )
    if exits:
        parts.append(f"{counted(exits, 'resting exit')} {'stays' if exits == 1 else 'stay'}")
    if stops:
        parts.append(f"{counted(stops, 'stop')} at the exchange {'stays' if stops == 1 else 'stay'}")
    return "; ".join(parts)


class LeaveBar(ChoiceBar, inherit_bindings=False):
    """What goes on and what ends when the console closes."""

    def choices(self) -> dict[str, str]:
        """Enter leaves."""
        return {"enter": "leave"}

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """What is in flight, what rests, who goes on looking."""
        driver = self.console.driver
        text = leave_text(driver.state, driver.in_flight())
        words = [(Span(f" {line}"),) for line in wrapped(text, max(width - 4, 2))]
        return self.bar_lines(scene, Span("LEAVE", "strong"), [*words, keyed(" {Enter} leaves     {q} stays")], width)


def leave_text(state: ConsoleState | None, in_flight: int) -> str:
    """In flight, resting, looking: each with what becomes of it."""
    flying = f"in flight {in_flight}" + (" (leaving waits for it)" if in_flight else "")
    if state is None:
        return flying
    header = state.header
    elsewhere = None if header.scheduler in (None, "here") else safe_text(header.scheduler, 30)
    if header.resting == 0:
        resting = "resting 0"
    elif elsewhere is None:
        resting = f"resting {header.resting} (the exchange cancels entries within a minute; exits stay)"
    else:
        resting = f"resting {header.resting} (kept by {elsewhere})"
    looking = "looking stops" if elsewhere is None else f"looking goes on at {elsewhere}"
    return f"{flying} · {resting} · {looking}"


class CancelBar(ChoiceBar, inherit_bindings=False):
    """Cancelling what is left of one resting order."""

    def __init__(self, execution: Execution) -> None:
        super().__init__()
        self.execution = execution

    def choices(self) -> dict[str, str]:
        """Enter cancels."""
        return {"enter": "cancel"}

    def draw(self, scene: Scene, width: int) -> list[Line]:
        """The order, and what cancelling means."""
        execution, state = self.execution, self.console.driver.state
        tick = None if state is None else state.tick_sizes.get(execution.market)
        amount = f"{fmt.quantity(execution.quantity)} {safe_text(execution.market, 20)} {at_text(execution, tick)}"
        order = f"{execution.side.value.upper()} {amount}"
        text = f"what is left of {execution.proposal_id}, {order}, is cancelled; what is filled stays"
        words = [(Span(f" {line}"),) for line in wrapped(text, max(width - 4, 2))]
        return self.bar_lines(scene, Span("CANCEL", "strong"), [*words, keyed(" {Enter} cancels     {q} back")], width)
