"""Accepting differences: balances are conserved to the last digit, foreign orders stay foreign, then all agrees."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from console.exchange.answers import LookupFailed, Missing, OrderListing
from console.execution.adopt import adopt_differences
from console.paper.process import Address
from storage.absence import resolve_by_operator
from storage.codes import ExecutionState, Side
from storage.database import Tx
from storage.errors import Conflict
from storage.execution_models import VenueOrder
from storage.execution_rows import recent_executions
from storage.flows import account_flows
from storage.sweeps import (
    Adoption,
    baseline,
    expected_balances,
)
from storage.trading_state import current_trading_state, halt, resume
from tests.execution.kit import Rig
from tests.execution.test_sweep import newest, stranger_places, totals
from tests.paper.exchanges import Signed

pytestmark = pytest.mark.processes


async def adopt(rig: Rig, reason: str = "bought by hand") -> Adoption:
    return await adopt_differences(rig.vault, rig.trade, rig.readonly, rig.clock.sleep, reason)


async def halted(rig: Rig) -> None:
    await rig.do(lambda tx: halt(tx, "to adopt"))


async def active(rig: Rig) -> None:
    await rig.do(lambda tx: resume(tx, current_trading_state(tx).id, "adopted"))


async def stranger_buys(rig: Rig, market: str = "BTC-EUR", amount: str = "0.0007", side: str = "buy") -> None:
    placed = await stranger_places(rig.address, market=market, side=side, orderType="market", price="", amount=amount)
    assert placed["status"] == "filled"


async def stranger_cancels(address: Address, order: dict[str, Any]) -> None:
    target = f"/order?market={order['market']}&orderId={order['orderId']}&operatorId=99"
    answer = await asyncio.to_thread(Signed(address, address.trade).send, "DELETE", target)
    assert answer.status_code == 200, answer.text


def expected(tx: Tx) -> dict[str, Decimal]:
    start = baseline(tx)
    assert start is not None
    found = expected_balances(tx, start)
    assert found is not None
    return {symbol: total for symbol, total in found.items() if total}


def there(rig: Rig) -> dict[str, Decimal]:
    return {symbol: total for symbol, total in totals(rig).items() if total}


async def conserved(rig: Rig) -> None:
    """Baseline + fills + flows is what the exchange's own database holds, exactly."""
    assert await rig.vault.read(expected) == there(rig)


async def test_a_trade_by_hand_becomes_flows_and_afterwards_vault_and_exchange_agree(rig: Rig) -> None:
    await rig.sweep()
    before = totals(rig)
    await stranger_buys(rig)
    assert not await rig.sweep()
    await halted(rig)

    adoption = await adopt(rig)

    moved = {flow.symbol: flow.amount for flow in adoption.flows}
    assert moved == {symbol: totals(rig)[symbol] - before.get(symbol, Decimal(0)) for symbol in ("BTC", "EUR")}
    assert moved["BTC"] == Decimal("0.0007")
    assert {(flow.kind, flow.reason) for flow in adoption.flows} == {("adopted", "bought by hand")}
    assert await rig.vault.read(account_flows) == list(adoption.flows)
    await conserved(rig)
    assert await rig.sweep()
    audited = await rig.rows("SELECT payload FROM audit_log WHERE kind = 'account.adopted'")
    assert json.loads(audited[0]["payload"])["flows"]["BTC"] == "0.0007"


async def test_own_trades_between_adoptions_stay_in_the_sum(rig: Rig) -> None:
    await rig.sweep()
    await rig.fire()
    await stranger_buys(rig, "ETH-EUR", "0.011")
    await halted(rig)
    await adopt(rig)
    await conserved(rig)
    await active(rig)
    await rig.fire(quantity="0.0004")
    await rig.fire(side=Side.SELL, quantity="0.0003")
    await conserved(rig)
    assert await rig.sweep()
    await stranger_buys(rig, "ETH-EUR", "0.004", "sell")
    await halted(rig)
    second = await adopt(rig, "sold by hand")
    assert [flow.symbol for flow in second.flows] == ["ETH", "EUR"]
    assert second.flows[0].amount == Decimal("-0.004")
    await conserved(rig)
    assert await rig.sweep()
    assert len(await rig.rows("SELECT id FROM exchange_sweeps WHERE baseline = 1")) == 1


async def test_a_foreign_order_is_named_and_stays_foreign_but_stops_nothing_any_more(rig: Rig) -> None:
    await rig.sweep()
    placed = await stranger_places(rig.address)
    assert not await rig.sweep()
    await halted(rig)
    adoption = await adopt(rig)
    assert adoption.orders == (("BTC-EUR", placed["orderId"]),)
    assert adoption.flows == ()
    assert await rig.vault.read(lambda tx: recent_executions(tx, 10)) == []
    assert await rig.sweep()
    assert (await newest(rig))["foreign"] == []
    await active(rig)
    assert (await rig.fire()).state is ExecutionState.FILLED
    # Another one is a difference again.
    other = await stranger_places(rig.address, price="19000")
    assert not await rig.sweep()
    assert (await newest(rig))["differences"] == [f"order {other['orderId']} in BTC-EUR is not ours"]


