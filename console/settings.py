"""Settings: paths, looks and intervals. No figure that decides about an order, and no secret, is a setting.

Order, later wins: built-in defaults, ``settings.yaml`` of the working folder, of the data folder, ``--settings``,
environment (``ORACLE_CONSOLE__LOOKS__THEME=light``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

if TYPE_CHECKING:
    from pydantic import Field, TypeAdapter

ENV_PREFIX: Final = "ORACLE_CONSOLE__"
HOME_VARIABLE: Final = "ORACLE_CONSOLE_HOME"
FILE_NAME: Final = "settings.yaml"


class SettingsError(Exception):
    """A settings file or variable is wrong; the text names it and says what would be right."""


@dataclass(frozen=True)
class Looks:
    """How the console looks."""

    theme: Annotated[
        Literal["dark", "light", "colour-blind", "high-contrast"], Field(description="Colours of the console.")
    ] = "dark"
    symbols: Annotated[
        Literal["unicode", "ascii"],
        Field(description="Characters for frames, bars and marks; ascii for terminals that draw them two cells wide."),
    ] = "unicode"
    armed_seconds: Annotated[
        int,
        Field(ge=8, le=30, description="How long a confirmed ticket stays armed before it falls back to READY."),
    ] = 8
    utc: Annotated[bool, Field(description="Show times in UTC instead of local time; t toggles it.")] = False


@dataclass(frozen=True)
class Intervals:
    """How often the console does what costs requests."""

    look_seconds: Annotated[int, Field(ge=10, le=3600, description="Seconds between looks at the markets.")] = 60
    quotes_seconds: Annotated[
        int,
        Field(
            ge=2,
            le=60,
            description="Seconds between quotes of markets with an open proposal, while a console shows them.",
        ),
    ] = 4


@dataclass(frozen=True)
class Paper:
    """The simulated exchange of this data folder; read when it is first made."""

    seed: Annotated[int, Field(ge=0, le=2**31, description="Seed of its price generator.")] = 7
    balance_eur: Annotated[int, Field(ge=0, le=10_000_000, description="Euros it starts with.")] = 1000


@dataclass(frozen=True)
class Logs:
    """The log files under logs/ of the data folder."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="The least severe message that is written.")
    ] = "info"


@dataclass(frozen=True)
class Settings:
    """All settings, with their defaults."""

    looks: Looks = Looks()
    intervals: Intervals = Intervals()
    paper: Paper = Paper()
    logs: Logs = Logs()


SECTIONS: Final[Mapping[str, type[Any]]] = {section.name: type(section.default) for section in fields(Settings)}


@cache
def checker() -> TypeAdapter[Settings]:
    """What checks values against the annotations above.

    Made when somebody states a setting: most data folders hold none, and the checking library takes longer to load
    than everything else that a short command needs.
    """
    from pydantic import Field, TypeAdapter  # noqa: F401 - the annotations are read in this function's scope

    return TypeAdapter(Settings)


def settings_files(home: Path, extra: Path | None) -> list[Path]:
    """The files that exist, weakest first. Raises SettingsError when the one that was asked for does not."""
    found = [path for path in (Path.cwd() / FILE_NAME, home / FILE_NAME) if path.is_file()]
    if extra is not None:
        if not extra.is_file():
            raise SettingsError(f"{extra}: there is no such settings file")
        found.append(extra)
    return found


def load_settings(home: Path, extra: Path | None = None) -> Settings:
    """Read and check all settings.

    Raises SettingsError with the one file or variable at fault, the key, and what would be right.
    """
    merged: dict[str, Any] = {}
    for path in settings_files(home, extra):
        if _is_shipped(path):
            merged = {}
            continue
        stated = _read(path)
        _check_keys(stated, str(path))
        _check_values(stated, str(path))
        _merge(merged, stated)
    for name, stated in _environment():
        _check_values(stated, f"environment: {name}")
        _merge(merged, stated)
    return checker().validate_python(merged) if merged else Settings()


def _check_values(stated: Mapping[str, Any], where: str) -> None:
    from pydantic import ValidationError

    try:
        checker().validate_python(stated)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{where}: {key}: {first['msg']}, not {first['input']!r}") from None


def _is_shipped(path: Path) -> bool:
    """Whether a file is the one this program comes with, or an unchanged copy: it states every default, nothing else.

    Lies beside the package in a checkout, in the package where it is installed.
    """
    package = Path(__file__).parent
    shipped = next((file for file in (package / FILE_NAME, package.parent / FILE_NAME) if file.is_file()), None)
    try:
        return shipped is not None and path.read_bytes() == shipped.read_bytes()
    except OSError:
        return False


def _merge(into: dict[str, Any], stated: Mapping[str, Any]) -> None:
    for section, values in stated.items():
        into[section] = {**into.get(section, {}), **values}


def _read(path: Path) -> dict[str, Any]:
    import yaml  # most data folders have no settings file

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = str(error).splitlines()[0]
        raise SettingsError(f"{path}: cannot be read as YAML ({problem})") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise SettingsError(f"{path}: holds no settings; each line is a key, a colon and a value")
    return data


def _check_keys(stated: Mapping[Any, Any], where: str) -> None:
    for section, values in stated.items():
        if section not in SECTIONS:
            raise SettingsError(f"{where}: {section} is no setting{_nearest(str(section))}")
        known = {field.name for field in fields(SECTIONS[section])}
        for name in values if isinstance(values, Mapping) else ():
            if name not in known:
                raise SettingsError(f"{where}: {section}.{name} is no setting{_nearest(f'{section}.{name}')}")


def _environment() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each variable that states a setting, with what it states. Raises SettingsError for one that states none."""
    keys = set(known_keys())
    for name, value in os.environ.items():
        if not name.upper().startswith(ENV_PREFIX):
            continue
        key = name[len(ENV_PREFIX) :].lower().replace("__", ".")
        if key in SECTIONS:
            leaves = ", ".join(
                f"{name}__{known.partition('.')[2].upper()}" for known in sorted(keys) if known.startswith(f"{key}.")
            )
            raise SettingsError(f"environment: {name} names a section; its settings are {leaves}")
        if key not in keys:
            raise SettingsError(f"environment: {name} is no setting{_nearest(key)}")
        section, _, leaf = key.partition(".")
        yield name, {section: {leaf: value}}


def known_keys() -> Iterator[str]:
    """Every setting by its dotted name."""
    for name, section in SECTIONS.items():
        yield from (f"{name}.{field.name}" for field in fields(section))


def _nearest(key: str) -> str:
    import difflib

    names = [*known_keys(), *SECTIONS]
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.4)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known_keys())}"
