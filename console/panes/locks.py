"""Pane 3: what may not be done and until when, markets first, then who runs which job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from console import format as fmt
from console.panes.cells import market_name, short_left
from console.panes.rows import Cell, Column, Row
from console.screens.confirm_line import Span
from console.text import safe_text
from storage.codes import JobName

if TYPE_CHECKING:
    from console.panes.drawing import Scene
    from console.state import ConsoleState
    from storage.locks import JobLock, MarketLock

ON_NEED: Final = frozenset({JobName.EXPIRE.value, JobName.FILLS.value})
"""Jobs that take no lease while there is nothing for them to do; their due time stays behind."""

FIRST: Final = (JobName.LOOK, JobName.SCAN, JobName.RECONCILE, JobName.KEEPER)
"""Jobs that say whether the console still works, first: a pane may have room for no more."""

_MARKET: Final = 7
_LEFT: Final = 7
_GAP: Final = 2
"""Cells left free at the end, so that times do not touch the wall."""

_ROOMY: Final = 50
"""Cells from which the holder of a job has room for its name."""


def columns(width: int) -> tuple[Column, ...]:
    """Market, words, time left."""
    words = max(width - _MARKET - _LEFT - _GAP - 3, 1)
    return (Column("market", _MARKET), Column("lock", words), Column("left", _LEFT, "right"))


def rows(state: ConsoleState, scene: Scene, width: int) -> list[Row]:
    """Market locks as the checks answer, then jobs: what is wrong, what says whether all works, the rest by name."""
    drawn = [_market_row(lock, scene, width) for lock in state.market_locks]
    if not drawn:
        drawn = [Row("none", (Cell("no market is locked", "muted"),), selectable=False)]
    return drawn + [
        row for lock in sorted(state.job_locks, key=_urgency) for row in _job_rows(lock, state, scene, width)
    ]


def _urgency(lock: JobLock) -> tuple[bool, int, str]:
    return not (lock.paused or lock.failures), FIRST.index(lock.job) if lock.job in FIRST else len(FIRST), lock.job


def title_facts(state: ConsoleState, scene: Scene) -> tuple[Span, ...]:
    """How many markets, how many jobs."""
    markets = len({lock.market for lock in state.market_locks if lock.market})
    count = f"{markets} market{'' if markets == 1 else 's'}"
    return (Span(f"{count} {scene.symbols.dot} {len(state.job_locks)} jobs"),)


def _market_row(lock: MarketLock, scene: Scene, width: int) -> Row:
    room = columns(width)[1].width
    left = "" if lock.clears_at is None else fmt.countdown(lock.clears_at - scene.now)
    if len(left) > _LEFT and lock.clears_at is not None:
        left = short_left(lock.clears_at - scene.now, _LEFT)
    key = f"m {lock.market} {lock.side} {lock.words} {lock.clears_at}"
    token = "wait" if lock.clears_at is not None else "strong"
    name = market_name(lock.market, _MARKET) if lock.market else "all"
    cells = (Cell(name), Cell(lock_text(lock, scene, room), token), Cell(left, "muted"))
    return Row(key, cells, mark=scene.symbols.market_lock)


def lock_text(lock: MarketLock, scene: Scene, room: int) -> str:
    """``no SELL until 16:29``; ``to`` for ``until`` where the room is short, and the day's name if it is not today."""
    words = safe_text(lock.words, 60)
    if lock.clears_at is None:
        return words
    clock = fmt.minute(lock.clears_at, scene.zone)
    day = fmt.day(lock.clears_at, scene.zone)
    choices: tuple[str, ...] = (f"{words} until {clock}", f"{words} to {clock}")
    if day != fmt.day(scene.now, scene.zone):
        choices = (f"{words} until {day} {clock}", f"{words} to {day[4:]} {clock}", f"{words} to {day[4:]}")
    return next((text for text in choices if len(text) <= room), choices[-1])


def _job_rows(lock: JobLock, state: ConsoleState, scene: Scene, width: int) -> list[Row]:
    """A job; what goes wrong with it follows in a line of its own, so that it cuts no column."""
    roomy, wrong = width >= _ROOMY, lock.paused or lock.failures
    job_cells = 10 if roomy else 9
    names = [len(_holder(other, state, 20)) for other in state.job_locks] if roomy else []
    holder = max(5, min(max(names, default=5), width - 36))
    token = "wait" if wrong else ""
    shape = (
        Column("job", job_cells), Column("holder", holder), Column("fence", 4), Column("ttl", 5, "right"),
        Column("next", max(width - 14 - job_cells - holder, 1)),
    )  # fmt: skip
    cells = (
        Cell(safe_text(lock.job, 40)[:job_cells], token),
        Cell(_holder(lock, state, holder), token),
        Cell(f"f{lock.fence}", "muted"),
        Cell("" if lock.ttl is None else short_left(lock.ttl, 5)),
        Cell("paused" if lock.paused else _next(lock, scene), token or "muted"),
    )
    key = f"j {lock.job}"
    row = Row(key, cells, columns=shape)
    if not wrong:
        return [row]
    failed, error = f"{lock.failures} failed" if lock.failures else "paused", safe_text(lock.error or "", 80)
    why = (Column("job", 2), Column("why", max(width - 4, 1)))
    told = (Cell(""), Cell(f"{failed}: {error}" if error else failed, token))
    return [row, Row(f"{key} why", told, selectable=False, columns=why)]


def _holder(lock: JobLock, state: ConsoleState, room: int) -> str:
    if lock.holder is None:
        return "free"
    if lock.gone:
        return "gone"
    return "here" if lock.holder == state.instance else _short_holder(safe_text(lock.holder, 40), room)


def _short_holder(name: str, room: int) -> str:
    """As much of ``box2-5f2c`` as fits, without a dash at its end."""
    return name if len(name) <= room else name[:room].rstrip("-")


def _next(lock: JobLock, scene: Scene) -> str:
    left = lock.next_run_at - scene.now
    if left <= 0 and lock.holder is None and lock.job in ON_NEED:
        return "on need"
    if left <= 0 and lock.holder is not None and not lock.gone:
        return "running"
    return f"next {short_left(left, 5) if left > 0 else 'due'}"
