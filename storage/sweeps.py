"""Sweeps: what a comparison of vault and exchange found, for every process to see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from storage.clock import Micros
from storage.codes import Mode, Side
from storage.database import Tx
from storage.errors import WrongMode
from storage.execution_rows import recent_executions
from storage.facts import all_fills
from storage.money import decimal_text


@dataclass(frozen=True, slots=True)
class SweepResult:
    """One finished comparison. Balances are totals (available + in orders) by symbol."""

    started_at: Micros
    differences: tuple[str, ...]
    foreign_markets: frozenset[str]
    balances: Mapping[str, Decimal]
    key_fingerprint: str
    exchange_identity: str


def record_sweep(tx: Tx, result: SweepResult) -> int:
    """Store a sweep; the first one of a PAPER vault without executions becomes the baseline of its balances."""
    clean = not result.differences and not result.foreign_markets
    row_id = tx.sql.insert(
        "insert_sweep",
        started_at=result.started_at,
        finished_at=tx.now,
        clean=int(clean),
        differences=json.dumps(list(result.differences)),
        foreign_markets=json.dumps(sorted(result.foreign_markets)),
        balances=json.dumps({symbol: decimal_text(total) for symbol, total in sorted(result.balances.items())}),
        baseline=int(clean and _may_be_baseline(tx)),
        key_fingerprint=result.key_fingerprint,
        exchange_identity=result.exchange_identity,
        actor=tx.actor.name,
        instance=tx.actor.instance,
    )
    if not clean:
        tx.audit(
            "sweep.differences", str(row_id), differences=result.differences, foreign=sorted(result.foreign_markets)
        )
    return row_id


def _may_be_baseline(tx: Tx) -> bool:
    # In LIVE the balances hold more than this vault's trades: only the operator may accept them.
    return tx.info.mode is Mode.PAPER and baseline(tx) is None and not recent_executions(tx, 1)


def baseline(tx: Tx) -> dict[str, Decimal] | None:
    """The balances the vault's own fills are counted from; None before there is a baseline."""
    row = tx.sql.one("baseline_sweep")
    if row is None:
        return None
    return {symbol: Decimal(text) for symbol, text in json.loads(row["balances"]).items()}


def expected_balances(tx: Tx, start: Mapping[str, Decimal]) -> dict[str, Decimal] | None:
    """Baseline plus all fills of this vault, by symbol; None while a fill's fee is not known yet."""
    totals = dict(start)
    for fill in all_fills(tx):
        if fill.fee is None:
            return None
        base, _, quote = fill.market.partition("-")
        sign = 1 if fill.side is Side.BUY else -1
        totals[base] = totals.get(base, Decimal(0)) + sign * fill.quantity.value
        totals[quote] = totals.get(quote, Decimal(0)) - sign * (fill.quantity * fill.price).value - fill.fee.value
    return totals


def bind_exchange(tx: Tx, identity: str) -> None:
    """Tie the vault to the exchange it first meets. Raises WrongMode when it meets another one later."""
    if tx.info.exchange_identity == identity:
        return
    if tx.info.exchange_identity is not None:
        raise WrongMode(
            f"this vault belongs to exchange {tx.info.exchange_identity}, but {identity} answered; "
            "use the data folder it was made with"
        )
    tx.sql.change("set_exchange_identity", identity=identity)
    tx.info = replace(tx.info, exchange_identity=identity)
    tx.audit("vault.exchange_bound", identity)
