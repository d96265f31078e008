"""Backups: one committed state whoever writes, verified before it has its name, nothing left where it failed."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from storage import backup
from storage.backup import Backup, back_up, open_backup, read_manifest
from storage.codes import Mode
from storage.database import Vault
from storage.errors import BadBackup, VaultBroken, VaultBusy, VaultError, VaultFull, WrongMode
from storage.locking import SharedLock
from tests.storage.world import neighbour, note, one_sentence
from tests.support import SteppedClock, opened_vault


def backed_up(folder: Path, target: Path | None = None, *, with_key: bool = False) -> Backup:
    return back_up(folder, Mode.PAPER, SteppedClock(), target, with_key=with_key)


def column(path: Path, sql: str) -> list[object]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute(sql)]


async def test_a_backup_is_one_committed_state_while_another_task_commits(vault: Vault, tmp_path: Path) -> None:
    commits = 500
    first = asyncio.Event()

    async def write() -> None:
        for _ in range(commits):
            await vault.transact(note)
            first.set()

    writing = asyncio.create_task(write())
    await first.wait()
    made = await asyncio.to_thread(backed_up, vault.folder, tmp_path / "copy")
    during = not writing.done()
    await writing
    assert during, "the backup was not made while somebody wrote"
    ids = column(made.path / "vault.db", "SELECT id FROM trade_proposals ORDER BY id")
    created = column(made.path / "vault.db", "SELECT subject FROM audit_log WHERE kind = 'proposal.created'")
    assert [str(each) for each in ids] == created == [str(number + 1) for number in range(len(ids))]
    assert 0 < len(ids) < commits
    assert open_backup(made.path, vault.audit_key) == (made.manifest, [])
    assert await vault.read(lambda tx: len(tx.db.execute("SELECT id FROM trade_proposals").fetchall())) == commits


async def test_what_is_in_a_backup_is_private_and_the_key_only_if_asked_for(vault: Vault, tmp_path: Path) -> None:
    plain = backed_up(vault.folder, tmp_path / "plain")
    keyed = backed_up(vault.folder, tmp_path / "keyed", with_key=True)
    assert {path.name for path in plain.path.iterdir()} == {"vault.db", "audit.head", "backup.json"}
    assert {path.name for path in keyed.path.iterdir()} == {"vault.db", "audit.head", "backup.json", "audit.key"}
    for made in (plain, keyed):
        assert {stat.S_IMODE(path.stat().st_mode) for path in made.path.iterdir()} == {0o600}
        assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
    assert (keyed.path / "audit.key").read_bytes() == vault.audit_key


async def test_backups_of_one_second_stand_side_by_side_in_the_data_folder(vault: Vault) -> None:
    first, second = backed_up(vault.folder), backed_up(vault.folder)
    assert first.path != second.path
    assert {path.name for path in (vault.folder / "backups").iterdir()} == {first.path.name, second.path.name}


async def test_a_folder_with_something_in_it_is_not_written_into(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").write_text("")
    with pytest.raises(BadBackup, match="is not empty") as error:
        backed_up(vault.folder, tmp_path / "taken")
    assert one_sentence(error)


async def test_a_vault_whose_chain_was_cut_gives_no_backup(tmp_path: Path) -> None:
    async with opened_vault(tmp_path / "paper") as vault:
        for _ in range(3):
            await vault.transact(note)
    with closing(sqlite3.connect(tmp_path / "paper" / "vault.db", isolation_level=None)) as db:
        db.execute("DROP TRIGGER audit_log_no_delete")
        db.execute("DELETE FROM audit_log WHERE seq = (SELECT max(seq) FROM audit_log)")
    with pytest.raises(VaultBroken, match="the end was cut") as error:
        backed_up(tmp_path / "paper", tmp_path / "copy")
    assert one_sentence(error)
    assert os.listdir(tmp_path) == ["paper"]


async def test_a_vault_that_is_being_restored_or_backed_up_is_left_alone(vault: Vault, tmp_path: Path) -> None:
    other = SharedLock(vault.folder / "backup.lock")
    assert other.alone()
    with pytest.raises(VaultBusy, match="another backup"):
        backed_up(vault.folder, tmp_path / "copy")
    other.close()
    await vault.close()
    restorer = SharedLock(vault.folder / "vault.users")
    assert restorer.alone()
    with pytest.raises(VaultBusy, match="being restored"):
        backed_up(vault.folder, tmp_path / "copy")
    restorer.close()
    assert not (tmp_path / "copy").exists()


async def test_a_backup_needs_no_lock_that_writers_hold(vault: Vault, tmp_path: Path) -> None:
    with neighbour("lock", vault.folder):
        assert backed_up(vault.folder, tmp_path / "copy").manifest.seq == 1


async def test_of_the_other_mode_there_is_no_backup(vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(WrongMode):
        back_up(vault.folder, Mode.LIVE, SteppedClock(), tmp_path / "copy", with_key=False)
    with pytest.raises(VaultBroken, match="there is no vault"):
        backed_up(tmp_path / "elsewhere", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("step", ["sync", "newest_head", "_digest"])
async def test_a_disk_that_fills_up_is_one_sentence_and_leaves_nothing(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28), str(tmp_path / "copy"))

    monkeypatch.setattr(backup, step, full)
    with pytest.raises(VaultFull, match="the disk is full") as error:
        backed_up(vault.folder, tmp_path / "copy")
    assert one_sentence(error)
    assert os.listdir(tmp_path) == ["paper"]


async def test_what_a_killed_backup_left_is_no_backup_and_is_tidied_up(vault: Vault, tmp_path: Path) -> None:
    left = tmp_path / ".copy.partial"
    left.mkdir()
    (left / "vault.db").write_bytes(b"half")
    with pytest.raises(BadBackup, match="is no backup"):
        read_manifest(left)
    backed_up(vault.folder, tmp_path / "copy")
    assert not left.exists()


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def change_a_row(path: Path) -> None:
    """Change what no audit event tells, and the sums with it."""
    with closing(sqlite3.connect(path / "vault.db", isolation_level=None)) as db:
        db.execute("UPDATE scan_jobs SET paused = 1")
        db.execute("UPDATE vault_info SET dead_man_group = 1 + dead_man_group % 1000")
    stated = json.loads((path / "backup.json").read_text())
    size, digest = backup._digest(path / "vault.db")
    (path / "backup.json").write_text(json.dumps({**stated, "size": size, "sha256": digest}))


async def test_a_backup_that_was_changed_is_told_with_the_key_and_without(vault: Vault, tmp_path: Path) -> None:
    for name in ("vault.db", "audit.head", "backup.json"):
        made = backed_up(vault.folder, tmp_path / name)
        flip_a_byte(made.path / name)
        try:
            problems = open_backup(made.path, vault.audit_key)[1]
        except VaultError as error:
            problems = [str(error)]
        assert len(problems) == 1, name
    flipped = tmp_path / "vault.db"
    assert open_backup(flipped, None)[1] == ["vault.db is not the file that backup.json names"]


async def test_a_change_that_fits_the_sums_needs_the_key_to_be_seen(vault: Vault, tmp_path: Path) -> None:
    made = backed_up(vault.folder, tmp_path / "copy")
    change_a_row(made.path)
    assert open_backup(made.path, None)[1] == []
    assert "was not written with this audit.key" in open_backup(made.path, vault.audit_key)[1][0]
    assert "was not written with this audit.key" in open_backup(tmp_path / "copy", b"k" * 32)[1][0]
