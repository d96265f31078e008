"""Orders that a vault's earlier incarnations sent and that a restore has forgotten: taken over as history.

After a restore the vault knows nothing of what was sent since the backup. Until a clean sweep has taken over every
such order, so that it counts for cooldown, caps and exposure, trading is not resumed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from storage.alerts import alert
from storage.clock import HOUR, Micros
from storage.codes import CLOSED, UNDECIDED, OrderKind, OrderType, ProposalState, Side, TimeInForce, TriggerType
from storage.database import Tx
from storage.evidence import OPEN_STATUS, apply_order
from storage.execution_models import Execution, Signing, Trigger, VenueOrder
from storage.execution_rows import execution_of_proposal, executions_in
from storage.models import Order
from storage.money import Eur, Quantity
from storage.orders import order_digest
from storage.policy_store import active_policy
from storage.proposals import move_proposal
from storage.setup import operator_number

LOOK_BACK: Final[Micros] = HOUR
"""Orders are listed from this long before the backup: clocks may disagree, and what is known is known twice."""

STILL_COMES: Final[Micros] = HOUR
"""For this long after a restore every sweep looks again, although the first clean one lets trading resume."""

LOST_ACTOR: Final = "the vault before its restore"
LOST_IDEA: Final = {
    "why": "an order at the exchange tells of it; what it said was lost with the vault that was restored",
    "why_not": "",
    "invalidation_price": None,
    "next_trigger": "",
    "risk_notes": "",
}


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What a sweep has to look for: orders with ids of these incarnations, in these markets, since a time."""

    incarnations: tuple[str, ...]
    operator_ids: frozenset[int]
    """The marks that orders of these incarnations carry."""
    markets: frozenset[str]
    since: Micros
    waits_until: Micros | None
    """Until then an order that was sent before the restore may still arrive; None once all are taken over."""
    highest_proposal: int


@dataclass(frozen=True, slots=True)
class EarlierOrder:
    """An order at the exchange, and the proposal of an earlier incarnation whose client order id it carries."""

    order: VenueOrder
    client_order_id: str
    proposal_id: int
    incarnation: str


def forgotten(tx: Tx) -> Forgotten | None:
    """What is to be looked for; None in a vault that was never restored, or long enough ago."""
    rows = tx.sql.all("all_earlier_incarnations")
    recent = [row for row in rows if row["imported_at"] is None or abs(tx.now - row["ended_at"]) < STILL_COMES]
    if not recent:
        return None
    names = tuple(row["incarnation"] for row in recent)
    submit = active_policy(tx).policy.submit
    arrives = (submit.window_ms + submit.absence_margin_ms) * 1000
    waiting = [row["ended_at"] + arrives for row in recent if row["imported_at"] is None]
    listed = {market for row in recent for market in json.loads(row["markets"])}
    return Forgotten(
        incarnations=names,
        operator_ids=frozenset(operator_number(tx.info.vault_id, name) for name in names),
        markets=frozenset(listed | possible_markets(tx)),
        since=min(row["orders_from"] for row in recent) - LOOK_BACK,
        waits_until=max(waiting, default=None),
        highest_proposal=highest_ids(tx)["trade_proposals"],
    )


def possible_markets(tx: Tx) -> frozenset[str]:
    """Every market that a stored policy names or that an execution was in."""
    found = {row[0] for row in tx.db.execute("SELECT DISTINCT market FROM trade_executions")}
    for row in tx.sql.all("all_policies"):
        policy = json.loads(row["canonical"])
        found.update(policy.get("allowlist", ()), policy.get("exit_only", ()))
    return frozenset(found)


def highest_ids(tx: Tx) -> dict[str, int]:
    """The highest id ever given out of proposals and of executions, by table."""
    given = {row["name"]: int(row["seq"]) for row in tx.sql.all("highest_ids")}
    return {name: given.get(name, 0) for name in ("trade_proposals", "trade_executions")}


