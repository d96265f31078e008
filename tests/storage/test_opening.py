"""Opening a vault: what a new one starts with, what a spoiled folder says, whose files are left alone."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from storage import audit
from storage.codes import Mode, Stage, TradingState
from storage.database import Vault
from storage.errors import (
    VaultBroken,
    VaultBusy,
    WrongMode,
    WrongSchema,
)
from storage.facts import current_stage
from storage.locking import SharedLock
from storage.policy_store import active_policy
from storage.proposals import open_proposals
from storage.trading_state import current_trading_state
from tests.storage.world import note, one_sentence
from tests.support import SteppedClock, opened_vault

ROOT = Path(__file__).parents[2]


async def test_a_new_paper_vault_trades_and_a_new_live_one_does_not(tmp_path: Path) -> None:
    expected = {
        Mode.PAPER: (TradingState.ACTIVE, "semi-auto", Stage.MATURE),
        Mode.LIVE: (TradingState.HALTED, "observer", Stage.TRAINING),
    }
    for mode, first in expected.items():
        async with opened_vault(tmp_path / mode, mode=mode) as vault:
            found = await vault.read(
                lambda tx: (current_trading_state(tx).state, active_policy(tx).name, current_stage(tx))
            )
            assert found == first
            assert vault.info.exchange_identity is None


async def test_the_durability_that_is_promised_is_set(vault: Vault) -> None:
    def pragma(db: sqlite3.Connection, name: str) -> Any:
        return db.execute(f"PRAGMA {name}").fetchone()[0]

    def settings(db: sqlite3.Connection) -> tuple[Any, ...]:
        names = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        return tuple(pragma(db, name) for name in names)

    assert await vault.transact(lambda tx: settings(tx.db)) == ("wal", 2, 1, 1)
    assert await vault.read(lambda tx: pragma(tx.db, "query_only")) == 1


async def test_every_file_is_private(vault: Vault) -> None:
    await vault.transact(note)
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in vault.folder.iterdir() if path.is_file()}
    assert {"vault.db", "vault.db-wal", "vault.db-shm", "vault.lock", "vault.users", "audit.key", "audit.head"} == set(
        files
    )
    assert set(files.values()) == {0o600}


async def test_a_folder_with_signs_in_its_name_is_a_folder(tmp_path: Path) -> None:
    for name in ("a b", "100%41", "what?mode=rw", "half#way", "umläut"):
        async with opened_vault(tmp_path / name) as vault:
            await vault.transact(note)
            assert len(await vault.read(open_proposals)) == 1


async def test_a_relative_folder_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened_vault(Path("var/paper")) as vault:
        await vault.transact(note)
        assert len(await vault.read(open_proposals)) == 1


async def test_a_vault_opens_again_with_what_it_held(tmp_path: Path, clock: SteppedClock) -> None:
    async with opened_vault(tmp_path, clock) as first:
        info = first.info
        await first.transact(note)
    async with opened_vault(tmp_path, clock) as second:
        assert second.info == info
        assert len(await second.read(open_proposals)) == 1


async def test_the_other_modes_vault_is_refused(tmp_path: Path) -> None:
    async with opened_vault(tmp_path):
        pass
    with pytest.raises(WrongMode, match="belongs to PAPER, not to LIVE") as error:
        async with opened_vault(tmp_path, mode=Mode.LIVE):
            pass
    assert one_sentence(error)


def stamp(folder: Path, pragma: str) -> None:
    """Set a number in the header, in a process that has the vault not open."""
    db = sqlite3.connect(folder / "vault.db")
    db.execute(f"PRAGMA {pragma}")
    db.close()


@pytest.mark.parametrize("pragma", ["user_version = 99", "application_id = 7"])
async def test_a_vault_of_a_newer_or_another_program_is_refused(tmp_path: Path, pragma: str) -> None:
    async with opened_vault(tmp_path):
        pass
    stamp(tmp_path, pragma)
    with pytest.raises(WrongSchema) as error:
        async with opened_vault(tmp_path):
            pass
    assert one_sentence(error)


def spoil_key_missing(folder: Path) -> None:
    (folder / "audit.key").unlink()


def spoil_key_cut(folder: Path) -> None:
    (folder / "audit.key").write_bytes(b"short")


def spoil_head_missing(folder: Path) -> None:
    (folder / "audit.head").unlink()


def spoil_head_garbage(folder: Path) -> None:
    (folder / "audit.head").write_text("{}")


def spoil_head_forged(folder: Path) -> None:
    (folder / "audit.head").write_text((folder / "audit.head").read_text().replace('"seq": ', '"seq": 9'))


def spoil_vault_rolled_back(folder: Path) -> None:
    (folder / "vault.db").write_bytes((folder / "old.db").read_bytes())


def spoil_vault_removed(folder: Path) -> None:
    (folder / "vault.db").unlink()


def spoil_vault_garbage(folder: Path) -> None:
    (folder / "vault.db").write_bytes(b"this is no database, " * 200)


def spoil_vault_is_a_folder(folder: Path) -> None:
    (folder / "vault.db").unlink()
    (folder / "vault.db").mkdir()


def spoil_no_identity(folder: Path) -> None:
    db = sqlite3.connect(folder / "vault.db", isolation_level=None)
    db.execute("DROP TRIGGER audit_log_no_delete")
    db.execute("DELETE FROM audit_log")
    db.close()


SPOILED = (
    spoil_key_missing, spoil_key_cut, spoil_head_missing, spoil_head_garbage, spoil_head_forged,
    spoil_vault_rolled_back, spoil_vault_removed, spoil_vault_garbage, spoil_vault_is_a_folder, spoil_no_identity,
)  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILED)
async def test_a_spoiled_folder_is_one_sentence_and_nothing_is_made_anew(tmp_path: Path, spoil: Any) -> None:
    async with opened_vault(tmp_path) as vault:
        await vault.transact(lambda tx: tx.audit("test", "1"))
    settle_wal(tmp_path)
    (tmp_path / "old.db").write_bytes((tmp_path / "vault.db").read_bytes())
    async with opened_vault(tmp_path) as vault:
        await vault.transact(lambda tx: tx.audit("test", "2", urgent=True))
    settle_wal(tmp_path)
    spoil(tmp_path)
    kept = {name: (tmp_path / name).read_bytes() for name in ("audit.key", "audit.head") if (tmp_path / name).exists()}
    threads = threading.enumerate()
    with pytest.raises(VaultBroken) as error:
        async with opened_vault(tmp_path):
            pass
    assert one_sentence(error)
    assert {name: (tmp_path / name).read_bytes() for name in kept} == kept
    assert (tmp_path / "audit.key").exists() is ("audit.key" in kept)
    for thread in [each for each in threading.enumerate() if each not in threads]:
        thread.join(20)
        assert not thread.is_alive(), "a connection's thread was left behind"


def settle_wal(folder: Path) -> None:
    """Bring everything into vault.db itself; nobody has the vault open."""
    db = sqlite3.connect(folder / "vault.db", isolation_level=None)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    for name in ("vault.db-wal", "vault.db-shm"):
        (folder / name).unlink(missing_ok=True)


async def test_a_start_that_died_before_its_first_event_is_begun_again(tmp_path: Path) -> None:
    # Killed after the key was made and before the vault had anything in it.
    async with opened_vault(tmp_path) as vault:
        key = vault.audit_key
    settle_wal(tmp_path)
    (tmp_path / "vault.db").unlink()
    async with opened_vault(tmp_path) as vault:
        assert vault.audit_key == key
        assert (await vault.transact(note)) == 1


async def test_the_first_head_is_there_before_the_first_event_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A vault with events and without a head is refused for good: a crash between the two must leave the other order.
    order: list[int | None] = []
    real = audit.write_head

    def spy(path: Path, key: bytes, head: audit.Head) -> None:
        other = sqlite3.connect(f"file:{path.parent / 'vault.db'}?mode=ro", uri=True)
        order.append(other.execute("SELECT max(seq) FROM audit_log").fetchone()[0])
        other.close()
        real(path, key, head)

    monkeypatch.setattr("storage.audit.write_head", spy)
    async with opened_vault(tmp_path):
        assert order == [None]


async def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VaultBroken) as error:
        async with opened_vault(tmp_path / "file" / "paper"):
            pass
    assert one_sentence(error)


async def test_a_vault_that_is_being_restored_is_not_opened(tmp_path: Path) -> None:
    restorer = SharedLock(tmp_path / "vault.users")
    assert restorer.alone()
    with pytest.raises(VaultBusy) as error:
        async with opened_vault(tmp_path):
            pass
    assert one_sentence(error)
    restorer.release()
    async with opened_vault(tmp_path):
        assert not restorer.alone()
    assert restorer.alone()
    restorer.close()


async def head_lag(vault: Vault) -> int:
    """How many events the head file is behind."""
    head = audit.read_head(vault.folder / "audit.head", vault.audit_key)
    assert head is not None
    newest = await vault.read(lambda tx: tx.sql.one("newest_audit"))
    assert newest is not None
    return int(newest["seq"]) - head.seq


async def test_urgent_events_move_the_head_at_once_others_within_five_seconds(
    vault: Vault, clock: SteppedClock
) -> None:
    await vault.transact(lambda tx: tx.audit("x", "1", urgent=True))
    assert await head_lag(vault) == 0
    await vault.transact(lambda tx: tx.audit("x", "2"))
    assert await head_lag(vault) == 1
    await vault.transact(lambda tx: tx.audit("x", "3", urgent=True))
    assert await head_lag(vault) == 0
    await vault.transact(lambda tx: tx.audit("x", "4"))
    clock.step(4.9)
    await vault.flush_head()
    assert await head_lag(vault) == 1
    clock.step(0.1)
    await vault.flush_head()
    assert await head_lag(vault) == 0


@pytest.mark.parametrize("jump", [-3600, 3600])
async def test_a_clock_that_jumps_does_not_keep_the_head_behind(vault: Vault, clock: SteppedClock, jump: int) -> None:
    await vault.transact(lambda tx: tx.audit("x", "1", urgent=True))
    clock.jump(jump)
    await vault.transact(lambda tx: tx.audit("x", "2"))
    clock.step(5)
    await vault.flush_head()
    assert await head_lag(vault) == 0


async def test_closing_writes_the_head(tmp_path: Path, clock: SteppedClock) -> None:
    async with opened_vault(tmp_path, clock) as vault:
        for number in range(3):
            await vault.transact(lambda tx, n=number: tx.audit("x", str(n)))  # type: ignore[misc]
        assert await head_lag(vault) > 0
        key = vault.audit_key
    head = audit.read_head(tmp_path / "audit.head", key)
    assert head is not None
    assert head.seq == 4


def sources() -> dict[str, str]:
    """Every source file of the program."""
    return {
        str(path.relative_to(ROOT)): path.read_text()
        for folder in ("storage", "console")
        for path in (ROOT / folder).rglob("*.py")
    }


def test_the_private_execute_is_used_in_one_place() -> None:
    uses = {name: len(re.findall(r"\._execute\(", text)) for name, text in sources().items()}
    assert {name: count for name, count in uses.items() if count} == {"storage/connections.py": 1}


def test_nothing_opens_the_vaults_database_but_its_connections() -> None:
    # A plain open and close of vault.db drops the process's own locks on it.
    uses = {name: text.count('vault.db"') for name, text in sources().items() if 'vault.db"' in text}
    assert uses.get("storage/database.py") == 1
    opened = re.compile(r"(open|read_bytes|read_text|copy\w*|connect)\([^)\n]*vault\.db")
    assert [name for name, text in sources().items() if opened.search(text)] == []


def test_the_program_reads_no_clock_of_its_own_for_records() -> None:
    forbidden = re.compile(r"\b(time\.time\b|time\.time_ns|datetime\.(now|utcnow)|date\.today|uuid4|uuid1)\b")
    found = [name for name, text in sources().items() if name.startswith("storage/") and forbidden.search(text)]
    assert found == []
    assert os.path.exists(ROOT / "storage" / "database.py")
