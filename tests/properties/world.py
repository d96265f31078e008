"""The world a machine acts in: a simulated exchange with stepped time, one data folder, and the processes on it."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Awaitable, Coroutine
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from console.exchange.errors import ExchangeError
from console.execution.duties import reconcile_and_sweep
from console.execution.fills import orders_to_follow
from console.gauntlet.course import MEMORY
from console.gauntlet.private import PrivateExchange
from console.gauntlet.timeline import ClientSide, Timeline
from console.paper import engine
from console.paper.markets import SPECS
from storage.clock import SECOND
from storage.codes import RESTING, UNDECIDED
from storage.database import Tx
from storage.errors import BudgetExceeded, Conflict, InvalidPolicy, NotFound, StaleFence, VaultBroken
from storage.execution_rows import executions_in
from storage.facts import newest_sweep
from storage.market_models import Quote
from storage.models import Ticket
from storage.policy_store import activate_policy, active_policy
from storage.trading_state import imports_are_open
from tests.gauntlet.comparing import disagreements
from tests.properties.account import Account
from tests.properties.process import Died, Process, one_thread
from tests.properties.watch import Watch
from tests.storage.builders import policy_with
from tests.support import SeededEntropy

T = TypeVar("T")

MARKETS: Final = ("BTC-EUR", "ETH-EUR")
TRADED: Final = tuple(spec for spec in SPECS if spec.market in MARKETS)
"""Fewer markets, less to move on with every second that passes."""

REFUSALS: Final = (Conflict, NotFound, InvalidPolicy, BudgetExceeded, StaleFence)
"""What the vault may answer to a deed that cannot be done now."""

LOOKS: Final = 60
"""Turns of all jobs, five seconds apart, within which everything has come to rest once the faults are lifted."""

ARRIVES_S: Final = 40.0
"""By then an order has arrived, or never will, and the exchange's points are given anew."""

LIVELY: Final[dict[str, Any]] = {
    "name": "lively", "allowlist": MARKETS, "cooldown_min": 0, "anti_flip_min": 0, "cooldown_after_loss_min": 0,
    "trades": {"per_day": 6, "per_hour": 4}, "exits": {"per_day": 6, "per_hour": 4}, "exposure_eur": 450,
}  # fmt: skip
"""No waiting between trades, and limits that a story of a few dozen deeds gets to."""


