"""Whatever is said to the WebSocket: an answer of the documented shape, and the socket stays open."""

from __future__ import annotations

import asyncio
import json
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from console.paper.actions import ACTIONS
from console.paper.app import ROUTES
from console.paper.channels import CHANNELS
from console.paper.errors import TEXTS
from tests.paper.kit import Bench
from tests.paper.sockets import MARKER, Socket, connected
from tests.paper.test_any_request import FITTING, LEAF, VALUE
from tests.paper.test_conservation import assert_conserved

NAMES = sorted({name for route in ROUTES.values() for name in route.params} | {"market", "requestId"})
FITS = st.sampled_from(
    ["BTC-EUR", "1m", "ticker", *CHANNELS, 1, "1", *(value for each in FITTING.values() for value in each)]
)
FIELD = st.one_of(FITS, FITS, VALUE)
LISTED = st.one_of(st.lists(FIELD, max_size=3), VALUE)
CHANNEL = st.fixed_dictionaries({}, optional={"name": FIELD, "markets": LISTED, "interval": LISTED})
WANTED = st.one_of(st.lists(st.one_of(CHANNEL, VALUE), max_size=3), VALUE)
ACTION = st.fixed_dictionaries(
    {"action": st.one_of(st.sampled_from(sorted(ACTIONS)), LEAF)}, optional=dict.fromkeys(NAMES, FIELD)
)
SUBSCRIBE = st.fixed_dictionaries(
    {"action": st.sampled_from(["subscribe", "unsubscribe"])}, optional={"channels": WANTED}
)
SIGNED = st.fixed_dictionaries({}, optional=dict.fromkeys(("key", "signature", "timestamp", "window"), FIELD))
MESSAGE = st.one_of(ACTION, ACTION, SUBSCRIBE, VALUE, st.text(max_size=20))


def assert_documented(answer: Any) -> None:
    """An answer, an acknowledgement, an event, or a refusal with a code that is known."""
    if "errorCode" in answer:
        assert answer["errorCode"] in TEXTS
        assert set(answer) <= {"action", "requestId", "market", "orderId", "errorCode", "error"}
    else:
        assert "response" in answer or "event" in answer


async def _answered(socket: Socket, message: Any) -> None:
    """Say it, and then something harmless: both are answered."""
    socket.say(message)
    socket.say({"action": "getTime", "requestId": MARKER})
    answers = 0
    while (answer := await socket.next()).get("requestId") != MARKER or "response" not in answer:
        assert_documented(answer)
        answers += "event" not in answer or answer["event"] in {"subscribed", "unsubscribed", "authenticate"}
    assert answers >= 1


async def _talk(bench: Bench, messages: list[Any], signed: dict[str, Any]) -> None:
    bench.exchange.limits._payers.clear()
    async with connected(bench) as socket:
        await socket.authenticate()
        for message in messages:
            await _answered(socket, message)
            bench.exchange.limits._payers.clear()
        await _answered(socket, _wrongly_signed(bench, signed))


def _wrongly_signed(bench: Bench, changes: dict[str, Any]) -> dict[str, Any]:
    right = {"key": bench.keys["trade"].key, "signature": "0" * 64, "timestamp": bench.clock.now() // 1000}
    return {"action": "authenticate"} | right | changes


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(MESSAGE, min_size=1, max_size=8), SIGNED)
@example([{"action": "getBook", "market": "\ud800"}], {"signature": "\ud800" * 64})
@example([{"action": "getTrades", "market": "BTC-EUR", "tradeIdFrom": 5}], {"key": "\ud800" * 64})
@example([json.dumps({"action": "getTime"})[:-1] + ',"requestId":' + "9" * 5000 + "}"], {"timestamp": "١" * 13})
def test_any_message_gets_a_documented_answer_and_the_socket_stays(messages: list[Any], signed: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench.make(Path(folder))
        asyncio.run(_talk(bench, messages, signed))
        assert_conserved(bench, Decimal(1000))
        bench.store.close()
