"""Restoring: a new incarnation, HALTED, that gives out no id twice; whenever it dies, the old vault or the new one."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from storage import audit, crash_points, restore
from storage.backup import back_up
from storage.clock import DAY, SECOND
from storage.codes import Mode, ProposalState, TradingState
from storage.crash_points import POINTS
from storage.database import Tx, Vault
from storage.errors import BadBackup, Conflict, VaultBroken, VaultBusy, VaultFull
from storage.leases import acquire_lease, register_job
from storage.models import Actor
from storage.orders import client_order_id
from storage.proposals import approve, create_proposal, get_proposal
from storage.restore import SPARE_IDS, Restored, plan_restore
from storage.setup import operator_number
from storage.trading_state import current_trading_state, resume
from storage.verification import verify_vault
from tests.storage.test_backup import backed_up, change_a_row, flip_a_byte
from tests.storage.world import claim_of, neighbour, note, one_sentence, own_idea, ready_to_claim
from tests.support import OPERATOR, SeededEntropy, SteppedClock, opened_vault

LATER = SeededEntropy(77)


def restored(folder: Path, source: Path, clock: SteppedClock | None = None, mode: Mode = Mode.PAPER) -> Restored:
    return restore.restore(folder, mode, source, clock or SteppedClock(), LATER, OPERATOR, "a test")


async def a_vault_with_a_backup(folder: Path, clock: SteppedClock) -> Path:
    """Two open proposals and a held lease, backed up with the key; then one is executed and a third made."""
    async with opened_vault(folder / "paper", clock) as vault:
        ready = await ready_to_claim(vault)
        await vault.transact(lambda tx: approve(tx, note(tx), {}))
        await vault.transact(lambda tx: register_job(tx, "look", 60 * SECOND))
        assert await vault.transact(lambda tx: acquire_lease(tx, "look", "a dead console")) is not None
        made = backed_up(vault.folder, folder / "copy", with_key=True)
        await vault.transact(lambda tx: claim_of(tx, ready))
        await vault.transact(note)
    return made.path


def states(tx: Tx) -> dict[int, str]:
    return dict(tx.db.execute("SELECT id, state FROM trade_proposals").fetchall())


async def test_a_restored_vault_can_send_nothing_that_was_open_and_is_halted(
    tmp_path: Path, clock: SteppedClock
) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    async with opened_vault(tmp_path / "paper", clock) as vault:
        before = vault.info
    done = restored(tmp_path / "paper", source, clock)
    assert done.expired == (1, 2)
    async with opened_vault(tmp_path / "paper", clock) as vault:
        info = vault.info
        assert (info.vault_id, info.dead_man_group) == (before.vault_id, before.dead_man_group)
        assert info.incarnation == done.incarnation != before.incarnation
        assert info.operator_id == operator_number(info.vault_id, info.incarnation) != before.operator_id
        assert client_order_id(info.incarnation, 1) != client_order_id(before.incarnation, 1)
        assert await vault.read(states) == {1: "EXPIRED", 2: "EXPIRED"}
        standing = await vault.read(current_trading_state)
        assert standing.state is TradingState.HALTED
        assert standing.reason.startswith("restored from the backup of 2026-")
        held = await vault.read(lambda tx: [dict(row) for row in tx.sql.all("all_jobs")])
        assert [(job["holder"], job["expires_at"], job["fence"]) for job in held] == [(None, None, 2)]
        with pytest.raises(Conflict, match="run oracle reconcile until vault and exchange agree"):
            await vault.transact(lambda tx: resume(tx, standing.id, "go on"))
    report = verify_vault(tmp_path / "paper", Mode.PAPER, clock, OPERATOR)
    assert report.problems == ()


async def test_the_audit_chain_tells_of_the_restore_and_goes_on_from_it(tmp_path: Path, clock: SteppedClock) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    old_head = json.loads((tmp_path / "paper" / "audit.head").read_text())
    restored(tmp_path / "paper", source, clock)
    async with opened_vault(tmp_path / "paper", clock) as vault:
        newest = await vault.read(
            lambda tx: dict(tx.db.execute("SELECT * FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone())
        )
        head = audit.read_head(vault.folder / "audit.head", vault.audit_key)
    assert head is not None
    assert (newest["kind"], newest["seq"]) == ("vault.restored", head.seq)
    assert head.incarnation != old_head["incarnation"]
    told = json.loads(newest["payload"])
    assert (told["was"], told["incarnation"], told["reason"]) == (old_head["incarnation"], head.incarnation, "a test")
    assert (told["expired"], told["replaced_events"]) == ([1, 2], old_head["seq"])


async def test_an_older_backup_replaces_a_vault_whose_head_is_far_ahead(tmp_path: Path, clock: SteppedClock) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    async with opened_vault(tmp_path / "paper", clock) as vault:
        for _ in range(50):
            await vault.transact(note)
    restored(tmp_path / "paper", source, clock)
    assert verify_vault(tmp_path / "paper", Mode.PAPER, clock, OPERATOR).clean
    async with opened_vault(tmp_path / "paper", clock) as vault:
        await vault.transact(note)
    assert verify_vault(tmp_path / "paper", Mode.PAPER, clock, OPERATOR).clean


# ---- ids


async def highest(folder: Path, clock: SteppedClock) -> int:
    async with opened_vault(folder, clock) as vault:
        return await vault.transact(lambda tx: create_proposal(tx, own_idea()).id)


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_is_backed_up_restored_moved_and_lost_no_id_is_given_out_twice(
    tmp_path: Path, seed: int
) -> None:
    """One vault, two machines; a machine may lose its folder. Every new proposal's id is new everywhere."""
    random, clock = Random(seed), SteppedClock()
    machines = [tmp_path / "one", tmp_path / "two"]
    given = {await highest(machines[0], clock)}
    backups = [backed_up(machines[0], tmp_path / "b0", with_key=True).path]
    at = machines[0]
    for turn in range(8):
        clock.step(random.choice((60, 3600, 86_400)))
        match random.choice(("propose", "back up", "restore", "move", "lose")):
            case "back up":
                target = tmp_path / f"b{turn + 1}"
                backups.append(back_up(at, Mode.PAPER, clock, target, with_key=True).path)
            case "restore":
                restored(at, random.choice(backups), clock)
            case "move":
                at = machines[at == machines[0]]
                shutil.rmtree(at, ignore_errors=True)
                restored(at, random.choice(backups), clock)
            case "lose":
                (at / "vault.db").write_bytes(b"no database" * 1000)
                restored(at, random.choice(backups), clock)
        for _ in range(random.randrange(1, 4)):
            new = await highest(at, clock)
            assert new not in given
            given.add(new)


