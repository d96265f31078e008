"""What may not be done now, and until when: markets by the gate's own checks, jobs by their leases."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from storage.check_results import MissingInput, fails
from storage.clock import MINUTE, Micros
from storage.codes import RESTING, CheckCode, ExecutionState, OrderKind, Side
from storage.database import Tx
from storage.facts import Common, newest_sweep, read_common
from storage.leases import all_jobs, holder_is_gone, is_held
from storage.models import Check, Question
from storage.policies import Policy
from storage.positions import Book
from storage.probes import ANY_MARKET, probe
from storage.standing import IN_FLIGHT, reconciled, unresolved_execution
from storage.validators import allowlist, anti_flip, cooldown, daily_trade_cap, hourly_trade_cap

_MARKET_CHECKS: Final = (unresolved_execution, cooldown, anti_flip)
_EVERYWHERE: Final = (reconciled, unresolved_execution, daily_trade_cap, hourly_trade_cap)


@dataclass(frozen=True, slots=True)
class MarketLock:
    """One thing that may not be done in a market, or, with an empty market, anywhere."""

    market: str
    side: Side | None
    """The side it stops; None for both."""
    code: CheckCode
    """The check that says so."""
    words: str
    """In words, without the time: ``no SELL``, ``cooling``, ``unknown order``, ``in flight``, ``exit only``."""
    clears_at: Micros | None
    """When it clears by itself; None when no passing of time alone clears it."""
    reason: str
    """The check's own sentence."""


@dataclass(frozen=True, slots=True)
class JobLock:
    """A job of the scheduler and its lease."""

    job: str
    holder: str | None
    """The instance that holds a lease in force; None while it is free."""
    fence: int
    ttl: Micros | None
    """What is left of the lease; None while it is free."""
    next_run_at: Micros
    failures: int
    error: str | None
    paused: bool
    gone: bool = False
    """Its holder was killed; the lease stays in its name until it ends."""


def market_locks(tx: Tx, common: Common | None = None) -> tuple[MarketLock, ...]:
    """Everything that stops orders in some market or everywhere, as the validators and standing checks answer now.

    Undated locks come first, then those that clear last. Sells and buys are asked for as entries; a market that takes
    exits alone is ``exit only``. Trading state, prices and balances are no locks. ``common`` was read in this
    transaction.
    """
    known = read_common(tx) if common is None else common
    locks = _ask_both(_questions(tx, ANY_MARKET, known), _EVERYWHERE)
    everywhere = {(lock.code, lock.side) for lock in locks}
    for market in _markets(tx, known.book, known.policy.policy):
        questions = _questions(tx, market, known)
        locks += _ask_both(questions, _MARKET_CHECKS, everywhere)
        locks += _listed(questions[Side.BUY])
    return tuple(sorted(locks, key=_order))


def job_locks(tx: Tx) -> tuple[JobLock, ...]:
    """Every job with its lease, by name. An expired lease, or one further ahead than leases last, is none."""
    found = []
    for row in all_jobs(tx):
        gone = holder_is_gone(tx, row)
        live = gone or is_held(tx, row)
        found.append(
            JobLock(
                job=row["job"],
                holder=row["holder"] if live else None,
                fence=row["fence"],
                ttl=row["expires_at"] - tx.now if live else None,
                next_run_at=row["next_run_at"],
                failures=row["failures"],
                error=row["last_error"],
                paused=bool(row["paused"]),
                gone=gone,
            )
        )
    return tuple(found)


def _order(lock: MarketLock) -> tuple[bool, int, str, str]:
    clears = lock.clears_at
    return (clears is not None, 0 if clears is None else -clears, lock.market, lock.words)


def _markets(tx: Tx, book: Book, policy: Policy) -> list[str]:
    """Markets in which a lock is possible: traded within the longest wait, with an order, held, or named."""
    longest = max(policy.cooldown_min + policy.cooldown_after_loss_min, policy.anti_flip_min) * MINUTE
    traded = {row["market"] for row in tx.sql.all("markets_with_locks", since=tx.now - longest)}
    sweep = newest_sweep(tx)
    foreign = frozenset() if sweep is None else sweep.foreign_markets
    return sorted(traded | set(book.positions) | set(policy.exit_only) | foreign)


def _questions(tx: Tx, market: str, common: Common) -> dict[Side, Question]:
    return {side: probe(tx, market, side, common) for side in Side}


def _ask_both(
    questions: Mapping[Side, Question],
    checks: Iterable[Callable[[Question], Check]],
    told: Collection[tuple[CheckCode, Side | None]] = (),
) -> list[MarketLock]:
    """The locks of both sides; what stops both in the same words and until the same time is one lock."""
    buys, sells = (_ask(questions[side], checks, side) for side in (Side.BUY, Side.SELL))
    both = [replace(lock, side=None) for lock in buys if _same_in(lock, sells)]
    sided = [lock for lock in (*buys, *sells) if not _same_in(lock, both)]
    return [lock for lock in (*both, *sided) if (lock.code, lock.side) not in told]


def _same_in(lock: MarketLock, others: Iterable[MarketLock]) -> bool:
    return any((lock.words, lock.clears_at) == (other.words, other.clears_at) for other in others)


def _ask(question: Question, checks: Iterable[Callable[[Question], Check]], side: Side) -> list[MarketLock]:
    """The locks of one side; of several in the same words the one that clears last."""
    found: dict[str, MarketLock] = {}
    for check in checks:
        answer = _answer(check, question)
        if answer.passed:
            continue
        words = _words(answer, question, side)
        lock = MarketLock(question.order.market, side, answer.code, words, answer.clears_at, answer.reason)
        known = found.get(words)
        if known is None or _clears(lock) > _clears(known):
            found[words] = lock
    return list(found.values())


def _answer(check: Callable[[Question], Check], question: Question) -> Check:
    # Of what these checks need only the comparison with the exchange can be missing.
    try:
        return check(question)
    except MissingInput as error:
        return fails(CheckCode.RECONCILED, "unknown", "known", f"{error}; wait for the next one")


def _clears(lock: MarketLock) -> int:
    return 2**62 if lock.clears_at is None else lock.clears_at


def _words(check: Check, question: Question, side: Side) -> str:
    """What a failing check is called. The check has decided; the facts only name what is in the way."""
    market, sweep = question.order.market, question.facts.sweep
    if check.code is CheckCode.RECONCILED:
        if sweep is None:
            return "not compared yet"
        return "comparison is old" if sweep.clean else "exchange differs"
    if check.clears_at is not None:
        return "cooling" if check.code is CheckCode.COOLDOWN else f"no {side.upper()}"
    if check.code in (CheckCode.DAILY_TRADE_CAP, CheckCode.HOURLY_TRADE_CAP):
        return f"no {side.upper()} by policy"
    here = {each.state for each in question.facts.open_executions if each.market == market}
    if ExecutionState.UNKNOWN in here:
        return "unknown order"
    if here & IN_FLIGHT:
        return "in flight"
    if sweep is not None and market in sweep.foreign_markets and check.code is CheckCode.UNRESOLVED_EXECUTION:
        return "foreign order"
    return "order rests" if here & RESTING else f"no {side.upper()}, one unknown"


def _listed(buying: Question) -> list[MarketLock]:
    """Whether the policy lets the market be entered, only left, or neither."""
    entry = allowlist(buying)
    if entry.passed:
        return []
    leaving = replace(buying.order, side=Side.SELL, kind=OrderKind.EXIT)
    words = "exit only" if allowlist(replace(buying, order=leaving)).passed else "not on the list"
    return [MarketLock(buying.order.market, None, entry.code, words, None, entry.reason)]
