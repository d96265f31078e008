"""The public routes about a whole day and about assets: `ticker/24h` and `assets`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from console.clock import DAY
from console.paper.book import LiveMarket
from console.paper.calls import Call, Route, by_market, points
from console.paper.candles import MINUTE_MS
from console.paper.decimals import ZERO, text
from console.paper.engine import Engine
from console.paper.errors import refusal
from console.paper.markets import SPECS
from console.paper.public import chosen, ticker_row

QUOTE_DECIMALS: Final = 2
NOT_SIMULATED: Final = "Deposits and withdrawals are not simulated."

# (name, network) of each asset.
_ASSETS: Final = {
    "BTC": ("Bitcoin", "BTC"),
    "ETH": ("Ethereum", "ETH"),
    "ADA": ("Cardano", "ADA"),
    "SOL": ("Solana", "SOL"),
    "XRP": ("XRP", "XRP"),
    "EUR": ("Euro", "SEPA"),
}


def _asset(symbol: str, decimals: int) -> dict[str, Any]:
    """The 11 keys of an asset. Nothing can be moved in or out here, so both ways are closed and cost nothing."""
    name, network = _ASSETS[symbol]
    return {
        "symbol": symbol,
        "name": name,
        "decimals": decimals,
        "depositFee": "0",
        "depositConfirmations": 0,
        "depositStatus": "MAINTENANCE",
        "withdrawalFee": "0",
        "withdrawalMinAmount": "0",
        "withdrawalStatus": "MAINTENANCE",
        "networks": [network],
        "message": NOT_SIMULATED,
    }


def _assets(_engine: Engine, call: Call) -> Any:
    known = {spec.base: spec.quantity_decimals for spec in SPECS} | {"EUR": QUOTE_DECIMALS}
    symbol = call.params.get("symbol")
    if symbol is None:
        return [_asset(name, decimals) for name, decimals in known.items()]
    if symbol not in known:
        raise refusal(205, "symbol")
    return _asset(symbol, known[symbol])


def day_of(market: LiveMarket) -> dict[str, Any]:
    """The 15 keys of a market's last 24 hours, from the 1-minute candles that begin in them; null without any.

    What was paid in a minute is taken to be its volume at its close: candles do not tell more.
    """
    if (stated := market.day()) is not None:
        return dict(stated)
    now_ms = market.at_us // 1000
    start_ms = now_ms - DAY // 1000
    minutes, tick = market.candles.since(start_ms), market.spec.tick
    quotes = ticker_row(market)
    shown: dict[str, Any] = {"market": quotes.pop("market"), "startTimestamp": start_ms, "timestamp": now_ms}
    if not minutes:
        prices = dict.fromkeys(("open", "openTimestamp", "high", "low", "last", "closeTimestamp"))
        return shown | prices | quotes | {"volume": None, "volumeQuote": None}
    paid = sum((minute.volume * minute.close * tick for minute in minutes), ZERO)
    return {
        **shown,
        "open": text(minutes[0].open * tick),
        "openTimestamp": minutes[0].start_ms,
        "high": text(max(minute.high for minute in minutes) * tick),
        "low": text(min(minute.low for minute in minutes) * tick),
        "last": text(market.last_price),
        "closeTimestamp": min(minutes[-1].start_ms + MINUTE_MS - 1, now_ms),
        **quotes,
        "volume": text(sum((minute.volume for minute in minutes), ZERO)),
        "volumeQuote": text(paid.quantize(Decimal("0.01"))),
    }


def _ticker_day(engine: Engine, call: Call) -> Any:
    markets, single = chosen(engine, call)
    rows = [day_of(each) for each in markets]
    return rows[0] if single else rows


ROUTES: Final = (
    Route("GET", "/assets", points(1), None, _assets, frozenset({"symbol"})),
    Route("GET", "/ticker/24h", by_market(1, 25), None, _ticker_day, frozenset({"market"})),
)
