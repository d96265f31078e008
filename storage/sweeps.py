"""Sweeps: what a comparison of vault and exchange found, for every process to see; and what the operator accepts.

What the exchange should hold of a symbol is the baseline, plus every fill of this vault, plus every recorded flow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from storage.clock import MINUTE, SECOND, Micros
from storage.codes import UNDECIDED, Mode, TradingState
from storage.database import Tx
from storage.errors import Conflict, WrongMode
from storage.execution_rows import executions_in, recent_executions
from storage.facts import all_fills
from storage.flows import Flow, account_flows
from storage.money import EXACT, decimal_text
from storage.trading_state import current_trading_state

LONGEST_COMPARISON: Final[Micros] = 30 * SECOND

FILLS_WITHIN: Final[Micros] = 10 * MINUTE
"""For this long after an order has ended its fills may still come; then what they moved is a difference."""


@dataclass(frozen=True, slots=True)
class SweepResult:
    """One finished comparison. Balances are totals (available + in orders) by symbol."""

    started_at: Micros
    differences: tuple[str, ...]
    foreign_markets: frozenset[str]
    balances: Mapping[str, Decimal]
    key_fingerprint: str
    exchange_identity: str
    imported: bool = False
    """It began with taking over what earlier incarnations of a restored vault had sent, to the last order."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What the operator accepted: whether it set the first baseline, flows, and foreign orders (market, order id)."""

    first: bool
    flows: tuple[Flow, ...]
    orders: tuple[tuple[str, str], ...]

    @property
    def empty(self) -> bool:
        """There was nothing to accept."""
        return not (self.first or self.flows or self.orders)


def record_sweep(tx: Tx, result: SweepResult) -> int:
    """Store a sweep; the first one of a PAPER vault without executions becomes the baseline of its balances.

    One that another sweep has overtaken says nothing and is not stored; one that took too long is not clean. A sweep
    from the future, stored before the clock was set right, overtakes nothing: it would stand until that time comes.
    Returns the id of the newest sweep.
    """
    newest = tx.sql.one("newest_sweep")
    if newest is not None and result.started_at < newest["started_at"] <= newest["finished_at"] <= tx.now:
        return int(newest["id"])
    took = tx.now - result.started_at
    if not 0 <= took <= LONGEST_COMPARISON:
        sentence = f"the comparison took {took / SECOND:.0f} s, too long to say that both agree"
        result = replace(result, differences=(*result.differences, sentence))
    clean = not result.differences and not result.foreign_markets
    row_id = _insert_sweep(tx, result, clean and _may_be_baseline(tx))
    if clean and result.imported and tx.sql.change("finish_imports", now=tx.now, before=result.started_at):
        tx.audit("vault.caught_up", str(row_id), urgent=True)
    if not clean:
        tx.audit(
            "sweep.differences", str(row_id), differences=result.differences, foreign=sorted(result.foreign_markets)
        )
    return row_id


def _insert_sweep(tx: Tx, result: SweepResult, is_baseline: bool) -> int:
    clean = not result.differences and not result.foreign_markets
    return tx.sql.insert(
        "insert_sweep",
        started_at=result.started_at,
        finished_at=tx.now,
        clean=int(clean),
        differences=json.dumps(list(result.differences)),
        foreign_markets=json.dumps(sorted(result.foreign_markets)),
        balances=json.dumps({symbol: decimal_text(total) for symbol, total in sorted(result.balances.items())}),
        baseline=int(is_baseline),
        key_fingerprint=result.key_fingerprint,
        exchange_identity=result.exchange_identity,
        actor=tx.actor.name,
        instance=tx.actor.instance,
    )


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
    """``start`` plus all fills and flows of this vault, by symbol; None while a fill or its fee is not known yet."""
    totals, open_symbols = likely_balances(tx, start)
    return None if open_symbols else totals


