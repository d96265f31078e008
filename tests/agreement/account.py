"""A private exchange whose account other hands use too: they trade with the same key, and money comes and goes.

The simulated exchange knows one deposit, its first. Others stand in its database as it would store them, and its own
route tells of them with the first.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from unittest import mock

import httpx

from console.gauntlet.private import PrivateExchange
from console.gauntlet.wire import Wire
from console.paper import history
from console.paper.ledger import Ledger
from console.paper.store import Fill, Order, Store

MOVES: Final = "account_moves"
MARKETS: Final = ("BTC-EUR", "ETH-EUR")
"""Where anybody trades."""

NEVER_MS: Final = 4 * 10**12
_first_deposit = history._deposit


def _moves(store: Store) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(store.setting(MOVES) or "[]")
    return found


def _told(store: Store, first_ms: int, last_ms: int) -> list[dict[str, Any]]:
    moment = history._moment
    items = [
        item for item in _moves(store) if moment(first_ms) <= item["executedAt"] <= moment(min(last_ms, 4 * 10**12))
    ]
    return items[::-1] + _first_deposit(store, first_ms, last_ms)


@contextmanager
def history_with_moves() -> Iterator[None]:
    """The exchange's account history tells of what came and went later, too."""
    with mock.patch.object(history, "_deposit", _told):
        yield


class Account(PrivateExchange):
    """The private exchange, and everything that may happen at it behind this program's back."""

    def __init__(self, folder: Path, seed: int, euros: Decimal) -> None:
        super().__init__(folder, seed)
        self._hand = httpx.AsyncClient(transport=Wire(self.app, self.timeline, {}, 10.0))
        # Prices of markets in which nobody trades cost time and decide nothing.
        for market in set(self._engine.markets) - set(MARKETS):
            self._engine.set_state(market, "halted")
        self.move({"EUR": euros - self.totals()["EUR"], "ADA": Decimal(1000)})

    @property
    def store(self) -> Store:
        """What the exchange holds to be true."""
        return self._store

    @property
    def ledger(self) -> Ledger:
        """Who moves its money."""
        return self._engine.ledger

    async def aclose(self) -> None:
        """Close the database and the other hands' connection."""
        await self._hand.aclose()
        self.close()

    # what is so -----------------------------------------------------------------------------------------------
    def totals(self) -> dict[str, Decimal]:
        """Available and in orders together, by symbol."""
        return {symbol: available + held for symbol, available, held in self._store.balances()}

    def order(self, order_id: str) -> Order:
        """One order as the exchange has it."""
        (found,) = self._store.orders("order_id = ?", [order_id])
        return found

    # other hands ----------------------------------------------------------------------------------------------
    async def place(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send an order with the account's own key, not through this program."""
        return await self._signed("POST", "/order", {"operatorId": 99, **body})

    async def cancel(self, market: str, order_id: str) -> None:
        """Cancel whatever order by hand."""
        await self._signed("DELETE", f"/order?market={market}&orderId={order_id}&operatorId=99", None)

    async def _signed(self, method: str, target: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        pair, stamp = self._pair("trade"), str(self.clock.now() // 1000)
        text = "" if body is None else json.dumps(body)
        signed = hmac.new(pair.secret.encode(), f"{stamp}{method}/v2{target}{text}".encode(), hashlib.sha256)
        headers = {
            "Bitvavo-Access-Key": pair.key,
            "Bitvavo-Access-Signature": signed.hexdigest(),
            "Bitvavo-Access-Timestamp": stamp,
        }
        answer = await self._hand.request(method, f"http://x/v2{target}", content=text.encode(), headers=headers)
        if answer.status_code != 200:
            raise AssertionError(f"{method} {target}: {answer.status_code} {answer.text}")
        found: dict[str, Any] = answer.json()
        return found

    # what nobody ordered --------------------------------------------------------------------------------------
    def move(self, changes: Mapping[str, Decimal]) -> None:
        """Let balances become other ones, without a word anywhere."""
        with self._store.transaction():
            for symbol, change in changes.items():
                available, held = self._store.balance(symbol)
                self._store.set_balance(symbol, available + change, held)

    def tell(self, kind: str, **parts: str) -> None:
        """Write an entry of the account's history, as of now."""
        moves = _moves(self._store)
        entry = {
            "transactionId": f"00000000-0000-0000-0401-{len(moves) + 1:012}",
            "executedAt": history._moment(self.clock.now() // 1000),
            "type": kind, "address": None, **parts,
        }  # fmt: skip
        self._store.set_setting(MOVES, json.dumps([*moves, entry]))

    def fill(self, order_id: str, amount: Decimal, fee_in: str | None = None) -> Fill:
        """Fill so much of a resting order at its price; ``fee_in`` takes its fee in another asset, a tenth as many."""
        order = self.order(order_id)
        if order.price is None:
            raise AssertionError("only an order with a limit rests")
        with self._store.transaction():
            done = self.ledger.fill(order, order.price, amount, taker=False, at_ns=self.clock.now() * 1000)
            order.status = "filled" if order.amount_remaining == 0 else "partiallyFilled"
            if not order.open:
                self.ledger.release(order)
            self._store.save_order(order)
        if fee_in is not None:
            fee = done.fee / 10
            self.move({done.fee_currency: done.fee, fee_in: -fee})
            done = replace(done, fee=fee, fee_currency=fee_in)
            self._store.rows(
                "UPDATE fills SET fee = ?, fee_currency = ? WHERE fill_id = ?", [f"{fee:f}", fee_in, done.fill_id]
            )
        self._reload(order.market)
        return done

    def forget(self, order_id: str) -> None:
        """Lose an order that rests, with what it held: no look-up and no listing shows it any more."""
        order = self.order(order_id)
        with self._store.transaction():
            self.ledger.release(order)
            order.client_order_id = order.client_key = None
            self._store.save_order(replace(order, market="NOWHERE", status="canceled"))
        self._reload(order.market)

    def _reload(self, market: str) -> None:
        engine = self._engine
        engine.desk.reload(engine.markets[market])
