"""The running exchange's own door: faults and state, behind a secret path that only `exchange.json` tells."""

from __future__ import annotations

import json
import os
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from console.paper.engine import Engine
from console.paper.faults import Faults, FaultSpecError, parse_faults
from console.paper.regimes import choice_of

EXPECTED: Final = 'Expected {"faults": SPEC}, {"clear": true} or {"regimes": {MARKET: REGIME}}.'


class Control:
    """GET: id, pid, faults, market time, source of the prices, regimes.

    POST `{"clear": true}` and/or `{"faults": SPEC}`: change the faults. POST `{"regimes": {MARKET: REGIME}}`: how
    generated markets behave from the next minute on (`seed`: as their seed deals).
    """

    def __init__(self, token: str, identity: str, engine: Engine, faults: Faults, routes: tuple[str, ...]) -> None:
        self.path = f"/control/{token}"
        self._identity = identity
        self._engine = engine
        self._faults = faults
        self._routes = routes

    def owns(self, path: str) -> bool:
        """Whether a path is the secret one."""
        return path == self.path

    async def answer(self, request: Request) -> Response:
        """Answer one request; 400 with a sentence for what cannot be meant."""
        if request.method == "POST":
            try:
                self._change(json.loads(await request.body()))
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)
        elif request.method != "GET":
            return JSONResponse({"error": "Only GET and POST."}, 405)
        return JSONResponse(self._state())

    def _change(self, wanted: Any) -> None:
        if not isinstance(wanted, dict) or not wanted or set(wanted) - {"faults", "clear", "regimes"}:
            raise FaultSpecError(EXPECTED)
        spec, clear, regimes = wanted.get("faults", ""), wanted.get("clear", False), wanted.get("regimes", {})
        if not (isinstance(spec, str) and isinstance(clear, bool) and isinstance(regimes, dict)):
            raise FaultSpecError(EXPECTED)
        added = parse_faults(spec, self._routes)
        self._engine.choose_regimes({market: choice_of(market, name) for market, name in regimes.items()})
        if clear:
            self._faults.rules.clear()
        self._faults.rules.extend(added)

    def _state(self) -> dict[str, Any]:
        return {
            "id": self._identity,
            "pid": os.getpid(),
            "market_us": self._engine.market_now(),
            "speed": self._engine.speed,
            "source": self._engine.source(),
            "sources": {market: self._engine.source(market) for market in self._engine.markets},
            "regimes": self._engine.regimes.now(),
            "faults": [rule.shown() for rule in self._faults.rules],
        }
