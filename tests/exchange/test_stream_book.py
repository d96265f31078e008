"""A book kept from a snapshot and differences: in order, complete, and never believed when it may be wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from console.exchange.stream_book import (
    FRESH_S,
    MOST_WAITING,
    DayPayload,
    DeltaPayload,
    SnapshotPayload,
    StreamBook,
    Sync,
)


def delta(nonce: int, bids: Any = (), asks: Any = ()) -> DeltaPayload:
    return DeltaPayload.model_validate({"market": "BTC-EUR", "nonce": nonce, "bids": list(bids), "asks": list(asks)})


def snapshot(nonce: int, bids: Any = (("99", "1"),), asks: Any = (("101", "1"),)) -> SnapshotPayload:
    return SnapshotPayload.model_validate(
        {"market": "BTC-EUR", "nonce": nonce, "bids": list(bids), "asks": list(asks), "timestamp": 1}
    )


def following(nonce: int = 10) -> StreamBook:
    book = StreamBook("BTC-EUR")
    book.asked(1.0)
    book.snapshot(snapshot(nonce))
    return book


def shown(book: StreamBook) -> list[list[tuple[str, str]]]:
    return [[(str(level.price.value), str(level.quantity.value)) for level in side] for side in book.levels()]


def test_differences_add_change_and_delete_by_value_whatever_their_padding() -> None:
    book = following()
    assert book.delta(delta(11, [["99.00", "0"], ["98.00", "2"]], [["101.0", "3"], ["102", "1"]]), 2.0)
    assert shown(book) == [[("98.00", "2")], [("101", "3"), ("102", "1")]]
    assert (book.nonce, book.confirmed, book.sync) == (11, 2.0, Sync.FOLLOWING)


def test_what_comes_twice_or_late_changes_nothing_and_confirms_nothing() -> None:
    book = following()
    book.delta(delta(11, [["98", "2"]]), 2.0)
    before = shown(book)
    assert not book.delta(delta(11, [["98", "9"]]), 3.0)
    assert not book.delta(delta(4, [["99", "0"]]), 3.0)
    assert (shown(book), book.confirmed, book.sync) == (before, 2.0, Sync.FOLLOWING)


def test_a_missing_difference_loses_the_book() -> None:
    book = following()
    assert not book.delta(delta(12, [["98", "2"]]), 2.0)
    assert (book.sync, book.confirmed, book.gaps) == (Sync.LOST, None, 1)


def test_what_waited_for_the_snapshot_is_applied_in_order_and_only_if_complete() -> None:
    book = StreamBook("BTC-EUR")
    book.asked(1.0)
    for nonce in (9, 12, 11, 10, 12):
        book.delta(delta(nonce, [["98", str(nonce)]]), 1.0)
    book.snapshot(snapshot(10))
    assert (book.nonce, book.sync) == (12, Sync.FOLLOWING)
    assert shown(book)[0] == [("99", "1"), ("98", "12")]
    book.asked(1.0)
    book.delta(delta(14, [["98", "1"]]), 3.0)
    book.snapshot(snapshot(12))
    assert book.sync is Sync.LOST


def test_a_snapshot_nobody_asked_for_is_passed_over() -> None:
    book = following()
    book.snapshot(snapshot(50, [["1", "1"]]))
    assert book.nonce == 10


def test_a_crossed_book_is_lost() -> None:
    book = following()
    book.delta(delta(11, [["101", "1"]]), 2.0)
    assert book.view(2.0) is None
    assert (book.sync, book.confirmed) == (Sync.LOST, None)


def test_a_snapshot_that_never_comes_does_not_pile_up_what_waits() -> None:
    book = StreamBook("BTC-EUR")
    book.asked(1.0)
    for nonce in range(MOST_WAITING + 1):
        book.delta(delta(nonce), 1.0)
    assert book.sync is Sync.LOST


def test_a_snapshot_is_true_as_of_its_question_and_what_waited_as_of_its_stamp() -> None:
    book = StreamBook("BTC-EUR")
    book.asked(1.0)
    book.snapshot(snapshot(10))
    assert book.confirmed == 1.0
    book.asked(4.0)
    book.delta(delta(11, [["98", "2"]]), 3.5)
    book.snapshot(snapshot(10))
    assert (book.nonce, book.confirmed) == (11, 3.5)
    assert book.view(3.5 + FRESH_S) is not None
    assert book.view(3.6 + FRESH_S) is None


def test_an_older_sign_of_life_does_not_make_a_book_older() -> None:
    book = following()
    book.delta(delta(11, [["98", "2"]]), 7.0)
    book.sign_of_life(day("99", "101"), 5.0)
    assert book.confirmed == 7.0


def test_a_crossed_snapshot_is_lost() -> None:
    book = StreamBook("BTC-EUR")
    book.asked(1.0)
    book.snapshot(snapshot(10, [["102", "1"]]))
    assert (book.sync, book.confirmed) == (Sync.LOST, None)


def day(bid: str | None, ask: str | None) -> DayPayload:
    return DayPayload.model_validate({"market": "BTC-EUR", "bid": bid, "ask": ask})


def test_a_sign_of_life_confirms_only_a_book_that_agrees() -> None:
    book = following()
    book.sign_of_life(day("99", "101.0"), 5.0)
    assert book.confirmed == 5.0
    for other in (day("98", "101"), day("99", None)):
        book.sign_of_life(other, 9.0)
        assert book.confirmed == 5.0
    lost = StreamBook("BTC-EUR")
    lost.sign_of_life(day(None, None), 9.0)
    assert lost.confirmed is None


@pytest.mark.parametrize("row", [[1, "1"], ["1", 1], ["1"], ["1", "1", "1"], "11", None])
def test_a_row_that_is_no_pair_of_texts_cannot_be_read(row: Any) -> None:
    with pytest.raises(ValidationError):
        delta(1, [row])


@pytest.mark.parametrize(
    "row", [["0", "1"], ["-1", "1"], ["1", "-1"], ["NaN", "1"], ["1", "1,0"], ["", "1"], ["1", ""]]
)
@pytest.mark.parametrize("side", ["bids", "asks"])
def test_a_level_that_is_no_level_loses_the_book(row: Any, side: str) -> None:
    book = following()
    book.delta(delta(11, **{side: [row]}), 2.0)
    book.sign_of_life(day("99", "101"), 2.0)
    assert book.view(2.0) is None
    assert (book.sync, book.confirmed) == (Sync.LOST, None)


def test_of_what_changed_before_anybody_looked_the_newest_counts_however_it_is_written() -> None:
    book = following()
    for nonce, row in enumerate((["98", "1"], ["98.0", "2"], ["98", "0"], ["97", "1"], ["98.00", "3"]), start=11):
        book.delta(delta(nonce, [row]), 2.0)
    assert shown(book)[0] == [("99", "1"), ("98.00", "3"), ("97", "1")]


@given(
    st.lists(st.lists(st.tuples(st.integers(50, 99), st.integers(0, 5)), max_size=4), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_whatever_is_lost_doubled_or_late_the_book_is_right_or_not_believed(
    batches: list[list[tuple[int, int]]], random: Any
) -> None:
    truth: dict[int, int] = {1: 1}
    states: list[dict[int, int]] = [dict(truth)]
    events = []
    for number, batch in enumerate(batches, start=1):
        changes = dict(batch)
        for price, size in changes.items():
            if size:
                truth[price] = size
            else:
                truth.pop(price, None)
        states.append(dict(truth))
        events.append(delta(number, [[str(price), str(size)] for price, size in changes.items()]))
    sent = [event for event in events for _ in range(random.choice((0, 1, 1, 1, 2)))]
    for place in range(len(sent) - 1):
        if random.random() < 0.2:
            sent[place], sent[place + 1] = sent[place + 1], sent[place]
    book = StreamBook("BTC-EUR")
    book.asked(1.0)
    book.snapshot(snapshot(0, [["1", "1"]], []))
    for event in sent:
        book.delta(event, 1.0)
        if book.sync is Sync.FOLLOWING:
            levels = {int(level.price.value): int(level.quantity.value) for level in book.levels(100)[0]}
            assert levels == states[book.nonce]
        else:
            assert book.confirmed is None
