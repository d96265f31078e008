"""Asking an oracle that costs something: nobody is asked without room, and every call counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from console.oracle.costly import ask_costly
from storage.budget import CapReached, Reservation, Spent
from storage.database import Tx, Vault
from storage.money import Eur
from storage.oracle_pause import OraclePaused
from storage.policy_store import activate_policy, active_policy
from tests.storage.builders import policy_with
from tests.storage.counting_oracle import CountingOracle, a_call
from tests.support import opened_vault


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Vault]:
    policy = policy_with(name="two-calls", oracle={"calls_per_day": 2, "calls_per_hour": 2, "eur_per_day": "1"})
    async with opened_vault(tmp_path / "paper") as opened:
        await opened.transact(lambda tx: activate_policy(tx, policy, active_policy(tx).activation_id))
        yield opened


async def stored(vault: Vault) -> list[dict[str, Any]]:
    def read(tx: Tx) -> list[dict[str, Any]]:
        return [dict(row) for row in tx.db.execute("SELECT * FROM gpt_usage_log ORDER BY id")]

    return await vault.read(read)


class Asked:
    """Counts, and answers as it is told."""

    def __init__(self, cost: str = "0.01", failure: BaseException | None = None) -> None:
        self.oracle, self.failure = CountingOracle(cost), failure

    async def __call__(self, reservation: Reservation) -> tuple[str, Spent, str]:
        spent = await self.oracle.ask(reservation)
        if self.failure is not None:
            raise self.failure
        return "an answer", spent, "one idea"


async def test_a_call_is_reserved_before_and_settled_after(vault: Vault) -> None:
    seen: list[str] = []
    inner = Asked()

    async def asked(reservation: Reservation) -> tuple[str, Spent, str]:
        seen.extend(row["state"] for row in await stored(vault))
        return await inner(reservation)

    assert await ask_costly(vault, a_call(), asked) == "an answer"
    assert seen == ["reserved"]
    (row,) = await stored(vault)
    assert (row["state"], row["cost_micros"], row["summary"], row["tokens_used"]) == (
        "settled",
        10_000,
        "one idea",
        900,
    )


async def test_without_room_nobody_is_asked(vault: Vault) -> None:
    asked = Asked()
    for _ in range(2):
        await ask_costly(vault, a_call(), asked)
    with pytest.raises(CapReached, match=r"oracle.calls_per_day has no room: 2 of 2"):
        await ask_costly(vault, a_call(), asked)
    assert len(asked.oracle.calls) == 2


@pytest.mark.parametrize("failure", [TimeoutError("silent"), asyncio.CancelledError(), ValueError("no schema")])
async def test_a_call_that_fails_counts_in_full(vault: Vault, failure: BaseException) -> None:
    with pytest.raises(type(failure)):
        await ask_costly(vault, a_call(), Asked(failure=failure))
    (row,) = await stored(vault)
    assert (row["state"], row["cost_micros"], row["summary"]) == ("abandoned", None, type(failure).__name__)
    await ask_costly(vault, a_call(), Asked())
    with pytest.raises(CapReached):
        await ask_costly(vault, a_call(), Asked())


async def test_a_caller_that_is_cancelled_while_it_waits_leaves_a_call_that_counts(vault: Vault) -> None:
    begun = asyncio.Event()

    async def never(reservation: Reservation) -> tuple[str, Spent, str]:
        begun.set()
        await asyncio.Event().wait()
        return "", Spent(Eur.zero(), 0), ""

    task = asyncio.ensure_future(ask_costly(vault, a_call(), never))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [row["state"] for row in await stored(vault)] == ["abandoned"]


async def test_after_an_overrun_nobody_is_asked(vault: Vault) -> None:
    assert await ask_costly(vault, a_call(), Asked(cost="0.5")) == "an answer"
    late = Asked()
    with pytest.raises(OraclePaused):
        await ask_costly(vault, a_call(), late)
    assert late.oracle.calls == []
