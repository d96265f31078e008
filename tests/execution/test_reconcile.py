"""What became of an order whose answer never came: found, or proven absent, against a real exchange."""

from __future__ import annotations

import asyncio

import pytest

from console.exchange.signing import KeyPair
from console.execution.outcome import End, Outcome
from storage.codes import ExecutionState, ProposalState, TradingState
from storage.proposals import get_proposal
from storage.trading_state import current_trading_state
from tests.execution.kit import QUICK, Rig, trade_with, until

pytestmark = pytest.mark.processes

TABLES = ("trade_executions", "execution_events", "fills", "trade_history", "trade_proposals", "alerts", "audit_log")


async def lose(rig: Rig, fault: str, *, rests: bool = False) -> Outcome:
    """Fire with this fault on the order's way."""
    ticket, quote = await rig.ticket(rests=rests)
    await rig.faults(f"POST /order: {fault} x1")
    outcome = await rig.executor.execute(ticket, quote)
    assert (outcome.end, outcome.state) == (End.UNKNOWN, ExecutionState.UNKNOWN)
    return outcome


async def all_rows(rig: Rig) -> list[object]:
    return [await rig.rows(f"SELECT * FROM {table}") for table in TABLES]  # noqa: S608 - tables named above


async def until_provable(rig: Rig, outcome: Outcome) -> None:
    """Until window and margin are over."""
    signing = (await rig.execution(outcome.execution_id)).signing
    assert signing is not None

    async def window_is_over() -> bool:
        return await rig.exchange_time() > (signing.signed_at_ms + 400) * 1000

    await until(window_is_over)


async def until_absent(rig: Rig, outcome: Outcome) -> None:
    async def absent() -> bool:
        return outcome.execution_id in (await rig.reconcile()).absent

    await until(absent)


async def test_an_order_whose_answer_was_lost_is_found_and_is_the_only_one(rig: Rig) -> None:
    outcome = await lose(rig, "apply-then-drop")
    findings = await rig.reconcile()

    assert findings.found == [outcome.execution_id]
    execution = await rig.execution(outcome.execution_id)
    (order,) = rig.orders_of(outcome.client_order_id)
    assert (execution.state, execution.order_id) == (ExecutionState.FILLED, order["order_id"])
    proposal = await rig.vault.read(lambda tx: get_proposal(tx, outcome.proposal_id))
    assert proposal.state is ProposalState.EXECUTED
    assert (await rig.vault.read(current_trading_state)).state is TradingState.ACTIVE


async def test_a_second_reconcile_changes_nothing(rig: Rig) -> None:
    await lose(rig, "apply-then-drop")
    await rig.reconcile()
    before = await all_rows(rig)
    again = await rig.reconcile()
    assert not again.changed
    assert not again.open
    assert await all_rows(rig) == before


async def test_an_order_that_never_arrived_is_absent_only_after_window_and_margin(rig: Rig) -> None:
    await rig.policy(name="quick", submit=QUICK)
    outcome = await lose(rig, "drop-before-apply")
    early = await rig.reconcile()
    assert early.absent == []
    assert "absence can be proven in" in early.open[outcome.execution_id or 0]

    await until_absent(rig, outcome)

    execution = await rig.execution(outcome.execution_id)
    assert execution.state is ExecutionState.ABSENT
    assert rig.orders_of(outcome.client_order_id) == []
    event = (await rig.events(outcome.execution_id))[-1]
    evidence = event["evidence"]
    signing = execution.signing
    assert signing is not None
    assert (event["before"], event["after"], event["source"]) == ("UNKNOWN", "ABSENT", "absence")
    assert evidence["began_at"] > (signing.signed_at_ms + 300 + 100) * 1000
    assert [look[1:] for look in evidence["look_ups"]] == [[404, 240], [404, 240]]
    assert evidence["look_ups"][1][0] - evidence["look_ups"][0][0] >= 50_000
    assert evidence["listed_from"] == (signing.signed_at_ms - 3_600_000) * 1000
    assert (evidence["key_fingerprint"], evidence["exchange_identity"]) == (rig.trade.fingerprint, rig.trade.identity)
    proposal = await rig.vault.read(lambda tx: get_proposal(tx, outcome.proposal_id))
    assert proposal.state is ProposalState.FAILED


async def test_an_order_that_appears_after_it_was_proven_absent_halts_and_alerts(rig: Rig) -> None:
    await rig.policy(name="quick", submit=QUICK)
    await rig.keeper_comes()
    outcome = await lose(rig, "late-apply 3", rests=True)
    await until_absent(rig, outcome)

    async def arrived() -> bool:
        return bool(await asyncio.to_thread(rig.orders_of, outcome.client_order_id))

    await until(arrived)
    await rig.sweep()

    execution = await rig.execution(outcome.execution_id)
    (order,) = rig.orders_of(outcome.client_order_id)
    assert (execution.state, execution.order_id) == (ExecutionState.SUBMITTED, order["order_id"])
    trading = await rig.vault.read(current_trading_state)
    assert trading.state is TradingState.HALTED
    assert "late evidence" in trading.reason
    (alert,) = await rig.rows("SELECT * FROM alerts")
    assert alert["level"] == "critical"
    assert order["order_id"] in alert["text"]


