"""What the operator decides: tickets and orders, declining, stopping and going on, cancels, looks and reconciles."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from console.ways_on import WaysOn
from storage.codes import JobName
from storage.errors import Conflict, VaultError

if TYPE_CHECKING:  # the screen's first frame waits for this module: what decisions need is imported when they are made
    from console.engine import Engine
    from console.execution.halting import HaltReport
    from console.execution.outcome import Outcome
    from console.execution.ticket import TicketView
    from console.home import Home
    from storage.clock import Clock
    from storage.database import Tx

T = TypeVar("T")

log = logging.getLogger(__name__)


class Decisions(WaysOn):
    """The part of the runtime that hands decisions to the engine; they survive whoever waits for them."""

    home: Home
    clock: Clock
    startup: str
    _engine: Engine | None
    _changed: asyncio.Event
    """Set when something was decided: the state is built anew."""
    _owned: set[asyncio.Task[Any]]

    async def ticket(self, proposal_id: int) -> TicketView:
        """The ticket of a proposal on a fresh quote. Raises VaultError (NotFound)."""
        from console.execution.ticket import view_ticket

        engine = self._ready()
        market = await engine.vault.read(lambda tx: _market_of(tx, proposal_id))
        quote = await engine.parts.quotes.fetch(market)
        return await engine.vault.read(lambda tx: view_ticket(tx, proposal_id, quote))

    async def fire(self, view: TicketView, *, typed: bool) -> Outcome:
        """Send the ticket's order through the gate; survives whoever waits. Raises VaultError."""
        self._may_write()
        executor = self._ready().parts.executor
        outcome = await self._own(executor.execute(view.ticket, view.question.quote, typed_amount=typed))
        self._changed.set()
        return outcome

    async def execution_outcome(self, execution_id: int) -> Outcome:
        """How an attempt stands now. Raises VaultError."""
        from console.execution.executor import outcome_of

        return await self._ready().vault.read(lambda tx: outcome_of(tx, execution_id, None, None))

    async def decline(self, proposal_id: int, note: str | None) -> None:
        """Decline a proposal. Raises VaultError."""
        from storage.proposals import decline

        self._may_write()
        await self._ready().vault.transact(lambda tx: decline(tx, proposal_id, note))

    async def note_decline(self, proposal_id: int, note: str) -> None:
        """Store why a proposal was declined, after the fact. Raises VaultError."""
        from storage.proposals import note_decline

        self._may_write()
        await self._ready().vault.transact(lambda tx: note_decline(tx, proposal_id, note))

    async def undo_decline(self, proposal_id: int) -> None:
        """Take a decline back within 5 s. Raises VaultError."""
        from storage.proposals import undo_decline

        self._may_write()
        await self._ready().vault.transact(lambda tx: undo_decline(tx, proposal_id))

    async def look_now(self) -> None:
        """Make the next look due now, for whichever worker is free. Raises VaultError."""
        self._may_write()
        await self.hurry(JobName.LOOK)

    async def hurry(self, job: JobName) -> None:
        """Make a job due now. Raises VaultError."""
        from storage.leases import hurry_job

        await self._ready().vault.transact(lambda tx: hurry_job(tx, job))

    async def halt(self, reason: str, *, stops: bool = False) -> HaltReport:
        """Stop: file, senders, vault, resting entries (and stops, if asked); each as far as it goes.

        Raises OSError without a file.
        """
        return await self._own(self._halt(reason, stops=stops))

    async def _halt(self, reason: str, *, stops: bool) -> HaltReport:
        from console.execution.halting import HaltReport, record_halt, see_senders_out, stop_senders, take_back_entries

        has_file, record, engine = True, None, self._engine
        try:
            report = await stop_senders(self.home.folder, self.clock)
        except OSError as error:
            # Without a file the vault's own record stops every sender that has not committed its send.
            report = HaltReport(False, f"the HALT file cannot be made ({error.strerror})", 0, ())
            has_file = False
        if engine is None:
            return report
        text = report.text
        try:
            record = await record_halt(engine.vault, reason)
        except VaultError as error:
            log.error("HALTED is not recorded yet: %s", error)
            text += "; the vault records it when it can"
        if record is not None and not has_file:
            text += f"; {await see_senders_out(self.home.folder, self.clock, record)}"
        canceled, left = await take_back_entries(engine.vault, engine.parts.executor, stops=stops)
        self._changed.set()
        return HaltReport(report.no_order_can_leave, text, canceled, left)

    async def reduce(self, reason: str) -> None:
        """Refuse buys from now on. Raises VaultError; Conflict while somebody is still sending."""
        from console.execution.halting import reduce_only, still_sending

        self._may_write()
        vault = self._ready().vault
        record = await reduce_only(vault, reason)
        if (obstacle := await still_sending(vault.folder, self.clock)) is not None:
            raise Conflict(f"{record.state} stands, but {obstacle}; look again")

    async def resume(self, lifts: int, reason: str) -> None:
        """Lift exactly that halt. Raises VaultError (Conflict), OSError."""
        from console.execution.halting import resume_trading

        self._may_write()
        engine = self._ready()
        await engine.record_halt_file()
        await resume_trading(engine.vault, lifts, reason)

    async def cancel(self, execution_id: int) -> str:
        """Take back the unfilled rest of an order; one sentence. Raises VaultError."""
        from console.execution.fills import follow_order
        from console.execution.halting import cancel_text
        from storage.execution_rows import get_execution

        self._may_write()
        engine = self._ready()
        answer = await self._own(engine.parts.executor.cancel(execution_id))
        execution = await engine.vault.read(lambda tx: get_execution(tx, execution_id))
        await follow_order(engine.vault, engine.parts.trade, execution)
        return f"execution {execution_id}: {cancel_text(answer)}"

    async def reconcile_now(self) -> str:
        """One reconcile and sweep; a sentence on what changed. Raises VaultError, ExchangeError."""
        from console.execution.duties import reconcile_and_sweep

        return await reconcile_and_sweep(self._ready().parts, force=True)

    def _ready(self) -> Engine:
        if self._engine is None:
            raise Conflict(f"not ready: {self.startup}")
        return self._engine

    def _may_write(self) -> None:
        if self.read_only:
            raise Conflict("this console is read-only; start one without --read-only")

    async def _own(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        self._owned.add(task)
        task.add_done_callback(self._owned.discard)
        return await asyncio.shield(task)


def _market_of(tx: Tx, proposal_id: int) -> str:
    from storage.proposals import get_proposal

    return get_proposal(tx, proposal_id).market
