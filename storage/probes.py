"""Questions put to the checks with no proposal behind them: what would they say to any order in a market?

What is shown as locked or used up is the answer of the gate's own checks, so no second rule can disagree with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from storage.clock import MINUTE
from storage.codes import OrderKind, OrderType, Origin, ProposalState, Side
from storage.database import Tx
from storage.facts import Common, read_facts
from storage.market_models import Quote
from storage.models import ActivePolicy, Facts, Proposal, Question
from storage.money import Eur, Price, Quantity
from storage.orders import draw_order
from storage.proposals import NO_RATIONALE

NO_PROPOSAL: Final = 0
"""The id of no proposal: nothing of the vault is its own."""

ANY_MARKET: Final = ""
"""The name of no market: what stops an order there stops it everywhere."""


def probe(tx: Tx, market: str, side: Side, common: Common, *, kind: OrderKind = OrderKind.ENTRY) -> Question:
    """The question of an order of this side in a market, of no size to speak of, without overrides or quote."""
    proposal = _nobodys(tx, market, side, kind)
    return question_of(tx, proposal, read_facts(tx, proposal, common), common.policy)


def question_of(tx: Tx, proposal: Proposal, facts: Facts, policy: ActivePolicy) -> Question:
    """A question without a ticket and with a quote of which nothing was fetched."""
    order = draw_order(proposal, tx.info.mode, keeper_alive=facts.keeper_alive)
    return Question(proposal, order, None, policy, facts, unfetched_quote(proposal.market, {}))


def unfetched_quote(market: str, bids: Mapping[str, Price]) -> Quote:
    """A quote of which nothing was fetched but, perhaps, bids of other markets."""
    return Quote(market, None, (), (), None, None, None, None, None, None, None, bids, None)


def _nobodys(tx: Tx, market: str, side: Side, kind: OrderKind) -> Proposal:
    return Proposal(
        id=NO_PROPOSAL,
        revision=1,
        state=ProposalState.PROPOSED,
        origin=Origin.OPERATOR,
        oracle="probe",
        kind=kind,
        market=market,
        side=side,
        order_type=OrderType.LIMIT,
        quantity=Quantity.of("0.00000001"),
        limit=Price.of(1),
        eur=Eur.zero(),
        confidence=None,
        rationale=NO_RATIONALE,
        snapshot_id=None,
        overrides={},
        quote_at_creation=None,
        created_at=tx.now,
        expires_at=tx.now + MINUTE,
        updated_at=tx.now,
        decided_by=None,
    )
