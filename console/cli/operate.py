"""Commands that settle orders: cancel, reconcile, resolve."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

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
from console.cli.output import OK, REFUSED, TEMPORARY, USAGE, CommandError, say, say_json

if TYPE_CHECKING:
    from console.cli.context import Context
    from storage.absence import OperatorFill

ReasonOption = Annotated[str, typer.Option("--reason", help="Why; stored with it.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (cancel, reconcile, resolve):
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
