"""The command line: ``oracle``. Commands are light to import; what they need is imported when they run."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from typer.exceptions import Abort, Exit

from console.cli import (
    adopt,
    backup,
    budget,
    context,
    decide,
    gauntlet,
    locks,
    looks,
    operate,
    policy,
    run,
    show,
    stop,
    verify,
)
from console.cli import exit as exits
from console.cli.output import INTERRUPTED, OK, TEMPORARY, USAGE, open_streams, say_error

app = typer.Typer(
    name="oracle",
    help=(
        "Auto Invest Oracle: an oracle proposes trades on Bitvavo, you decide by keypress which become orders.\n\n"
        "Without a command it opens the console. Everything happens in PAPER, against a simulated exchange on this "
        "machine, unless --live is given."
    ),
    epilog=(
        "Exit codes: 0 done, 1 refused or a check failed, 2 wrong usage or settings, 3 unavailable now or outcome "
        "UNKNOWN, 130 interrupted. A first order: oracle propose --market BTC-EUR --side buy --eur 25, then "
        "oracle execute 1."
    ),
    no_args_is_help=False,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _main(
    chosen: typer.Context,
    home: context.HomeOption = None,
    live: context.LiveOption = False,
    settings: context.SettingsOption = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Console only: look, never write.")] = False,
    no_scheduler: Annotated[bool, typer.Option("--no-scheduler", help="Console only: run no jobs.")] = False,
) -> None:
    context.defaults.home, context.defaults.live, context.defaults.settings = home, live, settings
    if chosen.invoked_subcommand is None:
        run.run(home, live, settings, read_only, no_scheduler)


for module in (run, show, verify, decide, exits, operate, stop, budget, locks, looks, adopt, backup, gauntlet):
    module.register(app)
app.add_typer(policy.app, name="policy", help="List, show and compare rules, put others in force.")


PLAIN_WORDS: Final = (
    (re.compile(r"Input should be a valid integer\b.*"), "not a whole number"),
    (re.compile(r"Input should be a valid (?:number|decimal)\b.*"), "not a number"),
    (re.compile(r"Input should be greater than or equal to (\S+)"), r"must be \1 or more"),
    (re.compile(r"Input should be less than or equal to (\S+)"), r"must be \1 or less"),
    (re.compile(r"Input should be greater than (\S+)"), r"must be more than \1"),
    (re.compile(r"Input should be less than (\S+)"), r"must be less than \1"),
    (re.compile(r"Input should be "), "must be "),
)
"""What the library says of a wrong value, and the same for a person."""


PATHS: Final = ("--home", "--settings", "--candles", "--to", "--backup")
"""Options whose value names a file or folder."""


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Prints usage errors as one sentence."""
    open_streams()
    command = typer.main.get_command(app)
    try:
        result = command.main(args=readable(arguments), prog_name="oracle", standalone_mode=False)
    except Exit as leave:
        return int(leave.exit_code)
    except Abort:
        return INTERRUPTED
    except typer.TyperException as error:
        say_error(_sentence(error))
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit:  # the library's own answer to a reader of the help who has left
        return OK
    except OSError as error:
        say_error(error.strerror or str(error))
        return TEMPORARY
    return int(result) if isinstance(result, int) else 0


def readable(arguments: Sequence[str]) -> list[str]:
    """The arguments with what is no text in them replaced, but for the paths: bytes may be a folder's name."""
    found = list(arguments)
    for index, text in enumerate(found):
        name = found[index - 1] if index else ""
        path = name in PATHS or text.startswith(tuple(f"{each}=" for each in PATHS))
        if not path and any("\ud800" <= character <= "\udfff" for character in text):
            found[index] = os.fsencode(text).decode("utf-8", errors="replace")
    return found


def _sentence(error: typer.TyperException) -> str:
    """What is wrong with the usage, and whose help says what is right."""
    text = " ".join(error.format_message().split()).rstrip(".")
    for raw, words in PLAIN_WORDS:
        text = raw.sub(words, text)
    where = getattr(error, "ctx", None)
    return f"{text}. See {'oracle' if where is None else where.command_path} --help."
