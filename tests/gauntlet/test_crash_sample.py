"""A sample of the crash matrix that fits into every run of the tests, and that the whole one misses nothing."""

from __future__ import annotations

from random import Random

import pytest

from storage.crash_points import POINTS
from tests.gauntlet.cell import Cell
from tests.gauntlet.crash import Matrix, mark, play_cells, spread
from tests.gauntlet.faults import EVERYWHERE, FAULTS, UNANSWERED, WORDS
from tests.gauntlet.scenes import OUT_OF_REACH, SCENES

SAMPLE = {
    ("submit.written", "late-apply"): "FILLED",
    ("reconcile.proved", "status"): "ABSENT",
    ("evidence.before-head", "fills-late"): "FILLED",
    ("setup.rows", "drop-before-apply"): "ABSENT",
    ("restore.written", "late-apply"): "FILLED",
}
"""Each of another kind, with its execution's end: an order applied long after its answer was lost, absence proven, the
audit head behind the vault, a vault half made, a vault restored while an order it has forgotten is on its way."""


def test_every_point_has_its_scene_and_every_fault_its_figures() -> None:
    assert set(SCENES) == set(POINTS)
    assert set(WORDS) == set(FAULTS) >= EVERYWHERE | UNANSWERED
    assert set(OUT_OF_REACH) < set(POINTS)


def test_the_table_has_a_cell_for_every_point_and_fault() -> None:
    points, faults = list(POINTS), list(FAULTS)
    cells = {(point, fault): Cell(point, fault) for point in points for fault in faults}
    matrix = Matrix(1, points, faults, cells)
    assert matrix.figures() == {
        "cells": len(points) * len(faults),
        "reached": 0,
        "reached_and_bitten": 0,
        "not_reached": len(points) * len(faults),
        "broken": 0,
    }
    lines = [line for line in matrix.table().splitlines() if line.partition(" ")[0] in POINTS]
    assert len(lines) == len(points)
    assert {len(line.split()) for line in lines} == {1 + len(faults)}


def test_a_part_of_the_matrix_has_every_point_and_every_fault() -> None:
    every = spread(list(POINTS), list(FAULTS), Random(3))
    assert len(every) == len(set(every)) == len(POINTS) * len(FAULTS)
    part = every[: len(POINTS)]
    assert {point for point, _ in part} == set(POINTS)
    assert {fault for _, fault in part} == set(FAULTS)


def test_what_was_not_reached_counts_as_nothing_passed() -> None:
    assert [
        mark(Cell("a", "b")),
        mark(Cell("a", "b", reached=True)),
        mark(Cell("a", "b", reached=True, bitten=1)),
        mark(Cell("a", "b", reached=True, bitten=1, broken=["two orders"])),
        mark(Cell("a", "b", broken=["two orders"])),
    ] == [".", "o", "+", "X", "X"]


@pytest.mark.processes
@pytest.mark.xdist_group("gauntlet")
def test_processes_that_die_at_a_point_leave_nothing_undecided() -> None:
    cells = play_cells(list(SAMPLE), jobs=1)
    assert {each: cell.broken for each, cell in cells.items()} == {each: [] for each in SAMPLE}
    assert {each: cell.reached for each, cell in cells.items()} == dict.fromkeys(SAMPLE, True)
    assert {each: cell.state for each, cell in cells.items()} == SAMPLE
