"""Policies from the shell: the list, what differs, what a change loosens, and which are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.kit import oracle, oracle_json

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def written(home: Path, **changes: Any) -> str:
    """A file that holds semi-auto with changes."""
    policy = yaml.safe_load(oracle(home, "policy", "show", "semi-auto").stdout)
    for name, value in changes.items():
        policy[name] = {**policy[name], **value} if isinstance(value, dict) else value
    path = home / "mine.yaml"
    path.write_text(yaml.safe_dump({**policy, "name": "mine"}))
    return str(path)


def in_force(home: Path) -> str:
    return str(next(row["name"] for row in oracle_json(home, "policy", "list") if row["active"]))


def test_the_list_names_each_policy_with_hash_and_since(home: Path) -> None:
    rows = oracle_json(home, "policy", "list")
    assert all(set(row) == {"name", "hash", "active", "since"} for row in rows)
    assert [row["name"] for row in rows if row["active"]] == ["semi-auto"]
    assert {row["name"] for row in rows} == {"observer", "hunter", "semi-auto"}
    assert next(row["since"] for row in rows if row["name"] == "observer") is None


def test_an_empty_window_is_refused_with_the_figures(home: Path) -> None:
    for changes, words in (
        ({"exposure_eur": 0}, "exposure_eur is 0, yet trades.per_day is 5"),
        (
            {"order": {"min_eur": 1, "max_eur": 4}},
            "BTC-EUR: order.max_eur 4 is less than the exchange's minimum, 5 EUR",
        ),
        ({"order": {"min_eur": 4, "max_eur": "4.9"}, "allowlist": ["ADA-EUR"]}, "ADA-EUR: order.max_eur 4.9 is less"),
        ({"allowlist": ["NIX-EUR"]}, "NIX-EUR: the exchange does not list it"),
    ):
        done = oracle(home, "policy", "activate", written(home, **changes), check=False)
        assert done.returncode == 2
        assert words in done.stderr
    assert in_force(home) == "semi-auto"


def test_an_observer_comes_into_force_and_what_goes_back_is_loosened(home: Path) -> None:
    assert oracle_json(home, "policy", "activate", "observer")["loosens"] == []
    assert in_force(home) == "observer"
    told = oracle(home, "policy", "activate", "semi-auto").stdout.splitlines()
    assert len(told) == 2
    assert told[1].startswith("loosens ")
    assert "trades.per_day 0 -> 5" in told[1]


def test_a_difference_names_field_and_both_values(home: Path) -> None:
    rows = oracle_json(home, "policy", "diff", "semi-auto", written(home, cooldown_min=5, order={"max_eur": 400}))
    assert rows == [
        {"field": "name", "a": "semi-auto", "b": "mine", "loosens": False},
        {"field": "order.max_eur", "a": "500", "b": "400", "loosens": False},
        {"field": "cooldown_min", "a": "15", "b": "5", "loosens": True},
    ]
    assert oracle(home, "policy", "diff", "semi-auto", "nosuch", check=False).returncode == 1


def test_what_show_prints_activate_takes_and_it_is_the_same_policy(home: Path) -> None:
    path = home / "same.yaml"
    path.write_text(oracle(home, "policy", "show", "hunter").stdout)
    assert oracle_json(home, "policy", "diff", "hunter", str(path)) == []
    hunter = next(row["hash"] for row in oracle_json(home, "policy", "list") if row["name"] == "hunter")
    assert oracle_json(home, "policy", "activate", str(path))["hash"] == hunter
    assert oracle_json(home, "policy", "activate", hunter[:8])["hash"] == hunter


def test_figures_in_a_policy_are_in_order(home: Path) -> None:
    assert oracle_json(home, "policy", "show", "semi-auto")["confidences"] == [25, 50, 75, 100]


def changed_text(home: Path, before: str, after: str, name: str = "mine.yaml") -> str:
    """A file that holds semi-auto with one piece of its text replaced."""
    text = oracle(home, "policy", "show", "semi-auto").stdout
    assert before in text
    path = home / name
    path.write_text(text.replace(before, after))
    return str(path)


@pytest.mark.parametrize("written_as", ["1:30", "0x2d", "4_5", "0b11"])
def test_a_number_that_a_person_would_read_otherwise_is_refused(home: Path, written_as: str) -> None:
    path = changed_text(home, "\ncooldown_min: 15\n", f"\ncooldown_min: {written_as}\n")
    done = oracle(home, "policy", "diff", "semi-auto", path, check=False)
    assert done.returncode == 2
    assert f"cooldown_min: '{written_as}' is not a plain number" in done.stderr


def test_a_number_with_a_leading_zero_is_the_number_that_stands_there(home: Path) -> None:
    path = changed_text(home, "max_eur: 500", "max_eur: 0100")
    rows = oracle_json(home, "policy", "diff", "semi-auto", path)
    assert rows == [{"field": "order.max_eur", "a": "500", "b": "100", "loosens": False}]


@pytest.mark.parametrize(
    ("name", "before", "after", "field"),
    [
        ("twice.yaml", "\ncooldown_min: 15\n", "\ncooldown_min: 15\ncooldown_min: 0\n", "cooldown_min"),
        ("deep.yaml", "  max_eur: 500\n", "  max_eur: 50\n  max_eur: 500\n", "max_eur"),
    ],
)
def test_a_field_that_stands_there_twice_is_refused(home: Path, name: str, before: str, after: str, field: str) -> None:
    done = oracle(home, "policy", "activate", changed_text(home, before, after, name), check=False)
    assert done.returncode == 2
    assert f"({field} stands there twice)" in done.stderr


def test_a_field_that_stands_twice_in_json_is_refused(home: Path) -> None:
    text = oracle(home, "policy", "show", "semi-auto", "--json").stdout
    path = home / "twice.json"
    path.write_text(text.replace('"cooldown_min": 15', '"cooldown_min": 15, "cooldown_min": 0'))
    done = oracle(home, "policy", "activate", str(path), check=False)
    assert done.returncode == 2
    assert "cooldown_min stands there twice" in done.stderr


def test_a_market_for_buys_and_for_exits_only_is_refused(home: Path) -> None:
    before = in_force(home)
    done = oracle(home, "policy", "activate", written(home, exit_only=["BTC-EUR"]), check=False)
    assert done.returncode == 2
    assert "BTC-EUR stands in allowlist and in exit_only" in done.stderr
    assert in_force(home) == before


def test_a_file_that_calls_other_figures_by_a_preset_s_name_is_refused(home: Path) -> None:
    path = home / "observer.json"
    path.write_text(json.dumps({**oracle_json(home, "policy", "show", "semi-auto"), "name": "observer"}))
    before = oracle_json(home, "policy", "list")
    told = oracle(home, "policy", "activate", str(path), check=False)
    assert told.returncode == 2
    assert "name: observer is a preset, with other figures; give this policy a name of its own" in told.stderr
    assert oracle_json(home, "policy", "list") == before
