"""Placing an order: room, balance, then the plan carried out, all inside one store transaction."""

from __future__ import annotations

from decimal import Decimal

from console.clock import SystemClock
from console.paper.book import LiveMarket
from console.paper.decimals import ZERO
from console.paper.errors import refusal
from console.paper.ledger import ORDER_IDS, Ledger, hold_currency, purchase_cost, wire_id
from console.paper.matching import Incoming, Match, Plan, plan
from console.paper.order_rules import NewOrder
from console.paper.store import Order, Store


def plan_for(new: NewOrder, market: LiveMarket, taker_fee: Decimal) -> Plan:
    """What the book holds for an order at this moment."""
    incoming = Incoming(
        new.side, new.price, new.amount, new.amount_quote, new.spec.quantity_decimals, taker_fee,
        new.self_trade_prevention,
    )  # fmt: skip
    return plan(incoming, market.ladder.against(new.side), market.own_against(new.side))


class Placement:
    """Turns a well-formed order and its plan into rows. `place` and `close` run inside a store transaction."""

    def __init__(self, store: Store, ledger: Ledger, clock: SystemClock) -> None:
        self.store = store
        self.ledger = ledger
        self.clock = clock

    def place(self, new: NewOrder, outcome: Plan, best: Decimal) -> Order:
        """Store the order with all that happens to it at once; `best` is the price its side would get first.

        Raises ApiError 216, 217, 220 or 235, whereupon the transaction is to be rolled back.
        """
        self._check_room(new)
        order = self._new_order(new)
        self._check_balance(new, order, outcome, best)
        # The row exists before its fills do, as they refer to it.
        self.store.save_order(order)
        self._carry_out(new, order, outcome)
        self.store.save_order(order)
        return order

    def close(self, order: Order, status: str, reason: str | None) -> None:
        """Give back the hold and set a final status; the order is not saved here."""
        order.status = status
        if reason is not None:
            order.restatement_reason = reason
        self.ledger.release(order)

    def _check_room(self, new: NewOrder) -> None:
        resting = self.store.open_orders(new.spec.market)
        if new.client_order_id is not None:
            key = new.client_order_id.lower()
            if any(order.client_key == key for order in resting):
                raise refusal(220)
        if len(resting) >= new.spec.max_open_orders:
            raise refusal(235)

    def _new_order(self, new: NewOrder) -> Order:
        now_ns, seq = self.clock.now() * 1000, self.store.next_seq("orders")
        return Order(
            order_id=wire_id(new.spec, ORDER_IDS, seq),
            client_order_id=new.client_order_id,
            market=new.spec.market,
            side=new.side,
            order_type=new.order_type,
            status="new",
            amount=new.amount,
            price=new.price,
            created_ns=now_ns,
            updated_ns=now_ns,
            client_key=None if new.client_order_id is None else new.client_order_id.lower(),
            amount_quote=new.amount_quote,
            amount_remaining=new.amount,
            filled_amount=ZERO,
            filled_amount_quote=ZERO,
            fee_paid=ZERO,
            on_hold=ZERO,
            time_in_force=new.time_in_force,
            post_only=new.post_only,
            self_trade_prevention=new.self_trade_prevention,
            operator_id=new.operator_id,
            cod_group_id=new.cod_group_id,
            restatement_reason=None,
            seq=seq,
        )

    def _check_balance(self, new: NewOrder, order: Order, outcome: Plan, best: Decimal) -> None:
        """A limit order must cover its whole hold, a market order what it would trade (216)."""
        available, _ = self.store.balance(hold_currency(order))
        if new.order_type == "limit":
            needed = self.ledger.hold_of(order)
        else:
            if new.amount is not None and new.amount * best < new.spec.min_quote:
                raise refusal(217)
            needed = self._market_need(new, outcome)
        if needed > available:
            raise refusal(216)

    def _market_need(self, new: NewOrder, outcome: Plan) -> Decimal:
        if new.amount_quote is not None and new.side == "buy":
            return new.amount_quote
        if new.side == "sell":
            return new.amount if new.amount is not None else sum((m.amount for m in outcome.matches), ZERO)
        costs = (purchase_cost(match.price * match.amount, self.ledger.taker) for match in outcome.matches)
        return sum(costs, ZERO)

    def _carry_out(self, new: NewOrder, order: Order, outcome: Plan) -> None:
        crosses = bool(outcome.steps)
        if (new.post_only and crosses) or (new.time_in_force == "FOK" and not self._fills_whole(new, outcome)):
            order.status = "canceled"
            return
        if new.order_type == "limit":
            self.ledger.set_hold(order, self.ledger.hold_of(order))
        for step in outcome.steps:
            if isinstance(step, Match):
                self.ledger.fill(order, step.price, step.amount, taker=True, at_ns=order.created_ns)
                continue
            self._lose(self._own(new, step.order_id), step.resting_loses)
            if step.incoming_loses is not None and order.amount_remaining is not None:
                order.amount_remaining -= step.incoming_loses
                if order.on_hold != 0:
                    self.ledger.set_hold(order, min(self.ledger.hold_of(order), order.on_hold))
        self._final_status(new, order, outcome)

    def _fills_whole(self, new: NewOrder, outcome: Plan) -> bool:
        return sum((match.amount for match in outcome.matches), ZERO) == new.amount

    def _own(self, new: NewOrder, order_id: str) -> Order:
        resting = self.store.find_order(new.spec.market, order_id, None)
        if resting is None:
            raise LookupError(f"{order_id} rests in the book but is not stored")
        return resting

    def _lose(self, resting: Order, amount: Decimal | None) -> None:
        """Self-trade prevention on the resting side: canceled (None), or reduced by an amount."""
        resting.updated_ns = self.clock.now() * 1000
        if amount is None:
            self.close(resting, "canceled", "cancelOnSelfTradePrevention")
        elif amount > 0 and resting.amount_remaining is not None:
            resting.amount_remaining -= amount
            resting.restatement_reason = "decrementOnSelfTradePrevention"
            self.ledger.set_hold(resting, min(self.ledger.hold_of(resting), resting.on_hold))
        self.store.save_order(resting)

    def _final_status(self, new: NewOrder, order: Order, outcome: Plan) -> None:
        if outcome.self_canceled:
            self.close(order, "canceled", "cancelOnSelfTradePrevention")
        elif outcome.done or order.amount_remaining == 0:
            self.close(order, "filled" if order.filled_amount > 0 else "canceled", None)
        elif outcome.protected:
            self.close(order, "canceled", "cancelOnExecutionPriceProtection")
        elif new.order_type == "market":
            self.close(order, "canceled" if order.filled_amount > 0 else "expired", None)
        elif new.time_in_force == "IOC":
            self.close(order, "canceled", None)
        elif order.filled_amount > 0:
            order.status = "partiallyFilled"
