"""``oracle policy``: list, show, compare and activate the rules that gate, send and reconcile follow."""

from __future__ import annotations

import asyncio
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
    existing,
    guarded,
    opened_engine,
    opened_vault,
    read_only,
)
from console.cli.output import OK, USAGE, CommandError, say, say_json, say_table, write_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.cli.context import Context
    from storage.database import Tx
    from storage.policies import Policy
    from storage.policy_window import Venue

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
    raise typer.Exit(guarded(lambda: _show(existing(home, live, settings), name, as_json)))


def _show(found: Context, name: str | None, as_json: bool) -> int:
    def chosen(tx: Tx) -> Policy:
        from storage.policy_store import active_policy, find_policy

        if name is not None:
            return find_policy(tx, name)
        policy: Policy = active_policy(tx).policy
        return policy

    values = _plain(read_only(found, chosen).model_dump())
    if as_json:
        say_json(values)
        return OK
    import yaml

    write_out(yaml.safe_dump(values, sort_keys=False))
    return OK


def _plain(value: Any) -> Any:
    """Numbers as decimal strings where they are not whole, so that nothing is lost on the way back."""
    from decimal import Decimal

    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        # The stored form orders all lists as text; figures are read by size.
        figures = all(isinstance(item, int | Decimal) for item in value)
        return [_plain(item) for item in (sorted(value) if figures else value)]
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
    are abandoned. A policy that would refuse every buy in one of its markets is refused, and told why; what it
    loosens is said in one line.
    """
    raise typer.Exit(guarded(lambda: _activate(context(home, live, settings), policy, as_json)))


def _activate(found: Context, policy: str, as_json: bool) -> int:
    return asyncio.run(_put_in_force(found, policy, as_json))


def _chosen(tx: Tx, word: str, from_file: Policy | None) -> Policy:
    from storage.policy_store import find_policy

    return from_file if from_file is not None else find_policy(tx, word)


def _check_name(found: Context, path: str, policy: Policy) -> None:
    """Whoever puts a preset in force by its name means its figures, not what a file of that name made of them.

    Raises CommandError.
    """
    from storage.policies import presets

    preset = presets(found.home.mode).get(policy.name)
    if preset is not None and preset.hash() != policy.hash():
        raise CommandError(
            USAGE, f"{path}: name: {policy.name} is a preset, with other figures; give this policy a name of its own"
        )


def _file_of(word: str) -> Policy | None:
    """The policy in the file of that name; None where the word is no file's name. Raises CommandError."""
    path = Path(word)
    named = path.suffix not in (".yaml", ".yml", ".json") and os.sep not in word and not path.is_file()
    return None if named else read_file(path)


async def _put_in_force(found: Context, word: str, as_json: bool) -> int:
    from storage.policy_changes import loosening_line, policy_changes
    from storage.policy_store import activate_policy, active_policy

    if (from_file := _file_of(word)) is not None:
        _check_name(found, word, from_file)
    async with opened_vault(found) as vault:
        current = await vault.read(active_policy)
        wanted: Policy = await vault.read(lambda tx: _chosen(tx, word, from_file))
    same = wanted.hash() == current.hash
    venues, untested = (None, "") if same else await _venues(found, wanted)
    async with opened_vault(found) as vault:
        active = await vault.transact(lambda tx: activate_policy(tx, wanted, current.activation_id, venues))
    changes = policy_changes(current.policy, active.policy)
    loosens = [change.text for change in changes if change.loosens]
    if as_json:
        say_json(
            {
                "id": active.activation_id,
                "name": active.name,
                "hash": active.hash,
                "loosens": loosens,
                "untested": untested or None,
            }
        )
        return OK
    say(f"policy {active.name} {active.hash[:4]} is in force")
    if (line := loosening_line(changes)) is not None:
        say(line)
    if untested:
        say(f"the exchange's own minima were not tested: {untested}")
    return OK


async def _venues(found: Context, policy: Policy) -> tuple[Mapping[str, Venue] | None, str]:
    """What the exchange takes in each allowed market, or None and why; not asked for a policy without trades."""
    from console.exchange.errors import ExchangeError, MissingKeys
    from console.oracle.look import BUY_OVER_ASK
    from console.paper.process import ExchangeUnavailable
    from storage.policy_window import Venue

    if 0 in (policy.trades.per_day, policy.trades.per_hour) or not policy.allowlist:
        return None, ""
    try:
        async with opened_engine(found) as engine:
            rules = await engine.parts.readonly.markets()
            best = await engine.parts.readonly.best_quotes()
    except (ExchangeError, ExchangeUnavailable, MissingKeys) as error:
        return None, str(error)
    venues = {}
    for market in policy.allowlist:
        if market in rules:
            ask = best.get(market, (None, None))[1]
            tick = rules[market].tick_size
            limit = None if ask is None else ask.scaled(BUY_OVER_ASK).to_tick(tick, up=False)
            venues[market] = Venue(rules[market], limit)
    return venues, ""


@app.command(name="list")
def list_policies(
    home: HomeOption = None, live: LiveOption = False, settings: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """Every stored policy, the one in force first.

    since is when it was last put in force.
    """
    raise typer.Exit(guarded(lambda: _list(existing(home, live, settings), as_json)))


def _list(found: Context, as_json: bool) -> int:
    from console.format import iso
    from storage.policy_store import stored_policies

    rows: list[dict[str, Any]] = [
        {
            "name": row.name,
            "hash": row.hash,
            "active": row.active,
            "since": None if row.since is None else iso(row.since),
        }
        for row in read_only(found, stored_policies)
    ]
    if as_json:
        say_json(rows)
    else:
        say_table(
            ("name", "hash", "active", "since"),
            [[row["name"], row["hash"][:8], "yes" if row["active"] else "", row["since"] or "never"] for row in rows],
        )
    return OK


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A stored policy, or a file.")],
    after: Annotated[str, typer.Argument(metavar="B", help="What would take its place.")],
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """What differs between two policies.

    Each field of B that is not as in A; what loosens lets something through that A refuses.
    """
    raise typer.Exit(guarded(lambda: _diff(existing(home, live, settings), before, after, as_json)))


def _diff(found: Context, before: str, after: str, as_json: bool) -> int:
    from storage.policy_changes import policy_changes

    files = [_file_of(before), _file_of(after)]

    def both(tx: Tx) -> tuple[Policy, Policy]:
        return _chosen(tx, before, files[0]), _chosen(tx, after, files[1])

    changes = policy_changes(*read_only(found, both))
    if as_json:
        say_json(
            [
                {"field": each.field, "a": each.before, "b": each.after, "loosens": each.loosens}
                for each in changes
            ]
        )  # fmt: skip
    else:
        rows = [[each.field, each.before, each.after, "loosens" if each.loosens else ""] for each in changes]
        say_table(("field", "a", "b", ""), rows)
    return OK


def read_file(path: Path) -> Policy:
    """A policy from a YAML or JSON file. Raises CommandError that names the file and the field or line."""
    import yaml

    from console.cli.as_written import json_as_written, yaml_as_written
    from storage.errors import InvalidPolicy
    from storage.policies import read_policy

    try:
        text = path.read_text(encoding="utf-8")
        return read_policy(json_as_written(text) if path.suffix == ".json" else yaml_as_written(text))
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
