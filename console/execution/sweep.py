"""Comparing vault and exchange: open orders and balances. What it finds is a row that every process's gate reads.

The exchange is listed first and the vault read after, so that an order sent meanwhile is not called foreign. A figure
that moved while it was compared is looked at again before it is called a difference.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from console.exchange.answers import same_id
from console.exchange.errors import ExchangeError
from console.exchange.readonly import ReadOnlyClient
from console.exchange.trade import TradeClient
from console.execution.earlier import take_over_earlier_orders
from console.execution.fills import follow_orders
from console.execution.reconcile import Sleep, adopt, adopt_late_orders
from storage.clock import Micros
from storage.codes import RESTING, UNDECIDED, Mode
from storage.crash_points import reached
from storage.database import Tx, Vault
from storage.execution_models import Execution, VenueOrder
from storage.execution_rows import executions_in, read_execution
from storage.facts import all_fills
from storage.flows import history_since, import_moves
from storage.money import decimal_text
from storage.policies import Policy
from storage.policy_store import active_policy
from storage.positions import replay
from storage.sweeps import SweepResult, accepted_orders, baseline, likely_balances, record_sweep

TRIES: Final = 3
AGAIN_S: Final = 0.4

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison's outcome. ``foreign`` are open orders that are neither ours nor accepted by the operator."""

    foreign: tuple[VenueOrder, ...]
    wrong: tuple[str, ...]
    """One sentence for each order of ours that is another one there, or rests there alone."""
    missing: tuple[Execution, ...]
    """Those that rest here and not there."""
    balance: tuple[str, ...]
    """One sentence for each symbol whose balance differs."""
    balances: Mapping[str, Decimal]
    """Totals (available + in orders) by symbol."""
    imported: bool = False
    """It took over what was sent before a restore."""

    @property
    def differences(self) -> tuple[str, ...]:
        """One sentence for each."""
        orders = [f"order {order.order_id} in {order.market} is not ours" for order in self.foreign]
        missing = [f"order {each.order_id} of execution {each.id} rests here, not there" for each in self.missing]
        return (*orders, *self.wrong, *missing, *self.balance)

    @property
    def foreign_markets(self) -> frozenset[str]:
        """Markets with an order that is not ours."""
        return frozenset(order.market for order in self.foreign)


async def sweep_once(vault: Vault, trade: TradeClient, readonly: ReadOnlyClient, sleep: Sleep) -> bool:
    """Compare and store the result; whether vault and exchange agree.

    Raises ExchangeError when a listing fails (nothing is stored then), VaultError.
    """
    for turn in range(TRIES):
        if turn:
            await sleep(AGAIN_S)
        started_at = vault.clock.now()
        compared = await compare(vault, trade, readonly)
        if not compared.differences:
            break
    result = sweep_result(compared, trade, started_at)
    reached("sweep.compared")
    await vault.transact(lambda tx: record_sweep(tx, result))
    reached("sweep.recorded")
    if compared.differences:
        log.warning("sweep found differences: %s", "; ".join(compared.differences))
    return not compared.differences


def sweep_result(compared: Compared, trade: TradeClient, started_at: Micros) -> SweepResult:
    """A comparison as the vault stores it."""
    return SweepResult(
        started_at=started_at,
        differences=compared.differences,
        foreign_markets=compared.foreign_markets,
        balances=compared.balances,
        key_fingerprint=trade.fingerprint,
        exchange_identity=trade.identity,
        imported=compared.imported,
    )


async def compare(vault: Vault, trade: TradeClient, readonly: ReadOnlyClient) -> Compared:
    """Follow what is ours, then list the exchange, then read the vault. Raises ExchangeError, VaultError."""
    imported, unread = await take_over_earlier_orders(vault, trade, readonly)
    await follow_orders(vault, trade)
    await adopt_late_orders(vault, trade)
    reached("sweep.followed")
    before, open_before = await vault.read(_likely)
    markets = await vault.read(watched_markets)
    listed: list[VenueOrder] = []
    for market in sorted(markets):
        listed += await trade.open_orders(market)
    balances = await readonly.balances()
    reached("sweep.listed")
    totals = {symbol: entry.available + entry.in_order for symbol, entry in balances.by_symbol.items()}
    if _balance_differences(totals, before, set(open_before)):
        await _import_flows(vault, readonly)
    (after, open_after), known = await vault.read(lambda tx: (_likely(tx), _known_executions(tx)))
    foreign, wrong = await _judge_orders(vault, listed, known)
    seen = {order.order_id for order in listed}
    missing = [each for each in known if each.state in RESTING and each.order_id not in seen]
    # An order that may exist may have moved its coin and the euros: these say nothing until it is settled.
    unsettled = [execution.market for execution in known if execution.state in UNDECIDED]
    open_symbols = {symbol for market in unsettled for symbol in market.split("-")} | open_before | open_after
    balance: list[str] = []
    if after is None and (vault.mode is Mode.LIVE or any(execution.imported for execution in known)):
        command = "oracle --live adopt" if vault.mode is Mode.LIVE else "oracle adopt"
        account = f"the {vault.mode.upper()} account holds"
        balance.append(f"nobody has accepted yet what {account}; {command} does, while HALTED")
    elif _balance_differences(totals, before, open_symbols):
        balance = _balance_differences(totals, after, open_symbols)
    return Compared(tuple(foreign), (*unread, *wrong), tuple(missing), tuple(balance), totals, imported)


