"""A WebSocket that is made again whenever it ends: where it may go, how long and how often it is tried."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from console.exchange.address import Address
from console.exchange.errors import MAX_TEXT, ExchangeError
from console.exchange.exchange_time import Ticking
from console.exchange.reader import UNSIGNED
from console.exchange.weights import WeightBudget

OPEN_S: Final = 5.0
PING_S: Final = 5.0
STEADY_S: Final = 30.0
"""A connection that held for so long begins the next waits from the shortest again."""

FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
LONGEST_MESSAGE: Final = 8 * 1024 * 1024
TOO_MANY: Final = 429

log = logging.getLogger(__name__)
wire_log = logging.getLogger(f"{__name__}.wire")
# Frames are never logged: the one that authenticates holds the key.
wire_log.setLevel(logging.WARNING)


class StreamLost(ExchangeError):
    """The connection could not be made or did not hold."""


class StraightConnect(connect):
    """A connection that follows no redirect: where it goes was checked, where a redirect goes was not."""

    def process_redirect(self, exc: Exception) -> Exception:
        """Every redirect is the error it came as."""
        return exc


class Link:
    """Connects and hands each connection to ``serve``, which returns or raises at its end."""

    def __init__(
        self,
        address: Callable[[], Address],
        ticking: Ticking,
        budget: WeightBudget,
        serve: Callable[[ClientConnection], Awaitable[None]],
    ) -> None:
        self._address = address
        self._ticking = ticking
        self._budget = budget
        self._serve = serve
        self.problem: str | None = None

    async def run(self) -> None:
        """Connect, and connect again whenever it is cut; ends only by being canceled."""
        while True:
            async for attempt in self._attempts():
                with attempt:
                    await self._once()
            await self._ticking.clock.sleep(FIRST_WAIT_S)

    def _attempts(self) -> AsyncRetrying:
        def wait(state: RetryCallState) -> float:
            longest = min(FIRST_WAIT_S * 2.0**state.attempt_number, LONGEST_WAIT_S)
            return self._ticking.random.uniform(FIRST_WAIT_S, longest)

        return AsyncRetrying(retry=retry_if_exception_type(StreamLost), wait=wait, sleep=self._ticking.clock.sleep)

    async def _once(self) -> None:
        """One connection, to its end; none during a ban. Raises StreamLost unless it held for a while."""
        if self._budget.banned_until_ms is not None:
            self.problem = "the stream waits: the exchange's rate limit was exceeded"
            raise StreamLost(self.problem)
        began = self._ticking.clock.monotonic()
        try:
            async with _connected(self._address().websocket) as connection:
                await self._serve(connection)
        except (OSError, WebSocketException, ExchangeError, ValueError) as error:
            if isinstance(error, InvalidStatus) and error.response.status_code == TOO_MANY:
                self._budget.learn(UNSIGNED, TOO_MANY, {}, bytes(error.response.body or b""))
            self.problem = f"the stream was lost: {type(error).__name__} {error}".strip()[:MAX_TEXT]
            log.warning("%s", self.problem)
        if self._ticking.clock.monotonic() - began < STEADY_S:
            raise StreamLost(self.problem or "the stream was closed")


def _connected(url: str) -> StraightConnect:
    trust = httpx.create_ssl_context(trust_env=False) if url.startswith("wss:") else None
    return StraightConnect(
        url,
        ssl=trust,
        proxy=None,
        compression=None,
        open_timeout=OPEN_S,
        ping_interval=PING_S,
        ping_timeout=PING_S,
        close_timeout=1,
        max_size=LONGEST_MESSAGE,
        user_agent_header="auto-invest-oracle",
        logger=wire_log,
    )
