"""`exchange.db`: one writer, committed before anything is answered, readable by others while it runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from console.paper.decimals import ZERO, text

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS identity (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS api_keys (
    name TEXT PRIMARY KEY, api_key TEXT NOT NULL UNIQUE, secret TEXT NOT NULL, rights TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, client_order_id TEXT, market TEXT NOT NULL, side TEXT NOT NULL,
    order_type TEXT NOT NULL, status TEXT NOT NULL, amount TEXT, price TEXT, created_ns INTEGER NOT NULL,
    updated_ns INTEGER NOT NULL, client_key TEXT, amount_quote TEXT, amount_remaining TEXT,
    filled_amount TEXT NOT NULL, filled_amount_quote TEXT NOT NULL, fee_paid TEXT NOT NULL, on_hold TEXT NOT NULL,
    time_in_force TEXT, post_only INTEGER, self_trade_prevention TEXT NOT NULL, operator_id INTEGER NOT NULL,
    cod_group_id INTEGER, restatement_reason TEXT, seq INTEGER NOT NULL UNIQUE
) STRICT;
CREATE INDEX IF NOT EXISTS orders_by_market ON orders (market, seq);
CREATE INDEX IF NOT EXISTS orders_by_client ON orders (market, client_key);
CREATE INDEX IF NOT EXISTS orders_active ON orders (market, seq)
    WHERE status IN ('new', 'partiallyFilled', 'awaitingTrigger');
CREATE TABLE IF NOT EXISTS fills (
    fill_id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders (order_id), market TEXT NOT NULL,
    amount TEXT NOT NULL, price TEXT NOT NULL, fee TEXT NOT NULL, at_ns INTEGER NOT NULL,
    fee_currency TEXT NOT NULL, side TEXT NOT NULL, taker INTEGER NOT NULL, seq INTEGER NOT NULL UNIQUE
) STRICT;
CREATE INDEX IF NOT EXISTS fills_by_order ON fills (order_id, seq);
CREATE INDEX IF NOT EXISTS fills_by_market ON fills (market, seq);
CREATE TABLE IF NOT EXISTS balances (symbol TEXT PRIMARY KEY, available TEXT NOT NULL, in_order TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS timers (cod_group_id INTEGER PRIMARY KEY, due_ms INTEGER NOT NULL) STRICT;
"""

ADDED_COLUMNS: Final = {
    "trigger_amount": "TEXT", "trigger_reference": "TEXT", "rank": "INTEGER NOT NULL DEFAULT 0",
}  # fmt: skip
"""Columns of orders that databases of the first version lack."""

AWAITING: Final = "awaitingTrigger"
OPEN: Final = ("new", "partiallyFilled", AWAITING)


@dataclass
class Order:
    """One accepted order; amounts and prices Decimal, times in nanoseconds since the epoch.

    `rank` is its place in time priority: an update or a trigger sends it to the end of the queue.
    """

    order_id: str
    client_order_id: str | None
    market: str
    side: str
    order_type: str
    status: str
    amount: Decimal | None
    price: Decimal | None
    created_ns: int
    updated_ns: int
    client_key: str | None
    amount_quote: Decimal | None
    amount_remaining: Decimal | None
    filled_amount: Decimal
    filled_amount_quote: Decimal
    fee_paid: Decimal
    on_hold: Decimal
    time_in_force: str | None
    post_only: bool | None
    self_trade_prevention: str
    operator_id: int
    cod_group_id: int | None
    restatement_reason: str | None
    trigger_amount: Decimal | None
    trigger_reference: str | None
    rank: int
    seq: int

    @property
    def open(self) -> bool:
        """Whether it rests in the book or awaits its trigger."""
        return self.status in OPEN

    @property
    def priced(self) -> bool:
        """Whether it trades at its limit only: limit orders, and triggered ones with a price."""
        return self.price is not None


@dataclass
class Fill:
    """One trade of an order; fee in `fee_currency`, `at_ns` nanoseconds since the epoch."""

    fill_id: str
    order_id: str
    market: str
    amount: Decimal
    price: Decimal
    fee: Decimal
    at_ns: int
    fee_currency: str
    side: str
    taker: bool
    seq: int


