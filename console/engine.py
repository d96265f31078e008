"""The engine: vault, clients, quotes and executor of one data folder, opened together and closed in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.clock import SystemClock, SystemEntropy, seeded
from console.exchange.address import Address, live_address, paper_address
from console.exchange.exchange_time import Ticking
from console.exchange.quotes import Quotes
from console.exchange.readonly import ReadOnlyClient
from console.exchange.signing import KeyPair
from console.exchange.weights import WeightBudget
from console.execution.duties import Parts, has_unsettled, reconcile_and_sweep
from console.execution.executor import Executor
from console.execution.keys import account_stream, live_readonly_keys, trade_client, trade_fingerprint
from console.execution.rights import require_order_reads
from console.home import Home
from console.jobs import Looking
from console.paper import process as exchange_process
from console.settings import Settings
from storage.clock import SECOND, Micros
from storage.codes import JobName, Mode
from storage.database import Tx, Vault
from storage.errors import StaleFence
from storage.facts import newest_sweep
from storage.halt_file import halt_file_present, prepare_halt
from storage.leases import acquire_lease, finish_lease, hurry_job, register_job
from storage.models import Actor, Lease
from storage.stops import live_stops
from storage.sweeps import bind_exchange
from storage.trading_state import is_news, latch_halt_file

if TYPE_CHECKING:
    from console.exchange.stream import Stream

FRESH_SWEEP: Final = 90 * SECOND
"""A sweep this young serves; the gate wants one of at most 120 s."""

WAIT_FOR_SWEEP_S: Final = 5.0
"""How long to wait for another process's sweep before making one's own."""

SETTLE_LEASE: Final = 20 * SECOND

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the exchange is and with which keys; ``held`` keeps a simulated one running."""

    address: Address
    readonly: KeyPair
    trade_fingerprint: str
    source: str
    held: exchange_process.Held | None


@dataclass(slots=True)
class Engine:
    """Everything that can act on a data folder."""

    home: Home
    settings: Settings
    clock: SystemClock
    entropy: SystemEntropy
    actor: Actor
    vault: Vault
    parts: Parts
    looking: Looking
    connection: Connection
    identity: str
    budget: WeightBudget
    ticking: Ticking

    @classmethod
    async def open(
        cls, home: Home, settings: Settings, clock: SystemClock, entropy: SystemEntropy, actor: Actor
    ) -> Engine:
        """Open the vault and connect, side by side.

        Raises VaultError, ExchangeError, ExchangeUnavailable, MissingKeys; what was opened is closed again.
        """
        opening = asyncio.ensure_future(open_vault(home, clock, entropy, actor))
        connecting = asyncio.ensure_future(connect(home, settings))
        try:
            vault, connection = await asyncio.gather(opening, connecting)
        except BaseException:
            for task in (opening, connecting):
                with suppress(BaseException):
                    result = await task
                    await result.close() if isinstance(result, Vault) else release(result)
            raise
        engine: Engine | None = None
        try:
            engine = await cls._assemble(home, settings, clock, entropy, actor, vault, connection)
            await vault.transact(lambda tx: bind_exchange(tx, engine.identity))
        except BaseException:
            if engine is not None:
                await engine.close()
            else:
                await vault.close()
                release(connection)
            raise
        return engine

    @classmethod
    async def _assemble(
        cls,
        home: Home,
        settings: Settings,
        clock: SystemClock,
        entropy: SystemEntropy,
        actor: Actor,
        vault: Vault,
        connection: Connection,
    ) -> Engine:
        ticking = Ticking.of(clock, seeded(int.from_bytes(entropy.token(4), "big")))
        budget = WeightBudget(ticking.time)
        readonly = ReadOnlyClient(
            connection.address,
            connection.readonly,
            budget,
            ticking,
            trade_fingerprint=connection.trade_fingerprint,
        )
        try:
            identity = await readonly.identity()
        except BaseException:
            await readonly.aclose()
            raise
        trade = trade_client(home.mode, home.folder, connection.address, budget, ticking, identity)
        try:
            await require_order_reads(vault, trade)
        except BaseException:
            await readonly.aclose()
            await trade.aclose()
            raise
        quotes = Quotes(readonly, clock)
        executor = Executor(vault, trade, clock)
        parts = Parts(vault, readonly, trade, quotes, executor, clock, clock.sleep)
        looking = Looking(vault, readonly, quotes, clock)
        return cls(home, settings, clock, entropy, actor, vault, parts, looking, connection, identity, budget, ticking)

    def listen(self, on_account: Callable[[], None]) -> Stream:
        """The exchange's stream, not running yet; ``on_account`` is called when something happened to an order."""
        return account_stream(
            self.home.mode,
            self.home.folder,
            lambda: self.parts.readonly.transport.address,
            self.budget,
            self.ticking,
            on_account,
        )

    async def close(self) -> None:
        """Wait for orders in flight, then close clients and vault, and let the simulated exchange go."""
        try:
            await self.parts.executor.wait_until_idle()
            await self.parts.trade.aclose()
            await self.parts.readonly.aclose()
        finally:
            try:
                await self.vault.close()
            finally:
                release(self.connection)

    async def settle_before_claims(self, *, compare_stops: bool = False) -> None:
        """Look for unsettled orders, and make sure that a fresh, clean sweep stands: by this process or by another.

        With ``compare_stops`` none from before this call will do while a stop stands at the exchange.
        One process sweeps under the job's lease, the others wait for its row. Raises ExchangeError, VaultError.
        """
        since = self.vault.clock.now() if compare_stops else None
        deadline = self.clock.monotonic() + WAIT_FOR_SWEEP_S
        while True:
            if await self.vault.read(lambda tx: _is_settled(tx, since)):
                return
            lease = await self.vault.transact(self._take_reconcile)
            if lease is not None:
                await self._sweep_under(lease)
                return
            if self.clock.monotonic() >= deadline:
                await reconcile_and_sweep(self.parts, force=True)
                return
            await asyncio.sleep(0.1)

    def _take_reconcile(self, tx: Tx) -> Lease | None:
        register_job(tx, JobName.RECONCILE, 60 * SECOND)
        hurry_job(tx, JobName.RECONCILE)
        # Short: there is no heartbeat here, and a killed command must not keep the consoles' own sweeps away.
        return acquire_lease(tx, JobName.RECONCILE, self.actor.instance, lives=SETTLE_LEASE)

    async def _sweep_under(self, lease: Lease) -> None:
        started, error, told = self.clock.now(), None, ""
        try:
            told = await reconcile_and_sweep(self.parts, force=True)
        except BaseException as failure:
            error = f"{type(failure).__name__}: {failure}"
            raise
        finally:
            await self._give_back(lease, started, told, error)

    async def _give_back(self, lease: Lease, started: int, told: str, error: str | None) -> None:
        def finish(tx: Tx) -> None:
            finish_lease(
                tx, lease, next_run_at=tx.now + 60 * SECOND, started_at=started, summary=told,
                changed=bool(told), error=error, temporary=True,
            )  # fmt: skip

        with suppress(StaleFence):
            await self.vault.transact(finish)

    async def revive_exchange(self) -> None:
        """Find the simulated exchange of this folder again, started if it is gone, wherever it answers now."""
        if self.home.mode is not Mode.PAPER:
            return
        try:
            found = await asyncio.to_thread(exchange_process.ensure_exchange, self.home.folder)
        except (exchange_process.ExchangeUnavailable, OSError) as error:
            log.warning("%s", error)
            return
        address = paper_address(found.rest)
        if address == self.parts.trade.transport.address or f"simulated:{found.id}" != self.identity:
            return
        log.warning("the simulated exchange answers at %s now", found.rest)
        self.parts.trade.transport.move_to(address)
        self.parts.readonly.transport.move_to(address)

    async def record_halt_file(self) -> bool:
        """If a HALT file stands that the vault does not know yet, record it; whether a file stands."""
        if (path := halt_file_present(self.home.folder)) is None:
            return False
        if await self.vault.read(lambda tx: is_news(tx, path)):
            await self.vault.transact(latch_halt_file)
        return True


