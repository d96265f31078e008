"""Everything the checks need to know of the vault, read in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from storage.clock import DAY, MINUTE, Micros
from storage.codes import TERMINAL, ExecutionState, JobName, Side, Stage
from storage.database import Tx
from storage.execution_models import Fill, LastTrade
from storage.execution_rows import execution_of_proposal, open_execution, read_fill
from storage.halt_file import halt_file_present
from storage.leases import lease_is_live
from storage.models import ActivePolicy, Facts, Holder, Proposal, Sweep
from storage.money import Eur
from storage.policy_store import active_policy
from storage.positions import Book, last_close_at_loss, replay
from storage.trading_state import current_trading_state

STAGE_LIMITS: Final = {
    Stage.TRAINING: Eur.of(25),
    Stage.VALIDATED: Eur.of(100),
    Stage.PRODUCTION: Eur.of(500),
    Stage.MATURE: Eur.of(10_000),
}
"""The largest order, EUR without fee, that each stage allows."""

HOLD_MEMORY: Final[Micros] = MINUTE


@dataclass(frozen=True, slots=True)
class Common:
    """What is the same around every proposal of one transaction, until that transaction writes.

    Read once for a list, it saves reading it anew for every row.
    """

    book: Book
    policy: ActivePolicy
    facts: Facts
    """Those of no proposal in no market."""


def read_facts(tx: Tx, proposal: Proposal, common: Common | None = None) -> Facts:
    """The facts around one proposal, at ``tx.now``; ``common`` was read in this transaction."""
    known = read_common(tx) if common is None else common
    return replace(
        known.facts,
        holder=holder_of(tx, proposal.id),
        last_trade=_last_trade(tx, proposal.market, None),
        last_opposite=_last_trade(tx, proposal.market, proposal.side.other),
        last_close_at_loss=last_close_at_loss(known.book, proposal.market),
    )


def read_common(tx: Tx, book: Book | None = None) -> Common:
    """What is the same around every proposal now. ``book`` saves replaying the fills."""
    book, policy = read_book(tx) if book is None else book, active_policy(tx)
    return Common(book, policy, _facts_of_none(tx, book, policy))


def _facts_of_none(tx: Tx, book: Book, policy: ActivePolicy) -> Facts:
    stage = current_stage(tx)
    halt_file = halt_file_present(tx.folder)
    newest = tx.sql.one("newest_audit")
    rows = [*tx.sql.all("live_executions"), *_ended_short_of_fills(tx)]
    live = tuple(open_execution(tx, row) for row in rows)
    ended = tx.sql.all("lately_changed_executions", since=tx.now - HOLD_MEMORY)
    return Facts(
        now=tx.now,
        monotonic=tx.monotonic,
        mode=tx.info.mode,
        trading=current_trading_state(tx),
        halt_file=None if halt_file is None else str(halt_file),
        stage=stage,
        stage_limit=STAGE_LIMITS[stage],
        policy_hash=policy.hash,
        holder=None,
        last_trade=None,
        last_opposite=None,
        last_close_at_loss=None,
        trade_times=_times(
            (row["side"], row["at"]) for row in tx.sql.all("counted_times", since=tx.now - DAY, now=tx.now)
        ),
        attempt_times=_times((row["side"], row["at"]) for row in tx.sql.all("attempt_times", since=tx.now - DAY)),
        positions=book.positions,
        realised=tuple(result for result in book.realised if result.at > tx.now - DAY),
        open_executions=live,
        recent_holds=live + tuple(open_execution(tx, row) for row in ended),
        sweep=newest_sweep(tx),
        newest_audit_at=None if newest is None else newest["at"],
        keeper_alive=lease_is_live(tx, JobName.KEEPER),
    )


def _ended_short_of_fills(tx: Tx) -> list[sqlite3.Row]:
    """Ended orders whose fills are not all listed yet: what is missing counts like an order still open."""
    return [row for row in tx.sql.all("executions_short_of_fills") if ExecutionState(row["state"]) in TERMINAL]


def read_book(tx: Tx) -> Book:
    """Positions and results from all fills of this vault."""
    return replay(all_fills(tx))


def all_fills(tx: Tx) -> list[Fill]:
    """Every stored fill, oldest first."""
    return [read_fill(row) for row in tx.sql.all("all_fills")]


def current_stage(tx: Tx) -> Stage:
    """The stage in force; TRAINING where none is recorded."""
    row = tx.sql.one("current_stage")
    return Stage.TRAINING if row is None else Stage(row["stage"])


def holder_of(tx: Tx, proposal_id: int) -> Holder | None:
    """Who has claimed a proposal."""
    execution = execution_of_proposal(tx, proposal_id)
    if execution is None:
        return None
    return Holder(execution.actor, execution.instance, execution.claimed_at, execution.id)


def newest_sweep(tx: Tx) -> Sweep | None:
    """The newest comparison of vault and exchange, by any process."""
    row = tx.sql.one("newest_sweep")
    if row is None:
        return None
    return Sweep(
        finished_at=row["finished_at"],
        clean=bool(row["clean"]),
        differences=tuple(json.loads(row["differences"])),
        foreign_markets=frozenset(json.loads(row["foreign_markets"])),
    )


def _last_trade(tx: Tx, market: str, side: Side | None) -> LastTrade | None:
    row = tx.sql.one("last_trade", market=market, side=side, now=tx.now)
    if row is None:
        return None
    return LastTrade(row["newest_at"], Side(row["side"]), bool(row["live"]), row["execution_id"])


def _times(rows: Iterable[tuple[str, Micros]]) -> dict[Side, tuple[Micros, ...]]:
    found: dict[Side, list[Micros]] = {side: [] for side in Side}
    for side, at in rows:
        found[Side(side)].append(at)
    return {side: tuple(sorted(times)) for side, times in found.items()}
