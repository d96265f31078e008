"""What a claim consists of, who gets it, and when a refusal latches REDUCING."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from storage.audit import read_head
from storage.clock import MINUTE
from storage.codes import CheckCode, ExecutionState, ProposalState, TradingState
from storage.database import Tx, Vault
from storage.execution_rows import get_execution
from storage.gate import draw_ticket, pass_gate
from storage.models import Claim, Refusal
from storage.money import Eur, Quantity
from storage.policy_store import active_policy
from storage.proposals import approve, get_proposal
from storage.trading_state import current_trading_state
from tests.storage.gate_cases import ELSEWHERE, Bench, drawdown
from tests.storage.world import Ready, exit_idea, own_idea, ready_to_claim, rules_for
from tests.support import SteppedClock, opened_vault


@pytest.fixture
async def vault(tmp_path: Path, clock: SteppedClock) -> AsyncIterator[Vault]:
    async with opened_vault(tmp_path, clock) as opened:
        yield opened


async def fire(vault: Vault, ready: Ready) -> Claim | Refusal:
    return await vault.transact(lambda tx: pass_gate(tx, ready.ticket, ready.quote))


async def newest(vault: Vault, table: str) -> dict[str, Any]:
    sql = f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 1"  # noqa: S608 - a table's name
    return await vault.read(lambda tx: dict(tx.db.execute(sql).fetchone()))


async def claimed(vault: Vault, ready: Ready) -> Claim:
    outcome = await fire(vault, ready)
    assert isinstance(outcome, Claim), outcome
    return outcome


async def test_an_override_given_after_the_ticket_was_shown_asks_for_a_new_ticket(vault: Vault) -> None:
    ready = await ready_to_claim(vault)

    def override(tx: Tx) -> Ready:
        approve(tx, ready.proposal.id, {CheckCode.COOLDOWN: "news"})
        return replace(ready, ticket=draw_ticket(tx, get_proposal(tx, ready.proposal.id)))

    again = await vault.transact(override)
    refusal = await fire(vault, ready)
    assert isinstance(refusal, Refusal)
    assert [check.code for check in refusal.failed] == [CheckCode.TICKET_UNCHANGED]
    claim = await claimed(vault, again)
    assert claim.order.overrides == (("COOLDOWN", "news"),)
    assert "news" not in claim.request_body


async def test_a_claim_stores_the_exact_request_under_an_id_of_vault_and_proposal(vault: Vault) -> None:
    ready = await ready_to_claim(vault)
    claim = await claimed(vault, ready)

    info = vault.info
    client_id = str(uuid5(UUID(info.incarnation), str(ready.proposal.id)))
    assert claim.client_order_id == client_id
    # No keeper is alive, so the entry does not rest and carries no dead-man group.
    assert claim.request_body == (
        f'{{"market":"BTC-EUR","side":"buy","orderType":"limit","amount":"0.00041","operatorId":{info.operator_id},'
        f'"clientOrderId":"{client_id}","price":"61200","timeInForce":"IOC"}}'
    )
    row = await vault.read(lambda tx: dict(tx.db.execute("SELECT * FROM trade_executions").fetchone()))
    canonical = (
        f'{{"kind":"entry","limit":"61200","market":"BTC-EUR","mode":"paper","order_type":"limit",'
        f'"proposal_id":{ready.proposal.id},"quantity":"0.00041","revision":1,"side":"buy","time_in_force":"IOC"}}'
    )
    assert row["digest"] == ready.ticket.digest == hashlib.sha256(canonical.encode()).hexdigest()
    assert (row["state"], row["request_body"], row["client_order_id"]) == ("CLAIMED", claim.request_body, client_id)
    assert (row["actor"], row["instance"], row["claimed_at"]) == ("operator", "test-instance", vault.clock.now())
    assert row["policy_hash"] == (await vault.read(active_policy)).hash


async def test_a_claim_takes_history_proposal_decision_audit_and_head_with_it(vault: Vault) -> None:
    ready = await ready_to_claim(vault)
    head_before = read_head(vault.folder / "audit.head", vault.audit_key)
    claim = await claimed(vault, ready)

    history, decision, audited = [
        await newest(vault, table) for table in ("trade_history", "gate_decisions", "audit_log")
    ]
    assert (history["execution_id"], history["status"], history["traded_at"]) == (
        claim.execution_id, "pending", vault.clock.now(),
    )  # fmt: skip
    assert (decision["passed"], decision["failed"], decision["revision"]) == (1, "", 1)
    assert [check["code"] for check in json.loads(str(decision["checks"]))] == list(CheckCode)
    proposal = await vault.read(lambda tx: get_proposal(tx, ready.proposal.id))
    assert (proposal.state, proposal.decided_by) == (ProposalState.CLAIMED, "operator")
    assert audited["kind"] == "execution.claimed"
    payload = json.loads(str(audited["payload"]))
    assert (payload["digest"], payload["client_order_id"]) == (ready.ticket.digest, claim.client_order_id)
    head = read_head(vault.folder / "audit.head", vault.audit_key)
    assert head is not None
    assert head_before is not None
    assert head_before.seq < head.seq == audited["seq"]


async def test_a_second_shot_at_the_same_proposal_is_told_who_was_first(vault: Vault) -> None:
    ready = await ready_to_claim(vault)
    first = await claimed(vault, ready)
    second = await fire(vault, ready)

    assert isinstance(second, Refusal)
    assert CheckCode.PROPOSAL_STATE in {check.code for check in second.failed}
    assert second.holder is not None
    assert (second.holder.actor, second.holder.instance) == ("operator", "test-instance")
    assert (second.holder.execution_id, second.holder.at) == (first.execution_id, vault.clock.now())
    assert await vault.read(lambda tx: get_execution(tx, first.execution_id).state) is ExecutionState.CLAIMED


async def test_of_two_orders_for_one_market_at_the_same_instant_one_is_claimed(vault: Vault) -> None:
    one = await ready_to_claim(vault)
    other = await ready_to_claim(vault, own_idea())

    outcomes = await asyncio.gather(fire(vault, one), fire(vault, other))

    claims = [outcome for outcome in outcomes if isinstance(outcome, Claim)]
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert (len(claims), len(refusals)) == (1, 1)
    failed = {check.code for check in refusals[0].failed}
    assert failed == {CheckCode.COOLDOWN, CheckCode.UNRESOLVED_EXECUTION}
    assert refusals[0].holder is None  # nobody has claimed *this* proposal


async def test_two_orders_in_different_markets_cannot_spend_the_same_euros(vault: Vault) -> None:
    """Both fit the balance that was fetched before, alone; the second meets the first one's hold."""
    one = await ready_to_claim(vault)
    other = await ready_to_claim(vault, own_idea(market=ELSEWHERE))
    quote = replace(one.quote, available_eur=Eur.of(30))
    rules = rules_for(ELSEWHERE)

    first = await fire(vault, replace(one, quote=quote))
    second = await fire(vault, replace(other, quote=replace(quote, market=ELSEWHERE, rules=rules)))

    assert isinstance(first, Claim)
    assert isinstance(second, Refusal)
    assert {check.code for check in second.failed} == {CheckCode.BALANCE}


