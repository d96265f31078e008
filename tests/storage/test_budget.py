"""The budget of calls that cost something: every call counts, no number of callers passes a cap."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from storage.budget import (
    Cap,
    CapReached,
    CapUse,
    Settled,
    Spent,
    TokenPrice,
    abandon_stale,
    abandon_usage,
    cap_uses,
    reserve_usage,
    settle_usage,
    tokens_allowed,
)
from storage.check_results import utc_text
from storage.clock import DAY, HOUR, SECOND
from storage.database import Tx
from storage.errors import BudgetExceeded, Conflict, NotFound
from storage.leases import LEASE_TTL
from storage.looks import record_free_call
from storage.money import Eur
from storage.oracle_pause import OraclePaused, current_pause, lift_pause
from tests.storage.counting_oracle import CountingOracle, a_call, ask_once, callers, caps, reserved


def spent(cost: str, tokens: int = 900) -> Spent:
    return Spent(Eur.of(cost), tokens)


def refusal(tx: Tx, reserve: str = "0.02", **limits: Any) -> CapReached:
    with pytest.raises(CapReached) as caught:
        reserved(tx, reserve, **limits)
    return caught.value


def use_of(tx: Tx, cap: Cap, **limits: Any) -> CapUse:
    (found,) = [each for each in cap_uses(tx, caps(**limits)) if each.cap is cap]
    return found


def row(tx: Tx, usage: int) -> dict[str, Any]:
    return dict(tx.db.execute("SELECT * FROM gpt_usage_log WHERE id = ?", (usage,)).fetchone())


def alerts(tx: Tx) -> list[tuple[str, str]]:
    return [tuple(each) for each in tx.db.execute("SELECT level, subject FROM alerts")]


# what counts -----------------------------------------------------------------------------------------------------
def test_reserved_settled_and_abandoned_calls_count_alike(tx: Tx) -> None:
    settle_usage(tx, reserved(tx).id, spent("0.01"), "two ideas")
    abandon_usage(tx, reserved(tx).id, "time-out")
    reserved(tx)
    told = refusal(tx, calls_per_day=3)
    assert told.use.cap is Cap.CALLS_PER_DAY
    assert [told.use.used, told.use.reserved, told.use.limit] == [2, 1, 3]
    assert reserved(tx, calls_per_day=4).id


def test_an_abandoned_call_costs_all_that_was_reserved_and_a_settled_one_what_it_came_to(tx: Tx) -> None:
    settle_usage(tx, reserved(tx, "0.30").id, spent("0.01"), "")
    abandon_usage(tx, reserved(tx, "0.20").id, "time-out")
    reserved(tx, "0.05")
    found = use_of(tx, Cap.EUR_PER_DAY)
    assert (found.used, found.reserved) == (Decimal("0.21"), Decimal("0.05"))


def test_rules_that_cost_nothing_use_no_budget(tx: Tx) -> None:
    for _ in range(50):
        record_free_call(tx, "rules/scan", 5, "")
    assert reserved(tx, calls_per_day=1, calls_per_hour=1)


def test_a_cap_of_zero_lets_no_call_through_and_never_will(tx: Tx) -> None:
    empty: list[dict[str, Any]] = [{"calls_per_day": 0}, {"calls_per_hour": 0}, {"eur_per_day": 0}]
    for limits in empty:
        told = refusal(tx, **limits)
        assert told.room_at is None
        assert "no passing of time makes room" in str(told)


def test_a_refused_call_is_not_stored(tx: Tx) -> None:
    refusal(tx, calls_per_day=0)
    assert tx.db.execute("SELECT count(*) FROM gpt_usage_log").fetchone()[0] == 0


# windows -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("limits", "length"), [({"calls_per_day": 1}, DAY), ({"calls_per_hour": 1}, HOUR)])
def test_a_call_leaves_its_window_at_its_full_length_and_not_before(
    tx: Tx, limits: dict[str, Any], length: int
) -> None:
    made = reserved(tx, **limits)
    settle_usage(tx, made.id, spent("0.01"), "")
    assert refusal(tx, **limits).room_at == made.at + length
    tx.now = made.at + length - 1
    refusal(tx, **limits)
    tx.now = made.at + length
    assert reserved(tx, **limits)


def test_room_comes_back_when_enough_of_the_oldest_calls_have_left(tx: Tx) -> None:
    starts = []
    for _ in range(5):
        starts.append(tx.now)
        settle_usage(tx, reserved(tx, "0.02").id, spent("0.02"), "")
        tx.now += 60 * SECOND
    # A cap that was lowered to two: four of the five have to leave before one more fits.
    assert refusal(tx, calls_per_hour=2).room_at == starts[3] + HOUR
    # 0.05 EUR more under a cap of 0.10 that is full: three calls of 0.02 have to leave.
    assert refusal(tx, "0.05", eur_per_day="0.10").room_at == starts[2] + DAY
    assert refusal(tx, "0.11", eur_per_day="0.10").room_at is None


def test_a_call_from_the_future_counts(tx: Tx) -> None:
    tx.now += 3 * DAY
    made = reserved(tx)
    settle_usage(tx, made.id, spent("0.01"), "")
    tx.now -= 3 * DAY
    told = refusal(tx, calls_per_hour=1)
    assert told.room_at == made.at + HOUR


# figures -----------------------------------------------------------------------------------------------------------
def test_euros_are_counted_in_micro_euros_rounded_up(tx: Tx) -> None:
    cheap = TokenPrice(Decimal(0), Decimal("0.001"))
    for _ in range(3):
        settle_usage(
            tx,
            reserve_usage(tx, a_call("0.0000011", prompt_tokens=0, price=cheap), caps()).id,
            spent("0.0000010000001", 0),
            "",
        )
    assert use_of(tx, Cap.EUR_PER_DAY).used == Decimal("0.000006")


def test_the_refusal_names_cap_figures_and_time(tx: Tx) -> None:
    first = reserved(tx, "0.30")
    settle_usage(tx, first.id, spent("0.25"), "")
    reserved(tx, "0.20")
    text = str(refusal(tx, "0.10", eur_per_day="0.50"))
    assert text.startswith("oracle.eur_per_day has no room: 0.45 EUR of 0.5 EUR used or reserved in the last 1 d")
    assert "0.1 EUR asked" in text
    assert text.endswith(f"room at {utc_text(first.at + DAY)}")
    assert "calls_per_hour" in str(refusal(tx, calls_per_hour=2))


def test_the_last_micro_euro_fits_and_one_more_does_not(tx: Tx) -> None:
    reserved(tx, "0.30", eur_per_day="0.50")
    refusal(tx, "0.200001", eur_per_day="0.50")
    assert reserved(tx, "0.20", eur_per_day="0.50")


def test_the_token_limit_is_what_the_reservation_pays_for(tx: Tx) -> None:
    made = reserved(tx, "0.02")
    # 4000 tokens at 0.50 and 9000 at 2.00 EUR a million: 0.002 + 0.018 EUR.
    assert made.tokens_allowed == 9000
    assert row(tx, made.id)["tokens_allowed"] == 9000
    assert tokens_allowed(a_call("0.0200019")) == 9000
    assert tokens_allowed(a_call("0.020002")) == 9001


def test_a_reservation_that_does_not_pay_for_the_prompt_is_refused(tx: Tx) -> None:
    for reserve in ("0.002", "0.0001", "0.002001"):
        with pytest.raises(BudgetExceeded, match="do not pay for a prompt"):
            reserved(tx, reserve)
    assert tx.db.execute("SELECT count(*) FROM gpt_usage_log").fetchone()[0] == 0


@pytest.mark.parametrize("price", [TokenPrice(Decimal(1), Decimal(0)), TokenPrice(Decimal(-1), Decimal(1))])
def test_tokens_without_a_price_are_no_reason_for_an_endless_answer(price: TokenPrice) -> None:
    with pytest.raises(ValueError, match="cost something"):
        tokens_allowed(a_call(price=price))


# ends --------------------------------------------------------------------------------------------------------------
def test_an_overrun_is_stored_alerts_and_rests_the_oracle_until_a_person_lifts_it(tx: Tx) -> None:
    made = reserved(tx, "0.02")
    assert settle_usage(tx, made.id, spent("0.05", 20_000), "long answer") is Settled.OVERRUN
    stored = row(tx, made.id)
    assert (stored["state"], stored["cost_micros"], stored["overrun_micros"]) == ("settled", 20_000, 30_000)
    assert stored["tokens_used"] == 20_000
    assert use_of(tx, Cap.EUR_PER_DAY).used == Decimal("0.05")
    assert alerts(tx) == [("critical", "budget")]
    with pytest.raises(OraclePaused, match=r"cost 0.05 EUR, 0.03 more than its reservation of 0.02.*--resume"):
        reserved(tx)
    pause = current_pause(tx)
    assert pause is not None
    lift_pause(tx, pause.id, "price table corrected")
    assert reserved(tx)
    kinds = [each[0] for each in tx.db.execute("SELECT kind FROM audit_log")]
    assert "alert.critical" in kinds
    assert "oracle.resumed" in kinds


def test_a_pause_is_lifted_only_by_who_saw_it(tx: Tx) -> None:
    with pytest.raises(Conflict, match="nothing to lift"):
        lift_pause(tx, 1, "why not")
    first, second = reserved(tx), reserved(tx)
    settle_usage(tx, first.id, spent("0.05"), "")
    seen = current_pause(tx)
    assert seen is not None
    settle_usage(tx, second.id, spent("0.09"), "")
    with pytest.raises(Conflict, match=r"cost 0\.09 EUR"):
        lift_pause(tx, seen.id, "seen")
    assert current_pause(tx) is not None


def test_a_late_settle_of_an_abandoned_call_changes_nothing(tx: Tx) -> None:
    made = reserved(tx, "0.02")
    tx.now += LEASE_TTL
    assert abandon_stale(tx) == [made.id]
    before = row(tx, made.id)
    assert settle_usage(tx, made.id, spent("0.001"), "late") is Settled.LATE
    assert row(tx, made.id) == before
    assert before["state"] == "abandoned"
    assert use_of(tx, Cap.EUR_PER_DAY).used == Decimal("0.02")
    assert current_pause(tx) is None


def test_a_late_settle_that_cost_more_than_reserved_is_not_passed_over(tx: Tx) -> None:
    made = reserved(tx, "0.02")
    abandon_usage(tx, made.id, "time-out")
    assert settle_usage(tx, made.id, spent("0.5"), "late") is Settled.LATE
    assert current_pause(tx) is not None
    assert alerts(tx) == [("critical", "budget")]


def test_a_call_settles_once(tx: Tx) -> None:
    made = reserved(tx)
    assert settle_usage(tx, made.id, spent("0.01"), "") is Settled.WITHIN
    assert settle_usage(tx, made.id, spent("0.002"), "") is Settled.LATE
    assert not abandon_usage(tx, made.id, "")
    assert row(tx, made.id)["cost_micros"] == 10_000


def test_anybody_abandons_a_reservation_older_than_a_lease(tx: Tx) -> None:
    made = reserved(tx)
    tx.now += LEASE_TTL - 1
    assert abandon_stale(tx) == []
    tx.now += 1
    reserved(tx)  # the next caller does it by the way
    assert row(tx, made.id)["state"] == "abandoned"


def test_a_reservation_from_far_in_the_future_is_abandoned_and_counts(tx: Tx) -> None:
    tx.now += 2 * LEASE_TTL
    made = reserved(tx)
    tx.now -= 2 * LEASE_TTL
    assert abandon_stale(tx) == [made.id]
    refusal(tx, calls_per_day=1)


def test_what_is_no_reservation_cannot_be_settled(tx: Tx) -> None:
    free = record_free_call(tx, "rules/scan", 5, "")
    for usage in (free, 999):
        with pytest.raises(NotFound, match=f"no reservation {usage}"):
            settle_usage(tx, usage, spent("1"), "")
        with pytest.raises(NotFound):
            abandon_usage(tx, usage, "")


def test_a_negative_cost_is_refused(tx: Tx) -> None:
    made = reserved(tx)
    with pytest.raises(ValueError, match="nothing or more"):
        settle_usage(tx, made.id, spent("-0.01"), "")


# at once -----------------------------------------------------------------------------------------------------------
async def test_thirty_two_callers_at_once_against_ten_are_ten(tmp_path: Path) -> None:
    oracle = CountingOracle()
    async with callers(tmp_path, 32) as vaults:
        answers = await asyncio.gather(*(ask_once(vault, oracle, caps(calls_per_day=10)) for vault in vaults))
        counted = await vaults[0].read(lambda tx: use_of(tx, Cap.CALLS_PER_DAY, calls_per_day=10))
    assert (sum(answers), len(oracle.calls), len(set(oracle.calls))) == (10, 10, 10)
    assert [counted.used, counted.reserved, counted.limit] == [10, 0, 10]


async def test_callers_at_once_never_pass_the_euros(tmp_path: Path) -> None:
    oracle = CountingOracle(cost="0.02")
    async with callers(tmp_path, 16) as vaults:
        answers = await asyncio.gather(*(ask_once(vault, oracle, caps(eur_per_day="0.11")) for vault in vaults))
    assert (sum(answers), len(oracle.calls)) == (5, 5)


def racer(folder: Path) -> subprocess.Popen[str]:
    """A process of eight callers that waits for the start."""
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.counting_oracle", str(folder), "8", '{"calls_per_hour": 10}'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


@pytest.mark.processes
def test_thirty_two_callers_in_four_processes_against_ten_are_ten(tmp_path: Path) -> None:
    racers = [racer(tmp_path) for _ in range(4)]
    for each in racers:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    ends = [json.loads(each.communicate(timeout=60)[0]) for each in racers]
    assert sum(end["let_through"] for end in ends) == 10
    assert sum(end["asked"] for end in ends) == 10
    with closing(sqlite3.connect(tmp_path / "vault.db")) as db:
        assert [each[0] for each in db.execute("SELECT state FROM gpt_usage_log")] == ["settled"] * 10
