"""Settings: paths, looks and intervals. No figure that decides about an order, and no secret, is a setting.

Order, later wins: built-in defaults, ``settings.yaml`` of the working folder, of the data folder, ``--settings``,
environment (``ORACLE_CONSOLE__LOOKS__THEME=light``).
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

ENV_PREFIX: Final = "ORACLE_CONSOLE__"
HOME_VARIABLE: Final = "ORACLE_CONSOLE_HOME"
FILE_NAME: Final = "settings.yaml"


class SettingsError(Exception):
    """A settings file or variable is wrong; the text names it and says what would be right."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Looks(_Section):
    """How the console looks."""

    theme: Literal["dark", "light", "colour-blind", "high-contrast"] = Field(
        "dark", description="Colours of the console."
    )
    symbols: Literal["unicode", "ascii"] = Field(
        "unicode",
        description="Characters for frames, bars and marks; ascii for terminals that draw them two cells wide.",
    )
    armed_seconds: int = Field(
        8, ge=8, le=30, description="How long a confirmed ticket stays armed before it falls back to READY."
    )
    utc: bool = Field(False, description="Show times in UTC instead of local time; t toggles it.")


class Intervals(_Section):
    """How often the console does what costs requests."""

    look_seconds: int = Field(60, ge=10, le=3600, description="Seconds between looks at the markets.")
    quotes_seconds: int = Field(
        4,
        ge=2,
        le=60,
        description="Seconds between quotes of markets with an open proposal, while a console shows them.",
    )


class Paper(_Section):
    """The simulated exchange of this data folder; read when it is first made."""

    seed: int = Field(7, ge=0, le=2**31, description="Seed of its price generator.")
    balance_eur: int = Field(1000, ge=0, le=10_000_000, description="Euros it starts with.")


class Logs(_Section):
    """The log files under logs/ of the data folder."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe message that is written."
    )


class Settings(_Section):
    """All settings, with their defaults."""

    looks: Looks = Looks()
    intervals: Intervals = Intervals()
    paper: Paper = Paper()
    logs: Logs = Logs()


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
        stated = _read(path)
        _check_keys(stated, Settings, str(path), "")
        _check_values(stated, str(path))
        _merge(merged, stated)
    for name, stated in _environment():
        _check_values(stated, f"environment: {name}")
        _merge(merged, stated)
    return Settings.model_validate(merged)


def _check_values(stated: Mapping[str, Any], where: str) -> None:
    try:
        Settings.model_validate(stated)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{where}: {key}: {first['msg']}, not {first['input']!r}") from None


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


def _check_keys(data: Mapping[Any, Any], model: type[BaseModel], where: str, prefix: str) -> None:
    for key, value in data.items():
        field = model.model_fields.get(str(key))
        if field is None:
            raise SettingsError(f"{where}: {prefix}{key} is no setting{_nearest(f'{prefix}{key}')}")
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel) and isinstance(value, Mapping):
            _check_keys(value, section, where, f"{prefix}{key}.")


def _environment() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each variable that states a setting, with what it states. Raises SettingsError for one that states none."""
    keys = set(known_keys())
    for name, value in os.environ.items():
        if not name.upper().startswith(ENV_PREFIX):
            continue
        key = name[len(ENV_PREFIX) :].lower().replace("__", ".")
        if key in Settings.model_fields:
            leaves = ", ".join(
                f"{name}__{known.partition('.')[2].upper()}" for known in sorted(keys) if known.startswith(f"{key}.")
            )
            raise SettingsError(f"environment: {name} names a section; its settings are {leaves}")
        if key not in keys:
            raise SettingsError(f"environment: {name} is no setting{_nearest(key)}")
        section, _, leaf = key.partition(".")
        yield name, {section: {leaf: value}}


def known_keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every setting by its dotted name."""
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from known_keys(section, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _nearest(key: str) -> str:
    names = [*known_keys(), *Settings.model_fields]
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.4)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known_keys())}"
