"""A thousand random attacks on a closed vault by somebody without its key: each found at its first bad number."""

from __future__ import annotations

import shutil
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Final

import pytest

from console.cli import verify
from storage.audit import Head, read_chain, read_head, verify_chain
from storage.codes import Mode
from storage.database import Tx
from storage.errors import VaultBroken
from storage.verification import verify_vault
from tests.storage import long_audit, tampering
from tests.storage.tampering import FOLDER_ATTACKS, ROW_ATTACKS
from tests.support import OPERATOR, SteppedClock, opened_vault

EVENTS: Final = 120
ATTACKS: Final = 1000
ON_FILES: Final = 60
"""How many of them go through the folder's files and the whole verification."""


async def closed_vault(folder: Path) -> None:
    """A vault of 120 events, its writer closed, with older copies of the database beside its folder."""
    clock = SteppedClock()
    for until in (20, 90, 119, EVENTS):
        async with opened_vault(folder, clock) as vault:

            def fill(tx: Tx, until: int = until) -> None:
                start = int(tx.db.execute("SELECT max(seq) FROM audit_log").fetchone()[0])
                for number in range(start + 1, until + 1):
                    tx.audit(f"kind.{number % 3}", str(number), number=number, note="ü")

            await vault.transact(fill)
        if until < EVENTS:
            copy_database(folder / "vault.db", folder.parent / f"older-{until}.db")


def copy_database(path: Path, target: Path) -> None:
    """A copy of a closed database, once all of its log stands in the file."""
    if path.with_name(path.name + "-wal").exists():
        with closing(sqlite3.connect(path)) as db:
            db.execute("SELECT count(*) FROM vault_info").fetchone()  # the last to close empties the log
    shutil.copyfile(path, target)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    await closed_vault(tmp_path / "paper")
    return tmp_path / "paper"


async def test_a_thousand_random_attacks_are_found_at_their_first_bad_number(folder: Path) -> None:
    key = (folder / "audit.key").read_bytes()
    head = read_head(folder / "audit.head", key)
    assert head is not None
    assert verify_vault(folder, Mode.PAPER, SteppedClock(), OPERATOR).clean
    assert head.seq == EVENTS, "the writer was closed: its head is up to date"
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
        # The table alone: with the whole schema around it every change of a table takes long.
        with closing(sqlite3.connect(folder / "vault.db")) as stored:
            memory.execute(stored.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_log'").fetchone()[0])
            rows = stored.execute(f"SELECT {tampering.COLUMNS} FROM audit_log")  # noqa: S608
            memory.executemany("INSERT INTO audit_log VALUES (?,?,?,?,?,?,?,?,?)", rows)
        for seed in range(ATTACKS - ON_FILES):
            attack_rows(memory, key, head, seed)
    for seed in range(ATTACKS - ON_FILES, ATTACKS):
        attack_folder(folder, seed)


def attack_rows(db: sqlite3.Connection, key: bytes, head: Head, seed: int) -> None:
    random = Random(seed)
    attack = ROW_ATTACKS[seed % len(ROW_ATTACKS)]
    db.execute("SAVEPOINT untouched")
    first_bad = attack(db, random, EVENTS)
    report = verify_chain(read_chain(db), key, head)
    assert not report.intact, (seed, attack)
    assert report.first_bad == first_bad, (seed, attack, report)
    db.execute("ROLLBACK TO untouched")
    db.execute("RELEASE untouched")


def attack_folder(folder: Path, seed: int) -> None:
    random = Random(seed)
    attack = FOLDER_ATTACKS[seed % len(FOLDER_ATTACKS)]
    copy = folder.with_name("attacked")
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    copy_database(folder / "vault.db", copy / "vault.db")
    for name in ("audit.key", "audit.head"):
        shutil.copyfile(folder / name, copy / name)
    first_bad = attack(copy, random, EVENTS)
    report = verify_vault(copy, Mode.PAPER, SteppedClock(), OPERATOR)
    assert not report.clean, (seed, attack)
    assert report.first_bad == first_bad, (seed, attack, report)


async def test_only_the_exchange_tells_that_vault_and_head_went_back_together(tmp_path: Path) -> None:
    folder = tmp_path / "paper"
    async with opened_vault(folder):
        pass
    copy_database(folder / "vault.db", tmp_path / "older.db")
    shutil.copyfile(folder / "audit.head", tmp_path / "older.head")
    async with opened_vault(folder) as vault:
        await vault.transact(lambda tx: tx.audit("later", "x"))
    assert verify_vault(folder, Mode.PAPER, SteppedClock(), OPERATOR).events == 2
    shutil.copyfile(tmp_path / "older.db", folder / "vault.db")
    shutil.copyfile(tmp_path / "older.head", folder / "audit.head")
    for name in ("vault.db-wal", "vault.db-shm"):
        (folder / name).unlink(missing_ok=True)
    report = verify_vault(folder, Mode.PAPER, SteppedClock(), OPERATOR)
    assert (report.clean, report.events) == (True, 1), "a whole that was in force once is told apart by nothing in it"
    said = " ".join(str(verify.verify.__doc__).split())
    assert "vault.db and audit.head were put back together to an earlier moment: only the exchange can" in said


async def test_a_vault_without_any_event_is_neither_clean_nor_opened(tmp_path: Path) -> None:
    folder = tmp_path / "paper"
    async with opened_vault(folder):
        pass
    with closing(sqlite3.connect(folder / "vault.db", isolation_level=None)) as db:
        tampering.open_up(db)
        db.execute("DELETE FROM audit_log")
    (folder / "audit.head").unlink()
    assert verify_vault(folder, Mode.PAPER, SteppedClock(), OPERATOR).first_bad == 1
    with pytest.raises(VaultBroken, match="no audited event"):
        async with opened_vault(folder):
            pass


async def test_a_vault_without_the_table_of_events_is_broken_in_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "paper"
    async with opened_vault(folder):
        pass
    with closing(sqlite3.connect(folder / "vault.db", isolation_level=None)) as db:
        db.execute("DROP TABLE audit_log")
    with pytest.raises(VaultBroken, match="no such table: audit_log"):
        verify_vault(folder, Mode.PAPER, SteppedClock(), OPERATOR)


async def test_a_long_chain_is_verified_in_the_memory_of_a_few_rows(tmp_path: Path) -> None:
    # A million events are verified by tests.storage.long_audit, as real processes.
    folder = tmp_path / "paper"
    await long_audit.new_vault(folder)
    long_audit.write_events(folder, 5_000)
    key = (folder / "audit.key").read_bytes()
    head = read_head(folder / "audit.head", key)
    with closing(sqlite3.connect(folder / "vault.db")) as db:
        tracemalloc.start()
        try:
            report = verify_chain(read_chain(db), key, head)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (report.intact, report.events) == (True, 5_000)
    assert peak < 100_000, "bytes; all rows at once are more than two million"
