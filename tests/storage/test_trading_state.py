"""The stop: the stored trading state, and the HALT files that need no database."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from storage.clock import SECOND
from storage.codes import TradingState
from storage.database import Tx
from storage.errors import Conflict
from storage.halt_file import halt_file_present, lower_halt, made_at_ns, prepare_halt, raise_halt, written_at_ns
from storage.trading_state import current_trading_state, halt, halt_again, latch_halt_file, resume, tighten
from tests.support import SteppedClock


def test_a_state_tightens_and_never_loosens_by_itself(tx: Tx) -> None:
    first = current_trading_state(tx)
    assert first.state is TradingState.ACTIVE
    reducing = tighten(tx, TradingState.REDUCING, "drawdown")
    assert (reducing.state, reducing.reason, reducing.actor) == (TradingState.REDUCING, "drawdown", "operator")
    halted = halt(tx, "stop")
    assert halted.state is TradingState.HALTED
    assert tighten(tx, TradingState.REDUCING, "later") == halted
    assert tighten(tx, TradingState.ACTIVE, "never") == halted
    assert current_trading_state(tx) == halted


def test_the_same_halt_again_changes_nothing(tx: Tx) -> None:
    first = halt(tx, "first")
    assert halt(tx, "first") == first


def test_a_second_halt_is_not_lifted_by_whoever_saw_the_first(tx: Tx) -> None:
    seen = halt(tx, "lunch")
    unseen = halt(tx, "an invariant is broken")
    with pytest.raises(Conflict, match="invariant"):
        resume(tx, seen.id, "back from lunch")
    assert current_trading_state(tx) == unseen


def test_a_file_seen_once_stays_a_halt_when_it_is_gone(tx: Tx) -> None:
    raise_halt(tx.folder)
    assert latch_halt_file(tx) is not None
    lower_halt(tx.folder)
    assert current_trading_state(tx).state is TradingState.HALTED


def test_a_halt_that_somebody_asks_for_again_is_a_newer_one(tx: Tx) -> None:
    seen = halt_again(tx, "by the operator")
    newer = halt_again(tx, "by the operator")
    with pytest.raises(Conflict, match="another halt"):
        resume(tx, seen.id, "looked at it")
    assert current_trading_state(tx) == newer


def file_made(path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """As if the file had been made, renamed or touched at a time of the stepped clock."""
    path.touch()
    monkeypatch.setattr("storage.trading_state.made_at_ns", lambda _: at * 1000)


@pytest.mark.parametrize(("later", "newer"), [(-1, False), (0, False), (1, True), (5, True), (6, False)])
def test_a_file_newer_than_the_halt_that_stands_is_a_halt_of_its_own(
    tx: Tx, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch, later: int, newer: bool
) -> None:
    """One from the future, after the clock went back, is not recorded again at every look."""
    seen = halt(tx, "lunch")
    clock.step(5)
    tx.now = clock.now()
    file_made(tx.folder / "HALT", monkeypatch, seen.at + later * SECOND)
    assert latch_halt_file(tx) == tx.folder / "HALT"
    assert (current_trading_state(tx).id != seen.id) is newer
    assert latch_halt_file(tx) == tx.folder / "HALT"
    assert current_trading_state(tx).id - seen.id == newer


def test_resuming_names_the_halt_it_lifts(tx: Tx) -> None:
    seen = halt(tx, "drawdown")
    resume(tx, seen.id, "looked at it")
    newer = halt(tx, "late evidence")
    with pytest.raises(Conflict, match="late evidence"):
        resume(tx, seen.id, "looked at it")
    assert current_trading_state(tx) == newer
    lifted = resume(tx, newer.id, "looked at that too")
    assert (lifted.state, lifted.reason) == (TradingState.ACTIVE, "looked at that too")


def test_there_is_nothing_to_resume_while_active(tx: Tx) -> None:
    with pytest.raises(Conflict, match="ACTIVE already"):
        resume(tx, current_trading_state(tx).id, "reason")


@pytest.mark.parametrize("above", [False, True])
def test_no_resume_while_a_halt_file_stands(tx: Tx, above: bool) -> None:
    tx.folder = tx.folder / "paper"
    tx.folder.mkdir()
    seen = halt(tx, "stop")
    path = (tx.folder.parent if above else tx.folder) / "HALT"
    path.touch()
    with pytest.raises(Conflict, match="HALT"):
        resume(tx, seen.id, "reason")
    path.unlink()
    assert resume(tx, seen.id, "reason").state is TradingState.ACTIVE


def test_every_change_of_state_is_audited_at_once(tx: Tx) -> None:
    tx._urgent = False
    seen = halt(tx, "stop")
    assert tx._urgent
    resume(tx, seen.id, "reason")
    kinds = [row[0] for row in tx.db.execute("SELECT kind FROM audit_log WHERE kind LIKE 'trading.%' ORDER BY seq")]
    assert kinds == ["trading.halted", "trading.active"]


# -- HALT files ---------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "paper"
    made.mkdir()
    return made


def test_no_file_no_halt(folder: Path) -> None:
    assert halt_file_present(folder) is None


def test_a_file_in_the_modes_folder_or_above_it_halts(folder: Path) -> None:
    for place in (folder, folder.parent):
        (place / "HALT").touch()
        assert halt_file_present(folder) == place / "HALT"
        (place / "HALT").unlink()
    (folder.parent / "live").mkdir()
    (folder.parent / "live" / "HALT").touch()
    assert halt_file_present(folder) is None


def test_whatever_bears_the_name_halts(folder: Path) -> None:
    (folder / "HALT").symlink_to(folder / "nowhere")
    assert halt_file_present(folder) == folder / "HALT"
    (folder / "HALT").unlink()
    (folder / "HALT").mkdir()
    assert halt_file_present(folder) == folder / "HALT"


def test_a_folder_that_is_gone_or_no_folder_halts(folder: Path) -> None:
    assert halt_file_present(folder / "gone") is not None
    (folder / "file").touch()
    assert halt_file_present(folder / "file") is not None


def test_a_folder_that_may_not_be_looked_into_halts(folder: Path) -> None:
    folder.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.chown(folder.parent, 65534, 65534)
        folder.parent.chmod(0o755)
        os.seteuid(65534)
    try:
        assert halt_file_present(folder) is not None
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)
    assert halt_file_present(folder) is None


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ELOOP, errno.ESTALE, errno.ENOTDIR])
def test_any_answer_but_no_such_file_halts(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    real = os.lstat

    def lstat(path: Path) -> os.stat_result:
        if path.name == "HALT":
            raise OSError(code, os.strerror(code))
        return real(path)

    monkeypatch.setattr("storage.halt_file.os.lstat", lstat)
    assert halt_file_present(folder) == folder / "HALT"


def test_the_prepared_file_is_renamed_and_put_back(folder: Path) -> None:
    prepare_halt(folder)
    prepare_halt(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["HALT.off", "send.lock"]
    inode = (folder / "HALT.off").stat().st_ino
    assert raise_halt(folder) == folder / "HALT"
    assert (folder / "HALT").stat().st_ino == inode
    assert raise_halt(folder) == folder / "HALT"
    prepare_halt(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["HALT", "send.lock"]
    lower_halt(folder)
    lower_halt(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["HALT.off", "send.lock"]
    assert halt_file_present(folder) is None


def test_a_halt_works_where_nothing_was_prepared_and_where_no_file_can_be_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raise_halt(folder)
    assert halt_file_present(folder) == folder / "HALT"
    lower_halt(folder)

    def no_space(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr("storage.halt_file.os.open", no_space)
    raise_halt(folder)
    assert halt_file_present(folder) == folder / "HALT"


def test_a_halt_made_again_marks_the_file_that_stands(folder: Path) -> None:
    path = raise_halt(folder)
    os.utime(path, ns=(1, 1))
    made = made_at_ns(path)
    raise_halt(folder)
    assert (written_at_ns(path) or 0) > 1
    assert (made_at_ns(path) or 0) >= (made or 0)
    assert lower_halt(folder) == written_at_ns(folder / "HALT.off")
    assert lower_halt(folder) is None
    assert (made_at_ns(path), written_at_ns(path)) == (None, None)


def test_lowering_leaves_the_file_above_alone(folder: Path) -> None:
    (folder.parent / "HALT").touch()
    raise_halt(folder)
    lower_halt(folder)
    assert halt_file_present(folder) == folder.parent / "HALT"


def test_a_halt_that_cannot_be_made_says_so(folder: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        raise_halt(folder / "gone")