@dataclass
class Changes:
    """What one committed transaction did to orders: each as it is now (newest change last), and the fills made."""

    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)


ORDER_COLUMNS: Final = tuple(each.name for each in fields(Order))
FILL_COLUMNS: Final = tuple(each.name for each in fields(Fill))
_ORDER_DECIMALS: Final = frozenset(
    {
        "amount", "price", "amount_quote", "amount_remaining", "filled_amount", "filled_amount_quote",
        "fee_paid", "on_hold", "trigger_amount",
    }
)  # fmt: skip
_FILL_DECIMALS: Final = frozenset({"amount", "price", "fee"})


def _stored(value: object) -> object:
    if isinstance(value, Decimal):
        return text(value)
    return int(value) if isinstance(value, bool) else value


def _order(row: sqlite3.Row) -> Order:
    values: dict[str, Any] = dict(row)
    for name in _ORDER_DECIMALS:
        if values[name] is not None:
            values[name] = Decimal(values[name])
    if values["post_only"] is not None:
        values["post_only"] = bool(values["post_only"])
    return Order(**values)


def _fill(row: sqlite3.Row) -> Fill:
    values: dict[str, Any] = dict(row)
    for name in _FILL_DECIMALS:
        values[name] = Decimal(values[name])
    return Fill(**{**values, "taker": bool(values["taker"])})


