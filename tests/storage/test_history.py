"""History: figures are sums over fills, pages meet without a gap or a repeat."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest

from storage.codes import ExecutionState, HistoryStatus, OrderKind, Side
from storage.database import Tx
from storage.evidence import apply_order
from storage.execution_models import Fill, Trade
from storage.execution_rows import fills_of
from storage.history import NEWEST, average_price, history_page
from storage.money import Price, Quantity
from storage.queries import statements
from tests.storage.world import bring_to, exit_idea, own_idea, part_fill, venue_order

E: Final = ExecutionState


def filled(tx: Tx, *fills: tuple[str, str, str | None]) -> Trade:
    """A trade with fills of (quantity, price, fee)."""
    execution = bring_to(tx, E.SUBMITTED, own_idea(quantity=Quantity.of(1)))
    seen = [
        replace(
            part_fill(execution, number),
            quantity=Quantity.of(quantity),
            price=Price.of(price),
            fee=None if fee is None else Decimal(fee),
            settled=fee is not None,
        )
        for number, (quantity, price, fee) in enumerate(fills)
    ]
    apply_order(tx, execution.id, venue_order(execution, "partiallyFilled", *seen), "stream", {})
    [trade] = [trade for trade in history_page(tx, 50) if trade.execution_id == execution.id]
    return trade


def test_quantity_value_and_fee_are_sums_over_fills(tx: Tx) -> None:
    trade = filled(tx, ("0.1", "100", "0.025"), ("0.3", "200", "0.150000001"))
    assert (str(trade.quantity), str(trade.value), str(trade.fee)) == ("0.4", "70", "0.175000001")
    assert str(trade.price) == "175"
    assert trade.status is HistoryStatus.CONFIRMED


def test_a_fee_is_unknown_while_one_of_its_fills_has_none(tx: Tx) -> None:
    assert filled(tx, ("0.1", "100", "0.02"), ("0.1", "100", None)).fee is None


def test_a_pending_trade_has_no_price_and_no_value(tx: Tx) -> None:
    execution = bring_to(tx, E.CLAIMED)
    [trade] = history_page(tx, 5)
    assert (trade.execution_id, trade.proposal_id) == (execution.id, execution.proposal_id)
    assert (trade.price, trade.value.is_zero, trade.quantity.is_zero) == (None, True, True)
    assert (trade.status, trade.execution_state) == (HistoryStatus.PENDING, E.CLAIMED)
    assert trade.at == execution.claimed_at


def test_side_and_kind_come_with_the_trade(tx: Tx) -> None:
    bring_to(tx, E.SUBMITTED, exit_idea())
    [trade] = history_page(tx, 5)
    assert (trade.side, trade.kind) == (Side.SELL, OrderKind.EXIT)


@pytest.mark.parametrize(
    ("fills", "average"),
    [
        ([], None),
        ([("0.3", "0.1")], "0.1"),
        ([("1", "100"), ("2", "100")], "100"),
        ([("1", "100"), ("2", "101")], "100.666666667"),
        ([("0.00000001", "1"), ("3", "2")], "1.99999999667"),
    ],
)
def test_an_average_is_value_over_quantity_to_twelve_digits(
    tx: Tx, fills: list[tuple[str, str]], average: str | None
) -> None:
    execution = bring_to(tx, E.PARTIALLY_FILLED)
    [pattern] = fills_of(tx, execution.id)
    made: list[Fill] = [
        replace(pattern, quantity=Quantity.of(quantity), price=Price.of(price)) for quantity, price in fills
    ]
    found = average_price(made)
    assert (None if found is None else str(found)) == average


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_pages_meet_without_gap_or_repeat_however_times_coincide(tx: Tx, size: int) -> None:
    for number in range(12):
        if number % 4 == 0:
            tx.now += 1
        bring_to(tx, E.CLAIMED)
    whole = history_page(tx, 100)
    assert len(whole) == 12
    keys = [(trade.at, trade.id) for trade in whole]
    assert keys == sorted(keys, reverse=True)
    paged: list[Trade] = []
    before = NEWEST
    while page := history_page(tx, size, before):
        assert len(page) <= size
        paged += page
        before = (page[-1].at, page[-1].id)
    assert paged == whole


def test_a_trade_made_meanwhile_does_not_shift_the_next_page(tx: Tx) -> None:
    for _ in range(4):
        tx.now += 1
        bring_to(tx, E.CLAIMED)
    first = history_page(tx, 2)
    tx.now += 1
    bring_to(tx, E.CLAIMED)
    second = history_page(tx, 2, (first[-1].at, first[-1].id))
    assert [trade.id for trade in (*first, *second)] == [4, 3, 2, 1]


def test_a_page_is_found_by_the_index_of_its_time_at_any_depth(tx: Tx) -> None:
    def plan(name: str, **parameters: object) -> list[str]:
        sql = statements()[name].sql
        return [row["detail"] for row in tx.db.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]

    page = plan("history_page", before_at=NEWEST[0], before_id=NEWEST[1], count=60)
    assert page[0] == "SEARCH h USING INDEX history_by_time (traded_at<?)", "keyset: no row before the page is read"
    assert page[1] == "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)"
    assert not any("TEMP B-TREE" in step for step in page), "no sorting"
    fills = plan("fills_of_executions", ids="[1]")
    assert any("USING INDEX fills_by_execution (execution_id=?)" in step for step in fills)
