"""Bad weather at a console on a terminal: each fault is said in a line, nothing is lost, the console goes on."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from storage.codes import Mode
from storage.database import WRITE_DEADLINE
from tests.cli.kit import (
    BETWEEN_LOOKS,
    address,
    environment,
    locked,
    mend,
    oracle,
    oracle_json,
    orders,
    propose,
    spoil,
    vault_rows,
    wait_until,
)
from tests.support import opened_vault
from tests.terminal.pseudo_terminal import ORACLE, Terminal
from tests.terminal.test_console import SELECTED, close_the_outcome, fire_the_selected, leave, read_on

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("weather")]

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="a small file system is mounted by root only")
DISK_BYTES = 8 << 20
DISK_INODES = 200


@contextmanager
def console(home: Path, *arguments: str) -> Iterator[Terminal]:
    with Terminal(["run", *arguments], home=home) as terminal:
        yield terminal


def decline_the_selected(terminal: Terminal) -> None:
    terminal.send("d")


def states(home: Path) -> dict[int, str]:
    return dict(vault_rows(home, "SELECT id, state FROM trade_proposals"))


def still_usable(terminal: Terminal, home: Path) -> None:
    """The selected proposal can be fired and the console left."""
    terminal.wait_for(SELECTED, 20)
    fire_the_selected(terminal)
    terminal.wait_for("FILLED", 15)
    wait_until(lambda: orders(home) == 1)
    close_the_outcome(terminal)
    leave(terminal)
    oracle(home, "verify")


# ---- the disk


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},nr_inodes={DISK_INODES}", "tmpfs", str(folder)]
    )
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """No byte left on the disk of ``folder``."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 4096, 512, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    try:
        yield
    finally:
        path.unlink()


@contextmanager
def without_inodes(folder: Path) -> Iterator[None]:
    """No file can be made on the disk of ``folder``; what is there can be written."""
    fillers, numbers = folder / "fillers", count()
    fillers.mkdir()
    for _ in range(5):  # a file that takes another's place frees one, once
        with suppress(OSError):
            for number in numbers:
                (fillers / str(number)).touch()
        BETWEEN_LOOKS.wait(0.1)
    try:
        yield
    finally:
        shutil.rmtree(fillers)


@AS_ROOT
def test_a_disk_that_fills_up_is_said_and_the_console_goes_on_when_there_is_room(tmp_path: Path) -> None:
    home = tmp_path / "disk"
    home.mkdir()
    with small_disk(home), console(home) as terminal:
        terminal.wait_for(SELECTED, 20)
        with filled(home):
            decline_the_selected(terminal)
            terminal.wait_for("disk is full", 15)
            assert "DECLINED" not in states(home).values()
        terminal.wait_for(SELECTED, 15)
        still_usable(terminal, home)


@AS_ROOT
def test_on_a_full_disk_nothing_starts_and_one_sentence_says_why(tmp_path: Path) -> None:
    home = tmp_path / "disk"
    home.mkdir()
    with small_disk(home):
        oracle(home, "status")
        with filled(home):
            done = oracle(home, "decline", "1", check=False)
            assert done.returncode in (1, 3)
            assert len(done.stderr.splitlines()) == 1
            halted = oracle(home, "halt", "--reason", "disk full", check=False)
            assert "no order can leave" in halted.stdout + halted.stderr
            assert (home / "paper" / "HALT").exists()
        assert oracle_json(home, "status")["trading_state"] == "HALTED"
        oracle(home, "verify")


@AS_ROOT
def test_where_no_halt_file_can_be_made_the_vault_stops_everybody(tmp_path: Path) -> None:
    home = tmp_path / "disk"
    home.mkdir()
    with small_disk(home):
        oracle(home, "status")
        (home / "paper" / "HALT.off").unlink()
        with without_inodes(home):
            halted = oracle(home, "halt")
            assert "HALTED is recorded\n" in halted.stdout
            assert (
                "the HALT file cannot be made (No space left on device); stopped: no order can leave" in halted.stdout
            )
            assert not os.path.lexists(home / "paper" / "HALT")
        assert oracle_json(home, "status")["trading_state"] == "HALTED"
        oracle(home, "verify")


