"""Accepting what an account holds: when it may be done, and what the vault expects afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from storage.codes import ExecutionState, Mode
from storage.database import Tx
from storage.errors import Conflict
from storage.execution_rows import get_execution
from storage.flows import account_flows
from storage.sweeps import SweepResult, adopt_account, baseline, record_sweep
from storage.trading_state import halt
from tests.storage.world import bare_tx, bring_to
from tests.support import SteppedClock


def result(tx: Tx, **balances: str) -> SweepResult:
    held = {symbol: Decimal(text) for symbol, text in balances.items()}
    return SweepResult(tx.now, (), frozenset(), held, "key", "exchange")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Tx]:
    tx = bare_tx(tmp_path, SteppedClock(), Mode.LIVE)
    yield tx
    tx.db.close()


def test_the_first_baseline_of_a_live_vault_is_set_by_accepting_it(live: Tx) -> None:
    record_sweep(live, result(live, EUR="500", ADA="12.5"))
    assert baseline(live) is None
    adoption = adopt_account(live, result(live, EUR="500", ADA="12.5"), [], {}, "my account")
    assert adoption.first
    assert baseline(live) == {"EUR": Decimal(500), "ADA": Decimal("12.5")}
    assert adopt_account(live, result(live, EUR="500", ADA="12.5"), [], baseline(live), "again").empty


def test_a_fill_stored_while_the_account_was_read_stops_the_adoption(tx: Tx) -> None:
    halt(tx, "test")
    adopt_account(tx, result(tx, EUR="1000"), [], {}, "first")
    with pytest.raises(Conflict, match="stored while the account was read"):
        adopt_account(tx, result(tx, EUR="900"), [], {"EUR": Decimal(999)}, "late")
    assert account_flows(tx) == []


def test_a_claim_that_may_still_be_sent_stops_the_adoption(tx: Tx) -> None:
    execution = bring_to(tx, ExecutionState.CLAIMED)
    halt(tx, "test")
    with pytest.raises(Conflict, match=f"execution {execution.id} is CLAIMED"):
        adopt_account(tx, result(tx, EUR="900"), [], {}, "no")
    assert get_execution(tx, execution.id).state is ExecutionState.CLAIMED
    assert baseline(tx) is None


def test_a_symbol_that_is_gone_is_a_flow_as_well(tx: Tx) -> None:
    halt(tx, "test")
    adopt_account(tx, result(tx, EUR="1000", ADA="5"), [], {}, "first")
    adoption = adopt_account(tx, result(tx, EUR="1000"), [], baseline(tx), "withdrawn")
    assert [(flow.symbol, flow.amount) for flow in adoption.flows] == [("ADA", Decimal(-5))]
