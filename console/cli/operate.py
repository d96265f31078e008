"""Commands that operate: cancel, reconcile, resolve, halt, reduce, resume."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Annotated, Final

import typer

from console.cli.context import (
    HomeOption,
    JsonOption,
    LiveOption,
    SettingsOption,
    existing,
    guarded,
    opened_engine,
    opened_vault,
)
from console.cli.output import OK, REFUSED, TEMPORARY, USAGE, CommandError, say, say_json, typed

if TYPE_CHECKING:
    from console.cli.context import Context
    from storage.absence import OperatorFill
    from storage.models import TradingRecord

BY_OPERATOR: Final = "by the operator"

ReasonOption = Annotated[str, typer.Option("--reason", help="Why; stored with it.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (cancel, reconcile, resolve, halt, reduce, resume):
        app.command()(command)


def cancel(
    proposal_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="The proposal whose order is taken back.")],
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
) -> None:
    """Take back the rest of an order.

    The unfilled rest of the proposal's order is canceled at the exchange; what was filled stays.
    """
    raise typer.Exit(guarded(lambda: asyncio.run(_cancel(existing(home, live, settings), proposal_id))))


async def _cancel(found: Context, proposal_id: int) -> int:
    from console.exchange.answers import AlreadyGone, Canceled
    from console.execution.fills import follow_order
    from console.execution.halting import cancel_text
    from storage.execution_rows import execution_of_proposal, get_execution

    async with opened_engine(found) as engine:
        execution = await engine.vault.read(lambda tx: execution_of_proposal(tx, proposal_id))
        if execution is None:
            raise CommandError(REFUSED, f"proposal {proposal_id} has no order; see oracle executions")
        answer = await engine.parts.executor.cancel(execution.id)
        await follow_order(engine.vault, engine.parts.trade, execution)
        state = (await engine.vault.read(lambda tx: get_execution(tx, execution.id))).state
    say(f"execution {execution.id}: {cancel_text(answer)}; it is {state}")
    if isinstance(answer, Canceled):
        return OK
    return REFUSED if isinstance(answer, AlreadyGone) else TEMPORARY


def reconcile(
    home: HomeOption = None, live: LiveOption = False, settings: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """Find lost orders, compare balances.

    Looks once for every order whose answer is missing, until it is found or proven absent, and compares vault
    and exchange. Exit code 3: something is still UNKNOWN, run it again. 1: vault and exchange differ.
    """
    raise typer.Exit(guarded(lambda: asyncio.run(_reconcile(existing(home, live, settings), as_json))))


async def _reconcile(found: Context, as_json: bool) -> int:
    from console.execution.duties import reconcile_and_sweep
    from storage.codes import ExecutionState
    from storage.execution_rows import executions_in
    from storage.facts import newest_sweep

    open_states = {ExecutionState.UNKNOWN, ExecutionState.SUBMITTING}
    async with opened_engine(found) as engine:
        told = await reconcile_and_sweep(engine.parts, force=True)
        unknown = await engine.vault.read(lambda tx: executions_in(tx, open_states))
        sweep = await engine.vault.read(newest_sweep)
    differences = [] if sweep is None else list(sweep.differences)
    if as_json:
        ids = [execution.id for execution in unknown]
        say_json({"changed": told, "unknown": ids, "clean": not differences, "differences": differences})
    else:
        say(told or "nothing changed")
        for execution in unknown:
            say(f"execution {execution.id} is {execution.state}: {execution.market}, do not place it by hand")
        for difference in differences:
            say(difference)
    if unknown:
        return TEMPORARY
    return REFUSED if differences else OK


def resolve(
    execution_id: Annotated[int, typer.Argument(metavar="EXECUTION", min=1, help="The UNKNOWN execution.")],
    verdict: Annotated[str, typer.Option("--as", help="none or filled, as you saw it at the exchange.")],
    reason: ReasonOption,
    quantity: Annotated[str | None, typer.Option("--quantity", help="Filled quantity, with --as filled.")] = None,
    price: Annotated[str | None, typer.Option("--price", help="Average price, with --as filled.")] = None,
    fee: Annotated[str | None, typer.Option("--fee", help="Fee in euros, with --as filled.")] = None,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
) -> None:
    """Settle an UNKNOWN by hand.

    Only while HALTED, and only after you looked at the exchange yourself: none says there is no such order,
    filled says what it bought or sold.
    """
    raise typer.Exit(
        guarded(
            lambda: asyncio.run(
                _resolve(
                    existing(home, live, settings), execution_id, read_verdict(verdict, quantity, price, fee), reason
                )
            )
        )
    )


def read_verdict(verdict: str, quantity: str | None, price: str | None, fee: str | None) -> OperatorFill | None:
    """The operator's verdict: None for no order. Raises CommandError, NotANumber."""
    from storage.absence import OperatorFill
    from storage.money import Eur, Price, Quantity

    if verdict not in ("none", "filled"):
        raise CommandError(USAGE, f"--as is none or filled, not {verdict!r}")
    if verdict == "none":
        return None
    if quantity is None or price is None or fee is None:
        raise CommandError(USAGE, "--as filled needs --quantity, --price and --fee, as the exchange shows them")
    fill = OperatorFill(Quantity.of(quantity), Price.of(price), Eur.of(fee))
    if not (fill.quantity.is_positive and fill.price.is_positive) or fill.fee < Eur.zero():
        raise CommandError(USAGE, "--quantity and --price must be more than zero, --fee not less")
    return fill