@AS_ROOT
def test_a_read_only_folder_is_one_sentence(tmp_path: Path) -> None:
    home = tmp_path / "disk"
    home.mkdir()
    with small_disk(home):
        oracle(home, "status")
        subprocess.run(["mount", "-o", "remount,ro", str(home)], check=True)
        with console(home) as terminal:
            terminal.wait_for("cannot be used|cannot be read or written|Read-only", 20)
            leave_failed(terminal, 3)


@pytest.mark.skipif(os.geteuid() == 0, reason="rights do not bind root")
def test_a_folder_without_the_right_to_write_is_one_sentence(tmp_path: Path) -> None:
    oracle(tmp_path, "status")
    (tmp_path / "paper").chmod(0o500)
    try:
        with console(tmp_path) as terminal:
            terminal.wait_for("cannot be used|cannot be read or written", 20)
            leave_failed(terminal, 3)
    finally:
        (tmp_path / "paper").chmod(0o700)


def leave_failed(terminal: Terminal, code: int) -> None:
    """From a console that could not start; the sentence is on the terminal again when the screen is gone."""
    terminal.send("q")
    terminal.wait_for("Enter leaves|Enter +leave", 5)
    terminal.send("\r")
    assert terminal.wait_exit() == code
    told = terminal.plain().rpartition("\x1b[?1049l")[2]
    sentences = [line for line in re.sub(r"\x1b\[[0-9;?<>=]*[A-Za-z]", "", told).splitlines() if line.strip()]
    assert len(sentences) == 1, sentences


# ---- the vault


@pytest.mark.parametrize("how", ["database", "file"])
def test_a_vault_locked_at_the_start_is_waited_for(tmp_path: Path, how: str) -> None:
    oracle(tmp_path, "status")
    with locked(tmp_path, how), console(tmp_path) as terminal:
        terminal.wait_for("the vault is locked by", 25)
        leave_failed(terminal, 3)
    with ExitStack() as stack:
        lock = stack.enter_context(ExitStack())
        lock.enter_context(locked(tmp_path, how))
        terminal = stack.enter_context(console(tmp_path))
        terminal.wait_for("the vault is locked by", 25)
        lock.close()
        still_usable(terminal, tmp_path)


@pytest.mark.parametrize("how", ["database", "file"])
def test_a_vault_locked_while_the_console_runs_is_said_and_works_again(tmp_path: Path, how: str) -> None:
    with console(tmp_path) as terminal:
        terminal.wait_for(SELECTED, 20)
        with locked(tmp_path, how):
            decline_the_selected(terminal)
            terminal.wait_for("the vault is locked by", 15)
            read_on(terminal, WRITE_DEADLINE)  # a job may have said so before the decline was given up
        assert "DECLINED" not in states(tmp_path).values()
        still_usable(terminal, tmp_path)


