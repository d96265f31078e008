"""After a restore: taking over what the vault's earlier incarnations sent and the backup does not know."""

from __future__ import annotations

import asyncio
import logging

from console.exchange.answers import same_id
from console.exchange.readonly import EURO, ReadOnlyClient
from console.exchange.trade import TradeClient
from storage.clock import SECOND
from storage.crash_points import reached
from storage.database import Tx, Vault
from storage.earlier_orders import (
    EarlierOrder,
    Forgotten,
    adopt_forgotten_send,
    forgotten,
    identify,
    import_order,
    undecided_or_given_up,
)
from storage.execution_models import VenueOrder

log = logging.getLogger(__name__)


async def take_over_earlier_orders(
    vault: Vault, trade: TradeClient, readonly: ReadOnlyClient
) -> tuple[bool, list[str]]:
    """List what was ordered since the backup and store what is missing.

    Whether there was anything to look for, and a sentence for each reason why not all of it is known yet. Costs
    nothing in a vault that was not restored lately. Raises ExchangeError, VaultError.
    """
    wanted = await vault.read(forgotten)
    if wanted is None:
        return False, []
    begun_at = vault.clock.now()
    orders, open_ends = await _list_orders(trade, readonly, wanted)
    await _adopt_known(vault, orders)
    known = await vault.read(_known_ids)
    for found in await asyncio.to_thread(identify, orders, known, wanted):
        await _import(vault, trade, found)
    if wanted.waits_until is not None and begun_at <= wanted.waits_until:
        seconds = (wanted.waits_until - begun_at) / SECOND
        open_ends.append(f"an order sent before the restore may still arrive for {seconds:.0f} s; compare again then")
    return True, open_ends


async def _list_orders(
    trade: TradeClient, readonly: ReadOnlyClient, wanted: Forgotten
) -> tuple[list[VenueOrder], list[str]]:
    orders: list[VenueOrder] = []
    open_ends = []
    tradable = await readonly.markets()
    balances = await readonly.balances()
    held = {f"{symbol}-{EURO}" for symbol, entry in balances.by_symbol.items() if entry.available + entry.in_order > 0}
    # A market that the exchange no longer lists has no orders to ask for.
    for market in sorted((wanted.markets | held) & tradable.keys()):
        listing = await trade.orders(market, max(wanted.since // 1000, 0))
        orders += listing.orders
        if not listing.complete:
            open_ends.append(f"the orders of {market} since the backup could not all be read: {listing.cause}")
    return orders, open_ends


async def _adopt_known(vault: Vault, orders: list[VenueOrder]) -> None:
    """Executions of the backup whose end it did not know."""
    for execution in await vault.read(undecided_or_given_up):
        for order in orders:
            if same_id(execution.client_order_id, order.client_order_id):
                await vault.transact(lambda tx, e=execution, o=order: adopt_forgotten_send(tx, e, o))  # type: ignore[misc]


async def _import(vault: Vault, trade: TradeClient, found: EarlierOrder) -> None:
    stored = await vault.transact(lambda tx: import_order(tx, found, trade.fingerprint, trade.identity))
    reached("restore.order-imported")
    if stored is not None:
        order = found.order
        log.warning("order %s of proposal %s was sent before the restore", order.order_id, found.proposal_id)


def _known_ids(tx: Tx) -> frozenset[str]:
    return frozenset(row[0].lower() for row in tx.db.execute("SELECT client_order_id FROM trade_executions"))
