"""``oracle exit``: a proposal that sells what this vault holds of a market."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli.context import (
    HomeOption,
    JsonOption,
    LiveOption,
    SettingsOption,
    existing,
    guarded,
    opened_engine,
    settle,
)
from console.cli.decide import bad_words, known_market
from console.cli.output import OK, USAGE, CommandError, say, say_json
from console.cli.values import describe, gate_answer, proposal_values

if TYPE_CHECKING:
    from console.cli.context import Context
    from console.execution.ideas import ExitWords
    from storage.models import Proposal


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command(name="exit")(leave)


def leave(
    market: Annotated[str, typer.Argument(metavar="MARKET", help="Such as BTC-EUR.")],
    share: Annotated[str, typer.Option("--share", help="Per cent of what is held and not being sold already.")] = "100",
    limit: Annotated[str | None, typer.Option("--limit", help="A price, ask, mid or bid; else bid - 0.5 %.")] = None,
    stop: Annotated[
        str | None, typer.Option("--stop", help="Wait at the exchange: sell when it falls to this.")
    ] = None,
    take_profit: Annotated[
        str | None, typer.Option("--take-profit", help="Wait at the exchange: sell when it rises to this.")
    ] = None,
    why: Annotated[str, typer.Option("--why", help="Your reason; shown on the ticket.")] = "",
    ttl: Annotated[int, typer.Option("--ttl", min=1, max=10_080, help="Minutes it is good for.")] = 60,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose to sell what is held of a market, now or at a price.

    --stop and --take-profit make an order that waits at the exchange for that price, also with no console running,
    and sells at the market then. It holds the coins: to sell them otherwise, take it back first with oracle cancel.

    It sends nothing: oracle execute ID does. It sells at most what this vault bought and holds, less what resting
    sells still take, under the exit limits of the gate: oracle approve ID --override ANTI_FLIP --reason T sets a
    cooling time aside.
    """
    from console.execution.ideas import ExitWords
    from storage.codes import TriggerType

    prices = {None: limit, TriggerType.STOP_LOSS: stop, TriggerType.TAKE_PROFIT: take_profit}
    given = [kind for kind, price in prices.items() if price is not None]
    kind = given[0] if given else None
    words = ExitWords(market, share, prices[kind], why, ttl, kind)

    def run() -> int:
        if len(given) > 1:
            raise CommandError(USAGE, "an exit has one price: give one of --limit, --stop and --take-profit")
        return asyncio.run(_leave(existing(home, live, settings), words, as_json))

    raise typer.Exit(guarded(run))


async def _leave(found: Context, words: ExitWords, as_json: bool) -> int:
    from console.execution.ideas import BadIdea, check_exit_words, draw_exit, free_to_sell, stops_of
    from storage.database import Tx
    from storage.proposals import create_proposal

    try:
        check_exit_words(words)
        async with opened_engine(found) as engine:
            await settle(engine)
            rules, quote = await known_market(engine, words.market)

            def store(tx: Tx) -> Proposal:
                free, stops = free_to_sell(tx, words.market), stops_of(tx, words.market)
                new = draw_exit(words, free, rules, quote, engine.actor.name, stops=stops)
                return create_proposal(tx, new)

            proposal = await engine.vault.transact(store)
            gate = await engine.vault.read(lambda tx: gate_answer(tx, proposal, quote))
    except BadIdea as error:
        raise bad_words(error) from None
    if as_json:
        say_json(proposal_values(proposal, gate))
    else:
        say(f"proposed {proposal.id}, an exit: {describe(proposal)}; gate {gate}")
    return OK
