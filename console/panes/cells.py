"""Cells that both lists draw the same way: sides, markets, prices, time left."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.panes.rows import Cell
from console.text import safe_text
from storage.clock import DAY, HOUR, MINUTE, Micros
from storage.money import decimal_text

if TYPE_CHECKING:
    from storage.codes import Side
    from storage.execution_models import Execution, Trade
    from storage.models import Order, Proposal
    from storage.money import Price, Quantity

SIX_DIGITS: Final = Context(prec=6)


def side_cell(side: Side) -> Cell:
    """BUY or SELL; the side is neither good nor bad, so it has no colour."""
    return Cell(side.value.upper(), side.value)


def market_name(market: str, width: int) -> str:
    """A market, or its coin alone where the room is too short for both."""
    name = safe_text(market, 40)
    return name if len(name) <= width else name.partition("-")[0]


def price_text(price: Price, tick: Price | None, width: int, *, rounded: bool = False) -> str:
    """A price to its tick; without the grouping where it would not fit.

    Where no tick is known it is exact, and to six digits if it is a calculated one (``rounded``).
    """
    if tick is None or not tick.is_positive:
        return decimal_text(SIX_DIGITS.plus(price.value)) if rounded else str(price)
    spell = fmt.price if rounded else fmt.limit_price
    text = spell(price, tick)
    return text if len(text) <= width else spell(price, tick, grouped=False)


def quantities(amounts: Sequence[Quantity]) -> list[str]:
    """Quantities of one column, to as many decimals as the largest leaves room for; what is less than that says so."""
    largest = max((amount.value for amount in amounts), default=Decimal(0))
    decimals = 4 if largest < 100 else 2 if largest < 10_000 else 0
    least = Decimal(1).scaleb(-decimals)
    return [
        f"<{least}" if 0 < amount.value < least / 2 else fmt.quantity(amount, decimals, grouped=False)
        for amount in amounts
    ]


def at_text(order: Order | Execution, tick: Price | None, width: int = 40) -> str:
    """What an order deals at: ``@ 61 200``, ``at market``, ``stop loss @ 58 000``."""
    if order.trigger is not None:
        return f"{order.trigger.type.words} @ {price_text(order.trigger.price, tick, width)}"
    return "at market" if order.limit is None else f"@ {price_text(order.limit, tick, width)}"


def priced(order: Proposal | Trade) -> Price | None:
    """The one price an order names: its limit, or what a stop waits for; None at market."""
    return order.limit if order.trigger is None else order.trigger.price


def drift_cell(drift: Decimal | None) -> Cell:
    """How far the price moved since the proposal; fewer decimals rather than a cut figure."""
    if drift is None:
        return Cell("")
    texts = (fmt.percent(drift, decimals, spaced=False) for decimals in (2, 1, 0))
    text = next((text for text in texts if len(text) <= 6), "far")
    moved = text[0] in "+-" or text == "far"  # what rounds to nothing has neither sign nor colour
    return Cell(text, "" if not moved else "up" if drift > 0 else "down")


def left_cell(left: Micros, width: int) -> Cell:
    """Time left; amber in the last minute, once."""
    return Cell(short_left(left, width), "wait" if left < MINUTE else "")


def short_left(left: Micros, width: int) -> str:
    """A countdown that fits: ``7:12``, ``1:56h``, ``12h``, ``3d``; ``over`` at its end."""
    if left <= 0:
        return "over"
    text = fmt.countdown(left)
    if len(text) <= width:
        return text
    if left < 10 * HOUR:
        return f"{left // HOUR}:{left % HOUR // MINUTE:02}h"
    return f"{left // HOUR}h" if left < 4 * DAY else f"{left // DAY}d"
