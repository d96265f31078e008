"""For each of the twenty-five checks a vault whose gate refuses for that check alone, and the same one mended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypeVar

from storage.clock import DAY, HOUR, MINUTE, SECOND, Micros
from storage.codes import CheckCode, ExecutionState, JobName, Stage
from storage.database import Tx, Vault
from storage.evidence import apply_order, move_execution
from storage.execution_models import Execution
from storage.execution_rows import get_execution
from storage.gate import draw_ticket
from storage.leases import acquire_lease, register_job
from storage.market_models import Level
from storage.models import Proposal
from storage.money import Eur, Price, Quantity
from storage.policy_store import activate_policy, active_policy
from storage.proposals import NewProposal, create_proposal, decline, undo_decline
from storage.trading_state import halt, resume
from tests.storage.builders import policy_with
from tests.storage.world import (
    Ready,
    an_idea,
    bring_to,
    claim_by_hand,
    clean_sweep,
    exit_idea,
    make_ready,
    own_idea,
    quote_at,
    rules_for,
    submit,
    venue_fill,
    venue_order,
)
from tests.support import SteppedClock

T = TypeVar("T")

ELSEWHERE: Final = "ETH-EUR"


@dataclass(slots=True)
class Bench:
    """A vault whose time the case moves."""

    vault: Vault
    clock: SteppedClock
    trades: int = 0

    async def do(self, change: Callable[[Tx], T]) -> T:
        """One transaction."""
        return await self.vault.transact(change)

    def pass_time(self, length: Micros) -> None:
        """Let so many microseconds pass on both clocks."""
        self.clock.step(length / SECOND)

    async def trade(self, idea: NewProposal, price: str, fee: str = "0.06") -> Execution:
        """A past order of this vault that is filled at this moment, whole."""
        self.trades += 1
        number = self.trades

        def filled(tx: Tx) -> Execution:
            execution = submit(tx, claim_by_hand(tx, idea))
            fill = venue_fill(number, at=tx.now, quantity=execution.quantity, price=Price.of(price), fee=Decimal(fee))
            apply_order(tx, execution.id, venue_order(execution, "filled", fill), "test", {})
            return get_execution(tx, execution.id)

        execution = await self.do(filled)
        assert execution.state is ExecutionState.FILLED
        return execution

    async def policy(self, **changes: Any) -> None:
        """Activate the first policy of a PAPER vault with fields changed."""

        def activate(tx: Tx) -> None:
            activate_policy(tx, policy_with(name="changed", **changes), active_policy(tx).activation_id)

        await self.do(activate)

    async def ready(self, idea: NewProposal | None = None, **quote: Any) -> Ready:
        """A clean sweep, a proposal, its ticket, and a quote of this moment with parts changed."""
        made = await self.do(lambda tx: make_ready(tx, idea))
        return replace(made, quote=replace(made.quote, **quote))

    async def looked_at_again(self, proposal: Proposal) -> Ready:
        """The proposal with the ticket and quote of this moment; no new sweep."""
        return await self.do(lambda tx: Ready(proposal, draw_ticket(tx, proposal), quote_at(tx.now, tx.monotonic)))


Case: TypeAlias = Callable[[Bench, bool], Awaitable[Ready]]
"""Builds what is put to the gate: broken in one point, or (False) mended in that point."""


async def allowlist(bench: Bench, broken: bool) -> Ready:
    await bench.policy(allowlist=[ELSEWHERE] if broken else [ELSEWHERE, "BTC-EUR"])
    return await bench.ready()


async def order_size(bench: Bench, broken: bool) -> Ready:
    await bench.policy(order={"max_eur": "25.091" if broken else "25.092"})
    return await bench.ready()


async def confidence(bench: Bench, broken: bool) -> Ready:
    return await bench.ready(an_idea(confidence=0 if broken else 25))


async def cooldown(bench: Bench, broken: bool) -> Ready:
    await bench.trade(own_idea(), "61152")
    bench.pass_time(15 * MINUTE - broken)
    return await bench.ready()


async def anti_flip(bench: Bench, broken: bool) -> Ready:
    await bench.trade(exit_idea(), "61148")
    bench.pass_time(120 * MINUTE - broken)
    return await bench.ready()


async def daily_trade_cap(bench: Bench, broken: bool) -> Ready:
    for after in (0, 4, 5, 5, 5):
        bench.pass_time(after * HOUR)
        await bench.trade(own_idea(), "61152")
    bench.pass_time(5 * HOUR - broken)
    return await bench.ready()


async def hourly_trade_cap(bench: Bench, broken: bool) -> Ready:
    for _ in range(3):
        await bench.trade(own_idea(), "61152")
        bench.pass_time(20 * MINUTE)
    bench.pass_time(-broken)
    return await bench.ready()


async def trading_state(bench: Bench, broken: bool) -> Ready:
    record = await bench.do(lambda tx: halt(tx, "the operator pressed h"))
    if not broken:
        await bench.do(lambda tx: resume(tx, record.id, "looked at it"))
    return await bench.ready()


async def proposal_state(bench: Bench, broken: bool) -> Ready:
    ready = await bench.ready()
    await bench.do(lambda tx: decline(tx, ready.proposal.id))
    if not broken:
        await bench.do(lambda tx: undo_decline(tx, ready.proposal.id))
    return ready


async def proposal_expiry(bench: Bench, broken: bool) -> Ready:
    ready = await bench.ready(an_idea(lives=MINUTE))
    bench.pass_time(MINUTE - (not broken))
    return await bench.looked_at_again(ready.proposal)


async def policy_unchanged(bench: Bench, broken: bool) -> Ready:
    ready = await bench.ready()
    await bench.policy(exposure_eur=1999)
    if not broken:
        await bench.do(lambda tx: activate_policy(tx, policy_with(), active_policy(tx).activation_id))
    return ready


async def ticket_unchanged(bench: Bench, broken: bool) -> Ready:
    ready = await bench.ready()

    def keeper_comes(tx: Tx) -> None:
        register_job(tx, JobName.KEEPER, 10 * SECOND)
        assert acquire_lease(tx, JobName.KEEPER, "another console") is not None

    await bench.do(keeper_comes)
    return ready if broken else await bench.looked_at_again(ready.proposal)


async def stage_limit(bench: Bench, broken: bool) -> Ready:
    stage = Stage.TRAINING if broken else Stage.VALIDATED
    await bench.do(
        lambda tx: tx.db.execute(
            "INSERT INTO stage_changes (stage, reason, actor, at) VALUES (?, 'record', 'test', ?)", (stage, tx.now)
        )
    )
    return await bench.ready()


async def exposure(bench: Bench, broken: bool) -> Ready:
    await bench.policy(exposure_eur="50.183" if broken else "50.184")
    await bench.do(lambda tx: bring_to(tx, ExecutionState.SUBMITTED, own_idea(market=ELSEWHERE)))
    return await bench.ready()


async def drawdown(bench: Bench, broken: bool) -> Ready:
    await bench.policy(exposure_eur=100, drawdown_pct=15)
    bought = {"quantity": Quantity.of("0.001"), "eur": Eur.of("61.2")}
    await bench.trade(own_idea(**bought), "61152")
    await bench.trade(exit_idea(**bought, limit=Price.of(45_000)), "45000")
    bench.pass_time(DAY - broken)
    return await bench.ready()


async def average_down(bench: Bench, broken: bool) -> Ready:
    # 0.00041 BTC at 61160 for 25.0756 EUR: with 1.64 cents of fee exactly 61200 on average, the limit of the idea.
    await bench.policy(never_average_down=True)
    await bench.trade(own_idea(), "61160", fee="0.0165" if broken else "0.0164")
    bench.pass_time(15 * MINUTE)
    return await bench.ready()


async def unresolved_execution(bench: Bench, broken: bool) -> Ready:
    unknown = await bench.do(lambda tx: bring_to(tx, ExecutionState.UNKNOWN, own_idea(market=ELSEWHERE)))
    if not broken:
        await bench.do(lambda tx: move_execution(tx, unknown, ExecutionState.ABSENT, "absence", {}))
    return await bench.ready()


async def reconciled(bench: Bench, broken: bool) -> Ready:
    await bench.do(clean_sweep)
    bench.pass_time(120 * SECOND + broken)
    proposal = await bench.do(lambda tx: create_proposal(tx, an_idea()))
    return await bench.looked_at_again(proposal)


async def clock(bench: Bench, broken: bool) -> Ready:
    ready = await bench.ready()
    bench.clock.at -= broken
    return await bench.looked_at_again(ready.proposal)


async def market_status(bench: Bench, broken: bool) -> Ready:
    return await bench.ready(rules=replace(rules_for("BTC-EUR"), status="halted" if broken else "trading"))


async def order_rules(bench: Bench, broken: bool) -> Ready:
    return await bench.ready(rules=replace(rules_for("BTC-EUR"), tick_size=Price.of(7 if broken else 8)))


async def price_fresh(bench: Bench, broken: bool) -> Ready:
    ready = await bench.ready()
    bench.pass_time(5 * SECOND + broken)
    return ready


async def price_collar(bench: Bench, broken: bool) -> Ready:
    return await bench.ready(last=Price.of(59_999 if broken else 60_000))


async def spread(bench: Bench, broken: bool) -> Ready:
    size = Quantity.of("0.41")
    asks = (Level(Price.of(61_206 if broken else 61_205), size),)
    return await bench.ready(bids=(Level(Price.of(60_900), size),), asks=asks)


async def balance(bench: Bench, broken: bool) -> Ready:
    await bench.do(lambda tx: bring_to(tx, ExecutionState.SUBMITTED, own_idea(market=ELSEWHERE)))
    return await bench.ready(available_eur=Eur.of("50.31" if broken else "50.32"))


CASES: Final[Mapping[CheckCode, Case]] = {
    CheckCode.ALLOWLIST: allowlist,
    CheckCode.ORDER_SIZE: order_size,
    CheckCode.CONFIDENCE: confidence,
    CheckCode.COOLDOWN: cooldown,
    CheckCode.ANTI_FLIP: anti_flip,
    CheckCode.DAILY_TRADE_CAP: daily_trade_cap,
    CheckCode.HOURLY_TRADE_CAP: hourly_trade_cap,
    CheckCode.TRADING_STATE: trading_state,
    CheckCode.PROPOSAL_STATE: proposal_state,
    CheckCode.PROPOSAL_EXPIRY: proposal_expiry,
    CheckCode.POLICY_UNCHANGED: policy_unchanged,
    CheckCode.TICKET_UNCHANGED: ticket_unchanged,
    CheckCode.STAGE_LIMIT: stage_limit,
    CheckCode.EXPOSURE: exposure,
    CheckCode.DRAWDOWN: drawdown,
    CheckCode.AVERAGE_DOWN: average_down,
    CheckCode.UNRESOLVED_EXECUTION: unresolved_execution,
    CheckCode.RECONCILED: reconciled,
    CheckCode.CLOCK: clock,
    CheckCode.MARKET_STATUS: market_status,
    CheckCode.ORDER_RULES: order_rules,
    CheckCode.PRICE_FRESH: price_fresh,
    CheckCode.PRICE_COLLAR: price_collar,
    CheckCode.SPREAD: spread,
    CheckCode.BALANCE: balance,
}
