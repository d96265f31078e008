"""Who looks on: at every commit to the vault and at every order that arrives at the exchange, in plain SQL.

What is wrong is a sentence in ``broken``. Nothing here uses the vault's own code.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storage.market_models import Quote
from storage.models import Ticket
from tests.properties import limits

ORDER: Final = ("POST", "/v2/order")
BEGUN: Final = "SELECT id, side FROM trade_executions WHERE submitting_at IS NOT NULL AND imported = 0"


class Watch:
    """Everything that is measured while deeds are done, not after."""

    def __init__(self, folder: Path) -> None:
        self.broken: list[str] = []
        self.posts: Counter[str] = Counter()
        """How many orders arrived, by client order id."""
        self.quiet = ""
        """Why no order may arrive any more: a stop said so. Empty: one may."""
        self._folder = folder
        self._shown: dict[int, list[tuple[Ticket, Quote]]] = {}
        self._claimed = self._reserved = 0
        self._begun: set[int] = set()
        self._sent: dict[int, set[str]] = {}
        """The client order ids that arrived, by proposal, whatever incarnation of the vault sent them."""
        self._given = {"trade_proposals": 0, "trade_executions": 0}
        """The highest ids ever given out."""
        self._reused_below: dict[str, int] = {}
        self._restored_with: dict[str, set[int]] = {}
        """What the vault held right after it was restored the last time."""

    def confirmed(self, ticket: Ticket, quote: Quote) -> None:
        """The operator is about to send what this ticket shows."""
        self._shown.setdefault(ticket.order.proposal_id, []).append((ticket, quote))

    # the vault ------------------------------------------------------------------------------------------------
    def committed(self, db: sqlite3.Connection, now: int) -> None:
        """A transaction is in the file: what it added keeps to the limits and the stop."""
        self._look_at_ids(db)
        for row in db.execute(
            "SELECT * FROM trade_executions WHERE imported = 0 AND id > ? ORDER BY id", [self._claimed]
        ).fetchall():
            self._claimed = row["id"]
            self._claim(db, row)
        for row in db.execute(BEGUN).fetchall():
            if row["id"] not in self._begun:
                self._begun.add(row["id"])
                self._begin(db, row)
        for row in db.execute("SELECT id FROM gpt_usage_log WHERE id > ? ORDER BY id", [self._reserved]).fetchall():
            self._reserved = row["id"]
            self.broken += limits.usage_over(db, now)

    def _look_at_ids(self, db: sqlite3.Connection) -> None:
        """No id is given out twice; what was sent before a restore keeps the ones it had."""
        for table, known in self._restored_with.items():
            query = f"SELECT id FROM {table} WHERE id <= ?"  # noqa: S608
            if table == "trade_proposals":
                query += " AND id NOT IN (SELECT proposal_id FROM trade_executions WHERE imported = 1)"
            again = {row[0] for row in db.execute(query, [self._reused_below[table]])} - known
            self.broken += [f"id {number} of {table} was given out again after a restore" for number in again]
        for table, highest in self._given.items():
            newest = db.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]  # noqa: S608
            self._given[table] = max(highest, newest)
        state = db.execute("SELECT state FROM trading_state ORDER BY id DESC LIMIT 1").fetchone()[0]
        if state != "HALTED" and imports_are_open(db):
            self.broken.append(f"trading is {state} before what was sent before the restore is known")

    def _claim(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        shown = [(t, q) for t, q in self._shown.get(row["proposal_id"], []) if t.digest == row["digest"]]
        if not shown:
            self.broken.append(f"execution {row['id']} is of an order that nobody confirmed")
            return
        ticket, quote = shown[-1]
        policy = db.execute("SELECT hash FROM policy_activations WHERE active = 1").fetchone()[0]
        if ticket.policy_hash != policy or row["policy_hash"] != policy:
            self.broken.append(f"execution {row['id']} was claimed under other rules than the ticket's")
        decision = db.execute("SELECT * FROM gate_decisions WHERE id = ?", [row["decision_id"]]).fetchone()
        if decision is None or not decision["passed"] or decision["proposal_id"] != row["proposal_id"]:
            self.broken.append(f"execution {row['id']} was claimed without a passed decision")
        state = db.execute("SELECT state FROM trade_proposals WHERE id = ?", [row["proposal_id"]]).fetchone()[0]
        if state != "CLAIMED":
            self.broken.append(f"proposal {row['proposal_id']} is {state} in the commit that claims it")
        if imports_are_open(db):
            self.broken.append(f"execution {row['id']} was claimed before what a restore forgot is known")
        self.broken += limits.claim_over(db, row, quote)

    def _begin(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        state = db.execute("SELECT state FROM trading_state ORDER BY id DESC LIMIT 1").fetchone()[0]
        if state == "HALTED" or (state == "REDUCING" and row["side"] == "buy"):
            self.broken.append(f"the send of execution {row['id']} was stored while trading is {state}")

    # the exchange ---------------------------------------------------------------------------------------------
    def before(self, exchange: ASGIApp) -> ASGIApp:
        """The exchange, with each order looked at as it arrives."""

        async def looked_at(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or (scope["method"], scope["path"]) != ORDER:
                await exchange(scope, receive, send)
                return
            message = await receive()
            self._arrived(message["body"])
            sent = [message]

            async def again() -> Message:
                return sent.pop() if sent else await receive()

            await exchange(scope, again, send)

        return looked_at

    def _arrived(self, body: bytes) -> None:
        order = json.loads(body)
        client = order["clientOrderId"]
        self.posts[client] += 1
        if self.posts[client] > 1:
            self.broken.append(f"order {client} arrived {self.posts[client]} times")
        if self.quiet:
            self.broken.append(f"order {client} arrived although {self.quiet}")
        with closing(sqlite3.connect(f"file:{self._folder / 'vault.db'}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            query = """SELECT e.*, p.overrides FROM trade_executions e JOIN trade_proposals p ON p.id = e.proposal_id
                       WHERE e.client_order_id = ?"""
            row = db.execute(query, [client]).fetchone()
        if row is not None:
            sent = self._sent.setdefault(row["proposal_id"], set())
            sent.add(client)
            if len(sent) > 1:
                self.broken.append(f"proposal {row['proposal_id']} was sent as {sorted(sent)}")
        if row is None or row["submitting_at"] is None:
            self.broken.append(f"order {client} arrived, and no send of it is committed")
        elif row["request_body"].encode() != body or row["digest"] != digest_of(order, row):
            self.broken.append(f"what arrived of execution {row['id']} is not what was confirmed: {body.decode()}")

    def restored(self) -> None:
        """The vault's folder holds a restored vault, which nobody has opened yet."""
        self.halted("the vault was restored")
        with closing(sqlite3.connect(f"file:{self._folder / 'vault.db'}?mode=ro", uri=True)) as db:
            self._reused_below = dict(self._given)
            for table in self._given:
                self._restored_with[table] = {row[0] for row in db.execute(f"SELECT id FROM {table}")}  # noqa: S608
            self._reserved = db.execute("SELECT coalesce(max(id), 0) FROM gpt_usage_log").fetchone()[0]

    def halted(self, why: str) -> None:
        """A stop says that no order can leave any more."""
        self.quiet = why

    def may_send(self) -> None:
        """The stop is about to be lifted."""
        self.quiet = ""

    def stopped_by_file(self) -> bool:
        """Whether a HALT file stands in the vault's folder."""
        return os.path.lexists(self._folder / "HALT")


def imports_are_open(db: sqlite3.Connection) -> bool:
    """Whether orders that were sent before a restore may still be unknown."""
    return bool(db.execute("SELECT 1 FROM earlier_incarnations WHERE imported_at IS NULL").fetchone())


def digest_of(order: dict[str, Any], row: sqlite3.Row) -> str:
    """The digest of a confirmed order, worked out from the bytes that arrived."""
    waits = "triggerAmount" in order
    fields: dict[str, Any] = {
        "kind": row["kind"],
        "limit": order.get("price"),
        "market": order["market"],
        "mode": "paper",
        "order_type": "market" if waits else order["orderType"],
        "proposal_id": row["proposal_id"],
        "quantity": order["amount"],
        "revision": row["revision"],
        "side": order["side"],
        "time_in_force": order.get("timeInForce"),
    }
    if overrides := json.loads(row["overrides"]):
        fields["overrides"] = overrides
    if waits:
        fields["trigger"] = {"price": order["triggerAmount"], "type": order["orderType"]}
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
