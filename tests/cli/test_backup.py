"""``oracle backup`` and ``oracle restore``, the whole way: real processes and a real simulated exchange."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.kit import (
    activate,
    exchange_rows,
    execute,
    oracle,
    oracle_json,
    orders,
    propose,
    vault_rows,
    wait_until,
)
from tests.gauntlet.commands import worker
from tests.gauntlet.comparing import disagreements
from tests.gauntlet.faults import SUBMIT
from tests.terminal.test_weather import AS_ROOT, filled, small_disk

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("restore")]

PHRASE = "restore paper\n"
RESUME = "resume paper\n"


def begun(home: Path) -> None:
    """A vault that has compared itself once, under rules that settle within seconds and pause after no trade."""
    home.mkdir(parents=True, exist_ok=True)
    oracle(home, "status")
    activate(home, submit=SUBMIT, cooldown_min=0, anti_flip_min=0)
    oracle(home, "reconcile")


def reconciled(home: Path) -> str:
    """Compare until vault and exchange agree; what the comparisons told."""
    told = []

    def agree() -> bool:
        done = oracle(home, "reconcile", check=False)
        told.append(done.stdout)
        return done.returncode == 0

    wait_until(agree, 20)
    return "".join(told)


def execution_of(home: Path, proposal: int) -> list[tuple[object, ...]]:
    return vault_rows(home, f"SELECT state, imported FROM trade_executions WHERE proposal_id = {proposal}")  # noqa: S608


def test_what_was_executed_after_the_backup_can_never_be_executed_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    begun(home)
    known = propose(home)
    made = oracle_json(home, "backup", "--to", str(tmp_path / "copy"))
    assert made["events"] == vault_rows(home, "SELECT max(seq) FROM audit_log")[0][0]
    forgotten = propose(home, "ETH-EUR")
    assert [execute(home, proposal)[0] for proposal in (known, forgotten)] == [0, 0]

    done = oracle(home, "restore", str(tmp_path / "copy"), "--reason", "a test", typed=PHRASE)
    assert f"expired: {known}\n" in done.stdout
    assert f"new proposals begin with {forgotten + 1}\n" in done.stdout
    code, text = execute(home, known)
    assert (code, orders(home)) == (1, 2)
    assert "PROPOSAL_STATE" in text
    assert "TRADING_STATE" in text

    assert "taken over from before the restore" in reconciled(home)
    assert execution_of(home, known) == execution_of(home, forgotten) == [("FILLED", 1)]
    for proposal in (known, forgotten):
        code, text = execute(home, proposal)
        assert (code, "ALREADY_CLAIMED by the vault before its restore@" in text) == (1, True)
    assert oracle(home, "resume", "--reason", "they agree", typed=RESUME).stdout.endswith("trading is ACTIVE\n")
    new = propose(home)
    assert new > forgotten
    assert execute(home, new)[0] == 0
    assert orders(home) == 3
    assert disagreements(home) == []
    oracle(home, "verify")


def test_trading_does_not_go_on_before_the_orders_since_the_backup_are_known(tmp_path: Path) -> None:
    home = tmp_path / "home"
    begun(home)
    proposal = propose(home)
    oracle(home, "backup", "--to", str(tmp_path / "copy"))
    assert execute(home, proposal)[0] == 0
    oracle(home, "restore", str(tmp_path / "copy"), "--reason", "a test", typed=PHRASE)
    assert "oracle reconcile takes over" in oracle(home, "status").stdout
    refused = oracle(home, "resume", "--reason", "in a hurry", typed=RESUME, check=False)
    assert refused.returncode == 1
    assert "orders sent since the backup may be unknown here: run oracle reconcile" in refused.stderr
    assert oracle_json(home, "status")["trading_state"] == "HALTED"
    assert not (home / "paper" / "HALT").exists()


def test_on_another_machine_the_orders_since_the_backup_come_back_from_the_exchange(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    begun(home)
    oracle(home, "backup", "--to", str(tmp_path / "copy"), "--with-key")
    proposal = propose(home)
    assert execute(home, proposal)[0] == 0

    (elsewhere / "paper").mkdir(parents=True)
    done = oracle(elsewhere, "restore", str(tmp_path / "copy"), "--reason", "a new machine", typed=PHRASE)
    assert "copy the old folder's exchange.db to" in done.stdout
    # The simulated exchange is the outside world: in LIVE it is there already, in PAPER its file moves.
    with (
        closing(sqlite3.connect(home / "paper" / "exchange.db")) as source,
        closing(sqlite3.connect(elsewhere / "paper" / "exchange.db")) as target,
    ):
        source.backup(target)
    told = reconciled(elsewhere)
    assert "taken over from before the restore" in told
    assert execution_of(elsewhere, proposal) == [("FILLED", 1)]
    assert execute(elsewhere, proposal)[0] == 1
    oracle(elsewhere, "resume", "--reason", "they agree", typed=RESUME)
    assert propose(elsewhere) > 10_000
    assert disagreements(elsewhere) == []
    oracle(elsewhere, "verify")


def test_a_backup_without_its_key_says_where_the_key_has_to_be(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    oracle(home, "status")
    told = oracle(home, "backup", "--to", str(tmp_path / "copy")).stdout
    assert f"keep a copy of {home / 'paper' / 'audit.key'}" in told
    refused = oracle(elsewhere, "restore", str(tmp_path / "copy"), "--reason", "x", typed=PHRASE, check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("BAD_BACKUP: ")
    assert str(elsewhere / "paper" / "audit.key") in refused.stderr
    assert not elsewhere.exists()


@pytest.mark.parametrize("typed", ["", "restore live\n", "yes\n", "restore paper\n \n"])
def test_nothing_is_restored_without_phrase_and_reason(tmp_path: Path, typed: str) -> None:
    home = tmp_path / "home"
    oracle(home, "status")
    oracle(home, "backup", "--to", str(tmp_path / "copy"))
    before = vault_rows(home, "SELECT incarnation FROM vault_info")
    done = oracle(home, "restore", str(tmp_path / "copy"), typed=typed, check=False)
    assert (done.returncode, done.stderr.startswith("not restored: ")) == (1, True)
    assert vault_rows(home, "SELECT incarnation FROM vault_info") == before


def test_a_vault_that_a_worker_has_open_is_not_restored_and_the_worker_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    begun(home)
    oracle(home, "backup", "--to", str(tmp_path / "copy"))
    with worker(home) as started:
        wait_until(lambda: bool(vault_rows(home, "SELECT 1 FROM scan_jobs WHERE holder IS NOT NULL")))
        done = oracle(home, "restore", str(tmp_path / "copy"), "--reason", "x", typed=PHRASE, check=False)
        assert done.returncode == 3
        assert f"process {started.pid} (" in done.stderr
        assert "has the vault open; end it first" in done.stderr
        assert oracle_json(home, "backup")["events"] > 0  # a backup asks nobody to end
    oracle(home, "restore", str(tmp_path / "copy"), "--reason", "x", typed=PHRASE)


def test_a_backup_that_was_changed_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    oracle(home, "status")
    oracle(home, "backup", "--to", str(tmp_path / "copy"), "--with-key")
    with closing(sqlite3.connect(tmp_path / "copy" / "vault.db", isolation_level=None)) as database:
        database.execute("UPDATE vault_info SET dead_man_group = 1 + dead_man_group % 1000")
    done = oracle(home, "restore", str(tmp_path / "copy"), "--reason", "x", typed=PHRASE, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "BAD_BACKUP: vault.db is not the file that backup.json names; it was not restored" in done.stderr


@AS_ROOT
def test_on_a_full_disk_no_backup_is_left_and_one_sentence_says_why(tmp_path: Path) -> None:
    home = tmp_path / "disk"
    home.mkdir()
    with small_disk(home):
        oracle(home, "status")
        with filled(home):
            done = oracle(home, "backup", check=False)
            assert done.returncode == 3
            assert len(done.stderr.splitlines()) == 1
            assert "the disk is full" in done.stderr
            backups = home / "paper" / "backups"
            assert not backups.exists() or os.listdir(backups) == []
        oracle(home, "backup", "--to", str(tmp_path / "copy"))
        before = vault_rows(home, "SELECT incarnation FROM vault_info")
        with filled(home):
            done = oracle(home, "restore", str(tmp_path / "copy"), "--reason", "x", typed=PHRASE, check=False)
            assert done.returncode == 3
            assert len(done.stderr.splitlines()) == 1
            assert "the disk is full" in done.stderr
        assert vault_rows(home, "SELECT incarnation FROM vault_info") == before
        assert not (home / "paper" / "restoring").exists()
        oracle(home, "verify")


def test_a_backup_is_verified_with_its_key_and_as_far_as_it_goes_without(tmp_path: Path) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    oracle(home, "status")
    oracle(home, "backup", "--to", str(copy))
    assert oracle(home, "verify", "--backup", str(copy)).stdout == "clean: 1 audit events\n"
    bare = oracle(tmp_path / "elsewhere", "verify", "--backup", str(copy))
    assert bare.stdout == "whole: 1 audit events without a gap; whether it was changed only audit.key can tell\n"
    (copy / "audit.head").write_text("{}")
    assert oracle(tmp_path / "elsewhere", "verify", "--backup", str(copy), check=False).returncode == 0
    assert oracle(home, "verify", "--backup", str(copy), check=False).returncode == 1
    assert oracle(home, "verify", "--backup", str(home), check=False).returncode == 1


def test_nobody_at_the_exchange_ever_sees_an_id_twice(tmp_path: Path) -> None:
    home = tmp_path / "home"
    begun(home)
    oracle(home, "backup", "--to", str(tmp_path / "copy"))
    for _ in range(2):
        assert execute(home, propose(home))[0] == 0
        oracle(home, "restore", str(tmp_path / "copy"), "--reason", "again", typed=PHRASE)
        reconciled(home)
        oracle(home, "resume", "--reason", "they agree", typed=RESUME)
    sent = [row[0] for row in exchange_rows(home, "SELECT client_order_id FROM orders")]
    assert len(sent) == len(set(sent)) == 2
    assert vault_rows(home, "SELECT count(*) FROM trade_executions WHERE imported = 1") == [(2,)]
    assert len(vault_rows(home, "SELECT 1 FROM earlier_incarnations")) == 2
    assert disagreements(home) == []
