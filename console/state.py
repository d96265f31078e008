"""What the console shows: one frozen value, built in one read of the vault from what is stored and last fetched."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from console.execution.ticket import Outlook, look_ahead, round_trip, sized_answers
from console.past import ALREADY_CLAIMED, newest_lines
from console.past import HistoryLine as HistoryLine
from storage.checks import verdict
from storage.clock import DAY, Micros
from storage.codes import (
    RESTING,
    CheckCode,
    ExecutionState,
    JobName,
    Mode,
    Side,
    Stage,
    TimeInForce,
)
from storage.database import Tx
from storage.execution_models import Execution
from storage.execution_rows import executions_in
from storage.facts import Common, all_fills, read_common
from storage.gate import ask
from storage.gauges import Gauge, read_budget
from storage.leases import all_jobs, holder_is_gone
from storage.locks import JobLock, MarketLock, job_locks, market_locks
from storage.looks import newest_looks
from storage.market_models import Candle, MarketRules, Quote
from storage.models import Check, Proposal, TradingRecord
from storage.money import Eur, Price
from storage.portfolio import Portfolio, read_portfolio
from storage.positions import replay
from storage.proposals import open_proposals

ACTIVITY_ROWS = 40
REFUSED: Final = "gate.refused"


@dataclass(frozen=True, slots=True)
class Link:
    """The connection to the exchange: when it last answered (monotonic second), and what is wrong, if anything."""

    answered: float | None
    problem: str | None
    way: str = ""
    """How quotes come, in a word: ``stream`` or ``polled``."""


@dataclass(frozen=True, slots=True)
class Header:
    """What is always visible."""

    mode: Mode
    trading: TradingRecord
    halt_file: str | None
    policy_name: str
    policy_hash: str
    stage: Stage
    source: str
    """Which market this is, such as ``simulated, seed 7``."""
    link: Link
    next_look_at: Micros | None
    scheduler: str | None
    """Who runs the look job: ``here``, another instance, or None for nobody."""
    in_flight: int
    unknown: int
    resting: int
    dead_man: bool
    """Whether a keeper re-arms the exchange's dead-man switch (it does while entries rest)."""


@dataclass(frozen=True, slots=True)
class ProposalView:
    """One open proposal with the gate's answer, before any ticket exists."""

    proposal: Proposal
    checks: tuple[Check, ...]
    blocking: Check | None
    """The failing check that clears last; None when it is ready."""
    typed_reason: str | None
    price: Price | None
    """The ask (buy) or bid (sell) now."""
    drift: Decimal | None
    """How far that moved since the proposal was made, as a fraction."""
    at_risk: Eur | None
    break_even: Price | None
    rules: MarketRules | None
    quote_age: float | None
    """Seconds since the book was last confirmed."""
    outlook: Outlook | None
    """What the order would do in the book as it is; None without a book."""
    time_in_force: TimeInForce | None
    """Of the order as it would be sent now; None for a market order."""


@dataclass(frozen=True, slots=True)
class ActivityLine:
    """One write or refusal, newest first."""

    seq: int
    at: Micros
    kind: str
    subject: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConsoleState:
    """Everything on the screen. ``read_at`` is the monotonic second of the read, ``now`` its wall time."""

    read_at: float
    now: Micros
    header: Header
    proposals: tuple[ProposalView, ...]
    looks: tuple[sqlite3.Row, ...]
    history: tuple[HistoryLine, ...]
    activity: tuple[ActivityLine, ...]
    unknown: tuple[Execution, ...]
    resting: tuple[Execution, ...]
    day_result: Eur
    """Realised result of the last 24 h after fees."""
    fills_today: int
    tick_sizes: Mapping[str, Price]
    gauges: tuple[Gauge, ...]
    market_locks: tuple[MarketLock, ...]
    job_locks: tuple[JobLock, ...]
    portfolio: Portfolio
    runs: tuple[ActivityLine, ...]
    """Runs of jobs that changed something or failed, newest first; their kind is ``job.NAME``."""
    quotes: Mapping[str, Quote]
    candles: Mapping[str, tuple[Candle, ...]]
    instance: str
    """This process, as holder of leases."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the vault cannot know: the newest quotes, the link, the market's name."""

    quotes: Mapping[str, Quote]
    rules: Mapping[str, MarketRules]
    link: Link
    source: str
    instance: str
    candles: Mapping[str, tuple[Candle, ...]] = field(default_factory=dict)
    """By market, oldest first, as far as anybody fetched them."""
    runs_jobs: bool = False
    """Whether this process runs the jobs that nobody else does."""


