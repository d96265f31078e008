"""From a confirmed ticket to an order at a real simulated exchange, and every way it may not get there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from console.exchange.answers import Canceled
from console.execution.fills import follow_orders
from console.execution.outcome import End
from storage.codes import CheckCode, ExecutionState, ProposalState, TradingState
from storage.halt_file import SEND_LOCK, raise_halt
from storage.locking import SharedLock
from storage.money import Eur, Price, Quantity
from storage.proposals import get_proposal
from storage.trading_state import halt, tighten
from tests.execution.kit import Rig, until
from tests.paper.exchanges import Signed
from tests.storage.world import neighbour

pytestmark = pytest.mark.processes

COUNTING = "POST /order: delay 0"
"""A fault that changes nothing: its hits count what arrived."""


async def proposal_of(rig: Rig, proposal_id: int) -> ProposalState:
    return (await rig.vault.read(lambda tx: get_proposal(tx, proposal_id))).state


async def history_of(rig: Rig, execution_id: int | None) -> str:
    rows = await rig.rows("SELECT status FROM trade_history WHERE execution_id = ?", execution_id)
    return str(rows[0]["status"])


async def test_an_order_that_fills_is_stored_as_the_exchange_filled_it(rig: Rig) -> None:
    ticket, quote = await rig.ticket()
    outcome = await rig.executor.execute(ticket, quote)

    assert (outcome.end, outcome.state, outcome.reason) == (End.ACCEPTED, ExecutionState.FILLED, "")
    there = rig.orders_of(outcome.client_order_id)
    assert [order["status"] for order in there] == ["filled"]
    fills = rig.there("SELECT * FROM fills WHERE order_id = ?", there[0]["order_id"])
    assert outcome.filled == Quantity.total(Quantity.of(fill["amount"]) for fill in fills) == ticket.order.quantity
    assert outcome.value == Eur.total(Quantity.of(fill["amount"]) * Price.of(fill["price"]) for fill in fills)
    assert outcome.fee == Eur.total(Eur.of(fill["fee"]) for fill in fills)
    assert outcome.average is not None
    assert ticket.order.limit is not None
    assert outcome.average <= ticket.order.limit
    execution = await rig.execution(outcome.execution_id)
    assert (execution.order_id, execution.venue_status) == (there[0]["order_id"], "filled")
    assert execution.signing is not None
    assert execution.signing.key_fingerprint == rig.trade.fingerprint
    assert execution.signing.exchange_identity == f"simulated:{rig.address.id}"
    assert await history_of(rig, outcome.execution_id) == "confirmed"
    assert await proposal_of(rig, outcome.proposal_id) is ProposalState.EXECUTED


async def test_the_request_that_arrives_is_the_one_that_was_claimed(rig: Rig) -> None:
    await rig.keeper_comes()
    outcome = await rig.fire(rests=True)

    assert (outcome.end, outcome.state) == (End.ACCEPTED, ExecutionState.SUBMITTED)
    (order,) = rig.orders_of(outcome.client_order_id)
    assert (order["time_in_force"], order["operator_id"]) == ("GTC", rig.vault.info.operator_id)
    assert order["cod_group_id"] == rig.vault.info.dead_man_group
    assert (order["amount"], order["price"]) == (str(outcome.order.quantity), str(outcome.order.limit))
    timers = rig.there("SELECT * FROM timers WHERE cod_group_id = ?", rig.vault.info.dead_man_group)
    assert timers[0]["due_ms"] > rig.clock.now() // 1000 + 50_000  # armed, for 60 s, before the send


async def test_a_listed_refusal_ends_the_order_with_its_code(rig: Rig) -> None:
    """The money went elsewhere between quote and send."""
    ticket, quote = await rig.ticket(quantity="0.004")
    assert quote.available_eur is not None
    assert ticket.order.limit is not None
    price = str(ticket.order.limit.value // 2)
    left = Eur.of(100)
    amount = ((quote.available_eur - left) / Price.of(price)).rounded_down(8)
    body = {
        "market": "BTC-EUR", "side": "buy", "orderType": "limit", "amount": str(amount), "price": price,
        "operatorId": 1,
    }  # fmt: skip
    drained = await asyncio.to_thread(Signed(rig.address, rig.address.trade).send, "POST", "/order", body)
    assert drained.status_code == 200, drained.text

    outcome = await rig.executor.execute(ticket, quote)

    assert (outcome.end, outcome.state) == (End.REJECTED, ExecutionState.REJECTED)
    assert "216" in outcome.reason
    assert rig.orders_of(outcome.client_order_id) == []
    evidence = (await rig.events(outcome.execution_id))[-1]["evidence"]
    assert (evidence["http_status"], evidence["error_code"]) == (400, 216)
    assert await history_of(rig, outcome.execution_id) == "failed"
    assert await proposal_of(rig, outcome.proposal_id) is ProposalState.FAILED


@pytest.mark.parametrize(
    "fault",
    ["apply-then-drop x1", "drop-before-apply x1", "status 503 x1", "html 502 x1", "status 429 x1", "status 404 x1"],
)
async def test_what_is_no_listed_answer_is_unknown_and_sent_once(rig: Rig, fault: str) -> None:
    ticket, quote = await rig.ticket()
    await rig.faults(f"POST /order: {fault}; {COUNTING}")
    outcome = await rig.executor.execute(ticket, quote)

    assert (outcome.end, outcome.state) == (End.UNKNOWN, ExecutionState.UNKNOWN)
    assert await rig.fault_hits() == [1, 0]
    assert len(rig.orders_of(outcome.client_order_id)) == (1 if fault.startswith("apply") else 0)
    assert await history_of(rig, outcome.execution_id) == "pending"
    assert await proposal_of(rig, outcome.proposal_id) is ProposalState.CLAIMED
    again = await rig.executor.execute(ticket, quote)
    assert again.end is End.REFUSED
    assert again.execution_id == outcome.execution_id
    assert await rig.fault_hits() == [1, 0]


async def test_two_keypresses_on_one_ticket_make_one_order(rig: Rig) -> None:
    ticket, quote = await rig.ticket()
    await rig.faults(COUNTING)
    outcomes = await asyncio.gather(*(rig.executor.execute(ticket, quote) for _ in range(4)))

    assert sorted(outcome.end for outcome in outcomes) == [End.ACCEPTED, *[End.REFUSED] * 3]
    refused = [outcome for outcome in outcomes if outcome.end is End.REFUSED]
    assert all(outcome.holder is not None for outcome in refused)
    assert all(CheckCode.PROPOSAL_STATE in {check.code for check in outcome.failed} for outcome in refused)
    assert await rig.fault_hits() == [1]


async def test_a_halt_file_that_comes_between_claim_and_send_stops_the_send(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket, quote = await rig.ticket()
    await rig.faults(COUNTING)
    monkeypatch.setattr(rig.trade, "may_place", lambda: raise_halt(rig.vault.folder))
    outcome = await rig.executor.execute(ticket, quote)

    assert (outcome.end, outcome.state) == (End.ABANDONED, ExecutionState.ABANDONED)
    assert outcome.reason == "HALT file present"
    assert await rig.fault_hits() == [0]
    assert await history_of(rig, outcome.execution_id) == "failed"
    assert await proposal_of(rig, outcome.proposal_id) is ProposalState.FAILED


async def test_nothing_is_sent_while_somebody_is_halting(rig: Rig) -> None:
    ticket, quote = await rig.ticket()
    await rig.faults(COUNTING)
    halting = SharedLock(rig.vault.folder / SEND_LOCK)
    assert halting.alone()
    outcome = await rig.executor.execute(ticket, quote)
    halting.close()

    assert (outcome.end, outcome.reason) == (End.ABANDONED, "trading is being halted")
    assert await rig.fault_hits() == [0]


@pytest.mark.parametrize("fault", ["status 503", "drop-before-apply", "status 429"])
async def test_an_entry_whose_dead_mans_switch_cannot_be_armed_is_not_sent(rig: Rig, fault: str) -> None:
    await rig.keeper_comes()
    ticket, quote = await rig.ticket(rests=True)
    await rig.faults(f"POST /cancelOrdersAfter: {fault}; {COUNTING}")
    outcome = await rig.executor.execute(ticket, quote)

    assert (outcome.end, outcome.state) == (End.ABANDONED, ExecutionState.ABANDONED)
    assert outcome.reason
    assert await rig.fault_hits() == [1, 0]


async def test_an_answer_is_kept_until_the_vault_can_take_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A stranger's tool locks the database while the order is at the exchange."""
    caplog.set_level(logging.ERROR, logger="console.execution.executor")
    ticket, quote = await rig.ticket()
    place = rig.trade.place_order
    locked: list[Any] = []

    async def place_then_lock(*arguments: Any) -> Any:
        answer = await place(*arguments)
        holding = neighbour("database", rig.vault.folder)
        process = await asyncio.to_thread(holding.__enter__)
        locked.append((holding, process))
        return answer

    monkeypatch.setattr(rig.trade, "place_order", place_then_lock)
    attempt = asyncio.create_task(rig.executor.execute(ticket, quote))

    async def could_not_be_stored() -> bool:
        return "is kept until it can be stored" in caplog.text

    await until(could_not_be_stored)
    holding, _process = locked[0]
    await asyncio.to_thread(holding.__exit__, None, None, None)
    outcome = await attempt

    assert (outcome.end, outcome.state) == (End.ACCEPTED, ExecutionState.FILLED)
    assert len(rig.orders_of(outcome.client_order_id)) == 1


