"""The key pairs: in PAPER from the simulated exchange only, in LIVE from the environment only.

The trade pair is loaded here, in the process that needs it, and handed to nothing but the trade client.
"""

from __future__ import annotations

import os
from typing import Final

from console.exchange.address import Address
from console.exchange.exchange_time import Ticking
from console.exchange.signing import KeyPair
from console.exchange.trade import TradeClient
from console.exchange.weights import WeightBudget

READONLY_VARIABLES: Final = ("BITVAVO_READONLY_KEY", "BITVAVO_READONLY_SECRET")
TRADE_VARIABLES: Final = ("BITVAVO_TRADE_KEY", "BITVAVO_TRADE_SECRET")


class MissingKeys(Exception):
    """A key pair that LIVE needs is not in the environment, or is malformed."""


def live_readonly_keys() -> KeyPair:
    """The pair that reads. Raises MissingKeys."""
    return _from_environment(READONLY_VARIABLES)


def live_trade_keys() -> KeyPair:
    """The pair that trades. Raises MissingKeys, also when it is the reading pair."""
    keys = _from_environment(TRADE_VARIABLES)
    if keys.key == os.environ.get(READONLY_VARIABLES[0]):
        raise MissingKeys("LIVE needs two different key pairs: one that only reads, one that trades")
    return keys


def trade_client(address: Address, keys: KeyPair, budget: WeightBudget, ticking: Ticking, identity: str) -> TradeClient:
    """The client that trades, under these keys."""
    return TradeClient(address, keys, budget, ticking, identity=identity)


def _from_environment(names: tuple[str, str]) -> KeyPair:
    key, secret = (os.environ.get(name) for name in names)
    if not key or not secret:
        raise MissingKeys(f"LIVE needs {names[0]} and {names[1]} in the environment")
    try:
        return KeyPair(key, secret)
    except ValueError as error:
        raise MissingKeys(f"{names[0]} or {names[1]} is malformed: {error}") from None
