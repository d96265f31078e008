"""The matrix: every crash point under every fault, and its table."""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.cli.kit import warm
from tests.gauntlet.cell import Cell, play, prepare
from tests.gauntlet.commands import Slots, exchanges

AT_ONCE: Final = 2
"""Cells begun for each one that may be busy: most of a trial is waiting for windows to pass."""

BROKEN, KEPT, EARLIER, MISSED, UNPLAYED = "X", "+", "o", ".", "_"
LEGEND: Final = (
    f"{KEPT} died there, the fault bit, everything kept   {EARLIER} died there before the fault could bite, kept   "
    f"{MISSED} not reached   {BROKEN} broken   {UNPLAYED} not played"
)


@dataclass(slots=True)
class Matrix:
    """All cells of a run, by point and fault."""

    seed: int
    points: Sequence[str]
    faults: Sequence[str]
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)

    def figures(self) -> dict[str, int]:
        """How many cells there are, and of which kind."""
        marks = [mark(cell) for cell in self.cells.values()]
        return {
            "cells": len(marks),
            "reached": sum(cell.reached for cell in self.cells.values()),
            "reached_and_bitten": sum(cell.reached and cell.bitten > 0 for cell in self.cells.values()),
            "not_reached": sum(not cell.reached for cell in self.cells.values()),
            "broken": marks.count(BROKEN),
        }

    def table(self) -> str:
        """One line for each point, one column for each fault."""
        width = max(map(len, self.points))
        lines = [f"{chr(ord('a') + number)}  {fault}" for number, fault in enumerate(self.faults)]
        heads = " ".join(chr(ord("a") + number) for number in range(len(self.faults)))
        lines += ["", f"{'':{width}}  {heads}"]
        for point in self.points:
            marks = " ".join(mark(self.cells.get((point, fault))) for fault in self.faults)
            lines.append(f"{point:{width}}  {marks}")
        return "\n".join([*lines, "", LEGEND])

    def as_json(self) -> dict[str, Any]:
        """The run as the report holds it: the table, and whole what was broken."""
        return {
            "seed": self.seed,
            **self.figures(),
            "longest_settling_s": max((cell.settled_s for cell in self.cells.values()), default=0.0),
            "ends": dict(Counter(cell.state or "no order" for cell in self.cells.values()).most_common()),
            "legend": LEGEND,
            "faults": list(self.faults),
            "matrix": {
                point: "".join(mark(self.cells.get((point, fault))) for fault in self.faults) for point in self.points
            },
            "broken_cells": [asdict(cell) for cell in self.cells.values() if mark(cell) == BROKEN],
        }


def mark(cell: Cell | None) -> str:
    """The letter of a cell."""
    if cell is None:
        return UNPLAYED
    if cell.broken:
        return BROKEN
    if not cell.reached:
        return MISSED
    return KEPT if cell.bitten else EARLIER


def run_matrix(
    points: Sequence[str],
    faults: Sequence[str],
    *,
    seed: int,
    jobs: int,
    most: int | None = None,
    folder: Path | None = None,
    told: Callable[[Cell, int, int], None] = lambda cell, done, whole: None,
) -> Matrix:
    """Play every cell, or ``most`` of them, in an order of the seed; ``told`` hears of each as it ends, alone."""
    todo = spread(points, faults, Random(seed))[:most]
    return Matrix(seed, points, faults, play_cells(todo, jobs=jobs, folder=folder, told=told))


def spread(points: Sequence[str], faults: Sequence[str], random: Random) -> list[tuple[str, str]]:
    """Every cell once, in an order whose every beginning has all points and all faults about equally often."""
    rows, columns = list(points), list(faults)
    random.shuffle(rows)
    random.shuffle(columns)
    return [
        (point, columns[(row + turn) % len(columns)]) for turn in range(len(columns)) for row, point in enumerate(rows)
    ]


def play_cells(
    todo: Sequence[tuple[str, str]],
    *,
    jobs: int,
    folder: Path | None = None,
    told: Callable[[Cell, int, int], None] = lambda cell, done, whole: None,
) -> dict[tuple[str, str], Cell]:
    """Play these cells, begun in this order."""
    cells: dict[tuple[str, str], Cell] = {}
    warm()
    exchanges()
    with tempfile.TemporaryDirectory(prefix="gauntlet-", ignore_cleanup_errors=True) as thrown_away:
        where = Path(thrown_away) if folder is None else folder
        template, slots, telling = prepare(where), Slots(jobs), threading.Lock()

        def one(point: str, fault: str) -> None:
            cell = play(where, template, point, fault, slots)
            with telling:
                cells[point, fault] = cell
                told(cell, len(cells), len(todo))

        with ThreadPoolExecutor(jobs * AT_ONCE) as threads:
            try:
                for begun in [threads.submit(one, *each) for each in todo]:
                    begun.result()
            except BaseException:  # an interrupt, too, ends the trials that run and begins no other
                threads.shutdown(wait=False, cancel_futures=True)
                raise
    return cells
