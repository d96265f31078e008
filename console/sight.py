"""What an oracle saw for a proposal, as it was stored, and the same market as it is now. Knows no Textual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.jobs import gather_views
from console.oracle.snapshot import BadSnapshot, Dropped, Snapshot, build_snapshot
from storage.looks import snapshot_of
from storage.proposals import get_proposal

if TYPE_CHECKING:
    from console.jobs import Looking
    from storage.database import Tx
    from storage.models import Proposal


@dataclass(frozen=True, slots=True)
class Sight:
    """A proposal and the snapshot its numbers come from; without one, ``missing`` says why."""

    proposal: Proposal
    snapshot: Snapshot | None
    missing: str = ""


def stored_sight(tx: Tx, proposal_id: int) -> Sight:
    """What was seen for a proposal. Raises NotFound."""
    proposal = get_proposal(tx, proposal_id)
    text = None if proposal.snapshot_id is None else snapshot_of(tx, proposal.snapshot_id)[1]
    if text is None:
        return Sight(proposal, None, f"it is by {proposal.oracle}; no snapshot was taken for it, only its quote")
    try:
        return Sight(proposal, Snapshot.from_json(text))
    except BadSnapshot as error:
        return Sight(proposal, None, f"its snapshot cannot be read: {error}")


async def look_again(looking: Looking, market: str) -> Snapshot | Dropped:
    """A snapshot of this moment; nothing of it is stored. Raises ExchangeError."""
    views = await gather_views(looking, [market], {}, {market: frozenset()})
    if not views:
        return Dropped(market, "the exchange gave no book or rules")
    return build_snapshot(views[0], looking.clock.now())
