"""What moves the account beside orders, and the operator's verdict on an order that nobody can find."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from console.gauntlet.private import PrivateExchange
from console.paper import history
from storage.absence import resolve_by_operator
from storage.codes import ExecutionState, TradingState
from storage.database import Tx
from storage.errors import Conflict
from storage.execution_rows import executions_in
from storage.trading_state import current_trading_state, halt
from tests.properties.process import Process

if TYPE_CHECKING:
    from tests.properties.world import World


class Account:
    """Deposits and withdrawals: the balances show them at once, and so does the account's history."""

    def __init__(self, exchange: PrivateExchange) -> None:
        self._exchange = exchange
        self._moves: list[tuple[int, dict[str, Any]]] = []

    def move(self, symbol: str, amount: Decimal) -> None:
        """Something comes; or goes, if there is so much that no order holds."""
        store = self._exchange._store
        available, in_order = store.balance(symbol)
        if available + amount < 0:
            return
        with store.transaction():
            store.set_balance(symbol, available + amount, in_order)
        at_ms = self._exchange.timeline.at // 1000
        way = "received" if amount > 0 else "sent"
        item = {
            "transactionId": f"00000000-0000-0000-0401-{len(self._moves):012}",
            "executedAt": history._moment(at_ms),
            "type": "deposit" if amount > 0 else "withdrawal",
            f"{way}Currency": symbol,
            f"{way}Amount": str(abs(amount)),
            "feesCurrency": symbol,
            "feesAmount": "0",
            "address": None,
        }
        self._moves.append((at_ms, item))

    @contextmanager
    def in_history(self) -> Iterator[None]:
        """The exchange tells of them beside its first deposit."""
        first = history._deposit

        def all_of_them(store: Any, first_ms: int, last_ms: int) -> list[dict[str, Any]]:
            later = [item for at_ms, item in reversed(self._moves) if first_ms <= at_ms <= last_ms]
            return later + first(store, first_ms, last_ms)

        with patch.object(history, "_deposit", all_of_them):
            yield


async def resolve(world: World, process: Process, pick: int, halted: bool) -> None:
    """Say of an UNKNOWN that there is no order, rightly or not: while HALTED only, and evidence still counts later."""
    world.clock.ahead = 0  # what was given up is looked for again within the hour, and hours are counted by this clock
    if halted:
        await process.vault.transact(lambda tx: halt(tx, "an order cannot be found"))
    state, unknown = await process.vault.read(_standing)
    if not unknown:
        return
    number = unknown[pick % len(unknown)]
    try:
        await process.vault.transact(lambda tx: resolve_by_operator(tx, number, None, "not in the list of orders"))
    except Conflict:
        if state is TradingState.HALTED:
            raise
        return
    if state is not TradingState.HALTED:
        world.watch.broken.append(f"execution {number} was settled by hand while trading is {state}")


def _standing(tx: Tx) -> tuple[TradingState, list[int]]:
    unknown = executions_in(tx, frozenset({ExecutionState.UNKNOWN}))
    return current_trading_state(tx).state, [execution.id for execution in unknown]