def identify(orders: Iterable[VenueOrder], known: Collection[str], looked_for: Forgotten) -> list[EarlierOrder]:
    """Which of these orders carry an id of an earlier incarnation and are not ``known`` by it, oldest first.

    The id is a hash of incarnation and proposal, so the proposal is found by trying: about a microsecond each.
    """
    left = {
        (order.client_order_id or "").lower(): order
        for order in orders
        if _may_be_ours(order, looked_for) and (order.client_order_id or "").lower() not in known
    }
    found = []
    for incarnation in looked_for.incarnations:
        if not left:
            break
        for proposal_id, client_id in _ids_of(incarnation, looked_for.highest_proposal):
            if (order := left.pop(client_id, None)) is not None:
                found.append(EarlierOrder(order, client_id, proposal_id, incarnation))
                if not left:
                    break
    return sorted(found, key=lambda each: each.order.created_at)


def _may_be_ours(order: VenueOrder, looked_for: Forgotten) -> bool:
    try:
        version = UUID(order.client_order_id or "").version
    except ValueError:
        return False
    return version == 5 and (order.operator_id is None or order.operator_id in looked_for.operator_ids)


def _ids_of(incarnation: str, highest: int) -> Iterator[tuple[int, str]]:
    """(proposal, its client order id), the newest first; what ``uuid5`` makes, without its objects."""
    name = UUID(incarnation).bytes
    for proposal_id in range(highest, 0, -1):
        digest = bytearray(hashlib.sha1(name + str(proposal_id).encode(), usedforsecurity=False).digest()[:16])
        digest[6], digest[8] = digest[6] & 0x0F | 0x50, digest[8] & 0x3F | 0x80
        text = digest.hex()
        yield proposal_id, f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def imported_orders(tx: Tx) -> frozenset[int]:
    """The executions whose orders were taken over after a restore."""
    return frozenset(row["id"] for row in tx.sql.all("imported_executions"))


def undecided_or_given_up(tx: Tx) -> list[Execution]:
    """Executions whose order, if there is one, was not known yet when the backup was made."""
    return executions_in(tx, CLOSED | UNDECIDED)


def adopt_forgotten_send(tx: Tx, execution: Execution, order: VenueOrder) -> None:
    """Bring an execution of the backup to what the exchange says; its send may have been forgotten."""
    if execution.submitting_at is None:
        tx.sql.change("mark_imported", id=execution.id)
    apply_order(tx, execution.id, order, "import", {"sent": "before the restore"})


