"""The schema: what it refuses whoever writes, and whose files it refuses to open."""

# ruff: noqa: S608 - tables and columns are named in this file

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from storage.budget import Spent, settle_usage
from storage.codes import ExecutionState
from storage.database import Tx
from storage.errors import WrongSchema
from storage.evidence import apply_order
from storage.invariants import record_invariant_run
from storage.leases import acquire_lease, finish_lease, register_job
from storage.looks import LookRow, record_free_call, record_look
from storage.money import Eur
from storage.proposals import create_proposal
from storage.schema import APPLICATION_ID, migrate, migrations, schema_version
from storage.trading_state import halt
from tests.storage.counting_oracle import reserved
from tests.storage.world import an_idea, bare_tx, bring_to, clean_sweep, part_fill, venue_fill, venue_order
from tests.support import SteppedClock

APPEND_ONLY: Final = (
    "execution_events", "gate_decisions", "audit_log", "policies", "stage_changes", "exchange_sweeps",
    "market_snapshots", "alerts", "invariant_runs", "job_runs", "trading_state", "legal_transitions",
    "oracle_pauses", "account_flows", "accepted_orders",
)  # fmt: skip
NEVER_DELETED: Final = (
    "trade_proposals", "trade_executions", "trade_history", "fills", "gpt_usage_log", "policy_activations",
    "vault_info", "earlier_incarnations",
)  # fmt: skip
MUTABLE: Final = ("scan_jobs", "operator_presence")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tx]:
    """A vault with at least one row in every table."""
    tx = bare_tx(tmp_path_factory.mktemp("full"), SteppedClock())
    clean_sweep(tx)
    bring_to(tx, ExecutionState.CLAIMED)
    execution = bring_to(tx, ExecutionState.SUBMITTED)
    apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", part_fill(execution, 1)), "stream", {})
    record_look(tx, LookRow("BTC-EUR", "nothing", "z 0.4", {"z": "0.4"}, None))
    record_free_call(tx, "rules/trend-1", 5, "nothing")
    register_job(tx, "look", 60)
    lease = acquire_lease(tx, "look", "me")
    assert lease is not None
    finish_lease(tx, lease, next_run_at=tx.now, started_at=tx.now, summary="looked", changed=True, error=None)
    record_invariant_run(tx, ["a violation"])
    for call in (reserved(tx), reserved(tx)):
        settle_usage(tx, call.id, Spent(Eur.of(1), 1), "an overrun")
    a_flow(tx)
    tx.sql.insert(
        "insert_accepted_order", market="ADA-EUR", order_id="order-9", now=tx.now, reason="mine", actor="operator"
    )
    tx.sql.insert("insert_earlier_incarnation", incarnation="0" * 36, orders_from=1, markets="[]", now=tx.now)
    halt(tx, "test")
    beyond = venue_fill(9, quantity=execution.quantity)
    apply_order(tx, execution.id, venue_order(execution, "filled", beyond), "stream", {})
    yield tx
    tx.db.close()


def a_flow(tx: Tx, amount: str = "-7.5") -> int:
    return tx.sql.insert(
        "insert_flow", now=tx.now, symbol="ADA", amount=amount, kind="adopted", reason="test", sweep_id=1,
        actor="operator",
    )  # fmt: skip


def a_row(tx: Tx, table: str) -> dict[str, Any]:
    row = tx.db.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
    assert row is not None, f"{table} is empty"
    return dict(row)


def placeholders(row: dict[str, Any]) -> str:
    return f"({', '.join(row)}) VALUES ({', '.join(':' + name for name in row)})"