async def test_our_own_resting_order_is_neither_flow_nor_foreign(rig: Rig) -> None:
    await rig.sweep()
    await rig.keeper_comes()
    await rig.fire(rests=True)
    await stranger_buys(rig)
    await halted(rig)
    adoption = await adopt(rig)
    assert adoption.orders == ()
    assert {flow.symbol for flow in adoption.flows} == {"BTC", "EUR"}
    await conserved(rig)


async def test_where_all_agrees_nothing_is_stored(rig: Rig) -> None:
    await rig.sweep()
    await halted(rig)
    before = await rig.rows("SELECT count(*) AS n FROM exchange_sweeps")
    adoption = await adopt(rig)
    assert adoption.empty
    assert await rig.rows("SELECT count(*) AS n FROM exchange_sweeps") == before
    assert await rig.rows("SELECT id FROM account_flows") == []


async def test_nothing_is_accepted_while_trading_is_on(rig: Rig) -> None:
    await rig.sweep()
    await stranger_buys(rig)
    with pytest.raises(Conflict, match="only while HALTED, and trading is ACTIVE"):
        await adopt(rig)
    assert await rig.rows("SELECT id FROM account_flows") == []


async def test_nothing_is_accepted_while_an_order_is_unknown(rig: Rig) -> None:
    ticket, quote = await rig.ticket()
    await rig.faults("POST /order: drop-before-apply x1")
    outcome = await rig.executor.execute(ticket, quote)
    assert outcome.state is ExecutionState.UNKNOWN
    await halted(rig)
    with pytest.raises(Conflict, match=rf"execution {outcome.execution_id} is UNKNOWN: settle it first"):
        await adopt(rig)


async def test_a_vault_that_traded_before_any_baseline_gets_one_that_fits_its_fills(rig: Rig) -> None:
    """As a LIVE vault whose first order turned up late: the baseline is what was there before its own fills."""
    await rig.fire()
    await rig.do(lambda tx: forget_baselines(tx))
    assert await rig.vault.read(baseline) is None
    await halted(rig)
    adoption = await adopt(rig, "first look")
    assert adoption.first
    assert adoption.flows == ()
    await conserved(rig)
    assert await rig.sweep()


def forget_baselines(tx: Tx) -> None:
    tx.db.execute("DROP TRIGGER exchange_sweeps_no_update")
    tx.db.execute("UPDATE exchange_sweeps SET baseline = 0")


async def test_any_mixture_of_own_and_foreign_trades_is_conserved(rig: Rig) -> None:
    await rig.sweep()
    rests: list[dict[str, Any]] = []
    for turn in range(4):
        await rig.fire(quantity=f"0.000{turn + 2}")
        await stranger_buys(rig, ("BTC-EUR", "ETH-EUR")[turn % 2], f"0.0{turn + 11}")
        rests.append(await stranger_places(rig.address, price=str(20_000 + turn)))
        await halted(rig)
        await adopt(rig, f"turn {turn}")
        await conserved(rig)
        await active(rig)
        assert await rig.sweep()
    for order in rests:
        await stranger_cancels(rig.address, order)
    await conserved(rig)
    assert await rig.sweep()
    flows = await rig.vault.read(account_flows)
    assert sum(flow.amount for flow in flows if flow.symbol == "BTC") == Decimal("0.024")


def forget_orders(rig: Rig, monkeypatch: pytest.MonkeyPatch, answer: Missing | LookupFailed) -> None:
    """The exchange lists no order any more; ``answer`` is what look-ups get."""

    async def look_up(*_: object) -> Missing | LookupFailed:
        return answer

    async def none_open(_: str) -> tuple[VenueOrder, ...]:
        return ()

    async def none_at_all(*_: object) -> OrderListing:
        return OrderListing((), complete=True)

    monkeypatch.setattr(rig.trade, "find_order", look_up)
    monkeypatch.setattr(rig.trade, "open_orders", none_open)
    monkeypatch.setattr(rig.trade, "orders", none_at_all)


async def test_a_resting_order_the_exchange_has_lost_is_unknown_and_settled_by_the_operators_word(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.keeper_comes()
    outcome = await rig.fire(rests=True)
    await halted(rig)
    with monkeypatch.context() as lost:
        forget_orders(rig, lost, Missing(404, 240))
        named = f"execution {outcome.execution_id} rests here, not there, and the exchange does not know it"
        with pytest.raises(Conflict, match=f"{named}: it is UNKNOWN now; .*oracle resolve {outcome.execution_id}"):
            await adopt(rig)
        assert (await rig.execution(outcome.execution_id)).state is ExecutionState.UNKNOWN
        await rig.do(lambda tx: resolve_by_operator(tx, outcome.execution_id or 0, None, "the exchange lost it"))
        assert (await adopt(rig)).empty
        assert await rig.sweep()
    await active(rig)
    # It was there all the time: that is told late, and trading stops for it.
    await rig.sweep()
    assert (await rig.execution(outcome.execution_id)).state is ExecutionState.SUBMITTED
    assert "late evidence" in (await rig.vault.read(current_trading_state)).reason


async def test_a_look_up_that_fails_calls_no_order_lost(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.keeper_comes()
    outcome = await rig.fire(rests=True)
    await halted(rig)
    with monkeypatch.context() as silent:
        forget_orders(rig, silent, LookupFailed("not now"))
        with pytest.raises(Conflict, match="rests here, not there; run oracle reconcile first"):
            await adopt(rig)
    assert (await rig.execution(outcome.execution_id)).state is ExecutionState.SUBMITTED
