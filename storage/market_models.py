"""What an exchange says of its markets. All frozen; times in microseconds UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from storage.clock import Micros
from storage.codes import Side
from storage.money import Eur, Price, Quantity


@dataclass(frozen=True, slots=True)
class MarketRules:
    """What the exchange accepts in one market, from its list of markets."""

    market: str
    base: str
    quote: str
    status: str
    minimum_quantity: Quantity
    minimum_value: Eur
    maximum_quantity: Quantity
    quantity_decimals: int
    tick_size: Price
    order_types: frozenset[str]
    maximum_open_orders: int


@dataclass(frozen=True, slots=True)
class Level:
    """One price level of a book."""

    price: Price
    quantity: Quantity


@dataclass(frozen=True, slots=True)
class ClockSample:
    """The exchange's time at one instant of this process's monotonic clock."""

    exchange_at: Micros
    monotonic: float


@dataclass(frozen=True, slots=True)
class Quote:
    """What was fetched from the exchange before a decision, with the monotonic second of each part.

    A part that could not be fetched is None, and every check that needs it fails.
    """

    market: str
    rules: MarketRules | None
    bids: tuple[Level, ...]
    """Best first."""
    asks: tuple[Level, ...]
    """Best first."""
    last: Price | None
    book_confirmed: float | None
    """Monotonic second at which the book was last known to be current."""
    available_eur: Eur | None
    available_base: Quantity | None
    balance_fetched: float | None
    balance_fetched_at: Micros | None
    """Wall time of the balance fetch, taken before the request left."""
    taker_fee: Decimal | None
    """The account's taker fee as a fraction, such as 0.0025."""
    other_bids: Mapping[str, Price]
    """Best bids of the other markets, to value what is held there."""
    clock: ClockSample | None

    @property
    def bid(self) -> Price | None:
        """The best bid, if there is one."""
        return self.bids[0].price if self.bids else None

    @property
    def ask(self) -> Price | None:
        """The best ask, if there is one."""
        return self.asks[0].price if self.asks else None


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle; ``at`` is its opening time in microseconds."""

    at: Micros
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Quantity


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """One trade of a market, whoever made it; ``side`` is that of the order that took, ``at`` in microseconds."""

    at: Micros
    side: Side
    price: Price
    quantity: Quantity
