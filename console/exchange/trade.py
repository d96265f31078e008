"""The client that places, cancels and looks up orders, with the trade key. It reads no markets and no balance."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final, TypeVar

import httpx

from console.exchange.address import Address
from console.exchange.answers import (
    AlreadyGone,
    CancelAnswer,
    Canceled,
    Expected,
    Found,
    LookupFailed,
    Missing,
    NoAnswer,
    OrderListing,
    OwnTrade,
    TradeListing,
    classify_cancel_answer,
    classify_look_up,
    classify_order_answer,
    expected_of,
    same_id,
)
from console.exchange.errors import (
    NO_RIGHT,
    ExchangeError,
    ExchangeRefused,
    ExchangeUnreadable,
    parse_json,
    read_error,
)
from console.exchange.exchange_time import Ticking
from console.exchange.models import DeadManPayload, OrderPayload, TradePayload
from console.exchange.reader import Reader
from console.exchange.routes import TRADE
from console.exchange.signing import KeyPair, Stamp
from console.exchange.transport import Answer, Query, Transport
from console.exchange.weights import Lane, WeightBudget
from console.exchange.wire import as_list, read_all, read_one
from storage.execution_models import Signing, VenueOrder
from storage.executions import Accepted, PreparedOrder, Rejected

__all__ = [
    "AlreadyGone",
    "CancelAnswer",
    "Canceled",
    "Found",
    "LookupFailed",
    "Missing",
    "NoAnswer",
    "OrderListing",
    "OwnTrade",
    "TradeClient",
    "TradeListing",
]

PAGE: Final = 500
"""Rows asked for at once: the documented default, so no server cuts a page shorter without saying so."""

MAX_PAGES: Final = 40

ORDER_NEEDS: Final = 30
"""Points of one order to its end: the switch (5), the order, two look-ups, its market's open orders, orders and trades
(5 each), the balance (5), and a second look at some of them."""
CANCEL_S: Final = 5.0

Row = TypeVar("Row")


class TradeClient:
    """Orders at one exchange under one key. Orders, cancels and the dead man's switch are sent once, reads repeated."""

    def __init__(
        self,
        address: Address,
        keys: KeyPair,
        budget: WeightBudget,
        ticking: Ticking,
        *,
        identity: str,
        http: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.transport = Transport(address, TRADE, keys, http=http)
        self.fingerprint: Final = keys.fingerprint
        self.identity: Final = identity
        self._reader = Reader(self.transport, budget, ticking)
        self._budget = budget
        self._time = ticking.time

    async def aclose(self) -> None:
        """Close the connections."""
        await self.transport.aclose()

    # placing and canceling ------------------------------------------------------------------------------------
    def may_place(self) -> None:
        """RateLimited during a ban, or with too few points left to look for the order; ask before a claim is sent."""
        self._budget.require_room(ORDER_NEEDS)

    def prepare(self, window_ms: int) -> Signing:
        """Time, window, key and exchange of an order that is to be signed now."""
        return Signing(self._time.now_ms(), window_ms, self.fingerprint, self.identity)

    async def place_order(self, prepared: PreparedOrder, timeout_s: float) -> Accepted | Rejected | NoAnswer:
        """Send the stored request byte for byte, once, with its stored signing time.

        While the exchange has banned us nothing is sent, and the answer is NoAnswer all the same: the vault says
        SUBMITTING by then. Raises ValueError, before anything is sent, if it was prepared for another key or exchange
        or names another id.
        """
        expected = self._own(prepared)
        stamp = Stamp(prepared.signing.signed_at_ms, prepared.signing.window_ms)
        body = prepared.body.encode()
        try:
            answer = await self._send("POST", "/order", body=body, stamp=stamp, lane=Lane.ORDER, timeout_s=timeout_s)
        except ExchangeError as error:
            return NoAnswer(str(error))
        return classify_order_answer(answer.status, answer.body, expected)

    def _own(self, prepared: PreparedOrder) -> Expected:
        expected = expected_of(prepared.body)
        if not same_id(prepared.client_order_id, expected.client_order_id):
            raise ValueError("The stored request carries another client order id than its execution.")
        signing = prepared.signing
        if (signing.key_fingerprint, signing.exchange_identity) != (self.fingerprint, self.identity):
            raise ValueError("The order was prepared for another key or another exchange.")
        return expected

    async def cancel_order(
        self,
        market: str,
        order_id: str | None,
        client_order_id: str,
        operator_id: int,
        *,
        timeout_s: float = CANCEL_S,
    ) -> CancelAnswer:
        """Take back the unfilled rest of an order, by its order id if that is known; safe to repeat.

        Never raises for what the exchange or the network does, and is sent during a ban, too. Only Canceled says that
        this call ended the order; Rejected says that it stands, for a listed reason.
        """
        named = ("clientOrderId", client_order_id) if order_id is None else ("orderId", order_id)
        query: Query = [("market", market), named, ("operatorId", operator_id)]
        try:
            answer = await self._send("DELETE", "/order", query, lane=Lane.CANCEL, timeout_s=timeout_s)
        except ExchangeError as error:
            return NoAnswer(str(error))
        return classify_cancel_answer(answer.status, answer.body, order_id, client_order_id)

    async def arm_dead_man(self, group: int, seconds: int, *, timeout_s: float = CANCEL_S) -> None:
        """Let the exchange cancel the group's orders ``seconds`` (10 to 300) from now unless armed again.

        Raises TransportSilent, RateLimited, ExchangeRefused and ExchangeUnreadable: then it may not be armed.
        """
        body = json.dumps({"codGroupId": group, "expiryAfterSeconds": seconds}, separators=(",", ":")).encode()
        answer = await self._send(
            "POST", "/cancelOrdersAfter", body=body, lane=Lane.ORDER, weight=5, timeout_s=timeout_s
        )
        if answer.status != 200:
            raise ExchangeRefused(answer.status, *read_error(answer.body))
        armed = read_one(DeadManPayload, parse_json(answer.body), "answer to the dead man's switch").cod_group_id
        if armed != group:
            raise ExchangeUnreadable(f"Asked to arm group {group}, the exchange armed {armed}.")

    async def _send(
        self,
        method: str,
        path: str,
        query: Query = (),
        *,
        body: bytes = b"",
        stamp: Stamp | None = None,
        lane: Lane,
        weight: int = 1,
        timeout_s: float,
    ) -> Answer:
        self._budget.admit(lane, self.fingerprint, weight)
        used = Stamp(self._time.now_ms()) if stamp is None else stamp
        answer = await self.transport.send(method, path, query, body=body, stamp=used, timeout_s=timeout_s)
        self._budget.learn(self.fingerprint, answer.status, answer.headers, answer.body)
        return answer

    # looking up -----------------------------------------------------------------------------------------------
    async def find_order(
        self, market: str, client_order_id: str, order_id: str | None = None
    ) -> Found | Missing | LookupFailed:
        """Look one order up; never raises for what the exchange or the network does.

        By its order id where that is known: client order ids are documented for open orders only.
        """
        named = ("clientOrderId", client_order_id) if order_id is None else ("orderId", order_id)
        query = [("market", market), named]
        try:
            value = await self._reader.get("/order", query, lane=Lane.RECONCILE, signed=True)
            order = read_one(OrderPayload, value, "order").order()
        except ExchangeRefused as error:
            return classify_look_up(error.http_status, error.error_code, error.text)
        except ExchangeError as error:
            return LookupFailed(str(error))
        ours = same_id(client_order_id, order.client_order_id) or order.order_id == order_id
        if order.market != market or not ours:
            return LookupFailed(f"the answer is about order {order.order_id} in {order.market}, not about ours")
        return Found(order)

    async def refuses_look_up(self, market: str, client_order_id: str) -> ExchangeRefused | None:
        """The refusal, if this key may not look orders up; None also where the exchange gave no such answer."""
        query = [("market", market), ("clientOrderId", client_order_id)]
        try:
            await self._reader.get("/order", query, lane=Lane.RECONCILE, signed=True)
        except ExchangeRefused as error:
            return error if (error.http_status, error.error_code) in NO_RIGHT else None
        except ExchangeError:
            return None
        return None

    async def open_orders(self, market: str) -> tuple[VenueOrder, ...]:
        """Every open order of one market. Raises ExchangeError kinds: half a list is none."""
        value = await self._reader.get("/ordersOpen", [("market", market)], lane=Lane.RECONCILE, weight=5, signed=True)
        orders = tuple(row.order() for row in read_all(OrderPayload, value, "open order"))
        if any(order.market != market for order in orders):
            raise ExchangeUnreadable(f"Asked for open orders of {market}, the exchange sent some of another market.")
        return orders

    async def orders(self, market: str, start_ms: int) -> OrderListing:
        """Every order of one market created at or after ``start_ms``, read page by page, newest first."""

        def row(value: Any) -> tuple[str, int, VenueOrder]:
            payload = read_one(OrderPayload, value, "order")
            _same_market(payload.market, market)
            return payload.order_id, payload.created, payload.order()

        rows, cause = await self._pages("/orders", market, start_ms, row)
        return OrderListing(tuple(rows), cause is None, cause)

    async def own_trades(self, market: str, start_ms: int) -> TradeListing:
        """Every own fill of one market at or after ``start_ms``, read page by page, newest first."""

        def row(value: Any) -> tuple[str, int, OwnTrade]:
            payload = read_one(TradePayload, value, "trade")
            _same_market(payload.market, market)
            trade = OwnTrade(payload.order_id, payload.client_order_id, payload.market, payload.side, payload.fill())
            return payload.id, payload.timestamp, trade

        rows, cause = await self._pages("/trades", market, start_ms, row)
        return TradeListing(tuple(rows), cause is None, cause)

    async def _pages(
        self, path: str, market: str, start_ms: int, read: Callable[[Any], tuple[str, int, Row]]
    ) -> tuple[Sequence[Row], str | None]:
        """All rows in reach, and why they are not all there are (None: they are).

        ``read`` gives a row's id, its time in milliseconds, and its value. The next page ends one millisecond after the
        oldest row seen, so that a bound that is left out hides no row of that millisecond; what comes twice is dropped
        by its id.
        """
        known: dict[str, Row] = {}
        end_ms: int | None = None
        for _page in range(MAX_PAGES):
            query: list[tuple[str, str | int]] = [("market", market), ("limit", PAGE), ("start", start_ms)]
            if end_ms is not None:
                query.append(("end", end_ms))
            times: list[int] = []
            try:
                values = as_list(await self._reader.get(path, query, lane=Lane.RECONCILE, weight=5, signed=True), path)
                for value in values:
                    identity, at_ms, row = read(value)
                    known.setdefault(identity, row)
                    times.append(at_ms)
            except ExchangeError as error:
                return list(known.values()), str(error)
            if len(times) < PAGE:
                return list(known.values()), None
            obstacle = _no_way_on(times, end_ms)
            if obstacle is not None:
                return list(known.values()), obstacle
            end_ms = times[-1] + 1
        return list(known.values()), f"more than {MAX_PAGES} pages"


def _no_way_on(times: Sequence[int], end_ms: int | None) -> str | None:
    """Why the page after a full one cannot be asked for by time; None if it can."""
    if any(newer < older for newer, older in pairwise(times)):
        return "the listing is not newest first"
    if end_ms is not None and times[-1] + 1 >= end_ms:
        return f"more than {PAGE} rows in one millisecond"
    return None


def _same_market(theirs: str, ours: str) -> None:
    if theirs != ours:
        raise ExchangeUnreadable(f"Asked about {ours}, the exchange sent a row of {theirs}.")
