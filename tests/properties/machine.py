"""The rules: everything that may happen next, drawn by hypothesis in any order; what must hold is asked after each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from storage.codes import CheckCode
from tests.properties import deeds
from tests.properties.invariants import broken
from tests.properties.process import Process, dying_at
from tests.properties.world import MARKETS, World, seconds

WHO = st.integers(0, 1)
PICK = st.integers(0, 11)
EUR = st.sampled_from([25, 40, 60, 90, 150, 400])
FAULTS: Final = (
    "POST /order: apply-then-drop x1",
    "POST /order: drop-before-apply x1",
    "POST /order: disconnect x1",
    "POST /order: late-apply 3 x1",
    "POST /order: late-apply 8 x1",
    "POST /order: delay 3 x1",
    "POST /order: delay 15 x1",
    "POST /order: status 503 x1",
    "POST /order: html 502 x1",
    "POST /order: error 109 x1",
    "POST /order: error 107 x2",
    "POST /order: error 216 x1",
    "POST /order: partial-then-cancel x1",
    "POST /order: skew -8 x1",
    "POST /order: ban 10 x1",
    "POST /order: maintenance 5",
    "DELETE /order: apply-then-drop x1",
    "DELETE /order: status 503 x2",
    "DELETE /order: late-apply 4 x1",
    "GET /order: lag 6",
    "GET /order: status 503 for 20",
    "GET /order: html x3",
    "GET /orders: drop-before-apply x2",
    "GET /ordersOpen: disconnect x2",
    "GET /trades: error 105 x1",
    "GET /balance: status 500 x2",
    "GET /time: skew 30 x2",
    "POST /cancelOrdersAfter: disconnect x1",
    "*: fills-late 5",
    "*: fee-late 8",
    "*: status 502 for 8",
    "*: apply-then-drop @0.2 for 15",
    "*: delay 2 @0.3 for 20",
)
FIRE_POINTS: Final = (
    *("gate.checked", "gate.execution-stored", "gate.before-commit", "gate.before-head", "gate.claimed"),
    *("submit.dead-man-armed", "submit.lock-shared", "submit.signed", "submit.row-moved", "submit.before-head"),
    *("submit.begun", "submit.answered", "submit.unlocked", "evidence.fills-stored", "evidence.row-moved"),
    *("evidence.trade-carried", "evidence.before-head", "settle.stored", "settle.unknown", "head.not-renamed"),
)
TICK_POINTS: Final = (
    *("lease.taken-not-committed", "lease.taken", "lease.job-done", "lease.run-stored", "lease.given-back"),
    *("reconcile.begun", "reconcile.looked-up", "reconcile.found", "reconcile.adopted", "reconcile.first-look"),
    *("reconcile.proved", "reconcile.absent", "sweep.listed", "sweep.compared", "evidence.before-commit"),
)
STOP_POINTS: Final = (
    *("halt.file-raised", "halt.senders-out", "halt.before-commit", "halt.before-head", "halt.recorded"),
    *("cancel.answered", "cancel.recorded"),
)
RESUME_POINTS: Final = ("resume.file-lowered", "resume.recorded")


class Console(RuleBasedStateMachine):
    """A console, its worker and a second process on one folder, at one exchange."""

    steps: ClassVar[Counter[str]] = Counter()
    """How often each deed was done in this process, over all stories."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None
        self.sound = True

    @initialize(seed=st.integers(0, 2**32 - 1))
    def begin(self, seed: int) -> None:
        """A new folder and a new exchange."""
        self.world = World(seed)
        self._done("begin", self.world.begin())

    def teardown(self) -> None:
        """Let everything come to rest, if nothing was wrong so far: vault and exchange tell the same story then."""
        if self.world is None:
            return
        try:
            if self.sound:
                assert (self.world.run(self.world.end_everything()), broken(self.world)) == ([], [])
        finally:
            self.world.close()

    @invariant()
    def nothing_is_broken(self) -> None:
        """Everything that must hold after each step."""
        if self.world is not None and (wrong := broken(self.world)):
            self.sound = False
            raise AssertionError("\n".join(wrong))

    # ideas ----------------------------------------------------------------------------------------------------
    @rule(who=WHO, market=st.sampled_from(MARKETS), eur=EUR, way=st.sampled_from(deeds.WAYS))
    def propose(self, who: int, market: str, eur: int, way: str) -> None:
        self._do("propose", who, lambda process: deeds.propose(process, market, eur, way))

    @rule(who=WHO, pick=PICK, eur=EUR, stale=st.booleans())
    def edit(self, who: int, pick: int, eur: int, stale: bool) -> None:
        self._on_open("edit", who, pick, lambda process, it: deeds.edit(self._world, process, it, eur, stale))

    @rule(who=WHO, pick=PICK, what=st.sampled_from(["approve", "override", "decline"]))
    def decide(self, who: int, pick: int, what: str) -> None:
        self._on_open(what, who, pick, lambda process, it: deeds.decide(process, it, what))

    @rule(who=WHO, pick=st.integers(0, 2))
    def undo(self, who: int, pick: int) -> None:
        self._do("undo", who, lambda process: deeds.undo(self._world, process, pick))

    # orders ---------------------------------------------------------------------------------------------------
    @rule(who=WHO, market=st.sampled_from(MARKETS), eur=EUR, way=st.sampled_from(deeds.WAYS))
    def propose_and_fire(self, who: int, market: str, eur: int, way: str) -> None:
        async def both(process: Process) -> None:
            await deeds.propose(process, market, eur, way)
            if (proposal := await deeds.any_one(process, 0)) is not None:
                await deeds.fire(self._world, process, await deeds.ticket_of(process, proposal))

        self._do("propose and fire", who, both)

    @rule(who=WHO, market=st.sampled_from(MARKETS))
    def buy_and_sell(self, who: int, market: str) -> None:
        async def both(process: Process) -> None:
            for way in ("through", "exit"):
                await deeds.propose(process, market, 60, way)
                if (proposal := await deeds.any_one(process, 0)) is not None:
                    await deeds.fire(self._world, process, await deeds.ticket_of(process, proposal))

        self._do("buy and sell", who, both)

    @rule(who=WHO, pick=PICK, typed=st.booleans())
    def fire(self, who: int, pick: int, typed: bool) -> None:
        async def sent(process: Process, it: Any) -> None:
            await deeds.fire(self._world, process, await deeds.ticket_of(process, it), typed)

        self._on_open("fire", who, pick, sent)

    @rule(who=WHO, pick=PICK)
    def fire_what_is_no_longer_open(self, who: int, pick: int) -> None:
        async def sent(process: Process) -> None:
            if (it := await deeds.any_one(process, pick)) is not None:
                await deeds.fire(self._world, process, await deeds.ticket_of(process, it))

        self._do("fire anything", who, sent)

    @rule(who=WHO, pick=PICK, turns=st.integers(0, 60), intruder=st.sampled_from(sorted(deeds.INTRUDERS)))
    def fire_amid(self, who: int, pick: int, turns: int, intruder: str) -> None:
        self._on_open(
            f"fire amid {intruder}", who, pick,
            lambda process, it: deeds.fire_amid(self._world, process, it, turns, intruder),
        )  # fmt: skip

    @rule(who=WHO, pick=PICK, point=st.sampled_from(FIRE_POINTS))
    def fire_and_die(self, who: int, pick: int, point: str) -> None:
        async def sent(process: Process, it: Any) -> None:
            shown = await deeds.ticket_of(process, it)
            with dying_at(point):
                await deeds.fire(self._world, process, shown)

        self._on_open("fire and die", who, pick, sent)

    @rule(who=WHO, pick=PICK)
    def draw_a_ticket(self, who: int, pick: int) -> None:
        async def drawn(process: Process, it: Any) -> None:
            self._world.tickets.append(await deeds.ticket_of(process, it))

        self._on_open("draw a ticket", who, pick, drawn)

    @rule(who=WHO, pick=PICK)
    def fire_a_ticket_drawn_earlier(self, who: int, pick: int) -> None:
        async def sent(process: Process) -> None:
            if self._world.tickets:
                shown = self._world.tickets.pop(pick % len(self._world.tickets))
                await deeds.fire(self._world, process, shown)

        self._do("fire an old ticket", who, sent)

    @rule(who=WHO, pick=PICK, code=st.sampled_from(list(CheckCode)))
    def fire_with_a_broken_check(self, who: int, pick: int, code: CheckCode) -> None:
        self._on_open(
            "fire, a check broken", who, pick,
            lambda process, it: deeds.fire_with_a_broken_check(self._world, process, it, code),
        )  # fmt: skip

    @rule(who=WHO, pick=PICK)
    def cancel(self, who: int, pick: int) -> None:
        self._do("cancel", who, lambda process: deeds.cancel(process, pick))

    @rule()
    def the_exchange_cancels_all(self) -> None:
        self._world.exchange.cancel_all()
        self.steps["the exchange cancels all"] += 1

    # stops ----------------------------------------------------------------------------------------------------
    @rule(who=WHO, how=st.sampled_from(["all", "stops too", "file", "record", "reduce"]))
    def stop(self, who: int, how: str) -> None:
        self._do(f"stop: {how}", who, lambda process: deeds.stop(self._world, process, how))

    @rule(who=WHO, how=st.sampled_from(["all", "record"]), point=st.sampled_from(STOP_POINTS))
    def stop_and_die(self, who: int, how: str, point: str) -> None:
        self._dying("stop and die", who, point, lambda process: deeds.stop(self._world, process, how))

    @rule(who=WHO, stale=st.sampled_from([False, False, True]))
    def resume(self, who: int, stale: bool) -> None:
        self._do("resume, a stale id" if stale else "resume", who, lambda p: deeds.resume(self._world, p, stale))

    @rule(who=WHO, point=st.sampled_from(RESUME_POINTS))
    def resume_and_die(self, who: int, point: str) -> None:
        self._dying("resume and die", who, point, lambda process: deeds.resume(self._world, process, False))

    # rules and budget -----------------------------------------------------------------------------------------
    @rule(who=WHO, name=st.sampled_from(["lively"] * 8 + [*deeds.POLICIES, *deeds.PRESETS]))
    def change_policy(self, who: int, name: str) -> None:
        self._do("change policy", who, lambda process: deeds.change_policy(process, name))

    @rule(who=WHO, field=st.sampled_from(deeds.LIMITS), value=st.sampled_from(deeds.NO_LIMITS))
    def loosen_by_nonsense(self, who: int, field: tuple[str, ...], value: Any) -> None:
        self._do("a limit of nonsense", who, lambda p: deeds.loosen_by_nonsense(self._world, p, field, value))

    @rule(who=WHO, cents=st.sampled_from([1, 20, 60, 110]), end=st.sampled_from(["within", "within", "over", "never"]))
    def costly_call(self, who: int, cents: int, end: str) -> None:
        self._do("costly call", who, lambda process: deeds.costly_call(process, cents, end))

    # jobs and processes ---------------------------------------------------------------------------------------
    @rule(who=WHO)
    def tick(self, who: int) -> None:
        self._do("tick", who, lambda process: process.tick())

    @rule(who=WHO, point=st.sampled_from(TICK_POINTS))
    def tick_and_die(self, who: int, point: str) -> None:
        self._dying("tick and die", who, point, lambda process: process.tick())

    @rule(who=WHO)
    def reconcile_twice(self, who: int) -> None:
        self._do("reconcile twice", who, lambda process: deeds.reconcile_twice(self._world, process))

    @rule(who=WHO)
    def outlive_a_lease(self, who: int) -> None:
        self._do("outlive a lease", who, lambda process: deeds.outlive_a_lease(self._world, process))

    @rule(who=WHO)
    def the_keeper_comes(self, who: int) -> None:
        self._do("the keeper comes", who, lambda process: process.keeper_comes())

    @rule(who=WHO)
    def crash(self, who: int) -> None:
        self._do("crash", who, self._world.kill)

    @rule(who=WHO)
    def close_and_open(self, who: int) -> None:
        async def again(process: Process) -> None:
            self._world.processes.remove(process)
            self._world.broke += process.broke
            await process.close()
            await self._world.start()

        self._do("close and open", who, again)

    @rule()
    def a_second_process(self) -> None:
        self._do("a second process", 0, self._world.other)

    # time and faults ------------------------------------------------------------------------------------------
    @rule(passed=st.sampled_from([0.2, 1, 3, 5.5, 6, 11, 30, 130]))
    def time_passes(self, passed: float) -> None:
        self._done("time passes", self._world.clock.sleep(passed))

    @rule(by=st.sampled_from([-3600, -60, -3, 3, 60, 3600]))
    def the_clock_jumps(self, by: int) -> None:
        self._world.clock.ahead += seconds(by)
        self.steps["the clock jumps"] += 1

    @rule()
    def the_clock_is_set_right(self) -> None:
        self._world.clock.ahead = 0
        self.steps["the clock is set right"] += 1

    @rule(spec=st.sampled_from(FAULTS))
    def spoil(self, spec: str) -> None:
        self._world.exchange.spoil(spec)
        self.steps["spoil"] += 1

    @rule()
    def mend(self) -> None:
        self._world.exchange.mend()
        self.steps["mend"] += 1

    @rule(who=WHO)
    def all_is_well_again(self, who: int) -> None:
        async def well(process: Process) -> None:
            self._world.exchange.mend()
            self._world.clock.ahead = 0
            await deeds.change_policy(process, "lively")
            await process.tick()
            await deeds.resume(self._world, process, False)

        self._do("all is well again", who, well)

    # ----------------------------------------------------------------------------------------------------------
    @property
    def _world(self) -> World:
        assert self.world is not None
        return self.world

    def _do(self, name: str, who: int, deed: Callable[[Process], Awaitable[Any]]) -> None:
        async def whole() -> None:
            process = await self._world.process(who)
            await self._world.attempt(process, deed(process))

        self._done(name, whole())

    def _dying(self, name: str, who: int, point: str, deed: Callable[[Process], Awaitable[Any]]) -> None:
        async def dies(process: Process) -> None:
            with dying_at(point):
                await deed(process)

        self._do(name, who, dies)

    def _on_open(self, name: str, who: int, pick: int, deed: Callable[[Process, Any], Awaitable[Any]]) -> None:
        async def found(process: Process) -> None:
            proposal = await deeds.an_open_one(process, pick)
            if proposal is None:
                await deeds.propose(process, MARKETS[pick % 2], 40, deeds.WAYS[pick % 4])
                proposal = await deeds.an_open_one(process, 0)
            if proposal is not None:
                await deed(process, proposal)

        self._do(name, who, found)

    def _done(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        self.steps[name] += 1
        try:
            self._world.run(work)
        except BaseException:
            self.sound = False
            raise
