"""Attempts that came to nothing are no trades, and are capped all the same: at three times the trades."""

from __future__ import annotations

import pytest

from storage.clock import HOUR
from storage.codes import CheckCode, ExecutionState
from storage.database import Tx
from storage.gate import pass_gate
from storage.models import Claim, Refusal
from tests.storage.world import bring_to, make_ready

CAP = 3
"""Buys an hour in the policy a new PAPER vault starts with."""


@pytest.mark.parametrize("end", [ExecutionState.REJECTED, ExecutionState.ABSENT, ExecutionState.ABANDONED])
def test_the_gate_refuses_after_three_times_the_cap_of_failed_attempts(tx: Tx, end: ExecutionState) -> None:
    for _ in range(3 * CAP):
        bring_to(tx, end)
    ready = make_ready(tx)
    refused = pass_gate(tx, ready.ticket, ready.quote)
    assert isinstance(refused, Refusal)
    assert {check.code for check in refused.failed} == {CheckCode.HOURLY_TRADE_CAP}
    (check,) = refused.failed
    assert check.clears_at == tx.now + HOUR
    assert f"{3 * CAP} of {3 * CAP} buy attempts" in check.reason


def test_one_attempt_less_leaves_room(tx: Tx) -> None:
    for _ in range(3 * CAP - 1):
        bring_to(tx, ExecutionState.REJECTED)
    ready = make_ready(tx)
    assert isinstance(pass_gate(tx, ready.ticket, ready.quote), Claim)
