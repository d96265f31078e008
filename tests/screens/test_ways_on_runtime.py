"""What forms ask, answered by a real runtime: its vault, its simulated exchange, no screen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from console.execution.ideas import BadIdea, ExitWords, Idea, NothingHeld
from console.home import Home
from console.runtime import Runtime
from console.settings import Settings
from storage.codes import CheckCode, Mode, OrderKind, ProposalState
from storage.errors import Conflict
from storage.models import Actor
from storage.proposals import get_proposal, open_proposals

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("ways-on-runtime")]

BUY = Idea("BTC-EUR", "buy", "25", "ask")


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    made = Runtime(Home(tmp_path, Mode.PAPER), Settings(), Actor("ann", "ways-on", os.getpid()), scheduler=False)
    await made.start()
    assert made.failed is None, made.startup
    await made.reconcile_now()
    try:
        yield made
    finally:
        await made.stop()


async def test_an_idea_is_drafted_stored_made_again_and_edited(runtime: Runtime) -> None:
    vault = runtime._ready().vault
    draft = await runtime.draft(BUY, None)
    assert draft.order.limit == draft.quote.ask
    assert draft.blocking is None, draft.blocking
    assert draft.sizing.bound is not None
    assert draft.sizing.bound.code is CheckCode.ORDER_SIZE
    assert await vault.read(open_proposals) == []

    first = await runtime.propose(BUY, None)
    again = await runtime.propose(replace(BUY, limit=None), first.id)
    assert (first.parent_id, again.parent_id) == (None, first.id)
    assert again.oracle == "ann"

    edited = await runtime.revise(first.id, 1, replace(BUY, eur="12", minutes=5))
    assert (edited.revision, edited.id) == (2, first.id)
    assert edited.eur.value <= 12
    with pytest.raises(Conflict, match="revision 2 by now"):
        await runtime.revise(first.id, 1, BUY)
    assert (await runtime.draft(replace(BUY, eur="13"), first.id)).order.revision == 3

    await runtime.approve(first.id, {})
    assert (await vault.read(lambda tx: get_proposal(tx, first.id))).state is ProposalState.APPROVED


async def test_what_was_bought_can_be_sold_and_nothing_else(runtime: Runtime) -> None:
    with pytest.raises(NothingHeld):
        await runtime.propose_exit(ExitWords("BTC-EUR"), None)
    bought = await runtime.propose(replace(BUY, limit=None), None)
    outcome = await runtime.fire(await runtime.ticket(bought.id), typed=False)
    assert outcome.filled.is_positive, outcome
    draft = await runtime.draft_exit(ExitWords("BTC-EUR", "50"))
    assert draft.free == outcome.filled
    assert draft.order.quantity <= outcome.filled
    made = await runtime.propose_exit(ExitWords("BTC-EUR"), bought.id)
    assert (made.kind, made.quantity, made.parent_id) == (OrderKind.EXIT, outcome.filled, bought.id)
    view = await runtime.ticket(made.id)
    assert view.blocking is not None
    assert view.blocking.code is CheckCode.ANTI_FLIP
    await runtime.approve(made.id, {CheckCode.ANTI_FLIP: "take the gain", CheckCode.COOLDOWN: "take the gain"})
    ready = await runtime.ticket(made.id)
    assert (ready.blocking, ready.typed_reason) == (None, None)
    sold = await runtime.fire(ready, typed=False)
    assert sold.filled == outcome.filled


async def test_bad_words_store_nothing(runtime: Runtime) -> None:
    for idea in (replace(BUY, eur="0"), replace(BUY, market="XYZ-EUR"), replace(BUY, limit="81000.5")):
        with pytest.raises(BadIdea):
            await runtime.propose(idea, None)
    assert await runtime._ready().vault.read(open_proposals) == []


async def test_keys_are_remembered_and_what_came_after_is_told(runtime: Runtime) -> None:
    assert await runtime.last_key() is None
    await runtime.note_key()
    seen = await runtime.last_key()
    assert seen is not None
    await runtime.halt("test")
    absence = await runtime.absence(seen)
    assert absence.trading == ("HALTED: test",)
    assert absence.sweep is not None


async def test_a_read_only_runtime_makes_nothing(runtime: Runtime) -> None:
    runtime.read_only = True
    with pytest.raises(Conflict, match="read-only"):
        await runtime.propose(BUY, None)
    await runtime.note_key()
    assert await runtime.last_key() is None
    await asyncio.wait_for(runtime.draft(BUY, None), 10)
