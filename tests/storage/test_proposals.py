"""Proposals: every decision is a compare-and-set, within its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from storage.clock import MINUTE, SECOND
from storage.codes import CheckCode, OrderType, Origin, ProposalState, Side
from storage.database import Tx
from storage.errors import Conflict, NotFound
from storage.models import Proposal
from storage.money import Eur, Price, Quantity
from storage.proposals import (
    LONGEST_LIFE,
    approve,
    create_proposal,
    decline,
    expire_due,
    get_proposal,
    move_proposal,
    note_decline,
    open_ideas,
    open_proposals,
    recent_proposals,
    undo_decline,
)
from tests.storage.world import an_idea, claim_by_hand, own_idea

P: Final = ProposalState


def audited(tx: Tx) -> list[str]:
    return [row[0] for row in tx.db.execute("SELECT kind FROM audit_log WHERE kind LIKE 'proposal.%' ORDER BY seq")]


def test_a_proposal_comes_back_as_it_was_made(tx: Tx) -> None:
    idea = an_idea()
    stored = create_proposal(tx, idea)
    for name in ("origin", "oracle", "kind", "market", "side", "order_type", "quantity", "limit", "eur", "confidence"):
        assert getattr(stored, name) == getattr(idea, name), name
    assert stored.rationale == idea.rationale
    assert stored.quote_at_creation == idea.quote_at_creation
    assert (stored.state, stored.revision, stored.overrides, stored.decided_by) == (P.PROPOSED, 1, {}, None)
    assert (stored.created_at, stored.expires_at) == (tx.now, tx.now + idea.lives)
    assert get_proposal(tx, stored.id) == stored
    assert audited(tx) == ["proposal.created"]


def test_a_market_proposal_has_no_limit(tx: Tx) -> None:
    stored = create_proposal(tx, own_idea(order_type=OrderType.MARKET, limit=None))
    assert (stored.order_type, stored.limit) == (OrderType.MARKET, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": Quantity.zero()},
        {"quantity": Quantity.of(-1)},
        {"eur": Eur.zero()},
        {"limit": Price.zero()},
        {"limit": Price.of(-1)},
        {"lives": 0},
        {"lives": -1},
        {"lives": LONGEST_LIFE + 1},
    ],
)
def test_sizes_prices_and_lives_are_positive(tx: Tx, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="positive size, price and life"):
        create_proposal(tx, an_idea(**wrong))
    assert open_proposals(tx) == []


def test_an_oracle_has_one_open_idea_per_market_and_side(tx: Tx) -> None:
    first = create_proposal(tx, an_idea())
    with pytest.raises(Conflict, match="open buy idea"):
        create_proposal(tx, an_idea())
    approve(tx, first.id, {})
    with pytest.raises(Conflict):
        create_proposal(tx, an_idea())
    for other in ({"market": "ETH-EUR"}, {"side": Side.SELL}, {"oracle": "rules/reversion-1"}):
        create_proposal(tx, an_idea(**other))
    assert open_ideas(tx, "BTC-EUR") == {
        ("rules/trend-1", Side.BUY), ("rules/trend-1", Side.SELL), ("rules/reversion-1", Side.BUY),
    }  # fmt: skip


@pytest.mark.parametrize("end", ["decline", "expire"])
def test_an_idea_that_ended_may_come_again(tx: Tx, end: str) -> None:
    first = create_proposal(tx, an_idea())
    if end == "decline":
        decline(tx, first.id)
    else:
        tx.now = first.expires_at
        assert expire_due(tx) == [first.id]
    assert create_proposal(tx, an_idea()).id > first.id


def test_an_operators_own_ideas_are_outside_that_rule(tx: Tx) -> None:
    create_proposal(tx, an_idea())
    for _ in range(3):
        create_proposal(tx, own_idea())
    assert open_ideas(tx, "BTC-EUR") == {("rules/trend-1", Side.BUY)}
    assert len(open_proposals(tx)) == 4


def test_open_proposals_come_soonest_to_expire_first(tx: Tx) -> None:
    late = create_proposal(tx, own_idea(lives=30 * MINUTE))
    soon = create_proposal(tx, own_idea(lives=10 * MINUTE))
    gone = create_proposal(tx, own_idea(lives=5 * MINUTE))
    decline(tx, gone.id)
    assert [proposal.id for proposal in open_proposals(tx)] == [soon.id, late.id]
    assert [proposal.id for proposal in recent_proposals(tx, 2)] == [gone.id, soon.id]
    assert [proposal.id for proposal in recent_proposals(tx, 9, before=soon.id)] == [late.id]


def test_past_its_time_it_is_expired_before_anybody_stores_that(tx: Tx) -> None:
    approved = approve(tx, create_proposal(tx, own_idea(lives=5 * MINUTE)).id, {})
    declined = decline(tx, create_proposal(tx, own_idea(lives=5 * MINUTE)).id)
    assert approved.state_at(approved.expires_at - 1) is ProposalState.APPROVED
    tx.now = approved.expires_at
    assert approved.state_at(tx.now) is ProposalState.EXPIRED
    assert declined.state_at(tx.now) is ProposalState.DECLINED
    assert open_proposals(tx) == []
    assert expire_due(tx) == [approved.id]


def test_approving_keeps_it_open_and_says_who(tx: Tx) -> None:
    approved = approve(tx, create_proposal(tx, an_idea()).id, {})
    assert (approved.state, approved.decided_by) == (P.APPROVED, "operator")
    assert approve(tx, approved.id, {}).state is P.APPROVED
    assert audited(tx) == ["proposal.created", "proposal.approved"]


def test_overrides_are_stored_with_their_reasons_and_add_up(tx: Tx) -> None:
    proposal = create_proposal(tx, an_idea())
    approve(tx, proposal.id, {CheckCode.COOLDOWN: "news"})
    approved = approve(tx, proposal.id, {CheckCode.ANTI_FLIP: "plan"})
    assert approved.overrides == {CheckCode.COOLDOWN: "news", CheckCode.ANTI_FLIP: "plan"}
    assert approve(tx, proposal.id, {CheckCode.COOLDOWN: "other"}).overrides[CheckCode.COOLDOWN] == "other"


@pytest.mark.parametrize("code", [code for code in CheckCode if code not in (CheckCode.COOLDOWN, CheckCode.ANTI_FLIP)])
def test_nothing_but_cooldown_and_anti_flip_can_be_overridden(tx: Tx, code: CheckCode) -> None:
    proposal = create_proposal(tx, an_idea())
    with pytest.raises(Conflict, match="cannot be overridden"):
        approve(tx, proposal.id, {code: "please", CheckCode.COOLDOWN: "news"})
    assert get_proposal(tx, proposal.id) == proposal


@pytest.mark.parametrize("reason", ["", "  "])
def test_an_override_needs_a_reason(tx: Tx, reason: str) -> None:
    proposal = create_proposal(tx, an_idea())
    with pytest.raises(Conflict, match="reason"):
        approve(tx, proposal.id, {CheckCode.COOLDOWN: reason})
    assert get_proposal(tx, proposal.id) == proposal


def test_declining_says_who_and_why(tx: Tx) -> None:
    declined = decline(tx, create_proposal(tx, an_idea()).id, "too thin")
    assert (declined.state, declined.decided_by) == (P.DECLINED, "operator")
    row = tx.sql.one("proposal_by_id", id=declined.id)
    assert row is not None
    assert row["decided_note"] == "too thin"


def test_a_reason_may_follow_a_decline_and_nothing_else(tx: Tx) -> None:
    proposal = create_proposal(tx, an_idea())
    with pytest.raises(Conflict):
        note_decline(tx, proposal.id, "too early")
    decline(tx, proposal.id)
    note_decline(tx, proposal.id, "too thin")
    row = tx.sql.one("proposal_by_id", id=proposal.id)
    assert row is not None
    assert row["decided_note"] == "too thin"


DECISIONS: Final[dict[str, Callable[[Tx, int], Proposal]]] = {
    "approve": lambda tx, proposal_id: approve(tx, proposal_id, {CheckCode.COOLDOWN: "news"}),
    "decline": lambda tx, proposal_id: decline(tx, proposal_id, "note"),
}


@pytest.mark.parametrize("decision", DECISIONS)
def test_what_is_not_open_any_more_cannot_be_decided(tx: Tx, decision: str) -> None:
    declined = create_proposal(tx, own_idea()).id
    decline(tx, declined)
    expired = create_proposal(tx, own_idea(lives=1)).id
    claimed = claim_by_hand(tx).order.proposal_id
    tx.now += 1
    expire_due(tx)
    due = create_proposal(tx, own_idea(lives=1)).id
    tx.now += 1  # its time has come, though nobody has expired it yet
    for proposal_id in (declined, expired, claimed, due):
        before = get_proposal(tx, proposal_id)
        with pytest.raises(Conflict):
            DECISIONS[decision](tx, proposal_id)
        assert get_proposal(tx, proposal_id) == before
    with pytest.raises(NotFound):
        DECISIONS[decision](tx, 999)


@pytest.mark.parametrize(("seconds", "allowed"), [(0, True), (5, True), (5.000001, False), (-0.000001, False)])
def test_a_decline_is_taken_back_within_five_seconds_only(tx: Tx, seconds: float, allowed: bool) -> None:
    proposal_id = create_proposal(tx, own_idea()).id
    decline(tx, proposal_id)
    tx.now += round(seconds * SECOND)
    if allowed:
        assert undo_decline(tx, proposal_id).state is P.PROPOSED
    else:
        with pytest.raises(Conflict, match="more than 5 s ago"):
            undo_decline(tx, proposal_id)
        assert get_proposal(tx, proposal_id).state is P.DECLINED


def test_a_decline_is_not_taken_back_over_a_new_idea_or_past_the_expiry(tx: Tx) -> None:
    first = create_proposal(tx, an_idea())
    decline(tx, first.id)
    create_proposal(tx, an_idea())
    with pytest.raises(Conflict, match="again meanwhile"):
        undo_decline(tx, first.id)
    short = create_proposal(tx, own_idea(lives=SECOND))
    decline(tx, short.id)
    tx.now += SECOND
    with pytest.raises(Conflict, match="expired"):
        undo_decline(tx, short.id)


def test_only_a_decline_can_be_taken_back(tx: Tx) -> None:
    for proposal_id in (create_proposal(tx, own_idea()).id, claim_by_hand(tx).order.proposal_id):
        with pytest.raises(Conflict, match="not DECLINED"):
            undo_decline(tx, proposal_id)


def test_expiry_takes_what_is_due_and_nothing_else(tx: Tx) -> None:
    due = create_proposal(tx, own_idea(lives=MINUTE)).id
    approved = create_proposal(tx, own_idea(lives=MINUTE)).id
    approve(tx, approved, {})
    later = create_proposal(tx, own_idea(lives=MINUTE + 1)).id
    declined = create_proposal(tx, own_idea(lives=MINUTE)).id
    decline(tx, declined)
    claimed = claim_by_hand(tx, own_idea(lives=MINUTE)).order.proposal_id
    tx.now += MINUTE - 1
    assert expire_due(tx) == []
    tx.now += 1
    assert expire_due(tx) == [due, approved]
    states = [get_proposal(tx, each).state for each in (due, approved, later, declined, claimed)]
    assert states == [P.EXPIRED, P.EXPIRED, P.PROPOSED, P.DECLINED, P.CLAIMED]
    assert expire_due(tx) == []


def test_a_move_that_comes_second_changes_nothing(tx: Tx) -> None:
    proposal = create_proposal(tx, an_idea())
    decline(tx, proposal.id)
    before, events = get_proposal(tx, proposal.id), audited(tx)
    with pytest.raises(Conflict, match="not PROPOSED any more"):
        move_proposal(tx, proposal.id, P.PROPOSED, P.APPROVED)
    assert (get_proposal(tx, proposal.id), audited(tx)) == (before, events)


def test_there_is_no_proposal_that_was_not_made(tx: Tx) -> None:
    with pytest.raises(NotFound, match="no proposal 7"):
        get_proposal(tx, 7)
    assert Origin.OPERATOR not in {origin.origin for origin in recent_proposals(tx, 5)}
