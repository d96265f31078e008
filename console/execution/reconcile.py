"""Finding what became of orders whose answer never came: found, or proven absent; never guessed.

Evidence is compare-and-set in the vault, so that any process may run this at any time, for anybody's executions.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from console.exchange.answers import Found, LookupFailed, Missing, same_id
from console.exchange.errors import ExchangeError
from console.exchange.trade import TradeClient
from storage.absence import (
    LOOK_BACK,
    AbsenceEvidence,
    LookUp,
    earliest_proof,
    margin_for,
    missing_proof,
    prove_absent,
)
from storage.clock import HOUR, Micros
from storage.codes import CLOSED, ExecutionState
from storage.crash_points import reached
from storage.database import Tx, Vault
from storage.errors import Conflict
from storage.evidence import apply_order
from storage.execution_models import Execution, VenueOrder
from storage.execution_rows import executions_in, get_execution
from storage.executions import abandon_stale_claims, overdue_submitting
from storage.policies import Policy, Submit
from storage.policy_store import policy_with_hash

ExchangeClock = Callable[[], Awaitable[Micros]]
"""Reads the exchange's time from the exchange itself; raises ExchangeError."""

Sleep = Callable[[float], Awaitable[None]]

LATE_WITHIN: Final[Micros] = HOUR
"""For this long after an order was given up, every sweep looks for it in the listing."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Findings:
    """What one run did: ids of executions found, proven absent, abandoned, and those still open with the reason."""

    found: list[int] = field(default_factory=list)
    absent: list[int] = field(default_factory=list)
    abandoned: list[int] = field(default_factory=list)
    open: dict[int, str] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything moved."""
        return bool(self.found or self.absent or self.abandoned)


async def reconcile_once(vault: Vault, trade: TradeClient, exchange_time: ExchangeClock, sleep: Sleep) -> Findings:
    """One pass over every execution that is neither settled nor resting. Raises VaultError."""
    findings = Findings()
    findings.abandoned = await vault.transact(abandon_stale_claims)
    reached("reconcile.begun")
    unsettled = await vault.read(lambda tx: executions_in(tx, {ExecutionState.SUBMITTING, ExecutionState.UNKNOWN}))
    for execution in unsettled:
        policy = await vault.read(lambda tx, e=execution: _policy_of(tx, e))  # type: ignore[misc]
        await _reconcile(vault, trade, exchange_time, sleep, execution, policy.submit, findings)
    return findings


async def _reconcile(
    vault: Vault,
    trade: TradeClient,
    exchange_time: ExchangeClock,
    sleep: Sleep,
    execution: Execution,
    submit: Submit,
    findings: Findings,
) -> None:
    first = await trade.find_order(execution.market, execution.client_order_id)
    reached("reconcile.looked-up")
    if isinstance(first, Found):
        await adopt(vault, execution, first.order, "look-up by client order id")
        findings.found.append(execution.id)
        return
    if execution.state is ExecutionState.SUBMITTING:
        await vault.transact(lambda tx: overdue_submitting(tx, submit.request_timeout_ms))
        reached("reconcile.overdue")
        execution = await vault.read(lambda tx: get_execution(tx, execution.id))
    if execution.state is not ExecutionState.UNKNOWN:
        findings.open[execution.id] = "being sent"
        return
    try:
        known = await vault.read(lambda tx: _orders_known_since(tx, execution))
        margin = margin_for(vault.mode, execution, submit.absence_margin_ms)
        submit = submit.model_copy(update={"absence_margin_ms": margin})
        gathered = await gather_absence(trade, exchange_time, sleep, execution, submit, known)
    except ExchangeError as error:
        findings.open[execution.id] = f"a listing failed: {error}"
        return
    if isinstance(gathered, VenueOrder):
        await adopt(vault, execution, gathered, "listing")
        findings.found.append(execution.id)
        return
    if isinstance(gathered, str):
        findings.open[execution.id] = gathered
        return
    lag = submit.lookup_lag_ms
    if (gap := missing_proof(execution, gathered, margin_ms=margin, lookup_lag_ms=lag)) is not None:
        findings.open[execution.id] = gap
        return
    reached("reconcile.proved")
    try:
        await vault.transact(lambda tx: prove_absent(tx, execution.id, gathered, margin_ms=margin, lookup_lag_ms=lag))
    except Conflict as error:  # another process settled it meanwhile, or found it
        findings.open[execution.id] = str(error)
        return
    reached("reconcile.absent")
    log.warning("execution %s is proven absent", execution.id)
    findings.absent.append(execution.id)


