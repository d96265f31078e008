"""``oracle gauntlet``: this program's order path and three common ones, against the same faults."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from console.cli.context import JsonOption, guarded
from console.cli.output import OK, REFUSED, say, say_json, say_table
from console.terminal import is_terminal

if TYPE_CHECKING:
    from console.gauntlet.report import Report

COLUMNS: Final = ("policy", "one order", "none", "duplicates", "lost", "unresolved")


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(gauntlet)


def gauntlet(
    runs: Annotated[
        int, typer.Option("--runs", min=1, max=100_000, help="How many ideas each policy carries out.")
    ] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, max=1_000_000_000, help="Seed of prices and faults.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Lose answers on purpose and count orders.

    This program's order path and three common ones, failed on timeout, retry on timeout and give up after three
    look-ups, meet the same faults at private simulated exchanges. What is at each exchange is counted against what
    the policy knows. Touches no data folder and no network; two hundred runs take a minute or two.

    Exit code 0: no duplicate and no lost order here, and some with every other policy. 1: a duplicate or lost order
    here, or nothing was proved.
    """
    raise typer.Exit(guarded(lambda: _gauntlet(runs, seed, as_json)))


def _gauntlet(runs: int, seed: int, as_json: bool) -> int:
    import asyncio
    import logging

    from console.gauntlet.report import Verdict, run_gauntlet

    for name in ("console", "storage"):  # warnings about lost answers are no news here
        logging.getLogger(name).addHandler(logging.NullHandler())
    with _progress(runs, shown=not as_json and is_terminal(sys.stderr)) as advance:
        report = asyncio.run(run_gauntlet(runs, seed, progress=advance))
    if as_json:
        say_json(report.model_dump(mode="json"))
    else:
        _print(report)
    return OK if report.verdict is Verdict.PROVED else REFUSED


def _print(report: Report) -> None:
    rows = [
        (each.policy, *map(str, (each.one_order, each.no_order, each.duplicates, each.lost, each.unresolved)))
        for each in report.policies
    ]
    say_table(COLUMNS, rows)
    say(f"{report.verdict}: {report.why} ({report.runs} runs, seed {report.seed})")


@contextmanager
def _progress(runs: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    """A bar on standard error; yields what moves it on by one run of one policy."""
    if not shown:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    from console.gauntlet.course import CONTENDERS

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("gauntlet", total=runs * len(CONTENDERS))
        yield lambda: bar.advance(task)
