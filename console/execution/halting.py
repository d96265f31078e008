"""The one stop. The file first, then the senders, then the vault, then the exchange; each step stands by itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.exchange.answers import AlreadyGone, CancelAnswer, Canceled, NoAnswer
from console.execution.executor import Executor
from console.execution.keeper import resting_entries
from console.execution.send_lock import wait_for_senders
from storage.clock import Clock
from storage.codes import RESTING, TradingState
from storage.crash_points import reached
from storage.database import Tx, Vault
from storage.errors import VaultError
from storage.execution_models import Execution
from storage.execution_rows import executions_in
from storage.halt_file import lower_halt, raise_halt
from storage.models import TradingRecord
from storage.trading_state import current_trading_state, halt, imports_are_open, resume, tighten

EXTRA_WAIT_S: Final = 2.0
"""Beyond the request time-out, how long a stop waits for senders."""

REQUEST_TIMEOUT_S: Final = 10.0

log = logging.getLogger(__name__)


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


async def record_halt(vault: Vault, reason: str) -> TradingRecord | None:
    """Record HALTED; None if the vault cannot take it now: the file stops all the same."""
    try:
        record = await vault.transact(lambda tx: halt(tx, reason))
    except VaultError as error:
        log.error("HALTED is not recorded yet: %s", error)
        return None
    reached("halt.recorded")
    return record


async def take_back_entries(vault: Vault, executor: Executor, *, stops: bool = False) -> tuple[int, tuple[str, ...]]:
    """Cancel resting entries; how many were canceled, and what is left with the reason. Exits stay.

    Protective stops go only where that is asked: without them nothing sells when the price falls.
    """
    try:
        entries = await vault.read(resting_entries)
        if stops:
            entries += await vault.read(_resting_stops)
    except VaultError as error:
        return 0, (f"resting orders cannot be read: {error}",)
    canceled, left = 0, []
    for execution in entries:
        named = f"order {execution.order_id} in {execution.market}"
        try:
            answer = await executor.cancel(execution.id)
        except VaultError as error:
            left.append(f"{named}: {error}")
            continue
        if isinstance(answer, Canceled | AlreadyGone):
            canceled += 1
        else:
            left.append(f"{named}: {cancel_text(answer)}")
    return canceled, tuple(left)


def _resting_stops(tx: Tx) -> list[Execution]:
    return [execution for execution in executions_in(tx, RESTING) if execution.trigger is not None]


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

    Raises Conflict when another halt came meanwhile (the file is put back), OSError, VaultError.
    """
    before, restored = await vault.read(lambda tx: (current_trading_state(tx), imports_are_open(tx)))
    if before.id != lifts or restored:
        return await vault.transact(lambda tx: resume(tx, lifts, reason))  # raises, with the reason
    lower_halt(vault.folder)
    reached("resume.file-lowered")
    try:
        record = await vault.transact(lambda tx: resume(tx, lifts, reason))
    except BaseException:
        if before.state is TradingState.HALTED:
            raise_halt(vault.folder)
        raise
    reached("resume.recorded")
    return record
