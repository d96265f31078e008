"""Lines of history: the newest ones for every screen, and, page by page, everything before them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from heapq import merge
from itertools import islice
from typing import Final, TypeAlias

from storage.clock import DAY, Micros
from storage.codes import ExecutionState, HistoryStatus, ProposalState, Side
from storage.database import Tx
from storage.execution_models import Trade
from storage.facts import read_book
from storage.history import NEWEST, history_page
from storage.money import Eur, Price
from storage.positions import Book
from storage.proposals import recent_proposals

HISTORY_ROWS: Final = 60
"""Lines of a page, and of the newest ones that every screen has."""
FOLDED_MOST: Final = 5_000
"""Expired ideas of earlier days that one page counts at most: they are one line a day, however many they were."""
ALREADY_CLAIMED: Final = "ALREADY_CLAIMED"
"""What a refusal of a proposal that somebody else had claimed is called, whatever else had changed by then."""
IDEAS_AT_ONCE: Final = 1_000
"""Ideas read at once: they have no order of their own by when they ended, so every reading goes through all of them."""
EXPIRED: Final = "expired"
Key: TypeAlias = tuple[Micros, int]
"""When something happened, and its id."""


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of history: a trade, or a proposal that ended without one."""

    key: str
    at: Micros
    side: Side
    market: str
    trade: Trade | None
    eur: Eur
    """What was paid or received without fee; where nothing was filled, what was asked for."""
    end: str
    """FILLED, RESTS, canceled, expired, declined, or the first code of a refusal."""
    since: Decimal | None = None
    """How far the bid is from the price of a buy, as a fraction; None for all else."""
    earned: Eur | None = None
    """What a sell earned or lost after the fees of both sides, as far as the cost of what it sold is known."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: before these (time, id) of trades, of ideas that came to nothing, and of refusals."""

    trade: Key = NEWEST
    idea: Key = NEWEST
    refusal: Key = NEWEST


FIRST: Final = Place()


@dataclass(frozen=True, slots=True)
class Page:
    """Lines, newest first, and when the ideas expired that are only counted."""

    start: Place
    lines: tuple[HistoryLine, ...]
    folded: tuple[Micros, ...]
    """Times of expired ideas older than a day, newest first."""
    then: Place | None
    """Where the next page begins; None where nothing is older."""
    read_at: Micros


def newest_lines(tx: Tx, bids: Mapping[str, Price], book: Book) -> tuple[HistoryLine, ...]:
    """The newest lines of all kinds, newest first; refusals of the last day only."""
    earned = results(book)
    lines = [with_bid(_trade_line(trade, earned), bids) for trade in history_page(tx, HISTORY_ROWS)]
    for proposal in recent_proposals(tx, HISTORY_ROWS):
        if (state := proposal.state_at(tx.now)) in (ProposalState.EXPIRED, ProposalState.DECLINED):
            end = EXPIRED if state is ProposalState.EXPIRED else "declined"
            at, key = proposal.updated_at if state is proposal.state else proposal.expires_at, f"p{proposal.id}"
            lines.append(HistoryLine(key, at, proposal.side, proposal.market, None, proposal.eur, end))
    lines += islice((line for _, line in _refusals(tx, NEWEST, tx.now - DAY)), HISTORY_ROWS)
    return tuple(sorted(lines, key=lambda line: line.at, reverse=True)[:HISTORY_ROWS])


def read_page(tx: Tx, start: Place, count: int = HISTORY_ROWS) -> Page:
    """``count`` lines before a place, or as many as there are. ``since`` is left for whoever knows the bids."""
    sources = (_trades(tx, start.trade), _ideas(tx, start.idea), _refusals(tx, start.refusal, 0))
    marked = [((place, line) for place, line in source) for source in sources]
    every = merge(*marked, key=lambda item: item[1].at, reverse=True)
    lines: list[HistoryLine] = []
    folded: list[Micros] = []
    reached = start
    for place, line in every:
        if len(lines) >= count or len(folded) >= FOLDED_MOST:
            return Page(start, tuple(lines), tuple(folded), reached, tx.now)
        reached = _passed(reached, place, line)
        if line.end == EXPIRED and line.at < tx.now - DAY:
            folded.append(line.at)
        else:
            lines.append(line)
    return Page(start, tuple(lines), tuple(folded), None, tx.now)


def with_bid(line: HistoryLine, bids: Mapping[str, Price]) -> HistoryLine:
    """A buy with how far the bid is from its price, as far as both are known."""
    trade, bid = line.trade, bids.get(line.market)
    if trade is None or trade.side is not Side.BUY or trade.price is None or bid is None:
        return line
    return replace(line, since=bid.ratio(trade.price) - 1)


def results(book: Book) -> dict[int, Eur]:
    """What each execution that sold earned or lost, by its id."""
    earned: dict[int, Eur] = {}
    for sold in book.realised:
        earned[sold.execution_id] = earned.get(sold.execution_id, Eur.zero()) + sold.result
    return earned


def _passed(reached: Place, place: Key, line: HistoryLine) -> Place:
    if line.key.startswith("t"):
        return replace(reached, trade=place)
    return replace(reached, idea=place) if line.key.startswith("p") else replace(reached, refusal=place)


def _trades(tx: Tx, before: Key) -> Iterator[tuple[Key, HistoryLine]]:
    earned = results(read_book(tx))
    while page := history_page(tx, HISTORY_ROWS, before):
        for trade in page:
            before = (trade.at, trade.id)
            yield before, _trade_line(trade, earned)


def _ideas(tx: Tx, before: Key) -> Iterator[tuple[Key, HistoryLine]]:
    """Ideas that expired or were declined; the newest end comes first, whichever was proposed first."""
    found = True
    while found:
        found, (at, number) = False, before
        for row in tx.sql.all("ended_ideas", now=tx.now, before_at=at, before_id=number, count=IDEAS_AT_ONCE):
            found, before = True, (row["at"], row["id"])
            side, amount = Side(row["side"]), Eur.of(row["eur"])
            yield before, HistoryLine(f"p{row['id']}", row["at"], side, row["market"], None, amount, row["end"])


def _refusals(tx: Tx, before: Key, since: Micros) -> Iterator[tuple[Key, HistoryLine]]:
    found = True
    while found:
        found, (at, number) = False, before
        for row in tx.sql.all("refusals_before", since=since, before_at=at, before_id=number, count=HISTORY_ROWS):
            found, before = True, (row["at"], row["id"])
            code = ALREADY_CLAIMED if row["claimed_before"] else row["failed"].split()[0]
            side, amount = Side(row["side"]), Eur.of(row["eur"])
            yield before, HistoryLine(f"d{row['id']}", row["at"], side, row["market"], None, amount, f"refused {code}")


def _trade_line(trade: Trade, earned: Mapping[int, Eur]) -> HistoryLine:
    state = trade.execution_state
    end = {
        ExecutionState.SUBMITTED: "RESTS",
        ExecutionState.PARTIALLY_FILLED: "PART, RESTS",
        ExecutionState.FILLED: "FILLED",
    }.get(state, str(state))
    if state is ExecutionState.CANCELED and trade.status is HistoryStatus.CONFIRMED:
        end = "PART, CANCELED"
    eur = trade.value if trade.quantity.is_positive else trade.ordered_eur
    result = earned.get(trade.execution_id)
    return HistoryLine(f"t{trade.id}", trade.at, trade.side, trade.market, trade, eur, end, earned=result)
