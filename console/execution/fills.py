"""Following accepted orders to their end: looks each one up and stores what the exchange says."""

from __future__ import annotations

import logging

from console.exchange.answers import Found
from console.exchange.trade import TradeClient
from storage.codes import RESTING, ExecutionState
from storage.database import Tx, Vault
from storage.evidence import apply_order
from storage.execution_models import Execution, VenueOrder
from storage.execution_rows import executions_in, get_execution

log = logging.getLogger(__name__)


async def follow_orders(vault: Vault, trade: TradeClient) -> int:
    """Bring every resting order, and every one whose fees are not all known, up to date; how many changed."""
    changed = 0
    for execution in await vault.read(orders_to_follow):
        if await follow_order(vault, trade, execution):
            changed += 1
    return changed


def orders_to_follow(tx: Tx) -> list[Execution]:
    """Resting orders, and ended ones whose fills do not add up yet or have a fee that is still to come."""
    resting = executions_in(tx, RESTING)
    known = {execution.id for execution in resting}
    open_fees = [row["execution_id"] for row in tx.sql.all("unsettled_executions")]
    short = [row["id"] for row in tx.sql.all("executions_short_of_fills")]
    late = [get_execution(tx, execution_id) for execution_id in sorted({*open_fees, *short} - known)]
    return resting + late


async def follow_order(vault: Vault, trade: TradeClient, execution: Execution) -> bool:
    """Look one order up and store what is found; whether its state or its fills changed."""
    answer = await trade.find_order(execution.market, execution.client_order_id, execution.order_id)
    if not isinstance(answer, Found):
        log.warning("order of execution %s could not be looked up: %s", execution.id, answer)
        return False
    order: VenueOrder = answer.order
    if execution.state is ExecutionState.SUBMITTED and not order.fills and order.status in ("new", "awaitingTrigger"):
        return False

    def store(tx: Tx) -> bool:
        before = _shape(tx, execution.id)
        apply_order(tx, execution.id, order, "look-up", {})
        return _shape(tx, execution.id) != before

    return await vault.transact(store)


def _shape(tx: Tx, execution_id: int) -> tuple[str, int]:
    return get_execution(tx, execution_id).state, len(tx.sql.all("fills_of_execution", execution_id=execution_id))
