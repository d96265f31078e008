"""``oracle verify``: invariants and audit chain of the vault, or of a backup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli.context import HomeOption, JsonOption, LiveOption, SettingsOption, context, existing, guarded
from console.cli.output import OK, REFUSED, CommandError, say, say_json

if TYPE_CHECKING:
    from console.cli.context import Context


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(verify)


def verify(
    backup: Annotated[
        Path | None, typer.Option("--backup", metavar="DIR", help="Check this backup instead of the vault.")
    ] = None,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check invariants and audit chain.

    Reads only. Exit code 1 on any violation, each in one sentence.

    The chain shows, at its first bad event, whatever was edited, deleted, moved, inserted or cut off by somebody
    without audit.key; the last five seconds of a program that was killed are not covered yet. It shows nothing
    against whoever has that key. Nor can it tell that vault.db and audit.head were put back together to an earlier
    moment: only the exchange can, where orders and balances are then not what the vault says.

    A backup is checked with the key in it or in the data folder. Without one, what can be told is told: whether the
    file is whole and lacks no event, not whether somebody changed it together with its sums.
    """
    if backup is not None:
        raise typer.Exit(guarded(lambda: _verify_backup(context(home, live, settings), backup, as_json)))
    raise typer.Exit(guarded(lambda: _verify(existing(home, live, settings), as_json)))


def _verify(found: Context, as_json: bool) -> int:
    from console.clock import SystemClock, SystemEntropy
    from console.home import this_process
    from storage.errors import VaultBroken
    from storage.verification import vault_exists, verify_vault

    try:
        report = verify_vault(found.home.folder, found.home.mode, SystemClock(), this_process(SystemEntropy()))
    except VaultBroken as error:
        if not vault_exists(found.home.folder):
            raise
        raise CommandError(REFUSED, f"VAULT_BROKEN: {error}") from None
    if as_json:
        say_json(
            {
                "clean": report.clean,
                "events": report.events,
                "first_bad": report.first_bad,
                "violations": list(report.problems),
            }
        )
    elif report.clean:
        say(f"clean: {report.events} audit events, every invariant holds")
    else:
        for problem in report.problems:
            say(problem)
    return OK if report.clean else REFUSED


def _verify_backup(found: Context, path: Path, as_json: bool) -> int:
    """``oracle verify --backup``: what is wrong with a backup, as far as the key that is at hand can tell."""
    from storage.backup import KEY, open_backup, read_key

    key = next((key for folder in (path, found.home.folder) if (key := read_key(folder / KEY)) is not None), None)
    manifest, problems = open_backup(path, key)
    if as_json:
        say_json({"clean": not problems, "events": manifest.seq, "with_key": key is not None, "violations": problems})
    elif problems:
        for problem in problems:
            say(problem)
    elif key is None:
        say(f"whole: {manifest.seq} audit events without a gap; whether it was changed only {KEY} can tell")
    else:
        say(f"clean: {manifest.seq} audit events")
    return REFUSED if problems else OK
