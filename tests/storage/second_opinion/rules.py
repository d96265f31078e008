"""The gate's twenty-five rules, stated a second time: slowly, in exact fractions, over plain dictionaries.

It shares no code with the vault and reads nothing but a *world*: what the policy says, what happened (every attempt
with its fills), what the exchange shows, and the proposal that asks; ``worlds.py`` makes them. Amounts are decimal
text, times integer microseconds UTC, monotonic times seconds; None stands for what is not known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

Part: TypeAlias = Mapping[str, Any]

SECOND, MINUTE, HOUR, DAY = 10**6, 60 * 10**6, 3600 * 10**6, 86_400 * 10**6
STAGES: Final = {"TRAINING": 25, "VALIDATED": 100, "PRODUCTION": 500, "MATURE": 10_000}
IN_FLIGHT: Final = ("CLAIMED", "SUBMITTING")
RESTING: Final = ("SUBMITTED", "PARTIALLY_FILLED")
LIVE: Final = (*IN_FLIGHT, *RESTING, "UNKNOWN")
CODES: Final = (
    *("ALLOWLIST", "ORDER_SIZE", "CONFIDENCE", "COOLDOWN", "ANTI_FLIP", "DAILY_TRADE_CAP", "HOURLY_TRADE_CAP"),
    *("TRADING_STATE", "PROPOSAL_STATE", "PROPOSAL_EXPIRY", "POLICY_UNCHANGED", "TICKET_UNCHANGED", "STAGE_LIMIT"),
    *("EXPOSURE", "DRAWDOWN", "AVERAGE_DOWN", "UNRESOLVED_EXECUTION", "RECONCILED", "CLOCK"),
    *("MARKET_STATUS", "ORDER_RULES", "PRICE_FRESH", "PRICE_COLLAR", "SPREAD", "BALANCE"),
)


class Unknown(Exception):
    """Something the rule needs is not known: the rule is not met."""


class Until(NamedTuple):  # not met now; met at this time if nothing else happens
    at: int


Answer: TypeAlias = bool | Until
NOTHING: Final = Fraction(0)


def need(value: Any) -> Any:
    if value is None:
        raise Unknown
    return value


@lru_cache(maxsize=4096)
def number(text: str | None) -> Fraction:
    value = Decimal(need(text))
    if not value.is_finite():
        raise Unknown
    return Fraction(value)


def total(figures: Iterable[Fraction]) -> Fraction:
    return sum(figures, NOTHING)


def to_come(attempt: Part) -> Fraction:
    """What may still be filled: of a live order its rest, of an ended one what the exchange named and not listed."""
    ordered = attempt["quantity"] if attempt["state"] in LIVE else attempt["reported"]
    return max(number(ordered) - total(number(fill["quantity"]) for fill in attempt["fills"]), NOTHING)


def plain(value: Any) -> Any:
    """A policy or an order by what it says: numbers by value, lists in any order."""
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return {str(part) for part in value}
    return number(value) if isinstance(value, str) and value[:1].isdigit() else value


class Opinion:
    """What the rules say of one world: a method for each rule, named as its code."""

    def __init__(self, world: Part) -> None:
        self.world, self.now, self.history = world, world["now"], world["history"]
        self.policy, self.proposal = world["policy"], world["proposal"]
        self.market, self.side = self.proposal["market"], self.proposal["side"]
        self.buys, self.quantity = self.side == "buy", number(self.proposal["quantity"])
        self.other = "sell" if self.buys else "buy"
        self.exits = self.proposal["kind"] == "exit" and not self.buys  # the operator's sell of what is held
        self.others = [each for each in self.history if each["proposal"] != self.proposal["id"]]
        self.lots, self.results = self._books()
        self.ticket, self.sweep = world["ticket"], world["sweep"]

    def judge(self) -> dict[str, tuple[bool, int | None]]:
        """For each rule whether it is met, and if not, the time that clears it (None: no passing of time does)."""
        return {code: self.answer(code) for code in CODES}

    def answer(self, code: str) -> tuple[bool, int | None]:
        try:
            answer: Answer = SHORT[code](self) if code in SHORT else getattr(self, code.lower())()
        except Unknown:
            return False, None
        return (False, answer.at) if isinstance(answer, Until) else (bool(answer), None)

    def quote(self) -> Part:
        shown: Part = self.world["quote"]
        if shown["market"] != self.market:
            raise Unknown
        return shown

    def venue(self) -> Part:
        rules: Part = need(self.quote()["rules"])
        if rules["market"] != self.market:
            raise Unknown
        return rules

    def walked(self) -> tuple[Fraction, Fraction]:
        """A market order through the book shown: the price its last unit gets, and what it pays in all."""
        left, paid = self.quantity, NOTHING
        for at, size in self.quote()["asks" if self.buys else "bids"]:
            paid += min(left, number(size)) * number(at)
            left = max(left - number(size), NOTHING)
            if left == 0:
                return number(at), paid
        raise Unknown

    def price(self) -> Fraction:
        return self.walked()[0] if self.proposal["type"] == "market" else number(self.proposal["limit"])

    def value(self) -> Fraction:
        return self.quantity * self.price()

    def drawn(self) -> dict[str, Any]:
        """The order the proposal stands for now. It rests only where a keeper follows it, or as an exit."""
        asks, rests = self.proposal, self.world["keeper"] or self.exits
        in_force = None if asks["type"] == "market" else "GTC" if rests else "IOC"
        same = ("revision", "kind", "market", "side", "type", "quantity", "limit", "overrides")
        whose = {"mode": self.world["mode"], "proposal": asks["id"], "in_force": in_force}
        return whose | {name: asks[name] for name in same}

    def drawn_as_shown(self, *shown: Part) -> bool:
        return all(plain(order) == plain(self.drawn()) for order in shown)

    def counted(self, *sides: str, market: str | None = None) -> list[tuple[int, bool]]:
        """Every trade, which no attempt is that ended empty: the later of claim and newest fill (live: now), live."""
        found = []
        for attempt in self.history:
            live = attempt["state"] in LIVE
            bought = live or attempt["fills"] or attempt["state"] == "FILLED" or number(attempt["reported"]) > 0
            if attempt["side"] in sides and market in (None, attempt["market"]) and bought:
                at = max([attempt["claimed_at"], *(fill["at"] for fill in attempt["fills"])])
                found.append((max(at, self.now) if live else at, live))
        return found

    def _books(self) -> tuple[dict[str, list[tuple[Fraction, Fraction]]], list[tuple[int, str, Fraction, bool, int]]]:
        """Open lots (coins, cost) by market, sells from them (time, market, result, closed, attempt): FIFO, fees in."""
        books: dict[str, list[tuple[Fraction, Fraction]]] = {}
        results: list[tuple[int, str, Fraction, bool, int]] = []
        fills = [(fill["at"], attempt, fill) for attempt in self.history for fill in attempt["fills"]]
        for at, attempt, fill in sorted(fills, key=lambda each: each[0]):
            base, currency = attempt["market"].split("-")
            fee = NOTHING if fill["fee"] is None else number(fill["fee"])
            in_coins, in_eur = (fee if fill["fee_in"] == name else NOTHING for name in (base, currency))
            coins, paid = number(fill["quantity"]), number(fill["quantity"]) * number(fill["price"])
            lots = books.setdefault(attempt["market"], [])
            if attempt["side"] == "buy":
                lots.append((coins - in_coins, paid + in_eur))
                continue
            left = coins = coins + in_coins
            cost = NOTHING
            while lots and left > 0:
                held, held_cost = lots.pop(0)
                taken = min(held, left)
                left, cost = left - taken, cost + held_cost * taken / held
                if taken < held:
                    lots.insert(0, (held - taken, held_cost * (held - taken) / held))
            if left < coins:
                result = (paid - in_eur) * (coins - left) / coins - cost
                results.append((at, attempt["market"], result, not lots, attempt["id"]))
        return books, results

    def held(self) -> tuple[Fraction, Fraction]:  # coins in the market's open lots, and what they cost
        lots = self.lots.get(self.market, [])
        return total(coins for coins, _ in lots), total(cost for _, cost in lots)

    def sellable(self) -> Fraction:
        sells = [each for each in self.others if each["market"] == self.market and each["side"] == "sell"]
        return self.held()[0] - total(map(to_come, sells))

    def worth(self) -> Fraction:
        """All open lots at the bid."""
        shown, worth = self.quote(), NOTHING
        for market, lots in self.lots.items():
            if lots:
                own = shown["bids"][0][0] if shown["bids"] else None
                bid = number(own if market == self.market else shown["other_bids"].get(market))
                worth += bid * total(coins for coins, _ in lots)
        return worth

    def exposed(self) -> Fraction:
        """Open lots at the bid, what other buys may still spend, and this order."""
        buys = [each for each in self.others if each["side"] == "buy" and (each["state"] in LIVE or to_come(each) > 0)]
        at_limit = total(to_come(each) * number(each["limit"]) for each in buys if each["limit"] is not None)
        return self.worth() + self.value() + at_limit + total(number(e["eur"]) for e in buys if e["limit"] is None)

    def loss(self) -> Fraction:
        """Of the last 24 h: realised after fees, and unrealised of open lots; below zero for a gain."""
        realised = total(result for at, _, result, _, _ in self.results if at > self.now - DAY)
        cost = total(cost for lots in self.lots.values() for _, cost in lots)
        return -(realised + self.worth() - cost)

    def worst(self) -> Fraction:
        return number(self.policy["exposure_eur"]) * number(self.policy["drawdown_pct"]) / 100

    def lost_at(self) -> int | None:
        """When the market's newest sell closed the position at a loss over all its fills; None if it did not."""
        sold = [each for each in self.results if each[1] == self.market]
        whole = total(result for _, _, result, _, attempt in sold if attempt == sold[-1][4])
        return sold[-1][0] if sold and sold[-1][3] and whole < 0 else None

    def spent_with_others(self) -> Fraction:
        """This buy and what others hold that the balance may not show, each with fee in whole cents up."""
        fee = number(self.quote()["fee"])
        need(fee if 0 <= fee < 1 else None)
        amounts = [self.value(), *(number(each["eur"]) for each in self.unseen() if each["limit"] is None)]
        limited = [each for each in self.unseen() if each["limit"] is not None]
        amounts += [number(each["quantity"]) * number(each["limit"]) for each in limited]
        return total(Fraction(math.ceil(amount * (1 + fee) * 100), 100) for amount in amounts)

    def unseen(self) -> list[Part]:
        """Other orders of the side that are undecided, or changed since the balance was fetched."""
        fetched = need(self.quote()["balance_time"])
        need(None if fetched > self.now else fetched)
        undecided, shown = (*IN_FLIGHT, "UNKNOWN"), (*RESTING, "FILLED", "CANCELED")
        unseen = [each for each in self.others if each["state"] in shown and each["updated_at"] >= fetched]
        unseen += [each for each in self.others if each["state"] in undecided]
        return [each for each in unseen if each["side"] == self.side]

    def order_size(self) -> Answer:
        if self.exits:  # the exchange's minimum, and what is held
            enough = self.quantity >= number(self.venue()["min_quantity"])
            return enough and self.value() >= number(self.venue()["min_value"]) and self.quantity <= self.sellable()
        sizes = self.policy["order"]
        return number(sizes["min_eur"]) <= self.value() <= number(sizes["max_eur"])

    def confidence(self) -> Answer:
        given = self.proposal["confidence"]
        own = given is None and self.proposal["origin"] == "operator"
        return own or need(given) in self.policy["confidences"]

    def waited(self, code: str, trades: list[tuple[int, bool]], minutes: int, also: tuple[int, ...] = ()) -> Answer:
        length = minutes * MINUTE
        if length > 0 and any(live for _, live in trades):
            return False  # its time is now until it ends, and an override sets aside what is past only
        until = max([*(at + length for at, _ in trades), *also], default=self.now)
        return True if until <= self.now or self.proposal["overrides"].get(code, "").strip() else Until(until)

    def cooldown(self) -> Answer:
        minutes, lost = self.policy["cooldown_min"], self.lost_at()
        longer = (minutes + self.policy["cooldown_after_loss_min"]) * MINUTE
        trades = self.counted("buy", "sell", market=self.market)
        return self.waited("COOLDOWN", trades, minutes, () if lost is None else (lost + longer,))

    def cap(self, name: str, length: int) -> Answer:
        most = self.policy["trades" if self.buys else "exits"][name]
        trades = [at for at, _ in self.counted(self.side)]
        attempts = [attempt["claimed_at"] for attempt in self.history if attempt["side"] == self.side]

        def room(moment: int) -> bool:
            count, tries = (sum(at > moment - length for at in times) for times in (trades, attempts))
            return bool(count < most and tries < 3 * most)

        if most == 0 or room(self.now):
            return bool(most > 0)
        return Until(min(at + length for at in (*trades, *attempts) if at + length > self.now and room(at + length)))

    def trading_state(self) -> Answer:
        state, reduces = self.world["trading"], not self.buys and self.quantity <= self.sellable()
        return not self.world["halt_file"] and (state == "ACTIVE" or (state == "REDUCING" and reduces))

    def average_down(self) -> Answer:
        coins, cost = self.held()
        free = not self.buys or not self.policy["never_average_down"] or coins == 0
        return free or self.price() >= cost / coins

    def unresolved_execution(self) -> Answer:
        for attempt in self.history:
            here, state = attempt["market"] == self.market, attempt["state"]
            crossing = state in RESTING and attempt["side"] != self.side  # it would trade with our own
            if (here and (state in IN_FLIGHT or crossing)) or (state == "UNKNOWN" and (here or self.buys)):
                return False
        return self.market not in need(self.world["sweep"])["foreign"]

    def clock(self) -> Answer:
        sample = need(self.world["quote"]["clock"])
        age = Fraction(self.world["monotonic"]) - Fraction(sample["at"])
        off = self.now - (sample["exchange"] + age * SECOND)
        return self.now >= need(self.world["audit_at"]) and 0 <= age <= 60 and abs(off) <= 2 * SECOND

    def order_rules(self) -> Answer:
        rules, kind, amount = self.venue(), self.proposal["type"], self.quantity
        tick = number(rules["tick"])
        if kind == "market":
            spent, fits = self.walked()[1], self.proposal["limit"] is None
        else:
            spent, fits = self.value(), tick > 0 and self.price() > 0 and self.price() % tick == 0
        fits = fits and (amount * 10 ** rules["decimals"]).denominator == 1 and kind in rules["types"]
        fits = fits and number(rules["min_quantity"]) <= amount <= number(rules["max_quantity"])
        open_there = sum(each["market"] == self.market and each["state"] in LIVE for each in self.others)
        return fits and spent >= number(rules["min_value"]) and open_there < rules["max_open"]

    def _widest(self, name: str) -> Fraction:
        return number(self.policy["venue"][name]) / 100 * (4 if self.exits and self.world["typed"] else 1)

    def _best(self) -> tuple[Fraction, Fraction]:
        bids, asks = self.quote()["bids"], self.quote()["asks"]
        need((bids and asks) or None)
        return number(bids[0][0]), number(asks[0][0])

    def price_fresh(self) -> Answer:
        ages = [self.world["monotonic"] - need(self.quote()[part]) for part in ("book_at", "balance_at")]
        return all(0 <= age <= self.policy["venue"]["fresh_s"] for age in ages)

    def price_collar(self) -> Answer:
        near = (number(self.quote()["last"]), sum(self._best(), NOTHING) / 2)
        return all(at > 0 and abs(self.price() - at) <= self._widest("collar_pct") * at for at in near)

    def spread(self) -> Answer:
        bid, ask = self._best()
        return 0 <= ask - bid <= self._widest("spread_pct") * (bid + ask) / 2

    def balance(self) -> Answer:
        if self.buys:
            return self.spent_with_others() <= number(self.quote()["eur"])
        promised = total(number(each["quantity"]) for each in self.unseen() if each["market"] == self.market)
        return self.quantity + promised <= number(self.quote()["coins"])


