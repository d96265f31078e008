"""Commands that only look: status, proposals, history, executions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli.context import (
    HomeOption,
    JsonOption,
    LiveOption,
    SettingsOption,
    existing,
    guarded,
    opened_engine,
    read_only,
    settle,
)
from console.cli.next_steps import next_steps
from console.cli.output import OK, say, say_json, say_table
from console.cli.positions import position_lines, position_values
from console.cli.values import gate_answer, proposal_values, trigger_values

if TYPE_CHECKING:
    from console.cli.context import Context
    from storage.database import Tx
    from storage.execution_models import Execution, Trade
    from storage.market_models import Quote
    from storage.models import Proposal

CountOption = Annotated[int, typer.Option("--count", min=1, max=10_000, help="How many rows, newest first.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (status, proposals, history, executions):
        app.command()(command)


def status(
    home: HomeOption = None, live: LiveOption = False, settings: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """Mode, trading state, policy, orders.

    in_flight counts orders being sent, unknown those whose answer is lost, resting those open at the exchange.
    Each position stands with its stop; one without says so.
    What somebody has to do before orders can be sent stands below, one line each.
    """
    raise typer.Exit(guarded(lambda: _status(existing(home, live, settings), as_json)))


def _status(found: Context, as_json: bool) -> int:
    values = read_only(found, _status_values)
    if as_json:
        say_json(values)
        return OK
    reason = f" ({values['reason']})" if values["trading_state"] != "ACTIVE" else ""
    say(f"{values['mode'].upper()} {values['trading_state']}{reason}")
    say(f"policy {values['policy']} {values['policy_hash'][:4]}, stage {values['stage']}")
    say(f"in flight {values['in_flight']}, UNKNOWN {values['unknown']}, resting {values['resting']}")
    say(f"open proposals {values['open_proposals']}, data folder {found.home.root}")
    for line in (*position_lines(values["positions"]), *values["next_steps"]):
        say(line)
    return OK


def _status_values(tx: Tx) -> dict[str, Any]:
    from storage.codes import RESTING, ExecutionState, TradingState
    from storage.execution_rows import executions_in
    from storage.facts import current_stage
    from storage.halt_file import halt_file_present
    from storage.policy_store import active_policy
    from storage.proposals import open_proposals
    from storage.trading_state import current_trading_state

    record, policy, halt_file = current_trading_state(tx), active_policy(tx), halt_file_present(tx.folder)
    in_flight = executions_in(tx, {ExecutionState.CLAIMED, ExecutionState.SUBMITTING})
    return {
        "mode": tx.info.mode,
        "trading_state": record.state if halt_file is None else TradingState.HALTED,
        "reason": record.reason if halt_file is None else f"file {halt_file}",
        "policy": policy.name,
        "policy_hash": policy.hash,
        "stage": current_stage(tx),
        "in_flight": len(in_flight),
        "unknown": len(executions_in(tx, {ExecutionState.UNKNOWN})),
        "resting": len(executions_in(tx, RESTING)),
        "open_proposals": len(open_proposals(tx)),
        "positions": position_values(tx),
        "next_steps": next_steps(tx),
    }


def proposals(
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too, newest first.")] = False,
    count: CountOption = 50,
    as_json: JsonOption = False,
) -> None:
    """Open proposals and the gate's answer.

    gate is "ready", "ready, TYPE" where the amount must be typed, or the check that blocks the proposal now, with the
    time it clears.
    """
    raise typer.Exit(guarded(lambda: _proposals(existing(home, live, settings), everything, count, as_json)))


def _proposals(found: Context, everything: bool, count: int, as_json: bool) -> int:
    rows = asyncio.run(_judged(found, everything, count))
    if as_json:
        say_json(rows)
        return OK
    columns = ("id", "side", "market", "eur", "limit", "state", "gate", "expires_at")
    say_table(columns, [[str(row[column]) for column in columns] for row in rows])
    return OK


async def _judged(found: Context, everything: bool, count: int) -> list[dict[str, Any]]:
    from storage.proposals import open_proposals, recent_proposals

    def listed(tx: Tx) -> list[Proposal]:
        return recent_proposals(tx, count) if everything else open_proposals(tx)

    async with opened_engine(found) as engine:
        wanted = await engine.vault.read(listed)
        markets = {row.market for row in await engine.vault.read(open_proposals)}
        if markets:
            await settle(engine)
        quotes = await engine.parts.quotes.fetch_all(markets) if markets else {}
        return await engine.vault.read(lambda tx: [_values_now(tx, row, quotes.get(row.market)) for row in wanted])


def _values_now(tx: Tx, proposal: Proposal, quote: Quote | None) -> dict[str, Any]:
    """As it is at this moment: where no console runs, nobody has stored yet that it expired."""
    from dataclasses import replace

    current = replace(proposal, state=proposal.state_at(tx.now))
    return proposal_values(current, gate_answer(tx, current, quote))


def history(
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    count: CountOption = 50,
    as_json: JsonOption = False,
) -> None:
    """Trades, newest first.

    Quantity, price, value and fee are sums over the fills. status is pending until the first fill, then
    confirmed; failed if the order ended with nothing filled.
    """
    raise typer.Exit(guarded(lambda: _history(existing(home, live, settings), count, as_json)))


def _history(found: Context, count: int, as_json: bool) -> int:
    from storage.history import history_page

    rows = [_trade_values(trade) for trade in read_only(found, lambda tx: history_page(tx, count))]
    if as_json:
        say_json(rows)
        return OK
    columns = ("executed_at", "side", "market", "quantity", "price", "value_eur", "fee_eur", "status", "state")
    say_table(columns, [["" if row[c] is None else str(row[c]) for c in columns] for row in rows])
    return OK


def _trade_values(trade: Trade) -> dict[str, Any]:
    from console.format import iso

    return {
        "id": trade.id,
        "proposal_id": trade.proposal_id,
        "market": trade.market,
        "side": trade.side,
        "quantity": str(trade.quantity),
        "price": None if trade.price is None else str(trade.price),
        "value_eur": str(trade.value),
        "fee_eur": None if trade.fee is None else str(trade.fee),
        "status": trade.status,
        "executed_at": iso(trade.at),
        "execution_id": trade.execution_id,
        "state": trade.execution_state,
    }


def executions(
    execution_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="One execution with its evidence.")
    ] = None,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    count: CountOption = 50,
    as_json: JsonOption = False,
) -> None:
    """Orders sent, with their evidence.

    One execution is the one attempt to turn a proposal into an order; with an ID every step and what proved it.
    """
    raise typer.Exit(guarded(lambda: _executions(existing(home, live, settings), execution_id, count, as_json)))


def _executions(found: Context, execution_id: int | None, count: int, as_json: bool) -> int:
    from storage.execution_rows import get_execution, recent_executions

    def listed(tx: Tx) -> list[dict[str, Any]]:
        if execution_id is not None:
            return [_execution_values(tx, get_execution(tx, execution_id))]
        return [_execution_values(tx, row) for row in recent_executions(tx, count)]

    rows = read_only(found, listed)
    if as_json:
        say_json(rows if execution_id is None else rows[0])
        return OK
    columns = ("id", "proposal_id", "side", "market", "state", "client_order_id", "order_id")
    say_table(columns, [["" if row[c] is None else str(row[c]) for c in columns] for row in rows])
    if execution_id is not None:
        for event in rows[0]["evidence"]:
            say(f"{event['at']}  {event['before']} -> {event['after']}  by {event['source']}  {event['evidence']}")
    return OK


def _execution_values(tx: Tx, execution: Execution) -> dict[str, Any]:
    from console.format import iso
    from storage.execution_rows import events_of

    evidence = [{**event, "at": iso(event["at"])} for event in events_of(tx, execution.id)]
    return {
        "id": execution.id,
        "proposal_id": execution.proposal_id,
        "market": execution.market,
        "side": execution.side,
        "state": execution.state,
        "client_order_id": execution.client_order_id,
        "order_id": execution.order_id,
        "evidence": evidence,
        "claimed_by": f"{execution.actor}@{execution.instance}",
        "claimed_at": iso(execution.claimed_at),
        "quantity": str(execution.quantity),
        "limit": None if execution.limit is None else str(execution.limit),
        "trigger": trigger_values(execution.trigger),
        "time_in_force": execution.time_in_force,
        "venue_status": execution.venue_status,
    }
