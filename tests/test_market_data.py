"""What is fetched for the market on the screen: only while somebody looks, and no oftener than it is needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from console.exchange.errors import TransportSilent
from console.market_data import CANDLES_S, LOOKED_S, OTHERS_S, TRADES_S, MarketData
from storage.market_models import Candle, PublicTrade
from tests.screens.fakes import console_state, some_candles, some_view
from tests.support import SteppedClock

STATE = console_state()
OTHERS = frozenset({"LTC-EUR", "DOT-EUR"})
TAPE = some_view().tape
assert TAPE is not None


class Client:
    """Answers, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.silent = False

    async def candles(self, market: str, _interval: str, _limit: int) -> tuple[Candle, ...]:
        self.asked.append(market)
        if self.silent:
            raise TransportSilent("silent")
        return some_candles()

    async def trades(self, market: str, _limit: int) -> tuple[PublicTrade, ...]:
        self.asked.append(f"trades {market}")
        if self.silent:
            raise TransportSilent("silent")
        assert TAPE is not None
        return TAPE.trades


class Desk:
    """Market data over that client and a stepped clock."""

    def __init__(self) -> None:
        self.clock, self.client, self.news = SteppedClock(), Client(), 0
        engine: Any = SimpleNamespace(clock=self.clock, parts=SimpleNamespace(readonly=self.client))
        self.data = MarketData(engine, SimpleNamespace(), self._tell)  # type: ignore[arg-type]

    def _tell(self) -> None:
        self.news += 1

    async def turn(self) -> list[str]:
        """One turn; what it asked."""
        self.client.asked.clear()
        await self.data.keep_candles(STATE)
        return list(self.client.asked)


async def test_nobody_asks_for_trades_or_other_markets_unless_they_are_looked_at() -> None:
    desk = Desk()
    asked = await desk.turn()
    assert "BTC-EUR" in asked
    assert not [name for name in asked if name.startswith("trades") or name in OTHERS]


async def test_what_is_looked_at_is_asked_and_known_with_its_age() -> None:
    desk = Desk()
    first = desk.data.look_at("BTC-EUR", OTHERS)
    assert (first.tape, dict(first.candles)) == (None, {})
    began = desk.clock.monotonic()
    assert {"trades BTC-EUR", *OTHERS} <= set(await desk.turn())
    known = desk.data.look_at("BTC-EUR", OTHERS)
    assert known.tape is not None
    assert known.tape.fetched == began
    assert dict(known.fetched) == dict.fromkeys(sorted(OTHERS), began)


async def test_trades_and_other_markets_are_asked_again_only_after_a_while_and_are_no_news() -> None:
    desk = Desk()
    desk.data.look_at("BTC-EUR", OTHERS)
    await desk.turn()
    news = desk.news
    for _ in range(int(CANDLES_S) - 1):
        desk.clock.step(1.0)
        desk.data.look_at("BTC-EUR", OTHERS)
        asked = await desk.turn()
        assert not OTHERS & set(asked)
        assert asked.count("trades BTC-EUR") <= 1
    assert desk.news == news
    desk.clock.step(OTHERS_S - CANDLES_S)
    desk.data.look_at("BTC-EUR", OTHERS)
    desk.clock.step(1.0)
    assert {"trades BTC-EUR", *OTHERS} <= set(await desk.turn())


async def test_another_market_is_asked_at_once_and_nothing_of_one_is_shown_for_the_other() -> None:
    desk = Desk()
    desk.data.look_at("BTC-EUR", OTHERS)
    await desk.turn()
    assert desk.data.look_at("SOL-EUR", OTHERS).tape is None
    assert "trades SOL-EUR" in await desk.turn()


async def test_when_nobody_looks_any_more_it_ends() -> None:
    desk = Desk()
    desk.data.look_at("BTC-EUR", OTHERS)
    await desk.turn()
    desk.clock.step(LOOKED_S + TRADES_S)
    assert not [name for name in await desk.turn() if name.startswith("trades") or name in OTHERS]
    assert not OTHERS & set(desk.data.candles)


async def test_a_silent_exchange_is_asked_no_oftener_and_what_was_known_stays_with_its_age() -> None:
    desk = Desk()
    desk.data.look_at("BTC-EUR", OTHERS)
    await desk.turn()
    began, desk.client.silent = desk.clock.monotonic(), True
    desk.clock.step(TRADES_S)
    desk.data.look_at("BTC-EUR", OTHERS)
    assert await desk.turn() == ["trades BTC-EUR"]
    desk.clock.step(1.0)
    tape = desk.data.look_at("BTC-EUR", OTHERS).tape
    assert await desk.turn() == []
    assert tape is not None
    assert tape.fetched == began


async def test_what_was_let_go_is_asked_at_once_when_it_is_looked_at_again() -> None:
    desk = Desk()
    desk.data.look_at("BTC-EUR", OTHERS)
    await desk.turn()
    desk.clock.step(LOOKED_S + 1)
    await desk.turn()
    desk.clock.step(1.0)
    desk.data.look_at("BTC-EUR", OTHERS)
    assert set(await desk.turn()) >= OTHERS
    assert set(desk.data.look_at("BTC-EUR", OTHERS).candles) == OTHERS


async def test_trades_that_never_came_are_asked_no_oftener_than_those_that_did() -> None:
    desk = Desk()
    desk.client.silent = True
    desk.data.look_at("BTC-EUR", frozenset())
    assert "trades BTC-EUR" in await desk.turn()
    desk.clock.step(1.0)
    desk.data.look_at("BTC-EUR", frozenset())
    assert "trades BTC-EUR" not in await desk.turn()
