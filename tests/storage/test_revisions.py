"""Edits of an open proposal and ideas made anew: what may change, what never does, and who wins."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from typing import Any, Final

import pytest

from storage.clock import HOUR, MINUTE
from storage.codes import OrderType, ProposalState
from storage.database import Tx
from storage.errors import Conflict
from storage.gate import ask, draw_ticket, pass_gate
from storage.models import Refusal
from storage.money import Eur, Price, Quantity
from storage.proposals import Revision, approve, create_proposal, decline, get_proposal, revise
from tests.storage.world import an_idea, claim_by_hand, clean_sweep, own_idea, quote_at

SMALLER: Final = Revision(OrderType.LIMIT, Quantity.of("0.0002"), Price.of(61000), Eur.of("12.2"), 20 * MINUTE)


def test_an_edit_is_the_next_revision(tx: Tx) -> None:
    made = create_proposal(tx, an_idea())
    edited = revise(tx, made.id, 1, SMALLER)
    assert (edited.revision, edited.quantity, edited.limit, edited.eur) == (
        2, Quantity.of("0.0002"), Price.of(61000), Eur.of("12.2"),
    )  # fmt: skip
    assert edited.expires_at == tx.now + 20 * MINUTE
    assert (
        replace(edited, revision=1, quantity=made.quantity, limit=made.limit, eur=made.eur, expires_at=made.expires_at)
        == made
    )


def test_an_edit_is_audited_with_both_versions(tx: Tx) -> None:
    made = create_proposal(tx, an_idea())
    revise(tx, made.id, 1, SMALLER)
    row = tx.db.execute("SELECT subject, payload FROM audit_log WHERE kind = 'proposal.revised'").fetchone()
    payload = json.loads(row["payload"])
    assert (row["subject"], payload["revision"]) == (str(made.id), 2)
    assert (payload["before"]["quantity"], payload["after"]["quantity"]) == ("0.00041", "0.0002")


def test_of_two_edits_of_one_revision_the_second_is_refused(tx: Tx) -> None:
    made = create_proposal(tx, an_idea())
    revise(tx, made.id, 1, SMALLER)
    with pytest.raises(Conflict, match="revision 2 by now, not 1"):
        revise(tx, made.id, 1, replace(SMALLER, quantity=Quantity.of("0.0003")))
    assert get_proposal(tx, made.id).quantity == Quantity.of("0.0002")


@pytest.mark.parametrize("state", [ProposalState.DECLINED, ProposalState.EXPIRED, ProposalState.CLAIMED])
def test_what_is_decided_is_not_edited(tx: Tx, state: ProposalState) -> None:
    if state is ProposalState.CLAIMED:
        proposal_id = claim_by_hand(tx, an_idea()).order.proposal_id
    else:
        proposal_id = create_proposal(tx, an_idea()).id
        if state is ProposalState.DECLINED:
            decline(tx, proposal_id)
        else:
            tx.now += HOUR
    before = get_proposal(tx, proposal_id)
    with pytest.raises(Conflict):
        revise(tx, proposal_id, 1, SMALLER)
    assert get_proposal(tx, proposal_id) == before


def test_an_approved_proposal_can_be_edited(tx: Tx) -> None:
    made = create_proposal(tx, an_idea())
    approve(tx, made.id, {})
    assert revise(tx, made.id, 1, SMALLER).state is ProposalState.APPROVED


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": Quantity.zero()},
        {"eur": Eur.of(-1)},
        {"limit": Price.zero()},
        {"lives": 0},
        {"limit": None},
        {"order_type": OrderType.MARKET},
    ],
)
def test_an_edit_that_is_no_order_is_refused(tx: Tx, wrong: dict[str, Any]) -> None:
    made = create_proposal(tx, an_idea())
    with pytest.raises(ValueError, match="needs a"):
        revise(tx, made.id, 1, replace(SMALLER, **wrong))
    assert get_proposal(tx, made.id) == made


def test_a_ticket_drawn_before_an_edit_is_refused_by_the_gate(tx: Tx) -> None:
    clean_sweep(tx)
    made = create_proposal(tx, an_idea())
    ticket, quote = draw_ticket(tx, made), quote_at(tx.now, tx.monotonic)
    revise(tx, made.id, 1, SMALLER)
    decision = pass_gate(tx, ticket, quote)
    assert isinstance(decision, Refusal)
    assert "TICKET_UNCHANGED" in {check.code for check in decision.failed}
    assert ask(tx, get_proposal(tx, made.id), quote).order.revision == 2


@pytest.mark.parametrize("change", ["expires_at = expires_at + 1", "quantity = '9'", "parent_id = id"])
def test_no_other_program_edits_without_a_new_revision(tx: Tx, change: str) -> None:
    made = create_proposal(tx, own_idea())
    with pytest.raises(sqlite3.IntegrityError, match="new revision only"):
        tx.db.execute(f"UPDATE trade_proposals SET {change} WHERE id = ?", (made.id,))  # noqa: S608 - named above


def test_an_idea_made_anew_names_its_parent(tx: Tx) -> None:
    old = create_proposal(tx, an_idea())
    new = create_proposal(tx, own_idea(parent_id=old.id))
    assert new.parent_id == old.id
    assert get_proposal(tx, new.id).parent_id == old.id
    assert old.parent_id is None
    payload = tx.db.execute("SELECT payload FROM audit_log WHERE subject = ?", (str(new.id),)).fetchone()[0]
    assert json.loads(payload)["parent"] == old.id


def test_a_parent_exists_and_its_child_is_an_operators(tx: Tx) -> None:
    tx.db.execute("PRAGMA foreign_keys = 0")
    with pytest.raises(sqlite3.IntegrityError):
        create_proposal(tx, own_idea(parent_id=999))
    old = create_proposal(tx, own_idea())
    with pytest.raises(sqlite3.IntegrityError):
        create_proposal(tx, an_idea(parent_id=old.id))


def test_an_idea_from_before_the_clock_was_set_back_is_not_edited_into_one_that_ends_before_it_began(tx: Tx) -> None:
    made = create_proposal(tx, an_idea())
    tx.now -= HOUR
    with pytest.raises(Conflict, match="before the clock was set back: decline it and propose it anew"):
        revise(tx, made.id, 1, SMALLER)
    assert get_proposal(tx, made.id) == made


def test_an_edited_idea_may_not_end_in_the_moment_in_which_it_was_made(tx: Tx) -> None:
    made = create_proposal(tx, an_idea())
    tx.now = made.created_at - SMALLER.lives
    with pytest.raises(Conflict, match="before the clock was set back"):
        revise(tx, made.id, 1, SMALLER)
    tx.now += 1
    assert revise(tx, made.id, 1, SMALLER).expires_at == made.created_at + 1
