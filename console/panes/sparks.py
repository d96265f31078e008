"""Other markets as one line each, drawn by the screen library's own sparkline; it is called in a thread.

Nothing here is imported before the first one is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from console.screens.confirm_line import Line, Span
from storage.clock import MINUTE

if TYPE_CHECKING:
    from storage.market_models import Candle

STEP: Final = 5 * MINUTE
"""The length of the candles."""
PERIODS: Final = 120
"""How many of them a line tells of: ten hours."""

_ASCII: Final = str.maketrans("▁▂▃▄▅▆▇█", "__..--''")


@dataclass(frozen=True, slots=True)
class Sparks:
    """What the lines are drawn from; two that are equal look the same."""

    markets: tuple[str, ...]
    candles: tuple[tuple[Candle, ...], ...]
    """Of each of them, oldest first; none of a market of which nothing is known."""
    width: int
    ascii: bool


def closes(candles: Sequence[Candle]) -> list[float]:
    """The close of each of the last ``PERIODS`` periods, oldest first; one without a trade has the close before it."""
    made: list[float] = []
    following = [candle.at for candle in candles[1:]] + [candles[-1].at + STEP] if candles else []
    for candle, then in zip(candles, following, strict=True):
        made += [float(candle.close.value)] * min(max((then - candle.at) // STEP, 1), PERIODS)
    return made[-PERIODS:]


def draw_sparks(wanted: Sparks) -> list[Line]:
    """One line for each market, each ``width`` cells; the newest close at the right."""
    return [(Span(_line(closes(candles), wanted), "muted"),) for candles in wanted.candles]


def _line(series: Sequence[float], wanted: Sparks) -> str:
    from rich.console import Console
    from textual.renderables.sparkline import Sparkline

    if len(series) < 2:
        return " " * wanted.width
    width = min(wanted.width, len(series))
    console = Console(width=width)
    drawn = Sparkline(series, width=width, summary_function=lambda bucket: bucket[-1])
    text = "".join(segment.text for segment in console.render(drawn))
    return (text.translate(_ASCII) if wanted.ascii else text).rjust(wanted.width)
