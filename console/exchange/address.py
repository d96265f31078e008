"""Where each mode may connect to: PAPER to this machine only, LIVE to Bitvavo only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from storage.codes import Mode

LIVE_REST: Final = "https://api.bitvavo.com/v2"
LIVE_WEBSOCKET: Final = "wss://ws.bitvavo.com/v2/"
_PAPER: Final = re.compile(r"http://(?P<host>127(?:\.[0-9]{1,3}){3}|localhost|\[::1\]):(?P<port>[0-9]{1,5})/v2")


@dataclass(frozen=True, slots=True)
class Address:
    """The REST base of an exchange, checked against its mode however it is made. ValueError with one sentence."""

    mode: Mode
    rest: str

    def __post_init__(self) -> None:
        if self.mode is Mode.LIVE and self.rest != LIVE_REST:
            raise ValueError(f"LIVE connects to {LIVE_REST} only, not to {self.rest!r}.")
        if self.mode is Mode.PAPER and not _is_loopback(self.rest):
            raise ValueError(
                f"PAPER connects to a simulated exchange on this machine only (http://127.0.0.1:PORT/v2), "
                f"not to {self.rest!r}."
            )

    @property
    def websocket(self) -> str:
        """Where the same exchange's WebSocket is: of a simulated one, the same host and port."""
        if self.mode is Mode.LIVE:
            return LIVE_WEBSOCKET
        return f"ws{self.rest.removeprefix('http')}/"


def _is_loopback(rest: str) -> bool:
    # The whole text is matched, so that no other reading of an odd URL can name another host.
    found = _PAPER.fullmatch(rest)
    if found is None or not 1 <= int(found["port"]) <= 65535:
        return False
    if not found["host"].startswith("127"):
        return True
    try:
        IPv4Address(found["host"])
    except AddressValueError:
        return False
    return True


def paper_address(rest_url: str) -> Address:
    """A simulated exchange on 127.0.0.0/8, ::1 or localhost; ValueError for anything else."""
    return Address(Mode.PAPER, rest_url)


def live_address(rest_url: str = LIVE_REST) -> Address:
    """Bitvavo's own address; ValueError for any other text."""
    return Address(Mode.LIVE, rest_url)
