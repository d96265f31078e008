"""Price-time priority: which resting amounts an incoming order meets, planned before anything is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from console.paper.choices import EXECUTION_PROTECTION
from console.paper.decimals import ZERO, ceil_cents, floor_places
from console.paper.makers import Level


@dataclass(frozen=True)
class Resting:
    """An order of the account's own on the other side of the book."""

    order_id: str
    price: Decimal
    amount: Decimal


@dataclass(frozen=True)
class Incoming:
    """What arrives at the book. Exactly one of `amount` (base) and `quote` is set; `limit` only for limit orders.

    `places` is the market's number of amount decimals, `fee` the taker's rate: a buy by quote pays its fee from the
    quote it states.
    """

    side: str
    limit: Decimal | None
    amount: Decimal | None
    quote: Decimal | None
    places: int
    fee: Decimal
    self_trade: str = "decrementAndCancel"


@dataclass(frozen=True)
class Match:
    """A trade with the makers."""

    price: Decimal
    amount: Decimal


@dataclass(frozen=True)
class SelfTrade:
    """A meeting with an own order: no trade. Each side loses what is stated; None closes the order."""

    order_id: str
    resting_loses: Decimal | None
    incoming_loses: Decimal | None


@dataclass
class Plan:
    """What happens in order; `done` if the incoming order found all it asked for."""

    steps: list[Match | SelfTrade] = field(default_factory=list)
    done: bool = False
    protected: bool = False
    self_canceled: bool = False

    @property
    def matches(self) -> list[Match]:
        """The trades alone."""
        return [step for step in self.steps if isinstance(step, Match)]


class _Demand:
    """How much of the incoming order is left, in base or in quote."""

    def __init__(self, order: Incoming) -> None:
        self.order = order
        self.amount = order.amount
        self.quote = order.quote

    def share(self, price: Decimal) -> Decimal:
        """The base amount still wanted at that price."""
        if self.amount is not None:
            return self.amount
        assert self.quote is not None  # noqa: S101 - one of the two is always set
        rate = 1 + self.order.fee if self.order.side == "buy" else Decimal(1)
        return floor_places(self.quote / rate / price, self.order.places)

    def take(self, price: Decimal, amount: Decimal) -> None:
        """Count an amount as found."""
        if self.amount is not None:
            self.amount -= amount
        elif self.quote is not None:
            gross = price * amount
            self.quote -= ceil_cents(gross * (1 + self.order.fee)) if self.order.side == "buy" else gross


def crosses(side: str, limit: Decimal | None, price: Decimal) -> bool:
    """Whether an order of that side and limit (None: any price) trades at a price."""
    return limit is None or (price <= limit if side == "buy" else price >= limit)


def plan(order: Incoming, makers: Sequence[Level], own: Sequence[Resting]) -> Plan:
    """Walk the queue the order meets until it has what it wants or nothing acceptable is left."""
    result, demand = Plan(), _Demand(order)
    best: Decimal | None = None
    for price, amount, own_id in _queue(order.side, makers, own):
        best = price if best is None else best
        if not crosses(order.side, order.limit, price):
            break
        if order.limit is None and abs(price - best) > best * EXECUTION_PROTECTION.value:
            result.protected = True
            break
        wanted = demand.share(price)
        if wanted <= 0:
            result.done = True
            break
        if own_id is not None:
            step = _self_trade(order.self_trade, own_id, amount, wanted)
            result.steps.append(step)
            if step.incoming_loses is None:
                result.self_canceled = True
                break
            demand.take(price, step.incoming_loses)
            continue
        traded = min(wanted, amount)
        if traded > 0:
            result.steps.append(Match(price, traded))
            demand.take(price, traded)
        if traded == wanted:
            result.done = True
            break
    return result


def _queue(side: str, makers: Sequence[Level], own: Sequence[Resting]) -> list[tuple[Decimal, Decimal, str | None]]:
    """(price, amount, own order id) best first; of one price an own order stands first.

    Makers quote anew at every step, so an order that already rests is always the older one.
    """
    entries: list[tuple[Decimal, Decimal, str | None]] = [(each.price, each.amount, each.order_id) for each in own]
    entries += [(level.price, level.amount, None) for level in makers]
    return sorted(entries, key=lambda entry: entry[0], reverse=side == "sell")


def _self_trade(rule: str, order_id: str, resting: Decimal, wanted: Decimal) -> SelfTrade:
    """The four preventions: the amounts each side loses without trading, None where it is canceled."""
    if rule == "cancelOldest":
        return SelfTrade(order_id, None, ZERO)
    if rule == "cancelNewest":
        return SelfTrade(order_id, ZERO, None)
    if rule == "cancelBoth":
        return SelfTrade(order_id, None, None)
    if resting <= wanted:
        # Equal amounts cancel each other out.
        return SelfTrade(order_id, None, None if resting == wanted else resting)
    return SelfTrade(order_id, wanted, None)
