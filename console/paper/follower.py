"""Asking another exchange for its public data, within the points its headers leave.

At the usual pace about 440 points a minute are used, of the 1000 an address has. Once no more than a fifth of the
points is left, nothing is asked until they are given anew; after a ban (429) nothing until it ends.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from console.clock import SystemClock
from console.paper.candles import INTERVALS
from console.paper.following import Received, Unusable
from console.paper.markets import BY_NAME

TIMEOUT_S: Final = 5.0
KEPT_PERCENT: Final = 20
BAN_MS: Final = 60_000
"""How long to keep still after a ban whose end cannot be read."""

DEPTH: Final = 200
_EXPIRES: Final = re.compile(r"expires at ([0-9]{1,16})")
_PREFIX: Final = "bitvavo-ratelimit-"


class FollowError(Exception):
    """The followed exchange cannot be used from the start; the text is one sentence."""


class NoAnswer(Exception):
    """One request brought nothing usable; the text says what was seen."""


@dataclass
class Job:
    """Something to ask again and again: path, query and weight, what the answer is, and every how many seconds."""

    what: str
    market: str
    path: str
    weight: int
    every_s: float
    next_s: float = 0.0


def jobs_of(markets: Sequence[str]) -> list[Job]:
    """All that is asked about these markets, in the order in which a start needs it."""
    made = []
    for name in markets:
        made += [
            Job("price", name, f"/ticker/price?market={name}", 1, 4),
            Job("book", name, f"/{name}/book?depth={DEPTH}", 1, 2),
            Job("day", name, f"/ticker/24h?market={name}", 1, 10),
            Job("trades", name, f"/{name}/trades?limit=1000", 5, 10),
            Job("candles 1m", name, f"/{name}/candles?interval=1m", 1, 10),
            Job("market", name, f"/markets?market={name}", 1, 60),
        ]
        made += [
            Job(f"candles {interval}", name, f"/{name}/candles?interval={interval}", 1, 60)
            for interval in INTERVALS
            if interval != "1m"
        ]
    return made


class Points:
    """What the followed exchange's headers said last about the points left."""

    def __init__(self) -> None:
        self._limit = self._remaining = self._reset_ms = 0
        self._banned_until_ms = 0

    def wait_ms(self, weight: int, now_ms: int) -> int:
        """How long a request of that weight has to wait; `now_ms` is the followed exchange's time."""
        wait = max(self._banned_until_ms - now_ms, 0)
        if now_ms < self._reset_ms and (self._remaining - weight) * 100 < KEPT_PERCENT * self._limit:
            wait = max(wait, self._reset_ms - now_ms)
        return wait

    def learn(self, answer: httpx.Response, now_ms: int) -> None:
        """Take over the headers of an answer, and the end of a ban."""
        found = [answer.headers.get(_PREFIX + name, "") for name in ("limit", "remaining", "resetat")]
        if all(each.isascii() and each.isdigit() and len(each) <= 16 for each in found):
            self._limit, self._remaining, self._reset_ms = map(int, found)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            end = _EXPIRES.search(answer.text)
            until = int(end[1]) if end is not None else 0
            self._banned_until_ms = until if until > now_ms else now_ms + BAN_MS


class Follower:
    """Asks the exchange at `url` (such as https://api.bitvavo.com/v2) and hands on what it answers."""

    def __init__(self, url: str, clock: SystemClock, client: httpx.AsyncClient | None = None) -> None:
        """`client` replaces the network in tests."""
        self.url = url.rstrip("/")
        self.trouble = ""
        self._clock = clock
        self._client = client or httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False)
        self._points = Points()
        self._offset_us = 0
        self.jobs: list[Job] = []

    async def ask(self, job: Job) -> Received:
        """One answer, after as long as the points demand; NoAnswer if there is none that could be used."""
        while wait := self._points.wait_ms(job.weight, self._now_ms()):
            await self._clock.sleep(min(wait / 1000 + 0.05, 5))
        try:
            answer = await self._client.get(self.url + job.path)
        except (httpx.HTTPError, OSError) as error:
            raise NoAnswer(f"{job.path}: {type(error).__name__}") from None
        self._points.learn(answer, self._now_ms())
        if answer.status_code != httpx.codes.OK:
            raise NoAnswer(f"{job.path}: HTTP status {answer.status_code}")
        try:
            return Received(self._clock.now(), job.what, job.market, answer.json())
        except (ValueError, RecursionError):
            raise NoAnswer(f"{job.path}: no JSON") from None

    def take_over(self, earlier: Follower) -> None:
        """Go on where another one of the same address stopped."""
        self.jobs, self._points, self._offset_us = earlier.jobs, earlier._points, earlier._offset_us

    def _now_ms(self) -> int:
        return (self._clock.now() + self._offset_us) // 1000

    async def begin(self) -> list[Received]:
        """The first answers: the clock, then all of every market that exists there. FollowError if that fails."""
        try:
            asked_us = self._clock.now()
            clock = await self.ask(Job("clock", "", "/time", 1, 0))
            offset = int(clock.body["time"]) * 1000 - (asked_us + clock.at_us) // 2
            listed = await self.ask(Job("markets", "", "/markets", 1, 0))
            there = {str(each["market"]): str(each["status"]) for each in listed.body}
            names = [name for name in BY_NAME if there.get(name) == "trading"]
            if not names:
                raise FollowError(f"{self.url} trades none of {', '.join(BY_NAME)}.")
            self._offset_us, self.jobs = offset, jobs_of(names)
            first = [Received(clock.at_us, "clock", name, offset) for name in names]
            # The markets side by side, so that a start takes no longer than one of them.
            each = await asyncio.gather(*(self._all_of(name) for name in names))
            return first + [received for one in each for received in one]
        except NoAnswer as error:
            raise FollowError(f"{self.url} cannot be followed: {error}.") from None
        except (KeyError, TypeError, ValueError):
            raise FollowError(f"{self.url} does not answer as an exchange of this protocol.") from None

    async def _all_of(self, market: str) -> list[Received]:
        return [await self.ask(job) for job in self.jobs if job.market == market]

    async def run(self, take: Callable[[Received], None]) -> None:
        """Ask for ever, each thing at its own pace; what fails is asked again at its next turn."""
        now = self._clock.monotonic()
        for job in self.jobs:
            # A book goes stale within seconds, and the start took some.
            job.next_s = now + (0 if job.what == "book" else job.every_s)
        while True:
            job = min(self.jobs, key=lambda each: each.next_s)
            await self._clock.sleep(job.next_s - self._clock.monotonic())
            job.next_s = max(job.next_s, self._clock.monotonic() - job.every_s) + job.every_s
            await self.once(job, take)

    async def once(self, job: Job, take: Callable[[Received], None]) -> None:
        """Ask one thing and hand it on; trouble is kept in words and said once."""
        try:
            take(await self.ask(job))
        except (NoAnswer, Unusable) as error:
            if not self.trouble:
                print(f"{self.url}: {error}", file=sys.stderr)  # noqa: T201 - the exchange's log
            self.trouble = str(error)
        else:
            if self.trouble:
                print(f"{self.url} answers again", file=sys.stderr)  # noqa: T201
            self.trouble = ""
