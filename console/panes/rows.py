"""The rows of a list: plain text in cells, each row under a key that stays its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from console.text import Align

TOKENS: Final = ("buy", "sell", "up", "down", "wait", "stop", "accent", "muted", "strong")
"""How a cell may be drawn; several are separated by spaces, none is plain text."""


class Cell(NamedTuple):
    """One cell: its text, and the tokens it is drawn in."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of so many terminal cells; columns stand one cell apart."""

    title: str
    width: int
    align: Align = "left"


@dataclass(frozen=True, slots=True)
class Row:
    """One line. ``key`` stays the same as long as it is about the same thing.

    A row with fewer cells than there are columns gives its last cell all the room that is left.
    """

    key: str
    cells: tuple[Cell, ...]
    selectable: bool = True
    """False for lines between the rows, such as the name of a day."""
    mark: str = ""
    """One sign before the first cell, while the cursor is elsewhere."""
    columns: tuple[Column, ...] = ()
    """Its own columns, for a row that is about something else than the others; empty for the list's."""


def places_of(rows: Sequence[Row], columns: int) -> dict[str, int]:
    """Where each key stands.

    Raises:
        ValueError: for a key that appears twice, an unknown token, or a row with more cells than columns.
    """
    places: dict[str, int] = {}
    for place, row in enumerate(rows):
        if row.key in places:
            raise ValueError(f"two rows have the key {row.key!r}")
        room = len(row.columns) if row.columns else columns
        if len(row.cells) > room:
            raise ValueError(f"{len(row.cells)} cells for {room} columns")
        for cell in row.cells:
            for token in cell.style.split():
                if token not in TOKENS:
                    raise ValueError(f"{token!r} is no token of a list")
        places[row.key] = place
    return places
