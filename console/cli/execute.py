"""``oracle execute``: the ticket on a terminal, the amount typed, the gate, the order."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Final

import typer

from console.cli.context import HomeOption, LiveOption, SettingsOption, context, guarded, in_loop, opened_engine
from console.cli.output import OK, REFUSED, TEMPORARY, USAGE, CommandError, say

if TYPE_CHECKING:
    from console.cli.context import Context
    from console.engine import Engine
    from console.execution.outcome import Outcome
    from console.execution.ticket import TicketView
    from storage.models import Check, Holder

QUOTE_EVERY_S: Final = 3.0
"""Seconds between quotes while the operator reads; the gate wants data of at most five."""

MOST_DRIFT: Final = Decimal("0.005")


def execute(
    proposal_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="The proposal.")],
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
) -> None:
    """Show a proposal's ticket and fire it when exactly the amount asked for is typed."""
    raise typer.Exit(guarded(lambda: _execute(context(home, live, settings), proposal_id)))


def _execute(found: Context, proposal_id: int) -> int:
    if not sys.stdin.isatty():
        raise CommandError(USAGE, "oracle execute needs a terminal: the amount is typed by a person")
    return in_loop(_at_terminal(found, proposal_id))


async def _at_terminal(found: Context, proposal_id: int) -> int:
    from storage.facts import holder_of
    from storage.proposals import get_proposal

    async with opened_engine(found) as engine:
        market = await engine.vault.read(lambda tx: get_proposal(tx, proposal_id).market)
        if (holder := await engine.vault.read(lambda tx: holder_of(tx, proposal_id))) is not None:
            return say_claimed(holder)
        with suppress(Exception):  # an exchange that is silent fails RECONCILED, with its reason
            await engine.settle_before_claims()
        view = await _view(engine, market, proposal_id)
        if view.blocking is not None or view.typed is None:
            return await _refuse(engine, view)
        _print_ticket(view)
        view, typed = await _ask(engine, market, view)
        if typed.replace(",", ".").replace(" ", "") != view.typed:
            holder = await engine.vault.read(lambda tx: holder_of(tx, proposal_id))
            if holder is not None:
                return say_claimed(holder)
            say(f"not confirmed: {typed!r} was typed, not {view.typed}; nothing was sent")
            return REFUSED
        outcome = await engine.parts.executor.execute(view.ticket, view.question.quote, typed_amount=True)
        return tell(outcome)


async def _view(engine: Engine, market: str, proposal_id: int) -> TicketView:
    from console.execution.ticket import view_ticket

    quote = await engine.parts.quotes.fetch(market)
    return await engine.vault.read(lambda tx: view_ticket(tx, proposal_id, quote))


async def _ask(engine: Engine, market: str, shown: TicketView) -> tuple[TicketView, str]:
    """Wait for the typed line with fresh quotes behind it; the ticket on the newest quote, and what was typed.

    The order and its digest are those shown; only the quote is newer.
    """
    from dataclasses import replace

    reading = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
    newest = shown.question.quote
    while True:
        done, _ = await asyncio.wait({reading}, timeout=QUOTE_EVERY_S)
        if done:
            break
        newest = await engine.parts.quotes.fetch(market)
    line = reading.result()
    if not line:
        raise CommandError(REFUSED, "not confirmed: the input ended; nothing was sent")
    _require_same_market(shown, newest.ask if shown.order.side == "buy" else newest.bid)
    return replace(shown, question=replace(shown.question, quote=newest)), line.strip()


def _require_same_market(shown: TicketView, now: object) -> None:
    from storage.money import Price

    before = shown.reference
    if not isinstance(now, Price) or before is None:
        return  # the gate refuses with its own code
    moved = abs(now.ratio(before) - 1)
    if moved > MOST_DRIFT:
        raise CommandError(
            REFUSED, f"refused: STALE, the price moved {moved:.2%} since the ticket; nothing was sent, run it again"
        )


async def _refuse(engine: Engine, view: TicketView) -> int:
    """The gate says no before anything is asked: the refusal is stored and told. It can claim nothing."""
    from storage.gate import store_refusal

    quote = view.question.quote
    refusal = await engine.vault.transact(lambda tx: store_refusal(tx, view.ticket, quote))
    if refusal is None:
        say("refused: what stood in the way is gone this instant; run it again")
        return REFUSED
    if refusal.holder is not None:
        return say_claimed(refusal.holder)
    _print_lines(_ticket_lines(view))
    return say_refused(refusal.failed)


