"""The canonical order of a proposal: drawn, digested, and written as the request that would be sent.

One function draws it, for the ticket, for the list and again inside the gate, so what is shown is what is sent.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID, uuid5

from storage.codes import Mode, OrderKind, OrderType, TimeInForce
from storage.models import Order, Proposal
from storage.money import decimal_text


def draw_order(proposal: Proposal, mode: Mode, *, keeper_alive: bool) -> Order:
    """The order this proposal stands for.

    A limit entry rests (GTC) only while a keeper follows it; without one it is immediate or cancel. Exits may
    always rest: the dead-man switch never covers them. Market orders have no time in force, not even those that wait
    for a price.
    """
    time_in_force: TimeInForce | None = None
    if proposal.order_type is OrderType.LIMIT:
        may_rest = keeper_alive or proposal.kind is OrderKind.EXIT
        time_in_force = TimeInForce.GTC if may_rest else TimeInForce.IOC
    return Order(
        mode=mode,
        proposal_id=proposal.id,
        revision=proposal.revision,
        kind=proposal.kind,
        market=proposal.market,
        side=proposal.side,
        order_type=proposal.order_type,
        time_in_force=time_in_force,
        quantity=proposal.quantity,
        limit=proposal.limit,
        overrides=tuple(sorted((code.value, reason) for code, reason in proposal.overrides.items())),
        trigger=proposal.trigger,
    )


def order_digest(order: Order) -> str:
    """SHA-256 over the canonical JSON of every field of the order, in hex.

    Overrides and a trigger are in it only where there are any.
    """
    fields: dict[str, Any] = {
        "kind": order.kind,
        "limit": None if order.limit is None else str(order.limit),
        "market": order.market,
        "mode": order.mode,
        "order_type": order.order_type,
        "proposal_id": order.proposal_id,
        "quantity": str(order.quantity),
        "revision": order.revision,
        "side": order.side,
        "time_in_force": order.time_in_force,
    }
    if order.overrides:
        fields["overrides"] = dict(order.overrides)
    if order.trigger is not None:
        fields["trigger"] = {"price": str(order.trigger.price), "type": order.trigger.type}
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def client_order_id(incarnation: str, proposal_id: int) -> str:
    """The order's idempotency key: the same for every attempt at this proposal, never the same after a restore."""
    return str(uuid5(UUID(incarnation), str(proposal_id)))


def carries_dead_man(order: Order) -> bool:
    """Whether the exchange should cancel it when nobody is left to follow it: resting entries only."""
    return order.kind is OrderKind.ENTRY and order.time_in_force is TimeInForce.GTC


def request_body(order: Order, client_id: str, operator_id: int, dead_man_group: int) -> str:
    """The exact JSON text of the order's request, compact, in fixed key order (amounts are strings there)."""
    body: dict[str, str | int] = {
        "market": order.market,
        "side": order.side.value,
        "orderType": (order.order_type if order.trigger is None else order.trigger.type).value,
        "amount": decimal_text(order.quantity.value),
        "operatorId": operator_id,
        "clientOrderId": client_id,
    }
    if order.limit is not None:
        body["price"] = decimal_text(order.limit.value)
    if order.trigger is not None:
        body["triggerAmount"] = decimal_text(order.trigger.price.value)
        body["triggerType"] = "price"
        body["triggerReference"] = "lastTrade"
    if order.time_in_force is not None:
        body["timeInForce"] = order.time_in_force.value
    if carries_dead_man(order):
        body["codGroupId"] = dead_man_group
    return json.dumps(body, separators=(",", ":"))
