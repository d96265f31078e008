"""Policies: the three presets to the digit, one hash for one meaning, and refusals that name the field."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from storage.codes import Mode
from storage.errors import InvalidPolicy
from storage.policies import Policy, presets, read_policy

TWO = ("BTC-EUR", "ETH-EUR")
FOUR = (*TWO, "ADA-EUR", "SOL-EUR")
FIVE = (*FOUR, "XRP-EUR")

TABLE: dict[str, tuple[Any, Any, Any]] = {
    "scan.interval_min": (120, 60, 30),
    "scan.quiet_min": (None, 240, 120),
    "scan.busy_min": (None, 15, 10),
    "scan.per_day": (10, 20, 50),
    "oracle.calls_per_day": (5, 10, 15),
    "oracle.calls_per_hour": (2, 3, 5),
    "oracle.eur_per_day": ("0.50", "1.00", "2.00"),
    "oracle_gate.volatility_pct": (50, 40, 30),
    "oracle_gate.move_1h_pct": (3, 2, "1.5"),
    "oracle_gate.move_4h_pct": (5, 3, 2),
    "oracle_gate.volume_z": ("2.0", "1.5", "1.0"),
    "order.min_eur": (10, 10, 10),
    "order.max_eur": (50, 200, 500),
    "trades.per_day": (0, 3, 5),
    "trades.per_hour": (0, 2, 3),
    "exits.per_day": (10, 10, 20),
    "exits.per_hour": (6, 6, 10),
    "exposure_eur": (0, 1000, 2000),
    "drawdown_pct": (5, 10, 15),
    "cooldown_min": (60, 30, 15),
    "anti_flip_min": (120, 120, 120),
    "cooldown_after_loss_min": (60, 30, 15),
    "never_average_down": (True, True, False),
    "confidences": ((75, 100), (50, 75, 100), (25, 50, 75, 100)),
    "allowlist": (TWO, FOUR, FIVE),
    "exit_only": ((), (), ()),
    "venue.collar_pct": (2, 2, 2),
    "venue.spread_pct": ("0.5", "0.5", "0.5"),
    "venue.fresh_s": (5, 5, 5),
    "submit.window_ms": (5000, 5000, 5000),
    "submit.request_timeout_ms": (10000, 10000, 10000),
    "submit.lookup_lag_ms": (1000, 1000, 1000),
    "submit.rest_max_min": (240, 240, 240),
    "submit.dead_man_s": (60, 60, 60),
}
NAMES = ("observer", "hunter", "semi-auto")


def _flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _data(name: str = "semi-auto") -> dict[str, Any]:
    return presets(Mode.PAPER)[name].model_dump()


def _with(path: str, value: Any) -> dict[str, Any]:
    data = _data()
    *parts, last = path.split(".")
    inner = data
    for part in parts:
        inner = inner[part]
    inner[last] = value
    return data


@pytest.mark.parametrize("column", range(3))
def test_presets_are_the_table(column: int) -> None:
    found = _flat(presets(Mode.PAPER)[NAMES[column]].model_dump())
    assert set(found) == {*TABLE, "name", "submit.absence_margin_ms"}
    for field, row in TABLE.items():
        wanted = row[column]
        if isinstance(wanted, str):
            wanted = Decimal(wanted)
        assert found[field] == wanted, field


def test_there_are_three_and_each_carries_its_name() -> None:
    assert tuple(presets(Mode.LIVE)) == NAMES
    assert all(policy.name == name for name, policy in presets(Mode.LIVE).items())


@pytest.mark.parametrize("name", NAMES)
def test_the_absence_margin_is_one_window_in_paper_and_ten_in_live(name: str) -> None:
    assert presets(Mode.PAPER)[name].submit.absence_margin_ms == 5_000
    assert presets(Mode.LIVE)[name].submit.absence_margin_ms == 50_000


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_is_accepted_and_means_the_same(name: str) -> None:
    policy = presets(Mode.LIVE)[name]
    assert read_policy(json.loads(policy.canonical())).hash() == policy.hash()


@pytest.mark.parametrize("way", [25, 25.0, "25", "25.0", "25.00", Decimal("25"), Decimal("2.5E+1")])
@pytest.mark.parametrize("field", ["order.max_eur", "exposure_eur", "cooldown_min", "trades.per_day", "drawdown_pct"])
def test_one_number_written_differently_is_one_policy(field: str, way: Any) -> None:
    assert read_policy(_with(field, way)).hash() == read_policy(_with(field, 25)).hash()


@given(st.permutations(FIVE), st.permutations([25, 50, 75, 100]))
def test_the_order_of_lists_and_keys_does_not_matter(markets: list[str], confidences: list[int]) -> None:
    data = {**_data(), "allowlist": markets, "confidences": confidences}
    turned = dict(reversed(list(data.items())))
    assert read_policy(turned).hash() == read_policy(_data()).hash()


@pytest.mark.parametrize("field", sorted(set(TABLE) - {"never_average_down", "confidences", "allowlist", "exit_only"}))
def test_every_figure_is_in_the_hash(field: str) -> None:
    other = read_policy(_with(field, 111 if field.endswith("_ms") else 11))
    assert other.hash() != read_policy(_data()).hash()


def test_the_canonical_text_has_numbers_as_decimal_text_and_sorted_keys() -> None:
    canonical = json.loads(presets(Mode.PAPER)["observer"].canonical())
    assert list(canonical) == sorted(canonical)
    assert canonical["venue"] == {"collar_pct": "2", "fresh_s": "5", "spread_pct": "0.5"}
    assert canonical["scan"]["quiet_min"] is None
    assert canonical["never_average_down"] is True


@pytest.mark.parametrize("path", ["surprise", "order.surprise", "venue.max_age", "submit.retries"])
def test_an_unknown_field_is_refused_by_name(path: str) -> None:
    with pytest.raises(InvalidPolicy, match=path.replace(".", r"\.")):
        read_policy(_with(path, 1))


@pytest.mark.parametrize("path", [*sorted(TABLE), "name", "submit.absence_margin_ms"])
def test_a_missing_field_is_refused_by_name(path: str) -> None:
    data = _data()
    *parts, last = path.split(".")
    inner = data
    for part in parts:
        inner = inner[part]
    del inner[last]
    with pytest.raises(InvalidPolicy, match=path.replace(".", r"\.")):
        read_policy(data)


def test_a_minimum_above_the_maximum_is_refused_and_an_equal_one_is_not() -> None:
    with pytest.raises(InvalidPolicy, match=r"min_eur 500\.01 is more than max_eur 500"):
        read_policy(_with("order.min_eur", "500.01"))
    assert read_policy(_with("order.min_eur", 500)).order.min_eur == 500


@pytest.mark.parametrize("path", ["order.max_eur", "exposure_eur", "trades.per_day", "drawdown_pct", "cooldown_min"])
@pytest.mark.parametrize(
    "bad", [-1, "NaN", "Infinity", float("nan"), float("inf"), None, True, "", "ten", [], "1e50", -0.01]
)
def test_what_is_no_figure_is_refused_by_name(path: str, bad: Any) -> None:
    with pytest.raises(InvalidPolicy, match=path.replace(".", r"\.")):
        read_policy(_with(path, bad))


@pytest.mark.parametrize("path", ["trades.per_day", "cooldown_min", "venue.fresh_s", "submit.window_ms"])
def test_a_fraction_of_a_whole_thing_is_refused(path: str) -> None:
    with pytest.raises(InvalidPolicy, match="whole number"):
        read_policy(_with(path, "10.5"))


@pytest.mark.parametrize("market", ["btc-eur", "BTC-USD", "BTC", "", "BTC-EUR ", "BTC-EUR\n", 7])
def test_a_market_that_is_no_euro_market_is_refused(market: Any) -> None:
    for path in ("allowlist", "exit_only"):
        with pytest.raises(InvalidPolicy, match=path):
            read_policy(_with(path, [market]))


@pytest.mark.parametrize("confidence", [1, 60, 101, -25, "high", 75.5])
def test_a_confidence_nobody_gives_is_refused(confidence: Any) -> None:
    with pytest.raises(InvalidPolicy, match="confidences"):
        read_policy(_with("confidences", [confidence]))


@pytest.mark.parametrize("data", [None, [], "observer", 7])
def test_what_is_no_policy_at_all_is_refused(data: Any) -> None:
    with pytest.raises(InvalidPolicy):
        read_policy(data)


def test_a_policy_cannot_be_changed() -> None:
    policy: Policy = presets(Mode.PAPER)["observer"]
    with pytest.raises(ValidationError):
        policy.exposure_eur = Decimal(5000)  # type: ignore[misc]


def test_a_misspelt_field_is_named_with_the_one_that_was_meant() -> None:
    data = presets(Mode.PAPER)["hunter"].model_dump()
    data["cooldwn_min"] = data.pop("cooldown_min")
    with pytest.raises(InvalidPolicy, match=r"cooldwn_min: no such field; did you mean cooldown_min\?"):
        read_policy(data)
