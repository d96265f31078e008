"""A quote that is damaged anywhere never gets an order through that the whole quote would not."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from storage.database import Tx
from storage.gate import pass_gate
from storage.market_models import ClockSample, Level, Quote
from storage.models import Claim
from storage.money import Eur, Price, Quantity
from tests.storage.world import Ready, bare_tx, make_ready, rules_for
from tests.support import SteppedClock

PARTS = (
    "rules", "bids", "asks", "last", "book_confirmed", "available_eur", "balance_fetched", "balance_fetched_at",
    "taker_fee", "clock",
)  # fmt: skip
"""Every part of a quote that a buy of what is not held needs."""

RULE_FIELDS = ("market", "status", "minimum_quantity", "minimum_value", "maximum_quantity", "quantity_decimals",
               "tick_size", "order_types", "maximum_open_orders")  # fmt: skip


@contextmanager
def nothing_stays(tx: Tx) -> Iterator[None]:
    """Whatever the gate stores is taken back."""
    tx.db.execute("SAVEPOINT attempt")
    try:
        yield
    finally:
        tx.db.execute("ROLLBACK TO attempt")


def claims(tx: Tx, ready: Ready, quote: Quote) -> bool:
    with nothing_stays(tx):
        return isinstance(pass_gate(tx, ready.ticket, quote), Claim)


@contextmanager
def world() -> Iterator[tuple[Tx, Ready]]:
    with tempfile.TemporaryDirectory() as folder:
        tx = bare_tx(Path(folder), SteppedClock())
        try:
            yield tx, make_ready(tx)
        finally:
            tx.db.close()


missing = st.sets(st.sampled_from(PARTS), min_size=1)


@settings(deadline=None)
@given(missing)
def test_a_quote_with_a_part_missing_never_gives_a_claim(gone: set[str]) -> None:
    with world() as (tx, ready):
        assert claims(tx, ready, ready.quote)
        empty: dict[str, Any] = {part: () if part in ("bids", "asks") else None for part in gone}
        assert not claims(tx, ready, replace(ready.quote, **empty))


broken_numbers = st.sampled_from([Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal(-1), Decimal(1)])


@settings(deadline=None)
@given(broken_numbers)
def test_a_taker_fee_that_is_no_fee_never_gives_a_claim(fee: Decimal) -> None:
    with world() as (tx, ready):
        assert not claims(tx, ready, replace(ready.quote, taker_fee=fee))


@settings(deadline=None)
@given(st.sampled_from(["book_confirmed", "balance_fetched"]), st.sampled_from([float("nan"), float("inf"), 1e9, -1e9]))
def test_an_age_that_is_no_age_never_gives_a_claim(part: str, second: float) -> None:
    with world() as (tx, ready):
        age: dict[str, Any] = {part: second}
        assert not claims(tx, ready, replace(ready.quote, **age))


amounts = (
    st.decimals(61_100, 61_300, places=0) | st.decimals(60_000, 62_500, places=1) | st.decimals(0, 200_000, places=2)
)


funds = st.none() | st.decimals(25, 26, places=2) | amounts


@st.composite
def books(draw: st.DrawFn) -> tuple[Level, ...]:
    prices = draw(st.lists(amounts, max_size=3))
    return tuple(Level(Price(price), Quantity(draw(st.decimals(0, 2, places=4)))) for price in prices)


@settings(max_examples=150, deadline=None)
@given(books(), books(), st.none() | amounts, funds, st.integers(-3_000_000, 3_000_000))
def test_a_claim_on_random_market_data_obeys_the_limits(
    bids: tuple[Level, ...],
    asks: tuple[Level, ...],
    last: Decimal | None,
    free: Decimal | None,
    offset: int,
) -> None:
    """Whatever the quote says, a claim means: all parts there, within 2 % and 0.5 %, paid for, clocks 2 s apart."""
    with world() as (tx, ready):
        quote = replace(
            ready.quote,
            bids=bids,
            asks=asks,
            last=None if last is None else Price(last),
            available_eur=None if free is None else Eur(free),
            clock=ClockSample(tx.now + offset, tx.monotonic),
        )
        allowed = (
            bool(bids)
            and bool(asks)
            and last is not None
            and free is not None
            and near(Decimal(61_200), last)
            and near(Decimal(61_200), middle(bids, asks))
            and 0 <= asks[0].price.value - bids[0].price.value <= middle(bids, asks) * Decimal("0.005")
            and free >= Decimal("25.16")
            and abs(offset) <= 2_000_000
        )
        assert claims(tx, ready, quote) == allowed
        event(f"allowed: {allowed}")


def middle(bids: tuple[Level, ...], asks: tuple[Level, ...]) -> Decimal:
    return (bids[0].price.value + asks[0].price.value) / 2


def near(price: Decimal, reference: Decimal) -> bool:
    return reference > 0 and abs(price - reference) <= reference * Decimal("0.02")


@settings(deadline=None)
@given(st.sampled_from(RULE_FIELDS))
def test_market_rules_with_a_field_missing_never_give_a_claim(field: str) -> None:
    with world() as (tx, ready):
        gone: dict[str, Any] = {field: None}
        try:
            passed = claims(tx, ready, replace(ready.quote, rules=replace(rules_for("BTC-EUR"), **gone)))
        except sqlite3.Error as error:
            raise AssertionError("a missing rule reached the database") from error
        assert not passed
