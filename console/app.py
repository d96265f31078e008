"""The console: one app, one dashboard, dialogs over it. What it shows and does is its driver's."""

from __future__ import annotations

from console.terminal import prepare_environment

prepare_environment()

import asyncio  # noqa: E402 - the environment must be set before the terminal library is imported
import importlib  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Coroutine  # noqa: E402
from datetime import UTC, tzinfo  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Any, ClassVar, Final  # noqa: E402
from zoneinfo import ZoneInfo  # noqa: E402

from rich.text import Text  # noqa: E402
from textual import events  # noqa: E402
from textual.app import App  # noqa: E402
from textual.binding import Binding, BindingType  # noqa: E402
from textual.screen import Screen  # noqa: E402

from console import format as fmt  # noqa: E402
from console.actions import BY_ID  # noqa: E402
from console.panes.drawing import Scene  # noqa: E402
from console.screens.bars import StopBar  # noqa: E402
from console.screens.base import DRIVER_ERRORS  # noqa: E402
from console.screens.confirm_line import Span  # noqa: E402
from console.screens.confirm_terms import Key  # noqa: E402
from console.screens.dashboard import DashboardScreen  # noqa: E402
from console.screens.deeds import LATER  # noqa: E402
from console.screens.presence import Presence  # noqa: E402
from console.screens.title import Title, has_title, sequence, title_text  # noqa: E402
from console.symbols import SETS  # noqa: E402
from console.terminal_bytes import read_bytes_leniently  # noqa: E402
from console.text import safe_text  # noqa: E402
from console.theme import THEMES, VARIABLE_DEFAULTS  # noqa: E402

if TYPE_CHECKING:
    from console.execution.outcome import Outcome
    from console.execution.ticket import TicketView
    from console.screens.broken_card import Broken
    from console.screens.driver import Driver
    from console.settings import Settings
    from storage.execution_models import Execution

NOTICE_SECONDS: Final = 10.0
STOP_REASON: Final = "stop key"
ABSENCE_CHECK_S: Final = 1.0
GREETING_CHECK_S: Final = 0.1

log = logging.getLogger(__name__)


def always() -> bool:
    """What is said stays true."""
    return True


def local_zone(at: int) -> tzinfo:
    """The machine's zone with its changes of the clock; where it cannot be read, its offset at that instant."""
    try:
        name = os.environ.get("TZ")
        if name:
            return ZoneInfo(name)
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError, KeyError):
        return fmt.moment(at).astimezone().tzinfo or UTC


