"""Price protection: what is canceled for its price alone, and the reason the order then shows."""

from __future__ import annotations

from decimal import Decimal

from console.paper.book import LiveMarket
from console.paper.choices import PLACEMENT_PROTECTION, REFERENCE_PROTECTION, SPREAD_PROTECTION
from console.paper.store import Order


def refused_price(order: Order, market: LiveMarket) -> str | None:
    """The restatementReason of an order that may not meet this book at all; None if it may.

    A market order is stopped by a wide spread and by a best price far from the last trade, a limit order by a limit
    far worse than the best opposite price.
    """
    best = market.best("sell" if order.side == "buy" else "buy")
    if best is None:
        return None
    if order.price is not None:
        worse = order.price - best if order.side == "buy" else best - order.price
        return "cancelOnPlacementPriceProtection" if worse > best * PLACEMENT_PROTECTION.value else None
    other = market.best(order.side)
    if other is not None and _spread(best, other) > SPREAD_PROTECTION.value:
        return "cancelOnSpreadProtection"
    if abs(best - market.last_price) > market.last_price * REFERENCE_PROTECTION.value:
        return "cancelOnReferencePriceProtection"
    return None


def _spread(one: Decimal, other: Decimal) -> Decimal:
    """The distance of two prices as a share of their middle."""
    return abs(one - other) * 2 / (one + other)
