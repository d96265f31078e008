"""What everybody sees of a market, whoever made it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class PublicTrade:
    """A trade as everybody sees it; `side` is the taker's, the time market time in ms."""

    trade_id: str
    at_ms: int
    amount: Decimal
    price: Decimal
    side: str


@dataclass(frozen=True)
class Ghost:
    """An own order as everybody sees it in the book: side, price, and the amount left."""

    side: str
    price: Decimal
    amount: Decimal
