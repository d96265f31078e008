"""Comparing a vault with a real exchange: what agrees, what is a difference, and what is not decided yet."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from console.exchange.errors import ExchangeError, ExchangeRefused
from console.exchange.readonly import Balances, ReadOnlyClient
from console.exchange.weights import Lane
from console.execution.adopt import adopt_differences
from console.execution.sweep import sweep_once
from console.paper.process import Address
from storage.clock import Micros
from storage.codes import ExecutionState
from storage.errors import Conflict, WrongMode
from storage.flows import AccountMove
from storage.sweeps import baseline, bind_exchange
from storage.trading_state import halt
from tests.execution.kit import Rig
from tests.paper.exchanges import Signed, control
from tests.storage.world import clean_sweep

pytestmark = pytest.mark.processes


async def newest(rig: Rig) -> dict[str, Any]:
    (row,) = await rig.rows("SELECT * FROM exchange_sweeps ORDER BY id DESC LIMIT 1")
    return {**row, "differences": json.loads(row["differences"]), "foreign": json.loads(row["foreign_markets"])}


async def stranger_places(address: Address, **changes: str) -> dict[str, Any]:
    """An order of the same account that is not of this vault."""
    body: dict[str, Any] = {
        "market": "BTC-EUR", "side": "buy", "orderType": "limit", "amount": "0.001", "price": "20000",
        "operatorId": 99, **changes,
    }  # fmt: skip
    body = {name: value for name, value in body.items() if value != ""}
    answer = await asyncio.to_thread(Signed(address, address.trade).send, "POST", "/order", body)
    assert answer.status_code == 200, answer.text
    placed: dict[str, Any] = answer.json()
    return placed


def totals(rig: Rig) -> dict[str, Decimal]:
    return {
        row["symbol"]: Decimal(row["available"]) + Decimal(row["in_order"])
        for row in rig.there("SELECT * FROM balances")
    }


async def test_the_first_sweep_sets_the_baseline_and_later_ones_do_not(rig: Rig) -> None:
    assert await rig.sweep()
    first = await newest(rig)
    assert (first["clean"], first["baseline"]) == (1, 1)
    start = await rig.vault.read(baseline)
    assert start is not None
    assert {symbol: total for symbol, total in start.items() if total} == {
        symbol: total for symbol, total in totals(rig).items() if total
    }
    await rig.fire()
    assert await rig.sweep()
    assert [row["baseline"] for row in await rig.rows("SELECT baseline FROM exchange_sweeps")].count(1) == 1
    assert await rig.vault.read(baseline) == start


async def test_after_trades_of_our_own_vault_and_exchange_agree_to_the_last_digit(rig: Rig) -> None:
    await rig.keeper_comes()
    await rig.fire()
    await rig.fire(rests=True)
    assert await rig.sweep()
    found = await newest(rig)
    assert (found["clean"], found["differences"], found["foreign"]) == (1, [], [])
    assert (found["key_fingerprint"], found["exchange_identity"]) == (rig.trade.fingerprint, rig.trade.identity)


async def test_an_order_of_somebody_else_is_foreign_and_named(rig: Rig) -> None:
    await rig.sweep()
    placed = await stranger_places(rig.address)
    assert not await rig.sweep()
    found = await newest(rig)
    assert found["foreign"] == ["BTC-EUR"]
    assert found["differences"] == [f"order {placed['orderId']} in BTC-EUR is not ours"]
    audited = await rig.rows("SELECT payload FROM audit_log WHERE kind = 'sweep.differences'")
    assert placed["orderId"] in audited[0]["payload"]


async def test_an_unknown_order_in_a_market_with_an_unknown_outcome_is_undecided(rig: Rig) -> None:
    ticket, quote = await rig.ticket()
    await rig.faults("POST /order: drop-before-apply x1")
    outcome = await rig.executor.execute(ticket, quote)
    assert outcome.state is ExecutionState.UNKNOWN
    await stranger_places(rig.address)
    assert await rig.sweep()
    await stranger_places(rig.address, market="ETH-EUR", amount="0.01", price="1000")
    assert not await rig.sweep()
    assert (await newest(rig))["foreign"] == ["ETH-EUR"]


async def test_a_difference_in_balance_is_shown_exactly(rig: Rig) -> None:
    await rig.sweep()
    before = totals(rig)
    placed = await stranger_places(rig.address, orderType="market", price="", amount="0.0007")
    after = totals(rig)
    assert placed["status"] == "filled"
    assert not await rig.sweep()
    found = await newest(rig)
    assert found["foreign"] == []
    assert found["differences"] == [
        f"{symbol}: the exchange has {shown(after[symbol])}, the vault expects {shown(before.get(symbol, Decimal(0)))}"
        for symbol in ("BTC", "EUR")
    ]


def shown(number: Decimal) -> str:
    return format(number.normalize(), "f")


class Depositing(ReadOnlyClient):
    """The rig's own client, whose account got 250 EUR that no order of ours brought."""

    def __init__(self, rig: Rig, moves: tuple[AccountMove, ...] | None) -> None:
        self._inner, self._moves, self.asked = rig.readonly, moves, 0

    async def balances(self, *, lane: Lane = Lane.RECONCILE) -> Balances:
        found = await self._inner.balances(lane=lane)
        euros = found.by_symbol["EUR"]
        return replace(found, by_symbol={**found.by_symbol, "EUR": replace(euros, available=euros.available + 250)})

    async def account_moves(self, since: Micros) -> tuple[AccountMove, ...]:
        self.asked += 1
        if self._moves is None:
            raise ExchangeRefused(403, 309, "not now")
        return tuple(move for move in self._moves if move.at >= since)


