"""When somebody was last there, and what happened since."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from storage.clock import HOUR, MINUTE
from storage.codes import ExecutionState, JobName
from storage.database import Tx
from storage.evidence import apply_order
from storage.leases import acquire_lease, finish_lease, register_job
from storage.looks import LookRow, record_look
from storage.money import Eur, Price
from storage.presence import Runner, last_seen, note_presence, read_absence
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


def looked(tx: Tx, market: str, bid: str | None) -> None:
    numbers = {} if bid is None else {"bid": bid}
    record_look(tx, LookRow(market, "quiet", "", numbers, None))


def before(tx: Tx, since: int) -> Eur | None:
    return read_absence(tx, since).before


def test_worth_at_the_last_key_is_balances_and_bids_of_that_time(tx: Tx) -> None:
    clean_sweep(tx, {"EUR": Decimal(900), "BTC": Decimal("0.002"), "ADA": Decimal(0)})
    looked(tx, "BTC-EUR", "50000")
    tx.now += MINUTE
    looked(tx, "BTC-EUR", "50100")
    since = tx.now
    tx.now += HOUR
    looked(tx, "BTC-EUR", "70000")
    clean_sweep(tx, {"EUR": Decimal(1)})
    assert before(tx, since) == Eur.of("1000.2")


def test_our_own_fills_between_comparison_and_last_key_count(tx: Tx) -> None:
    clean_sweep(tx, {"EUR": Decimal(1000)})
    looked(tx, "BTC-EUR", "61000")
    claimed = submit(tx, claim_by_hand(tx, own_idea()))
    tx.now += MINUTE
    fill = venue_fill(1, at=tx.now, quantity=claimed.quantity, price=Price.of(61000), fee=Decimal("0.06"))
    apply_order(tx, claimed.id, venue_order(claimed, "filled", fill), "stream", {})
    since = tx.now
    tx.now += HOUR
    assert before(tx, since - 1) == Eur.of(1000)
    assert before(tx, since) == Eur.of("999.94")


def test_worth_is_not_known_without_balances_or_a_price_of_that_time(tx: Tx) -> None:
    assert before(tx, tx.now) is None
    clean_sweep(tx, {"EUR": Decimal(1000)})
    assert before(tx, tx.now) == Eur.of(1000)
    assert before(tx, tx.now + 10 * MINUTE) is None
    clean_sweep(tx, {"EUR": Decimal(900), "BTC": Decimal("0.002")})
    assert before(tx, tx.now) is None
    looked(tx, "BTC-EUR", None)
    assert before(tx, tx.now) is None


def test_model_cost_is_of_the_calls_since_and_at_most_what_was_reserved(tx: Tx) -> None:
    usage(tx, "settled", 310_000)
    since = tx.now
    tx.now += MINUTE
    assert model(tx, since) == (Eur.zero(), 0)
    usage(tx, "settled", 2_100_000)
    assert model(tx, since) == (Eur.of("2.1"), 0)
    usage(tx, "reserved", None)
    assert model(tx, since) == (Eur.of("5.1"), 1)


def model(tx: Tx, since: int) -> tuple[Eur, int]:
    found = read_absence(tx, since)
    return found.model_cost, found.model_open


def usage(tx: Tx, state: str, cost: int | None) -> None:
    tx.sql.insert(
        "insert_usage", now=tx.now, oracle="llm/small", state=state, markets=5, reserved_micros=3_000_000,
        cost_micros=cost, summary="", settled_at=None if cost is None else tx.now,
    )  # fmt: skip


def test_who_ran_jobs_meanwhile_is_named_and_who_holds_the_keeper_comes_first(tx: Tx) -> None:
    for job in (JobName.KEEPER, JobName.LOOK):
        register_job(tx, job, MINUTE)
    tx.now += MINUTE
    since = tx.now
    looking = acquire_lease(tx, JobName.LOOK, "box2-5f2c")
    assert looking is not None
    assert read_absence(tx, since).runners == ()
    tx.now += MINUTE
    finish_lease(tx, looking, next_run_at=tx.now + HOUR, started_at=since, summary="", changed=True, error=None)
    assert acquire_lease(tx, JobName.KEEPER, "box3-77aa") is not None
    ran = Runner("box2-5f2c", since, tx.now, runs=False, killed=False)
    assert read_absence(tx, since).runners == (Runner("box3-77aa", None, None, runs=True, killed=False), ran)
    assert read_absence(tx, tx.now).runners[1:] == ()
    tx.now += HOUR
    assert read_absence(tx, since).runners == (ran,)
