"""The charts of pane 5, drawn beside the event loop: of each kind at most one at a time, and at most one a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from console.screens.confirm_line import Line

EVERY_SECONDS: Final = 1.0


Wanted = TypeVar("Wanted")
"""What a chart is drawn from; two that are equal look the same."""


class MarketChart(Generic[Wanted]):
    """Remembers the newest finished chart, and has another one drawn when something else is wanted."""

    def __init__(
        self,
        draw: Callable[[Wanted], list[Line]],
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        finished: Callable[[], None],
    ) -> None:
        """``draw`` runs in a thread."""
        self._draw_lines = draw
        self._spawn = spawn
        self._finished = finished
        self._drawing = False
        self._started: float | None = None
        self._asked: Wanted | None = None
        self.drawn: tuple[Wanted, list[Line]] | None = None
        self.times_drawn = 0
        """Charts drawn so far: what an idle console must not add to."""

    def want(self, wanted: Wanted | None, monotonic: float) -> None:
        """Have this chart drawn, unless it is there, was asked for already, or one was begun a moment ago."""
        if wanted is None or self._drawing or wanted == self._asked:
            return
        if self._started is not None and 0 <= monotonic - self._started < EVERY_SECONDS:
            return
        self._drawing, self._started, self._asked = True, monotonic, wanted
        self._spawn(self._draw(wanted), "drawing a chart")

    async def _draw(self, wanted: Wanted) -> None:
        try:
            lines = await asyncio.to_thread(self._draw_lines, wanted)
            self.drawn = (wanted, lines)
            self.times_drawn += 1
        finally:
            self._drawing = False
        self._finished()
