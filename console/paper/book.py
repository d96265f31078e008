"""One live market: its price now, the makers' ladder, the account's own resting orders, trades and candles."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any, Final

from console.clock import MINUTE
from console.paper.candles import Candles, CandleSeries
from console.paper.decimals import floor_places, text
from console.paper.makers import Ladder, Level, best_ticks, draw_ladder
from console.paper.markets import MarketSpec
from console.paper.matching import Match, Resting, crosses
from console.paper.pauses import Point, missed_points
from console.paper.playback import Playback
from console.paper.prices import PricePath, stream
from console.paper.public_view import Ghost, PublicTrade
from console.paper.regimes import Change
from console.paper.store import Order

STEP_US: Final = 333_333
"""Market time between two steps at normal speed: three a second."""

TRADING: Final = "trading"
HALTED: Final = "halted"
DELISTED: Final = "delisted"
STATES: Final = (TRADING, HALTED, "auction", "auctionMatching", "cancelOnly")
"""What a market can be by order; DELISTED, which no status shows, is for ever."""

LONGEST_STEP_US: Final = 20_000_000
TAKER_SHARE: Final = 0.6
TRADES_KEPT: Final = 1000


@dataclass(frozen=True)
class MakerFill:
    """So much of an own resting order is taken at its price."""

    order_id: str
    price: Decimal
    amount: Decimal


class LiveMarket:
    """The state of one market between two steps.

    `own` (orders in the book, by priority) and `waiting` (those that await their trigger) are kept in step with the
    database by the engine, as is `state`, one of STATES.
    """

    def __init__(
        self,
        seed: int,
        spec: MarketSpec,
        origin_minute: int,
        start_us: int,
        step_us: int,
        playback: Playback | None = None,
        changes: Sequence[Change] = (),
    ) -> None:
        """With a `playback` its candles are the market's prices, otherwise the seed's path under those regimes."""
        self.spec = spec if playback is None else playback.spec
        self.seed = seed
        self.playback = playback
        self.path = PricePath(seed, spec, changes)
        self.candles: Candles = playback or CandleSeries(self.path, origin_minute, start_us // MINUTE)
        self.trades: deque[PublicTrade] = deque(maxlen=TRADES_KEPT)
        self.touched = False
        self.ghosts: list[Ghost] = []
        self._own: list[Order] = []
        self.waiting: list[Order] = []
        self.state = TRADING
        self.nonce = 0
        self.step = start_us // step_us
        self._origin = origin_minute
        self._step_us = step_us
        self._ladder: Ladder | None = None
        self.trade_seq = self.step * 8
        self.requote(self.step)
        self.last_price = self.best_bid

    # the makers -----------------------------------------------------------------------------------------------
    @property
    def halted(self) -> bool:
        """Whether nothing happens here at all: by order, or because the candle file is at its end."""
        return self.state == HALTED or (self.playback is not None and self.playback.ended)

    @property
    def status(self) -> str:
        """The market's status on the wire."""
        return HALTED if self.halted else self.state

    @property
    def trading(self) -> bool:
        """Whether orders meet each other."""
        return self.status == TRADING

    @property
    def stale(self) -> bool:
        """Whether its prices are too old to trade at; those made here never are."""
        return False

    def day(self) -> Mapping[str, Any] | None:
        """The 24 hours as somebody else states them; None where they are summed up here."""
        return None

    @property
    def best_bid(self) -> Decimal:
        """The makers' best bid."""
        if self._ladder is not None and self._ladder.bids:
            return self._ladder.bids[0].price
        return self._best[0] * self.spec.tick

    @property
    def best_ask(self) -> Decimal:
        """The makers' best ask."""
        if self._ladder is not None and self._ladder.asks:
            return self._ladder.asks[0].price
        return self._best[1] * self.spec.tick

    def makers_best(self, side: str) -> Decimal:
        """The makers' price an order of that side would get first, drawn or not."""
        return self.best_ask if side == "buy" else self.best_bid

    def best(self, side: str) -> Decimal | None:
        """The best price of the "buy" or "sell" side of the book, own orders included; None if it is empty."""
        makers = self.ladder.bids if side == "buy" else self.ladder.asks
        prices = [level.price for level in makers[:1]]
        prices += [_price(order) for order in self.own if order.side == side]
        return None if not prices else max(prices) if side == "buy" else min(prices)

    @property
    def ladder(self) -> Ladder:
        """The makers' quotes of this step, drawn when somebody first looks."""
        if self._ladder is None:
            within = None if self.playback is None else self.playback.room()
            self._ladder = draw_ladder(self.spec, self.price, self._best, self._quotes, within)
        return self._ladder

    def requote(self, step: int) -> None:
        """Move to a step: a new price, and makers who quote anew."""
        self.step, at_us = step, step * self._step_us
        self._random = stream(self.seed, self.spec.market, "step", step)
        wobble = self._random.uniform(-0.6, 0.6)
        if self.playback is None:
            minute, inside = divmod(at_us, MINUTE)
            price = self.path.price(max(minute - self._origin, 0), inside / MINUTE, wobble)
        else:
            self.playback.seek(at_us)
            at_us, price = self.playback.at_us, self.playback.price(wobble)
        self._quote(at_us, price, stream(self.seed, self.spec.market, "ladder", step))

    def pass_time(self, step: int) -> None:
        """Move to a step while nothing happens here."""
        self.step = step

    def turns_before(self, step: int) -> list[tuple[int, int]]:
        """What a candle file does between the present and a step: (market time, price in ticks) of its turns."""
        if self.playback is None or self.halted:
            return []
        return list(self.playback.turns(self.at_us, step * self._step_us))

    def missed_before(self, step: int) -> Iterator[Point]:
        """What happens between the present and a step that is not the next one; of a candle file its turns alone."""
        if self.playback is not None:
            return ((at_us, ticks, Decimal(0)) for at_us, ticks in self.turns_before(step))
        return missed_points(self.path, self._origin, self.at_us, step * self._step_us)

    def trade_by(self, at_us: int, ticks: int, amount: Decimal) -> None:
        """Let so much be traded between strangers at a price and a time; nothing if the amount is zero."""
        price = ticks * self.spec.tick
        if amount > 0:
            self.at_us = at_us
            self.print_trade(price, amount, "buy" if price >= self.last_price else "sell")

    def turn(self, at_us: int, ticks: int) -> None:
        """Move to a turn between two steps."""
        if self.playback is not None:
            self.playback.seek(at_us)
        self._quote(at_us, ticks * float(self.spec.tick), stream(self.seed, self.spec.market, "turn", at_us))

    def _quote(self, at_us: int, price: float, quotes: Random) -> None:
        """Set time and price; `quotes` is where the makers' ladder is drawn from when somebody looks."""
        self.at_us, self.price = at_us, price
        self._best = best_ticks(self.spec, price) if self.playback is None else self.playback.best(price)
        self._quotes = quotes
        self._ladder = None
        self.nonce += 1

    # trading --------------------------------------------------------------------------------------------------
    def print_trade(self, price: Decimal, amount: Decimal, side: str) -> None:
        """Make a trade public: last price, trade list, candle."""
        trade_id = f"00000000-0000-{0x470 + self.spec.number:04x}-0300-{self.trade_seq + 1:012x}"
        self._count(PublicTrade(trade_id, self.at_us // 1000, amount, price, side))

    def _count(self, trade: PublicTrade) -> None:
        self.trade_seq += 1
        self.last_price = trade.price
        self.trades.append(trade)
        self.candles.trade(trade.at_ms, int(trade.price / self.spec.tick), trade.amount)

    def show(self, ladder: Ladder, ghosts: Sequence[Ghost], trades: Sequence[PublicTrade]) -> None:
        """Show what a recording says own orders of that time did: sizes left, orders in the book, trades made."""
        self._ladder, self.ghosts = ladder, list(ghosts)
        for trade in trades:
            self._count(trade)
        self.nonce += 1

    def take(self, side: str, matches: Sequence[Match]) -> None:
        """Take what an incoming order of that side matched out of the ladder, and make it public."""
        levels = self.ladder.against(side)
        taken = {match.price: match.amount for match in matches}
        for level in levels:
            level.amount -= taken.get(level.price, Decimal(0))
        levels[:] = [level for level in levels if level.amount > 0]
        for match in matches:
            self.print_trade(match.price, match.amount, side)

    def own_against(self, side: str) -> list[Resting]:
        """Own orders that a taker of that side would meet: best price first, then oldest."""
        other = [order for order in self.own if order.side != side]
        other.sort(key=lambda order: _price(order) if side == "buy" else -_price(order))
        return [Resting(order.order_id, _price(order), _remaining(order)) for order in other]

    def crossed_by_makers(self) -> list[MakerFill]:
        """After a step: own orders whose price the makers' new quotes reach, filled at their own price."""
        fills: list[MakerFill] = []
        if self.halted:
            return fills
        for side in ("buy", "sell"):
            # Makers of this side become takers of the own orders on the other side.
            makers = self.ladder.asks if side == "sell" else self.ladder.bids
            for resting in self.own_against(side):
                fills += self._makers_reach(resting, makers, side)
            makers[:] = [level for level in makers if level.amount > 0]
        return fills

    def _makers_reach(self, resting: Resting, makers: list[Level], side: str) -> list[MakerFill]:
        taken, wanted = Decimal(0), resting.amount
        for level in makers:
            if wanted == 0 or not crosses(_other(side), resting.price, level.price):
                break
            amount = min(level.amount, wanted)
            level.amount -= amount
            wanted -= amount
            taken += amount
        if taken == 0:
            return []
        # Where a candle file leaps over an order's price between two candles, the nearest price it knows is paid.
        price = resting.price if self.playback is None else self.playback.into_room(resting.price)
        self.print_trade(price, taken, side)
        return [MakerFill(resting.order_id, price, taken)]

    def public_taker(self) -> list[MakerFill]:
        """A trader from outside takes some of the best side, own orders of that price first."""
        if self.halted or self._random.random() >= TAKER_SHARE:
            return []
        side = "buy" if self._random.random() < 0.5 else "sell"
        euros = self.spec.trade_eur * self._random.lognormvariate(-0.32, 0.8) * (self._step_us / STEP_US)
        left = floor_places(Decimal(euros / self.price), self.spec.quantity_decimals)
        makers = self.best_ask if side == "buy" else self.best_bid
        fills: list[MakerFill] = []
        for resting in self.own_against(side):
            if left <= 0 or not crosses(side, makers, resting.price):
                break
            amount = min(left, resting.amount)
            left -= amount
            fills.append(MakerFill(resting.order_id, resting.price, amount))
            self.print_trade(resting.price, amount, side)
        # A candle whose high is its low has room for one of the two best prices only.
        if left > 0 and (self.playback is None or self.playback.traded_here(makers)):
            self.print_trade(makers, left, side)
        return fills

    @property
    def own(self) -> list[Order]:
        """The account's own orders in the book; given anew whenever one of them changed (`touched`)."""
        return self._own

    @own.setter
    def own(self, orders: list[Order]) -> None:
        self._own = orders
        self.touched = True

    def own_shown(self) -> list[Ghost]:
        """The own orders as everybody sees them."""
        return [Ghost(order.side, _price(order), _remaining(order)) for order in self._own]

    # what everybody sees --------------------------------------------------------------------------------------
    def levels(self, side: str, depth: int) -> list[list[str]]:
        """`[price, size]` rows of the "buy" (bids) or "sell" (asks) side, own orders included, best first."""
        makers = self.ladder.bids if side == "buy" else self.ladder.asks
        sizes: dict[Decimal, Decimal] = {level.price: level.amount for level in makers if level.amount > 0}
        for order in [*self.own_shown(), *self.ghosts]:
            if order.side == side:
                sizes[order.price] = sizes.get(order.price, Decimal(0)) + order.amount
        best_first = sorted(sizes.items(), reverse=side == "buy")
        return [[text(price), text(size)] for price, size in best_first[:depth]]


def _other(side: str) -> str:
    return "sell" if side == "buy" else "buy"


def _price(order: Order) -> Decimal:
    if order.price is None:
        raise ValueError(f"order {order.order_id} rests without a price")
    return order.price


def _remaining(order: Order) -> Decimal:
    if order.amount_remaining is None:
        raise ValueError(f"order {order.order_id} rests without an amount")
    return order.amount_remaining
