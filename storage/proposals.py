"""Proposals: made, approved, declined, expired; every change of state is a compare-and-set."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from storage.clock import MINUTE, SECOND, Micros
from storage.codes import (
    OPEN_PROPOSALS,
    CheckCode,
    OrderKind,
    OrderType,
    Origin,
    ProposalState,
    Side,
)
from storage.database import Tx
from storage.errors import Conflict, NotFound
from storage.execution_models import Trigger
from storage.models import Proposal, Rationale
from storage.money import Eur, Price, Quantity

UNDO_WITHIN: Final[Micros] = 5 * SECOND
LONGEST_LIFE: Final[Micros] = 7 * 24 * 60 * MINUTE
OVERRIDABLE: Final = frozenset({CheckCode.COOLDOWN, CheckCode.ANTI_FLIP})
NO_RATIONALE: Final = Rationale("", "", None, "", "")


@dataclass(frozen=True, slots=True)
class NewProposal:
    """Everything an idea consists of before it is stored. ``lives`` is its time to live in microseconds."""

    origin: Origin
    oracle: str
    market: str
    side: Side
    order_type: OrderType
    quantity: Quantity
    limit: Price | None
    eur: Eur
    lives: Micros
    kind: OrderKind = OrderKind.ENTRY
    confidence: int | None = None
    rationale: Rationale = NO_RATIONALE
    snapshot_id: int | None = None
    quote_at_creation: Price | None = None
    parent_id: int | None = None
    """The proposal an operator's idea was made anew from."""
    trigger: Trigger | None = None
    """What a protective stop waits for; the order is a market sell then."""


@dataclass(frozen=True, slots=True)
class Revision:
    """What an edit may change of an open proposal. ``lives`` counts from the edit, in microseconds."""

    order_type: OrderType
    quantity: Quantity
    limit: Price | None
    eur: Eur
    lives: Micros


def create_proposal(tx: Tx, new: NewProposal) -> Proposal:
    """Store a new idea.

    Raises:
        Conflict: the same oracle has an open idea for that market and side already.
        ValueError: a size, price or life that is not positive.
    """
    _require_sizes(new.quantity, new.limit, new.eur, new.lives)
    if new.origin is not Origin.OPERATOR and (new.oracle, new.side) in open_ideas(tx, new.market):
        raise Conflict(f"{new.oracle} has an open {new.side} idea for {new.market} already")
    proposal_id = tx.sql.insert(
        "insert_proposal",
        origin=new.origin,
        oracle=new.oracle,
        kind=new.kind,
        market=new.market,
        side=new.side,
        order_type=new.order_type,
        quantity=str(new.quantity),
        limit_price=None if new.limit is None else str(new.limit),
        eur=str(new.eur),
        confidence=new.confidence,
        rationale=_rationale_text(new.rationale),
        snapshot_id=new.snapshot_id,
        quote_price=None if new.quote_at_creation is None else str(new.quote_at_creation),
        parent_id=new.parent_id,
        now=tx.now,
        expires_at=tx.now + new.lives,
        decided_by=None,
        trigger_type=None if new.trigger is None else new.trigger.type,
        trigger_price=None if new.trigger is None else str(new.trigger.price),
    )
    tx.audit(
        "proposal.created",
        str(proposal_id),
        market=new.market,
        side=new.side,
        eur=new.eur,
        oracle=new.oracle,
        parent=new.parent_id,
        waits_for=None if new.trigger is None else str(new.trigger),
    )
    return get_proposal(tx, proposal_id)


def revise(tx: Tx, proposal_id: int, revision: int, change: Revision) -> Proposal:
    """Change size, price, type and life of an open proposal; it becomes its next revision.

    ``revision`` is the one the change was made from. What the idea is about (market, side, kind, reasons) stays.

    Raises:
        Conflict: it is no longer open, has expired, or was changed meanwhile; it is a stop, which is made anew; or the
            clock was set back so far that its new life would end before it was made.
        ValueError: a size, price or life that is not positive, or a limit that does not fit the type.
    """
    _require_sizes(change.quantity, change.limit, change.eur, change.lives)
    if (change.order_type is OrderType.LIMIT) != (change.limit is not None):
        raise ValueError("a limit order needs a limit, a market order has none")
    before = get_proposal(tx, proposal_id)
    _require_open(tx, before)
    if before.trigger is not None:
        raise Conflict(f"proposal {proposal_id} is a {before.trigger}: decline it and set another one")
    if tx.now + change.lives <= before.created_at:
        raise Conflict(f"proposal {proposal_id} is from before the clock was set back: decline it and propose it anew")
    changed = tx.sql.change(
        "revise_proposal",
        id=proposal_id,
        revision=revision,
        order_type=change.order_type,
        quantity=str(change.quantity),
        limit_price=None if change.limit is None else str(change.limit),
        eur=str(change.eur),
        now=tx.now,
        expires_at=tx.now + change.lives,
    )
    if changed != 1:
        raise Conflict(f"proposal {proposal_id} is at revision {before.revision} by now, not {revision}")
    after = get_proposal(tx, proposal_id)
    tx.audit("proposal.revised", str(proposal_id), revision=after.revision, before=_terms(before), after=_terms(after))
    return after


