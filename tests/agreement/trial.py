"""One trial: a pair that agrees, something that comes apart, and everything that must follow until it agrees again."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from console.exchange.errors import ExchangeError
from console.execution.outcome import End, Outcome
from storage.absence import resolve_by_operator
from storage.codes import CheckCode, ExecutionState, TradingState
from storage.errors import Conflict
from storage.trading_state import current_trading_state
from tests.agreement.account import MARKETS
from tests.agreement.divergences import Divergence, Plant, prepare
from tests.agreement.pair import Pair

NO_SWEEP_S: Final = 121
"""Beyond this age a clean comparison lets nothing pass."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What was planted, and what was wrong with how it was met: nothing, if all is well."""

    names: tuple[str, ...]
    differs: bool
    broken: tuple[str, ...]


async def play(pair: Pair, kinds: list[Plant], chance: Random) -> Trial:
    """Let a pair that agrees come apart, and bring it together again."""
    ready = await prepare(pair, kinds, chance)
    broken: list[str] = []
    if not await pair.sweep():
        broken.append(f"a difference before there was one: {await pair.found()}")
    await pair.account.clock.sleep(chance.uniform(0.5, 20))
    planted = [await kind(pair, ready, chance) for kind in kinds]
    if chance.random() < 0.25:
        broken += await without_sweeps(pair)
    await pair.pass_time(60)
    await pair.reconcile()
    expected = [sentence for each in planted for sentence in each.sentences] + pair.balance_sentences()
    if sorted(found := await pair.found()) != sorted(expected):
        broken.append(f"found {found}, and not {expected}")
    broken += await _moved_on(pair, planted)
    broken += _claim_met(await _claim(pair), planted, differs=bool(expected))
    broken += await _brought_together(pair, planted, differs=bool(expected))
    return Trial(tuple(each.name for each in planted), bool(expected), tuple(broken))


async def _claim(pair: Pair) -> Outcome:
    return await pair.fire(market=MARKETS[0])


async def without_sweeps(pair: Pair) -> list[str]:
    """While no comparison comes about, the last clean one serves for two minutes and no longer."""
    pair.account.spoil(f"GET /ordersOpen: status 400 for {NO_SWEEP_S + 20}")
    await pair.pass_time(NO_SWEEP_S)
    try:
        await pair.reconcile()
    except ExchangeError:
        outcome = await _claim(pair)
        await pair.pass_time(40)
        if CheckCode.RECONCILED in _codes(outcome):
            return []
        return [f"a claim {NO_SWEEP_S} s after the last comparison was met with {outcome}"]
    return ["a comparison without a listing"]


async def _moved_on(pair: Pair, planted: list[Divergence]) -> list[str]:
    broken = []
    # Once trading has stopped, entries that rest are taken back.
    ended = {ExecutionState.CANCELED} if any(each.halts for each in planted) else set()
    for each in planted:
        for execution_id, state in each.becomes.items():
            if (is_now := (await pair.execution(execution_id)).state) not in {state, *ended}:
                broken.append(f"execution {execution_id} is {is_now}, and {each.name}")
    told = [each for each in planted for _ in each.told]
    flows = await pair.rows("SELECT symbol, amount FROM account_flows WHERE transaction_id IS NOT NULL")
    moves = {(row["transaction_id"], row["symbol"]) for row in await pair.rows("SELECT * FROM account_flows")}
    if len(moves - {(None, symbol) for _, symbol in moves}) != len(flows):
        broken.append(f"a move was taken over twice: {flows}")
    if told and not flows:
        broken.append("nothing of what history tells was taken over")
    return broken


def _claim_met(outcome: Outcome, planted: list[Divergence], *, differs: bool) -> list[str]:
    """A claim passes if nothing differs, else it is refused for that and nothing less."""
    wanted = set()
    if differs:
        wanted.add(CheckCode.RECONCILED)
    if any(each.foreign_market == MARKETS[0] for each in planted):
        wanted.add(CheckCode.UNRESOLVED_EXECUTION)
    if any(each.halts for each in planted):
        wanted.add(CheckCode.TRADING_STATE)
    met = _codes(outcome)
    if wanted != met or (outcome.end is End.ACCEPTED) is bool(wanted):
        return [f"a claim ended {outcome.end}, refused by {sorted(met)}, and not by {sorted(wanted)}"]
    return []


def _codes(outcome: Outcome) -> set[CheckCode]:
    return {check.code for check in outcome.failed}


async def _brought_together(pair: Pair, planted: list[Divergence], *, differs: bool) -> list[str]:
    """The operator's way back: by hand what only hands can do, then adopt; afterwards a claim passes."""
    halted = any(each.halts for each in planted)
    state = (await pair.vault.read(current_trading_state)).state
    if state is not (TradingState.HALTED if halted else TradingState.ACTIVE):
        return [f"trading is {state}"]
    broken: list[str] = []
    if differs or halted:
        await pair.halted()
        for each in planted:
            if each.by_hand is not None:
                await pair.account.cancel(*each.by_hand)
        broken += await _vanished_settled(pair, planted)
        await pair.adopt()
        await pair.active()
    if not await pair.sweep():
        broken.append(f"still different after all was accepted: {await pair.found()}")
    if (outcome := await _claim(pair)).end is not End.ACCEPTED:
        broken.append(f"a claim was refused after all was accepted: {outcome.reason}")
    return broken


async def _vanished_settled(pair: Pair, planted: list[Divergence]) -> list[str]:
    """An order that is gone without a trace is called UNKNOWN, and settled by the operator's word."""
    broken = []
    for execution_id in [each.vanished for each in planted if each.vanished is not None]:
        try:
            await pair.adopt()
            broken.append(f"execution {execution_id} was accepted away")
        except Conflict as error:
            if f"execution {execution_id}" not in str(error):
                broken.append(f"adopt says {error}, nothing of execution {execution_id}")
        await pair.do(lambda tx, vanished=execution_id: resolve_by_operator(tx, vanished, None, "gone"))  # type: ignore[misc]
    return broken