class Store:
    """The exchange's database. Every change happens inside `transaction()`; reads may happen anywhere.

    Every order and every fill passes through here, so this is also where others hear of them: each of `listeners` is
    called after a commit that changed an order, never for what was rolled back.
    """

    def __init__(self, path: Path) -> None:
        self.listeners: list[Callable[[Changes], None]] = []
        self._changes = Changes()
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        # At once: each statement for itself would wait for the disk.
        self._db.executescript(f"BEGIN;{SCHEMA}COMMIT;")
        self._add_columns()
        path.chmod(0o600)

    def _add_columns(self) -> None:
        known = {row["name"] for row in self.rows("PRAGMA table_info(orders)")}
        for name, kind in ADDED_COLUMNS.items():
            if name not in known:
                self.rows(f"ALTER TABLE orders ADD COLUMN {name} {kind}")
        self.rows("UPDATE orders SET rank = seq WHERE rank = 0")
        self.rows("CREATE INDEX IF NOT EXISTS orders_by_rank ON orders (rank)")

    def close(self) -> None:
        """Close the database file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN IMMEDIATE … COMMIT; anything raised inside rolls all of it back."""
        self._db.execute("BEGIN IMMEDIATE")
        self._changes = Changes()
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        done, self._changes = self._changes, Changes()
        if done.orders or done.fills:
            for listener in self.listeners:
                listener(done)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """All rows of a SELECT (or the effect of another statement)."""
        return self._db.execute(sql, tuple(values)).fetchall()

    # identity -------------------------------------------------------------------------------------------------
    def setting(self, name: str) -> str | None:
        """A stored value of the exchange's identity."""
        found = self.rows("SELECT value FROM identity WHERE name = ?", [name])
        return None if not found else str(found[0]["value"])

    def settings(self) -> dict[str, str]:
        """All stored values of the exchange's identity by name."""
        return {row["name"]: row["value"] for row in self.rows("SELECT name, value FROM identity")}

    def set_setting(self, name: str, value: str) -> None:
        """Store a value of the exchange's identity."""
        self.rows("INSERT OR REPLACE INTO identity (name, value) VALUES (?, ?)", [name, value])

    # balances -------------------------------------------------------------------------------------------------
    def balance(self, symbol: str) -> tuple[Decimal, Decimal]:
        """(available, in order) of a symbol; zeros if there never was any."""
        found = self.rows("SELECT available, in_order FROM balances WHERE symbol = ?", [symbol])
        return (ZERO, ZERO) if not found else (Decimal(found[0]["available"]), Decimal(found[0]["in_order"]))

    def set_balance(self, symbol: str, available: Decimal, in_order: Decimal) -> None:
        """Store both parts of a balance; a negative part is a fault of this program and never stored."""
        if available < 0 or in_order < 0:
            raise ValueError(f"{symbol} would become {available} available, {in_order} in order")
        self.rows("INSERT OR REPLACE INTO balances VALUES (?, ?, ?)", [symbol, text(available), text(in_order)])

    def balances(self) -> list[tuple[str, Decimal, Decimal]]:
        """Every symbol ever held with (available, in order), by name."""
        found = self.rows("SELECT * FROM balances ORDER BY symbol")
        return [(row["symbol"], Decimal(row["available"]), Decimal(row["in_order"])) for row in found]

    # orders and fills -----------------------------------------------------------------------------------------
    def next_seq(self, table: str) -> int:
        """The next number of that table ("orders" or "fills"); numbers only grow."""
        return int(self.rows(f"SELECT coalesce(max(seq), 0) + 1 AS next FROM {table}")[0]["next"])  # noqa: S608

    def next_rank(self) -> int:
        """The end of every queue: one more than any order's place."""
        return int(self.rows("SELECT coalesce(max(rank), 0) + 1 AS next FROM orders")[0]["next"])

    def save_order(self, order: Order) -> None:
        """Insert the order, or update what changed of it."""
        names = [name for name in ORDER_COLUMNS if name != "order_id"]
        marks = ", ".join("?" for _ in ORDER_COLUMNS)
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        self.rows(
            f"INSERT INTO orders ({', '.join(ORDER_COLUMNS)}) VALUES ({marks}) "  # noqa: S608 - constants
            f"ON CONFLICT (order_id) DO UPDATE SET {changes}",
            [_stored(getattr(order, name)) for name in ORDER_COLUMNS],
        )
        self._changes.orders.pop(order.order_id, None)
        self._changes.orders[order.order_id] = replace(order)

    def add_fill(self, fill: Fill) -> None:
        """Insert a fill."""
        marks = ", ".join("?" for _ in FILL_COLUMNS)
        self.rows(
            f"INSERT INTO fills ({', '.join(FILL_COLUMNS)}) VALUES ({marks})",  # noqa: S608 - constants
            [_stored(getattr(fill, name)) for name in FILL_COLUMNS],
        )
        self._changes.fills.append(fill)

    def orders(self, condition: str, values: Sequence[object]) -> list[Order]:
        """Orders that satisfy an SQL condition (which may end in ORDER BY and LIMIT)."""
        columns = ", ".join(ORDER_COLUMNS)
        return [_order(row) for row in self.rows(f"SELECT {columns} FROM orders WHERE {condition}", values)]  # noqa: S608

    def fills(self, condition: str, values: Sequence[object]) -> list[Fill]:
        """Fills that satisfy an SQL condition (which may end in ORDER BY and LIMIT)."""
        columns = ", ".join(FILL_COLUMNS)
        return [_fill(row) for row in self.rows(f"SELECT {columns} FROM fills WHERE {condition}", values)]  # noqa: S608

    def find_order(self, market: str, order_id: str | None, client_key: str | None) -> Order | None:
        """The newest order of that market with that client id, or with that order id; the client id wins."""
        if client_key is not None:
            found = self.orders("market = ? AND client_key = ? ORDER BY seq DESC LIMIT 1", [market, client_key])
        else:
            found = self.orders("market = ? AND order_id = ?", [market, order_id])
        return found[0] if found else None

    def open_orders(self, market: str | None) -> list[Order]:
        """Open orders, oldest first, of one market or of all; those that await their trigger included."""
        condition = "status IN ('new', 'partiallyFilled', 'awaitingTrigger')"
        if market is None:
            return self.orders(f"{condition} ORDER BY seq", [])
        return self.orders(f"{condition} AND market = ? ORDER BY seq", [market])

    def open_client_keys(self, market: str) -> list[str | None]:
        """The client's key of each open order of a market, None where it gave none."""
        open_ones = "status IN ('new', 'partiallyFilled', 'awaitingTrigger') AND market = ?"
        return [row[0] for row in self.rows(f"SELECT client_key FROM orders WHERE {open_ones}", [market])]  # noqa: S608
