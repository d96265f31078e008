"""A sample of the trials and of the day, the rule of two minutes, and faults in the comparison that must be seen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from console.execution import adopt, sweep
from console.execution.fills import follow_orders
from console.execution.outcome import End
from storage import standing
from storage.clock import HOUR
from storage.codes import CheckCode, ExecutionState
from storage.database import Vault
from storage.errors import VaultError
from storage.execution_models import Execution, VenueOrder
from storage.execution_rows import executions_in
from storage.flows import import_moves
from tests.agreement import divergences as kinds
from tests.agreement.account import MARKETS
from tests.agreement.day import live
from tests.agreement.divergences import KINDS, Plant
from tests.agreement.pair import Pair, paired
from tests.agreement.runs import told, trials
from tests.agreement.trial import play, without_sweeps


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with paired(tmp_path, 7) as made:
        yield made


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_comes_apart_is_found_before_the_next_claim(seed: int) -> None:
    found = [trial async for trial in trials(6, seed)]
    assert not any(trial.broken for trial in found), told(found)
    assert any(trial.differs for trial in found)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.strip("_"))
async def test_each_kind_by_itself(pair: Pair, kind: Plant) -> None:
    assert (await play(pair, [kind], Random(3))).broken == ()


@pytest.mark.parametrize("seed", range(1, 5))
async def test_in_half_an_hour_of_ordinary_trading_no_difference_is_found(seed: int) -> None:
    day = await live(0.5, seed)
    assert not day.broken, day.told()
    assert day.sweeps >= 25
    assert min(day.orders, day.faults) > 1, day.told()


async def test_a_clean_comparison_serves_for_two_minutes_and_no_longer(pair: Pair) -> None:
    """What comes apart within them may be met by one more claim: that is the rule, and all that it allows."""
    await pair.sweep()
    await kinds._moved(pair, kinds.Prepared(), Random(1))
    await pair.account.clock.sleep(110)
    assert (await pair.fire()).end is End.ACCEPTED
    await pair.account.clock.sleep(11)
    refused = await pair.fire()
    assert [check.code for check in refused.failed] == [CheckCode.RECONCILED]
    assert "2 min" in refused.reason
    await pair.reconcile()
    refused = await pair.fire()
    assert [check.code for check in refused.failed] == [CheckCode.RECONCILED]
    assert "1 difference" in refused.reason


async def test_what_history_tells_of_is_taken_over_once_however_often_it_is_told(pair: Pair) -> None:
    deposit = await kinds._deposit(pair, kinds.Prepared(), Random(1))
    assert await pair.sweep()
    for _ in range(3):
        # A difference makes the sweep read history again, with an overlap of a day.
        await kinds._dust(pair, kinds.Prepared(), Random(1))
        assert not await pair.sweep()
        assert await pair.found() == pair.balance_sentences()
    rows = await pair.rows("SELECT symbol, amount FROM account_flows")
    assert [(row["symbol"], row["amount"]) for row in rows] == [(s, f"{a:f}") for s, a in deposit.told.items()]


async def test_an_order_sent_while_the_exchange_is_listed_is_ours(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    sent_between(pair, monkeypatch)
    assert await pair.sweep(), await pair.found()
    assert len(await pair.vault.read(lambda tx: executions_in(tx, {ExecutionState.SUBMITTED}))) == 1


def sent_between(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's order of this vault comes to rest after the comparison has begun, each time it begins."""
    listing = pair.clients.trade.open_orders

    async def after_a_send(market: str) -> tuple[VenueOrder, ...]:
        if market == MARKETS[0]:
            assert (await pair.fire(market=market, rests=True)).state is ExecutionState.SUBMITTED
        return await listing(market)

    monkeypatch.setattr(pair.clients.trade, "open_orders", after_a_send)


# faults in the program that must not go unseen --------------------------------------------------------------------
def balances_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_balance_differences", lambda *_: [])


def only_euros_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = sweep._balance_differences
    monkeypatch.setattr(sweep, "_balance_differences", lambda *all_: [each for each in honest(*all_) if "EUR" in each])