def _terms(proposal: Proposal) -> dict[str, Any]:
    limit = None if proposal.limit is None else str(proposal.limit)
    return {"quantity": str(proposal.quantity), "limit": limit, "expires_at": proposal.expires_at}


def get_proposal(tx: Tx, proposal_id: int) -> Proposal:
    """One proposal. Raises NotFound."""
    row = tx.sql.one("proposal_by_id", id=proposal_id)
    if row is None:
        raise NotFound(f"there is no proposal {proposal_id}")
    return read_proposal(row)


def open_proposals(tx: Tx) -> list[Proposal]:
    """All open proposals, the one that expires first on top; one whose time has come is none, stored or not."""
    return [read_proposal(row) for row in tx.sql.all("open_proposals", now=tx.now)]


def recent_proposals(tx: Tx, count: int, before: int = 2**62) -> list[Proposal]:
    """The newest proposals of any state with ids below ``before``."""
    return [read_proposal(row) for row in tx.sql.all("recent_proposals", before=before, count=count)]


def open_ideas(tx: Tx, market: str) -> frozenset[tuple[str, Side]]:
    """Which oracles have which side open in a market; an operator's own proposals are outside this rule."""
    return frozenset((row["oracle"], Side(row["side"])) for row in tx.sql.all("open_ideas", market=market))


def declined_ideas(tx: Tx, market: str) -> frozenset[tuple[str, Side]]:
    """Ideas of a market that were declined and would still be good: a No is not asked again while it lasts."""
    rows = tx.sql.all("declined_ideas", market=market, now=tx.now)
    return frozenset((row["oracle"], Side(row["side"])) for row in rows)


def approve(tx: Tx, proposal_id: int, overrides: Mapping[CheckCode, str]) -> Proposal:
    """Approve without executing, and store which checks the operator sets aside, each with a reason.

    Raises:
        Conflict: it is no longer open, has expired, or a check cannot be overridden.
    """
    proposal = get_proposal(tx, proposal_id)
    if wrong := sorted(set(overrides) - OVERRIDABLE):
        raise Conflict(f"{', '.join(wrong)} cannot be overridden; only COOLDOWN and ANTI_FLIP can")
    if any(not reason.strip() for reason in overrides.values()):
        raise Conflict("an override needs a reason")
    _require_open(tx, proposal)
    if overrides:
        merged = {code.value: reason for code, reason in {**proposal.overrides, **overrides}.items()}
        tx.sql.change("set_overrides", id=proposal_id, overrides=json.dumps(merged, sort_keys=True), now=tx.now)
        tx.audit("proposal.overridden", str(proposal_id), overrides=merged)
    if proposal.state is ProposalState.PROPOSED:
        move_proposal(tx, proposal_id, ProposalState.PROPOSED, ProposalState.APPROVED, by=tx.actor.name)
    return get_proposal(tx, proposal_id)


def decline(tx: Tx, proposal_id: int, note: str | None = None) -> Proposal:
    """Decline an open proposal. Raises Conflict when it is not open any more."""
    proposal = get_proposal(tx, proposal_id)
    _require_open(tx, proposal)
    move_proposal(tx, proposal_id, proposal.state, ProposalState.DECLINED, by=tx.actor.name, note=note)
    return get_proposal(tx, proposal_id)


def note_decline(tx: Tx, proposal_id: int, note: str) -> None:
    """Store why a proposal was declined, after the fact. Raises Conflict when it is not DECLINED."""
    if tx.sql.change("note_decline", id=proposal_id, note=note) != 1:
        raise Conflict(f"proposal {proposal_id} is not DECLINED")
    tx.audit("proposal.noted", str(proposal_id), note=note)


