"""A policy that would refuse every buy is refused itself, with the figures that contradict each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storage.codes import Mode, Stage
from storage.database import Tx
from storage.errors import InvalidPolicy
from storage.facts import STAGE_LIMITS
from storage.money import Eur, Price, Quantity
from storage.policies import presets
from storage.policy_store import activate_policy, active_policy, find_policy, stored_policies
from storage.policy_window import Venue, contradictions
from tests.storage.builders import make_rules, policy_with

ONE = ("BTC-EUR",)


def venue(limit: str | None = "61458", **rules: Any) -> dict[str, Venue]:
    """BTC-EUR alone, with a buy at that limit."""
    return {"BTC-EUR": Venue(replace(make_rules(), **rules), None if limit is None else Price.of(limit))}


def told(stage: Stage = Stage.MATURE, venues: dict[str, Venue] | None = None, **changes: Any) -> tuple[str, ...]:
    return contradictions(policy_with(**{"allowlist": ONE, **changes}), stage, STAGE_LIMITS[stage], venues)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("stage", list(Stage))
def test_every_preset_leaves_a_window_at_every_stage(mode: Mode, stage: Stage) -> None:
    for policy in presets(mode).values():
        assert contradictions(policy, stage, STAGE_LIMITS[stage]) == ()


@pytest.mark.parametrize(
    ("changes", "stage", "sentence"),
    [
        ({"exposure_eur": 0}, Stage.MATURE, "exposure_eur is 0, yet trades.per_day is 5"),
        ({"order": {"min_eur": 0, "max_eur": 0}}, Stage.MATURE, "order.max_eur is 0, yet trades.per_day is 5"),
        ({"exposure_eur": 9}, Stage.MATURE, "exposure_eur 9 is less than order.min_eur 10"),
        ({"order": {"min_eur": 30}}, Stage.TRAINING, "the limit of stage TRAINING 25 is less than order.min_eur 30"),
    ],
)
def test_figures_that_leave_nothing_are_named(changes: dict[str, Any], stage: Stage, sentence: str) -> None:
    assert told(stage, **changes) == (sentence,)


@pytest.mark.parametrize("trades", [{"per_day": 0, "per_hour": 0}, {"per_day": 0}, {"per_hour": 0}])
def test_an_observer_needs_no_window(trades: dict[str, int]) -> None:
    assert told(trades=trades, exposure_eur=0, order={"min_eur": 0, "max_eur": 0}) == ()


def test_without_a_market_there_is_no_window_to_test() -> None:
    assert told(allowlist=(), exposure_eur=0) == ()


def test_the_smallest_order_that_just_fits_is_a_window() -> None:
    assert told(Stage.TRAINING, order={"min_eur": 25, "max_eur": 25}) == ()
    assert told(exposure_eur=10) == ()


def test_a_maximum_under_the_exchanges_minimum_is_refused() -> None:
    small = {"min_eur": 1, "max_eur": 4}
    assert told(venues=venue(), order=small) == (
        "BTC-EUR: order.max_eur 4 is less than the exchange's minimum, 5 EUR",
    )  # fmt: skip
    assert told(venues=venue(limit=None), order=small) != ()


def test_a_step_of_the_market_that_is_too_coarse_is_refused() -> None:
    coarse = venue("61458", quantity_decimals=3, minimum_quantity=Quantity.of("0.00001"))
    assert told(venues=coarse, order={"min_eur": 10, "max_eur": 61}) == (
        "BTC-EUR: order.max_eur 61 is less than the smallest order there, 0.001 BTC at 61458 = 61.458 EUR",
    )
    assert told(venues=coarse, order={"min_eur": 10, "max_eur": 62}) == ()


def test_the_exchanges_smallest_quantity_counts() -> None:
    heavy = venue("61458", minimum_quantity=Quantity.of("0.001"))
    assert "0.001 BTC at 61458 = 61.458 EUR" in told(Stage.TRAINING, venues=heavy)[0]
    assert "stage TRAINING" in told(Stage.TRAINING, venues=heavy)[0]


def test_every_market_of_the_list_is_tested() -> None:
    assert told(venues=venue(), allowlist=("BTC-EUR", "NIX-EUR")) == ("NIX-EUR: the exchange does not list it",)


def test_a_minimum_over_the_exchanges_maximum_is_refused() -> None:
    light = venue("61458", maximum_quantity=Quantity.of("0.0001"))
    assert told(venues=light, order={"min_eur": 10}) == (
        "BTC-EUR: order.min_eur 10 is more than the exchange's maximum, 0.0001 BTC",
    )


# where it is enforced ----------------------------------------------------------------------------------------------
def test_no_policy_without_a_window_comes_into_force(tx: Tx) -> None:
    seen = active_policy(tx)
    for changes, venues in (({"exposure_eur": 0}, None), ({"order": {"min_eur": 1, "max_eur": 4}}, venue())):
        empty = policy_with(name="empty", allowlist=ONE, **changes)
        with pytest.raises(InvalidPolicy, match="policy empty would refuse every order"):
            activate_policy(tx, empty, seen.activation_id, venues)
    assert active_policy(tx) == seen
    assert tx.db.execute("SELECT count(*) FROM policies WHERE name = 'empty'").fetchone()[0] == 0


def test_a_market_in_both_lists_is_a_contradiction_that_is_named(tx: Tx) -> None:
    seen = active_policy(tx)
    both = policy_with(name="both", allowlist=("ADA-EUR", "BTC-EUR", "ETH-EUR"), exit_only=("ETH-EUR", "ADA-EUR"))
    with pytest.raises(InvalidPolicy, match="ADA-EUR, ETH-EUR stand in allowlist and in exit_only"):
        activate_policy(tx, both, seen.activation_id)
    assert active_policy(tx) == seen


def test_the_stage_of_the_vault_is_the_one_that_counts(tx: Tx) -> None:
    large = policy_with(name="large", order={"min_eur": 30})
    tx.sql.insert("insert_stage_change", stage="TRAINING", reason="test", actor="operator", now=tx.now)
    with pytest.raises(InvalidPolicy, match="stage TRAINING 25"):
        activate_policy(tx, large, active_policy(tx).activation_id)
    tx.sql.insert("insert_stage_change", stage="VALIDATED", reason="test", actor="operator", now=tx.now)
    assert activate_policy(tx, large, active_policy(tx).activation_id).name == "large"


# the list of policies ----------------------------------------------------------------------------------------------
def test_the_list_tells_which_is_in_force_and_since_when(tx: Tx) -> None:
    start = tx.now
    tx.now += 7
    activate_policy(tx, presets(Mode.PAPER)["hunter"], active_policy(tx).activation_id)
    told = [(row.name, row.active, row.since) for row in stored_policies(tx)]
    assert told == [("hunter", True, start + 7), ("semi-auto", False, start), ("observer", False, None)]


def test_a_policy_is_found_by_the_start_of_its_hash(tx: Tx) -> None:
    hunter = presets(Mode.PAPER)["hunter"]
    assert find_policy(tx, "hunter").hash() == hunter.hash()
    assert find_policy(tx, hunter.hash()[:8].upper()).hash() == hunter.hash()
    for word in (hunter.hash()[:3], "0" * 8, ""):
        with pytest.raises(Exception, match="there is no policy"):
            find_policy(tx, word)


def test_money_of_the_window_is_exact() -> None:
    limit = venue("3.3333", quantity_decimals=6, minimum_quantity=Quantity.of("0.1"), minimum_value=Eur.of("5"))
    # 10 EUR at 3.3333 is 3.00003... coins; the next millionth is worth a hair more than 10.
    assert told(venues=limit, order={"min_eur": 10, "max_eur": "10"}) != ()
    assert told(venues=limit, order={"min_eur": 10, "max_eur": "10.00001"}) == ()
