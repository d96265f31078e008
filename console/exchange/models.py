"""The payloads this program reads, and what they become. Unknown keys are ignored, wrong numbers are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Final

from pydantic import Field, StrictBool, TypeAdapter, ValidationError

from console.exchange.errors import ExchangeUnreadable
from console.exchange.wire import Amount, Label, Millis, Payload, Positive, Signed, Whole, Word, first_fault
from storage.clock import Micros
from storage.codes import Side
from storage.execution_models import VenueFill, VenueOrder
from storage.flows import AccountMove
from storage.market_models import Candle, Level, MarketRules, PublicTrade
from storage.money import EXACT, Eur, Price, Quantity

MICROS_PER_MS: Final = 1000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class TimePayload(Payload):
    """``GET /time``: milliseconds, and since 2025 nanoseconds."""

    time: Millis
    time_ns: Whole | None = None

    def micros(self) -> Micros:
        """Microseconds, to the nanosecond's precision where both agree on the millisecond."""
        if self.time_ns is not None and self.time_ns // 1_000_000 == self.time:
            return self.time_ns // 1000
        return self.time * MICROS_PER_MS


class MarketPayload(Payload):
    """One element of ``GET /markets``."""

    market: Word
    status: Label
    base: Word
    quote: Word
    min_order_in_base_asset: Amount
    min_order_in_quote_asset: Amount
    max_order_in_base_asset: Positive
    quantity_decimals: Annotated[Whole, Field(ge=0, le=30)]
    tick_size: Positive
    max_open_orders: Annotated[Whole, Field(ge=0)]
    order_types: tuple[Word, ...]

    def rules(self) -> MarketRules:
        """The rules of a market quoted in euros."""
        return MarketRules(
            market=self.market,
            base=self.base,
            quote=self.quote,
            status=self.status,
            minimum_quantity=Quantity(self.min_order_in_base_asset),
            minimum_value=Eur(self.min_order_in_quote_asset),
            maximum_quantity=Quantity(self.max_order_in_base_asset),
            quantity_decimals=self.quantity_decimals,
            tick_size=Price(self.tick_size),
            order_types=frozenset(self.order_types),
            maximum_open_orders=self.max_open_orders,
        )


