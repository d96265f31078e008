"""The one place where orders are placed, changed, triggered, filled and canceled; each call is committed on return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from console.clock import SystemClock
from console.paper.book import DELISTED, LiveMarket, MakerFill
from console.paper.choices import CANCEL_IN_AUCTION_MATCHING, CANCEL_WHILE_HALTED, CLOSED_ORDER_CODE, GROUP_REASON
from console.paper.errors import refusal
from console.paper.ledger import Ledger, hold_currency
from console.paper.order_rules import NewOrder, OrderChange
from console.paper.placement import Placement
from console.paper.store import AWAITING, Order, Store
from console.paper.triggers import reached
from console.paper.updating import changed

_CLOSED_TO_NEW = {"halted": 423, "cancelOnly": 424, "auctionMatching": 426}


class Desk:
    """Carries out what is asked of orders. The markets are up to the present before it is called."""

    def __init__(self, store: Store, ledger: Ledger, clock: SystemClock, markets: Mapping[str, LiveMarket]) -> None:
        self.store = store
        self.ledger = ledger
        self.clock = clock
        self.markets = markets
        self._placement = Placement(store, ledger, clock)
        timers = store.rows("SELECT cod_group_id, due_ms FROM timers")
        self._timers: dict[int, int] = {row["cod_group_id"]: row["due_ms"] for row in timers}

    # one order ------------------------------------------------------------------------------------------------
    def place(self, new: NewOrder, *, cut: bool = False) -> Order:
        """Apply an order and match it; ApiError if refused, with nothing changed. `cut`: see Placement.meet."""
        market = self.markets[new.spec.market]
        self._check_open(market)
        if market.state == "auction":
            if new.time_in_force is None:
                raise refusal(425)
            if new.time_in_force != "GTC":
                raise refusal(231)
        matches = []
        with self.store.transaction():
            order = self._placement.accept(new, market)
            if order.status != AWAITING and market.trading:
                matches = self._placement.meet(order, market, cut=cut)
            if cut and order.open:
                self._placement.close(order, "canceled", "cancelOnAdminRequest")
        market.take(order.side, matches)
        self.reload(market)
        return self._again(order)

    def change(self, name: str, order_id: str | None, client_key: str | None, change: OrderChange) -> Order:
        """Change an open order, which puts it at the end of the queue and may let it trade; ApiError if refused."""
        market = self.markets[name]
        order = self.find(name, order_id, client_key)
        if not order.open and order.order_type != "market":
            raise refusal(CLOSED_ORDER_CODE.value)
        self._check_open(market)
        if market.state == "auction":
            raise refusal(425)
        new = changed(order, change, market.spec)
        hold = self.ledger.hold_of(new)
        if hold > order.on_hold + self.store.balance(hold_currency(order))[0]:
            raise refusal(216)
        matches = []
        with self.store.transaction():
            new.rank, new.updated_ns = self.store.next_rank(), self.clock.now() * 1000
            self.ledger.set_hold(new, hold)
            self.store.save_order(new)
            if new.status != AWAITING:
                matches = self._placement.meet(new, market)
        market.take(new.side, matches)
        self.reload(market)
        return self._again(new)

    def cancel(self, name: str, order_id: str | None, client_key: str | None) -> Order:
        """Cancel an open order; 240 if there is none."""
        self._check_cancel(self.markets[name])
        order = self.find(name, order_id, client_key)
        if not order.open:
            raise refusal(CLOSED_ORDER_CODE.value)
        self.cancel_all([order], None)
        return order

    def find(self, name: str, order_id: str | None, client_key: str | None) -> Order:
        """Any order of that market, open or closed; the client id wins. 240 if there is none."""
        order = self.store.find_order(name, order_id, client_key)
        if order is None:
            raise refusal(240)
        return order

    def _again(self, order: Order) -> Order:
        """The order as it is now: its own trade may have triggered others that met it."""
        return self.find(order.market, order.order_id, None)

    # several orders -------------------------------------------------------------------------------------------
    def open_of(self, name: str | None, side: str | None = None) -> list[Order]:
        """Open orders that a bulk cancel means, oldest first; those of markets that take no cancel are left out
        where no market is named, and refused where one is.
        """
        if name is not None:
            self._check_cancel(self.markets[name])
        found = [order for order in self.store.open_orders(name) if side is None or order.side == side]
        return [order for order in found if self._cancel_code(self.markets[order.market]) is None]

    def cancel_all(self, orders: Iterable[Order], reason: str | None) -> None:
        """Cancel these open orders at once."""
        closed = list(orders)
        with self.store.transaction():
            for order in closed:
                self._placement.close(order, "canceled", reason)
        for name in sorted({order.market for order in closed}):
            self.reload(self.markets[name])

    # what the market does -------------------------------------------------------------------------------------
    def apply_fills(self, market: LiveMarket, fills: list[MakerFill]) -> None:
        """Own resting orders were taken from by others."""
        if not fills:
            return
        now_ns = self.clock.now() * 1000
        with self.store.transaction():
            for fill in fills:
                order = self.store.find_order(market.spec.market, fill.order_id, None)
                if order is None or not order.open:
                    raise LookupError(f"{fill.order_id} rests in the book but is not open")
                self.ledger.fill(order, fill.price, fill.amount, taker=False, at_ns=now_ns)
                if order.amount_remaining == 0:
                    self._placement.close(order, "filled", None)
                else:
                    order.status = "partiallyFilled"
                    self.store.save_order(order)
        self.load(market)

    def run_triggers(self, market: LiveMarket) -> None:
        """Send every order whose trigger is reached into the book, the oldest first; one may trigger the next."""
        while market.trading and not market.stale:
            order = next((each for each in market.waiting if reached(each, market)), None)
            if order is None:
                return
            with self.store.transaction():
                self._placement.trigger(order)
                matches = self._placement.meet(order, market)
            market.take(order.side, matches)
            self.load(market)

    def load(self, market: LiveMarket, up_to_rank: int | None = None) -> None:
        """Bring the market's lists in step with the database; of the book only the queue's beginning if so asked."""
        orders = sorted(self.store.open_orders(market.spec.market), key=lambda order: order.rank)
        market.waiting = [order for order in orders if order.status == AWAITING]
        market.own = [
            order for order in orders if order.status != AWAITING and (up_to_rank is None or order.rank <= up_to_rank)
        ]
        market.nonce += 1

    def reload(self, market: LiveMarket) -> None:
        """After a change: the market's lists, and what that triggers."""
        self.load(market)
        self.run_triggers(market)

    # market states --------------------------------------------------------------------------------------------
    def cancel_crossing_post_only(self, market: LiveMarket) -> None:
        """An auction is about to be matched: postOnly orders that would trade leave the book."""
        crossing = [order for order in market.own if order.post_only and self._placement.plan_for(order, market).steps]
        self.cancel_all(crossing, "cancelPostOnlyOnAuctionMatching")

    def uncross(self, market: LiveMarket) -> None:
        """Trading begins again: every order in the book meets those before it and the makers, the oldest first."""
        for stale in list(market.own):
            order = self.store.find_order(stale.market, stale.order_id, None)
            if order is None or not order.open:
                continue
            self.load(market, order.rank)
            if not self._placement.plan_for(order, market).steps:
                continue
            with self.store.transaction():
                matches = self._placement.meet(order, market)
            market.take(order.side, matches)
        self.reload(market)

    def _check_open(self, market: LiveMarket) -> None:
        if market.state == DELISTED:
            raise refusal(219)
        if market.status in _CLOSED_TO_NEW:
            raise refusal(_CLOSED_TO_NEW[market.status])
        if market.stale:
            raise refusal(430)

    def _check_cancel(self, market: LiveMarket) -> None:
        code = self._cancel_code(market)
        if code is not None:
            raise refusal(code)

    def _cancel_code(self, market: LiveMarket) -> int | None:
        if market.status == "auctionMatching":
            return CANCEL_IN_AUCTION_MATCHING.value
        return 423 if market.halted and not CANCEL_WHILE_HALTED.value else None

    # cancel-orders-after --------------------------------------------------------------------------------------
    def arm(self, group: int, seconds: int) -> int:
        """Start or restart a group's timer; returns the time at which it cancels, in seconds since the epoch."""
        due_ms = self.clock.now() // 1000 + seconds * 1000
        with self.store.transaction():
            self.store.rows("INSERT OR REPLACE INTO timers VALUES (?, ?)", [group, due_ms])
        self._timers[group] = due_ms
        return due_ms // 1000

    def cancel_due_groups(self) -> None:
        """Cancel the open orders of every group whose timer has passed; the timer is used up with it."""
        now_ms = self.clock.now() // 1000
        for group in [group for group, due in self._timers.items() if due <= now_ms]:
            orders = [order for order in self.store.open_orders(None) if order.cod_group_id == group]
            self.cancel_all(orders, GROUP_REASON.value)
            with self.store.transaction():
                self.store.rows("DELETE FROM timers WHERE cod_group_id = ?", [group])
            del self._timers[group]
