"""From options to a market in motion: what is asked for, else what the folder keeps, made into an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import httpx

from console.clock import SECOND, SystemClock
from console.paper.engine import Engine
from console.paper.follower import TIMEOUT_S, Follower, FollowError
from console.paper.following import Followed, Received, Unusable
from console.paper.options import PriceOptions
from console.paper.recording import Recorder
from console.paper.sources import SourceError, files_of, keep_followed, settle_followed, settle_replay, settle_sources
from console.paper.store import Store

Asking = Callable[[Callable[[Received], None]], Awaitable[None]]


class Prices:
    """The engine of an exchange with whoever brings or keeps its prices. SourceError if they cannot be had."""

    def __init__(self, store: Store, clock: SystemClock, seed: int, speed: float, options: PriceOptions) -> None:
        self._follower: Follower | None = None
        recording = settle_replay(store, options.replay)
        if recording is not None:
            then = recording.beginning
            seed, speed, played = then.seed, then.speed, files_of(recording)
            followed = None if then.follow is None else Followed(then.follow, (), then.oldest_us)
        else:
            played = settle_sources(store, options.candles)
            followed = self._begin_following(store, clock, options)
        if both := sorted(set(played) & set(options.regimes)):
            raise SourceError(f"{both[0]} plays a candle file; regimes are for generated prices.")
        if followed is not None and (played or options.regimes) and recording is None:
            raise SourceError(f"This exchange follows {followed.url}; it has no prices of its own.")
        with store.transaction():
            store.set_setting("speed", f"{speed:g}")
        recorder = _recorder(options)
        try:
            self.engine: Final = Engine(
                store, clock, seed, speed, played, options.regimes, followed, recorder, recording
            )
        except Unusable as error:
            raise SourceError(f"The exchange to follow answered what cannot be used: {error}.") from None
        if followed is not None and recording is None:
            keep_followed(store, followed.url)

    def _begin_following(self, store: Store, clock: SystemClock, options: PriceOptions) -> Followed | None:
        """The first answers of the exchange to follow; nothing is made up instead of them."""
        url = settle_followed(store, options.follow)
        if url is None:
            return None

        async def begin() -> list[Received]:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
                first = Follower(url, clock, client)
                received = await first.begin()
            # A client belongs to the event loop it was first used in.
            self._follower = Follower(url, clock)
            self._follower.take_over(first)
            return received

        try:
            return Followed(url, asyncio.run(begin()), int(options.oldest_s * SECOND))
        except FollowError as error:
            raise SourceError(str(error)) from None

    @property
    def asking(self) -> Asking | None:
        """What asks the followed exchange for ever, handing on what it answers; None if nobody is followed."""
        return None if self._follower is None else self._follower.run


def _recorder(options: PriceOptions) -> Recorder | None:
    if options.record is None:
        return None
    try:
        return Recorder(options.record.open("x", encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"{options.record} cannot be written: {error.strerror}.") from None