class BookPayload(Payload):
    """``GET /{market}/book``: bids descending, asks ascending."""

    market: Word
    bids: tuple[tuple[Positive, Positive], ...]
    asks: tuple[tuple[Positive, Positive], ...]

    def levels(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """(bids, asks), best first; ExchangeUnreadable if they are not in that order."""
        bids, asks = (
            tuple(Level(Price(price), Quantity(size)) for price, size in side) for side in (self.bids, self.asks)
        )
        falling = [level.price for level in bids]
        rising = [level.price for level in asks]
        if falling != sorted(falling, reverse=True) or rising != sorted(rising):
            raise ExchangeUnreadable(f"The levels of the {self.market} book are out of order.")
        return bids, asks


class LastPricePayload(Payload):
    """One element of ``GET /ticker/price``; a market that never traded has no price."""

    market: Word
    price: Positive | None = None


class BestQuotePayload(Payload):
    """One element of ``GET /ticker/book``; an empty side is null."""

    market: Word
    bid: Positive | None = None
    ask: Positive | None = None


class BalancePayload(Payload):
    """One element of ``GET /balance``."""

    symbol: Word
    available: Amount
    in_order: Amount


class FeesPayload(Payload):
    """The account's fees as fractions."""

    taker: Amount


class AccountPayload(Payload):
    """``GET /account``."""

    fees: FeesPayload


class FillPayload(Payload):
    """One element of an order's ``fills``; fee and currency are missing until it is settled."""

    id: Word
    timestamp: Millis
    amount: Positive
    price: Positive
    taker: StrictBool
    fee: Signed | None = None
    fee_currency: Word | None = None
    settled: StrictBool

    def fill(self) -> VenueFill:
        """As the vault takes it."""
        return VenueFill(
            fill_id=self.id,
            at=self.timestamp * MICROS_PER_MS,
            quantity=Quantity(self.amount),
            price=Price(self.price),
            fee=self.fee,
            fee_currency=self.fee_currency,
            taker=self.taker,
            settled=self.settled,
        )


class TradePayload(FillPayload):
    """One element of ``GET /trades``: a fill with its order's ids."""

    order_id: Word
    client_order_id: Word | None = None
    market: Word
    side: Word


class OrderPayload(Payload):
    """An order. Orders over an amount of euros have no amount; market orders have no price."""

    order_id: Word
    client_order_id: Word | None = None
    market: Word
    side: Word
    order_type: Word
    status: Label
    created: Millis
    updated: Millis
    amount: Amount | None = None
    amount_remaining: Amount | None = None
    price: Amount | None = None
    filled_amount: Amount
    filled_amount_quote: Amount
    fee_paid: Signed | None = None
    fee_currency: Word | None = None
    fills: tuple[FillPayload, ...]
    trigger_amount: Amount | None = None
    time_in_force: Word | None = None
    operator_id: Whole | None = None
    restatement_reason: Label | None = None

    def order(self) -> VenueOrder:
        """As the vault takes it; the status stays the exchange's own word."""
        return VenueOrder(
            order_id=self.order_id,
            client_order_id=self.client_order_id,
            market=self.market,
            side=self.side,
            status=self.status,
            quantity=None if self.amount is None else Quantity(self.amount),
            limit=None if self.price is None else Price(self.price),
            filled=Quantity(self.filled_amount),
            fills=tuple(fill.fill() for fill in self.fills),
            created_at=self.created * MICROS_PER_MS,
            operator_id=self.operator_id,
            trigger=None if self.trigger_amount is None else Price(self.trigger_amount),
            order_type=self.order_type,
        )


class PublicTradePayload(Payload):
    """One element of ``GET /{market}/trades``; the side is the taker's."""

    timestamp: Millis
    side: Side
    amount: Positive
    price: Positive

    def trade(self) -> PublicTrade:
        """As the screens take it."""
        return PublicTrade(self.timestamp * MICROS_PER_MS, self.side, Price(self.price), Quantity(self.amount))


class HistoryPayload(Payload):
    """One item of ``GET /account/history``; which amounts appear depends on the type, and types are open-ended."""

    transaction_id: Word
    executed_at: datetime
    type: Label
    sent_currency: Word | None = None
    sent_amount: Amount | None = None
    received_currency: Word | None = None
    received_amount: Amount | None = None
    fees_currency: Word | None = None
    fees_amount: Signed | None = None

    def move(self) -> AccountMove:
        """What came less what went and what it cost, by symbol."""
        at = self.executed_at if self.executed_at.tzinfo is not None else self.executed_at.replace(tzinfo=UTC)
        changes: dict[str, Decimal] = {}
        for symbol, amount, sign in (
            (self.received_currency, self.received_amount, 1),
            (self.sent_currency, self.sent_amount, -1),
            (self.fees_currency, self.fees_amount, -1),
        ):
            if symbol is not None and amount is not None:
                changes[symbol] = EXACT.add(changes.get(symbol, Decimal(0)), sign * amount)
        return AccountMove(self.transaction_id, (at - EPOCH) // timedelta(microseconds=1), self.type, changes)


class HistoryPagePayload(Payload):
    """``GET /account/history``."""

    items: tuple[Any, ...]
    """Each a HistoryPayload, if it can be read."""
    current_page: Whole
    total_pages: Whole


class CanceledPayload(Payload):
    """The answer to a cancel; the client order id only where the order has one."""

    order_id: Word
    client_order_id: Word | None = None


class DeadManPayload(Payload):
    """The answer to ``POST /cancelOrdersAfter``."""

    cod_group_id: Whole


CandlePayload = tuple[Millis, Positive, Positive, Positive, Positive, Amount]
"""Opening time, open, high, low, close, volume."""

_CANDLES: Final = TypeAdapter(tuple[CandlePayload, ...])


def read_candles(value: Any) -> tuple[Candle, ...]:
    """Candles, oldest first, from the wire's newest first; ExchangeUnreadable unless their times strictly fall."""
    try:
        rows = _CANDLES.validate_python(value)
    except ValidationError as error:
        raise ExchangeUnreadable(f"The exchange's candles cannot be read: {first_fault(error)}.") from None
    times = [row[0] for row in rows]
    if any(newer <= older for newer, older in pairwise(times)):
        raise ExchangeUnreadable("The exchange's candles are not newest first.")
    return tuple(
        Candle(
            at=at * MICROS_PER_MS,
            open=Price(opening),
            high=Price(high),
            low=Price(low),
            close=Price(close),
            volume=Quantity(volume),
        )
        for at, opening, high, low, close, volume in reversed(rows)
    )