async def _import_flows(vault: Vault, readonly: ReadOnlyClient) -> None:
    """Take over deposits, withdrawals and rewards that the account's history tells of.

    A history that cannot be read explains nothing: then the difference stays, and is said.
    """
    since = await vault.read(history_since)
    if since is None:
        return
    try:
        moves = await readonly.account_moves(since)
    except ExchangeError as error:
        log.warning("the account's history cannot be read: %s", error)
        return
    if moves and (count := await vault.transact(lambda tx: import_moves(tx, moves, since))):
        log.info("%d flows of the account's history are taken over", count)


async def _judge_orders(
    vault: Vault, listed: Iterable[VenueOrder], known: list[Execution]
) -> tuple[list[VenueOrder], list[str]]:
    foreign: list[VenueOrder] = []
    wrong: list[str] = []
    accepted = await vault.read(accepted_orders)
    open_markets = {execution.market for execution in known if execution.state in UNDECIDED}
    for order in listed:
        ours = _match(order, known)
        if ours is not None:
            if ours.state not in RESTING and await adopt(vault, ours, order, "sweep") not in RESTING:
                wrong.append(f"order {order.order_id} of execution {ours.id} rests there, not here")
            wrong += _changed_stop(order, ours)
        # An order in flight may be this one: undecided, not foreign.
        elif order.market not in open_markets and (order.market, order.order_id) not in accepted:
            foreign.append(order)
    return foreign, wrong


def _changed_stop(order: VenueOrder, ours: Execution) -> list[str]:
    """A stop that somebody changed at the exchange protects something else than the operator confirmed."""
    if ours.trigger is None or order.status != "awaitingTrigger":
        return []
    there, here = (order.quantity, order.trigger), (ours.quantity, ours.trigger.price)
    if there == here:
        return []
    what = f"the {ours.trigger.type.words} of execution {ours.id}, {here[0]} {ours.market} at {here[1]},"
    return [f"{what} is {there[0]} at {there[1]} there; oracle cancel {ours.proposal_id}, then set it anew"]


def _match(order: VenueOrder, known: list[Execution]) -> Execution | None:
    for execution in known:
        if execution.market != order.market:
            continue
        by_client_id = same_id(execution.client_order_id, order.client_order_id)
        if by_client_id or (execution.order_id is not None and execution.order_id == order.order_id):
            return execution
    return None


def watched_markets(tx: Tx) -> frozenset[str]:
    """The markets a sweep lists: those the policy names, those with a position, those with a live execution."""
    policy: Policy = active_policy(tx).policy
    held = replay(all_fills(tx)).positions
    live = [execution.market for execution in executions_in(tx, UNDECIDED | RESTING)]
    return frozenset({*policy.allowlist, *policy.exit_only, *held, *live})


def _known_executions(tx: Tx) -> list[Execution]:
    # Every execution of the vault: an order of ours that was given up long ago may turn up as well.
    return [read_execution(row) for row in tx.db.execute("SELECT * FROM trade_executions")]


def _likely(tx: Tx) -> tuple[dict[str, Decimal] | None, frozenset[str]]:
    """What the exchange should hold, None without a baseline; and the symbols a coming fee leaves open."""
    start = baseline(tx)
    return (None, frozenset()) if start is None else likely_balances(tx, start)


def _balance_differences(
    totals: Mapping[str, Decimal], expected: Mapping[str, Decimal] | None, open_symbols: set[str]
) -> list[str]:
    """A sentence for each symbol that differs; none while nothing is expected yet."""
    if expected is None:
        return []
    found = []
    for symbol in sorted((totals.keys() | expected.keys()) - open_symbols):
        there, here = totals.get(symbol, Decimal(0)), expected.get(symbol, Decimal(0))
        if there != here:
            found.append(f"{symbol}: the exchange has {decimal_text(there)}, the vault expects {decimal_text(here)}")
    return found


def needs_sweep(finished_at: Micros | None, now: Micros, every: Micros) -> bool:
    """Whether the newest sweep is older than ``every``, or from the future."""
    return finished_at is None or not 0 <= now - finished_at < every
