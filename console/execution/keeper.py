"""The keeper: follows resting entries, keeps the exchange's dead-man switch armed for them, and ends old ones.

It holds its lease for as long as its process lives; without one, entries are sent immediate-or-cancel.
"""

from __future__ import annotations

import logging

from console.exchange.answers import AlreadyGone, Canceled
from console.exchange.trade import TradeClient
from console.execution.executor import Executor
from storage.clock import MINUTE
from storage.codes import RESTING, OrderKind, TimeInForce, TradingState
from storage.database import Tx, Vault
from storage.execution_models import Execution
from storage.execution_rows import executions_in
from storage.halt_file import halt_file_present
from storage.policies import Policy
from storage.policy_store import active_policy
from storage.trading_state import current_trading_state

log = logging.getLogger(__name__)


def resting_entries(tx: Tx) -> list[Execution]:
    """Entries that rest at the exchange, under the dead-man switch."""
    return [
        execution
        for execution in executions_in(tx, RESTING)
        if execution.kind is OrderKind.ENTRY and execution.time_in_force is TimeInForce.GTC
    ]


async def keep(vault: Vault, trade: TradeClient, executor: Executor) -> str:
    """One turn: re-arm while entries rest and trading is not halted; cancel entries that are too old or halted.

    Returns one sentence on what was done; empty for nothing. Raises ExchangeError, VaultError.
    """
    entries = await vault.read(resting_entries)
    if not entries:
        return ""
    halted, policy, now = await vault.read(_conditions)
    if halted:
        # Not re-armed: the exchange cancels them even if our own cancels fail.
        return await cancel_entries(executor, entries, "trading is HALTED")
    await trade.arm_dead_man(vault.info.dead_man_group, policy.submit.dead_man_s)
    limit = policy.submit.rest_max_min * MINUTE
    old = [execution for execution in entries if now - execution.claimed_at >= limit]
    return await cancel_entries(executor, old, f"it rested {policy.submit.rest_max_min} min") if old else ""


async def cancel_entries(executor: Executor, entries: list[Execution], reason: str) -> str:
    """Cancel each, going on after failures; one sentence with the ids."""
    asked = []
    for execution in entries:
        answer = await executor.cancel(execution.id)
        if isinstance(answer, Canceled | AlreadyGone):
            asked.append(str(execution.id))
        else:
            log.warning("execution %s could not be canceled: %s", execution.id, answer)
    return f"canceled {', '.join(asked)}: {reason}" if asked else f"nothing could be canceled: {reason}"


def _conditions(tx: Tx) -> tuple[bool, Policy, int]:
    halted = current_trading_state(tx).state is TradingState.HALTED or halt_file_present(tx.folder) is not None
    policy: Policy = active_policy(tx).policy
    return halted, policy, tx.now
