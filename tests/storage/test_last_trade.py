"""Which trade of a market the cooldown counts from, as the vault reads it."""

from __future__ import annotations

from storage.clock import MINUTE, SECOND
from storage.codes import ExecutionState
from storage.database import Tx
from storage.evidence import apply_order
from storage.execution_models import LastTrade
from storage.facts import read_facts
from storage.proposals import create_proposal
from tests.storage.world import an_idea, bring_to, claim_by_hand, own_idea, submit, venue_fill, venue_order


def last_trade(tx: Tx) -> LastTrade | None:
    return read_facts(tx, create_proposal(tx, own_idea())).last_trade


def test_a_live_trade_comes_before_one_that_ended_ahead_of_the_clock(tx: Tx) -> None:
    ended = submit(tx, claim_by_hand(tx))
    ahead = tx.now + 2 * SECOND
    apply_order(tx, ended.id, venue_order(ended, "filled", venue_fill(at=ahead)), "test", {})
    live = bring_to(tx, ExecutionState.SUBMITTED)
    assert last_trade(tx) == LastTrade(ahead, live.side, True, live.id)


def test_the_newest_ended_trade_of_the_market_counts(tx: Tx) -> None:
    assert last_trade(tx) is None
    bring_to(tx, ExecutionState.SUBMITTED, an_idea(market="ETH-EUR", oracle="rules/other"))
    bring_to(tx, ExecutionState.REJECTED)
    assert last_trade(tx) is None, "neither another market's nor one that ended with nothing"
    for at in (tx.now - MINUTE, tx.now - 2 * MINUTE):
        ended = submit(tx, claim_by_hand(tx))
        fill = venue_fill(ended.id, at=at)
        apply_order(tx, ended.id, venue_order(ended, "filled", fill), "test", {})
    found = last_trade(tx)
    assert found is not None
    assert (found.at, found.live) == (tx.now, False), "a trade's time is the later of claim and fill"
