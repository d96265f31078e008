"""Every fault of the simulated exchange, as a crash meets it."""

from __future__ import annotations

from typing import Final

from console.paper.faults import NAMES, STREAM_ONLY

WINDOW_MS: Final = 300
MARGIN_MS: Final = 2000
REQUEST_TIMEOUT_MS: Final = 1000
SUBMIT: Final = {
    "window_ms": WINDOW_MS,
    "absence_margin_ms": MARGIN_MS,
    "lookup_lag_ms": 50,
    "request_timeout_ms": REQUEST_TIMEOUT_MS,
}
"""A policy's ``submit`` under which an unsettled order is settled within seconds."""

LATE_S: Final = 2.0
"""How late an order is applied: past the window and the wait for an answer, within the margin of a proof of absence."""

WORDS: Final = {
    "apply-then-drop": "x1",
    "ban": "2 x1",
    "delay": "0.6 x1",  # past the window: refused when it is applied
    "disconnect": "x1",
    "drop-before-apply": "x1",
    "error": "109 x1",  # an error that does not say whether the order was taken
    "fee-late": "1",
    "fills-late": "1",
    "html": "502 x1",
    "lag": "1",
    "late-apply": f"{LATE_S:g} x1",
    "maintenance": "1.5",
    "partial-then-cancel": "x1",
    "skew": "1",
    "status": "503 x1",
    "stream-double": "",
    "stream-late": "1",
    "stream-lose": "",
}
"""The figures each fault is tried with."""

NO_ORDER: Final = frozenset({"ban", "delay", "drop-before-apply", "error", "html", "maintenance", "status"})
"""Faults that keep an order from being made."""

UNANSWERED: Final = NO_ORDER | {"apply-then-drop", "disconnect", "late-apply"}
"""Faults after which the sender of a request does not know what became of it."""

EVERYWHERE: Final = STREAM_ONLY | {"skew", "lag", "fills-late", "fee-late", "partial-then-cancel"}
"""Faults that are put on all routes; those they mean nothing for are left alone."""

FAULTS: Final = tuple(NAMES)


def rule(fault: str, route: str) -> str:
    """The rule that puts a fault in force, on ``route`` if it is one of a single request."""
    everywhere = fault in EVERYWHERE or (fault == "late-apply" and route.startswith("GET "))
    return f"{'*' if everywhere else route}: {fault} {WORDS[fault]}".strip()