async def test_where_nothing_tells_how_far_it_got_ids_begin_beyond_the_age_of_the_vault(
    tmp_path: Path, clock: SteppedClock
) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    assert restored(tmp_path / "at once", source, clock).next_proposal == 2 + SPARE_IDS + 1
    clock.step(DAY / SECOND)
    assert restored(tmp_path / "elsewhere", source, clock).next_proposal == 86_400 + SPARE_IDS + 1
    assert restored(tmp_path / "paper", source, clock).next_proposal == 4


async def test_a_vault_that_lost_its_end_is_not_asked_how_far_it_got(tmp_path: Path, clock: SteppedClock) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    no_vault(tmp_path / "paper")
    shutil.copyfile(source / "vault.db", tmp_path / "paper" / "vault.db")
    assert restored(tmp_path / "paper", source, clock).next_proposal == 2 + SPARE_IDS + 1


# ---- refused


async def test_a_vault_that_somebody_has_open_is_not_restored_and_they_are_named(
    tmp_path: Path, clock: SteppedClock
) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    async with opened_vault(tmp_path / "paper", clock, actor=Actor("somebody", "desk-1a2b", 1)) as vault:
        info = vault.info
        with pytest.raises(VaultBusy, match=r"process \d+ \(desk-1a2b\) has the vault open") as error:
            restored(tmp_path / "paper", source, clock)
        assert one_sentence(error)
        assert await vault.read(lambda tx: tx.info) == info
    with neighbour("users", tmp_path / "paper"), pytest.raises(VaultBusy, match="another process has the vault open"):
        restored(tmp_path / "paper", source, clock)
    with neighbour("database", tmp_path / "paper"), pytest.raises(VaultBusy, match="locked by another program"):
        restored(tmp_path / "paper", source, clock)
    restored(tmp_path / "paper", source, clock)


