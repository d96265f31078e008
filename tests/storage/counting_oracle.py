"""Stands in for an oracle whose calls cost something: counts how often it was really asked. It has no ideas."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from storage.budget import CostlyCall, Reservation, Spent, TokenPrice, reserve_usage, settle_usage
from storage.codes import Mode
from storage.database import Tx, Vault
from storage.errors import BudgetExceeded
from storage.models import Actor
from storage.money import Eur
from storage.policies import OracleCaps
from tests.support import SeededEntropy, SteppedClock

PRICE: Final = TokenPrice(input_eur=Decimal("0.50"), output_eur=Decimal("2"))
ROOMY: Final = {"calls_per_day": 1000, "calls_per_hour": 1000, "eur_per_day": "100"}


def caps(**changes: Any) -> OracleCaps:
    """Caps that bind nothing, with changes."""
    return OracleCaps.model_validate({**ROOMY, **changes})


def a_call(reserve: str = "0.02", **changes: Any) -> CostlyCall:
    """A call over five markets that may cost two cents."""
    values: dict[str, Any] = {"oracle": "counting/1", "markets": 5, "prompt_tokens": 4000, "price": PRICE, **changes}
    return CostlyCall(reserve=Eur.of(reserve), **values)


def reserved(tx: Tx, reserve: str = "0.02", **limits: Any) -> Reservation:
    """A reservation under caps that bind nothing, but for those given."""
    return reserve_usage(tx, a_call(reserve), caps(**limits))


@dataclass
class CountingOracle:
    """Answers every call at a fixed cost."""

    cost: str = "0.01"
    calls: list[int] = field(default_factory=list)

    async def ask(self, reservation: Reservation) -> Spent:
        """Count the call."""
        self.calls.append(reservation.id)
        await asyncio.sleep(0)
        return Spent(Eur.of(self.cost), min(900, reservation.tokens_allowed))


async def ask_once(vault: Vault, oracle: CountingOracle, limits: OracleCaps) -> bool:
    """Reserve, ask, settle; False if the budget refused and nobody was asked."""
    try:
        reservation = await vault.transact(lambda tx: reserve_usage(tx, a_call(), limits), deadline=30)
    except BudgetExceeded:
        return False
    spent = await oracle.ask(reservation)
    await vault.transact(lambda tx: settle_usage(tx, reservation.id, spent, "counted"), deadline=30)
    return True


@asynccontextmanager
async def callers(folder: Path, count: int) -> AsyncIterator[list[Vault]]:
    """So many connections to one vault, each with a thread of its own."""
    clock = SteppedClock()
    vaults = [
        await Vault.open(
            folder, Mode.PAPER, clock, SeededEntropy(n), Actor(f"caller-{n}", f"{os.getpid()}-{n}", n), wait=30
        )
        for n in range(count)
    ]
    try:
        yield vaults
    finally:
        for vault in vaults:
            await vault.close()


async def race(folder: Path, entrants: int, limits: OracleCaps) -> tuple[int, int]:
    """So many callers at once; how many the budget let through, and how often the oracle was asked."""
    oracle = CountingOracle()
    async with callers(folder, entrants) as vaults:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        answers = await asyncio.gather(*(ask_once(vault, oracle, limits) for vault in vaults))
    return sum(answers), len(oracle.calls)


if __name__ == "__main__":
    let_through, asked = asyncio.run(race(Path(sys.argv[1]), int(sys.argv[2]), caps(**json.loads(sys.argv[3]))))
    sys.stdout.write(json.dumps({"let_through": let_through, "asked": asked}) + "\n")
