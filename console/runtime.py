"""The runtime: owns the engine and every background task, and outlives the screen.

It builds the console's state when anybody commits, watches HALT files, keeps quotes of open proposals fresh, and hands
operators' decisions to the engine. It knows no Textual. Whatever needs the vault, the exchange or the rules is imported
where it is used: the screen's first frame waits for this module.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from console.clock import SECOND, SystemClock, SystemEntropy
from console.decisions import Decisions
from console.exchange.errors import ExchangeError, MissingKeys
from storage.codes import Mode, TradingState
from storage.errors import VaultBusy, VaultDead, VaultError, VaultFull
from storage.glance import Glimpse, glance
from storage.halt_file import raise_halt

if TYPE_CHECKING:
    # The engine and all behind it are loaded after the first frame: see ``_start``.
    from console.engine import Engine
    from console.home import Home
    from console.market_data import MarketData
    from console.scheduler.worker import Scheduler
    from console.settings import Settings
    from console.state import ConsoleState
    from console.streaming import Streaming
    from storage.actor import Actor
    from storage.clock import Clock
    from storage.models import TradingRecord

ENGINE_MODULES: Final = (
    "console.engine",
    "console.market_data",
    "console.scheduler.worker",
    "console.state",
    "console.streaming",
)

REST_S: Final = 0.03
"""Between two builds of the state. With the look at commits every 50 ms, another's is on the screen within 120 ms."""

WAKES_LATE_S: Final = 0.002
"""A wait until a whole second ends this much after it, never before."""

REBUILD_S: Final = 1.0
START_AGAIN_S: Final = 2.0

log = logging.getLogger(__name__)


def _may_pass() -> tuple[type[Exception], ...]:
    from console.paper.process import ExchangeUnavailable

    return (VaultBusy, VaultFull, ExchangeError, ExchangeUnavailable)


def _startup_problems() -> tuple[type[Exception], ...]:
    return (*_may_pass(), VaultError, MissingKeys, ValueError, OSError)