def files(folder: Path) -> dict[str, bytes]:
    names = ("vault.db", "audit.head", "audit.key")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path / "vault.db", isolation_level=None)) as db:
        db.execute("PRAGMA application_id = 7")


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "bytes": (lambda path: flip_a_byte(path / "vault.db"), "is not the file that backup.json names"),
    "rows and sums": (change_a_row, "was not written with this audit.key"),
    "manifest": (lambda path: (path / "backup.json").write_text("{}"), "cannot be read"),
    "no manifest": (lambda path: (path / "backup.json").unlink(), "is no backup"),
    "no database": (lambda path: (path / "vault.db").unlink(), "No such file"),
    "another program's": (of_another_program, "is not the file"),
    "key cut": (lambda path: (path / "audit.key").write_bytes(b"short"), "is no audit key"),
}


@pytest.mark.parametrize("how", BAD)
@pytest.mark.parametrize("there", [True, False])
async def test_a_backup_that_is_not_whole_is_refused_and_nothing_is_written(
    tmp_path: Path, clock: SteppedClock, how: str, there: bool
) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    target = tmp_path / ("paper" if there else "elsewhere")
    before = files(target)
    damage, sentence = BAD[how]
    damage(source)
    with pytest.raises(BadBackup, match=sentence) as error:
        restored(target, source, clock)
    assert one_sentence(error)
    assert files(target) == before
    assert not (target / "restoring").exists()


