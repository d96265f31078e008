"""Protective stops at a real simulated exchange: set, lost and found, reached, changed by somebody else, taken back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from console.execution.fills import follow_order, follow_orders
from console.execution.halting import take_back_entries
from console.execution.ideas import ExitWords, NothingHeld, draw_exit, free_to_sell, stops_of
from console.execution.outcome import End, Outcome
from console.home import Home
from console.paper.process import Address
from console.runtime import Runtime
from console.settings import Settings
from storage.codes import CheckCode, ExecutionState, Mode, TriggerType
from storage.facts import read_book
from storage.gate import draw_ticket
from storage.invariants import broken_invariants
from storage.market_models import Quote
from storage.models import Actor, Proposal, Ticket
from storage.money import Quantity
from storage.proposals import create_proposal
from storage.stops import live_stops
from tests.execution.kit import MARKET, Rig, until
from tests.paper.exchanges import Signed
from tests.paper.roomy import running_with_room

pytestmark = pytest.mark.processes

CROWD = "1.2"
"""So many coins sold at once push the price under every stop of these tests."""


@pytest.fixture(scope="module")
def exchange(exchange_folder: Path) -> Iterator[Address]:
    with running_with_room(exchange_folder, "--balance", "1000000") as address:
        yield address


async def somebody(rig: Rig, method: str = "POST", **words: Any) -> dict[str, Any]:
    """An order of the same account that is not this vault's."""
    body = {"market": MARKET, "operatorId": 99, **words}
    answer = await asyncio.to_thread(Signed(rig.address, rig.address.trade).send, method, "/order", body)
    assert answer.status_code == 200, answer.text
    done: dict[str, Any] = answer.json()
    return done


async def stop_ticket(rig: Rig, share: str = "100", kind: TriggerType = TriggerType.STOP_LOSS) -> tuple[Ticket, Quote]:
    """The ticket of a stop half a per cent from the market."""
    await rig.sweep()
    quote = await rig.quotes.fetch(MARKET)
    assert quote.rules is not None
    assert quote.bid is not None
    assert quote.last is not None
    far = Decimal("0.995") if kind is TriggerType.STOP_LOSS else Decimal("1.005")
    at = min(quote.bid, quote.last).scaled(far).to_tick(quote.rules.tick_size, up=False)
    rules, words = quote.rules, ExitWords(MARKET, share, str(at), trigger=kind)
    free = await rig.vault.read(lambda tx: free_to_sell(tx, MARKET))
    stops = await rig.vault.read(lambda tx: stops_of(tx, MARKET))
    new = draw_exit(words, free, rules, quote, "operator", stops=stops)
    proposal: Proposal = await rig.do(lambda tx: create_proposal(tx, new))
    return await rig.vault.read(lambda tx: draw_ticket(tx, proposal)), quote


async def protect(rig: Rig, **words: Any) -> Outcome:
    outcome = await rig.executor.execute(*await stop_ticket(rig, **words))
    assert outcome.end is End.ACCEPTED, outcome
    return outcome


async def buy(rig: Rig) -> None:
    """Hold something, as soon as the book has filled up behind a crowd."""

    async def bought() -> bool:
        return (await rig.fire()).state is ExecutionState.FILLED

    await until(bought)


async def held(rig: Rig) -> Quantity:
    book = await rig.vault.read(read_book)
    return book.positions[MARKET].quantity if MARKET in book.positions else Quantity.zero()


async def test_a_stop_that_is_reached_closes_the_position_once(rig: Rig) -> None:
    await somebody(rig, side="buy", orderType="market", amount=CROWD)  # before the baseline: what they sell later
    await buy(rig)
    stop = await protect(rig)
    (order,) = rig.orders_of(stop.client_order_id)
    assert (order["order_type"], order["status"], order["cod_group_id"]) == ("stopLoss", "awaitingTrigger", None)
    assert stop.state is ExecutionState.SUBMITTED
    with pytest.raises(NothingHeld, match=f"oracle cancel {stop.proposal_id} takes it back"):
        await stop_ticket(rig)  # the stop holds the coins: nothing is sold twice
    assert await rig.sweep()
    await somebody(rig, side="sell", orderType="market", amount=CROWD)
    await follow_orders(rig.vault, rig.trade)

    execution = await rig.execution(stop.execution_id)
    assert (execution.state, await held(rig)) == (ExecutionState.FILLED, Quantity.zero())
    sold = rig.there("SELECT amount FROM fills WHERE order_id = ?", execution.order_id)
    assert Quantity.total(Quantity.of(fill["amount"]) for fill in sold) == execution.quantity
    assert await rig.vault.read(broken_invariants) == []
    (told,) = await rig.rows("SELECT text FROM alerts")
    assert told["text"] == f"the {execution.trigger} of {MARKET} was reached and sells {execution.quantity}"


