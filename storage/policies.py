"""Policies: versioned rules, identified by the SHA-256 of their canonical JSON; and the three presets."""

from __future__ import annotations

import difflib
import hashlib
import json
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    model_validator,
)

from storage.codes import Mode
from storage.errors import InvalidPolicy
from storage.money import Eur, decimal_text, plain_decimal

MARKET_PATTERN: Final = r"^[A-Z0-9]{1,12}-EUR$"


def _exact(value: Any) -> Decimal:
    # YAML and JSON numbers with a fraction arrive as floats: their shortest text is what was written.
    return plain_decimal(repr(value) if isinstance(value, float) else value)


def _distinct(names: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(names)) != len(names):
        raise ValueError("an entry stands in it twice")
    return names


def _whole(value: Any) -> int:
    number = _exact(value)
    if number != number.to_integral_value():
        raise ValueError("must be a whole number")
    return int(number)


Percent = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=1000)]
Euros = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=1_000_000)]
Count = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=100_000)]
Minutes = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=43_200)]
Interval = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=1440)]
Market = Annotated[str, Field(pattern=MARKET_PATTERN)]
Confidence = Annotated[Literal[0, 25, 50, 75, 100], BeforeValidator(_whole)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Scan(_Part):
    """How often a scan runs: normally, when quiet, when busy (minutes; null: as normally), and per day."""

    interval_min: Interval
    quiet_min: Interval | None
    busy_min: Interval | None
    per_day: Count


class OracleCaps(_Part):
    """What calls that cost something may cost: number per day and hour, EUR per day."""

    calls_per_day: Count
    calls_per_hour: Count
    eur_per_day: Euros


class OracleGate(_Part):
    """When a costly oracle may be asked: any one figure of the market over its limit."""

    volatility_pct: Percent
    move_1h_pct: Percent
    move_4h_pct: Percent
    volume_z: Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=100)]


class OrderSize(_Part):
    """Smallest and largest order, EUR without fee."""

    min_eur: Euros
    max_eur: Euros

    @model_validator(mode="after")
    def _ordered(self) -> OrderSize:
        if self.min_eur > self.max_eur:
            raise ValueError(f"min_eur {self.min_eur} is more than max_eur {self.max_eur}")
        return self


class TradeCaps(_Part):
    """Trades per rolling 24 h and per rolling 60 min."""

    per_day: Count
    per_hour: Count


class Venue(_Part):
    """Limits on the market's own condition: collar and spread in percent, age of data in seconds."""

    collar_pct: Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, le=50)]
    spread_pct: Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, le=50)]
    fresh_s: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=60)]


class Submit(_Part):
    """How an order is sent and looked for: access window, margin of the proof of absence, time-out, look-up lag
    (milliseconds), longest rest (minutes), dead-man delay (seconds)."""

    window_ms: Annotated[int, BeforeValidator(_whole), Field(ge=100, le=60_000)]
    absence_margin_ms: Annotated[int, BeforeValidator(_whole), Field(ge=10, le=600_000)]
    request_timeout_ms: Annotated[int, BeforeValidator(_whole), Field(ge=100, le=10_000)]
    lookup_lag_ms: Annotated[int, BeforeValidator(_whole), Field(ge=10, le=60_000)]
    rest_max_min: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=43_200)]
    dead_man_s: Annotated[int, BeforeValidator(_whole), Field(ge=10, le=300)]


