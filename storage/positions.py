"""What this vault bought and still holds, first in first out, and what its sells earned."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from storage.clock import Micros
from storage.codes import Side
from storage.execution_models import Fill, Lot, Position, Realised
from storage.money import EXACT, Eur, Quantity

SHARE: Final = Decimal("1e-30")
"""To what a share of a cost is rounded, EUR."""


@dataclass(frozen=True, slots=True)
class Book:
    """The positions by market (those with open lots), and the result of every sell, oldest first."""

    positions: Mapping[str, Position]
    realised: tuple[Realised, ...]


def replay(fills: Iterable[Fill]) -> Book:
    """Run all fills, oldest first, through first-in-first-out lots.

    Fees are part of cost and taken off proceeds; an unsettled fee counts as zero until it is known. One taken in coins
    makes the lot smaller, so that the coins that came cost all that was paid, or adds to what a sell takes. Selling
    more than was bought here sells coins from elsewhere, which have no cost: they yield no result.
    """
    lots: dict[str, deque[Lot]] = {}
    results: list[Realised] = []
    for fill in fills:
        queue = lots.setdefault(fill.market, deque())
        value = fill.quantity * fill.price
        if fill.side is Side.BUY:
            queue.append(Lot(fill.at, fill.coins, value + fill.euro_fee))
        else:
            result = _sell(queue, fill.coins, value - fill.euro_fee)
            if result is not None:
                results.append(
                    Realised(fill.at, fill.market, result, closing=not queue, execution_id=fill.execution_id)
                )
    held = {market: Position(market, tuple(queue)) for market, queue in lots.items() if queue}
    return Book(held, tuple(results))


def _sell(queue: deque[Lot], quantity: Quantity, proceeds: Eur) -> Eur | None:
    remaining, cost = quantity, Eur.zero()
    while queue and remaining.is_positive:
        lot = queue.popleft()
        if lot.quantity <= remaining:
            remaining, cost = remaining - lot.quantity, cost + lot.cost
        else:
            share = _part(lot.cost, remaining, lot.quantity)
            queue.appendleft(Lot(lot.at, lot.quantity - remaining, lot.cost - share))
            remaining, cost = Quantity.zero(), cost + share
    sold = quantity - remaining
    if sold.is_zero:
        return None
    return (proceeds if remaining.is_zero else _part(proceeds, sold, quantity)) - cost


def _part(amount: Eur, part: Quantity, whole: Quantity) -> Eur:
    """``amount`` times ``part`` by ``whole``, divided last: exact wherever the result has an end within 30 decimals.

    Rounded there, so that what is taken off and what is left add up to the whole again, to the last digit.
    """
    share = EXACT.divide(EXACT.multiply(amount.value, part.value), whole.value)
    return Eur(share.quantize(SHARE, context=EXACT))


def last_close_at_loss(book: Book, market: str) -> Micros | None:
    """When the market's newest sell closed its position at a loss; None if it did not, or there was none.

    A sell is its order with all fills: the last of them alone may have won what the others lost.
    """
    sold = [result for result in book.realised if result.market == market]
    if not sold or not sold[-1].closing:
        return None
    whole = Eur.total(each.result for each in sold if each.execution_id == sold[-1].execution_id)
    return sold[-1].at if whole < Eur.zero() else None
