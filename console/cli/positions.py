"""What is held and which stop protects it, as JSON and as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storage.database import Tx


def position_values(tx: Tx) -> list[dict[str, Any]]:
    """Every position this vault bought and holds, with its stops; ``unprotected`` is what no stop loss would sell."""
    from console.cli.values import trigger_values
    from storage.facts import read_book
    from storage.stops import live_stops, uncovered

    stops = live_stops(tx)
    found = []
    for market, position in sorted(read_book(tx).positions.items()):
        here = [stop for stop in stops if stop.market == market]
        shown = [
            {
                "proposal_id": stop.proposal_id,
                "execution_id": stop.execution_id,
                "trigger": trigger_values(stop.trigger),
                "quantity": str(stop.left),
                "state": stop.state,
            }
            for stop in here
        ]
        left = uncovered(position.quantity, here)
        found.append(
            {"market": market, "quantity": str(position.quantity), "stops": shown, "unprotected": str(left)}
        )  # fmt: skip
    return found


def position_lines(positions: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each position; one without a stop says so, and how to set one."""
    lines = []
    for position in positions:
        stops = [
            f"{stop['trigger']['type']} at {stop['trigger']['price']} for {stop['quantity']} {stop['state']} "
            f"(proposal {stop['proposal_id']})"
            for stop in position["stops"]
        ]
        market, left = position["market"], position["unprotected"]
        if left == position["quantity"]:
            stops.append(f"no stop loss; oracle exit {market} --stop PRICE proposes one")
        elif left != "0":
            stops.append(f"{left} without a stop loss")
        lines.append(f"{market} {position['quantity']}: {', '.join(stops)}")
    return lines