def import_order(tx: Tx, found: EarlierOrder, key_fingerprint: str, exchange_identity: str) -> int | None:
    """Take an order over as an execution of its proposal, with its trade and fills; the execution's id.

    A proposal that the backup holds stays as it is (EXPIRED by the restore): its execution says that it was sent. One
    that it does not hold is made under its own id. None where another process was first, or where nothing is to be
    counted: an order without a price that ended unfilled.
    """
    order = found.order
    terms = _terms(order)
    if terms is None or execution_of_proposal(tx, found.proposal_id) is not None:
        return None
    row = tx.sql.one("proposal_by_id", id=found.proposal_id)
    kind = OrderKind(row["kind"]) if row is not None else _kind_of(order)
    if row is None:
        told = {**LOST_IDEA, "why": f"order {order.order_id}: {LOST_IDEA['why']}"}
        tx.sql.insert(
            "import_proposal", id=found.proposal_id, kind=kind, created_at=order.created_at,
            rationale=json.dumps(told, sort_keys=True), **terms,
        )  # fmt: skip
    execution_id = _store_execution(tx, found, kind, terms, 1 if row is None else row["revision"])
    if row is None:
        move_proposal(tx, found.proposal_id, ProposalState.PROPOSED, ProposalState.CLAIMED, by=LOST_ACTOR)
    else:
        said = f"order {order.order_id} of it was sent before the restore, after the backup"
        tx.sql.change("note_proposal", id=found.proposal_id, note=said)
    _store_send(tx, execution_id, order, Signing(order.created_at // 1000, 0, key_fingerprint, exchange_identity))
    state = apply_order(tx, execution_id, order, "import", {"incarnation": found.incarnation})
    text = f"proposal {found.proposal_id} was sent after the backup: order {order.order_id} is {state}; it counts again"
    alert(tx, "notice", f"execution {execution_id}", text)
    tx.audit(
        "execution.imported", str(execution_id), urgent=True, proposal=found.proposal_id, order_id=order.order_id,
        market=order.market, side=order.side, incarnation=found.incarnation,
    )  # fmt: skip
    return execution_id


def _kind_of(order: VenueOrder) -> OrderKind:
    return OrderKind.ENTRY if order.side == Side.BUY else OrderKind.EXIT


def _terms(order: VenueOrder) -> dict[str, Any] | None:
    """The order as proposal and execution store it; None without a quantity or anything that says what it was worth."""
    filled = [fill.quantity * fill.price for fill in order.fills]
    price = order.limit if order.limit is not None else order.trigger
    if order.quantity is None or not order.quantity.is_positive or (price is None and not filled):
        return None
    waits = _trigger_of(order)
    return {
        "market": order.market,
        "side": order.side,
        "order_type": OrderType.MARKET if order.limit is None else OrderType.LIMIT,
        "quantity": str(order.quantity),
        "limit_price": None if order.limit is None else str(order.limit),
        "eur": str(Eur.total(filled) if price is None else order.quantity * price),
        "trigger_type": None if waits is None else waits.type,
        "trigger_price": None if waits is None else str(waits.price),
    }


def _trigger_of(order: VenueOrder) -> Trigger | None:
    if order.trigger is None or order.order_type not in tuple(TriggerType) or order.limit is not None:
        return None
    return Trigger(TriggerType(order.order_type), order.trigger)


def _store_execution(tx: Tx, found: EarlierOrder, kind: OrderKind, terms: dict[str, Any], revision: int) -> int:
    order, instance = found.order, found.incarnation[:8]
    # What the gate said and what was signed stood in the vault that was lost: neither is made up.
    policy_hash = active_policy(tx).hash
    decision = tx.sql.insert(
        "insert_decision", proposal_id=found.proposal_id, revision=revision, passed=1, failed="", checks="[]",
        policy_hash=policy_hash, actor=LOST_ACTOR, instance=instance, now=order.created_at,
    )  # fmt: skip
    rests = order.limit is not None and order.status in OPEN_STATUS
    digest = order_digest(_drawn(tx, found, kind, revision, terms["quantity"]))
    execution_id = tx.sql.insert(
        "import_execution", proposal_id=found.proposal_id, revision=revision, decision_id=decision,
        client_order_id=found.client_order_id, kind=kind, time_in_force=TimeInForce.GTC if rests else None,
        digest=digest, policy_hash=policy_hash, actor=LOST_ACTOR,
        request_body=json.dumps({"clientOrderId": found.client_order_id, "orderId": order.order_id}),
        instance=instance, created_at=order.created_at, **terms,
    )  # fmt: skip
    tx.sql.insert(
        "insert_trade", execution_id=execution_id, proposal_id=found.proposal_id, market=order.market,
        side=order.side, now=order.created_at,
    )  # fmt: skip
    return execution_id


def _drawn(tx: Tx, found: EarlierOrder, kind: OrderKind, revision: int, quantity: str) -> Order:
    order = found.order
    return Order(
        mode=tx.info.mode,
        proposal_id=found.proposal_id,
        revision=revision,
        kind=kind,
        market=order.market,
        side=Side(order.side),
        order_type=OrderType.MARKET if order.limit is None else OrderType.LIMIT,
        time_in_force=None,
        quantity=Quantity.of(quantity),
        limit=order.limit,
        trigger=_trigger_of(order),
    )


def _store_send(tx: Tx, execution_id: int, order: VenueOrder, signing: Signing) -> None:
    """That it was sent, when the exchange made it; the evidence that follows says what became of it."""
    tx.sql.change(
        "begin_submit", id=execution_id, now=order.created_at, signed_at_ms=signing.signed_at_ms,
        window_ms=signing.window_ms, key_fingerprint=signing.key_fingerprint,
        exchange_identity=signing.exchange_identity,
    )  # fmt: skip
    tx.sql.insert(
        "insert_execution_event", execution_id=execution_id, before="CLAIMED", after="SUBMITTING", source="import",
        evidence=json.dumps({"order_id": order.order_id}), actor=tx.actor.name, instance=tx.actor.instance, now=tx.now,
    )  # fmt: skip
