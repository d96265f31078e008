"""Whether the trade key may read orders, asked at every start: before a vault is tied to it and anything is sent.

A key that may not would place orders nobody could look for afterwards. A key with view rights only is such a one.
"""

from __future__ import annotations

from typing import Final

from console.exchange.errors import MissingKeys
from console.exchange.trade import TradeClient
from storage.database import Vault
from storage.key_rights import key_refusal, note_key_accepted, note_key_refused

PROBED: Final = "BTC-EUR"
NOBODYS: Final = "00000000-0000-4000-8000-000000000000"
"""An order nobody placed: a key that may look it up is told that there is none."""


class MissingRight(MissingKeys):
    """The trade key lacks a right it needs; one sentence with what to add."""


async def require_order_reads(vault: Vault, trade: TradeClient) -> None:
    """Raise MissingRight if the exchange refuses the key's look-ups; store what was found, for whoever asks later.

    An exchange that gives no such answer (silent, down, another refusal) shows nothing: the look-ups themselves say so.
    """
    refused = await trade.refuses_look_up(PROBED, NOBODYS)
    if refused is None:
        if await vault.read(key_refusal) is not None:
            await vault.transact(note_key_accepted)
        return
    sentence = (
        f"the trade key may not read orders (HTTP {refused.http_status}, code {refused.error_code}): give it the "
        "right to trade digital assets at the exchange; until then nothing is traded"
    )
    await vault.transact(lambda tx: note_key_refused(tx, sentence))
    raise MissingRight(sentence)
