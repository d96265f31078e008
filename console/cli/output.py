"""What the command line prints: lines for people, JSON for programs, and one sentence for what went wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from console.text import safe_text

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
TEMPORARY: Final = 3
INTERRUPTED: Final = 130


class CommandError(Exception):
    """Ends the command with one sentence and an exit code."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def say(text: str) -> None:
    """One line on standard output. Control characters in it never reach the terminal."""
    sys.stdout.write(safe_text(text, 4000) + "\n")
    sys.stdout.flush()


def say_error(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(safe_text(text, 4000) + "\n")
    sys.stderr.flush()


def say_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """A JSON document on standard output: decimals as strings, one thing an object, a list an array."""
    sys.stdout.write(json.dumps(value, indent=2, default=_json) + "\n")
    sys.stdout.flush()


def _json(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def say_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns with a heading; nothing at all for no rows is said as ``none``."""
    if not rows:
        say("none")
        return
    safe = [[safe_text(cell, 60) for cell in row] for row in rows]
    widths = [max(len(column), *(len(row[index]) for row in safe)) for index, column in enumerate(columns)]
    for row in (list(columns), *safe):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")
