"""Protective stops in the vault: what is confirmed and sent, what never changes, what is told of their end."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.cli.positions import position_lines, position_values
from storage.clock import MINUTE
from storage.codes import ExecutionState, OrderKind, OrderType, Side, TriggerType
from storage.errors import Conflict
from storage.evidence import apply_order
from storage.execution_models import Trigger
from storage.executions import cancel_asked
from storage.facts import read_facts
from storage.money import Eur, Price, Quantity
from storage.order_value import sellable
from storage.orders import draw_order, order_digest, request_body
from storage.proposals import Revision, create_proposal, get_proposal, revise
from storage.stops import live_stops, uncovered
from tests.storage.world import MARKET, bare_tx, bring_to, own_idea, stop_idea, venue_fill, venue_order
from tests.support import SteppedClock

E = ExecutionState


def test_the_request_waits_for_the_last_trade_and_no_dead_man_takes_it(tmp_path: Path, clock: SteppedClock) -> None:
    tx = bare_tx(tmp_path, clock)
    order = draw_order(create_proposal(tx, stop_idea()), tx.info.mode, keeper_alive=True)
    assert json.loads(request_body(order, "id", 1, 7)) == {
        "market": MARKET, "side": "sell", "orderType": "stopLoss", "amount": "0.00041", "operatorId": 1,
        "clientOrderId": "id", "triggerAmount": "58000", "triggerType": "price", "triggerReference": "lastTrade",
    }  # fmt: skip


def test_what_a_stop_waits_for_is_part_of_what_is_confirmed(tmp_path: Path, clock: SteppedClock) -> None:
    tx = bare_tx(tmp_path, clock)
    order = draw_order(create_proposal(tx, stop_idea()), tx.info.mode, keeper_alive=True)
    assert order.trigger is not None
    others = (
        None,
        replace(order.trigger, price=Price.of(58001)),
        replace(order.trigger, type=TriggerType.TAKE_PROFIT),
    )
    digests = {order_digest(replace(order, trigger=trigger)) for trigger in others}
    assert len(digests) == 3
    assert order_digest(order) not in digests


@pytest.mark.parametrize(
    "changes",
    [
        {"side": Side.BUY},
        {"kind": OrderKind.ENTRY},
        {"order_type": OrderType.LIMIT, "limit": Price.of(58000)},
        {"trigger": Trigger(TriggerType.STOP_LOSS, Price.zero())},
    ],
)
def test_only_a_market_sell_of_what_is_held_waits_for_a_price(
    tmp_path: Path, clock: SteppedClock, changes: dict[str, Any]
) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        create_proposal(bare_tx(tmp_path, clock), stop_idea(**changes))


def test_what_a_stop_waits_for_never_changes(tmp_path: Path, clock: SteppedClock) -> None:
    tx = bare_tx(tmp_path, clock)
    execution = bring_to(tx, E.SUBMITTED, stop_idea())
    another = create_proposal(tx, stop_idea())
    for table, row in (("trade_executions", execution.id), ("trade_proposals", another.id)):
        with pytest.raises(sqlite3.IntegrityError):
            tx.db.execute(f"UPDATE {table} SET trigger_price = '58001' WHERE id = ?", (row,))  # noqa: S608 - two tables
    change = Revision(OrderType.MARKET, Quantity.of("0.0002"), None, Eur.of(12), MINUTE)
    with pytest.raises(Conflict, match="decline it and set another one"):
        revise(tx, another.id, 1, change)
    assert get_proposal(tx, another.id) == another


@pytest.mark.parametrize(
    ("status", "fills", "asked", "told"),
    [
        ("filled", 1, False, [("notice", "was reached and sells 0.00041")]),
        ("partiallyFilled", 1, False, [("notice", "was reached and sells 0.00041")]),
        ("awaitingTrigger", 0, False, []),
        ("canceled", 0, True, []),
        ("canceled", 0, False, [("critical", "ended as canceled with 0 of 0.00041 sold")]),
        ("canceledMarketProtection", 1, True, [("critical", "ended as canceledMarketProtection with 0.0001 of")]),
    ],
)
def test_the_end_of_a_stop_is_told(
    tmp_path: Path, clock: SteppedClock, status: str, fills: int, asked: bool, told: list[tuple[str, str]]
) -> None:
    tx = bare_tx(tmp_path, clock)
    execution = bring_to(tx, E.SUBMITTED, stop_idea())
    if asked:
        cancel_asked(tx, execution.id, "canceled")
    sold = Quantity.of("0.00041" if status == "filled" else "0.0001")
    report = venue_order(execution, status, *(venue_fill(quantity=sold),) * fills)
    for _ in range(2):  # what was told once is not told again
        apply_order(tx, execution.id, report, "look-up", {})
    rows = [tuple(row) for row in tx.db.execute("SELECT level, text FROM alerts ORDER BY id")]
    assert [level for level, _ in rows] == [level for level, _ in told]
    assert all(part in text for (_, text), (_, part) in zip(rows, told, strict=True))


def test_a_position_is_shown_with_its_stop_and_one_without_says_so(tmp_path: Path, clock: SteppedClock) -> None:
    tx = bare_tx(tmp_path, clock)
    bought = bring_to(tx, E.SUBMITTED, own_idea())
    apply_order(tx, bought.id, venue_order(bought, "filled", venue_fill()), "look-up", {})
    (bare,) = position_values(tx)
    assert (bare["quantity"], bare["stops"], bare["unprotected"]) == ("0.00041", [], "0.00041")
    assert position_lines([bare]) == [
        f"{MARKET} 0.00041: no stop loss; oracle exit {MARKET} --stop PRICE proposes one",
    ]
    gain = bring_to(tx, E.SUBMITTED, stop_idea("70000", TriggerType.TAKE_PROFIT, quantity=Quantity.of("0.0001")))
    loss = bring_to(tx, E.SUBMITTED, stop_idea(quantity=Quantity.of("0.0003")))
    (values,) = position_values(tx)
    assert [(stop["proposal_id"], stop["trigger"]["type"]) for stop in values["stops"]] == [
        (gain.proposal_id, "takeProfit"), (loss.proposal_id, "stopLoss"),
    ]  # fmt: skip
    assert values["unprotected"] == "0.00011"  # a take profit waits for a better price: it covers nothing
    assert position_lines([values])[0].endswith("0.00011 without a stop loss")
    # What both hold can be sold by nobody else.
    facts = read_facts(tx, get_proposal(tx, loss.proposal_id))
    assert sellable(facts, MARKET, 0) == Quantity.of("0.00001")


def test_a_stop_that_is_not_at_the_exchange_yet_covers_nothing(tmp_path: Path, clock: SteppedClock) -> None:
    tx = bare_tx(tmp_path, clock)
    bring_to(tx, E.UNKNOWN, stop_idea())
    assert [stop.state for stop in live_stops(tx)] == [E.UNKNOWN]
    assert uncovered(Quantity.of("0.00041"), live_stops(tx)) == Quantity.of("0.00041")