async def test_a_stop_whose_answer_was_lost_is_found_and_is_the_only_one(rig: Rig) -> None:
    await buy(rig)
    ticket, quote = await stop_ticket(rig)
    await rig.faults("POST /order: apply-then-drop x1")
    lost = await rig.executor.execute(ticket, quote)
    assert lost.end is End.UNKNOWN
    assert (await rig.reconcile()).found == [lost.execution_id]
    (order,) = rig.orders_of(lost.client_order_id)
    execution = await rig.execution(lost.execution_id)
    assert (execution.state, execution.order_id) == (ExecutionState.SUBMITTED, order["order_id"])
    again = await rig.executor.execute(ticket, quote)
    assert again.end is End.REFUSED
    assert CheckCode.PROPOSAL_STATE in {check.code for check in again.failed}
    assert len(rig.orders_of(lost.client_order_id)) == 1


async def test_a_halt_takes_back_entries_and_leaves_the_stop(rig: Rig) -> None:
    await buy(rig)
    stop = await protect(rig, share="50", kind=TriggerType.TAKE_PROFIT)
    assert await take_back_entries(rig.vault, rig.executor) == (0, ())
    assert rig.orders_of(stop.client_order_id)[0]["status"] == "awaitingTrigger"
    # Taken back because that was asked, it is no surprise: nothing is told of it but its end.
    assert await take_back_entries(rig.vault, rig.executor, stops=True) == (1, ())
    await follow_order(rig.vault, rig.trade, await rig.execution(stop.execution_id))
    assert (await rig.execution(stop.execution_id)).state is ExecutionState.CANCELED
    assert await rig.rows("SELECT text FROM alerts") == []
    assert await rig.vault.read(live_stops) == ()


async def test_a_stop_that_somebody_changed_or_took_away_is_told(rig: Rig) -> None:
    await buy(rig)
    stop = await protect(rig)
    order_id = (await rig.execution(stop.execution_id)).order_id
    await somebody(rig, "PUT", orderId=order_id, triggerAmount="20000")
    assert not await rig.sweep()
    (found,) = await rig.rows("SELECT differences FROM exchange_sweeps ORDER BY id DESC LIMIT 1")
    assert "at 20000 there; oracle cancel" in found["differences"]
    cancel = f"/order?market={MARKET}&orderId={order_id}&operatorId=99"
    answer = await asyncio.to_thread(Signed(rig.address, rig.address.trade).send, "DELETE", cancel)
    assert answer.status_code == 200
    assert await rig.sweep()
    (told,) = await rig.rows("SELECT level, text FROM alerts")
    assert told["level"] == "critical"
    assert "ended as canceled with 0 of" in told["text"]


async def test_stops_are_compared_at_every_start_however_young_the_last_comparison_is(rig: Rig) -> None:
    await buy(rig)
    stop = await protect(rig)
    assert await rig.sweep()
    order_id = (await rig.execution(stop.execution_id)).order_id
    await somebody(rig, "PUT", orderId=order_id, triggerAmount="20000")
    (rig.vault.folder / "exchange.json").write_text(rig.address.to_json())
    home = Home(rig.vault.folder.parent, Mode.PAPER)
    runtime = Runtime(home, Settings(), Actor("ann", "starts", os.getpid()))
    try:
        await runtime.start()
        assert runtime.failed is None
        (found,) = await rig.rows("SELECT differences FROM exchange_sweeps ORDER BY id DESC LIMIT 1")
    finally:
        await runtime.stop()
    assert "at 20000 there; oracle cancel" in found["differences"]