class ConsoleApp(App[int], inherit_bindings=False):
    """The full-screen console. It owns no order: what is fired belongs to the driver and ends without it."""

    CSS_PATH = "console.tcss"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+x", "stop", show=False, priority=True)]

    def __init__(self, driver: Driver, settings: Settings, painted: asyncio.Event | None = None) -> None:
        self.driver = driver
        self.painted = asyncio.Event() if painted is None else painted
        """Set when the first frame is out: what takes long to load is loaded from then on."""
        self.symbols = SETS[settings.looks.symbols]
        self.settings = settings
        super().__init__()
        self.utc = settings.looks.utc
        self._local = local_zone(driver.clock.now())
        self._notice: tuple[Span, float, Callable[[], bool]] | None = None
        """What was said last, until when it is new, and whether it still holds."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: list[Outcome | Broken] = []
        self.presence = Presence(driver)
        self._terminal_title = Title(self._write_title)
        self.title = title_text(None, driver.mode)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = settings.looks.theme

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The tokens, for a theme that lacks them."""
        return dict(VARIABLE_DEFAULTS)

    def get_default_screen(self) -> Screen[Any]:
        """The dashboard, before there is any state."""
        return DashboardScreen(self)

    def on_mount(self) -> None:
        """Watch for the operator's absence; greet whoever has never pressed a key here."""
        self.set_interval(ABSENCE_CHECK_S, self._watch_absence)
        self._greeting = self.set_interval(GREETING_CHECK_S, self._greet)
        if self.dashboard is not None:
            self.dashboard.welcome_over = True  # until it is known that nobody was here before
        self.call_later(self._greet)
        self.call_after_refresh(self.painted.set)

    async def _greet(self) -> None:
        """The card of the first start, once: a stored key of any earlier console says that it was closed for good."""
        if not await self.presence.ask_before():
            return
        self._greeting.stop()
        self.spawn(self._load_dialogs(), "loading the dialogs")
        dashboard = self.dashboard
        if dashboard is not None and not self.presence.was_here and not self.presence.pressed:
            dashboard.welcome_over = False
            dashboard.refresh_all()

    @staticmethod
    async def _load_dialogs() -> None:
        """Before the first key asks for one, as it should open at once."""
        for module in LATER:
            await asyncio.to_thread(importlib.import_module, module)

    async def on_event(self, event: events.Event) -> None:
        """Every key says that somebody is there, wherever it goes."""
        if isinstance(event, events.Key) and not Key(event.key, event.character).is_modifier and self.presence.key():
            self.spawn(self.presence.store(), "noting the key")
        await super().on_event(event)

    async def _watch_absence(self) -> None:
        since = await self.presence.away_since()
        if since is not None and self.is_running and self.screen is self.dashboard:
            from console.screens.since_card import SinceCard

            self.presence.told()
            self.push_screen(SinceCard(since))

    def show_title(self) -> None:
        """The terminal's title, written when it changes."""
        text = title_text(self.driver.state, self.driver.mode)
        if self._terminal_title.show(text):
            self.title = text

    def _write_title(self, text: str) -> None:
        # The library has no way to set a title; its writer keeps this whole between two frames.
        if has_title() and self._driver is not None:
            self._driver.write(text)

    # ---- what screens ask of the app

    def scene(self) -> Scene:
        """Now, and how it is drawn."""
        clock = self.driver.clock
        return Scene(
            now=clock.now(),
            monotonic=clock.monotonic(),
            mode=self.driver.mode,
            zone=UTC if self.utc else self._local,
            zone_name="UTC" if self.utc else "",
            symbols=self.symbols,
            who=self.driver.actor.name,
        )

    @staticmethod
    def clean(text: str) -> str:
        """A sentence from outside, as it may be shown."""
        return safe_text(text, 400)

    def say(self, text: str, token: str = "", *, while_true: Callable[[], bool] = always) -> None:
        """One sentence on the activity line, for ten seconds, or until it stops being true."""
        self._notice = (Span(self.clean(text), token), self.driver.clock.monotonic() + NOTICE_SECONDS, while_true)
        dashboard = self.dashboard
        if dashboard is not None:
            dashboard.refresh_all()

    def notice(self) -> Span | None:
        """What was said last, while it is new."""
        if self._notice is None:
            return None
        words, until, holds = self._notice
        if self.driver.clock.monotonic() >= until or not holds():
            self._notice = None
            return None
        return words

    @property
    def dashboard(self) -> DashboardScreen | None:
        """The dashboard, while the app runs."""
        if not self.is_running or not self.screen_stack:
            return None
        first = self.screen_stack[0]
        return first if isinstance(first, DashboardScreen) else None

    def toggle_utc(self) -> None:
        """Local time or UTC."""
        self.utc = not self.utc

    def spawn(self, work: Coroutine[Any, Any, None], doing: str) -> None:
        """Run something that no screen owns; a failure becomes one sentence, never a crash."""

        async def guarded() -> None:
            try:
                await work
            except DRIVER_ERRORS as error:
                self.say(f"{doing}: {error}", "wait")
            except Exception:  # the seam of everything a key starts: the log has it, the screen lives on
                log.exception("%s failed", doing)
                self.say(f"{doing} failed; the log says why", "stop")

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- forms that cards open

    def open_exit(self, market: str, parent: int | None = None) -> None:
        """The form that sells what is held of a market, over the dashboard."""
        if self.dashboard is not None:
            # Not from the card's own queue: the card is gone by the time the form answers, and nobody would hear it.
            self.call_later(self.dashboard.deeds.open_exit, market, parent)

    def open_verdict(self, execution: Execution) -> None:
        """The form of a verdict on an UNKNOWN, over the dashboard."""
        if self.dashboard is not None:
            self.call_later(self.dashboard.deeds.open_verdict, execution)

    def open_again(self, proposal_id: int) -> None:
        """The form of a new idea, filled from a proposal that has ended, over the dashboard."""
        if self.dashboard is not None:
            self.spawn(self.dashboard.deeds.open_again(proposal_id), f"reading {proposal_id}")

    def why_not(self, action: str) -> str | None:
        """Why an action of the registry cannot be done now; None if it can."""
        dashboard = self.dashboard
        return "the console is ending" if dashboard is None else dashboard.deeds.available(BY_ID[action])

    # ---- firing

    def fire(self, view: TicketView, *, typed: bool) -> None:
        """Send an order. The dialog is gone; the attempt is the driver's and goes on without this app."""

        async def firing() -> None:
            try:
                outcome = await self.driver.fire(view, typed=typed)
            except DRIVER_ERRORS as error:
                await self._broke_off(view, error)
            else:
                self._ended(outcome)

        self.say(f"{view.proposal.id} fired, waiting for the answer")
        self.spawn(firing(), f"firing {view.proposal.id}")

    def _ended(self, outcome: Outcome) -> None:
        from console.execution.outcome import End
        from console.screens.cards import outcome_sentence

        state = self.driver.state
        tick = None if state is None else state.tick_sizes.get(outcome.order.market)
        bad = outcome.end is not End.ACCEPTED
        self.say(outcome_sentence(outcome, tick), "stop" if outcome.end is End.UNKNOWN else "wait" if bad else "")
        self._waiting.append(outcome)
        self.show_waiting()

    async def _broke_off(self, view: TicketView, error: Exception) -> None:
        """Firing ended without an outcome: whether anything was claimed is read from the vault, never guessed."""
        from console.screens.broken_card import Broken

        log.warning("firing %s: %s", view.proposal.id, error)
        self.say(f"firing {view.proposal.id}: {error}", "stop")
        try:
            holder = (await self.driver.ticket(view.proposal.id)).question.facts.holder
        except DRIVER_ERRORS:
            sent = None
        else:
            # Claimed by this process, it may have been sent before it broke; claimed by another, this one sent nothing.
            sent = holder is not None and holder.instance == self.driver.actor.instance
        self._waiting.append(Broken(view, self.clean(str(error)), sent))
        self.show_waiting()

    def show_waiting(self) -> None:
        """Show the next outcome, unless something is open over the dashboard."""
        if not self._waiting or not self.is_running or self.screen is not self.dashboard:
            return
        from console.execution.outcome import End
        from console.screens.broken_card import Broken, BrokenCard
        from console.screens.cards import OutcomeCard

        outcome = self._waiting.pop(0)
        if isinstance(outcome, Broken):
            self.push_screen(BrokenCard(outcome))
        elif outcome.end is End.UNKNOWN and outcome.execution_id is not None:
            self.spawn(self._show_unknown(outcome, outcome.execution_id), f"reading {outcome.proposal_id}")
        else:
            self.push_screen(OutcomeCard(outcome))

    async def _show_unknown(self, outcome: Outcome, execution_id: int) -> None:
        """The card of an order without an answer, from the vault: the state on the screen may be from before it."""
        from console.screens.cards import OutcomeCard
        from console.screens.unknown_card import UnknownCard

        card: UnknownCard | OutcomeCard = OutcomeCard(outcome)
        try:
            facts = await self.driver.unknown(execution_id)
            if facts.settled:
                card = OutcomeCard(await self.driver.execution_outcome(execution_id))
            else:
                card = UnknownCard(facts.execution, facts)
        except DRIVER_ERRORS as error:
            log.warning("reading %s: %s", outcome.proposal_id, error)
        if self.is_running and self.screen is self.dashboard:
            self.push_screen(card)
        else:
            self._waiting.insert(0, outcome)

    # ---- stopping

    def action_stop(self) -> None:
        """The stop bar, over whatever is open; once."""
        if not any(isinstance(screen, StopBar) for screen in self.screen_stack):
            self.push_screen(StopBar(), self._stop)

    def _stop(self, answer: str | None) -> None:
        if answer == "halt":
            self.say("halting", "stop")
            self.spawn(self._halt(stops=False), "halting")
        elif answer == "halt, stops too":
            self.say("halting, the stops too", "stop")
            self.spawn(self._halt(stops=True), "halting")
        elif answer == "reduce":
            self.spawn(self._reduce(), "reducing")

    async def _halt(self, *, stops: bool) -> None:
        report = await self.driver.halt(STOP_REASON, stops=stops)
        left = f"; not cancelled: {', '.join(report.left)}" if report.left else ""
        self.say(f"{report.text}; {report.canceled} cancelled{left}", "stop")

    async def _reduce(self) -> None:
        await self.driver.reduce(STOP_REASON)
        self.say("reduce only: nothing buys from here on", "wait")

    # ---- ending

    def _fatal_error(self) -> None:
        """End with one sentence; the library's own trace would print the values of local variables."""
        kind = sys.exc_info()[0]
        log.critical("the console ended on an error", exc_info=True)
        name = "an error" if kind is None else kind.__name__
        sentence = f"The console ended on {name}; the log has it. Orders on their way are followed to their end."
        self._exit_renderables.append(Text(sentence))
        self._close_messages_no_wait()


async def run_console(driver: Driver, settings: Settings, painted: asyncio.Event | None = None) -> int:
    """Show the console until the operator leaves; the exit code. ``painted`` is set once the first frame is out."""
    read_bytes_leniently()
    app = ConsoleApp(driver, settings, painted)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # A closed terminal and a polite kill are a clean stop: orders in flight are still waited for.
        loop.add_signal_handler(number, app.exit, 0)
    try:
        await app.run_async()
    finally:
        stream = sys.__stderr__  # where the screen was drawn
        if has_title() and stream is not None and stream.isatty():
            stream.write(sequence(""))
            stream.flush()
    return app.return_code or 0
