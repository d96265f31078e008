"""The markets in motion: step by step, through a pause at once, with what is followed, recorded or replayed."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from console.paper.book import LiveMarket, MakerFill
from console.paper.desk import Desk
from console.paper.following import FollowedMarket, Received, Unusable
from console.paper.pauses import Point
from console.paper.recording import Recorder, Recording, Shown, State

MAX_STEPS_AT_ONCE: Final = 900
"""Steps caught up on one by one after a pause (five minutes at normal speed); what lies before in larger ones."""


class Motion:
    """Moves all markets on together, so that what happens in them happens in the order of time."""

    def __init__(
        self,
        markets: Mapping[str, LiveMarket],
        step_us: int,
        start_us: int,
        desk: Desk,
        recorder: Recorder | None = None,
        recording: Recording | None = None,
    ) -> None:
        """`desk` is told what the market takes of own orders; `recording` is what is replayed."""
        self._markets = markets
        self._step_us = step_us
        self._now_us = start_us
        self._step = start_us // step_us
        self._desk = desk
        self._recorder = recorder
        self._recording = recording
        self._told = {name: market.trade_seq for name, market in markets.items()}

    def advance(self, now_us: int) -> None:
        """Bring every market to a market time."""
        for market in self._markets.values():
            # What was done to own orders since the last time, at that time.
            self._tell(market, self._told[market.spec.market], inside=False)
        self._now_us = now_us
        if self._run(now_us // self._step_us):
            self._replay(now_us)
        self._told = {name: market.trade_seq for name, market in self._markets.items()}

    def _run(self, target: int) -> bool:
        """All steps up to that one; False if a replayed pause lasts beyond it."""
        late = target - MAX_STEPS_AT_ONCE
        if self._recording is None and self._step + 1 < late:
            if self._recorder is not None:
                self._recorder.pause(self._step + 1, late)
            self._live_through_pause(late)
        while self._step < target:
            step = self._step + 1
            resumed = None if self._recording is None else self._recording.pauses.get(step)
            if resumed is not None and resumed > target:
                return False
            self._replay(step * self._step_us - 1)
            if resumed is not None:
                self._live_through_pause(resumed)
                continue
            for market in self._markets.values():
                self._move(market, step)
            self._step = step
        return True

    def _live_through_pause(self, step: int) -> None:
        """All that lies between the present and a step far off: trades, candles, and what they fill."""
        moving = [market for market in self._markets.values() if market.trading]
        missed = [_numbered(market.missed_before(step), number) for number, market in enumerate(moving)]
        for at_us, ticks, amount, number in heapq.merge(*missed):
            market = moving[number]
            if market.own or market.waiting:
                market.turn(at_us, ticks)
                before, self._now_us = market.trade_seq, at_us
                self._trade(market, market.crossed_by_makers())
                self._tell(market, before, inside=False)
            self._replay(at_us)
            market.trade_by(at_us, ticks, amount)
        self._step = step - 1

    def _move(self, market: LiveMarket, step: int) -> None:
        if not market.trading:
            # What would have happened meanwhile never does.
            market.pass_time(step)
            return
        before = market.trade_seq
        if market.own or market.waiting:
            # A high or low between two steps fills what rests there, in the candle it belongs to.
            for at_us, ticks in market.turns_before(step):
                market.turn(at_us, ticks)
                self._trade(market, market.crossed_by_makers())
        market.requote(step)
        shown = None if self._recording is None else self._recording.inside(market.spec.market, step)
        if shown is not None:
            shown.put_on(market)
        if market.own:
            self._desk.apply_fills(market, market.crossed_by_makers())
        self._trade(market, market.public_taker() if shown is None else [])
        self._tell(market, before, inside=True)

    # following, recording, replaying --------------------------------------------------------------------------
    def receive(self, received: Received) -> None:
        """Take over an answer of the followed exchange, and fill what its book reaches; Unusable if it is none."""
        market = self._markets[received.market]
        if not isinstance(market, FollowedMarket):
            raise Unusable(f"{received.market} follows nobody")
        market.receive(received)
        if self._recorder is not None:
            self._recorder.answer(self._now_us, received)
        if market.trading:
            self._trade(market, market.crossed_by_makers() if market.own else [])

    def end(self) -> None:
        """Finish the recording."""
        self.advance(self._now_us)
        if self._recorder is not None:
            self._recorder.end(self._now_us)

    def _trade(self, market: LiveMarket, fills: list[MakerFill]) -> None:
        self._desk.apply_fills(market, fills)
        if market.waiting:
            self._desk.run_triggers(market)

    def _tell(self, market: LiveMarket, before: int, *, inside: bool) -> None:
        if market.touched and self._recorder is not None:
            self._recorder.shown(market, self._now_us, market.trade_seq - before, inside=inside)
        market.touched = False

    def _enter(self, market: LiveMarket, state: str) -> None:
        """A market entered a state; where it trades again it has a new price."""
        before, market.state = market.state, state
        if before != state and market.trading and not market.stale:
            market.requote(market.step)

    def _replay(self, at_us: int) -> None:
        """All that a recording has up to a market time, except what belongs into steps."""
        while self._recording is not None and (due := self._recording.due(at_us)) is not None:
            if isinstance(due, Shown):
                due.put_on(self._markets[due.market])
            elif isinstance(due, State):
                self._enter(self._markets[due.market], due.state)
            else:
                self.receive(due)


def _numbered(points: Iterator[Point], number: int) -> Iterator[tuple[int, int, Decimal, int]]:
    return ((*point, number) for point in points)
