"""Faults on purpose: `POST /order: apply-then-drop x1; GET /order: lag 3; *: status 503 @0.05`.

One rule is a route (or `*`), a name, perhaps a number (seconds; for `status` and `html` the HTTP status), `xN` for how
many times, `@P` for how probably. The first rule that fits a request bites. A WebSocket action counts as the route it
stands for; the events of a channel are a route of their own, `WS /book: stream-lose x1`, with faults of their own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from console.paper.channels import CHANNELS

WITH_SECONDS: Final = frozenset({"delay", "late-apply", "lag", "stream-late"})
WITH_STATUS: Final = frozenset({"status", "html"})
PLAIN: Final = frozenset({"apply-then-drop", "drop-before-apply", "stream-lose", "stream-double", "disconnect"})
STREAM: Final = frozenset({"stream-lose", "stream-late", "stream-double", "disconnect"})
"""Faults of one event on its way to one connection; `disconnect` cuts the connection instead of sending it."""

STREAM_ROUTES: Final = frozenset(f"WS /{channel}" for channel in CHANNELS)
NAMES: Final = tuple(sorted(WITH_SECONDS | WITH_STATUS | PLAIN))
_RULE: Final = re.compile(
    r"(?P<route>\*|[A-Z]+ /\S*?)\s*:\s*(?P<name>[a-z-]+)(?:\s+(?P<number>\d+(?:\.\d+)?))?"
    r"(?:\s+x(?P<times>\d+))?(?:\s+@(?P<share>\d+(?:\.\d+)?))?"
)


class FaultSpecError(ValueError):
    """A fault rule that cannot be meant; its text is one sentence."""


@dataclass
class Fault:
    """One rule; `left` is None while it bites without end, `hits` counts how often it did."""

    route: str
    name: str
    number: float | None
    left: int | None
    probability: float
    hits: int = 0

    def fits(self, route: str) -> bool:
        """Whether the rule is still alive and meant for that route."""
        if self.left == 0:
            return False
        if self.route == "*":
            if (self.name in STREAM) != (route in STREAM_ROUTES):
                return False
            # A lag only means something where one order is looked up.
            return self.name != "lag" or route == "GET /order"
        return self.route == route

    def shown(self) -> dict[str, object]:
        """The rule as `control` reports it."""
        return {"route": self.route, "name": self.name, "number": self.number, "left": self.left, "hits": self.hits}


def _rule(text: str, routes: Collection[str]) -> Fault:
    found = _RULE.fullmatch(text)
    if found is None:
        raise FaultSpecError(f"The fault {text!r} is not of the form ROUTE: NAME [NUMBER] [xTIMES] [@PROBABILITY].")
    route, name = found["route"], found["name"]
    if name not in NAMES:
        raise FaultSpecError(f"There is no fault {name!r}; known are {', '.join(NAMES)}.")
    if route != "*" and route not in {*routes, *STREAM_ROUTES}:
        raise FaultSpecError(
            f"There is no route {route!r}; known are *, {', '.join(sorted({*routes, *STREAM_ROUTES}))}."
        )
    if route != "*" and (name in STREAM) != (route in STREAM_ROUTES):
        raise FaultSpecError(
            f"The fault {name} is for {'channels' if name in STREAM else 'requests'}, not for {route}."
        )
    if name == "lag" and route not in {"*", "GET /order"}:
        raise FaultSpecError(f"The fault lag is for GET /order, not for {route}.")
    if name == "late-apply" and route.startswith("GET "):
        raise FaultSpecError(f"The fault late-apply is for routes that change something, not for {route}.")
    return Fault(route, name, _number(name, found["number"]), *_limits(found["times"], found["share"]))


def _number(name: str, sent: str | None) -> float | None:
    if name in PLAIN and sent is not None:
        raise FaultSpecError(f"The fault {name} takes no number, but {sent} was given.")
    if name in WITH_SECONDS | {"status"} and sent is None:
        unit = "a number of seconds" if name in WITH_SECONDS else "an HTTP status"
        raise FaultSpecError(f"The fault {name} needs {unit}.")
    if sent is None:
        return None
    number = float(sent)
    if name in WITH_STATUS and not (number.is_integer() and 400 <= number <= 599):
        raise FaultSpecError(f"The fault {name} takes an HTTP status from 400 to 599, not {sent}.")
    if name in WITH_SECONDS and number > 3600:
        raise FaultSpecError(f"The fault {name} takes at most 3600 seconds, not {sent}.")
    return number


def _limits(times: str | None, share: str | None) -> tuple[int | None, float]:
    if times is not None and not 1 <= int(times) <= 1_000_000:
        raise FaultSpecError(f"A fault can bite x1 to x1000000 times, not x{times}.")
    if share is not None and not 0 < float(share) <= 1:
        raise FaultSpecError(f"A probability lies above 0 and is at most 1, not {share}.")
    return None if times is None else int(times), 1.0 if share is None else float(share)


def parse_faults(spec: str, routes: Collection[str]) -> list[Fault]:
    """The rules of a spec; FaultSpecError with one sentence for anything unknown."""
    return [_rule(part.strip(), routes) for part in spec.split(";") if part.strip()]


class Faults:
    """The rules in force."""

    def __init__(self, random: Random, rules: Sequence[Fault] = ()) -> None:
        self.rules = list(rules)
        self._random = random

    def draw(self, route: str) -> Fault | None:
        """The rule that bites this request, counted; None if it is left alone."""
        for rule in self.rules:
            if rule.fits(route) and self._random.random() < rule.probability:
                rule.hits += 1
                if rule.left is not None:
                    rule.left -= 1
                return rule
        return None