def undo_decline(tx: Tx, proposal_id: int) -> Proposal:
    """Take a decline back within five seconds. Raises Conflict later, or when it was not declined."""
    proposal = get_proposal(tx, proposal_id)
    if proposal.state is not ProposalState.DECLINED:
        raise Conflict(f"proposal {proposal_id} is {proposal.state}, not DECLINED")
    if not 0 <= tx.now - proposal.updated_at <= UNDO_WITHIN:
        raise Conflict(f"proposal {proposal_id} was declined more than 5 s ago; propose it again")
    if proposal.expires_at <= tx.now:
        raise Conflict(f"proposal {proposal_id} has expired meanwhile")
    if proposal.origin is not Origin.OPERATOR and (proposal.oracle, proposal.side) in open_ideas(tx, proposal.market):
        raise Conflict(f"{proposal.oracle} has proposed the same again meanwhile")
    move_proposal(tx, proposal_id, ProposalState.DECLINED, ProposalState.PROPOSED, by=tx.actor.name)
    return get_proposal(tx, proposal_id)


def expire_due(tx: Tx) -> list[int]:
    """Expire every open proposal whose time has come; their ids."""
    expired = []
    for row in tx.sql.all("due_proposals", now=tx.now):
        move_proposal(tx, row["id"], ProposalState(row["state"]), ProposalState.EXPIRED)
        expired.append(int(row["id"]))
    return expired


def move_proposal(
    tx: Tx,
    proposal_id: int,
    before: ProposalState,
    after: ProposalState,
    *,
    by: str | None = None,
    note: str | None = None,
) -> None:
    """Compare-and-set of a proposal's state. Raises Conflict, or IllegalTransition from the database."""
    changed = tx.sql.change(
        "move_proposal", id=proposal_id, before=before, after=after, now=tx.now, decided_by=by, note=note
    )
    if changed != 1:
        raise Conflict(f"proposal {proposal_id} is not {before} any more")
    tx.audit(f"proposal.{after.lower()}", str(proposal_id), before=before, note=note)


def _require_sizes(quantity: Quantity, limit: Price | None, eur: Eur, lives: Micros) -> None:
    sizes = (quantity.is_positive, eur.is_positive, limit is None or limit.is_positive)
    if not all(sizes) or not 0 < lives <= LONGEST_LIFE:
        raise ValueError("a proposal needs a positive size, price and life")


def _require_open(tx: Tx, proposal: Proposal) -> None:
    if proposal.state not in OPEN_PROPOSALS:
        raise Conflict(f"proposal {proposal.id} is {proposal.state}")
    if proposal.expires_at <= tx.now:
        raise Conflict(f"proposal {proposal.id} has expired")


def _rationale_text(rationale: Rationale) -> str:
    price = rationale.invalidation_price
    fields = {
        "why": rationale.why,
        "why_not": rationale.why_not,
        "invalidation_price": None if price is None else str(price),
        "next_trigger": rationale.next_trigger,
        "risk_notes": rationale.risk_notes,
    }
    return json.dumps(fields, sort_keys=True)


def _rationale(text: str) -> Rationale:
    fields: dict[str, Any] = json.loads(text)
    price = fields["invalidation_price"]
    return Rationale(
        fields["why"],
        fields["why_not"],
        None if price is None else Price.of(price),
        fields["next_trigger"],
        fields["risk_notes"],
    )


def read_proposal(row: sqlite3.Row) -> Proposal:
    """A proposal from its row."""
    limit, quote = row["limit_price"], row["quote_price"]
    return Proposal(
        id=row["id"],
        revision=row["revision"],
        state=ProposalState(row["state"]),
        origin=Origin(row["origin"]),
        oracle=row["oracle"],
        kind=OrderKind(row["kind"]),
        market=row["market"],
        side=Side(row["side"]),
        order_type=OrderType(row["order_type"]),
        quantity=Quantity.of(row["quantity"]),
        limit=None if limit is None else Price.of(limit),
        eur=Eur.of(row["eur"]),
        confidence=row["confidence"],
        rationale=_rationale(row["rationale"]),
        snapshot_id=row["snapshot_id"],
        overrides={CheckCode(code): reason for code, reason in json.loads(row["overrides"]).items()},
        quote_at_creation=None if quote is None else Price.of(quote),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        updated_at=row["updated_at"],
        decided_by=row["decided_by"],
        parent_id=row["parent_id"],
        trigger=Trigger.stored(row["trigger_type"], row["trigger_price"]),
    )
