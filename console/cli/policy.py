"""``oracle policy``: show and activate the rules that gate, send and reconcile follow."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli.context import (
    HomeOption,
    JsonOption,
    LiveOption,
    SettingsOption,
    context,
    guarded,
    opened_vault,
    read_only,
)
from console.cli.output import OK, USAGE, CommandError, say, say_json

if TYPE_CHECKING:
    from console.cli.context import Context
    from storage.database import Tx
    from storage.policies import Policy

app = typer.Typer(rich_markup_mode=None)


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A policy; else the one in force.")] = None,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a policy as activate takes it.

    Without a name the one in force; observer, hunter and semi-auto are in every vault.
    """
    raise typer.Exit(guarded(lambda: _show(context(home, live, settings), name, as_json)))


def _show(found: Context, name: str | None, as_json: bool) -> int:
    def chosen(tx: Tx) -> Policy:
        from storage.policy_store import active_policy, policy_named

        if name is not None:
            return policy_named(tx, name)
        policy: Policy = active_policy(tx).policy
        return policy

    values = _plain(read_only(found, chosen).model_dump())
    if as_json:
        say_json(values)
        return OK
    import sys

    import yaml

    sys.stdout.write(yaml.safe_dump(values, sort_keys=False))
    return OK


def _plain(value: Any) -> Any:
    """Numbers as decimal strings where they are not whole, so that nothing is lost on the way back."""
    from decimal import Decimal

    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else format(value, "f")
    return value


@app.command()
def activate(
    policy: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A stored policy, or a YAML or JSON file.")],
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a policy in force.

    A file holds every field that policy show prints, and no other; orders not yet sent under the old policy
    are abandoned.
    """
    raise typer.Exit(guarded(lambda: _activate(context(home, live, settings), policy, as_json)))


def _activate(found: Context, policy: str, as_json: bool) -> int:
    path = Path(policy)
    named = path.suffix not in (".yaml", ".yml", ".json") and os.sep not in policy and not path.is_file()
    from_file = None if named else read_file(path)
    return asyncio.run(_put_in_force(found, policy, from_file, as_json))


async def _put_in_force(found: Context, name: str, from_file: Policy | None, as_json: bool) -> int:
    from storage.policy_store import activate_policy, active_policy, policy_named

    async with opened_vault(found) as vault:
        current = await vault.read(active_policy)

        def change(tx: Tx) -> Any:
            wanted = from_file if from_file is not None else policy_named(tx, name)
            return activate_policy(tx, wanted, current.activation_id)

        active = await vault.transact(change)
    if as_json:
        say_json({"id": active.activation_id, "name": active.name, "hash": active.hash})
    else:
        say(f"policy {active.name} {active.hash[:4]} is in force")
    return OK


def read_file(path: Path) -> Policy:
    """A policy from a YAML or JSON file. Raises CommandError that names the file and the field or line."""
    import yaml

    from storage.errors import InvalidPolicy
    from storage.policies import read_policy

    try:
        text = path.read_text(encoding="utf-8")
        return read_policy(json.loads(text) if path.suffix == ".json" else yaml.safe_load(text))
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f" in line {error.problem_mark.line + 1}"
        problem = f"is no YAML{line} ({error.problem})"
    except InvalidPolicy as error:
        problem = str(error)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        problem = f"cannot be read ({str(error).splitlines()[0]})"
    raise CommandError(USAGE, f"{path}: {problem}")
