"""``oracle backup`` and ``oracle restore``: the vault as a folder that can be kept elsewhere, and back again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli.context import HomeOption, JsonOption, LiveOption, SettingsOption, context, existing, guarded
from console.cli.output import OK, REFUSED, CommandError, say, say_json, typed

if TYPE_CHECKING:
    from console.cli.context import Context
    from storage.backup import Backup
    from storage.restore import Plan, Restored


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="The new folder; else backups/TIME in the data folder.")
    ] = None,
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Put audit.key in as well: needed on another machine.")
    ] = False,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the vault while it works.

    Writes a folder with the database, its audit head and a manifest, while consoles and workers go on. It is checked
    before it gets its name: file, audit chain, sums. It protects against a lost or damaged disk, if you keep it on
    another one.

    Without --with-key the folder holds no secret, and can be restored only where that vault's audit.key is. With it,
    whoever has the folder can write an audit chain that looks genuine: keep it as you keep the key.

    What happens after a backup is not in it. Of orders sent since, the exchange tells after a restore; ideas, settings
    of the policy and notes are gone. In PAPER the simulated exchange has a file of its own, exchange.db, which is no
    part of a backup.
    """
    raise typer.Exit(guarded(lambda: _backup(existing(home, live, settings), to, with_key, as_json)))


def _backup(found: Context, to: Path | None, with_key: bool, as_json: bool) -> int:
    from console.clock import SystemClock
    from storage.backup import back_up

    target = None if to is None else to.expanduser().absolute()
    made = back_up(found.home.folder, found.home.mode, SystemClock(), target, with_key=with_key)
    if as_json:
        _print_json(made)
        return OK
    say(f"backup {made.path}: {made.manifest.seq} audit events, {made.manifest.size:,} bytes, checked")
    if not made.with_key:
        say(f"it has no key: to restore it elsewhere, keep a copy of {found.home.folder / 'audit.key'}, apart from it")
    return OK


def _print_json(made: Backup) -> None:
    from console.format import iso

    stated = made.manifest
    say_json(
        {
            "id": made.path.name,
            "path": str(made.path),
            "at": iso(stated.at),
            "mode": stated.mode,
            "vault_id": stated.vault_id,
            "incarnation": stated.incarnation,
            "schema": stated.schema,
            "events": stated.seq,
            "bytes": stated.size,
            "sha256": stated.sha256,
            "with_key": made.with_key,
        }
    )


def restore(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that oracle backup wrote.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Why; asked for if missing.")] = None,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
) -> None:
    """Put a backup back, typed.

    Shows the backup and what it replaces, and asks for the phrase "restore paper" (or "restore live") and a reason.
    Refused while another process has the vault open, and for a backup that was changed, or of another vault.

    The restored vault can send nothing a second time: its open proposals are EXPIRED, its orders get new ids, no id
    of a proposal is used again, and it is HALTED. oracle reconcile then takes over, as trades that count, the orders
    sent since the backup; only when vault and exchange agree does oracle resume go through.

    A backup restored by this command says so in the audit chain. A vault.db and an audit.head that somebody puts back
    by hand, both from the same earlier moment, look to oracle verify as they looked then: only the exchange can tell,
    where orders and balances are not what the vault says.
    """
    raise typer.Exit(guarded(lambda: _restore(context(home, live, settings), source.expanduser().absolute(), reason)))


def _restore(found: Context, source: Path, reason: str | None) -> int:
    from console.clock import SystemClock, SystemEntropy
    from console.home import this_process
    from storage.restore import plan_restore
    from storage.restore import restore as write_into_vault
    from storage.sqlite_errors import translated

    mode = found.home.mode
    _show(translated(lambda: plan_restore(found.home.folder, mode, source))(), found)
    phrase = f"restore {mode}"
    if typed(f"type: {phrase}") != phrase:
        raise CommandError(REFUSED, "not restored: the phrase was not typed")
    given = reason if reason is not None else typed("reason:")
    if not given.strip():
        raise CommandError(REFUSED, "not restored: a reason is needed")
    entropy = SystemEntropy()
    done = write_into_vault(found.home.folder, mode, source, SystemClock(), entropy, this_process(entropy), given)
    _tell(done, found)
    return OK


def _show(plan: Plan, found: Context) -> None:
    from console.format import iso

    manifest, replaced = plan.manifest, plan.replaced
    vault = f"{found.home.mode.upper()} vault {manifest.vault_id}"
    say(f"backup of {iso(manifest.at)}: {vault}, {manifest.seq} audit events")
    if replaced.info is None:
        say(f"there is no vault that can be read in {found.home.folder}")
    elif (later := replaced.events - manifest.seq) > 0:
        say(f"it replaces a vault of {replaced.events} audit events; what the last {later} tell of is forgotten")
    else:
        say(f"it replaces a vault of {replaced.events} audit events")


def _tell(done: Restored, found: Context) -> None:
    from storage.codes import Mode

    ids = ", ".join(map(str, done.expired))
    say(f"restored and HALTED; expired: {ids}" if ids else "restored and HALTED; no proposal was open")
    say(f"new proposals begin with {done.next_proposal}")
    if found.home.mode is Mode.PAPER and not (found.home.folder / "exchange.db").exists():
        say(f"its simulated exchange is not here: copy the old folder's exchange.db to {found.home.folder} first")
    live = " --live" if found.home.mode is Mode.LIVE else ""
    say(f"next: oracle{live} reconcile, until vault and exchange agree, then oracle{live} resume")
