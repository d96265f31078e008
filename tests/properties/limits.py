"""The limits of trades, attempts, exposure and usage, worked out from the vault's rows in plain SQL and fractions.

Each is asked right after the commit that used it up, and counts what that commit added.
"""

from __future__ import annotations

import json
import sqlite3
from fractions import Fraction
from typing import Any, Final

from storage.market_models import Quote

HOUR: Final = 3600 * 1_000_000
DAY: Final = 24 * HOUR
LIVE: Final = ("CLAIMED", "SUBMITTING", "UNKNOWN", "SUBMITTED", "PARTIALLY_FILLED")
STAGES: Final = {"TRAINING": 25, "VALIDATED": 100, "PRODUCTION": 500, "MATURE": 10_000}
NOTHING: Final = Fraction(0)


def policy_in_force(db: sqlite3.Connection) -> dict[str, Any]:
    """The active policy as stored."""
    row = db.execute(
        "SELECT canonical FROM policies WHERE hash = (SELECT hash FROM policy_activations WHERE active = 1)"
    ).fetchone()
    found: dict[str, Any] = json.loads(row[0])
    return found


def claim_over(db: sqlite3.Connection, claimed: sqlite3.Row, quote: Quote) -> list[str]:
    """What a claim that was just committed passes, a sentence for each; ``quote`` is what the operator saw."""
    policy = policy_in_force(db)
    over = _trades_over(db, claimed, policy)
    if claimed["side"] == "buy":
        over += _buy_over(db, claimed, policy, quote)
    else:
        over += _sell_over(db, claimed)
    return [f"execution {claimed['id']}: {each}" for each in over]


def _trades_over(db: sqlite3.Connection, claimed: sqlite3.Row, policy: dict[str, Any]) -> list[str]:
    side, now = claimed["side"], claimed["claimed_at"]
    caps = policy["trades" if side == "buy" else "exits"]
    over = []
    for name, length in (("per_day", DAY), ("per_hour", HOUR)):
        most, trades, attempts = int(caps[name]), 0, 0
        for row in db.execute("SELECT * FROM trade_executions WHERE side = ?", [side]):
            attempts += row["claimed_at"] > now - length
            fills = [each[0] for each in db.execute("SELECT at FROM fills WHERE execution_id = ?", [row["id"]])]
            traded = row["state"] == "FILLED" or fills or Fraction(row["venue_filled"]) > 0
            inside = max([row["claimed_at"], *fills]) > now - length
            trades += row["state"] in LIVE or (bool(traded) and inside)
        if trades > most or attempts > 3 * most:
            over.append(f"{trades} {side}s and {attempts} attempts, {name} are {most}")
    return over


def _buy_over(db: sqlite3.Connection, claimed: sqlite3.Row, policy: dict[str, Any], quote: Quote) -> list[str]:
    exposed = NOTHING
    for market, coins in held(db).items():
        if coins:
            bid = quote.bid if market == quote.market else quote.other_bids.get(market)
            if bid is None:
                return [f"a buy passed while {market} is held and has no bid"]
            exposed += coins * Fraction(bid.value)
    for row in db.execute("SELECT * FROM trade_executions WHERE side = 'buy'"):
        exposed += to_come(db, row) * _price(row)
    over = []
    if exposed > Fraction(policy["exposure_eur"]):
        over.append(f"exposure of {float(exposed):.2f} EUR, the limit is {policy['exposure_eur']}")
    value = Fraction(claimed["quantity"]) * _price(claimed)
    stage = db.execute("SELECT stage FROM stage_changes ORDER BY id DESC LIMIT 1").fetchone()[0]
    smallest, largest = Fraction(policy["order"]["min_eur"]), Fraction(policy["order"]["max_eur"])
    if not smallest <= value <= largest or value > STAGES[stage]:
        over.append(f"a buy of {float(value):.2f} EUR is smaller or larger than policy or stage {stage} allow")
    return over


def _sell_over(db: sqlite3.Connection, claimed: sqlite3.Row) -> list[str]:
    market = claimed["market"]
    selling = sum(
        (to_come(db, row) for row in db.execute("SELECT * FROM trade_executions WHERE side = 'sell'")
         if row["market"] == market), NOTHING,
    )  # fmt: skip
    free = held(db).get(market, NOTHING)
    if claimed["kind"] == "exit" and selling > free:
        return [f"sells of {float(selling)} {market}, and {float(free)} are held"]
    return []


def _price(row: sqlite3.Row) -> Fraction:
    if row["limit_price"] is not None:
        return Fraction(row["limit_price"])
    return Fraction(row["eur"]) / Fraction(row["quantity"])


def held(db: sqlite3.Connection) -> dict[str, Fraction]:
    """Coins by market, from all fills; the exchange takes its fees in euros."""
    coins: dict[str, Fraction] = {}
    for market, side, quantity in db.execute("SELECT market, side, quantity FROM fills"):
        coins[market] = coins.get(market, NOTHING) + Fraction(quantity) * (1 if side == "buy" else -1)
    return coins


def to_come(db: sqlite3.Connection, row: sqlite3.Row) -> Fraction:
    """What may still be filled of an order."""
    filled = sum(
        (Fraction(each[0]) for each in db.execute("SELECT quantity FROM fills WHERE execution_id = ?", [row["id"]])),
        NOTHING,
    )
    whole = Fraction(row["quantity"] if row["state"] in LIVE else row["venue_filled"])
    return max(whole - filled, NOTHING)


def usage_over(db: sqlite3.Connection, now: int) -> list[str]:
    """What the costly calls pass, right after one was reserved."""
    caps = policy_in_force(db)["oracle"]
    calls = db.execute("SELECT * FROM gpt_usage_log WHERE reserved_micros > 0 AND at > ?", [now - DAY]).fetchall()
    if not calls:
        return []
    lately = sum(row["at"] > now - HOUR for row in calls)
    micros = sum(
        (row["reserved_micros"] if row["cost_micros"] is None else row["cost_micros"]) + row["overrun_micros"]
        for row in calls
    )
    over = []
    if len(calls) > int(caps["calls_per_day"]) or lately > int(caps["calls_per_hour"]):
        over.append(f"{len(calls)} costly calls in 24 h and {lately} in 60 min, {caps}")
    if micros > Fraction(caps["eur_per_day"]) * 1_000_000:
        over.append(f"costly calls of {micros} micro-euros in 24 h, {caps}")
    return over
