"""What every command shares: the options, the data folder, and how errors end a command."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from console.cli.output import INTERRUPTED, REFUSED, TEMPORARY, USAGE, CommandError, say_error

if TYPE_CHECKING:
    from console.engine import Engine
    from console.home import Home
    from console.settings import Settings
    from storage.database import Tx, Vault

T = TypeVar("T")

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Data folder; else ORACLE_CONSOLE_HOME, else the user's data folder.")
]
LiveOption = Annotated[bool, typer.Option("--live", help="The real exchange; without it PAPER, the simulated one.")]
SettingsOption = Annotated[Path | None, typer.Option("--settings", help="A settings file that wins over the others.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON: decimals as strings, times in UTC.")]

TEMPORARY_ERRORS: Final = frozenset(
    {"VaultBusy", "VaultFull", "VaultBroken", "WrongSchema", "ExchangeUnavailable", "ExchangeError"}
)
USAGE_ERRORS: Final = frozenset({"SettingsError", "MissingKeys", "NotANumber", "WrongMode", "InvalidPolicy"})
REFUSALS: Final = frozenset({"VaultError"})
NAMED: Final = {
    "VaultBusy": "VAULT_BUSY: ",
    "VaultFull": "VAULT_FULL: ",
    "VaultBroken": "VAULT_BROKEN: ",
    "BadBackup": "BAD_BACKUP: ",
    "WrongMode": "WRONG_MODE: ",
    "WrongSchema": "WRONG_SCHEMA: ",
}
"""Words a program can look for, before the sentence for people."""


@dataclass(frozen=True, slots=True)
class Context:
    """The data folder and the settings a command works with."""

    home: Home
    settings: Settings


@dataclass(slots=True)
class Defaults:
    """Options given before the command's name."""

    home: Path | None = None
    live: bool = False
    settings: Path | None = None


defaults = Defaults()


def context(home: Path | None, live: bool, settings: Path | None) -> Context:
    """Find folder, mode and settings. Raises SettingsError."""
    from console.home import Home, data_folder
    from console.settings import load_settings
    from storage.codes import Mode

    root = data_folder(home if home is not None else defaults.home)
    mode = Mode.LIVE if live or defaults.live else Mode.PAPER
    return Context(Home(root, mode), load_settings(root, settings if settings is not None else defaults.settings))


def existing(home: Path | None, live: bool, settings: Path | None) -> Context:
    """The same for a command that works on what is there: a mistyped ``--home`` makes no vault.

    A folder that is empty, or that a mode was used in, counts as there; so does one that the environment or the
    platform names. Raises CommandError, SettingsError.
    """
    found = context(home, live, settings)
    given = home if home is not None else defaults.home
    if given is not None and not _is_data_folder(found.home.root):
        root = found.home.root
        raise CommandError(
            TEMPORARY, f"there is no vault in {root}; oracle --home {root} makes one, as oracle propose and worker do"
        )
    return found


def _is_data_folder(root: Path) -> bool:
    if not root.is_dir():
        return False
    return any((root / name).is_dir() for name in ("paper", "live")) or next(root.iterdir(), None) is None


def read_only(found: Context, query: Callable[[Tx], T]) -> T:
    """Run a query on the vault without opening it for writing; makes the vault if there is none yet."""
    from console.clock import SystemClock, SystemEntropy
    from console.home import this_process
    from storage.verification import read_vault, vault_is_set_up

    if not vault_is_set_up(found.home.folder):
        asyncio.run(_make(found))
    return read_vault(found.home.folder, found.home.mode, SystemClock(), this_process(SystemEntropy()), query)


async def _make(found: Context) -> None:
    async with opened_vault(found):
        pass


@asynccontextmanager
async def opened_vault(found: Context) -> AsyncIterator[Vault]:
    """The vault alone, without the exchange."""
    from console.clock import SystemClock, SystemEntropy
    from console.engine import open_vault
    from console.home import this_process

    entropy = SystemEntropy()
    vault = await open_vault(found.home, SystemClock(), entropy, _logged(found, this_process(entropy)))
    try:
        yield vault
    finally:
        await vault.close()


@asynccontextmanager
async def opened_engine(found: Context) -> AsyncIterator[Engine]:
    """Vault, exchange and executor; a HALT file is recorded before anything else is done."""
    from console.clock import SystemClock, SystemEntropy
    from console.engine import Engine
    from console.home import this_process

    entropy = SystemEntropy()
    actor = _logged(found, this_process(entropy))
    engine = await Engine.open(found.home, found.settings, SystemClock(), entropy, actor)
    try:
        await engine.record_halt_file()
        yield engine
    finally:
        await engine.close()


async def settle(engine: Engine) -> None:
    """Settle what is unsettled and have a fresh comparison of vault and exchange, as the gate wants one.

    A silent exchange is no error here: then RECONCILED fails and says why. Raises VaultError.
    """
    from console.exchange.errors import ExchangeError

    with suppress(ExchangeError):
        await engine.settle_before_claims()


def _logged(found: Context, actor: Any) -> Any:
    from console.logs import start_log

    start_log(found.home.folder, found.settings.logs.level, actor.instance)
    return actor


def guarded(run: Callable[[], int | None]) -> int:
    """Run a command; every error becomes one sentence on standard error and an exit code."""
    from console.logs import log_broken_thread

    threading.excepthook = log_broken_thread
    try:
        code = run()
    except CommandError as error:
        say_error(str(error))
        return error.code
    except (KeyboardInterrupt, asyncio.CancelledError):
        say_error("interrupted")
        return INTERRUPTED
    except OSError as error:
        words = error.strerror or str(error)
        say_error(f"{words}: {error.filename}" if error.filename else words)
        return TEMPORARY
    except Exception as error:  # the command line's seam: no traceback ever reaches a terminal
        return _explain(error)
    return 0 if code is None else code


def _explain(error: Exception) -> int:
    names = [kind.__name__ for kind in type(error).__mro__]
    prefix = next((NAMED[name] for name in names if name in NAMED), "")
    for known, code in ((TEMPORARY_ERRORS, TEMPORARY), (USAGE_ERRORS, USAGE), (REFUSALS, REFUSED)):
        if known.intersection(names):
            say_error(f"{prefix}{error}")
            return code
    if isinstance(error, OverflowError):  # SQLite's integers have 63 bits
        say_error("there is none with so large an ID")
        return REFUSED
    import logging

    logged = bool(logging.getLogger().handlers)
    if logged:
        logging.getLogger(__name__).error("the command broke", exc_info=error)
    where = "; the log in the data folder has the details" if logged else ""
    say_error(f"something broke ({type(error).__name__}: {error}){where}")
    return REFUSED
