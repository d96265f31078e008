"""Asking an oracle that costs something: the call is reserved first, and counts whatever comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from storage.budget import CostlyCall, Reservation, Spent, abandon_usage, reserve_usage, settle_usage
from storage.database import Vault
from storage.policy_store import active_policy

T = TypeVar("T")


async def ask_costly(
    vault: Vault, call: CostlyCall, ask: Callable[[Reservation], Awaitable[tuple[T, Spent, str]]]
) -> T:
    """Reserve under the active policy's caps, ask once, settle; ``ask`` gives answer, cost and a summary.

    ``ask`` must not let the answer grow past ``tokens_allowed``. If it fails or is cancelled, what it cost is not
    known, and the reservation counts in full.

    Raises BudgetExceeded (nobody was asked), VaultError, and whatever ``ask`` raises.
    """
    reservation = await vault.transact(lambda tx: reserve_usage(tx, call, active_policy(tx).policy.oracle))
    try:
        answer, spent, summary = await ask(reservation)
    except BaseException as error:
        why = type(error).__name__
        await asyncio.shield(vault.transact(lambda tx: abandon_usage(tx, reservation.id, why)))
        raise
    await asyncio.shield(vault.transact(lambda tx: settle_usage(tx, reservation.id, spent, summary)))
    return answer
