"""Every check keeps its order back: with it nothing is sent; without it, the others in place, one order is.

The whole order path is tested: executor, gate, vault and trade client; only the exchange's answers are written down.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import MappingProxyType
from typing import Final

import httpx
import pytest

from console.execution.executor import Executor
from console.execution.outcome import End, Outcome
from storage import checks
from storage.check_results import passes
from storage.codes import CheckCode, ExecutionState
from storage.errors import IllegalTransition
from tests.exchange.kit import Desk, ok, order_json
from tests.storage.gate_cases import CASES, Bench
from tests.storage.world import Ready
from tests.support import SteppedClock, opened_vault

EACH = pytest.mark.parametrize("code", list(CheckCode))

ASKED_AGAIN: Final = frozenset({CheckCode.TRADING_STATE, CheckCode.TICKET_UNCHANGED})
"""What is asked once more in the transaction before the send: what this gate lets through is given up there."""


def allow(code: CheckCode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one check say yes whatever it is asked."""
    yes = {code: lambda _question: passes(code, "anything", "anything", "allowed")}
    monkeypatch.setattr(checks, "CHECKS", MappingProxyType({**checks.CHECKS, **yes}))


@pytest.fixture
async def bench(tmp_path: Path, clock: SteppedClock) -> AsyncIterator[Bench]:
    async with opened_vault(tmp_path, clock) as vault:
        yield Bench(vault, clock)


async def fired(bench: Bench, ready: Ready) -> tuple[Outcome, list[str]]:
    """What became of the ticket, and the orders that reached the exchange."""
    desk = Desk(lambda request: ok(order_json() if request.url.path.endswith("/order") else {}))
    executor = Executor(bench.vault, desk.trade, bench.clock)
    try:
        outcome = await executor.execute(ready.ticket, ready.quote)
    finally:
        await desk.trade.aclose()
        await desk.readonly.aclose()
    return outcome, [request.content.decode() for request in desk.sent if is_order(request)]


def is_order(request: httpx.Request) -> bool:
    return request.method == "POST" and request.url.path.endswith("/order")


@EACH
async def test_with_the_check_no_order_reaches_the_exchange(bench: Bench, code: CheckCode) -> None:
    outcome, orders = await fired(bench, await CASES[code](bench, True))

    assert (outcome.end, [check.code for check in outcome.failed]) == (End.REFUSED, [code])
    assert orders == []


@EACH
async def test_without_the_check_the_order_goes_out(
    bench: Bench, code: CheckCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = await CASES[code](bench, True)
    allow(code, monkeypatch)

    if code is CheckCode.PROPOSAL_STATE:  # the database's own table of transitions stands behind it
        with pytest.raises(IllegalTransition):
            await fired(bench, ready)
        return
    outcome, orders = await fired(bench, ready)

    if code in ASKED_AGAIN:
        assert (outcome.state, orders) == (ExecutionState.ABANDONED, [])
    else:
        assert len(orders) == 1, outcome
