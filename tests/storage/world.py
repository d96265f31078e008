"""Vaults with something in them: a proposal that may be claimed, claims, orders as the exchange reports them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from storage.absence import AbsenceEvidence, LookUp
from storage.clock import HOUR, MINUTE, SECOND, Micros
from storage.codes import ExecutionState, Mode, OrderKind, OrderType, Origin, ProposalState, Side, TriggerType
from storage.database import Tx, Vault
from storage.errors import VaultError
from storage.evidence import apply_order, move_execution
from storage.execution_models import Execution, Signing, Trigger, VenueFill, VenueOrder
from storage.execution_rows import get_execution
from storage.executions import begin_submit, mark_unknown
from storage.gate import draw_ticket, pass_gate
from storage.market_models import ClockSample, Level, MarketRules, Quote
from storage.models import Claim, Proposal, Rationale, Ticket
from storage.money import Eur, Price, Quantity
from storage.orders import client_order_id, draw_order, order_digest, request_body
from storage.policy_store import active_policy
from storage.proposals import NewProposal, create_proposal, get_proposal, move_proposal
from storage.queries import Sql
from storage.schema import migrate
from storage.setup import read_audit_key, set_up_vault
from storage.sweeps import SweepResult, record_sweep
from tests.support import OPERATOR, SeededEntropy, SteppedClock

MARKET: Final = "BTC-EUR"
KEY: Final = "f1a9e0c2"
EXCHANGE: Final = "paper/6a1c"
MARGIN_MS: Final = 5000
LAG_MS: Final = 1000


def bare_tx(folder: Path, clock: SteppedClock, mode: Mode = Mode.PAPER) -> Tx:
    """A new vault in memory, and one endless transaction on it; for rules that need no second connection.

    Its time stands still; set ``now`` to move it.
    """
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA recursive_triggers = ON")
    migrate(db)
    entropy = SeededEntropy()
    key = read_audit_key(folder, db, entropy)
    info = set_up_vault(db, folder, mode, clock, entropy, OPERATOR, key)
    return Tx(db, Sql(db), clock.now(), clock.monotonic(), OPERATOR, info, folder, key)


def an_idea(**changes: Any) -> NewProposal:
    """Rules' idea to buy 0.00041 BTC at 61200, 25.09 EUR, good for half an hour."""
    idea = NewProposal(
        origin=Origin.RULES,
        oracle="rules/trend-1",
        market=MARKET,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=Quantity.of("0.00041"),
        limit=Price.of("61200"),
        eur=Eur.of("25.092"),
        lives=30 * MINUTE,
        confidence=75,
        rationale=Rationale("momentum above the band", "volume is thin", Price.of("60400"), "60900 holds", "thin"),
        quote_at_creation=Price.of("61050"),
    )
    return replace(idea, **changes)


def own_idea(**changes: Any) -> NewProposal:
    """The operator's own idea of the same order; any number of them may be open."""
    own = {"origin": Origin.OPERATOR, "oracle": "operator", "confidence": None}
    return an_idea(**{**own, **changes})


def rules_for(market: str) -> MarketRules:
    """What the exchange accepts in a market."""
    return MarketRules(
        market=market,
        base=market.partition("-")[0],
        quote="EUR",
        status="trading",
        minimum_quantity=Quantity.of("0.00006607"),
        minimum_value=Eur.of(5),
        maximum_quantity=Quantity.of(1_000_000_000),
        quantity_decimals=8,
        tick_size=Price.of(1),
        order_types=frozenset({"market", "limit"}),
        maximum_open_orders=100,
    )


def quote_at(now: Micros, monotonic: float, **changes: Any) -> Quote:
    """A quote of BTC-EUR fetched this moment: bid 61148, ask 61152, and 792.13 EUR to spend."""
    quote = Quote(
        market=MARKET,
        rules=rules_for(MARKET),
        bids=(Level(Price.of(61148), Quantity.of("0.23")),),
        asks=(Level(Price.of(61152), Quantity.of("0.41")),),
        last=Price.of(61150),
        book_confirmed=monotonic,
        available_eur=Eur.of("792.13"),
        available_base=Quantity.of("0.0061"),
        balance_fetched=monotonic,
        balance_fetched_at=now,
        taker_fee=Decimal("0.0025"),
        other_bids={},
        clock=ClockSample(exchange_at=now, monotonic=monotonic),
    )
    return replace(quote, **changes)


def clean_sweep(tx: Tx, balances: Mapping[str, Decimal] | None = None) -> int:
    """Record that vault and exchange agree."""
    totals = {"EUR": Decimal(1000)} if balances is None else balances
    return record_sweep(tx, SweepResult(tx.now, (), frozenset(), totals, KEY, EXCHANGE))


