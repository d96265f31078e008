"""The one gate for text from outside: what has passed it cannot move the cursor, hide, reverse or overflow.

Everything that an oracle, an exchange, a file or a command line has written goes through ``safe_text`` before
it is shown. The result is still plain text: it must never be handed to anything that parses markup.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final, Literal

from rich.cells import cell_len, set_cell_size

ELLIPSIS: Final = "…"
Align = Literal["left", "right", "center"]

_FOLDED: Final = frozenset({"Zs", "Zl", "Zp"})
"""Separators of every kind become one plain space."""

_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Controls, formats (bidi, zero width, tags), surrogates, private use, unassigned."""

_BREAKS: Final = frozenset("\t\n\v\f\r\x85")

_INVISIBLE: Final = frozenset(
    {
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        *range(0x180B, 0x1810),
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    }
)
"""Letters and marks that draw nothing, and selectors that change the width of what stands before them."""

_MARKS: Final = frozenset({"Mn", "Me"})
_MOST_MARKS: Final = 2
"""Accents kept on one letter; a longer pile paints over the lines above and below."""

_READ_AHEAD: Final = 8
"""Characters looked at for each cell of the limit, so that a megabyte costs no more than a line."""


def _drawable(text: str) -> str:
    """The text without what must not reach a terminal, each run of white space one space."""
    kept: list[str] = []
    marks = _MOST_MARKS  # a mark with no letter before it would land on the frame
    for character in text:
        category = unicodedata.category(character)
        if character in _BREAKS or category in _FOLDED:
            if kept and kept[-1] != " ":
                kept.append(" ")
            marks = _MOST_MARKS
        elif category in _DROPPED or ord(character) in _INVISIBLE:
            continue
        elif category in _MARKS:
            if marks < _MOST_MARKS:
                kept.append(character)
                marks += 1
        else:
            kept.append(character)
            marks = 0
    return "".join(kept).strip()


def safe_text(value: object, limit: int = 400) -> str:
    """Text that may be shown: one line, at most ``limit`` terminal cells, nothing invisible, nothing reversed.

    Line breaks, tabs and runs of spaces become one space; control codes, bidirectional and zero-width marks,
    surrogates, private and unassigned characters are dropped; the rest is normalised (NFC). What is cut ends in ``…``.

    Raises:
        ValueError: if ``limit`` is less than one.
    """
    if limit < 1:
        raise ValueError(f"a limit of {limit} cells leaves no room")
    text = value if isinstance(value, str) else str(value)
    if len(text) <= limit and text.isascii() and text.isprintable() and "  " not in text and text == text.strip():
        return text
    head = text[: limit * _READ_AHEAD + 64]
    return _shown(head, len(head) == len(text), limit)


@lru_cache(maxsize=512)  # a screen draws the same texts again and again
def _shown(head: str, whole: bool, limit: int) -> str:
    cleaned = _drawable(unicodedata.normalize("NFC", _drawable(head)))
    if whole and cell_len(cleaned) <= limit:
        return cleaned
    return _cut(cleaned, limit - 1).rstrip() + ELLIPSIS


def _cut(text: str, width: int) -> str:
    """At most ``width`` cells of the text, never half a wide character."""
    return text if cell_len(text) <= width else set_cell_size(text, width)


def fit(text: str, width: int, align: Align = "left", cut: str = ELLIPSIS) -> str:
    """Exactly ``width`` terminal cells: padded on the side ``align`` leaves open, or cut with ``cut`` as its last cell.

    The text must be safe already. A width of zero or less gives the empty string.
    """
    if width <= 0:
        return ""
    room = width - cell_len(text)
    if room < 0:
        return set_cell_size(set_cell_size(text, max(width - cell_len(cut), 0)) + cut, width)
    if align == "right":
        return " " * room + text
    if align == "center":
        return " " * (room // 2) + text + " " * (room - room // 2)
    return text + " " * room


_UNITS: Final = frozenset({"%", "EUR", "d", "h", "m", "min", "ms", "s"})
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")
_GROUP: Final = re.compile(r"\d{3}(\.\d+)?")


def _unbreakable(text: str, width: int) -> list[str]:
    """The words of a text; a number with its groups of three digits and its unit is one word where that fits."""
    words: list[str] = []
    for word in text.split():
        number = words[-1].rpartition(" ")[2] if words else ""
        belongs = word.rstrip(".,;:)") in _UNITS or _GROUP.fullmatch(word.rstrip(".,;:)"))
        if belongs and _NUMBER.fullmatch(number) and cell_len(words[-1]) + 1 + cell_len(word) <= width:
            words[-1] = f"{words[-1]} {word}"
        else:
            words.append(word)
    return words


def wrapped(text: str, width: int) -> tuple[str, ...]:
    """The words of a safe text in lines of at most ``width`` cells; a longer word is broken. At least one line.

    A number stays with its unit.

    Raises:
        ValueError: if ``width`` is less than two, as a wide character needs two cells.
    """
    if width < 2:
        raise ValueError(f"{width} cells are too few to break lines in")
    lines: list[str] = []
    line = ""
    for word in _unbreakable(text, width):
        if line and cell_len(line) + 1 + cell_len(word) <= width:
            line = f"{line} {word}"
            continue
        if line:
            lines.append(line)
        line = ""
        for character in word:
            if cell_len(line + character) > width:
                lines.append(line)
                line = ""
            line += character
    return (*lines, line) if line or not lines else tuple(lines)
