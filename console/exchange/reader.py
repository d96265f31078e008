"""Reads: charged to the budget, signed where needed, tried up to three times when the exchange is silent or down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from console.exchange.errors import ExchangeRefused, RateLimited, TransportSilent, parse_json, read_error
from console.exchange.exchange_time import Ticking
from console.exchange.signing import Stamp
from console.exchange.transport import Answer, Query, Transport
from console.exchange.weights import Lane, WeightBudget

TRIES: Final = 3
ATTEMPT_S: Final = 3.0
TOTAL_S: Final = 8.0
FIRST_WAIT_S: Final = 0.1

UNSIGNED: Final = "address"
"""Whose points an unsigned call costs: those of this machine's address."""


@dataclass(frozen=True, slots=True)
class Timed:
    """An answer with the monotonic seconds just before its request left and just after it was here."""

    answer: Answer
    asked: float
    answered: float


class Reader:
    """One client's way to read."""

    def __init__(self, transport: Transport, budget: WeightBudget, ticking: Ticking) -> None:
        self.transport = transport
        self.budget = budget
        self.ticking = ticking

    async def get(self, path: str, query: Query = (), *, lane: Lane, weight: int = 1, signed: bool = False) -> Any:
        """The JSON of a 200 answer.

        Raises RateLimited, TransportSilent, ExchangeRefused (any other status) and ExchangeUnreadable.
        """
        timed = await self.get_timed(path, query, lane=lane, weight=weight, signed=signed)
        return parse_json(timed.answer.body)

    async def get_timed(
        self,
        path: str,
        query: Query = (),
        *,
        lane: Lane,
        weight: int = 1,
        signed: bool = False,
        attempt_s: float = ATTEMPT_S,
    ) -> Timed:
        """A 200 answer whole, with the times of the attempt that brought it; raises as ``get`` does."""
        deadline = self.ticking.clock.monotonic() + TOTAL_S
        async for attempt in self._attempts(deadline):
            with attempt:
                timed = await self._ask(path, query, lane, weight, signed, min(attempt_s, self._left(deadline)))
        return timed

    def _left(self, deadline: float) -> float:
        return max(deadline - self.ticking.clock.monotonic(), 0.05)

    def _attempts(self, deadline: float) -> AsyncRetrying:
        def wait(state: RetryCallState) -> float:
            longest = FIRST_WAIT_S * 2**state.attempt_number
            return self.ticking.random.uniform(FIRST_WAIT_S, longest)

        def spent(_state: RetryCallState) -> bool:
            return self.ticking.clock.monotonic() >= deadline

        return AsyncRetrying(
            retry=retry_if_exception(_worth_another_try),
            stop=lambda state: stop_after_attempt(TRIES)(state) or spent(state),
            wait=wait,
            sleep=self.ticking.clock.sleep,
            reraise=True,
        )

    async def _ask(self, path: str, query: Query, lane: Lane, weight: int, signed: bool, timeout_s: float) -> Timed:
        source = (self.transport.fingerprint or UNSIGNED) if signed else UNSIGNED
        self.budget.admit(lane, source, weight)
        stamp = Stamp(self.ticking.time.now_ms()) if signed else None
        asked = self.ticking.clock.monotonic()
        answer = await self.transport.send("GET", path, query, stamp=stamp, timeout_s=timeout_s)
        self.budget.learn(source, answer.status, answer.headers, answer.body)
        if answer.status == 429:
            until = self.budget.banned_until_ms
            raise RateLimited(
                self.ticking.time.now_ms() if until is None else until, "The exchange's rate limit was hit."
            )
        if answer.status != 200:
            raise ExchangeRefused(answer.status, *read_error(answer.body))
        return Timed(answer, asked, self.ticking.clock.monotonic())


def _worth_another_try(error: BaseException) -> bool:
    if isinstance(error, ExchangeRefused):
        return error.http_status >= 500
    return isinstance(error, TransportSilent)
