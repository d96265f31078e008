"""Applying a request, or what a fault makes of it; the same for HTTP and for the WebSocket."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from console.paper.auth import Caller
from console.paper.calls import Call, Route
from console.paper.engine import Engine
from console.paper.errors import TEXTS, ApiError, refusal
from console.paper.faults import Fault, Faults

_FAULT_CODES: Final = {403: 320, 404: 240, 429: 105, 500: 101, 503: 109}
_PAGE: Final = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class Cut(Exception):
    """Nothing is answered: the connection is to be cut."""


@dataclass
class Page(Exception):
    """Something nobody can parse is answered: an HTML page with a status."""

    status: int
    text: str


def page(title: str) -> str:
    """A small HTML page."""
    return _PAGE.format(title)


class Applier:
    """Runs routes on the engine, spoiled by the faults in force."""

    def __init__(self, engine: Engine, faults: Faults) -> None:
        self._engine = engine
        self._faults = faults
        self._late: set[asyncio.Task[None]] = set()

    async def spoiled(self, route: Route, call: Call, caller: Caller | None) -> Any:
        """What the route answers under the faults in force. Raises ApiError, Cut and Page."""
        fault = self._faults.draw(route.name)
        if fault is None:
            return self.run(route, call, caller)
        match fault.name:
            case "status":
                raise self._status(fault)
            case "html":
                status = 502 if fault.number is None else int(fault.number)
                raise Page(status, page(f"{status} Bad Gateway"))
            case "drop-before-apply":
                raise Cut
            case "apply-then-drop":
                with suppress(ApiError):
                    self.run(route, call, caller)
                raise Cut
            case "late-apply":
                self._run_later(route, call, fault.number or 0.0)
                raise Cut
            case "delay":
                await self._engine.clock.sleep(fault.number or 0.0)
                return self.run(route, call, caller)
            case "lag":
                return self.run(route, Call(call.params, call.market, fault.number or 0.0), caller)
        raise ValueError(fault.name)

    def run(self, route: Route, call: Call, caller: Caller | None) -> Any:
        """The route's answer. One that changes something is refused (108) once the request's window has passed."""
        if caller is not None and route.method != "GET" and self._engine.clock.now() // 1000 > caller.deadline_ms:
            raise refusal(108)
        return route.answer(self._engine, call)

    def _run_later(self, route: Route, call: Call, seconds: float) -> None:
        """What the matching engine does with an order it took long ago: apply it, past any access window."""

        async def later() -> None:
            await self._engine.clock.sleep(seconds)
            with suppress(ApiError):
                self.run(route, call, None)

        task = asyncio.get_running_loop().create_task(later())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _status(self, fault: Fault) -> ApiError:
        status = int(fault.number or 0)
        code = _FAULT_CODES.get(status, 400)
        return ApiError(status, code, TEXTS[code][1].format(self._engine.clock.now() // 1000 + 60_000))