async def test_a_loss_that_cannot_be_computed_refuses_but_does_not_latch(vault: Vault, clock: SteppedClock) -> None:
    """What is held elsewhere has no bid: exposure and loss are unknown, and that is no loss."""
    bench = Bench(vault, clock)
    await bench.policy(exposure_eur="26", drawdown_pct=1)
    await bench.trade(own_idea(market=ELSEWHERE), "61152")
    ready = await bench.ready()

    outcome = await fire(vault, ready)

    assert isinstance(outcome, Refusal)
    assert {check.code for check in outcome.failed} == {CheckCode.DRAWDOWN, CheckCode.EXPOSURE}
    assert (await vault.read(current_trading_state)).state is TradingState.ACTIVE


async def test_a_reached_loss_latches_reducing_which_outlives_the_loss(vault: Vault, clock: SteppedClock) -> None:
    bench = Bench(vault, clock)
    assert isinstance(await fire(vault, await drawdown(bench, True)), Refusal)
    latched = await vault.read(current_trading_state)
    assert latched.state is TradingState.REDUCING
    assert latched.reason == "the loss of the last 24 h reached the policy's drawdown limit"

    bench.pass_time(1)
    proposal = await vault.read(lambda tx: get_proposal(tx, 3))
    ready = await bench.looked_at_again(proposal)
    again = await fire(vault, ready)
    assert isinstance(again, Refusal)
    assert {check.code for check in again.failed} == {CheckCode.TRADING_STATE}


async def test_a_claim_of_another_amount_than_was_shown_is_refused(vault: Vault) -> None:
    ready = await ready_to_claim(vault)
    larger = replace(ready.ticket.order, quantity=Quantity.of("0.0041"))
    forged = replace(ready, ticket=replace(ready.ticket, order=larger))

    outcome = await fire(vault, forged)

    assert isinstance(outcome, Refusal)
    assert {check.code for check in outcome.failed} == {CheckCode.TICKET_UNCHANGED}


async def test_an_exit_is_bound_by_no_rule_for_buys(vault: Vault, clock: SteppedClock) -> None:
    """Under a policy that refuses every buy, what is held can still be sold."""
    bench = Bench(vault, clock)
    await bench.trade(own_idea(), "61152")
    bench.pass_time(15 * MINUTE)
    await bench.policy(trades={"per_day": 0, "per_hour": 0}, exposure_eur=0, allowlist=["BTC-EUR"], anti_flip_min=0)
    ready = await bench.ready(exit_idea())

    assert isinstance(await fire(vault, ready), Claim)
