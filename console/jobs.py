"""The jobs that look at the markets and tidy up: look, scan, expire, invariants. They have no way to trade."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from console.exchange.quotes import Quotes
from console.exchange.readonly import ReadOnlyClient
from console.oracle.look import Draft, LookResult, MarketLook, Outcome, is_lively, look
from console.oracle.snapshot import MarketView
from console.scheduler.jobs import HeldLease, Job
from storage.budget import abandon_stale, stale_reservations
from storage.clock import DAY, HOUR, MINUTE, SECOND, Clock, Micros
from storage.codes import RESTING, UNDECIDED, JobName, Origin, Side
from storage.database import Tx, Vault
from storage.execution_rows import executions_in
from storage.facts import read_book
from storage.invariants import broken_invariants, record_invariant_run
from storage.looks import LookRow, record_free_call, record_look
from storage.money import Quantity
from storage.policies import Policy
from storage.policy_store import active_policy
from storage.proposals import NewProposal, create_proposal, declined_ideas, expire_due, open_ideas

LONGEST_SCAN: Final[Micros] = DAY
"""A policy's longest interval; registered, so that no start of a console makes a slower scan due."""
DAY_OF_MINUTES: Final = 1440
SCANNER: Final = "rules/scan"
CALL_S: Final = 15.0
"""Seconds an outside call of a job may take; its lease must last that long."""


@dataclass(slots=True)
class Looking:
    """What looking takes: the vault, the client that only reads, a clock. Nothing here can trade."""

    vault: Vault
    readonly: ReadOnlyClient
    quotes: Quotes
    clock: Clock
    scan_pace: Micros = field(default=30 * MINUTE)
    """Until the next scan, by the policy and what the last one saw."""


def make_jobs(looking: Looking, look_seconds: int) -> list[Job]:
    """The jobs that look and tidy up, ready to register."""
    return [
        Job(JobName.LOOK, lambda held: run_look(looking, held), look_seconds * SECOND),
        Job(JobName.SCAN, lambda held: run_scan(looking, held), LONGEST_SCAN, pace=lambda: looking.scan_pace),
        Job(JobName.EXPIRE, run_expire, SECOND, wanted=has_what_is_over),
        Job(JobName.INVARIANTS, lambda held: run_invariants(looking, held), HOUR),
    ]


def has_what_is_over(tx: Tx) -> bool:
    """Whether an open proposal's time has come, or a costly call was never settled."""
    return bool(tx.sql.all("due_proposals", now=tx.now)) or bool(stale_reservations(tx))


async def run_expire(held: HeldLease) -> str:
    """Expire proposals whose time has come, and end costly calls that nobody settled."""
    expired, abandoned = await held.transact(lambda tx: (expire_due(tx), abandon_stale(tx)))
    told = [
        f"{word} {', '.join(map(str, ids))}"
        for word, ids in (("expired", expired), ("gave up costly call", abandoned))
        if ids
    ]
    return "; ".join(told)


async def run_invariants(looking: Looking, held: HeldLease) -> str:
    """Check what must always be true; a violation halts."""
    violations = await looking.vault.read(broken_invariants)
    await held.transact(lambda tx: record_invariant_run(tx, violations))
    return f"{len(violations)} invariants broken" if violations else ""


async def run_look(looking: Looking, held: HeldLease) -> str:
    """Look at every market the policy allows, store what was seen, and propose what the rules say."""
    result, proposed = await _look(looking, held, "rules/look")
    return f"looked at {len(result.markets)}, proposed {proposed}" if proposed else ""


async def run_scan(looking: Looking, held: HeldLease) -> str:
    """A look at the policy's own interval and number per day, after whose gate a costly oracle may be asked.

    There is none yet, so the rules are asked and the call is recorded at no cost.
    """
    policy, done = await looking.vault.read(_scan_limits)
    if done >= policy.scan.per_day:
        looking.scan_pace = policy.scan.interval_min * MINUTE
        return ""
    result, proposed = await _look(looking, held, SCANNER)
    looking.scan_pace = scan_pace(policy, result)
    lively = sum(_is_lively(market) for market in result.markets)
    return f"scanned {len(result.markets)}, {lively} over the oracle's gate, proposed {proposed}"


def scan_pace(policy: Policy, result: LookResult) -> Micros:
    """How long until the next scan: the busy interval while a market is over the oracle's gate, else the quiet one."""
    lively = any(_is_lively(market) for market in result.markets)
    minutes = policy.scan.busy_min if lively else policy.scan.quiet_min
    return (policy.scan.interval_min if minutes is None else minutes) * MINUTE


def _is_lively(market: MarketLook) -> bool:
    return bool(market.numbers) and is_lively(market.numbers, market.thresholds)