async def gather_absence(
    trade: TradeClient,
    exchange_time: ExchangeClock,
    sleep: Sleep,
    execution: Execution,
    submit: Submit,
    known_orders: frozenset[str],
) -> AbsenceEvidence | VenueOrder | str:
    """Everything one sweep can say about an order: the order itself, evidence of absence, or why there is none.

    ``known_orders`` are ids that the market's listing must show, or it proves nothing.

    Raises ExchangeError when the exchange's time or a listing cannot be had: that proves nothing.
    """
    after = earliest_proof(execution, submit.absence_margin_ms)
    if after is None or execution.signing is None:
        return "nothing was signed"
    began_at = await exchange_time()
    if began_at <= after:
        return f"absence can be proven in {(after - began_at) / 1_000_000:.1f} s at the earliest"
    listed_from = execution.signing.signed_at_ms * 1000 - LOOK_BACK
    looks = []
    for turn in range(2):
        if turn:
            await sleep(submit.lookup_lag_ms / 1000 + 0.05)
        look = await _look_up(trade, exchange_time, execution)
        if not isinstance(look, LookUp):
            return look
        looks.append(look)
        reached("reconcile.first-look")
    ours = execution.client_order_id
    open_orders = await trade.open_orders(execution.market)
    orders = await trade.orders(execution.market, listed_from // 1000)
    trades = await trade.own_trades(execution.market, listed_from // 1000)
    reached("reconcile.listed")
    for order in (*open_orders, *orders.orders):
        if same_id(ours, order.client_order_id):
            return order
    return AbsenceEvidence(
        began_at=began_at,
        look_ups=tuple(looks),
        open_orders_seen=len(open_orders),
        orders_seen=len(orders.orders),
        trades_seen=len(trades.trades),
        listed_from=listed_from,
        read_to_the_end=orders.complete and trades.complete,
        our_id_seen=any(same_id(ours, row.client_order_id) for row in trades.trades),
        known_order_missing=not known_orders <= {order.order_id for order in orders.orders},
        key_fingerprint=trade.fingerprint,
        exchange_identity=trade.identity,
    )


async def _look_up(trade: TradeClient, exchange_time: ExchangeClock, execution: Execution) -> LookUp | VenueOrder | str:
    at = await exchange_time()
    answer = await trade.find_order(execution.market, execution.client_order_id)
    match answer:
        case Found(order=order):
            return order
        case Missing(http_status=http_status, error_code=error_code):
            return LookUp(at, http_status, error_code)
        case LookupFailed(cause=cause):
            return f"a look-up failed: {cause}"


async def adopt_late_orders(vault: Vault, trade: TradeClient) -> int:
    """Look once more for orders that were given up within the last hour; how many turned up after all.

    Only the listing shows an order that was filled or canceled before anybody looked. Raises ExchangeError, VaultError.
    """
    given_up = await vault.read(_given_up_lately)
    found = 0
    for market in sorted({execution.market for execution in given_up}):
        ours = [execution for execution in given_up if execution.market == market]
        signed = [execution.signing.signed_at_ms for execution in ours if execution.signing is not None]
        listing = await trade.orders(market, min(signed) - LOOK_BACK // 1000)
        for order in listing.orders:
            for execution in ours:
                if same_id(execution.client_order_id, order.client_order_id):
                    await adopt(vault, execution, order, "late listing")
                    found += 1
    return found


def _given_up_lately(tx: Tx) -> list[Execution]:
    return [
        execution
        for execution in executions_in(tx, CLOSED)
        if execution.signing is not None and execution.updated_at > tx.now - LATE_WITHIN
    ]


async def adopt(vault: Vault, execution: Execution, order: VenueOrder, source: str) -> ExecutionState:
    """Store that the exchange has (or had) this execution's order; the execution's state afterwards."""
    reached("reconcile.found")
    state = await vault.transact(lambda tx: apply_order(tx, execution.id, order, source, {}))
    reached("reconcile.adopted")
    log.info("execution %s: order %s found by %s, now %s", execution.id, order.order_id, source, state)
    return state


def _orders_known_since(tx: Tx, execution: Execution) -> frozenset[str]:
    """Orders of ours in the market that were sent since the listing's start, so that it must hold them."""
    if execution.signing is None:
        return frozenset()
    since = execution.signing.signed_at_ms * 1000 - LOOK_BACK
    rows = tx.sql.all("orders_of_market_since", market=execution.market, since=since)
    return frozenset(row["order_id"] for row in rows)


def _policy_of(tx: Tx, execution: Execution) -> Policy:
    return policy_with_hash(tx, execution.policy_hash)
