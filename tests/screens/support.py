"""Running the console over a driver of the tests, and waiting for what it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from console.app import ConsoleApp
from console.screens.confirm import ConfirmScreen
from console.screens.confirm_state import ConfirmState, State
from tests.screens.fakes import FakeDriver, console_state

SIZES = ((80, 24), (120, 36))


class Running:
    """A running console."""

    def __init__(self, app: ConsoleApp, driver: FakeDriver, pilot: Pilot[Any]) -> None:
        self.app = app
        self.driver = driver
        self.pilot = pilot

    @property
    def screens(self) -> tuple[str, ...]:
        """What lies over what, by class."""
        return tuple(type(screen).__name__ for screen in self.app.screen_stack)

    @property
    def lines(self) -> list[str]:
        """Every line on the screen as the terminal gets it."""
        return [strip.text for strip in self.app.screen._compositor.render_strips(self.app.size)]

    @property
    def text(self) -> str:
        """The whole screen."""
        return "\n".join(self.lines)

    @property
    def machine(self) -> ConfirmState:
        """The open ticket's state machine."""
        screen = self.app.screen
        assert isinstance(screen, ConfirmScreen)
        assert screen.machine is not None
        return screen.machine

    async def until(self, holds: Callable[[], bool], what: str = "") -> None:
        """Wait for something to be true, as long as a machine under load may need."""
        for _ in range(1500):
            if holds():
                return
            await self.pilot.pause(0.01)
        raise AssertionError(f"{what or 'it'} never held; the screen is\n{self.text}")

    async def sees(self, text: str) -> None:
        """Wait for a text on the screen."""
        await self.until(lambda: text in self.text, repr(text))

    async def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def burst(self, *keys: str) -> None:
        """Post keys at once, faster than anything can be drawn."""
        for key in keys:
            self.app.simulate_key(key)

    async def step(self, seconds: float) -> None:
        """Let time pass, and the screen take note."""
        self.driver.clock.step(seconds)
        if self.app.dashboard is not None:
            self.app.dashboard.refresh_all()
        screen = self.app.screen
        if isinstance(screen, ConfirmScreen):
            screen.redraw()
        await self.pilot.pause()

    async def open_ticket(self) -> None:
        """Open the ticket and read it until it is READY (or whatever it becomes instead of WAIT)."""
        await self.press("e")
        await self.until(lambda: isinstance(self.app.screen, ConfirmScreen) and self.app.screen.machine is not None)
        await self.step(1.0)
        await self.until(lambda: self.machine.state is not State.WAIT)

    async def arm(self) -> None:
        """Open, read, arm, and wait until F counts."""
        await self.open_ticket()
        await self.press("enter")
        await self.until(lambda: self.machine.state is State.ARMED, "ARMED")
        await self.until(lambda: self.machine._painted_at is not None, "painted")
        await self.step(0.3)


@asynccontextmanager
async def console(driver: FakeDriver | None = None, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Running]:
    """The console over an ordinary afternoon, or over another driver."""
    known = FakeDriver(console_state()) if driver is None else driver
    app = ConsoleApp(known, known.settings)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Running(app, known, pilot)
