"""The five markets the simulated exchange trades, with their rules."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from console.paper.choices import MAX_OPEN_ORDERS


@dataclass(frozen=True)
class MarketSpec:
    """Rules and size of one market.

    `base_price` is what the market costs where its history begins, `spread` the usual distance of bid and ask as a
    fraction of the price, `level_eur` the usual value of one price level, `trade_eur` of one public trade.
    """

    number: int
    base: str
    tick: Decimal
    quantity_decimals: int
    min_base: Decimal
    base_price: Decimal
    spread: float
    level_eur: float
    trade_eur: float
    quote: str = "EUR"
    notional_decimals: int = 2
    min_quote: Decimal = Decimal("5.00")
    max_amount: Decimal = Decimal(1_000_000_000)
    max_open_orders: int = MAX_OPEN_ORDERS.value

    @property
    def market(self) -> str:
        """The market's name on the wire, `BASE-QUOTE`."""
        return f"{self.base}-{self.quote}"


def _spec(
    number: int, base: str, tick: str, decimals: int, least: str, price: str, spread: float, level: float, trade: float
) -> MarketSpec:
    return MarketSpec(
        number, base, Decimal(tick), decimals, Decimal(least), Decimal(price), spread, level, trade
    )  # fmt: skip


# Ticks give about five significant digits and minima are worth about five euros, as on the real exchange in 2026.
SPECS: Final[tuple[MarketSpec, ...]] = (
    _spec(1, "BTC", "1.00", 8, "0.00006607", "75500", 0.00015, 2400.0, 310.0),
    _spec(2, "ETH", "0.10", 8, "0.00200000", "2480", 0.00018, 1700.0, 210.0),
    _spec(3, "ADA", "0.00001", 6, "9.000000", "0.5520", 0.00036, 700.0, 80.0),
    _spec(4, "SOL", "0.01", 8, "0.03800000", "131.50", 0.00024, 1100.0, 130.0),
    _spec(5, "XRP", "0.0001", 6, "2.500000", "2.0140", 0.0003, 1000.0, 120.0),
)

BY_NAME: Final[dict[str, MarketSpec]] = {spec.market: spec for spec in SPECS}
