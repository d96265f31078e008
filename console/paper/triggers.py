"""When a stop-loss or take-profit order is triggered."""

from __future__ import annotations

from decimal import Decimal

from console.paper.book import LiveMarket
from console.paper.store import Order


def reference_price(market: LiveMarket, reference: str) -> Decimal | None:
    """What a trigger looks at: lastTrade, bestBid, bestAsk or midPrice; None while the book has no such price."""
    if reference == "lastTrade":
        return market.last_price
    bid, ask = market.best("buy"), market.best("sell")
    if reference == "bestBid":
        return bid
    if reference == "bestAsk":
        return ask
    return None if bid is None or ask is None else (bid + ask) / 2


def reached(order: Order, market: LiveMarket) -> bool:
    """A stop-loss triggers where the price is equal or worse (sell: not above, buy: not below), a take-profit where
    it is equal or better (sell: not below, buy: not above).
    """
    if order.trigger_amount is None or order.trigger_reference is None:
        return False
    price = reference_price(market, order.trigger_reference)
    if price is None:
        return False
    falls = order.order_type.startswith("stopLoss") == (order.side == "sell")
    return price <= order.trigger_amount if falls else price >= order.trigger_amount
