"""Orders as rows: made, changed, matched and closed. Everything here runs inside a store transaction."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from console.clock import SystemClock
from console.paper.book import LiveMarket
from console.paper.decimals import ZERO, floor_places
from console.paper.errors import refusal
from console.paper.ledger import ORDER_IDS, Ledger, hold_currency, purchase_cost, wire_id
from console.paper.markets import MarketSpec
from console.paper.matching import Incoming, Match, Plan, plan
from console.paper.order_rules import NewOrder
from console.paper.protection import refused_price
from console.paper.store import AWAITING, Order, Store

SELF_TRADE: Final = "cancelOnSelfTradePrevention"
DECREMENTED: Final = "decrementOnSelfTradePrevention"


class Placement:
    """Turns orders and what the book holds for them into rows."""

    def __init__(self, store: Store, ledger: Ledger, clock: SystemClock) -> None:
        self.store = store
        self.ledger = ledger
        self.clock = clock

    # making and closing ---------------------------------------------------------------------------------------
    def accept(self, new: NewOrder, market: LiveMarket) -> Order:
        """Store a new order with its hold; it has not met the book. ApiError 216, 217, 220 or 235."""
        self._check_room(new, market.spec)
        order = self._new_order(new)
        if order.priced or order.status == AWAITING:
            needed = self.ledger.hold_of(order)
        else:
            if new.amount is not None and new.amount * market.makers_best(new.side) < new.spec.min_quote:
                raise refusal(217)
            needed = self._market_need(order, self.plan_for(order, market))
        if needed > self.store.balance(hold_currency(order))[0]:
            raise refusal(216)
        # The row exists before its fills do, as they refer to it.
        self.store.save_order(order)
        if order.priced or order.status == AWAITING:
            self.ledger.set_hold(order, needed)
            self.store.save_order(order)
        return order

    def close(self, order: Order, status: str, reason: str | None) -> None:
        """Give back the hold, set a final status, store the order."""
        order.status = status
        order.updated_ns = self.clock.now() * 1000
        if reason is not None:
            order.restatement_reason = reason
        self.ledger.release(order)
        self.store.save_order(order)

    def _check_room(self, new: NewOrder, spec: MarketSpec) -> None:
        resting = self.store.open_client_keys(new.spec.market)
        if new.client_order_id is not None and new.client_order_id.lower() in resting:
            raise refusal(220)
        if len(resting) >= spec.max_open_orders:
            raise refusal(235)

    def _new_order(self, new: NewOrder) -> Order:
        now_ns, seq = self.clock.now() * 1000, self.store.next_seq("orders")
        return Order(
            order_id=wire_id(new.spec, ORDER_IDS, seq),
            client_order_id=new.client_order_id,
            market=new.spec.market,
            side=new.side,
            order_type=new.order_type,
            status="new" if new.trigger_amount is None else AWAITING,
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
            trigger_amount=new.trigger_amount,
            trigger_reference=new.trigger_reference,
            rank=self.store.next_rank(),
            seq=seq,
        )

    # meeting the book -----------------------------------------------------------------------------------------
    def plan_for(self, order: Order, market: LiveMarket) -> Plan:
        """What the book holds for an order at this moment."""
        incoming = Incoming(
            order.side, order.price, order.amount_remaining, order.amount_quote, market.spec.quantity_decimals,
            self.ledger.taker, order.self_trade_prevention,
        )  # fmt: skip
        return plan(incoming, market.ladder.against(order.side), market.own_against(order.side))

    def trigger(self, order: Order) -> None:
        """The trigger was reached: the order goes to the end of the queue; one without price frees its hold."""
        order.status, order.rank = "new", self.store.next_rank()
        order.updated_ns = self.clock.now() * 1000
        if not order.priced:
            self.ledger.release(order)
        self.store.save_order(order)

    def meet(self, order: Order, market: LiveMarket, *, cut: bool = False) -> list[Match]:
        """Let a stored order meet the book and store what comes of it; returns its trades, best price first.

        `cut` lets it have half of what it would get and cancels the rest.
        """
        reason = refused_price(order, market)
        if reason is not None:
            self.close(order, "canceled", reason)
            return []
        outcome = self.plan_for(order, market)
        if cut:
            outcome = _halved(outcome, market.spec)
        if not order.priced and self._market_need(order, outcome) > self.store.balance(hold_currency(order))[0]:
            # Only one that was triggered can come here short of balance.
            self.close(order, "expired", None)
            return []
        if (order.post_only and outcome.steps) or (order.time_in_force == "FOK" and not _fills_whole(order, outcome)):
            self.close(order, "canceled", None)
            return []
        self._carry_out(order, outcome)
        self._settle(order, outcome, cut=cut)
        self.store.save_order(order)
        return outcome.matches

    def _market_need(self, order: Order, outcome: Plan) -> Decimal:
        if order.side == "sell":
            matched = sum((match.amount for match in outcome.matches), ZERO)
            return matched if order.amount_remaining is None else order.amount_remaining
        if order.amount_quote is not None:
            return order.amount_quote
        costs = (purchase_cost(match.price * match.amount, self.ledger.taker) for match in outcome.matches)
        return sum(costs, ZERO)

    def _carry_out(self, order: Order, outcome: Plan) -> None:
        now_ns = self.clock.now() * 1000
        for step in outcome.steps:
            if isinstance(step, Match):
                self.ledger.fill(order, step.price, step.amount, taker=True, at_ns=now_ns)
                continue
            self._lose(self._own(order.market, step.order_id), step.resting_loses)
            if step.incoming_loses is None or step.incoming_loses == 0:
                continue
            order.restatement_reason = DECREMENTED
            if order.amount_remaining is not None:
                order.amount_remaining -= step.incoming_loses
                if order.on_hold != 0:
                    self.ledger.set_hold(order, min(self.ledger.hold_of(order), order.on_hold))

    def _own(self, market: str, order_id: str) -> Order:
        resting = self.store.find_order(market, order_id, None)
        if resting is None:
            raise LookupError(f"{order_id} rests in the book but is not stored")
        return resting

    def _lose(self, resting: Order, amount: Decimal | None) -> None:
        """Self-trade prevention on the resting side: canceled (None), or reduced by an amount."""
        if amount is None:
            self.close(resting, "canceled", SELF_TRADE)
        elif amount > 0 and resting.amount_remaining is not None:
            resting.updated_ns = self.clock.now() * 1000
            resting.amount_remaining -= amount
            resting.restatement_reason = DECREMENTED
            self.ledger.set_hold(resting, min(self.ledger.hold_of(resting), resting.on_hold))
            self.store.save_order(resting)

    def _settle(self, order: Order, outcome: Plan, *, cut: bool) -> None:
        """The status after the book was met."""
        if outcome.self_canceled:
            self.close(order, "canceled", SELF_TRADE)
        elif order.amount_remaining == 0 or (outcome.done and not cut):
            self.close(order, "filled" if order.filled_amount > 0 else "canceled", None)
        elif outcome.protected:
            self.close(order, "canceled", "cancelOnExecutionPriceProtection")
        elif cut:
            self.close(order, "canceled", "cancelOnAdminRequest")
        elif not order.priced:
            self.close(order, "canceled" if order.filled_amount > 0 else "expired", None)
        elif order.time_in_force != "GTC":
            self.close(order, "canceled", None)
        elif order.filled_amount > 0:
            order.status = "partiallyFilled"


def _fills_whole(order: Order, outcome: Plan) -> bool:
    return sum((match.amount for match in outcome.matches), ZERO) == order.amount_remaining


def _halved(outcome: Plan, spec: MarketSpec) -> Plan:
    """The trades up to half of the amount; what would have met own orders is left out."""
    left = floor_places(sum((match.amount for match in outcome.matches), ZERO) / 2, spec.quantity_decimals)
    kept: list[Match] = []
    for match in outcome.matches:
        amount = min(match.amount, left)
        left -= amount
        if amount > 0:
            kept.append(replace(match, amount=amount))
    return Plan(steps=list(kept))
