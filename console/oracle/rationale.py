"""Why a signal is worth an order, what speaks against it, and when it is wrong: every number from the snapshot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Final

from console.oracle.indicators import Figures
from console.oracle.rules import REVERSION, RULES, TREND, Condition, Signal
from console.oracle.snapshot import Snapshot
from storage.codes import Side
from storage.models import Rationale
from storage.money import Price, decimal_text

INVALIDATION_ATR: Final = {TREND: Decimal(1), REVERSION: Decimal(2)}
"""How far beyond the slow mean (trend) or the band (reversion) the idea is wrong: past ordinary noise."""
THIN_VOLUME_Z: Final = Decimal("-0.5")
"""An hour with clearly less volume than the day's usual one speaks against an idea."""

HEADLINES: Final = {
    (TREND, Side.BUY): "up-trend",
    (TREND, Side.SELL): "down-trend",
    (REVERSION, Side.BUY): "oversold",
    (REVERSION, Side.SELL): "overbought",
}

NUMBER: Final = re.compile(r"(?<![\w.])[+-]?\d{1,3}(?: \d{3})+(?:\.\d+)?(?!\d)|(?<![\w.])[+-]?\d+(?:\.\d+)?")
COUNTS: Final = re.compile(r"\b\d of \d signals agree|\b\d+ h\b")
"""Counts of conditions and lengths of time: words of the sentence, no figures of the market."""


def price_text(value: Decimal) -> str:
    """A price with spaces between thousands: ``61 020.4``."""
    return f"{Decimal(decimal_text(value)):,f}".replace(",", " ")


def explain(signal: Signal, snapshot: Snapshot) -> Rationale | None:
    """The rationale of a signal; None where no price above zero would prove it wrong."""
    wrong_at = _invalidation(signal, snapshot)
    if wrong_at is None:
        return None
    return Rationale(
        why=f"{_headline(signal)}, {signal.agreeing} of {len(signal.conditions)} signals agree",
        why_not=_against(signal, snapshot.figures),
        invalidation_price=wrong_at,
        next_trigger=_ends_when(signal, snapshot.figures),
        risk_notes=_risks(snapshot.figures),
    )


def _headline(signal: Signal) -> str:
    first = signal.conditions[0]
    return f"{HEADLINES[signal.oracle, signal.side]}, {first.name} {first.number} {first.unit}"


def _against(signal: Signal, figures: Figures) -> str:
    points = [condition.text for condition in signal.conditions if not condition.met]
    if figures.volume_z is not None and figures.volume_z < THIN_VOLUME_Z:
        points.append(f"volume z {decimal_text(figures.volume_z)} is thin")
    return "; ".join(points) if points else f"nothing but the spread, {decimal_text(figures.spread_pct)} %"


def _invalidation(signal: Signal, snapshot: Snapshot) -> Price | None:
    """Buy: so many ATRs under the lower of bid and level, on a tick below; sell: over the higher of ask and level."""
    figures = snapshot.figures
    room = figures.atr * INVALIDATION_ATR[signal.oracle]
    buys = signal.side is Side.BUY
    level = figures.ema_slow if signal.oracle == TREND else figures.band_low if buys else figures.band_high
    wrong = min(level, snapshot.bid.value) - room if buys else max(level, snapshot.ask.value) + room
    if wrong <= 0:
        return None
    price = Price(wrong).to_tick(snapshot.tick_size, up=not buys)
    return price if price.is_positive else None


def _ends_when(signal: Signal, figures: Figures) -> str:
    """What to watch: where the state that made the signal would end."""
    if signal.oracle == TREND:
        return f"good while the slow mean {price_text(figures.ema_slow)} holds"
    return f"done when price is back at the middle band {price_text(figures.band_mid)}"


def _risks(figures: Figures) -> str:
    return (
        f"spread {decimal_text(figures.spread_pct)} %, one candle moves {price_text(figures.atr)}, "
        f"volatility {decimal_text(figures.volatility_pct)} % a year"
    )


@dataclass(frozen=True, slots=True)
class Cited:
    """A number that a rationale states, and the figure it is; None where the snapshot holds no such number."""

    text: str
    value: Decimal
    figure: str | None


def cited_numbers(rationale: Rationale, snapshot: Snapshot) -> tuple[Cited, ...]:
    """Every number in a rationale's sentences, with where it comes from: a figure, or the threshold of a rule."""
    known = dict(_known(snapshot.figures))
    cited: list[Cited] = []
    for sentence in (rationale.why, rationale.why_not, rationale.next_trigger, rationale.risk_notes):
        for match in NUMBER.finditer(COUNTS.sub("", sentence)):
            value = Decimal(match.group().replace(" ", ""))
            cited.append(Cited(match.group(), value, known.get(value)))
    return tuple(cited)


def _known(figures: Figures) -> Iterator[tuple[Decimal, str]]:
    conditions: list[Condition] = []
    for rule in RULES.values():
        conditions += (*rule(figures, Side.BUY), *rule(figures, Side.SELL))
    for condition in conditions:
        for limit in (condition.low, condition.high):
            if limit is not None:
                yield limit, f"threshold of {condition.figure}"
    # Figures last, so that a figure that equals a threshold is named as the figure.
    for field in fields(figures):
        value = getattr(figures, field.name)
        if value is not None:
            yield value, field.name
