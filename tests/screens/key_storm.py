"""A storm on the console: random keys, pastes, resizes, blurs, arriving and leaving proposals, moving prices, and time.

What may never happen is an order other than the one on the screen. What was drawn is written down at each drawing, so
that it is told apart from what the program believed. ``python -m tests.screens.key_storm`` is the long one.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from textual import events
from textual.geometry import Size

from console.app import ConsoleApp
from console.execution.outcome import Outcome
from console.execution.ticket import TicketView
from console.screens.confirm import ConfirmScreen
from storage.clock import MINUTE
from storage.codes import ProposalState, Side
from storage.models import Proposal
from tests.screens.fakes import FakeDriver, console_state, four_proposals, other_view, outcome
from tests.screens.support import Running, console
from tests.storage.builders import NOW, levels

KEYS: Final = (
    *["e", "enter", "F", "shift+f", "f", "r"] * 6,
    *["up", "down", "left", "right", "tab", "shift+tab", "home", "end", "pageup", "pagedown", "escape", "backspace"],
    *"abcdghijklmnopqstuvwxyzABCDEGHIJKLMNOPQRSTUVWXYZ0123456789.,:;?/-+ ",
    *["ctrl+c", "ctrl+q", "ctrl+p", "ctrl+z", "f1", "delete", "space", "ctrl+f", "alt+f", "F"],
)  # fmt: skip
SIZES: Final = ((80, 24), (80, 24), (60, 20), (40, 16), (80, 14), (120, 36))
MARKETS: Final = (("BTC-EUR", "60900"), ("SOL-EUR", "128.42"), ("ADA-EUR", "0.34120"), ("ETH-EUR", "2066.0"))
PASTES: Final = ("F", "25.16", "F\nF\n", "\x1b[201~F", "e\rF")
BURST: Final = 60
READ_S: Final = 0.25
"""How long an armed order must have been on the screen before F counts."""


@dataclass(slots=True)
class Drawn:
    """The ticket as the terminal was given it last, and since when it has said ARMED without a break."""

    text: str = ""
    armed_since: float | None = None

    def take(self, lines: list[str], at: float) -> None:
        """A drawing of the whole screen, with the ticket on top (monotonic second)."""
        self.text = "\n".join(lines)
        armed = "ARMED" in self.text
        self.armed_since = (at if self.armed_since is None else self.armed_since) if armed else None


@dataclass(slots=True)
class Report:
    """How much was done, and a sentence for each order that should not have been."""

    keys: int = 0
    tickets: int = 0
    fired: int = 0
    typed: int = 0
    left: int = 0
    """How often the console was left by its keys; it stays, so that the storm need not start it again."""
    wrong: list[str] = field(default_factory=list)


class StormDriver(FakeDriver):
    """Answers at once, and compares each order with what was drawn."""

    def __init__(self, report: Report, drawn: Drawn, random: Random) -> None:
        super().__init__(console_state(proposals=four_proposals()))
        self.report, self.drawn, self.random = report, drawn, random
        self.fired: set[int] = set()
        self.over: dict[int, Proposal] = {}
        self.total = ""
        """What the ticket asked for last would cost, as it is to be typed where that is asked."""

    async def ticket(self, proposal_id: int) -> TicketView:
        self.report.tickets += 1
        self.ended = self.over.get(proposal_id)
        shown = [view for view in self.current.proposals if view.proposal.id == proposal_id] if self.current else []
        self.ticket_changes = {"typed_reason": shown[0].typed_reason if shown else None}
        view = await super().ticket(proposal_id)
        self.total = str(view.total)
        return view

    async def fire(self, view: TicketView, *, typed: bool) -> Outcome:
        self.report.fired += 1
        self.report.typed += typed
        self.report.wrong += self._wrong(view, typed=typed)
        self.fired.add(view.proposal.id)
        self.drawn.take([], self.clock.monotonic())
        self.leave(view.proposal.id)
        return outcome(proposal_id=view.proposal.id, order=view.order)

    def _wrong(self, view: TicketView, *, typed: bool) -> list[str]:
        told, text, since = view.proposal.id, self.drawn.text, self.drawn.armed_since
        wrong = []
        if since is None or self.clock.monotonic() - since < READ_S - 1e-6:
            wrong.append(f"{told} was fired {since} before it was read:\n{text}")
        base = view.order.market.partition("-")[0]
        shown = (str(told), view.order.side.value.upper(), base, view.typed or "")
        missing = [word for word in shown if word not in text]
        if missing:
            wrong.append(f"{told} was fired, and {missing} is not on the screen:\n{text}")
        if typed != (view.typed_reason is not None):
            wrong.append(f"{told} was fired, typed {typed}, asked because {view.typed_reason}")
        if told in self.fired:
            wrong.append(f"{told} was fired again")
        return wrong

    def leave(self, proposal_id: int) -> None:
        """A proposal is over, here or elsewhere."""
        state = self.current
        assert state is not None
        (gone,) = [view.proposal for view in state.proposals if view.proposal.id == proposal_id]
        self.over[proposal_id] = replace(gone, state=ProposalState.EXECUTED)
        self.show(replace(state, proposals=tuple(v for v in state.proposals if v.proposal.id != proposal_id)))

    def arrive(self, number: int) -> None:
        """A new proposal, at the top or the bottom of the list."""
        state, random = self.current, self.random
        assert state is not None
        market, price = random.choice(MARKETS)
        reason = random.choice((None, None, "first LIVE order in 24 h"))
        left = self.clock.now() - NOW + random.randint(1, 30) * MINUTE
        amount = str(random.randint(6, 90))
        side = random.choice(tuple(Side))
        made = other_view(number, side, market, amount, price, price, left, typed_reason=reason)
        rows = (made, *state.proposals) if random.random() < 0.5 else (*state.proposals, made)
        self.show(replace(state, proposals=rows[:9]))


class Storm:
    """One console under it, until it is left by its keys or enough keys were pressed."""

    def __init__(self, running: Running, driver: StormDriver, random: Random) -> None:
        self.running, self.driver, self.random = running, driver, random
        self.next_number = 2000

    async def blow(self, keys: int) -> None:
        """Press so many keys, with everything else in between."""
        while self.driver.report.keys < keys and self.running.app.is_running:
            await (self._try_to_fire if self.random.random() < 0.8 else self._gust)()

    async def _gust(self) -> None:
        """Anything, faster than it can be drawn."""
        self.random.choice(self._weather())()
        await self._press(self.random.choices(KEYS, k=self.random.randint(1, BURST)))

    async def _try_to_fire(self) -> None:
        """What an operator presses, so that the storm also gets to where orders are; something may come in between."""
        random = self.random
        for _ in range(40):
            if len(self.running.screens) == 1:
                break
            self._pass(0.8)  # a card that has just come hears nothing yet
            await self._press([random.choice(("escape", "enter"))])
        else:
            raise AssertionError(f"no key leaves\n{self.running.text}")
        self._renew()
        await self._press(["down"] * random.randrange(4))
        for seconds, keys in ((0.0, "e"), (0.8, "amount"), (0.3, "FF")):
            chance = random.random()
            if chance < 0.12:
                random.choice(self._weather())()
                await self._settled()
            elif chance < 0.2:
                await self._press(random.choices(KEYS, k=2))
            self._pass(seconds if random.random() < 0.9 else seconds / 3)
            await self._settled()
            typed = [*random.choice(("", self.driver.total)), "enter"]
            await self._press(typed if keys == "amount" else [*keys])

    async def _press(self, keys: list[str]) -> None:
        self.driver.report.keys += len(keys)
        self.running.burst(*keys)
        await self._settled()

    async def _settled(self) -> None:
        await self.running.pilot.pause()

    def _weather(self) -> tuple[Callable[[], Any], ...]:
        app, driver, random = self.running.app, self.driver, self.random
        return (
            *[lambda: self._pass(random.choice((0.05, 0.2, 0.26, 0.3, 0.8, 0.8, 2.0)))] * 8,
            lambda: self._pass(random.choice((9.0, 40.0, 200.0))),
            lambda: app.post_message(events.Paste(random.choice(PASTES))),
            lambda: app.post_message(random.choice((events.AppBlur(), events.AppFocus()))),
            self._resize,
            self._arrive,
            self._end_one,
            lambda: driver.quote_changes.update(asks=levels((str(random.choice((60_900, 61_100, 61_600))), "0.4"))),
            driver.quote_changes.clear,
        )

    def _pass(self, seconds: float) -> None:
        self.driver.clock.step(seconds)
        if self.driver.current is not None:
            self.driver.show(self.driver.current)

    def _renew(self) -> None:
        """What has expired goes, and there is always something to decide."""
        state = self.driver.current
        assert state is not None
        late = [view.proposal.id for view in state.proposals if view.proposal.expires_at <= self.driver.clock.now()]
        for number in late:
            self.driver.leave(number)
        for _ in range(3 - len(state.proposals) + len(late)):
            self._arrive()

    def _arrive(self) -> None:
        self.next_number += 1
        self.driver.arrive(self.next_number)

    def _end_one(self) -> None:
        state = self.driver.current
        if state is not None and state.proposals:
            self.driver.leave(self.random.choice(state.proposals).proposal.id)

    def _resize(self) -> None:
        app = self.running.app
        if app._driver is not None:
            size = Size(*self.random.choice(SIZES))
            app._driver._size = (size.width, size.height)
            app.post_message(events.Resize(size, size))


def watch(app: ConsoleApp, driver: StormDriver) -> None:
    """Write down whatever the terminal would be given from now on, while a ticket is open."""
    display = app._display

    def displayed(screen: Any, renderable: Any) -> None:
        display(screen, renderable)
        drawn = renderable is not None and not app._batch_count and screen is app.screen
        if drawn and isinstance(screen, ConfirmScreen):
            lines = [strip.text for strip in screen._compositor.render_strips(app.size)]
            driver.drawn.take(lines, driver.clock.monotonic())

    def stay(*_: object, **__: object) -> None:
        driver.report.left += 1

    app._display = displayed  # type: ignore[method-assign]
    app.exit = stay  # type: ignore[method-assign]


async def storm(keys: int, seed: int) -> Report:
    """So many keys on one console; what should not have been sent stands in ``wrong``."""
    random, report = Random(seed), Report()
    driver = StormDriver(report, Drawn(), random)
    async with console(driver) as running:
        watch(running.app, driver)
        await Storm(running, driver, random).blow(keys)
    return report


def main() -> int:
    """Storm, tell, exit code 1 if an order was sent that should not have been, or if none was."""
    parser = argparse.ArgumentParser(prog="python -m tests.screens.key_storm", description=__doc__)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=20261124)
    asked = parser.parse_args()
    report = asyncio.run(storm(asked.keys, asked.seed))
    print(report)  # noqa: T201 - the report is what this command is for
    return 1 if report.wrong or not report.fired or not report.typed else 0


if __name__ == "__main__":
    sys.exit(main())