def build_state(tx: Tx, around: Surroundings) -> ConsoleState:
    """Read everything the console shows. Runs on the reader's thread."""
    fills = all_fills(tx)
    common, bids, account = read_common(tx, replay(fills)), best_bids(around.quotes), newest_quote(around.quotes)
    views = [_proposal_view(tx, proposal, around, common) for proposal in open_proposals(tx)]
    unknown = executions_in(tx, {ExecutionState.UNKNOWN})
    resting = executions_in(tx, RESTING)
    history = newest_lines(tx, bids, common.book)
    free = (None, None) if account is None else (account.available_eur, account.balance_fetched)
    portfolio = read_portfolio(tx, bids, *free, fills)
    return ConsoleState(
        read_at=tx.monotonic,
        now=tx.now,
        header=_header(tx, around, common, len(unknown), len(resting)),
        proposals=tuple(sorted(views, key=_urgency)),
        looks=tuple(newest_looks(tx)),
        history=history,
        activity=_activity(tx),
        unknown=tuple(unknown),
        resting=tuple(resting),
        day_result=portfolio.day_result,
        fills_today=sum(_filled_since(line, tx.now - DAY) for line in history),
        tick_sizes={market: rules.tick_size for market, rules in around.rules.items()},
        gauges=read_budget(tx, bids, common),
        market_locks=market_locks(tx, common),
        job_locks=job_locks(tx),
        portfolio=portfolio,
        runs=_runs(tx),
        quotes=around.quotes,
        candles=around.candles,
        instance=around.instance,
    )


def newest_quote(quotes: Mapping[str, Quote]) -> Quote | None:
    """The quote whose balance was fetched last; None where no balance was."""
    fetched = [quote for quote in quotes.values() if quote.balance_fetched is not None]
    return max(fetched, key=_fetched, default=None)


def best_bids(quotes: Mapping[str, Quote]) -> dict[str, Price]:
    """The newest known best bid of every market that any quote names."""
    bids: dict[str, Price] = {}
    for quote in sorted(quotes.values(), key=_fetched):
        bids.update(quote.other_bids)
        if quote.bid is not None:
            bids[quote.market] = quote.bid
    return bids


def _fetched(quote: Quote) -> float:
    return -1.0 if quote.balance_fetched is None else quote.balance_fetched


def _header(tx: Tx, around: Surroundings, common: Common, unknown: int, resting: int) -> Header:
    policy, facts = common.policy, common.facts
    jobs = {row["job"]: row for row in all_jobs(tx)}
    look = jobs.get(JobName.LOOK)
    in_flight = executions_in(tx, {ExecutionState.CLAIMED, ExecutionState.SUBMITTING})
    return Header(
        mode=tx.info.mode,
        trading=facts.trading,
        halt_file=facts.halt_file,
        policy_name=policy.name,
        policy_hash=policy.hash,
        stage=facts.stage,
        source=around.source,
        link=around.link,
        next_look_at=None if look is None else look["next_run_at"],
        scheduler=_scheduler(tx, jobs.get(JobName.KEEPER), around),
        in_flight=len(in_flight),
        unknown=unknown,
        resting=resting,
        dead_man=facts.keeper_alive,
    )


