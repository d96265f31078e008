"""The faults of one run, drawn by seed: one of the order itself, and some of what is asked about it afterwards.

Every fault of the simulated exchange that concerns orders is among them. Those of the stream are not: no contender here
listens to it.

What is applied late is applied within access window and margin of the proof of absence (5 s each in PAPER), less the
2 s by which clocks may differ. An order applied later than that no look-up can tell from one that never will be; ours
then says so late, halts and alerts, which is another promise than the one measured here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

LATEST_S: Final = 8.0
"""Seconds after which the latest of late orders is applied."""

ASKED: Final = ("GET /order", "GET /orders", "GET /ordersOpen", "GET /trades", "GET /balance", "GET /time")
ENDLESS: Final = 0.06
"""How many runs have a look-up that is broken to the end."""


@dataclass(frozen=True, slots=True)
class Script:
    """The faults of one run as the simulated exchange takes them; empty for none."""

    spec: str

    @property
    def names(self) -> frozenset[str]:
        """Which faults are in it."""
        return frozenset(rule.partition(": ")[2].split()[0] for rule in self.spec.split("; ") if rule)


def draw_script(chance: Random) -> Script:
    """A script by chance."""
    rules = [f"POST /order: {chance.choice(ORDER_FAULTS)(chance)}"]
    if chance.random() < ENDLESS:
        rules.append(f"GET /order: {chance.choice(('status 503', 'html', 'drop-before-apply'))}")
    for _ in range(chance.randint(0, 2)):
        rules.append(_asked(chance))
    if chance.random() < 0.1:
        rules.append(f"POST /cancelOrdersAfter: {chance.choice(('status 503', 'drop-before-apply', 'disconnect'))} x1")
    return Script("; ".join(rules))


def no_faults(_chance: Random) -> Script:
    """A gauntlet without stakes."""
    return Script("")


def _times(chance: Random, name: str) -> str:
    return f"{name} x{chance.choice((1, 1, 1, 2, 3))}"


def _seconds(chance: Random, name: str, least: float, most: float) -> str:
    return f"{name} {chance.uniform(least, most):.1f} x1"


ORDER_FAULTS: Final[tuple[Callable[[Random], str], ...]] = (
    lambda chance: _times(chance, "apply-then-drop"),
    lambda chance: _times(chance, "apply-then-drop"),
    lambda chance: _times(chance, "disconnect"),
    lambda chance: _times(chance, "drop-before-apply"),
    lambda chance: _seconds(chance, "late-apply", 0.5, LATEST_S),
    lambda chance: _seconds(chance, "late-apply", 0.5, LATEST_S),
    lambda chance: _seconds(chance, "delay", 0.5, 20),
    lambda chance: _times(chance, f"status {chance.choice((500, 502, 503, 504))}"),
    lambda chance: _times(chance, "html"),
    lambda chance: _times(chance, f"error {chance.choice((101, 107, 108, 109, 216))}"),
    lambda chance: f"ban {chance.randint(2, 30)} x1",
    lambda chance: f"maintenance {chance.randint(2, 20)}",
    lambda chance: f"skew {chance.choice((-20, -8, 8, 20))} x1",
    lambda chance: "partial-then-cancel x1",
)
"""Faults of the order's own request."""


def _asked(chance: Random) -> str:
    """A fault of what is asked about orders afterwards."""
    drawn = chance.randrange(9)
    if drawn <= 1:
        return f"GET /order: lag {chance.uniform(0.3, 12):.1f}"
    if drawn == 2:
        return f"*: fills-late {chance.uniform(0.5, 10):.1f}"
    if drawn == 3:
        return f"*: fee-late {chance.uniform(0.5, 10):.1f}"
    route = chance.choice(ASKED)
    if drawn == 4:
        return f"{route}: delay {chance.uniform(0.5, 6):.1f} x{chance.randint(1, 3)}"
    if drawn == 5:
        return f"GET /time: skew {chance.choice((-1.5, 1.5, 30))} x{chance.randint(1, 4)}"
    broken = chance.choice(("status 500", "status 503", "html", "drop-before-apply", "disconnect", "error 105"))
    return f"{route}: {broken} x{chance.randint(1, 5)}"