def _scan_limits(tx: Tx) -> tuple[Policy, int]:
    policy: Policy = active_policy(tx).policy
    row = tx.sql.one("calls_since", oracle=SCANNER, since=tx.now - DAY)
    return policy, 0 if row is None else row["calls"]


async def _look(looking: Looking, held: HeldLease, caller: str) -> tuple[LookResult, int]:
    policy, held_coins, ideas = await looking.vault.read(_before_look)
    held.require_time(CALL_S)
    views = await gather_views(looking, list(policy.allowlist), held_coins, ideas)
    result = await asyncio.to_thread(look, views, policy, looking.clock.now())
    proposed = await held.transact(lambda tx: store_look(tx, result, caller))
    return result, proposed


def _before_look(tx: Tx) -> tuple[Policy, dict[str, Quantity], dict[str, frozenset[tuple[str, Side]]]]:
    policy: Policy = active_policy(tx).policy
    positions = read_book(tx).positions
    selling = [execution for execution in executions_in(tx, UNDECIDED | RESTING) if execution.side is Side.SELL]
    coins = {
        market: position.quantity
        for market, position in positions.items()
        if not any(execution.market == market for execution in selling)
    }
    ideas = {market: open_ideas(tx, market) | declined_ideas(tx, market) for market in policy.allowlist}
    return policy, coins, ideas


async def gather_views(
    looking: Looking,
    markets: list[str],
    coins: dict[str, Quantity],
    ideas: dict[str, frozenset[tuple[str, Side]]],
) -> list[MarketView]:
    """Candles, book and rules of each market; a market whose candles or book cannot be had is left out.

    Candles are asked for first: where the rate limit leaves nothing for a scan they are refused, and nothing is spent
    on books. Raises ExchangeError when nothing at all can be had.
    """
    candles_at = looking.clock.now()
    candles = await asyncio.gather(
        *(looking.readonly.candles(market, "1m", DAY_OF_MINUTES) for market in markets), return_exceptions=True
    )
    refused = [rows for rows in candles if isinstance(rows, BaseException)]
    if refused and len(refused) == len(candles):
        raise refused[0]
    fetched_at = looking.clock.now()
    quotes = await looking.quotes.fetch_all(markets)
    views = []
    for market, rows in zip(markets, candles, strict=True):
        rules = looking.quotes.rules.get(market)
        if isinstance(rows, BaseException) or rules is None:
            continue
        quote = quotes[market]
        views.append(
            MarketView(
                market=market,
                rules=rules,
                candles_1m=rows,
                bids=quote.bids,
                asks=quote.asks,
                last=quote.last,
                fetched_at=fetched_at,
                candles_at=candles_at,
                held=coins.get(market),
                open_sides=ideas[market],
            )
        )
    if refused and not views:
        raise refused[0]
    return views


def store_look(tx: Tx, result: LookResult, caller: str) -> int:
    """Store every market's numbers and what followed, the drafts as proposals; how many were proposed."""
    proposed = 0
    for market in result.markets:
        # Another worker may have stored the same idea since this look began.
        draft = market.draft
        if draft is not None and (draft.oracle, draft.side) in open_ideas(tx, market.market):
            draft = None
        outcome = Outcome.DUPLICATE if draft is not market.draft else market.outcome
        snapshot_id = record_look(tx, _look_row(market, outcome))
        if draft is not None:
            create_proposal(tx, _new_proposal(draft, snapshot_id))
            proposed += 1
    record_free_call(tx, caller, len(result.markets), f"proposed {proposed}")
    return proposed


def _look_row(market: MarketLook, outcome: Outcome) -> LookRow:
    numbers: dict[str, Any] = {
        name: {"is": None if value is None else str(value), "limit": str(market.thresholds[name])}
        for name, value in market.numbers.items()
    }
    if market.snapshot is not None:
        numbers["bid"] = str(market.snapshot.bid)  # what was held is valued at it later
    if market.reason:
        numbers["reason"] = market.reason
    if market.distance is not None:
        numbers["distance"] = str(market.distance)
    saw = market.snapshot.to_json() if market.draft is not None and market.snapshot is not None else None
    return LookRow(market.market, outcome.value, market.nearest, numbers, saw)


def _new_proposal(draft: Draft, snapshot_id: int) -> NewProposal:
    return NewProposal(
        origin=Origin.RULES,
        oracle=draft.oracle,
        market=draft.market,
        side=draft.side,
        order_type=draft.order_type,
        quantity=draft.quantity,
        limit=draft.limit,
        eur=draft.eur,
        lives=draft.ttl,
        confidence=draft.confidence,
        rationale=draft.rationale,
        snapshot_id=snapshot_id,
        quote_at_creation=draft.quote_at_creation,
    )
