"""An operator's own ideas: the one place where size and price are computed from words, for screen and command line.

A limit is said as a price, as ``ask``, ``mid`` or ``bid`` of the moment, as ``market`` for an order without one, or
not at all: then it is half a per cent through the book, ask + 0.5 % for a buy, bid - 0.5 % for a sell.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, TypeVar

from console.execution.ticket import Outlook, look_ahead, sized_answers
from console.text import safe_text
from storage.checks import verdict
from storage.clock import MINUTE, Micros
from storage.codes import OrderKind, OrderType, Origin, ProposalState, Side, TriggerType
from storage.database import Tx
from storage.execution_models import Trigger
from storage.facts import read_facts
from storage.gate import ask
from storage.market_models import MarketRules, Quote
from storage.models import Check, Order, Proposal, Rationale
from storage.money import Eur, NotANumber, Price, Quantity
from storage.order_value import sellable
from storage.proposals import LONGEST_LIFE, NewProposal, Revision
from storage.sizing import Sizing, largest_size
from storage.stops import Stop, live_stops

AWAY: Final = Decimal("0.005")
"""How far through the book an order goes that names no limit."""
USUAL_MINUTES: Final = 60
NOT_STORED: Final = 0
"""The id of an idea that is looked at and not stored; rows begin at 1."""
TRIGGER_FIELDS: Final = {TriggerType.STOP_LOSS: "stop", TriggerType.TAKE_PROFIT: "take-profit"}

A = TypeVar("A", Eur, Price, Quantity)


class BadIdea(ValueError):
    """Words that make no order. ``field`` is the one that is wrong, ``text`` what is wrong with it."""

    def __init__(self, field: str, text: str, *, whole: bool = False) -> None:
        super().__init__(text if whole else f"{field}{text}")
        self.field = field
        self.text = text
        self.whole = whole
        """Whether the text is a sentence of its own, without the field's name before it."""

    def told(self, name: str) -> str:
        """The sentence, with the field called by the name it has where it was typed."""
        return self.text if self.whole else f"{name}{self.text}"


class NoPrice(BadIdea):
    """The market has no price to take the limit from at this moment."""


class NothingHeld(BadIdea):
    """There is nothing to sell."""


@dataclass(frozen=True, slots=True)
class Idea:
    """An order in words, as typed. ``limit`` None or empty is half a per cent through the book."""

    market: str
    side: str
    eur: str
    limit: str | None
    why: str = ""
    minutes: int = USUAL_MINUTES
    wrong: Price | None = None
    """The price that would prove it wrong, kept from the idea it is made anew from."""


@dataclass(frozen=True, slots=True)
class ExitWords:
    """A way out in words: so many per cent of what is held and free, at a limit as an idea's."""

    market: str
    share: str = "100"
    limit: str | None = None
    why: str = ""
    minutes: int = USUAL_MINUTES
    trigger: TriggerType | None = None
    """A stop loss or take profit; ``limit`` is then the price it waits for."""

    @property
    def price_field(self) -> str:
        """What the price is called: ``limit``, ``stop`` or ``take-profit``."""
        return "limit" if self.trigger is None else TRIGGER_FIELDS[self.trigger]


@dataclass(frozen=True, slots=True)
class Draft:
    """What an idea would come to now, and what the gate says of it; nothing of it is stored."""

    order: Order
    eur: Eur
    outlook: Outlook | None
    checks: tuple[Check, ...]
    blocking: Check | None
    typed_reason: str | None
    sizing: Sizing
    quote: Quote
    free: Quantity
    """What is held of the market, less what open sells may still take."""


def check_words(idea: Idea) -> None:
    """Refuse what can be refused without asking anybody. Raises BadIdea."""
    if idea.side.lower() not in set(Side):
        raise BadIdea("side", f" is buy or sell, not {idea.side!r}")
    _amount("eur", Eur, idea.eur)
    if idea.limit and _word(idea.limit) is None:
        _amount("limit", Price, idea.limit)
    _check_minutes(idea.minutes)


def check_exit_words(words: ExitWords) -> None:
    """Refuse what can be refused without asking anybody. Raises BadIdea."""
    share = _amount("share", Quantity, words.share)
    if share.value > 100:
        raise BadIdea("share", f" is a percentage of at most 100, not {words.share}")
    if words.trigger is not None and not words.limit:
        raise BadIdea(words.price_field, " needs the price it waits for")
    if words.limit and (words.trigger is not None or _word(words.limit) is None):
        _amount(words.price_field, Price, words.limit)
    _check_minutes(words.minutes)


