"""``oracle worker`` as a process: what it says, how it ends, and several of them on one vault."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.cli.kit import environment, locked, oracle, oracle_json, propose, vault_rows, wait_until
from tests.terminal.pseudo_terminal import ORACLE

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("worker")]

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S.*")


class Running:
    """A command that runs until it is told to stop; its lines are collected as they come."""

    def __init__(self, home: Path, arguments: Sequence[str], program: Sequence[str] = ORACLE) -> None:
        self.process = subprocess.Popen(
            [*program, *arguments],
            env=environment(home),
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._collect, args=(stream, into), daemon=True)
            for stream, into in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _collect(stream: object, into: list[str]) -> None:
        for line in stream:  # type: ignore[attr-defined]
            into.append(line.rstrip("\n"))

    def said(self, pattern: str) -> bool:
        return any(re.search(pattern, line) for line in self.lines)

    def wait_for(self, pattern: str, seconds: float = 20.0) -> None:
        try:
            wait_until(lambda: self.said(pattern), seconds)
        except AssertionError:
            raise AssertionError(f"{pattern!r} was not said: {self.lines} {self.errors}") from None

    def type(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self, seconds: float = 20.0) -> int:
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(5)
        return code


@contextmanager
def running(home: Path, *arguments: str, program: Sequence[str] = ORACLE) -> Iterator[Running]:
    command = Running(home, arguments, program)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
        command.wait()


def holders(home: Path) -> dict[str, str | None]:
    return dict(vault_rows(home, "SELECT job, holder FROM scan_jobs"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_every_lease_is_given_back(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, "worker") as worker:
        worker.wait_for("proposal 1: ")
        wait_until(lambda: holders(tmp_path)["keeper"] is not None)
        assert worker.end(number) == 0
        assert worker.errors == []
        assert all(LINE.fullmatch(line) for line in worker.lines), worker.lines
        assert "gives its jobs back" in worker.lines[-1]
    assert set(holders(tmp_path).values()) == {None}
    oracle(tmp_path, "verify")


def test_it_proposes_and_says_each_change_once(tmp_path: Path) -> None:
    with running(tmp_path, "worker") as worker:
        worker.wait_for("jobs run here")
        worker.wait_for("proposal 1: ")
        mine = propose(tmp_path)
        worker.wait_for(rf"proposal {mine}: BUY .*25\.00 EUR")
        oracle(tmp_path, "decline", str(mine), "--note", "not today")
        worker.wait_for(rf"proposal {mine} declined: not today")
        oracle(tmp_path, "halt", "--reason", "enough")
        worker.wait_for("HALTED: enough")
        assert worker.end() == 0
        told = [line.partition(" ")[2] for line in worker.lines]
        assert len(told) == len(set(told)), told


def test_a_killed_worker_loses_its_jobs_to_another_when_its_leases_end(tmp_path: Path) -> None:
    with running(tmp_path, "worker") as first:
        first.wait_for("proposal 1: ")
        wait_until(lambda: holders(tmp_path)["keeper"] is not None)
        first.process.kill()
        first.wait()
    dead = holders(tmp_path)["keeper"]
    ((_, expires),) = vault_rows(tmp_path, KEEPER)
    with running(tmp_path, "worker") as second:
        second.wait_for("jobs run nowhere")
        assert re.search(rf"^keeper +{dead} gone ", oracle(tmp_path, "locks").stdout, re.MULTILINE)
        # Until the lease ends nobody else has the job; what nobody held goes on at once.
        proposal = propose(tmp_path)
        second.wait_for(f"proposal {proposal}: ")
        assert vault_rows(tmp_path, KEEPER) == [(dead, expires)]
        let_leases_end(tmp_path)
        second.wait_for("jobs run here")
        wait_until(lambda: holders(tmp_path)["keeper"] not in (dead, None))
        assert second.end() == 0
    assert set(holders(tmp_path).values()) == {None}
    oracle(tmp_path, "verify")


KEEPER = "SELECT holder, expires_at FROM scan_jobs WHERE job = 'keeper'"


def let_leases_end(home: Path) -> None:
    """As if the two minutes of a lease had passed."""
    with closing(sqlite3.connect(home / "paper" / "vault.db", isolation_level=None, timeout=10)) as database:
        database.execute("UPDATE scan_jobs SET expires_at = 1 WHERE holder IS NOT NULL")


def test_it_waits_for_a_locked_vault_and_says_so(tmp_path: Path) -> None:
    oracle(tmp_path, "status")
    with locked(tmp_path, "file"), running(tmp_path, "worker") as worker:
        worker.wait_for("the vault is locked by process", 30)
        assert worker.process.poll() is None
        assert worker.end() == 3
        assert len(worker.errors) == 1
        assert worker.errors[0].startswith("VAULT_BUSY: ")


def test_it_works_once_a_locked_vault_is_free(tmp_path: Path) -> None:
    oracle(tmp_path, "status")
    with running(tmp_path, "worker") as worker:
        with locked(tmp_path, "file"):
            worker.wait_for("the vault is locked by process", 30)
        worker.wait_for("the vault answers again", 30)
        worker.wait_for("proposal 1: ")
        assert worker.end() == 0


def test_a_reader_that_goes_away_ends_it(tmp_path: Path) -> None:
    read, write = os.pipe()
    worker = subprocess.Popen(
        [*ORACLE, "worker"], env=environment(tmp_path), cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert os.read(read, 100)
    os.close(read)
    _, err = worker.communicate(timeout=30)
    assert (worker.returncode, err) == (0, "")
    assert set(holders(tmp_path).values()) <= {None}


def test_wrong_settings_end_it_with_one_sentence(tmp_path: Path) -> None:
    done = oracle(tmp_path, "worker", check=False, extra={"ORACLE_CONSOLE__PAPER__SEED": "-1"})
    assert done.returncode == 2
    assert done.stderr.startswith("environment: ORACLE_CONSOLE__PAPER__SEED: ")
    assert oracle_json(tmp_path, "status")["trading_state"] == "ACTIVE"


def test_it_imports_no_terminal_library(tmp_path: Path) -> None:
    code = "import sys; import console.cli.watch, console.cli.events, console.runtime; print('textual' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