@dataclass(frozen=True, slots=True)
class Ready:
    """A proposal with the ticket and quote that pass the gate at this moment."""

    proposal: Proposal
    ticket: Ticket
    quote: Quote


def make_ready(tx: Tx, idea: NewProposal | None = None) -> Ready:
    """A clean sweep, a proposal, its ticket and a fresh quote."""
    clean_sweep(tx)
    proposal = create_proposal(tx, an_idea() if idea is None else idea)
    return Ready(proposal, draw_ticket(tx, proposal), quote_at(tx.now, tx.monotonic))


async def ready_to_claim(vault: Vault, idea: NewProposal | None = None) -> Ready:
    """A proposal of this vault that all twenty-five checks let through, as long as its clock stands still."""
    return await vault.transact(lambda tx: make_ready(tx, idea))


def claim_of(tx: Tx, ready: Ready) -> Claim:
    """The claim the gate gives for it. Fails the test if the gate refuses."""
    outcome = pass_gate(tx, ready.ticket, ready.quote)
    assert isinstance(outcome, Claim), [check for check in outcome.checks if not check.passed]
    return outcome


def claim_by_hand(tx: Tx, idea: NewProposal | None = None) -> Claim:
    """A claim stored as the gate stores one, without asking its checks: for many orders in one market."""
    proposal = create_proposal(tx, own_idea() if idea is None else idea)
    order = draw_order(proposal, tx.info.mode, keeper_alive=True)
    client_id = client_order_id(tx.info.incarnation, proposal.id)
    body = request_body(order, client_id, tx.info.operator_id, tx.info.dead_man_group)
    policy_hash = active_policy(tx).hash
    by = {"actor": tx.actor.name, "instance": tx.actor.instance, "now": tx.now}
    decision = tx.sql.insert(
        "insert_decision", proposal_id=proposal.id, revision=1, passed=1, failed="", checks="[]",
        policy_hash=policy_hash, **by,
    )  # fmt: skip
    execution_id = tx.sql.insert(
        "insert_execution", proposal_id=proposal.id, revision=1, decision_id=decision, client_order_id=client_id,
        kind=order.kind, market=order.market, side=order.side, order_type=order.order_type,
        time_in_force=order.time_in_force, quantity=str(order.quantity),
        limit_price=None if order.limit is None else str(order.limit), eur=str(proposal.eur),
        digest=order_digest(order), request_body=body, policy_hash=policy_hash, **by,
        trigger_type=None if order.trigger is None else order.trigger.type,
        trigger_price=None if order.trigger is None else str(order.trigger.price),
    )  # fmt: skip
    tx.sql.insert(
        "insert_trade", execution_id=execution_id, proposal_id=proposal.id, market=order.market, side=order.side,
        now=tx.now,
    )  # fmt: skip
    move_proposal(tx, proposal.id, ProposalState.PROPOSED, ProposalState.CLAIMED)
    return Claim(execution_id, client_id, order, body, policy_hash, tx.now, ())


