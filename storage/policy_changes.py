"""What differs between two policies, and which of it lets more through than before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from storage.money import decimal_text
from storage.policies import Policy

LOOSER_WHEN_MORE: Final = frozenset(
    {
        "scan.per_day", "oracle.calls_per_day", "oracle.calls_per_hour", "oracle.eur_per_day", "order.max_eur",
        "trades.per_day", "trades.per_hour", "exits.per_day", "exits.per_hour", "exposure_eur", "drawdown_pct",
        "venue.collar_pct", "venue.spread_pct", "venue.fresh_s", "submit.window_ms", "submit.rest_max_min",
        "submit.dead_man_s",
    }
)  # fmt: skip
LOOSER_WHEN_LESS: Final = frozenset(
    {
        "scan.interval_min", "scan.quiet_min", "scan.busy_min", "oracle_gate.volatility_pct",
        "oracle_gate.move_1h_pct", "oracle_gate.move_4h_pct", "oracle_gate.volume_z", "order.min_eur",
        "cooldown_min", "cooldown_after_loss_min", "anti_flip_min", "submit.absence_margin_ms",
        "submit.lookup_lag_ms",
    }
)  # fmt: skip
LOOSER_WHEN_ADDED: Final = frozenset({"confidences", "allowlist", "exit_only"})
LOOSER_WHEN_OFF: Final = frozenset({"never_average_down"})
NEITHER: Final = frozenset({"name", "submit.request_timeout_ms"})
INTERVALS: Final = frozenset({"scan.quiet_min", "scan.busy_min"})


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. ``loosens``: what it now lets through was refused before."""

    field: str
    before: str
    after: str
    loosens: bool
    text: str
    """In words: ``order.max_eur 200 -> 500``, ``allowlist +XRP-EUR``."""


def policy_changes(before: Policy, after: Policy) -> tuple[Change, ...]:
    """Every field that differs, in the policy's order."""
    old, new = dict(_leaves(before.model_dump())), dict(_leaves(after.model_dump()))
    return tuple(_change(name, old, new) for name in new if _comparable(old[name]) != _comparable(new[name]))


def loosening_line(changes: tuple[Change, ...]) -> str | None:
    """One line that names everything the changes loosen; None if they loosen nothing."""
    looser = [change.text for change in changes if change.loosens]
    return f"loosens {', '.join(looser)}" if looser else None


def _leaves(part: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in part.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _comparable(value: Any) -> Any:
    # The order of a list means nothing.
    return frozenset(value) if isinstance(value, tuple) else value


def _change(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Change:
    before, after = old[name], new[name]
    if isinstance(after, tuple):
        added, removed = [item for item in after if item not in before], [item for item in before if item not in after]
        words = " ".join([*(f"+{item}" for item in added), *(f"-{item}" for item in removed)])
        return Change(name, _text(before), _text(after), bool(added), f"{name} {words}")
    return Change(
        name, _text(before), _text(after), _loosens(name, old, new), f"{name} {_text(before)} -> {_text(after)}"
    )  # fmt: skip


def _loosens(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    before, after = old[name], new[name]
    if name in INTERVALS:
        # Null scans at the usual interval.
        before = old["scan.interval_min"] if before is None else before
        after = new["scan.interval_min"] if after is None else after
    if name in LOOSER_WHEN_MORE:
        return bool(after > before)
    if name in LOOSER_WHEN_LESS:
        return bool(after < before)
    return name in LOOSER_WHEN_OFF and not after


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in sorted(value))
    return str(value)
