"""Who was killed: a mark that only a living process holds, and what is said of its leases."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from storage.clock import MINUTE
from storage.database import Tx
from storage.instances import FOLDER, InstanceMark, is_gone, tidy_marks
from storage.leases import acquire_lease, lease_is_live, register_job
from storage.locks import job_locks
from tests.support import SteppedClock, opened_vault

HOLD = """
import sys
from pathlib import Path
from storage.instances import InstanceMark
mark = InstanceMark(Path(sys.argv[1]), sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


def kill_a_holder(folder: Path, instance: str) -> None:
    """Another process marks itself as that instance, is seen alive, and is killed."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), instance], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert not is_gone(folder, instance, "test-instance")
    holder.kill()
    holder.communicate()


def test_a_killed_process_is_gone_at_once_and_its_lease_lives_no_more(tx: Tx) -> None:
    register_job(tx, "keeper", MINUTE)
    lease = acquire_lease(tx, "keeper", "test-dead")
    assert lease is not None
    assert lease_is_live(tx, "keeper")
    kill_a_holder(tx.folder, "test-dead")
    assert not lease_is_live(tx, "keeper")
    (lock,) = job_locks(tx)
    assert (lock.holder, lock.gone) == ("test-dead", True)
    # What it began may still be under way: the lease ends first.
    assert acquire_lease(tx, "keeper", "test-next") is None


def test_one_that_closed_leaves_nothing(tmp_path: Path) -> None:
    first, second = InstanceMark(tmp_path, "test-a"), InstanceMark(tmp_path, "test-a")
    first.close()
    assert (tmp_path / FOLDER / "test-a").exists()
    second.close()
    assert list((tmp_path / FOLDER).iterdir()) == []
    assert not is_gone(tmp_path, "test-a", "test-instance")


def test_of_another_machine_nothing_is_said(tmp_path: Path) -> None:
    kill_a_holder(tmp_path, "test-dead")
    assert is_gone(tmp_path, "test-dead", "test-me")
    assert not is_gone(tmp_path, "test-dead", "elsewhere-me")


@pytest.mark.parametrize("name", ["../vault.db", "a/b-c", "", ".", "ä-1"])
def test_a_name_that_is_no_files_is_never_gone(tmp_path: Path, name: str) -> None:
    InstanceMark(tmp_path, name).close()
    assert not is_gone(tmp_path, name, name)
    assert list(tmp_path.iterdir()) == []


def test_marks_of_the_dead_are_tidied_but_for_lease_holders(tmp_path: Path) -> None:
    for name in ("test-a", "test-b"):
        kill_a_holder(tmp_path, name)
    living = InstanceMark(tmp_path, "test-c")
    tidy_marks(tmp_path, {"test-b"})
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == ["test-b", "test-c"]
    living.close()


async def test_an_open_vault_is_marked_and_a_closed_one_is_not(tmp_path: Path, clock: SteppedClock) -> None:
    async with opened_vault(tmp_path / "paper", clock) as vault:
        mark = vault.folder / FOLDER / vault.actor.instance
        assert mark.is_file()
    assert not mark.exists()
