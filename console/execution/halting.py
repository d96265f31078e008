"""The one stop. The file first, then the senders, then the vault, then the exchange; each step stands by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.exchange.answers import AlreadyGone, CancelAnswer, Canceled, NoAnswer
from console.execution.executor import Executor
from console.execution.keeper import resting_entries
from console.execution.send_lock import wait_for_senders
from storage.clock import Clock
from storage.codes import RESTING, ExecutionState, TradingState
from storage.crash_points import reached
from storage.database import Tx, Vault
from storage.errors import Conflict, VaultError
from storage.execution_models import Execution
from storage.execution_rows import executions_in
from storage.halt_file import NAME, lower_halt, raise_halt, written_at_ns
from storage.models import TradingRecord
from storage.trading_state import (
    current_trading_state,
    halt_again,
    imports_are_open,
    latch_halt_file,
    resume,
    tighten,
)

EXTRA_WAIT_S: Final = 2.0
"""Beyond the request time-out, how long a stop waits for senders."""

REQUEST_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class HaltReport:
    """What a stop achieved. ``left`` names entries that could not be canceled."""

    no_order_can_leave: bool
    text: str
    canceled: int
    left: tuple[str, ...]


async def stop_senders(folder: Path, clock: Clock, timeout_s: float = REQUEST_TIMEOUT_S) -> HaltReport:
    """Make the HALT file and wait until no sender is past its last check. Needs no database.

    Raises OSError only if the file can be neither renamed nor created.
    """
    path = raise_halt(folder)
    reached("halt.file-raised")
    if (obstacle := await still_sending(folder, clock, timeout_s)) is not None:
        return HaltReport(False, f"{path.name} stands, but {obstacle}; the halt stands, look again", 0, ())
    reached("halt.senders-out")
    return HaltReport(True, "stopped: no order can leave", 0, ())


async def still_sending(folder: Path, clock: Clock, timeout_s: float = REQUEST_TIMEOUT_S) -> str | None:
    """Wait for whoever passed the last check before a stop was recorded; None when nobody is left, else what is.

    Only after this it is true that nothing leaves any more, whether the stop is a file or a row of the vault.
    """
    try:
        holder = await wait_for_senders(folder, clock, timeout_s + EXTRA_WAIT_S)
    except OSError as error:
        return f"whether anybody is still sending cannot be seen ({error.strerror})"
    return None if holder is None else f"{holder} is still sending"


async def see_senders_out(
    folder: Path, clock: Clock, record: TradingRecord, timeout_s: float = REQUEST_TIMEOUT_S
) -> str:
    """What a stop that the vault alone recorded (a limit, a broken invariant, late evidence) came to, in a sentence."""
    what = "order" if record.state is TradingState.HALTED else "buy"
    obstacle = await still_sending(folder, clock, timeout_s)
    if obstacle is None:
        return f"{record.state} ({record.reason}): no {what} can leave"
    return f"{record.state} ({record.reason}) stands, but {obstacle}"


async def record_halt(vault: Vault, reason: str) -> TradingRecord:
    """Record HALTED. Raises VaultError where the vault cannot take it now: a file stops all the same."""
    record = await vault.transact(lambda tx: halt_again(tx, reason))
    reached("halt.recorded")
    return record


async def take_back_entries(vault: Vault, executor: Executor, *, stops: bool = False) -> tuple[int, tuple[str, ...]]:
    """Cancel resting entries; how many were canceled, and what is left with the reason. Exits stay.

    Protective stops go only where that is asked: without them nothing sells when the price falls. Orders whose answer
    is missing are left and named: the keeper cancels an entry of theirs that is found.
    """
    try:
        entries, sent = await vault.read(lambda tx: (to_take_back(tx, stops), unanswered(tx)))
    except VaultError as error:
        return 0, (f"resting orders cannot be read: {error}",)
    canceled, left = 0, [f"{named(execution)}: sent before the stop, its answer is missing" for execution in sent]
    for execution in entries:
        try:
            answer = await executor.cancel(execution.id)
        except VaultError as error:
            left.append(f"{named(execution)}: {error}")
            continue
        if isinstance(answer, Canceled | AlreadyGone):
            canceled += 1
        else:
            left.append(f"{named(execution)}: {cancel_text(answer)}")
    return canceled, tuple(left)


def to_take_back(tx: Tx, stops: bool) -> list[Execution]:
    """The orders at the exchange that a stop cancels."""
    entries = resting_entries(tx)
    return entries + [each for each in executions_in(tx, RESTING) if each.trigger is not None] if stops else entries


def unanswered(tx: Tx) -> list[Execution]:
    """Orders that were sent and may be at the exchange: nobody has the answer yet."""
    return executions_in(tx, {ExecutionState.SUBMITTING, ExecutionState.UNKNOWN})


def named(execution: Execution) -> str:
    """Which order that is, for people who look at the exchange."""
    if execution.order_id is None:
        return f"execution {execution.id} in {execution.market} ({execution.state})"
    return f"order {execution.order_id} in {execution.market}"


def cancel_text(answer: CancelAnswer) -> str:
    """A cancel's answer in words."""
    match answer:
        case Canceled():
            return "its unfilled rest is canceled"
        case AlreadyGone():
            return "it was no longer open"
        case NoAnswer(cause=cause):
            return f"no answer ({cause}); ask again"
    return f"the exchange refused to cancel it: {answer.text}"


async def reduce_only(vault: Vault, reason: str) -> TradingRecord:
    """Record REDUCING: buys are refused from now on. Raises VaultError."""
    return await vault.transact(lambda tx: tighten(tx, TradingState.REDUCING, reason))


async def resume_trading(vault: Vault, lifts: int, reason: str) -> TradingRecord:
    """Lift exactly the record ``lifts``: the mode's HALT file is renamed away, then ACTIVE is committed.

    Raises Conflict when another halt came meanwhile, recorded or by file (which is put back), OSError, VaultError.
    """
    before, file, restored = await vault.transact(_newest_halt)
    if before.id != lifts or restored:
        return await vault.transact(lambda tx: resume(tx, lifts, reason))  # raises, with the reason
    if lower_halt(vault.folder) != file:
        raise_halt(vault.folder)
        raise Conflict("the HALT file was made or touched this instant; look at it before you resume")
    reached("resume.file-lowered")
    try:
        record = await vault.transact(lambda tx: resume(tx, lifts, reason))
    except BaseException:
        if before.state is TradingState.HALTED:
            raise_halt(vault.folder)
        raise
    reached("resume.recorded")
    return record


def _newest_halt(tx: Tx) -> tuple[TradingRecord, int | None, bool]:
    """The stored state, with a HALT file nobody recorded yet in it; when the mode's file was last written to; and
    whether the vault was restored and does not know yet what was sent since the backup."""
    written = written_at_ns(tx.folder / NAME)
    latch_halt_file(tx)
    return current_trading_state(tx), written, imports_are_open(tx)
