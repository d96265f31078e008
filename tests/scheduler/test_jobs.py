"""The jobs themselves, beside a real exchange: a look is stored, ideas become proposals, what is over expires."""

from __future__ import annotations

import json

import pytest

from console.exchange.errors import ExchangeError
from console.execution.duties import Parts, has_unsettled, make_duties, run_fills, run_keeper, run_reconcile
from console.jobs import (
    LONGEST_SCAN,
    Looking,
    _before_look,
    has_what_is_over,
    make_jobs,
    run_expire,
    run_look,
    run_scan,
    store_look,
)
from console.oracle.look import look
from console.scheduler.jobs import HeldLease
from console.scheduler.worker import Scheduler
from storage.clock import MINUTE
from storage.codes import ExecutionState, JobName, Mode, Side
from storage.database import Tx
from storage.errors import InvalidPolicy
from storage.evidence import move_execution
from storage.execution_rows import get_execution
from storage.leases import LEASE_TTL, acquire_lease, lease_is_live, register_job
from storage.models import Lease
from storage.money import Quantity
from storage.policies import Policy, presets
from storage.proposals import create_proposal, decline, open_proposals
from tests.execution.kit import Rig, until
from tests.oracle.market import NOW, minute_candles, policy, rising, view_of
from tests.storage.builders import policy_with
from tests.storage.counting_oracle import reserved
from tests.storage.world import an_idea, own_idea

pytestmark = pytest.mark.processes


def only_btc() -> Policy:
    return policy().model_copy(update={"allowlist": ("BTC-EUR",)})


def parts_of(rig: Rig) -> Parts:
    return Parts(rig.vault, rig.readonly, rig.trade, rig.quotes, rig.executor, rig.clock, rig.clock.sleep)


def looking_of(rig: Rig) -> Looking:
    return Looking(rig.vault, rig.readonly, rig.quotes, rig.clock)


async def lease_of(rig: Rig, name: JobName) -> HeldLease:
    def take(tx: Tx) -> Lease | None:
        register_job(tx, name, MINUTE)
        return acquire_lease(tx, name, "test")

    lease = await rig.do(take)
    assert lease is not None
    return HeldLease(rig.vault, rig.clock, lease)


async def test_a_look_stores_every_market_with_its_numbers(rig: Rig) -> None:
    summary = await run_look(looking_of(rig), await lease_of(rig, JobName.LOOK))

    rows = await rig.rows("SELECT market, outcome, nearest, numbers FROM market_snapshots ORDER BY market")
    assert [row["market"] for row in rows] == ["BTC-EUR", "ETH-EUR"]
    for row in rows:
        numbers = json.loads(row["numbers"])
        assert numbers
        assert all({"is", "limit"} == set(entry) for entry in numbers.values() if isinstance(entry, dict))
        assert row["nearest"]
    (usage,) = await rig.rows("SELECT oracle, state, markets, cost_micros FROM gpt_usage_log")
    assert usage == {"oracle": "rules/look", "state": "settled", "markets": 2, "cost_micros": 0}
    proposed = await rig.vault.read(open_proposals)
    assert len(proposed) == sum(row["outcome"] == "proposed" for row in rows)
    assert summary == (f"looked at 2, proposed {len(proposed)}" if proposed else "")


async def test_the_ideas_of_a_look_become_proposals_once(rig: Rig) -> None:
    held = await lease_of(rig, JobName.LOOK)
    result = look([view_of(minute_candles(rising()))], only_btc(), NOW)
    (draft,) = result.drafts

    assert await held.transact(lambda tx: store_look(tx, result, "rules/look")) == 1
    assert await held.transact(lambda tx: store_look(tx, result, "rules/look")) == 0  # the idea is open already

    (proposal,) = await rig.vault.read(open_proposals)
    assert (proposal.oracle, proposal.side, proposal.quantity) == (draft.oracle, draft.side, draft.quantity)
    assert (proposal.limit, proposal.eur, proposal.confidence) == (draft.limit, draft.eur, draft.confidence)
    assert proposal.rationale == draft.rationale
    assert proposal.expires_at - proposal.created_at == 30 * MINUTE
    (snapshot,) = await rig.rows("SELECT * FROM market_snapshots WHERE id = ?", proposal.snapshot_id)
    assert (snapshot["market"], snapshot["outcome"]) == ("BTC-EUR", "proposed")
    assert json.loads(snapshot["saw"])


async def test_a_market_without_candles_is_dropped_and_the_others_are_seen(rig: Rig) -> None:
    await rig.faults("GET /{market}/candles: status 400 x1")
    await run_look(looking_of(rig), await lease_of(rig, JobName.LOOK))
    rows = await rig.rows("SELECT outcome FROM market_snapshots")
    assert sorted(row["outcome"] == "dropped" for row in rows) == [False, True]


async def test_a_look_at_nothing_is_an_error_and_stores_nothing(rig: Rig) -> None:
    await rig.faults("GET /{market}/candles: status 400")
    with pytest.raises(ExchangeError):
        await run_look(looking_of(rig), await lease_of(rig, JobName.LOOK))
    assert await rig.rows("SELECT id FROM market_snapshots") == []


async def test_coins_promised_to_an_open_sell_are_not_offered_again(rig: Rig) -> None:
    assert (await rig.fire()).state is ExecutionState.FILLED
    _, coins, _ = await rig.vault.read(_before_look)
    assert coins == {"BTC-EUR": Quantity.of("0.0005")}
    assert (await rig.fire(side=Side.SELL, rests=True)).state is ExecutionState.SUBMITTED
    _, coins, _ = await rig.vault.read(_before_look)
    assert coins == {}


