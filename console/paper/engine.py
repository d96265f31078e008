"""The exchange itself: accounts, orders, markets in motion. What it commits is what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from console.clock import MINUTE, SystemClock
from console.paper.book import DELISTED, LONGEST_STEP_US, STEP_US, TRADING, LiveMarket
from console.paper.desk import Desk
from console.paper.feeds import BookFeed
from console.paper.fees import FeeTiers
from console.paper.following import Followed, FollowedMarket, Received
from console.paper.ledger import Ledger
from console.paper.markets import SPECS, MarketSpec
from console.paper.motion import Motion
from console.paper.order_rules import NewOrder, OrderChange
from console.paper.playback import Playback
from console.paper.prices import HISTORY_MINUTES
from console.paper.recording import Beginning, Recorder, Recording
from console.paper.regimes import Choice, RegimeError, Regimes
from console.paper.source_words import source_text
from console.paper.sources import PlayedFrom, remember
from console.paper.store import Order, Store

STATE_SETTING: Final = "state:"


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
        followed: Followed | None = None,
        recorder: Recorder | None = None,
        recording: Recording | None = None,
    ) -> None:
        """`played` names the candle files that take the place of the seed's prices, by market; `regimes` what is asked.

        With `followed` all markets are another exchange's, beginning with those answers of it. `recorder` writes down
        what decides about prices; with `recording` they are those of that time, at the market times of that time, and
        the four before it are as they were then.
        A regime asked for at the very first start holds for the day of history too, otherwise from the next minute on.
        """
        self.store = store
        self.clock = clock
        self.ledger = Ledger(store, FeeTiers(store, clock))
        self.speed = speed
        self._wall_start = clock.now()
        self._recording, self._recorder = recording, recorder
        self._market_start = self._wall_start if recording is None else recording.beginning.start_us
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
        self.markets = self._made_markets(seed, origin, followed)
        self._kept = {market: each.index for market, each in self._playing.items()}
        self.books = {name: BookFeed(market) for name, market in self.markets.items()}
        self.desk = Desk(store, self.ledger, clock, self.markets)
        self.motion = Motion(self.markets, self.step_us, self._market_start, self.desk, recorder, recording)
        if recorder is not None:
            recorder.begin(self._beginning(seed, origin, followed))
        for name, market in self.markets.items():
            market.state = store.setting(STATE_SETTING + name) or TRADING
            if recorder is not None and market.state != TRADING:
                recorder.state(self._market_start, name, market.state)
        # Orders a timer has ended while nothing ran never meet the market again.
        self.desk.cancel_due_groups()
        for market in self.markets.values():
            self.desk.load(market)
        for received in followed.first if followed is not None else ():
            self.receive(received)

    def _made_markets(self, seed: int, origin: int, followed: Followed | None) -> dict[str, LiveMarket]:
        start, step = self._market_start, self.step_us
        if followed is not None:
            return {spec.market: FollowedMarket(seed, spec, start, step, followed.oldest_us) for spec in SPECS}
        changes = self.regimes.of if self._recording is None else self._recording.changes
        return {
            spec.market: LiveMarket(
                seed, spec, origin, start, step, self._playing.get(spec.market), changes(spec.market)
            )
            for spec in SPECS
        }

    def _beginning(self, seed: int, origin: int, followed: Followed | None) -> Beginning:
        return Beginning(
            seed,
            origin,
            self._market_start,
            self.speed,
            {market: [(each.minute, each.choice) for each in self.regimes.of(market)] for market in self.markets},
            {
                market: {"path": str(each.file.path), "sha256": each.file.sha256, "index": each.index}
                for market, each in self._playing.items()
            },
            None if followed is None else followed.url,
            0 if followed is None else followed.oldest_us,
        )

    @property
    def specs(self) -> dict[str, MarketSpec]:
        """The rules of every market as they are now."""
        return {name: market.spec for name, market in self.markets.items()}

    def _origin(self) -> int:
        """The minute (since the epoch) at which the price paths begin: a day before the first start ever."""
        if self._recording is not None:
            return self._recording.beginning.origin_minute
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
        at = self._market_start + int((self.clock.now() - self._wall_start) * self.speed)
        self._market_latest = max(self._market_latest, at)
        return self._market_latest

    def source(self, market: str | None = None) -> str | None:
        """Where the prices come from, in words; of all markets or of one."""
        return source_text(self.store.settings(), market)

    def receive(self, received: Received) -> None:
        """Take over an answer of the followed exchange, and fill what its book reaches; Unusable if it is none."""
        self.advance()
        self.motion.receive(received)

    def choose_regimes(self, asked: Mapping[str, Choice]) -> None:
        """Give generated markets regimes from the next minute of market time on; RegimeError if one is no such."""
        if self._recording is not None:
            raise RegimeError("What is replayed has the regimes it had.")
        for market in asked:
            if isinstance(self.markets[market], FollowedMarket):
                raise RegimeError(f"{market} follows another exchange; regimes are for generated prices.")
            if market in self._playing:
                raise RegimeError(f"{market} plays a candle file; regimes are for generated prices.")
        self.advance()
        minute = self.market_now() // MINUTE - self._origin() + 1
        changed = self.regimes.choose(asked, minute)
        for market, change in changed.items():
            self.markets[market].path.change(change)
        if changed and self._recorder is not None:
            self._recorder.regimes(self._market_latest, changed)

    def advance(self) -> None:
        """Bring timers and every market up to the present.

        After a pause every timer that fell due meanwhile comes first: what it cancels meets nothing of the time in
        between.
        """
        self.desk.cancel_due_groups()
        self.motion.advance(self.market_now())
        self._keep_places()

    def _keep_places(self) -> None:
        """Store the candle each file is at, so that a restart goes on there, however this process ends."""
        moved = {market: each for market, each in self._playing.items() if each.index != self._kept[market]}
        if moved and self._recording is None:
            with self.store.transaction():
                for playback in moved.values():
                    remember(self.store, playback.file, playback.index)
            self._kept |= {market: each.index for market, each in moved.items()}

    # orders ---------------------------------------------------------------------------------------------------
    def place(self, new: NewOrder, *, cut: bool = False) -> Order:
        """Apply an order and match it; ApiError if refused, with nothing changed. `cut` is a fault: half, then none."""
        self.advance()
        return self.desk.place(new, cut=cut)

    def change(self, market: str, order_id: str | None, client_key: str | None, change: OrderChange) -> Order:
        """Change an open order; ApiError if refused, with nothing changed."""
        self.advance()
        return self.desk.change(market, order_id, client_key, change)

    def cancel(self, market: str, order_id: str | None, client_key: str | None) -> Order:
        """Cancel an open order; 240 if there is none."""
        self.advance()
        return self.desk.cancel(market, order_id, client_key)

    def cancel_all(self, market: str | None, side: str | None = None, reason: str | None = None) -> list[Order]:
        """Cancel the open orders of one market or of all, of one side or both; returns them, oldest first."""
        self.advance()
        orders = self.desk.open_of(market, side)
        self.desk.cancel_all(orders, reason)
        return orders

    def find(self, market: str, order_id: str | None, client_key: str | None) -> Order:
        """Any order of that market, open or closed; the client id wins. 240 if there is none."""
        self.advance()
        return self.desk.find(market, order_id, client_key)

    def arm(self, group: int, seconds: int) -> int:
        """Start or restart a cancel-orders-after timer; returns when it cancels, in seconds since the epoch."""
        return self.desk.arm(group, seconds)

    # states by order of the exchange's operator ---------------------------------------------------------------
    def set_state(self, name: str, state: str) -> None:
        """Halt, open or auction a market, or list it no longer (which cancels what rests there); it is kept."""
        self.advance()
        market = self.markets[name]
        if market.state == DELISTED:
            raise ValueError(f"{name} is no longer listed.")
        if state == "auctionMatching" and market.state != state:
            self.desk.cancel_crossing_post_only(market)
        if state == DELISTED:
            self.desk.cancel_all(self.store.open_orders(name), "cancelOnDelisting")
        before, market.state = market.state, state
        with self.store.transaction():
            self.store.set_setting(STATE_SETTING + name, state)
        if self._recorder is not None:
            self._recorder.state(self._market_latest, name, state)
        if before != state and market.trading and not market.stale:
            market.requote(max(market.step, self.market_now() // self.step_us))
            self.desk.uncross(market)

    def lock_account(self, locked: bool) -> None:
        """Lock the account, which cancels its open orders, or open it again; it is kept."""
        self.advance()
        if locked:
            self.desk.cancel_all(self.store.open_orders(None), "cancelOnLockPlaced")
        with self.store.transaction():
            self.store.set_setting("locked", "1" if locked else "0")

    @property
    def locked(self) -> bool:
        """Whether the account is locked."""
        return self.store.setting("locked") == "1"
