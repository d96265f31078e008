"""The database is a documented interface, durable and readable while the exchange runs."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from console.paper.store import Order
from tests.paper.kit import Bench, StepClock, limit, market_order

DOCUMENTED = {
    "orders": [
        "order_id",
        "client_order_id",
        "market",
        "side",
        "order_type",
        "status",
        "amount",
        "price",
        "created_ns",
    ],
    "fills": ["fill_id", "order_id", "market", "amount", "price", "fee", "at_ns"],
    "balances": ["symbol", "available", "in_order"],
}


def _reader(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{folder / 'exchange.db'}?mode=ro", uri=True)


def test_the_documented_columns_come_first(bench: Bench) -> None:
    for table, columns in DOCUMENTED.items():
        found = [row["name"] for row in bench.store.rows(f"PRAGMA table_info({table})")]
        assert found[: len(columns)] == columns


def test_it_writes_ahead_and_syncs_every_commit(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path, durable=True)
    assert bench.store.rows("PRAGMA journal_mode")[0][0] == "wal"
    assert bench.store.rows("PRAGMA synchronous")[0][0] == 2


async def test_an_answered_order_is_there_for_every_reader(bench: Bench, tmp_path: Path) -> None:
    order = (await bench.send("POST", "/order", market_order("ADA-EUR", amountQuote="25.00"))).json()
    reader = _reader(tmp_path)
    stored = reader.execute("SELECT order_id, status, amount, price FROM orders").fetchall()
    assert stored == [(order["orderId"], "filled", None, None)]
    fill = order["fills"][0]
    assert reader.execute("SELECT fill_id, amount, price, fee FROM fills").fetchall() == [
        (fill["id"], fill["amount"], fill["price"], fill["fee"])
    ]
    assert reader.execute("SELECT available, in_order FROM balances WHERE symbol = 'EUR'").fetchall() == [("975", "0")]
    reader.close()


def test_a_reader_in_the_middle_of_a_transaction_does_not_stop_the_exchange(bench: Bench, tmp_path: Path) -> None:
    reader = _reader(tmp_path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM balances").fetchall()
    with bench.store.transaction():
        bench.store.set_balance("EUR", Decimal(5), Decimal(0))
    assert bench.store.balance("EUR") == (Decimal(5), Decimal(0))
    reader.close()


def test_a_negative_balance_is_never_stored(bench: Bench) -> None:
    with pytest.raises(ValueError, match="EUR would become -1"), bench.store.transaction():
        bench.store.set_balance("EUR", Decimal(-1), Decimal(0))
    assert bench.store.balance("EUR") == (Decimal(1000), Decimal(0))


async def test_a_timer_that_passed_while_nothing_ran_cancels_first(bench: Bench, tmp_path: Path) -> None:
    ask = bench.engine.markets["BTC-EUR"].best_ask
    body = limit(price=f"{ask - 1:f}", amount="0.0004", codGroupId=9)
    assert (await bench.send("POST", "/order", body)).json()["status"] == "new"
    await bench.send("POST", "/cancelOrdersAfter", {"codGroupId": 9, "expiryAfterSeconds": 10})
    bench.store.close()
    again = Bench.make(tmp_path, clock=StepClock(bench.clock.at + 3_600_000_000))
    assert again.order().status == "canceled"
    assert again.order().filled_amount == 0
    assert again.store.balance("EUR") == (Decimal(1000), Decimal(0))


async def test_a_timer_still_running_is_kept_over_a_restart(bench: Bench, tmp_path: Path) -> None:
    await bench.send("POST", "/order", limit(codGroupId=9))
    await bench.send("POST", "/cancelOrdersAfter", {"codGroupId": 9, "expiryAfterSeconds": 60})
    bench.store.close()
    again = Bench.make(tmp_path, clock=StepClock(bench.clock.at))
    again.clock.step(59)
    again.engine.advance()
    assert again.order().open
    again.clock.step(1)
    again.engine.advance()
    assert not again.order().open


async def test_listeners_hear_of_every_order_and_fill_once_it_is_committed(bench: Bench) -> None:
    heard: list[tuple[list[str], int]] = []
    bench.store.listeners.append(lambda done: heard.append(([o.status for o in done.orders.values()], len(done.fills))))
    order = (await bench.send("POST", "/order", limit())).json()
    await bench.send("POST", "/order", market_order("ADA-EUR", amountQuote="25.00"))
    await bench.send("DELETE", f"/order?market=BTC-EUR&orderId={order['orderId']}&operatorId=1")
    assert heard == [(["new"], 0), (["filled"], 1), (["canceled"], 0)]


async def test_listeners_hear_nothing_of_what_was_rolled_back(bench: Bench) -> None:
    heard: list[object] = []
    bench.store.listeners.append(heard.append)
    await bench.send("POST", "/order", limit())
    order = bench.order()
    with pytest.raises(OSError, match="full"):
        save_and_fail(bench, order)
    assert len(heard) == 1


def save_and_fail(bench: Bench, order: Order) -> None:
    """A transaction that has saved an order when the disk is full."""
    with bench.store.transaction():
        bench.store.save_order(order)
        raise OSError("disk full")