class Policy(_Part):
    """All rules that gate, send and reconcile follow. Every field is required; an unknown one is refused."""

    name: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    scan: Scan
    oracle: OracleCaps
    oracle_gate: OracleGate
    order: OrderSize
    trades: TradeCaps
    exits: TradeCaps
    exposure_eur: Euros
    cooldown_min: Minutes
    cooldown_after_loss_min: Minutes
    anti_flip_min: Minutes
    drawdown_pct: Percent
    never_average_down: StrictBool
    confidences: Annotated[tuple[Confidence, ...], Field(max_length=5), AfterValidator(_distinct)]
    allowlist: Annotated[tuple[Market, ...], Field(max_length=500), AfterValidator(_distinct)]
    exit_only: Annotated[tuple[Market, ...], Field(max_length=500), AfterValidator(_distinct)]
    venue: Venue
    submit: Submit

    def canonical(self) -> str:
        """Canonical JSON: keys sorted at every depth, lists of names sorted, numbers as decimal strings."""
        return json.dumps(_canonical(self.model_dump()), sort_keys=True, separators=(",", ":"))

    def hash(self) -> str:
        """SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return sorted((_canonical(item) for item in value), key=str)
    return decimal_text(Decimal(value))


def read_policy(data: Any) -> Policy:
    """Check a policy from outside. Raises InvalidPolicy with one sentence that names the field."""
    try:
        return Policy.model_validate(data)
    except ValidationError as error:
        found = error.errors()
        # A misspelt field is also a missing one: the word that was written says more.
        first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
        where = ".".join(str(part) for part in first["loc"]) or "the policy"
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            missing = [str(each["loc"][-1]) for each in found if each["type"] == "missing"]
            close = difflib.get_close_matches(str(first["loc"][-1]), missing, n=1)
            message = "no such field" + (f"; did you mean {close[0]}?" if close else "")
        raise InvalidPolicy(f"{where}: {message}") from None


def _preset(
    name: str,
    *,
    scan: tuple[int, int | None, int | None, int],
    calls: tuple[int, int, str],
    gate: tuple[int, str, int, str],
    max_eur: int,
    trades: tuple[int, int],
    exits: tuple[int, int],
    exposure: tuple[int, int],
    minutes: tuple[int, int, int],
    average_down_refused: bool,
    confidences: tuple[int, ...],
    markets: tuple[str, ...],
    margin_ms: int,
) -> Policy:
    interval, quiet, busy, per_day = scan
    volatility, move_1h, move_4h, volume_z = gate
    return read_policy(
        {
            "name": name,
            "scan": {"interval_min": interval, "quiet_min": quiet, "busy_min": busy, "per_day": per_day},
            "oracle": {"calls_per_day": calls[0], "calls_per_hour": calls[1], "eur_per_day": calls[2]},
            "oracle_gate": {
                "volatility_pct": volatility,
                "move_1h_pct": move_1h,
                "move_4h_pct": move_4h,
                "volume_z": volume_z,
            },
            "order": {"min_eur": 10, "max_eur": max_eur},
            "trades": {"per_day": trades[0], "per_hour": trades[1]},
            "exits": {"per_day": exits[0], "per_hour": exits[1]},
            "exposure_eur": exposure[0],
            "drawdown_pct": exposure[1],
            "cooldown_min": minutes[0],
            "anti_flip_min": minutes[1],
            "cooldown_after_loss_min": minutes[2],
            "never_average_down": average_down_refused,
            "confidences": confidences,
            "allowlist": markets,
            "exit_only": (),
            "venue": {"collar_pct": 2, "spread_pct": "0.5", "fresh_s": 5},
            "submit": {
                "window_ms": 5000,
                "absence_margin_ms": margin_ms,
                "request_timeout_ms": 10_000,
                "lookup_lag_ms": 1000,
                "rest_max_min": 240,
                "dead_man_s": 60,
            },
        }
    )


ABSENCE_MARGIN_MS: Final = {Mode.PAPER: 5_000, Mode.LIVE: 50_000}
"""One window for the simulated exchange, ten for the real one."""


def presets(mode: Mode) -> dict[str, Policy]:
    """The three presets as they enter a vault of this mode."""
    margin_ms = ABSENCE_MARGIN_MS[mode]
    two = ("BTC-EUR", "ETH-EUR")
    four = (*two, "ADA-EUR", "SOL-EUR")
    made = (
        _preset(
            "observer", scan=(120, None, None, 10), calls=(5, 2, "0.50"), gate=(50, "3", 5, "2.0"), max_eur=50,
            trades=(0, 0), exits=(10, 6), exposure=(0, 5), minutes=(60, 120, 60), average_down_refused=True,
            confidences=(75, 100), markets=two, margin_ms=margin_ms,
        ),
        _preset(
            "hunter", scan=(60, 240, 15, 20), calls=(10, 3, "1.00"), gate=(40, "2", 3, "1.5"), max_eur=200,
            trades=(3, 2), exits=(10, 6), exposure=(1000, 10), minutes=(30, 120, 30), average_down_refused=True,
            confidences=(50, 75, 100), markets=four, margin_ms=margin_ms,
        ),
        _preset(
            "semi-auto", scan=(30, 120, 10, 50), calls=(15, 5, "2.00"), gate=(30, "1.5", 2, "1.0"), max_eur=500,
            trades=(5, 3), exits=(20, 10), exposure=(2000, 15), minutes=(15, 120, 15), average_down_refused=False,
            confidences=(25, 50, 75, 100), markets=(*four, "XRP-EUR"), margin_ms=margin_ms,
        ),
    )  # fmt: skip
    return {policy.name: policy for policy in made}


def policy_eur(amount: Decimal) -> Eur:
    """A policy's euro figure as money."""
    return Eur(amount)
