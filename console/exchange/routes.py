"""Which client may send what. A request outside a client's routes never leaves the process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from console.exchange.errors import WrongClient


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path below ``/v2``; ``{market}`` stands for one market's name."""

    method: str
    path: str

    def fits(self, method: str, path: str) -> bool:
        """Whether a request goes to this route."""
        pattern = re.escape(self.path).replace(r"\{market\}", "[A-Z0-9]{1,20}-[A-Z0-9]{1,10}")
        return method == self.method and re.fullmatch(pattern, path) is not None


@dataclass(frozen=True, slots=True)
class Routes:
    """The routes of one client and the module that holds it."""

    module: str
    routes: tuple[Route, ...]

    def allow(self, method: str, path: str) -> bool:
        """Whether this client may send it."""
        return any(route.fits(method, path) for route in self.routes)


READONLY: Final = Routes(
    "console.exchange.readonly",
    (
        Route("GET", "/time"),
        Route("GET", "/markets"),
        Route("GET", "/{market}/book"),
        Route("GET", "/{market}/candles"),
        Route("GET", "/{market}/trades"),
        Route("GET", "/ticker/price"),
        Route("GET", "/ticker/book"),
        Route("GET", "/account"),
        Route("GET", "/account/history"),
        Route("GET", "/balance"),
    ),
)
TRADE: Final = Routes(
    "console.exchange.trade",
    (
        Route("POST", "/order"),
        Route("DELETE", "/order"),
        Route("GET", "/order"),
        Route("GET", "/ordersOpen"),
        Route("GET", "/orders"),
        Route("GET", "/trades"),
        Route("POST", "/cancelOrdersAfter"),
    ),
)


def check_route(own: Routes, method: str, path: str) -> None:
    """WrongClient unless the request is this client's work; names the module whose work it is."""
    if own.allow(method, path):
        return
    for other in (READONLY, TRADE):
        if other.allow(method, path):
            raise WrongClient(f"{method} {path} is not the work of {own.module}: use {other.module}.")
    raise WrongClient(f"{method} {path} is no work of {own.module}, and no client of this program sends it.")
