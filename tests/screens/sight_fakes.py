"""What a driver of the tests answers about snapshots and looks: a real snapshot of a market made by hand."""

from __future__ import annotations

from console.oracle.snapshot import Dropped, Snapshot
from console.sight import Sight
from storage.clock import SECOND
from storage.looks import Figure, StoredLook
from storage.models import Proposal
from tests.oracle.market import minute_candles, rising, snapshot_of, view_of
from tests.storage.builders import NOW

SAW = snapshot_of(view_of(minute_candles(rising())))


class SightFake:
    """The part of a driver that the cards of what was seen ask."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = SAW
        self.present: Snapshot | Dropped = SAW
        self.stored_looks: tuple[StoredLook, ...] = some_looks()

    def find_proposal(self, proposal_id: int) -> Proposal:
        """A stored proposal. Raises NotFound."""
        raise NotImplementedError

    async def sight(self, proposal_id: int) -> Sight:
        proposal = self.find_proposal(proposal_id)
        missing = "" if self.snapshot is not None else "it is by you; no snapshot was taken for it, only its quote"
        return Sight(proposal, self.snapshot, missing)

    async def look_again(self, market: str) -> Snapshot | Dropped:
        return self.present

    async def newest_looks(self) -> tuple[StoredLook, ...]:
        return self.stored_looks


def figures(one: str, four: str, volatility: str, volume: str | None) -> dict[str, Figure]:
    """The figures of a market, with limits as a policy sets them."""
    return {
        "move_1h_pct": Figure(one, "1.5"),
        "move_4h_pct": Figure(four, "2"),
        "volatility_pct": Figure(volatility, "30"),
        "volume_z": Figure(volume, "1"),
    }


def some_looks() -> tuple[StoredLook, ...]:
    """One look at four markets, each with another end."""
    at = NOW - 20 * SECOND
    return (
        StoredLook(4, at, "BTC-EUR", "proposed", "", "", figures("-0.28", "-0.71", "28.8", "0.52")),
        StoredLook(3, at, "ETH-EUR", "quiet", "EMA gap -0.52 of 1.5 ATR", "", figures("0.76", "-1.33", "18", None)),
        StoredLook(2, at, "SOL-EUR", "duplicate", "", "BUY of rules/trend-1 is still open",
                   figures("0.39", "1.41", "42.3", "-1.09")),
        StoredLook(1, at, "XRP-EUR", "dropped", "", "not fetched", {}),
    )  # fmt: skip
