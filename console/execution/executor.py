"""The one order path: gate, claim, send, settle. From fire to settle it is one task that no cancellation reaches."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from console.exchange.answers import CancelAnswer, NoAnswer
from console.exchange.errors import ExchangeError
from console.exchange.trade import TradeClient
from console.execution.outcome import End, Outcome
from console.execution.send_lock import sending
from storage.clock import Clock
from storage.codes import ExecutionState
from storage.crash_points import reached
from storage.database import GATE_DEADLINE, Tx, Vault
from storage.errors import VaultBusy, VaultError, VaultFull
from storage.evidence import move_execution
from storage.execution_models import Execution
from storage.execution_rows import fills_of, get_execution
from storage.executions import (
    Abandoned,
    Accepted,
    PreparedOrder,
    Rejected,
    begin_submit,
    cancel_asked,
    mark_unknown,
    settle,
)
from storage.gate import pass_gate
from storage.history import average_price
from storage.market_models import Quote
from storage.models import Claim, Order, Refusal, Ticket
from storage.money import Eur, Quantity
from storage.orders import carries_dead_man
from storage.policies import Policy
from storage.policy_store import active_policy

T = TypeVar("T")

STORE_FOR_S: Final = 60.0
STORE_AGAIN_S: Final = 0.25
"""Seconds between attempts to store an answer that the vault could not take yet."""

log = logging.getLogger(__name__)


class Executor:
    """Turns confirmed tickets into orders; the only caller that places and cancels."""

    def __init__(self, vault: Vault, trade: TradeClient, clock: Clock) -> None:
        self._vault = vault
        self._trade = trade
        self._clock = clock
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def in_flight(self) -> int:
        """How many attempts of this process are between fire and settle."""
        return len(self._tasks)

    async def execute(self, ticket: Ticket, quote: Quote, *, typed_amount: bool = False) -> Outcome:
        """Send the ticket's order if the gate lets it; waits for the end, which no cancellation of the wait stops.

        Raises VaultError only while nothing is claimed: then nothing was sent and nothing will be. Whatever the vault
        does after the claim is told in the outcome.
        """
        return await self._owned(self._attempt(ticket, quote, typed_amount))

    async def cancel(self, execution_id: int) -> CancelAnswer:
        """Ask the exchange to take back the unfilled rest of an order of ours. Raises VaultError."""
        return await self._owned(self._cancel(execution_id))

    async def wait_until_idle(self) -> None:
        """Wait for every attempt in flight."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _owned(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def _attempt(self, ticket: Ticket, quote: Quote, typed_amount: bool) -> Outcome:
        started = self._clock.monotonic()

        def decide(tx: Tx) -> tuple[Claim | Refusal, Policy]:
            return pass_gate(tx, ticket, quote, typed_amount=typed_amount), active_policy(tx).policy

        decision, policy = await self._vault.transact(decide, deadline=GATE_DEADLINE)
        reached("gate.claimed")
        if isinstance(decision, Refusal):
            return _refused(ticket, decision, self._clock.monotonic() - started)
        log.info("claimed execution %s for proposal %s", decision.execution_id, ticket.order.proposal_id)
        try:
            obstacle = await self._send(decision, policy)
            seconds = self._clock.monotonic() - started
            return await self._vault.read(lambda tx: outcome_of(tx, decision.execution_id, obstacle, seconds))
        except VaultError as error:
            log.error("what became of execution %s cannot be told: %s", decision.execution_id, error)
            return _untold(decision, error, self._clock.monotonic() - started)

    async def _send(self, claim: Claim, policy: Policy) -> str | None:
        """Send a claim; why it was not sent, or None once an answer or its absence is stored."""
        try:
            self._trade.may_place()
            if carries_dead_man(claim.order):
                await self._trade.arm_dead_man(self._vault.info.dead_man_group, policy.submit.dead_man_s)
                reached("submit.dead-man-armed")
        except ExchangeError as error:
            return await self._abandon(claim, str(error))
        with sending(self._vault.folder) as may_send:
            if not may_send:
                return await self._abandon(claim, "trading is being halted")
            reached("submit.lock-shared")
            signing = self._trade.prepare(policy.submit.window_ms)
            reached("submit.signed")
            try:
                prepared = await self._vault.transact(
                    lambda tx: begin_submit(tx, claim, signing), deadline=GATE_DEADLINE
                )
            except VaultError as error:
                log.error("execution %s is not sent: %s", claim.execution_id, error)
                return f"the send could not be stored ({error})"
            if isinstance(prepared, Abandoned):
                return prepared.reason
            reached("submit.begun")
            answer = await self._post(prepared, policy.submit.request_timeout_ms / 1000)
            reached("submit.answered")
        reached("submit.unlocked")
        await self._store(claim.execution_id, answer)
        return None

    async def _post(self, prepared: PreparedOrder, timeout_s: float) -> Accepted | Rejected | NoAnswer:
        try:
            return await self._trade.place_order(prepared, timeout_s)
        except Exception as error:  # the seam to the exchange: whatever broke, the order may be there
            log.exception("placing execution %s broke", prepared.execution_id)
            return NoAnswer(f"{type(error).__name__} while sending")

    async def _abandon(self, claim: Claim, reason: str) -> str:
        def abandon(tx: Tx) -> None:
            execution = get_execution(tx, claim.execution_id)
            if execution.state is ExecutionState.CLAIMED:
                move_execution(tx, execution, ExecutionState.ABANDONED, "submit", {"reason": reason})

        try:
            await self._vault.transact(abandon)
        except VaultError as error:
            log.error("execution %s stays claimed until its 10 s are over: %s", claim.execution_id, error)
        return reason

    async def _store(self, execution_id: int, answer: Accepted | Rejected | NoAnswer) -> None:
        """Store what came back, trying again while the vault cannot take it, for a minute at most.

        Raises VaultError after that: the send is stored, so any reconcile finds what became of it.
        """

        def store(tx: Tx) -> ExecutionState:
            if isinstance(answer, NoAnswer):
                return mark_unknown(tx, execution_id, answer.cause)
            return settle(tx, execution_id, answer)

        give_up_at = self._clock.monotonic() + STORE_FOR_S
        while True:
            try:
                state = await self._vault.transact(store)
                break
            except (VaultBusy, VaultFull) as error:
                if self._clock.monotonic() >= give_up_at:
                    raise
                log.error("the answer to execution %s is kept until it can be stored: %s", execution_id, error)
                await asyncio.sleep(STORE_AGAIN_S)
        reached("settle.stored")
        log.info("execution %s is %s", execution_id, state)

    async def _cancel(self, execution_id: int) -> CancelAnswer:
        # The request goes first: a vault that cannot be written must not keep an order at the exchange.
        execution = await self._vault.read(lambda tx: get_execution(tx, execution_id))
        answer = await self._trade.cancel_order(
            execution.market, execution.order_id, execution.client_order_id, self._vault.info.operator_id
        )
        reached("cancel.answered")
        try:
            await self._vault.transact(lambda tx: cancel_asked(tx, execution_id, repr(answer)))
            reached("cancel.recorded")
        except VaultError as error:
            log.error("the cancel of execution %s (%s) is not recorded: %s", execution_id, answer, error)
        return answer


