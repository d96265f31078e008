"""Account flows read from the exchange's history: once each, from the right moment on, and never a profit."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from storage.clock import DAY, HOUR, SECOND
from storage.codes import Mode
from storage.database import Tx
from storage.flows import AccountMove, account_flows, history_since, import_moves
from storage.money import Eur
from storage.portfolio import read_portfolio
from storage.sweeps import SweepResult, adopt_account, baseline, expected_balances, record_sweep
from storage.trading_state import halt
from tests.storage.world import EXCHANGE, KEY, bare_tx, clean_sweep
from tests.support import SteppedClock


def deposit(
    tx: Tx, amount: str = "250", identity: str = "t-1", kind: str = "deposit", later: int = SECOND
) -> AccountMove:
    return AccountMove(identity, tx.now + later, kind, {"EUR": Decimal(amount)})


def expected(tx: Tx) -> dict[str, Decimal] | None:
    start = baseline(tx)
    assert start is not None
    return expected_balances(tx, start)


def test_a_deposit_is_expected_at_the_exchange_from_then_on_however_often_it_is_read(tx: Tx) -> None:
    clean_sweep(tx)
    since = tx.now
    for _ in range(2):
        import_moves(tx, [deposit(tx), deposit(tx, "-40", "t-2", "withdrawal")], since)
    assert expected(tx) == {"EUR": Decimal(1210)}
    assert [(flow.kind, flow.amount) for flow in account_flows(tx)] == [
        ("deposit", Decimal(250)),
        ("withdrawal", Decimal(-40)),
    ]


def test_words_nobody_knows_are_stored_by_what_they_moved(tx: Tx) -> None:
    clean_sweep(tx)
    moves = [deposit(tx, "5", "a", "campaign_new_user_incentive"), deposit(tx, "-1", "b", "tax 2027"), deposit(tx, "0")]
    assert import_moves(tx, moves, tx.now) == 2
    assert [(flow.kind, flow.reason) for flow in account_flows(tx)] == [
        ("reward", "campaign_new_user_incentive"),
        ("withdrawal", "tax 2027"),
    ]


def test_what_the_baseline_holds_already_does_not_count_again(tx: Tx) -> None:
    clean_sweep(tx)
    since = history_since(tx)
    assert since == tx.now
    assert import_moves(tx, [deposit(tx, later=0), deposit(tx, identity="t-2", later=-HOUR)], since) == 0


def test_what_was_adopted_already_does_not_count_again(tx: Tx) -> None:
    clean_sweep(tx)
    halt(tx, "to adopt")
    tx.now += HOUR
    result = SweepResult(tx.now, (), frozenset(), {"EUR": Decimal(1250)}, KEY, EXCHANGE)
    adopt_account(tx, result, (), expected(tx), "a deposit by hand")
    since = history_since(tx)
    assert since == tx.now
    import_moves(tx, [deposit(tx, later=-SECOND)], since)
    assert expected(tx) == {"EUR": Decimal(1250)}


def test_history_is_read_from_a_day_before_the_newest_clean_sweep(tx: Tx) -> None:
    clean_sweep(tx)
    tx.now += 30 * DAY
    clean_sweep(tx)
    clean_at = tx.now
    tx.now += HOUR
    record_sweep(tx, SweepResult(tx.now, ("EUR differs",), frozenset(), {}, KEY, EXCHANGE))
    assert history_since(tx) == clean_at - DAY


def test_without_a_baseline_history_explains_nothing(tmp_path: Path) -> None:
    tx = bare_tx(tmp_path, SteppedClock(), Mode.LIVE)
    clean_sweep(tx)
    assert history_since(tx) is None
    tx.db.close()


@pytest.mark.parametrize(("later", "euros"), [(-SECOND, "1000"), (SECOND, "1250")])
def test_the_portfolio_moves_on_by_what_flowed_since_the_comparison_and_calls_none_of_it_a_result(
    tx: Tx, later: int, euros: str
) -> None:
    clean_sweep(tx)
    import_moves(tx, [deposit(tx, later=later)], tx.now - HOUR)
    portfolio = read_portfolio(tx, {})
    assert (portfolio.eur, portfolio.day_result) == (Eur.of(euros), Eur.zero())