def cents_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = sweep._balance_differences

    def rounded(totals: Mapping[str, Any], expected: Mapping[str, Any] | None, open_symbols: set[str]) -> list[str]:
        near = {symbol: round(amount, 6) for symbol, amount in totals.items()}
        here = None if expected is None else {symbol: round(amount, 6) for symbol, amount in expected.items()}
        return honest(near, here, open_symbols)

    monkeypatch.setattr(sweep, "_balance_differences", rounded)


def foreign_taken_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = sweep._judge_orders

    async def judge(*all_: Any) -> tuple[list[VenueOrder], list[str]]:
        return [], (await honest(*all_))[1]

    monkeypatch.setattr(sweep, "_judge_orders", judge)


def orders_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def follow(*_: object) -> int:
        return 0

    monkeypatch.setattr(sweep, "follow_orders", follow)
    monkeypatch.setattr("tests.agreement.pair.follow_orders", follow)


def late_orders_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = sweep._known_executions
    ended = {ExecutionState.ABSENT, ExecutionState.FILLED}

    async def adopt_none(*_: object) -> int:
        return 0

    monkeypatch.setattr(sweep, "adopt_late_orders", adopt_none)
    monkeypatch.setattr(sweep, "_known_executions", lambda tx: [each for each in honest(tx) if each.state not in ended])


def history_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def import_nothing(*_: object) -> None:
        return

    monkeypatch.setattr(sweep, "_import_flows", import_nothing)


def lost_orders_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adopt, "call_lost", lambda *_: None)


def missing_orders_overlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "RESTING", frozenset())


def differences_let_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep.Compared, "differences", ())


PLANTED = [
    (balances_ignored, kinds._moved),
    (balances_ignored, kinds._foreign_trade),
    (balances_ignored, kinds._fill_lost),
    (only_euros_compared, kinds._foreign_trade),
    (cents_rounded, kinds._dust),
    (foreign_taken_for_ours, kinds._foreign),
    (orders_not_followed, kinds._filled_in_part),
    (late_orders_not_looked_for, kinds._late),
    (late_orders_not_looked_for, kinds._second),
    (history_not_read, kinds._deposit),
    (lost_orders_left_alone, kinds.vanished),
    (missing_orders_overlooked, kinds.vanished),
    (differences_let_pass, kinds._foreign),
]


@pytest.mark.parametrize(("fault", "kind"), PLANTED, ids=lambda each: each.__name__.strip("_"))
async def test_a_fault_in_the_comparison_is_seen(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, fault: Any, kind: Plant
) -> None:
    fault(monkeypatch)
    try:
        trial = await play(pair, [kind], Random(3))
    except (AssertionError, VaultError):  # what a trial expects did not come about
        return
    assert trial.broken


async def test_a_vault_read_before_the_exchange_is_seen(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Execution] = []
    follow = follow_orders

    async def read_early(vault: Vault, trade: Any) -> int:
        count = await follow(vault, trade)
        seen[:] = await vault.read(honest)
        return count

    honest = sweep._known_executions
    monkeypatch.setattr(sweep, "follow_orders", read_early)
    monkeypatch.setattr(sweep, "_known_executions", lambda tx: list(seen))
    sent_between(pair, monkeypatch)
    assert not await pair.sweep()
    assert "is not ours" in (await pair.found())[0]


async def test_a_comparison_that_never_grows_old_is_seen(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    await pair.sweep()
    assert await without_sweeps(pair) == []
    await pair.sweep()
    monkeypatch.setattr(standing, "SWEEP_AGE", HOUR)
    assert len(await without_sweeps(pair)) == 1


async def test_history_taken_over_twice_is_seen(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(tx: Any, moves: Any, since: int) -> int:
        tx.db.execute("DROP TRIGGER IF EXISTS account_flows_no_update")
        tx.db.execute("UPDATE account_flows SET transaction_id = transaction_id || '/'")
        return import_moves(tx, moves, since)

    monkeypatch.setattr(sweep, "import_moves", forgetful)
    with pytest.raises(AssertionError):
        await test_what_history_tells_of_is_taken_over_once_however_often_it_is_told(pair)
