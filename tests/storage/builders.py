"""Small builders of what the gate is asked about: everything as it should be, to be changed one thing at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from storage.checks import run_checks
from storage.clock import HOUR, MINUTE, SECOND, Micros
from storage.codes import (
    CheckCode,
    ExecutionState,
    Mode,
    OrderKind,
    OrderType,
    Origin,
    ProposalState,
    Side,
    Stage,
    TradingState,
)
from storage.execution_models import LastTrade, Lot, OpenExecution, Position
from storage.market_models import ClockSample, Level, MarketRules, Quote
from storage.models import (
    ActivePolicy,
    Check,
    Facts,
    Order,
    Proposal,
    Question,
    Rationale,
    Sweep,
    Ticket,
    TradingRecord,
)
from storage.money import Eur, Price, Quantity
from storage.orders import draw_order, order_digest
from storage.policies import Policy, presets, read_policy

NOW: Final[Micros] = 1_795_530_728 * SECOND
"""2026-11-24T14:32:08Z."""
MONOTONIC: Final = 1000.0
MARKET: Final = "BTC-EUR"


def eur(text: str) -> Eur:
    """Euros from text."""
    return Eur.of(text)


def price(text: str) -> Price:
    """A price from text."""
    return Price.of(text)


def coins(text: str) -> Quantity:
    """A quantity from text."""
    return Quantity.of(text)


def policy_with(base: str = "semi-auto", **changes: Any) -> Policy:
    """A preset with fields replaced; mappings replace only the fields they name."""
    data = presets(Mode.PAPER)[base].model_dump()
    for name, value in changes.items():
        data[name] = {**data[name], **value} if isinstance(value, Mapping) else value
    return read_policy(data)


def active(policy: Policy) -> ActivePolicy:
    """The policy as the one in force."""
    return ActivePolicy(activation_id=1, hash=policy.hash(), name=policy.name, policy=policy)


def make_proposal(**changes: Any) -> Proposal:
    """A rules proposal to buy 0.00041 BTC at 61200, 25.09 EUR, five minutes old with seven to go."""
    proposal = Proposal(
        id=1042,
        revision=3,
        state=ProposalState.PROPOSED,
        origin=Origin.RULES,
        oracle="rules/trend-1",
        kind=OrderKind.ENTRY,
        market=MARKET,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=coins("0.00041"),
        limit=price("61200"),
        eur=eur("25.092"),
        confidence=75,
        rationale=Rationale("momentum above the band", "volume is thin", price("60400"), "60900 holds", "thin"),
        snapshot_id=7,
        overrides={},
        quote_at_creation=price("61050"),
        created_at=NOW - 5 * MINUTE,
        expires_at=NOW + 7 * MINUTE,
        updated_at=NOW - 5 * MINUTE,
        decided_by=None,
    )
    return replace(proposal, **changes)


def make_rules(**changes: Any) -> MarketRules:
    """The exchange's rules for BTC-EUR."""
    rules = MarketRules(
        market=MARKET,
        base="BTC",
        quote="EUR",
        status="trading",
        minimum_quantity=coins("0.00006607"),
        minimum_value=eur("5"),
        maximum_quantity=coins("1000000000"),
        quantity_decimals=8,
        tick_size=price("1"),
        order_types=frozenset({"market", "limit", "stopLoss", "takeProfit"}),
        maximum_open_orders=100,
    )
    return replace(rules, **changes)


def levels(*pairs: tuple[str, str]) -> tuple[Level, ...]:
    """Book levels from price and quantity texts, best first."""
    return tuple(Level(price(at), coins(size)) for at, size in pairs)


def make_quote(**changes: Any) -> Quote:
    """A fresh quote: bid 61148, ask 61152, last trade 61150, 792.13 EUR and 0.0061 BTC to spend."""
    quote = Quote(
        market=MARKET,
        rules=make_rules(),
        bids=levels(("61148", "0.23"), ("61147", "1.1")),
        asks=levels(("61152", "0.082"), ("61155", "0.41")),
        last=price("61150"),
        book_confirmed=MONOTONIC - 0.4,
        available_eur=eur("792.13"),
        available_base=coins("0.0061"),
        balance_fetched=MONOTONIC - 1.2,
        balance_fetched_at=NOW - 2 * SECOND,
        taker_fee=Decimal("0.0025"),
        other_bids={"ETH-EUR": price("2064.3")},
        clock=ClockSample(exchange_at=NOW - 10 * SECOND, monotonic=MONOTONIC - 10),
    )
    return replace(quote, **changes)


