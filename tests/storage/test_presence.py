"""When somebody was last there, and what happened since."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from storage.clock import HOUR, MINUTE
from storage.codes import ExecutionState
from storage.database import Tx
from storage.evidence import apply_order
from storage.money import Eur, Price
from storage.presence import last_seen, note_presence, read_absence
from storage.proposals import create_proposal, expire_due
from storage.trading_state import halt
from tests.storage.world import an_idea, bring_to, claim_by_hand, clean_sweep, own_idea, submit, venue_fill, venue_order


def test_nobody_was_there_in_a_new_vault(tx: Tx) -> None:
    assert last_seen(tx) is None


def test_each_operator_has_a_last_key_that_never_goes_back(tx: Tx) -> None:
    note_presence(tx)
    first = tx.now
    tx.now += MINUTE
    note_presence(tx)
    assert last_seen(tx) == first + MINUTE
    tx.now -= HOUR
    note_presence(tx)
    assert last_seen(tx) == first + MINUTE
    tx.actor = replace(tx.actor, name="somebody else")
    assert last_seen(tx) is None


def test_an_absence_counts_what_happened_after_it_began(tx: Tx) -> None:
    clean_sweep(tx)
    create_proposal(tx, an_idea())
    claimed = submit(tx, claim_by_hand(tx, own_idea()))
    tx.now += MINUTE
    since = tx.now
    tx.now += 31 * MINUTE
    expire_due(tx)
    fill = venue_fill(1, at=tx.now, quantity=claimed.quantity, price=Price.of(61000), fee=Decimal("0.06"))
    apply_order(tx, claimed.id, venue_order(claimed, "filled", fill), "stream", {})
    halt(tx, "test")
    found = read_absence(tx, since)
    assert (found.expired, found.fills, found.fees, found.result) == (1, 1, Eur.of("0.06"), Eur.zero())
    assert [execution.id for execution in found.filled] == [claimed.id]
    assert found.trading == ("HALTED: test",)
    assert (found.canceled, found.undecided, found.policies) == ((), (), ())


def test_what_is_undecided_is_named(tx: Tx) -> None:
    unknown = bring_to(tx, ExecutionState.UNKNOWN)
    assert [execution.id for execution in read_absence(tx, tx.now - 1).undecided] == [unknown.id]
    assert read_absence(tx, tx.now).orders == ()
