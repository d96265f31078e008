"""Routes that exist and are not simulated: each is charged, asks for its right, and then says that it is not available.

What moves money in or out and staking are no part of a simulation of trading; of the two reports no payload is
documented. What begins with `/subaccounts` or `/institutional` is no route at all, for nothing but that is known of it.
"""

from __future__ import annotations

from typing import Final, NoReturn

from console.paper.auth import VIEW, WITHDRAW
from console.paper.calls import Call, Route, points
from console.paper.choices import NOT_SERVED
from console.paper.engine import Engine
from console.paper.errors import refusal


def _unavailable(_engine: Engine, _call: Call) -> NoReturn:
    raise refusal(NOT_SERVED.value)


def _kept(_engine: Engine, _call: Call) -> NoReturn:
    """Nothing ever leaves: whoever had the right to withdraw would be told that he has not."""
    raise refusal(312)


_SYMBOL: Final = frozenset({"symbol"})

ROUTES: Final = (
    Route("GET", "/deposit", points(1), VIEW, _unavailable, _SYMBOL),
    Route("POST", "/withdrawal", points(1), WITHDRAW, _kept),
    Route("POST", "/crypto/withdrawal", points(25), WITHDRAW, _kept),
    Route("GET", "/stakingBalance", points(5), VIEW, _unavailable, _SYMBOL),
    Route("GET", "/report/{market}/book", points(1), None, _unavailable, frozenset({"depth"})),
    Route(
        "GET", "/report/{market}/trades", points(5), None, _unavailable,
        frozenset({"limit", "start", "end", "tradeIdFrom", "tradeIdTo"}),
    ),
)  # fmt: skip