async def test_an_order_that_filled_after_its_absence_was_proven_halts_too(rig: Rig) -> None:
    await rig.policy(name="quick", submit=QUICK)
    outcome = await lose(rig, "late-apply 3")
    await until_absent(rig, outcome)

    async def arrived() -> bool:
        return bool(await asyncio.to_thread(rig.orders_of, outcome.client_order_id))

    await until(arrived)
    await rig.sweep()
    # In no open list any more: only the market's listing shows it.
    assert (await rig.execution(outcome.execution_id)).state is ExecutionState.FILLED
    assert (await rig.vault.read(current_trading_state)).state is TradingState.HALTED
    assert (await rig.rows("SELECT status FROM trade_history"))[0]["status"] == "confirmed"


async def test_look_ups_that_lag_prove_nothing_while_a_listing_shows_the_order(rig: Rig) -> None:
    await rig.policy(name="quick", submit=QUICK)
    outcome = await lose(rig, "apply-then-drop")
    await rig.faults("GET /order: lag 60")
    early = await rig.reconcile()
    assert early.found == early.absent == []

    async def settled() -> bool:
        findings = await rig.reconcile()
        assert findings.absent == []
        return bool(findings.found)

    await until(settled)
    execution = await rig.execution(outcome.execution_id)
    assert execution.state is ExecutionState.FILLED
    assert (await rig.events(outcome.execution_id))[-1]["source"] == "listing"


@pytest.mark.parametrize("route", ["GET /order", "GET /orders", "GET /ordersOpen", "GET /trades", "GET /time"])
async def test_a_call_that_fails_proves_nothing(rig: Rig, route: str) -> None:
    await rig.policy(name="quick", submit=QUICK)
    outcome = await lose(rig, "drop-before-apply")
    await until_provable(rig, outcome)
    await rig.faults(f"{route}: html 502")
    findings = await rig.reconcile()
    assert findings.absent == []
    assert outcome.execution_id in findings.open
    assert (await rig.execution(outcome.execution_id)).state is ExecutionState.UNKNOWN


@pytest.mark.parametrize("other", ["key", "identity"])
async def test_another_key_or_another_exchange_can_find_but_never_prove_absence(
    rig: Rig, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.policy(name="quick", submit=QUICK)
    keys = KeyPair(rig.address.trade.key, rig.address.trade.secret)
    stranger = trade_with(rig, keys, rig.trade.identity if other == "key" else "simulated:elsewhere")
    if other == "key":
        # The simulated exchange has one key that trades: here it goes by the name of a second one.
        monkeypatch.setattr(stranger, "fingerprint", "0123456789abcdef")
    lost = await lose(rig, "drop-before-apply")
    await until_provable(rig, lost)
    findings = await rig.reconcile(stranger)
    assert findings.absent == []
    assert findings.open[lost.execution_id or 0] == "the look-ups were made with another key or at another exchange"
    await until_absent(rig, lost)

    found = await lose(rig, "apply-then-drop")
    assert (await rig.reconcile(stranger)).found == [found.execution_id]
    await stranger.aclose()


async def test_two_processes_may_prove_the_same_absence_at_once(rig: Rig) -> None:
    await rig.policy(name="quick", submit=QUICK)
    lost = await lose(rig, "drop-before-apply")
    await until_provable(rig, lost)
    results = await asyncio.gather(*(rig.reconcile() for _ in range(3)))
    assert sorted(len(findings.absent) for findings in results) == [0, 0, 1]
    rows = await rig.rows("SELECT id FROM execution_events WHERE after = 'ABSENT'")
    assert len(rows) == 1


async def test_an_order_still_being_sent_is_left_alone_until_window_and_time_out_are_over(rig: Rig) -> None:
    ticket, quote = await rig.ticket()
    await rig.faults("POST /order: delay 0.5 x1")
    attempt = asyncio.create_task(rig.executor.execute(ticket, quote))

    async def arrived() -> bool:
        return await rig.fault_hits() == [1]

    await until(arrived)
    (row,) = await rig.rows("SELECT id FROM trade_executions")
    findings = await rig.reconcile()
    assert findings.open == {row["id"]: "being sent"}
    rig.clock.ahead = 16_000_000
    late = await rig.reconcile()
    assert (await rig.execution(row["id"])).state is ExecutionState.UNKNOWN
    assert late.absent == []
    outcome = await attempt
    assert outcome.state is ExecutionState.FILLED  # the answer came after all


async def test_a_claim_nobody_sent_is_abandoned_after_ten_seconds(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process died between claim and send."""

    def die() -> None:
        raise SystemError("killed")

    ticket, quote = await rig.ticket()
    monkeypatch.setattr(rig.trade, "may_place", die)
    with pytest.raises(SystemError, match="killed"):
        await rig.executor.execute(ticket, quote)
    (row,) = await rig.rows("SELECT id, state FROM trade_executions")
    assert row["state"] == "CLAIMED"
    assert not (await rig.reconcile()).changed
    rig.clock.ahead = 10_100_000
    assert (await rig.reconcile()).abandoned == [row["id"]]
    assert (await rig.execution(row["id"])).state is ExecutionState.ABANDONED
