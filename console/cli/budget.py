"""``oracle budget``: what the policy's caps leave, and lifting the rest of costly oracles after an overrun."""

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
    opened_vault,
    read_only,
)
from console.cli.output import OK, REFUSED, USAGE, CommandError, say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.cli.context import Context
    from storage.database import Tx
    from storage.gauges import Gauge
    from storage.money import Price
    from storage.oracle_pause import Pause

COSTLY = frozenset({"calls", "calls_hour", "cost"})
"""The gauges that bind calls which cost something."""


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(budget)


def budget(
    resume: Annotated[bool, typer.Option("--resume", help="Let costly oracles be asked again.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, with --resume; stored with it.")] = None,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is used of each cap.

    Windows roll: room_at is when the next call, trade or euro comes free. A call counts from its reservation on,
    however it ends. After a call that cost more than its reservation, costly oracles rest until --resume.
    """
    raise typer.Exit(guarded(lambda: asyncio.run(_budget(existing(home, live, settings), resume, reason, as_json))))


async def _budget(found: Context, resume: bool, reason: str | None, as_json: bool) -> int:
    if resume != (reason is not None):
        raise CommandError(USAGE, "--resume and --reason go together")
    if reason is not None:
        return await _resume(found, reason)
    gauges, pause = await _read(found)
    if as_json:
        say_json([_values(gauge, pause) for gauge in gauges])
        return OK
    columns = ("gauge", "used", "reserved", "limit", "room_at", "full_at")
    rows = [_values(gauge, pause) for gauge in gauges]
    say_table(columns, [["" if row[column] is None else str(row[column]) for column in columns] for row in rows])
    for gauge in gauges:
        if gauge.missing:
            say(f"{gauge.name} is not known: {gauge.missing}")
    if pause is not None:
        say(f"costly oracles rest: {pause.reason}; oracle budget --resume --reason T lifts it")
    return OK


async def _resume(found: Context, reason: str) -> int:
    from storage.oracle_pause import current_pause, lift_pause

    if not reason.strip():
        raise CommandError(USAGE, "--reason must say why")
    async with opened_vault(found) as vault:
        pause = await vault.read(current_pause)
        if pause is None:
            raise CommandError(REFUSED, "costly oracles do not rest; there is nothing to lift")
        await vault.transact(lambda tx: lift_pause(tx, pause.id, reason))
    say(f"costly oracles may be asked again; lifted: {pause.reason}")
    return OK


async def _read(found: Context) -> tuple[tuple[Gauge, ...], Pause | None]:
    from storage.gauges import read_budget
    from storage.oracle_pause import current_pause

    held = await asyncio.to_thread(read_only, found, _held_markets)
    bids = await _bids(found, held) if held else {}
    return await asyncio.to_thread(read_only, found, lambda tx: (read_budget(tx, bids), current_pause(tx)))


def _held_markets(tx: Tx) -> list[str]:
    from storage.facts import read_book

    return sorted(read_book(tx).positions)


async def _bids(found: Context, markets: list[str]) -> Mapping[str, Price]:
    """Best bids of what is held; none where the exchange does not answer, and the gauge then says so."""
    from console.exchange.errors import ExchangeError
    from console.paper.process import ExchangeUnavailable

    try:
        async with opened_engine(found) as engine:
            quotes = await engine.parts.quotes.fetch_all(markets)
    except (ExchangeError, ExchangeUnavailable):
        return {}
    return {market: quote.bid for market, quote in quotes.items() if quote.bid is not None}


def _values(gauge: Gauge, pause: Pause | None) -> dict[str, Any]:
    from console.format import iso
    from storage.money import decimal_text

    return {
        "gauge": gauge.name,
        "used": None if gauge.used is None else decimal_text(gauge.used),
        "reserved": decimal_text(gauge.reserved),
        "limit": decimal_text(gauge.cap),
        "room_at": None if gauge.frees_at is None else iso(gauge.frees_at),
        "full_at": None if gauge.full_at is None else iso(gauge.full_at),
        "paused": None if pause is None or gauge.name not in COSTLY else pause.reason,
    }
