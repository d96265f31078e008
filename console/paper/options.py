"""The options about prices, judged together before anything is made; both command lines of the exchange use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from console.paper.candle_file import CandleFile, CandleFileError, parse_candle_options
from console.paper.recording import Recording, RecordingError
from console.paper.regimes import Choice, RegimeError, parse_regime_options


class OptionError(ValueError):
    """An option that cannot be meant; the text names it and says why in one sentence."""


@dataclass(frozen=True)
class PriceOptions:
    """Where the prices are to come from: candle files and regimes by market, or another exchange's address.

    `oldest_s` is the age at which a followed book is too old to trade at. `record` is a file to be made, `replay` one
    that was made so.
    """

    candles: Mapping[str, CandleFile] = field(default_factory=dict)
    regimes: Mapping[str, Choice] = field(default_factory=dict)
    follow: str | None = None
    oldest_s: float = 10.0
    record: Path | None = None
    replay: Path | None = None


def price_options(
    candles: Sequence[str],
    regimes: Sequence[str],
    follow: str | None = None,
    oldest_s: float = 10.0,
    speed: float = 1,
    record: Path | None = None,
    replay: Path | None = None,
) -> PriceOptions:
    """The options as typed (`MARKET=FILE`, `MARKET=REGIME`, URL); OptionError for the first that cannot be used."""
    if follow is not None:
        follow = _address(follow)
        if candles or regimes or speed != 1:
            raise OptionError("--follow goes with neither --candles, --regime nor --speed")
    if not 1 <= oldest_s <= 600:
        raise OptionError("--oldest lies between 1 and 600 seconds")
    try:
        files = parse_candle_options(candles)
    except CandleFileError as error:
        raise OptionError(f"--candles: {error}") from None
    try:
        chosen = parse_regime_options(regimes)
    except RegimeError as error:
        raise OptionError(f"--regime: {error}") from None
    if replay is not None:
        if candles or regimes or follow is not None or record is not None or speed != 1:
            raise OptionError("--replay goes with no other option about prices: the recording knows them all")
        try:
            Recording(replay)
        except RecordingError as error:
            raise OptionError(f"--replay: {error}") from None
    if record is not None and (record.exists() or not record.parent.is_dir()):
        raise OptionError(f"--record: {record} {'exists already' if record.exists() else 'has no folder to be in'}")
    return PriceOptions(files, chosen, follow, oldest_s, record, replay)


def _address(url: str) -> str:
    """The address without a slash at its end; keys never go there, so plain HTTP will do."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise OptionError(f"--follow: {url!r} is no address such as https://api.bitvavo.com/v2")
    return url.rstrip("/")
