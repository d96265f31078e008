"""Who runs which job, and what may not be traded where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.kit import execute, oracle, oracle_json, propose

pytestmark = pytest.mark.processes


def test_jobs_have_the_six_keys_and_markets_their_check(tmp_path: Path) -> None:
    code, text = execute(tmp_path, propose(tmp_path))
    assert code == 0, text
    (row,) = [each for each in oracle_json(tmp_path, "locks") if each["job"] == "reconcile"]
    assert set(row) == {"job", "holder", "fence", "acquired_at", "expires_at", "next_run_at"}
    assert (row["holder"], row["acquired_at"], row["expires_at"]) == (None, None, None)
    assert row["fence"] >= 1
    assert row["next_run_at"].endswith("Z")

    locks = oracle_json(tmp_path, "locks", "--markets")
    assert {"market", "side", "lock", "code", "clears_at", "reason"} == set(locks[0])
    by_code = {lock["code"]: lock for lock in locks if lock["market"] == "BTC-EUR"}
    assert by_code["COOLDOWN"]["side"] is None
    assert by_code["ANTI_FLIP"]["side"] == "sell"
    assert by_code["ANTI_FLIP"]["clears_at"] > by_code["COOLDOWN"]["clears_at"]
    assert "BTC-EUR" in oracle(tmp_path, "locks", "--markets").stdout
