"""The ASGI application: one dispatcher that charges, verifies, applies and answers, and lets WebSockets in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from console.paper import history, not_served, order_routes, overview, private, public
from console.paper.applying import Applier, Cut, CutShort, Page, page
from console.paper.auth import ApiKey, Caller, authenticate
from console.paper.calls import Call, Route
from console.paper.choices import LOCKED_ACCOUNT
from console.paper.control import Control
from console.paper.engine import Engine
from console.paper.errors import ApiError, refusal
from console.paper.faults import Faults
from console.paper.hub import Hub
from console.paper.limits import RateLimits, payer_of
from console.paper.process import IDENTITY_HEADER, JOIN_HEADER
from console.paper.websocket import PATHS, TRANSPORT, Connection

_ALL: Final = (
    *public.ROUTES, *overview.ROUTES, *private.ROUTES, *order_routes.ROUTES, *history.ROUTES, *not_served.ROUTES,
)  # fmt: skip
ROUTES: Final[dict[str, Route]] = {route.name: route for route in _ALL}


class Dropped(Response):
    """No answer at all: the connection is cut."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort the transport and wait until the server has noticed."""
        scope["extensions"][TRANSPORT].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class DroppedHalfway(Response):
    """An answer of which half is sent before the connection is cut."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and half of the body, then cut."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope["extensions"][TRANSPORT].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


def find_route(method: str, path: str) -> tuple[Route, str | None] | None:
    """The route of a path below `/v2` with the market it names."""
    plain = ROUTES.get(f"{method} {path}")
    if plain is not None:
        return plain, None
    parts = path.split("/")
    if len(parts) >= 3:
        market = parts[-2]
        templated = ROUTES.get(f"{method} {'/'.join([*parts[:-2], '{market}', parts[-1]])}")
        if templated is not None:
            return templated, market
    return None


def _no_constants(name: str) -> Any:
    raise ValueError(name)


def _query(text: str, route: Route) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if route.in_body or name not in route.params:
            raise refusal(200, name)
        if name in values:
            raise refusal(205, name)
        values[name] = value
    return values


def _body(body: bytes, route: Route) -> dict[str, Any]:
    if not body:
        sent: Any = {}
    else:
        try:
            sent = json.loads(body, parse_constant=_no_constants)
        except (ValueError, RecursionError):
            raise refusal(102) from None
    if not isinstance(sent, dict):
        raise refusal(102)
    for name in sent:
        if not route.in_body or name not in route.params:
            raise refusal(201, name)
    return sent


def _loose(route: Route, raw_query: str) -> Mapping[str, Any]:
    """The parameters as far as the weight needs them, before anything is verified."""
    return {} if route.in_body else dict(parse_qsl(raw_query))


class Exchange:
    """The application. `path` of every request is below `/v2`, except `control` with its secret path."""

    def __init__(
        self, engine: Engine, keys: Mapping[str, ApiKey], identity: str, faults: Faults, control: Control
    ) -> None:
        self.engine = engine
        self.keys = dict(keys)
        self.identity = identity
        self.faults = faults
        self.limits = RateLimits()
        self.routes = ROUTES
        self.applier = Applier(engine, faults, self.limits)
        self.hub = Hub(engine, faults)
        self._control = control
        control.keys = self.keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"cannot serve {scope['type']}")
        request = Request(scope, receive)
        path = scope["path"]
        if self._control.owns(path):
            response = await self._control.answer(request)
        elif path.startswith("/v2/"):
            response = await self._serve(request, path[3:])
        else:
            response = _not_found()
        await response(scope, receive, send)

    async def _serve(self, request: Request, path: str) -> Response:
        found = find_route(request.method, path)
        if found is None:
            return _not_found()
        route, market = found
        joining = JOIN_HEADER in request.headers
        # Whoever asks whether an exchange runs here gets a true answer, whatever faults are in force.
        skew_ms = 0 if joining else self.faults.skew_ms(route.name)
        now_ms = self.now_ms() + skew_ms
        body = await request.body()
        host = request.client.host if request.client else ""
        known = self.keys.get(request.headers.get("bitvavo-access-key", ""))
        who = payer_of(None if known is None else known.name, host)
        raw_query = request.scope["query_string"].decode("latin-1")
        try:
            banned = self.limits.charge(who, route.weight(_loose(route, raw_query)), self.now_ms())
            if banned is not None:
                raise banned
            caller = self._authenticate(request, body, raw_query, now_ms)
            self.authorize(caller, host, route.right, route.lacking)
            params = _query(raw_query, route) | _body(body, route)
        except ApiError as error:
            return self._refuse(error, who)
        # Whoever asks whether an exchange runs here gets a true answer, whatever faults are in force.
        joining = JOIN_HEADER in request.headers
        return await self._answered(route, Call(params, market, skew_ms=skew_ms), caller, who, spoil=not joining)

    def _authenticate(self, request: Request, body: bytes, raw_query: str, now_ms: int) -> Caller | None:
        raw_path = request.scope.get("raw_path") or request.scope["path"].encode()
        target = raw_path.partition(b"?")[0].decode("latin-1")
        if raw_query:
            target += f"?{raw_query}"
        headers = {name.lower(): value for name, value in request.headers.items()}
        return authenticate(self.keys, headers, request.method, target, body, now_ms)

    def authorize(self, caller: Caller | None, host: str, right: str | None, missing: int | None = None) -> None:
        """Refuse a caller without that right (by the code `missing` if given), or where its key may not be used."""
        if caller is not None:
            caller.demand_address(host)
        if right is None:
            return
        if caller is None:
            raise refusal(300)
        if self.engine.locked:
            raise refusal(LOCKED_ACCOUNT.value)
        caller.demand(right, missing)

    async def _answered(self, route: Route, call: Call, caller: Caller | None, who: str, *, spoil: bool) -> Response:
        try:
            if not spoil:
                return self._json(200, self.applier.run(route, call, caller), who)
            return self._json(200, await self.applier.spoiled(route, call, caller, who), who)
        except ApiError as error:
            return self._refuse(error, who)
        except Page as spoiled:
            return HTMLResponse(spoiled.text, spoiled.status)
        except CutShort as short:
            answer = self._json(200, short.content, who)
            return DroppedHalfway(answer.body, 200, answer.headers)
        except Cut:
            return Dropped()

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a WebSocket in; 404 on another path, 429 while its address is banned."""
        connection = Connection(self, scope)
        refused: Response | None = None
        if scope["path"] not in PATHS:
            refused = _not_found()
        elif (banned := self.limits.charge(connection.payer, 0, self.now_ms())) is not None:
            refused = self._refuse(banned, connection.payer)
        if refused is None:
            await connection.serve(receive, send)
        else:
            await receive()
            await WebSocket(scope, receive, send).send_denial_response(refused)

    # answers --------------------------------------------------------------------------------------------------
    def now_ms(self) -> int:
        """Wall time in ms since the epoch."""
        return self.engine.clock.now() // 1000

    def _refuse(self, error: ApiError, who: str) -> Response:
        return self._json(error.status, {"errorCode": error.code, "error": error.text}, who)

    def _json(self, status: int, content: Any, who: str) -> Response:
        headers = self.limits.headers(who, self.now_ms()) | {IDENTITY_HEADER: self.identity}
        body = json.dumps(content, separators=(",", ":"))
        return Response(body, status, headers, media_type="application/json; charset=utf-8")


def _not_found() -> Response:
    return HTMLResponse(page("404 Not Found"), 404)


def application(exchange: Exchange) -> ASGIApp:
    """The exchange as the server runs it."""
    return exchange
