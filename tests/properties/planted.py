"""Faults put into the program on purpose, so that it can be seen that the stories would not miss them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final
from unittest.mock import patch

from console.exchange.answers import NoAnswer
from console.execution import earlier, executor, halting, reconcile
from console.execution.executor import Executor
from console.scheduler import jobs
from storage import absence, budget, checks, evidence, executions, leases, proposals, restore, trading_state
from storage.check_results import passes
from storage.clock import DAY
from storage.codes import CheckCode, ExecutionState, TradingState
from storage.earlier_orders import highest_ids
from storage.evidence import move_execution
from storage.execution_rows import get_execution
from storage.trading_state import current_trading_state


@contextmanager
def allowed(*codes: CheckCode) -> Iterator[None]:
    """Checks that let everything through."""

    def yes(code: CheckCode) -> Any:
        return lambda _question: passes(code, "anything", "anything", "allowed")

    with patch.object(checks, "CHECKS", MappingProxyType({**checks.CHECKS, **{code: yes(code) for code in codes}})):
        yield


@contextmanager
def sends_again() -> Iterator[None]:
    """Silence is sent once more."""
    once = Executor._post

    async def twice(self: Executor, prepared: Any, timeout_s: float) -> Any:
        answer = await once(self, prepared, timeout_s)
        return await once(self, prepared, timeout_s) if isinstance(answer, NoAnswer) else answer

    with patch.object(Executor, "_post", twice):
        yield


@contextmanager
def silence_is_failure() -> Iterator[None]:
    """An order without an answer is held to be refused."""

    def refused(tx: Any, execution_id: int, cause: str) -> ExecutionState:
        move_execution(tx, get_execution(tx, execution_id), ExecutionState.REJECTED, "silence", {"cause": cause})
        return ExecutionState.REJECTED

    with patch.object(executor, "mark_unknown", refused):
        yield


@contextmanager
def absent_too_early() -> Iterator[None]:
    """Two look-ups prove absence, whenever they were made."""
    with ExitStack() as planted:
        planted.enter_context(patch.object(reconcile, "earliest_proof", lambda _execution, _margin: 0))
        for module in (reconcile, absence):
            planted.enter_context(patch.object(module, "missing_proof", lambda *_, **__: None))
        yield


@contextmanager
def halt_is_ignored() -> Iterator[None]:
    """Neither the gate nor the send looks at the trading state."""

    def active(tx: Any) -> Any:
        return replace(current_trading_state(tx), state=TradingState.ACTIVE)

    with (
        allowed(CheckCode.TRADING_STATE),
        patch.object(executions, "current_trading_state", active),
        patch.object(executions, "latch_halt_file", lambda _tx: None),
    ):
        yield


@contextmanager
def senders_are_not_waited_for() -> Iterator[None]:
    """A stop says that nothing can leave while somebody is past the last look."""

    async def nobody(*_: Any) -> None:
        return None

    with patch.object(halting, "wait_for_senders", nobody):
        yield


@contextmanager
def fills_count_twice() -> Iterator[None]:
    """Each fill is stored once more, under another id."""
    store = evidence._store_fill

    def twice(tx: Any, execution: Any, fill: Any) -> None:
        store(tx, execution, fill)
        store(tx, execution, replace(fill, fill_id=f"{fill.fill_id}-again"))

    with patch.object(evidence, "_store_fill", twice):
        yield


@contextmanager
def stale_fences_write() -> Iterator[None]:
    """Nobody asks whether the lease is still held."""
    with (
        patch.object(jobs, "require_lease", lambda _tx, _lease: None),
        patch.object(leases, "require_lease", lambda _tx, _lease: None),
    ):
        yield


@contextmanager
def restored_is_trusted() -> Iterator[None]:
    """Trading may be resumed before anybody looked for what the backup does not know."""
    with (
        patch.object(trading_state, "imports_are_open", lambda _tx: False),
        patch.object(halting, "imports_are_open", lambda _tx: False),
    ):
        yield


PLANTED: Final[Mapping[str, tuple[Callable[[], Any], str]]] = MappingProxyType(
    {
        "the executor sends again": (sends_again, "arrived 2 times"),
        "silence is failure": (silence_is_failure, "SUBMITTING -> REJECTED by silence"),
        "absence is called too early": (absent_too_early, "is ABSENT, and its order is at the exchange|had ended"),
        "a halt is ignored": (halt_is_ignored, "while trading is HALTED|while trading is REDUCING|arrived although"),
        "senders are not waited for": (senders_are_not_waited_for, "arrived although"),
        "fills count twice": (fills_count_twice, "is not the exchange's"),
        "the caps always allow": (
            lambda: allowed(CheckCode.DAILY_TRADE_CAP, CheckCode.HOURLY_TRADE_CAP),
            "attempts, per_",
        ),
        "exposure is not looked at": (lambda: allowed(CheckCode.EXPOSURE), "exposure of"),
        "rules may change after the ticket": (
            lambda: allowed(CheckCode.POLICY_UNCHANGED),
            "under other rules than the ticket's",
        ),
        "the budget is not looked at": (
            lambda: patch.object(budget, "_windows", lambda _tx, _caps: ()),
            "costly calls",
        ),
        "a decline is undone later": (lambda: patch.object(proposals, "UNDO_WITHIN", DAY), "and was opened again"),
        "a stale fence writes": (stale_fences_write, "after fence"),
        "a restored vault gives ids out again": (
            lambda: patch.object(restore, "_leave_ids_out", lambda tx, _plan: highest_ids(tx)),
            "was given out again|was sent as",
        ),
        "a restored vault trades at once": (restored_is_trusted, "before what (was sent|a restore)"),
        "what a restore forgot stays forgotten": (
            lambda: patch.object(earlier, "identify", lambda *_: []),
            "orders the vault does not know|is at the exchange",
        ),
    }
)
"""By name: what puts it in, and what the stories say of it."""

TOLD_OF: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "the executor sends again": ("propose_and_fire",),
        "silence is failure": ("propose_and_fire",),
        "absence is called too early": ("buy_and_sell", "reconcile_twice"),
        "a halt is ignored": ("propose_and_fire", "stop"),
        "senders are not waited for": ("fire_amid",),
        "fills count twice": ("propose_and_fire",),
        "the caps always allow": ("buy_and_sell",),
        "exposure is not looked at": ("propose_and_fire",),
        "rules may change after the ticket": ("draw_a_ticket", "change_policy", "fire_a_ticket_drawn_earlier"),
        "the budget is not looked at": ("costly_call",),
        "a decline is undone later": ("propose", "decide", "time_passes", "undo"),
        "a stale fence writes": ("outlive_a_lease",),
        "a restored vault gives ids out again": ("propose_and_fire", "send_after_a_backup"),
        "a restored vault trades at once": ("send_after_a_backup",),
        "what a restore forgot stays forgotten": ("send_after_a_backup", "all_is_well_again"),
    }
)
"""The deeds whose stories get to a fault soon; stories of all deeds do, too, many of them much later."""
