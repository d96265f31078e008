"""A halt in bad weather, by hand (a file) and from another process, while a process fires all the time.

What is measured is what the exchange took, and when: no order after ``no order can leave``, entries gone or named,
stops left.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.cli.kit import address, locked, oracle_json, vault_rows, wait_until
from tests.cli.stopping import (
    HALTED_BY_COMMAND,
    HALTED_BY_RENAMING,
    WAYS,
    Scene,
    allow_much,
    firing,
    orders_after,
    refused_thrice_more,
    scene,
    stopped_process,
)
from tests.terminal.test_weather import AS_ROOT, filled, small_disk, without_inodes

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("stopping"),
]


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One folder for all: after each halt it is lifted, and goes on as before."""
    with scene(tmp_path_factory.mktemp("stopping")) as made:
        yield made


@pytest.fixture(scope="module")
def on_a_small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The same on a file system of its own."""
    home = tmp_path_factory.mktemp("disk")
    with small_disk(home), scene(home) as made:
        yield made


@pytest.fixture
def calm(lasting: Scene) -> Iterator[Scene]:
    """An entry rests, a stop waits, trading is ACTIVE."""
    lasting.rest_an_entry()
    yield lasting
    lasting.go_on()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["database", "file"])
def test_a_locked_vault_hinders_no_halt(calm: Scene, how: str, way: str) -> None:
    with firing(calm.home) as process:
        with locked(calm.home, how):
            stopped, told = calm.halt(way)
            if way == HALTED_BY_COMMAND:
                calm.told_of_the_entry(told)
                assert "the vault records HALTED when it can" in told
            assert oracle_json(calm.home, "status")["trading_state"] == "HALTED"
        refused_thrice_more(process)
    calm.nothing_left_after(way, stopped)
    calm.entry_is_gone_and_the_stop_stays()


@AS_ROOT
@pytest.mark.parametrize("way", [HALTED_BY_RENAMING, HALTED_BY_COMMAND])
@pytest.mark.parametrize("how", [filled, without_inodes])
def test_a_full_disk_hinders_no_halt(
    on_a_small_disk: Scene, how: Callable[[Path], AbstractContextManager[None]], way: str
) -> None:
    on_a_small_disk.rest_an_entry()
    with firing(on_a_small_disk.home) as process:
        with how(on_a_small_disk.home):
            stopped, told = on_a_small_disk.halt(way)
            if way == HALTED_BY_COMMAND:
                on_a_small_disk.told_of_the_entry(told)
        refused_thrice_more(process)
    on_a_small_disk.nothing_left_after(way, stopped)
    on_a_small_disk.entry_is_gone_and_the_stop_stays()
    on_a_small_disk.go_on()


@pytest.fixture
def brisk(calm: Scene) -> Iterator[Scene]:
    """Orders are good for a second only, and without an answer after two they are UNKNOWN."""
    allow_much(calm.home, window_ms=1000, request_timeout_ms=2000)
    yield calm
    allow_much(calm.home)


@pytest.mark.parametrize("way", WAYS)
def test_an_exchange_that_swallows_everything_hinders_no_halt(brisk: Scene, way: str) -> None:
    """An order is in the exchange's socket when it falls silent: its window is over when it is read."""
    exchange = address(brisk.home)["pid"]
    with firing(brisk.home) as process:
        process.type(f"stop {exchange}\n")
        process.wait_for("sending")
        try:
            stopped, told = brisk.halt(way)
            process.wait_for("^fired unknown .*no answer within 2 s")
            if way == HALTED_BY_COMMAND:
                brisk.told_of_the_entry(told)
                assert "its answer is missing" in told or "(UNKNOWN)" in told, told
        finally:
            os.kill(exchange, signal.SIGCONT)
        refused_thrice_more(process)
    brisk.nothing_left_after(way, stopped)
    brisk.entry_is_gone_and_the_stop_stays()
    wait_until(lambda: oracle_json(brisk.home, "status")["unknown"] == 0)


@pytest.mark.parametrize("way", WAYS)
def test_a_blocked_event_loop_is_waited_for(calm: Scene, way: str) -> None:
    """Its order was past the last look at the stop: it leaves before the stop says that none can, or never."""
    with firing(calm.home) as process:
        process.type("sleep 5\n")
        process.wait_for("sending")
        sending = len([line for line in process.lines if line == "fired accepted "])
        stopped, _ = calm.halt(way)
        process.wait_for("^kept .*TRADING_STATE")
        assert [line for line in process.lines if line == "fired accepted "][sending:] == ["fired accepted "]
    calm.nothing_left_after(way, stopped)
    calm.entry_is_gone_and_the_stop_stays()


def test_a_process_that_hangs_while_it_sends_is_named_and_the_halt_stands(calm: Scene) -> None:
    with firing(calm.home) as process:
        process.type("stop 0\n")
        process.wait_for("sending")
        wait_until(lambda: stopped_process(process.process.pid))
        try:
            _, told = calm.halt(HALTED_BY_COMMAND, code=3)
            assert f"HALT stands, but process {process.process.pid} is still sending" in told
            assert "HALTED is recorded" in told
            calm.entry_is_gone_and_the_stop_stays()
        finally:
            os.kill(process.process.pid, signal.SIGCONT)
        process.wait_for("^kept .*TRADING_STATE")
        stopped, _ = calm.halt(HALTED_BY_COMMAND)
        refused_thrice_more(process)
    calm.nothing_left_after(HALTED_BY_COMMAND, stopped)


def test_an_order_that_was_on_its_way_when_its_process_died_is_named_and_found(calm: Scene) -> None:
    exchange = address(calm.home)["pid"]
    with firing(calm.home) as process:
        process.type(f"stop {exchange}\n")
        process.wait_for("sending")
        sending = "SELECT id FROM trade_executions WHERE state = 'SUBMITTING'"
        ((execution,),) = vault_rows(calm.home, sending)
        process.process.kill()
        process.wait()
        try:
            stopped, told = calm.halt(HALTED_BY_COMMAND)
            assert f"left: execution {execution} in " in told
        finally:
            os.kill(exchange, signal.SIGCONT)
    calm.entry_is_gone_and_the_stop_stays()
    wait_until(lambda: dict(vault_rows(calm.home, "SELECT id, state FROM trade_executions"))[execution] == "FILLED")
    assert len(orders_after(calm.home, stopped)) == 1  # it had left; no other did
