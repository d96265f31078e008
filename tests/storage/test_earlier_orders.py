"""After a restore: which orders are the vault's own, how they are taken over, and when trading may go on."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from storage.clock import HOUR, MINUTE, SECOND
from storage.codes import CheckCode, ExecutionState, OrderKind, ProposalState, Side, TradingState
from storage.database import Tx
from storage.earlier_orders import (
    LOOK_BACK,
    EarlierOrder,
    Forgotten,
    adopt_forgotten_send,
    forgotten,
    identify,
    import_order,
    imported_orders,
)
from storage.errors import Conflict
from storage.execution_models import Execution, VenueFill, VenueOrder
from storage.execution_rows import execution_of_proposal, get_execution
from storage.facts import read_book, read_facts
from storage.gate import pass_gate
from storage.invariants import broken_invariants
from storage.models import Refusal
from storage.money import Price, Quantity
from storage.orders import client_order_id
from storage.proposals import create_proposal, get_proposal, move_proposal
from storage.setup import operator_number
from storage.sweeps import SweepResult, record_sweep
from storage.trading_state import current_trading_state, halt, resume
from tests.storage.world import EXCHANGE, KEY, bring_to, make_ready, own_idea, venue_fill

LOST: Final = "0d0c1b2a-0000-4000-8000-000000000001"
PAUSE: Final = 10 * MINUTE


def after_a_restore(tx: Tx, **changes: Any) -> Forgotten:
    """This vault as one that was restored ten minutes after its backup."""
    fields = {"incarnation": LOST, "orders_from": tx.now - PAUSE, "markets": "[]", "now": tx.now, **changes}
    tx.sql.insert("insert_earlier_incarnation", **fields)
    halt(tx, "restored")
    found = forgotten(tx)
    assert found is not None
    return found


def an_order(tx: Tx, proposal_id: int, status: str = "filled", **changes: Any) -> VenueOrder:
    """What the lost vault sent for a proposal of its own, a minute ago."""
    fills: tuple[VenueFill, ...] = (venue_fill(at=tx.now - MINUTE),) if status == "filled" else ()
    order = VenueOrder(
        order_id=f"order-of-{proposal_id}",
        client_order_id=client_order_id(LOST, proposal_id),
        market="BTC-EUR",
        side="buy",
        status=status,
        quantity=Quantity.of("0.00041"),
        limit=Price.of("61200"),
        filled=Quantity.total(fill.quantity for fill in fills),
        fills=fills,
        created_at=tx.now - MINUTE,
        operator_id=operator_number(tx.info.vault_id, LOST),
        order_type="limit",
    )
    return replace(order, **changes)


def taken_over(tx: Tx, order: VenueOrder, proposal_id: int) -> Execution | None:
    found = EarlierOrder(order, str(order.client_order_id), proposal_id, LOST)
    number = import_order(tx, found, KEY, EXCHANGE)
    return None if number is None else get_execution(tx, number)


def an_expired_proposal(tx: Tx, **changes: Any) -> int:
    proposal = create_proposal(tx, own_idea(**changes))
    move_proposal(tx, proposal.id, ProposalState.PROPOSED, ProposalState.EXPIRED)
    return proposal.id


# ---- which orders


def test_orders_of_earlier_incarnations_are_known_by_their_ids_oldest_first(tx: Tx) -> None:
    for _ in range(30):
        create_proposal(tx, own_idea())
    wanted = after_a_restore(tx)
    newer, older = an_order(tx, 7), an_order(tx, 30, created_at=tx.now - HOUR)
    found = identify([newer, older], (), wanted)
    assert [(each.proposal_id, each.order, each.incarnation) for each in found] == [(30, older, LOST), (7, newer, LOST)]
    assert [each.client_order_id for each in found] == [client_order_id(LOST, 30), client_order_id(LOST, 7)]
    assert identify([newer], {str(newer.client_order_id)}, wanted) == []


@pytest.mark.parametrize(
    "stranger",
    [
        {"client_order_id": str(UUID(int=7, version=4))},
        {"client_order_id": None},
        {"client_order_id": "no id at all"},
        {"client_order_id": client_order_id("0d0c1b2a-0000-4000-8000-000000000002", 3)},
        {"operator_id": 99},
    ],
)
def test_an_order_of_somebody_else_is_never_taken_over(tx: Tx, stranger: dict[str, Any]) -> None:
    for _ in range(5):
        create_proposal(tx, own_idea())
    assert identify([an_order(tx, 3, **stranger)], (), after_a_restore(tx)) == []


def test_an_order_without_the_mark_of_its_sender_is_known_by_its_id_in_any_case(tx: Tx) -> None:
    for _ in range(5):
        create_proposal(tx, own_idea())
    shouted = an_order(tx, 3, operator_id=None, client_order_id=client_order_id(LOST, 3).upper())
    (found,) = identify([shouted], (), after_a_restore(tx))
    assert (found.proposal_id, found.client_order_id) == (3, client_order_id(LOST, 3))


def test_ids_are_those_that_uuid5_makes(tx: Tx) -> None:
    for _ in range(300):
        create_proposal(tx, own_idea())
    wanted = after_a_restore(tx, incarnation=(name := str(uuid4())))
    orders = [an_order(tx, n, client_order_id=client_order_id(name, n), operator_id=None) for n in range(1, 301)]
    assert len(identify(orders, (), wanted)) == 300


def test_what_is_looked_for_reaches_back_before_the_backup_and_into_every_known_market(tx: Tx) -> None:
    assert forgotten(tx) is None
    wanted = after_a_restore(tx, markets='["DOGE-EUR"]')
    assert wanted.since == tx.now - PAUSE - LOOK_BACK
    assert wanted.markets >= {"DOGE-EUR", "BTC-EUR", "ETH-EUR", "XRP-EUR"}
    assert wanted.waits_until == tx.now + 10 * SECOND  # window and margin: until then an order may still arrive


# ---- taking over


def test_an_order_of_a_proposal_that_the_restore_expired_is_its_execution(tx: Tx) -> None:
    number = an_expired_proposal(tx)
    after_a_restore(tx)
    execution = taken_over(tx, an_order(tx, number), number)
    assert execution is not None
    assert (execution.state, execution.order_id, execution.imported) == (ExecutionState.FILLED, "order-of-1", True)
    assert execution.claimed_at == tx.now - MINUTE
    proposal = get_proposal(tx, number)
    assert proposal.state is ProposalState.EXPIRED
    note = tx.db.execute("SELECT decided_note FROM trade_proposals WHERE id = ?", (number,)).fetchone()[0]
    assert note == "order order-of-1 of it was sent before the restore, after the backup"
    assert broken_invariants(tx) == []
    assert imported_orders(tx) == {execution.id}


def test_a_proposal_that_the_backup_does_not_know_comes_back_under_its_own_id(tx: Tx) -> None:
    after_a_restore(tx)
    execution = taken_over(tx, an_order(tx, 990), 990)
    assert execution is not None
    proposal = get_proposal(tx, 990)
    assert (proposal.state, proposal.quantity, proposal.limit) == (
        ProposalState.EXECUTED, Quantity.of("0.00041"), Price.of("61200"),
    )  # fmt: skip
    assert create_proposal(tx, own_idea()).id > 990
    assert broken_invariants(tx) == []


def test_what_was_taken_over_counts_for_cooldown_caps_attempts_and_exposure(tx: Tx) -> None:
    after_a_restore(tx)
    taken_over(tx, an_order(tx, 990), 990)
    ready = make_ready(tx)
    facts = read_facts(tx, ready.proposal)
    assert facts.last_trade is not None
    assert (facts.last_trade.at, facts.last_trade.side) == (tx.now - MINUTE, Side.BUY)
    assert facts.trade_times[Side.BUY] == facts.attempt_times[Side.BUY] == (tx.now - MINUTE,)
    assert read_book(tx).positions["BTC-EUR"].quantity == Quantity.of("0.00041")
    refusal = pass_gate(tx, ready.ticket, ready.quote)
    assert isinstance(refusal, Refusal)
    assert {CheckCode.COOLDOWN, CheckCode.TRADING_STATE} <= {check.code for check in refusal.failed}


def test_an_order_that_rests_is_followed_and_one_of_each_end_is_told_apart(tx: Tx) -> None:
    after_a_restore(tx)
    part = venue_fill(2, fill_id="part", at=tx.now, quantity=Quantity.of("0.0001"))
    ends = {
        "new": (ExecutionState.SUBMITTED, ()),
        "partiallyFilled": (ExecutionState.PARTIALLY_FILLED, (part,)),
        "canceled": (ExecutionState.CANCELED, ()),
        "rejected": (ExecutionState.REJECTED, ()),
    }
    for number, (status, (state, fills)) in enumerate(ends.items(), start=500):
        filled = Quantity.total(fill.quantity for fill in fills)
        execution = taken_over(tx, an_order(tx, number, status, fills=fills, filled=filled), number)
        assert execution is not None
        assert execution.state is state
        assert (execution.time_in_force == "GTC") == (status in ("new", "partiallyFilled"))
    assert get_proposal(tx, 503).state is ProposalState.FAILED
    assert broken_invariants(tx) == []


def test_a_stop_comes_back_as_the_stop_it_is(tx: Tx) -> None:
    after_a_restore(tx)
    waits = {"side": "sell", "limit": None, "trigger": Price.of(58000), "order_type": "takeProfit"}
    execution = taken_over(tx, an_order(tx, 990, "awaitingTrigger", **waits), 990)
    assert execution is not None
    assert str(execution.trigger) == "take profit at 58000"
    assert (execution.kind, execution.state) == (OrderKind.EXIT, ExecutionState.SUBMITTED)
    assert broken_invariants(tx) == []


def test_a_market_order_is_worth_what_it_paid_and_one_that_did_nothing_is_left_out(tx: Tx) -> None:
    after_a_restore(tx)
    execution = taken_over(tx, an_order(tx, 990, limit=None, order_type="market"), 990)
    assert execution is not None
    worth = tx.db.execute("SELECT eur FROM trade_executions WHERE id = ?", (execution.id,)).fetchone()[0]
    assert Decimal(worth) == Decimal("0.00041") * 61152
    assert taken_over(tx, an_order(tx, 991, "canceled", limit=None, order_type="market"), 991) is None
    assert execution_of_proposal(tx, 991) is None


def test_an_order_is_taken_over_once(tx: Tx) -> None:
    after_a_restore(tx)
    assert taken_over(tx, an_order(tx, 990), 990) is not None
    assert taken_over(tx, an_order(tx, 990), 990) is None
    assert len(imported_orders(tx)) == 1


@pytest.mark.parametrize("state", [ExecutionState.ABANDONED, ExecutionState.SUBMITTING, ExecutionState.UNKNOWN])
def test_a_claim_of_the_backup_whose_send_was_forgotten_becomes_what_it_was(tx: Tx, state: ExecutionState) -> None:
    execution = bring_to(tx, state)
    after_a_restore(tx)
    order = an_order(tx, execution.proposal_id, client_order_id=execution.client_order_id)
    adopt_forgotten_send(tx, execution, order)
    assert get_execution(tx, execution.id).state is ExecutionState.FILLED
    assert broken_invariants(tx) == []


# ---- going on


def a_sweep(tx: Tx, *, imported: bool, differences: tuple[str, ...] = ()) -> None:
    result = SweepResult(
        started_at=tx.now, differences=differences, foreign_markets=frozenset(), balances={"EUR": Decimal(1000)},
        key_fingerprint=KEY, exchange_identity=EXCHANGE, imported=imported,
    )  # fmt: skip
    record_sweep(tx, result)


def test_trading_goes_on_after_one_clean_sweep_that_took_over_everything(tx: Tx) -> None:
    after_a_restore(tx)
    tx.now += MINUTE
    standing = current_trading_state(tx)
    for sweep in ({"imported": False}, {"imported": True, "differences": ("EUR differs",)}):
        a_sweep(tx, **sweep)
        tx.now += SECOND
        with pytest.raises(Conflict, match="the vault was restored"):
            resume(tx, standing.id, "go on")
    a_sweep(tx, imported=True)
    assert resume(tx, standing.id, "go on").state is TradingState.ACTIVE


def test_sweeps_look_again_for_an_hour_and_then_no_more(tx: Tx) -> None:
    after_a_restore(tx)
    tx.now += MINUTE
    a_sweep(tx, imported=True)
    wanted = forgotten(tx)
    assert wanted is not None
    assert wanted.waits_until is None
    tx.now += HOUR
    assert forgotten(tx) is None


def test_a_sweep_that_began_before_the_restore_finishes_nothing(tx: Tx) -> None:
    began = tx.now
    tx.now += SECOND
    after_a_restore(tx)
    tx.now += SECOND
    record_sweep(
        tx,
        SweepResult(began, (), frozenset(), {"EUR": Decimal(1)}, KEY, EXCHANGE, imported=True),
    )
    with pytest.raises(Conflict, match="the vault was restored"):
        resume(tx, current_trading_state(tx).id, "go on")
