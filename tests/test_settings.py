"""Which source of settings wins, and which one is named when a value is wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from console.settings import ENV_PREFIX, Looks, Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and an empty data folder (``home``)."""
    for folder in ("work", "home"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def state(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_without_any_source_the_defaults_hold(folders: Path) -> None:
    assert load_settings(folders / "home") == Settings()


def test_the_later_source_wins_key_by_key(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state(folders / "work" / "settings.yaml", "looks: {theme: light, symbols: ascii, armed_seconds: 9, utc: true}")
    state(folders / "home" / "settings.yaml", "looks: {symbols: unicode, armed_seconds: 10}\npaper: {seed: 1}")
    mine = state(folders / "mine.yaml", "looks: {armed_seconds: 11}\npaper: {seed: 2}")
    monkeypatch.setenv(f"{ENV_PREFIX}PAPER__SEED", "0")
    found = load_settings(folders / "home", mine)
    assert asdict(found.looks) == {"theme": "light", "symbols": "unicode", "armed_seconds": 11, "utc": True}
    assert found.paper.seed == 0


@pytest.mark.parametrize("at_fault", ["work/settings.yaml", "home/settings.yaml", "mine.yaml"])
def test_a_wrong_value_names_its_own_file_only(folders: Path, at_fault: str) -> None:
    names = ("work/settings.yaml", "home/settings.yaml", "mine.yaml")
    for name in names:
        state(folders / name, f"looks: {{armed_seconds: {99 if name == at_fault else 9}}}")
    with pytest.raises(SettingsError) as caught:
        load_settings(folders / "home", folders / "mine.yaml")
    told = str(caught.value)
    assert told.startswith(f"{folders / at_fault}: looks.armed_seconds: ")
    assert told.endswith("not 99")
    assert not any(str(folders / name) in told for name in names if name != at_fault)


def test_a_wrong_value_is_named_even_where_a_later_source_would_hide_it(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state(folders / "home" / "settings.yaml", "paper: {seed: -1}")
    monkeypatch.setenv(f"{ENV_PREFIX}PAPER__SEED", "3")
    with pytest.raises(SettingsError, match=re.escape(f"{folders / 'home' / 'settings.yaml'}: paper.seed: ")):
        load_settings(folders / "home")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PAPER__SEED", "-1", "environment: {}PAPER__SEED: paper.seed: "),
        ("LOOKS__THEME", "pink", "environment: {}LOOKS__THEME: looks.theme: "),
        ("LOOKS__THEEM", "dark", "environment: {}LOOKS__THEEM is no setting; did you mean looks.theme?"),
        ("LOGS", "debug", "environment: {}LOGS names a section; its settings are {}LOGS__LEVEL"),
        ("PAPER__SEED__X", "1", "environment: {}PAPER__SEED__X is no setting"),
    ],
)
def test_a_wrong_variable_is_named_and_no_file(
    folders: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    state(folders / "home" / "settings.yaml", "logs: {level: error}")
    monkeypatch.setenv(ENV_PREFIX + name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings(folders / "home")
    assert str(caught.value).startswith(told.replace("{}", ENV_PREFIX))
    assert "settings.yaml" not in str(caught.value)


def test_a_variable_states_numbers_and_truth_as_text(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{ENV_PREFIX}LOOKS__UTC", "true")
    monkeypatch.setenv(f"{ENV_PREFIX}INTERVALS__LOOK_SECONDS", "10")
    found = load_settings(folders / "home")
    assert (found.looks.utc, found.intervals.look_seconds) == (True, 10)


@pytest.mark.parametrize("text", ["looks: 5", "looks: [dark]", "looks:"])
def test_a_section_that_is_no_section_is_named(folders: Path, text: str) -> None:
    path = state(folders / "home" / "settings.yaml", text)
    with pytest.raises(SettingsError, match=re.escape(f"{path}: looks: ")):
        load_settings(folders / "home")


def test_a_file_that_was_asked_for_must_be_there(folders: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such settings file"):
        load_settings(folders / "home", folders / "nowhere.yaml")


def test_an_unchanged_copy_of_the_shipped_file_states_the_defaults_over_weaker_files(folders: Path) -> None:
    shipped = (Path(__file__).resolve().parents[1] / "settings.yaml").read_text(encoding="utf-8")
    state(folders / "work" / "settings.yaml", "looks: {theme: light}\npaper: {seed: 3}")
    state(folders / "home" / "settings.yaml", shipped)
    assert load_settings(folders / "home") == Settings()
    mine = state(folders / "mine.yaml", "looks: {theme: light}")
    assert load_settings(folders / "home", mine) == Settings(looks=Looks(theme="light"))


def test_the_shipped_settings_are_read_without_the_libraries_that_check_them(folders: Path) -> None:
    shipped = (Path(__file__).resolve().parents[1] / "settings.yaml").read_text(encoding="utf-8")
    state(folders / "work" / "settings.yaml", shipped)
    code = (
        "import sys; from pathlib import Path\n"
        "from console.settings import load_settings; load_settings(Path('home')); "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'pydantic', 'pydantic_core', 'yaml'}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folders / "work", env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
