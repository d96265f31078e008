"""Account flows: what moved the account and was no order of this vault, adopted by the operator or read from history.

A deposit is no profit: drawdown and results come from fills alone, flows only explain what the exchange holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from storage.clock import DAY, Micros
from storage.database import Tx
from storage.money import decimal_text

OVERLAP: Final[Micros] = DAY
"""History is read from this long before the newest clean sweep, as an entry may appear late."""

KINDS: Final[Mapping[str, str]] = {
    "deposit": "deposit",
    "withdrawal": "withdrawal",
    "withdrawal_cancelled": "withdrawal",
}
"""How the exchange's words for a transaction are stored; any other is a reward if it came, a withdrawal if it went."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What moved one symbol and was no order of this vault; what came is positive."""

    at: Micros
    symbol: str
    amount: Decimal
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class AccountMove:
    """One transaction of the account's history that is no trade; ``kind`` is the exchange's own word."""

    transaction_id: str
    at: Micros
    kind: str
    changes: Mapping[str, Decimal]
    """By symbol, fees included; what came is positive."""


def account_flows(tx: Tx) -> list[Flow]:
    """Every flow, in the order it was stored."""
    return [
        Flow(row["at"], row["symbol"], Decimal(row["amount"]), row["kind"], row["reason"])
        for row in tx.sql.all("all_flows")
    ]


def history_since(tx: Tx) -> Micros | None:
    """From when the account's history can explain a difference; None without a baseline.

    Not before the baseline or the newest adoption: what happened until then is in their balances. Up to a clean sweep
    nothing is left to explain, but for entries that appear late.
    """
    row = tx.sql.one("flows_count_from")
    if row is None or row["baseline_at"] is None:
        return None
    counted = max(int(row["baseline_at"]), int(row["adopted_at"] or 0))
    return max(counted, int(row["clean_at"] or 0) - OVERLAP)


def import_moves(tx: Tx, moves: Sequence[AccountMove], since: Micros) -> int:
    """Store what moved after ``since`` and is not stored yet; how many flows that were."""
    known = {(row["transaction_id"], row["symbol"]) for row in tx.sql.all("imported_flows")}
    stored: dict[str, str] = {}
    for move in moves:
        for symbol, amount in sorted(move.changes.items()):
            if move.at <= since or amount == 0 or (move.transaction_id, symbol) in known:
                continue
            kind = KINDS.get(move.kind, "reward" if amount > 0 else "withdrawal")
            tx.sql.insert(
                "import_flow", at=move.at, symbol=symbol, amount=decimal_text(amount), kind=kind, reason=move.kind,
                transaction_id=move.transaction_id, actor=tx.actor.name,
            )  # fmt: skip
            known.add((move.transaction_id, symbol))
            stored[f"{move.transaction_id} {symbol}"] = f"{move.kind} {decimal_text(amount)}"
    if stored:
        tx.audit("account.flows", str(len(stored)), flows=stored)
    return len(stored)
