"""``oracle locks``: who runs which job, and with ``--markets`` what may not be done in which market, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli.context import HomeOption, JsonOption, LiveOption, SettingsOption, existing, guarded, read_only
from console.cli.output import OK, say_json, say_table

if TYPE_CHECKING:
    from console.cli.context import Context
    from storage.database import Tx

JOB_COLUMNS = ("job", "holder", "fence", "acquired_at", "expires_at", "next_run_at")
MARKET_COLUMNS = ("market", "side", "lock", "code", "clears_at")


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(locks)


def locks(
    markets: Annotated[bool, typer.Option("--markets", help="Markets instead of jobs.")] = False,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Who runs which job.

    A job runs in one place at a time: holder has it until expires_at, and every later holder has a higher fence. A
    holder that is gone was killed; its jobs are taken over at expires_at.
    With --markets: what may not be bought or sold where, by which check, and when it clears by itself. A lock
    without a market holds everywhere, one without a side for both.
    """
    raise typer.Exit(guarded(lambda: _locks(existing(home, live, settings), markets, as_json)))


def _locks(found: Context, markets: bool, as_json: bool) -> int:
    rows, gone = read_only(found, lambda tx: ((_market_rows if markets else _job_rows)(tx), _gone(tx)))
    if as_json:
        say_json(rows)
        return OK
    for row in rows:
        if not markets and row["job"] in gone:
            row["holder"] += " gone"
    columns = MARKET_COLUMNS if markets else JOB_COLUMNS
    say_table(columns, [["" if row[column] is None else str(row[column]) for column in columns] for row in rows])
    return OK


def _job_rows(tx: Tx) -> list[dict[str, Any]]:
    from console.format import iso
    from storage.leases import all_jobs

    rows = [{column: row[column] for column in JOB_COLUMNS} for row in all_jobs(tx)]
    for row in rows:
        row |= {name: None if row[name] is None else iso(row[name]) for name in row if name.endswith("_at")}
    return rows


def _gone(tx: Tx) -> frozenset[str]:
    """Jobs whose holder was killed."""
    from storage.leases import all_jobs, holder_is_gone

    return frozenset(row["job"] for row in all_jobs(tx) if holder_is_gone(tx, row))


def _market_rows(tx: Tx) -> list[dict[str, Any]]:
    from console.format import iso
    from storage.locks import market_locks

    return [
        {
            "market": lock.market or None,
            "side": lock.side,
            "lock": lock.words,
            "code": lock.code,
            "clears_at": None if lock.clears_at is None else iso(lock.clears_at),
            "reason": lock.reason,
        }
        for lock in market_locks(tx)
    ]