async def test_a_backup_of_a_newer_program_is_refused(
    tmp_path: Path, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    monkeypatch.setattr("storage.backup.migrations", lambda: ("",) * 3)
    with pytest.raises(BadBackup, match="newer version of this program"):
        restored(tmp_path / "elsewhere", source, clock)


async def test_an_older_backup_is_migrated(
    tmp_path: Path, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storage.schema import migrations

    every = migrations()
    for module in ("storage.schema", "storage.database", "storage.backup", "storage.verification"):
        monkeypatch.setattr(f"{module}.migrations", lambda: every[:7])
    monkeypatch.setattr("storage.setup.head_is_missing_since_restore", lambda *_: False)
    async with opened_vault(tmp_path / "paper", clock) as vault:
        assert await vault.read(lambda tx: tx.db.execute("PRAGMA user_version").fetchone()[0]) == 7
        source = backed_up(vault.folder, tmp_path / "copy", with_key=True).path
    monkeypatch.undo()
    restored(tmp_path / "elsewhere", source, clock)
    assert verify_vault(tmp_path / "elsewhere", Mode.PAPER, clock, OPERATOR).clean
    restored(tmp_path / "paper", source, clock)
    assert verify_vault(tmp_path / "paper", Mode.PAPER, clock, OPERATOR).clean


async def test_a_backup_of_the_other_mode_or_of_another_vault_is_refused(tmp_path: Path, clock: SteppedClock) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    with pytest.raises(BadBackup, match="is of a PAPER vault, not of LIVE"):
        restored(tmp_path / "live", source, clock, Mode.LIVE)
    stranger = await Vault.open(tmp_path / "stranger", Mode.PAPER, clock, SeededEntropy(5), OPERATOR)
    await stranger.close()
    with pytest.raises(BadBackup, match="it is of another vault"):
        restored(tmp_path / "stranger", source, clock)
    shutil.copyfile(source / "audit.key", tmp_path / "stranger" / "audit.key")
    with pytest.raises(BadBackup, match="holds another vault"):
        restored(tmp_path / "stranger", source, clock)


async def test_without_its_key_a_backup_is_restored_only_where_the_key_is(tmp_path: Path, clock: SteppedClock) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    (source / "audit.key").unlink()
    with pytest.raises(BadBackup, match=r"put that vault's audit\.key at .*elsewhere/audit\.key") as error:
        restored(tmp_path / "elsewhere", source, clock)
    assert one_sentence(error)
    shutil.copyfile(tmp_path / "paper" / "audit.key", tmp_path / "elsewhere" / "audit.key")
    restored(tmp_path / "elsewhere", source, clock)
    assert verify_vault(tmp_path / "elsewhere", Mode.PAPER, clock, OPERATOR).clean


# ---- what is left of a vault


def no_vault(folder: Path) -> None:
    for path in folder.glob("vault.db*"):
        path.unlink()


def no_database(folder: Path) -> None:
    (folder / "vault.db").write_bytes(b"no database" * 5000)


def a_torn_page(folder: Path) -> None:
    with (folder / "vault.db").open("r+b") as file:
        file.seek(4096 * 20)
        file.write(b"\xff" * 4096 * 10)


def empty(folder: Path) -> None:
    (folder / "vault.db").write_bytes(b"")


def no_head(folder: Path) -> None:
    (folder / "audit.head").unlink()


def forged_head(folder: Path) -> None:
    flip_a_byte(folder / "audit.head")


def no_key(folder: Path) -> None:
    (folder / "audit.key").unlink()


@pytest.mark.parametrize("damage", [no_vault, no_database, a_torn_page, empty, no_head, forged_head, no_key])
async def test_whatever_is_left_of_the_vault_the_backup_takes_its_place(
    tmp_path: Path, clock: SteppedClock, damage: Any
) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    damage(tmp_path / "paper")
    restored(tmp_path / "paper", source, clock)
    assert verify_vault(tmp_path / "paper", Mode.PAPER, clock, OPERATOR).clean
    async with opened_vault(tmp_path / "paper", clock) as vault:
        assert set((await vault.read(states)).values()) == {ProposalState.EXPIRED}


async def test_a_log_left_beside_a_lost_database_never_meets_the_new_one(tmp_path: Path, clock: SteppedClock) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    log = (tmp_path / "paper" / "vault.db-wal").read_bytes()
    assert log, "there is no log that could meet it"
    (tmp_path / "paper" / "vault.db").unlink()
    restored(tmp_path / "paper", source, clock)
    assert verify_vault(tmp_path / "paper", Mode.PAPER, clock, OPERATOR).clean
    async with opened_vault(tmp_path / "paper", clock) as opened:
        assert await opened.read(states) == {1: "EXPIRED", 2: "EXPIRED"}


async def test_what_is_no_database_any_more_is_set_aside(tmp_path: Path, clock: SteppedClock) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    no_vault(tmp_path / "paper")
    no_database(tmp_path / "paper")
    (tmp_path / "paper" / "vault.db-wal").write_bytes(b"a log of nothing")
    restored(tmp_path / "paper", source, clock)
    (aside,) = (path for path in (tmp_path / "paper").iterdir() if path.name.startswith("damaged-"))
    assert (aside / "vault.db").read_bytes() == b"no database" * 5000
    assert verify_vault(tmp_path / "paper", Mode.PAPER, clock, OPERATOR).clean


# ---- death

DYING = """
import sys
from pathlib import Path
from storage.codes import Mode
from storage.restore import restore
from tests.support import OPERATOR, SeededEntropy, SteppedClock
restore(Path(sys.argv[1]), Mode.PAPER, Path(sys.argv[2]), SteppedClock(), SeededEntropy(9), OPERATOR, "dies")
"""
DEATHS = [point for point in POINTS if point.startswith("restore.") and point != "restore.order-imported"]


def die_at(point: str, folder: Path, source: Path) -> int:
    environment = {crash_points.VARIABLE: point, "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "-c", DYING, str(folder), str(source)], env=environment, cwd=Path(__file__).parents[2]
    ).returncode


@pytest.mark.parametrize("where", ["in place", "elsewhere"])
@pytest.mark.parametrize("point", [*DEATHS, "head.not-renamed"])
async def test_killed_anywhere_it_is_the_old_vault_or_the_halted_new_one_and_again_it_is_restored(
    tmp_path: Path, clock: SteppedClock, point: str, where: str
) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    folder = tmp_path / ("paper" if where == "in place" else "elsewhere")
    before = json.loads((source / "backup.json").read_text())["incarnation"]
    assert die_at(point, folder, source) == -9
    left = tmp_path / "left"
    shutil.copytree(folder, left)
    if where == "in place":
        async with opened_vault(left, clock) as vault:  # somebody starts a console instead
            state = (await vault.read(current_trading_state)).state
            assert (state is TradingState.HALTED) == (vault.info.incarnation != before)
            assert (vault.info.incarnation == before) == (point in ("restore.copied", "restore.prepared"))
        assert verify_vault(left, Mode.PAPER, clock, OPERATOR).clean
    elif point in ("restore.written", "head.not-renamed"):
        with pytest.raises(VaultBroken, match=r"restore a backup|see oracle verify"):
            async with opened_vault(left, clock):
                pass
    again = restored(folder, source, clock)
    assert not (folder / "restoring").exists()
    async with opened_vault(folder, clock) as vault:
        assert vault.info.incarnation == again.incarnation
        assert (await vault.read(current_trading_state)).state is TradingState.HALTED
        assert await vault.read(lambda tx: get_proposal(tx, 1).state) is ProposalState.EXPIRED
        names = {row[0] for row in await vault.read(_earlier)}
        assert before in names
    assert verify_vault(folder, Mode.PAPER, clock, OPERATOR).clean


def _earlier(tx: Tx) -> list[Any]:
    return tx.db.execute("SELECT incarnation FROM earlier_incarnations").fetchall()


async def test_a_restore_cut_short_is_told_by_verify_and_finished_by_the_next_start(
    tmp_path: Path, clock: SteppedClock
) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    assert die_at("restore.written", tmp_path / "paper", source) == -9
    told = verify_vault(tmp_path / "paper", Mode.PAPER, clock, OPERATOR).problems
    assert told == ("a restore was cut short before it wrote audit.head; the next start writes it",)
    async with opened_vault(tmp_path / "paper", clock):
        pass
    assert verify_vault(tmp_path / "paper", Mode.PAPER, clock, OPERATOR).clean
    assert not (tmp_path / "paper" / "restoring").exists()


async def test_a_head_of_another_incarnation_lets_no_cut_chain_pass(tmp_path: Path, clock: SteppedClock) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    old_head = (tmp_path / "paper" / "audit.head").read_bytes()
    restored(tmp_path / "paper", source, clock)
    async with opened_vault(tmp_path / "paper", clock) as vault:
        await vault.transact(note)
    (tmp_path / "paper" / "audit.head").write_bytes(old_head)
    report = verify_vault(tmp_path / "paper", Mode.PAPER, clock, OPERATOR)
    assert "audit.head is of another incarnation of this vault" in report.problems


@pytest.mark.parametrize("step", ["_copy", "_become_new", "_backup_into"])
async def test_on_a_full_disk_the_old_vault_stands_and_nothing_is_left(
    tmp_path: Path, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    before = files(tmp_path / "paper")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path))

    monkeypatch.setattr(restore, step, full)
    with pytest.raises(VaultFull, match="the disk is full") as error:
        restored(tmp_path / "paper", source, clock)
    assert one_sentence(error)
    assert files(tmp_path / "paper") == before
    assert not (tmp_path / "paper" / "restoring").exists()


async def test_a_plan_writes_nothing_and_says_what_is_replaced(tmp_path: Path, clock: SteppedClock) -> None:
    source = await a_vault_with_a_backup(tmp_path, clock)
    before = files(tmp_path / "paper")
    plan = plan_restore(tmp_path / "paper", Mode.PAPER, source)
    assert plan.replaced.events > plan.manifest.seq
    assert not plan.brings_key
    assert plan_restore(tmp_path / "elsewhere", Mode.PAPER, source).brings_key
    assert not (tmp_path / "elsewhere").exists()
    assert files(tmp_path / "paper") == before
