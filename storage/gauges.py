"""How much of what the policy allows is used, and when room comes back: calls, scans, trades, exposure, loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from storage.budget import Cap, CapUse, cap_uses
from storage.check_results import MissingInput
from storage.clock import DAY, HOUR, MINUTE, Micros
from storage.codes import Side
from storage.database import Tx
from storage.facts import Common, read_common
from storage.models import Facts, Question
from storage.money import Eur, Price
from storage.policies import Policy, TradeCaps, policy_eur
from storage.probes import ANY_MARKET, probe
from storage.risk_checks import drawdown_limit, exposure_now, loss_of_day, value_at_bid
from storage.validators import daily_trade_cap, hourly_trade_cap

SCANNER: Final = "rules/scan"
"""Under which name scans are recorded."""

_PACE_OF: Final = 6
"""The newest so many scans tell their pace."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """One cap and what stands against it. Figures are counts or euros, all of one kind."""

    name: str
    """``calls``, ``calls_hour``, ``cost``, ``scans``, ``trades``, ``trades_hour``, ``exits``, ``exits_hour``,
    ``exposure`` or ``loss``."""
    used: Decimal | None
    """None where a figure it needs is missing; ``missing`` names it."""
    reserved: Decimal
    """What is promised and may still be used: calls not settled, live orders, buys that may still fill."""
    cap: Decimal
    frees_at: Micros | None = None
    """When the next room comes back, in whole units (counts) or the oldest cost (euros)."""
    full_at: Micros | None = None
    """When it is full if the present pace goes on; None where it never is, or nothing sets a pace."""
    missing: str = ""

    @property
    def full(self) -> bool:
        """Nothing is left, or the figure is not known."""
        return self.used is None or self.used + self.reserved >= self.cap


def read_budget(tx: Tx, bids: Mapping[str, Price], common: Common | None = None) -> tuple[Gauge, ...]:
    """Every gauge of the active policy, in the order of ``Gauge.name``'s list. ``bids`` value what is held, by market.

    A missing bid of a held market leaves exposure and loss without a figure; it is named in ``missing``. ``common`` was
    read in this transaction.
    """
    known = read_common(tx) if common is None else common
    policy: Policy = known.policy.policy
    uses = {use.cap: use for use in cap_uses(tx, policy.oracle)}
    calls = [row["at"] for row in tx.sql.all("costly_usage", since=tx.now - DAY)]
    scans = [row["at"] for row in tx.sql.all("scan_times", oracle=SCANNER, since=tx.now - DAY)]
    buying, selling = (probe(tx, ANY_MARKET, side, known) for side in Side)
    return (
        _calls("calls", uses[Cap.CALLS_PER_DAY], calls, tx.now),
        _calls("calls_hour", uses[Cap.CALLS_PER_HOUR], calls, tx.now),
        _cost(uses[Cap.EUR_PER_DAY], calls),
        _scans(scans, policy.scan.per_day, tx.now),
        *_trades(("trades", "trades_hour"), buying, policy.trades),
        *_trades(("exits", "exits_hour"), selling, policy.exits),
        _exposure(buying.facts, policy_eur(policy.exposure_eur), bids),
        _loss(buying.facts, drawdown_limit(policy), bids),
    )


def full_at(times: Sequence[Micros], cap: int, length: Micros, now: Micros) -> Micros | None:
    """When a rolling window of ``length`` holds ``cap`` events if they go on at the pace of the newest ones.

    ``times`` are those inside the window, oldest first. None if it never fills, or if the pace has ended: the next
    event is more than one gap late.
    """
    newest = times[-_PACE_OF:]
    if len(newest) < 2 or len(times) >= cap:
        return None
    gap = max((newest[-1] - newest[0]) // (len(newest) - 1), MINUTE)  # no policy scans more often
    if now > newest[-1] + 2 * gap:
        return None
    inside, at = list(times), newest[-1] + gap
    while at <= now + length:
        inside = [one for one in inside if one > at - length]
        inside.append(at)
        if len(inside) >= cap:
            return max(at, now)
        at += gap
    return None


def _calls(name: str, use: CapUse, calls: Sequence[Micros], now: Micros) -> Gauge:
    inside = [at for at in calls if at > now - use.length]
    return Gauge(name, use.used, use.reserved, use.limit, _one_more(inside, int(use.limit), use.length))


def _cost(use: CapUse, calls: Sequence[Micros]) -> Gauge:
    frees = calls[0] + use.length if calls and use.limit > 0 else None
    return Gauge("cost", use.used, use.reserved, use.limit, frees)


def _one_more(times: Sequence[Micros], cap: int, length: Micros) -> Micros | None:
    """When there is room for one more than now; None while nothing is used, or if there never is room."""
    return times[max(len(times) - cap, 0)] + length if times and cap > 0 else None


def _scans(times: Sequence[Micros], cap: int, now: Micros) -> Gauge:
    frees, full = _one_more(times, cap, DAY), full_at(times, cap, DAY, now)
    return Gauge("scans", Decimal(len(times)), Decimal(0), Decimal(cap), frees, full)


def _trades(names: tuple[str, str], question: Question, caps: TradeCaps) -> tuple[Gauge, Gauge]:
    """Trades of one side per day and per hour; when there is no room, the check itself says when it comes back."""
    facts, side = question.facts, question.order.side
    live = sum(execution.side is side for execution in facts.open_executions)
    made = []
    for name, cap, length, check in (
        (names[0], caps.per_day, DAY, daily_trade_cap),
        (names[1], caps.per_hour, HOUR, hourly_trade_cap),
    ):
        inside = [at for at in facts.trade_times[side] if at > facts.now - length]
        answer = check(question)
        frees = answer.clears_at
        if answer.passed and len(inside) > live:
            frees = inside[0] + length
        made.append(Gauge(name, Decimal(len(inside) - live), Decimal(live), Decimal(cap), frees))
    return made[0], made[1]


def _exposure(facts: Facts, cap: Eur, bids: Mapping[str, Price]) -> Gauge:
    try:
        held = Eur.total(value_at_bid(position, bids) for position in facts.positions.values())
        return Gauge("exposure", held.value, (exposure_now(facts, bids) - held).value, cap.value)
    except MissingInput as error:
        return Gauge("exposure", None, Decimal(0), cap.value, missing=str(error))


def _loss(facts: Facts, cap: Eur, bids: Mapping[str, Price]) -> Gauge:
    try:
        loss = loss_of_day(facts, bids)
    except MissingInput as error:
        return Gauge("loss", None, Decimal(0), cap.value, missing=str(error))
    return Gauge("loss", max(loss.value, Decimal(0)), Decimal(0), cap.value)
