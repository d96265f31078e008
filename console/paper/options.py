"""The options about prices, judged together before anything is made; both command lines of the exchange use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from console.paper.candle_file import CandleFile, CandleFileError, parse_candle_options
from console.paper.regimes import Choice, RegimeError, parse_regime_options


class OptionError(ValueError):
    """An option that cannot be meant; the text names it and says why in one sentence."""


@dataclass(frozen=True)
class PriceOptions:
    """Where the prices are to come from: candle files and regimes, by market."""

    candles: Mapping[str, CandleFile] = field(default_factory=dict)
    regimes: Mapping[str, Choice] = field(default_factory=dict)


def price_options(candles: Sequence[str], regimes: Sequence[str]) -> PriceOptions:
    """The options as typed (`MARKET=FILE`, `MARKET=REGIME`); OptionError for the first that cannot be used."""
    try:
        files = parse_candle_options(candles)
    except CandleFileError as error:
        raise OptionError(f"--candles: {error}") from None
    try:
        chosen = parse_regime_options(regimes)
    except RegimeError as error:
        raise OptionError(f"--regime: {error}") from None
    return PriceOptions(files, chosen)