def test_every_table_is_named_here(full: Tx) -> None:
    tables = {row[0] for row in full.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables - {"sqlite_sequence"} == {*APPEND_ONLY, *NEVER_DELETED, *MUTABLE}


def test_every_table_is_strict(full: Tx) -> None:
    listed = full.db.execute("PRAGMA table_list").fetchall()
    ours = {row["name"]: row["strict"] for row in listed if not row["name"].startswith("sqlite_")}
    assert ours
    assert set(ours.values()) == {1}


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_rows_of_an_append_only_table_cannot_be_changed(full: Tx, table: str) -> None:
    for column in a_row(full, table):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            full.db.execute(f"UPDATE {table} SET {column} = {column}")


@pytest.mark.parametrize("table", [*APPEND_ONLY, *NEVER_DELETED])
def test_rows_cannot_be_deleted(full: Tx, table: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|never deleted"):
        full.db.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize("recursive", [True, False])
@pytest.mark.parametrize("table", [*APPEND_ONLY, *NEVER_DELETED])
def test_rows_cannot_be_replaced(full: Tx, table: str, recursive: bool) -> None:
    # INSERT OR REPLACE fires delete triggers only with recursive_triggers, which a stranger's connection has not.
    full.db.execute(f"PRAGMA recursive_triggers = {int(recursive)}")
    row = a_row(full, table)
    if table == "trade_proposals":
        row["state"] = "PROPOSED"
    if table == "trade_executions":
        row["state"] = "CLAIMED"
    before = full.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    with pytest.raises(sqlite3.IntegrityError):
        full.db.execute(f"INSERT OR REPLACE INTO {table} {placeholders(row)}", row)
    assert full.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == before


UNIQUES: Final = {
    "trade_executions": "SELECT * FROM trade_executions WHERE order_id IS NOT NULL",
    "trade_history": "SELECT * FROM trade_history",
    "fills": "SELECT * FROM fills",
    "policy_activations": "SELECT * FROM policy_activations WHERE active = 1",
    "trading_state": "SELECT * FROM trading_state WHERE replaces IS NOT NULL",
    "job_runs": "SELECT * FROM job_runs WHERE completed = 1",
    "oracle_pauses": "SELECT * FROM oracle_pauses WHERE replaces IS NOT NULL",
    "accepted_orders": "SELECT * FROM accepted_orders",
}


def test_of_an_earlier_incarnation_only_its_import_is_noted_once(tx: Tx) -> None:
    tx.sql.insert("insert_earlier_incarnation", incarnation="1" * 36, orders_from=1, markets="[]", now=tx.now)
    for change in ("orders_from = 2", "ended_at = 2", "markets = '[1]'", "incarnation = 'x' || substr(incarnation, 2)"):
        with pytest.raises(sqlite3.IntegrityError, match="only the import is noted"):
            tx.db.execute(f"UPDATE earlier_incarnations SET {change}")
    tx.db.execute("UPDATE earlier_incarnations SET imported_at = 5")
    for again in ("NULL", "6"):
        with pytest.raises(sqlite3.IntegrityError, match="once"):
            tx.db.execute(f"UPDATE earlier_incarnations SET imported_at = {again}")


def as_a_stranger(tx: Tx) -> None:
    """Set the connection to SQLite's defaults, as any other program has them."""
    tx.db.execute("PRAGMA recursive_triggers = 0")
    tx.db.execute("PRAGMA foreign_keys = 0")


@pytest.mark.parametrize("table", UNIQUES)
def test_a_new_row_cannot_push_out_one_that_has_the_same_unique_value(full: Tx, table: str) -> None:
    as_a_stranger(full)
    row = dict(full.db.execute(UNIQUES[table]).fetchone()) | {"id": 10_000}
    if table == "trade_executions":
        row["state"] = "CLAIMED"
    rows = full.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    with pytest.raises(sqlite3.IntegrityError):
        full.db.execute(f"INSERT OR REPLACE INTO {table} {placeholders(row)}", row)
    assert full.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == rows


def test_a_second_idea_cannot_push_out_the_first(tx: Tx) -> None:
    create_proposal(tx, an_idea())
    row = a_row(tx, "trade_proposals")
    as_a_stranger(tx)
    row["id"] = 10_000
    with pytest.raises(sqlite3.IntegrityError):
        tx.db.execute(f"INSERT OR REPLACE INTO trade_proposals {placeholders(row)}", row)


def test_an_order_id_cannot_be_taken_from_another_execution(tx: Tx) -> None:
    first, second = bring_to(tx, ExecutionState.SUBMITTED), bring_to(tx, ExecutionState.SUBMITTING)
    as_a_stranger(tx)
    with pytest.raises(sqlite3.IntegrityError):
        tx.db.execute("UPDATE OR REPLACE trade_executions SET order_id = ? WHERE id = ?", (first.order_id, second.id))
    assert tx.db.execute("SELECT count(*) FROM trade_executions").fetchone()[0] == 2


def test_no_transition_can_be_added(full: Tx) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="fixed by the schema"):
        full.db.execute("INSERT INTO legal_transitions VALUES ('proposal', 'EXECUTED', 'PROPOSED')")


NOT_DECIMALS: Final = (
    "0.0",
    "0",
    "NaN",
    "Infinity",
    "abc",
    "1E+3",
    "-1",
    "",
    "1.",
    ".5",
    "1..2",
    "1.2.3",
    " 1",
    "1 ",
    "0x10",
)
DECIMAL_COLUMNS: Final = (
    ("trade_proposals", "quantity"), ("trade_proposals", "limit_price"), ("trade_proposals", "eur"),
    ("trade_proposals", "quote_price"), ("trade_executions", "quantity"), ("trade_executions", "limit_price"),
    ("trade_executions", "eur"), ("fills", "quantity"), ("fills", "price"),
)  # fmt: skip


@pytest.mark.parametrize(("table", "column"), DECIMAL_COLUMNS)
def test_only_positive_plain_decimals_are_stored(tx: Tx, table: str, column: str) -> None:
    bring_to(tx, ExecutionState.PARTIALLY_FILLED)
    for trigger in [row[0] for row in tx.db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]:
        tx.db.execute(f"DROP TRIGGER {trigger}")
    for text in NOT_DECIMALS:
        with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
            tx.db.execute(f"UPDATE {table} SET {column} = ?", (text,))
    for text in ("1", "0.00000001", "61200", "123456789012345678901234567890.5"):
        tx.db.execute(f"UPDATE {table} SET {column} = ?", (text,))


def test_a_fee_is_a_plain_decimal_that_may_be_negative_or_zero(tx: Tx) -> None:
    bring_to(tx, ExecutionState.PARTIALLY_FILLED)
    tx.db.execute("DROP TRIGGER fill_settles_once")
    for text in ("NaN", "Infinity", "abc", "1E+3", "", "-", "--1", "1-2", "1.", ".5", "1.2.3", "-.5"):
        with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
            tx.db.execute("UPDATE fills SET fee = ?", (text,))
    for text in ("0", "0.249403312", "-0.01"):
        tx.db.execute("UPDATE fills SET fee = ?", (text,))


def test_of_a_fill_fee_currency_and_settled_fill_in_once(tx: Tx) -> None:
    execution = bring_to(tx, ExecutionState.SUBMITTED)
    bare = replace(part_fill(execution, 1), fee=None, fee_currency=None, settled=False)
    apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", bare), "stream", {})
    for column, first, second in (("fee", "0.1", "0.2"), ("fee_currency", "EUR", "BTC"), ("settled", 1, 0)):
        tx.db.execute(f"UPDATE fills SET {column} = ?", (first,))
        for other in (second, None):
            with pytest.raises(sqlite3.IntegrityError, match="once"):
                tx.db.execute(f"UPDATE fills SET {column} = ?", (other,))
    row = dict(tx.db.execute("SELECT * FROM fills").fetchone())
    others: dict[str, Any] = {
        name: value for name, value in row.items() if name not in ("fee", "fee_currency", "settled")
    }
    for column, value in others.items():
        changed = f"{value}1" if isinstance(value, str) else value + 1
        with pytest.raises(sqlite3.IntegrityError):
            tx.db.execute(f"UPDATE fills SET {column} = ?", (changed,))


def test_a_reservation_is_settled_once(tx: Tx) -> None:
    usage = tx.sql.insert(
        "insert_usage", now=tx.now, oracle="model", state="reserved", markets=5, reserved_micros=100, cost_micros=None,
        summary="", settled_at=None,
    )  # fmt: skip
    for change in ("reserved_micros = 1", "oracle = 'x'", "at = 1", "state = 'reserved'"):
        with pytest.raises(sqlite3.IntegrityError, match="settled once"):
            tx.db.execute(f"UPDATE gpt_usage_log SET {change} WHERE id = ?", (usage,))
    tx.db.execute("UPDATE gpt_usage_log SET state = 'settled', cost_micros = 90 WHERE id = ?", (usage,))
    for change in ("cost_micros = 1", "state = 'abandoned'", "state = 'reserved'"):
        with pytest.raises(sqlite3.IntegrityError, match="settled once"):
            tx.db.execute(f"UPDATE gpt_usage_log SET {change} WHERE id = ?", (usage,))


def test_of_a_settled_call_the_cost_never_passes_the_reservation(tx: Tx) -> None:
    call = reserved(tx, "0.02")
    with pytest.raises(sqlite3.IntegrityError, match="overrun"):
        tx.db.execute("UPDATE gpt_usage_log SET state = 'settled', cost_micros = 20001 WHERE id = ?", (call.id,))
    for change in ("tokens_allowed = 1", "markets = 1", "instance = 'x'"):
        with pytest.raises(sqlite3.IntegrityError, match="settled once"):
            tx.db.execute(f"UPDATE gpt_usage_log SET state = 'abandoned', {change} WHERE id = ?", (call.id,))
    with pytest.raises(sqlite3.IntegrityError, match="overrun"):
        tx.sql.insert(
            "insert_usage", now=tx.now, oracle="x", state="settled", markets=1, reserved_micros=5, cost_micros=6,
            summary="", settled_at=tx.now,
        )  # fmt: skip


def test_a_flow_is_a_plain_signed_decimal_that_is_not_zero(tx: Tx) -> None:
    clean_sweep(tx)
    for text in ("0", "0.0", "-0", "NaN", "1E+3", "", "-", "--1", "1-2", "1.", ".5", "1.2.3", "+1"):
        with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
            a_flow(tx, text)
    for text in ("1", "-0.00000001", "123456789012345678901234567890.5"):
        a_flow(tx, text)


def test_an_activation_ends_once_and_keeps_what_it_says(tx: Tx) -> None:
    for change in ("hash = 'x'", "actor = 'x'", "at = 1", "replaces = 1", "active = 1"):
        with pytest.raises(sqlite3.IntegrityError, match="ends once"):
            tx.db.execute(f"UPDATE policy_activations SET {change}")
    tx.db.execute("UPDATE policy_activations SET active = 0")
    with pytest.raises(sqlite3.IntegrityError, match="ends once"):
        tx.db.execute("UPDATE policy_activations SET active = 1")


def test_a_vault_keeps_its_id_and_mode(tx: Tx) -> None:
    for change in ("id = 2", "vault_id = incarnation", "mode = 'live'", "created_at = 1"):
        with pytest.raises(sqlite3.IntegrityError):
            tx.db.execute(f"UPDATE vault_info SET {change}")


def test_a_fence_never_goes_back(tx: Tx) -> None:
    register_job(tx, "look", 60)
    acquire_lease(tx, "look", "me")
    with pytest.raises(sqlite3.IntegrityError, match="never goes back"):
        tx.db.execute("UPDATE scan_jobs SET fence = fence - 1")


def test_migrating_twice_changes_nothing(tx: Tx) -> None:
    assert migrate(tx.db) == 0
    assert schema_version(tx.db) == len(migrations()) > 0
    assert tx.db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID


def test_a_migration_that_fails_leaves_the_file_at_the_version_before(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = (*migrations(), "CREATE TABLE extra (id INTEGER) STRICT; SELECT * FROM no_such_table;")
    monkeypatch.setattr("storage.schema.migrations", lambda: scripts)
    db = sqlite3.connect(":memory:", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError, match="no_such_table"):
        migrate(db)
    assert not db.in_transaction
    assert schema_version(db) == len(scripts) - 1
    assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'extra'").fetchone()[0] == 0
    db.close()


@pytest.mark.parametrize(("version", "application"), [(len(migrations()) + 1, APPLICATION_ID), (0, 0x1234), (1, 0)])
def test_files_of_newer_or_other_programs_are_refused(version: int, application: int) -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute(f"PRAGMA user_version = {version}")
    db.execute(f"PRAGMA application_id = {application}")
    with pytest.raises(WrongSchema):
        migrate(db)
    assert db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    db.close()


def test_the_database_of_another_program_without_any_mark_is_refused(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "other.db", isolation_level=None)
    db.execute("CREATE TABLE alerts (id INTEGER PRIMARY KEY, text TEXT)")
    with pytest.raises(WrongSchema, match="another program"):
        migrate(db)
    assert [row[0] for row in db.execute("SELECT name FROM sqlite_master")] == ["alerts"]
    db.close()
