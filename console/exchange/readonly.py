"""The client that reads: markets, prices, the account. It cannot place, cancel or list orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import httpx

from console.exchange.address import Address
from console.exchange.errors import ExchangeUnreadable, WrongExchange, parse_json
from console.exchange.exchange_time import Ticking
from console.exchange.models import (
    AccountPayload,
    BalancePayload,
    BestQuotePayload,
    BookPayload,
    HistoryPagePayload,
    HistoryPayload,
    LastPricePayload,
    MarketPayload,
    PublicTradePayload,
    TimePayload,
    read_candles,
)
from console.exchange.reader import Reader
from console.exchange.routes import READONLY
from console.exchange.signing import KeyPair
from console.exchange.transport import Answer, Query, Transport
from console.exchange.weights import Lane, WeightBudget
from console.exchange.wire import read_all, read_most, read_one
from storage.clock import Micros
from storage.codes import Mode
from storage.flows import AccountMove
from storage.market_models import Candle, ClockSample, Level, MarketRules, PublicTrade
from storage.money import Eur, Price, Quantity

SIMULATED_HEADER: Final = "x-simulated-exchange"
"""Every JSON answer of a simulated exchange carries its id in this header; Bitvavo sends no such header."""

TIME_S: Final = 1.5
"""An answer about the time that takes longer is thrown away: half the trip is what the sample may be wrong by."""

EURO: Final = "EUR"

PAGE: Final = 100
MOST_PAGES: Final = 40
TRADES: Final = frozenset({"buy", "sell"})


@dataclass(frozen=True, slots=True)
class BookView:
    """A book, best levels first, and the monotonic second before it was asked for."""

    market: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    fetched: float


@dataclass(frozen=True, slots=True)
class Balance:
    """One symbol: what is free, and what resting orders hold."""

    available: Decimal
    in_order: Decimal


@dataclass(frozen=True, slots=True)
class Balances:
    """Every symbol the account has something of, with the times from before the request left."""

    by_symbol: Mapping[str, Balance]
    fetched: float
    """Monotonic second."""
    fetched_at: Micros
    """Wall time."""

    @property
    def available_eur(self) -> Eur:
        """Free euros; a symbol that is not listed is one the account has nothing of."""
        return Eur(self._of(EURO).available)

    def available(self, symbol: str) -> Quantity:
        """Free coins of a symbol."""
        return Quantity(self._of(symbol).available)

    def _of(self, symbol: str) -> Balance:
        return self.by_symbol.get(symbol, Balance(Decimal(0), Decimal(0)))


class ReadOnlyClient:
    """Public data and the account's balance and fee, with the read-only key. All reads raise ExchangeError kinds."""

    def __init__(
        self,
        address: Address,
        keys: KeyPair | None,
        budget: WeightBudget,
        ticking: Ticking,
        *,
        trade_fingerprint: str | None = None,
        http: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """``trade_fingerprint`` is needed in LIVE, where the keys are the exchange's identity."""
        self.transport = Transport(address, READONLY, keys, http=http)
        self._reader = Reader(self.transport, budget, ticking)
        self._ticking = ticking
        self._trade_fingerprint = trade_fingerprint

    async def aclose(self) -> None:
        """Close the connections."""
        await self.transport.aclose()

    async def time(self) -> ClockSample:
        """The exchange's time at the middle of the request; signing uses it from now on."""
        sample, _ = await self._time()
        return sample

    async def identity(self) -> str:
        """Which exchange this is: ``simulated:ID``, or in LIVE ``bitvavo:READONLY/TRADE`` (key fingerprints).

        Raises WrongExchange if what answers is not the exchange of this address's mode.
        """
        _, answer = await self._time()
        simulated = answer.headers.get(SIMULATED_HEADER)
        if self.transport.address.mode is Mode.PAPER:
            if not simulated:
                raise WrongExchange(f"What answers at {self.transport.address.rest} is no simulated exchange.")
            return f"simulated:{simulated}"
        if simulated is not None:
            raise WrongExchange("A simulated exchange answers in Bitvavo's place.")
        if self.transport.fingerprint is None or self._trade_fingerprint is None:
            raise WrongExchange("LIVE needs both key pairs: their fingerprints say whose account it is.")
        return f"bitvavo:{self.transport.fingerprint}/{self._trade_fingerprint}"

    async def markets(self, *, lane: Lane = Lane.RECONCILE) -> dict[str, MarketRules]:
        """The rules of every market quoted in euros; one whose entry cannot be read is missing."""
        rows = read_most(MarketPayload, await self._reader.get("/markets", lane=lane), "market")
        return {row.market: row.rules() for row in rows if row.quote == EURO}

    async def book(self, market: str, depth: int = 25, *, lane: Lane = Lane.RECONCILE) -> BookView:
        """The book of one market, at most ``depth`` levels a side."""
        fetched = self._ticking.clock.monotonic()
        value = await self._reader.get(f"/{market}/book", [("depth", depth)], lane=lane)
        payload = read_one(BookPayload, value, "book")
        if payload.market != market:
            raise ExchangeUnreadable(f"Asked for the book of {market}, the exchange sent that of {payload.market}.")
        bids, asks = payload.levels()
        return BookView(market, bids, asks, fetched)

    async def last_prices(self, *, lane: Lane = Lane.RECONCILE) -> dict[str, Price]:
        """The last trade's price of every euro market that has one."""
        rows = read_most(LastPricePayload, await self._reader.get("/ticker/price", lane=lane), "price")
        return {row.market: Price(row.price) for row in rows if row.price is not None and _in_euros(row.market)}

    async def best_quotes(self, *, lane: Lane = Lane.RECONCILE) -> dict[str, tuple[Price | None, Price | None]]:
        """(bid, ask) of every euro market; None for an empty side."""
        rows = read_most(BestQuotePayload, await self._reader.get("/ticker/book", lane=lane), "quote")
        return {row.market: (_price(row.bid), _price(row.ask)) for row in rows if _in_euros(row.market)}

    async def candles(self, market: str, interval: str, limit: int, *, lane: Lane = Lane.SCAN) -> tuple[Candle, ...]:
        """At most ``limit`` candles (1 to 1440), oldest first. A period without trades has none."""
        query: Query = [("interval", interval), ("limit", limit)]
        return read_candles(await self._reader.get(f"/{market}/candles", query, lane=lane))

    async def trades(self, market: str, limit: int, *, lane: Lane = Lane.SCAN) -> tuple[PublicTrade, ...]:
        """The market's last trades, whoever made them, at most ``limit`` (1 to 1000), newest first."""
        value = await self._reader.get(f"/{market}/trades", [("limit", limit)], lane=lane, weight=5)
        return tuple(row.trade() for row in read_all(PublicTradePayload, value, "trades"))

    async def balances(self, *, lane: Lane = Lane.RECONCILE) -> Balances:
        """What the account has."""
        fetched, fetched_at = self._ticking.clock.monotonic(), self._ticking.clock.now()
        value = await self._reader.get("/balance", lane=lane, weight=5, signed=True)
        rows = read_all(BalancePayload, value, "balance")
        by_symbol = {row.symbol: Balance(row.available, row.in_order) for row in rows}
        if len(by_symbol) != len(rows):
            raise ExchangeUnreadable("The exchange's balance lists a symbol twice.")
        return Balances(by_symbol, fetched, fetched_at)

    async def account_moves(self, since: Micros) -> tuple[AccountMove, ...]:
        """What moved the account at or after ``since`` and was no trade, read to the last page.

        Trades are left out: ours are known by their fills, and somebody else's are a difference for the operator. So
        is an entry that cannot be read: what it moved stays a difference.
        """
        moves: dict[str, AccountMove] = {}
        for page in range(1, MOST_PAGES + 1):
            query: Query = [("fromDate", max(since // 1000, 0)), ("maxItems", PAGE), ("page", page)]
            value = await self._reader.get("/account/history", query, lane=Lane.HISTORY, signed=True)
            found = read_one(HistoryPagePayload, value, "account history")
            for item in read_most(HistoryPayload, list(found.items), "account history"):
                if item.type not in TRADES:
                    moves.setdefault(item.transaction_id, item.move())
            if page >= found.total_pages:
                return tuple(moves.values())
        raise ExchangeUnreadable(f"The account's history has more than {MOST_PAGES} pages.")

    async def taker_fee(self, *, lane: Lane = Lane.RECONCILE) -> Decimal:
        """The account's taker fee as a fraction, such as 0.0025."""
        fee = read_one(AccountPayload, await self._reader.get("/account", lane=lane, signed=True), "account").fees.taker
        if fee >= 1:
            raise ExchangeUnreadable(f"The exchange's taker fee of {fee} is no fraction.")
        return fee

    async def _time(self) -> tuple[ClockSample, Answer]:
        """A sample of the exchange's clock, taken over at once, and the answer it came in."""
        timed = await self._reader.get_timed("/time", lane=Lane.ORDER, attempt_s=TIME_S)
        at = read_one(TimePayload, parse_json(timed.answer.body), "time").micros()
        sample = ClockSample(at, (timed.asked + timed.answered) / 2)
        self._ticking.time.learn(sample)
        return sample, timed.answer


def _price(value: Decimal | None) -> Price | None:
    return None if value is None else Price(value)


def _in_euros(market: str) -> bool:
    return market.endswith(f"-{EURO}")
