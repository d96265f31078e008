"""The ASGI application: one dispatcher that charges, verifies, spoils on purpose, applies and answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from console.paper import history, overview, private, public
from console.paper.auth import ApiKey, Caller, authenticate
from console.paper.calls import Call, Route
from console.paper.control import Control
from console.paper.engine import Engine
from console.paper.errors import TEXTS, ApiError, refusal
from console.paper.faults import Fault, Faults
from console.paper.limits import RateLimits
from console.paper.process import IDENTITY_HEADER, JOIN_HEADER

_ALL: Final = (*public.ROUTES, *overview.ROUTES, *private.ROUTES, *history.ROUTES)
ROUTES: Final[dict[str, Route]] = {route.name: route for route in _ALL}
TRANSPORT: Final = "console.transport"
"""Where the server leaves the connection's transport in the scope, for faults that cut it."""

_PAGE: Final = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_FAULT_CODES: Final = {403: 320, 404: 240, 429: 105, 500: 101, 503: 109}


class Dropped(Response):
    """No answer at all: the connection is cut."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort the transport and wait until the server has noticed."""
        scope["extensions"][TRANSPORT].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


def find_route(method: str, path: str) -> tuple[Route, str | None] | None:
    """The route of a path below `/v2` with the market it names."""
    plain = ROUTES.get(f"{method} {path}")
    if plain is not None:
        return plain, None
    parts = path.split("/")
    if len(parts) == 3:
        templated = ROUTES.get(f"{method} /{{market}}/{parts[2]}")
        if templated is not None:
            return templated, parts[1]
    return None


def _no_constants(name: str) -> Any:
    raise ValueError(name)


def _query(text: str, route: Route) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if route.method == "POST" or name not in route.params:
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
        if route.method != "POST" or name not in route.params:
            raise refusal(201, name)
    return sent


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
        self._control = control
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
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
        now_ms = self.engine.clock.now() // 1000
        body = await request.body()
        who = self._payer(request)
        raw_query = request.scope["query_string"].decode("latin-1")
        loose = dict(parse_qsl(raw_query))
        try:
            banned = self.limits.charge(who, route.weight(loose), now_ms)
            if banned is not None:
                raise banned
            caller = self._authenticate(request, body, raw_query, now_ms)
            self._authorize(route, caller)
            params = _query(raw_query, route)
            params |= _body(body, route)
        except ApiError as error:
            return self._refuse(error, who)
        if JOIN_HEADER in request.headers:
            # Whoever asks whether an exchange runs here gets a true answer, whatever faults are in force.
            return self._apply(route, Call(params, market), caller, who)
        return await self._spoiled(route, Call(params, market), caller, who)

    def _payer(self, request: Request) -> str:
        key = request.headers.get("bitvavo-access-key", "")
        if key in self.keys:
            return f"key {key}"
        return f"address {request.client.host if request.client else ''}"

    def _authenticate(self, request: Request, body: bytes, raw_query: str, now_ms: int) -> Caller | None:
        raw_path = request.scope.get("raw_path") or request.scope["path"].encode()
        target = raw_path.partition(b"?")[0].decode("latin-1")
        if raw_query:
            target += f"?{raw_query}"
        headers = {name.lower(): value for name, value in request.headers.items()}
        return authenticate(self.keys, headers, request.method, target, body, now_ms)

    def _authorize(self, route: Route, caller: Caller | None) -> None:
        if route.right is None:
            return
        if caller is None:
            raise refusal(300)
        caller.demand(route.right)

    # faults and applying --------------------------------------------------------------------------------------
    async def _spoiled(self, route: Route, call: Call, caller: Caller | None, who: str) -> Response:
        fault = self.faults.draw(route.name)
        if fault is None:
            return self._apply(route, call, caller, who)
        match fault.name:
            case "status":
                return self._status(fault, who)
            case "html":
                status = 502 if fault.number is None else int(fault.number)
                return HTMLResponse(_PAGE.format(f"{status} Bad Gateway"), status)
            case "drop-before-apply":
                return Dropped()
            case "apply-then-drop":
                self._apply(route, call, caller, who)
                return Dropped()
            case "late-apply":
                self._apply_later(route, call, who, fault.number or 0.0)
                return Dropped()
            case "delay":
                await self.engine.clock.sleep(fault.number or 0.0)
                return self._apply(route, call, caller, who)
            case "lag":
                return self._apply(route, Call(call.params, call.market, fault.number or 0.0), caller, who)
        raise ValueError(fault.name)

    def _apply_later(self, route: Route, call: Call, who: str, seconds: float) -> None:
        """What the matching engine does with an order it took long ago: apply it, past any access window."""

        async def later() -> None:
            await self.engine.clock.sleep(seconds)
            self._apply(route, call, None, who)

        task = asyncio.get_running_loop().create_task(later())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _apply(self, route: Route, call: Call, caller: Caller | None, who: str) -> Response:
        """Run the route; one that changes something is refused (108) once the request's window has passed."""
        try:
            if caller is not None and route.method != "GET" and self._now_ms() > caller.deadline_ms:
                raise refusal(108)
            return self._json(200, route.answer(self.engine, call), who)
        except ApiError as error:
            return self._refuse(error, who)

    # answers --------------------------------------------------------------------------------------------------
    def _now_ms(self) -> int:
        return self.engine.clock.now() // 1000

    def _status(self, fault: Fault, who: str) -> Response:
        status = int(fault.number or 0)
        code = _FAULT_CODES.get(status, 400)
        text = TEXTS[code][1].format(self._now_ms() + 60_000)
        return self._json(status, {"errorCode": code, "error": text}, who)

    def _refuse(self, error: ApiError, who: str) -> Response:
        return self._json(error.status, {"errorCode": error.code, "error": error.text}, who)

    def _json(self, status: int, content: Any, who: str) -> Response:
        headers = self.limits.headers(who, self._now_ms()) | {IDENTITY_HEADER: self.identity}
        body = json.dumps(content, separators=(",", ":"))
        return Response(body, status, headers, media_type="application/json; charset=utf-8")


def _not_found() -> Response:
    return HTMLResponse(_PAGE.format("404 Not Found"), 404)


def application(exchange: Exchange) -> ASGIApp:
    """The exchange as the server runs it."""
    return exchange
