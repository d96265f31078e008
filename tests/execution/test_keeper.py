"""The keeper at a real exchange: the dead man's switch stays armed, old and halted entries end."""

from __future__ import annotations

import asyncio

import pytest

from console.exchange.errors import ExchangeError
from console.execution.duties import Parts, make_duties
from console.execution.fills import follow_orders
from console.execution.keeper import keep
from console.scheduler.jobs import HeldLease
from storage.clock import MINUTE, SECOND
from storage.codes import ExecutionState, JobName, Side, TradingState
from storage.halt_file import raise_halt
from storage.leases import acquire_lease, register_job
from storage.trading_state import halt, tighten
from tests.execution.kit import Rig, until

pytestmark = pytest.mark.processes


def due_ms(rig: Rig) -> int | None:
    """When the exchange would cancel the vault's entries."""
    rows = rig.there("SELECT due_ms FROM timers WHERE cod_group_id = ?", rig.vault.info.dead_man_group)
    return int(rows[0]["due_ms"]) if rows else None


async def turn(rig: Rig) -> str:
    return await keep(rig.vault, rig.trade, rig.executor)


async def test_the_switch_is_armed_again_while_an_entry_rests(rig: Rig) -> None:
    await rig.keeper_comes()
    await rig.fire(rests=True)
    first = due_ms(rig)
    assert first is not None

    async def later() -> bool:
        assert await turn(rig) == ""
        return (due_ms(rig) or 0) > first

    await until(later)


@pytest.mark.parametrize(("delay_s", "turn_s"), [(10, 10 / 3), (15, 5), (30, 10), (300, 10)])
async def test_it_arms_the_switch_again_well_before_it_goes_off(rig: Rig, delay_s: int, turn_s: float) -> None:
    await rig.policy(name="short", submit={"dead_man_s": delay_s})
    parts = Parts(rig.vault, rig.readonly, rig.trade, rig.quotes, rig.executor, rig.clock, rig.clock.sleep)
    (keeper,) = (job for job in make_duties(parts) if job.name is JobName.KEEPER)
    await rig.do(lambda tx: register_job(tx, JobName.KEEPER, SECOND))
    lease = await rig.do(lambda tx: acquire_lease(tx, JobName.KEEPER, "me"))
    assert lease is not None
    assert await keeper.run(HeldLease(rig.vault, rig.clock, lease)) == ""
    assert keeper.interval() == int(turn_s * SECOND)


async def test_without_an_entry_nothing_is_armed(rig: Rig) -> None:
    await rig.keeper_comes()
    assert (await rig.fire()).state is ExecutionState.FILLED
    assert (await rig.fire(rests=True, side=Side.SELL)).state is ExecutionState.SUBMITTED
    before = due_ms(rig)
    assert await turn(rig) == ""
    assert due_ms(rig) == before


async def test_an_entry_is_canceled_when_it_has_rested_long_enough(rig: Rig) -> None:
    await rig.policy(name="short", submit={"rest_max_min": 1})
    await rig.keeper_comes()
    outcome = await rig.fire(rests=True)
    assert await turn(rig) == ""
    rig.clock.ahead = MINUTE
    assert await turn(rig) == f"canceled {outcome.execution_id}: it rested 1 min"
    (order,) = rig.orders_of(outcome.client_order_id)
    assert order["status"] == "canceled"
    await follow_orders(rig.vault, rig.trade)
    assert (await rig.execution(outcome.execution_id)).state is ExecutionState.CANCELED


@pytest.mark.parametrize("how", ["recorded", "file"])
async def test_while_halted_it_is_not_armed_again_and_entries_are_canceled(rig: Rig, how: str) -> None:
    await rig.keeper_comes()
    outcome = await rig.fire(rests=True)
    before = due_ms(rig)
    if how == "file":
        raise_halt(rig.vault.folder)
    else:
        await rig.do(lambda tx: halt(tx, "test"))
    await rig.faults("POST /cancelOrdersAfter: delay 0; DELETE /order: status 503 x1")
    assert await turn(rig) == "nothing could be canceled: trading is HALTED"
    assert await turn(rig) == f"canceled {outcome.execution_id}: trading is HALTED"
    assert await rig.fault_hits() == [0, 1]
    assert due_ms(rig) == before


async def test_while_reducing_entries_are_still_kept(rig: Rig) -> None:
    await rig.keeper_comes()
    await rig.fire(rests=True)
    await rig.do(lambda tx: tighten(tx, TradingState.REDUCING, "test"))
    await rig.faults("POST /cancelOrdersAfter: delay 0")
    assert await turn(rig) == ""
    assert await rig.fault_hits() == [1]


async def test_a_switch_that_cannot_be_armed_is_an_error_of_the_turn(rig: Rig) -> None:
    await rig.keeper_comes()
    await rig.fire(rests=True)
    await rig.faults("POST /cancelOrdersAfter: status 503")
    with pytest.raises(ExchangeError):
        await turn(rig)


async def test_fills_of_a_resting_order_are_followed(rig: Rig) -> None:
    """The report that lacks an order's end is repaired by the look-up."""
    await rig.keeper_comes()
    outcome = await rig.fire(rests=True)
    assert await follow_orders(rig.vault, rig.trade) == 0
    (order,) = await asyncio.to_thread(rig.orders_of, outcome.client_order_id)
    assert order["status"] == "new"
    await rig.trade.cancel_order("BTC-EUR", order["order_id"], "", 1)
    assert await follow_orders(rig.vault, rig.trade) == 1
    assert await follow_orders(rig.vault, rig.trade) == 0
