"""What every step of a proposal leaves behind, and what a refused step says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from storage.clock import MINUTE, SECOND
from storage.codes import CheckCode, OrderType, ProposalState, Side, TriggerType
from storage.database import Tx
from storage.errors import Conflict
from storage.execution_models import Trigger
from storage.models import Rationale
from storage.money import Eur, Price, Quantity
from storage.proposals import (
    LONGEST_LIFE,
    Revision,
    approve,
    create_proposal,
    decline,
    declined_ideas,
    expire_due,
    get_proposal,
    move_proposal,
    note_decline,
    open_ideas,
    revise,
    undo_decline,
)
from tests.storage.records import audited, row
from tests.storage.world import an_idea, own_idea, stop_idea

P = ProposalState
SMALLER = Revision(OrderType.LIMIT, Quantity.of("0.0002"), Price.of(61000), Eur.of("12.2"), 20 * MINUTE)


def a_snapshot(tx: Tx) -> int:
    values = (7, tx.now, "BTC-EUR", "proposed", "", "{}", None)
    tx.db.execute("INSERT INTO market_snapshots VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    return 7


def test_an_idea_is_stored_column_by_column(tx: Tx) -> None:
    parent = create_proposal(tx, own_idea()).id
    idea = own_idea(snapshot_id=a_snapshot(tx), parent_id=parent)
    made = create_proposal(tx, idea)
    stored = row(tx, "trade_proposals")
    expected = {
        "id": made.id,
        "revision": 1,
        "state": "PROPOSED",
        "origin": "operator",
        "oracle": "operator",
        "kind": "entry",
        "market": "BTC-EUR",
        "side": "buy",
        "order_type": "limit",
        "quantity": "0.00041",
        "limit_price": "61200",
        "eur": "25.092",
        "rationale": '{"invalidation_price": "60400", "next_trigger": "60900 holds", "risk_notes": "thin", '
        '"why": "momentum above the band", "why_not": "volume is thin"}',
        "snapshot_id": 7,
        "overrides": "{}",
        "quote_price": "61050",
        "parent_id": parent,
        "created_at": tx.now,
        "expires_at": tx.now + 30 * MINUTE,
        "updated_at": tx.now,
    }
    assert stored == {**dict.fromkeys(stored), **expected}
    assert (made.snapshot_id, made.parent_id, made.updated_at, made.trigger) == (7, parent, tx.now, None)
    assert audited(tx) == (
        "proposal.created",
        str(made.id),
        {
            "market": "BTC-EUR",
            "side": "buy",
            "eur": "25.092",
            "oracle": "operator",
            "parent": parent,
            "waits_for": None,
        },
    )


def test_a_stop_is_stored_with_what_it_waits_for(tx: Tx) -> None:
    made = create_proposal(tx, stop_idea(quote_at_creation=None, rationale=Rationale("w", "n", None, "t", "r")))
    stored = row(tx, "trade_proposals")
    assert (stored["trigger_type"], stored["trigger_price"], stored["quote_price"]) == ("stopLoss", "58000", None)
    assert stored["limit_price"] is None
    assert made.trigger == Trigger(TriggerType.STOP_LOSS, Price.of(58000))
    assert (made.quote_at_creation, made.limit) == (None, None)
    assert made.rationale == Rationale("w", "n", None, "t", "r")
    assert audited(tx)[2]["waits_for"] == "stop loss at 58000"


def test_ideas_are_told_by_oracle_side_and_market(tx: Tx) -> None:
    buy = create_proposal(tx, an_idea())
    create_proposal(tx, an_idea(market="ETH-EUR", oracle="rules/other"))
    create_proposal(tx, own_idea())
    assert open_ideas(tx, "BTC-EUR") == {("rules/trend-1", Side.BUY)}
    with pytest.raises(Conflict) as refused:
        create_proposal(tx, an_idea())
    assert str(refused.value) == "rules/trend-1 has an open buy idea for BTC-EUR already"
    assert declined_ideas(tx, "BTC-EUR") == frozenset()
    decline(tx, buy.id)
    assert declined_ideas(tx, "BTC-EUR") == {("rules/trend-1", Side.BUY)}
    assert declined_ideas(tx, "ETH-EUR") == frozenset()
    tx.now = buy.expires_at - 1
    assert len(declined_ideas(tx, "BTC-EUR")) == 1
    tx.now += 1
    assert declined_ideas(tx, "BTC-EUR") == frozenset()


@pytest.mark.parametrize("lives", [1, LONGEST_LIFE])
def test_the_shortest_and_the_longest_life(tx: Tx, lives: int) -> None:
    assert create_proposal(tx, an_idea(lives=lives)).expires_at == tx.now + lives


def test_an_edit_is_audited_word_for_word_and_moves_the_time_of_change(tx: Tx) -> None:
    made = create_proposal(tx, own_idea())
    tx.now += SECOND
    market = replace(SMALLER, order_type=OrderType.MARKET, limit=None)
    edited = revise(tx, made.id, 1, market)
    assert (edited.order_type, edited.limit, edited.updated_at) == (OrderType.MARKET, None, tx.now)
    assert audited(tx) == (
        "proposal.revised",
        str(made.id),
        {
            "revision": 2,
            "before": {"quantity": "0.00041", "limit": "61200", "expires_at": made.expires_at},
            "after": {"quantity": "0.0002", "limit": None, "expires_at": tx.now + 20 * MINUTE},
        },
    )


@pytest.mark.parametrize(
    "change",
    [replace(SMALLER, limit=None), replace(SMALLER, order_type=OrderType.MARKET)],
)
def test_a_limit_belongs_to_a_limit_order_alone(tx: Tx, change: Revision) -> None:
    made = create_proposal(tx, own_idea())
    with pytest.raises(ValueError, match=r"^a limit order needs a limit, a market order has none$"):
        revise(tx, made.id, 1, change)
    assert get_proposal(tx, made.id) == made


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": Quantity.zero()},
        {"eur": Eur.zero()},
        {"limit": Price.zero()},
        {"lives": 0},
        {"lives": LONGEST_LIFE + 1},
    ],
)
def test_an_edit_keeps_sizes_positive(tx: Tx, wrong: dict[str, Any]) -> None:
    made = create_proposal(tx, own_idea())
    with pytest.raises(ValueError, match=r"^a proposal needs a positive size, price and life$"):
        revise(tx, made.id, 1, replace(SMALLER, **wrong))


def test_a_stop_is_made_anew_instead_of_edited(tx: Tx) -> None:
    made = create_proposal(tx, stop_idea())
    with pytest.raises(Conflict) as refused:
        revise(tx, made.id, 1, SMALLER)
    assert str(refused.value) == f"proposal {made.id} is a stop loss at 58000: decline it and set another one"


def test_an_edit_of_an_old_revision_names_both(tx: Tx) -> None:
    made = create_proposal(tx, own_idea())
    revise(tx, made.id, 1, SMALLER)
    with pytest.raises(Conflict) as refused:
        revise(tx, made.id, 1, SMALLER)
    assert str(refused.value) == f"proposal {made.id} is at revision 2 by now, not 1"


def test_overrides_are_stored_and_audited_as_they_add_up(tx: Tx) -> None:
    made = create_proposal(tx, own_idea())
    approve(tx, made.id, {CheckCode.COOLDOWN: "news"})
    tx.now += SECOND
    approve(tx, made.id, {CheckCode.ANTI_FLIP: "plan"})
    both = {"ANTI_FLIP": "plan", "COOLDOWN": "news"}
    stored = row(tx, "trade_proposals")
    assert stored["overrides"] == json.dumps(both)
    assert stored["updated_at"] == tx.now
    assert audited(tx, "proposal.overridden") == ("proposal.overridden", str(made.id), {"overrides": both})


def test_what_cannot_be_overridden_is_named(tx: Tx) -> None:
    made = create_proposal(tx, own_idea())
    with pytest.raises(Conflict) as refused:
        approve(tx, made.id, {CheckCode.SPREAD: "x", CheckCode.EXPOSURE: "y", CheckCode.COOLDOWN: "z"})
    assert str(refused.value) == "EXPOSURE, SPREAD cannot be overridden; only COOLDOWN and ANTI_FLIP can"
    with pytest.raises(Conflict, match=r"^an override needs a reason$"):
        approve(tx, made.id, {CheckCode.COOLDOWN: "news", CheckCode.ANTI_FLIP: " "})


def test_each_decision_is_audited_with_the_state_before_and_the_note(tx: Tx) -> None:
    made = create_proposal(tx, own_idea())
    approve(tx, made.id, {})
    assert audited(tx) == ("proposal.approved", str(made.id), {"before": "PROPOSED", "note": None})
    decline(tx, made.id, "too thin")
    assert audited(tx) == ("proposal.declined", str(made.id), {"before": "APPROVED", "note": "too thin"})
    note_decline(tx, made.id, "much too thin")
    assert audited(tx) == ("proposal.noted", str(made.id), {"note": "much too thin"})
    assert row(tx, "trade_proposals")["decided_note"] == "much too thin"
    undo_decline(tx, made.id)
    assert audited(tx) == ("proposal.proposed", str(made.id), {"before": "DECLINED", "note": None})
    tx.now = made.expires_at
    assert expire_due(tx) == [made.id]
    assert audited(tx) == ("proposal.expired", str(made.id), {"before": "PROPOSED", "note": None})


def test_who_takes_a_decline_back_is_stored(tx: Tx) -> None:
    made = create_proposal(tx, own_idea())
    move_proposal(tx, made.id, P.PROPOSED, P.DECLINED, by="somebody")
    assert undo_decline(tx, made.id).decided_by == "operator"


def test_a_decline_may_be_taken_back_while_a_moment_is_left_and_the_other_side_is_open(tx: Tx) -> None:
    made = create_proposal(tx, an_idea(lives=2 * SECOND))
    decline(tx, made.id)
    create_proposal(tx, an_idea(side=Side.SELL))
    create_proposal(tx, an_idea(oracle="rules/other"))
    tx.now = made.expires_at - 1
    assert undo_decline(tx, made.id).state is P.PROPOSED


def test_an_operators_decline_may_be_taken_back_beside_another_of_his_own(tx: Tx) -> None:
    made = create_proposal(tx, own_idea())
    decline(tx, made.id)
    create_proposal(tx, own_idea())
    create_proposal(tx, an_idea(oracle="operator"))
    assert undo_decline(tx, made.id).state is P.PROPOSED


def refusal(tx: Tx, step: Any) -> str:
    with pytest.raises(Conflict) as refused:
        step()
    return str(refused.value)


def test_a_step_that_comes_too_late_says_why(tx: Tx) -> None:
    made = create_proposal(tx, an_idea(lives=20 * SECOND))
    number = made.id
    assert refusal(tx, lambda: undo_decline(tx, number)) == f"proposal {number} is PROPOSED, not DECLINED"
    assert refusal(tx, lambda: note_decline(tx, number, "n")) == f"proposal {number} is not DECLINED"
    decline(tx, number)
    assert refusal(tx, lambda: decline(tx, number)) == f"proposal {number} is DECLINED"
    assert refusal(tx, lambda: move_proposal(tx, number, P.PROPOSED, P.APPROVED)) == (
        f"proposal {number} is not PROPOSED any more"
    )
    create_proposal(tx, an_idea(lives=20 * SECOND))
    assert refusal(tx, lambda: undo_decline(tx, number)) == "rules/trend-1 has proposed the same again meanwhile"
    tx.now += 6 * SECOND
    assert refusal(tx, lambda: undo_decline(tx, number)) == (
        f"proposal {number} was declined more than 5 s ago; propose it again"
    )


def test_the_last_moment_of_a_proposal_is_the_one_before_its_end(tx: Tx) -> None:
    made = create_proposal(tx, own_idea(lives=2 * SECOND))
    other = create_proposal(tx, own_idea(lives=2 * SECOND))
    tx.now = made.expires_at - 1
    assert approve(tx, made.id, {}).state is P.APPROVED
    tx.now += 1
    assert refusal(tx, lambda: approve(tx, other.id, {})) == f"proposal {other.id} has expired"
    decline_of_due = create_proposal(tx, own_idea(lives=SECOND))
    decline(tx, decline_of_due.id)
    tx.now = decline_of_due.expires_at
    assert refusal(tx, lambda: undo_decline(tx, decline_of_due.id)) == (
        f"proposal {decline_of_due.id} has expired meanwhile"
    )
