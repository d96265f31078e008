"""The columns of pane 1 at every width; what stands in them is the pane's."""

from __future__ import annotations

from typing import Final

from console.panes.rows import Column

STANDARD_FROM: Final = 78
BROAD_FROM: Final = 112
"""Cells from which a list also shows risk, break-even, and what the order would do now."""
WIDE_FROM: Final = 118
"""Cells from which the oracle's name fits too."""
FULL_FROM: Final = 152
"""Cells from which everything stands side by side."""

_STANDARD: Final = (
    Column("id", 4, "right"),
    Column("side", 4),
    Column("market", 7),
    Column("EUR", 7, "right"),
    Column("limit", 8, "right"),
    Column("now", 8, "right"),
    Column("drift", 6, "right"),
    Column("conf", 4, "right"),
    Column("left", 5, "right"),
    Column("gate", 15),
)
_BROAD: Final = (
    *_STANDARD[:-1],
    Column("gate", 18),
    Column("type", 6),
    Column("would", 6),
    Column("at risk", 7, "right"),
    Column("even at", 8, "right"),
)
_WIDE: Final = (
    *_STANDARD[:-1],
    Column("gate", 18),
    Column("would", 6),
    Column("at risk", 8, "right"),
    Column("even at", 8, "right"),
    Column("oracle", 11),
)
_FULL: Final = (
    Column("id", 5, "right"),
    Column("side", 4),
    Column("market", 9),
    Column("EUR", 9, "right"),
    Column("limit", 10, "right"),
    Column("now", 10, "right"),
    Column("drift", 7, "right"),
    Column("conf", 4, "right"),
    Column("left", 7, "right"),
    Column("gate", 22),
    Column("type", 6),
    Column("would", 6),
    Column("at risk", 8, "right"),
    Column("even at", 10, "right"),
    Column("cost", 7, "right"),
    Column("oracle", 11),
)


def columns(width: int) -> tuple[Column, ...]:
    """The columns that fit a pane of this inner width."""
    for least, shape in ((FULL_FROM, _FULL), (WIDE_FROM, _WIDE), (BROAD_FROM, _BROAD), (STANDARD_FROM, _STANDARD)):
        if width >= least:
            return shape
    # side, base, amount at limit, gate, left: the order in one cell, as a narrow screen has no room for headings
    return (
        Column("side", 4),
        Column("coin", 4),
        Column("EUR @ limit", width - 25),
        Column("gate", 7),
        Column("left", 5),
    )
