"""What must always be true of a vault, each said as a query or a comparison that finds every violation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from storage.alerts import alert
from storage.codes import HistoryStatus, Stage
from storage.database import Tx
from storage.facts import all_fills, current_stage
from storage.history import history_page
from storage.orders import client_order_id
from storage.trading_state import halt

QUERIES: Final = {
    "one execution per proposal": """
        SELECT 'proposal ' || proposal_id || ' has ' || count(*) || ' executions'
        FROM trade_executions GROUP BY proposal_id HAVING count(*) > 1""",
    "one order per execution": """
        SELECT 'order ' || order_id || ' belongs to ' || count(*) || ' executions'
        FROM trade_executions WHERE order_id IS NOT NULL GROUP BY market, order_id HAVING count(*) > 1""",
    "every accepted execution has an order id": """
        SELECT 'execution ' || id || ' is ' || state || ' without an order id' FROM trade_executions
        WHERE state IN ('SUBMITTED', 'PARTIALLY_FILLED', 'FILLED') AND order_id IS NULL""",
    "no send without a stored intent": """
        SELECT 'execution ' || id || ' is ' || state || ' without a stored send' FROM trade_executions
        WHERE state NOT IN ('CLAIMED', 'ABANDONED') AND submitting_at IS NULL AND imported = 0""",
    "no submission hangs": """
        SELECT 'execution ' || id || ' is SUBMITTING for more than 10 minutes' FROM trade_executions
        -- A machine that slept, or a program that was not started again, had nobody who could have looked.
        WHERE state = 'SUBMITTING' AND submitting_at < :now - 600000000 AND EXISTS (SELECT 1 FROM scan_jobs
            WHERE job = 'reconcile' AND last_run_at > submitting_at + 600000000)""",
    "every execution has its trade": """
        SELECT 'execution ' || e.id || ' has no trade' FROM trade_executions e
        LEFT JOIN trade_history h ON h.execution_id = e.id WHERE h.id IS NULL""",
    "a claimed proposal has its execution": """
        SELECT 'proposal ' || p.id || ' is ' || p.state || ' without an execution' FROM trade_proposals p
        LEFT JOIN trade_executions e ON e.proposal_id = p.id
        WHERE p.state IN ('CLAIMED', 'EXECUTED', 'FAILED') AND e.id IS NULL""",
    "an executed proposal is not open": """
        SELECT 'proposal ' || p.id || ' is ' || p.state || ' although it has an execution' FROM trade_proposals p
        JOIN trade_executions e ON e.proposal_id = p.id
        WHERE p.state IN ('PROPOSED', 'APPROVED')
            OR (p.state IN ('DECLINED', 'EXPIRED') AND e.imported = 0)""",
    "every claim passed the gate": """
        SELECT 'execution ' || e.id || ' has no passed decision' FROM trade_executions e
        LEFT JOIN gate_decisions d ON d.id = e.decision_id WHERE d.id IS NULL OR d.passed <> 1""",
    "absence is proven": """
        SELECT 'execution ' || e.id || ' is ABSENT without evidence' FROM trade_executions e
        WHERE e.state = 'ABSENT' AND NOT EXISTS (SELECT 1 FROM execution_events v
            WHERE v.execution_id = e.id AND v.after = 'ABSENT' AND v.source = 'absence')""",
    "every move has its event": """
        SELECT 'execution ' || e.id || ' is ' || e.state || ' without an event that says so' FROM trade_executions e
        WHERE e.state <> 'CLAIMED' AND NOT EXISTS (SELECT 1 FROM execution_events v
            WHERE v.execution_id = e.id AND v.after = e.state)""",
    "one policy is active": """
        SELECT n || ' policies are active'
        FROM (SELECT count(*) AS n FROM policy_activations WHERE active = 1) WHERE n <> 1""",
    "rows refer to rows": "SELECT \"table\" || ' row ' || rowid || ' refers to nothing' FROM pragma_foreign_key_check",
    "the file is sound": "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
}


def broken_invariants(tx: Tx) -> list[str]:
    """One sentence for each violation; an empty list when all is well."""
    found = []
    for sql in QUERIES.values():
        parameters = {"now": tx.now} if ":now" in sql else {}
        found += [str(row[0]) for row in tx.db.execute(sql, parameters)]
    for check in COMPARISONS:
        found += check(tx)
    return found


def record_invariant_run(tx: Tx, violations: list[str]) -> None:
    """Store what a run found; a violation halts trading, alerts, and demotes the vault by one stage."""
    tx.sql.insert("insert_invariant_run", now=tx.now, violations=json.dumps(violations), actor=tx.actor.name)
    if not violations:
        return
    halt(tx, f"invariant broken: {violations[0]}")
    alert(tx, "critical", "invariants", "; ".join(violations))
    stages = list(Stage)
    below = stages[max(stages.index(current_stage(tx)) - 1, 0)]
    tx.sql.insert("insert_stage_change", stage=below, reason="an invariant was broken", actor=tx.actor.name, now=tx.now)


def _fills_fit_orders(tx: Tx) -> list[str]:
    ordered = {row["id"]: row for row in tx.db.execute("SELECT id, market, side FROM trade_executions")}
    found = []
    for fill in all_fills(tx):
        row = ordered.get(fill.execution_id)
        if row is None or row["market"] != fill.market or row["side"] != fill.side:
            found.append(f"fill {fill.fill_id} does not belong to execution {fill.execution_id}")
    return found


def _statuses_follow_fills(tx: Tx) -> list[str]:
    found = []
    for trade in history_page(tx, 2**31):
        if trade.quantity.is_positive and trade.status is not HistoryStatus.CONFIRMED:
            found.append(f"trade {trade.id} has fills but is {trade.status}")
        if trade.quantity.is_zero and trade.status is HistoryStatus.CONFIRMED:
            found.append(f"trade {trade.id} is confirmed without a fill")
    return found


def _ids_are_derived(tx: Tx) -> list[str]:
    # Orders of an earlier incarnation keep their ids; every other follows from this one.
    earlier = [row["incarnation"] for row in tx.sql.all("all_earlier_incarnations")]
    found = []
    for row in tx.db.execute("SELECT id, proposal_id, client_order_id FROM trade_executions"):
        derived = (client_order_id(name, row["proposal_id"]) for name in (tx.info.incarnation, *earlier))
        if row["client_order_id"] not in derived:
            found.append(f"execution {row['id']} carries a client order id that is not its own")
    return found


COMPARISONS: Final[tuple[Callable[[Tx], list[str]], ...]] = (
    _fills_fit_orders,
    _statuses_follow_fills,
    _ids_are_derived,
)
