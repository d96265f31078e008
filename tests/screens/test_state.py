"""What the console's state says of orders and refusals, built from vaults with real rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from pathlib import Path

import pytest

from console.cli.values import gate_answer
from console.execution.ticket import view_ticket
from console.panes.activity import words_of
from console.panes.drawing import Scene
from console.panes.history import columns, rows
from console.state import ConsoleState, HistoryLine, Link, Surroundings, build_state
from console.symbols import SETS
from storage.clock import HOUR, MINUTE
from storage.codes import ExecutionState, JobName, Mode, OrderKind, OrderType, Side
from storage.database import Tx
from storage.evidence import apply_order
from storage.gate import pass_gate
from storage.leases import LEASE_TTL, acquire_lease, register_job
from storage.market_models import Level, Quote
from storage.models import Actor
from storage.money import Price, Quantity
from storage.proposals import create_proposal
from tests.storage.world import (
    MARKET,
    bare_tx,
    bring_to,
    claim_by_hand,
    claim_of,
    clean_sweep,
    make_ready,
    own_idea,
    part_fill,
    quote_at,
    rules_for,
    submit,
    venue_fill,
    venue_order,
)
from tests.support import SteppedClock


@pytest.fixture
def tx(tmp_path: Path) -> Tx:
    clock = SteppedClock()
    clock.at -= clock.at % MINUTE
    made = bare_tx(tmp_path, clock)
    clean_sweep(made, {"EUR": Decimal(1000)})
    return made


def state_of(tx: Tx, quote: Quote | None = None) -> ConsoleState:
    quotes = {MARKET: quote_at(tx.now, tx.monotonic) if quote is None else quote}
    return build_state(tx, Surroundings(quotes, {MARKET: rules_for(MARKET)}, Link(None, None), "simulated", "box-1"))


def only_line(tx: Tx) -> HistoryLine:
    [line] = state_of(tx).history
    return line


def drawn(tx: Tx, width: int, *, titled: bool) -> str:
    """The only row of the history as its cells read."""
    scene = Scene(tx.now, tx.monotonic, Mode.PAPER, UTC, "UTC", SETS["unicode"])
    [row] = rows(state_of(tx), scene, width, titled=titled)
    assert len(row.cells) <= len(columns(width, titled=titled))
    return " ".join(cell.text for cell in row.cells)


NOTHING_FILLED = [
    ExecutionState.CLAIMED,
    ExecutionState.SUBMITTING,
    ExecutionState.UNKNOWN,
    ExecutionState.SUBMITTED,
    ExecutionState.CANCELED,
    ExecutionState.REJECTED,
    ExecutionState.ABANDONED,
]


@pytest.mark.parametrize("state", NOTHING_FILLED)
@pytest.mark.parametrize(("width", "titled"), [(78, False), (78, True), (118, True)])
def test_an_order_without_a_fill_shows_what_was_ordered(
    tx: Tx, state: ExecutionState, width: int, titled: bool
) -> None:
    bring_to(tx, state)
    assert str(only_line(tx).eur) == "25.092"
    text = drawn(tx, width, titled=titled)
    for figure in ("0.00041", "61 200", "25.09"):
        assert figure in text
    assert "0.00 " not in text
    assert "fee" not in text


def test_on_a_narrow_screen_it_shows_its_euros(tx: Tx) -> None:
    bring_to(tx, ExecutionState.SUBMITTED)
    assert "25.09 RESTS" in drawn(tx, 42, titled=False)


def test_a_market_order_without_a_fill_has_no_limit(tx: Tx) -> None:
    claim_by_hand(tx, own_idea(order_type=OrderType.MARKET, limit=None))
    assert "0.00041 @ market 25.09" in drawn(tx, 78, titled=False)


def test_what_is_filled_in_part_shows_the_part(tx: Tx) -> None:
    execution = bring_to(tx, ExecutionState.PARTIALLY_FILLED)
    fill = part_fill(execution, 1)
    line = only_line(tx)
    assert line.end == "PART, RESTS"
    assert line.eur == fill.quantity * fill.price


def test_a_refusal_of_what_somebody_else_had_claimed_is_called_so(tx: Tx) -> None:
    ready = make_ready(tx)
    claim_of(tx, ready)
    other = replace(tx, actor=Actor("ann", "box2", 7))
    pass_gate(other, ready.ticket, ready.quote)
    state = state_of(tx)
    assert [line.end for line in state.history if line.trade is None] == ["refused ALREADY_CLAIMED"]
    refusal = next(line for line in state.activity if line.kind == "gate.refused")
    assert words_of(refusal) == f"refused {ready.proposal.id} BUY BTC-EUR ALREADY_CLAIMED"


def test_a_refusal_before_the_claim_keeps_its_own_code(tx: Tx) -> None:
    ready = make_ready(tx)
    wide = replace(ready.quote, asks=(Level(Price.of(62000), Quantity.of("0.41")),))
    pass_gate(tx, ready.ticket, wide)
    claim_of(tx, ready)
    state = state_of(tx)
    [refused] = [line.end for line in state.history if line.trade is None]
    assert refused.startswith("refused ")
    assert "CLAIMED" not in refused
    assert "CLAIMED" not in words_of(next(line for line in state.activity if line.kind == "gate.refused"))


def test_an_exit_in_a_wide_book_is_ready_once_typed_in_list_and_ticket_alike(tx: Tx) -> None:
    bought = submit(tx, claim_by_hand(tx))
    apply_order(tx, bought.id, venue_order(bought, "filled", venue_fill(at=tx.now)), "test", {})
    tx.now += 3 * HOUR  # past COOLDOWN and ANTI_FLIP
    clean_sweep(tx, {"EUR": Decimal(975), "BTC": Decimal("0.00041")})
    idea = own_idea(side=Side.SELL, kind=OrderKind.EXIT, limit=Price.of(60600), quote_at_creation=Price.of(60700))
    proposal = create_proposal(tx, idea)
    quote = quote_at(tx.now, tx.monotonic, bids=(Level(Price.of(60700), Quantity.of("0.23")),))
    [view] = state_of(tx, quote).proposals
    ticket = view_ticket(tx, proposal.id, quote)
    assert "SPREAD" in (ticket.typed_reason or "")
    assert view.typed_reason == ticket.typed_reason
    assert view.blocking == ticket.blocking
    answer = gate_answer(tx, proposal, quote)
    assert answer is not None
    assert view.blocking is None
    assert answer == "ready, TYPE"


def test_another_proposal_costs_four_statements_and_no_second_replay(tx: Tx) -> None:
    """A second of an idle console is a build of its state; what all proposals share is read once for all of them."""
    counts = []
    for _ in range(2):
        create_proposal(tx, own_idea())
        ran: list[str] = []
        tx.db.set_trace_callback(ran.append)
        state_of(tx)
        tx.db.set_trace_callback(None)
        counts.append(len(ran))
    assert counts[1] - counts[0] <= 4, counts
    assert counts[0] <= 70, counts


def test_a_console_that_runs_the_jobs_says_so_where_nobody_else_holds_them(tx: Tx) -> None:
    watching = Surroundings({}, {}, Link(None, None), "simulated", "box-1")
    working = replace(watching, runs_jobs=True)
    register_job(tx, JobName.KEEPER, MINUTE)
    acquire_lease(tx, JobName.KEEPER, "box-2")
    assert [build_state(tx, each).header.scheduler for each in (watching, working)] == ["box-2", "box-2"]
    tx.now += LEASE_TTL
    assert [build_state(tx, each).header.scheduler for each in (watching, working)] == [None, "here"]
