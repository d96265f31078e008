"""Holds, fees and balances.

Fees are in the quote currency and move the quote balance in whole cents (inferred from recorded fills of 2019-2023):
a sale pays out floor(gross·(1-rate)), a purchase costs ceil(gross·(1+rate)); what lies between that and gross is the
fee. How several fills of one order are rounded was never recorded: each for itself, or together (FEE_ROUNDING).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from console.paper.choices import FEE_ROUNDING
from console.paper.decimals import ZERO, ceil_cents, ceil_places, floor_cents
from console.paper.fees import FeeTiers
from console.paper.markets import BY_NAME, MarketSpec
from console.paper.store import AWAITING, Fill, Order, Store

FILL_IDS: Final = 0x0200
ORDER_IDS: Final = 0x0100


def wire_id(spec: MarketSpec, kind: int, seq: int) -> str:
    """A UUID-shaped id as the exchange's engine gives them (not an RFC version 4)."""
    return f"00000000-0000-{0x470 + spec.number:04x}-{kind:04x}-{seq:012x}"


def hold_currency(order: Order) -> str:
    """What an order holds: the quote currency for a buy, the base asset for a sell."""
    spec = BY_NAME[order.market]
    return spec.quote if order.side == "buy" else spec.base


def purchase_cost(gross: Decimal, rate: Decimal) -> Decimal:
    """What a purchase takes from the quote balance, fee included."""
    return ceil_cents(gross * (1 + rate))


def sale_proceeds(gross: Decimal, rate: Decimal) -> Decimal:
    """What a sale adds to the quote balance, fee deducted."""
    return floor_cents(gross * (1 - rate))


class Ledger:
    """Moves money between available, in order and spent. Every method runs inside a store transaction."""

    def __init__(self, store: Store, fees: FeeTiers) -> None:
        self.store = store
        self.fees = fees

    @property
    def taker(self) -> Decimal:
        """The taker's rate of this moment."""
        return self.fees.tier().taker

    @property
    def maker(self) -> Decimal:
        """The maker's rate of this moment."""
        return self.fees.tier().maker

    def hold_of(self, order: Order) -> Decimal:
        """What an open order must hold: ceil(remaining·price·(1+taker)) of quote, or the base it still sells.

        One without a price that awaits its trigger is valued at the trigger's price; once in the book it holds nothing.
        """
        price = order.price
        if price is None and order.status == AWAITING:
            price = order.trigger_amount
        if price is None:
            return ZERO
        if order.amount_quote is not None:
            if order.side == "buy":
                return order.amount_quote
            return ceil_places(order.amount_quote / price, BY_NAME[order.market].quantity_decimals)
        if order.amount_remaining is None:
            return ZERO
        return (
            order.amount_remaining
            if order.side == "sell"
            else purchase_cost(order.amount_remaining * price, self.taker)
        )

    def set_hold(self, order: Order, hold: Decimal) -> None:
        """Move the difference between available and in order; ValueError if it is not there."""
        symbol = hold_currency(order)
        available, in_order = self.store.balance(symbol)
        change = hold - order.on_hold
        self.store.set_balance(symbol, available - change, in_order + change)
        order.on_hold = hold

    def fill(self, order: Order, price: Decimal, amount: Decimal, *, taker: bool, at_ns: int) -> Fill:
        """Trade so much of an order: balances, hold, totals, and one fills row. The order is not saved here."""
        spec = BY_NAME[order.market]
        gross, rate = price * amount, self.taker if taker else self.maker
        if order.amount_remaining is not None:
            order.amount_remaining -= amount
        if order.side == "buy":
            fee = self._pay(order, spec, gross, self._cost(order, gross, rate))
            self._add(spec.base, amount)
        else:
            fee = gross - self._proceeds(order, gross, rate)
            self._deliver(order, spec, amount)
            self._add(spec.quote, gross - fee)
        order.filled_amount += amount
        order.filled_amount_quote += gross
        order.fee_paid += fee
        order.updated_ns = at_ns
        seq = self.store.next_seq("fills")
        done = Fill(
            wire_id(spec, FILL_IDS, seq), order.order_id, order.market, amount, price, fee, at_ns, spec.quote,
            order.side, taker, seq,
        )  # fmt: skip
        self.store.add_fill(done)
        return done

    def release(self, order: Order) -> None:
        """Give back all an order holds."""
        if order.on_hold != 0:
            self.set_hold(order, ZERO)

    def _add(self, symbol: str, amount: Decimal) -> None:
        available, in_order = self.store.balance(symbol)
        self.store.set_balance(symbol, available + amount, in_order)

    def _deliver(self, order: Order, spec: MarketSpec, amount: Decimal) -> None:
        available, in_order = self.store.balance(spec.base)
        from_hold = min(order.on_hold, amount)
        order.on_hold -= from_hold
        self.store.set_balance(spec.base, available - (amount - from_hold), in_order - from_hold)

    def _cost(self, order: Order, gross: Decimal, rate: Decimal) -> Decimal:
        """What a further purchase of an order takes, fee included."""
        if FEE_ROUNDING.value == "fill":
            return purchase_cost(gross, rate)
        paid = order.filled_amount_quote + order.fee_paid
        return max(ceil_cents(self._unrounded(order, 1) + gross * (1 + rate)) - paid, ceil_cents(gross))

    def _proceeds(self, order: Order, gross: Decimal, rate: Decimal) -> Decimal:
        """What a further sale of an order pays out, fee deducted."""
        if FEE_ROUNDING.value == "fill":
            return sale_proceeds(gross, rate)
        received = order.filled_amount_quote - order.fee_paid
        whole = floor_cents(self._unrounded(order, -1) + gross * (1 - rate)) - received
        return max(min(whole, floor_cents(gross)), ZERO)

    def _unrounded(self, order: Order, sign: int) -> Decimal:
        """What the fills of an order up to now would have moved without rounding, at the rates of this moment."""
        rates = {True: self.taker, False: self.maker}
        fills = self.store.fills("order_id = ?", [order.order_id])
        return sum((fill.price * fill.amount * (1 + sign * rates[fill.taker]) for fill in fills), ZERO)

    def _pay(self, order: Order, spec: MarketSpec, gross: Decimal, cost: Decimal) -> Decimal:
        """Take gross and fee from hold and available; returns the fee.

        Many small fills can round up to more than was held. What is missing comes from the available balance, and
        where there is none the fee is what is left: no balance goes below zero, and the rest stays payable.
        """
        available, in_order = self.store.balance(spec.quote)
        rest = ZERO
        if order.price is not None and order.amount_remaining is not None:
            rest = order.amount_remaining * order.price
        paid = min(cost, available + order.on_hold - rest)
        next_hold = min(self.hold_of(order), available + order.on_hold - paid)
        self.store.set_balance(
            spec.quote,
            available + order.on_hold - paid - next_hold,
            in_order - order.on_hold + next_hold,
        )
        order.on_hold = next_hold
        return paid - gross
