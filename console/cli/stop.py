"""Commands that stop trading and lift the stop: halt, reduce, resume."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Annotated, Final

import typer

from console.cli.context import (
    HomeOption,
    LiveOption,
    SettingsOption,
    existing,
    guarded,
    opened_engine,
    opened_vault,
)
from console.cli.output import OK, REFUSED, TEMPORARY, USAGE, CommandError, say, typed

if TYPE_CHECKING:
    from console.cli.context import Context
    from storage.clock import Clock
    from storage.models import TradingRecord

BY_OPERATOR: Final = "by the operator"
DEAD_MAN: Final = "the dead-man switch ends entries, as nothing arms it again; run oracle halt again to see"

ReasonOption = Annotated[str, typer.Option("--reason", help="Why; stored with it.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (halt, reduce, resume):
        app.command()(command)


def halt(
    reason: ReasonOption = BY_OPERATOR,
    stops: Annotated[bool, typer.Option("--stops-too", help="Take protective stops back as well.")] = False,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
) -> None:
    """Stop: no order leaves any more.

    Makes the HALT file first, so it works with the vault locked and the disk full; then records HALTED and
    cancels resting entries, or names each that it could not cancel and each order whose answer is missing. Exits and
    stops stay; --stops-too takes the stops back as well. Exit code 3: a process is still sending, and is named.
    """
    raise typer.Exit(guarded(lambda: asyncio.run(_halt(existing(home, live, settings), reason, stops))))


async def _halt(found: Context, reason: str, stops: bool) -> int:
    from console.clock import SystemClock
    from console.execution.halting import stop_senders

    clock = SystemClock()
    found.home.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        report = await stop_senders(found.home.folder, clock)
    except OSError as error:
        why = ""
        stopped = await _halt_without_file(found, clock, reason, f"the HALT file cannot be made ({error.strerror})")
    else:
        say(report.text)
        stopped = report.no_order_can_leave
        if why := await _record(found, reason):
            say(f"the vault records HALTED when it can ({why}); the HALT file stands until you resume")
    await _take_back(found, stops, can_write=not why)
    return OK if stopped else TEMPORARY


async def _halt_without_file(found: Context, clock: Clock, reason: str, obstacle: str) -> bool:
    """The vault's own record stops every sender as well; whether it does."""
    from console.execution.halting import still_sending

    if why := await _record(found, reason):
        raise CommandError(TEMPORARY, f"not stopped: {obstacle}, and HALTED cannot be recorded ({why})")
    sender = await still_sending(found.home.folder, clock)
    say(f"{obstacle}; " + ("stopped: no order can leave" if sender is None else f"HALTED stands, but {sender}"))
    return sender is None


async def _record(found: Context, reason: str) -> str:
    """Record HALTED; why not if the vault cannot take it now, else nothing."""
    from console.execution.halting import record_halt
    from storage.errors import VaultError

    try:
        async with opened_vault(found) as vault:
            await record_halt(vault, reason if reason.strip() else BY_OPERATOR)
    except (VaultError, OSError) as error:  # a log that cannot be opened, too
        return str(error)
    say("HALTED is recorded")
    return ""


async def _take_back(found: Context, stops: bool, *, can_write: bool) -> None:
    """Cancel what a stop cancels, or name each order with what hinders: a vault that cannot be written can be read."""
    from console.clock import SystemClock, SystemEntropy
    from console.execution.halting import named, take_back_entries, to_take_back, unanswered
    from console.home import this_process
    from storage.errors import VaultError
    from storage.verification import read_vault

    home, reader = found.home, this_process(SystemEntropy())
    try:
        there = read_vault(
            home.folder, home.mode, SystemClock(), reader, lambda tx: to_take_back(tx, stops) + unanswered(tx)
        )
    except VaultError as error:
        say(f"which orders rest cannot be read ({error}); {DEAD_MAN}")
        return
    if not there:
        return
    left = tuple(named(execution) for execution in there)
    try:
        if can_write:
            async with opened_engine(found) as engine:
                canceled, left = await take_back_entries(engine.vault, engine.parts.executor, stops=stops)
            say(f"{canceled} resting {'entries and stops' if stops else 'entries'} canceled")
        else:
            say(f"nothing could be canceled; {DEAD_MAN}")
    except Exception as error:  # the stop stands whatever the exchange does
        say(f"nothing could be canceled ({error}); {DEAD_MAN}")
    for sentence in left:
        say(f"left: {sentence}")


def reduce(
    reason: ReasonOption,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
) -> None:
    """Refuse buys, sells go on.

    From now on only what is held may be sold, until oracle resume. Exit code 3: a process is still sending, and is
    named.
    """
    raise typer.Exit(guarded(lambda: asyncio.run(_reduce(existing(home, live, settings), reason))))


async def _reduce(found: Context, reason: str) -> int:
    from console.execution.halting import reduce_only, still_sending

    if not reason.strip():
        raise CommandError(USAGE, "--reason must say why")
    async with opened_vault(found) as vault:
        record = await reduce_only(vault, reason)
        say(f"trading is {record.state}: {record.reason}")
        obstacle = await still_sending(vault.folder, vault.clock)
    if obstacle is not None:
        raise CommandError(TEMPORARY, f"{record.state} stands, but {obstacle}; look again")
    return OK


def resume(
    reason: Annotated[str | None, typer.Option("--reason", help="Why it may go on; asked for if missing.")] = None,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
) -> None:
    """Lift a halt, typed.

    Shows the halt, asks for the phrase "resume paper" (or "resume live") and a reason, and lifts exactly that
    halt: not if another came meanwhile, and not while a HALT file stands in the data folder.
    """
    raise typer.Exit(guarded(lambda: _resume(existing(home, live, settings), reason)))


def _resume(found: Context, reason: str | None) -> int:
    """Three steps, with the questions between two transactions: a blocked read inside the loop cannot be left."""
    standing = asyncio.run(_standing_halt(found))
    if os.path.lexists(both := found.home.root / "HALT"):
        raise CommandError(REFUSED, f"{both} stands and stops both modes; remove it by hand first")
    say(f"{found.home.mode.upper()} is {standing.state} by {standing.actor}: {standing.reason}")
    phrase = f"resume {found.home.mode}"
    if typed(f"type: {phrase}") != phrase:
        raise CommandError(REFUSED, "not resumed: the phrase was not typed")
    given = reason if reason is not None else typed("reason:")
    if not given.strip():
        raise CommandError(REFUSED, "not resumed: a reason is needed")
    say(f"trading is {asyncio.run(_lift(found, standing.id, given)).state}")
    return OK


async def _standing_halt(found: Context) -> TradingRecord:
    """What a resume would lift; a file made by hand is recorded first. Raises CommandError where there is nothing."""
    from storage.codes import TradingState
    from storage.halt_file import halt_file_present
    from storage.trading_state import current_trading_state, latch_halt_file

    async with opened_vault(found) as vault:
        if halt_file_present(found.home.folder) is not None:
            await vault.transact(latch_halt_file)
        current: TradingRecord = await vault.read(current_trading_state)
    if current.state is TradingState.ACTIVE:
        raise CommandError(REFUSED, "trading is ACTIVE already; there is nothing to resume")
    return current


async def _lift(found: Context, lifts: int, reason: str) -> TradingRecord:
    from console.execution.halting import resume_trading

    async with opened_vault(found) as vault:
        return await resume_trading(vault, lifts, reason)
