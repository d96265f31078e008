"""Our contender: the real vault, gate, executor, reconcile, fills and keeper, called as the jobs call them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from console.clock import SystemEntropy
from console.exchange.errors import ExchangeError
from console.execution.duties import Parts, reconcile_and_sweep
from console.execution.executor import Executor
from console.execution.fills import follow_orders, orders_to_follow
from console.execution.keeper import keep
from console.gauntlet.contender import Belief, Held, Idea, Standing
from console.gauntlet.private import Clients, PrivateExchange
from storage.clock import MINUTE, SECOND
from storage.codes import RESTING, UNDECIDED, ExecutionState, JobName, Mode, Origin
from storage.database import Tx, Vault
from storage.execution_models import Execution
from storage.execution_rows import fills_of, read_execution
from storage.gate import draw_ticket
from storage.leases import acquire_lease, register_job
from storage.models import Actor
from storage.money import Quantity
from storage.proposals import NewProposal, create_proposal

ACTOR = Actor("gauntlet", "gauntlet", 1)
NOBODY_HAS_IT = {ExecutionState.ABANDONED, ExecutionState.REJECTED, ExecutionState.ABSENT}


class Ours:
    """A new vault in a folder of its own, under the rules every PAPER vault begins with."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @classmethod
    async def enter(cls, exchange: PrivateExchange, clients: Clients, folder: Path) -> Ours:
        """Open the vault, and compare it with the exchange once. Raises VaultError, ExchangeError."""
        clock = exchange.clock
        vault = await Vault.open(folder, Mode.PAPER, clock, SystemEntropy(), ACTOR)
        try:
            executor = Executor(vault, clients.trade, clock)
            parts = Parts(vault, clients.readonly, clients.trade, clients.quotes, executor, clock, clock.sleep)
            await reconcile_and_sweep(parts, force=True)
        except BaseException:
            await vault.close()
            raise
        return cls(parts)

    async def propose(self, idea: Idea, begin: Callable[[], None]) -> Standing:
        """A new proposal, confirmed at once. One that cannot be sent now is one without an order."""
        if idea.rests:
            await self._parts.vault.transact(_keeper_comes)
        try:
            await reconcile_and_sweep(self._parts)
            quote = await self._parts.quotes.fetch(idea.market)
        except ExchangeError:
            return await self._standing()
        proposal = await self._parts.vault.transact(lambda tx: create_proposal(tx, _proposal(idea)))
        ticket = await self._parts.vault.read(lambda tx: draw_ticket(tx, proposal))
        begin()
        await self._parts.executor.execute(ticket, quote)
        return await self._standing()

    async def look(self) -> Standing:
        """One turn of the jobs that see to orders; one that fails is done again at the next."""
        parts = self._parts
        with suppress(ExchangeError):
            await reconcile_and_sweep(parts)
        with suppress(ExchangeError):
            await follow_orders(parts.vault, parts.trade)
        with suppress(ExchangeError):
            await keep(parts.vault, parts.trade, parts.executor)
        return await self._standing()

    async def belief(self) -> Belief:
        """What the vault says; only an execution that says UNKNOWN is one we are unsure of.

        One whose fills do not add up yet is not ended for whoever looks: it is followed until they do.
        """

        def read(tx: Tx) -> Belief:
            known, unsure = {}, set()
            followed = {execution.id for execution in orders_to_follow(tx)}
            for execution in _executions(tx):
                filled = Quantity.total(fill.quantity for fill in fills_of(tx, execution.id)).value
                if execution.order_id is not None:
                    known[execution.order_id] = Held(filled, execution.id not in followed)
                elif execution.state is ExecutionState.UNKNOWN:
                    unsure.add(execution.client_order_id)
            return Belief(known, frozenset(unsure))

        return await self._parts.vault.read(read)

    async def aclose(self) -> None:
        """Close the vault."""
        await self._parts.vault.close()

    async def _standing(self) -> Standing:
        return await self._parts.vault.read(_standing)


def _standing(tx: Tx) -> Standing:
    states = {execution.state for execution in _executions(tx)}
    if states & UNDECIDED:
        return Standing.UNSURE
    if states & RESTING or orders_to_follow(tx):
        return Standing.FOLLOWED
    return Standing.NOT_THERE if states <= NOBODY_HAS_IT else Standing.ENDED


def _executions(tx: Tx) -> list[Execution]:
    return [read_execution(row) for row in tx.db.execute("SELECT * FROM trade_executions ORDER BY id")]


def _keeper_comes(tx: Tx) -> None:
    """Entries rest while somebody holds the keeper's lease; ours does, and is seen to in ``look``."""
    register_job(tx, JobName.KEEPER, 10 * SECOND)
    acquire_lease(tx, JobName.KEEPER, tx.actor.instance)


def _proposal(idea: Idea) -> NewProposal:
    return NewProposal(
        origin=Origin.OPERATOR,
        oracle="operator",
        market=idea.market,
        side=idea.side,
        order_type=idea.order_type,
        quantity=idea.quantity,
        limit=idea.limit,
        eur=idea.eur,
        lives=30 * MINUTE,
        kind=idea.kind,
    )
