"""Calls that cost something: reserved before use, settled after, counted whatever their end.

A reservation is stored in the transaction that checks the caps, so no number of callers at once passes one. Figures
are whole micro-euros, rounded up. Windows roll: a call counts from ``now - length`` (exclusive) on, and one whose time
lies in the future counts as well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Final

from storage.check_results import length_text, utc_text
from storage.clock import DAY, HOUR, Micros
from storage.database import Tx
from storage.errors import BudgetExceeded, NotFound
from storage.leases import LEASE_TTL
from storage.money import EXACT, Eur, decimal_text
from storage.oracle_pause import pause_oracles, refuse_while_paused
from storage.policies import OracleCaps, policy_eur

MILLION: Final = Decimal(1_000_000)


class Cap(StrEnum):
    """The caps on calls that cost something, by the policy's field names."""

    CALLS_PER_DAY = "oracle.calls_per_day"
    CALLS_PER_HOUR = "oracle.calls_per_hour"
    EUR_PER_DAY = "oracle.eur_per_day"


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """What an oracle's provider asks: EUR for a million tokens, sent and answered."""

    input_eur: Decimal
    output_eur: Decimal


@dataclass(frozen=True, slots=True)
class CostlyCall:
    """A call about to be made: which oracle, over how many markets, what it may cost at most."""

    oracle: str
    """Name and version, as in its proposals."""
    markets: int
    reserve: Eur
    """The most it may cost."""
    prompt_tokens: int
    """How many tokens are sent, at most."""
    price: TokenPrice


@dataclass(frozen=True, slots=True)
class Reservation:
    """Leave to make one call. ``tokens_allowed`` is the answer's token limit that the reservation pays for."""

    id: int
    oracle: str
    reserved: Eur
    tokens_allowed: int
    at: Micros


@dataclass(frozen=True, slots=True)
class Spent:
    """What a call came to, by the provider's own count."""

    cost: Eur
    tokens_used: int


class Settled(StrEnum):
    """What became of a settlement."""

    WITHIN = "within"
    """Stored; the call cost no more than was reserved."""
    OVERRUN = "overrun"
    """Stored; it cost more, an alert is out and costly oracles rest."""
    LATE = "late"
    """Not stored: the reservation had been abandoned or settled already."""


@dataclass(frozen=True, slots=True)
class CapUse:
    """How far a cap is used: calls are counted, euros are euros."""

    cap: Cap
    length: Micros
    used: Decimal
    """By settled and abandoned calls."""
    reserved: Decimal
    """By calls that are under way."""
    limit: Decimal


class CapReached(BudgetExceeded):
    """A cap has no room for the call. ``room_at`` is when it has; None if it never has."""

    def __init__(self, use: CapUse, asked: Decimal, room_at: Micros | None) -> None:
        self.use, self.asked, self.room_at = use, asked, room_at
        unit = " EUR" if use.cap is Cap.EUR_PER_DAY else ""
        when = "no passing of time makes room" if room_at is None else f"room at {utc_text(room_at)}"
        super().__init__(
            f"{use.cap} has no room: {decimal_text(use.used + use.reserved)}{unit} of {decimal_text(use.limit)}{unit} "
            f"used or reserved in the last {length_text(use.length)}, {decimal_text(asked)}{unit} asked; {when}"
        )


@dataclass(frozen=True, slots=True)
class _Call:
    """One call inside a window: its time and its weight, a count or micro-euros."""

    at: Micros
    weight: int
    open: bool


@dataclass(frozen=True, slots=True)
class _Window:
    cap: Cap
    calls: Sequence[_Call]
    """Oldest first."""
    limit: int
    length: Micros

    @property
    def taken(self) -> int:
        return sum(call.weight for call in self.calls)

    def use(self) -> CapUse:
        used = sum(call.weight for call in self.calls if not call.open)
        return CapUse(
            self.cap, self.length, self.shown(used), self.shown(self.taken - used), self.shown(self.limit)
        )  # fmt: skip

    def shown(self, number: int) -> Decimal:
        return _euros(number).value if self.cap is Cap.EUR_PER_DAY else Decimal(number)

    def room_at(self, asked: int) -> Micros | None:
        """When enough of the oldest calls have left the window; None if ``asked`` never fits."""
        left = self.taken
        for call in self.calls:
            left -= call.weight
            if left + asked <= self.limit:
                return call.at + self.length
        return None


def reserve_usage(tx: Tx, call: CostlyCall, caps: OracleCaps) -> Reservation:
    """Set aside one call and its euros, under every cap at once; ``caps`` are those of the active policy.

    Raises:
        CapReached: the first cap without room, with figures and when room comes back; nothing is stored.
        OraclePaused: an overrun has not been looked at.
        BudgetExceeded: the reservation does not pay for the prompt and one token of answer.
    """
    abandon_stale(tx)
    refuse_while_paused(tx)
    tokens, micros = tokens_allowed(call), call.reserve.micros_up()
    for window in _windows(tx, caps):
        asked = micros if window.cap is Cap.EUR_PER_DAY else 1
        if window.taken + asked > window.limit:
            raise CapReached(window.use(), window.shown(asked), window.room_at(asked))
    row_id = tx.sql.insert(
        "reserve_usage",
        now=tx.now,
        oracle=call.oracle,
        markets=call.markets,
        reserved_micros=micros,
        tokens_allowed=tokens,
        instance=tx.actor.instance,
    )
    return Reservation(row_id, call.oracle, call.reserve, tokens, tx.now)


