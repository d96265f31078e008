"""The signs the screens are drawn with, in Unicode and in plain ASCII."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from storage.codes import Mode


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: corners clockwise from the top left, the two strokes, and the crossings of lines with them."""

    top_left: str
    top_right: str
    bottom_right: str
    bottom_left: str
    across: str
    down: str
    join_left: str
    join_right: str
    join_top: str
    join_bottom: str
    cross: str


_ASCII_TWINS: Final = {
    ord(sign): twin
    for sign, twin in {
        "…": "..",
        "·": "-",
        "\u00d7": "x",
        "\u2212": "-",
        "↑": "up",
        "↓": "down",
        "←": "left",
        "→": "right",
        "⌫": "Bksp",
    }.items()
}
"""Signs that stand in sentences and in the names of keys, and what stands for them in plain ASCII."""


@dataclass(frozen=True, slots=True)
class Symbols:
    """Every sign that is more than a letter; each is one cell wide, but for ``cut`` in plain ASCII, which is two."""

    name: str
    market_lock: str
    reserved: str
    used: str
    free: str
    up: str
    down: str
    passed: str
    failed: str
    near: str
    ghost: str
    selected: str
    dot: str
    cut: str
    paper: Frame
    live: Frame
    dialog: Frame

    def spelt(self, text: str) -> str:
        """A text of the screens with the signs of this set; it may become longer."""
        return text if self.name != "ascii" or text.isascii() else text.translate(_ASCII_TWINS)

    def frame(self, mode: Mode) -> Frame:
        """The frame of a mode: single for PAPER, double for LIVE."""
        return self.live if mode is Mode.LIVE else self.paper


UNICODE: Final = Symbols(
    name="unicode",
    market_lock="▪",
    reserved="▒",
    used="█",
    free="░",
    up="▲",
    down="▼",
    passed="✓",
    failed="✗",
    near="≈",
    ghost="◦",
    selected="▸",
    dot="·",
    cut="…",
    paper=Frame("┌", "┐", "┘", "└", "─", "│", "├", "┤", "┬", "┴", "┼"),
    live=Frame("╔", "╗", "╝", "╚", "═", "║", "╠", "╣", "╦", "╩", "╬"),
    dialog=Frame("┏", "┓", "┛", "┗", "━", "┃", "┣", "┫", "┳", "┻", "╋"),
)

ASCII: Final = Symbols(
    name="ascii",
    market_lock="*",
    reserved="+",
    used="#",
    free=".",
    up="+",
    down="-",
    passed="y",
    failed="x",
    near="~",
    ghost="o",
    selected=">",
    dot="-",
    cut="..",
    paper=Frame("+", "+", "+", "+", "-", "|", "+", "+", "+", "+", "+"),
    live=Frame("#", "#", "#", "#", "=", "#", "#", "#", "#", "#", "#"),
    dialog=Frame("+", "+", "+", "+", "=", "|", "+", "+", "+", "+", "+"),
)

SETS: Final = {symbols.name: symbols for symbols in (UNICODE, ASCII)}
