"""``oracle run`` (and bare ``oracle``): the console. ``oracle paper``: the simulated exchange in the foreground."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli.context import HomeOption, JsonOption, LiveOption, SettingsOption, context, guarded
from console.cli.output import TEMPORARY, USAGE, CommandError, write_out
from console.cli.watch import watch
from console.cli.worker import worker

if TYPE_CHECKING:
    from console.cli.context import Context
    from console.paper.process import Address


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(run)
    app.command()(worker)
    app.command()(watch)
    app.command()(paper)


def run(
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Look, never write.")] = False,
    no_scheduler: Annotated[bool, typer.Option("--no-scheduler", help="Run no jobs in this process.")] = False,
) -> None:
    """Open the console.

    Proposals with the gate's answer, budgets, locks and history live; orders are confirmed by keypress.
    """
    raise typer.Exit(guarded(lambda: _console(context(home, live, settings), read_only, no_scheduler)))


def _console(found: Context, read_only: bool, no_scheduler: bool) -> int:
    from console.opening import open_console

    return open_console(found.home, found.settings, read_only=read_only, scheduler=not no_scheduler)


def paper(
    home: HomeOption = None,
    settings: SettingsOption = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed of the prices, fixed at the first start.")
    ] = None,
    speed: Annotated[float, typer.Option("--speed", help="How fast prices move; 60: a minute each second.")] = 1.0,
    faults: Annotated[str, typer.Option("--faults", help='Such as "POST /order: apply-then-drop x1".')] = "",
    candles: Annotated[
        list[str] | None,
        typer.Option("--candles", metavar="MARKET=FILE", help="A candle file as that market's prices; repeatable."),
    ] = None,
    regimes: Annotated[
        list[str] | None,
        typer.Option(
            "--regime",
            metavar="MARKET=REGIME",
            help="How that market behaves: quiet, trend, reversion, shock, gap, or seed: as dealt; repeatable.",
        ),
    ] = None,
    follow: Annotated[
        str | None,
        typer.Option("--follow", metavar="URL", help="Public data of that exchange: https://api.bitvavo.com/v2."),
    ] = None,
    oldest: Annotated[
        float, typer.Option("--oldest", help="Seconds after which followed data is too old to trade at.")
    ] = 10.0,
    record: Annotated[
        Path | None, typer.Option("--record", metavar="FILE", help="Write down all that decides about prices.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option("--replay", metavar="FILE", help="Show such a file's market again, at its own times.")
    ] = None,
    assume: Annotated[
        list[str] | None,
        typer.Option("--assume", metavar="NAME=VALUE", help="What no source tells of the exchange; repeatable."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the simulated exchange.

    In the foreground, until Ctrl+C. Other commands join it, and start one by themselves where none runs.
    """
    asked = PaperOptions(
        port, seed, speed, faults, tuple(candles or ()), tuple(regimes or ()), follow, oldest, record, replay,
        tuple(assume or ()), as_json,
    )  # fmt: skip
    raise typer.Exit(guarded(lambda: _paper(context(home, False, settings), asked)))


@dataclass(frozen=True, slots=True)
class PaperOptions:
    """What ``oracle paper`` was asked for."""

    port: int
    seed: int | None
    speed: float
    faults: str
    candles: tuple[str, ...]
    regimes: tuple[str, ...]
    follow: str | None
    oldest_s: float
    record: Path | None
    replay: Path | None
    assume: tuple[str, ...]
    as_json: bool


def _paper(found: Context, asked: PaperOptions) -> int:
    from decimal import Decimal

    from console.paper.app import ROUTES
    from console.paper.assumptions import AssumptionError, parse_assumptions
    from console.paper.faults import FaultSpecError, parse_faults
    from console.paper.options import OptionError, price_options
    from console.paper.process import RUNNING_LOCK, answers, read_address, seed_of
    from console.paper.server import ServerOptions, serve

    folder = found.home.folder
    if not 0 < asked.speed <= 10_000:
        raise CommandError(USAGE, "--speed lies above 0 and is at most 10000")
    try:
        parse_faults(asked.faults, tuple(ROUTES))
    except FaultSpecError as error:
        raise CommandError(USAGE, f"--faults: {error}") from None
    try:
        prices = price_options(
            asked.candles, asked.regimes, asked.follow, asked.oldest_s, asked.speed, asked.record, asked.replay
        )
    except OptionError as error:
        raise CommandError(USAGE, str(error)) from None
    try:
        assumed = parse_assumptions(asked.assume)
    except AssumptionError as error:
        raise CommandError(USAGE, f"--assume: {error}") from None
    running = read_address(folder)
    if running is not None and answers(running) and not _is_free(folder / RUNNING_LOCK):
        raise CommandError(
            TEMPORARY,
            f"Another simulated exchange runs on {folder} (process {running.pid}); it ends 10 s after its last user "
            "is gone, one that oracle paper started when it is stopped",
        )
    first = asked.seed is None and seed_of(folder) is None
    options = ServerOptions(
        home=folder,
        port=asked.port,
        seed=found.settings.paper.seed if first else asked.seed,
        speed=asked.speed,
        faults=asked.faults,
        prices=prices,
        assume=assumed,
        keep=True,
        balance=Decimal(found.settings.paper.balance_eur),
        announce=lambda address: _announce(address, asked.as_json),
    )
    return TEMPORARY if serve(options) else 0


def _is_free(path: Path) -> bool:
    from console.paper.process import try_lock

    if (descriptor := try_lock(path)) is None:
        return False
    os.close(descriptor)
    return True


def _announce(address: Address, as_json: bool) -> None:
    text = address.to_json() if as_json else f"simulated exchange {address.id} answers at {address.rest}"
    write_out(text + "\n")
