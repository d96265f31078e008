"""Both clients against a real simulated exchange in its own process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from uuid import UUID

import pytest

from console.clock import SystemClock, SystemEntropy
from console.exchange.address import paper_address
from console.exchange.answers import AlreadyGone, Canceled, Found, LookupFailed, Missing, NoAnswer
from console.exchange.errors import ExchangeRefused
from console.exchange.exchange_time import Ticking
from console.exchange.readonly import SIMULATED_HEADER, ReadOnlyClient
from console.exchange.signing import KeyPair
from console.exchange.trade import TradeClient
from console.exchange.weights import WeightBudget
from console.paper.process import IDENTITY_HEADER, Address
from storage.clock import SECOND
from storage.executions import Accepted, PreparedOrder, Rejected
from storage.money import Eur, Price, Quantity
from tests.exchange.kit import prepared_order
from tests.paper.exchanges import control, running

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with running(tmp_path_factory.mktemp("exchange")) as address:
        yield address


@dataclass
class Both:
    """The two clients of one process."""

    address: Address
    readonly: ReadOnlyClient
    trade: TradeClient

    async def order(self, **changes: object) -> PreparedOrder:
        """A new buy far below the market, a multiple of the market's tick."""
        rules = (await self.readonly.markets())["BTC-EUR"]
        bid = (await self.readonly.book("BTC-EUR")).bids[0].price
        far = Price(bid.value * Decimal("0.9")).to_tick(rules.tick_size, up=False)
        changes = {"clientOrderId": str(SystemEntropy().uuid()), "price": str(far), "amount": "0.001"} | changes
        return prepared_order(self.trade.prepare(5000), **changes)


def clients(address: Address, trade_pair: KeyPair) -> Both:
    ticking = Ticking.of(SystemClock(), Random(3))
    budget, place = WeightBudget(ticking.time), paper_address(address.rest)
    return Both(
        address,
        ReadOnlyClient(place, KeyPair(address.readonly.key, address.readonly.secret), budget, ticking),
        TradeClient(place, trade_pair, budget, ticking, identity=f"simulated:{address.id}"),
    )


@pytest.fixture
async def both(exchange: Address) -> AsyncIterator[Both]:
    made = clients(exchange, KeyPair(exchange.trade.key, exchange.trade.secret))
    yield made
    control(exchange, clear=True)
    await made.readonly.aclose()
    await made.trade.aclose()


def test_both_sides_name_the_identity_header_alike() -> None:
    assert SIMULATED_HEADER == IDENTITY_HEADER


async def test_identity_and_time(both: Both) -> None:
    assert await both.readonly.identity() == f"simulated:{both.address.id}"
    sample = await both.readonly.time()
    assert abs(sample.exchange_at - SystemClock().now()) < SECOND


async def test_the_market_can_be_read(both: Both) -> None:
    rules = (await both.readonly.markets())["BTC-EUR"]
    assert (rules.status, rules.quote) == ("trading", "EUR")
    book = await both.readonly.book("BTC-EUR", 5)
    assert 1 <= len(book.bids) <= 5
    assert book.bids[0].price < book.asks[0].price
    bid, ask = (await both.readonly.best_quotes())["BTC-EUR"]
    assert bid is not None
    assert ask is not None
    assert "BTC-EUR" in await both.readonly.last_prices()
    candles = await both.readonly.candles("BTC-EUR", "5m", 20)
    assert [candle.at for candle in candles] == sorted(candle.at for candle in candles)
    assert len(candles) == 20
    assert await both.readonly.taker_fee() == Decimal("0.0025")


async def test_an_order_is_placed_found_listed_and_canceled(both: Both) -> None:
    before = await both.readonly.balances()
    prepared = await both.order()
    answer = await both.trade.place_order(prepared, 5.0)
    assert isinstance(answer, Accepted)
    order = answer.order
    assert (order.status, order.operator_id, order.quantity) == ("new", 7, Quantity.of("0.001"))
    assert order.client_order_id is not None
    assert UUID(order.client_order_id) == UUID(prepared.client_order_id)

    found = await both.trade.find_order("BTC-EUR", prepared.client_order_id.upper())
    assert found == Found(order)
    assert order in await both.trade.open_orders("BTC-EUR")
    listing = await both.trade.orders("BTC-EUR", prepared.signing.signed_at_ms - 3_600_000)
    assert listing.complete
    assert order in listing.orders
    during = await both.readonly.balances()
    assert during.available_eur < before.available_eur

    assert await both.trade.cancel_order("BTC-EUR", order.order_id, prepared.client_order_id, 7) == Canceled(
        order.order_id
    )
    again = await both.trade.cancel_order("BTC-EUR", order.order_id, prepared.client_order_id, 7)
    assert again == AlreadyGone(404, 240)
    assert (await both.readonly.balances()).available_eur == before.available_eur


async def test_an_order_can_be_canceled_by_client_order_id_alone(both: Both) -> None:
    prepared = await both.order()
    answer = await both.trade.place_order(prepared, 5.0)
    assert isinstance(answer, Accepted)
    canceled = await both.trade.cancel_order("BTC-EUR", None, prepared.client_order_id, 7)
    assert canceled == Canceled(answer.order.order_id)


