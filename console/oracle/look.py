"""One look over the markets a policy allows: what was seen, what the rules make of it, and why nothing came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from console.oracle.rationale import explain
from console.oracle.rules import Miss, Signal, judge_all
from console.oracle.snapshot import Dropped, MarketView, Snapshot, build_snapshot
from storage.clock import MINUTE, Micros
from storage.codes import OrderType, Side
from storage.market_models import MarketRules
from storage.models import Rationale
from storage.money import Eur, Price, Quantity
from storage.policies import OracleGate, Policy

BUY_EUR: Final = Eur.of(25)
TTL: Final[Micros] = 30 * MINUTE
BUY_OVER_ASK: Final = Decimal("1.005")
SELL_UNDER_BID: Final = Decimal("0.995")
LARGEST_STEP_UP: Final = Decimal("0.1")
"""By how much of the amount meant a buy may exceed it where the market's step is coarse."""


class Outcome(StrEnum):
    """What followed from looking at one market."""

    QUIET = "quiet"
    """No rule holds, and no figure of the market is over the policy's oracle gate."""
    NOTHING = "nothing"
    """A figure is over the oracle gate, and yet no rule holds."""
    PROPOSED = "proposed"
    DUPLICATE = "duplicate"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything a new proposal needs."""

    market: str
    side: Side
    order_type: OrderType
    quantity: Quantity
    limit: Price
    eur: Eur
    """Quantity times limit, without fee."""
    confidence: int
    rationale: Rationale
    oracle: str
    ttl: Micros
    """How long it is good for, microseconds."""
    quote_at_creation: Price
    """Ask (buy) or bid (sell) that the limit was taken from."""
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class MarketLook:
    """What one market gave."""

    market: str
    outcome: Outcome
    numbers: Mapping[str, Decimal | None]
    """The oracle gate's figures, by its field names; empty where nothing could be seen."""
    thresholds: Mapping[str, Decimal]
    nearest: str
    """The condition nearest to making a signal, with number and threshold; empty where one held or nothing was seen."""
    distance: Decimal | None
    """How far ``nearest`` is, in steps that compare across conditions and markets."""
    reason: str
    """Why it was dropped or is a duplicate; else empty."""
    draft: Draft | None
    snapshot: Snapshot | None


@dataclass(frozen=True, slots=True)
class LookResult:
    """One look: every market of the allowlist, in its order."""

    at: Micros
    markets: tuple[MarketLook, ...]

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """What is to be proposed."""
        return tuple(market.draft for market in self.markets if market.draft is not None)


def look(views: Sequence[MarketView], policy: Policy, now: Micros) -> LookResult:
    """Look at every market the policy allows; views of other markets are not even read.

    A market of the allowlist without a view is dropped, so that nothing goes missing silently.
    """
    seen = {view.market: view for view in views}
    return LookResult(now, tuple(_look_at(market, seen.get(market), policy, now) for market in policy.allowlist))


def gate_numbers(snapshot: Snapshot) -> dict[str, Decimal | None]:
    """The figures that decide whether a costly oracle may be asked, by the policy's field names."""
    figures = snapshot.figures
    return {
        "volatility_pct": figures.volatility_pct,
        "move_1h_pct": figures.move_1h_pct,
        "move_4h_pct": figures.move_4h_pct,
        "volume_z": figures.volume_z,
    }


def gate_thresholds(gate: OracleGate) -> dict[str, Decimal]:
    """The policy's limits for the same figures; moves count in either direction."""
    return {
        "volatility_pct": gate.volatility_pct,
        "move_1h_pct": gate.move_1h_pct,
        "move_4h_pct": gate.move_4h_pct,
        "volume_z": gate.volume_z,
    }


def is_lively(numbers: Mapping[str, Decimal | None], thresholds: Mapping[str, Decimal]) -> bool:
    """Any one figure over its limit. Volume counts above the usual only; an undefined figure never does."""
    for name, limit in thresholds.items():
        number = numbers[name]
        if number is not None and (number if name == "volume_z" else abs(number)) > limit:
            return True
    return False


def _look_at(market: str, view: MarketView | None, policy: Policy, now: Micros) -> MarketLook:
    thresholds = gate_thresholds(policy.oracle_gate)
    if view is None:
        return MarketLook(market, Outcome.DROPPED, {}, thresholds, "", None, "not fetched", None, None)
    snapshot = build_snapshot(view, now)
    if isinstance(snapshot, Dropped):
        return MarketLook(market, Outcome.DROPPED, {}, thresholds, "", None, snapshot.reason, None, None)
    numbers = gate_numbers(snapshot)
    judged = judge_all(snapshot)
    signals = [verdict for verdict in judged if isinstance(verdict, Signal)]
    if signals:
        outcome, draft, reason = _draw_first(signals, view, snapshot, policy)
        return MarketLook(market, outcome, numbers, thresholds, "", None, reason, draft, snapshot)
    outcome = Outcome.NOTHING if is_lively(numbers, thresholds) else Outcome.QUIET
    # A sell is no way to an idea where nothing is held; a buy always is.
    holds = snapshot.held is not None and snapshot.held.is_positive
    misses = [miss for miss in judged if isinstance(miss, Miss) and (holds or miss.side is Side.BUY)]
    closest = min(misses, key=lambda miss: miss.distance)
    return MarketLook(market, outcome, numbers, thresholds, closest.nearest, closest.distance, "", None, snapshot)


