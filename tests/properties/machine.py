"""The rules: everything that may happen next, drawn by hypothesis in any order; what must hold is asked after each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from storage.codes import CheckCode
from tests.properties import account, deeds, duties, ideas, restoring, rules
from tests.properties.faults import (
    DEATH,
    EUR,
    FAULTS,
    INTRUDER,
    ORDER_FAULT,
    PICK,
    RESTORE_POINTS,
    RESUME_POINTS,
    STOP_POINTS,
    THEN,
    TICK_POINTS,
    TURNS,
    WAY,
    WELL,
    WHO,
    dies,
)
from tests.properties.process import Process
from tests.properties.story import Story
from tests.properties.world import MARKETS, seconds


class Console(Story):
    """A console, its worker and a second process on one folder, at one exchange."""

    # ideas ----------------------------------------------------------------------------------------------------
    @rule(who=WHO, market=st.sampled_from(MARKETS), eur=EUR, way=st.sampled_from(ideas.WAYS))
    def propose(self, who: int, market: str, eur: int, way: str) -> None:
        self._do("propose", who, lambda process: ideas.propose(process, market, eur, way))

    @rule(who=WHO, pick=PICK, eur=EUR, stale=st.booleans())
    def edit(self, who: int, pick: int, eur: int, stale: bool) -> None:
        self._on_open("edit", who, pick, lambda process, it: ideas.edit(self._world, process, it, eur, stale))

    @rule(who=WHO, pick=PICK, what=st.sampled_from(["approve", "override", "decline"]))
    def decide(self, who: int, pick: int, what: str) -> None:
        self._on_open(what, who, pick, lambda process, it: ideas.decide(process, it, what))

    @rule(who=WHO, pick=st.integers(0, 2))
    def undo(self, who: int, pick: int) -> None:
        self._do("undo", who, lambda process: ideas.undo(self._world, process, pick))

    # orders ---------------------------------------------------------------------------------------------------
    @rule(who=WHO, market=st.sampled_from(MARKETS), eur=EUR, way=WAY, fault=ORDER_FAULT, point=DEATH, well=WELL)
    def propose_and_fire(self, who: int, market: str, eur: int, way: str, fault: str, point: str, well: bool) -> None:
        async def both(process: Process) -> None:
            await self._ready(process, well)
            await ideas.propose(process, market, eur, way)
            if (proposal := await ideas.any_one(process, 0)) is not None:
                await self._fire(process, proposal, fault, point)

        self._do(f"fire {way}", who, both)

    @rule(who=WHO, market=st.sampled_from(MARKETS), fault=ORDER_FAULT)
    def buy_and_sell(self, who: int, market: str, fault: str) -> None:
        async def both(process: Process) -> None:
            await self._ready(process, True)
            for way in ("through", "exit"):
                await ideas.propose(process, market, 60, way)
                if (proposal := await ideas.any_one(process, 0)) is not None:
                    await self._fire(process, proposal, fault, "")

        self._do("buy and sell", who, both)

    @rule(who=WHO, pick=PICK, fault=ORDER_FAULT, point=DEATH, well=WELL)
    def fire(self, who: int, pick: int, fault: str, point: str, well: bool) -> None:
        async def sent(process: Process, it: Any) -> None:
            await self._ready(process, well)
            await self._fire(process, it, fault, point)

        self._on_open("fire and die" if point else "fire", who, pick, sent)

    @rule(who=WHO, pick=PICK)
    def fire_what_may_be_over(self, who: int, pick: int) -> None:
        async def sent(process: Process) -> None:
            if (it := await ideas.any_one(process, pick)) is not None:
                await self._fire(process, it, "", "")

        self._do("fire anything", who, sent)

    @rule(who=WHO, pick=PICK, turns=TURNS, intruder=INTRUDER, fault=ORDER_FAULT)
    def fire_amid(self, who: int, pick: int, turns: int, intruder: str, fault: str) -> None:
        async def sent(process: Process, it: Any) -> None:
            await self._ready(process, True)
            self._world.exchange.spoil(fault)
            await deeds.fire_amid(self._world, process, it, turns, intruder)

        self._on_open(f"fire amid {intruder}", who, pick, sent)

    @rule(who=WHO, pick=PICK)
    def draw_a_ticket(self, who: int, pick: int) -> None:
        async def drawn(process: Process, it: Any) -> None:
            await self._ready(process, True)
            self._world.tickets.append(await deeds.ticket_of(process, it))

        self._on_open("draw a ticket", who, pick, drawn)

    @precondition(lambda self: self.world is not None and self.world.tickets)
    @rule(who=WHO, pick=PICK)
    def fire_a_ticket_drawn_earlier(self, who: int, pick: int) -> None:
        async def sent(process: Process) -> None:
            shown = self._world.tickets.pop(pick % len(self._world.tickets))
            await deeds.fire(self._world, process, shown)

        self._do("fire an old ticket", who, sent)

    @rule(who=WHO, pick=PICK, code=st.sampled_from(list(CheckCode)))
    def fire_with_a_broken_check(self, who: int, pick: int, code: CheckCode) -> None:
        async def sent(process: Process, it: Any) -> None:
            await self._ready(process, True)
            await deeds.fire_with_a_broken_check(self._world, process, it, code)

        self._on_open("fire, a check broken", who, pick, sent)

    @rule(who=WHO, pick=PICK)
    def cancel(self, who: int, pick: int) -> None:
        self._do("cancel", who, lambda process: deeds.cancel(process, pick))

    @rule(passed=st.sampled_from([0, 0.2, 1, 6]))
    def the_exchange_cancels_all(self, passed: float) -> None:
        self._world.run(self._world.clock.sleep(passed))
        self._world.exchange.cancel_all()
        self.steps["the exchange cancels all"] += 1

    # stops ----------------------------------------------------------------------------------------------------
    @rule(who=WHO, how=st.sampled_from(["all", "stops too", "file", "record", "reduce"]), point=dies(STOP_POINTS))
    def stop(self, who: int, how: str, point: str) -> None:
        self._do(f"stop: {how}", who, lambda process: deeds.stop(self._world, process, how), point)

    @rule(who=WHO, stale=st.sampled_from([False, False, True]), point=dies(RESUME_POINTS))
    def resume(self, who: int, stale: bool, point: str) -> None:
        name = "resume, a stale id" if stale else "resume"
        self._do(name, who, lambda process: deeds.resume(self._world, process, stale), point)

    # the account ----------------------------------------------------------------------------------------------
    @rule(moved=st.sampled_from(["50 EUR", "-30 EUR", "200 EUR", "-400 EUR", "0.001 BTC"]))
    def the_account_moves(self, moved: str) -> None:
        amount, symbol = moved.split()
        self._world.account.move(symbol, Decimal(amount))
        self.steps["the account moves"] += 1

    @rule(who=WHO, pick=PICK, first=st.sampled_from(["halt", "halt", "nothing"]))
    def resolve(self, who: int, pick: int, first: str) -> None:
        self._do("resolve", who, lambda process: account.resolve(self._world, process, pick, first == "halt"))

    # rules and budget -----------------------------------------------------------------------------------------
    @rule(who=WHO, name=st.sampled_from(["lively"] * 8 + [*rules.POLICIES, *rules.PRESETS]))
    def change_policy(self, who: int, name: str) -> None:
        self._do("change policy", who, lambda process: rules.change_policy(process, name))

    @rule(who=WHO, field=st.sampled_from(rules.LIMITS), value=st.sampled_from(rules.NO_LIMITS))
    def loosen_by_nonsense(self, who: int, field: tuple[str, ...], value: Any) -> None:
        self._do("a limit of nonsense", who, lambda p: rules.loosen_by_nonsense(self._world, p, field, value))

    @rule(who=WHO, cents=st.sampled_from([1, 20, 60, 110]), end=st.sampled_from(["within", "within", "over", "never"]))
    def costly_call(self, who: int, cents: int, end: str) -> None:
        self._do("costly call", who, lambda process: rules.costly_call(process, cents, end))

    # jobs and processes ---------------------------------------------------------------------------------------
    @rule(who=WHO, point=dies(TICK_POINTS))
    def tick(self, who: int, point: str) -> None:
        self._do("tick and die" if point else "tick", who, lambda process: process.tick(), point)

    @rule(who=WHO)
    def reconcile_twice(self, who: int) -> None:
        self._do("reconcile twice", who, lambda process: duties.reconcile_twice(self._world, process))

    @rule(who=WHO)
    def outlive_a_lease(self, who: int) -> None:
        self._do("outlive a lease", who, lambda process: duties.outlive_a_lease(self._world, process))

    @rule(who=WHO)
    def the_keeper_comes(self, who: int) -> None:
        self._do("the keeper comes", who, lambda process: process.keeper_comes())

    @rule(who=WHO, what=st.sampled_from(["crash", "close and open", "a second process"]))
    def processes(self, who: int, what: str) -> None:
        turns = {"crash": self._world.kill, "close and open": self._again, "a second process": self._world.other}
        self._do(what, who, turns[what])

    async def _again(self, process: Process) -> None:
        self._world.processes.remove(process)
        self._world.broke += process.broke
        await process.close()
        await self._world.start()

    # backups --------------------------------------------------------------------------------------------------
    @rule(who=WHO)
    def take_a_backup(self, who: int) -> None:
        self._do("take a backup", who, lambda _process: restoring.take_backup(self._world))

    @precondition(lambda self: self.world is not None and self.world.backups)
    @rule(pick=PICK, point=dies(RESTORE_POINTS), then=THEN)
    def restore(self, pick: int, point: str, then: str) -> None:
        self._done("restore", restoring.restore_it(self._world, pick, point, then))

    @rule(market=st.sampled_from(MARKETS), fault=ORDER_FAULT, point=DEATH, restored=st.booleans(), then=THEN)
    def send_after_a_backup(self, market: str, fault: str, point: str, restored: bool, then: str) -> None:
        async def whole(process: Process) -> None:
            await self._ready(process, True)
            await ideas.propose(process, market, 25, "through")
            await restoring.take_backup(self._world)
            if (it := await ideas.any_one(process, 0)) is not None:
                await self._fire(process, it, fault, point)
            if restored:
                await restoring.restore_it(self._world, -1, "", then)

        self._do("send what a restore forgets" if restored else "send after a backup", 0, whole)

    # time and faults ------------------------------------------------------------------------------------------
    @rule(passed=st.sampled_from([0.2, 1, 3, 5.5, 6, 11, 30, 130]))
    def time_passes(self, passed: float) -> None:
        self._done("time passes", self._world.clock.sleep(passed))

    @rule(by=st.sampled_from([-3600, -60, -3, 3, 60, 3600, 0, 0]))
    def the_clock_jumps(self, by: int) -> None:
        self._world.clock.ahead = self._world.clock.ahead + seconds(by) if by else 0
        self.steps["the clock jumps" if by else "the clock is set right"] += 1

    @rule(spec=st.sampled_from(FAULTS))
    def spoil(self, spec: str) -> None:
        self._world.exchange.spoil(spec)
        self.steps["spoil"] += 1

    @rule(who=WHO)
    def all_is_well_again(self, who: int) -> None:
        async def well(process: Process) -> None:
            self._world.exchange.mend()
            await process.tick()
            await self._ready(process, True)

        self._do("all is well again", who, well)
