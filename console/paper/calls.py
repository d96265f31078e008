"""A request as a route sees it, and the route table's rows."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from console.paper.choices import Choice
from console.paper.engine import Engine
from console.paper.errors import invalid_value, refusal

LATEST_MS: Final = 9_999_999_999_999


@dataclass(frozen=True)
class Spoiled:
    """What faults do inside a route, in seconds: `lag_s` hides young orders from a look-up, `fills_late_s` young fills,
    `fee_late_s` leaves young fills unsettled; `cut` fills half of an order and cancels the rest.
    """

    lag_s: float = 0.0
    fills_late_s: float = 0.0
    fee_late_s: float = 0.0
    cut: bool = False


@dataclass(frozen=True)
class Call:
    """What a route gets: query values as sent, or the body's object, and the faults it is to show."""

    params: Mapping[str, Any]
    market: str | None = None
    spoiled: Spoiled = Spoiled()
    skew_ms: int = 0
    """How far the exchange's clock is off for this request."""

    def integer(self, name: str, least: int, most: int, default: int) -> int:
        """A whole number of the query between two bounds; 205 with the value otherwise."""
        sent = self.params.get(name)
        if sent is None:
            return default
        if not (isinstance(sent, str) and sent.isascii() and sent.isdigit() and len(sent) <= 19):
            raise invalid_value(name, sent)
        if not least <= int(sent) <= most:
            raise invalid_value(name, sent)
        return int(sent)

    def bounds(self) -> tuple[int, int]:
        """`start` and `end` in ms since the epoch, everything if they are not given; 205 if they are crossed."""
        start = self.integer("start", 0, LATEST_MS, 0)
        end = self.integer("end", 0, LATEST_MS, LATEST_MS)
        if end < start:
            raise refusal(205, "end")
        return start, end


@dataclass(frozen=True)
class Route:
    """One route: weight in points by the names sent, the right it needs (None: public), the parameters it knows."""

    method: str
    path: str
    weight: Callable[[Container[str]], int]
    right: str | None
    answer: Callable[[Engine, Call], Any]
    params: frozenset[str] = field(default_factory=frozenset)
    body: bool | None = None
    """Whether parameters stand in a JSON body; None where the method says it."""

    missing_right: Choice[int] | None = None
    """The errorCode for a key without the right, where it is not the right's own."""

    @property
    def in_body(self) -> bool:
        """POST and PUT take a JSON body, GET and DELETE the query, unless the route is an exception."""
        return self.method in {"POST", "PUT"} if self.body is None else self.body

    @property
    def lacking(self) -> int | None:
        """The errorCode for a key without the right as it is now; None where it is the right's own."""
        return None if self.missing_right is None else self.missing_right.value

    @property
    def name(self) -> str:
        """As fault rules name it, e.g. `POST /order`."""
        return f"{self.method} {self.path}"


def points(weight: int) -> Callable[[Container[str]], int]:
    """A weight that does not depend on the parameters."""
    return lambda _params: weight


def by_market(with_market: int, without: int) -> Callable[[Container[str]], int]:
    """A weight that is lower when one market is named."""
    return lambda params: with_market if "market" in params else without
