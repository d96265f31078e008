"""``oracle scans`` and ``oracle saw``: why nothing was proposed, and what the oracle saw where something was."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli.context import (
    HomeOption,
    JsonOption,
    LiveOption,
    SettingsOption,
    existing,
    guarded,
    opened_engine,
    read_only,
)
from console.cli.output import OK, REFUSED, CommandError, say, say_json, say_table

if TYPE_CHECKING:
    from console.cli.context import Context
    from console.oracle.saw import Judged
    from console.oracle.snapshot import Snapshot
    from storage.looks import StoredLook
    from storage.models import Proposal


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(scans)
    app.command()(saw)


def scans(
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help="How many looks of each market.")] = 1,
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why nothing was proposed.

    The newest look at each market: its figures, each beside the policy's threshold for asking a costly oracle,
    what followed, and the condition that was nearest to an idea.
    """
    raise typer.Exit(guarded(lambda: _scans(existing(home, live, settings), count, as_json)))


def _scans(found: Context, count: int, as_json: bool) -> int:
    from storage.looks import latest_looks

    looks = read_only(found, lambda tx: latest_looks(tx, count))
    if as_json:
        say_json([_look_values(look) for look in looks])
        return OK
    names = sorted({name for look in looks for name in look.figures})
    rows = [
        [_iso(look.at), look.market, look.outcome, *(_figure_text(look, name) for name in names),
         look.nearest or look.reason]
        for look in looks
    ]  # fmt: skip
    say_table(("at", "market", "outcome", *names, "nearest"), rows)
    return OK


def _figure_text(look: StoredLook, name: str) -> str:
    figure = look.figures.get(name)
    return "" if figure is None else f"{'-' if figure.value is None else figure.value} of {figure.limit}"


def _look_values(look: StoredLook) -> dict[str, Any]:
    return {
        "id": look.id,
        "at": _iso(look.at),
        "market": look.market,
        "outcome": look.outcome,
        "nearest": look.nearest,
        "reason": look.reason,
        "numbers": {name: {"value": figure.value, "limit": figure.limit} for name, figure in look.figures.items()},
    }


def saw(
    proposal_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="The proposal.")],
    home: HomeOption = None,
    live: LiveOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """What the oracle saw for a proposal.

    The stored snapshot with its ages and figures, and each number of the rationale: ✓ a figure of the snapshot,
    ≈ one after rounding, ✗ none. If the exchange answers, beside it the same figure of this moment.
    """
    raise typer.Exit(guarded(lambda: asyncio.run(_saw(existing(home, live, settings), proposal_id, as_json))))


async def _saw(found: Context, proposal_id: int, as_json: bool) -> int:
    from console.oracle.saw import judge_numbers
    from console.sight import stored_sight

    sight = await asyncio.to_thread(read_only, found, lambda tx: stored_sight(tx, proposal_id))
    proposal, stored = sight.proposal, sight.snapshot
    if stored is None:
        raise CommandError(REFUSED, f"proposal {proposal_id}: {sight.missing}")
    now, why = await _look_again(found, proposal.market)
    judged = judge_numbers(proposal.rationale, stored, now)
    if as_json:
        say_json(_saw_values(proposal, stored, now, why, judged))
    else:
        _tell(proposal, stored, now, why, judged)
    return OK


async def _look_again(found: Context, market: str) -> tuple[Snapshot | None, str]:
    """A snapshot of this moment, or why there is none."""
    from console.exchange.errors import ExchangeError, MissingKeys
    from console.oracle.snapshot import Snapshot
    from console.paper.process import ExchangeUnavailable
    from console.sight import look_again

    try:
        async with opened_engine(found) as engine:
            made = await look_again(engine.looking, market)
    except (ExchangeError, ExchangeUnavailable, MissingKeys) as error:
        return None, str(error)
    return (made, "") if isinstance(made, Snapshot) else (None, made.reason)


def _saw_values(
    proposal: Proposal, stored: Snapshot, now: Snapshot | None, why: str, judged: tuple[Judged, ...]
) -> dict[str, Any]:
    from console.oracle.saw import figure_values
    from storage.clock import SECOND

    wrong_at = proposal.rationale.invalidation_price
    current = {} if now is None else figure_values(now.figures)
    return {
        "id": proposal.id,
        "market": proposal.market,
        "side": proposal.side,
        "oracle": proposal.oracle,
        "why": proposal.rationale.why,
        "why_not": proposal.rationale.why_not,
        "next_trigger": proposal.rationale.next_trigger,
        "risk_notes": proposal.rationale.risk_notes,
        "invalidation_price": None if wrong_at is None else str(wrong_at),
        "taken_at": _iso(stored.taken_at),
        "book_age_ms": stored.book_age * 1000 // SECOND,
        "candles_age_ms": stored.candles_age * 1000 // SECOND,
        "traded_candles": stored.traded_candles,
        "bid": str(stored.bid),
        "ask": str(stored.ask),
        "now_at": None if now is None else _iso(now.taken_at),
        "now_missing": why or None,
        "figures": {
            name: {"saw": _plain(value), "now": _plain(current.get(name))}
            for name, value in figure_values(stored.figures).items()
        },
        "numbers": [
            {"text": each.text, "mark": each.mark, "figure": each.figure, "now": _plain(each.now)} for each in judged
        ],
    }


def _tell(proposal: Proposal, stored: Snapshot, now: Snapshot | None, why: str, judged: tuple[Judged, ...]) -> None:
    from console.format import age
    from console.oracle.saw import SIGNS, figure_values

    say(f"proposal {proposal.id}: {proposal.side.upper()} {proposal.market} by {proposal.oracle}")
    say(
        f"seen {_iso(stored.taken_at)}: book {age(stored.book_age)} old, candles {age(stored.candles_age)} old, "
        f"{stored.traded_candles} of {len(stored.candles)} with trades, bid {stored.bid}, ask {stored.ask}"
    )
    say(f"now: {why}" if now is None else f"now {_iso(now.taken_at)}: bid {now.bid}, ask {now.ask}")
    current = {} if now is None else figure_values(now.figures)
    say_table(
        ("figure", "saw", "now"),
        [[name, _shown(value), _shown(current.get(name))] for name, value in figure_values(stored.figures).items()],
    )
    for name in ("why", "why_not", "next_trigger", "risk_notes"):
        say(f"{name}: {getattr(proposal.rationale, name)}")
    if proposal.rationale.invalidation_price is not None:
        say(f"wrong at: {proposal.rationale.invalidation_price}")
    say_table(
        ("number", "", "figure", "now"),
        [[each.text, SIGNS[each.mark], each.figure or "not in the snapshot", _shown(each.now)] for each in judged],
    )


def _plain(value: Any) -> str | None:
    from storage.money import decimal_text

    return None if value is None else decimal_text(value)


def _shown(value: Any) -> str:
    return _plain(value) or "-"


def _iso(at: int) -> str:
    from console.format import iso

    return iso(at)
