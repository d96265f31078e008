"""Why nothing was proposed, and what the oracle saw where something was; in real processes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.clock import SystemClock, SystemEntropy
from console.engine import Engine
from console.home import Home, this_process
from console.jobs import run_look
from console.scheduler.jobs import HeldLease
from console.settings import load_settings
from storage.clock import MINUTE
from storage.codes import JobName, Mode
from storage.database import Tx
from storage.leases import acquire_lease, finish_lease, hurry_job, register_job
from storage.models import Lease
from tests.cli.kit import oracle, oracle_json, propose, spoil, vault_rows

pytestmark = pytest.mark.processes


async def look(home: Path) -> None:
    """One look, as the job of any worker makes it."""
    clock, entropy = SystemClock(), SystemEntropy()
    engine = await Engine.open(Home(home, Mode.PAPER), load_settings(home), clock, entropy, this_process(entropy))
    try:

        def take(tx: Tx) -> Lease:
            register_job(tx, JobName.LOOK, MINUTE)
            hurry_job(tx, JobName.LOOK)
            lease = acquire_lease(tx, JobName.LOOK, "test")
            assert lease is not None
            return lease

        lease = await engine.vault.transact(take)
        summary = await run_look(engine.looking, HeldLease(engine.vault, clock, lease))
        await engine.vault.transact(
            lambda tx: finish_lease(
                tx, lease, next_run_at=tx.now, started_at=tx.now, summary=summary, changed=False, error=None
            )
        )
    finally:
        await engine.close()


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which one look was made, at a market of the default seed."""
    home = tmp_path_factory.mktemp("looked")
    asyncio.run(look(home))
    return home


def test_without_a_look_there_is_none(tmp_path: Path) -> None:
    assert oracle_json(tmp_path, "scans") == []


def test_the_newest_look_at_each_market_has_numbers_beside_thresholds(looked: Path) -> None:
    rows = oracle_json(looked, "scans")
    assert sorted(row["market"] for row in rows) == ["ADA-EUR", "BTC-EUR", "ETH-EUR", "SOL-EUR", "XRP-EUR"]
    for row in rows:
        assert set(row) == {"id", "at", "market", "outcome", "nearest", "reason", "numbers"}
        assert row["nearest"] or row["reason"] or row["outcome"] == "proposed"
        limits = {name: number["limit"] for name, number in row["numbers"].items()}
        assert limits == {"volatility_pct": "30", "move_1h_pct": "1.5", "move_4h_pct": "2", "volume_z": "1"}
    text = oracle(looked, "scans").stdout
    assert all(row["market"] in text and row["outcome"] in text for row in rows)


def test_more_looks_are_shown_when_asked_for(looked: Path) -> None:
    stored = vault_rows(looked, "SELECT count(*) FROM market_snapshots")[0][0]
    asyncio.run(look(looked))
    assert len(oracle_json(looked, "scans")) == 5
    assert len(oracle_json(looked, "scans", "--count", "9")) == stored + 5


def test_a_proposal_shows_what_the_oracle_saw_and_what_it_is_now(looked: Path) -> None:
    ((proposal, why),) = vault_rows(
        looked, "SELECT id, json_extract(rationale, '$.why') FROM trade_proposals WHERE snapshot_id > 0 LIMIT 1"
    )
    seen = oracle_json(looked, "saw", str(proposal))
    assert (seen["id"], seen["why"]) == (proposal, why)
    assert seen["taken_at"] < seen["now_at"]
    assert seen["now_missing"] is None
    assert seen["book_age_ms"] >= 0
    assert seen["numbers"]
    assert {number["mark"] for number in seen["numbers"]} == {"exact"}
    for number in seen["numbers"]:
        name = number["figure"].removeprefix("threshold of ")
        assert number["now"] == seen["figures"][name]["now"]
    text = oracle(looked, "saw", str(proposal)).stdout
    assert "✓" in text
    assert "✗" not in text


def test_an_own_proposal_was_seen_by_nobody(looked: Path) -> None:
    own = propose(looked)
    done = oracle(looked, "saw", str(own), check=False)
    assert done.returncode == 1
    assert "no snapshot was taken" in done.stderr
    assert oracle(looked, "saw", "4711", check=False).returncode == 1


def test_a_silent_exchange_leaves_what_was_seen(looked: Path) -> None:
    ((proposal,),) = vault_rows(looked, "SELECT id FROM trade_proposals WHERE snapshot_id > 0 LIMIT 1")
    oracle(looked, "proposals")
    spoil(looked, "GET /{market}/candles: status 400")
    seen = oracle_json(looked, "saw", str(proposal))
    assert seen["now_at"] is None
    assert seen["now_missing"]
    assert all(number["now"] is None for number in seen["numbers"])
    assert seen["figures"]["rsi"]["saw"]
