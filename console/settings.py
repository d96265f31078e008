"""Settings: paths, looks and intervals. No figure that decides about an order, and no secret, is a setting.

Order, later wins: built-in defaults, ``settings.yaml`` of the working folder, of the data folder, ``--settings``,
environment (``ORACLE_CONSOLE__LOOKS__THEME=light``).
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

ENV_PREFIX: Final = "ORACLE_CONSOLE__"
HOME_VARIABLE: Final = "ORACLE_CONSOLE_HOME"
FILE_NAME: Final = "settings.yaml"


class SettingsError(Exception):
    """A settings file or variable is wrong; the text names it and says what would be right."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Looks(_Section):
    """How the console looks."""

    theme: Literal["dark", "light", "colour-blind", "high-contrast"] = "dark"
    """Colours of the console."""

    symbols: Literal["unicode", "ascii"] = "unicode"
    """Characters for frames, bars and marks; ascii for terminals that draw them two cells wide."""

    armed_seconds: Annotated[int, Field(ge=8, le=30)] = 8
    """How long a confirmed ticket stays armed before it falls back to READY."""

    utc: bool = False
    """Show times in UTC instead of local time; t toggles it."""


class Intervals(_Section):
    """How often the console does what costs requests."""

    look_seconds: Annotated[int, Field(ge=10, le=3600)] = 60
    """Seconds between looks at the markets."""

    quotes_seconds: Annotated[int, Field(ge=2, le=60)] = 4
    """Seconds between quotes of markets with an open proposal, while a console shows them."""


class Paper(_Section):
    """The simulated exchange of this data folder; read when it is first made."""

    seed: Annotated[int, Field(ge=0, le=2**31)] = 7
    """Seed of its price generator."""

    balance_eur: Annotated[int, Field(ge=0, le=10_000_000)] = 1000
    """Euros it starts with."""


class Logs(_Section):
    """The log files under logs/ of the data folder."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe message that is written."""


class Settings(BaseSettings):
    """All settings, with their defaults."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter="__", use_attribute_docstrings=True
    )

    looks: Looks = Looks()
    intervals: Intervals = Intervals()
    paper: Paper = Paper()
    logs: Logs = Logs()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over files; the files come with the initial values."""
        return env_settings, init_settings


def settings_files(home: Path, extra: Path | None) -> list[Path]:
    """The files that exist, weakest first. Raises SettingsError when the one that was asked for does not."""
    found = [path for path in (Path.cwd() / FILE_NAME, home / FILE_NAME) if path.is_file()]
    if extra is not None:
        if not extra.is_file():
            raise SettingsError(f"{extra}: there is no such settings file")
        found.append(extra)
    return found


def load_settings(home: Path, extra: Path | None = None) -> Settings:
    """Read and check all settings. Raises SettingsError with file, key and the nearest known key."""
    files = settings_files(home, extra)
    for path in files:
        _check_keys(_read(path), Settings, str(path), "")
    _check_environment()
    source = YamlConfigSettingsSource(Settings, yaml_file=list(files), deep_merge=True)
    try:
        return Settings(**source())
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        where = ", ".join(str(path) for path in files) or "the environment"
        raise SettingsError(f"{where}: {key}: {first['msg']}, not {first['input']!r}") from None


def _read(path: Path) -> dict[str, Any]:
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


def _check_environment() -> None:
    known = {ENV_PREFIX + key.replace(".", "__").upper() for key in known_keys()}
    for name in os.environ:
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known:
            key = name[len(ENV_PREFIX) :].lower().replace("__", ".")
            raise SettingsError(f"environment: {name} is no setting{_nearest(key)}")


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
