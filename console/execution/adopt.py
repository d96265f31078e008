"""Accepting what the exchange holds: the first baseline, flows that explain balances, orders of somebody else.

Only while HALTED. The account is read between two looks at our own orders, so that a fill of ours is never taken for
a flow: if one was stored meanwhile, everything is read again.
"""

from __future__ import annotations

from decimal import Decimal

from console.exchange.answers import Missing
from console.exchange.readonly import ReadOnlyClient
from console.exchange.trade import TradeClient
from console.execution.fills import follow_orders
from console.execution.reconcile import Sleep
from console.execution.sweep import AGAIN_S, TRIES, Compared, compare, sweep_result
from storage.clock import Micros
from storage.database import Tx, Vault
from storage.errors import Conflict
from storage.execution_models import Execution
from storage.executions import call_lost
from storage.policy_store import active_policy
from storage.sweeps import Adoption, adopt_account, baseline, expected_balances


async def adopt_differences(
    vault: Vault, trade: TradeClient, readonly: ReadOnlyClient, sleep: Sleep, reason: str
) -> Adoption:
    """Compare, and accept what is left; orders of somebody else are accepted, never taken for ours.

    Raises ExchangeError (nothing is stored then), VaultError; Conflict when there is something to settle first.
    """
    for turn in range(TRIES):
        if turn:
            await sleep(AGAIN_S)
        started_at = vault.clock.now()
        await follow_orders(vault, trade)
        before = await vault.read(_expected)
        compared = await compare(vault, trade, readonly)
        await follow_orders(vault, trade)
        if before is not None and await vault.read(_expected) == before:
            break
    if compared.wrong:
        raise Conflict(f"{compared.wrong[0]}; run oracle reconcile first")
    if compared.missing:
        raise Conflict(await _look_for(vault, trade, sleep, compared.missing[0]))
    return await _accept(vault, trade, compared, started_at, before, reason)


async def _look_for(vault: Vault, trade: TradeClient, sleep: Sleep, execution: Execution) -> str:
    """Look twice for an order that rests here only; one that the exchange does not know is called UNKNOWN.

    Nothing else would ever end it: the operator settles it, as any UNKNOWN. Returns what is to be done, in a sentence.
    """
    named = f"order {execution.order_id} of execution {execution.id} rests here, not there"
    lag_ms = (await vault.read(active_policy)).policy.submit.lookup_lag_ms
    looks = []
    for turn in range(2):
        if turn:
            await sleep(lag_ms / 1000 + 0.05)
        at = vault.clock.now()
        answer = await trade.find_order(execution.market, execution.client_order_id, execution.order_id)
        if not isinstance(answer, Missing):
            return f"{named}; run oracle reconcile first"
        looks.append((at, answer.http_status, answer.error_code))
    await vault.transact(lambda tx: call_lost(tx, execution.id, looks))
    settle = f"oracle resolve {execution.id} --as none or --as filled, then oracle adopt"
    return f"{named}, and the exchange does not know it: it is UNKNOWN now; see what became of it, then {settle}"


async def _accept(
    vault: Vault,
    trade: TradeClient,
    compared: Compared,
    started_at: Micros,
    seen: dict[str, Decimal] | None,
    reason: str,
) -> Adoption:
    result = sweep_result(compared, trade, started_at)
    foreign = [(order.market, order.order_id) for order in compared.foreign]
    return await vault.transact(lambda tx: adopt_account(tx, result, foreign, seen, reason))


def _expected(tx: Tx) -> dict[str, Decimal] | None:
    """Baseline, fills and flows; without a baseline, fills and flows alone. None while a fee is still to come."""
    start = baseline(tx)
    return expected_balances(tx, {} if start is None else start)
