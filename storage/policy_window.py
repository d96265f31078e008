"""The window a policy leaves for a buy: one that is empty would refuse every order, and says so before it is in force.

A policy without trades (an observer) needs no window, and one without a market has none to test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from storage.codes import Stage
from storage.market_models import MarketRules
from storage.money import EXACT, Eur, Price, Quantity
from storage.policies import Policy, policy_eur


@dataclass(frozen=True, slots=True)
class Venue:
    """What the exchange takes in a market, and the limit price a buy would have now; None where there is no price."""

    rules: MarketRules
    limit: Price | None


def contradictions(
    policy: Policy, stage: Stage, stage_limit: Eur, venues: Mapping[str, Venue] | None = None
) -> tuple[str, ...]:
    """One sentence for each pair of figures that leaves no order a buy could have; empty when every market has one.

    Without ``venues`` the exchange's own figures are not tested; with them every allowed market must be there.
    """
    if 0 in (policy.trades.per_day, policy.trades.per_hour) or not policy.allowlist:
        return ()
    smallest = policy_eur(policy.order.min_eur)
    ceilings = (
        ("order.max_eur", policy_eur(policy.order.max_eur)),
        ("exposure_eur", policy_eur(policy.exposure_eur)),
        (f"the limit of stage {stage}", stage_limit),
    )
    found = [
        f"{name} is 0, yet trades.per_day is {policy.trades.per_day}"
        if most.is_zero
        else f"{name} {most} is less than order.min_eur {smallest}"
        for name, most in ceilings
        if most.is_zero or most < smallest
    ]
    if found or venues is None:
        return tuple(found)
    name, most = min(ceilings, key=lambda ceiling: ceiling[1].value)
    for market in policy.allowlist:
        venue = venues.get(market)
        problem = "the exchange does not list it" if venue is None else _empty_at(venue, smallest, name, most)
        if problem is not None:
            found.append(f"{market}: {problem}")
    return tuple(found)


def _empty_at(venue: Venue, smallest: Eur, name: str, most: Eur) -> str | None:
    """Why no quantity on the market's steps is worth from ``smallest`` to ``most``; None if one is."""
    rules = venue.rules
    if rules.minimum_value > most:
        return f"{name} {most} is less than the exchange's minimum, {rules.minimum_value} EUR"
    if venue.limit is None:
        return None
    least = max(smallest, rules.minimum_value, key=lambda eur: eur.value)
    quantity = max(
        _next_step(EXACT.divide(least.value, venue.limit.value), rules.quantity_decimals),
        _next_step(rules.minimum_quantity.value, rules.quantity_decimals),
        key=lambda amount: amount.value,
    )
    value = quantity * venue.limit
    if value > most:
        least_order = f"{quantity} {rules.base} at {venue.limit} = {value} EUR"
        return f"{name} {most} is less than the smallest order there, {least_order}"
    if quantity > rules.maximum_quantity:
        return f"order.min_eur {smallest} is more than the exchange's maximum, {rules.maximum_quantity} {rules.base}"
    return None


def _next_step(amount: Decimal, decimals: int) -> Quantity:
    return Quantity(amount.quantize(Decimal(1).scaleb(-decimals), ROUND_CEILING, context=EXACT))