def _check_minutes(minutes: int) -> None:
    if not 0 < minutes * MINUTE <= LONGEST_LIFE:
        raise BadIdea("minutes", f" are 1 to {LONGEST_LIFE // MINUTE}, not {minutes}")


def _amount(field: str, kind: type[A], text: str) -> A:
    try:
        amount = kind.of(text)
    except NotANumber as error:
        raise BadIdea(field, f": {error}") from None
    if not amount.is_positive:
        raise BadIdea(field, f" must be more than zero, not {text}")
    return amount


def _word(limit: str) -> str | None:
    word = limit.strip().lower()
    return word if word in ("ask", "mid", "bid", "market") else None


def rules_of_market(market: str, rules: Mapping[str, MarketRules], problem: str | None) -> MarketRules:
    """The rules of a market the exchange has. Raises BadIdea, naming the nearest one; NoPrice if it has told none."""
    if market in rules:
        return rules[market]
    if not rules:
        raise NoPrice("market", f"the exchange's markets cannot be read: {problem}", whole=True)
    close = difflib.get_close_matches(market.upper(), sorted(rules), n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(rules)[:12])}"
    raise BadIdea("market", f"the exchange has no market {safe_text(market, 40)}; {hint}", whole=True)


def draw_idea(idea: Idea, rules: MarketRules, quote: Quote, operator: str, parent: int | None = None) -> NewProposal:
    """Size and price of an operator's idea on the exchange's rules. Raises BadIdea, NoPrice."""
    check_words(idea)
    side = Side(idea.side.lower())
    order_type, at = _price(idea.limit, side, quote, rules)
    quantity = (Eur.of(idea.eur) / at).rounded_down(rules.quantity_decimals)
    if not quantity.is_positive:
        raise BadIdea("eur", f" {idea.eur} buys less than the smallest step of {rules.base} at {at}")
    return _new(OrderKind.ENTRY, idea, side, order_type, quantity, at, quote, operator, parent)


def draw_exit(
    words: ExitWords,
    free: Quantity,
    rules: MarketRules,
    quote: Quote,
    operator: str,
    parent: int | None = None,
    stops: Iterable[Stop] = (),
) -> NewProposal:
    """The operator's sell of a share of what is held and free, now or at a price it waits for.

    ``stops`` are those of the market: where nothing is free they are named. Raises BadIdea, NoPrice.
    """
    check_exit_words(words)
    if not free.is_positive:
        raise NothingHeld("market", _nothing_free(rules.base, stops), whole=True)
    if words.trigger is None:
        trigger, (order_type, at) = None, _price(words.limit, Side.SELL, quote, rules)
    else:
        order_type, at = OrderType.MARKET, _on_tick(words.limit or "", rules.tick_size, words.price_field)
        trigger = Trigger(words.trigger, at)
    part = free.scaled(Quantity.of(words.share).value.scaleb(-2))
    quantity = part.rounded_down(rules.quantity_decimals)
    if not quantity.is_positive:
        raise BadIdea("share", f" of {words.share} % is less than the smallest step of {rules.base}")
    new = _new(OrderKind.EXIT, words, Side.SELL, order_type, quantity, at, quote, operator, parent)
    return replace(new, trigger=trigger)


def _nothing_free(base: str, stops: Iterable[Stop]) -> str:
    nothing = f"this vault holds no {base} that is not being sold already"
    held = "; ".join(
        f"the {stop.trigger} holds {stop.left}, oracle cancel {stop.proposal_id} takes it back" for stop in stops
    )
    return f"{nothing}: {held}" if held else nothing


def _new(
    kind: OrderKind,
    words: Idea | ExitWords,
    side: Side,
    order_type: OrderType,
    quantity: Quantity,
    at: Price,
    quote: Quote,
    operator: str,
    parent: int | None,
) -> NewProposal:
    return NewProposal(
        origin=Origin.OPERATOR,
        oracle=operator,
        kind=kind,
        market=words.market,
        side=side,
        order_type=order_type,
        quantity=quantity,
        limit=at if order_type is OrderType.LIMIT else None,
        eur=quantity * at,
        lives=words.minutes * MINUTE,
        rationale=Rationale(words.why, "", words.wrong if isinstance(words, Idea) else None, "", ""),
        quote_at_creation=quote.ask if side is Side.BUY else quote.bid,
        parent_id=parent,
    )


