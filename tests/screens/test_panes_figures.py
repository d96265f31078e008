"""The figures behind budget, locks and portfolio, read from vaults with real rows."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from console.panes.cells import price_text
from console.panes.drawing import Scene
from console.panes.portfolio import rows as portfolio_rows
from console.state import Link, Surroundings, best_bids, build_state
from storage.clock import DAY, HOUR, MINUTE, SECOND, Micros
from storage.codes import ExecutionState, Mode, TriggerType
from storage.database import Tx
from storage.evidence import apply_order
from storage.execution_models import Execution, Trigger
from storage.execution_rows import get_execution
from storage.gauges import Gauge, full_at, read_budget
from storage.leases import PAUSE_AFTER, acquire_lease, finish_lease, register_job
from storage.locks import MarketLock, job_locks, market_locks
from storage.money import Eur, Price, Quantity, decimal_text
from storage.policy_store import activate_policy, active_policy
from storage.portfolio import read_portfolio
from storage.standing import reconciled
from storage.stops import Stop
from storage.sweeps import SweepResult, record_sweep
from tests.screens.fakes import console_state, some_portfolio
from tests.storage.builders import MONOTONIC, NOW, coins, policy_with, price
from tests.storage.world import (
    EXCHANGE,
    KEY,
    MARKET,
    bare_tx,
    bring_to,
    claim_by_hand,
    clean_sweep,
    own_idea,
    quote_at,
    submit,
    venue_fill,
    venue_order,
)
from tests.support import SteppedClock

BIDS = {MARKET: Price.of(61148)}


@pytest.fixture
def tx(tmp_path: Path) -> Tx:
    clock = SteppedClock()
    clock.at -= clock.at % MINUTE
    made = bare_tx(tmp_path, clock)
    clean_sweep(made, {"EUR": Decimal(1000)})
    return made


def gauges(tx: Tx, bids: dict[str, Price] | None = None) -> dict[str, Gauge]:
    return {gauge.name: gauge for gauge in read_budget(tx, BIDS if bids is None else bids)}


def figures(gauge: Gauge) -> tuple[str, str]:
    assert gauge.used is not None
    return decimal_text(gauge.used), decimal_text(gauge.reserved)


def filled(tx: Tx, at: Micros, number: int = 1, **changes: Any) -> Execution:
    """A buy (or what ``changes`` say) of 0.00041 BTC at 61152, filled at a time."""
    execution = submit(tx, claim_by_hand(tx, own_idea(**changes)))
    fill = venue_fill(number, at=at, fill_id=f"fill-{execution.id}")
    apply_order(tx, execution.id, venue_order(execution, "filled", fill), "test", {})
    return get_execution(tx, execution.id)


def call(tx: Tx, at: Micros, state: str, reserved: int, cost: int | None, oracle: str = "llm/small") -> None:
    tx.sql.insert(
        "insert_usage", now=at, oracle=oracle, state=state, markets=5, reserved_micros=reserved, cost_micros=cost,
        summary="", settled_at=None if state == "reserved" else at,
    )  # fmt: skip


def locks(tx: Tx) -> list[tuple[str, str, Micros | None]]:
    return [(lock.market, lock.words, lock.clears_at) for lock in market_locks(tx)]


def test_a_new_vault_has_used_nothing(tx: Tx) -> None:
    found = gauges(tx)
    assert list(found) == [
        "calls", "calls_hour", "cost", "scans", "trades", "trades_hour", "exits", "exits_hour", "exposure", "loss",
    ]  # fmt: skip
    assert {gauge.used for gauge in found.values()} == {Decimal(0)}
    caps = [found[name].cap for name in ("calls", "calls_hour", "cost", "scans", "trades", "exposure", "loss")]
    assert caps == [Decimal(number) for number in ("15", "5", "2", "50", "5", "2000", "300")]


def test_calls_that_cost_count_whatever_their_end_and_free_ones_do_not(tx: Tx) -> None:
    call(tx, tx.now - 3 * HOUR, "settled", 20_000, 15_000)
    call(tx, tx.now - 30 * MINUTE, "abandoned", 20_000, None)
    call(tx, tx.now - MINUTE, "reserved", 20_000, None)
    call(tx, tx.now - MINUTE, "settled", 0, 0, "rules/look")
    call(tx, tx.now - 25 * HOUR, "settled", 20_000, 20_000)
    found = gauges(tx)
    assert figures(found["calls"]) == ("2", "1")
    assert figures(found["calls_hour"]) == ("1", "1")
    assert figures(found["cost"]) == ("0.035", "0.02")
    assert found["calls"].frees_at == tx.now + 21 * HOUR
    assert found["calls_hour"].frees_at == tx.now + 30 * MINUTE


def test_scans_fill_at_their_pace(tx: Tx) -> None:
    for number in range(24):
        call(tx, tx.now - number * 20 * MINUTE, "settled", 0, 0, "rules/scan")
    scans = gauges(tx)["scans"]
    assert scans.used == 24
    assert scans.full_at == tx.now + 26 * 20 * MINUTE


def test_a_pace_that_cannot_fill_or_has_ended_names_no_time() -> None:
    now = 100 * DAY
    slow = [now - number * 2 * HOUR for number in reversed(range(12))]
    assert full_at(slow, 50, DAY, now) is None
    assert full_at([now - 3 * HOUR - MINUTE, now - 3 * HOUR], 3, DAY, now) is None
    assert full_at([now], 50, DAY, now) is None


def test_a_cap_of_zero_is_shown_as_zero(tx: Tx) -> None:
    activate_policy(tx, policy_with("observer"), active_policy(tx).activation_id)
    found = gauges(tx)
    trades = found["trades"]
    assert (figures(trades), str(trades.cap), trades.frees_at, trades.full) == (("0", "0"), "0", None, True)
    assert found["exposure"].cap == found["loss"].cap == 0


def test_live_orders_are_reserved_and_filled_ones_used(tx: Tx) -> None:
    filled(tx, tx.now - 2 * HOUR)
    bring_to(tx, ExecutionState.SUBMITTED)
    found = gauges(tx)
    assert figures(found["trades"]) == ("1", "1")
    assert figures(found["exposure"]) == ("25.07068", "25.092")


def test_when_no_room_is_left_the_check_says_when_it_comes_back(tx: Tx) -> None:
    for number in range(3):
        filled(tx, tx.now, number)
    tx.now += HOUR - 12 * MINUTE
    found = gauges(tx)
    assert found["trades_hour"].full
    assert found["trades_hour"].frees_at == tx.now + 12 * MINUTE
    assert (found["trades"].full, found["trades"].frees_at) == (False, tx.now + 12 * MINUTE + 23 * HOUR)


def test_a_bid_that_is_missing_is_named_and_no_figure_is_shown(tx: Tx) -> None:
    filled(tx, tx.now)
    found = gauges(tx, {})
    assert found["exposure"].used is None
    assert "BTC-EUR" in found["exposure"].missing
    assert found["loss"].used is None


def test_a_loss_of_the_day_counts_what_is_held(tx: Tx) -> None:
    filled(tx, tx.now)
    assert gauges(tx, {MARKET: Price.of(60000)})["loss"].used == Decimal("0.53232")
    assert gauges(tx, {MARKET: Price.of(70000)})["loss"].used == 0


def test_a_fill_cools_its_market_and_forbids_the_other_side(tx: Tx) -> None:
    filled(tx, tx.now)
    assert locks(tx) == [(MARKET, "no SELL", tx.now + 120 * MINUTE), (MARKET, "cooling", tx.now + 15 * MINUTE)]
    tx.now += 20 * MINUTE
    clean_sweep(tx)
    assert locks(tx) == [(MARKET, "no SELL", tx.now + 100 * MINUTE)]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ExecutionState.CLAIMED, "in flight"),
        (ExecutionState.SUBMITTING, "in flight"),
        (ExecutionState.SUBMITTED, "order rests"),
        (ExecutionState.PARTIALLY_FILLED, "order rests"),
    ],
)
def test_a_live_order_locks_its_market_until_it_ends(tx: Tx, state: ExecutionState, words: str) -> None:
    bring_to(tx, state)
    assert locks(tx) == [(MARKET, words, None)]


def test_an_unknown_order_stops_every_buy_and_all_of_its_market(tx: Tx) -> None:
    bring_to(tx, ExecutionState.UNKNOWN)
    filled(tx, tx.now, market="ETH-EUR")
    found = locks(tx)
    assert ("", "no BUY, one unknown", None) in found
    assert (MARKET, "unknown order", None) in found
    assert ("ETH-EUR", "no SELL", tx.now + 120 * MINUTE) in found
    assert not [lock for lock in found if lock[0] == "ETH-EUR" and "BUY" in lock[1]]


def test_a_foreign_order_and_the_difference_are_named(tx: Tx) -> None:
    record_sweep(tx, SweepResult(tx.now, (), frozenset({"SOL-EUR"}), {"EUR": Decimal(1000)}, KEY, EXCHANGE))
    assert locks(tx) == [("", "exchange differs", None), ("SOL-EUR", "foreign order", None)]


def test_a_market_that_is_only_left_says_so(tx: Tx) -> None:
    activate_policy(tx, policy_with(allowlist=(), exit_only=(MARKET,)), active_policy(tx).activation_id)
    assert locks(tx) == [(MARKET, "exit only", None)]
    activate_policy(tx, policy_with(allowlist=("ETH-EUR",)), active_policy(tx).activation_id)
    filled(tx, tx.now - 3 * HOUR)
    tx.now += 3 * HOUR
    clean_sweep(tx)
    assert (MARKET, "not on the list", None) in locks(tx)


def test_nothing_compared_yet_is_one_lock(tmp_path: Path) -> None:
    assert locks(bare_tx(tmp_path, SteppedClock())) == [("", "not compared yet", None)]


def test_an_old_comparison_is_a_lock_as_the_check_says(tx: Tx) -> None:
    tx.now += 121 * SECOND
    assert [(lock.words, lock.side) for lock in market_locks(tx)] == [("comparison is old", None)]
    (lock,) = market_locks(tx)
    assert isinstance(lock, MarketLock)
    assert lock.code.value == reconciled.__name__.upper()


def test_caps_that_are_used_up_stop_their_side_everywhere(tx: Tx) -> None:
    for number in range(3):
        filled(tx, tx.now, number)
    assert ("", "no BUY", tx.now + HOUR) in locks(tx)
    assert not [lock for lock in locks(tx) if lock[0] == "" and "SELL" in lock[1]]


def test_jobs_show_holder_fence_and_what_is_left(tx: Tx) -> None:
    register_job(tx, "look", MINUTE)
    register_job(tx, "scan", HOUR)
    acquire_lease(tx, "look", "box-1")
    tx.now += 8 * SECOND
    look, scan = job_locks(tx)
    assert (look.job, look.holder, look.fence, look.ttl) == ("look", "box-1", 1, 112 * SECOND)
    assert (scan.holder, scan.ttl, scan.fence) == (None, None, 0)
    tx.now += 200 * SECOND
    look, _ = job_locks(tx)
    assert (look.holder, look.ttl) == (None, None)


def test_a_job_that_fails_is_paused_with_its_error(tx: Tx) -> None:
    register_job(tx, "look", MINUTE)
    for _ in range(PAUSE_AFTER):
        tx.now += 400 * SECOND
        lease = acquire_lease(tx, "look", "box-1")
        assert lease is not None
        finish_lease(
            tx, lease, next_run_at=tx.now, started_at=tx.now, summary="", changed=False, error="no candles"
        )  # fmt: skip
    (look,) = job_locks(tx)
    assert (look.paused, look.failures, look.error) == (True, PAUSE_AFTER, "no candles")


def test_the_portfolio_shows_each_position_with_its_stop_or_says_that_it_has_none() -> None:
    stop = Stop(
        541, 1050, "BTC-EUR", Trigger(TriggerType.STOP_LOSS, price("58000")), coins("0.006"), ExecutionState.SUBMITTED
    )
    held = some_portfolio()
    bitcoin, ether, ripple = held.holdings
    scene = Scene(now=NOW, monotonic=MONOTONIC, mode=Mode.PAPER)
    shown = []
    for stops in ((), (stop,), (replace(stop, left=bitcoin.bought, state=ExecutionState.UNKNOWN),)):
        portfolio = replace(held, holdings=(replace(bitcoin, stops=stops), ether, ripple))
        rows = portfolio_rows(replace(console_state(), portfolio=portfolio), scene, 38)
        shown.append([(row.key, row.cells[0].text) for row in rows if row.key in ("r 541", "bare")])
    waits = " stop loss @ 58 000 for 0.006"
    assert shown == [
        [("bare", "no stop loss: BTC, ETH")],  # what this vault did not buy needs none
        [("r 541", waits), ("bare", "no stop loss: BTC 0.0001, ETH")],
        [("r 541", f"{waits}1 UNKNOWN"), ("bare", "no stop loss: BTC, ETH")],  # it may not be there
    ]


def test_the_portfolio_moves_on_with_our_fills(tx: Tx) -> None:
    filled(tx, tx.now + SECOND)
    tx.now += MINUTE
    found = read_portfolio(tx, BIDS, Eur.of("792.13"), 999.0)
    (coin,) = found.holdings
    assert (coin.market, coin.quantity, coin.cost) == (MARKET, Quantity.of("0.00041"), Eur.of("25.13232"))
    assert coin.result == Eur.of("-0.06164")
    assert found.eur == Eur.of("974.86768")
    assert found.total == Eur.of("999.93836")
    assert (found.free, found.free_fetched, found.day_fees) == (Eur.of("792.13"), 999.0, Eur.of("0.06"))
    clean_sweep(tx, {"EUR": Decimal("974.87"), "BTC": Decimal("0.00041")})
    assert read_portfolio(tx, BIDS).eur == Eur.of("974.87")


def test_coins_from_elsewhere_have_a_value_and_no_result(tx: Tx) -> None:
    clean_sweep(tx, {"EUR": Decimal(10), "BTC": Decimal("0.5"), "DOGE": Decimal(7), "ADA": Decimal(0)})
    bitcoin, doge = read_portfolio(tx, BIDS).holdings
    assert (bitcoin.value, bitcoin.cost, bitcoin.result) == (Eur.of(30574), None, None)
    assert (doge.market, doge.value) == ("DOGE-EUR", None)
    assert read_portfolio(tx, BIDS).total is None


def test_without_a_comparison_only_what_was_bought_is_known(tmp_path: Path) -> None:
    tx = bare_tx(tmp_path, SteppedClock())
    filled(tx, tx.now)
    found = read_portfolio(tx, BIDS)
    assert (found.compared_at, found.eur, found.total) == (None, None, None)
    assert [holding.quantity for holding in found.holdings] == [Quantity.of("0.00041")]


def test_the_newest_quote_names_the_bids() -> None:
    old = quote_at(0, 10.0, other_bids={"ETH-EUR": Price.of(1), "SOL-EUR": Price.of(9)})
    new = quote_at(0, 20.0, market="ETH-EUR", bids=(), other_bids={MARKET: Price.of(5), "ETH-EUR": Price.of(2)})
    assert best_bids({"b": new, "a": old}) == {
        MARKET: Price.of(5), "ETH-EUR": Price.of(2), "SOL-EUR": Price.of(9),
    }  # fmt: skip


def test_the_state_holds_what_the_panes_show(tx: Tx) -> None:
    filled(tx, tx.now)
    register_job(tx, "look", MINUTE)
    lease = acquire_lease(tx, "look", "box-1")
    assert lease is not None
    finish_lease(
        tx, lease, next_run_at=tx.now, started_at=tx.now, summary="proposed 1", changed=True, error=None
    )  # fmt: skip
    quote = quote_at(tx.now, tx.monotonic, bids=(quote_at(0, 0.0).bids[0],))
    state = build_state(tx, Surroundings({MARKET: quote}, {}, Link(None, None), "simulated", "box-1"))
    assert next(gauge.name for gauge in state.gauges) == "calls"
    assert state.portfolio.free == Eur.of("792.13")
    assert [lock.words for lock in state.market_locks] == ["no SELL", "cooling"]
    assert [(run.kind, run.payload["text"]) for run in state.runs] == [("job.look", "proposed 1")]
    assert state.history[0].since == Price.of(61148).ratio(Price.of(61152)) - 1
    assert state.candles == {}
    assert [run.payload["failed"] for run in state.runs] == [False]


def test_a_calculated_price_has_six_digits_where_no_tick_is_known() -> None:
    calculated = Price(Decimal("0.54627456140350877192982456140350877"))
    assert price_text(calculated, None, 20, rounded=True) == "0.546275"
    assert price_text(Price(Decimal("61459.03007518796992")), None, 20, rounded=True) == "61459"
    assert price_text(price("0.12345678"), None, 20) == "0.12345678", "a limit is never rounded"
