"""What the command line prints: lines for people, JSON for programs, and one sentence for what went wrong."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from io import TextIOWrapper
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


def open_streams() -> None:
    """Give a stream that was closed before the start the null device: no file of ours gets its number.

    ``execute`` asks ``has_output`` first; everything else does what it was asked, and nobody reads about it.
    """
    global _output_was_closed
    _output_was_closed = sys.stdout is None
    for name, flags in (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a letter that the locale lacks must not end a command
            stream.reconfigure(errors="backslashreplace")


_output_was_closed = False


def has_output() -> bool:
    """Whether standard output was open at the start."""
    return not _output_was_closed


def write_out(text: str) -> None:
    """Text as it is on standard output. A reader that has left is no failure: the command ends as it would have."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """One line on standard output. Control characters in it never reach the terminal."""
    write_out(safe_text(text, 4000) + "\n")


def typed(prompt: str) -> str:
    """What is typed after a line that asks for it, without the space around it; empty at the end of the input."""
    say(prompt)
    return sys.stdin.readline().strip()


def say_error(text: str) -> None:
    """One line on standard error; where that cannot be written either, the exit code alone tells."""
    if sys.stderr is None:
        return
    with suppress(OSError):
        sys.stderr.write(safe_text(text, 4000) + "\n")
        sys.stderr.flush()


def say_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """A JSON document on standard output: decimals as strings, one thing an object, a list an array."""
    write_out(json.dumps(value, indent=2, default=_json) + "\n")


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
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (list(columns), *safe)
    ]
    write_out("\n".join(lines) + "\n")
