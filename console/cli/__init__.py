"""The command line: ``oracle``. Commands are light to import; what they need is imported when they run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, Exit

from console.cli import context, decide, operate, policy, run, show
from console.cli.output import INTERRUPTED, USAGE, say_error

app = typer.Typer(
    name="oracle",
    help=(
        "Auto Invest Oracle: an oracle proposes trades on Bitvavo, you decide by keypress which become orders. "
        "Without a command it opens the console. PAPER, a simulated exchange, unless --live."
    ),
    no_args_is_help=False,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _main(
    chosen: typer.Context,
    home: Annotated[Path | None, typer.Option("--home", help="Data folder.")] = None,
    live: Annotated[bool, typer.Option("--live", help="The real exchange.")] = False,
    settings: Annotated[Path | None, typer.Option("--settings", help="A settings file.")] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Look, never write.")] = False,
    no_scheduler: Annotated[bool, typer.Option("--no-scheduler", help="Run no jobs here.")] = False,
) -> None:
    context.defaults.home, context.defaults.live, context.defaults.settings = home, live, settings
    if chosen.invoked_subcommand is None:
        run.run(home, live, settings, read_only, no_scheduler)


for module in (run, show, decide, operate):
    module.register(app)
app.add_typer(policy.app, name="policy", help="Rules: show, activate.")


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Prints usage errors as one sentence."""
    command = typer.main.get_command(app)
    try:
        result = command.main(args=list(arguments), prog_name="oracle", standalone_mode=False)
    except Exit as leave:
        return int(leave.exit_code)
    except Abort:
        return INTERRUPTED
    except typer.TyperException as error:
        say_error(f"{_sentence(error)} See oracle --help.")
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    return int(result) if isinstance(result, int) else 0


def _sentence(error: Exception) -> str:
    text = getattr(error, "format_message", lambda: str(error))()
    return " ".join(str(text).split()).rstrip(".") + "."