async def test_whoever_waits_may_go_and_the_attempt_goes_on(rig: Rig) -> None:
    ticket, quote = await rig.ticket()
    await rig.faults("POST /order: delay 0.3 x1")
    waiting = asyncio.create_task(rig.executor.execute(ticket, quote))

    async def arrived() -> bool:
        return await rig.fault_hits() == [1]

    await until(arrived)
    assert rig.executor.in_flight == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await rig.executor.wait_until_idle()

    rows = await rig.rows("SELECT state, client_order_id FROM trade_executions")
    assert [row["state"] for row in rows] == ["FILLED"]
    assert len(rig.orders_of(rows[0]["client_order_id"])) == 1


async def test_the_unfilled_rest_of_an_order_is_taken_back(rig: Rig) -> None:
    await rig.keeper_comes()
    outcome = await rig.fire(rests=True)
    assert outcome.execution_id is not None
    answer = await rig.executor.cancel(outcome.execution_id)
    assert isinstance(answer, Canceled)
    await follow_orders(rig.vault, rig.trade)

    (order,) = rig.orders_of(outcome.client_order_id)
    assert order["status"] == "canceled"
    assert (await rig.execution(outcome.execution_id)).state is ExecutionState.CANCELED
    (row,) = await rig.rows("SELECT cancel_asked_at FROM trade_executions")
    assert row["cancel_asked_at"] is not None
    assert await history_of(rig, outcome.execution_id) == "failed"  # nothing was traded


