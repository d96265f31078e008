"""Three common ways to deal with an answer that never came, with the same client, at the same exchange.

They send the same request as the real order path, under a client order id of their own, and follow every order they
know of to its end. They differ in one thing: what silence means to them. An answer they cannot read is silence, too.
Only the gauntlet has them, and their clients reach an exchange in this process and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final
from uuid import UUID

from console.exchange.answers import Found, NoAnswer
from console.exchange.errors import ExchangeError
from console.exchange.exchange_time import PacedClock
from console.gauntlet.contender import Belief, Held, Idea, Standing
from console.gauntlet.private import Clients
from storage.codes import Mode, TimeInForce
from storage.evidence import OPEN_STATUS
from storage.execution_models import VenueOrder
from storage.executions import Accepted, PreparedOrder, Rejected
from storage.models import Order
from storage.orders import request_body
from storage.policies import Submit

OPERATOR_ID: Final = 1
GROUP: Final = 1
SENDS: Final = 3
LOOK_UPS: Final = 3
PAUSE_S: Final = 1.0


class Rival:
    """What the three share: sending, and following what they know of."""

    def __init__(self, clients: Clients, clock: PacedClock, submit: Submit, random: Random) -> None:
        self.clients = clients
        self.clock = clock
        self._submit = submit
        self._random = random
        self._known: dict[str, VenueOrder] = {}

    async def propose(self, idea: Idea, begin: Callable[[], None]) -> Standing:
        """Send the idea's order under a new client order id, and make of silence what this policy does."""
        client_id = str(UUID(bytes=self._random.randbytes(16), version=4))
        begin()
        answer = await self.send(idea, client_id)
        if isinstance(answer, NoAnswer):
            found = await self.after_silence(idea, client_id)
        else:
            found = answer.order if isinstance(answer, Accepted) else None
        if found is not None:
            self._known[found.order_id] = found
        return self._standing()

    async def after_silence(self, idea: Idea, client_id: str) -> VenueOrder | None:
        """What becomes of an order without an answer: the order, or None for "there is none"."""
        raise NotImplementedError

    async def send(self, idea: Idea, client_id: str) -> Accepted | Rejected | NoAnswer:
        """Sign and send the order once. During a ban nothing is sent."""
        try:
            self.clients.trade.may_place()
        except ExchangeError as error:
            return Rejected(0, 0, str(error))
        signing = self.clients.trade.prepare(self._submit.window_ms)
        body = request_body(_order(idea), client_id, OPERATOR_ID, GROUP)
        prepared = PreparedOrder(0, client_id, body, signing)
        return await self.clients.trade.place_order(prepared, self._submit.request_timeout_ms / 1000)

    async def look(self) -> Standing:
        """Look every open order up by its order id."""
        for order in [order for order in self._known.values() if order.status in OPEN_STATUS]:
            answer = await self.clients.trade.find_order(order.market, order.client_order_id or "", order.order_id)
            if isinstance(answer, Found):
                self._known[order.order_id] = answer.order
        return self._standing()

    async def belief(self) -> Belief:
        """The orders it was told of, filled as their totals say. It is never unsure."""
        return Belief(
            {name: Held(order.filled.value, order.status not in OPEN_STATUS) for name, order in self._known.items()}
        )

    async def aclose(self) -> None:
        """It has nothing of its own to let go of."""

    def _standing(self) -> Standing:
        if not self._known:
            return Standing.NOT_THERE
        resting = any(order.status in OPEN_STATUS for order in self._known.values())
        return Standing.FOLLOWED if resting else Standing.ENDED


class FailedOnTimeout(Rival):
    """Silence is failure. The order may be there all the same."""

    async def after_silence(self, idea: Idea, client_id: str) -> VenueOrder | None:
        """There is none."""
        return None


class RetryOnTimeout(Rival):
    """Silence is sent again, up to three times in all, as an HTTP library does.

    The client order id stays the same; the exchange knows only those of open orders. The last silence is failure.
    """

    async def after_silence(self, idea: Idea, client_id: str) -> VenueOrder | None:
        """The order whose answer came, if one did."""
        for _ in range(SENDS - 1):
            await self.clock.sleep(PAUSE_S)
            answer = await self.send(idea, client_id)
            if not isinstance(answer, NoAnswer):
                return answer.order if isinstance(answer, Accepted) else None
        return None


class ThreeLookUps(Rival):
    """Silence is looked into by client order id, three times, a second apart; what is not found then is failure."""

    async def after_silence(self, idea: Idea, client_id: str) -> VenueOrder | None:
        """The order, if a look-up shows it."""
        for _ in range(LOOK_UPS):
            await self.clock.sleep(PAUSE_S)
            answer = await self.clients.trade.find_order(idea.market, client_id)
            if isinstance(answer, Found):
                return answer.order
        return None


def _order(idea: Idea) -> Order:
    return Order(
        mode=Mode.PAPER,
        proposal_id=1,
        revision=1,
        kind=idea.kind,
        market=idea.market,
        side=idea.side,
        order_type=idea.order_type,
        time_in_force=TimeInForce.GTC if idea.rests else TimeInForce.IOC,
        quantity=idea.quantity,
        limit=idea.limit,
        trigger=None,
    )
