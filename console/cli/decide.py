"""Commands that decide about proposals: propose, approve, decline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli.context import (
    HomeOption,
    JsonOption,
    LiveOption,
    SettingsOption,
    context,
    existing,
    guarded,
    opened_engine,
    opened_vault,
    settle,
)
from console.cli.execute import execute
from console.cli.output import OK, REFUSED, TEMPORARY, USAGE, CommandError, say, say_json
from console.cli.values import describe, gate_answer, proposal_values

if TYPE_CHECKING:
    from console.cli.context import Context
    from console.engine import Engine
    from console.execution.ideas import BadIdea, Idea
    from storage.market_models import MarketRules, Quote
    from storage.models import Proposal

IdArgument = Annotated[int, typer.Argument(metavar="ID", min=1, help="The proposal.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (propose, approve, decline, execute):
        app.command()(command)


def propose(
    market: Annotated[str, typer.Option("--market", help="Such as BTC-EUR.")],
    side: Annotated[str, typer.Option("--side", help="buy or sell.")],
    eur: Annotated[str, typer.Option("--eur", help="Size in euros, without fee.")],
    limit: Annotated[
        str | None, typer.Option("--limit", help="A price, ask, mid or bid; else ask + 0.5 % or bid - 0.5 %.")
    ] = None,
    why: Annotated[str, typer.Option("--why", help="Your reason; shown on the ticket.")] = "",
    ttl: Annotated[int, typer.Option("--ttl", min=1, max=10_080, help="Minutes it is good for.")] = 60,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a proposal of your own.

    It sends nothing: oracle execute ID does. The quantity is the size divided by the limit, rounded down.
    """
    from console.execution.ideas import Idea

    idea = Idea(market, side, eur, limit, why, ttl)
    raise typer.Exit(guarded(lambda: asyncio.run(_propose(context(home, live, settings), idea, as_json))))


async def _propose(found: Context, idea: Idea, as_json: bool) -> int:
    from console.execution.ideas import BadIdea, check_words, draw_idea
    from storage.proposals import create_proposal

    try:
        check_words(idea)
        async with opened_engine(found) as engine:
            await settle(engine)
            rules, quote = await known_market(engine, idea.market)
            new = draw_idea(idea, rules, quote, engine.actor.name)
            proposal: Proposal = await engine.vault.transact(lambda tx: create_proposal(tx, new))
            gate = await engine.vault.read(lambda tx: gate_answer(tx, proposal, quote))
    except BadIdea as error:
        raise bad_words(error) from None
    if as_json:
        say_json(proposal_values(proposal, gate))
    else:
        say(f"proposed {proposal.id}: {describe(proposal)}; gate {gate}")
    return OK


def bad_words(error: BadIdea) -> CommandError:
    """Words that make no order, said with the name of their option; a market without a price may have one later."""
    from console.execution.ideas import NoPrice, NothingHeld

    option = "--ttl" if error.field == "minutes" else f"--{error.field}"
    code = TEMPORARY if isinstance(error, NoPrice) else REFUSED if isinstance(error, NothingHeld) else USAGE
    return CommandError(code, error.told(option))


async def known_market(engine: Engine, market: str) -> tuple[MarketRules, Quote]:
    """Rules and a fresh quote of a market. Raises BadIdea for one the exchange does not have."""
    from console.execution.ideas import rules_of_market

    quote = await engine.parts.quotes.fetch(market)
    return rules_of_market(market, engine.parts.quotes.rules, engine.parts.quotes.problem), quote


def approve(
    proposal_id: IdArgument,
    override: Annotated[list[str] | None, typer.Option("--override", help="COOLDOWN, ANTI_FLIP, or both.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why the override is right; stored with it.")] = "",
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a proposal; sends nothing.

    With --override the named check is overridden for this proposal, for the reason you give.
    """
    codes = override or []
    raise typer.Exit(
        guarded(lambda: asyncio.run(_approve(existing(home, live, settings), proposal_id, codes, reason, as_json)))
    )


async def _approve(found: Context, proposal_id: int, codes: list[str], reason: str, as_json: bool) -> int:
    from storage.codes import CheckCode
    from storage.proposals import approve as store

    wrong = [code for code in codes if code not in set(CheckCode)]
    if wrong:
        raise CommandError(USAGE, f"--override takes COOLDOWN or ANTI_FLIP, not {', '.join(wrong)}")
    overrides = {CheckCode(code): reason for code in codes}
    async with opened_vault(found) as vault:
        proposal: Proposal = await vault.transact(lambda tx: store(tx, proposal_id, overrides))
    return _told(proposal, "approved", as_json)


def decline(
    proposal_id: IdArgument,
    note: Annotated[str | None, typer.Option("--note", help="Why not.")] = None,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decline a proposal."""
    raise typer.Exit(guarded(lambda: asyncio.run(_decline(existing(home, live, settings), proposal_id, note, as_json))))


async def _decline(found: Context, proposal_id: int, note: str | None, as_json: bool) -> int:
    from storage.proposals import decline as store

    async with opened_vault(found) as vault:
        proposal: Proposal = await vault.transact(lambda tx: store(tx, proposal_id, note))
    return _told(proposal, "declined", as_json)


def _told(proposal: Proposal, word: str, as_json: bool) -> int:
    if as_json:
        say_json(proposal_values(proposal, None))
    else:
        say(f"{word} {proposal.id}: {describe(proposal)}")
    return OK
