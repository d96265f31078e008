"""What the account holds and what it is worth: the newest comparison's balances, moved on by our own later fills."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from storage.clock import DAY, MINUTE, Micros
from storage.database import Tx
from storage.execution_models import Fill
from storage.facts import all_fills
from storage.flows import Flow, account_flows
from storage.money import CURRENCY, EXACT, Eur, Price, Quantity
from storage.positions import Book, replay
from storage.stops import Stop, live_stops, uncovered

NEVER: Final[Micros] = 2**62
WITHIN: Final[Micros] = 10 * MINUTE
"""How long before a past moment its balances and prices may have been stored."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One coin. ``cost`` and ``result`` are of what this vault bought; coins from elsewhere have none."""

    market: str
    quantity: Quantity
    """All of it, also what an open sell holds."""
    bid: Price | None
    value: Eur | None
    """At the bid, without fee; None without a bid."""
    bought: Quantity
    cost: Eur | None
    result: Eur | None
    """Value at the bid less cost, fees of the buys included; None where nothing was bought or a bid is missing."""
    stops: tuple[Stop, ...] = ()
    """What waits at the exchange to sell of it."""

    @property
    def uncovered(self) -> Quantity:
        """What this vault bought of it and no stop loss would sell."""
        return uncovered(self.bought, self.stops)


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What the account holds. ``compared_at`` is the wall time of the comparison the balances come from."""

    compared_at: Micros | None
    """None before the first comparison with the exchange: then only what this vault bought is known."""
    eur: Eur | None
    """All euros, also those that open buys hold."""
    free: Eur | None
    """Euros free to spend, as the exchange said last."""
    free_fetched: float | None
    """Monotonic second of that answer."""
    holdings: tuple[Holding, ...]
    day_result: Eur
    """Realised in the last 24 h, after fees."""
    day_fees: Eur
    """Fees of the fills of the last 24 h that are known."""
    fees_unknown: int
    """Fills of the last 24 h whose fee is still to come."""

    @property
    def total(self) -> Eur | None:
        """Euros and coins at the bid; None where a part is not known."""
        if self.eur is None or any(holding.value is None for holding in self.holdings):
            return None
        return self.eur + Eur.total(holding.value for holding in self.holdings if holding.value is not None)


def read_portfolio(
    tx: Tx,
    bids: Mapping[str, Price],
    free: Eur | None = None,
    free_fetched: float | None = None,
    fills: list[Fill] | None = None,
) -> Portfolio:
    """The portfolio at ``tx.now``, coins by value. ``fills`` are all of the vault, oldest first, if read already."""
    known = all_fills(tx) if fills is None else fills
    book = replay(known)
    row = tx.sql.one("sweep_balances")
    totals = _bought(book) if row is None else _moved_on(row, NEVER, known, account_flows(tx))
    today, stops = [fill for fill in known if fill.at > tx.now - DAY], live_stops(tx)
    holdings = [
        _holding(symbol, amount, book, bids, stops)
        for symbol, amount in totals.items()
        if symbol != CURRENCY and amount > 0
    ]
    return Portfolio(
        compared_at=None if row is None else row["finished_at"],
        eur=None if row is None else Eur(totals.get(CURRENCY, Decimal(0))),
        free=free,
        free_fetched=free_fetched,
        holdings=tuple(sorted(holdings, key=_by_value)),
        day_result=Eur.total(result.result for result in book.realised if result.at > tx.now - DAY),
        day_fees=Eur.total(fill.fee for fill in today if fill.fee is not None),
        fees_unknown=sum(fill.fee is None for fill in today),
    )


def worth_at(tx: Tx, at: Micros, fills: list[Fill]) -> Eur | None:
    """Euros and coins, at the bids of the looks of that time; None where a part of it was not stored then.

    Both the comparison and the look at each market that is held must lie within ``WITHIN`` before ``at``.
    """
    row = tx.sql.one("sweep_balances_at", at=at, since=at - WITHIN)
    if row is None:
        return None
    totals = _moved_on(row, at, fills, account_flows(tx))
    looks = tx.sql.all("looks_between", since=at - WITHIN, at=at)
    bids = {look["market"]: json.loads(look["numbers"]).get("bid") for look in looks}  # the newest of each comes last
    worth = Eur(totals.pop(CURRENCY, Decimal(0)))
    for symbol, amount in totals.items():
        bid = bids.get(f"{symbol}-{CURRENCY}")
        if amount <= 0:
            continue
        if bid is None:
            return None
        worth += Quantity(amount) * Price.of(bid)
    return worth


def _moved_on(sweep: sqlite3.Row, until: Micros, fills: list[Fill], flows: list[Flow]) -> dict[str, Decimal]:
    """Totals by symbol: as compared, with our own fills and the account's flows from then to ``until``."""
    totals = {symbol: Decimal(text) for symbol, text in json.loads(sweep["balances"]).items()}
    since = sweep["finished_at"]
    for fill in fills:
        if not since < fill.at <= until:
            continue
        for symbol, change in fill.moved().items():
            totals[symbol] = EXACT.add(totals.get(symbol, Decimal(0)), change)
    for flow in flows:
        if since < flow.at <= until:
            totals[flow.symbol] = EXACT.add(totals.get(flow.symbol, Decimal(0)), flow.amount)
    return totals


def _bought(book: Book) -> dict[str, Decimal]:
    return {market.partition("-")[0]: position.quantity.value for market, position in book.positions.items()}


def _holding(symbol: str, amount: Decimal, book: Book, bids: Mapping[str, Price], stops: tuple[Stop, ...]) -> Holding:
    market = f"{symbol}-{CURRENCY}"
    quantity, bid, position = Quantity(amount), bids.get(market), book.positions.get(market)
    value = None if bid is None else quantity * bid
    if position is None:
        return Holding(market, quantity, bid, value, Quantity.zero(), None, None)
    result = None if bid is None else position.quantity * bid - position.cost
    waiting = tuple(stop for stop in stops if stop.market == market)
    return Holding(market, quantity, bid, value, position.quantity, position.cost, result, waiting)


def _by_value(holding: Holding) -> tuple[Decimal, str]:
    return (Decimal(0) if holding.value is None else -holding.value.value, holding.market)
