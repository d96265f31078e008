"""What must be true after every single step, whatever was done before."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from typing import Final

from storage.codes import Mode
from storage.models import Actor
from storage.verification import verify_vault
from tests.cli.kit import broken_promises
from tests.properties.watch import imports_are_open
from tests.properties.world import World

UNKNOWN_ORDERS: Final = "orders the vault does not know"
LOOKER: Final = Actor("looker", "box-0", 1)
HAS_ORDER: Final = ("SUBMITTED", "PARTIALLY_FILLED", "FILLED", "CANCELED")
ENDED: Final = ("FILLED", "CANCELED", "ABSENT", "REJECTED", "ABANDONED")
ACCEPTED: Final = ("answer", "look-up", "look-up by client order id", "listing", "late listing", "sweep", "import")


def broken(world: World) -> list[str]:
    """A sentence for everything that is not as it must be."""
    found = [*world.watch.broken, *world.broke, *(each for process in world.processes for each in process.broke)]
    found += [each for each in broken_promises(world.home) if not (UNKNOWN_ORDERS in each and forgets(world))]
    found += verify_vault(world.folder, Mode.PAPER, world.clock, LOOKER).problems
    with (
        closing(sqlite3.connect(f"file:{world.folder / 'vault.db'}?mode=ro", uri=True)) as here,
        closing(sqlite3.connect(f"file:{world.exchange.database}?mode=ro", uri=True)) as there,
    ):
        here.row_factory = there.row_factory = sqlite3.Row
        for check in CHECKS:
            found += check(here, there)
    return found


def forgets(world: World) -> bool:
    """Whether the vault was restored, and orders sent since the backup may be unknown in it."""
    with closing(sqlite3.connect(f"file:{world.folder / 'vault.db'}?mode=ro", uri=True)) as here:
        return imports_are_open(here)


def _sends_have_claims(here: sqlite3.Connection, _there: sqlite3.Connection) -> list[str]:
    return [
        f"execution {row['id']} is {row['state']}, its proposal {row['proposal_id']} is {row['p']}"
        for row in here.execute(
            "SELECT e.*, p.state AS p FROM trade_executions e JOIN trade_proposals p ON p.id = e.proposal_id "
            "WHERE e.imported = 0 AND (p.state NOT IN ('CLAIMED', 'EXECUTED', 'FAILED') OR "
            "e.submitting_at IS NULL AND e.state NOT IN ('CLAIMED', 'ABANDONED'))"
        )
    ]


def _moves_have_evidence(here: sqlite3.Connection, _there: sqlite3.Connection) -> list[str]:
    wrong = []
    for row in here.execute("SELECT * FROM execution_events"):
        evidence, move = json.loads(row["evidence"]), f"{row['before']} -> {row['after']} by {row['source']}"
        if row["after"] in HAS_ORDER:
            good = row["source"] in ACCEPTED and bool(evidence.get("order_id"))
        elif row["after"] == "ABSENT":
            good = row["source"] == "absence" and len(evidence.get("look_ups", [])) == 2
        elif row["after"] == "REJECTED":
            good = row["source"] == "answer" and bool(evidence.get("error_code"))
        elif row["after"] == "RESOLVED":
            good = row["before"] == "UNKNOWN" and row["source"] == "operator" and bool(evidence.get("reason"))
        else:
            good = row["before"] != "UNKNOWN"
        if not good:
            wrong.append(f"execution {row['execution_id']}: {move} with {row['evidence']}")
        if row["before"] in ENDED and row["source"] != "import":
            # Nothing of this world is applied so late that it was rightly held to be absent. A verdict may be wrong,
            # and a backup does not know what was sent since.
            wrong.append(f"execution {row['execution_id']} had ended: {move}")
    return wrong


def _events_follow_each_other(here: sqlite3.Connection, _there: sqlite3.Connection) -> list[str]:
    states: dict[int, str] = {}
    wrong = []
    for row in here.execute("SELECT * FROM execution_events ORDER BY id"):
        before = states.get(row["execution_id"], "CLAIMED")
        if row["before"] != before:
            wrong.append(f"execution {row['execution_id']} was {before}, an event says {row['before']}")
        states[row["execution_id"]] = row["after"]
    for row in here.execute("SELECT id, state FROM trade_executions"):
        if states.get(row["id"], "CLAIMED") != row["state"]:
            wrong.append(f"execution {row['id']} is {row['state']}, its events say {states.get(row['id'])}")
    return wrong


def _fills_are_the_exchanges(here: sqlite3.Connection, there: sqlite3.Connection) -> list[str]:
    orders = {row["client_order_id"]: row["id"] for row in here.execute("SELECT * FROM trade_executions")}
    made = {
        row["fill_id"]: (orders.get(row["client_order_id"]), Decimal(row["amount"]), Decimal(row["price"]))
        for row in there.execute("SELECT f.*, o.client_order_id FROM fills f JOIN orders o ON o.order_id = f.order_id")
    }
    stored = here.execute("SELECT * FROM fills").fetchall()
    wrong = [
        f"fill {row['fill_id']} of execution {row['execution_id']} is not the exchange's"
        for row in stored
        if made.get(row["fill_id"]) != (row["execution_id"], Decimal(row["quantity"]), Decimal(row["price"]))
    ]
    return wrong + [
        f"fill {fill} is stored {n} times" for fill, n in Counter(r["fill_id"] for r in stored).items() if n > 1
    ]


def _absent_is_absent(here: sqlite3.Connection, there: sqlite3.Connection) -> list[str]:
    accepted = {row[0] for row in there.execute("SELECT client_order_id FROM orders")}
    forgotten = imports_are_open(here)
    return [
        f"execution {row['id']} is {row['state']}, and its order is at the exchange"
        for row in here.execute("SELECT id, state, client_order_id FROM trade_executions")
        if row["state"] in ("ABSENT", "REJECTED", "ABANDONED", "CLAIMED")
        and not forgotten
        and row["client_order_id"] in accepted
    ]


def _fences_grow(here: sqlite3.Connection, _there: sqlite3.Connection) -> list[str]:
    newest: dict[str, int] = {}
    wrong = []
    for row in here.execute("SELECT job, fence FROM job_runs ORDER BY rowid"):
        if row["fence"] < newest.get(row["job"], 0):
            wrong.append(f"a run of {row['job']} under fence {row['fence']} came after {newest[row['job']]}")
        newest[row["job"]] = row["fence"]
    return wrong


CHECKS: Final[tuple[Callable[[sqlite3.Connection, sqlite3.Connection], list[str]], ...]] = (
    _sends_have_claims,
    _moves_have_evidence,
    _events_follow_each_other,
    _fills_are_the_exchanges,
    _absent_is_absent,
    _fences_grow,
)
