"""Random worlds to ask the gate about: policy, history, exchange and proposal as plain dictionaries.

Figures come from a few round ones, and times from the edges of every window, so that ties are common; a last step sets
one figure exactly to what the world comes to, or a hair beside it.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any, Final

from tests.storage.second_opinion import rules

NOW: Final = 1_795_530_728 * rules.SECOND
MONOTONIC: Final = 1000.0
MARKETS: Final = ("AAA-EUR", "BBB-EUR", "CCC-EUR")
PROPOSAL: Final = 1_000_000
SWEEP_EDGES: Final = tuple(120 * rules.SECOND + each for each in (-1, 0, 1))
HAIR: Final = Fraction(1, 10**6)

LIVE_STATES: Final = ("CLAIMED", "SUBMITTING", "UNKNOWN", "SUBMITTED", "PARTIALLY_FILLED")
EMPTY_ENDS: Final = ("REJECTED", "ABSENT", "ABANDONED", "RESOLVED")


def make_world(random: Random) -> dict[str, Any]:
    """One world: mostly in order, with a few things out of it."""
    policy = _policy(random)
    proposal = _proposal(random)
    world: dict[str, Any] = {
        "now": NOW,
        "monotonic": MONOTONIC,
        "mode": "paper",
        "trading": _mostly(random, "ACTIVE", ("REDUCING", "HALTED")),
        "halt_file": random.random() < 0.03,
        "stage": random.choice(("TRAINING", "VALIDATED", "PRODUCTION", "MATURE")),
        "policy": policy,
        "keeper": random.random() < 0.8,
        "audit_at": NOW + _mostly(random, -rules.SECOND, (0, 1, -1)),
        "sweep": _sweep(random),
        "history": _history(random, policy),
        "proposal": proposal,
        "quote": _quote(random, proposal["market"]),
        "typed": random.random() < 0.5,
        "ticket": None,
    }
    if random.random() < 0.02:
        world["audit_at"] = None
    world["ticket"] = _ticket(random, world)
    if random.random() < 0.5:
        _mend(random, world)
    _sharpen(random, world)
    return world


def _mend(random: Random, world: dict[str, Any]) -> None:
    """Put most of what may be out of order in order, so that some worlds pass every check and more fail by one."""
    policy, quote, proposal = world["policy"], world["quote"], world["proposal"]
    fresh = {
        "market": proposal["market"], "last": "100", "book_at": MONOTONIC, "balance_at": MONOTONIC,
        "balance_time": NOW, "fee": "0.0025", "eur": "1000", "coins": "10",
        "bids": [("99.5", "5")], "asks": [("100", "5")], "clock": {"exchange": NOW, "at": MONOTONIC},
    }  # fmt: skip
    venue = {
        "market": proposal["market"], "status": "trading", "min_quantity": "0.001", "min_value": "5", "decimals": 8,
        "max_quantity": "1000", "tick": "0.5", "types": ["limit", "market"], "max_open": 100,
    }  # fmt: skip
    limits = {
        "allowlist": list(MARKETS), "order": {"min_eur": "0", "max_eur": "1000"}, "confidences": [0, 25, 50, 75, 100],
        "exposure_eur": "1000", "venue": {"collar_pct": "4", "spread_pct": "2", "fresh_s": 5},
        "trades": {"per_day": 5, "per_hour": 3}, "exits": {"per_day": 5, "per_hour": 3},
    }  # fmt: skip
    for place, good in ((quote, {"rules": venue, **fresh}), (policy, limits)):
        place.update({name: value for name, value in good.items() if random.random() < 0.97})
    world["ticket"] = None
    world["halt_file"] = False
    proposal["state"] = "PROPOSED"


def _mostly(random: Random, usual: Any, others: tuple[Any, ...], share: float = 0.15) -> Any:
    return random.choice(others) if random.random() < share else usual


def _edge(random: Random, *lengths: int) -> int:
    """A time near the start of one of these windows, near now, or anywhere in the last day."""
    if random.random() < 0.25:
        return NOW - random.randrange(rules.DAY + rules.HOUR)
    return NOW - random.choice((0, *lengths)) + random.choice((-1, 0, 0, 1, rules.SECOND, -rules.MINUTE))


def _policy(random: Random) -> dict[str, Any]:
    def caps() -> dict[str, int]:
        return {"per_day": random.choice((0, 1, 1, 2, 3, 5)), "per_hour": random.choice((0, 1, 1, 2, 3))}

    return {
        "name": "random",
        "scan": {"interval_min": 30, "quiet_min": None, "busy_min": 10, "per_day": 50},
        "oracle": {"calls_per_day": 15, "calls_per_hour": 5, "eur_per_day": "2"},
        "oracle_gate": {"volatility_pct": 30, "move_1h_pct": "1.5", "move_4h_pct": 2, "volume_z": 1},
        "order": {"min_eur": random.choice(("0", "10", "25")), "max_eur": random.choice(("25", "50", "100", "1000"))},
        "trades": caps(),
        "exits": caps(),
        "exposure_eur": random.choice(("0", "100", "250", "1000")),
        "cooldown_min": random.choice((0, 15, 60)),
        "cooldown_after_loss_min": random.choice((0, 15, 120)),
        "anti_flip_min": random.choice((0, 15, 120)),
        "drawdown_pct": random.choice(("0", "5", "10", "12.5")),
        "never_average_down": random.random() < 0.5,
        "confidences": random.sample((0, 25, 50, 75, 100), random.randrange(6)),
        "allowlist": random.sample(MARKETS, random.randrange(4)),
        "exit_only": random.sample(MARKETS, random.randrange(3)),
        "venue": {
            "collar_pct": random.choice(("1", "2", "4")),
            "spread_pct": random.choice(("0.5", "1", "2")),
            "fresh_s": random.choice((1, 5)),
        },
        "submit": {
            "window_ms": 5000,
            "absence_margin_ms": 5000,
            "request_timeout_ms": 10_000,
            "lookup_lag_ms": 1000,
            "rest_max_min": 240,
            "dead_man_s": 60,
        },
    }


def _amount(random: Random) -> str:
    return random.choice(("0.1", "0.125", "0.25", "0.25", "0.5", "0.75", "1", "1.001"))


def _level(random: Random) -> str:
    return random.choice(("96", "98", "99", "99.5", "100", "100", "100.5", "101", "102", "104"))


def _proposal(random: Random) -> dict[str, Any]:
    side, origin = random.choice(("buy", "sell")), random.choice(("rules", "operator"))
    order_type = _mostly(random, "limit", ("market",), 0.25)
    reasons = (None, "news came", " ", "")
    overrides = {code: why for code in ("COOLDOWN", "ANTI_FLIP") if (why := random.choice(reasons)) is not None}
    limit = _level(random) if order_type == "limit" else None
    level = random.choice((0, 25, 50, 75, 100))
    return {
        "id": PROPOSAL,
        "revision": random.randrange(1, 4),
        "state": _mostly(random, random.choice(("PROPOSED", "APPROVED")), ("DECLINED", "EXPIRED", "CLAIMED", "FAILED")),
        "origin": origin,
        "kind": "exit" if side == "sell" and origin == "operator" and random.random() < 0.8 else "entry",
        "market": random.choice(MARKETS),
        "side": side,
        "type": order_type,
        "quantity": _amount(random),
        "limit": _mostly(random, limit, (None, "100", "100.25"), 0.03),
        "confidence": _mostly(random, level, (None,), 0.1) if origin == "rules" else None,
        "overrides": overrides if random.random() < 0.4 else {},
        "expires_at": NOW + _mostly(random, rules.MINUTE, (0, 1, -1)),
    }


def _sweep(random: Random) -> dict[str, Any] | None:
    if random.random() < 0.03:
        return None
    age = _mostly(random, rules.MINUTE, (*SWEEP_EDGES, 0, -rules.SECOND))
    foreign = [random.choice(MARKETS)] if random.random() < 0.1 else []
    return {"at": NOW - age, "clean": random.random() < 0.92, "foreign": foreign}


def _history(random: Random, policy: dict[str, Any]) -> list[dict[str, Any]]:
    minutes = (policy["cooldown_min"], policy["anti_flip_min"])
    longer = policy["cooldown_min"] + policy["cooldown_after_loss_min"]
    lengths = (rules.DAY, rules.DAY, rules.HOUR, *(each * rules.MINUTE for each in (*minutes, longer)))
    most = random.choice((0, 1, 2, 4, 7))
    own = random.random() < 0.03
    return [_attempt(random, number, lengths, own and number == most) for number in range(1, most + 1)]


def _attempt(random: Random, number: int, lengths: tuple[int, ...], own: bool) -> dict[str, Any]:
    market, side = random.choice(MARKETS), random.choice(("buy", "buy", "sell"))
    state = random.choice(("FILLED", "FILLED", "FILLED", "CANCELED", random.choice(LIVE_STATES), *EMPTY_ENDS[:2]))
    state = _mostly(random, state, EMPTY_ENDS, 0.1)
    quantity, order_type = _amount(random), _mostly(random, "limit", ("market",), 0.2)
    claimed = _edge(random, *lengths)
    fills: list[dict[str, Any]] = []
    reported = Fraction(0)
    if state in ("FILLED", "CANCELED", "PARTIALLY_FILLED", "UNKNOWN"):
        share = {"FILLED": 4, "PARTIALLY_FILLED": 2}.get(state, random.choice((0, 2)))
        part = Fraction(quantity) / 4
        for piece in (share - 1, 1) if share > 1 and random.random() < 0.5 else (share,) if share else ():
            fills.append(_fill(random, market, part * piece, max(claimed, _edge(random, *lengths))))
        reported = part * share
        if fills and random.random() < 0.1:
            fills.pop()
    return {
        "id": number,
        "proposal": PROPOSAL if own else number,
        "market": market,
        "side": side,
        "kind": "entry" if side == "buy" else random.choice(("entry", "exit")),
        "type": order_type,
        "state": state,
        "quantity": quantity,
        "limit": _level(random) if order_type == "limit" else None,
        "eur": random.choice(("10", "25", "50")),
        "claimed_at": claimed,
        "updated_at": random.choice((claimed, NOW - rules.MINUTE, NOW - 2 * rules.SECOND, NOW - 10 * rules.MINUTE)),
        "reported": text_of(reported),
        "fills": fills,
    }


def _fill(random: Random, market: str, quantity: Fraction, at: int) -> dict[str, Any]:
    fee = random.choice((None, "0", "0.01", "0.05", "-0.02", "0.25"))
    fee_in = None if fee is None else _mostly(random, "EUR", ("BEST", None), 0.1)
    if random.random() < 0.1:
        fee, fee_in = "0.001", market.partition("-")[0]
    return {"at": at, "quantity": text_of(quantity), "price": _level(random), "fee": fee, "fee_in": fee_in}


def _book(random: Random, best: str, step: int) -> list[tuple[str, str]]:
    sizes = ("0.1", "0.25", "0.5", "5")
    return [
        (text_of(Fraction(best) + step * Fraction(index, 2)), random.choice(sizes))
        for index in range(_mostly(random, 3, (0, 1), 0.1))
    ]


def _quote(random: Random, market: str) -> dict[str, Any]:
    bid, ask = random.choice((("99.5", "100.5"), ("99.5", "100"), ("100", "100"), ("99", "101"), ("101", "100")))
    exchange = (
        NOW - 10 * rules.SECOND + _mostly(random, 0, (2 * rules.SECOND, -2 * rules.SECOND, 2_000_001, -2_000_001))
    )
    clock = {"exchange": exchange, "at": MONOTONIC - 10}
    if random.random() < 0.1:
        age = random.choice((60.0, 60.125, 0.0, -0.125))
        clock = {"exchange": NOW - round(age * rules.SECOND), "at": MONOTONIC - age}
    quote = {
        "market": _mostly(random, market, MARKETS, 0.05),
        "rules": {
            "market": _mostly(random, market, MARKETS, 0.03),
            "status": _mostly(random, "trading", ("halted", "auction"), 0.1),
            "min_quantity": random.choice(("0.1", "0.25", "0.001")),
            "min_value": random.choice(("5", "25", "10")),
            "max_quantity": random.choice(("1", "1000")),
            "decimals": random.choice((1, 2, 3, 8)),
            "tick": _mostly(random, random.choice(("0.5", "1")), ("0.25", "2", "0"), 0.1),
            "types": random.choice((["limit", "market"], ["limit", "market", "stopLoss"], ["limit"], ["market"])),
            "max_open": random.choice((100, 2, 1, 0)),
        },
        "bids": _book(random, bid, -1),
        "asks": _book(random, ask, 1),
        "last": random.choice(("98", "100", "100", "102", "0")),
        "book_at": MONOTONIC - random.choice((0.0, 0.5, 1.0, 1.125, 5.0, 5.125, -0.125)),
        "eur": random.choice(("0", "25", "100", "1000")),
        "coins": random.choice(("0", "0.25", "1", "10")),
        "balance_at": MONOTONIC - random.choice((0.0, 0.5, 1.0, 5.0, 5.125)),
        "balance_time": NOW - random.choice((0, 2 * rules.SECOND, 2 * rules.SECOND + 1, rules.MINUTE, -1)),
        "fee": _mostly(random, "0.0025", ("0", "0.01", "1", "-0.001", "NaN")),
        "other_bids": {each: _level(random) for each in MARKETS if random.random() < 0.95},
        "clock": clock,
    }
    if random.random() < 0.15:
        quote[
            random.choice(("rules", "last", "book_at", "eur", "coins", "balance_at", "balance_time", "fee", "clock"))
        ] = None
    return quote


def _ticket(random: Random, world: dict[str, Any]) -> dict[str, Any] | None:
    if random.random() < 0.2:
        return None
    shown = rules.Opinion(world).drawn()
    digested, policy = dict(shown), dict(world["policy"])
    changes = {
        "quantity": (shown["quantity"] + "0", shown["quantity"] + "1"), "limit": ("100", None), "revision": (1, 2),
        "in_force": ("GTC", "IOC", None), "overrides": ({}, {"COOLDOWN": "other"}), "mode": ("paper", "live"),
    }  # fmt: skip
    for order in (shown, digested):
        if random.random() < 0.1:
            name = random.choice(sorted(changes))
            order[name] = random.choice(changes[name])
    if random.random() < 0.2:
        other = {"allowlist": list(MARKETS), "exposure_eur": "100.0", "cooldown_min": 15, "exit_only": []}
        name = random.choice(sorted(other))
        policy[name] = other[name]
    if random.random() < 0.2:
        policy["allowlist"] = policy["allowlist"][::-1]
    return {"order": shown, "digested": digested, "policy": policy}


def _sharpen(random: Random, world: dict[str, Any]) -> None:
    """Set one figure to exactly what the world comes to, or a hair beside it, where that is a figure of this kind."""
    policy, quote, proposal = world["policy"], world["quote"], world["proposal"]
    opinion, hair = rules.Opinion(world), random.choice((-1, 0, 0, 1)) * HAIR
    try:
        match random.randrange(7):
            case 0:
                _set(policy, "exposure_eur", opinion.exposed() + hair, 10**6)
            case 1:
                policy["drawdown_pct"] = random.choice(("5", "10", "100"))
                _set(policy, "exposure_eur", opinion.loss() * 100 / Fraction(policy["drawdown_pct"]) + hair, 10**6)
            case 2:
                sizes, bound = policy["order"], opinion.value() + hair
                name, fits = random.choice(
                    (("min_eur", bound <= Fraction(sizes["max_eur"])), ("max_eur", bound >= Fraction(sizes["min_eur"])))
                )
                if fits:
                    _set(sizes, name, bound, 10**6)
            case 3 if opinion.sellable() > 0:
                _set(proposal, "quantity", opinion.sellable() + hair, 10**6)
            case 4 if proposal["side"] == "buy":
                _set(quote, "eur", opinion.spent_with_others() + hair, 10**6)
            case 5 if opinion.held()[0] > 0 and proposal["limit"] is not None:
                coins, cost = opinion.held()
                policy["never_average_down"] = True
                _set(proposal, "limit", cost / coins + hair, 10**6)
            case _:
                taken = sum((Fraction(each["quantity"]) for each in opinion.unseen()), Fraction(0))
                _set(quote, "coins", opinion.quantity + taken + hair, 10**6)
    except rules.Unknown:
        return


def _set(place: dict[str, Any], name: str, figure: Fraction, most: int) -> None:
    text = text_of(figure)
    if 0 <= figure <= most and text != "":
        place[name] = text


def text_of(figure: Fraction) -> str:
    """A number as decimal text; empty if it has more than twelve decimals."""
    scaled = figure * 10**12
    if scaled.denominator != 1:
        return ""
    text = format(Decimal(scaled.numerator).scaleb(-12), "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