def signing(tx: Tx) -> Signing:
    """A request signed this moment, good for five seconds."""
    return Signing(tx.now // 1000, 5000, KEY, EXCHANGE)


def submit(tx: Tx, claim: Claim) -> Execution:
    """Bring a claim to SUBMITTING as the executor does."""
    begin_submit(tx, claim, signing(tx))
    execution = get_execution(tx, claim.execution_id)
    assert execution.state is ExecutionState.SUBMITTING
    return execution


def venue_fill(number: int = 1, **changes: Any) -> VenueFill:
    """A settled fill of 0.00041 BTC at 61152, six cents of fee."""
    fill = VenueFill(
        fill_id=f"fill-{number}",
        at=SteppedClock().now() + SECOND,
        quantity=Quantity.of("0.00041"),
        price=Price.of(61152),
        fee=Decimal("0.06"),
        fee_currency="EUR",
        taker=True,
        settled=True,
    )
    return replace(fill, **changes)


def venue_order(execution: Execution, status: str = "new", *fills: VenueFill, **changes: Any) -> VenueOrder:
    """The exchange's report of this execution's order."""
    order = VenueOrder(
        order_id=f"order-{execution.id}",
        client_order_id=execution.client_order_id,
        market=execution.market,
        side=execution.side.value,
        status=status,
        quantity=execution.quantity,
        limit=execution.limit,
        filled=Quantity.total(fill.quantity for fill in fills),
        fills=fills,
        created_at=SteppedClock().now(),
        operator_id=1,
        trigger=None if execution.trigger is None else execution.trigger.price,
    )
    return replace(order, **changes)


def part_fill(execution: Execution, number: int) -> VenueFill:
    """A tenth of the order."""
    return venue_fill(
        number, fill_id=f"fill-{execution.id}-{number}", quantity=execution.quantity.scaled(Decimal("0.1"))
    )


def bring_to(tx: Tx, state: ExecutionState, idea: NewProposal | None = None) -> Execution:
    """A new execution, moved to a state the way the program moves it there."""
    claim = claim_by_hand(tx, idea)
    if state is ExecutionState.CLAIMED:
        return get_execution(tx, claim.execution_id)
    if state is ExecutionState.ABANDONED:
        move_execution(tx, get_execution(tx, claim.execution_id), state, "test", {})
        return get_execution(tx, claim.execution_id)
    execution = submit(tx, claim)
    statuses = {
        ExecutionState.SUBMITTED: "new" if execution.trigger is None else "awaitingTrigger",
        ExecutionState.PARTIALLY_FILLED: "partiallyFilled",
        ExecutionState.FILLED: "filled",
        ExecutionState.CANCELED: "canceled",
    }
    if state in statuses:
        partly = (part_fill(execution, 1),) if state is ExecutionState.PARTIALLY_FILLED else ()
        apply_order(tx, execution.id, venue_order(execution, statuses[state], *partly), "test", {})
    elif state is ExecutionState.REJECTED:
        move_execution(tx, execution, state, "test", {})
    elif state is not ExecutionState.SUBMITTING:
        mark_unknown(tx, execution.id, "timeout")
        if state is not ExecutionState.UNKNOWN:
            move_execution(tx, get_execution(tx, execution.id), state, "absence", {})
    reached = get_execution(tx, execution.id)
    assert reached.state is state
    return reached


def full_proof(execution: Execution, **changes: Any) -> AbsenceEvidence:
    """A sweep that proves an execution's order absent: begun past window and margin, two look-ups, full listings."""
    assert execution.signing is not None
    begun = (execution.signing.signed_at_ms + execution.signing.window_ms + MARGIN_MS) * 1000 + 1
    evidence = AbsenceEvidence(
        began_at=begun,
        look_ups=(LookUp(begun, 404, 240), LookUp(begun + LAG_MS * 1000, 404, 240)),
        open_orders_seen=0,
        orders_seen=3,
        trades_seen=2,
        listed_from=execution.signing.signed_at_ms * 1000 - HOUR,
        read_to_the_end=True,
        our_id_seen=False,
        known_order_missing=False,
        key_fingerprint=KEY,
        exchange_identity=EXCHANGE,
    )
    return replace(evidence, **changes)


def proposal_state(tx: Tx, execution: Execution) -> ProposalState:
    """The state of an execution's proposal."""
    return get_proposal(tx, execution.proposal_id).state


def trade_status(tx: Tx, execution: Execution) -> str:
    """The status of an execution's trade."""
    row = tx.sql.one("trade_of_execution", execution_id=execution.id)
    assert row is not None
    return str(row["status"])


def alert_texts(tx: Tx) -> list[str]:
    """Every critical alert, oldest first."""
    return [row[0] for row in tx.db.execute("SELECT text FROM alerts WHERE level = 'critical' ORDER BY id")]


def exit_idea(**changes: Any) -> NewProposal:
    """The operator's exit of 0.00041 BTC at 61100."""
    return own_idea(**{"kind": OrderKind.EXIT, "side": Side.SELL, "limit": Price.of(61100), **changes})


def stop_idea(price: str = "58000", kind: TriggerType = TriggerType.STOP_LOSS, **changes: Any) -> NewProposal:
    """The operator's stop loss for 0.00041 BTC."""
    waits = {"order_type": OrderType.MARKET, "limit": None, "trigger": Trigger(kind, Price.of(price))}
    return exit_idea(**{**waits, **changes})


@contextmanager
def neighbour(what: str, folder: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Another process, ready; see ``tests.storage.neighbour``. It is killed at the end."""
    command = [sys.executable, "-m", "tests.storage.neighbour", what, str(folder), *map(str, arguments)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def note(tx: Tx) -> int:
    """A small audited change."""
    return create_proposal(tx, own_idea()).id


def one_sentence(error: pytest.ExceptionInfo[VaultError]) -> bool:
    """A sentence for a person: no line break, no class name, no traceback."""
    text = str(error.value)
    return bool(text) and "\n" not in text and "sqlite3." not in text and "Traceback" not in text
