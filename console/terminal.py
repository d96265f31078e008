"""What the terminal library must find in its environment before it is imported for the first time."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import Final, TextIO

REQUIRED: Final = {
    # The library would otherwise ask the terminal for the kitty keyboard protocol, whose longer
    # sequences report Shift as a key of its own and can end the program.
    "TEXTUAL_DISABLE_KITTY_KEY": "1",
    # Nothing on the screen moves but what has changed.
    "TEXTUAL_ANIMATIONS": "none",
}

UNWANTED: Final = ("COLUMNS", "LINES")
"""The library believes these before it asks the terminal, and then never follows it to another size."""


def prepare_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what the screen relies on, whatever was set before; has no effect once Textual is imported."""
    environment.update(REQUIRED)
    for name in UNWANTED:
        environment.pop(name, None)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person may be there; a stream that was closed before the start is None."""
    return stream is not None and stream.isatty()
