"""The dead-man switch: entries of a killed process end at the exchange, stops stay, and the vault learns of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.cli.kit import exchange_rows, mend, oracle, spoil, vault_rows, wait_until
from tests.cli.stopping import HALTED_BY_COMMAND, Scene, allow_much, jobs_run, settings
from tests.cli.test_worker import running
from tests.terminal.pseudo_terminal import Terminal

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("dead-man"),
]

DEAD_MAN_S = 10
"""The shortest that a policy takes."""

LATE_NS = 2_000_000_000
"""The exchange looks ten times a second; a busy machine is slower."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder whose exchange goes on whoever dies."""
    settings(tmp_path)
    with running(tmp_path, "paper") as exchange:
        exchange.wait_for("answers at", 30)
        oracle(tmp_path, "status")
        allow_much(tmp_path, dead_man_s=DEAD_MAN_S)
        yield tmp_path


@contextmanager
def worker(home: Path) -> Iterator[Callable[[], None]]:
    """A worker; what kills it."""
    with running(home, "worker") as process:

        def kill() -> None:
            process.process.kill()
            process.wait()

        yield kill


@contextmanager
def console(home: Path) -> Iterator[Callable[[], None]]:
    """A console whose terminal is read, as one that nobody reads stands still; what kills it."""
    with Terminal(["run"], home=home) as terminal:
        over = threading.Event()

        def read() -> None:
            while not over.is_set():
                terminal.pump(0.05)

        reader = threading.Thread(target=read)
        reader.start()

        def stop_reading() -> None:
            over.set()
            reader.join()

        def kill() -> None:
            stop_reading()
            terminal.kill()

        try:
            yield kill
        finally:
            stop_reading()


def due_ns(home: Path) -> int:
    """When the exchange would cancel the entries; 0 while nothing is armed."""
    return max((row[0] for row in exchange_rows(home, "SELECT due_ms FROM timers")), default=0) * 1_000_000


def end_of(home: Path, order_id: str) -> tuple[str, str | None, int]:
    """Status, the exchange's reason, and when it came to that."""
    sql = "SELECT order_id, status, restatement_reason, updated_ns FROM orders"
    return next((status, reason, at) for order, status, reason, at in exchange_rows(home, sql) if order == order_id)


def armed_again(home: Path, scene: Scene) -> None:
    """A living keeper arms the switch again, for longer than it would take to go off; the entry rests on."""
    first = due_ns(home)
    wait_until(lambda: due_ns(home) > first + DEAD_MAN_S * 1_000_000_000, 40)
    assert scene.status_of(scene.entries[-1]) == "new"


@pytest.mark.parametrize("keeper", [worker, console])
def test_entries_of_a_killed_process_end_at_the_exchange_and_stops_stay(
    home: Path, keeper: Callable[[Path], AbstractContextManager[Callable[[], None]]]
) -> None:
    scene = Scene(home)
    with keeper(home) as kill:
        wait_until(lambda: jobs_run(home), 30)
        scene.hold_with_a_stop()
        entry = scene.rest_an_entry()
        armed_again(home, scene)
        kill()
        killed, due = time.time_ns(), due_ns(home)
        assert killed < due <= killed + DEAD_MAN_S * 1_000_000_000
    wait_until(lambda: scene.status_of(entry) != "new", DEAD_MAN_S + 5)
    status, reason, at = end_of(home, entry)
    assert (status, reason) == ("canceled", "cancelOnDisconnect")
    assert due <= at <= due + LATE_NS
    assert scene.status_of(scene.stop) == "awaitingTrigger"
    states = f"SELECT state FROM trade_executions WHERE order_id = '{entry}'"  # noqa: S608
    assert vault_rows(home, states) == [("SUBMITTED",)]  # nobody was there to hear of it
    with running(home, "worker") as back:
        back.wait_for("canceled|CANCELED", 30)
        wait_until(lambda: vault_rows(home, states) == [("CANCELED",)])
    assert scene.status_of(scene.stop) == "awaitingTrigger"


def test_while_halted_the_switch_is_not_armed_again_and_does_what_the_cancels_could_not(home: Path) -> None:
    scene = Scene(home)
    with worker(home):
        wait_until(lambda: jobs_run(home), 30)
        scene.hold_with_a_stop()
        entry = scene.rest_an_entry()
        spoil(home, "DELETE /order: status 503; POST /cancelOrdersAfter: delay 0")
        _, told = scene.halt(HALTED_BY_COMMAND)
        assert f"left: order {entry} in ADA-EUR: no answer" in told
        wait_until(lambda: scene.status_of(entry) != "new", DEAD_MAN_S + 10)
        status, reason, at = end_of(home, entry)
        assert (status, reason) == ("canceled", "cancelOnDisconnect")
        stood = (home / "paper" / "HALT").stat().st_ctime_ns
        assert stood < at <= stood + DEAD_MAN_S * 1_000_000_000 + LATE_NS
        assert scene.status_of(scene.stop) == "awaitingTrigger"
        mend(home)
