"""What every story has: a beginning, an end, what is asked after each step, and how a deed is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from storage.errors import Conflict
from tests.properties import deeds, ideas, rules
from tests.properties.invariants import broken
from tests.properties.process import Process, dying_at
from tests.properties.world import MARKETS, World


class Story(RuleBasedStateMachine):
    """One world, from its first process to its rest."""

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
            if self.sound and (wrong := self.world.run(self.world.end_everything()) + broken(self.world)):
                raise AssertionError("at rest: " + "\n".join(wrong))
        finally:
            self.world.close()

    @invariant()
    def nothing_is_broken(self) -> None:
        """Everything that must hold after each step."""
        if self.world is not None and (wrong := broken(self.world)):
            self.sound = False
            raise AssertionError("\n".join(wrong))

    async def _ready(self, process: Process, well: bool) -> None:
        """If all is to be well: lively rules, a clock that is right, nothing unsettled and nothing halted."""
        if well:
            self._world.clock.ahead = 0
            await rules.change_policy(process, "lively")
            await self._world.settle(process)
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
            proposal = await ideas.an_open_one(process, pick)
            if proposal is None:
                await ideas.propose(process, MARKETS[pick % 2], 40, ideas.WAYS[pick % 4])
                proposal = await ideas.an_open_one(process, 0)
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