SHORT: Final[Mapping[str, Callable[[Opinion], Answer]]] = {
    "DAILY_TRADE_CAP": lambda it: it.cap("per_day", DAY),
    "HOURLY_TRADE_CAP": lambda it: it.cap("per_hour", HOUR),
    "ALLOWLIST": lambda it: it.market in it.policy["allowlist"] or (it.exits and it.market in it.policy["exit_only"]),
    "PROPOSAL_EXPIRY": lambda it: bool(it.now < it.proposal["expires_at"]),
    "PROPOSAL_STATE": lambda it: it.proposal["state"] in ("PROPOSED", "APPROVED") and len(it.others) == len(it.history),
    "ANTI_FLIP": lambda it: it.waited("ANTI_FLIP", it.counted(it.other, market=it.market), it.policy["anti_flip_min"]),
    "POLICY_UNCHANGED": lambda it: it.ticket is None or bool(plain(it.ticket["policy"]) == plain(it.policy)),
    "TICKET_UNCHANGED": lambda it: it.ticket is None or it.drawn_as_shown(it.ticket["order"], it.ticket["digested"]),
    "RECONCILED": lambda it: bool(need(it.sweep)["clean"] and abs(it.now - it.sweep["at"]) <= 120 * SECOND),
    "DRAWDOWN": lambda it: not it.buys or it.loss() <= 0 or it.loss() < it.worst(),
    "STAGE_LIMIT": lambda it: not it.buys or it.value() <= STAGES[it.world["stage"]],
    "EXPOSURE": lambda it: not it.buys or it.exposed() <= number(it.policy["exposure_eur"]),
    "MARKET_STATUS": lambda it: bool(it.venue()["status"] == "trading"),
}
