"""The running exchange's own door: faults, states, keys, behind a secret path that only `exchange.json` tells."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from console.paper.assumptions import assume, assumed, check_assumptions
from console.paper.auth import TRADE, VIEW, ApiKey
from console.paper.book import DELISTED, STATES
from console.paper.engine import Engine
from console.paper.faults import Fault, Faults, FaultSpecError, parse_faults
from console.paper.following import FollowedMarket
from console.paper.regimes import choice_of

EXPECTED: Final = (
    'Expected an object with "faults": SPEC, "clear": true, "regimes": {MARKET: REGIME}, "markets": {MARKET: STATE}, '
    '"locked": true or false, "cancel": true, or "keys": {NAME: {"rights": [...], "addresses": [...] or null, '
    '"confirmed": true or false}}, or "assume": {NAME: VALUE}.'
)
NAMES: Final = frozenset({"faults", "clear", "regimes", "markets", "locked", "cancel", "keys", "assume"})
KEY_NAMES: Final = frozenset({"rights", "addresses", "confirmed"})


class Control:
    """GET: id, pid, faults, market time, source of the prices, regimes, market states, ages of what is followed, and
    what is assumed.

    POST changes what EXPECTED says: the rules in force, how generated markets behave from the next minute on (`seed`:
    as their seed deals), the state of a market (or "delisted"), a lock on the account (which cancels its orders), all
    open orders canceled by the exchange, what a key may do and from where, what is assumed where no source tells.
    """

    def __init__(self, token: str, identity: str, engine: Engine, faults: Faults, routes: tuple[str, ...]) -> None:
        self.path = f"/control/{token}"
        self.keys: dict[str, ApiKey] = {}
        """The exchange's keys by their public part, shared with it."""

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
        """Check everything, then change everything."""
        if not isinstance(wanted, dict) or not wanted or set(wanted) - NAMES:
            raise FaultSpecError(EXPECTED)
        spec, regimes = wanted.get("faults", ""), wanted.get("regimes", {})
        if not (isinstance(spec, str) and isinstance(regimes, dict)) or not all(
            isinstance(wanted.get(name, False), bool) for name in ("clear", "locked", "cancel")
        ):
            raise FaultSpecError(EXPECTED)
        rules = parse_faults(spec, self._routes)
        states = _states(wanted.get("markets", {}), self._engine)
        keys = self._wanted_keys(wanted.get("keys", {}))
        assumptions = _assumptions(wanted.get("assume", {}))
        self._engine.choose_regimes({market: choice_of(market, name) for market, name in regimes.items()})
        self._set_faults(rules, clear=wanted.get("clear", False))
        assume(assumptions)
        self.keys.update({key.key: key for key in keys})
        for market, state in states.items():
            self._engine.set_state(market, state)
        if "locked" in wanted:
            self._engine.lock_account(wanted["locked"])
        if wanted.get("cancel", False):
            self._engine.cancel_all(None, reason="cancelOnAdminRequest")

    def _set_faults(self, rules: list[Fault], *, clear: bool) -> None:
        if clear:
            self._faults.rules.clear()
        self._faults.add(rules)

    def _wanted_keys(self, wanted: Any) -> list[ApiKey]:
        """The keys as they are to be; they are kept until the exchange ends."""
        if not isinstance(wanted, dict):
            raise FaultSpecError(EXPECTED)
        by_name = {key.name: key for key in self.keys.values()}
        return [_changed_key(by_name.get(name), change) for name, change in wanted.items()]

    def _state(self) -> dict[str, Any]:
        return {
            "id": self._identity,
            "pid": os.getpid(),
            "market_us": self._engine.market_now(),
            "speed": self._engine.speed,
            "source": self._engine.source(),
            "sources": {market: self._engine.source(market) for market in self._engine.markets},
            "followed": {
                name: {"age_us": market.age_us, "stale": market.stale, "halted": market.halted}
                for name, market in self._engine.markets.items()
                if isinstance(market, FollowedMarket)
            },
            "regimes": self._engine.regimes.now(),
            "markets": {name: market.status for name, market in self._engine.markets.items()},
            "locked": self._engine.locked,
            "assumed": assumed(),
            "faults": [rule.shown() for rule in self._faults.rules],
        }


def _assumptions(wanted: Any) -> dict[str, str]:
    if not isinstance(wanted, dict) or not _words(list(wanted.values())):
        raise FaultSpecError(EXPECTED)
    check_assumptions(wanted)
    return dict(wanted)


def _states(wanted: Any, engine: Engine) -> dict[str, str]:
    if not isinstance(wanted, dict):
        raise FaultSpecError(EXPECTED)
    for market, state in wanted.items():
        if market not in engine.markets:
            raise FaultSpecError(f"There is no market {market!r}; known are {', '.join(engine.markets)}.")
        if state not in {*STATES, DELISTED}:
            raise FaultSpecError(f"There is no state {state!r}; known are {', '.join(STATES)} and {DELISTED}.")
        if engine.markets[market].state == DELISTED:
            raise FaultSpecError(f"{market} is no longer listed, and that is for ever.")
    return dict(wanted)


def _changed_key(key: ApiKey | None, change: Any) -> ApiKey:
    if key is None or not isinstance(change, dict) or not change or set(change) - KEY_NAMES:
        raise FaultSpecError(EXPECTED)
    rights, addresses = change.get("rights", list(key.rights)), change.get("addresses", key.addresses)
    confirmed = change.get("confirmed", key.confirmed)
    if not _words(rights) or set(rights) - {VIEW, TRADE} or not isinstance(confirmed, bool):
        raise FaultSpecError(EXPECTED)
    if "addresses" in change and addresses is not None and not _words(addresses):
        raise FaultSpecError(EXPECTED)
    allowed = None if addresses is None else frozenset(addresses)
    return replace(key, rights=frozenset(rights), addresses=allowed, confirmed=confirmed)


def _words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
