"""When the console's state is built: at once after news, else once a second and not more often."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.clock import SystemClock
from console.home import Home
from console.runtime import Runtime
from console.settings import Settings
from storage.clock import SECOND
from storage.codes import Mode
from storage.errors import VaultDead
from storage.models import Actor


class HeldClock(SystemClock):
    """Wall time that stands where it is put."""

    at = 1_700_000_000 * SECOND

    def now(self) -> int:
        return self.at


class Watching:
    """A runtime whose builds and looks for a HALT file are counted; there is nothing behind it."""

    def __init__(self, folder: Path) -> None:
        self.runtime = Runtime(Home(folder, Mode.PAPER), Settings(), Actor("ann", "watching", 1))
        self.clock = self.runtime.clock = HeldClock()
        self.builds = self.halts = 0
        self.commits = SimpleNamespace(looks=True)
        vault = SimpleNamespace(commits=self.commits, flush_head=self._nothing)
        self.engine: Any = SimpleNamespace(vault=vault, record_halt_file=self._halt)

    async def _nothing(self) -> None: ...

    async def _halt(self) -> None:
        self.halts += 1

    async def build(self, _engine: object) -> None:
        self.builds += 1

    def turn(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.runtime._watch(self.engine))


@pytest.fixture
def watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watching:
    made = Watching(tmp_path)
    monkeypatch.setattr(made.runtime, "_rebuild", made.build)
    return made


async def test_news_are_built_at_once_and_nothing_is_without_them(watching: Watching) -> None:
    await watching.turn()
    assert (watching.builds, watching.halts) == (1, 1)
    waiting = watching.turn()
    for _ in range(20):
        await asyncio.sleep(0)
    assert (waiting.done(), watching.builds) == (False, 1)
    watching.runtime._changed.set()
    await asyncio.wait_for(waiting, 5)
    assert (watching.builds, watching.halts) == (2, 1)


async def test_at_the_next_whole_second_it_is_built_without_news(watching: Watching) -> None:
    watching.clock.at += SECOND - 5_000
    await watching.turn()
    waiting = watching.turn()
    await asyncio.sleep(0)
    watching.clock.at += 5_000
    await asyncio.wait_for(waiting, 5)
    assert (watching.builds, watching.halts) == (2, 2)


async def test_a_clock_set_back_is_another_second(watching: Watching) -> None:
    await watching.turn()
    watching.clock.at -= 3600 * SECOND
    await asyncio.wait_for(watching.turn(), 5)
    assert (watching.builds, watching.halts) == (2, 2)


async def test_when_nobody_looks_for_commits_that_is_said(watching: Watching) -> None:
    watching.commits.looks = False
    with pytest.raises(VaultDead, match="nobody looks"):
        await watching.turn()