def tokens_allowed(call: CostlyCall) -> int:
    """How many tokens the answer may have, so that prompt and answer together cost no more than the reservation.

    Raises BudgetExceeded when that is not even one, ValueError for a prompt or a price that is none.
    """
    if call.prompt_tokens < 0 or call.price.input_eur < 0 or call.price.output_eur <= 0:
        raise ValueError("a costly call has a prompt of no negative length, and tokens that cost something")
    prompt = EXACT.multiply(Decimal(call.prompt_tokens), call.price.input_eur)
    left = EXACT.subtract(EXACT.multiply(call.reserve.value, MILLION), prompt)
    tokens = int(EXACT.divide(left, call.price.output_eur).to_integral_value(ROUND_FLOOR))
    if tokens < 1:
        raise BudgetExceeded(
            f"{call.reserve} EUR do not pay for a prompt of {call.prompt_tokens} tokens and an answer; reserve more"
        )
    return tokens


def settle_usage(tx: Tx, reservation_id: int, spent: Spent, summary: str) -> Settled:
    """Store what a call came to. More than was reserved is stored as well, alerts, and makes costly oracles rest.

    A reservation that was abandoned or settled keeps what it says; an overrun of it alerts and pauses all the same, as
    the money is gone. Raises NotFound.
    """
    row = _reservation(tx, reservation_id)
    if spent.cost < Eur.zero() or spent.tokens_used < 0:
        raise ValueError("a call costs nothing or more")
    micros, reserved = spent.cost.micros_up(), row["reserved_micros"]
    over = max(micros - reserved, 0)
    stored = tx.sql.change(
        "settle_usage",
        id=reservation_id,
        now=tx.now,
        cost_micros=micros - over,
        overrun_micros=over,
        tokens_used=spent.tokens_used,
        summary=summary,
    )
    if not stored:
        tx.audit("usage.late", str(reservation_id), cost_micros=micros, reserved_micros=reserved, state=row["state"])
    if over:
        pause_oracles(
            tx,
            row["oracle"],
            f"call {reservation_id} of {row['oracle']} cost {_euros(micros)} EUR, {_euros(over)} more than its "
            f"reservation of {_euros(reserved)}",
        )
    if not stored:
        return Settled.LATE
    return Settled.OVERRUN if over else Settled.WITHIN


def abandon_usage(tx: Tx, reservation_id: int, why: str) -> bool:
    """End a call whose cost nobody knows; it counts in full. False if it had ended before. Raises NotFound."""
    _reservation(tx, reservation_id)
    return tx.sql.change("abandon_usage", id=reservation_id, now=tx.now, summary=why) == 1


def stale_reservations(tx: Tx) -> list[int]:
    """Reservations older than a lease, or from further ahead than one: nobody will settle them."""
    return [row["id"] for row in tx.sql.all("stale_reservations", older=tx.now - LEASE_TTL, ahead=tx.now + LEASE_TTL)]


def abandon_stale(tx: Tx) -> list[int]:
    """Abandon every reservation older than a lease, or from further ahead than one; by any process."""
    stale = stale_reservations(tx)
    for reservation_id in stale:
        abandon_usage(tx, reservation_id, "no answer was stored in time")
    return stale


def cap_uses(tx: Tx, caps: OracleCaps) -> tuple[CapUse, ...]:
    """Every cap on costly calls, with what is used and reserved."""
    return tuple(window.use() for window in _windows(tx, caps))


def _reservation(tx: Tx, reservation_id: int) -> sqlite3.Row:
    row = tx.sql.one("usage_by_id", id=reservation_id)
    if row is None or row["reserved_micros"] == 0:
        raise NotFound(f"there is no reservation {reservation_id}")
    return row


def _windows(tx: Tx, caps: OracleCaps) -> tuple[_Window, ...]:
    rows = tx.sql.all("costly_usage", since=tx.now - DAY)
    calls = [_Call(row["at"], 1, row["state"] == "reserved") for row in rows]
    euros = [_Call(row["at"], _micros_of(row), row["state"] == "reserved") for row in rows]
    lately = [call for call in calls if call.at > tx.now - HOUR]
    # The cap itself is rounded down: what is counted is rounded up, and no rounding makes room.
    most = int((policy_eur(caps.eur_per_day).value * MILLION).to_integral_value(ROUND_FLOOR))
    return (
        _Window(Cap.CALLS_PER_DAY, calls, caps.calls_per_day, DAY),
        _Window(Cap.CALLS_PER_HOUR, lately, caps.calls_per_hour, HOUR),
        _Window(Cap.EUR_PER_DAY, euros, most, DAY),
    )


def _micros_of(row: sqlite3.Row) -> int:
    # A call of unknown cost counts in full.
    spent: int = row["reserved_micros"] if row["cost_micros"] is None else row["cost_micros"]
    return spent + int(row["overrun_micros"])


def _euros(micros: int) -> Eur:
    return Eur(Decimal(micros).scaleb(-6))