async def test_a_filled_order_shows_up_in_own_trades_with_its_fee(both: Both) -> None:
    ask = (await both.readonly.book("BTC-EUR")).asks[0].price
    tick = (await both.readonly.markets())["BTC-EUR"].tick_size
    limit = Price(ask.value * Decimal("1.05")).to_tick(tick, up=True)
    prepared = await both.order(price=str(limit), amount="0.0005", timeInForce="IOC")
    answer = await both.trade.place_order(prepared, 5.0)
    assert isinstance(answer, Accepted)
    assert answer.order.status == "filled"
    trades = await both.trade.own_trades("BTC-EUR", prepared.signing.signed_at_ms - 1000)
    assert trades.complete
    ours = [trade for trade in trades.trades if trade.order_id == answer.order.order_id]
    assert tuple(reversed([trade.fill for trade in ours])) == answer.order.fills
    assert {trade.client_order_id for trade in ours} == {prepared.client_order_id}
    fees = Eur.total(Eur(fill.fee) for fill in answer.order.fills if fill.fee is not None)
    assert fees.is_positive


async def test_an_order_whose_answer_is_lost_is_in_doubt_and_then_found(both: Both) -> None:
    prepared = await both.order()
    control(both.address, faults="POST /order: apply-then-drop x1")
    assert isinstance(await both.trade.place_order(prepared, 5.0), NoAnswer)
    found = await both.trade.find_order("BTC-EUR", prepared.client_order_id)
    assert isinstance(found, Found)
    listing = await both.trade.orders("BTC-EUR", prepared.signing.signed_at_ms - 1000)
    ours = [order for order in listing.orders if order.client_order_id == prepared.client_order_id]
    assert ours == [found.order]
    await both.trade.cancel_order("BTC-EUR", found.order.order_id, prepared.client_order_id, 7)


async def test_an_order_that_never_arrived_is_missing_from_every_listing(both: Both) -> None:
    prepared = await both.order()
    control(both.address, faults="POST /order: drop-before-apply x1")
    assert isinstance(await both.trade.place_order(prepared, 5.0), NoAnswer)
    assert await both.trade.find_order("BTC-EUR", prepared.client_order_id) == Missing(404, 240)
    listing = await both.trade.orders("BTC-EUR", prepared.signing.signed_at_ms - 3_600_000)
    assert listing.complete
    assert prepared.client_order_id not in {order.client_order_id for order in listing.orders}


async def test_the_same_order_sent_again_while_open_is_in_doubt_not_rejected(both: Both) -> None:
    prepared = await both.order()
    assert isinstance(await both.trade.place_order(prepared, 5.0), Accepted)
    again = await both.trade.place_order(prepared, 5.0)
    assert isinstance(again, NoAnswer)
    assert "220" in again.cause
    await both.trade.cancel_order("BTC-EUR", None, prepared.client_order_id, 7)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"amount": "1000"}, 216), ({"amount": "0.00000001"}, 212), ({"price": "30000.000001"}, 422)],
)
async def test_a_refused_order_is_rejected_with_the_exchanges_code(
    both: Both, changes: dict[str, object], code: int
) -> None:
    answer = await both.trade.place_order(await both.order(**changes), 5.0)
    assert isinstance(answer, Rejected)
    assert (answer.http_status, answer.error_code) == (400, code)


async def test_an_order_past_its_window_is_rejected(both: Both) -> None:
    prepared = await both.order()
    signing = both.trade.prepare(100)
    late = type(signing)(signing.signed_at_ms - 200, 100, signing.key_fingerprint, signing.exchange_identity)
    body = PreparedOrder(1, prepared.client_order_id, prepared.body, late)
    answer = await both.trade.place_order(body, 5.0)
    assert isinstance(answer, Rejected)
    assert (answer.http_status, answer.error_code) == (403, 304)


async def test_the_dead_mans_switch_can_be_armed(both: Both) -> None:
    await both.trade.arm_dead_man(5, 60)
    with pytest.raises(ExchangeRefused) as caught:
        await both.trade.arm_dead_man(5, 1)
    assert caught.value.error_code == 205


async def test_the_readonly_key_may_do_nothing_with_orders(exchange: Address) -> None:
    made = clients(exchange, KeyPair(exchange.readonly.key, exchange.readonly.secret))
    prepared = await made.order()
    placed = await made.trade.place_order(prepared, 5.0)
    assert isinstance(placed, Rejected)
    assert (placed.http_status, placed.error_code) == (403, 310)
    canceled = await made.trade.cancel_order("BTC-EUR", None, prepared.client_order_id, 7)
    assert isinstance(canceled, Rejected)
    assert (canceled.http_status, canceled.error_code) == (403, 310)
    found = await made.trade.find_order("BTC-EUR", prepared.client_order_id)
    assert isinstance(found, LookupFailed)
    assert "HTTP 403, code 310" in found.cause
    for listing in (await made.trade.orders("BTC-EUR", 0), await made.trade.own_trades("BTC-EUR", 0)):
        assert not listing.complete
        assert "310" in str(listing.cause)
    for call in (made.trade.open_orders("BTC-EUR"), made.trade.arm_dead_man(5, 60)):
        with pytest.raises(ExchangeRefused) as caught:
            await call
        assert (caught.value.http_status, caught.value.error_code) == (403, 310)
    await made.readonly.aclose()
    await made.trade.aclose()


async def test_reads_outlast_a_moment_of_silence(both: Both) -> None:
    control(both.address, faults="GET /balance: drop-before-apply x1; GET /time: html 502 x1")
    assert (await both.readonly.balances()).available_eur.is_positive
    await both.readonly.time()


async def test_the_exchanges_own_count_of_points_is_believed(both: Both) -> None:
    await both.readonly.balances()
    assert both.readonly._reader.budget.percent_left() < 100