def _price(limit: str | None, side: Side, quote: Quote, rules: MarketRules) -> tuple[OrderType, Price]:
    """The order's type, and the price its size is computed at: its limit, or the best price for a market order."""
    word = _word(limit) if limit else None
    buying = side is Side.BUY
    if limit and word is None:
        return OrderType.LIMIT, _on_tick(limit, rules.tick_size)
    if word is None:
        away = 1 + AWAY if buying else 1 - AWAY
        return OrderType.LIMIT, _best(quote, side).scaled(away).to_tick(rules.tick_size, up=not buying)
    if word == "market":
        return OrderType.MARKET, _best(quote, side)
    if word == "mid":
        middle = (_best(quote, Side.BUY) + _best(quote, Side.SELL)).scaled(Decimal("0.5"))
        return OrderType.LIMIT, middle.to_tick(rules.tick_size, up=not buying)
    return OrderType.LIMIT, _best(quote, Side.BUY if word == "ask" else Side.SELL)


def _best(quote: Quote, side: Side) -> Price:
    price = quote.ask if side is Side.BUY else quote.bid
    if price is None:
        raise NoPrice(
            "limit", f"{quote.market} has no {'ask' if side is Side.BUY else 'bid'} now; give a limit", whole=True
        )
    return price


def _on_tick(text: str, tick: Price, field: str = "limit") -> Price:
    limit = Price.of(text)
    below, above = limit.to_tick(tick, up=False), limit.to_tick(tick, up=True)
    if below != limit:
        raise BadIdea(field, f" {text} is no multiple of the tick {tick}; the nearest are {below} and {above}")
    return limit


def revision_of(new: NewProposal) -> Revision:
    """What an edit takes from newly drawn words."""
    return Revision(new.order_type, new.quantity, new.limit, new.eur, new.lives)


def stops_of(tx: Tx, market: str) -> tuple[Stop, ...]:
    """The stops of one market that may still sell."""
    return tuple(stop for stop in live_stops(tx) if stop.market == market)


def free_to_sell(tx: Tx, market: str) -> Quantity:
    """What this vault holds of a market, less what open, claimed and unknown sells may still take."""
    return sellable(read_facts(tx, _unstored(market, tx.now)), market, NOT_STORED)


def draft(tx: Tx, new: NewProposal, quote: Quote, edited: Proposal | None = None) -> Draft:
    """What the gate would say of an idea now: of a new one, or of an edited proposal in its next revision."""
    proposal = _as_proposal(new, tx.now, edited)
    question = ask(tx, proposal, quote)
    checks, typed = sized_answers(question)
    return Draft(
        order=question.order,
        eur=new.eur,
        outlook=look_ahead(question.order, quote),
        checks=checks,
        blocking=verdict(checks),
        typed_reason=typed,
        sizing=largest_size(question),
        quote=quote,
        free=sellable(question.facts, new.market, proposal.id),
    )


def _as_proposal(new: NewProposal, now: Micros, edited: Proposal | None) -> Proposal:
    if edited is not None:
        change = revision_of(new)
        return replace(
            edited,
            revision=edited.revision + 1,
            order_type=change.order_type,
            quantity=change.quantity,
            limit=change.limit,
            eur=change.eur,
            expires_at=now + change.lives,
        )
    return replace(
        _unstored(new.market, now),
        kind=new.kind,
        side=new.side,
        order_type=new.order_type,
        quantity=new.quantity,
        limit=new.limit,
        eur=new.eur,
        rationale=new.rationale,
        quote_at_creation=new.quote_at_creation,
        expires_at=now + new.lives,
        trigger=new.trigger,
    )


def _unstored(market: str, now: Micros) -> Proposal:
    """An operator's sell of nothing yet: the frame that an idea is put into before anything of it is stored."""
    return Proposal(
        id=NOT_STORED,
        revision=1,
        state=ProposalState.PROPOSED,
        origin=Origin.OPERATOR,
        oracle="",
        kind=OrderKind.EXIT,
        market=market,
        side=Side.SELL,
        order_type=OrderType.MARKET,
        quantity=Quantity.zero(),
        limit=None,
        eur=Eur.zero(),
        confidence=None,
        rationale=Rationale("", "", None, "", ""),
        snapshot_id=None,
        overrides={},
        quote_at_creation=None,
        created_at=now,
        expires_at=now,
        updated_at=now,
        decided_by=None,
    )
