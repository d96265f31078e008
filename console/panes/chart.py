"""Candles as lines of signs, drawn by the chart library; slow, so it is called in a thread and seldom.

Nothing here is imported before the first chart is wanted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.text import Text

from console.screens.confirm_line import Line, Span

if TYPE_CHECKING:
    from storage.clock import Micros
    from storage.market_models import Candle
    from storage.money import Price

UP_COLOUR, DOWN_COLOUR = "blue", "orange"
_TOKENS = {4: "up", 3: "down"}
"""The library's two colours by their ANSI number, as the screens' tokens for a price that rose or fell."""

_UNICODE = {
    "up": str.maketrans({"█": "┃"}),
    "down": str.maketrans({"█": "╏"}),
    "": str.maketrans({}),
}
_ASCII = {
    "up": str.maketrans({"█": "#", "│": "|"}),
    "down": str.maketrans({"█": "+", "│": "|"}),
    "": str.maketrans({"█": "#", "│": "|"}),
}
"""Bodies of rising and falling candles differ in their sign as well, as colour alone says nothing."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a chart is drawn from; two that are equal look the same."""

    market: str
    candles: tuple[Candle, ...]
    width: int
    """Cells; each is one candle, the newest at the right."""
    height: int
    low: Price
    """The price of the lowest line."""
    high: Price
    """The price of the highest line, above ``low``."""
    ascii: bool


def price_range(candles: Sequence[Candle], marks: Sequence[Price], width: int) -> tuple[Price, Price] | None:
    """The lowest and highest price to draw: of the candles that fit, and of marks not further off than they span.

    None without candles. A market that did not move gets room around its price.
    """
    shown = candles[-width:]
    if not shown:
        return None
    low = min((candle.low for candle in shown), key=_value)
    high = max((candle.high for candle in shown), key=_value)
    span = high - low
    near = [mark for mark in marks if low - span <= mark <= high + span]
    low, high = min((low, *near), key=_value), max((high, *near), key=_value)
    if low == high:
        return low.scaled(Decimal("0.999")), high.scaled(Decimal("1.001"))
    return low, high


def row_of(price: Price, low: Price, high: Price, height: int) -> int | None:
    """The line, from 0 at the top, on which a price stands; None outside the chart."""
    if not low <= price <= high or height < 1:
        return None
    share = (high - price).ratio(high - low)
    return min(int(share * height), height - 1)


def column_of(at: Micros, wanted: Wanted) -> int | None:
    """The cell, from 0 at the left, of the candle in which something happened; None outside the chart."""
    shown = wanted.candles[-wanted.width :]
    if len(shown) < 2 or not shown[0].at <= at < shown[-1].at + (shown[-1].at - shown[-2].at):
        return None
    return wanted.width - len(shown) + bisect_right(shown, at, key=lambda candle: candle.at) - 1


def marked(line: Sequence[Span], column: int, mark: Span) -> Line:
    """The line with one cell of it replaced; each of its characters is one cell."""
    made: list[Span] = []
    for span in line:
        if 0 <= column < len(span.text):
            made += [Span(span.text[:column], span.token), mark, Span(span.text[column + 1 :], span.token)]
        else:
            made.append(span)
        column -= len(span.text)
    return tuple(span for span in made if span.text)


def draw_candles(wanted: Wanted) -> list[Line]:
    """The chart, ``height`` lines of ``width`` cells. Takes milliseconds to a tenth of a second: never on the loop."""
    from textual_plotext import Plot

    shown = wanted.candles[-wanted.width :]
    plot = Plot()
    # Else it is cut to the size of the terminal as the library read it; the pane knows its own.
    plot._limit_size(False, False)  # type: ignore[attr-defined]
    plot.plotsize(wanted.width, wanted.height)
    plot.frame(False)
    plot.xticks([])
    plot.yticks([])
    plot.xlim(min(len(shown) - wanted.width, len(shown) - 2), len(shown) - 1)
    plot.ylim(float(wanted.low.value), float(wanted.high.value))
    prices = {
        name: [float(getattr(candle, name.lower()).value) for candle in shown]
        for name in ("Open", "Close", "High", "Low")
    }
    places: list[Any] = list(range(len(shown)))  # the library takes numbers where its types say dates
    plot.candlestick(places, prices, colors=[UP_COLOUR, DOWN_COLOUR])
    return _lines(plot.build(), wanted)


def _lines(drawn: str, wanted: Wanted) -> list[Line]:
    signs = _ASCII if wanted.ascii else _UNICODE
    lines: list[Line] = []
    for text in drawn.split("\n")[: wanted.height]:
        parsed = Text.from_ansi(text)
        spans = []
        for segment in parsed.divide([offset for span in parsed.spans for offset in (span.start, span.end)]):
            token = next((_token(span.style) for span in segment.spans if _token(span.style)), "")
            spans.append(Span(segment.plain.translate(signs[token]), token))
        lines.append(tuple(span for span in spans if span.text))
    return lines + [()] * (wanted.height - len(lines))


def _token(style: object) -> str:
    colour = getattr(style, "color", None)
    return "" if colour is None or colour.number is None else _TOKENS.get(colour.number, "")


def _value(price: Price) -> Decimal:
    return price.value
