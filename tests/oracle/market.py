"""Hand-made markets for the oracle's tests: series of closes turned into one-minute candles with a book around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random

from console.oracle.snapshot import MarketView, Snapshot, build_snapshot
from storage.clock import MINUTE, SECOND, Micros
from storage.codes import Mode
from storage.market_models import Candle, Level, MarketRules
from storage.money import Eur, Price, Quantity
from storage.policies import Policy, presets

NOW: Micros = 1_760_000_100 * SECOND
"""A whole multiple of five minutes."""
DAY_MINUTES = 24 * 60

RULES = MarketRules(
    market="BTC-EUR",
    base="BTC",
    quote="EUR",
    status="trading",
    minimum_quantity=Quantity.of("0.00006607"),
    minimum_value=Eur.of(5),
    maximum_quantity=Quantity.of(1_000_000),
    quantity_decimals=8,
    tick_size=Price.of(1),
    order_types=frozenset({"limit", "market"}),
    maximum_open_orders=100,
)


def policy() -> Policy:
    """The preset with the widest allowlist."""
    return presets(Mode.PAPER)["semi-auto"]


def minute_candles(closes: Sequence[float], now: Micros = NOW, tick: str = "1", volume: int = 1) -> tuple[Candle, ...]:
    """One candle a minute, the last one ending at ``now``; each opens at the close before it."""
    step = Price.of(tick)
    prices = [Price.of(repr(close)).to_tick(step, up=True) for close in closes]
    first = now - len(prices) * MINUTE
    candles = []
    for index, close in enumerate(prices):
        opened = prices[index - 1] if index else close
        high, low = (opened, close) if opened > close else (close, opened)
        # Volume differs from minute to minute, as it would.
        candles.append(Candle(first + index * MINUTE, opened, high, low, close, Quantity.of(volume + index % 7)))
    return tuple(candles)


def view_of(candles: tuple[Candle, ...], now: Micros = NOW, rules: MarketRules = RULES) -> MarketView:
    """A market with these candles and a book one tick to each side of the last close."""
    last = candles[-1].close
    return MarketView(
        market=rules.market,
        rules=rules,
        candles_1m=candles,
        bids=(Level(last - rules.tick_size, Quantity.of(1)),),
        asks=(Level(last + rules.tick_size, Quantity.of(1)),),
        last=last,
        fetched_at=now,
        candles_at=now,
        held=Quantity.zero(),
        open_sides=frozenset(),
    )


def noise(seed: int, size: float) -> list[float]:
    """A day of independent minute returns."""
    random = Random(seed)
    return [random.gauss(0.0, size) for _ in range(DAY_MINUTES)]


def walked(returns: Sequence[float], start: float = 60_000.0) -> list[float]:
    """The closes that these log returns lead to."""
    level, closes = math.log(start), []
    for step in returns:
        level += step
        closes.append(math.exp(level))
    return closes


def rising() -> list[float]:
    """Eighteen quiet hours, then six of a steady climb through the same noise."""
    return walked(
        [step + (0.00015 if index >= DAY_MINUTES - 360 else 0.0) for index, step in enumerate(noise(1, 0.0005))]
    )


def falling() -> list[float]:
    """The same, downward."""
    return walked(
        [step - (0.00015 if index >= DAY_MINUTES - 360 else 0.0) for index, step in enumerate(noise(1, 0.0005))]
    )


def flat() -> list[float]:
    """Trades at one price all day."""
    return [60_000.0] * DAY_MINUTES


def swinging(end: Callable[[float], float] = lambda drop: -drop) -> list[float]:
    """A market that swings around one level all day, ending far below it (or above: ``end=lambda drop: drop``)."""
    shape = [0.004 * math.sin(2 * math.pi * index / 97) for index in range(DAY_MINUTES - 15)]
    leave = [shape[-1] + end(0.012) * (index + 1) / 15 for index in range(15)]
    wobble = noise(3, 0.0004)
    return [60_000.0 * math.exp(offset + wobble[index]) for index, offset in enumerate((*shape, *leave))]


def with_held(view: MarketView, quantity: str) -> MarketView:
    """The same market with so many coins to sell."""
    return replace(view, held=Quantity.of(quantity))


def snapshot_of(view: MarketView, now: Micros = NOW) -> Snapshot:
    """The snapshot, which must be possible."""
    snapshot = build_snapshot(view, now)
    assert isinstance(snapshot, Snapshot), snapshot
    return snapshot


def on_tick(price: Price, tick: Price) -> bool:
    """The price is a whole multiple of the tick size."""
    return price.value % tick.value == Decimal(0)