def _is_settled(tx: Tx, since: Micros | None) -> bool:
    sweep = newest_sweep(tx)
    if sweep is None or not sweep.clean or not 0 <= tx.now - sweep.finished_at < FRESH_SWEEP or has_unsettled(tx):
        return False
    return since is None or sweep.finished_at >= since or not live_stops(tx)


async def open_vault(home: Home, clock: SystemClock, entropy: SystemEntropy, actor: Actor) -> Vault:
    """Open the mode's vault and prepare its stop. Raises VaultError."""
    vault = await Vault.open(home.folder, home.mode, clock, entropy, actor)
    try:
        prepare_halt(home.folder)
    except OSError as error:
        log.warning("HALT.off could not be prepared: %s", error)
    return vault


async def connect(home: Home, settings: Settings) -> Connection:
    """Find the exchange and its keys; starts the simulated one of a PAPER folder.

    Raises ExchangeUnavailable, MissingKeys, ValueError for an address that is not allowed.
    """
    if home.mode is Mode.LIVE:
        readonly = live_readonly_keys()
        return Connection(live_address(), readonly, trade_fingerprint(home.mode, home.folder), "bitvavo, main", None)
    held = await asyncio.to_thread(exchange_process.hold, home.folder)
    made = await asyncio.to_thread(exchange_process.seed_of, home.folder)
    try:
        found = await asyncio.to_thread(
            exchange_process.ensure_exchange,
            home.folder,
            seed=None if made is not None else settings.paper.seed,
            options=("--balance", str(settings.paper.balance_eur)),
        )
    except BaseException:
        held.close()
        raise
    return Connection(
        paper_address(found.rest),
        KeyPair(found.readonly.key, found.readonly.secret),
        trade_fingerprint(home.mode, home.folder),
        await asyncio.to_thread(_source, home.folder),
        held,
    )


def _source(folder: Path) -> str:
    found = exchange_process.source_of(folder)
    return "simulated" if found is None else found


def release(connection: Connection) -> None:
    """Let a simulated exchange know that this process no longer needs it."""
    if connection.held is not None:
        connection.held.close()