class MachineClock(ClientSide):
    """The clock of the machine the processes run on; it can be set on and back, its monotonic one cannot."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self.ahead = 0

    def now(self) -> int:
        """The present as this machine has it, microseconds UTC."""
        return super().now() + self.ahead


class World:
    """Everything of one story. Every chance in it follows from the seed."""

    def __init__(self, seed: int) -> None:
        self._open = ExitStack()
        self._open.enter_context(one_thread())
        self._open.enter_context(_few_markets())
        memory = MEMORY if os.access(MEMORY, os.W_OK) else None
        self.home = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="oracle-world-", dir=memory)))
        self.folder = self.home / "paper"
        self.folder.mkdir()
        self.loop = asyncio.new_event_loop()
        self._open.callback(self.loop.close)
        self.exchange = PrivateExchange(self.folder, seed)
        self._open.callback(self.exchange.close)
        self.clock = MachineClock(self.exchange.timeline)
        self.exchange.clock = self.clock
        self.account = Account(self.exchange)
        self._open.enter_context(self.account.in_history())
        self.watch = Watch(self.folder)
        self.exchange.app = self.watch.before(self.exchange.app)
        self.processes: list[Process] = []
        self.tickets: list[tuple[Ticket, Quote]] = []
        """Drawn and not yet fired."""
        self.backups: list[Path] = []
        self.ends: Counter[str] = Counter()
        """What became of orders that were confirmed."""
        self.broke: list[str] = []
        """What broke in processes that are gone."""
        self.entropy = SeededEntropy(seed)
        self._born = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something to its end."""
        return self.loop.run_until_complete(work)

    async def begin(self) -> None:
        """The first process, lively rules, and a comparison with the exchange."""
        process = await self.process(0)
        await process.vault.transact(_lively)
        assert await reconcile_and_sweep(process.parts, force=True) == ""

    # processes ------------------------------------------------------------------------------------------------
    async def process(self, which: int) -> Process:
        """One of those that run; a new one if none does."""
        if not self.processes:
            await self.start()
        return self.processes[which % len(self.processes)]

    async def other(self, than: Process) -> Process:
        """Another process on the same folder."""
        if len(self.processes) < 2:
            await self.start()
        return next(each for each in self.processes if each is not than)

    async def start(self) -> Process:
        """One more process on the folder."""
        self._born += 1
        clients = await self._clients()
        process = await Process.start(self.folder, self._born, self.clock, self.entropy, clients, self.watch)
        self.processes.append(process)
        return process

    async def _clients(self) -> Any:
        while True:
            with suppress(ExchangeError):
                return await self.exchange.clients(10.0)
            await self.clock.sleep(5)  # a console that finds no exchange tries again

    async def kill(self, process: Process) -> None:
        """Nothing of the process goes on."""
        if process in self.processes:
            self.processes.remove(process)
            self.broke += process.broke
            await process.die()

    async def attempt(self, process: Process, work: Awaitable[T]) -> T | None:
        """Something a process does: it may be refused, find no exchange, or be the last thing it did."""
        try:
            return await work
        except (*REFUSALS, ExchangeError):
            return None
        except (Died, asyncio.CancelledError):
            await self.kill(process)
            return None
        except VaultBroken:
            if process in self.processes:
                raise
            return None  # it was killed before it came to this

    # rest -----------------------------------------------------------------------------------------------------
    async def come_to_rest(self) -> None:
        """Lift every fault, set the clock right, and let time pass until nothing is unsettled."""
        self.exchange.mend()
        self.clock.ahead = 0
        await self.exchange.timeline.drain()
        failed: ExchangeError | None = None
        for _ in range(LOOKS):
            process = await self.process(0)
            try:
                await _compare(process)
                if not await process.vault.read(_unsettled):
                    return
            except ExchangeError as error:
                failed = error
            await self.clock.sleep(5)
        left = await process.vault.read(lambda tx: (_unsettled(tx), newest_sweep(tx)))
        self.watch.broken.append(f"not at rest after {LOOKS * 5} s: {left}, {failed!r}")

    async def settle(self, process: Process) -> None:
        """If something is unsettled: lift the faults, wait until nothing can arrive any more, and compare."""
        if not await process.vault.read(_unsettled):
            return
        self.exchange.mend()
        await self.clock.sleep(ARRIVES_S)
        with suppress(ExchangeError):
            await _compare(process)

    async def end_everything(self) -> list[str]:
        """Come to rest twice, the second time with every order ended; what vault and exchange disagree on then."""
        await self.come_to_rest()
        self.exchange.cancel_all()
        await self.come_to_rest()
        process = await self.process(0)
        resting = await process.vault.read(lambda tx: executions_in(tx, RESTING))
        left = [f"execution {each.id} is {each.state}, and nothing rests at the exchange" for each in resting]
        return [*self.watch.broken, *left, *disagreements(self.home)]

    def close(self) -> None:
        """End all that runs, and leave nothing behind."""
        try:
            for process in list(self.processes):
                self.run(self.kill(process))
            self.run(_cancel_all())
        finally:
            self._open.close()


async def _compare(process: Process) -> None:
    """Read the exchange's clock, as every quote of a job does that is not run here, and compare."""
    await process.clients.quotes.fetch(MARKETS[0])
    await reconcile_and_sweep(process.parts, force=True)


def _few_markets() -> Any:
    from unittest.mock import patch

    return patch.object(engine, "SPECS", TRADED)


def _lively(tx: Tx) -> None:
    activate_policy(tx, policy_with(**LIVELY), active_policy(tx).activation_id)


def _unsettled(tx: Tx) -> list[str]:
    open_ones = [f"execution {each.id} is {each.state}" for each in executions_in(tx, UNDECIDED)]
    short = [f"fills of execution {each.id} are missing" for each in orders_to_follow(tx) if each.state not in RESTING]
    restored = ["what was sent before a restore may be unknown"] if imports_are_open(tx) else []
    return open_ones + short + restored


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def seconds(count: float) -> int:
    """Microseconds."""
    return round(count * SECOND)
