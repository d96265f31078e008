"""Applying a request, or what a fault makes of it; the same for HTTP and for the WebSocket."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from console.paper.auth import Caller
from console.paper.calls import Call, Route, Spoiled
from console.paper.engine import Engine
from console.paper.errors import TEXTS, ApiError, refusal
from console.paper.faults import Fault, Faults
from console.paper.limits import RateLimits

_FAULT_CODES: Final = {403: 320, 404: 240, 429: 105, 500: 101, 503: 109}
_PAGE: Final = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class Cut(Exception):
    """Nothing is answered: the connection is to be cut."""


class CutShort(Cut):
    """The connection is to be cut in the middle of this answer."""

    def __init__(self, content: Any) -> None:
        self.content = content
        super().__init__("the answer is cut short")


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

    def __init__(self, engine: Engine, faults: Faults, limits: RateLimits) -> None:
        self._engine = engine
        self._faults = faults
        self._limits = limits
        self._late: set[asyncio.Task[None]] = set()

    async def spoiled(self, route: Route, call: Call, caller: Caller | None, who: str) -> Any:
        """What the route answers under the faults in force; `who` pays its points. Raises ApiError, Cut and Page."""
        fault = self._faults.draw(route.name)
        if fault is None:
            return self.run(route, call, caller)
        number = 0.0 if fault.number is None else fault.number
        match fault.name:
            case "status" | "error" | "ban" | "maintenance":
                raise self._refused(fault, int(number), who)
            case "html":
                status = 502 if fault.number is None else int(number)
                raise Page(status, page(f"{status} Bad Gateway"))
            case "drop-before-apply":
                raise Cut
            case "apply-then-drop":
                with suppress(ApiError):
                    self.run(route, call, caller)
                raise Cut
            case "disconnect":
                raise CutShort(self.run(route, call, caller))
            case "late-apply":
                self._run_later(route, call, number)
                raise Cut
            case "delay":
                await self._engine.clock.sleep(number)
                return self.run(route, call, caller)
        return self.run(route, replace(call, spoiled=_inside(fault, number)), caller)

    def run(self, route: Route, call: Call, caller: Caller | None) -> Any:
        """The route's answer. One that changes something is refused (108) once the request's window has passed."""
        now_ms = self._engine.clock.now() // 1000 + call.skew_ms
        if caller is not None and route.method != "GET" and now_ms > caller.deadline_ms:
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

    def _refused(self, fault: Fault, number: int, who: str) -> ApiError:
        """What is answered in place of applying."""
        now_ms = self._engine.clock.now() // 1000
        if fault.name == "ban":
            return self._limits.ban(who, now_ms + number * 1000)
        if fault.name == "maintenance":
            if fault.hits == 1:
                self._engine.cancel_all(None, reason="cancelOnMaintenance")
            return refusal(111)
        code = number if fault.name == "error" else _FAULT_CODES.get(number, 400)
        status, sentence = TEXTS[code]
        if fault.name == "status":
            status = number
        named = now_ms + 60_000 if code == 105 else "market"
        return ApiError(status, code, sentence.format(named, "orderId"))


def _inside(fault: Fault, seconds: float) -> Spoiled:
    """What a fault does inside the route."""
    match fault.name:
        case "lag":
            return Spoiled(lag_s=seconds)
        case "fills-late":
            return Spoiled(fills_late_s=seconds)
        case "fee-late":
            return Spoiled(fee_late_s=seconds)
        case "partial-then-cancel":
            return Spoiled(cut=True)
    raise ValueError(fault.name)
