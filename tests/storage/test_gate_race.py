"""Many fire the same proposal at once: threads and processes, and one claim."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest

from storage.codes import CheckCode
from storage.execution_rows import recent_executions
from storage.gate import pass_gate
from storage.models import Actor, Claim, Refusal
from storage.orders import client_order_id
from tests.storage.world import neighbour, ready_to_claim
from tests.support import SteppedClock, opened_vault


@pytest.mark.processes
async def test_sixteen_connections_in_four_processes_make_one_claim(tmp_path: Path) -> None:
    async with opened_vault(tmp_path) as vault:
        ready = await ready_to_claim(vault)
        with ExitStack() as stack:
            racers = [stack.enter_context(neighbour("race", tmp_path, ready.proposal.id, 4)) for _ in range(4)]
            for racer in racers:
                assert racer.stdin is not None
                racer.stdin.write("go\n")
                racer.stdin.flush()
            lines = [racer.communicate(timeout=60)[0].splitlines() for racer in racers]
        outcomes = [json.loads(line) for group in lines for line in group]
        claims = [outcome for outcome in outcomes if "claim" in outcome]
        refusals = [outcome for outcome in outcomes if "refused" in outcome]
        assert (len(claims), len(refusals)) == (1, 15)
        [stored] = await vault.read(lambda tx: recent_executions(tx, 10))
        assert claims == [{"claim": stored.id}]
        assert {refusal["holder"] for refusal in refusals} == {stored.id}
        decisions = await vault.read(
            lambda tx: tx.db.execute("SELECT sum(passed), count(*) FROM gate_decisions").fetchone()
        )
        assert tuple(decisions) == (1, 16)


async def test_sixteen_connections_of_one_process_make_one_claim(tmp_path: Path, clock: SteppedClock) -> None:
    async with AsyncExitStack() as stack:
        vaults = [
            await stack.enter_async_context(opened_vault(tmp_path, clock, actor=Actor(f"racer-{n}", f"i-{n}", n)))
            for n in range(16)
        ]
        ready = await ready_to_claim(vaults[0])
        outcomes = await asyncio.gather(
            *(vault.transact(lambda tx: pass_gate(tx, ready.ticket, ready.quote), deadline=30) for vault in vaults)
        )
        [claim] = [outcome for outcome in outcomes if isinstance(outcome, Claim)]
        refusals = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
        assert len(refusals) == 15
        for refusal in refusals:
            assert CheckCode.PROPOSAL_STATE in {check.code for check in refusal.failed}
            assert refusal.holder is not None
            assert refusal.holder.execution_id == claim.execution_id
        assert claim.client_order_id == client_order_id(vaults[0].info.incarnation, ready.proposal.id)