def _draw_first(
    signals: Sequence[Signal], view: MarketView, snapshot: Snapshot, policy: Policy
) -> tuple[Outcome, Draft | None, str]:
    """The most confident signal that is not open yet becomes a draft; rules that contradict each other give none."""
    best = max(signals, key=lambda signal: signal.confidence)
    agreeing = [signal for signal in signals if signal.side is best.side]
    if any(signal.side is not best.side and signal.confidence == best.confidence for signal in signals):
        return Outcome.DROPPED, None, "the rules contradict each other"
    fresh = [signal for signal in agreeing if (signal.oracle, signal.side) not in view.open_sides]
    if not fresh:
        return Outcome.DUPLICATE, None, f"{best.side.upper()} of {best.oracle} is still open"
    drawn = draw_draft(max(fresh, key=lambda signal: signal.confidence), view, snapshot, policy)
    if isinstance(drawn, Draft):
        return Outcome.PROPOSED, drawn, ""
    return Outcome.DROPPED, None, drawn


def draw_draft(signal: Signal, view: MarketView, snapshot: Snapshot, policy: Policy) -> Draft | str:
    """The order a signal stands for, on the market's ticks and above its minima; a text says why there is none."""
    rules = view.rules
    if OrderType.LIMIT.value not in rules.order_types:
        return "market takes no limit orders"
    if signal.confidence not in policy.confidences:
        return f"confidence {signal.confidence} is not in the policy's list"
    buys = signal.side is Side.BUY
    quote = snapshot.ask if buys else snapshot.bid
    limit = quote.scaled(BUY_OVER_ASK if buys else SELL_UNDER_BID).to_tick(rules.tick_size, up=not buys)
    if not limit.is_positive:
        return "no limit price on a tick"
    sized = _bought(limit, rules, policy) if buys else _sold(snapshot.held, rules)
    if isinstance(sized, str):
        return sized
    below = _below_minimum(sized, limit, rules)
    if below is not None:
        return below
    rationale = explain(signal, snapshot)
    if rationale is None:
        return "no price would prove it wrong"
    return Draft(
        market=view.market,
        side=signal.side,
        order_type=OrderType.LIMIT,
        quantity=sized,
        limit=limit,
        eur=sized * limit,
        confidence=signal.confidence,
        rationale=rationale,
        oracle=signal.oracle,
        ttl=TTL,
        quote_at_creation=quote,
        snapshot=snapshot,
    )


def _bought(limit: Price, rules: MarketRules, policy: Policy) -> Quantity | str:
    """25 EUR, or the policy's minimum if that is more, cut to the market's decimals.

    Where the cut falls under the policy's minimum, the next step of the market is taken, if it is a small one.
    """
    smallest, largest = Eur(policy.order.min_eur), Eur(policy.order.max_eur)
    amount = max(BUY_EUR, smallest, key=lambda eur: eur.value)
    quantity = (amount / limit).rounded_down(rules.quantity_decimals)
    if quantity * limit < smallest:
        step = Quantity(Decimal(1).scaleb(-rules.quantity_decimals))
        if step * limit > amount.scaled(LARGEST_STEP_UP):
            return (
                f"{(quantity * limit).cents()} EUR is under the policy's {smallest}, the next step {step} {rules.base}"
            )
        quantity += step
    if quantity * limit > largest:
        return f"{(quantity * limit).cents()} EUR is over the policy's {largest}"
    return quantity


def _sold(held: Quantity | None, rules: MarketRules) -> Quantity | str:
    """All that is held, cut to the market's decimals."""
    return "balance not known" if held is None else held.rounded_down(rules.quantity_decimals)


def _below_minimum(quantity: Quantity, limit: Price, rules: MarketRules) -> str | None:
    if not quantity.is_positive or quantity < rules.minimum_quantity:
        return f"{quantity} {rules.base} is under the market's {rules.minimum_quantity}"
    if quantity * limit < rules.minimum_value:
        return f"{(quantity * limit).cents()} EUR is under the market's {rules.minimum_value}"
    if quantity > rules.maximum_quantity:
        return f"{quantity} {rules.base} is over the market's {rules.maximum_quantity}"
    return None


def quiet_line(result: LookResult, time_text: str) -> str:
    """One line that says why there is no more: ``quiet at 14:30: 3 of 5 markets · nearest XRP 1 h +1.4 of 1.5 %``.

    ``time_text`` is the look's time as the screen shows it. Markets without an idea count as quiet, whatever the gate
    says of them; what was dropped is named with its reason.
    """
    total = len(result.markets)
    if total == 0:
        return f"nothing looked at {time_text}: no market is allowed"
    counts = Counter(market.outcome for market in result.markets)
    quiet = counts[Outcome.QUIET] + counts[Outcome.NOTHING]
    ideas = counts[Outcome.PROPOSED] + counts[Outcome.DUPLICATE]
    if quiet:
        parts = [f"quiet at {time_text}: {quiet} of {total} markets"]
    elif ideas:
        parts = [f"looked at {time_text}: ideas in {ideas} of {total} markets"]
    else:
        parts = [f"no idea at {time_text}: {counts[Outcome.DROPPED]} of {total} markets dropped"]
    near = [market for market in result.markets if market.distance is not None]
    if near:
        closest = min(near, key=lambda market: market.distance if market.distance is not None else Decimal("Infinity"))
        parts.append(f"nearest {_coin(closest.market)} {closest.nearest}")
    parts += _dropped_part(result)
    return " · ".join(parts)


def _dropped_part(result: LookResult) -> list[str]:
    dropped = [market for market in result.markets if market.outcome is Outcome.DROPPED]
    if not dropped:
        return []
    more = f" +{len(dropped) - 1}" if len(dropped) > 1 else ""
    return [f"{_coin(dropped[0].market)} {dropped[0].reason}{more}"]


def _coin(market: str) -> str:
    return market.partition("-")[0]