def damage_a_table(folder: Path) -> None:
    """Write over the pages of one table, as a bad disk would."""
    with closing(sqlite3.connect(folder / "vault.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = database.execute("PRAGMA page_size").fetchone()[0]
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'trade_proposals'").fetchone()
    with (folder / "vault.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)


def no_database(folder: Path) -> None:
    for name in ("vault.db-wal", "vault.db-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "vault.db").write_bytes(b"no database at all, " * 500)


def no_key(folder: Path) -> None:
    (folder / "audit.key").unlink()


def no_head(folder: Path) -> None:
    (folder / "audit.head").unlink()


def of_a_newer_program(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "vault.db")) as database:
        database.execute("PRAGMA user_version = 999")


@pytest.mark.parametrize(
    ("spoiled", "words", "code"),
    [
        pytest.param(damage_a_table, r"vault\.db is damaged", 3, id="a damaged page"),
        pytest.param(no_database, r"vault\.db is damaged or no database", 3, id="no database"),
        pytest.param(no_key, r"audit\.key is missing", 3, id="no key"),
        pytest.param(no_head, r"audit\.head is missing", 3, id="no head"),
        pytest.param(of_a_newer_program, r"schema 999|newer program", 3, id="a newer schema"),
    ],
)
def test_a_spoiled_vault_is_one_sentence_and_left_as_it_was(
    tmp_path: Path, spoiled: Callable[[Path], None], words: str, code: int
) -> None:
    propose(tmp_path)
    stop_exchange(tmp_path)
    spoiled(tmp_path / "paper")
    before = content(tmp_path)
    with console(tmp_path) as terminal:
        terminal.wait_for(words, 20)
        leave_failed(terminal, code)
    assert content(tmp_path) == before


def content(home: Path) -> object:
    """What the audit log holds, or the bytes of what is no database."""
    try:
        return vault_rows(home, "SELECT seq, mac FROM audit_log")
    except sqlite3.DatabaseError:
        return (home / "paper" / "vault.db").read_bytes()


def stop_exchange(home: Path) -> None:
    """End the simulated exchange of this folder the hard way, and wait until it is gone."""
    found = address(home)
    os.kill(found["pid"], signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{found['pid']}").exists() or _is_zombie(found["pid"]))


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_a_vault_of_the_other_mode_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "paper").mkdir()
    async with opened_vault(tmp_path / "paper", mode=Mode.LIVE):
        pass
    with console(tmp_path) as terminal:
        terminal.wait_for("this vault belongs to LIVE", 20)
        leave_failed(terminal, 2)
        assert re.search(r"WRONG_MODE: .* belongs to LIVE, not to PAPER", terminal.plain())


def test_a_vault_migrated_under_a_running_console_is_said_and_not_written(tmp_path: Path) -> None:
    with console(tmp_path, "--no-scheduler") as terminal:
        terminal.wait_for("quiet|no look|PAPER", 20)
        mine = propose(tmp_path)
        terminal.wait_for(SELECTED, 15)
        of_a_newer_program(tmp_path / "paper")
        decline_the_selected(terminal)
        terminal.wait_for("newer program", 15)
        assert states(tmp_path)[mine] == "PROPOSED"
        leave(terminal)


# ---- the exchange


def test_an_exchange_that_is_gone_for_a_while_is_said_and_comes_back(tmp_path: Path) -> None:
    with console(tmp_path) as terminal:
        terminal.wait_for(SELECTED, 20)
        # The stream would go on telling prices: it breaks as well.
        spoil(tmp_path, "*: status 503; WS /ticker24h: disconnect")
        terminal.wait_for("link down", 30)
        terminal.wait_for("no price|prices? old", 30)
        mend(tmp_path)
        terminal.wait_for(r"link (?!down)", 30)
        still_usable(terminal, tmp_path)


def test_an_exchange_that_died_comes_back_under_a_running_console(tmp_path: Path) -> None:
    with console(tmp_path) as terminal:
        terminal.wait_for(SELECTED, 20)
        stop_exchange(tmp_path)
        before = address(tmp_path)["pid"]
        wait_until(lambda: address(tmp_path)["pid"] != before, 30)
        still_usable(terminal, tmp_path)


# ---- the terminal


def test_a_terminal_resized_to_nothing_and_back_is_survived(tmp_path: Path) -> None:
    with console(tmp_path) as terminal:
        terminal.wait_for(SELECTED, 20)
        for columns, rows in ((1, 1), (0, 0), (3, 200), (500, 1), (39, 11), (120, 40)):
            resize(terminal, columns, rows)
            wait_until(lambda: pumped(terminal), 10)
        still_usable(terminal, tmp_path)


def test_the_size_is_the_terminals_whatever_the_shell_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    with console(tmp_path, "--no-scheduler") as terminal:
        terminal.wait_for(r"\A┌.{118}┐", 20)
        resize(terminal, 100, 30)
        terminal.wait_for(r"\A┌.{98}┐", 10)


def resize(terminal: Terminal, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.kill(terminal.pid, signal.SIGWINCH)


def pumped(terminal: Terminal) -> bool:
    """Whether the console has written something since."""
    before = len(terminal.written)
    terminal.pump(0.3)
    return len(terminal.written) > before


@pytest.mark.parametrize("redirection", ["<&-", "</dev/null", ">/dev/null", "<&- >&-"])
def test_without_a_terminal_on_both_sides_the_console_says_what_works_instead(tmp_path: Path, redirection: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f"exec {' '.join(ORACLE)} run {redirection}"],
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert "the console needs a terminal" in done.stderr
    assert len(done.stderr.splitlines()) == 1