def say_claimed(holder: Holder) -> int:
    """Tell who has the proposal."""
    from console.format import iso

    say(f"refused: ALREADY_CLAIMED by {holder.actor}@{holder.instance} at {iso(holder.at)}")
    return REFUSED


def say_refused(failed: Sequence[Check]) -> int:
    """Tell every failing check with its reason."""
    say(f"refused: {' '.join(check.code for check in failed)}")
    for check in failed:
        say(f"  {check.code}: {check.reason}")
    return REFUSED


def tell(outcome: Outcome) -> int:
    """Tell how the attempt ended; its exit code."""
    from console.execution.outcome import End

    if outcome.end is End.REFUSED:
        return say_claimed(outcome.holder) if outcome.holder is not None else say_refused(outcome.failed)
    if outcome.end is End.UNKNOWN:
        say(f"UNKNOWN: {outcome.reason}; it may exist. Do not fire again: it is being looked for (oracle reconcile).")
        return TEMPORARY
    if outcome.end in (End.ABANDONED, End.REJECTED):
        say(f"{outcome.end}: {outcome.reason}; nothing rests at the exchange")
        return REFUSED
    _tell_accepted(outcome)
    return OK


def _tell_accepted(outcome: Outcome) -> None:
    from console.format import eur, quantity

    fee = "fee not known yet" if outcome.fee is None else f"fee {eur(outcome.fee)}"
    if outcome.average is None:
        say(f"{outcome.state}: {outcome.side.upper()} {outcome.order.quantity} {outcome.order.market}, nothing filled")
        return
    filled = f"{quantity(outcome.filled)} {outcome.order.market} at {outcome.average}"
    say(f"{outcome.state}: {outcome.side.upper()} {filled} for {eur(outcome.value)} EUR, {fee}")


def _print_ticket(view: TicketView) -> None:
    reason = f" ({view.typed_reason})" if view.typed_reason is not None else ""
    lines = [*_ticket_lines(view), f"type the amount to fire{reason}, anything else leaves"]
    _print_lines([*lines, f"confirm with: {view.typed}"])


def _print_lines(lines: Sequence[str]) -> None:
    """In one write, so that no reader sees half of it."""
    from console.text import safe_text

    sys.stdout.flush()
    os.write(sys.stdout.fileno(), "".join(f"{safe_text(line)}\n" for line in lines).encode())


def _ticket_lines(view: TicketView) -> list[str]:
    from console.format import eur, iso, percent, price, quantity

    order, proposal = view.order, view.proposal
    buying = order.side == "buy"
    lines = [
        f"{order.mode.upper()} ticket {proposal.id} rev {proposal.revision}  {view.ticket.digest[:8]}",
        f"{order.side.upper()} {quantity(order.quantity)} {order.market}  "
        f"{'market' if order.limit is None else f'limit {order.limit} EUR'}  {order.time_in_force or ''}",
    ]
    if view.total is not None and view.fee is not None:
        word = "pay at most" if buying else "receive at least"
        lines.append(f"{word} {eur(view.total)} EUR, fee {eur(view.fee)} in it")
    if view.outlook is not None:
        at = "" if view.outlook.average is None else f" at {view.outlook.average}"
        lines.append(f"right now {view.outlook.now}{at}")
    if view.at_risk is not None and view.proposal.rationale.invalidation_price is not None:
        lines.append(f"at risk {eur(view.at_risk)} EUR if wrong, {view.proposal.rationale.invalidation_price}")
    if view.break_even is not None and view.reference is not None:
        tick = view.question.quote.rules.tick_size if view.question.quote.rules is not None else view.break_even
        even, away = price(view.break_even, tick), percent(view.break_even.ratio(view.reference) - 1)
        lines.append(f"even at {even} ({away})")
    if order.time_in_force == "IOC":
        lines.append("no keeper runs: what does not fill at once is canceled")
    passed = sum(check.passed for check in view.checks)
    lines.append(f"checks {passed} of {len(view.checks)}, good until {iso(proposal.expires_at)}")
    if proposal.rationale.why:
        lines.append(f"why {proposal.rationale.why}")
    return lines
