"""A machine whose clock is set an hour on or back under a running console: jobs go on and nothing is sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console.clock import HOUR, MINUTE, SystemClock
from console.execution.outcome import End
from console.home import Home
from console.runtime import Runtime
from console.settings import Settings
from console.state import ConsoleState
from storage.codes import CheckCode, Mode, ProposalState
from storage.models import Actor
from storage.proposals import get_proposal
from tests.cli.kit import oracle, orders, vault_rows

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("clock-jumps")]

LOOKED = "SELECT last_run_at FROM scan_jobs WHERE job = 'look'"
BUSY = "SELECT job FROM scan_jobs WHERE job IN ('look', 'scan') AND holder IS NOT NULL"


class SetClock(SystemClock):
    """The machine's clock after somebody has set it: the wall time is off, time passes as before."""

    def __init__(self) -> None:
        self.off = 0

    def now(self) -> int:
        return super().now() + self.off


@asynccontextmanager
async def running(home: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runtime]:
    monkeypatch.setattr("console.runtime.SystemClock", lambda: clock)
    runtime = Runtime(Home(home, Mode.PAPER), Settings(), Actor("operator", "jumping", os.getpid()))
    try:
        await runtime.start()
        assert runtime.failed is None
        yield runtime
    finally:
        await runtime.stop()


async def seen(runtime: Runtime, condition: Callable[[ConsoleState], bool], seconds: float = 30.0) -> ConsoleState:
    """The first state in which it is so."""
    news = asyncio.Event()
    stop = runtime.subscribe(news.set)
    try:
        async with asyncio.timeout(seconds):
            while runtime.state is None or not condition(runtime.state):
                news.clear()
                await news.wait()
            return runtime.state
    finally:
        stop()


def ids(state: ConsoleState) -> set[int]:
    return {view.proposal.id for view in state.proposals}


@pytest.mark.parametrize("hours", [1, -1])
async def test_after_a_jump_jobs_go_on_and_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    clock = SetClock()
    async with running(tmp_path, clock, monkeypatch) as runtime:
        # The first look has ended: one that the jump falls into would count its next turn from the time before.
        await seen(runtime, lambda _: not vault_rows(tmp_path, BUSY) and vault_rows(tmp_path, LOOKED) != [(None,)])
        ready = await seen(runtime, lambda state: any(view.blocking is None for view in state.proposals))
        before = ready.now
        clock.off = hours * HOUR
        # What was good for half an hour is over, or has longer to go.
        await seen(runtime, lambda state: ids(state) & ids(ready) == (ids(ready) if hours < 0 else set()))
        await seen(runtime, lambda state: abs(state.now - before) > HOUR - MINUTE)

        # A look is made at the new time, and what was proposed before is held back by the clock.
        await seen(runtime, lambda _: abs(vault_rows(tmp_path, LOOKED)[0][0] - clock.now()) < MINUTE)
        proposal = min(ids(ready))
        outcome = await runtime.fire(await runtime.ticket(proposal), typed=True)
        assert outcome.end is End.REFUSED
        assert CheckCode.CLOCK in {check.code for check in outcome.failed}

        # The console is usable: a decline and a stop are stored.
        if hours < 0:
            await runtime.decline(proposal, "the clock is wrong")
        assert (await runtime.halt("the clock jumped")).no_order_can_leave
        await seen(runtime, lambda state: state.header.trading.reason == "the clock jumped")

        # Set right again, it goes on.
        clock.off = 0
        await seen(runtime, lambda state: abs(state.now - before) < 5 * MINUTE)
        await seen(runtime, lambda _: abs(vault_rows(tmp_path, LOOKED)[0][0] - clock.now()) < MINUTE)
        assert runtime.problem is None
        kept = await runtime._ready().vault.read(lambda tx: get_proposal(tx, proposal).state)
        assert kept is (ProposalState.DECLINED if hours < 0 else ProposalState.EXPIRED)
    assert orders(tmp_path) == 0
    assert vault_rows(tmp_path, "SELECT count(*) FROM scan_jobs WHERE holder IS NOT NULL") == [(0,)]
    assert vault_rows(tmp_path, "SELECT count(*) FROM scan_jobs WHERE paused") == [(0,)]
    oracle(tmp_path, "verify")