class Runtime(Decisions):
    """One process's console, with or without a screen."""

    def __init__(
        self, home: Home, settings: Settings, actor: Actor, *, scheduler: bool = True, read_only: bool = False
    ) -> None:
        self.home = home
        self.mode: Mode = home.mode
        self.settings = settings
        self.actor = actor
        self.read_only = read_only
        self._system_clock = SystemClock()
        self.clock: Clock = self._system_clock
        self._entropy = SystemEntropy()
        self._runs_jobs = scheduler and not read_only
        self._engine: Engine | None = None
        self._scheduler: Scheduler | None = None
        self._streaming: Streaming | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._owned: set[asyncio.Task[Any]] = set()
        self._subscribers: list[Callable[[], None]] = []
        self._glimpses = glance(home.folder, home.mode)
        self._state: ConsoleState | None = None
        self._changed = asyncio.Event()
        self._markets: MarketData | None = None
        self._seen_trading = -1
        self._second = -1
        """The whole second of the last build."""
        self.startup = "opening the vault and the market"
        self.problem: str | None = None
        self.failed: BaseException | None = None

    # what the screen reads -------------------------------------------------------------------------------------
    @property
    def state(self) -> ConsoleState | None:
        """The newest state; None before the first."""
        return self._state

    @property
    def glimpses(self) -> tuple[Glimpse, ...]:
        """The open proposals as stored when this process began; nothing is decided by them."""
        return self._glimpses

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back on the event loop when there is something new; the returned function ends it."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def in_flight(self) -> int:
        """Orders of this process between fire and settle."""
        return 0 if self._engine is None else self._engine.parts.executor.in_flight

    # life ------------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Open everything and begin to work; what may pass (a locked vault, a silent exchange) is tried again.

        A problem becomes ``startup`` and ``failed``; nothing is raised.
        """
        while True:
            try:
                await self._start()
                return
            except _may_pass() as error:
                log.warning("the console waits to start: %s", error)
                self.failed, self.startup = error, f"{error}; trying again"
                self._tell()
                await asyncio.sleep(START_AGAIN_S)
            except Exception as error:  # a seam: a start that ended unseen would look like one that takes long
                log.exception("the console could not start")
                self.failed = error
                known = isinstance(error, _startup_problems())
                self.startup = str(error) if known else f"the start failed ({type(error).__name__}); the log says why"
                self._tell()
                return

    async def _start(self) -> None:
        # In a thread: the first frame is drawn, and keys are read, while they load.
        for module in ENGINE_MODULES:
            await asyncio.to_thread(importlib.import_module, module)
        from console.engine import Engine
        from console.execution.duties import make_duties
        from console.jobs import make_jobs
        from console.market_data import MarketData
        from console.scheduler.worker import Scheduler
        from console.streaming import NEWS_S, Streaming

        if self._engine is None:
            self._engine = await Engine.open(self.home, self.settings, self._system_clock, self._entropy, self.actor)
        engine = self._engine
        self.startup = "reading the market"
        await engine.record_halt_file()
        if not self._tasks:
            engine.vault.commits.listen(self._changed.set)
            self._streaming = streaming = Streaming(engine, wakes=not self.read_only)
            self._markets = markets = MarketData(engine, streaming, self._changed.set)
            quotes_s = float(self.settings.intervals.quotes_seconds)  # a turn itself waits for up to a second
            self._tasks = [
                asyncio.create_task(self._forever("reading the vault", lambda: self._watch(engine), REST_S)),
                asyncio.create_task(self._forever("fetching quotes", markets.keep_quotes, quotes_s - 1)),
                asyncio.create_task(self._forever("listening to the exchange", streaming.run, REBUILD_S)),
                asyncio.create_task(self._forever("taking over news of orders", streaming.wake_jobs, NEWS_S)),
                asyncio.create_task(
                    self._forever("fetching candles", lambda: markets.keep_candles(self._state), REBUILD_S)
                ),
            ]
        if self._runs_jobs:
            scheduler = Scheduler(
                engine.vault,
                self.clock,
                self.actor.instance,
                temporary=(ExchangeError, VaultBusy, VaultFull),
            )
            for job in (*make_jobs(engine.looking, self.settings.intervals.look_seconds), *make_duties(engine.parts)):
                scheduler.register(job)
            # Before any claim: what an earlier process left unsettled is looked for, what it left as stops compared.
            with suppress(ExchangeError):
                await engine.settle_before_claims(compare_stops=True)
            await scheduler.start()
            self._scheduler = scheduler
        self.failed = None

    async def stop(self) -> None:
        """End the jobs, wait for orders in flight, close. Safe to call more than once; closes whatever broke."""
        try:
            if self._scheduler is not None:
                scheduler, self._scheduler = self._scheduler, None
                await scheduler.stop()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._tasks = []
            if self._owned:
                await asyncio.wait(set(self._owned))
        finally:
            if self._engine is not None:
                engine, self._engine = self._engine, None
                await engine.close()

    # background ------------------------------------------------------------------------------------------------
    async def _forever(self, doing: str, turn: Callable[[], Awaitable[None]], pause_s: float) -> None:
        """Repeat a turn; whatever goes wrong in one is told and does not end the others."""
        while True:
            try:
                await turn()
            except Exception as error:  # the seam of what runs in the background: a loop that ended would go unseen
                self._note_problem(doing, error)
                await asyncio.sleep(REBUILD_S)
            await asyncio.sleep(pause_s)

    def _note_problem(self, doing: str, error: Exception) -> None:
        if isinstance(error, VaultError):
            self.problem = str(error)
            log.warning("%s: %s", doing, error)
        else:
            self.problem = f"{doing} failed ({type(error).__name__}); the log says why"
            log.error("%s failed", doing, exc_info=error)
        if isinstance(error, VaultDead):
            with suppress(OSError):
                raise_halt(self.home.folder)
        self._tell()

    async def _watch(self, engine: Engine) -> None:
        """Build the state when something has changed, and at every whole second: the clocks on the screen step then."""
        now = self.clock.now()
        if now // SECOND == self._second:
            with suppress(TimeoutError):
                async with asyncio.timeout((SECOND - now % SECOND) / SECOND + WAKES_LATE_S):
                    await self._changed.wait()
        self._changed.clear()
        if (second := self.clock.now() // SECOND) != self._second:
            await engine.record_halt_file()
            await engine.vault.flush_head()
        if not engine.vault.commits.looks:
            raise VaultDead("nobody looks for commits any more; trading is stopped, restart the program")
        await self._rebuild(engine)
        self._second, self.problem = second, None

    async def _rebuild(self, engine: Engine) -> None:
        from console.state import Link, Surroundings, build_state

        quotes, streaming = engine.parts.quotes, self._streaming
        if streaming is not None:
            streaming.take_books()
        heard = None if streaming is None else streaming.heard
        times = [at for at in (quotes.answered, heard) if at is not None]
        around = Surroundings(
            quotes=dict(quotes.latest),
            rules=dict(quotes.rules),
            link=Link(max(times, default=None), quotes.problem, "polled" if heard is None else "stream"),
            source=engine.connection.source,
            instance=self.actor.instance,
            candles={} if self._markets is None else dict(self._markets.candles),
            runs_jobs=self._scheduler is not None,
        )
        self._state = await engine.vault.read(lambda tx: build_state(tx, around))
        self._see_senders_out(self._state.header.trading)
        self._tell()

    def _see_senders_out(self, record: TradingRecord) -> None:
        """Once for each stop: wait for orders that passed the last check before it was recorded, and log the end."""
        if record.id == self._seen_trading:
            return
        self._seen_trading = record.id
        if record.state is not TradingState.ACTIVE:
            self._tasks.append(asyncio.create_task(self._wait_for_senders(record)))

    async def _wait_for_senders(self, record: TradingRecord) -> None:
        from console.execution.halting import see_senders_out

        log.warning("%s", await see_senders_out(self.home.folder, self.clock, record))

    def _tell(self) -> None:
        for callback in list(self._subscribers):
            callback()
