"""What a simulated market's prices are, in words, from the settings of `exchange.db`; standard library only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

CANDLES_SETTING: Final = "candles "
"""Name of a market's candle file among the database's settings, followed by the market."""

REAL_HOST: Final = "api.bitvavo.com"
FOLLOW_SETTING: Final = "follow"
"""Name of the address of the followed exchange among the database's settings."""

REPLAY_SETTING: Final = "replay"
"""Name of the replayed recording among the database's settings: `{path, sha256, name}`."""

REGIMES_SETTING: Final = "regimes"
"""Name of the regimes by order among the database's settings: `{market: [[minute, regime], ...]}`, oldest first."""


def source_text(settings: Mapping[str, str], market: str | None = None) -> str | None:
    """`simulated, seed 7` or `candles btc-usdt-5m-2023` and the regimes by order; None before the first start.

    Of what is followed only the real exchange's prices are called real.

    Names the candle files if any market plays one, or with `market` what that one market does. A speed other than 1,
    as of the last start, is added after a comma.
    """
    if "seed" not in settings:
        return None
    if FOLLOW_SETTING in settings:
        url = settings[FOLLOW_SETTING]
        return "real prices, simulated fills" if urlsplit(url).hostname == REAL_HOST else f"following {url}"
    if REPLAY_SETTING in settings:
        return f"replaying {json.loads(settings[REPLAY_SETTING])['name']}"
    played = {
        name.removeprefix(CANDLES_SETTING): str(json.loads(value)["name"])
        for name, value in sorted(settings.items())
        if name.startswith(CANDLES_SETTING)
    }
    shown = list(played.values()) if market is None else [played[market]] if market in played else []
    source = f"candles {', '.join(dict.fromkeys(shown))}" if shown else f"simulated, seed {settings['seed']}"
    source += "".join(f", {words}" for words in _regime_words(settings, market))
    speed = float(settings.get("speed", "1"))
    return source if speed == 1 else f"{source}, speed ×{speed:g}"


def _regime_words(settings: Mapping[str, str], market: str | None) -> list[str]:
    """The regimes in force by order: `BTC-EUR shock` of all markets, or with `market` that one's `shock`."""
    changes: dict[str, list[tuple[int, str]]] = json.loads(settings.get(REGIMES_SETTING, "{}"))
    last = {name: made[-1][1] for name, made in sorted(changes.items()) if made and made[-1][1] != "seed"}
    if market is None:
        return [f"{name} {regime}" for name, regime in last.items()]
    return [regime for name, regime in last.items() if name == market]
