"""What runs the gauntlet: an idea to carry out, and what a contender holds to be true of the orders it sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Final, Protocol

from console.gauntlet.private import Clients
from storage.codes import OrderKind, OrderType, Side
from storage.market_models import Quote
from storage.money import Eur, Price, Quantity

MARKETS: Final = ("BTC-EUR", "ETH-EUR")
THROUGH: Final = Decimal("0.005")
AWAY: Final = Decimal("0.01")
"""How far through the book an order is priced that fills at once, and how far from it one that rests."""


@dataclass(frozen=True, slots=True)
class Idea:
    """What is to be bought, once. It may come again if a contender holds that there is no order."""

    market: str
    quantity: Quantity
    limit: Price
    rests: bool
    """Good till canceled and away from the book; otherwise immediate or cancel, through it."""

    side: Side = Side.BUY
    kind: OrderKind = OrderKind.ENTRY
    order_type: OrderType = OrderType.LIMIT

    @property
    def eur(self) -> Eur:
        """What it costs at its limit, without fee."""
        return self.quantity * self.limit


@dataclass(frozen=True, slots=True)
class Wish:
    """An idea before anybody looked at the market: 25 to 60 euros of it."""

    market: str
    eur: int
    rests: bool

    @classmethod
    def drawn(cls, chance: Random) -> Wish:
        """A wish by chance; one of three rests."""
        return cls(chance.choice(MARKETS), chance.randint(25, 60), chance.random() < 1 / 3)


async def idea_of(wish: Wish, clients: Clients) -> Idea:
    """The wish at the market's prices of this moment; everybody finds the same ones. Raises ExchangeError kinds."""
    quote: Quote = await clients.quotes.fetch(wish.market)
    if quote.rules is None or quote.ask is None or quote.bid is None:
        raise RuntimeError("a private exchange without faults shows every price")
    wanted = quote.bid.value * (1 - AWAY) if wish.rests else quote.ask.value * (1 + THROUGH)
    limit = Price(wanted).to_tick(quote.rules.tick_size, up=False)
    step = Decimal(1).scaleb(-quote.rules.quantity_decimals)
    return Idea(wish.market, Quantity((wish.eur / limit.value).quantize(step)), limit, wish.rests)


class Standing(Enum):
    """What a contender says of its idea."""

    NOT_THERE = "not there"
    """It holds that no order of it exists: the idea may come again."""
    UNSURE = "unsure"
    """It says that it does not know, and goes on looking."""
    FOLLOWED = "followed"
    """It knows an order that may still be filled."""
    ENDED = "ended"
    """It knows the order and its end."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of an order known to exist."""

    filled: Decimal
    """Coins."""
    ended: bool


@dataclass(frozen=True, slots=True)
class Belief:
    """What a contender holds at the end: orders it knows, by order id, and client order ids it says it is unsure of."""

    known: Mapping[str, Held] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()


class Contender(Protocol):
    """One way to get an order to an exchange."""

    async def propose(self, idea: Idea, begin: Callable[[], None]) -> Standing:
        """Carry an idea out; ``begin`` is called when nothing is left to do but to send it."""

    async def look(self) -> Standing:
        """What it does every few seconds from then on."""

    async def belief(self) -> Belief:
        """What it holds now."""

    async def aclose(self) -> None:
        """Let go of what is its own; the clients are not."""
