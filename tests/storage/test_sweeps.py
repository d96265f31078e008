"""Sweeps: which becomes the baseline, what balances should be, and which exchange a vault belongs to."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from storage.clock import HOUR, MINUTE, SECOND
from storage.codes import ExecutionState, Mode
from storage.database import Tx
from storage.errors import WrongMode
from storage.evidence import apply_order
from storage.facts import newest_sweep, read_book
from storage.money import Eur, Price, Quantity
from storage.proposals import NewProposal
from storage.sweeps import SweepResult, baseline, bind_exchange, expected_balances, likely_balances, record_sweep
from tests.storage.world import (
    EXCHANGE,
    KEY,
    bare_tx,
    bring_to,
    clean_sweep,
    exit_idea,
    own_idea,
    part_fill,
    venue_order,
)
from tests.support import SteppedClock


def sweep(tx: Tx, **changes: Any) -> int:
    result = SweepResult(tx.now - 5, (), frozenset(), {"EUR": Decimal("1000.50")}, KEY, EXCHANGE)
    return record_sweep(tx, replace(result, **changes))


def test_the_first_clean_sweep_of_a_new_paper_vault_is_the_baseline(tx: Tx) -> None:
    assert baseline(tx) is None
    sweep(tx, differences=("an order too many",))
    sweep(tx, foreign_markets=frozenset({"ETH-EUR"}))
    assert baseline(tx) is None, "neither was clean"
    sweep(tx)
    sweep(tx, balances={"EUR": Decimal(5)})
    assert baseline(tx) == {"EUR": Decimal("1000.5")}


def test_a_paper_vault_with_an_execution_takes_no_baseline_by_itself(tx: Tx) -> None:
    bring_to(tx, ExecutionState.CLAIMED)
    sweep(tx)
    assert baseline(tx) is None


def test_a_live_vault_takes_no_baseline_by_itself(tmp_path: Path) -> None:
    tx = bare_tx(tmp_path, SteppedClock(), Mode.LIVE)
    sweep(tx)
    assert baseline(tx) is None
    tx.db.close()


def test_what_a_sweep_found_is_there_for_every_process(tx: Tx) -> None:
    assert newest_sweep(tx) is None
    clean_sweep(tx)
    found = newest_sweep(tx)
    assert found is not None
    assert (found.clean, found.differences, found.finished_at) == (True, (), tx.now)
    tx.now += 7
    sweep(tx, differences=("EUR 5 too few",), foreign_markets=frozenset({"ETH-EUR", "ADA-EUR"}))
    found = newest_sweep(tx)
    assert found is not None
    assert (found.clean, found.differences, found.finished_at) == (False, ("EUR 5 too few",), tx.now)
    assert found.foreign_markets == {"ETH-EUR", "ADA-EUR"}
    row = tx.db.execute("SELECT kind, payload FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
    assert row["kind"] == "sweep.differences"
    assert '"foreign":["ADA-EUR","ETH-EUR"]' in row["payload"]


def test_expected_balances_are_the_start_and_every_fill(tx: Tx) -> None:
    start = {"EUR": Decimal(1000), "ETH": Decimal(2)}
    assert expected_balances(tx, start) == start
    for idea, price, fee in ((own_idea(quantity=Quantity.of(1)), "100", "0.25"), (exit_idea(), "70000", "0.5")):
        execution = bring_to(tx, ExecutionState.SUBMITTED, idea)
        bought = replace(
            part_fill(execution, 1), quantity=Quantity.of("0.0001"), price=Price.of(price), fee=Decimal(fee)
        )
        apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", bought), "stream", {})
    expected = {"EUR": Decimal("1000") - Decimal("0.01") - Decimal("0.25") + 7 - Decimal("0.5"), "ETH": Decimal(2)}
    assert expected_balances(tx, start) == expected | {"BTC": Decimal(0)}


def filled_with(tx: Tx, idea: NewProposal, fee: str, currency: str | None) -> None:
    """A fill of 0.01 at 50 000 with this fee."""
    execution = bring_to(tx, ExecutionState.SUBMITTED, idea)
    fill = replace(
        part_fill(execution, 1), quantity=Quantity.of("0.01"), price=Price.of(50_000), fee=Decimal(fee),
        fee_currency=currency,
    )  # fmt: skip
    apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", fill), "stream", {})


def test_a_fee_taken_in_coins_leaves_position_cost_and_balances_right(tx: Tx) -> None:
    start = {"EUR": Decimal(1000), "BTC": Decimal(1)}
    filled_with(tx, own_idea(quantity=Quantity.of(1)), "0.0001", "BTC")
    assert expected_balances(tx, start) == {"EUR": Decimal(500), "BTC": Decimal("1.0099")}
    position = read_book(tx).positions["BTC-EUR"]
    assert (position.quantity, position.cost) == (Quantity.of("0.0099"), Eur.of(500))
    filled_with(tx, exit_idea(quantity=Quantity.of(1)), "0.0002", "BTC")
    assert expected_balances(tx, start) == {"EUR": Decimal(1000), "BTC": Decimal("0.9997")}
    assert read_book(tx).positions == {}


def test_a_fee_in_another_asset_is_taken_from_that_one(tx: Tx) -> None:
    filled_with(tx, own_idea(quantity=Quantity.of(1)), "0.5", "USDC")
    start = {"EUR": Decimal(1000), "USDC": Decimal(10)}
    assert expected_balances(tx, start) == {"EUR": Decimal(500), "BTC": Decimal("0.01"), "USDC": Decimal("9.5")}
    position = read_book(tx).positions["BTC-EUR"]
    assert (position.quantity, position.cost) == (Quantity.of("0.01"), Eur.of(500))


def test_a_fee_without_a_currency_is_a_difference_and_no_open_question(tx: Tx) -> None:
    filled_with(tx, own_idea(quantity=Quantity.of(1)), "1.25", None)
    expected, open_symbols = likely_balances(tx, {"EUR": Decimal(1000)})
    assert (expected["EUR"], open_symbols) == (Decimal(500), frozenset())


def test_balances_cannot_be_expected_while_a_fee_is_unknown(tx: Tx) -> None:
    execution = bring_to(tx, ExecutionState.SUBMITTED)
    bare = replace(part_fill(execution, 1), fee=None, fee_currency=None, settled=False)
    apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", bare), "stream", {})
    assert expected_balances(tx, {}) is None


def test_a_vault_belongs_to_the_exchange_it_met_first(tx: Tx) -> None:
    bind_exchange(tx, "paper/1")
    assert tx.info.exchange_identity == "paper/1"
    bind_exchange(tx, "paper/1")
    with pytest.raises(WrongMode, match="belongs to exchange paper/1, but paper/2 answered"):
        bind_exchange(tx, "paper/2")
    kinds = [row[0] for row in tx.db.execute("SELECT kind FROM audit_log WHERE kind = 'vault.exchange_bound'")]
    assert kinds == ["vault.exchange_bound"]


def test_a_comparison_that_took_too_long_is_not_clean(tx: Tx) -> None:
    slow = replace(a_result(tx), started_at=tx.now - 30 * SECOND - 1)
    record_sweep(tx, slow)
    sweep = newest_sweep(tx)
    assert sweep is not None
    assert not sweep.clean
    assert "too long" in sweep.differences[0]


def test_an_overtaken_comparison_does_not_mask_the_newer_one(tx: Tx) -> None:
    newer = replace(
        a_result(tx), started_at=tx.now - SECOND, differences=("BTC: the exchange has 1, the vault expects 0",)
    )
    record_sweep(tx, newer)
    record_sweep(tx, replace(a_result(tx), started_at=tx.now - 2 * SECOND))
    sweep = newest_sweep(tx)
    assert sweep is not None
    assert not sweep.clean


def test_a_comparison_from_the_future_gives_way_once_the_clock_is_set_right(tx: Tx) -> None:
    ahead = replace(a_result(tx), differences=("BTC: the exchange has 1, the vault expects 0",))
    record_sweep(tx, ahead)
    tx.now -= 2 * HOUR
    record_sweep(tx, a_result(tx))
    sweep = newest_sweep(tx)
    assert sweep is not None
    assert (sweep.clean, sweep.finished_at) == (True, tx.now)


def a_result(tx: Tx) -> SweepResult:
    return SweepResult(tx.now, (), frozenset(), {"EUR": Decimal(1000)}, "key", "simulated:test")


def test_fills_the_exchange_counts_and_does_not_show_leave_both_symbols_open_for_ten_minutes(tx: Tx) -> None:
    execution = bring_to(tx, ExecutionState.SUBMITTED)
    apply_order(tx, execution.id, venue_order(execution, "filled", filled=execution.quantity), "look-up", {})
    start = {"EUR": Decimal(1000), "ADA": Decimal(3)}
    assert likely_balances(tx, start) == (start, frozenset({"EUR", "BTC"}))
    assert expected_balances(tx, start) is None
    tx.now += 10 * MINUTE
    assert expected_balances(tx, start) is None
    tx.now += 1
    assert expected_balances(tx, start) == start, "nobody waits for them any more"


def test_an_order_that_rests_may_be_short_of_fills_for_as_long_as_it_does(tx: Tx) -> None:
    execution = bring_to(tx, ExecutionState.SUBMITTED)
    part = Quantity(execution.quantity.value / 2)
    apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", filled=part), "look-up", {})
    tx.now += 60 * MINUTE
    assert likely_balances(tx, {})[1] == {"EUR", "BTC"}