def _scheduler(tx: Tx, keeper: sqlite3.Row | None, around: Surroundings) -> str | None:
    # The keeper's lease is held as long as its process lives, so it tells whether another scheduler runs. That of a
    # killed one stands for up to its TTL, while this process takes every other job when it is due.
    if keeper is None or keeper["holder"] is None or keeper["expires_at"] <= tx.now or holder_is_gone(tx, keeper):
        return "here" if around.runs_jobs else None
    return "here" if keeper["holder"] == around.instance else str(keeper["holder"])


def _proposal_view(tx: Tx, proposal: Proposal, around: Surroundings, common: Common) -> ProposalView:
    quote = around.quotes.get(proposal.market) or missing_quote(proposal.market, around.rules.get(proposal.market))
    question = ask(tx, proposal, quote, common=common)
    checks, asked = sized_answers(question)
    price = quote.ask if proposal.side is Side.BUY else quote.bid
    drift = None
    if price is not None and proposal.quote_at_creation is not None:
        drift = price.ratio(proposal.quote_at_creation) - 1
    outlook = look_ahead(question.order, quote)
    at_risk, break_even = round_trip(question, outlook)
    return ProposalView(
        proposal=proposal,
        checks=checks,
        blocking=verdict(checks),
        typed_reason=asked,
        price=price,
        drift=drift,
        at_risk=at_risk,
        break_even=break_even,
        rules=quote.rules,
        quote_age=None if quote.book_confirmed is None else tx.monotonic - quote.book_confirmed,
        outlook=outlook,
        time_in_force=question.order.time_in_force,
    )


def missing_quote(market: str, rules: MarketRules | None) -> Quote:
    """A quote of which nothing was fetched: every check that needs a part of it fails."""
    return Quote(market, rules, (), (), None, None, None, None, None, None, None, {}, None)


def _urgency(view: ProposalView) -> tuple[int, int, int]:
    if view.blocking is None:
        return (0, view.proposal.expires_at, view.proposal.id)
    clears = view.blocking.clears_at
    return (1, 2**62 if clears is None else clears, view.proposal.id)


def _filled_since(line: HistoryLine, since: Micros) -> bool:
    return line.trade is not None and line.trade.quantity.is_positive and line.at > since


def _activity(tx: Tx) -> tuple[ActivityLine, ...]:
    rows = tx.sql.all("recent_audit", count=ACTIVITY_ROWS)
    refused = [int(row["subject"]) for row in rows if row["kind"] == REFUSED and row["subject"].isdecimal()]
    claimed = {str(row["proposal_id"]): row["claimed_at"] for row in tx.sql.all("claims_of", ids=json.dumps(refused))}
    return tuple(
        ActivityLine(row["seq"], row["at"], row["kind"], row["subject"], _payload(row, claimed.get(row["subject"])))
        for row in rows
    )


def _payload(row: sqlite3.Row, claimed_at: Micros | None) -> dict[str, Any]:
    """An event's details; a refusal after somebody else's claim has the one code that says so."""
    payload: dict[str, Any] = json.loads(row["payload"])
    lost = row["kind"] == REFUSED and claimed_at is not None and claimed_at <= row["at"]
    if lost and CheckCode.PROPOSAL_STATE in payload.get("codes", ()):
        payload["codes"] = [ALREADY_CLAIMED]
    return payload


def _runs(tx: Tx) -> tuple[ActivityLine, ...]:
    return tuple(
        ActivityLine(
            row["id"], row["finished_at"], f"job.{row['job']}", "",
            {"text": row["summary"], "holder": row["holder"], "failed": not row["completed"]},
        )
        for row in tx.sql.all("recent_job_runs", count=ACTIVITY_ROWS)
    )  # fmt: skip


def overridable(view: ProposalView) -> bool:
    """Whether COOLDOWN or ANTI_FLIP alone stand in the way."""
    failed = {check.code for check in view.checks if not check.passed}
    return bool(failed) and failed <= {CheckCode.COOLDOWN, CheckCode.ANTI_FLIP}
