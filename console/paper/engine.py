"""The exchange itself: accounts, orders, markets in motion. What it commits is what happened."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from console.clock import MINUTE, SystemClock
from console.paper.book import LONGEST_STEP_US, STEP_US, LiveMarket, MakerFill
from console.paper.errors import refusal
from console.paper.feeds import BookFeed
from console.paper.ledger import Ledger
from console.paper.markets import SPECS
from console.paper.order_rules import NewOrder
from console.paper.pauses import Point
from console.paper.placement import Placement, plan_for
from console.paper.playback import Playback
from console.paper.prices import HISTORY_MINUTES
from console.paper.regimes import Choice, RegimeError, Regimes
from console.paper.source_words import source_text
from console.paper.sources import PlayedFrom, remember
from console.paper.store import Order, Store

MAX_STEPS_AT_ONCE: Final = 900
"""Steps caught up on one by one after a pause (five minutes at normal speed); what lies before in larger ones."""


class Engine:
    """Owns store, ledger and markets; every public method first brings the markets up to the present.

    Orders, fills and timers are stamped with wall time; `speed` moves market time only.
    """

    def __init__(
        self,
        store: Store,
        clock: SystemClock,
        seed: int,
        speed: float = 1.0,
        played: Mapping[str, PlayedFrom] | None = None,
        regimes: Mapping[str, Choice] | None = None,
    ) -> None:
        """`played` names the candle files that take the place of the seed's prices, by market; `regimes` what is asked.

        A regime asked for at the very first start holds for the day of history too, otherwise from the next minute on.
        """
        self.store = store
        self.clock = clock
        self.ledger = Ledger(store)
        self.speed = speed
        self._market_start = clock.now()
        self._market_latest = self._market_start
        self.step_us = int(min(max(STEP_US * speed, STEP_US), LONGEST_STEP_US))
        self.regimes = Regimes(store)
        first = store.setting("origin_minute") is None
        origin = self._origin()
        self.regimes.choose(regimes or {}, 0 if first else self._market_start // MINUTE - origin + 1)
        self._playing = {
            market: Playback(found.file, seed, found.index, self._market_start)
            for market, found in (played or {}).items()
        }
        self.markets = {
            spec.market: LiveMarket(
                seed,
                spec,
                origin,
                self._market_start,
                self.step_us,
                self._playing.get(spec.market),
                self.regimes.of(spec.market),
            )
            for spec in SPECS
        }
        self._kept = {market: each.index for market, each in self._playing.items()}
        self.books = {name: BookFeed(market) for name, market in self.markets.items()}
        self.specs = {name: market.spec for name, market in self.markets.items()}
        timers = store.rows("SELECT cod_group_id, due_ms FROM timers")
        self._timers: dict[int, int] = {row["cod_group_id"]: row["due_ms"] for row in timers}
        self._placement = Placement(store, self.ledger, clock)
        # Orders a timer has ended while nothing ran never meet the market again.
        self.cancel_due_groups()
        for market in self.markets:
            self._reload(market)

    def _origin(self) -> int:
        """The minute (since the epoch) at which the price paths begin: a day before the first start ever."""
        stored = self.store.setting("origin_minute")
        if stored is not None:
            return int(stored)
        origin = self._market_start // MINUTE - HISTORY_MINUTES
        with self.store.transaction():
            self.store.set_setting("origin_minute", str(origin))
        return origin

    # time -----------------------------------------------------------------------------------------------------
    def market_now(self) -> int:
        """Market time in microseconds: wall time at normal speed. It stands still where the clock goes back."""
        at = self._market_start + int((self.clock.now() - self._market_start) * self.speed)
        self._market_latest = max(self._market_latest, at)
        return self._market_latest

    def source(self, market: str | None = None) -> str | None:
        """Where the prices come from, in words; of all markets or of one."""
        return source_text(self.store.settings(), market)

    def choose_regimes(self, asked: Mapping[str, Choice]) -> None:
        """Give generated markets regimes from the next minute of market time on; RegimeError if one plays a file."""
        for market in asked:
            if market in self._playing:
                raise RegimeError(f"{market} plays a candle file; regimes are for generated prices.")
        self.advance()
        minute = self.market_now() // MINUTE - self._origin() + 1
        for market, change in self.regimes.choose(asked, minute).items():
            self.markets[market].path.change(change)

    def advance(self) -> None:
        """Bring timers and every market up to the present.

        After a pause every timer that fell due meanwhile comes first: what it cancels meets nothing of the time in
        between. Then the markets move on together, so that what happens in them happens in the order of time.
        """
        self.cancel_due_groups()
        target = self.market_now() // self.step_us
        first = min(market.step for market in self.markets.values()) + 1
        if first < target - MAX_STEPS_AT_ONCE:
            first = target - MAX_STEPS_AT_ONCE
            self._live_through_pause(first)
        for step in range(first, target + 1):
            for market in self.markets.values():
                if market.step < step:
                    self._step(market, step)
        self._keep_places()

    def _live_through_pause(self, step: int) -> None:
        """All that lies between the markets' present and a step far off: trades, candles, and what they fill."""
        moving = [market for market in self.markets.values() if not market.halted]
        missed = [_numbered(market.missed_before(step), number) for number, market in enumerate(moving)]
        for at_us, ticks, amount, number in heapq.merge(*missed):
            market = moving[number]
            if market.own:
                market.turn(at_us, ticks)
                self._apply_maker_fills(market, market.crossed_by_makers())
            market.trade_by(at_us, ticks, amount)

    def _keep_places(self) -> None:
        """Store the candle each file is at, so that a restart goes on there, however this process ends."""
        moved = {market: each for market, each in self._playing.items() if each.index != self._kept[market]}
        if moved:
            with self.store.transaction():
                for playback in moved.values():
                    remember(self.store, playback.file, playback.index)
            self._kept |= {market: each.index for market, each in moved.items()}

    def _step(self, market: LiveMarket, step: int) -> None:
        if market.halted:
            return
        if market.own:
            # A high or low between two steps fills what rests there, in the candle it belongs to.
            for at_us, ticks in market.turns_before(step):
                market.turn(at_us, ticks)
                self._apply_maker_fills(market, market.crossed_by_makers())
        market.requote(step)
        if market.own:
            self._apply_maker_fills(market, market.crossed_by_makers())
        self._apply_maker_fills(market, market.public_taker())

    def _apply_maker_fills(self, market: LiveMarket, fills: list[MakerFill]) -> None:
        if not fills:
            return
        now_ns = self.clock.now() * 1000
        with self.store.transaction():
            for fill in fills:
                order = self.store.find_order(market.spec.market, fill.order_id, None)
                if order is None or not order.open:
                    raise LookupError(f"{fill.order_id} rests in the book but is not open")
                self.ledger.fill(order, fill.price, fill.amount, taker=False, at_ns=now_ns)
                self._settle_status(order)
                self.store.save_order(order)
        self._reload(market.spec.market)

    def _reload(self, market: str) -> None:
        self.markets[market].own = self.store.open_orders(market)
        self.markets[market].nonce += 1

    def _settle_status(self, order: Order) -> None:
        if order.amount_remaining == 0:
            order.status = "filled"
            self.ledger.release(order)
        else:
            order.status = "partiallyFilled"

    # orders ---------------------------------------------------------------------------------------------------
    def place(self, new: NewOrder) -> Order:
        """Apply an order and match it; committed on return. ApiError if refused, with nothing changed."""
        self.advance()
        market = self.markets[new.spec.market]
        if market.halted:
            raise refusal(423)
        outcome = plan_for(new, market, self.ledger.taker)
        best = market.best_ask if new.side == "buy" else market.best_bid
        with self.store.transaction():
            order = self._placement.place(new, outcome, best)
        if order.filled_amount > 0:
            market.take(new.side, outcome.matches)
        self._reload(new.spec.market)
        return order

    def cancel(self, market: str, order_id: str | None, client_key: str | None) -> Order:
        """Cancel an open order; 240 if there is none."""
        self.advance()
        order = self.store.find_order(market, order_id, client_key)
        if order is None or not order.open:
            raise refusal(240)
        with self.store.transaction():
            order.updated_ns = self.clock.now() * 1000
            self._placement.close(order, "canceled", None)
            self.store.save_order(order)
        self._reload(market)
        return order

    def find(self, market: str, order_id: str | None, client_key: str | None) -> Order:
        """Any order of that market, open or closed; the client id wins. 240 if there is none."""
        self.advance()
        order = self.store.find_order(market, order_id, client_key)
        if order is None:
            raise refusal(240)
        return order

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
            with self.store.transaction():
                for order in orders:
                    order.updated_ns = self.clock.now() * 1000
                    # The reason's name is inferred from the group's: cod stands for cancel on disconnect.
                    self._placement.close(order, "canceled", "cancelOnDisconnect")
                    self.store.save_order(order)
                self.store.rows("DELETE FROM timers WHERE cod_group_id = ?", [group])
            del self._timers[group]
            for market in {order.market for order in orders}:
                self._reload(market)


def _numbered(points: Iterator[Point], number: int) -> Iterator[tuple[int, int, Decimal, int]]:
    return ((*point, number) for point in points)
