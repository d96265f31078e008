"""Whatever is ordered and canceled, and however the market moves, nothing is lost and nothing is made."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from console.paper.errors import ApiError
from console.paper.ledger import hold_currency
from console.paper.markets import BY_NAME, SPECS
from console.paper.order_rules import parse_order
from tests.paper.kit import Bench, limit, market_order

MARKETS = ("BTC-EUR", "ADA-EUR")

PLACE = st.tuples(
    st.just("place"),
    st.sampled_from(MARKETS),
    st.sampled_from(["buy", "sell"]),
    st.sampled_from(["GTC", "GTC", "IOC", "FOK", "market", "quote"]),
    st.integers(500, 40_000),
    st.integers(-40, 40),
)
MOVE = st.tuples(st.just("move"), st.integers(1, 120))
CANCEL = st.tuples(st.just("cancel"), st.integers(0, 20))


def _place(bench: Bench, market: str, side: str, kind: str, cents: int, offset: int) -> None:
    spec, live = BY_NAME[market], bench.engine.markets[market]
    price = live.best_ask + offset * spec.tick * 5
    amount = f"{Decimal(cents) / 100 / price:.{spec.quantity_decimals}f}"
    if kind == "quote":
        body = market_order(market, side, amountQuote=f"{Decimal(cents) / 100:.2f}")
    elif kind == "market":
        body = market_order(market, side, amount=amount)
    else:
        body = limit(market, side=side, price=f"{price:f}", amount=amount, timeInForce=kind)
    bench.engine.place(parse_order(body))


def assert_conserved(bench: Bench, deposit: Decimal) -> None:
    """Every balance is the deposit moved by the fills and their fees, and holds are those of the open orders."""
    totals = {spec.base: Decimal(0) for spec in SPECS} | {"EUR": deposit}
    for fill in bench.store.fills("1", []):
        gross, sign = fill.price * fill.amount, 1 if fill.side == "buy" else -1
        assert fill.fee >= 0
        totals[fill.market.removesuffix("-EUR")] += sign * fill.amount
        totals["EUR"] -= sign * gross + fill.fee
    holds = dict.fromkeys(totals, Decimal(0))
    for order in bench.store.open_orders(None):
        holds[hold_currency(order)] += order.on_hold
    for symbol, available, in_order in bench.store.balances():
        assert available >= 0
        assert in_order == holds[symbol]
        assert available + in_order == totals[symbol]
    closed = bench.store.orders("status NOT IN ('new', 'partiallyFilled')", [])
    assert all(order.on_hold == 0 for order in closed)
    for order in bench.store.orders("1", []):
        fills = bench.store.fills("order_id = ?", [order.order_id])
        assert sum((fill.amount for fill in fills), Decimal(0)) == order.filled_amount
        assert sum((fill.fee for fill in fills), Decimal(0)) == order.fee_paid


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(PLACE, PLACE, MOVE, CANCEL), min_size=3, max_size=25))
def test_balances_change_by_fills_and_fees_alone(steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench.make(Path(folder))
        # Something to sell from the beginning.
        _place(bench, "ADA-EUR", "buy", "quote", 20_000, 0)
        for step in steps:
            try:
                match step:
                    case ("place", str(market), str(side), str(kind), int(cents), int(offset)):
                        _place(bench, market, side, kind, cents, offset)
                    case ("move", int(seconds)):
                        bench.clock.step(seconds)
                        bench.engine.advance()
                    case ("cancel", int(index)):
                        orders = bench.store.open_orders(None)
                        if orders:
                            order = orders[index % len(orders)]
                            bench.engine.cancel(order.market, order.order_id, None)
            except ApiError as error:
                assert error.code in {212, 216, 217}  # noqa: PT017 - every other refusal is a fault
            assert_conserved(bench, Decimal(1000))
        bench.store.close()


def test_an_order_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    bench = Bench.make(tmp_path)
    before = bench.store.balances()

    def broken(*_anything: object) -> None:
        raise OSError("disk full")

    bench.store.add_fill = broken  # type: ignore[assignment]
    try:
        _place(bench, "BTC-EUR", "buy", "quote", 5000, 0)
    except OSError:
        pass
    else:
        raise AssertionError("the fill was stored")
    assert bench.store.balances() == before
    assert bench.store.orders("1", []) == []