def _refused(ticket: Ticket, refusal: Refusal, seconds: float) -> Outcome:
    failed = refusal.failed
    return Outcome(
        end=End.REFUSED,
        proposal_id=refusal.proposal_id,
        order=ticket.order,
        execution_id=None if refusal.holder is None else refusal.holder.execution_id,
        client_order_id=None,
        state=None,
        reason=failed[0].reason,
        failed=failed,
        holder=refusal.holder,
        filled=Quantity.zero(),
        average=None,
        value=Eur.zero(),
        fee=None,
        seconds=seconds,
    )


def _untold(claim: Claim, error: VaultError, seconds: float) -> Outcome:
    """A claim whose end cannot be read: it counts as unknown until somebody can read it."""
    return Outcome(
        end=End.UNKNOWN,
        proposal_id=claim.order.proposal_id,
        order=claim.order,
        execution_id=claim.execution_id,
        client_order_id=claim.client_order_id,
        state=None,
        reason=str(error),
        failed=(),
        holder=None,
        filled=Quantity.zero(),
        average=None,
        value=Eur.zero(),
        fee=None,
        seconds=seconds,
    )


ENDS: Final = {
    ExecutionState.UNKNOWN: End.UNKNOWN,
    ExecutionState.SUBMITTING: End.UNKNOWN,
    ExecutionState.CLAIMED: End.ABANDONED,
    ExecutionState.ABANDONED: End.ABANDONED,
    ExecutionState.REJECTED: End.REJECTED,
    ExecutionState.ABSENT: End.REJECTED,
}


def outcome_of(tx: Tx, execution_id: int, obstacle: str | None, seconds: float | None) -> Outcome:
    """The end of an attempt from what is stored now. Raises NotFound."""
    execution = get_execution(tx, execution_id)
    fills = fills_of(tx, execution_id)
    fees = [fill.fee for fill in fills if fill.fee is not None]
    return Outcome(
        end=ENDS.get(execution.state, End.ACCEPTED),
        proposal_id=execution.proposal_id,
        order=sent_order(tx, execution),
        execution_id=execution_id,
        client_order_id=execution.client_order_id,
        state=execution.state,
        reason=obstacle if obstacle is not None else _why(tx, execution),
        failed=(),
        holder=None,
        filled=Quantity.total(fill.quantity for fill in fills),
        average=average_price(fills),
        value=Eur.total(fill.quantity * fill.price for fill in fills),
        fee=Eur.total(fees) if len(fees) == len(fills) else None,
        seconds=seconds,
    )


def sent_order(tx: Tx, execution: Execution) -> Order:
    """The canonical order of an execution, as it was claimed."""
    return Order(
        mode=tx.info.mode,
        proposal_id=execution.proposal_id,
        revision=execution.revision,
        kind=execution.kind,
        market=execution.market,
        side=execution.side,
        order_type=execution.order_type,
        time_in_force=execution.time_in_force,
        quantity=execution.quantity,
        limit=execution.limit,
        trigger=execution.trigger,
    )


def _why(tx: Tx, execution: Execution) -> str:
    if execution.state is ExecutionState.ABSENT:
        return "proven absent: the exchange never had it"
    if execution.state not in (ExecutionState.REJECTED, ExecutionState.UNKNOWN):
        return ""
    rows = tx.sql.all("events_of_execution", execution_id=execution.id)
    evidence = json.loads(rows[-1]["evidence"]) if rows else {}
    if execution.state is ExecutionState.REJECTED:
        return f"the exchange refused it: {evidence.get('error', 'no text')} (code {evidence.get('error_code')})"
    return f"no answer: {evidence.get('cause', 'unknown')}"
