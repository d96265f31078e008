"""What the terminal library must find in its environment before it is imported for the first time."""

from __future__ import annotations

import codecs
import os
from collections.abc import MutableMapping
from functools import partial
from typing import Final

REQUIRED: Final = {
    # The library would otherwise ask the terminal for the kitty keyboard protocol, whose longer
    # sequences report Shift as a key of its own and can end the program.
    "TEXTUAL_DISABLE_KITTY_KEY": "1",
    # Nothing on the screen moves but what has changed.
    "TEXTUAL_ANIMATIONS": "none",
}


DECODER: Final = "getincrementaldecoder"
"""The name under which the library's reader finds its decoder; a test holds that it is still there."""


def read_bytes_leniently() -> None:
    """Let the terminal library read any byte: what is no UTF-8 becomes one replacement character, a key like others.

    Its own reader ends the program at such a byte, as a terminal of another encoding sends it.
    """
    from textual.drivers import linux_driver

    setattr(linux_driver, DECODER, _lenient_decoder)


def _lenient_decoder(encoding: str) -> partial[codecs.IncrementalDecoder]:
    return partial(codecs.getincrementaldecoder(encoding), errors="replace")


def prepare_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what the screen relies on, whatever was set before; has no effect once Textual is imported."""
    environment.update(REQUIRED)