async def test_scans_stop_at_the_policys_number_a_day(rig: Rig) -> None:
    await rig.policy(name="few", scan={"per_day": 2, "interval_min": 45, "quiet_min": None, "busy_min": None})
    looking, held = looking_of(rig), await lease_of(rig, JobName.SCAN)
    told = [await run_scan(looking, held) for _ in range(3)]
    assert [text.startswith("scanned 2") for text in told] == [True, True, False]
    assert looking.scan_pace == 45 * MINUTE
    assert len(await rig.rows("SELECT id FROM gpt_usage_log WHERE oracle = 'rules/scan'")) == 2


def test_the_registered_interval_of_a_scan_is_its_longest_pace() -> None:
    """A shorter one would make a slower scan count as due, again and again."""
    for preset in presets(Mode.PAPER).values():
        for minutes in (preset.scan.interval_min, preset.scan.quiet_min, preset.scan.busy_min):
            assert minutes is None or minutes * MINUTE <= LONGEST_SCAN
    with pytest.raises(InvalidPolicy):
        policy_with(scan={"quiet_min": LONGEST_SCAN // MINUTE + 1})


async def test_what_is_over_expires_and_what_is_not_stays(rig: Rig) -> None:
    held = await lease_of(rig, JobName.EXPIRE)
    short = await rig.do(lambda tx: create_proposal(tx, own_idea(lives=MINUTE)))
    long = await rig.do(lambda tx: create_proposal(tx, own_idea(lives=2 * MINUTE)))
    assert await run_expire(held) == ""
    rig.clock.ahead = MINUTE
    assert await run_expire(held) == f"expired {short.id}"
    assert await run_expire(held) == ""
    assert [proposal.id for proposal in await rig.vault.read(open_proposals)] == [long.id]


async def test_a_costly_call_that_nobody_settled_is_given_up_with_what_expires(rig: Rig) -> None:
    held = await lease_of(rig, JobName.EXPIRE)
    call = await rig.do(reserved)
    assert not await rig.vault.read(has_what_is_over)
    rig.clock.ahead = LEASE_TTL + MINUTE
    assert await rig.vault.read(has_what_is_over)
    assert await run_expire(held) == f"gave up costly call {call.id}"
    assert not await rig.vault.read(has_what_is_over)


async def test_reconcile_runs_more_often_while_something_is_open(rig: Rig) -> None:
    parts, held = parts_of(rig), await lease_of(rig, JobName.RECONCILE)
    ticket, quote = await rig.ticket()
    await rig.faults("POST /order: drop-before-apply x1")
    lost = await rig.executor.execute(ticket, quote)
    assert await run_reconcile(parts, held) == ""
    assert await rig.vault.read(has_unsettled)
    assert (await rig.execution(lost.execution_id)).state is ExecutionState.UNKNOWN

    await rig.do(lambda tx: move_execution(tx, get_execution(tx, lost.execution_id or 0), ExecutionState.ABSENT,
                                           "absence", {}))  # fmt: skip
    await run_reconcile(parts, held)
    assert not await rig.vault.read(has_unsettled)


async def test_fills_and_keeper_say_what_they_changed(rig: Rig) -> None:
    parts = parts_of(rig)
    await rig.keeper_comes()
    outcome = await rig.fire(rests=True)
    keeper, fills = await lease_of(rig, JobName.LOOK), await lease_of(rig, JobName.FILLS)
    assert await run_keeper(parts, keeper) == ""
    assert await run_fills(parts, fills) == ""
    assert outcome.execution_id is not None
    await rig.executor.cancel(outcome.execution_id)
    assert await run_fills(parts, fills) == "1 orders moved on"


async def test_a_whole_worker_looks_sweeps_and_keeps(rig: Rig) -> None:
    """Every job as it is registered, run by a scheduler: none breaks."""
    scheduler = Scheduler(rig.vault, rig.clock, "one", temporary=(ExchangeError,))
    for job in (*make_jobs(looking_of(rig), 60), *make_duties(parts_of(rig))):
        scheduler.register(job)
    await scheduler.start()

    async def all_ran() -> bool:
        jobs = await rig.rows("SELECT job, last_run_at FROM scan_jobs WHERE job NOT IN ('keeper', 'expire', 'fills')")
        return all(row["last_run_at"] is not None for row in jobs)

    await until(all_ran)
    assert await rig.vault.read(lambda tx: lease_is_live(tx, JobName.KEEPER))
    assert scheduler.errors == {}
    await scheduler.stop()
    assert [row["clean"] for row in await rig.rows("SELECT clean FROM exchange_sweeps")] == [1]
    assert await rig.rows("SELECT job FROM scan_jobs WHERE failures > 0 OR holder IS NOT NULL") == []


async def test_a_declined_idea_is_not_proposed_again_while_it_would_be_good(rig: Rig) -> None:
    idea = await rig.do(lambda tx: create_proposal(tx, an_idea()))
    await rig.do(lambda tx: decline(tx, idea.id))
    _, _, ideas = await rig.vault.read(_before_look)
    assert (idea.oracle, idea.side) in ideas["BTC-EUR"]
    rig.clock.ahead = idea.expires_at - idea.created_at
    _, _, ideas = await rig.vault.read(_before_look)
    assert (idea.oracle, idea.side) not in ideas["BTC-EUR"]