def likely_balances(tx: Tx, start: Mapping[str, Decimal]) -> tuple[dict[str, Decimal], frozenset[str]]:
    """The same with what is still to come left out, and the symbols whose figure is open because of it.

    Still to come are fees, and fills that the exchange counts already and does not show yet; those for a while only.
    """
    totals = dict(start)
    open_symbols = {symbol for market in _short_of_fills(tx) for symbol in market.split("-")}
    for fill in all_fills(tx):
        for symbol, change in fill.moved().items():
            totals[symbol] = EXACT.add(totals.get(symbol, Decimal(0)), change)
        if fill.fee_to_come:
            open_symbols.add(fill.market.partition("-")[2])
    for flow in account_flows(tx):
        totals[flow.symbol] = EXACT.add(totals.get(flow.symbol, Decimal(0)), flow.amount)
    return totals, frozenset(open_symbols)


def _short_of_fills(tx: Tx) -> set[str]:
    """Markets of orders whose fills do not add up yet, and may still."""
    return {
        row["market"]
        for row in tx.sql.all("executions_short_of_fills")
        if row["ended_at"] is None or tx.now - row["ended_at"] <= FILLS_WITHIN
    }


def accepted_orders(tx: Tx) -> frozenset[tuple[str, str]]:
    """(market, order id) of every order of somebody else that the operator has accepted."""
    return frozenset((row["market"], row["order_id"]) for row in tx.sql.all("all_accepted_orders"))


def adopt_account(
    tx: Tx,
    result: SweepResult,
    foreign: Sequence[tuple[str, str]],
    seen: Mapping[str, Decimal] | None,
    reason: str,
) -> Adoption:
    """Accept what the exchange holds: the first baseline, or a flow for each symbol that differs; and foreign orders.

    ``result`` is a comparison's balances, ``foreign`` (market, order id) of orders that are not ours, ``seen`` what
    the vault expected when it was made. Nothing is stored where nothing is left to accept.

    Raises:
        Conflict: not HALTED, something is undecided, a fill or its fee is still to come, or one was stored meanwhile.
    """
    if (record := current_trading_state(tx)).state is not TradingState.HALTED:
        raise Conflict(f"differences are accepted only while HALTED, and trading is {record.state}; halt first")
    if undecided := executions_in(tx, UNDECIDED):
        names = ", ".join(f"{execution.id} is {execution.state}" for execution in undecided)
        raise Conflict(f"execution {names}: settle it first, by oracle reconcile or oracle resolve")
    start = baseline(tx)
    expected = expected_balances(tx, {} if start is None else start)
    if expected is None:
        raise Conflict("a fill or its fee is not known yet; run oracle reconcile, then try again")
    if expected != seen:
        raise Conflict("a fill was stored while the account was read; try again")
    moved = {
        symbol: result.balances.get(symbol, Decimal(0)) - expected.get(symbol, Decimal(0))
        for symbol in sorted(result.balances.keys() | expected.keys())
    }
    moved = {symbol: amount for symbol, amount in moved.items() if amount != 0}
    flows = (
        ()
        if start is None
        else tuple(Flow(tx.now, symbol, amount, "adopted", reason) for symbol, amount in moved.items())
    )
    if start is not None and not flows and not foreign:
        return Adoption(False, (), ())
    # The first baseline is what the account held before this vault's own fills.
    held = result.balances if start is not None else moved
    row_id = _insert_sweep(
        tx, replace(result, differences=(), foreign_markets=frozenset(), balances=held), start is None
    )
    for flow in flows:
        tx.sql.insert(
            "insert_flow", now=tx.now, symbol=flow.symbol, amount=decimal_text(flow.amount), kind=flow.kind,
            reason=reason, sweep_id=row_id, actor=tx.actor.name,
        )  # fmt: skip
    for market, order_id in foreign:
        tx.sql.insert(
            "insert_accepted_order", market=market, order_id=order_id, now=tx.now, reason=reason, actor=tx.actor.name
        )
    tx.audit(
        "account.adopted", str(row_id), urgent=True, reason=reason, first=start is None,
        flows={flow.symbol: decimal_text(flow.amount) for flow in flows},
        orders=[f"{market} {order_id}" for market, order_id in foreign],
    )  # fmt: skip
    return Adoption(start is None, flows, tuple(foreign))


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
