"""The public routes: time, markets, prices, books, candles, trades."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from console.paper.book import DELISTED, LiveMarket
from console.paper.calls import Call, Route, points
from console.paper.candles import INTERVALS
from console.paper.decimals import text
from console.paper.engine import Engine
from console.paper.errors import invalid_value, refusal
from console.paper.order_fields import UUID_SHAPE, market_of

MAX_DEPTH: Final = 1000
ORDER_TYPES: Final = ["market", "limit", "stopLoss", "stopLossLimit", "takeProfit", "takeProfitLimit"]
DAY_MS: Final = 86_400_000
"""The longest stretch of public trades one request may ask for."""


def _time(engine: Engine, call: Call) -> dict[str, int]:
    now = engine.clock.now() + call.skew_ms * 1000
    return {"time": now // 1000, "timeNs": now * 1000}


def _padded(value: Decimal) -> str:
    return format(value, "f")


def _market(market: LiveMarket) -> dict[str, Any]:
    spec = market.spec
    return {
        "market": spec.market,
        "status": market.status,
        "base": spec.base,
        "quote": spec.quote,
        "pricePrecision": None,
        "minOrderInBaseAsset": _padded(spec.min_base),
        "minOrderInQuoteAsset": _padded(spec.min_quote),
        "maxOrderInBaseAsset": _padded(spec.max_amount),
        "maxOrderInQuoteAsset": _padded(spec.max_amount),
        "quantityDecimals": spec.quantity_decimals,
        "notionalDecimals": spec.notional_decimals,
        "tickSize": _padded(spec.tick),
        "maxOpenOrders": spec.max_open_orders,
        "feeCategory": "A",
        "orderTypes": ORDER_TYPES,
    }


def _markets(engine: Engine, call: Call) -> Any:
    engine.advance()
    listed = {name: each for name, each in engine.markets.items() if each.state != DELISTED}
    if "market" not in call.params:
        return [_market(each) for each in listed.values()]
    if call.params["market"] not in listed:
        raise refusal(205, "market")
    return _market(listed[call.params["market"]])


def chosen(engine: Engine, call: Call) -> tuple[list[LiveMarket], bool]:
    """The markets a ticker is asked for, and whether it was one by name."""
    engine.advance()
    if "market" in call.params:
        return [engine.markets[market_of(call.params["market"]).market]], True
    return list(engine.markets.values()), False


def _ticker_price(engine: Engine, call: Call) -> Any:
    markets, single = chosen(engine, call)
    # A market of which no price is known has a row without one.
    rows = [
        {"market": each.spec.market} | ({"price": text(each.last_price)} if each.last_price > 0 else {})
        for each in markets
    ]
    return rows[0] if single else rows


def ticker_row(market: LiveMarket) -> dict[str, Any]:
    """Market, best bid and ask with their sizes; null where there is none."""
    bids, asks = ([], []) if market.halted else (market.levels("buy", 1), market.levels("sell", 1))
    bid, bid_size = bids[0] if bids else (None, None)
    ask, ask_size = asks[0] if asks else (None, None)
    return {"market": market.spec.market, "bid": bid, "bidSize": bid_size, "ask": ask, "askSize": ask_size}


def _ticker_book(engine: Engine, call: Call) -> Any:
    markets, single = chosen(engine, call)
    rows = [ticker_row(each) for each in markets]
    return rows[0] if single else rows


def _live(engine: Engine, call: Call) -> LiveMarket:
    spec = market_of(call.market)
    engine.advance()
    return engine.markets[spec.market]


def _book(engine: Engine, call: Call) -> dict[str, Any]:
    market = _live(engine, call)
    if market.halted:
        raise refusal(431, market.spec.market)
    depth = call.integer("depth", 1, MAX_DEPTH, MAX_DEPTH)
    return {
        "market": market.spec.market,
        "nonce": engine.books[market.spec.market].publish(),
        "bids": market.levels("buy", depth),
        "asks": market.levels("sell", depth),
        "timestamp": market.at_us * 1000,
    }


def _candles(engine: Engine, call: Call) -> list[list[int | str]]:
    market = _live(engine, call)
    interval = call.params.get("interval")
    if interval is None:
        raise refusal(203, "interval")
    if interval not in INTERVALS:
        raise refusal(205, "interval")
    limit = call.integer("limit", 1, 1440, 1440)
    return market.candles.listing(interval, limit, *call.bounds())


def _trade_id(call: Call, name: str, default: str) -> str:
    """A trade's id as a bound, which an id of later trades exceeds; 205 for what is none."""
    sent = call.params.get(name)
    if sent is None:
        return default
    if not UUID_SHAPE.fullmatch(sent):
        raise refusal(205, name)
    return str(sent).lower()


def _public_trades(engine: Engine, call: Call) -> list[dict[str, Any]]:
    market = _live(engine, call)
    limit = call.integer("limit", 1, 1000, 500)
    start, end = call.bounds()
    if "start" in call.params and "end" in call.params and end - start > DAY_MS:
        raise invalid_value("end", end)
    first, last = (_trade_id(call, name, default) for name, default in (("tradeIdFrom", ""), ("tradeIdTo", "~")))
    found = [
        {
            "id": trade.trade_id,
            "timestamp": trade.at_ms,
            "amount": text(trade.amount),
            "price": text(trade.price),
            "side": trade.side,
        }
        for trade in reversed(market.trades)
        if start <= trade.at_ms <= end and first <= trade.trade_id <= last
    ]
    return found[:limit]


ROUTES: Final = (
    Route("GET", "/time", points(1), None, _time),
    Route("GET", "/markets", points(1), None, _markets, frozenset({"market"})),
    Route("GET", "/ticker/price", points(1), None, _ticker_price, frozenset({"market"})),
    Route("GET", "/ticker/book", points(1), None, _ticker_book, frozenset({"market"})),
    Route("GET", "/{market}/book", points(1), None, _book, frozenset({"depth"})),
    Route(
        "GET", "/{market}/candles", points(1), None, _candles, frozenset({"interval", "limit", "start", "end"})
    ),
    Route(
        "GET", "/{market}/trades", points(5), None, _public_trades,
        frozenset({"limit", "start", "end", "tradeIdFrom", "tradeIdTo"}),
    ),
)  # fmt: skip