async def _resolve(found: Context, execution_id: int, fill: OperatorFill | None, reason: str) -> int:
    from storage.absence import resolve_by_operator

    async with opened_vault(found) as vault:
        await vault.transact(lambda tx: resolve_by_operator(tx, execution_id, fill, reason))
    say(f"execution {execution_id} is RESOLVED as {'none' if fill is None else 'filled'}")
    return OK


def halt(
    reason: ReasonOption = BY_OPERATOR,
    stops: Annotated[bool, typer.Option("--stops-too", help="Take protective stops back as well.")] = False,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
) -> None:
    """Stop: no order leaves any more.

    Makes the HALT file first, so it works with the vault locked and the disk full; then records HALTED and
    cancels resting entries. Exits and stops stay; --stops-too takes the stops back as well. Exit code 3: a process
    is still sending, and is named.
    """
    raise typer.Exit(guarded(lambda: asyncio.run(_halt(existing(home, live, settings), reason, stops))))


async def _halt(found: Context, reason: str, stops: bool) -> int:
    from console.clock import SystemClock
    from console.execution.halting import stop_senders

    found.home.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    report = await stop_senders(found.home.folder, SystemClock())
    say(report.text)
    await _record_and_take_back(found, reason if reason.strip() else BY_OPERATOR, stops)
    return OK if report.no_order_can_leave else TEMPORARY


async def _record_and_take_back(found: Context, reason: str, stops: bool) -> None:
    """What a stop does beyond the file, as far as vault and exchange allow; it stands without."""
    from console.execution.halting import record_halt, take_back_entries
    from storage.codes import RESTING
    from storage.errors import VaultError
    from storage.execution_rows import executions_in

    try:
        async with opened_vault(found) as vault:
            recorded = await record_halt(vault, reason)
            resting = await vault.read(lambda tx: executions_in(tx, RESTING))
    except VaultError as error:
        say(f"the vault records HALTED when it can ({error}); the HALT file stands until you resume")
        return
    say("HALTED is recorded" if recorded is not None else "the vault records HALTED when it can; the file stands")
    if not resting:
        return
    try:
        async with opened_engine(found) as engine:
            canceled, left = await take_back_entries(engine.vault, engine.parts.executor, stops=stops)
    except Exception as error:  # the stop stands whatever the exchange does
        say(f"{len(resting)} resting orders could not be canceled ({error}); the dead-man switch ends entries")
        return
    say(f"{canceled} resting {'entries and stops' if stops else 'entries'} canceled")
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