async def test_an_answer_that_takes_too_long_is_unknown_and_the_order_is_found(rig: Rig) -> None:
    await rig.policy(name="hasty", submit={"request_timeout_ms": 100})
    ticket, quote = await rig.ticket()
    await rig.faults("POST /order: delay 0.5 x1")
    outcome = await rig.executor.execute(ticket, quote)
    assert (outcome.end, outcome.state) == (End.UNKNOWN, ExecutionState.UNKNOWN)

    async def found() -> bool:
        return outcome.execution_id in (await rig.reconcile()).found

    await until(found)
    assert len(rig.orders_of(outcome.client_order_id)) == 1


async def change_policy(rig: Rig) -> None:
    await rig.policy(name="other", exposure_eur=1999)


async def halt_trading(rig: Rig) -> None:
    await rig.do(lambda tx: halt(tx, "test"))


async def reduce_trading(rig: Rig) -> None:
    await rig.do(lambda tx: tighten(tx, TradingState.REDUCING, "test"))


async def let_time_pass(rig: Rig) -> None:
    rig.clock.ahead = 5_000_001


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (change_policy, "another policy was activated"),
        (halt_trading, "trading is HALTED"),
        (reduce_trading, "trading is REDUCING, buys are not sent"),
        (let_time_pass, "more than 5 s"),
    ],
)
async def test_what_changes_between_claim_and_send_stops_the_send(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[Rig], Awaitable[None]], reason: str
) -> None:
    """While the dead man's switch is being armed, the last thing before the send."""
    await rig.keeper_comes()
    ticket, quote = await rig.ticket(rests=True)
    await rig.faults(COUNTING)

    async def arm(group: int, seconds: int) -> None:
        await meanwhile(rig)

    monkeypatch.setattr(rig.trade, "arm_dead_man", arm)
    outcome = await rig.executor.execute(ticket, quote)
    assert (outcome.end, outcome.state) == (End.ABANDONED, ExecutionState.ABANDONED)
    assert reason in outcome.reason
    assert await rig.fault_hits() == [0]
