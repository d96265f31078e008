"""The history deeper than its newest lines: a window of pages that moves along, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING, Final, TypeAlias

from console import format as fmt
from console.panes.history import Past
from storage.clock import DAY, Micros

if TYPE_CHECKING:  # the first frame waits for this module: what reads the vault is imported when a page is
    from console.past import HistoryLine, Page, Place
    from console.state import ConsoleState
    from storage.money import Price

PAGES_MOST: Final = 6
"""Pages held at once; the newest of them goes when an older one comes."""

Reader: TypeAlias = "Callable[[Place], Awaitable[Page]]"
"""Reads the page that begins at a place."""


class Deeper:
    """What is loaded beside the newest lines of the state: pages without a gap, and where those before them began."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.reading = False
        self._closed = 0
        """How often it was closed."""
        self._above: list[Place] = []
        """Where the pages began that were let go at the upper end, oldest page last."""
        self._shown: tuple[object, tuple[HistoryLine, ...]] | None = None
        self._days: tuple[object, Mapping[str, tuple[int, Micros]]] | None = None

    @property
    def at_end(self) -> bool:
        """Whether the oldest line of the vault is loaded."""
        return bool(self.pages) and self.pages[-1].then is None

    @property
    def detached(self) -> bool:
        """Whether newer lines than those loaded were let go."""
        return bool(self._above)

    async def older(self, read: Reader) -> None:
        """Load the next page below, unless it is the last one already."""
        from console.past import FIRST

        if self.reading or self.at_end:
            return
        start = FIRST if not self.pages else self.pages[-1].then
        for page in await self._read(read, FIRST if start is None else start):
            self.pages.append(page)
            if len(self.pages) > PAGES_MOST:
                self._above.append(self.pages.pop(0).start)

    async def newer(self, read: Reader) -> None:
        """Load the page above again that was let go."""
        if self.reading or not self._above:
            return
        for page in await self._read(read, self._above[-1]):
            self._above.pop()
            self.pages = [page, *self.pages][:PAGES_MOST]

    async def renew(self, read: Reader) -> None:
        """Read what is loaded once more, as it has changed."""
        if not self.reading and self.pages:
            self.pages = await self._read(read, self.pages[0].start, len(self.pages)) or self.pages

    def close(self) -> None:
        """Back to the newest lines; everything else is let go, and so is what is being read."""
        self.pages, self._above = [], []
        self._closed += 1

    async def _read(self, read: Reader, start: Place, count: int = 1) -> list[Page]:
        """Pages one after the other; none where the window was closed meanwhile: they would lie behind a gap then."""
        self.reading, closed = True, self._closed
        try:
            found = [await read(start)]
            while len(found) < count and (then := found[-1].then) is not None:
                found.append(await read(then))
        finally:
            self.reading = False
        return found if closed == self._closed else []

    # ---- what it shows

    def outdated(self, state: ConsoleState) -> bool:
        """Whether a line says of an order that it rests or is UNKNOWN that does so no longer, or a line is missing."""
        if not self.pages:
            return False
        open_still = {execution.id for execution in (*state.resting, *state.unknown)}
        newest = {line.key for line in state.history}
        unsettled = (
            line.trade.execution_id
            for page in self.pages
            for line in page.lines
            if line.trade is not None and line.end in UNSETTLED and line.key not in newest
        )
        if any(execution not in open_still for execution in unsettled):
            return True
        return not self.detached and bool(state.history) and state.history[-1].at > self.pages[0].read_at

    def lines(self, state: ConsoleState) -> tuple[HistoryLine, ...]:
        """What is loaded, newest first, with the bids of now; the state's own lines are the newer word."""
        if not self.pages:
            return state.history
        known = (state.read_at, state.history, tuple(map(id, self.pages)))
        if self._shown is None or self._shown[0] != known:
            self._shown = (known, self._merged(state))
        return self._shown[1]

    def _merged(self, state: ConsoleState) -> tuple[HistoryLine, ...]:
        from console.past import EXPIRED, with_bid

        bids: dict[str, Price] = {}
        for quote in state.quotes.values():
            bids |= {**quote.other_bids, **({} if quote.bid is None else {quote.market: quote.bid})}
        counted = self.pages[0].read_at - DAY  # ideas that expired before this are in the page's count already
        newest = {line.key: line for line in state.history if line.end != EXPIRED or line.at >= counted}
        older = {line.key: with_bid(replace(line, since=None), bids) for page in self.pages for line in page.lines}
        if self.detached:
            return tuple(line for key, line in older.items() if key not in newest)
        return tuple(sorted((older | newest).values(), key=lambda line: line.at, reverse=True))

    def folded(self, zone: tzinfo) -> Mapping[str, tuple[int, Micros]]:
        """How many expired ideas of each day are only counted, and when the newest of them expired."""
        known = (zone, tuple(map(id, self.pages)))
        if self._days is None or self._days[0] != known:
            days: dict[str, tuple[int, Micros]] = {}
            for at in (at for page in self.pages for at in page.folded):
                count, newest = days.get(fmt.date(at, zone), (0, at))
                days[fmt.date(at, zone)] = (count + 1, newest)
            self._days = (known, days)
        return self._days[1]

    def past(self, state: ConsoleState, zone: tzinfo) -> Past:
        """What a pane needs to draw it."""
        from console.past import HISTORY_ROWS

        foot = ""
        if self.reading:
            foot = "reading older rows"
        elif self.at_end:
            foot = "no older rows"
        elif self.pages or len(state.history) >= HISTORY_ROWS:
            foot = "older rows: on down"
        head = "newer rows: on up, g for the newest" if self.detached else ""
        return Past(self.lines(state), self.folded(zone), head, foot, whole=self.at_end or not self.pages)


UNSETTLED: Final = frozenset({"RESTS", "PART, RESTS", "UNKNOWN"})
"""Ends of orders that have not ended."""
