"""The rules: everything that may happen next, drawn by hypothesis in any order; what must hold is asked after each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storage.codes import CheckCode
from storage.errors import Conflict
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


def dies(points: Sequence[str]) -> st.SearchStrategy[str]:
    """At which point the process is killed; mostly at none."""
    return st.one_of(st.just(""), st.just(""), st.sampled_from(points))


ORDER_FAULT = st.one_of(st.just(""), st.sampled_from([each for each in FAULTS if each.startswith("POST /order:")]))
TURNS = st.one_of(st.integers(0, 14), st.integers(0, 60))
DEATH = dies(FIRE_POINTS)
WELL = st.sampled_from([True, True, False])
WAY = st.sampled_from(deeds.WAYS)
INTRUDER = st.sampled_from(sorted(deeds.INTRUDERS))


class Console(RuleBasedStateMachine):
    """A console, its worker and a second process on one folder, at one exchange."""

    steps: ClassVar[Counter[str]] = Counter()
    """How often each deed was done in this process, over all stories."""

    ends: ClassVar[Counter[str]] = Counter()
    """What became of every order that was confirmed; "died" is that of a process that was killed meanwhile."""

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
        self.ends.update(self.world.ends)
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
    @rule(who=WHO, market=st.sampled_from(MARKETS), eur=EUR, way=WAY, fault=ORDER_FAULT, point=DEATH, well=WELL)
    def propose_and_fire(self, who: int, market: str, eur: int, way: str, fault: str, point: str, well: bool) -> None:
        async def both(process: Process) -> None:
            await self._ready(process, well)
            await deeds.propose(process, market, eur, way)
            if (proposal := await deeds.any_one(process, 0)) is not None:
                await self._fire(process, proposal, fault, point)

        self._do(f"fire {way}", who, both)

    @rule(who=WHO, market=st.sampled_from(MARKETS), fault=ORDER_FAULT)
    def buy_and_sell(self, who: int, market: str, fault: str) -> None:
        async def both(process: Process) -> None:
            await self._ready(process, True)
            for way in ("through", "exit"):
                await deeds.propose(process, market, 60, way)
                if (proposal := await deeds.any_one(process, 0)) is not None:
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
            if (it := await deeds.any_one(process, pick)) is not None:
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

    @rule()
    def the_exchange_cancels_all(self) -> None:
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
    @rule(who=WHO, point=dies(TICK_POINTS))
    def tick(self, who: int, point: str) -> None:
        self._do("tick and die" if point else "tick", who, lambda process: process.tick(), point)

    @rule(who=WHO)
    def reconcile_twice(self, who: int) -> None:
        self._do("reconcile twice", who, lambda process: deeds.reconcile_twice(self._world, process))

    @rule(who=WHO)
    def outlive_a_lease(self, who: int) -> None:
        self._do("outlive a lease", who, lambda process: deeds.outlive_a_lease(self._world, process))

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

    # ----------------------------------------------------------------------------------------------------------
    async def _ready(self, process: Process, well: bool) -> None:
        """If all is to be well: lively rules, a clock that is right, and nothing halted; faults stay in force."""
        if well:
            self._world.clock.ahead = 0
            await deeds.change_policy(process, "lively")
            with suppress(Conflict):
                await deeds.resume(self._world, process, False)

    async def _fire(self, process: Process, it: Any, fault: str, point: str) -> None:
        shown = await deeds.ticket_of(process, it)
        self._world.exchange.spoil(fault)
        with dying_at(point):
            await deeds.fire(self._world, process, shown)

    @property
    def _world(self) -> World:
        assert self.world is not None
        return self.world

    def _do(self, name: str, who: int, deed: Callable[[Process], Awaitable[Any]], point: str = "") -> None:
        async def whole() -> None:
            process = await self._world.process(who)
            with dying_at(point):
                await self._world.attempt(process, deed(process))

        self._done(name, whole())

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