async def test_a_deposit_the_history_tells_of_is_no_difference(rig: Rig) -> None:
    await rig.sweep()
    await rig.fire()
    moves = (AccountMove("t-1", rig.clock.now(), "deposit", {"EUR": Decimal(250)}),)
    client = Depositing(rig, moves)
    for _ in range(2):
        assert await sweep_once(rig.vault, rig.trade, client, rig.clock.sleep)
    assert client.asked == 1
    assert await rig.rows("SELECT kind, amount FROM account_flows") == [{"kind": "deposit", "amount": "250"}]


@pytest.mark.parametrize("moves", [(), None])
async def test_what_the_history_does_not_explain_stays_a_difference(
    rig: Rig, moves: tuple[AccountMove, ...] | None
) -> None:
    await rig.sweep()
    assert not await sweep_once(rig.vault, rig.trade, Depositing(rig, moves), rig.clock.sleep)
    assert [text[:4] for text in (await newest(rig))["differences"]] == ["EUR:"]


async def test_a_fee_that_is_still_to_come_leaves_the_euros_open_and_nothing_else(rig: Rig) -> None:
    await rig.fire()
    await rig.do(
        lambda tx: tx.db.execute(
            "INSERT INTO fills (execution_id, market, side, fill_id, at, quantity, price, taker, stored_at) "
            "SELECT execution_id, market, side, 'stream-7', at, '0.0001', '1', 1, stored_at FROM fills LIMIT 1"
        )
    )
    assert not await rig.sweep()
    assert [difference[:4] for difference in (await newest(rig))["differences"]] == ["BTC:"]
    await rig.do(
        lambda tx: tx.db.execute("UPDATE fills SET fee = '0', fee_currency = 'EUR' WHERE fill_id = 'stream-7'")
    )
    assert not await rig.sweep()
    assert len((await newest(rig))["differences"]) == 2


async def test_fills_that_are_counted_and_not_shown_yet_are_no_difference_and_no_flow(rig: Rig) -> None:
    ticket, quote = await rig.ticket()
    await rig.faults("*: fills-late 3600")
    assert (await rig.executor.execute(ticket, quote)).state is ExecutionState.FILLED
    assert await rig.sweep()
    await stranger_places(rig.address, market="ETH-EUR", orderType="market", price="", amount="0.02")
    assert not await rig.sweep()
    assert [difference[:4] for difference in (await newest(rig))["differences"]] == ["ETH:"]
    await rig.do(lambda tx: halt(tx, "to adopt"))
    with pytest.raises(Conflict, match="a fill or its fee is not known yet"):
        await adopt_differences(rig.vault, rig.trade, rig.readonly, rig.clock.sleep, "by hand")
    assert await rig.rows("SELECT * FROM account_flows") == []
    await asyncio.to_thread(control, rig.address, clear=True)
    await rig.sweep()
    assert [difference[:4] for difference in (await newest(rig))["differences"]] == ["ETH:", "EUR:"]


async def test_a_sweep_adopts_an_order_of_ours_that_rests(rig: Rig) -> None:
    await rig.keeper_comes()
    ticket, quote = await rig.ticket(rests=True)
    await rig.faults("POST /order: apply-then-drop x1")
    outcome = await rig.executor.execute(ticket, quote)
    assert outcome.state is ExecutionState.UNKNOWN
    assert await rig.sweep()
    execution = await rig.execution(outcome.execution_id)
    assert execution.state is ExecutionState.SUBMITTED
    assert (await rig.events(outcome.execution_id))[-1]["source"] == "sweep"


async def test_an_order_canceled_behind_our_back_is_followed_and_no_difference(rig: Rig) -> None:
    await rig.keeper_comes()
    outcome = await rig.fire(rests=True)
    (order,) = rig.orders_of(outcome.client_order_id)
    target = f"/order?market=BTC-EUR&orderId={order['order_id']}&operatorId=99"
    gone = await asyncio.to_thread(Signed(rig.address, rig.address.trade).send, "DELETE", target)
    assert gone.status_code == 200, gone.text
    assert await rig.sweep()
    assert (await rig.execution(outcome.execution_id)).state is ExecutionState.CANCELED


@pytest.mark.parametrize("route", ["GET /ordersOpen", "GET /balance"])
async def test_a_listing_that_fails_stores_no_sweep(rig: Rig, route: str) -> None:
    await rig.faults(f"{route}: status 400")
    with pytest.raises(ExchangeError):
        await rig.sweep()
    assert await rig.rows("SELECT id FROM exchange_sweeps") == []


async def test_an_account_that_was_empty_is_compared_as_well(rig: Rig) -> None:
    """A baseline of nothing is a baseline: what turns up later is a difference."""
    await rig.do(lambda tx: clean_sweep(tx, {}))
    assert not await rig.sweep()
    assert any("EUR" in text for text in (await newest(rig))["differences"])


async def test_a_vault_keeps_to_the_exchange_it_first_met(rig: Rig) -> None:
    await rig.do(lambda tx: bind_exchange(tx, rig.trade.identity))
    await rig.do(lambda tx: bind_exchange(tx, rig.trade.identity))
    with pytest.raises(WrongMode, match="this vault belongs to exchange simulated:"):
        await rig.do(lambda tx: bind_exchange(tx, "simulated:another"))
    assert rig.vault.info.exchange_identity == rig.trade.identity
    assert len(await rig.rows("SELECT seq FROM audit_log WHERE kind = 'vault.exchange_bound'")) == 1
