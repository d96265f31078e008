"""The stream inside a running console: fresh books without polls, polling when it fails, jobs woken by news."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from console.execution.ideas import Idea
from console.home import Home
from console.paper.process import Address, read_address
from console.runtime import Runtime
from console.settings import Settings
from storage.clock import HOUR
from storage.codes import JobName, Mode
from storage.database import Tx
from storage.leases import acquire_lease, all_jobs, finish_lease, register_job
from storage.models import Actor
from tests.paper.exchanges import Signed, control
from tests.paper.kit import limit

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("streaming-runtime")]

MARKET = "BTC-EUR"


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    made = Runtime(Home(tmp_path, Mode.PAPER), Settings(), Actor("ann", "streaming", os.getpid()), scheduler=False)
    await made.start()
    assert made.failed is None, made.startup
    await made.reconcile_now()
    try:
        yield made
    finally:
        await made.stop()


def exchange_of(runtime: Runtime) -> Address:
    address = read_address(runtime.home.folder)
    assert address is not None
    return address


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.02)


def way(runtime: Runtime) -> str:
    return "" if runtime.state is None else runtime.state.header.link.way


def confirmed(runtime: Runtime) -> float | None:
    quote = None if runtime.state is None else runtime.state.quotes.get(MARKET)
    return None if quote is None else quote.book_confirmed


async def test_quotes_come_by_the_stream_and_without_it_by_polls(runtime: Runtime) -> None:
    assert way(runtime) in ("", "polled"), "nothing is watched yet"
    proposal = await runtime.propose(Idea(MARKET, "buy", "25", None), None)
    await until(lambda: way(runtime) == "stream")
    address = exchange_of(runtime)
    # No book can be polled, and still the books on the screen go on.
    control(address, faults="GET /{market}/book: status 503")
    start = runtime.clock.monotonic()
    await until(lambda: (confirmed(runtime) or 0) > start + 6)
    ticket = await runtime.ticket(proposal.id)
    assert (ticket.question.quote.book_confirmed or 0) > start, "a ticket takes the stream's book, too"
    control(address, clear=True, faults="WS /ticker24h: disconnect")
    await until(lambda: way(runtime) == "polled")
    polled_at = confirmed(runtime)
    assert polled_at is not None
    await until(lambda: way(runtime) == "polled" and (confirmed(runtime) or 0) > polled_at)
    control(address, clear=True)
    await until(lambda: way(runtime) == "stream")


def due_at(tx: Tx, job: JobName) -> int:
    return next(int(row["next_run_at"]) for row in all_jobs(tx) if row["job"] == job)


def put_off(tx: Tx) -> None:
    """Both jobs that look orders up are done for the next hour."""
    for job in (JobName.FILLS, JobName.RECONCILE):
        register_job(tx, job, HOUR)
        lease = acquire_lease(tx, job, "test")
        assert lease is not None
        finish_lease(
            tx, lease, next_run_at=tx.now + HOUR, started_at=tx.now, summary="", changed=False, error=None
        )  # fmt: skip


async def test_news_of_an_order_makes_its_look_up_due_and_no_other_job(runtime: Runtime) -> None:
    vault, address = runtime._ready().vault, exchange_of(runtime)
    await until(lambda: _has_heard_first(runtime))
    await vault.transact(put_off)
    placed = await asyncio.to_thread(Signed(address, address.trade).send, "POST", "/order", limit())
    assert placed.status_code == 200
    async with asyncio.timeout(20):
        while await vault.read(lambda tx: due_at(tx, JobName.FILLS) > tx.now):  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.02)
    assert await vault.read(lambda tx: due_at(tx, JobName.RECONCILE) > tx.now)


def _has_heard_first(runtime: Runtime) -> bool:
    """What the new connection itself gave rise to is on its way into the vault."""
    streaming = runtime._streaming
    return streaming is not None and streaming._woken_at is not None and not streaming._woken
