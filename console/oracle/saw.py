"""What an oracle saw for a proposal: each number of its rationale beside the figure it is, then and now."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Final

from console.oracle.indicators import Figures
from console.oracle.rationale import cited_numbers
from console.oracle.snapshot import Snapshot
from storage.models import Rationale
from storage.money import EXACT

THRESHOLD: Final = "threshold of "


class Mark(StrEnum):
    """Whether the snapshot holds a number that a rationale states."""

    EXACT = "exact"
    ROUNDED = "rounded"
    MISSING = "missing"


SIGNS: Final = {Mark.EXACT: "✓", Mark.ROUNDED: "≈", Mark.MISSING: "✗"}


FIGURE_WORDS: Final = {
    "mid": "mid price",
    "close": "close of 5 minutes",
    "spread_pct": "spread, %",
    "ema_fast": "fast mean, 1 h",
    "ema_slow": "slow mean, 4 h",
    "atr": "range of 5 minutes",
    "rsi": "RSI",
    "adx": "ADX",
    "band_low": "lower band",
    "band_mid": "middle of the bands",
    "band_high": "upper band",
    "gap_atr": "gap of the means, ATR",
    "mean_atr": "above slow mean, ATR",
    "band_z": "from mid-band, sd",
    "volatility_pct": "volatility, % a year",
    "sigma_1h_pct": "an ordinary hour, %",
    "move_1h_pct": "move of 1 h, %",
    "move_4h_pct": "move of 4 h, %",
    "volume_z": "volume z",
}
"""Each figure in words, with its unit where that is no price."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A number of a rationale; ``figure`` is what it is in the snapshot, ``now`` that figure's value in a new one."""

    text: str
    value: Decimal
    figure: str | None
    mark: Mark
    now: Decimal | None


def judge_numbers(rationale: Rationale, saw: Snapshot, now: Snapshot | None) -> tuple[Judged, ...]:
    """Every number of a rationale's sentences. A number that is no figure of the snapshot was made up, and says so."""
    judged = []
    for cited in cited_numbers(rationale, saw):
        mark, figure = Mark.EXACT, cited.figure
        if figure is None:
            figure = _rounded_figure(cited.value, saw.figures)
            mark = Mark.MISSING if figure is None else Mark.ROUNDED
        judged.append(Judged(cited.text, cited.value, figure, mark, _now(figure, now)))
    return tuple(judged)


def figure_values(figures: Figures) -> dict[str, Decimal | None]:
    """All figures by name."""
    return {field.name: getattr(figures, field.name) for field in fields(figures)}


def figure_words(name: str) -> str:
    """A figure, or the threshold for one, in words; a name without words stays as it is."""
    words = FIGURE_WORDS.get(name.removeprefix(THRESHOLD), name)
    return f"limit: {words}" if name.startswith(THRESHOLD) else words


def _rounded_figure(value: Decimal, figures: Figures) -> str | None:
    step = Decimal(1).scaleb(min(int(value.as_tuple().exponent), 0))
    for name, known in figure_values(figures).items():
        if known is not None and known.quantize(step, ROUND_HALF_EVEN, context=EXACT) == value:
            return name
    return None


def _now(figure: str | None, now: Snapshot | None) -> Decimal | None:
    """A threshold's figure is the one it stands against."""
    if figure is None or now is None:
        return None
    value: Decimal | None = getattr(now.figures, figure.removeprefix(THRESHOLD), None)
    return value
