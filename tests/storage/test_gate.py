"""The gate on a real vault: each check alone refuses, and without that one fault the same order is claimed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from storage.codes import CheckCode, TradingState
from storage.database import Tx
from storage.execution_rows import execution_of_proposal
from storage.gate import pass_gate
from storage.models import Claim, Refusal
from storage.proposals import get_proposal
from storage.trading_state import current_trading_state
from tests.storage.gate_cases import CASES, Bench
from tests.support import SteppedClock, opened_vault

EACH = pytest.mark.parametrize("code", list(CheckCode))


@pytest.fixture
async def bench(tmp_path: Path, clock: SteppedClock) -> AsyncIterator[Bench]:
    async with opened_vault(tmp_path, clock) as vault:
        yield Bench(vault, clock)


def newest_decision(tx: Tx) -> dict[str, Any]:
    return dict(tx.db.execute("SELECT * FROM gate_decisions ORDER BY id DESC LIMIT 1").fetchone())


def newest_audit(tx: Tx, kind: str) -> dict[str, Any]:
    row = tx.db.execute("SELECT * FROM audit_log WHERE kind = ? ORDER BY seq DESC LIMIT 1", (kind,)).fetchone()
    return {**dict(row), "payload": json.loads(row["payload"])}


def test_every_check_has_its_case() -> None:
    assert set(CASES) == set(CheckCode)
    assert len(CASES) == 25


@EACH
async def test_each_check_alone_refuses_and_the_refusal_is_stored(bench: Bench, code: CheckCode) -> None:
    ready = await CASES[code](bench, True)
    before = await bench.vault.read(lambda tx: get_proposal(tx, ready.proposal.id))

    outcome = await bench.do(lambda tx: pass_gate(tx, ready.ticket, ready.quote))

    assert isinstance(outcome, Refusal)
    assert {check.code for check in outcome.failed} == {code}
    assert [check.code for check in outcome.checks] == list(CheckCode)
    stored = await bench.vault.read(newest_decision)
    assert (stored["id"], stored["proposal_id"], stored["passed"]) == (outcome.decision_id, ready.proposal.id, 0)
    assert stored["failed"] == code
    refused = [check["code"] for check in json.loads(stored["checks"]) if not check["passed"]]
    assert refused == [code]
    audited = await bench.vault.read(lambda tx: newest_audit(tx, "gate.refused"))
    assert (audited["subject"], audited["payload"]["codes"]) == (str(ready.proposal.id), [code])
    assert await bench.vault.read(lambda tx: execution_of_proposal(tx, ready.proposal.id)) is None
    assert await bench.vault.read(lambda tx: get_proposal(tx, ready.proposal.id)) == before


@EACH
async def test_the_same_order_without_that_fault_is_claimed(bench: Bench, code: CheckCode) -> None:
    ready = await CASES[code](bench, False)

    outcome = await bench.do(lambda tx: pass_gate(tx, ready.ticket, ready.quote))

    assert isinstance(outcome, Claim), [check for check in outcome.checks if not check.passed]
    claimed = await bench.vault.read(lambda tx: execution_of_proposal(tx, ready.proposal.id))
    assert claimed is not None
    assert claimed.id == outcome.execution_id


@EACH
async def test_a_refusal_tightens_trading_for_a_reached_loss_only(bench: Bench, code: CheckCode) -> None:
    ready = await CASES[code](bench, True)
    before = (await bench.vault.read(current_trading_state)).state

    await bench.do(lambda tx: pass_gate(tx, ready.ticket, ready.quote))

    expected = TradingState.REDUCING if code is CheckCode.DRAWDOWN else before
    assert (await bench.vault.read(current_trading_state)).state is expected
