"""Quotes: everything the gate needs from the exchange, fetched together before a decision, with its age.

A part that cannot be fetched is None; the check that needs it then fails. Nothing is fetched between fire and claim.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Final, TypeVar

from console.exchange.errors import ExchangeError
from console.exchange.readonly import Balances, BookView, ReadOnlyClient
from storage.clock import Clock
from storage.market_models import ClockSample, MarketRules, Quote
from storage.money import Eur, Price, Quantity

T = TypeVar("T")

RULES_LIVE: Final = 60.0
FEE_LIVES: Final = 600.0
CLOCK_LIVES: Final = 20.0
"""Seconds after which market rules, the account's fee and the exchange's time are asked for again."""

log = logging.getLogger(__name__)


class Quotes:
    """Fetches quotes through the read-only client, and remembers what changes slowly.

    ``streamed`` gives a market's book where a stream has it and knows it to be right: that one is not asked for.
    """

    def __init__(self, client: ReadOnlyClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self.streamed: Callable[[str], BookView | None] = lambda _market: None
        self.rules: dict[str, MarketRules] = {}
        self.latest: dict[str, Quote] = {}
        self.answered: float | None = None
        self.problem: str | None = None
        self._rules_at: float | None = None
        self._fee: Decimal | None = None
        self._fee_at: float | None = None
        self._sample: ClockSample | None = None

    async def fetch(self, market: str) -> Quote:
        """A fresh quote of one market; also kept as its latest."""
        return (await self.fetch_all([market]))[market]

    async def fetch_all(self, markets: Iterable[str]) -> dict[str, Quote]:
        """Fresh quotes of several markets with one balance, one list of best prices and one clock for all."""
        wanted = list(dict.fromkeys(markets))
        (balances, best, last, _, _), books = await asyncio.gather(
            asyncio.gather(
                self._part(self._client.balances),
                self._part(self._client.best_quotes),
                self._part(self._client.last_prices),
                self._slow_parts(),
                self._time(),
            ),
            asyncio.gather(*(self._book(market) for market in wanted)),
        )
        bids = {market: bid for market, (bid, _) in best.items() if bid is not None} if best is not None else {}
        made = {}
        for market, book in zip(wanted, books, strict=True):
            quote = self._quote(market, book, balances, bids, None if last is None else last.get(market))
            made[market] = _with_newer_book(quote, self.latest.get(market))
        self.latest.update(made)
        return made

    def take_books(self, books: Iterable[BookView]) -> None:
        """Put newer books into the quotes that are known. Every other part keeps its age."""
        for book in books:
            known = self.latest.get(book.market)
            if known is None or (known.book_confirmed is not None and known.book_confirmed >= book.fetched):
                continue
            self.latest[book.market] = replace(known, bids=book.bids, asks=book.asks, book_confirmed=book.fetched)

    async def _book(self, market: str) -> BookView | None:
        known = self.streamed(market)
        return await self._part(partial(self._client.book, market)) if known is None else known

    async def _slow_parts(self) -> None:
        now = self._clock.monotonic()
        if self._rules_at is None or now - self._rules_at > RULES_LIVE:
            rules = await self._part(self._client.markets)
            self.rules, self._rules_at = ({}, None) if rules is None else (rules, now)
        if self._fee_at is None or now - self._fee_at > FEE_LIVES:
            self._fee = await self._part(self._client.taker_fee)
            self._fee_at = None if self._fee is None else now

    async def _time(self) -> None:
        now = self._clock.monotonic()
        if self._sample is None or now - self._sample.monotonic > CLOCK_LIVES:
            newer = await self._part(self._client.time)
            # The one before stands until the gate finds it too old.
            self._sample = self._sample if newer is None else newer

    async def _part(self, fetch: Callable[[], Awaitable[T]]) -> T | None:
        # Given as a function: a coroutine would be left behind by a fetch that is canceled before it begins.
        try:
            part = await fetch()
        except ExchangeError as error:
            self.problem = str(error)
            log.warning("a part of a quote is missing: %s", error)
            return None
        self.answered, self.problem = self._clock.monotonic(), None
        return part

    def _quote(
        self,
        market: str,
        book: BookView | None,
        balances: Balances | None,
        bids: dict[str, Price],
        last: Price | None,
    ) -> Quote:
        base = market.partition("-")[0]
        return Quote(
            market=market,
            rules=self.rules.get(market),
            bids=() if book is None else book.bids,
            asks=() if book is None else book.asks,
            last=last,
            book_confirmed=None if book is None else book.fetched,
            available_eur=None if balances is None else Eur(_available(balances, "EUR")),
            available_base=None if balances is None else Quantity(_available(balances, base)),
            balance_fetched=None if balances is None else balances.fetched,
            balance_fetched_at=None if balances is None else balances.fetched_at,
            taker_fee=self._fee,
            other_bids={other: bid for other, bid in bids.items() if other != market},
            clock=self._sample,
        )


def _with_newer_book(quote: Quote, known: Quote | None) -> Quote:
    """The quote with the book that was heard of while its other parts were fetched; one without a book stays so."""
    if known is None or known.book_confirmed is None or quote.book_confirmed is None:
        return quote
    if known.book_confirmed <= quote.book_confirmed:
        return quote
    return replace(quote, bids=known.bids, asks=known.asks, book_confirmed=known.book_confirmed)


def _available(balances: Balances, symbol: str) -> Decimal:
    # The exchange lists what is above zero only: a symbol it does not list is a balance of zero.
    balance = balances.by_symbol.get(symbol)
    return Decimal(0) if balance is None else balance.available
