"""Whatever is ordered and canceled, and however the market moves, nothing is lost and nothing is made."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from console.paper.book import STATES
from console.paper.choices import FEE_ROUNDING
from console.paper.errors import ApiError
from console.paper.ledger import hold_currency
from console.paper.markets import BY_NAME, SPECS
from console.paper.order_rules import parse_change, parse_order
from console.paper.store import Order
from tests.paper.kit import Bench, limit, market_order

MARKETS = ("BTC-EUR", "ADA-EUR")

KINDS = ["GTC", "GTC", "postOnly", "IOC", "FOK", "market", "quote", "stop", "stopQuote", "stopLimit", "profit"]
PREVENTIONS = ["decrementAndCancel", "cancelOldest", "cancelNewest", "cancelBoth"]
PLACE = st.tuples(
    st.just("place"),
    st.sampled_from(MARKETS),
    st.sampled_from(["buy", "sell"]),
    st.sampled_from(KINDS),
    st.integers(500, 40_000),
    st.integers(-40, 40),
    st.sampled_from(PREVENTIONS),
)
CHANGE = st.tuples(
    st.just("change"),
    st.integers(0, 20),
    st.sampled_from(["price", "amount", "amountRemaining", "timeInForce", "postOnly", "trigger"]),
    st.integers(500, 40_000),
    st.integers(-40, 40),
)
MOVE = st.tuples(st.just("move"), st.integers(1, 120))
CANCEL = st.tuples(st.just("cancel"), st.integers(0, 20))
SWEEP = st.tuples(st.just("sweep"), st.sampled_from([*MARKETS, None]), st.sampled_from(["buy", "sell", None]))
STATE = st.tuples(st.just("state"), st.sampled_from(MARKETS), st.sampled_from([*STATES, "trading", "trading"]))

EXPECTED = {202, 205, 212, 216, 217, 231, 232, 239, 423, 424, 425, 426}
"""Every other refusal is a fault of this program."""


def _price(bench: Bench, market: str, offset: int) -> Decimal:
    live = bench.engine.markets[market]
    return live.best_ask + offset * live.spec.tick * 5


def _amount(market: str, cents: int, price: Decimal) -> str:
    return f"{Decimal(cents) / 100 / price:.{BY_NAME[market].quantity_decimals}f}"


def _place(
    bench: Bench, market: str, side: str, kind: str, cents: int, offset: int, prevention: str = "decrementAndCancel"
) -> None:
    price, quote = _price(bench, market, offset), f"{Decimal(cents) / 100:.2f}"
    amount = _amount(market, cents, price)
    trigger = {"triggerAmount": f"{price:f}", "triggerType": "price", "triggerReference": "midPrice"}
    match kind:
        case "quote":
            body = market_order(market, side, amountQuote=quote)
        case "market":
            body = market_order(market, side, amount=amount)
        case "stop" | "profit":
            name = "stopLoss" if kind == "stop" else "takeProfit"
            body = market_order(market, side, amount=amount) | trigger | {"orderType": name}
        case "stopQuote":
            body = market_order(market, side, amountQuote=quote) | trigger | {"orderType": "stopLoss"}
        case "stopLimit":
            body = limit(market, side=side, price=f"{price:f}", amount=amount, orderType="stopLossLimit") | trigger
        case "postOnly":
            body = limit(market, side=side, price=f"{price:f}", amount=amount, postOnly=True)
        case _:
            body = limit(market, side=side, price=f"{price:f}", amount=amount, timeInForce=kind)
    bench.engine.place(parse_order(body | {"selfTradePrevention": prevention}))


def _change(bench: Bench, index: int, what: str, cents: int, offset: int) -> None:
    orders = bench.store.open_orders(None)
    if not orders:
        return
    order = orders[index % len(orders)]
    price = _price(bench, order.market, offset)
    values: dict[str, dict[str, object]] = {
        "price": {"price": f"{price:f}"},
        "amount": {"amount": _amount(order.market, cents, price)},
        "amountRemaining": {"amountRemaining": _amount(order.market, cents, price)},
        "timeInForce": {"timeInForce": "IOC" if offset > 0 else "FOK"},
        "postOnly": {"postOnly": offset > 0, "price": f"{price:f}"},
        "trigger": {"triggerAmount": f"{price:f}"},
    }
    change = parse_change({"operatorId": 1, **values[what]})
    bench.engine.change(order.market, order.order_id, None, change)


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
        assert order.on_hold >= 0
        assert order.amount_remaining is None or order.amount_remaining > 0
        holds[hold_currency(order)] += order.on_hold
        assert_held(bench, order)
    for symbol, available, in_order in bench.store.balances():
        assert available >= 0
        assert in_order == holds[symbol]
        assert available + in_order == totals[symbol]
    closed = bench.store.orders("status NOT IN ('new', 'partiallyFilled', 'awaitingTrigger')", [])
    assert {order.status for order in closed} <= {"filled", "canceled", "expired"}
    assert all(order.on_hold == 0 for order in closed)
    for order in bench.store.orders("1", []):
        fills = bench.store.fills("order_id = ?", [order.order_id])
        assert sum((fill.amount for fill in fills), Decimal(0)) == order.filled_amount
        assert sum((fill.fee for fill in fills), Decimal(0)) == order.fee_paid


def assert_held(bench: Bench, order: Order) -> None:
    """An open order holds what is left of it needs, to the cent that rounding may have cost."""
    whole = bench.engine.ledger.hold_of(order)
    assert order.on_hold <= whole
    if order.side == "sell":
        assert order.on_hold == whole
    elif order.price is not None and order.amount_remaining is not None:
        assert order.on_hold >= order.amount_remaining * order.price


def assert_uncrossed(bench: Bench) -> None:
    """No book that trades has a bid at or above an ask, and the lists in memory are those of the database."""
    for name, market in bench.engine.markets.items():
        resting = [order for order in bench.store.open_orders(name) if order.status != "awaitingTrigger"]
        assert [order.order_id for order in market.own] == [
            order.order_id for order in sorted(resting, key=lambda order: order.rank)
        ]
        bid, ask = market.best("buy"), market.best("sell")
        assert not market.trading or bid is None or ask is None or bid < ask


def _do(bench: Bench, step: tuple[object, ...]) -> None:
    match step:
        case ("place", str(market), str(side), str(kind), int(cents), int(offset), str(prevention)):
            _place(bench, market, side, kind, cents, offset, prevention)
        case ("change", int(index), str(what), int(cents), int(offset)):
            _change(bench, index, what, cents, offset)
        case ("move", int(seconds)):
            bench.clock.step(seconds)
            bench.engine.advance()
        case ("cancel", int(index)):
            orders = bench.store.open_orders(None)
            if orders:
                order = orders[index % len(orders)]
                bench.engine.cancel(order.market, order.order_id, None)
        case ("sweep", market, side):
            assert market is None or isinstance(market, str)
            assert side is None or isinstance(side, str)
            bench.engine.cancel_all(market, side)
        case ("state", str(market), str(state)):
            bench.engine.set_state(market, state)
        case _:
            raise ValueError(step)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 100),
    st.lists(st.one_of(PLACE, PLACE, PLACE, CHANGE, CHANGE, MOVE, CANCEL, SWEEP, STATE), min_size=3, max_size=25),
    st.sampled_from(["fill", "order"]),
)
def test_balances_change_by_fills_and_fees_alone_and_no_book_stays_crossed(
    seed: int, steps: list[tuple[object, ...]], rounding: str
) -> None:
    with tempfile.TemporaryDirectory() as folder, patch.object(FEE_ROUNDING, "value", rounding):
        bench = Bench.make(Path(folder), seed=seed)
        # Something to sell from the beginning.
        _place(bench, "ADA-EUR", "buy", "quote", 20_000, 0)
        _place(bench, "BTC-EUR", "buy", "quote", 20_000, 0)
        for step in steps:
            try:
                _do(bench, step)
            except ApiError as error:
                assert error.code in EXPECTED, error  # noqa: PT017
            assert_conserved(bench, Decimal(1000))
            assert_uncrossed(bench)
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
