"""Commands that decide about proposals: propose, approve, decline."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from console.cli.context import (
    HomeOption,
    JsonOption,
    LiveOption,
    SettingsOption,
    context,
    guarded,
    opened_engine,
    opened_vault,
    settle,
)
from console.cli.execute import execute
from console.cli.output import OK, TEMPORARY, USAGE, CommandError, say, say_json
from console.cli.values import describe, gate_answer, proposal_values

if TYPE_CHECKING:
    from console.cli.context import Context
    from console.engine import Engine
    from storage.models import MarketRules, Proposal, Quote
    from storage.money import Price
    from storage.proposals import NewProposal

LIMIT_AWAY: Final = "0.005"
"""Without a limit: ask + 0.5 % for a buy, bid - 0.5 % for a sell."""

IdArgument = Annotated[int, typer.Argument(metavar="ID", min=1, help="The proposal.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (propose, approve, decline, execute):
        app.command()(command)


@dataclass(frozen=True, slots=True)
class Idea:
    """What ``oracle propose`` was asked for, as typed."""

    market: str
    side: str
    eur: str
    limit: str | None
    why: str
    minutes: int


def propose(
    market: Annotated[str, typer.Option("--market", help="Such as BTC-EUR.")],
    side: Annotated[str, typer.Option("--side", help="buy or sell.")],
    eur: Annotated[str, typer.Option("--eur", help="Size in euros, without fee.")],
    limit: Annotated[str | None, typer.Option("--limit", help="Limit price; else ask + 0.5 % or bid - 0.5 %.")] = None,
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
    idea = Idea(market, side, eur, limit, why, ttl)
    raise typer.Exit(guarded(lambda: asyncio.run(_propose(context(home, live, settings), idea, as_json))))


async def _propose(found: Context, idea: Idea, as_json: bool) -> int:
    from storage.proposals import create_proposal

    check_words(idea)
    async with opened_engine(found) as engine:
        await settle(engine)
        rules, quote = await known_market(engine, idea.market)
        new = draw_idea(idea, rules, quote, engine.actor.name)
        proposal: Proposal = await engine.vault.transact(lambda tx: create_proposal(tx, new))
        gate = await engine.vault.read(lambda tx: gate_answer(tx, proposal, quote))
    if as_json:
        say_json(proposal_values(proposal, gate))
    else:
        say(f"proposed {proposal.id}: {describe(proposal)}; gate {gate}")
    return OK


def check_words(idea: Idea) -> None:
    """Refuse what can be refused without asking anybody. Raises CommandError."""
    from storage.codes import Side
    from storage.money import Eur, NotANumber, Price

    if idea.side.lower() not in set(Side):
        raise CommandError(USAGE, f"--side is buy or sell, not {idea.side!r}")
    for name, kind, text in (("--eur", Eur, idea.eur), ("--limit", Price, idea.limit)):
        if text is None:
            continue
        try:
            amount = kind.of(text)
        except NotANumber as error:
            raise CommandError(USAGE, f"{name}: {error}") from None
        if not amount.is_positive:
            raise CommandError(USAGE, f"{name} must be more than zero, not {text}")


async def known_market(engine: Engine, market: str) -> tuple[MarketRules, Quote]:
    """Rules and a fresh quote of a market. Raises CommandError for one the exchange does not have."""
    import difflib

    quote = await engine.parts.quotes.fetch(market)
    rules = engine.parts.quotes.rules
    if market not in rules:
        if not rules:
            raise CommandError(TEMPORARY, f"the exchange's markets cannot be read: {engine.parts.quotes.problem}")
        close = difflib.get_close_matches(market.upper(), sorted(rules), n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(rules)[:12])}"
        raise CommandError(USAGE, f"the exchange has no market {market}; {hint}")
    return rules[market], quote


def draw_idea(idea: Idea, rules: MarketRules, quote: Quote, operator: str) -> NewProposal:
    """Size and price of an operator's idea on the exchange's rules. Raises CommandError."""
    from storage.clock import MINUTE
    from storage.codes import OrderType, Origin, Side
    from storage.models import Rationale
    from storage.money import Eur
    from storage.proposals import NewProposal

    side = Side(idea.side.lower())
    best = quote.ask if side is Side.BUY else quote.bid
    limit = _limit(idea, side, best, rules.tick_size)
    quantity = (Eur.of(idea.eur) / limit).rounded_down(rules.quantity_decimals)
    if not quantity.is_positive:
        raise CommandError(USAGE, f"--eur {idea.eur} buys less than the smallest step of {rules.base} at {limit}")
    return NewProposal(
        origin=Origin.OPERATOR,
        oracle=operator,
        market=idea.market,
        side=side,
        order_type=OrderType.LIMIT,
        quantity=quantity,
        limit=limit,
        eur=quantity * limit,
        lives=idea.minutes * MINUTE,
        rationale=Rationale(idea.why, "", None, "", ""),
        quote_at_creation=best,
    )


def _limit(idea: Idea, side: object, best: Price | None, tick: Price) -> Price:
    from decimal import Decimal

    from storage.codes import Side
    from storage.money import Price

    buying = side is Side.BUY
    if idea.limit is None:
        if best is None:
            raise CommandError(TEMPORARY, f"{idea.market} has no {'ask' if buying else 'bid'} now; give --limit")
        away = Decimal(LIMIT_AWAY)
        return best.scaled(1 + away if buying else 1 - away).to_tick(tick, up=not buying)
    limit = Price.of(idea.limit)
    below, above = limit.to_tick(tick, up=False), limit.to_tick(tick, up=True)
    if below != limit:
        raise CommandError(
            USAGE, f"--limit {idea.limit} is no multiple of the tick {tick}; the nearest are {below} and {above}"
        )
    return limit


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
        guarded(lambda: asyncio.run(_approve(context(home, live, settings), proposal_id, codes, reason, as_json)))
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
    raise typer.Exit(guarded(lambda: asyncio.run(_decline(context(home, live, settings), proposal_id, note, as_json))))


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
