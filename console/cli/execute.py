"""``oracle execute``: the ticket on a terminal, the amount typed, the gate, the order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Final

import typer

from console.cli.context import (
    HomeOption,
    LiveOption,
    SettingsOption,
    existing,
    guarded,
    opened_engine,
    read_only,
    settle,
)
from console.cli.output import OK, REFUSED, TEMPORARY, USAGE, CommandError, has_output, say
from console.terminal import is_terminal

if TYPE_CHECKING:
    from console.cli.context import Context
    from console.engine import Engine
    from console.execution.outcome import Outcome
    from console.execution.ticket import TicketView
    from storage.models import Check, Holder, Order

QUOTE_EVERY_S: Final = 3.0
"""Seconds between quotes while the operator reads; the gate wants data of at most five."""

MOST_DRIFT: Final = Decimal("0.005")

MOST_TYPED: Final = 4096
"""Bytes of one typed line; a terminal gives no more at once."""

DO_NOT_FIRE: Final = "the order may exist: do not fire again, oracle reconcile looks for it"


def execute(
    proposal_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="The proposal.")],
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
) -> None:
    """Show a ticket; typing its amount fires it.

    Needs a terminal. Prints the order, what it costs at most and what the gate says, and ends with
    "confirm with: 25.16". Only that amount, typed, sends the order; anything else leaves without sending.

    Exit code 0: the exchange has the order. 1: refused or not confirmed, nothing was sent. 3: UNKNOWN, the
    answer is lost: the order may exist, do not fire again, and let oracle reconcile find it.
    """
    raise typer.Exit(guarded(lambda: _execute(existing(home, live, settings), proposal_id)))


def _execute(found: Context, proposal_id: int) -> int:
    from storage.facts import holder_of
    from storage.proposals import get_proposal

    if not is_terminal(sys.stdin):
        raise CommandError(USAGE, "oracle execute needs a terminal: the amount is typed by a person")
    if not has_output():
        raise CommandError(USAGE, "oracle execute needs an open standard output: the ticket is read before it is fired")
    proposal, holder = read_only(found, lambda tx: (get_proposal(tx, proposal_id), holder_of(tx, proposal_id)))
    if holder is not None:
        return say_claimed(holder)
    return asyncio.run(_at_terminal(found, proposal.market, proposal_id))


async def _at_terminal(found: Context, market: str, proposal_id: int) -> int:
    from storage.errors import VaultError
    from storage.facts import holder_of

    async with opened_engine(found) as engine:
        try:
            return await _show_and_fire(engine, market, proposal_id)
        except (CommandError, VaultError) as error:
            holder = await engine.vault.read(lambda tx: holder_of(tx, proposal_id))
            if holder is None:
                raise
            if holder.instance == engine.actor.instance:  # claimed here, and then the vault broke
                raise CommandError(TEMPORARY, f"UNKNOWN: {str(error).rstrip('.')}; {DO_NOT_FIRE}") from error
            return say_claimed(holder)


async def _show_and_fire(engine: Engine, market: str, proposal_id: int) -> int:
    await settle(engine)
    view = await _view(engine, market, proposal_id)
    if view.blocking is not None or view.typed is None:
        return await _refuse(engine, view)
    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)  # what was typed before the ticket confirms nothing
    _print_ticket(view)
    view, typed = await _ask(engine, market, view)
    if typed.replace(",", ".").replace(" ", "") != view.typed:
        raise CommandError(REFUSED, f"not confirmed: {typed!r} was typed, not {view.typed}; nothing was sent")
    with waits_for_answer():
        outcome = await engine.parts.executor.execute(view.ticket, view.question.quote, typed_amount=True)
    return tell(outcome)


@contextmanager
def waits_for_answer() -> Iterator[None]:
    """From fire to settle no signal ends the process: it says that it waits, and tells the outcome."""
    loop = asyncio.get_running_loop()
    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in caught:
        loop.add_signal_handler(number, say, "fired already: waiting for the answer")
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


async def _view(engine: Engine, market: str, proposal_id: int) -> TicketView:
    from console.execution.ticket import view_ticket

    quote = await engine.parts.quotes.fetch(market)
    return await engine.vault.read(lambda tx: view_ticket(tx, proposal_id, quote))


async def _ask(engine: Engine, market: str, shown: TicketView) -> tuple[TicketView, str]:
    """Wait for the typed line with fresh quotes behind it; the ticket on the newest quote, and what was typed.

    The order and its digest are those shown; only the quote is newer.
    """
    from dataclasses import replace

    newest = shown.question.quote
    with _input_seen() as seen:
        while not await _within(seen, QUOTE_EVERY_S):
            newest = await engine.parts.quotes.fetch(market)
    line = os.read(sys.stdin.fileno(), MOST_TYPED).decode(errors="replace")
    if not line.endswith("\n"):
        raise CommandError(REFUSED, "not confirmed: the input ended; nothing was sent")
    _require_same_market(shown, newest.ask if shown.order.side == "buy" else newest.bid)
    return replace(shown, question=replace(shown.question, quote=newest)), line.strip()


@contextmanager
def _input_seen() -> Iterator[asyncio.Event]:
    """Set once the terminal has a line (or its end): a blocked read could not be left by Ctrl+C."""
    loop, seen = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), seen.set)
    try:
        yield seen
    finally:
        loop.remove_reader(sys.stdin.fileno())


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


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
        say(f"UNKNOWN: {outcome.reason.rstrip('.')}; {DO_NOT_FIRE}")
        return TEMPORARY
    if outcome.end in (End.ABANDONED, End.REJECTED):
        say(f"{outcome.end}: {outcome.reason.rstrip('.')}; nothing rests at the exchange")
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
    """In one write, so that no reader sees half of it. Raises CommandError: a ticket nobody can read fires nothing."""
    from console.text import safe_text

    try:
        os.write(sys.stdout.fileno(), "".join(f"{safe_text(line)}\n" for line in lines).encode())
    except OSError as error:
        raise CommandError(REFUSED, f"the ticket cannot be shown ({error.strerror}); nothing was sent") from error


def _terms(order: Order) -> str:
    if order.trigger is not None:
        return f"{order.trigger} EUR, waits at the exchange"
    return "market" if order.limit is None else f"limit {order.limit} EUR"


def _ticket_lines(view: TicketView) -> list[str]:
    from console.format import eur, iso, percent, price, quantity

    order, proposal = view.order, view.proposal
    buying = order.side == "buy"
    lines = [
        f"{order.mode.upper()} ticket {proposal.id} rev {proposal.revision}  {view.ticket.digest[:8]}",
        f"{order.side.upper()} {quantity(order.quantity)} {order.market}  {_terms(order)}  {order.time_in_force or ''}",
    ]
    if view.total is not None and view.fee is not None:
        word = "pay at most" if buying else "receive at least" if order.trigger is None else "receive about"
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
