"""The key pairs: in PAPER from the simulated exchange only, in LIVE from the environment only.

The trade pair is loaded here, in the process that needs it, and handed to nothing but the trade client and the stream
that listens for the account's orders.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.exchange.address import Address
from console.exchange.errors import MissingKeys
from console.exchange.exchange_time import Ticking
from console.exchange.signing import KeyPair
from console.exchange.trade import TradeClient
from console.exchange.weights import WeightBudget
from console.paper.process import ExchangeUnavailable, read_address
from storage.codes import Mode

if TYPE_CHECKING:
    from console.exchange.stream import Stream

READONLY_VARIABLES: Final = ("BITVAVO_READONLY_KEY", "BITVAVO_READONLY_SECRET")
TRADE_VARIABLES: Final = ("BITVAVO_TRADE_KEY", "BITVAVO_TRADE_SECRET")


def live_readonly_keys() -> KeyPair:
    """The pair that reads. Raises MissingKeys."""
    return _from_environment(READONLY_VARIABLES)


def trade_fingerprint(mode: Mode, folder: Path) -> str:
    """Which pair trades, without the pair. Raises MissingKeys, ExchangeUnavailable."""
    return _trade_keys(mode, folder).fingerprint


def trade_client(
    mode: Mode, folder: Path, address: Address, budget: WeightBudget, ticking: Ticking, identity: str
) -> TradeClient:
    """The client that trades; the pair is read here and given to nothing else. Raises as ``trade_fingerprint``."""
    return TradeClient(address, _trade_keys(mode, folder), budget, ticking, identity=identity)


def account_stream(
    mode: Mode,
    folder: Path,
    address: Callable[[], Address],
    budget: WeightBudget,
    ticking: Ticking,
    on_account: Callable[[], None],
) -> Stream:
    """The stream that hears of the account's orders, for which it needs the trade pair; raises as that is loaded."""
    # Loaded by whoever listens, and by no command that does not.
    from console.exchange.stream import Stream

    return Stream(address, budget, ticking, keys=_trade_keys(mode, folder), on_account=on_account)


def _trade_keys(mode: Mode, folder: Path) -> KeyPair:
    if mode is Mode.PAPER:
        found = read_address(folder)
        if found is None:
            raise ExchangeUnavailable(f"{folder / 'exchange.json'} cannot be read; start the console again")
        return KeyPair(found.trade.key, found.trade.secret)
    keys = _from_environment(TRADE_VARIABLES)
    if keys.key == os.environ.get(READONLY_VARIABLES[0]):
        raise MissingKeys("LIVE needs two different key pairs: one that only reads, one that trades")
    return keys


def missing_live_keys() -> str | None:
    """Which variables LIVE lacks, in a sentence without its end; None if all are there."""
    missing = [name for name in (*READONLY_VARIABLES, *TRADE_VARIABLES) if not os.environ.get(name)]
    if not missing:
        return None
    listed = missing[0] if len(missing) == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
    return f"LIVE needs {listed} in the environment"


def _from_environment(names: tuple[str, str]) -> KeyPair:
    key, secret = (os.environ.get(name) for name in names)
    if not key or not secret:
        raise MissingKeys(missing_live_keys())
    try:
        return KeyPair(key, secret)
    except ValueError as error:
        raise MissingKeys(f"{names[0]} or {names[1]} is malformed: {error}") from None