def make_facts(**changes: Any) -> Facts:
    """A vault at rest: ACTIVE, swept a minute ago, nothing held, nothing traded."""
    facts = Facts(
        now=NOW,
        monotonic=MONOTONIC,
        mode=Mode.PAPER,
        trading=TradingRecord(1, TradingState.ACTIVE, "new vault", "setup", NOW - HOUR),
        halt_file=None,
        stage=Stage.MATURE,
        stage_limit=eur("10000"),
        policy_hash=policy_with().hash(),
        holder=None,
        last_trade=None,
        last_opposite=None,
        last_close_at_loss=None,
        trade_times={Side.BUY: (), Side.SELL: ()},
        attempt_times={Side.BUY: (), Side.SELL: ()},
        positions={},
        realised=(),
        open_executions=(),
        recent_holds=(),
        sweep=Sweep(NOW - MINUTE, True, (), frozenset()),
        newest_audit_at=NOW - SECOND,
        keeper_alive=True,
    )
    return replace(facts, **changes)


def make_ticket(order: Order, policy_hash: str) -> Ticket:
    """The ticket that shows this order."""
    return Ticket(order, order_digest(order), policy_hash, NOW - 10 * SECOND)


def make_question(
    *,
    proposal: Proposal | None = None,
    policy: Policy | None = None,
    facts: Mapping[str, Any] | None = None,
    quote: Mapping[str, Any] | None = None,
    with_ticket: bool = True,
    typed_amount: bool = False,
) -> Question:
    """A question every check answers with yes, unless what is given says otherwise."""
    asked = make_proposal() if proposal is None else proposal
    in_force = active(policy_with() if policy is None else policy)
    known = make_facts(**{"policy_hash": in_force.hash, **(facts or {})})
    order = draw_order(asked, known.mode, keeper_alive=known.keeper_alive)
    return Question(
        proposal=asked,
        order=order,
        ticket=make_ticket(order, in_force.hash) if with_ticket else None,
        policy=in_force,
        facts=known,
        quote=make_quote(**(quote or {})),
        typed_amount=typed_amount,
    )


def make_position(market: str = MARKET, quantity: str = "0.0061", cost: str = "360") -> Position:
    """One lot bought an hour ago."""
    return Position(market, (Lot(NOW - HOUR, coins(quantity), eur(cost)),))


def sell_proposal(**changes: Any) -> Proposal:
    """A rules proposal to sell 0.00041 BTC at 61100."""
    return make_proposal(**{"side": Side.SELL, "limit": price("61100"), **changes})


def exit_proposal(**changes: Any) -> Proposal:
    """The operator's own exit of 0.00041 BTC at 61100."""
    own = {"kind": OrderKind.EXIT, "origin": Origin.OPERATOR, "oracle": "you", "confidence": None}
    return sell_proposal(**{**own, **changes})


def make_execution(**changes: Any) -> OpenExecution:
    """A resting buy of another proposal: 0.001 BTC at 60000, claimed and last changed ten minutes ago."""
    execution = OpenExecution(
        id=501,
        proposal_id=1001,
        market=MARKET,
        side=Side.BUY,
        kind=OrderKind.ENTRY,
        state=ExecutionState.SUBMITTED,
        quantity=coins("0.001"),
        remaining=coins("0.001"),
        limit=price("60000"),
        eur=eur("60"),
        claimed_at=NOW - 10 * MINUTE,
        updated_at=NOW - 10 * MINUTE,
    )
    return replace(execution, **changes)


def last_trade(at: Micros, side: Side = Side.BUY, *, live: bool = False) -> LastTrade:
    """The market's newest trade."""
    return LastTrade(at, side, live, 400)


def by_code(checks: tuple[Check, ...]) -> dict[CheckCode, Check]:
    """Answers by their code."""
    return {check.code: check for check in checks}


HELD: Final[Mapping[str, Any]] = {"positions": {MARKET: make_position()}}
"""Facts of a vault that holds 0.0061 BTC."""


def answer(code: CheckCode, question: Question | None = None, **parts: Any) -> Check:
    """What one check answers to a question, given or built from parts."""
    return by_code(run_checks(make_question(**parts) if question is None else question))[code]
