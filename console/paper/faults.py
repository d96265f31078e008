"""Faults on purpose: `POST /order: apply-then-drop x1; GET /order: lag 3; *: status 503 @0.05 after 10 for 60`.

One rule is a route (or `*`), a name, perhaps a number (seconds; for `status` and `html` the HTTP status, for `error`
the errorCode), `xN` for how many times, `@P` for how probably, `after S` and `for S` for when: so many seconds after it
was set, and for how long. The first rule that fits a request bites. A WebSocket action counts as the route it stands
for; the events of a channel are a route of their own, `WS /book: stream-lose x1`.

    apply-then-drop        applied, then the connection is cut without an answer
    drop-before-apply      not applied, the connection is cut
    disconnect             applied, and the connection is cut in the middle of the answer; of a channel: cut
    delay S                applied and answered after S seconds
    late-apply S           the connection is cut at once, and the request is applied after S seconds
    status N, html [N]     not applied; a JSON error, or a page nobody can parse
    error CODE             not applied; the documented refusal with that errorCode
    ban S                  not applied; the caller is banned for S seconds
    maintenance S          open orders are canceled, then nothing is applied for S seconds
    skew S                 the exchange's clock is S seconds off for these requests; may be negative
    lag S                  a look-up does not find orders younger than S seconds
    fills-late S           fills younger than S seconds are missing in answers, though the totals count them
    fee-late S             fills younger than S seconds are not settled: no fee yet
    partial-then-cancel    an order gets half of what it would, and its rest is canceled
    stream-lose            an event of a channel is not sent
    stream-late S          it is sent S seconds later
    stream-double          it is sent twice
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from console.clock import SystemClock
from console.paper.channels import CHANNELS
from console.paper.errors import TEXTS

SKEW: Final = "skew"
WITH_SECONDS: Final = frozenset(
    {"delay", "late-apply", "lag", "ban", "maintenance", SKEW, "fills-late", "fee-late", "stream-late"}
)  # fmt: skip
WITH_STATUS: Final = frozenset({"status", "html"})
WITH_CODE: Final = frozenset({"error"})
PLAIN: Final = frozenset(
    {"apply-then-drop", "drop-before-apply", "disconnect", "partial-then-cancel", "stream-lose", "stream-double"}
)  # fmt: skip
NAMES: Final = tuple(sorted(WITH_SECONDS | WITH_STATUS | WITH_CODE | PLAIN))

STREAM_ONLY: Final = frozenset({"stream-lose", "stream-late", "stream-double"})
STREAM: Final = STREAM_ONLY | {"disconnect"}
"""Faults of one event on its way to one connection."""

STREAM_ROUTES: Final = frozenset(f"WS /{channel}" for channel in CHANNELS)
_SHOWING: Final = frozenset(
    {"POST /order", "PUT /order", "GET /order", "GET /orders", "GET /ordersOpen", "GET /trades"}
)
ONLY_FOR: Final = {
    "lag": frozenset({"GET /order"}),
    "partial-then-cancel": frozenset({"POST /order"}),
    "fills-late": _SHOWING,
    "fee-late": _SHOWING,
}
"""Faults that mean something on a few routes only; for `*` they leave the others alone."""

_NUMBER: Final = r"\d+(?:\.\d+)?"
_RULE: Final = re.compile(
    rf"(?P<route>\*|[A-Z]+ /\S*?)\s*:\s*(?P<name>[a-z-]+)(?:\s+(?P<number>-?{_NUMBER}))?"
    rf"(?:\s+x(?P<times>\d+))?(?:\s+@(?P<share>{_NUMBER}))?"
    rf"(?:\s+after\s+(?P<after>{_NUMBER}))?(?:\s+for\s+(?P<lasting>{_NUMBER}))?"
)


class FaultSpecError(ValueError):
    """A fault rule that cannot be meant; its text is one sentence."""


@dataclass
class Fault:
    """One rule; `left` is None while it bites without end, `hits` counts how often it did.

    `begin` and `end` are monotonic seconds, known once the rule is in force; `lasting` None means for ever.
    """

    route: str
    name: str
    number: float | None
    left: int | None
    probability: float
    after: float = 0.0
    lasting: float | None = None
    hits: int = 0
    begin: float = 0.0
    end: float | None = None

    def fits(self, route: str, now: float) -> bool:
        """Whether the rule is in force and meant for that route."""
        if self.left == 0 or now < self.begin or (self.end is not None and now >= self.end):
            return False
        return self.route == route or (self.route == "*" and _suits(self.name, route))

    def start(self, now: float) -> None:
        """Put the rule in force: its times count from now."""
        self.begin = now + self.after
        self.end = None if self.lasting is None else self.begin + self.lasting

    def bite(self, now: float) -> None:
        """Count a request it bit. A maintenance is over so many seconds after its first."""
        self.hits += 1
        if self.left is not None:
            self.left -= 1
        if self.name == "maintenance" and self.hits == 1 and self.number is not None:
            self.end = now + self.number if self.end is None else min(self.end, now + self.number)

    def shown(self) -> dict[str, object]:
        """The rule as `control` reports it."""
        return {"route": self.route, "name": self.name, "number": self.number, "left": self.left, "hits": self.hits}


def _suits(name: str, route: str) -> bool:
    if route in STREAM_ROUTES:
        return name in STREAM
    if name in STREAM_ONLY:
        return False
    if name == "late-apply":
        return not route.startswith("GET ")
    return name not in ONLY_FOR or route in ONLY_FOR[name]


def _rule(text: str, routes: Collection[str]) -> Fault:
    found = _RULE.fullmatch(text)
    if found is None:
        raise FaultSpecError(
            f"The fault {text!r} is not of the form ROUTE: NAME [NUMBER] [xTIMES] [@PROBABILITY] [after S] [for S]."
        )
    route, name = found["route"], found["name"]
    if name not in NAMES:
        raise FaultSpecError(f"There is no fault {name!r}; known are {', '.join(NAMES)}.")
    known = {*routes, *STREAM_ROUTES}
    if route != "*" and route not in known:
        raise FaultSpecError(f"There is no route {route!r}; known are *, {', '.join(sorted(known))}.")
    if route != "*" and not _suits(name, route):
        raise FaultSpecError(f"The fault {name} is for {_meant(name)}, not for {route}.")
    times, share = _limits(found["times"], found["share"])
    after, lasting = found["after"], found["lasting"]
    return Fault(
        route, name, _number(name, found["number"]), times, share,
        0.0 if after is None else float(after), None if lasting is None else float(lasting),
    )  # fmt: skip


def _meant(name: str) -> str:
    if name in STREAM_ONLY:
        return "channels"
    if name in ONLY_FOR:
        return ", ".join(sorted(ONLY_FOR[name]))
    return "routes that change something" if name == "late-apply" else "requests"


def _number(name: str, sent: str | None) -> float | None:
    if name in PLAIN and sent is not None:
        raise FaultSpecError(f"The fault {name} takes no number, but {sent} was given.")
    if sent is None:
        if name in PLAIN or name == "html":
            return None
        unit = (
            "an HTTP status" if name in WITH_STATUS else "an errorCode" if name in WITH_CODE else "a number of seconds"
        )
        raise FaultSpecError(f"The fault {name} needs {unit}.")
    number = float(sent)
    if name in WITH_STATUS and not (number.is_integer() and 400 <= number <= 599):
        raise FaultSpecError(f"The fault {name} takes an HTTP status from 400 to 599, not {sent}.")
    if name in WITH_CODE and number not in TEXTS:
        raise FaultSpecError(f"The fault {name} takes a documented errorCode, not {sent}.")
    if name in WITH_SECONDS and not -3600 <= number <= 3600:
        raise FaultSpecError(f"The fault {name} takes at most 3600 seconds, not {sent}.")
    if number < 0 and name != SKEW:
        raise FaultSpecError(f"The fault {name} takes no negative number, but {sent} was given.")
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

    def __init__(self, random: Random, rules: Sequence[Fault] = (), clock: SystemClock | None = None) -> None:
        self.rules: list[Fault] = []
        self._random = random
        self._clock = SystemClock() if clock is None else clock
        self.add(rules)

    def add(self, rules: Sequence[Fault]) -> None:
        """Put further rules in force; their times count from now."""
        for rule in rules:
            rule.start(self._clock.monotonic())
        self.rules.extend(rules)

    def draw(self, route: str) -> Fault | None:
        """The rule that bites this request, counted; None if it is left alone. A skew is not among them."""
        return self._draw(route, skew=False)

    def skew_ms(self, route: str) -> int:
        """How far the exchange's clock is off for this request."""
        rule = self._draw(route, skew=True)
        return 0 if rule is None or rule.number is None else int(rule.number * 1000)

    def _draw(self, route: str, *, skew: bool) -> Fault | None:
        now = self._clock.monotonic()
        for rule in self.rules:
            if (rule.name == SKEW) == skew and rule.fits(route, now) and self._random.random() < rule.probability:
                rule.bite(now)
                return rule
        return None
