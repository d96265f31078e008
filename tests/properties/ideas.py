"""Ideas, and what people decide about them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Final

from console.execution.ideas import BadIdea, ExitWords, Idea, draw_exit, draw_idea, free_to_sell, revision_of
from storage.clock import SECOND
from storage.codes import CheckCode, Origin, ProposalState, TriggerType
from storage.models import Proposal
from storage.proposals import (
    NewProposal,
    approve,
    create_proposal,
    decline,
    open_proposals,
    recent_proposals,
    revise,
    undo_decline,
)
from tests.properties.process import Process
from tests.properties.world import World

WAYS: Final = ("through", "bid", "under", "market", "oracle buys", "oracle sells", "exit", "exit rests", "stop loss")
"""How an idea wants to trade; those from the fifth on are an oracle's, or sell what is held."""

UNDO_WITHIN: Final = 5 * SECOND


async def draw(process: Process, market: str, eur: int, way: str) -> NewProposal | None:
    """An idea at the market's prices of this moment; None where there is no price, or nothing to sell."""
    quote = await process.clients.quotes.fetch(market)
    if quote.rules is None or quote.bid is None:
        return None
    under = str(quote.bid.scaled(Decimal("0.985")).to_tick(quote.rules.tick_size, up=False))
    over = str(quote.bid.scaled(Decimal("1.015")).to_tick(quote.rules.tick_size, up=True))
    with suppress(BadIdea):
        if way.startswith(("exit", "stop")):
            free = await process.vault.read(lambda tx: free_to_sell(tx, market))
            limit = {"exit": None, "exit rests": over, "stop loss": under}[way]
            trigger = TriggerType.STOP_LOSS if way == "stop loss" else None
            share = str(min(100, max(10, eur // 3)))
            return draw_exit(ExitWords(market, share, limit, trigger=trigger), free, quote.rules, quote, "operator")
        side = "sell" if way == "oracle sells" else "buy"
        limit = {"bid": "bid", "under": under, "market": "market"}.get(way)
        new = draw_idea(Idea(market, side, str(eur), limit, minutes=10), quote.rules, quote, "operator")
        if way.startswith("oracle"):
            return replace(new, origin=Origin.RULES, oracle="rules/trend-1", confidence=75)
        return new
    return None


async def propose(process: Process, market: str, eur: int, way: str) -> None:
    """An operator's or an oracle's idea is stored."""
    if (new := await draw(process, market, eur, way)) is not None:
        await process.vault.transact(lambda tx: create_proposal(tx, new))


async def an_open_one(process: Process, pick: int) -> Proposal | None:
    """One of the open proposals."""
    found = await process.vault.read(open_proposals)
    return found[pick % len(found)] if found else None


async def any_one(process: Process, pick: int) -> Proposal | None:
    """One of the newest proposals, whatever became of it."""
    found = await process.vault.read(lambda tx: recent_proposals(tx, 12))
    return found[pick % len(found)] if found else None


async def edit(world: World, process: Process, proposal: Proposal, eur: int, stale: bool) -> None:
    """Change size and price, from the revision shown or from an older one."""
    way = "exit" if proposal.kind == "exit" else "through"
    new = await draw(process, proposal.market, eur, way)
    if new is None:
        return
    shown = proposal.revision - stale
    after = await process.vault.transact(lambda tx: revise(tx, proposal.id, shown, revision_of(new)))
    if stale or after.revision != proposal.revision + 1:
        world.watch.broken.append(f"proposal {proposal.id} was changed from revision {shown}, it was at another")


async def decide(process: Process, proposal: Proposal, what: str) -> None:
    """Approve, with an override of what may be set aside, or decline."""
    if what == "decline":
        await process.vault.transact(lambda tx: decline(tx, proposal.id, "not now"))
        return
    why = {CheckCode.COOLDOWN: "it moves", CheckCode.ANTI_FLIP: "it moves"} if what == "override" else {}
    await process.vault.transact(lambda tx: approve(tx, proposal.id, why))


async def undo(world: World, process: Process, pick: int) -> None:
    """Take a decline back: within five seconds it is open again, later and of anything else it is not."""
    proposal = await any_one(process, pick)
    if proposal is None:
        return
    since = world.clock.now() - proposal.updated_at
    after = await process.vault.transact(lambda tx: undo_decline(tx, proposal.id))
    in_time = 0 <= since <= UNDO_WITHIN and proposal.expires_at > world.clock.now()
    if proposal.state is not ProposalState.DECLINED or not in_time or after.state is not ProposalState.PROPOSED:
        word = f"{proposal.state} for {since / SECOND} s, expires at {proposal.expires_at}"
        world.watch.broken.append(f"proposal {proposal.id} was {word}, and was opened again")
